//! `generate`, `upload` and `import` one by one, and results that go to an address of one's own.

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Deed, Ended, Rig, mode, workers};

fn rig(rig: Rig, more: &str, import: &str) -> Rig {
    rig.write("workers.csv", workers(3));
    let source = format!("source: {{ path: workers.csv }}\n{more}");
    let import = format!("identify_by: {{ id_key: employeeID }}\n{import}");
    rig.pipeline(&source, &import);
    rig
}

/// Asks for a pair into a file.
fn pair(rig: &Rig, file: &str) -> Value {
    let (code, stderr) = rig.ask(&["generate", "pipeline.yaml", "--out", file]);
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("X-Amz-"), "{stderr}");
    assert_eq!(mode(&rig.path(file)), 0o600);
    serde_json::from_str(&rig.read(file)).unwrap()
}

fn upload(rig: &Rig) -> Ended {
    rig.tell(&["upload", "pipeline.yaml", "--to", "file:pair.json"])
}

fn import(rig: &Rig) -> Ended {
    rig.tell(&["import", "pipeline.yaml", "--from", "file:pair.json"])
}

#[test]
fn one_by_one() {
    let rig = rig(Rig::new(), "", "");
    pair(&rig, "pair.json");
    let ended = upload(&rig);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.taken(), (1, 0));
    let body = rig.uploaded();
    let sha256: String = Sha256::digest(&body)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(
        ended.stdout,
        format!("length  {}\nsha256  {sha256}\n", body.len())
    );
    assert_eq!(ended.report["upload"]["sha256"], sha256);
    assert_eq!((ended.count("sent"), ended.count("unknown")), (3, 3));
    assert!(ended.report["counts"]["accepted"].is_null());
    assert!(ended.report["import"].is_null());
    ended.says("uploaded, nothing was imported");
    assert!(!rig.path("state").exists());

    let ended = import(&rig);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.taken(), (1, 1));
    assert_eq!(rig.items().len(), 3);
    assert_eq!(ended.report["import"]["items"]["accepted"], 3);
    ended.says("accepted                3  items of the file");
    // Nothing that a guard could compare the next run with.
    let mut state = fs::read_dir(rig.path("state")).unwrap();
    assert!(!state.any(|file| {
        let name = file.unwrap().file_name();
        name.to_str().unwrap().starts_with("last-")
    }));
}

