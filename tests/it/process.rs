//! The program as a process: signals, readers that go away, disks that are full or can't be written.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::{Deed, Rig, signal, wait_until, workers};
use crate::{outcome, rostream};

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

fn rig(rows: u32, sections: &str) -> Rig {
    let rig = Rig::new();
    rig.write("workers.csv", workers(rows));
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
    rig
}

/// `nohup`, and whoever else ignores SIGHUP, wants the run to outlive the terminal.
#[test]
fn a_hang_up_stops_a_run_unless_it_is_ignored() {
    for (first, code) in [(":", 130), ("trap '' HUP", 0)] {
        let process = Arc::new(Mutex::new(None));
        let known = process.clone();
        let rig = rig(3, "").behind(move |call| {
            if call.step == "generate" {
                wait_until("the process is known", || known.lock().unwrap().is_some());
                signal("HUP", known.lock().unwrap().unwrap());
                // Where it stops the run, it does so before the answer.
                if code != 0 {
                    return Deed::Silence;
                }
            }
            Deed::Pass
        });
        let child = rig.start_after(first);
        *process.lock().unwrap() = Some(child.id());
        let ended = rig.ended(child.wait_with_output().unwrap());
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(rig.items().len(), if code == 0 { 3 } else { 0 });
    }
}

/// A file that can never be opened, as on a network drive whose server is gone: nothing that waits for it can end in
/// an orderly way. The second signal ends the process all the same.
#[test]
fn the_second_signal_ends_what_the_first_can_not() {
    let rig = rig(3, "");
    let source = rig.path("workers.csv");
    let pipe = source.clone();
    let rig = rig.behind(move |call| match call.step {
        "put" => {
            // The second attempt reads the source again.
            fs::remove_file(&pipe).unwrap();
            let made = Command::new("mkfifo").arg(&pipe).status();
            assert!(made.unwrap().success());
            Deed::Answer(503, "")
        }
        _ => Deed::Pass,
    });
    let mut child = rig.start(&[]);
    wait_until("the upload is refused", || rig.calls("put") == 1);
    // Nobody writes to the pipe, so that it is opened in vain; the pause before that is a second at most.
    std::thread::sleep(std::time::Duration::from_secs(2));
    wait_until("the process ends", || {
        // Signals that come too close to each other are one.
        signal("TERM", child.id());
        child.try_wait().unwrap().is_some()
    });
    let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
    assert_eq!(code, 130, "{stderr}");
    assert_eq!((rig.taken(), rig.items().len()), ((0, 0), 0));
}

/// A named pipe is a source like standard input. Nobody writes to it yet.
#[test]
fn told_to_stop_before_a_named_pipe_is_opened() {
    let rig = rig(3, "");
    fs::remove_file(rig.path("workers.csv")).unwrap();
    let made = Command::new("mkfifo").arg(rig.path("workers.csv")).status();
    assert!(made.unwrap().success());
    let child = rig.start(&["-vv"]);
    // Its report folder is looked at after the signals are watched for, so this is the last that shows from outside.
    wait_until("signals are watched for", || caught(child.id()));
    signal("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!(ended.error(), "error: interrupted, nothing was imported");
}

/// Whether a process has a handler for SIGINT.
fn caught(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
    caught.is_some_and(|caught| caught & 2 != 0)
}

#[test]
fn readers_that_have_seen_enough() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("w.csv"), workers(20_000)).unwrap();
    fs::write(
        dir.path().join("p.yaml"),
        "version: 1\nsource: { path: w.csv }\ntarget: { sandbox: {} }\n",
    )
    .unwrap();
    for args in [
        &["preview", "p.yaml", "-n", "20000"][..],
        &["preview", "p.yaml", "-n", "20000", "--json"],
        &["sample", "--rows", "20000"],
    ] {
        let mut child = rostream(dir.path(), args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        drop(stdout);
        let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
        assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
    }
}

/// The exit code is not the reader's affair.
#[test]
fn how_it_went_does_not_depend_on_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("w.csv"), "a\n\"\n").unwrap();
    fs::write(
        dir.path().join("p.yaml"),
        "version: 1\nsource: { path: w.csv }\ntarget: { sandbox: {} }\n",
    )
    .unwrap();
    fs::write(dir.path().join("wrong.yaml"), "version: 1\n").unwrap();
    for (args, expected) in [
        (["run", "p.yaml", "--json"], 1),
        (["lint", "wrong.yaml", "--json"], 2),
    ] {
        // The other end of this pipe is closed.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = rostream(dir.path(), &args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
        assert_eq!(code, expected, "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

/// Nothing was stored and nothing asked for, and nothing half-written is left but what this names.
#[track_caller]
fn assert_nothing_left(rig: &Rig) {
    assert_eq!((rig.taken(), rig.items().len()), ((0, 0), 0));
    let half = fs::read_dir(rig.folder()).unwrap().find(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        let name = name.to_str().unwrap();
        name == "rejects.csv" || name.starts_with('.')
    });
    assert!(half.is_none(), "{half:?}");
}

/// No file may grow beyond this, in units of 512 bytes: writes fail there as they do on a disk that is full.
const LIMIT: &str = "ulimit -f 64";

#[test]
fn no_room_for_the_temporary_file() {
    let rig = rig(3_000, "upload: { length: spooled }");
    let temporary = std::env::temp_dir();
    let child = rig.start_after(&format!("{LIMIT}; export TMPDIR={}", temporary.display()));
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        format!(
            "error: cannot write the temporary file in {}: File too large (os error 27)",
            temporary.display()
        )
    );
    // Rejects of before are whole: there are none, and their file says so.
    assert_eq!(rig.read("rejects.csv").lines().count(), 1);
    fs::remove_file(rig.path("rejects.csv")).unwrap();
    assert_nothing_left(&rig);
}

