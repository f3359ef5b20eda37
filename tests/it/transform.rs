//! `transform`: the rows of a run, elsewhere. What comes of them in two steps is what comes of them in one.

use std::io::{Read, Write};
use std::process::{Output, Stdio};

use crate::support::{Rig, mode};

/// Rows with everything that stages and rules of rows do to them.
const CSV: &str = "Employee ID,Name,Born,Manager,Status\n\
    1,\"Ann, \"\"A\"\"\",25/02/2000,,Active\n\
    2, Bob ,13/01/1999,1,Active\n\
    3,\"two\nlines\",31/02/2001,1,Active\n\
    4,Zoë,01/01/1980,NONE,Gone\n\
    5,,02/03/1981,NONE,Active\n\
    6,,,,\n";

const STAGES: &str = "stages:\n\
    \x20 - trim:\n\
    \x20 - rename: { Employee ID: id, Name: name, Born: born, Manager: manager, Status: status }\n\
    \x20 - date: { columns: [born], from: DD/MM/YYYY }\n\
    \x20 - map: { column: manager, values: { NONE: \"\" } }\n\
    \x20 - filter: status != \"Gone\"\n";

const RULES: &str =
    "validate: { columns: { status: { required: true } } }\nrejects: { at_most: 100% }\n";

fn rows(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn told(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What a run with stages uploads, and what one without uploads of the rows that `transform` wrote, are the same bytes; so
/// are the rejects.
#[track_caller]
fn check(source: (&str, &str), stages: &str, import: &str, output: &str) {
    let (name, text) = source;
    let rig = Rig::new();
    rig.write(name, text);
    rig.pipeline(
        &format!("source: {{ path: {name} }}\n{stages}{RULES}"),
        import,
    );
    let whole = rig.run(&[]);
    let body = rig.uploaded();
    let transformed = rig.tool(&["transform", "pipeline.yaml", "--output", output]);
    assert_eq!(transformed.status.code(), Some(whole.code));
    let rejects = name.replace("rows", "rejects");
    let of_transform = rejects.replace('.', ".transform.");
    assert_eq!(rig.read(&of_transform), rig.read(&rejects));
    assert_eq!(mode(&rig.path(&of_transform)), 0o600);
    rig.write("rows.out", &transformed.stdout);
    let format = match output {
        "ndjson" => "ndjson",
        "arrow" => "arrow",
        _ => "csv",
    };
    rig.pipeline(
        &format!("source: {{ path: rows.out, format: {format} }}\n{RULES}"),
        import,
    );
    // What it is compared with had other names.
    let again = rig.run(&["--set", "source.drift=ignore"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(!body.is_empty());
    assert_eq!(
        String::from_utf8(rig.uploaded()).unwrap(),
        String::from_utf8(body).unwrap()
    );
}

#[test]
fn two_steps_upload_what_one_does() {
    for import in ["", "empty: keep"] {
        for output in ["csv", "ndjson"] {
            check(("rows.csv", CSV), STAGES, import, output);
        }
    }
}

#[test]
#[cfg(feature = "parquet")]
fn two_steps_by_arrow_upload_what_one_does() {
    for import in ["", "empty: keep"] {
        check(("rows.csv", CSV), STAGES, import, "arrow");
    }
}

/// Numbers with their digits, truth values, nulls, and members that are not there.
#[test]
fn kinds_of_json_stay() {
    let text = "{\"id\":\"1\",\"pay\":1.50,\"ok\":true,\"note\":null,\"status\":\"A\"}\n\
        {\"id\":\"2\",\"note\":\"a\\\"b\\u0009\",\"status\":\"A\"}\n\
        {\"id\":\"3\",\"pay\":1e400,\"note\":\"\",\"status\":\"\"}\n";
    for import in ["", "empty: keep"] {
        check(
            ("rows.ndjson", text),
            "stages:\n  - trim:\n",
            import,
            "ndjson",
        );
    }
}

/// A folder with a pipeline that has something for the run to decide.
fn rig(more: &str) -> Rig {
    let rig = Rig::new();
    rig.write("rows.csv", CSV);
    let sections = format!(
        "source: {{ path: rows.csv }}\n{STAGES}validate:\n  key: id\n  columns: {{ status: {{ required: true }} }}\n  \
         hierarchy: {{ parent: manager }}\n{more}"
    );
    rig.pipeline(&sections, "");
    rig
}

#[test]
fn what_is_written_and_what_is_said() {
    let rig = rig("rejects: { at_most: 100% }");
    let output = rig.tool(&["transform", "pipeline.yaml"]);
    assert_eq!(
        rows(&output),
        "id,name,born,manager,status\n\
         1,\"Ann, \"\"A\"\"\",2000-02-25,,Active\n\
         2,Bob,1999-01-13,1,Active\n\
         5,,1981-03-02,,Active\n"
    );
    assert_eq!(
        told(&output),
        "left to the run: key, hierarchy\n\
         6 records: 3 written, 1 filtered, 2 rejected (rejects.transform.csv)\n"
    );
    assert_eq!(output.status.code(), Some(3));
    let output = rig.tool(&[
        "transform",
        "pipeline.yaml",
        "-q",
        "--partial-ok",
        "--lines",
        "-o",
        "ndjson",
        "--rejects",
        "elsewhere.csv",
    ]);
    assert_eq!(
        rows(&output),
        "{\"id\":\"1\",\"name\":\"Ann, \\\"A\\\"\",\"born\":\"2000-02-25\",\"manager\":\"\",\"status\":\"Active\",\
          \"_file\":\"rows.csv\",\"_line\":2}\n\
         {\"id\":\"2\",\"name\":\"Bob\",\"born\":\"1999-01-13\",\"manager\":\"1\",\"status\":\"Active\",\
          \"_file\":\"rows.csv\",\"_line\":3}\n\
         {\"id\":\"5\",\"name\":\"\",\"born\":\"1981-03-02\",\"manager\":\"\",\"status\":\"Active\",\
          \"_file\":\"rows.csv\",\"_line\":7}\n"
    );
    assert_eq!((told(&output), output.status.code()), ("", Some(0)));
    assert!(rig.read("elsewhere.csv").contains("date_format"));
    assert_eq!(rig.reports(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn too_many_rejects_are_told_apart() {
    let rig = rig("rejects: { at_most: 1 }");
    let output = rig.tool(&["transform", "pipeline.yaml", "--partial-ok"]);
    assert_eq!(output.status.code(), Some(4));
    let said = told(&output);
    assert!(
        said.contains("warning: the rows on standard output are not to be used")
            && said.contains("2 of 6 rows were rejected, and rejects.at_most is 1"),
        "{said}"
    );
}

#[test]
fn a_file_that_its_last_line_says_is_cut_off() {
    let rig = Rig::new();
    let source = "path: rows.csv, expect: { trailer: '^TRL,([0-9]+)$' }";
    rig.pipeline(
        &format!("source: {{ {source} }}\nvalidate: {{ key: id }}"),
        "",
    );
    let transformed = |text: &str| {
        rig.write("rows.csv", text);
        let output = rig.tool(&["transform", "pipeline.yaml"]);
        (output.status.code(), told(&output).to_owned())
    };
    let whole = "id,name\n1,Ann\n2,Bob\nTRL,2\n";
    let (code, said) = transformed(whole);
    assert_eq!(
        (code, said.contains("2 records: 2 written")),
        (Some(0), true),
        "{said}"
    );
    for (text, why) in [
        (
            "id,name\n1,Ann\nTRL,2\n",
            "rows.csv:3: the last line states 2 records, and 1 were read",
        ),
        (
            "id,name\n1,Ann\n2,Bob\n",
            "rows.csv: the last line is not the one that source.expect.trailer describes",
        ),
    ] {
        let (code, said) = transformed(text);
        assert_eq!(code, Some(4), "{said}");
        assert!(
            said.contains("warning: the rows on standard output are not to be used"),
            "{said}"
        );
        assert!(
            said.contains(why) && !said.contains("rejects.transform"),
            "{said}"
        );
    }
}

#[test]
fn rows_of_standard_input_and_of_another_file() {
    let rig = rig("rejects: { at_most: 100% }");
    let expected = rig.tool(&["transform", "pipeline.yaml"]).stdout;
    rig.write("other", CSV);
    let other = rig.tool(&["transform", "pipeline.yaml", "other", "--input", "csv"]);
    assert_eq!(other.stdout, expected);
    let mut child = crate::rostream(rig.folder(), &["transform", "pipeline.yaml", "-"])
        .env("BASE_URL", rig.base_url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(CSV.as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(child.wait_with_output().unwrap().stdout, expected);
}

#[test]
fn what_can_not_be_done_is_said() {
    let rig = rig("");
    let check = |args: &[&str], code: i32, expected: &str| {
        let output = rig.tool(args);
        let said = crate::without_excerpts(told(&output));
        assert!(said.contains(expected), "{said}");
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(rows(&output), "");
    };
    check(
        &["transform", "-", "-"],
        2,
        "pipeline file and rows can't both come from standard input",
    );
    check(
        &["transform", "pipeline.yaml", "nowhere.csv"],
        1,
        "nowhere.csv",
    );
    check(
        &["transform", "pipeline.yaml", "--input", "cvs"],
        2,
        "--set source.format",
    );
    check(
        &[
            "transform",
            "pipeline.yaml",
            "--set",
            "stages=[{add: {_line: \"1\"}}]",
            "--lines",
        ],
        2,
        "",
    );
    #[cfg(not(feature = "parquet"))]
    check(
        &["transform", "pipeline.yaml", "-o", "arrow"],
        2,
        "this build of rostream has no Arrow: build it with --features parquet",
    );
    rig.write("w.csv", "id,_line\n1,1\n");
    rig.pipeline("source: { path: w.csv }", "");
    check(
        &["transform", "pipeline.yaml", "--lines"],
        2,
        "the rows have a column `_line` already; rename it, or do without --lines",
    );
}

/// Whoever runs `head` has what he wants.
#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let rig = Rig::new();
    rig.write("rows.csv", crate::support::workers(50_000));
    rig.pipeline("source: { path: rows.csv }", "");
    let mut child = crate::rostream(rig.folder(), &["transform", "pipeline.yaml"])
        .env("BASE_URL", rig.base_url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((told(&output), output.status.code()), ("", Some(0)));
}

/// A source that breaks off in the middle: what was written is no whole, and nobody takes it for one.
#[test]
fn an_error_in_the_middle_shows() {
    let rig = Rig::new();
    let mut text = crate::support::workers(20_000);
    text.push_str("\"never closed");
    rig.write("rows.csv", text);
    rig.pipeline(
        "source: { path: rows.csv, csv: { ragged: error } }\nrejects: { at_most: 100% }",
        "",
    );
    let output = rig.tool(&["transform", "pipeline.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(rows(&output).lines().count() > 1);
}

/// An Arrow stream that lacks the mark of its end was cut off.
#[test]
#[cfg(feature = "parquet")]
fn arrow_ends_where_the_rows_may_be_used() {
    const END: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    for (at_most, code, ends) in [("100%", 3, true), ("1", 4, false)] {
        let rig = rig(&format!("rejects: {{ at_most: {at_most} }}"));
        let output = rig.tool(&["transform", "pipeline.yaml", "-o", "arrow"]);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(output.stdout.ends_with(END), ends);
    }
}
