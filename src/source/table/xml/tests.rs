use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::source::table::spec::XmlSpec;

fn limits() -> Limits {
    Limits {
        record: Size(1 << 16),
        json_depth: 20,
        ..Limits::default()
    }
}

fn of(record: Option<&str>, names_by: Option<&str>) -> Xml {
    Xml {
        record: record.map(|path| path.parse().unwrap()),
        spec: XmlSpec {
            names_by: names_by.map(str::to_owned),
        },
    }
}

fn written(stated: &Xml, text: &[u8]) -> Result<String, (u64, String, bool)> {
    let mut out = Vec::new();
    match write(
        stated,
        text,
        &limits(),
        &OnceLock::new(),
        &mut Records::new(&mut out),
    ) {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(Wrong::Io(error)) => panic!("{error}"),
        Err(Wrong::Data {
            line,
            message,
            setting,
            ..
        }) => Err((line, message, setting)),
    }
}

/// The records, and the lines they begin on.
fn records(stated: &Xml, text: &str) -> Vec<(usize, Value)> {
    let out = written(stated, text.as_bytes()).unwrap();
    let lines = out.split('\n').zip(1..);
    let records = lines.flat_map(|(line, number)| {
        let values = serde_json::Deserializer::from_str(line).into_iter::<Value>();
        values.map(move |value| (number, value.unwrap()))
    });
    records.collect()
}

#[track_caller]
fn check(record: &str, expected: Value) {
    let text = format!("<d>{record}</d>");
    assert_eq!(
        records(&of(Some("e"), None), &text),
        [(1, expected)],
        "{text}"
    );
}

#[track_caller]
fn wrong(text: &str, line: u64, expected: &str) {
    let (at, message, setting) = written(&of(Some("e"), None), text.as_bytes()).unwrap_err();
    assert!(message.contains(expected), "{text}: {message}");
    assert_eq!((at, setting), (line, false), "{text}: {message}");
}

#[test]
fn elements_and_attributes_are_columns() {
    check("<e><i>1</i><n>Zoë</n></e>", json!({"i": "1", "n": "Zoë"}));
    check(
        "<e i='1'><n l=\"en\">Ann</n></e>",
        json!({"@i": "1", "n": "Ann", "n.@l": "en"}),
    );
    check(
        "<e><w:m w:d='Jens'><w:i>7</w:i></w:m></e>",
        json!({"w:m.@w:d": "Jens", "w:m.w:i": "7"}),
    );
    check(
        "<e><a:n>1</a:n><b:n>2</b:n></e>",
        json!({"a:n": "1", "b:n": "2"}),
    );
    check("<e>text</e>", json!({"#text": "text"}));
    check("<e/>", json!({}));
    check("<e a='1'/>", json!({"@a": "1"}));
    // The e within is a part of the one around it.
    check("<e><e>1</e></e>", json!({"e": "1"}));
    check(
        "<e xmlns:w='urn:w' xmlns='urn:d'><i xsi:type='string'>1</i></e>",
        json!({"i": "1"}),
    );
}

#[test]
fn text_is_what_it_stands_for() {
    check(
        "<e><a>&lt;&amp;&gt;&quot;&apos;&#65;&#x20AC;</a></e>",
        json!({"a": "<&>\"'A€"}),
    );
    check("<e a='&lt;&#10;&amp;'/>", json!({"@a": "<\n&"}));
    check(
        "<e><a>x<![CDATA[<&y]]>z<!-- no --><?pi no?>!</a></e>",
        json!({"a": "x<&yz!"}),
    );
    check(
        "<e><a>  x </a><b> </b><c></c><d/></e>",
        json!({"a": "  x ", "b": " ", "c": "", "d": ""}),
    );
    check("<e><a>1\r\n2\r3</a></e>", json!({"a": "1\n2\n3"}));
    check(
        "<e>\n  <a>\n    <b>1</b>\n  </a>\n</e>",
        json!({"a.b": "1"}),
    );
    check(
        "<e><a>x <b>1</b> y</a></e>",
        json!({"a": "x  y", "a.b": "1"}),
    );
    check(
        "<e><a xsi:nil='true'/><b xsi:nil=\"1\"></b><c xsi:nil='false'>1</c></e>",
        json!({"a": null, "b": null, "c": "1"}),
    );
}

