//! Where the records of a JSON file are: in an object around them, in several documents, beside broken ones.

use serde_json::Value;

use crate::support::Rig;

const PIPELINE: &str = "source: { path: \"w*.json\" }\nrejects: { path: rejects.csv, at_most: 100% }\nvalidate: { key: id }\n";
const IMPORT: &str = "identify_by: { id_key: id }";

/// A rig with these files.
fn rig(sections: &str, files: &[(&str, &str)]) -> Rig {
    let rig = Rig::new();
    rig.pipeline(sections, IMPORT);
    for (name, text) in files {
        rig.write(name, text);
    }
    rig
}

/// Line, column, code and message of every row in the rejects file.
fn rejected(rig: &Rig) -> String {
    let text = |said: &Value| {
        said.as_str()
            .map_or_else(|| said.to_string(), str::to_owned)
    };
    let mut told = String::new();
    for line in rig.read("rejects.ndjson").lines() {
        let said: Value = serde_json::from_str(line).unwrap();
        let parts = ["_line", "_column", "_code", "_message"].map(|name| text(&said[name]));
        told += &format!("{}\n", parts.join(","));
    }
    told
}

/// What was loaded, in the order of its text.
fn items(rig: &Rig) -> Vec<String> {
    let mut items = rig.items();
    items.sort_unstable();
    items
}

/// Exit code and last line of a run that sends nothing.
fn refused(sections: &str, files: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let rig = rig(sections, files);
    let (code, stderr) = rig.ask(&[&["-q", "run", "pipeline.yaml"], args].concat());
    assert_eq!(rig.taken(), (0, 0), "{stderr}");
    (code, stderr.lines().last().unwrap_or_default().to_owned())
}

fn indented(text: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap()
}

/// What answers of HR systems look like, and the path to their records.
const WRAPPERS: &[(&str, &str)] = &[
    (
        r#"{"Report_Entry":[{"id":"007","pay":1.5},{"id":"8"}]}"#,
        "$.Report_Entry",
    ),
    (
        r#"{"items":[{"id":"007","pay":1.5},{"id":"8"}],"hasMore":false,"count":2}"#,
        "$.items",
    ),
    (
        r#"{"d":{"__count":"2","results":[{"id":"007","pay":1.5},{"id":"8"}]}}"#,
        "$.d.results",
    ),
    (
        r#"{"@odata.context":"x","value":[{"id":"007","pay":1.5},{"id":"8"}]}"#,
        "$.value",
    ),
    (
        r#"{"employees":[{"id":"007","pay":1.5},{"id":"8"}]}"#,
        "$.employees",
    ),
    (
        r#"{"company":"ACME","employees":[{"id":"007","pay":1.5},{"id":"8"}]}"#,
        "$.employees",
    ),
    (
        r#"{"meta":{"page":1,"total":2},"data":[{"id":"007","pay":1.5},{"id":"8"}]}"#,
        "$.data",
    ),
    (
        r#"{"a.b":[{"id":"007","pay":1.5},{"id":"8"}]}"#,
        "$[\"a.b\"]",
    ),
    (
        r#"[{"data":[{"id":"007","pay":1.5}]},{"data":[{"id":"8"}]}]"#,
        "$.data",
    ),
];

