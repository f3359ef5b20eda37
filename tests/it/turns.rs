//! Two runs that have something in common: a data set, a pipeline, a rejects file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::Value;

use crate::support::{Deed, Ended, Rig, signal, wait_until};

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

/// A rig whose jobs are not done before the switch is on.
fn rig() -> (Rig, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(false));
    let switch = on.clone();
    let rig = Rig::new().behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, "<html></html>"),
        _ => Deed::Pass,
    });
    rig.write("workers.csv", "employeeID,fullName\n1,Ann\n1,Bob\n2,Cid\n");
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }\nrejects: { at_most: 100%, workbook: rejects.xlsx }",
        IMPORT,
    );
    (rig, switch)
}

/// A run that is under way, and how others name it.
fn first(rig: &Rig) -> (Child, String) {
    let child = rig.start(&["--set", "name=first", "--set", "report.dir=first"]);
    wait_until("the first run waits for its job", || {
        rig.calls("ticket") > 0
    });
    let holds = format!("(process {}, run ", child.id());
    (child, holds)
}

/// The first line that a process says with these words; what it says after that is read, too.
fn said(child: &mut Child, words: &str) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines
        .find_map(|line| Some(line.unwrap()).filter(|line| line.contains(words)))
        .unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    line
}

/// What one run needs of its own beside another.
fn apart(name: &str) -> Vec<String> {
    let set = |key: &str, value: String| ["--set".to_owned(), format!("{key}={value}")];
    [
        set("name", name.to_owned()),
        set("state.dir", format!("state-{name}")),
        set("rejects.path", format!("{name}.csv")),
        set("rejects.workbook", format!("{name}.xlsx")),
    ]
    .concat()
}

fn run(rig: &Rig, args: &[String]) -> Ended {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    rig.run(&args)
}

#[track_caller]
fn is_busy(ended: &Ended, words: &str) {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let error = &ended.report["error"];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&"busy".into(), &true.into())
    );
    ended.says(words);
}

fn stop(child: Child) {
    signal("TERM", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}

#[test]
fn what_one_run_has_another_cannot_have() {
    let (rig, on) = rig();
    let (child, holds) = first(&rig);
    // Its data set, from another state folder.
    let ended = run(&rig, &apart("second"));
    is_busy(
        &ended,
        &format!("another run sends to this data set {holds}"),
    );
    // Its pipeline.
    let ended = rig.run(&["--set", "name=first"]);
    is_busy(
        &ended,
        &format!("another run of this pipeline is under way {holds}"),
    );
    // Its rejects file, or its workbook, for another target.
    let sandbox = rig.read("pipeline.yaml");
    let (sections, _) = sandbox.split_once("target:").unwrap();
    rig.write(
        "sandbox.yaml",
        format!("{sections}target: {{ sandbox: }}\n"),
    );
    for own in ["rejects.workbook=third.xlsx", "rejects.path=third.csv"] {
        let args = [
            "run",
            "sandbox.yaml",
            "--set",
            "report.dir=third",
            "--set",
            own,
        ];
        let (code, stderr) = rig.ask(&args);
        assert_eq!(code, 1, "{stderr}");
        assert!(
            stderr.contains(&format!("another run writes this rejects file {holds}")),
            "{stderr}"
        );
    }
    // Nothing in common but the machine.
    let mut other = apart("fourth");
    other.extend(["--set".into(), "target.orgvue.tenant=OTHER".into()]);
    let ended = run(&rig, &other);
    assert_ne!(ended.report["error"]["code"], "busy", "{}", ended.stderr);
    on.store(true, SeqCst);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(3));
    assert_eq!(run(&rig, &apart("second")).code, 3);
}

#[test]
fn a_killed_run_leaves_no_lock() {
    let (rig, on) = rig();
    let (mut child, _) = first(&rig);
    child.kill().unwrap();
    child.wait().unwrap();
    on.store(true, SeqCst);
    assert_eq!(run(&rig, &apart("second")).code, 3);
    // Its own pipeline has something to be decided first, and is not busy.
    assert_eq!(
        rig.ask(&["run", "pipeline.yaml", "--set", "name=first"]).0,
        6
    );
}

#[test]
fn a_turn_is_waited_for() {
    let (rig, on) = rig();
    let (child, holds) = first(&rig);
    let mut args = apart("second");
    args.push("--wait-for-turn".into());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut waiting = rig.start(&args);
    let line = said(&mut waiting, "another run sends to this data set");
    assert!(line.contains(&holds), "{line}");
    assert!(line.ends_with("; waiting for its end"), "{line}");
    // Another of the pipeline, which is told to stop while it waits.
    let mut impatient = rig.start(&[
        "--wait-for-turn",
        "--set",
        "name=first",
        "--set",
        "report.dir=third",
    ]);
    said(&mut impatient, "another run of this pipeline is under way");
    stop(impatient);
    on.store(true, SeqCst);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(3));
    assert_eq!(waiting.wait().unwrap().code(), Some(3));
    assert_eq!((rig.taken().1, rig.items().len()), (2, 1));
}

/// `check` has a file of its own, and leaves that of a run alone, which is still writing to it.
#[test]
fn a_check_leaves_the_rejects_of_a_run_alone() {
    let (rig, on) = rig();
    let (child, _) = first(&rig);
    let ended = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let own = rig.path("rejects.check.csv");
    assert_eq!(ended.report["rejects_file"], own.to_str().unwrap());
    assert!(
        rig.read("rejects.check.csv")
            .contains("1,Bob,workers.csv,3,validate")
    );
    on.store(true, SeqCst);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(3));
    assert!(rig.read("rejects.csv").contains("1,Bob"));
    fs::remove_file(rig.path("rejects.csv")).unwrap();
    let ended = rig.run(&["--dry-run"]);
    assert_eq!(ended.code, 3);
    assert!(!rig.path("rejects.csv").exists());
}

/// A command that ends before it has a report tells machines all the same.
#[test]
fn errors_before_a_report_are_json_too() {
    let (rig, _) = rig();
    for command in [
        &["resume", "pipeline.yaml", "--json"][..],
        &["results", "none", "--json"],
    ] {
        let (code, stdout, _) = crate::run(rig.folder(), command);
        if code == 1 {
            let told: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!(told["exit_code"], 1);
            assert_eq!(told["error"]["code"], "nothing_imported");
            assert_eq!(told["error"]["retryable"], false);
        } else {
            assert_eq!((code, &*stdout), (2, ""));
        }
    }
}
