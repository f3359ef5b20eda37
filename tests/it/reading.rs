//! What is read of data that is written in unusual ways, and what is said of it.

use crate::support::{Ended, Rig};

/// A run of this source; `more` are other sections and `import` is what the target says besides.
fn run_of(files: &[(&str, &str)], source: &str, more: &str, import: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    for (name, text) in files {
        rig.write(name, text);
    }
    let sections = format!(
        "source: {{ {source} }}\nrejects: {{ path: out/rejects.csv, at_most: 100% }}\n{more}"
    );
    rig.pipeline(&sections, import);
    let ended = rig.run(&[]);
    (rig, ended)
}

/// A footer is one also where its first cell goes over several lines: it is not a person.
#[test]
fn a_footer_in_a_quoted_cell_over_several_lines() {
    let text = "id,name\n1,Ann\n\"Grand Total\nas of today\",2\n\"Page 1\r\nof 1\"\n";
    for length in ["measured", "spooled"] {
        let (rig, ended) = run_of(
            &[("w.csv", text)],
            "path: w.csv, csv: { footer: \"^(Grand Total|Page )\" }",
            &format!("upload: {{ length: {length} }}"),
            "",
        );
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.items(), [r#"{"id":"1","name":"Ann"}"#]);
        assert_eq!([ended.count("read"), ended.count("skipped")], [1, 4]);
    }
}

/// Cells without anything to see, and nothing else, may stand in columns without a name.
#[test]
fn what_nobody_sees_is_not_a_value_of_a_column_without_a_name() {
    let text = "id,\n1,\u{200b}\n2,\u{a0}\u{feff}\n3,x\n";
    let (rig, ended) = run_of(&[("w.csv", text)], "path: w.csv", "", "");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let mut items = rig.items();
    items.sort_unstable();
    assert_eq!(items, [r#"{"id":"1"}"#, r#"{"id":"2"}"#]);
}

/// A column that a row's own file lacks is missing there. It stays so when the row comes back, however often, and does
/// not clear what the server has.
#[test]
fn what_a_file_lacks_stays_missing_when_its_rejects_come_back() {
    let files = [
        ("a.csv", "id,dob,phone\n1,x,\n2,2020-01-01,+1\n"),
        ("b.csv", "dob,id\n1,3\n2020-01-02,4\n"),
    ];
    let rules = "validate: { columns: { dob: { type: date } } }";
    let import = "empty: clear\nclear_token: CLEARED\naction: createOrUpdate\nidentify_by: { auto_id: true }";
    let source = "path: \"?.csv\", csv: { match: name }";
    let held = r#"[{"id":"1","phone":"+11"},{"id":"3","phone":"+33"}]"#;
    let rig = Rig::holding(held, |settings| settings.auto_id = "id".to_owned());
    for (name, text) in files {
        rig.write(name, text);
    }
    let sections = format!(
        "source: {{ {source} }}\nrejects: {{ path: out/rejects.csv, at_most: 100% }}\n{rules}"
    );
    rig.pipeline(&sections, import);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = rig.read("out/rejects.csv");
    let lines: Vec<&str> = rejects.lines().collect();
    assert!(lines[0].starts_with("id,dob,phone,_file,"), "{rejects}");
    assert!(
        lines[1].starts_with("1,x,,a.csv,2,validate,dob,"),
        "{rejects}"
    );
    let told = "3,1,,b.csv,2,validate; parse,dob; phone,type_date; absent,";
    assert!(lines[2].starts_with(told), "{rejects}");
    // Unmended, it is told again.
    let ended = rig.run(&["--mend", "out/rejects.csv"]);
    assert_eq!(ended.count("rejected"), 2, "{}", ended.stderr);
    let again = rig.read("out/rejects.mend.csv");
    let again: Vec<&str> = again.lines().collect();
    assert!(
        again[2]
            .starts_with("3,1,,out/rejects.csv,3,validate; parse,dob; phone,type_date; absent,")
            || again[2]
                .starts_with("3,1,,rejects.csv,3,validate; parse,dob; phone,type_date; absent,"),
        "{}",
        again[2]
    );
    let mended = [lines[0], lines[1], lines[2]].join("\n") + "\n";
    rig.write(
        "mended.csv",
        mended
            .replace("\n1,x,", "\n1,2020-02-01,")
            .replace("\n3,1,", "\n3,2020-02-03,"),
    );
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut items = rig.items();
    items.sort_unstable();
    assert_eq!(
        items,
        [
            r#"{"id":"1","dob":"2020-02-01"}"#,
            r#"{"id":"2","dob":"2020-01-01","phone":"+1"}"#,
            r#"{"id":"3","phone":"+33","dob":"2020-02-03"}"#,
            r#"{"id":"4","dob":"2020-01-02"}"#,
        ]
    );
}

/// The command that writes the extract gets the environment of this program, and none of its secrets.
#[test]
fn a_command_does_not_get_the_secrets() {
    let rig = Rig::new();
    let command = "command: [sh, -c, 'env > seen; printf \"id,name\\n1,Ann\\n\"']";
    let sections = format!(
        "source: {{ {command} }}\nstages:\n  - hash: {{ columns: [name], key: {{ env: HASH_KEY }} }}\n"
    );
    let target = "target:\n  orgvue:\n    base_url: https://orgvue.example.com\n    tenant: ACME\n    \
                  dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n    token: { env: A_TOKEN }\n";
    rig.write("p.yaml", format!("version: 1\n{sections}{target}"));
    let secret = "CANARY0123456789abcdef0123456789abcdef";
    for args in [&["check", "p.yaml"][..], &["preview", "p.yaml"]] {
        let output = crate::rostream(rig.folder(), args)
            .env("A_TOKEN", secret)
            .env("HASH_KEY", secret)
            .env("PATH", std::env::var("PATH").unwrap())
            .env("OTHER", "kept")
            .output()
            .unwrap();
        let (code, _, stderr) = crate::outcome(output);
        assert_eq!(code, 0, "{stderr}");
        let seen = rig.read("seen");
        assert!(seen.contains("OTHER=kept\n"), "{seen}");
        assert!(!seen.contains("CANARY"), "{seen}");
        assert!(
            !seen.contains("A_TOKEN") && !seen.contains("HASH_KEY"),
            "{seen}"
        );
        std::fs::remove_file(rig.path("seen")).unwrap();
    }
}

/// What `check` says of lines that are not records, and of texts that a CSV upload may lose, `preview` says, too.
#[test]
fn a_preview_tells_what_was_skipped_and_what_may_be_lost() {
    let rig = Rig::new();
    rig.write(
        "w.csv",
        "id,grade\n001,1E5\n\nid,grade\n002,x\n,\nTotal,2\n",
    );
    let source = "source: { path: w.csv, csv: { footer: ^Total } }";
    rig.pipeline(
        &format!("{source}\nupload: {{ format: csv }}"),
        "empty: keep",
    );
    let (code, stderr) = rig.ask(&["preview", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let (_, checked) = rig.ask(&["check", "pipeline.yaml"]);
    for told in [
        "1 line repeats the header and was skipped, as in files that were joined: line 4",
        "column 1 (2 cells, the first on line 2), column 2 (1 cell, the first on line 2)",
    ] {
        assert!(stderr.contains(told), "{stderr}");
        assert!(checked.contains(told), "{checked}");
    }
    assert!(
        stderr.contains("skipped 4 lines in the part of the source that was read"),
        "{stderr}"
    );
    // Of records that are not shown nothing is said.
    let (code, stderr) = rig.ask(&["preview", "-n", "1", "--from", "5", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("column 1 (1 cell, the first on line 5); whether"),
        "{stderr}"
    );
    // With JSON, texts stay what they are.
    rig.pipeline("source: { path: w.csv, csv: { footer: ^Total } }", "");
    let (_, stderr) = rig.ask(&["preview", "pipeline.yaml"]);
    assert!(!stderr.contains("would make something else"), "{stderr}");
}

/// Programs save one object a line as an array, or every object over several lines: the rejects stay what they are.
#[test]
fn rejects_of_json_that_were_saved_as_an_array() {
    let text = "{\"id\": 1, \"dob\": \"x\"}\n{\"id\": 2, \"dob\": \"2020-01-01\"}\n{\"id\": 03}\n[4]\n\
                {\"id\": 5, \"dob\": \"y\"\n";
    let rules = "validate: { columns: { dob: { type: date } } }";
    let (rig, ended) = run_of(&[("w.ndjson", text)], "path: w.ndjson", rules, "");
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 4),
        "{}",
        ended.stderr
    );
    let rejects = rig.read("out/rejects.ndjson");
    let objects: Vec<&str> = rejects.lines().collect();
    let array = format!("[{}]", objects.join(","));
    let laid_out: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
    let laid_out = serde_json::to_string_pretty(&laid_out).unwrap();
    let in_rows = format!("[\n{}\n]\n", objects.join(",\n"));
    for array in [array, in_rows, laid_out] {
        rig.write("mended.json", &array);
        let ended = rig.run(&["--mend", "mended.json"]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (4, 4),
            "{}",
            ended.stderr
        );
        let again = rig.read("out/rejects.mend.ndjson");
        for (line, before) in again.lines().zip(&objects) {
            let code = |line: &str| {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                row["_code"].as_str().unwrap().to_owned()
            };
            // One that is not whole can't stand in an array, and is a text there.
            let expected = match before.contains("\\\"y\\\"") {
                true => "not_an_object".to_owned(),
                false => code(before),
            };
            assert_eq!(code(line), expected, "{line}");
        }
        rig.write("mended.json", array.replace("\"x\"", "\"2020-03-04\""));
        let ended = rig.run(&["--mend", "mended.json"]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (3, 3),
            "{}",
            ended.stderr
        );
    }
    assert!(rig.items().iter().any(|item| item.contains("2020-03-04")));
}

/// Two columns of JSON that hold text are put in order character by character: that is told once the data shows it.
#[test]
fn texts_of_json_that_are_put_in_order() {
    let told = "`low <= high` compares text character by character";
    let check = |low: &str, high: &str, expected: bool| {
        let text = format!(
            "{{\"id\": 1, \"low\": 2, \"high\": 3}}\n{{\"id\": 2, \"low\": {low}, \"high\": {high}}}\n"
        );
        let rig = Rig::new();
        rig.write("w.ndjson", text);
        rig.pipeline(
            "source: { path: w.ndjson }\nvalidate: { rows: [ { assert: low <= high, code: order } ] }",
            "",
        );
        for command in ["check", "preview"] {
            let (_, stderr) = rig.ask(&[command, "pipeline.yaml"]);
            assert_eq!(stderr.contains(told), expected, "{low} {high}: {stderr}");
        }
    };
    check("\"10\"", "\"9\"", true);
    check("\"2026-01-31\"", "\"9\"", true);
    check("10", "9", false);
    check("\"2026-01-31\"", "\"2026-02-01T09:00:00Z\"", false);
    check("\"Ann\"", "\"Bo\"", false);
    check("null", "\"9\"", false);
}

/// A table of a lookup is read by the settings of a source, and what a source would reject is an error.
#[test]
fn a_lookup_file_takes_the_settings_of_a_source() {
    let csv =
        "csv: { delimiter: \";\", quote: \"'\", comment: \"#\", footer: \"^Total\", header: 2 }";
    let head = "# centres\nCentre;Centre\nID;Name\n";
    let run = |table: &str, csv: &str| {
        let rig = Rig::new();
        rig.write("w.csv", "id,centre\n1,C1\n");
        rig.write("centres.csv", table);
        let stage = format!(
            "file: centres.csv, {csv}, key: {{ column: centre, in: Centre ID }}, take: {{ Centre Name: name }}"
        );
        rig.pipeline(
            &format!("source: {{ path: w.csv }}\nstages: [ lookup: {{ {stage} }} ]"),
            "",
        );
        let ended = rig.run(&[]);
        (rig, ended)
    };
    let (rig, ended) = run(
        &format!("{head}C1;'Sales; all'\n#C1;x\n\n'Total\nof all';1\n"),
        csv,
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        rig.items(),
        [r#"{"id":"1","centre":"C1","name":"Sales; all"}"#]
    );
    for (record, told) in [
        (
            "C2\n",
            "centres.csv: line 5: expected 2 cells as in the header, found 1",
        ),
        (
            "C2;'a'b\n",
            "centres.csv: line 5: the quote opened on line 5, column 4 is closed on line 5, column 6",
        ),
        (
            "C2;'a\n",
            "centres.csv: the record that begins on line 5 opens a quote that is never closed",
        ),
    ] {
        let (_, ended) = run(&format!("{head}C1;x\n{record}"), csv);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        ended.says(told);
    }
    let rig = Rig::new();
    let stage =
        "file: t.csv, csv: { delimiter: \"'\", quote: \"'\" }, key: { column: a }, take: { b: c }";
    rig.pipeline(
        &format!("source: {{ path: w.csv }}\nstages: [ lookup: {{ {stage} }} ]"),
        "",
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    let place = "pipeline.yaml:3:52: stage 1 (lookup): `delimiter`: delimiter and quote are the same character";
    assert!(stderr.contains(place), "{stderr}");
}
