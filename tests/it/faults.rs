//! What goes wrong on the way: sources that change, runs that are stopped, an API and a storage that
//! refuse, answers that are lost. In every case the data set holds all of an import or nothing of it.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rostream::sandbox::SandboxSettings;
use rostream::sandbox::options::{Throttle, TokenState};

use crate::support::{Deed, Ended, Rig, wait_until};

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

/// Workers numbered from 1, one a line of 48 bytes.
fn workers(rows: u32) -> String {
    let header = "employeeID,fullName\n".to_owned();
    (1..=rows).fold(header, |text, id| text + &format!("{id:08},{:038}\n", id))
}

fn few(rig: Rig, sections: &str) -> Rig {
    rig.write("workers.csv", workers(3));
    rig.pipeline(&format!("source: {{ path: workers.csv }}\n{sections}"), IMPORT);
    rig
}

/// Nothing was stored, imported or said to have been.
#[track_caller]
fn assert_nothing_done(rig: &Rig, ended: &Ended, code: i32) {
    assert_eq!(ended.code, code, "{}", ended.stderr);
    assert_eq!(rig.taken(), (0, 0));
    assert_eq!(rig.items().len(), 0);
    assert_eq!(ended.count("sent"), 0);
    assert!(ended.report["import"].is_null());
}

#[test]
fn a_source_that_changes_between_the_passes() {
    // More than is read ahead before the upload's address is asked for.
    const ROWS: u32 = 40_000;
    fn check(change: fn(&Path), message: &str) {
        let rig = Rig::new();
        rig.write("workers.csv", workers(ROWS));
        rig.pipeline("source: { path: workers.csv }", IMPORT);
        let source = rig.path("workers.csv");
        let rig = rig.behind(move |call| {
            if call.step == "generate" {
                change(&source);
            }
            Deed::Pass
        });
        let ended = rig.run(&[]);
        assert_nothing_done(&rig, &ended, 1);
        assert_eq!(ended.error(), message);
        assert_eq!(ended.report["upload"]["attempts"], 1);
    }
    let changed = |second: &str| {
        format!(
            "error: the source changed while it was read: the second pass made other bytes than the first \
             (3320002 bytes, then {second}); the upload was cut off and nothing was imported"
        )
    };
    // Other bytes of the same length: the last digit of the last row.
    check(
        |path| {
            let mut file = OpenOptions::new().write(true).open(path).unwrap();
            file.seek(SeekFrom::End(-2)).unwrap();
            file.write_all(b"9").unwrap();
        },
        &changed("3320002"),
    );
    check(
        |path| {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"00050000,one more\n").unwrap();
        },
        &changed("3320055"),
    );
    // One row less, and half a row less.
    check(|path| shorten(path, 48), &changed("3319919"));
    check(|path| shorten(path, 24), &changed("3319979"));
}

fn shorten(path: &Path, by: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - by).unwrap();
}

