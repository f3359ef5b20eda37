//! Lines that are no people: rows without any value, headers that come again, footers and remarks.

use crate::support::{Ended, Rig};

/// A rig whose source is this file, read as these settings say.
fn rig(source: &str, text: impl AsRef<[u8]>) -> Rig {
    with(source, text, "")
}

/// The same, with other sections.
fn with(source: &str, text: impl AsRef<[u8]>, sections: &str) -> Rig {
    let rig = Rig::new();
    rig.write("people.csv", text);
    let sections = format!(
        "source: {{ path: people.csv, {source} }}\n{sections}\n{}",
        match sections.contains("validate:") {
            true => "",
            false => "validate: { key: employeeID }",
        }
    );
    rig.pipeline(&sections, "identify_by: { id_key: employeeID }");
    rig
}

/// The names of the people that arrived.
fn names(rig: &Rig) -> Vec<String> {
    let items = rig.items().into_iter();
    let name = |item: String| {
        let item: serde_json::Value = serde_json::from_str(&item).unwrap();
        item["fullName"].as_str().unwrap_or_default().to_owned()
    };
    let mut names: Vec<String> = items.map(name).collect();
    names.sort();
    names
}

#[track_caller]
fn well(rig: &Rig, people: &[&str], skipped: u64) -> Ended {
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(names(rig), people, "{}", ended.stderr);
    let read = people.len() as u64;
    assert_eq!(
        [ended.count("read"), ended.count("skipped")],
        [read, skipped]
    );
    assert_eq!(
        ended.stderr.contains("lines that are not records"),
        skipped > 0
    );
    ended
}

#[test]
fn rows_without_any_value_are_passed_over() {
    let check = |text: &str, skipped| {
        well(&rig("", text), &["Ann", "Bo", "Cy"], skipped);
    };
    check(
        "employeeID,fullName,unit\n1,Ann,A\n,,\n2,Bo,B\n,,\n,,\n3,Cy,C\n,,\n",
        4,
    );
    check(
        "employeeID,fullName,unit\r\n\"1\",\"Ann\",\"A\"\r\n\"\",\"\",\"\"\r\n2,Bo,B\r\n\r\n \t, ,\u{a0}\r\n3,Cy,C\r\n,,,,,\r\n,",
        5,
    );
    // As many as a spreadsheet saves are no rejects.
    let many = format!(
        "employeeID,fullName\n1,Ann\n2,Bo\n3,Cy\n{}",
        ",\n".repeat(500)
    );
    check(&many, 500);
    let objects = "{\"employeeID\":\"1\",\"fullName\":\"Ann\"}\n{}\n\n{\"employeeID\":null,\"fullName\":\" \"}\n\
                   {\"employeeID\":\"2\",\"fullName\":\"Bo\"}\n{\"employeeID\":\"3\",\"fullName\":\"Cy\"}\n";
    check(objects, 3);
    check(
        "[{\"employeeID\":\"1\",\"fullName\":\"Ann\"},{\"employeeID\":\"2\",\"fullName\":\"Bo\"},{},\n\
         {\"employeeID\":\"\"},{\"employeeID\":\"3\",\"fullName\":\"Cy\"}]",
        2,
    );
}

#[test]
fn lines_are_counted_on_behind_them() {
    let text =
        "employeeID,fullName\n1,Ann\n,\n\n\"\",\" \"\n2\nemployeeID,fullName\n3,\"Cy\nCyd\"\n4\n";
    let rig = rig("", text);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(
        ["read", "skipped", "rejected"].map(|count| ended.count(count)),
        [4, 4, 2]
    );
    let rejects = rig.read("rejects.csv");
    let lines: Vec<&str> = rejects.lines().skip(1).collect();
    assert!(lines[0].contains("people.csv,6,parse"), "{rejects}");
    assert!(lines[1].contains("people.csv,10,parse"), "{rejects}");
}

