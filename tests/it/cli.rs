//! The frame of the command line: usage, exit codes, schema, completions.

use std::io::Read;
use std::process::Stdio;

use crate::{outcome, rostream, run};

#[test]
fn usage_errors_are_exit_2_and_help_is_0() {
    let here = std::env::temp_dir();
    for (args, expected) in [
        (vec![], 2),
        (vec!["nonsense"], 2),
        (vec!["lint"], 2),
        (vec!["lint", "--set", "x", "a.yaml"], 2),
        (vec!["lint", "-v", "-q", "a.yaml"], 2),
        (vec!["completions", "tcsh"], 2),
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["lint", "--help"], 0),
    ] {
        let (code, stdout, stderr) = run(&here, &args);
        assert_eq!(code, expected, "{args:?} {stderr}");
        assert_eq!(stdout.is_empty(), expected != 0, "{args:?}");
        assert_eq!(stderr.is_empty(), expected == 0, "{args:?}");
    }
}

#[test]
fn the_schema_is_json_for_editors() {
    let (code, stdout, stderr) = run(&std::env::temp_dir(), &["schema"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let schema: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["title"], "rostream pipeline");
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, stdout, stderr) = run(&std::env::temp_dir(), &["completions", shell]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{shell}");
        assert!(stdout.contains("rostream"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = rostream(&std::env::temp_dir(), &["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), stderr.as_str()),
        (Some(0), "")
    );
}

#[test]
fn other_crates_are_never_logged() {
    let output = rostream(&std::env::temp_dir(), &["-vvv", "schema"])
        .env("RUST_LOG", "trace,hyper=trace,rustls=trace")
        .output()
        .unwrap();
    let (code, _, stderr) = outcome(output);
    assert_eq!(code, 0);
    assert!(
        !stderr.contains("hyper") && !stderr.contains("rustls"),
        "{stderr}"
    );
}
