//! What goes wrong on the way: sources that change, runs that are stopped, an API and a storage that
//! refuse, answers that are lost. In every case the data set holds all of an import or nothing of it.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rostream::internals::sandbox::SandboxSettings;
use rostream::internals::sandbox::options::{Throttle, TokenState};

use crate::support::{Deed, Ended, Rig, signal, wait_until, workers};

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

fn few(rig: Rig, sections: &str) -> Rig {
    rig.write("workers.csv", workers(3));
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
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
    // More than the first block, which is read before the upload's address is asked for.
    const ROWS: u32 = 25_000;
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
            "error: the source changed while it was read: the second pass produced other bytes than the first \
             (2450003 bytes, then {second}); the upload was cut off and nothing was imported"
        )
    };
    // Other bytes of the same length: the last digit of the last row.
    check(
        |path| {
            let mut file = OpenOptions::new().write(true).open(path).unwrap();
            file.seek(SeekFrom::End(-2)).unwrap();
            file.write_all(b"9").unwrap();
        },
        &changed("2450003"),
    );
    check(
        |path| {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"00050000,one more\n").unwrap();
        },
        &changed("2450068"),
    );
    // One row less, and half a row less.
    check(|path| shorten(path, 48), &changed("2449905"));
    check(|path| shorten(path, 24), &changed("2449980"));
}

fn shorten(path: &Path, by: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - by).unwrap();
}

