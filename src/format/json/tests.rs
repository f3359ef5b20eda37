use std::sync::Arc;

use super::cut::Cutter;
use super::*;
use crate::batch::RowState;
use crate::batch::{Batch, Kind};
use crate::format::cut::Cut;
use proptest::prelude::*;

fn parser(layout: Layout) -> Parser {
    let names: Vec<Arc<str>> = ["id", "name"].map(Arc::from).into();
    Parser::new(layout, names.into(), false)
}

/// All that there is to a batch.
fn told(parsed: Result<Batch, JsonError>) -> Result<Vec<String>, JsonError> {
    let batch = parsed?;
    let row = |r: usize| {
        let cell = |c| (batch.get(r, c), batch.cell(r, c));
        let cells: Vec<_> = (0..batch.width()).map(cell).collect();
        format!("{:?} {:?} {cells:?}", batch.row(r), batch.state(r))
    };
    let faults = batch.faults().list();
    let faults = faults.iter().map(|fault| format!("{fault:?}"));
    Ok((0..batch.len()).map(row).chain(faults).collect())
}

fn blanks() -> impl Strategy<Value = String> {
    prop_oneof![20 => Just(""), 4 => Just(" "), 1 => Just("\r\n "), 1 => Just("\t"), 1 => Just("\x0c")]
        .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    let word = "[a-z ö€😀]{0,40}|([a-z\"\\\\/bfnrtu]|\\\\[\"\\\\/bfnrtu]|\\\\u[0-9a-fA-F]{3,4}|\\\\ud83d\\\\ude00|[\x1f\t]){0,4}";
    prop_oneof![
        6 => word.prop_map(|text| format!("\"{text}\"")),
        2 => "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
        2 => "true|false|null|tru|nulls|-|\\[\\]|\\{\\}|\\[1, \\{\n?\"a\":\"\\]\"\\}\\]|\\[1,\\]|\\{\"a\"|\\[\n",
    ]
}

fn object() -> impl Strategy<Value = String> {
    // Mostly all columns in order, as in good records.
    let name = |likely: &'static str| {
        let other =
            r"id|name|stra\\u00dfe|straße|\\u0069d|n\\u0061me|other|other two|\\ud834|a\\nb|\n";
        prop_oneof![12 => Just(likely.to_owned()), 1 => other]
    };
    let member = |likely| {
        let parts = (
            blanks(),
            name(likely),
            blanks(),
            blanks(),
            value(),
            blanks(),
        );
        let member =
            parts.prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d},"));
        prop_oneof![9 => member, 1 => Just(String::new())]
    };
    let members = (member("id"), member("name"), member("straße"), blanks());
    members.prop_map(|(a, b, c, blanks)| {
        let members = format!("{a}{b}{c}");
        format!("{{{}{blanks}}}", members.trim_end_matches(','))
    })
}

