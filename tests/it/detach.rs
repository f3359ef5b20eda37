//! `run --detach`: the import is asked for, and its results are left to `resume`.

use crate::support::{Rig, workers};

#[test]
fn what_is_left_is_taken_up() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(30) + "broken\n");
    rig.pipeline(
        "source: { path: workers.csv }\nrejects: { at_most: 50% }",
        "action: create",
    );
    let ended = rig.run(&["--detach"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "detached");
    assert!(ended.report["error"].is_null());
    let run = ended.report["run_id"].as_str().unwrap();
    ended.says("detached, the import job goes on at the server");
    ended.says(&format!("to go on    rostream resume {run}"));
    assert_eq!(ended.report["counts"]["unprocessed"], 30);
    assert!(rig.read("rejects.csv").contains("ragged"));
    // The next night does not begin before this one is settled.
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 6, "{stderr}");
    let (_, runs) = rig.put_out(&["runs", "pipeline.yaml"]);
    assert!(runs.contains(run), "{runs}");
    let resumed = rig.tell(&["resume"]);
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert_eq!(resumed.report["counts"]["accepted"], 30);
    assert_eq!(rig.items().len(), 30);
    let again = rig.run(&[]);
    assert_eq!(again.code, 3, "{}", again.stderr);
}

#[test]
fn where_nothing_can_be_left() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(3));
    rig.pipeline("source: { path: workers.csv }", "action: create");
    let check = |args: &[&str], says: &str| {
        let (code, stderr) = rig.ask(args);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    };
    check(
        &["run", "pipeline.yaml", "pipeline.yaml", "--detach"],
        "each of several pipelines waits for the one before it",
    );
    check(
        &["run", "pipeline.yaml", "--detach", "--dry-run"],
        "cannot be used with",
    );
    let sandbox = "version: 1\nsource: { path: workers.csv }\ntarget: { sandbox: }\n";
    rig.write("sandbox.yaml", sandbox);
    check(
        &["run", "sandbox.yaml", "--detach"],
        "the sandbox inside this program ends with it",
    );
    assert_eq!(rig.taken().1, 0);
}

/// The rows that go first are waited for: their results decide about the others.
#[test]
fn the_first_rows_are_waited_for() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(30));
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }",
        "action: createOrUpdate\nidentify_by: { id_key: employeeID }",
    );
    let ended = rig.run(&["--detach", "--first", "10"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["first"]["accepted"], 10);
    assert_eq!(ended.report["outcome"], "detached");
    let resumed = rig.tell(&["resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(rig.items().len(), 30);
}