#[test]
fn a_wrapper_is_not_a_record() {
    for (text, path) in WRAPPERS {
        for text in [(*text).to_owned(), indented(text)] {
            for stages in ["", "stages: [ { rename: { Employee_ID: employee } } ]\n"] {
                let (code, error) =
                    refused(&format!("{PIPELINE}{stages}"), &[("w.json", &text)], &[]);
                assert_eq!(code, 2, "{text}: {error}");
                let member = path.rsplit_once('.').map_or(*path, |(_, member)| member);
                let count = if text.starts_with('[') {
                    "1 object"
                } else {
                    "2 objects"
                };
                for part in [member, count, &format!("set source.json.path: {path}")] {
                    assert!(error.contains(part), "{text}: {error}");
                }
            }
        }
    }
    // One of no records, and one so long that its end is not seen before it is judged.
    let (code, error) = refused(PIPELINE, &[("w.json", r#"{"Report_Entry":[]}"#)], &[]);
    assert!(
        code == 2 && error.contains("`Report_Entry` holds 0 objects"),
        "{error}"
    );
    let long = format!(
        r#"{{"rows":[{{"id":0}}{}],"x":1}}"#,
        r#", {"id":1}"#.repeat(100_000)
    );
    let (code, error) = refused(PIPELINE, &[("w.json", &long)], &[]);
    assert!(
        code == 2 && error.contains("`rows` holds objects"),
        "{error}"
    );
}

#[test]
fn the_path_leads_to_the_records() {
    for (text, path) in WRAPPERS {
        for text in [(*text).to_owned(), indented(text)] {
            let rig = rig(PIPELINE, &[("w.json", &text)]);
            let path = format!("source.json.path={path}");
            let ended = rig.run(&["--set", &path]);
            assert_eq!(ended.code, 0, "{text}: {}", ended.stderr);
            assert_eq!(
                items(&rig),
                [r#"{"id":"007","pay":1.5}"#, r#"{"id":"8"}"#],
                "{text}"
            );
        }
    }
}

#[test]
fn a_record_among_others_may_hold_objects() {
    let lines = "{\"id\":\"1\",\"jobs\":[{\"title\":\"x\"}]}\n{\"id\":\"2\"}\n";
    let one = "{\"id\":\"1\",\"jobs\":[{\"title\":\"x\"}]}\n";
    for text in [lines, one] {
        let rig = rig(PIPELINE, &[("w.json", text)]);
        let ended = rig.run(&[
            "--set",
            "source.json.arrays=first",
            "--set",
            "source.json.flatten=.",
        ]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(items(&rig)[0], r#"{"id":"1","jobs.title":"x"}"#);
    }
}

/// A report has hundreds of megabytes: no more of it is held than records may be long.
#[test]
fn a_wrapper_is_streamed() {
    let record = |id: u32| format!("{{\"id\":\"{id}\",\"note\":\"{}\"}}", "x".repeat(500));
    let records: Vec<_> = (0..6000).map(record).collect();
    let around = format!("[{}]", "{\"n\": \"]}\\\"\"},".repeat(20_000) + "1");
    let text = format!(
        "{{\"before\":{around},\"d\":{{\"results\":[{}],\n\"after\":{around}}}}}",
        records.join(",\n")
    );
    let sections = format!("{PIPELINE}limits: {{ record: 512KiB, cell: 64KiB }}\n");
    let rig = rig(&sections, &[("w.json", &text)]);
    let ended = rig.run(&["--set", "source.json.path=d.results"]);
    assert_eq!(
        (ended.code, ended.count("accepted")),
        (0, 6000),
        "{}",
        ended.stderr
    );
    // What stands around the records is held against the grammar.
    let broken = text.replace("\"after\":[", "\"after\" [");
    let (code, error) = refused(
        &sections,
        &[("w.json", &broken)],
        &["--set", "source.json.path=d.results"],
    );
    assert_eq!(code, 1);
    assert!(
        error.contains("w.json:6001:9: not well-formed JSON: expected `:` after a member's name"),
        "{error}"
    );
}

#[test]
fn a_path_that_leads_nowhere() {
    let check = |path: &str, text: &str, code: i32, expected: &str| {
        let set = format!("source.json.path={path}");
        let found = refused(PIPELINE, &[("w.json", text)], &["--set", &set]);
        assert_eq!(
            (found.0, found.1.as_str()),
            (code, expected),
            "{path} in {text}"
        );
    };
    check(
        "rows",
        "{\"Report_Entry\":[{\"id\":1}],\n\"Mara Oduya\":1}",
        2,
        "error: w.json:2:15: there is no `$.rows`: the object has `Report_Entry` and 1 more; `$.Report_Entry` holds objects",
    );
    check(
        "d",
        "{\"d\":{\"results\":[{\"id\":1}]}}",
        2,
        "error: w.json:1:6: `$.d` holds an object, and source.json.path says that it holds the array of records; `$.d.results` \
         holds objects",
    );
    check(
        "d",
        "[{\"id\":1}]",
        2,
        "error: w.json:1:9: there is no `$.d`: the object has `id`; where the objects of the array are the records themselves, \
         leave source.json.path out",
    );
    check(
        "d",
        "{\"d\":[]}",
        1,
        "error: w.json:1: there are no records; nothing was sent",
    );
    check(
        "d",
        "{\"d\":[{\"id\":1}",
        1,
        "error: w.json:1:15: the JSON array ends without `]`: the file is cut off",
    );
    check(
        "d",
        "{\"d\":[{\"id\":1}]",
        1,
        "error: w.json:1:16: the JSON object ends without `}`: the file is cut off",
    );
    let lint = |path: &str| {
        let rig = rig(
            &PIPELINE.replace("\" }", &format!("\", json: {{ path: '{path}' }} }}")),
            &[],
        );
        rig.ask(&["lint", "pipeline.yaml"])
    };
    for path in [
        "$.d.results[*]",
        "$..results",
        "$.*",
        "$",
        "$.d[0]",
        "$.d[?(@.x)]",
    ] {
        let (code, stderr) = lint(path);
        assert!(
            code == 2 && stderr.starts_with("pipeline.yaml:2:42: "),
            "{path}: {stderr}"
        );
        assert!(
            stderr.contains("such as Report_Entry, $.d.results or $[\"a.b\"]"),
            "{stderr}"
        );
    }
    assert_eq!(lint("$.d.results").0, 0);
}

#[test]
fn the_last_page_is_the_last_one() {
    let page = |id: u32, more: &str| format!("{{\"rows\":[{{\"id\":\"{id}\"}}]{more}}}\n");
    let path = ["--set", "source.json.path=rows"];
    for more in [
        ",\"hasMore\":true",
        ",\"@odata.nextLink\":\"https://host/w?$skip=1\"",
        ",\"paging\":{\"next\":{\"after\":\"1\"}}",
        ",\"nextPageToken\":\"x\"",
        ",\"has_more\":true,\"total\":2",
        ",\"links\":[{\"rel\":\"self\"},{\"rel\":\"next\",\"href\":\"/w\"}]",
    ] {
        let name = more.split('"').nth(1).unwrap();
        let (code, error) = refused(PIPELINE, &[("w.json", &page(1, more))], &path);
        assert_eq!(code, 1, "{error}");
        assert!(
            error.contains("another page follows, but none does"),
            "{error}"
        );
        assert!(
            error.contains(name) || error.contains("`next`") || error.contains("`rel`"),
            "{error}"
        );
        // In a file of its own, and in the same one.
        let (first, last) = (
            page(1, more),
            page(2, ",\"hasMore\":false,\"nextPageToken\":\"\",\"next\":null"),
        );
        let both = [first.clone(), last.clone()].concat();
        for files in [
            &[("w1.json", &*first), ("w2.json", &*last)][..],
            &[("w.json", &*both)],
        ] {
            let rig = rig(PIPELINE, files);
            let ended = rig.run(&path);
            assert_eq!(
                (ended.code, ended.count("accepted")),
                (0, 2),
                "{}",
                ended.stderr
            );
        }
    }
}

/// Objects and arrays one after another, over any number of lines, and as many files as there are layouts.
#[test]
fn several_documents_in_one_file() {
    let text = "{\n  \"id\": \"1\"\n}\n{\n  \"id\": \"2\" }{ \"id\":\n\"3\"}\n[{\"id\":\"4\"},\n{\"id\":\"\",\"pay\":1}]\n[]\n\u{feff}[ {\"id\":\"6\"} ]";
    for format in ["auto", "json"] {
        let rig = rig(PIPELINE, &[("w.json", text)]);
        let ended = rig.run(&["--set", &format!("source.format={format}")]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let sent: Vec<_> = ["1", "2", "3", "4", "6"]
            .iter()
            .map(|id| format!("{{\"id\":\"{id}\"}}"))
            .collect();
        assert_eq!(items(&rig), sent);
        let rejects = rejected(&rig);
        assert!(rejects.contains("8,id,key_empty"), "{rejects}");
    }
    // The same text as lines: one object a line is what it says.
    let lines = "{\"id\":\"1\"}\n\u{feff}{\"id\":\"2\"}\n[]\n7\n{\"id\":\"3\"}\n";
    let rig = rig(PIPELINE, &[("w.json", lines)]);
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("accepted"), ended.count("rejected")),
        (3, 3, 2)
    );
    let rejects = rejected(&rig);
    for part in [
        "3,,not_an_object,expected an object, the record, found an array",
        "4,,not_an_object,expected an object, the record, found a number",
    ] {
        assert!(rejects.contains(part), "{rejects}");
    }
}

/// The sample payload of the API's guide, as it is printed: a date without quotes, a comma too many.
#[test]
fn a_printed_sample_with_two_mistakes() {
    let text = "[\n{\n\"_action\": \"create\",\n\"employeeID\": \"1453878\",\n\"fullName\": \"John Smith\",\n\"positionTitle\": \
                \"Software Engineer\",\n\"grade\": \"G3\",\n\"salary\": 45000,\n\"dob\": 1981-05-15,\n\"managerID\": \
                \"5871235\"\n},\n{\n\"_action\": \"update\",\n\"employeeID\": \"3101881\",\n\"salary\": 65000\n},\n{\n\"_action\": \
                \"delete\",\n\"employeeID\": \"6758274\",\n}\n]\n";
    let rig = Rig::holding(
        r#"[{"employeeID":"3101881","salary":1},{"employeeID":"6758274"}]"#,
        |_| {},
    );
    rig.pipeline(
        "source: { path: w.json }\nrejects: { path: rejects.csv, at_most: 100% }\n",
        "action: { column: _action }\nidentify_by: { id_key: employeeID }",
    );
    rig.write("w.json", text);
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("accepted"), ended.count("rejected")),
        (3, 1, 2),
        "{}",
        ended.stderr
    );
    let rejects = rejected(&rig);
    for part in [
        "2,,json_syntax,not well-formed JSON, line 9, column 12: a value without quotes is followed by something that \
         does not belong to it; dates and other text must be in double quotes",
        "17,,json_syntax,not well-formed JSON, line 20, column 1: there is a comma right before the closing \
         bracket",
    ] {
        assert!(rejects.contains(part), "{rejects}");
    }
    // Where no record is good, that is what is said.
    let first = text.split("},\n").next().unwrap().to_owned() + "}]";
    let (code, error) = refused(PIPELINE, &[("w.json", &first)], &[]);
    assert_eq!(code, 1);
    assert!(
        error.starts_with(
            "error: w.json:9:12: no record is well-formed JSON, this one among them: "
        ),
        "{error}"
    );
    let (code, error) = refused(PIPELINE, &[("w.json", "{\"id\":\"1\",\n\"pay\":01}")], &[]);
    assert_eq!(code, 1);
    assert!(error.contains("w.json:2:8: "), "{error}");
}

/// What was rejected of records within an object is one object a line, and is loaded with the settings of the source.
#[test]
fn rejects_of_a_wrapper_come_back() {
    let sections = PIPELINE.replace(
        "\" }",
        "\", json: { path: rows, flatten: \".\", arrays: join } }",
    );
    let text = "{\"rows\": [\n{\"id\":\"1\",\"name\":{\"first\":\"Ann\"},\"tags\":[\"a\",\"b\"]},\n{\"id\":\"\",\n                 \"name\":{\"first\":\"Bo\"},\"tags\":[\"c\"]},\n{\"id\":\"3\",\"tags\":[],}\n]}";
    let rig = rig(&sections, &[("w.json", text)]);
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 2),
        "{}",
        ended.stderr
    );
    let again = rig.run(&["--mend", "rejects.ndjson"]);
    assert_eq!(
        (again.code, again.count("rejected")),
        (4, 2),
        "{}",
        again.stderr
    );
    let mended = rig
        .read("rejects.ndjson")
        .replace("\"id\":\"\"", "\"id\":\"2\"");
    rig.write("rejects.ndjson", mended);
    let ended = rig.run(&["--mend", "rejects.ndjson"]);
    assert_eq!(
        (ended.code, ended.count("accepted")),
        (3, 1),
        "{}",
        ended.stderr
    );
    assert_eq!(
        items(&rig),
        [
            r#"{"id":"1","name.first":"Ann","tags":"a, b"}"#,
            r#"{"id":"2","name.first":"Bo","tags":"c"}"#
        ]
    );
}