fn block() -> impl Strategy<Value = (Layout, Vec<u8>)> {
    let between =
        prop_oneof![12 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n\n "), 1 => Just(" ")];
    let objects = proptest::collection::vec((object(), between), 0..8);
    let change = (
        any::<prop::sample::Index>(),
        0..3usize,
        "[{}\\[\\]\":,\\\\ 0e\n\x01ü]",
    );
    let changes = proptest::collection::vec(change, 0..3);
    (any::<bool>(), objects, changes, any::<bool>()).prop_map(|(array, objects, changes, more)| {
        let text: String = objects
            .into_iter()
            .enumerate()
            .flat_map(|(n, (object, between))| {
                let before = match (array, n) {
                    (false, _) => "",
                    (true, 0) if !more => "[",
                    (true, _) => ",",
                };
                [before.to_owned(), object, between.to_owned()]
            })
            .collect();
        let mut bytes = text.into_bytes();
        if array && !more {
            bytes.push(b']');
        }
        for (at, kind, what) in changes {
            let at = at.index(bytes.len() + 1);
            // May leave half a character.
            let taken = at..(at + kind).min(bytes.len());
            let what = if kind == 2 { "" } else { &what };
            bytes.splice(taken, what.bytes());
        }
        let layout = if array {
            Layout::Documents
        } else {
            Layout::Lines
        };
        (layout, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn flat_objects_are_read_as_by_the_general_parser((layout, bytes) in block(), ignore_unknown in any::<bool>()) {
        let names: Vec<Arc<str>> = ["id", "name", "straße"].map(Arc::from).into();
        let parser = Parser::new(layout, names.into(), ignore_unknown);
        let general = parser.clone().without_short_way();
        prop_assert_eq!(told(parser.parse(bytes.clone())), told(general.parse(bytes)));
    }
}

#[track_caller]
fn check(layout: Layout, block: &str, expected: &[(u32, &str, Kind, &str, Kind)]) {
    let batch = parser(layout).parse(block.as_bytes().to_vec()).unwrap();
    let cell = |r, c| (batch.get(r, c), batch.cell(r, c).kind());
    let found: Vec<_> = (0..batch.len())
        .map(|r| {
            (
                batch.row(r).line,
                cell(r, 0).0,
                cell(r, 0).1,
                cell(r, 1).0,
                cell(r, 1).1,
            )
        })
        .collect();
    assert_eq!(found, expected, "{block:?}");
}

#[test]
fn reads_lines() {
    check(
        Layout::Lines,
        "{\"id\": 007, \"x\": 1}\n\n {\"name\":\"Z\\u00eb\\n\",\"id\":1.50}\r\n{\"id\":null,\"name\":\"x\"}",
        &[
            (0, "", Kind::Faulty, "", Kind::Faulty),
            (2, "1.50", Kind::Number, "Zë\n", Kind::Text),
            (3, "", Kind::Null, "x", Kind::Text),
        ],
    );
    check(
        Layout::Lines,
        "{\"id\": {\"a\": [1]}, \"name\": true}\n{\"id\":12345678901234567890123}",
        &[
            (0, "{\"a\": [1]}", Kind::Json, "true", Kind::Bool),
            (
                1,
                "12345678901234567890123",
                Kind::Number,
                "",
                Kind::Missing,
            ),
        ],
    );
}

/// An object without any value is passed over, whoever reads it, unless something is wrong with it or in it.
#[test]
fn objects_that_say_nothing() {
    let check = |layout, text: &str, ignore_unknown, skipped: u64, rows: usize| {
        let names: Vec<Arc<str>> = vec!["id".into(), "name".into()];
        let parser = Parser::new(layout, names.into(), ignore_unknown);
        for parser in [parser.clone(), parser.without_short_way()] {
            let batch = parser.parse(text.as_bytes().to_vec()).unwrap();
            let found = (batch.skipped().lines, batch.len());
            assert_eq!(found, (skipped, rows), "{text}");
        }
    };
    use Layout::{Documents, Lines};
    check(
        Lines,
        "{}\n\n{ }\n{\"id\":null}\n{\"id\":\"\",\"name\":\" \"}\n",
        false,
        5,
        0,
    );
    check(
        Lines,
        "{\"id\":0}\n{\"name\":false}\n{\"name\":[]}\n",
        false,
        0,
        3,
    );
    check(Lines, "{\"id\":\"\",\"x\":1}\n{\"x\":null}\n", true, 1, 1);
    check(
        Lines,
        "{\"id\":\"\",\"x\":\"\"}\n{\"id\":\"\",\"id\":\"\"}\n{\"id\":}\n",
        false,
        0,
        3,
    );
    check(
        Documents,
        "[{},{\"id\":\"1\"},{\"id\":\"\"}\n]",
        false,
        2,
        1,
    );
}

#[test]
fn reads_an_array_in_pieces() {
    check(
        Layout::Documents,
        " [\n{\"id\":\"1\"}",
        &[(1, "1", Kind::Text, "", Kind::Missing)],
    );
    check(
        Layout::Documents,
        ",\n\n{\"id\":\"2\",\n\"name\":\"b\"},{\"id\":\"3\"} ]\n",
        &[
            (2, "2", Kind::Text, "b", Kind::Text),
            (3, "3", Kind::Text, "", Kind::Missing),
        ],
    );
    check(Layout::Documents, "[]", &[]);
    check(Layout::Documents, " ]", &[]);
}

#[test]
fn reads_documents() {
    check(
        Layout::Documents,
        "{\"id\":1,\n\"name\":\"a\"}{\"id\":2}\n\u{feff}[{\"id\":3}]\n[]\n[ {\"id\":4} ,\n{\"id\":5}] {\"id\":6}\n",
        &[
            (0, "1", Kind::Number, "a", Kind::Text),
            (1, "2", Kind::Number, "", Kind::Missing),
            (2, "3", Kind::Number, "", Kind::Missing),
            (4, "4", Kind::Number, "", Kind::Missing),
            (5, "5", Kind::Number, "", Kind::Missing),
            (5, "6", Kind::Number, "", Kind::Missing),
        ],
    );
}

#[test]
fn a_part_of_a_byte_order_mark_is_a_fault() {
    for part in [&b"\xef"[..], b"\xef\xbb", b"\xbb", b"\xbf"] {
        for (before, after) in [("", ""), ("{}\n", ""), ("{}\n", "{}"), ("[{}]\n", "\n[]")] {
            let text = [before.as_bytes(), part, after.as_bytes()].concat();
            let place = match parser(Layout::Documents).parse(text) {
                Ok(_) => None,
                Err(wrong) => Some((wrong.line, wrong.column)),
            };
            assert_eq!(place, Some((before.lines().count() as u32, 1)));
        }
    }
}

#[test]
fn says_where_documents_are_ill_formed() {
    let fail = |text: &str| {
        let e = parser(Layout::Documents)
            .parse(text.as_bytes().to_vec())
            .err()
            .unwrap();
        (e.line, e.column, e.message)
    };
    let check = |text: &str, line, column, message: &str| {
        assert_eq!(fail(text), (line, column, message.to_owned()), "{text}");
    };
    check(
        "[{\"id\":1},\n]",
        1,
        1,
        "a comma stands before `]`, and between them no element of the array",
    );
    check(
        "[{\"id\":1},,]",
        0,
        11,
        "expected an element of the array before this comma",
    );
    check(
        "[\n{\"id\":1} {",
        1,
        10,
        "expected `,` or `]` after an element of the array",
    );
    check(
        "{\"id\":1},{\"id\":2}",
        0,
        9,
        "there is a comma between two JSON documents; a list of objects must be an array, in `[` and `]`",
    );
    check(
        "{\"id\":1}\n5",
        1,
        1,
        "expected the end of the file behind a JSON document, or another object or array, found a number",
    );
    // The place is behind a character of several bytes.
    check(
        "[\"€\\x\"]",
        0,
        7,
        "not well-formed JSON: no such escape; a backslash itself is written `\\\\`",
    );
}

/// Row, column, code and message of what was found wrong.
fn faults(layout: Layout, text: &str) -> Vec<String> {
    let batch = parser(layout).parse(text.as_bytes().to_vec()).unwrap();
    let told = batch
        .faults()
        .iter()
        .map(|f| format!("{} {} {}: {}", f.row, f.column, f.code, f.message));
    told.collect()
}

#[test]
fn one_wrong_record_is_one_reject() {
    let text = "[\n{\"id\": 1981-05-15},\n{\"id\":1, },\n{\"id\":\"2,\n\"name\":\"x\"},\n{\"id\":3},\n7, null, nul, [1],\n{\"id\":4}]";
    assert_eq!(
        faults(Layout::Documents, text),
        [
            "0  json_syntax: not well-formed JSON, line 2, column 12: a value without quotes is followed by something that \
             does not belong to it; dates and other text must be in double quotes",
            "1  json_syntax: not well-formed JSON, line 3, column 10: there is a comma right before the closing \
             bracket",
            "2  json_syntax: not well-formed JSON, line 4, column 10: the line ends inside a string: a closing quote \
             is missing",
            "4  not_an_object: expected an object, the record, found a number",
            "5  not_an_object: expected an object, the record, found null",
            "6  json_syntax: not well-formed JSON, line 7, column 13: it ends too early",
            "7  not_an_object: expected an object, the record, found an array",
        ]
    );
    let batch = parser(Layout::Documents)
        .parse(text.as_bytes().to_vec())
        .unwrap();
    let good: Vec<_> = (0..batch.len())
        .filter(|&r| batch.state(r) == RowState::In)
        .collect();
    assert_eq!(good.len(), 2);
    assert_eq!(batch.get(8, 0), "4");
    assert_eq!(
        faults(
            Layout::Lines,
            "\u{feff}{\"id\":1}\n \u{feff}{\"id\":2}\n1\n\"x\"\n[]\n{\"id\":1} {}\n{\"id\":1}}"
        ),
        [
            "2  not_an_object: expected an object, the record, found a number",
            "3  not_an_object: expected an object, the record, found text",
            "4  not_an_object: expected an object, the record, found an array",
            "5  json_syntax: not well-formed JSON, line 6, column 10: something follows its end",
            "6  json_syntax: not well-formed JSON, line 7, column 9: something follows its end",
        ]
    );
}

#[test]
fn faults_of_a_record() {
    let batch = parser(Layout::Lines)
        .parse(
            b"{\"id\":1,\"id\":2}\n{\"other\":1}\nnot json\n{\"id\":1}\n{\"id\":\"\\ud834\"}"
                .to_vec(),
        )
        .unwrap();
    let faults = batch.faults().list();
    let codes: Vec<_> = faults.iter().map(|f| (f.row, &*f.code)).collect();
    assert_eq!(
        codes,
        [
            (0, "duplicate_member"),
            (1, "unknown_member"),
            (2, "json_syntax"),
            (4, "json_string")
        ]
    );
    assert_eq!(&*faults[0].message, "the object has the member `id` twice");
    assert_eq!(batch.state(3), RowState::In);
    // What would be unescaped is shown as it is, and is never taken for empty.
    assert_eq!(batch.get(4, 0), "\"\\ud834\"");
}

#[test]
fn bad_utf8_in_a_text_with_escapes_has_its_column() {
    let batch = parser(Layout::Lines)
        .parse(b"{\"id\":\"1\",\"name\":\"M\xfc\\n\"}".to_vec())
        .unwrap();
    let fault = &batch.faults().list()[0];
    assert_eq!((&*fault.code, &*fault.column), ("not_utf8", "name"));
}

/// How many records are good, and how many are not; or why the text can't be read.
fn read(layout: Layout, path: Option<&str>, text: &str) -> Result<(usize, usize), String> {
    let parser = parser(layout);
    let path = path.map(|path| path.parse().unwrap());
    let mut cutter = Cutter::new(path.as_ref());
    let (mut rest, mut good, mut bad) = (text.as_bytes(), 0, 0);
    loop {
        let cut = match layout {
            Layout::Lines => Cut::At(rest.len()),
            Layout::Documents => cutter.cut(rest, true).map_err(|e| e.to_string())?,
        };
        let (at, is_read) = match cut {
            Cut::At(0) => return Ok((good, bad)),
            Cut::At(at) => (at, true),
            Cut::Skip(at) => (at, false),
            Cut::None { .. } => panic!("the end of a text was not cut"),
        };
        if is_read {
            let batch = parser
                .parse(rest[..at].to_vec())
                .map_err(|e| e.to_string())?;
            let is_in = |row: &usize| batch.state(*row) == RowState::In;
            let of_block = (0..batch.len()).filter(is_in).count();
            (good, bad) = (good + of_block, bad + batch.len() - of_block);
        }
        rest = &rest[at..];
    }
}

/// Values that JSON has, and values that it has not, as serde_json judges them, too. `true` where a value is none, and
/// where it ends is anybody's guess.
const VALUES: &[(&str, bool)] = &[
    ("0", false),
    ("-0", false),
    ("1E+2", false),
    ("1.5e-7", false),
    ("123456789012345678901234567890.10", false),
    ("01", false),
    ("-01", false),
    ("+1", false),
    (".5", false),
    ("1.", false),
    ("1.e3", false),
    ("1e", false),
    ("1e+", false),
    ("-", false),
    ("0x1F", false),
    ("1_000", false),
    ("1 000", false),
    ("Infinity", false),
    ("-Infinity", false),
    ("NaN", false),
    ("1981-05-15", false),
    ("12:30", false),
    ("٣", false),
    ("true", false),
    ("false", false),
    ("null", false),
    ("True", false),
    ("tru", false),
    ("nulll", false),
    ("undefined", false),
    ("\"\"", false),
    ("\"a\"", false),
    ("\"\\u00e9\\n\\/\\\\\"", false),
    ("\"\\ud834\\udd1e\"", false),
    ("\"é😀\u{7f}\u{2028}\"", false),
    ("\"\\x41\"", false),
    ("\"\\u12g4\"", false),
    ("\"\\u123\"", false),
    ("\"\t\"", false),
    ("\"\u{1f}\"", false),
    ("'a'", false),
    ("a", false),
    ("\"a", true),
    ("a\"", true),
    ("\"a\"b\"", true),
    ("[]", false),
    ("[1,[2]]", false),
    ("[1,]", false),
    ("[,1]", false),
    ("[1 2]", false),
    ("[1", true),
    ("1]", true),
    ("{}", false),
    ("{\"a\":{}}", false),
    ("{\"a\":1,}", false),
    ("{\"a\"}", false),
    ("{\"a\" 1}", false),
    ("{a:1}", false),
    ("{1:1}", false),
    ("{\"a\":1", true),
    ("{\"a\":1}}", true),
    ("[1}", true),
    ("{\"a\":1]", true),
    ("", false),
    ("1,", false),
    (",1", false),
    ("1 // one", false),
    ("/* one */ 1", false),
    ("1 # one", false),
    ("\u{feff}1", false),
    ("\u{a0}1", false),
    ("1\u{c}", false),
];

#[test]
fn what_json_has_and_has_not() {
    for (value, is_open) in VALUES {
        let record = format!("{{\"name\": \"x\", \"id\": {value}}}");
        let is_json = serde_json::from_str::<serde_json::Value>(&record).is_ok();
        assert!(!(is_json && *is_open), "{value}");
        let one = if is_json { (1, 0) } else { (0, 1) };
        let good = "{\"id\": 7}";
        // The record alone, and between two good ones.
        assert_eq!(read(Layout::Lines, None, &record), Ok(one), "{value}");
        let lines = format!("{good}\n{record}\n{good}\n");
        assert_eq!(
            read(Layout::Lines, None, &lines),
            Ok((one.0 + 2, one.1)),
            "{value}"
        );
        let array = format!("[{good},{record}, {good}]");
        for (path, text) in [
            (None, array.clone()),
            (None, format!("{good}[{record}]\n{good}")),
            (
                Some("a.b"),
                format!("{{\"x\": [{good}], \"a\": {{\"b\": {array}, \"c\": 1}}}}"),
            ),
        ] {
            let found = read(Layout::Documents, path, &text);
            match is_open {
                true => assert!(found.is_err() || found == Ok((2, 1)), "{text}: {found:?}"),
                false => assert_eq!(found, Ok((one.0 + 2, one.1)), "{text}"),
            }
        }
        // Around the records, a value that JSON has not ends the run.
        let around = format!("{{\"x\": {value}, \"b\": [{good}]}}");
        assert_eq!(
            read(Layout::Documents, Some("b"), &around).is_ok(),
            is_json,
            "{around}"
        );
    }
}
