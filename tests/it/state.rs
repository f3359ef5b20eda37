//! The state folder: one that is required, the last accepted run, rows that were put right, the day of a run.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::Value;

use crate::support::{Deed, Ended, Rig, mode};

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

const DELETES: &str =
    "action: createOrUpdate\nidentify_by: { id_key: employeeID }\nimplicit_delete: true";

fn rig(sections: &str, import: &str) -> Rig {
    let rig = Rig::new();
    rig.write("workers.csv", "employeeID,fullName\n1,Ann\n2,Bob\n3,Cid\n");
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\n{sections}"),
        import,
    );
    rig
}

/// The last accepted run, as the state folder has it.
fn last(rig: &Rig) -> Option<Value> {
    let mut found = fs::read_dir(rig.path("state"))
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.to_owned();
            name.starts_with("last-").then_some(path)
        });
    let path = found.next()?;
    assert_eq!(mode(&path), 0o600);
    assert!(found.next().is_none());
    Some(serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
}

#[test]
fn a_state_folder_that_must_be_there() {
    let rig = rig("state: { required: true }", IMPORT);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "state_missing");
    ended.says("is not a folder that `rostream state init` made");
    // One that is there is not one that was made for it.
    fs::create_dir(rig.path("state")).unwrap();
    assert_eq!(rig.run(&[]).code, 1);
    assert_eq!(rig.taken(), (0, 0));
    let made = |words: &str| {
        assert_eq!(
            rig.ask(&["state", "init", "pipeline.yaml"]),
            (0, format!("state is {words}\n"))
        )
    };
    made("a state folder now");
    made("a state folder already");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("the ledger is new: no earlier run of pipeline is known in state\n");
    let ended = rig.run(&[]);
    assert!(
        !ended.stderr.contains("the ledger is new"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_last_accepted_run_is_kept() {
    let rig = rig("guard: { min_rows: { first: 1 } }", DELETES);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let first = last(&rig).unwrap();
    assert_eq!(first["run_id"], ended.report["run_id"]);
    assert_eq!(
        (&first["named"], &first["deletion_off"]),
        (&3.into(), &0.into())
    );
    // One that fails leaves it as it is.
    assert_ne!(rig.run(&["--set", "source.path=none.csv"]).code, 0);
    assert_eq!(last(&rig).unwrap(), first);
    // Deletion is off where rows are rejected, and it is counted.
    rig.write(
        "workers.csv",
        "employeeID,fullName\n1,Ann\n2,Bob\n3,Cid\n3,Dup\n",
    );
    for in_a_row in 1..=2 {
        let ended = rig.run(&["--set", "validate.key={column: employeeID, keep: first}"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!(last(&rig).unwrap()["deletion_off"], in_a_row);
    }
}

#[test]
fn rows_that_were_put_right_delete_nobody() {
    let rig = rig(
        "guard: { min_rows: { first: 1 } }\nrejects: { at_most: 100% }",
        DELETES,
    );
    rig.write(
        "workers.csv",
        "employeeID,fullName\n1,Ann\n2,Bob\n3,Cid\n,Zoe\n",
    );
    assert_eq!(rig.run(&[]).code, 3);
    let accepted = last(&rig).unwrap();
    let mended = rig.read("rejects.csv").replace("\n,Zoe", "\n4,Zoe");
    rig.write("mended.csv", mended);
    // As a source, it would be everybody that there is.
    let ended = rig.run(&["--set", "source.path=mended.csv"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "rejects_as_source");
    ended.says("rostream run pipeline.yaml --mend mended.csv");
    assert_eq!(rig.items().len(), 3);
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 4);
    assert_eq!(last(&rig).unwrap(), accepted);
}

/// A day later it is still the day of the run: the source makes the same upload, and every result finds its line.
#[test]
fn today_is_the_day_of_the_run() {
    let on = Arc::new(AtomicBool::new(false));
    let switch = on.clone();
    let rig = Rig::holding(r#"[{"employeeID":"2"}]"#, |_| {}).behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, "<html></html>"),
        _ => Deed::Pass,
    });
    // Who is sent depends on the day, and what is sent of them does not.
    rig.pipeline(
        "time_zone: Pacific/Kiritimati\nsource: { path: workers.csv }\nwait: { at_most: 1s }\nvalidate:\n  key: employeeID\n  \
         columns: { hireDate: { type: date, max: today } }\n  rows:\n    - { assert: date(seen) <= today(), code: ahead }\n\
         rejects: { at_most: 100% }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    let now = jiff::Timestamp::now();
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(14));
    let day = zone.to_datetime(now).date().to_string();
    let hired = |last: &str| {
        let rows = format!(
            "employeeID,hireDate,seen\n1,2020-01-01,2020-01-01\n2,2020-01-02,2020-01-01\n\
             3,{last},2020-01-01\n4,2020-01-03,{last}\n"
        );
        rig.write("workers.csv", rows);
    };
    hired("9999-12-31");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    let told = |ended: &Ended| ["time_zone", "today"].map(|name| ended.report[name].clone());
    assert_eq!(told(&ended), ["Pacific/Kiritimati", &*day]);
    // The ledger's entry, among what else is kept.
    let mut entries = fs::read_dir(rig.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| Some((fs::read_to_string(&path).ok()?, path)));
    let (entry, path) = entries
        .find(|(entry, _)| entry.contains(&format!("\"today\": \"{day}\"")))
        .unwrap();
    // As if days had passed: by the clock of now, the third is hired and the fourth seen by today.
    let earlier = "2021-05-06";
    hired("2021-05-07");
    fs::write(&path, entry.replace(&day, earlier)).unwrap();
    switch.store(true, SeqCst);
    let ended = rig.tell(&["resume"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "sent", "accepted", "failed"].map(|c| ended.count(c));
    assert_eq!(counts, [4, 2, 2, 1, 1]);
    assert_eq!(told(&ended), ["Pacific/Kiritimati", earlier]);
    let rejects = rig.read("rejects.csv");
    assert!(
        rejects.contains("\n2,2020-01-02,2020-01-01,workers.csv,3,import,"),
        "{rejects}"
    );
}
