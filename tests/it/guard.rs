//! Where data may go, whether it came there as it was sent, whether there is time for it, and what is kept from
//! other people on this machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use rostream::internals::sandbox::SandboxSettings;

use crate::support::{Deed, Ended, Rig, wait_until};

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

fn few(rig: Rig, sections: &str) -> Rig {
    let rows = "employeeID,name\n00000001,Ann\n00000002,Bob\n00000003,Cid\n";
    rig.write("workers.csv", rows);
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
    rig
}

#[track_caller]
fn assert_nothing_done(rig: &Rig, ended: &Ended, message: &str) {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(rig.taken(), (0, 0));
    assert!(rig.items().is_empty());
    assert_eq!(ended.error(), message);
}

#[test]
fn addresses_that_lead_elsewhere() {
    fn check(addresses: &'static str, why: &str) {
        let rig = few(Rig::new(), "").behind(move |call| match call.step {
            "generate" => Deed::Answer(200, addresses),
            _ => Deed::Pass,
        });
        let ended = rig.run(&[]);
        let message = format!(
            "error: cannot get an upload address: the `put` address in the answer is not acceptable: {why}"
        );
        assert_nothing_done(&rig, &ended, &message);
        // Asked once, and nothing was opened.
        assert_eq!((rig.calls("generate"), rig.calls("put")), (1, 0));
    }
    let not_https = "the address is not https (plain http is accepted for this machine alone)";
    check(
        r#"{"put":"http://bucket.s3.amazonaws.com/f?s=CANARY","get":"https://s3.amazonaws.com/f"}"#,
        not_https,
    );
    check(
        r#"{"put":"file:///etc/passwd","get":"https://s3.amazonaws.com/f"}"#,
        "the address is not an absolute URL",
    );
    check(
        r#"{"put":"https://user:CANARY@s3.amazonaws.com/f","get":"https://s3.amazonaws.com/f"}"#,
        "the address carries a user name",
    );
    let private = |host: &str| {
        format!(
            "data may not go to the host {host}: it is this machine or one in its network; where the storage is in \
             your own network, set `target.orgvue.private_hosts: true`"
        )
    };
    check(
        r#"{"put":"https://169.254.169.254/latest?s=CANARY","get":"https://s3.amazonaws.com/f"}"#,
        &private("169.254.169.254"),
    );
    check(
        r#"{"put":"https://10.0.0.8/f?s=CANARY","get":"https://s3.amazonaws.com/f"}"#,
        &private("10.0.0.8"),
    );
    check(
        r#"{"put":"https://[fd00::1]/f?s=CANARY","get":"https://s3.amazonaws.com/f"}"#,
        &private("[fd00::1]"),
    );
    check(
        r#"{"put":"https://files.example/f?s=CANARY","get":"https://s3.amazonaws.com/f"}"#,
        "data may not go to the host files.example: it is neither the API's nor AWS S3's; where it is right, name it \
         in `target.orgvue.storage_hosts`",
    );
}

fn with_md5(settings: &mut SandboxSettings) {
    settings.md5_etag = true;
}

/// One name for another on the way to the storage: the import would take it for good.
fn change() -> Deed {
    Deed::Change("Ann", "Eve")
}

