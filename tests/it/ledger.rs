//! What a run writes down, and what the next start makes of it: runs that are killed at every step, answers that
//! are lost, waits that end too early. The import is asked for once, unless the user says otherwise.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::Value;

use crate::support::{Call, Deed, Rig, mode, signal, wait_until};

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

const ROWS: &str = "employeeID,fullName\n1,Ann\n2,Bob\n3,Cid\n";

const IS_IN: &str = "there is nothing to resume in state: the last run is in\n";

const DOWN: &str = "<html><h1>Service unavailable</h1></html>";

fn few(rig: Rig, sections: &str) -> Rig {
    rig.write("workers.csv", ROWS);
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\n{sections}"),
        IMPORT,
    );
    rig
}

/// The runs in the state folder, the oldest first, and what is true of every one: whole files, for their owner
/// alone, without a secret or a cell.
fn runs(rig: &Rig) -> Vec<Value> {
    let folder = rig.path("state");
    assert_eq!(mode(&folder), 0o700);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut runs = Vec::new();
    for path in paths {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let text = fs::read_to_string(&path).unwrap();
        let open = without_what_is_sealed(&text);
        for secret in ["CANARY", "X-Amz-Signature", "tickets/", "Bearer", "Ann"] {
            assert!(!open.contains(secret), "{secret}: {text}");
        }
        // Beside them stands what is kept of the last accepted run.
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("run-") && name.ends_with(".json") {
            runs.push(serde_json::from_str(&text).unwrap());
        }
    }
    runs.sort_by_key(|run: &Value| run["started_at"].as_str().unwrap().to_owned());
    runs
}

/// A state file without its sealed text: that is base64 of random-looking bytes, in which any short word may stand by
/// chance.
fn without_what_is_sealed(text: &str) -> String {
    let Some((before, rest)) = text.split_once("\"sealed\": \"") else {
        return text.to_owned();
    };
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}{after}")
}

/// The step of the only run, and its name.
#[track_caller]
fn only(rig: &Rig) -> (String, String) {
    let runs = runs(rig);
    let [run] = &runs[..] else {
        panic!("{} runs", runs.len())
    };
    let text = |name: &str| run[name].as_str().unwrap().to_owned();
    (text("step"), text("run_id"))
}

/// A rig whose program was killed by this deed at the first call of this step.
fn killed(step: &'static str, deed: fn() -> Deed) -> Rig {
    let rig = few(Rig::new(), "").behind(move |call| match call {
        Call {
            step: now,
            before: 0,
        } if *now == step => deed(),
        _ => Deed::Pass,
    });
    rig.run_and_be_killed();
    rig
}

#[test]
fn killed_before_the_import_is_asked_for() {
    for (step, deed) in [
        ("generate", (|| Deed::Kill) as fn() -> Deed),
        ("generate", || Deed::KillAfter),
        ("put", || Deed::Kill),
        ("put", || Deed::KillAfter),
    ] {
        let rig = killed(step, deed);
        assert_eq!(only(&rig).0, "uploading", "{step}");
        assert_eq!(rig.taken().1, 0);
        // Half of a file that was about to replace another.
        rig.write("state/.pipeline.draft", "{\"run");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{step}: {}", ended.stderr);
        ended.says("was cut off before its import was requested: nothing of it was imported");
        assert!(!rig.path("state/.pipeline.draft").exists());
        assert_eq!((rig.taken().1, rig.items().len()), (1, 3));
        let runs = runs(&rig);
        assert_eq!(runs[0]["ended"]["by"], "next_start");
        assert_eq!(runs[1]["ended"]["outcome"], "succeeded");
    }
}

