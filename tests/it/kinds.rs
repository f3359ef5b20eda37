//! Expressions that can't come to anything: told before the run where that is known, and after it where only the
//! data shows it.

use std::path::Path;

use crate::run;

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

/// A pipeline whose text after the first line is given; target and, unless given, source follow.
fn pipeline(dir: &Path, text: &str) {
    let mut whole = format!("version: 1\n{text}");
    if !text.contains("source:") {
        whole.push_str("source: { path: w.csv }\n");
    }
    whole.push_str("target: { sandbox: }\nrejects: { at_most: 100% }\n");
    write(dir, "p.yaml", &whole);
}

const CSV: &str = "employeeID,level,isActive\n1,5,true\n2,4,false\n3,,true\n";

/// What `lint` knows, without the source.
#[test]
fn lint_refuses_what_no_row_can_answer() {
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &str, code: i32, expected: &str| {
        pipeline(dir.path(), text);
        let (found, _, stderr) = run(dir.path(), &["lint", "p.yaml"]);
        let stderr = crate::without_excerpts(&stderr);
        assert_eq!((found, stderr.as_str()), (code, expected), "{text}");
    };
    let csv = "source: { path: w.csv, format: csv }\n";
    let number = "a CSV column is text until a `number` stage has run; add `- number: { columns: [level] }` before";
    check(
        "stages:\n\
         \x20 - rename: { Employee ID: employeeID }\n\
         \x20 - filter: startsWith(employeeID, \"100\")\n",
        2,
        "p.yaml:4:13: stage 2 (filter): `startsWith` is written `employeeID.startsWith(\"100\")`\n",
    );
    check(
        &format!("{csv}stages:\n  - filter: isActive != false\n"),
        2,
        "p.yaml:4:13: stage 1 (filter): `isActive != false` compares text with true or false: a CSV column is text until a \
         `boolean` stage has run; add `- boolean: { columns: [isActive] }` before, or write `isActive != \"false\"`\n",
    );
    check(
        &format!("{csv}stages:\n  - filter: level == 5 || level in [3, 4]\n"),
        2,
        &format!(
            "p.yaml:4:13: stage 1 (filter): `level == 5` compares text with a number: {number}, or write `level == \"5\"`; \
             `level in [3, 4]` compares text with a number: {number}, or write `level in [\"3\", \"4\"]`\n"
        ),
    );
    check(
        &format!("{csv}stages:\n  - filter: level < 6\n  - filter: '!isActive'\n"),
        2,
        &format!(
            "p.yaml:4:13: stage 1 (filter): `level < 6` compares text with a number: {number}\n\
             p.yaml:5:13: stage 2 (filter): `!isActive` needs true or false, and `isActive` is text: a CSV column is text \
             until a `boolean` stage has run; add `- boolean: {{ columns: [isActive] }}` before, or compare it, as in \
             `isActive == \"Y\"`\n"
        ),
    );
    check(
        &format!("{csv}stages:\n  - set: {{ next: level + 1 }}\n"),
        2,
        &format!(
            "p.yaml:4:18: stage 1 (set): `next`: `level + 1`: `+` does not take text and a number: {number}, \
             or join text with `string(1)`\n"
        ),
    );
    check(
        &format!("{csv}validate:\n  rows:\n    - {{ assert: level > 0, code: low }}\n"),
        2,
        &format!("p.yaml:5:17: `level > 0` compares text with a number: {number}\n"),
    );
    // stages before it count, whatever name the column has by then
    for (stages, code) in [
        ("  - number: [level]\n  - filter: level > 4\n", 0),
        (
            "  - number: [level]\n  - rename: { level: grade }\n  - filter: grade > 4\n",
            0,
        ),
        (
            "  - number: [level]\n  - coalesce: { columns: [level, other], into: any }\n  - filter: any > 4\n",
            0,
        ),
        ("  - set: { n: 5 }\n  - filter: n > 4\n", 0),
        ("  - set: { n: int(level) }\n  - filter: n > 4\n", 0),
        ("  - set: { n: level.trim() }\n  - filter: n > 4\n", 2),
        (
            "  - number: [level]\n  - map: { column: level, values: { \"1\": x }, default: y }\n  - filter: level > 4\n",
            2,
        ),
        (
            "  - number: [level]\n  - concat: { columns: [level], by: \"\", into: c }\n  - filter: c > 4\n",
            2,
        ),
        ("  - boolean: [level]\n  - filter: level == \"true\"\n", 2),
        (
            "  - lookup: { file: t.csv, key: { column: level }, take: { pay: pay } }\n  - filter: pay > 4\n",
            2,
        ),
        (
            "  - hash: { columns: [level], key: { env: K } }\n  - filter: level == 4\n",
            2,
        ),
        (
            "  - split: { column: level, by: \"-\", into: [a, b] }\n  - filter: b == 4\n",
            2,
        ),
        (
            "  - date: { columns: [level], from: DD/MM/YYYY }\n  - filter: level > 2020\n",
            2,
        ),
        (
            "  - date: { columns: [level], from: DD/MM/YYYY }\n  - filter: level > \"2020-01-01\"\n",
            0,
        ),
        (
            "  - lookup: { file: t.csv, key: { column: level }, take: { pay: pay } }\n  - number: [pay]\n  - filter: pay > 4\n",
            0,
        ),
    ] {
        pipeline(dir.path(), &format!("{csv}stages:\n{stages}"));
        let (found, _, stderr) = run(dir.path(), &["lint", "p.yaml"]);
        assert_eq!(found, code, "{stages}{stderr}");
    }
    // on JSON, and where the source is not stated, cells may be of any kind
    for source in ["{ path: w.json, format: json }", "{ path: w.csv }"] {
        check(
            &format!("source: {source}\nstages:\n  - filter: level == 5\n"),
            0,
            "p.yaml: ok\n",
        );
        check(
            &format!("source: {source}\nstages:\n  - filter: '\"5\" == 5'\n"),
            2,
            "p.yaml:4:13: stage 1 (filter): `\"5\" == 5` compares text with a number, which is the same for every row\n",
        );
    }
    check(
        "source: { path: w.json, format: ndjson }\nstages:\n  - number: [level]\n  - filter: level == \"5\"\n",
        0,
        "p.yaml:5:13: warning: stage 2 (filter): `level == \"5\"` compares a number with text: `level` is a number at this point; \
         write `level == 5`\np.yaml: ok\n",
    );
}