/// What was uploaded elsewhere is asked for again by the same command, and never by a run of the whole pipeline.
#[test]
fn an_answer_that_is_lost_is_no_reason_to_run_it_all() {
    let lost = Rig::new().behind(|call| match (call.step, call.before) {
        ("import", 0) => Deed::Lose,
        _ => Deed::Pass,
    });
    let rig = rig(lost, "", "");
    pair(&rig, "pair.json");
    assert_eq!(upload(&rig).code, 0);
    assert_eq!(import(&rig).code, 7);
    let taken = rig.taken();
    let (code, stderr) = rig.ask(&["resume", "pipeline.yaml", "--retry-import"]);
    assert_eq!((code, rig.taken()), (2, taken), "{stderr}");
    assert!(
        stderr.contains("--abandon, and then `rostream import`"),
        "{stderr}"
    );
    let (code, stderr) = rig.ask(&["resume", "pipeline.yaml", "--abandon"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(import(&rig).code, 0);
}

#[test]
fn to_stdout_where_nobody_looks() {
    let rig = rig(Rig::new(), "", "");
    let (code, stdout) = rig.put_out(&["generate", "pipeline.yaml"]);
    assert_eq!(code, 0);
    let pair: Value = serde_json::from_str(&stdout).unwrap();
    // A single address, by a variable.
    let put = pair["put"].as_str().unwrap();
    let args = ["upload", "pipeline.yaml", "--to", "env:PUT_URL", "--json"];
    let ended = rig.tell_with(("PUT_URL", put), &args);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["run_id"], ended.report["run_id"]);
    let get = pair["get"].as_str().unwrap();
    let args = ["import", "pipeline.yaml", "--from", "env:GET_URL"];
    let ended = rig.tell_with(("GET_URL", get), &args);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
}

#[test]
fn a_file_that_was_there_is_replaced() {
    let rig = rig(Rig::new(), "", "");
    let first = pair(&rig, "pair.json");
    assert_ne!(pair(&rig, "pair.json"), first);
    let (code, stderr) = rig.ask(&["generate", "pipeline.yaml", "--out", "no/such/pair.json"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("no/such/pair.json can't be written"),
        "{stderr}"
    );
}

#[test]
fn addresses_are_never_said() {
    let rig = rig(Rig::new(), "", "");
    let check = |to: &str, why: &str| {
        for (command, flag) in [("upload", "--to"), ("import", "--from")] {
            let (code, stderr) = rig.ask(&[command, "pipeline.yaml", flag, to]);
            assert_eq!(code, 2, "{stderr}");
            assert!(stderr.contains(why), "{stderr}");
            assert!(!stderr.contains("CANARY"), "{stderr}");
        }
    };
    let one = "expected `env:NAME` or `file:PATH`";
    check("https://s.example/f?X-Amz-Signature=CANARY", one);
    check("CANARY", one);
    check("env:", one);
    check("env:NOBODY", "the environment variable NOBODY is not set");
    check("file:nobody", "the file nobody cannot be read");
    for (text, why) in [
        ("", "the file address: the address is not an absolute URL"),
        ("CANARY", "the address is not an absolute URL"),
        ("http://s.example/f?s=CANARY", "the address is not https"),
        ("https://u:CANARY@s.example/f", "carries a user name"),
        (r#"{"put":"CANARY"}"#, "not a pair of addresses"),
        (r#"{"put":"CANARY","get":"CANARY"}"#, "not an absolute URL"),
    ] {
        rig.write("address", text);
        check("file:address", why);
    }
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn an_address_that_has_expired_is_not_tried_again() {
    let rig = rig(
        Rig::with(|s| s.url_life = std::time::Duration::ZERO),
        "",
        "",
    );
    pair(&rig, "pair.json");
    let ended = upload(&rig);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("error: the upload's address had expired before the first byte was sent");
    assert_eq!(ended.report["upload"]["attempts"], 1);
}

#[test]
fn guards_stand_before_an_upload_of_ones_own() {
    let rig = rig(Rig::new(), "guard: { min_rows: 5 }", "");
    pair(&rig, "pair.json");
    let ended = upload(&rig);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn rows_that_are_rejected_before_an_upload_of_ones_own() {
    let more = "validate: { columns: { employeeID: { not_one_of: [\"00000002\"] } } }";
    let rig = rig(Rig::new(), more, "");
    pair(&rig, "pair.json");
    let ended = upload(&rig);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "sent", "unknown"];
    assert_eq!(counts.map(|name| ended.count(name)), [3, 1, 2, 2]);
}

#[test]
fn imports_that_fail() {
    let rig = rig(Rig::new(), "", "action: create");
    pair(&rig, "pair.json");
    // Nothing was uploaded.
    let ended = import(&rig);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(upload(&rig).code, 0);
    assert_eq!(import(&rig).code, 0);
    // They are there.
    let ended = import(&rig);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    ended.says("error: the server refused all 3 rows that were sent");
    assert_eq!(ended.report["import"]["items"]["failed"], 3);
}

#[test]
fn an_import_of_whom_nobody_knows_deletes_nobody() {
    let items = r#"[{"employeeID":"99"}]"#;
    let rig = rig(
        Rig::holding(items, |_| {}),
        "guard: { min_rows: 1 }",
        "implicit_delete: true",
    );
    pair(&rig, "pair.json");
    assert_eq!(upload(&rig).code, 0);
    let ended = import(&rig);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 4);
    ended.says("deletion was off for this run, as it is not known whom the file names");
}

#[test]
fn results_to_an_address_of_ones_own() {
    let rig = rig(Rig::new(), "", "result_location: { file: result }");
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let ended = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(ended.0, 2);
    assert!(
        ended.1.contains("the file result cannot be read"),
        "{}",
        ended.1
    );

    let text = rig.read("pipeline.yaml");
    let written = text.replace("{ file: result }", "https://s.example/r?s=CANARY");
    rig.write("pipeline.yaml", written);
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("a secret must not be written here"),
        "{stderr}"
    );
    assert!(!stderr.contains("CANARY"), "{stderr}");
    rig.write("pipeline.yaml", &text);

    let own = pair(&rig, "pair.json");
    rig.write("result", own["put"].as_str().unwrap());
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    assert_eq!((ended.count("sent"), ended.count("unknown")), (3, 3));
    assert!(ended.report["counts"]["accepted"].is_null());
    ended.says("unknown                 3  not told here what became of them");
    ended.says("what became of the rows is not known here: the results are at `result_location`");

    for (text, why) in [
        ("http://s.example/?s=CANARY", "the address is not https"),
        ("CANARY", "not an absolute URL"),
    ] {
        rig.write("result", text);
        let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(
            stderr.contains(why) && !stderr.contains("CANARY"),
            "{stderr}"
        );
        assert!(stderr.contains("pipeline.yaml:"), "{stderr}");
    }
}