/// Whatever emptied it: an item of its action alone would be nobody.
#[test]
fn no_item_goes_out_without_a_property() {
    let text = "employeeID,fullName\n1,Ann\n-,-\n2,Bo\n";
    for (empty, format) in [("omit", "json"), ("keep", "json"), ("keep", "csv")] {
        let rig = Rig::new();
        rig.write("people.csv", text);
        rig.pipeline(
            &format!(
                "source: {{ path: people.csv }}\nstages: [ map: {{ columns: [employeeID, fullName], values: {{ \"-\": \
                 \"\" }} }} ]\nupload: {{ format: {format} }}"
            ),
            &format!("empty: {empty}\nidentify_by: {{ id_key: employeeID }}"),
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{empty} {format}: {}", ended.stderr);
        assert_eq!([ended.count("sent"), ended.count("rejected")], [2, 1]);
        ended.says("no_value");
        assert_eq!(names(&rig), ["Ann", "Bo"]);
        assert!(
            rig.read("rejects.csv")
                .contains("\n-,-,people.csv,3,target,,no_value,")
        );
    }
}

#[test]
fn headers_that_come_again_are_passed_over() {
    let text = "employeeID,fullName\n1,Ann\n2,Bo\nemployeeID,fullName\n3,Cy\n\u{feff}\"employeeID\", fullName \n4,Di\n";
    let rig = rig("", text);
    let ended = well(&rig, &["Ann", "Bo", "Cy", "Di"], 2);
    ended.says("warning     2 lines repeat the header and were skipped, as in files that were joined: lines 4, 6");
    // One cell alone is no header.
    let text = "employeeID,fullName\nemployeeID,Ann\n2,fullName\n";
    let rig = self::rig("", text);
    well(&rig, &["Ann", "fullName"], 0);
}

/// Behind such a header every value would stand in another column.
#[test]
fn a_header_in_another_order_ends_the_run() {
    let text = "employeeID,fullName,unit\n1,Ann,A\nfullName,unit,employeeID\nBo,B,2\n";
    let ended = rig("", text).run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("people.csv:3: the header is repeated here with its columns in another order");
    assert_eq!(ended.report["error"]["code"], "data_unreadable");
}

#[test]
fn of_several_files_the_warning_names_the_one() {
    let rig = rig("", "");
    rig.write("a.csv", "employeeID,fullName\n1,Ann\n");
    rig.write(
        "b.csv",
        "employeeID,fullName\n2,Bo\nemployeeID,fullName\n3,Cy\n",
    );
    rig.pipeline(
        "source: { path: [a.csv, b.csv] }",
        "identify_by: { id_key: employeeID }",
    );
    let ended = well(&rig, &["Ann", "Bo", "Cy"], 1);
    ended.says(
        "1 line repeats the header and was skipped, as in files that were joined: line 3 of b.csv",
    );
}

const REPORT: &str = "employeeID,fullName,fte\n1,Ann,1.0\nPage,Bo,0.8\n3,Cy,0.5\n\"Grand Total: 3\",,2.3\n\nPage 1 of 1\n";

#[test]
fn the_closing_lines_are_no_people() {
    let footer = "csv: { footer: '^(Grand Total|Page)' }";
    // A person of that name in the middle is one.
    well(&rig(footer, REPORT), &["Ann", "Bo", "Cy"], 3);
    let crlf = REPORT.replace('\n', "\r\n");
    well(&rig(footer, crlf.trim_end()), &["Ann", "Bo", "Cy"], 3);
    // Without the setting they are told.
    let ended = rig("", REPORT).run(&[]);
    assert_eq!(ended.code, 3);
    ended.says("ragged");
    ended
        .says("the last 2 lines (5 to 7) begin as totals and the like do, and are read as records");
    ended.says("state `source: { csv: { footer: '^(Grand Total\\b|Page\\b)' } }`");
    // In every file of the source, and in a stream.
    let rig = rig(footer, REPORT);
    rig.write("more.csv", "employeeID,fullName,fte\n4,Di,1\nPage 1 of 1\n");
    let sections = |path| format!("source: {{ path: {path}, {footer} }}");
    rig.pipeline(
        &sections("[people.csv, more.csv]"),
        "identify_by: { id_key: employeeID }",
    );
    well(&rig, &["Ann", "Bo", "Cy", "Di"], 4);
    rig.pipeline(&sections("\"-\""), "identify_by: { id_key: employeeID }");
    let ended = rig.run_with_stdin(&[], "people.csv");
    assert_eq!(
        (ended.code, ended.count("read"), ended.count("skipped")),
        (0, 3, 3)
    );
}

/// Where nothing is stated, last lines that look like totals are told, and people are not.
#[test]
fn last_lines_that_look_like_totals() {
    let head = "employeeID,fullName,fte,grade\n1,Ann,1.0,G1\n2,\"Bo\nB\",1.0,G1\n";
    for (last, told) in [
        ("Total,2,2.0,", Some(("line 5, the last one,", "^Total\\b"))),
        (
            ",Summe: 2,,\n\n",
            Some(("line 5, the last one,", "^,Summe\\b")),
        ),
        ("3,Total,1.0,G1\n", None),
        ("3,Cy,1.0,G1\nEnd\n\n4,Di,1.0,G1\n", None),
    ] {
        let rig = with("", format!("{head}{last}"), "rejects: { at_most: 100% }");
        let ended = rig.run(&[]);
        let warnings = ended.report["warnings"].as_array().unwrap().iter();
        let mut warnings = warnings.filter_map(|warning| warning.as_str());
        let found = warnings.find(|warning| warning.contains("as totals"));
        match told {
            Some((line, pattern)) => {
                let found = found.expect(last);
                assert!(found.contains(line), "{found}");
                assert!(found.contains(&format!("footer: '{pattern}'")), "{found}");
            }
            None => assert_eq!(found, None, "{last}"),
        }
    }
}

/// What is held back for the end of the file is bounded, and nothing is lost beyond.
#[test]
fn a_pattern_that_people_match() {
    let people: String = (1..=40_000)
        .map(|id| format!("P{id:08},{id:030}\n"))
        .collect();
    let text = format!("employeeID,fullName\n{people}");
    let rig = rig("csv: { footer: '^P' }", &text);
    let ended = rig.run(&["--dry-run"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("write a pattern that records do not match");
    // Where something else follows, they are people.
    rig.write("people.csv", format!("{text}1,Ann\n"));
    let ended = rig.run(&["--dry-run"]);
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 40_001),
        "{}",
        ended.stderr
    );
}

/// The last rows of a rejects file may look like a footer.
#[test]
fn mended_rows_are_no_footer() {
    let rig = with(
        "csv: { footer: '^Page' }",
        "employeeID,fullName,fte\nPage,Bo,much\n3,Cy,0.5\nPage 1\n",
        "validate: { key: employeeID, columns: { fte: { type: number } } }",
    );
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("skipped")),
        (3, 1),
        "{}",
        ended.stderr
    );
    let mended = rig.read("rejects.csv").replace("much", "0.8");
    rig.write("mended.csv", mended);
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(names(&rig), ["Bo", "Cy"]);
}

#[test]
fn remarks_are_passed_over() {
    let text = "# exported \"today\n#\nemployeeID,fullName\n1,Ann\n# it's, \"odd\n2,\"B\n# o\"\n#3,Cy\n4,#Di\n# end";
    let rig = rig("csv: { comment: \"#\" }", text);
    well(&rig, &["#Di", "Ann", "B\n# o"], 3);
}

#[test]
fn settings_that_would_take_people_away() {
    let check = |csv: &str, words: &str| {
        let (code, stderr) =
            rig(&format!("csv: {{ {csv} }}"), REPORT).ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    };
    check(
        "footer: '(Page'",
        "is not a valid regular expression: unclosed group",
    );
    check("footer: 'Page|'", "this pattern matches every line");
    check(
        "comment: a",
        "expected one ASCII character that is not a letter",
    );
    check(
        "comment: \",\"",
        "comment and delimiter are the same character",
    );
}