#[test]
fn killed_in_the_middle_of_the_upload() {
    let rig = few(Rig::new(), "upload: { rate: 20kB/s, chunk: 1KiB }");
    let rows: String = (1..=5_000).map(|id| format!("{id},{id:038}\n")).collect();
    rig.write("workers.csv", format!("employeeID,fullName\n{rows}"));
    let mut child = rig.start(&[]);
    wait_until("the upload is under way", || {
        rig.arriving().is_some_and(|bytes| bytes > 0)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let (step, run) = only(&rig);
    assert_eq!(step, "uploading");
    let (code, stderr) = rig.ask(&["resume"]);
    assert_eq!(code, 1);
    assert_eq!(
        stderr,
        format!(
            "error: run {run} was cut off before its import was requested, so nothing was imported; run it again: \
             rostream run pipeline.yaml\n"
        )
    );
    // It is no other the second time, nor by another name.
    for command in [
        &["resume"][..],
        &["resume", "pipeline.yaml"],
        &["resume", &run],
    ] {
        assert_eq!(rig.ask(command), (1, stderr.clone()), "{command:?}");
    }
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn killed_while_the_import_is_asked_for() {
    // The server heard of it, or not: from here both look the same.
    for (deed, imports) in [
        ((|| Deed::Kill) as fn() -> Deed, 0),
        (|| Deed::KillAfter, 1),
    ] {
        let rig = killed("import", deed);
        assert_eq!(rig.taken(), (1, imports));
        let (step, run) = only(&rig);
        assert_eq!(step, "importing");
        for command in [
            &["run", "pipeline.yaml"][..],
            &["resume"],
            &["resume", &run],
        ] {
            let (code, stderr) = rig.ask(command);
            assert_eq!(code, 7, "{command:?}: {stderr}");
            assert!(
                stderr.contains(&format!("rostream resume {run} --abandon.")),
                "{stderr}"
            );
            assert!(
                stderr.contains(&format!("rostream resume {run} --retry-import")),
                "{stderr}"
            );
        }
        assert_eq!(rig.calls("import"), 1);
        assert_eq!(only(&rig).0, "importing");
        if imports == 0 {
            let ended = rig.tell(&["resume", &run, "--retry-import"]);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let runs = runs(&rig);
            assert_eq!(runs[0]["ended"]["by"], "superseded");
            assert_eq!(runs[1]["supersedes"], run.as_str());
            assert_eq!(runs[1]["ended"]["outcome"], "succeeded");
        } else {
            let (code, stderr) = rig.ask(&["resume", &run, "--abandon"]);
            assert_eq!(code, 0, "{stderr}");
            assert_eq!(runs(&rig)[0]["ended"]["by"], "abandon");
            wait_until("the job is done", || rig.items().len() == 3);
        }
        assert_eq!((rig.taken().1, rig.items().len()), (1, 3));
        // The next run is free to start.
        let ended = rig.run(&["--set", "target.orgvue.action=createOrUpdate"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.items().len(), 3);
    }
}

#[test]
fn killed_when_the_ticket_is_known() {
    for step in ["ticket", "results"] {
        for deed in [(|| Deed::Kill) as fn() -> Deed, || Deed::KillAfter] {
            let rig = killed(step, deed);
            let (found, run) = only(&rig);
            assert_eq!(found, "ticket");
            let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
            assert_eq!(code, 6, "{stderr}");
            assert!(
                stderr.ends_with(&format!("resume it: rostream resume {run}\n")),
                "{stderr}"
            );
            let (code, _) = rig.ask(&["resume", "--retry-import"]);
            assert_eq!(code, 2);
            let ended = rig.tell(&["resume", "pipeline.yaml"]);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            assert_eq!(ended.report["run_id"], run.as_str());
            assert_eq!(ended.report["resumed"], true);
            assert_eq!((ended.count("read"), ended.count("accepted")), (3, 3));
            assert_eq!((rig.calls("import"), rig.items().len()), (1, 3));
            assert_eq!(only(&rig).0, "ended");
            let (code, stderr) = rig.ask(&["resume", &run]);
            assert_eq!((code, stderr), (0, IS_IN.to_owned()));
            assert_eq!(
                rig.run(&["--set", "target.orgvue.action=createOrUpdate"])
                    .code,
                0
            );
        }
    }
}

#[test]
fn an_import_whose_answer_is_lost_stays_open() {
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "import" => Deed::Lose,
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    let (step, run) = only(&rig);
    assert_eq!(step, "importing");
    assert_eq!(ended.report["next"], format!("rostream resume {run}"));
    ended.says(&format!("to go on    rostream resume {run}\n"));
    assert_eq!(rig.ask(&["run", "pipeline.yaml"]).0, 7);
    assert_eq!(rig.calls("import"), 1);
}

#[test]
fn an_import_that_is_refused_leaves_nothing_open() {
    let rig = few(Rig::new(), "").behind(|call| match call {
        Call {
            step: "import",
            before: 0,
        } => Deed::Answer(400, "{}"),
        _ => Deed::Pass,
    });
    assert_eq!(rig.run(&[]).code, 1);
    assert_eq!(only(&rig).0, "ended");
    assert_eq!(rig.run(&[]).code, 0);
}

/// A rig whose tickets can be read only when the switch is on.
fn switched(rig: Rig, sections: &str) -> (Rig, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(false));
    let switch = on.clone();
    let rig = few(rig, sections).behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, DOWN),
        _ => Deed::Pass,
    });
    (rig, switch)
}