#[test]
fn no_room_for_the_rejects() {
    let rig = rig(
        3_000,
        "validate: { columns: { fullName: { pattern: '^x' } } }",
    );
    let child = rig.start_after(LIMIT);
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let path = rig.path("rejects.csv");
    assert_eq!(
        ended.error(),
        format!(
            "error: can't write the rejects file {}: File too large (os error 27)",
            path.display()
        )
    );
    assert_nothing_left(&rig);
}

#[test]
fn no_room_for_the_copy_of_what_is_read_only_once() {
    let rig = rig(3_000, "");
    fs::rename(rig.path("workers.csv"), rig.path("all.csv")).unwrap();
    let made = Command::new("mkfifo").arg(rig.path("workers.csv")).status();
    assert!(made.unwrap().success());
    let child = rig.start_after(LIMIT);
    let pipe = rig.path("workers.csv");
    let text = rig.read("all.csv");
    let writer = std::thread::spawn(move || {
        // The run breaks off before it has read everything.
        let _ = fs::write(pipe, text);
    });
    let ended = rig.ended(child.wait_with_output().unwrap());
    writer.join().unwrap();
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("workers.csv: can't be read: its copy in /tmp can't be written (TMPDIR names another folder)");
    assert_nothing_left(&rig);
}

/// The system's own folders take no files, not even from root.
#[test]
fn folders_that_can_not_be_written() {
    for (sections, named) in [
        ("report: { dir: /sys/rostream }", "/sys/rostream"),
        ("report: { dir: /sys }", "/sys"),
        (
            "rejects: { path: /sys/rostream/rejects.csv }",
            "/sys/rostream",
        ),
        ("rejects: { path: /sys/rejects.csv }", "/sys/rejects.csv"),
        ("state: { dir: /sys/rostream }", "/sys/rostream"),
    ] {
        let rig = rig(3, sections).behind(|_| Deed::Pass);
        let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
        assert_eq!(code, 1, "{stderr}");
        let error = stderr.lines().last().unwrap();
        assert!(error.starts_with("error: "), "{stderr}");
        assert!(error.contains(named), "{stderr}");
        assert!(error.contains("(os error "), "{stderr}");
        assert_eq!(rig.calls("generate"), 0);
    }
    let rig = rig(3, "upload: { length: spooled }");
    let child = rig.start_after("export TMPDIR=/sys");
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("cannot make a temporary file in /sys: ");
    assert_eq!(rig.taken(), (0, 0));
}

/// What is done is done, and said to be.
#[test]
fn a_report_that_can_not_be_written_after_the_import() {
    let rig = rig(3, "report: { dir: out }");
    let folder = rig.path("out");
    let rig = rig.behind(move |call| {
        if call.step == "results" {
            replace_by_a_file(&folder);
        }
        Deed::Pass
    });
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(rig.items().len(), 3);
    let error = stderr.lines().last().unwrap();
    assert!(
        error.starts_with("error: succeeded, but can't use the folder ")
            && error.ends_with("for the run report: there is a file where a folder is needed"),
        "{stderr}"
    );
}

/// The same where the run failed: its own error comes last, and is the one that counts.
#[test]
fn neither_the_import_nor_the_report() {
    let rig = rig(3, "report: { dir: out }");
    let folder = rig.path("out");
    let rig = rig.behind(move |call| {
        if call.step == "generate" {
            replace_by_a_file(&folder);
            return Deed::Answer(404, "");
        }
        Deed::Pass
    });
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 1, "{stderr}");
    let lines: Vec<&str> = stderr.lines().rev().take(2).collect();
    assert!(
        lines[0].starts_with("error: cannot get an upload address"),
        "{stderr}"
    );
    assert!(
        lines[1].starts_with("warning: can't use the folder "),
        "{stderr}"
    );
}

fn replace_by_a_file(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    fs::write(folder, "").unwrap();
}

#[test]
fn a_state_that_can_not_be_written_after_the_import() {
    let rig = rig(3, "");
    let folder = rig.path("state");
    let rig = rig.behind(move |call| {
        if call.step == "import" {
            replace_by_a_file(&folder);
        }
        Deed::Pass
    });
    let ended = rig.run(&[]);
    // The import is done and seen to be; what can't be written down any more is said.
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    ended.says("can't be written");
}

/// A sandbox whose readers have gone goes on.
#[test]
fn a_sandbox_that_nobody_listens_to() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = rostream(dir.path(), &["sandbox", "--port", "0"])
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .spawn()
        .unwrap();
    wait_until("signals are watched for", || caught(child.id()));
    signal("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The lock is the process's own: it goes with it, however that ends.
#[test]
fn two_runs_of_one_pipeline() {
    let rig = rig(3, "").behind(|call| match (call.step, call.before) {
        ("put", 0) => Deed::Silence,
        _ => Deed::Pass,
    });
    let mut first = rig.start(&[]);
    wait_until("the upload is under way", || rig.calls("put") == 1);
    // It leaves a report of its own.
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml", "--set", "report.dir=second"]);
    assert_eq!(code, 1, "{stderr}");
    let expected = format!(
        "error: another run of this pipeline is under way (process {}, run ",
        first.id()
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert_eq!((rig.calls("generate"), rig.calls("put")), (1, 1));
    first.kill().unwrap();
    first.wait().unwrap();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((rig.taken(), rig.items().len()), ((1, 1), 3));
}
