//! What guards stopped, and what it takes to do it all the same: exactly that, once.

use std::fs;

use serde_json::Value;

use crate::support::{Deed, Ended, Rig, mode, workers};

const DELETES: &str = "identify_by: { id_key: employeeID }\nimplicit_delete: true";

/// A data set of 200 people that a first run has made, and half an extract for the next one.
fn half() -> Rig {
    half_of(
        Rig::new(),
        "guard: { min_rows: { first: 100 }, max_delete: 2% }",
    )
}

fn half_of(rig: Rig, sections: &str) -> Rig {
    rig.write("workers.csv", workers(200));
    let sections = format!("name: nightly\nsource: {{ path: workers.csv }}\n{sections}");
    rig.pipeline(&sections, DELETES);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    rig.write("workers.csv", workers(100));
    rig
}

/// The hash of the only command that a run names that was stopped.
#[track_caller]
fn offered(ended: &Ended) -> String {
    let command = ended.report["next"].as_str().unwrap_or_default();
    let line = ended.stderr.lines().last().unwrap();
    assert_eq!(line, command, "{}", ended.stderr);
    let (before, hash) = command.split_once(" --approve ").unwrap();
    assert_eq!(before, "rostream run pipeline.yaml");
    hash.to_owned()
}

#[track_caller]
fn stopped(rig: &Rig, args: &[&str]) -> Ended {
    let (taken, items) = (rig.taken(), rig.items());
    let ended = rig.run(args);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!((rig.taken(), rig.items()), (taken, items));
    ended
}

fn decisions(ended: &Ended) -> Vec<(&str, &str)> {
    let guards = ended.report["guards"].as_array().unwrap();
    let word = |guard: &Value, name: &str| guard[name].as_str().unwrap().to_owned();
    let decisions = guards
        .iter()
        .map(|guard| (word(guard, "guard"), word(guard, "decision")));
    decisions
        .map(|(guard, decision)| (&*guard.leak(), &*decision.leak()))
        .collect()
}

/// It says what it saw, against what, which rules, and the one command; and no request is made.
#[test]
fn half_an_extract_goes_once_when_it_is_approved() {
    let rig = half().behind(|_| Deed::Pass);
    let ended = stopped(&rig, &[]);
    assert_eq!(
        rig.calls("generate") + rig.calls("put") + rig.calls("import"),
        0
    );
    ended.says(
        "the upload names 100 rows, and that of the last accepted run named 200, so that 100 would be deleted",
    );
    ended.says(
        "guard.max_delete: 100 or more people would be deleted (100 or more whom no row names), of 200 at the target, and \
         no more than 2% may be, which is 4; nothing was sent",
    );
    assert_eq!(
        decisions(&ended),
        [
            ("reject_limit", "passed"),
            ("min_rows", "stopped"),
            ("max_delete", "stopped")
        ]
    );
    let hash = offered(&ended);
    let file = rig.path(&format!("state/approval-{hash}.json"));
    assert_eq!(mode(&file), 0o600);
    // Stopped again, it is the same plan.
    assert_eq!(offered(&stopped(&rig, &[])), hash);
    // A file that was copied is the same file.
    fs::copy(rig.path("workers.csv"), rig.path("copy.csv")).unwrap();
    let copied = rig.run(&["--set", "source.path=copy.csv", "--approve", &hash]);
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    assert_eq!(rig.items().len(), 100);
    assert_eq!(copied.report["approval"]["hash"], *hash);
    let overrode = &copied.report["approval"]["overrode"];
    assert_eq!(*overrode, serde_json::json!(["min_rows", "max_delete"]));
    assert_eq!(
        decisions(&copied),
        [
            ("reject_limit", "passed"),
            ("min_rows", "approved"),
            ("max_delete", "approved")
        ]
    );
    copied.says(&format!("approval    {hash} at "));
    copied.says("over min_rows, max_delete");
    copied.says("not told by the server, of the items that no row names: 100 or more");
    // It holds once.
    let again = stopped(&rig, &["--approve", &hash]);
    again.says(&format!("the approval {hash} was used by run "));
    assert_eq!(again.report["error"]["code"], "approval");
    assert_eq!(rig.run(&[]).code, 0);
}