/// Whatever makes a run read a source as CSV tells lint, too.
#[test]
fn a_setting_of_csv_tells_lint_the_format() {
    let dir = tempfile::tempdir().unwrap();
    for csv in [
        "delimiter: ;",
        "skip_lines: 1",
        "comment: \"#\"",
        "footer: ^Total",
        "header: 2",
        "columns: [level, b]",
    ] {
        let source = format!("source: {{ path: w, csv: {{ {csv} }} }}\n");
        pipeline(
            dir.path(),
            &format!("{source}stages:\n  - filter: level > 4\n"),
        );
        let (code, _, stderr) = run(dir.path(), &["lint", "p.yaml"]);
        assert_eq!(code, 2, "{csv}: {stderr}");
        assert!(stderr.contains("compares text with a number"), "{stderr}");
    }
}

/// What shows when the source is open.
#[test]
fn a_header_tells_what_lint_could_not() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "w.csv", CSV);
    for command in ["check", "run", "preview"] {
        pipeline(dir.path(), "stages:\n  - filter: level > 4\n");
        let (code, _, stderr) = run(dir.path(), &["-q", command, "p.yaml"]);
        assert_eq!(
            (code, stderr.trim_start_matches("error: ")),
            (
                2,
                "p.yaml:3:13: stage 1 (filter): `level > 4` compares text with a number: a CSV column is text until a `number` \
                 stage has run; add `- number: { columns: [level] }` before\n"
            ),
            "{command}"
        );
    }
}

/// The warnings of `check`.
fn warnings(dir: &Path, command: &str) -> (i32, Vec<String>) {
    let (code, _, stderr) = run(dir, &[command, "p.yaml"]);
    let lines = stderr.lines().filter(|line| line.starts_with("warning"));
    (code, lines.map(str::to_owned).collect())
}

#[test]
fn json_that_never_meets_a_kind_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let expected = "stage 1 (filter): `level != 5` compares `level` with a number, but no row has a number there";
    write(
        dir.path(),
        "w.csv",
        "{\"level\":\"5\"}\n{\"level\":\"6\"}\n",
    );
    pipeline(dir.path(), "stages:\n  - filter: level != 5\n");
    for command in ["check", "preview"] {
        let (code, found) = warnings(dir.path(), command);
        assert_eq!(code, 0, "{command}");
        assert!(found.iter().any(|w| w.ends_with(expected)), "{found:?}");
    }
    write(dir.path(), "w.csv", "{\"level\":\"5\"}\n{\"level\":6}\n");
    assert_eq!(warnings(dir.path(), "check").1, [""; 0]);
}

#[test]
fn a_filter_that_leaves_nobody_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "w.csv", CSV);
    pipeline(dir.path(), "stages:\n  - filter: level == \"9\"\n");
    let (code, found) = warnings(dir.path(), "check");
    assert_eq!(code, 0);
    let expected = "no row is left to send: all 3 were left out by a filter";
    assert!(found.iter().any(|w| w.ends_with(expected)), "{found:?}");
    // and nothing is deleted for it
    let whole = std::fs::read_to_string(dir.path().join("p.yaml")).unwrap();
    let deleting = whole.replace(
        "{ sandbox: }",
        "{ sandbox: { identify_by: { id_key: employeeID }, implicit_delete: true } }",
    );
    write(dir.path(), "p.yaml", &deleting);
    let (code, _, stderr) = run(dir.path(), &["run", "p.yaml"]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
}

/// A number in `set` is a number however its digits look, and they stay as they are.
#[test]
fn a_number_that_is_set_keeps_its_digits() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "w.csv", "employeeID\n1\n");
    pipeline(
        dir.path(),
        "stages:\n  - set:\n      whole: { value: 1 }\n      half: { value: 0.5 }\n      full: { value: 1.0 }\n      most: { value: 0.80 }\n\
         \x20     thousand: { value: 1e3 }\n      short: 1.0\n      long: { value: 12345678901234567890.10 }\n\
         \x20     code: { value: 007 }\n      text: { value: \"1.0\" }\n",
    );
    let (code, stdout, stderr) = run(dir.path(), &["-q", "preview", "p.yaml", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let after = stdout.split("\"after\":").nth(1).unwrap();
    let expected = "{\"employeeID\":\"1\",\"whole\":1,\"half\":0.5,\"full\":1.0,\"most\":0.80,\"thousand\":1e3,\"short\":1.0,\
                    \"long\":12345678901234567890.10,\"code\":\"007\",\"text\":\"1.0\"";
    assert!(after.contains(&expected[1..]), "{after}");
}