/// The rows that the server refuses are read from the source once more. Where it is another by then, the
/// rejects file must not be filled with rows that were never refused.
#[test]
fn a_source_that_changes_before_the_refused_rows_are_written() {
    fn check(change: fn(&Path), cause: &str) {
        let rig = few(
            Rig::holding(r#"[{"employeeID":"00000002"}]"#, |_| {}),
            "validate: { key: employeeID }",
        );
        let source = rig.path("workers.csv");
        let rig = rig.behind(move |call| {
            if call.step == "results" {
                change(&source);
            }
            Deed::Pass
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(rig.items().len(), 3);
        let counts = ["sent", "accepted", "failed"].map(|c| ended.count(c));
        assert_eq!(counts, [3, 2, 1]);
        ended.says("failed after the import was completed");
        assert_eq!(
            ended.error(),
            format!(
                "error: the import was completed, but the rows that the server refused are not all in the \
                 rejects file: workers.csv: {cause}"
            )
        );
        assert_eq!(rig.read("rejects.csv").lines().count(), 1);
    }
    check(
        |path| fs::remove_file(path).unwrap(),
        "the file is gone; it was there when the run began",
    );
    check(
        |path| fs::write(path, workers(2)).unwrap(),
        "the file was truncated or rewritten: it is smaller than when the run began",
    );
}

/// Starts a run that takes long over its upload, and waits until some of it has come.
fn long_upload(sections: &str) -> (Rig, std::process::Child) {
    let rig = Rig::with(|s| s.accept_chunked = true);
    rig.write("workers.csv", workers(5_000));
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
    let child = rig.start(&[]);
    wait_until("the storage gets bytes", || rig.arriving() > Some(0));
    (rig, child)
}

const SLOWLY: [&str; 3] = [
    "upload: { rate: 2KB/s }",
    "upload: { rate: 2KB/s, length: spooled }",
    "upload: { rate: 2KB/s, length: chunked }",
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
    for (name, sections) in [
        ("INT", SLOWLY[0]),
        ("INT", SLOWLY[1]),
        ("INT", SLOWLY[2]),
        ("TERM", SLOWLY[0]),
    ] {
        let (rig, mut child) = long_upload(sections);
        signal(name, child.id());
        // The rest of the upload would take minutes.
        wait_until("the run ends", || child.try_wait().unwrap().is_some());
        let ended = rig.ended(child.wait_with_output().unwrap());
        wait_until("the storage has let go of it", || rig.arriving().is_none());
        assert_nothing_done(&rig, &ended, 130);
        assert_eq!(ended.error(), "error: interrupted, nothing was imported");
        assert_eq!(ended.report["outcome"], "interrupted");
    }
}

#[test]
fn told_to_stop_while_more_input_may_come() {
    for length in ["spooled", "chunked"] {
        let rig = Rig::with(|s| s.accept_chunked = true);
        rig.pipeline(
            &format!("source: {{ path: \"-\" }}\nupload: {{ length: {length} }}"),
            IMPORT,
        );
        let mut child = rig.start_with_stdin(&[], Stdio::piped());
        let mut input = child.stdin.take().unwrap();
        input.write_all(workers(30_000).as_bytes()).unwrap();
        wait_until("the rejects file is begun", || {
            let names = fs::read_dir(rig.folder()).unwrap();
            let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.any(|name| name.starts_with(".rejects.csv.") && name.ends_with(".part"))
        });
        signal("INT", child.id());
        wait_until("the run ends", || child.try_wait().unwrap().is_some());
        drop(input);
        let ended = rig.ended(child.wait_with_output().unwrap());
        assert_nothing_done(&rig, &ended, 130);
        assert_eq!(ended.error(), "error: interrupted, nothing was imported");
    }
}

#[test]
fn told_to_stop_while_the_job_runs() {
    let rig = few(Rig::with(|s| s.job_time = Duration::from_secs(600)), "").behind(|_| Deed::Pass);
    let child = rig.start(&[]);
    wait_until("the ticket is looked at", || rig.calls("ticket") > 0);
    signal("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: interrupted, the import job goes on at the server"
    );
    assert_eq!(rig.taken(), (1, 1));
    assert_eq!(ended.count("unprocessed"), 3);
}

#[test]
fn a_storage_that_takes_no_chunked_transfer() {
    let rig = few(Rig::new(), "upload: { length: chunked }");
    let ended = rig.run(&[]);
    assert_nothing_done(&rig, &ended, 1);
    assert_eq!(
        ended.error(),
        "error: the storage takes no chunked transfer; set `upload.length` to `measured` or `spooled`: \
         the storage refused the upload with status 501: NotImplemented: A header you provided implies \
         functionality that is not implemented"
    );
    assert_eq!(ended.report["upload"]["attempts"], 1);
}

#[test]
fn a_token_that_the_api_refuses() {
    let check = |setting: fn(&mut SandboxSettings), code: i32, status: u16, message: &str| {
        let rig = few(Rig::with(setting), "");
        let ended = rig.run(&[]);
        assert_nothing_done(&rig, &ended, code);
        assert_eq!(
            ended.error(),
            format!(
                "error: cannot list the tenant's data sets: the API refused with status {status}; \
                 {message} (trace [trace])"
            )
        );
        // No other try can end differently.
        assert!(!ended.stderr.contains("trying again"), "{}", ended.stderr);
    };
    check(
        |s| s.token = Some("another".to_owned().into()),
        2,
        401,
        "ApiTokenInvalid (40102): The API token is not valid - copy the token again, whole and without \
         quotes, from the tenant's Tokens page",
    );
    check(
        |s| s.token_state = TokenState::NotYetActive,
        2,
        403,
        "ApiTokenNotYetActive (40301): The API token is not active yet - the token's start date is still \
         to come: wait for it, or make a token that is valid now",
    );
    check(
        |s| s.token_state = TokenState::Expired,
        2,
        403,
        "ApiTokenExpired (40302): The API token has expired - make a new token on the tenant's Tokens page",
    );
    check(
        |s| s.token_state = TokenState::SubnetViolation,
        1,
        403,
        "ApiTokenSubnetViolation (40303): The IP address [host] is not in the API token's subnets - run \
         this from an address that the token's Subnets name, or make a token that names this one",
    );
    check(
        |s| s.token_state = TokenState::TenantNotEnabled,
        1,
        403,
        "TenantUsagePlanNotConfigured (40345): The tenant is not enabled for the API - ask Orgvue's \
         support to enable the tenant for the API",
    );
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
    assert_eq!(
        ended.error(),
        "error: cannot get an upload address: the API refused with status 429; Throttled (42901): Too many \
         requests - too many requests at once in this tenant: run this later, or run fewer things at the same time (trace [trace])"
    );
}

#[test]
fn an_address_that_has_expired_is_replaced_by_fresh_ones() {
    fn check(expiry: &str, puts: usize, message: &str) {
        let rig = Rig::with(|s| s.url_life = Duration::ZERO);
        let rig = few(rig, &format!("upload: {{ attempts: 2, expiry: {expiry} }}"));
        let rig = rig.behind(|_| Deed::Pass);
        let ended = rig.run(&[]);
        assert_nothing_done(&rig, &ended, 1);
        assert_eq!(ended.error(), message);
        assert_eq!(ended.report["upload"]["attempts"], 2);
        assert_eq!((rig.calls("generate"), rig.calls("put")), (2, puts));
    }
    // What is known to be refused is not sent.
    check(
        "end",
        0,
        "error: the upload's address had expired before the first byte was sent",
    );
    check(
        "start",
        2,
        "error: the storage refused the upload with status 403: RequestExpired: Request has expired",
    );
}

#[test]
fn an_upload_that_fails_once_is_tried_again() {
    const SLOW_DOWN: &str =
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
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
    assert_eq!(
        ended.error(),
        "error: the import job failed at the server; SandboxJobFails (500901): The dataset is locked (trace [trace])"
    );
    let counts = ["sent", "accepted", "failed", "unprocessed"].map(|c| ended.count(c));
    assert_eq!(counts, [3, 0, 0, 3]);
    assert_eq!(ended.report["import"]["ticket_status"], "failed");
}

#[test]
fn a_job_that_takes_longer_than_the_wait() {
    let rig = Rig::with(|s| s.job_time = Duration::from_secs(600));
    let rig = few(rig, "wait: { at_most: 2s }");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: the import job was still running when the time to wait was up; it goes on at the server"
    );
    let counts = ["sent", "accepted", "failed", "unprocessed"].map(|c| ended.count(c));
    assert_eq!(counts, [3, 0, 0, 3]);
}

#[test]
fn an_import_whose_answer_is_lost_is_not_asked_for_again() {
    fn check(deed: fn() -> Deed, imports: u64, cause: &str) {
        let rig = few(Rig::new(), "").behind(move |call| match call.step {
            "import" => deed(),
            _ => Deed::Pass,
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert_eq!(rig.calls("import"), 1);
        assert_eq!(rig.taken(), (1, imports));
        assert_eq!(
            ended.error(),
            format!(
                "error: the import was requested, but no usable answer came: whether it began is not \
                 known: cannot start the import: {cause}"
            )
        );
        assert_eq!(ended.report["outcome"], "unknown");
        assert_eq!(ended.count("unprocessed"), 3);
        ended.says("unknown, the import was requested and no usable answer came");
    }
    let broke = "the connection to [host] broke: connection closed before message completed";
    // The server heard of it, or not: from here both look the same.
    check(|| Deed::Lose, 1, broke);
    check(|| Deed::Cut, 0, broke);
    check(
        || Deed::Answer(502, "<html><h1>Bad gateway</h1></html>"),
        0,
        "the server refused (status 502, it begins with: <html><h1>Bad gateway</h1></html>)",
    );
}

#[test]
fn an_import_that_is_refused() {
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "import" => Deed::Answer(
            404,
            r#"{"errors":[{"name":"DatasetNotFound","code":"404001","message":"There is no such dataset."}]}"#,
        ),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: the import was refused: cannot start the import: the API refused with status 404; \
         DatasetNotFound (404001): There is no such dataset"
    );
    ended.says("failed, nothing was imported");
}

#[test]
fn results_that_cannot_be_read() {
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "results" => Deed::Answer(
            403,
            "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
        ),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    assert_eq!(
        ended.error(),
        "error: the import was completed, but what became of each row is not known: cannot fetch the results: \
         the server refused (status 403, it begins with: RequestExpired: Request has expired)"
    );
    ended.says("failed after the import was completed");
    assert_eq!(ended.count("unprocessed"), 3);
}

#[test]
fn a_ticket_that_can_no_longer_be_read() {
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "ticket" => Deed::Answer(
            403,
            "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
        ),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    ended.says("unknown, the import job can't be watched any longer");
    assert_eq!(
        ended.error(),
        "error: the import job cannot be watched any longer: how it ends is not known: cannot read the \
         ticket: the server refused (status 403, it begins with: RequestExpired: Request has expired)"
    );
}
