//! Whose a result is, and which files are whose: what is written down of a row is its own, and no file is replaced that
//! somebody else wrote.

use std::fs;

use rostream::internals::sandbox::options::ResultOrder;

use crate::support::{Rig, mode, workers};

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

/// Every id that the server has, by its key.
fn ids(rig: &Rig) -> Vec<(String, String)> {
    let items = rig.items_with_ids();
    let item = |text: &String| {
        let item: serde_json::Value = serde_json::from_str(text).unwrap();
        let of = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        (of("employeeID"), of("_id"))
    };
    items.iter().map(item).collect()
}

#[test]
fn ids_and_faults_of_results_without_keys_are_given_to_nobody() {
    const SECTIONS: &str = "source: { path: workers.csv }\nrejects: { path: rejects.csv, at_most: 50% }\n\
                            results: { path: results.csv }\nvalidate: { key: employeeID }";
    for (action, code) in [("createOrUpdate", 0), ("create", 3)] {
        let rig = Rig::holding(r#"[{"employeeID":"00000003"}]"#, |settings| {
            settings.echo_identifier = false;
            settings.result_order = ResultOrder::Shuffled;
        });
        rig.write("workers.csv", workers(20));
        rig.pipeline(
            SECTIONS,
            &format!("action: {action}\nidentify_by: {{ id_key: employeeID }}"),
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        ended.says("the results file does not tell which ids and rows belong together");
        assert_eq!(rig.read("rejects.csv").lines().count(), 1);
        let known = ids(&rig);
        let results = rig.read("results.csv");
        assert_eq!(results.lines().count(), 21, "{results}");
        for line in results.lines().skip(1) {
            let cells: Vec<_> = line.split(',').collect();
            let (key, id) = (cells[0].to_owned(), cells[6].to_owned());
            let is_whole = !key.is_empty() && !id.is_empty();
            assert!(!is_whole || known.contains(&(key, id)), "{line}");
        }
    }
}

#[test]
fn addresses_are_written_over_an_earlier_pair_and_nothing_else() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(1));
    rig.pipeline("source: { path: workers.csv }", IMPORT);
    fs::create_dir(rig.path("folder")).unwrap();
    rig.write("other.json", "{\"get\":\"a\",\"put\":\"b\"}");
    for taken in [
        "workers.csv",
        "pipeline.yaml",
        "token",
        "folder",
        "other.json",
    ] {
        let before = fs::read(rig.path(taken)).ok();
        let (code, stderr) = rig.ask(&["generate", "pipeline.yaml", "--out", taken]);
        assert_eq!(code, 2, "{taken}: {stderr}");
        assert!(
            stderr.contains("that is not a pair of addresses"),
            "{stderr}"
        );
        assert_eq!(fs::read(rig.path(taken)).ok(), before);
    }
    for _ in 0..2 {
        let (code, stderr) = rig.ask(&["generate", "pipeline.yaml", "--out", "pair.json"]);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(mode(&rig.path("pair.json")), 0o600);
    }
}

#[test]
fn what_is_read_is_not_written_over() {
    let rig = Rig::new();
    for (path, what) in [
        ("aliases.csv", "this is the file of aliases"),
        ("lookup.csv", "this is a lookup file"),
        ("hash.key", "this is the key of a `hash` stage"),
        ("state.key", "this is the key of the state"),
        ("./token", "this is the token file"),
    ] {
        for section in ["results", "rejects"] {
            rig.pipeline(
                &format!(
                    "source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\naliases: {{ path: aliases.csv }}\n\
                     state: {{ key: {{ file: state.key }} }}\nstages:\n  \
                     - lookup: {{ file: lookup.csv, key: {{ column: fullName }}, take: {{ a: b }} }}\n  \
                     - hash: {{ columns: [fullName], key: {{ file: hash.key }} }}\n{section}: {{ path: {path} }}"
                ),
                IMPORT,
            );
            let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
            assert_eq!(code, 2, "{stderr}");
            assert!(stderr.contains(what), "{stderr}");
            assert!(stderr.contains(&format!("which the {section} would be written over")));
            assert!(stderr.contains("pipeline.yaml:9:"), "{stderr}");
        }
    }
}