#[test]
fn what_comes_several_times_is_an_array() {
    check(
        "<e><i>1</i><i>2</i><n>x</n></e>",
        json!({"i": ["1", "2"], "n": "x"}),
    );
    check(
        "<e><i t='a'>1</i><i>2</i><i t='c'/></e>",
        json!({"i": ["1", "2", null], "i.@t": ["a", null, "c"]}),
    );
    check(
        "<e><j><t>a</t></j><j><t>b</t><u>x</u></j></e>",
        json!({"j.t": ["a", "b"], "j.u": [null, "x"]}),
    );
    check(
        "<e><j><p>1</p><p>2</p></j><j><p>3</p></j><j/></e>",
        json!({"j.p": [["1", "2"], "3", null]}),
    );
}

#[test]
fn an_element_that_holds_others_has_no_empty_text() {
    let text = "<d><e><m><i>1</i></m></e><e><m/></e><e><m xsi:nil='true'/></e><e><m>x</m></e><e><m/></e></d>";
    let found: Vec<_> = records(&of(Some("e"), None), text)
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    assert_eq!(
        found,
        [
            json!({"m.i": "1"}),
            json!({}),
            json!({}),
            json!({"m": "x"}),
            json!({"m": ""})
        ]
    );
}

#[test]
fn names_by_an_attribute() {
    let text = "<d><e><w:i w:type='WID'>ab</w:i><w:i w:type='Employee_ID'>7</w:i><n w:type='x' l='en'>A</n></e></d>";
    let found = records(&of(Some("e"), Some("w:type")), text);
    let expected = json!({"w:i[WID]": "ab", "w:i[Employee_ID]": "7", "n[x]": "A", "n[x].@l": "en"});
    assert_eq!(found, [(1, expected)]);
}