#[test]
fn an_upload_that_is_changed_on_the_way_is_sent_again() {
    let rig = few(Rig::with(with_md5), "upload: { verify: md5 }");
    let rig = rig.behind(|call| match (call.step, call.before) {
        ("put", 0) => change(),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["upload"]["attempts"], 2);
    assert_eq!(ended.report["upload"]["verified"], true);
    assert!(rig.items()[0].contains("Ann"), "{:?}", rig.items());
    assert_eq!(rig.taken(), (2, 1));
}

#[test]
fn an_upload_that_is_changed_every_time_is_never_imported() {
    let rig = few(Rig::with(with_md5), "upload: { verify: md5, attempts: 2 }");
    let rig = rig.behind(|call| match call.step {
        "put" => change(),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(rig.taken(), (2, 0));
    assert_eq!(
        ended.error(),
        "error: [host] stored other bytes than were sent: the MD5 in its answer's ETag is not theirs, so something on \
         the way changed them"
    );
}

#[test]
fn what_is_not_compared() {
    let check = |rig: Rig, sections: &str, warns: bool| {
        let ended = few(rig, sections).run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.report["upload"]["verified"], false);
        assert_eq!(ended.stderr.contains("states no MD5"), warns);
    };
    // Nothing leaves this machine; and nothing was asked for.
    check(Rig::with(with_md5), "", false);
    check(Rig::with(with_md5), "upload: { verify: none }", false);
    // Encrypted by KMS, its ETag is no MD5.
    check(Rig::new(), "upload: { verify: md5 }", true);
}

#[test]
fn an_upload_that_takes_longer_than_its_address_lives() {
    let rig = Rig::with(|s| s.url_life = Duration::from_secs(5));
    // The rows make about 140 bytes.
    let rig = few(rig, "upload: { rate: 10B/s }").behind(|_| Deed::Pass);
    let ended = rig.run(&[]);
    assert_eq!((rig.calls("generate"), rig.calls("put")), (1, 0));
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.report["upload"]["attempts"], 1);
    assert_eq!(ended.count("sent"), 0);
    ended.says("error: this upload needs 1");
    ended.says("s at its 10B/s, and its address lives ");
    ended.says(
        "nothing was sent: raise `upload.rate`, use `upload.encoding: gzip` or split the source",
    );
}

#[test]
fn a_storage_that_looks_at_the_address_at_the_start_alone() {
    let rig = Rig::with(|s| s.url_life = Duration::from_secs(1));
    let rig = few(rig, "upload: { rate: 40B/s, chunk: 1KiB, expiry: start }");
    let ended = rig.run(&[]);
    ended.says("the upload's address expired on the way");
    assert_eq!(ended.report["upload"]["status"], 200);
    // The upload was taken. In the sandbox the import's address is no older, and has expired too.
    assert_eq!((ended.code, rig.taken()), (5, (1, 1)));
}

#[test]
fn a_storage_that_never_answers() {
    // It takes the whole body and is then silent, in every attempt.
    let rig = few(
        Rig::new(),
        "timeouts: { unanswered: 1s }\nupload: { attempts: 2 }",
    );
    let rig = rig.behind(|call| match call.step {
        "put" => Deed::Silence,
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_nothing_done(
        &rig,
        &ended,
        "error: [host] did not answer within 1s after the upload's last byte (`timeouts.unanswered`)",
    );
    assert_eq!(rig.calls("put"), 2);
    assert_eq!(rig.calls("import"), 0);
}

#[test]
fn an_api_that_never_answers() {
    let rig = few(Rig::new(), "timeouts: { answer: 1s, import: 1s }");
    let rig = rig.behind(|call| match (call.step, call.before) {
        ("generate", 0) | ("ticket", 0) | ("import", _) => Deed::Silence,
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    // The import may have begun, so it is not asked for again.
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert_eq!((rig.calls("generate"), rig.calls("import")), (2, 1));
}

#[test]
fn folders_in_which_anybody_could_exchange_files() {
    for (sections, which) in [
        ("rejects: { path: open/rejects.csv }", "open"),
        ("report: { dir: open }", "open for the run report"),
    ] {
        let rig = few(Rig::new(), sections);
        let open = rig.path("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
        let output = command.env("BASE_URL", "http://127.0.0.1:1").output();
        let (code, _, stderr) = crate::outcome(output.unwrap());
        assert_eq!(code, 1, "{stderr}");
        let path = rig.folder().display();
        let expected = format!(
            "error: can't use the folder {path}/{which}: everyone can replace the files in it; run `chmod o-w` on \
             it, or name another folder\n"
        );
        assert!(stderr.ends_with(&expected), "{stderr}");
        assert_eq!(fs::read_dir(&open).unwrap().count(), 0);

        // As /tmp is.
        fs::set_permissions(&open, Permissions::from_mode(0o1777)).unwrap();
        let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
        let output = command.env("BASE_URL", "http://127.0.0.1:1").output();
        assert_eq!(crate::outcome(output.unwrap()).0, 0);
    }
}

#[test]
fn a_pipe_or_a_link_in_the_place_of_the_rejects() {
    let rig = few(Rig::new(), "");
    rig.write("victim", "kept");
    fs::set_permissions(rig.path("victim"), Permissions::from_mode(0o600)).unwrap();
    let path = rig.path("rejects.csv");
    let made = Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let shown = rig.folder().display().to_string();
    let instead = "name a regular file or a path that does not exist";
    let ended = rig.run(&[]);
    let message =
        format!("error: the rejects file {shown}/rejects.csv is a device or a pipe; {instead}");
    assert_nothing_done(&rig, &ended, &message);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(rig.path("victim"), &path).unwrap();
    let ended = rig.run(&[]);
    let message =
        format!("error: the rejects file {shown}/rejects.csv is a symbolic link; {instead}");
    assert_nothing_done(&rig, &ended, &message);
    assert_eq!(rig.read("victim"), "kept");
}

#[cfg(target_os = "linux")]
#[test]
fn no_core_dump_and_no_secret_in_the_arguments() {
    let rig = few(Rig::with(|s| s.job_time = Duration::from_secs(600)), "").behind(|_| Deed::Pass);
    let mut child = rig.start(&[]);
    wait_until("the ticket is looked at", || rig.calls("ticket") > 0);
    let of = |name: &str| fs::read(format!("/proc/{}/{name}", child.id())).unwrap();
    let limits = String::from_utf8(of("limits")).unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words, ["Max", "core", "file", "size", "0", "0", "bytes"]);
    let arguments = String::from_utf8(of("cmdline")).unwrap();
    assert!(!arguments.contains("CANARY"), "{arguments}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn token_files() {
    let rig = few(Rig::new(), "");
    let token = |bytes: &[u8], mode: u32| {
        rig.write("token", bytes);
        fs::set_permissions(rig.path("token"), Permissions::from_mode(mode)).unwrap();
        let (code, stdout, stderr) = crate::outcome(rig.output(&[]));
        assert!(!(stdout + &stderr).contains("CANARY"), "{stderr}");
        for report in rig.reports() {
            fs::remove_file(report).unwrap();
        }
        (code, stderr)
    };
    let readers = "can be read by others (mode 644): run `chmod 600` on it";
    let good = format!("\u{feff}{}\r\n", crate::support::TOKEN);
    let (code, stderr) = token(good.as_bytes(), 0o600);
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("can be read by others"), "{stderr}");
    let (code, stderr) = token(good.as_bytes(), 0o644);
    assert_ne!(code, 2, "{stderr}");
    assert!(stderr.contains(readers), "{stderr}");
    let (code, stderr) = token(b"\xef\xbb\xbf\r\n", 0o600);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("the file token is empty: expected the token"),
        "{stderr}"
    );
}