#[test]
fn a_run_that_sends_no_row_leaves_no_results_of_another() {
    const HEADER: &str = "key,file,line,action,status,code,id\n";
    let rig = Rig::new();
    rig.write("workers.csv", workers(3));
    rig.pipeline(
        "source: { path: workers.csv, nothing: ok }\nvalidate: { key: employeeID }\nresults: { path: results.csv }",
        "action: { delta: store }\nidentify_by: { id_key: employeeID }",
    );
    let lines = || rig.read("results.csv").lines().count();
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(lines(), 4);
    // Nothing has changed.
    let ended = rig.run(&[]);
    assert_eq!((ended.code, rig.read("results.csv").as_str()), (0, HEADER));
    // Deletions alone.
    rig.write("workers.csv", workers(4));
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(lines(), 2);
    rig.write("workers.csv", workers(3));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    assert_eq!(rig.read("results.csv"), HEADER);
    // No file.
    rig.write("workers.csv", workers(4));
    assert_eq!(rig.run(&[]).code, 0);
    fs::remove_file(rig.path("workers.csv")).unwrap();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.read("results.csv"), HEADER);
}

#[test]
fn a_retry_of_which_everything_is_refused_again_has_failed() {
    let rig = Rig::holding(r#"[{"employeeID":"00000003"}]"#, |_| {});
    rig.write("workers.csv", workers(3));
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }\nrejects: { path: rejects.csv, at_most: 90% }",
        "action: update\nidentify_by: { id_key: employeeID }",
    );
    let first = rig.run(&[]);
    assert_eq!(
        (first.code, first.count("failed")),
        (3, 2),
        "{}",
        first.stderr
    );
    let run = first.report["run_id"].as_str().unwrap();
    for _ in 0..2 {
        let ended = rig.tell(&["retry", run]);
        assert_eq!(
            (ended.code, ended.count("failed")),
            (5, 2),
            "{}",
            ended.stderr
        );
        ended.says("the server refused all 2 rows that were sent");
    }
    // One of the two goes in by other means, as somebody else.
    rig.write("mended.csv", "employeeID,fullName\n00000003,Cid\n");
    assert_eq!(rig.run(&["--mend", "mended.csv"]).code, 0);
    let (code, stderr) = rig.ask(&["retry", run]);
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("is left refused"), "{stderr}");
    assert!(
        stderr.contains("the server refused 2 rows that may be corrected"),
        "{stderr}"
    );
}

#[test]
fn few_faults_of_a_sensitive_column_are_not_counted() {
    let rig = Rig::new();
    rig.write(
        "workers.csv",
        "employeeID,gender,grade\n1,f,G1\n2,CANARY,G1\n3,f,\n",
    );
    rig.pipeline(
        "source: { path: workers.csv }\nsensitive: [gender]\nrejects: { path: rejects.csv, at_most: 90% }\n\
         validate: { key: employeeID, columns: { gender: { one_of: [f, m] }, grade: { required: true } } }",
        IMPORT,
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = &ended.report["rejects"];
    for column in rejects["by_column"].as_array().unwrap() {
        let faults = match &column["column"] {
            name if name == "gender" => "fewer than 5".into(),
            _ => serde_json::Value::from(1),
        };
        assert_eq!(column["faults"], faults);
    }
    assert_eq!(
        rejects["by_code"]
            .to_string()
            .matches("fewer than 5")
            .count(),
        1
    );
    let line = |name: &str| {
        let mut lines = ended.stderr.lines();
        lines
            .find(|line| line.trim_start().starts_with(name))
            .unwrap()
    };
    assert!(line("gender").ends_with("fewer than 5"), "{}", ended.stderr);
    assert!(line("grade").ends_with(" 1"), "{}", ended.stderr);
}