#[test]
fn records_stand_on_their_lines() {
    let text = "<?xml version='1.0'?>\n<!-- two\nlines -->\n<w:d\n  xmlns:w='x'>\n<h>no</h>\n <w:e>\n  <i>1</i>\n </w:e><w:e><i>2</i></w:e>\n\n<w:e\n><i>3</i></w:e\n>\n</w:d\n>\n";
    for record in [None, Some("e"), Some("w:e"), Some("d/e"), Some("/w:d/w:e")] {
        let found = records(&of(record, None), text);
        let expected = [
            (7, json!({"i": "1"})),
            (9, json!({"i": "2"})),
            (11, json!({"i": "3"})),
        ];
        assert_eq!(found, expected, "{record:?}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused_with_its_place() {
    wrong(
        "<d>\n<e><i>1</i>\n",
        3,
        "line 3, column 1: the file ends and its element `e` is not closed; it may be cut off",
    );
    for cut in ["<d>\n<e><i>1</i", "<d>\n<e n=\"1", "<d>\n<!-- x"] {
        wrong(cut, 2, "it may be cut off, and nothing from it is sent");
    }
    wrong("<d>\n<e><i>1", 2, "its element `i` is not closed");
    wrong(
        "<d>\n<e></e>\n",
        3,
        "its element `d` is not closed; it may be cut off",
    );
    wrong(
        "<d>\n<e><i>1</n></e></d>",
        2,
        "line 2, column 8: expected `</i>`, but `</n>` was found",
    );
    wrong("<d><e></e></d></d>", 1, "");
    wrong(
        "<d><e/></d><d/>",
        1,
        "an element stands behind the root element",
    );
    wrong("<d><e/></d>x", 1, "text stands outside the root element");
    wrong("x<d><e/></d>", 1, "text stands outside the root element");
    wrong("<d><e/></d><![CDATA[x]]>", 1, "text stands outside");
    wrong("<d>\n<e i='1' i='2'/></d>", 2, "duplicated attribute");
    wrong("<d><x i=1/><e/></d>", 1, "must be enclosed");
    wrong("<d><e><i>a & b</i></e></d>", 1, "");
    wrong("<d><e><i>&nbsp;</i></e></d>", 1, "expected one of &amp;");
    wrong("<d><e a='&me;'/></d>", 1, "expected one of &amp;");
    wrong("<d><e a='&Jane Doe'/></d>", 1, "expected one of &amp;");
    wrong("<d><e><i>&#0;</i></e></d>", 1, "expected one of &amp;");
    wrong(
        "<d><e><i>&#x110000;</i></e></d>",
        1,
        "expected one of &amp;",
    );
    wrong("<d><e><></></e></d>", 1, "a tag has no name");
    wrong("<!-- x", 1, "comment not closed");
    wrong("<d><e><![CDATA[x", 1, "CDATA not closed");
    wrong("<d><e i='", 1, "not closed");
    wrong("<?xml version='1.0'?>\n", 2, "there is no element");
    wrong("", 1, "there is no element");
}

#[test]
fn no_entities_are_declared_here() {
    let laughs = "<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>\n<d><e>&b;</e></d>";
    wrong(laughs, 1, "declarations of its own");
    wrong(
        "\n<!DOCTYPE html><html><body></body></html>",
        2,
        "this is a web page",
    );
    wrong(
        "<?xml version='1.0'?>\n<HTML><body></body></HTML>",
        2,
        "this is a web page",
    );
    let plain = "<!DOCTYPE d SYSTEM 'd.dtd'><d><e><i>1</i></e></d>";
    assert_eq!(
        records(&of(Some("e"), None), plain),
        [(1, json!({"i": "1"}))]
    );
}

#[test]
fn records_that_are_not_there() {
    let of_none = |record, text: &str| written(&of(record, None), text.as_bytes());
    assert_eq!(of_none(Some("e"), "<d/>"), Ok(String::new()));
    assert_eq!(of_none(None, "<d></d>\n"), Ok(String::new()));
    let (line, message, setting) = of_none(
        Some("wd:Entry"),
        "<wd:Data><wd:entry><i/></wd:entry></wd:Data>",
    )
    .unwrap_err();
    assert_eq!(
        (line, &*message, setting),
        (
            0,
            "no element is a `wd:Entry`, the record as source.record says; the file has `i`, `wd:entry`",
            true
        )
    );
    let (line, message, setting) = of_none(None, "<e><i>1</i><n>Ann</n></e>").unwrap_err();
    assert!(message.contains("state their name"), "{message}");
    assert_eq!((line, setting), (0, true));
}

#[test]
fn nothing_is_held_without_a_limit() {
    let deep = "<a>".repeat(1 << 18);
    wrong(&deep, 1, "nested more than 20 deep");
    wrong(&format!("<d>\n<e>{deep}"), 2, "nested more than 20 deep");
    let long = "x".repeat(1 << 17);
    let too_long = "a record that begins here is longer than 64KiB";
    wrong(&format!("<d>\n\n<e>\n<i>{long}</i></e></d>"), 3, too_long);
    wrong(
        &format!("<d>\n<e>\n{}</e></d>", "<i>1</i>\n".repeat(1 << 14)),
        2,
        too_long,
    );
    wrong(&format!("<d>\n<e>\n<i a='{long}'/></e></d>"), 2, too_long);
    wrong(
        &format!("<d>\n<!--{long}--><e/></d>"),
        2,
        "what begins here is longer than 64KiB",
    );
    wrong(&format!("<d>\n<{long}"), 2, "what begins here is longer");
    // Records may be as many as they like.
    let many = format!("<d>{}</d>", "<e><i>1</i></e>".repeat(1 << 13));
    assert_eq!(records(&of(None, None), &many).len(), 1 << 13);
    let names: String = (0..5000).map(|i| format!("<n{i}/>")).collect();
    wrong(&format!("<d>\n<e>{names}</e></d>"), 2, "limits.columns");
}

/// Elements, and what their columns are.
fn element() -> impl Strategy<Value = (String, Value)> {
    let text = "([^\\p{C}]|[<>&\"' \n\t]){0,8}";
    (text, text).prop_map(|(text, attribute)| {
        let escape = |text: &str| {
            quick_xml::escape::escape(text)
                .replace('\n', "&#10;")
                .replace('\t', "&#9;")
        };
        let xml = format!(
            "<e a=\"{}\"><t>{}</t></e>",
            escape(&attribute),
            escape(&text)
        );
        (xml, json!({"@a": attribute, "t": text}))
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(elements in prop::collection::vec(element(), 1..5)) {
        let text: String = elements.iter().map(|(xml, _)| xml.as_str()).collect();
        let found: Vec<_> = records(&of(Some("e"), None), &format!("<d>{text}</d>")).into_iter().map(|(_, value)| value).collect();
        let expected: Vec<_> = elements.into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(found, expected);
    }

    /// Whatever stands there: records or a message, and what is cut off never passes for a whole.
    #[test]
    fn nothing_makes_it_give_up(parts in prop::collection::vec(prop::sample::select(vec![
        "<e>", "</e>", "<e/>", "<d>", "</d>", "<x a='1'>", "</x>", "t", "&amp;", "&", "<![CDATA[", "]]>", "<!--", "-->", "\n", "<?x", "?>", "<", ">", "é", "<!DOCTYPE",
    ]), 0..20)) {
        let text = parts.concat();
        for record in [None, Some("e")] {
            let _ = written(&of(record, None), text.as_bytes());
        }
        let whole = format!("<d><e><i>1</i></e>{text}");
        prop_assume!(!text.contains("</d>"));
        prop_assert!(written(&of(Some("e"), None), whole.as_bytes()).is_err());
    }
}