#[test]
fn a_source_that_vanishes_between_the_passes_of_its_results() {
    // The rows were imported before the file went: that cannot be undone, and is said.
    let rig = Rig::holding(r#"[{"employeeID":"00000002"}]"#, |_| {});
    let rig = few(rig, "");
    let source = rig.path("workers.csv");
    let rig = rig.behind(move |call| {
        if call.step == "results" {
            fs::remove_file(&source).unwrap();
        }
        Deed::Pass
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(rig.taken(), (1, 1));
    assert_eq!(rig.items().len(), 3);
    insta_stderr(&rig, &ended, "vanished");
}

/// Starts a run that takes long over its upload, and waits until some of it has come.
fn long_upload(sections: &str) -> (Rig, std::process::Child) {
    let rig = Rig::with(|s| s.accept_chunked = true);
    rig.write("workers.csv", workers(40_000));
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
    let child = rig.start(&[]);
    wait_until("the storage gets bytes", || rig.arriving() > Some(0));
    (rig, child)
}

const SLOWLY: [&str; 3] = [
    "upload: { rate: 20KB/s }",
    "upload: { rate: 20KB/s, length: spooled }",
    "upload: { rate: 20KB/s, length: chunked }",
];

#[test]
fn killed_in_the_middle_of_the_upload() {
    for sections in SLOWLY {
        let (rig, mut child) = long_upload(sections);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the storage has let go of it", || rig.arriving().is_none());
        assert_eq!(rig.taken(), (0, 0), "{sections}");
        assert_eq!(rig.items().len(), 0);
        // No report can be left, and nothing else that looks like one.
        assert_eq!(rig.reports(), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn told_to_stop_in_the_middle_of_the_upload() {
    for (signal, sections) in [
        ("INT", SLOWLY[0]),
        ("INT", SLOWLY[1]),
        ("INT", SLOWLY[2]),
        ("TERM", SLOWLY[0]),
    ] {
        let (rig, child) = long_upload(sections);
        // The rest of the upload would take minutes: that it ends at all is that it ends at once.
        tell(signal, child.id());
        let ended = rig.ended(child.wait_with_output().unwrap());
        wait_until("the storage has let go of it", || rig.arriving().is_none());
        assert_nothing_done(&rig, &ended, 130);
        assert_eq!(ended.error(), "error: interrupted");
        assert_eq!(ended.report["outcome"], "interrupted");
        assert!(ended.stderr.contains("interrupted, nothing was imported"), "{}", ended.stderr);
    }
}

#[test]
fn told_to_stop_while_the_job_runs() {
    let rig = few(
        Rig::with(|s| s.job_time = Duration::from_secs(600)),
        "",
    );
    let child = rig.start(&[]);
    wait_until("the job is asked for", || rig.taken() == (1, 1));
    tell("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    insta_stderr(&rig, &ended, "stopped");
}

fn tell(signal: &str, process: u32) {
    let kill = format!("kill -{signal} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn a_storage_that_takes_no_chunked_transfer() {
    let rig = few(Rig::new(), "upload: { length: chunked }");
    let ended = rig.run(&[]);
    assert_nothing_done(&rig, &ended, 1);
    insta_error(&ended, "chunked");
    assert_eq!(ended.report["upload"]["attempts"], 1);
}

#[test]
fn a_token_that_the_api_refuses() {
    let check = |setting: fn(&mut SandboxSettings), message: &str| {
        let rig = few(Rig::with(setting), "");
        let ended = rig.run(&[]);
        assert_nothing_done(&rig, &ended, 1);
        assert_eq!(ended.error(), message);
    };
    check(
        |s| s.token = Some("another".to_owned().into()),
        "error: generate: cannot get an upload address: the API refused with status 401; ApiTokenInvalid (40102)",
    );
    for (state, message) in [
        (TokenState::NotYetActive, "ApiTokenNotYetActive (40301)"),
        (TokenState::Expired, ""),
        (TokenState::SubnetViolation, ""),
        (TokenState::TenantNotEnabled, ""),
    ] {
        let rig = few(Rig::with(|s| s.token_state = state), "");
        let ended = rig.run(&[]);
        assert_nothing_done(&rig, &ended, 1);
        assert_eq!(ended.error(), message);
    }
}

#[test]
fn throttling_is_survived() {
    let rig = Rig::with(|s| {
        s.throttle = Some(Throttle {
            every: 2.try_into().unwrap(),
            retry_after: Duration::from_secs(1),
        });
    });
    let ended = few(rig, "").run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.count("accepted"), 3);
}

#[test]
fn throttling_without_end() {
    let rig = Rig::with(|s| {
        s.throttle = Some(Throttle {
            every: 1.try_into().unwrap(),
            retry_after: Duration::ZERO,
        });
    });
    let rig = few(rig, "");
    let ended = rig.run(&[]);
    assert_nothing_done(&rig, &ended, 1);
    assert_eq!(ended.error(), "");
}

#[test]
fn an_address_that_has_expired_is_replaced_by_fresh_ones() {
    let rig = Rig::with(|s| s.url_life = Duration::ZERO);
    let rig = few(rig, "upload: { attempts: 2 }");
    let ended = rig.run(&[]);
    assert_nothing_done(&rig, &ended, 1);
    assert_eq!(ended.error(), "");
    assert_eq!(ended.report["upload"]["attempts"], 2);
}

#[test]
fn an_upload_that_fails_once_is_tried_again() {
    const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let check = |deed: fn() -> Deed, length: &str| {
        let rig = few(Rig::new(), &format!("upload: {{ length: {length} }}"));
        let rig = rig.behind(move |call| match (call.step, call.before) {
            ("put", 0) => deed(),
            _ => Deed::Pass,
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.report["upload"]["attempts"], 2);
        assert_eq!(ended.count("accepted"), 3);
        assert_eq!(rig.items().len(), 3);
        assert_eq!(rig.taken().1, 1);
    };
    for length in ["measured", "spooled"] {
        check(|| Deed::Answer(503, SLOW_DOWN), length);
        check(|| Deed::Cut, length);
        // Stored, and its answer lost: it is sent again to another place.
        check(|| Deed::Lose, length);
    }
}

#[test]
fn a_job_that_fails() {
    let rig = Rig::with(|s| s.job_fails = Some("The dataset is locked".into()));
    let rig = few(rig, "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(ended.error(), "");
    let counts = ["sent", "accepted", "failed", "unprocessed"].map(|c| ended.count(c));
    assert_eq!(counts, [3, 0, 0, 3]);
    assert_eq!(ended.report["import"]["ticket_status"], "failed");
}

#[test]
fn a_job_that_takes_longer_than_the_wait() {
    let rig = Rig::with(|s| s.job_time = Duration::from_secs(600));
    let rig = few(rig, "wait: { at_most: 300ms }");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert_eq!(ended.error(), "");
    let counts = ["sent", "accepted", "failed", "unprocessed"].map(|c| ended.count(c));
    assert_eq!(counts, [3, 0, 0, 3]);
}

#[test]
fn an_import_whose_answer_is_lost_is_not_asked_for_again() {
    for deed in [|| Deed::Lose, || Deed::Answer(502, "<html>Bad gateway</html>")] {
        let rig = few(Rig::new(), "").behind(move |call| match call.step {
            "import" => deed(),
            _ => Deed::Pass,
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert!(rig.taken().1 <= 1);
        assert_eq!(ended.error(), "");
        assert_eq!(ended.report["outcome"], "unknown");
        assert_eq!(ended.count("unprocessed"), 3);
    }
}

#[test]
fn results_that_cannot_be_read() {
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "results" => Deed::Answer(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    insta_stderr(&rig, &ended, "results");
}

#[test]
fn a_ticket_that_can_no_longer_be_read() {
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "ticket" => Deed::Answer(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    insta_stderr(&rig, &ended, "ticket");
}
fn insta_stderr(_: &Rig, e: &Ended, w: &str) { println!("=== {w}\n{}", e.stderr); }
fn insta_error(e: &Ended, w: &str) { println!("=== {w}\n{}", e.error()); }