#[test]
fn a_stale_hash_is_none() {
    let rig = half();
    let hash = offered(&stopped(&rig, &[]));
    let check = |args: &[&str], words: &str| {
        let args = [args, &["--approve", &hash]].concat();
        let ended = stopped(&rig, &args);
        ended.says(words);
        assert_eq!(ended.report["approval"], Value::Null);
    };
    check(
        &["--set", "guard.max_delete=1%"],
        "what would be done now is not what was approved",
    );
    check(
        &["--set", "guard.max_delete=1%"],
        "the pipeline was changed",
    );
    // Another extract, even one that no guard would stop.
    rig.write("workers.csv", workers(99));
    check(&[], "the source, or what it is looked up in, was changed");
    rig.write("workers.csv", workers(200));
    check(&[], "the source, or what it is looked up in, was changed");
    // Another run was accepted since.
    assert_eq!(rig.run(&[]).code, 0);
    rig.write("workers.csv", workers(100));
    check(&[], "another run was accepted since");
    let unknown = stopped(&rig, &["--approve", "0123456789abcdef"]);
    unknown.says("was stopped with the hash 0123456789abcdef");
    let foreign = stopped(&rig, &["--approve", "../token"]);
    foreign.says("was stopped with the hash ../token");
    // It is good for a day.
    let hash = offered(&stopped(&rig, &[]));
    let file = format!("state/approval-{hash}.json");
    let mut approval: Value = serde_json::from_str(&rig.read(&file)).unwrap();
    approval["offered_at"] = "2020-01-01T00:00:00Z".into();
    rig.write(&file, approval.to_string());
    let ended = stopped(&rig, &["--approve", &hash]);
    ended.says(&format!("the approval {hash} was good until 2020-01-02"));
    // What can't be approved any more is taken away, and offered anew.
    assert_eq!(offered(&stopped(&rig, &[])), hash);
    assert_eq!(rig.run(&["--approve", &hash]).code, 0);
    assert_eq!(rig.items().len(), 100);
}

/// What was sent and not answered has used the approval up; and repeating that very import needs no other.
#[test]
fn a_lost_answer_uses_it_up() {
    let rig = half().behind(|call| match (call.step, call.before) {
        ("import", 0) => Deed::KillAfter,
        _ => Deed::Pass,
    });
    let hash = offered(&stopped(&rig, &[]));
    assert!(
        rig.unless_killed(&["run", "pipeline.yaml", "--approve", &hash])
            .is_none()
    );
    let approval = rig.read(&format!("state/approval-{hash}.json"));
    let approval: Value = serde_json::from_str(&approval).unwrap();
    assert!(approval["used"]["by"].is_string(), "{approval}");
    let ended = rig.tell(&["resume", "pipeline.yaml", "--retry-import"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["approval"]["hash"], *hash);
    assert_eq!(rig.items().len(), 100);
}

/// Killed before the import was asked for, the approval is used up all the same: what comes next has a hash of its own.
#[test]
fn an_approval_that_was_used_in_vain() {
    let rig = half().behind(|call| match (call.step, call.before) {
        ("import", 0) => Deed::Answer(400, "{}"),
        _ => Deed::Pass,
    });
    let hash = offered(&stopped(&rig, &[]));
    let ended = rig.run(&["--approve", &hash]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    stopped(&rig, &["--approve", &hash]).says("was used by run");
    let next = offered(&stopped(&rig, &[]));
    assert_ne!(next, hash);
    assert_eq!(rig.run(&["--approve", &next]).code, 0);
    assert_eq!(rig.items().len(), 100);
}

/// What guards do not stop can't be approved: an extract that is not whole, too many rejects, no run to compare with.
#[test]
fn what_can_not_be_approved() {
    let rig = half_of(
        Rig::new(),
        "guard: { min_rows: { first: 100 } }\nrejects: { at_most: 0 }\nvalidate: { columns: { fullName: { required: true } } }",
    );
    rig.write("workers.csv", workers(150) + "00000151,\n");
    let ended = stopped(&rig, &[]);
    ended.says("rejects.at_most is 0");
    assert_eq!(ended.report["next"], Value::Null);
    let rig = Rig::new();
    rig.write("workers.csv", workers(200));
    rig.pipeline("source: { path: workers.csv }", DELETES);
    let ended = stopped(&rig, &[]);
    ended.says("state how many rows the first one must have at least");
    assert_eq!(ended.report["next"], Value::Null);
    // Neither is there anything to approve for a check, a mended file or the sandbox.
    assert_eq!(
        rig.ask(&["run", "pipeline.yaml", "--dry-run", "--approve", "0"])
            .0,
        2
    );
    assert_eq!(
        rig.ask(&["run", "pipeline.yaml", "--mend", "x", "--approve", "0"])
            .0,
        2
    );
    rig.write(
        "pipeline.yaml",
        "version: 1\nsource: { path: workers.csv }\ntarget: { sandbox: }\n",
    );
    stopped(&rig, &["--approve", "0123456789abcdef"]).says("was stopped with the hash");
}

/// The body is cut off where it is sent while it is surveyed, and the plan is the same.
#[test]
fn chunked_and_spooled_uploads() {
    for length in ["chunked", "spooled"] {
        let sections = format!(
            "guard: {{ min_rows: {{ first: 100 }} }}\nupload: {{ length: {length}, attempts: 1 }}"
        );
        let rig = half_of(Rig::with(|s| s.accept_chunked = true), &sections);
        let taken = rig.taken();
        let ended = rig.run(&[]);
        assert_eq!((ended.code, rig.taken()), (4, taken), "{}", ended.stderr);
        let hash = offered(&ended);
        let ended = rig.run(&["--approve", &hash]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.items().len(), 100);
    }
}
