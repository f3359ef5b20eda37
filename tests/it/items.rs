//! The results file: what became of every item, by key and line, with the server's id.

use std::fs;

use crate::support::{Call, Deed, Rig, mode};

const SECTIONS: &str = "source: { path: workers.csv }\nrejects: { path: rejects.csv, at_most: 50% }\n\
                        results: { path: out/results.csv }";

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

/// A line of people without the ids that the sandbox makes.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let (rest, id) = line.rsplit_once(',').unwrap();
        let id = match id.len() {
            36 => "ID",
            _ => id,
        };
        out += &format!("{rest},{id}\n");
    }
    out
}

fn rig(key: &str, echo: bool) -> Rig {
    let rig = Rig::holding(r#"[{"employeeID":"2"}]"#, |settings| {
        settings.echo_identifier = echo
    });
    rig.write(
        "workers.csv",
        "employeeID,fullName\n1,Ann\n2,Bob\n3,\"Cid\nDo\"\n4,Dee\n",
    );
    rig.pipeline(&format!("{SECTIONS}\n{key}"), IMPORT);
    rig
}

const EXPECTED: &str = "key,file,line,action,status,code,id\n\
                        1,workers.csv,2,createOrUpdate,success,,ID\n\
                        2,workers.csv,3,createOrUpdate,success,,ID\n\
                        3,workers.csv,4,createOrUpdate,success,,ID\n\
                        4,workers.csv,6,createOrUpdate,success,,ID\n";

#[test]
fn every_item_has_its_line_and_its_id() {
    const CHECKED: &str = "validate: { key: employeeID }";
    // A row's id is that of the result which names it, or the order is stated.
    let by_key_alone = EXPECTED.replace("1,workers.csv,2,", "1,,,");
    let by_key_alone = by_key_alone.replace("2,workers.csv,3,", "2,,,");
    let by_key_alone = by_key_alone.replace("3,workers.csv,4,", "3,,,");
    let by_key_alone = by_key_alone.replace("4,workers.csv,6,", "4,,,");
    let without = EXPECTED.replace("ID\n", "\n");
    for (key, echo, order, expected) in [
        (CHECKED, true, "", EXPECTED),
        (CHECKED, false, "\nmatch_results: order", EXPECTED),
        ("", true, "\nmatch_results: order", EXPECTED),
        ("", false, "\nmatch_results: order", EXPECTED),
        (CHECKED, false, "", &without),
        ("", false, "", &without),
        ("", true, "", &by_key_alone),
    ] {
        let rig = rig(key, echo);
        rig.pipeline(&format!("{SECTIONS}\n{key}"), &format!("{IMPORT}{order}"));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.says("results     out/results.csv");
        let path = rig.path("out/results.csv");
        assert_eq!(mode(&path), 0o600);
        let text = rig.read("out/results.csv");
        assert_eq!(without_ids(&text), expected, "{key} {echo} {order}");
        let said = ended
            .stderr
            .matches("the results file does not tell")
            .count();
        assert_eq!(said, usize::from(expected != EXPECTED), "{}", ended.stderr);
        let run = ended.report["run_id"].as_str().unwrap();
        fs::remove_file(&path).unwrap();
        let again = rig.tell(&["results", run]);
        assert_eq!(again.code, 0, "{}", again.stderr);
        assert_eq!(rig.read("out/results.csv"), text);
    }
}

#[test]
fn by_resume_too_and_refused_ones_with_their_code() {
    const RESULTS: &str = r#"[{"_id":"a","employeeID":"2","_action":"update","_status":"success"},
        {"_id":null,"employeeID":"1","_action":"create","_status":"failed","errors":[{"name":"Bad","code":"40001"}]},
        {"_status":"failed","error":"CANARY"},{"_id":"d","employeeID":"4","_status":"success"},
        {"_id":"z","employeeID":"9","_action":"delete","_status":"success"}]"#;
    let rig = rig("validate: { key: employeeID }", true).behind(|call| match call {
        Call {
            step: "results",
            before: 0,
        } => Deed::Kill,
        Call {
            step: "results", ..
        } => Deed::Answer(200, RESULTS),
        _ => Deed::Pass,
    });
    rig.run_and_be_killed();
    assert!(!rig.path("out/results.csv").exists());
    let ended = rig.tell(&["resume"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(
        rig.read("out/results.csv"),
        "key,file,line,action,status,code,id\n\
         2,workers.csv,3,update,success,,a\n\
         1,workers.csv,2,create,failed,Bad,\n\
         ,,,,failed,,\n\
         4,workers.csv,6,,success,,d\n\
         9,,,delete,success,,z\n"
    );
    let left: Vec<_> = fs::read_dir(rig.path("out")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn those_of_a_retry_and_of_corrected_rows_stand_beside() {
    let rig = rig("validate: { key: employeeID }", true);
    rig.pipeline(
        &format!("{SECTIONS}\nvalidate: {{ key: employeeID }}"),
        "action: update\nidentify_by: { id_key: employeeID }",
    );
    let first = rig.run(&[]);
    assert_eq!(first.count("failed"), 3, "{}", first.stderr);
    let text = rig.read("out/results.csv");
    assert!(
        text.contains("\n1,workers.csv,2,update,failed,SandboxItemNotFound,\n"),
        "{text}"
    );
    let run = first.report["run_id"].as_str().unwrap();
    assert_eq!(rig.tell(&["retry", run]).count("failed"), 3);
    assert_eq!(rig.read("out/results.retry.csv").lines().count(), 4);
    rig.write("mended.csv", "employeeID,fullName\n2,Bobby\n");
    assert_eq!(rig.run(&["--mend", "mended.csv"]).code, 0);
    assert_eq!(rig.read("out/results.mend.csv").lines().count(), 2);
    assert_eq!(rig.read("out/results.csv"), text);
}

#[test]
fn a_file_that_can_not_be_written() {
    let rig = rig("validate: { key: employeeID }", true);
    fs::create_dir_all(rig.path("out/results.csv")).unwrap();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("the import was completed, but the results file out/results.csv can't be written");
    assert_eq!(ended.count("accepted"), 4);
    fs::remove_dir(rig.path("out/results.csv")).unwrap();
    let run = ended.report["run_id"].as_str().unwrap();
    assert_eq!(ended.report["next"], format!("rostream results {run}"));
    assert_eq!(rig.tell(&["results", run]).code, 0);
    assert_eq!(without_ids(&rig.read("out/results.csv")), EXPECTED);
}

#[test]
fn places_that_are_taken() {
    let rig = rig("", true);
    for (path, expected) in [
        ("workers.csv", "written over the source"),
        ("rejects.csv", "this is the rejects file"),
        ("pipeline.yaml", "this is the pipeline file itself"),
        ("'-'", "expected the path of a file"),
    ] {
        let text = SECTIONS.replace("out/results.csv", path);
        rig.pipeline(&text, IMPORT);
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{path}: {stderr}");
        assert!(stderr.contains(expected), "{path}: {stderr}");
        assert!(stderr.contains("pipeline.yaml:4:"), "{path}: {stderr}");
    }
}
