//! The formats of a source, as users meet them: stated or found out, columns stated or not, of a file or a stream.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::{outcome, rostream};

/// Two people with a member or cell more than is wanted.
const CSV: &str = "ID,Name,NI\n1,\"Fallow, Jens\",x\n2,Ann,\n";
const TSV: &str = "ID\tName\tNI\n1\tFallow, Jens\tx\n2\tAnn\t\n";
const NDJSON: &str = "{\"ID\":\"1\",\"Name\":\"Fallow, Jens\",\"NI\":\"x\"}\n{\"ID\":\"2\",\"Name\":\"Ann\",\"NI\":\"\"}\n";
const JSON: &str = "[{\"ID\":\"1\",\"Name\":\"Fallow, Jens\",\"NI\":\"x\"},\n{\"ID\":\"2\",\"Name\":\"Ann\",\"NI\":\"\"}]\n";

/// What a preview shows of a source: the columns, sorted, and the first row's name; or the exit code.
fn preview(source: &str, file: &str, text: &str) -> Result<(String, String), i32> {
    let dir = tempfile::tempdir().unwrap();
    let stream = file == "-";
    if !stream {
        std::fs::write(dir.path().join(file), text).unwrap();
    }
    let pipeline =
        format!("version: 1\nsource: {{ path: \"{file}\", {source} }}\ntarget: {{ sandbox: }}\n");
    std::fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
    let mut child = rostream(dir.path(), &["preview", "p.yaml", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if stream {
        // Who has seen enough may be gone by then.
        let _ = stdin.write_all(text.as_bytes());
    }
    drop(stdin);
    let (code, stdout, stderr) = outcome(child.wait_with_output().unwrap());
    if code != 0 {
        assert_eq!(stdout, "", "{stderr}");
        return Err(code);
    }
    let rows: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2, "{stderr}");
    let mut columns: Vec<&str> = (rows[0]["before"].as_object().unwrap().keys())
        .map(String::as_str)
        .collect();
    columns.sort_unstable();
    let name = rows[0]["after"]["Name"].as_str().unwrap_or_default();
    Ok((columns.join(" "), name.to_owned()))
}

#[test]
fn stated_or_found_out() {
    let all = || Ok(("ID NI Name".to_owned(), "Fallow, Jens".to_owned()));
    let wanted = || Ok(("ID Name".to_owned(), "Fallow, Jens".to_owned()));
    let columns = "json: { columns: [Name, ID], unknown: ignore }";
    let mut wrong = Vec::new();
    let mut check =
        |source: &str, file: &str, text: &str, expected: Result<(String, String), i32>| {
            let found = preview(source, file, text);
            if found != expected {
                wrong.push(format!(
                    "{source} of {file}: expected {expected:?}, found {found:?}"
                ));
            }
        };
    for (format, text, file) in [("json", JSON, "w.json"), ("ndjson", NDJSON, "w.ndjson")] {
        for stated in ["auto", format] {
            for file in [file, "-"] {
                check(&format!("format: {stated}"), file, text, all());
                check(
                    &format!("format: {stated}, {columns}"),
                    file,
                    text,
                    wanted(),
                );
            }
        }
    }
    for stated in ["auto", "csv"] {
        for file in ["w.csv", "-"] {
            check(&format!("format: {stated}"), file, CSV, all());
        }
    }
    // Columns of JSON say nothing of CSV.
    check(&format!("format: auto, {columns}"), "w.csv", CSV, all());
    for file in ["w.tsv", "w.TAB", "-"] {
        check("format: tsv", file, TSV, all());
    }
    for file in ["w.tsv", "w.TAB"] {
        check("format: auto", file, TSV, all());
    }
    check("format: auto, csv: { delimiter: tab }", "-", TSV, all());
    // A stream has no name that tells, and what is stated counts for more than a name.
    check("format: auto", "-", TSV, Err(2));
    check("format: csv", "w.tsv", CSV, all());
    check("format: csv", "w.tsv", TSV, Err(2));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
