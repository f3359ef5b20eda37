//! `rostream lint`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::{outcome, rostream, run};

const GOOD: &str =
    "version: 1\nsource: { path: workers.csv }\nrejects: { at_most: 1% }\ntarget: { sandbox: }\n";

fn bad() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad")
}

/// Every `bad/*.yaml` gives exactly what stands in the `.txt` beside it, and exit code 2.
#[test]
fn every_bad_file_gives_its_message() {
    let mut seen = 0;
    for entry in std::fs::read_dir(bad()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        let (code, stdout, stderr) = run(&bad(), &["lint", name]);
        assert_eq!(stderr, expected, "{name}");
        assert_eq!((code, stdout.as_str()), (2, ""), "{name}");
        assert!(!stderr.contains("canary"), "{name}");
        seen += 1;
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn good_files_are_ok() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), GOOD).unwrap();
    std::fs::write(dir.path().join("b.yaml"), GOOD).unwrap();
    let check = |args: &[&str], code: i32, stdout: &str, stderr: &str| {
        let mut all = vec!["lint"];
        all.extend_from_slice(args);
        let expected = (code, stdout.to_owned(), stderr.to_owned());
        assert_eq!(run(dir.path(), &all), expected, "{args:?}");
    };
    check(&["a.yaml", "b.yaml"], 0, "", "a.yaml: ok\nb.yaml: ok\n");
    check(&["-q", "a.yaml"], 0, "", "");
    check(&["-vvv", "a.yaml"], 0, "", "a.yaml: ok\n");
    check(
        &["a.yaml", "c.yaml"],
        2,
        "",
        "a.yaml: ok\nc.yaml: cannot be read: there is no such file\n",
    );
    check(
        &["a.yaml", "--set", "upload.rate=5MB", "--set=name=x"],
        2,
        "",
        "--set upload.rate: expected a rate above zero with its unit, such as 20MB/s or 512KiB/s, found `5MB`\n",
    );
    check(
        &[
            "a.yaml",
            "--set",
            "target.sandbox.callback=https://example.com/{{count}}",
        ],
        0,
        "",
        "--set target.sandbox.callback: warning: the variable `count` is not documented\n  \
         help: documented are: jobStatus, traceId, tenantId\na.yaml: ok\n",
    );
    check(
        &["a.yaml", "--json"],
        0,
        "{\n  \"ok\": true,\n  \"files\": [\n    {\n      \"file\": \"a.yaml\",\n      \"ok\": true,\n      \"findings\": []\n    }\n  ]\n}\n",
        "",
    );
}

#[test]
fn findings_as_json() {
    let (code, stdout, stderr) = run(&bad(), &["lint", "--json", "wrong_tenant.yaml"]);
    assert_eq!((code, stderr.as_str()), (2, ""));
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(
        report["files"][0]["findings"][1],
        serde_json::json!({
            "severity": "error",
            "line": 7,
            "column": 14,
            "message": "expected the UUID of a data set, such as 6586F21B-AD4D-4D06-A309-712AF47184A2",
            "help": "of a data set by its name, write `dataset: { name: People }`",
        })
    );
}

#[test]
fn a_pipeline_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = rostream(dir.path(), &["lint", "-", "--set", "source.path=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(GOOD.as_bytes())
        .unwrap();
    let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
    assert_eq!(code, 2);
    assert_eq!(
        stderr,
        "--set source.path: standard input already holds the pipeline file\n"
    );
}

#[test]
fn variables_come_from_the_environment() {
    let output = rostream(&bad(), &["lint", "undefined_variable.yaml"])
        .env("EXPORTS", "/data")
        .env("HOOK", "https://example.com/hook")
        .output()
        .unwrap();
    let (code, _, stderr) = outcome(output);
    assert_eq!(
        (code, stderr.as_str()),
        (0, "undefined_variable.yaml: ok\n")
    );
}