/// A server may say where the results will be before there are any. A job counts as completed only once a ticket
/// has said so: taken for completed, its run would be over and the next one would import a second time.
#[test]
fn an_address_of_results_does_not_make_a_job_completed() {
    const RUNNING: &str = r#"{"jobStatus":"running","_links":{
        "self":{"url":"http://{proxy}/tickets/1?X-Amz-Signature=CANARY"},
        "result":{"url":"http://{proxy}/results/1?X-Amz-Signature=CANARY"}}}"#;
    const EXPIRED: &str =
        "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let rig = few(Rig::new(), "").behind(|call| match call.step {
        "import" => Deed::Answer(202, RUNNING),
        "ticket" => Deed::Answer(403, EXPIRED),
        "results" => Deed::Answer(200, "[]"),
        _ => Deed::Pass,
    });
    assert_eq!(rig.run(&[]).code, 7);
    for _ in 0..2 {
        let ended = rig.tell(&["resume"]);
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert_eq!(ended.report["outcome"], "unknown");
        assert_eq!(only(&rig).0, "ticket");
    }
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 6, "{stderr}");
    assert!(stderr.contains("its outcome is not known yet"), "{stderr}");
    assert_eq!((rig.calls("import"), rig.calls("results")), (1, 0));
}

#[test]
fn polling_goes_on_through_outages() {
    let rig = few(Rig::new(), "").behind(|call| match call {
        Call {
            step: "ticket",
            before: 0,
        } => Deed::Answer(500, DOWN),
        Call {
            step: "ticket",
            before: 1,
        } => Deed::Cut,
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.calls("ticket"), 3);
    assert_eq!(only(&rig).0, "ended");
}

#[test]
fn a_wait_that_is_over_too_early_is_taken_up() {
    let rig = Rig::holding(r#"[{"employeeID":"2"}]"#, |_| {});
    let (rig, on) = switched(rig, "wait: { at_most: 1s }\nstate: { dir: my state }");
    rig.write("workers.csv", format!("{ROWS}1,Ann again\n"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    let next = ended.report["next"].as_str().unwrap().to_owned();
    assert!(next.ends_with(" --state 'my state'"), "{next}");
    let run = next.split(' ').nth(2).unwrap();
    let again = ["resume", run, "--state", "my state"];
    // Still not: nothing is lost.
    assert_eq!(rig.tell(&again).code, 6);
    on.store(true, SeqCst);
    fs::remove_file(rig.path("rejects.csv")).unwrap();
    let ended = rig.tell(&again);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "sent", "accepted", "failed"].map(|c| ended.count(c));
    assert_eq!(counts, [4, 2, 2, 1, 1]);
    let rejects = rig.read("rejects.csv");
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("1,Ann,workers.csv,2,validate,employeeID,key_duplicate"));
    assert!(lines[2].starts_with("1,Ann again,workers.csv,5,validate,employeeID,key_duplicate"));
    assert!(
        lines[3].starts_with("2,Bob,workers.csv,3,import,"),
        "{}",
        lines[3]
    );
    assert!(!rig.path("rejects.csv.resumed").exists());
    assert_eq!(rig.calls("import"), 1);
    assert_eq!(rig.items().len(), 2);
}

/// No line is better than a wrong one.
#[test]
fn a_source_that_is_another_by_then() {
    for change in [
        (|rig| {
            rig.write(
                "workers.csv",
                format!("employeeID,fullName\n9,Zoe\n{}", &ROWS[20..]),
            )
        }) as fn(&Rig),
        |rig| fs::remove_file(rig.path("workers.csv")).unwrap(),
        |rig| {
            rig.write(
                "pipeline.yaml",
                rig.read("pipeline.yaml") + "\nstages: [drop: [fullName]]\n",
            )
        },
    ] {
        let rig = Rig::holding(r#"[{"employeeID":"2"}]"#, |_| {});
        let (rig, on) = switched(rig, "wait: { at_most: 1s }");
        assert_eq!(rig.run(&[]).code, 6);
        change(&rig);
        on.store(true, SeqCst);
        let ended = rig.tell(&["resume"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let counts = ["read", "sent", "accepted", "failed"].map(|c| ended.count(c));
        assert_eq!(counts, [3, 3, 2, 1]);
        ended.says("results can't be joined to lines of the source: ");
        ended.says("1 refused row is not in the rejects file, as its line is not known");
        assert_eq!(rig.read("rejects.csv").lines().count(), 1);
        assert!(!rig.path("rejects.csv.resumed").exists());
        assert_eq!(only(&rig).0, "ended");
    }
}

#[test]
fn a_run_that_is_stopped_while_it_waits() {
    let (rig, on) = switched(Rig::new(), "");
    let child = rig.start(&[]);
    wait_until("the ticket is asked for", || rig.calls("ticket") > 0);
    // Another of the same pipeline is refused meanwhile.
    for command in [
        &["run", "pipeline.yaml", "--set", "report.dir=others"][..],
        &["resume"],
    ] {
        let (code, stderr) = rig.ask(command);
        assert_eq!(code, 1, "{stderr}");
        assert!(
            stderr.contains(&format!("(process {}, run ", child.id())),
            "{stderr}"
        );
        assert!(stderr.contains("state/pipeline.lock"), "{stderr}");
    }
    signal("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let (step, run) = only(&rig);
    assert_eq!(step, "ticket");
    ended.says(&format!("rostream resume {run}\n"));
    on.store(true, SeqCst);
    assert_eq!(rig.tell(&["resume"]).code, 0);
    assert_eq!((rig.taken(), rig.items().len()), ((1, 1), 3));
}

#[test]
fn a_ticket_opens_with_its_token_alone() {
    let (rig, on) = switched(Rig::new(), "wait: { at_most: 1s }");
    assert_eq!(rig.run(&[]).code, 6);
    let token = rig.read("token");
    rig.write("token", "another");
    let (code, stderr) = rig.ask(&["resume"]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains(
            "it does not open with this API token; use the token that the run was started with"
        ),
        "{stderr}"
    );
    rig.write("token", token);
    on.store(true, SeqCst);
    assert_eq!(rig.tell(&["resume"]).code, 0);
}

#[test]
fn another_target_is_not_resumed() {
    let (rig, _) = switched(Rig::new(), "wait: { at_most: 1s }");
    assert_eq!(rig.run(&[]).code, 6);
    rig.write(
        "pipeline.yaml",
        rig.read("pipeline.yaml").replace("SANDBOX", "OTHER"),
    );
    let (code, stderr) = rig.ask(&["resume"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("the target is not that of run "),
        "{stderr}"
    );
}

#[test]
fn a_state_folder_that_is_not_there() {
    let rig = few(Rig::new(), "");
    let no = |folder: &str| {
        format!(
            "error: there is no state folder {folder}; name the pipeline file, or its state folder with --state\n"
        )
    };
    assert_eq!(rig.ask(&["resume"]), (2, no("state")));
    assert_eq!(rig.ask(&["resume", "--state", "x"]), (2, no("x")));
    let none = "error: no run of pipeline is known in state: nothing was imported, run it: rostream run pipeline.yaml\n";
    assert_eq!(rig.ask(&["resume", "pipeline.yaml"]), (1, none.to_owned()));
    fs::create_dir(rig.path("state")).unwrap();
    assert_eq!(rig.ask(&["resume", "pipeline.yaml"]), (1, none.to_owned()));
    let none = "error: no run is known in state: nothing was imported\n";
    assert_eq!(rig.ask(&["resume"]), (1, none.to_owned()));
}

#[test]
fn several_runs_are_listed() {
    let (rig, _) = switched(Rig::new(), "wait: { at_most: 1s }");
    for name in ["one", "two"] {
        assert_eq!(rig.run(&["--set", &format!("name={name}")]).code, 6);
    }
    let (code, stderr) = rig.ask(&["resume"]);
    assert_eq!(code, 2);
    for run in runs(&rig) {
        let (run, name) = (&run["run_id"], &run["pipeline"]["name"]);
        let line = format!(
            "  rostream resume {}  # {}\n",
            run.as_str().unwrap(),
            name.as_str().unwrap()
        );
        assert!(stderr.contains(&line), "{stderr}");
    }
}

#[test]
fn results_are_fetched_again() {
    let rig = few(Rig::holding(r#"[{"employeeID":"2"}]"#, |_| {}), "");
    let rig = rig.behind(|call| match call {
        Call {
            step: "results",
            before: 0,
        } => Deed::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let (step, run) = only(&rig);
    assert_eq!(step, "ended");
    assert_eq!(ended.report["next"], format!("rostream results {run}"));
    for _ in 0..2 {
        let ended = rig.tell(&["results", &run]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!((ended.count("accepted"), ended.count("failed")), (2, 1));
        assert!(
            rig.read("rejects.csv")
                .contains("2,Bob,workers.csv,3,import,")
        );
    }
    assert_eq!(rig.taken(), (1, 1));
    let (code, stderr) = rig.ask(&["results", "none"]);
    assert_eq!(
        (code, stderr.contains("there is no run none in state")),
        (2, true)
    );
}

#[test]
fn a_step_that_cannot_be_written_down_is_not_taken() {
    // A folder stands where the file would be written.
    for (at, generated) in [("generate", 1), ("put", 1)] {
        let rig = few(Rig::new(), "");
        let draft = rig.path("state/.pipeline.draft");
        let rig = rig.behind(move |call| {
            if call.step == at {
                fs::create_dir(&draft).unwrap();
            }
            Deed::Pass
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(
            ended.error().contains("can't be written"),
            "{}",
            ended.stderr
        );
        assert_eq!((rig.calls("generate"), rig.calls("import")), (generated, 0));
        assert_eq!(only_run(&rig), "uploading");
    }
}

fn only_run(rig: &Rig) -> String {
    fs::remove_dir(rig.path("state/.pipeline.draft")).unwrap();
    only(rig).0
}

#[test]
fn folders_that_cannot_be_trusted() {
    let check = |prepare: fn(&Rig), expected: &str| {
        let rig = few(Rig::new(), "");
        prepare(&rig);
        let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!(rig.taken(), (0, 0));
    };
    check(
        |rig| rig.write("state", ""),
        "a file where a folder is needed",
    );
    check(
        |rig| {
            fs::create_dir(rig.path("state")).unwrap();
            fs::set_permissions(rig.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
        },
        "everyone can replace the files in it",
    );
    check(
        |rig| {
            fs::create_dir(rig.path("state")).unwrap();
            fs::set_permissions(rig.path("state"), fs::Permissions::from_mode(0o770)).unwrap();
        },
        "can be written by others",
    );
    check(
        |rig| {
            fs::create_dir(rig.path("state")).unwrap();
            symlink(rig.path("token"), rig.path("state/pipeline.lock")).unwrap();
        },
        "state/pipeline.lock can't be written",
    );
    check(
        |rig| {
            fs::create_dir(rig.path("state")).unwrap();
            rig.write("state/run-1.json", "{\"ledger_version\":");
        },
        "state/run-1.json is not one that this version reads",
    );
}

#[test]
fn a_target_in_the_process_leaves_no_state() {
    let rig = few(Rig::new(), "");
    let text = rig.read("pipeline.yaml");
    let (sections, _) = text.split_once("target:").unwrap();
    rig.write(
        "pipeline.yaml",
        format!("{sections}target: {{ sandbox: }}\n"),
    );
    assert_eq!(rig.run(&[]).code, 0);
    assert!(!rig.path("state").exists());
}

/// What a night's second try says of its first one: nothing was imported, and how to go on.
#[test]
fn a_run_without_an_import_is_not_in() {
    let check = |rig: Rig, code: i32, how: &str, set: &[&str]| {
        // Last night's run is in, and does not speak for tonight's.
        assert_eq!(rig.run(&[]).code, 0);
        let (code_then, then) = rig.ask(&["resume", "pipeline.yaml"]);
        assert_eq!((code_then, &*then), (0, IS_IN), "{how}");
        let ended = rig.run(set);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        let run = ended.report["run_id"].as_str().unwrap().to_owned();
        for command in [
            &["resume"][..],
            &["resume", "pipeline.yaml"],
            &["resume", &run],
        ] {
            let (code, stderr) = rig.ask(command);
            assert_eq!(code, 1, "{command:?}: {stderr}");
            let set: String = set.iter().map(|word| format!(" {word}")).collect();
            let expected = format!(
                "error: run {run} {how}: nothing was imported, run it again: rostream run pipeline.yaml{set}\n"
            );
            assert_eq!(stderr, expected, "{command:?}");
        }
    };
    check(
        few(Rig::new(), ""),
        1,
        "failed",
        &["--set", "source.path=none.csv"],
    );
    check(
        few(Rig::new(), "rejects: { at_most: 0 }"),
        4,
        "was stopped by a guard",
        &["--set", "validate.columns.fullName.min_length=5"],
    );
    let down = few(Rig::new(), "").behind(|call| match call {
        Call {
            step: "generate",
            before: 1..,
        } => Deed::Answer(403, "{}"),
        _ => Deed::Pass,
    });
    check(
        down,
        1,
        "failed",
        &["--set", "target.orgvue.action=createOrUpdate"],
    );
}

#[test]
fn a_run_that_is_killed_in_its_survey_is_known() {
    let rig = few(Rig::new(), "");
    assert_eq!(rig.run(&[]).code, 0);
    // Nothing is written into the pipe, so that the survey goes on.
    let mut pipe = std::process::Command::new("mkfifo");
    assert!(pipe.arg(rig.path("slow.csv")).status().unwrap().success());
    let mut child = rig.start(&["--set", "source.path=slow.csv"]);
    // The state is being written meanwhile: files come and go, so that they are counted by their names alone.
    wait_until("the run is known", || {
        let names = fs::read_dir(rig.path("state")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("run-") && name.ends_with(".json"))
            .count()
            == 2
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, stderr) = rig.ask(&["resume"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("nothing was imported; run it again: "),
        "{stderr}"
    );
}

/// The members of `new` that are also in `old`, all of which must be there.
fn as_in(old: &Value, new: &Value) -> Value {
    let Value::Object(old) = old else {
        return new.clone();
    };
    let members = old.iter().map(|(name, old)| {
        let new = new.get(name).unwrap_or_else(|| panic!("no {name}: {new}"));
        (name.clone(), as_in(old, new))
    });
    members.collect()
}

/// Version 0.1 was replaced while a job was running. Its file has fewer members, and tells of the same body.
#[test]
fn a_run_of_0_1_is_taken_up() {
    let old: Value = serde_json::from_str(include_str!("ledger/run-0.1.json")).unwrap();
    let (rig, on) = switched(
        Rig::new(),
        "wait: { at_most: 1s }\nrejects: { at_most: 100% }",
    );
    rig.write("workers.csv", format!("{ROWS},Dan\n"));
    rig.write(
        "pipeline.yaml",
        rig.read("pipeline.yaml")
            .replace("action: create\n", "action: createOrUpdate\n"),
    );
    assert_eq!(rig.run(&[]).code, 6);
    let run = &runs(&rig)[0];
    let id = run["run_id"].as_str().unwrap();
    for member in ["ledger_version", "counts", "body_bytes", "body_hash"] {
        assert_eq!(as_in(&old[member], &run[member]), old[member], "{member}");
    }
    let written = as_in(&old, run).to_string();
    assert!(!written.contains("today"), "{written}");
    rig.write(&format!("state/run-{id}.json"), written);
    assert_eq!(rig.ask(&["run", "pipeline.yaml"]).0, 6);
    on.store(true, SeqCst);
    let ended = rig.tell(&["resume"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(ended.report["run_id"], id);
    let counts = ["read", "rejected", "sent", "accepted"].map(|c| ended.count(c));
    assert_eq!(counts, [4, 1, 3, 3]);
    assert_eq!(only(&rig).0, "ended");
}
