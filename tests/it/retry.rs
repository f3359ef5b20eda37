//! Sending again what the server refused: only that, of the same source, as often as it takes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::Value;

use crate::support::{Call, Deed, Ended, Rig, mode};

const SECTIONS: &str = "source: { path: workers.csv }\nvalidate:\n  key: employeeID\n  columns: { fullName: { required: true } }\n\
                        rejects: { path: rejects.csv, at_most: 50% }";

const IMPORT: &str = "action: update\nidentify_by: { id_key: employeeID }";

/// The third row has no name.
const ROWS: &str = "employeeID,fullName\n1,Ann\n2,Bob\n3,\n4,Dee\n5,Eve\n";

fn rig(items: &str) -> Rig {
    let rig = Rig::holding(items, |_| {});
    rig.write("workers.csv", ROWS);
    rig.pipeline(SECTIONS, IMPORT);
    rig
}

/// Somebody else puts a person into the data set.
fn hired(rig: &Rig, id: u32) {
    rig.write("hired.csv", format!("employeeID,fullName\n{id},?\n"));
    let text = rig.read("pipeline.yaml");
    rig.pipeline(
        "name: hiring\nsource: { path: hired.csv }\nrejects: { path: other.csv }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    rig.write("pipeline.yaml", text);
}

fn id(ended: &Ended) -> String {
    ended.report["run_id"].as_str().unwrap().to_owned()
}

fn state_files(rig: &Rig, beginning: &str) -> Vec<Value> {
    let mut paths: Vec<_> = fs::read_dir(rig.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(beginning)
        })
        .collect();
    paths.sort();
    let read = |path: &Path| {
        assert_eq!(mode(path), 0o600);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut found: Vec<Value> = paths.iter().map(|path| read(path)).collect();
    found.sort_by_key(|found| found["started_at"].to_string());
    found
}

#[test]
fn what_was_refused_goes_again_and_nothing_else() {
    let rig = rig(r#"[{"employeeID":"1"},{"employeeID":"4"}]"#);
    let first = rig.run(&[]);
    assert_eq!(first.code, 3, "{}", first.stderr);
    assert_eq!((first.count("accepted"), first.count("failed")), (2, 2));
    let run = id(&first);
    let last = state_files(&rig, "last-");

    // Nobody has mended anything: the same two are refused once more, and the rejects file says the same.
    let rejects = rig.read("rejects.csv");
    let again = rig.tell(&["retry", &run]);
    assert_eq!(again.code, 5, "{}", again.stderr);
    assert_eq!((again.count("read"), again.count("sent")), (2, 2));
    assert_eq!((again.count("failed"), again.count("rejected")), (2, 0));
    assert_eq!(again.report["retry"]["of"], run.as_str());
    assert_eq!(again.report["retry"]["attempt"], 2);
    assert_eq!(rig.read("rejects.csv"), rejects);
    let sent = String::from_utf8(rig.uploaded()).unwrap();
    assert!(sent.contains("Bob") && sent.contains("Eve"), "{sent}");
    assert!(!sent.contains("Ann") && !sent.contains("Dee"), "{sent}");

    // By the retry's own id, for one of them.
    hired(&rig, 2);
    let third = rig.tell(&["retry", &id(&again)]);
    assert_eq!(third.code, 3, "{}", third.stderr);
    assert_eq!((third.count("accepted"), third.count("failed")), (1, 1));
    assert_eq!(third.report["retry"]["of"], run.as_str());
    assert_eq!(third.report["retry"]["attempt"], 3);
    third.says("attempt 3 at 2 rows");
    let rejects = rig.read("rejects.csv");
    assert!(
        !rejects.contains("Bob") && rejects.contains("Eve"),
        "{rejects}"
    );
    assert!(rejects.contains("required"), "{rejects}");

    hired(&rig, 5);
    let fourth = rig.tell(&["retry", &run]);
    assert_eq!(fourth.code, 0, "{}", fourth.stderr);
    assert_eq!((fourth.count("read"), fourth.count("accepted")), (1, 1));
    assert_eq!(fourth.report["retry"]["attempt"], 4);

    let uploads = rig.taken().0;
    for run in [run, id(&again), id(&fourth)] {
        let (code, stderr) = rig.ask(&["retry", &run]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stderr.contains("there is nothing to retry"), "{stderr}");
    }
    assert_eq!(rig.taken().0, uploads);
    // No retry is what guards compare the next run with.
    assert_eq!(state_files(&rig, "last-").len(), last.len() + 1);
    assert!(
        last.iter()
            .all(|last| state_files(&rig, "last-").contains(last))
    );
}

#[test]
fn guards_and_deletion_are_for_whole_sources() {
    let rig = rig(r#"[{"employeeID":"1"},{"employeeID":"7"}]"#);
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }\nguard: { min_rows: 5 }",
        "action: update\nidentify_by: { id_key: employeeID }\nimplicit_delete: true",
    );
    let first = rig.run(&[]);
    assert_eq!(first.code, 3, "{}", first.stderr);
    assert_eq!(rig.items().len(), 1);
    hired(&rig, 9);
    let again = rig.tell(&["retry", &id(&first)]);
    assert_eq!(again.code, 5, "{}", again.stderr);
    assert_eq!((again.count("sent"), again.count("failed")), (4, 4));
    assert_eq!(rig.items().len(), 2);
    assert!(again.report["import"]["parameters"]["implicitDelete"].is_null());
}

#[test]
fn a_source_that_makes_another_body_is_not_sent() {
    let rig = rig(r#"[{"employeeID":"1"}]"#);
    let first = rig.run(&[]);
    assert_eq!(first.code, 3, "{}", first.stderr);
    let (taken, rejects) = (rig.taken(), rig.read("rejects.csv"));
    for rows in [
        ROWS.replace("Eve", "Eva"),
        ROWS.replace("2,Bob\n", ""),
        ROWS.to_owned() + "6,Fay\n",
        String::new(),
    ] {
        rig.write("workers.csv", rows);
        let ended = rig.tell(&["retry", &id(&first)]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        ended.says("--mend rejects.csv");
        assert_eq!((rig.taken(), &rig.read("rejects.csv")), (taken, &rejects));
    }
    fs::remove_file(rig.path("workers.csv")).unwrap();
    let ended = rig.tell(&["retry", &id(&first)]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("--mend rejects.csv");
    assert_eq!(rig.taken(), taken);
    rig.write("workers.csv", ROWS);
    assert_eq!(rig.tell(&["retry", &id(&first)]).code, 5);
}

#[test]
fn later_rows_of_a_key_go_along() {
    let rig = Rig::holding(r#"[{"employeeID":"1"}]"#, |_| {}).behind(|call| match call {
        Call {
            step: "results",
            before: 0 | 1,
        } => Deed::Answer(
            200,
            r#"[{"_status":"failed","errors":[{"name":"ItemLocked","code":"42301"}]},
                {"_status":"success"},{"_status":"success"},{"_status":"success"}]"#,
        ),
        _ => Deed::Pass,
    });
    rig.write(
        "workers.csv",
        "employeeID,fullName\n1,Ann\n2,Bob\n1,Anna\n2,Bobby\n",
    );
    rig.pipeline(
        "source: { path: workers.csv }",
        "action: createOrUpdate\nidentify_by: { id_key: employeeID }",
    );
    // Whose a refusal is, results without keys do not tell.
    let first = rig.run(&[]);
    assert_eq!(first.code, 3, "{}", first.stderr);
    let (code, stderr) = rig.ask(&["retry", &id(&first)]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("the server refused is not known"),
        "{stderr}"
    );
    // Unless it is said that they are in order.
    rig.pipeline(
        "source: { path: workers.csv }",
        "action: createOrUpdate\nidentify_by: { id_key: employeeID }\nmatch_results: order",
    );
    let first = rig.run(&[]);
    assert_eq!(first.code, 3, "{}", first.stderr);
    let again = rig.tell(&["retry", &id(&first)]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!((again.count("read"), again.count("accepted")), (2, 2));
    assert_eq!(again.report["retry"]["rows"], 1);
    assert_eq!(again.report["retry"]["along"], 1);
    assert_eq!(again.report["retry"]["passing"], 1);
    let sent = String::from_utf8(rig.uploaded()).unwrap();
    let (ann, anna) = (sent.find("\"Ann\""), sent.find("\"Anna\""));
    assert!(
        ann.is_some() && ann < anna && !sent.contains("Bob"),
        "{sent}"
    );
}

#[test]
fn newer_rows_are_not_undone() {
    let rig = rig(r#"[{"employeeID":"1"},{"employeeID":"4"}]"#);
    let first = rig.run(&[]);
    rig.write("mended.csv", "employeeID,fullName\n1,Annie\n");
    let mended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(mended.code, 0, "{}", mended.stderr);
    // What was refused for the rows' own faults may be what was mended.
    let (code, stderr) = rig.ask(&["retry", &id(&first)]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("has loaded corrected rows since"),
        "{stderr}"
    );

    let second = rig.run(&[]);
    assert_eq!(second.code, 3);
    let (code, stderr) = rig.ask(&["retry", &id(&first)]);
    assert_eq!(code, 1, "{stderr}");
    let way = format!("rostream retry {}\n", id(&second));
    assert!(stderr.ends_with(&way), "{stderr}");
    assert_eq!(rig.tell(&["retry", &id(&second)]).count("failed"), 2);
}

#[test]
fn rows_that_are_locked_go_again_after_a_mend() {
    let answer = r#"[{"employeeID":"1","_status":"success"},
        {"employeeID":"2","_status":"failed","errors":[{"name":"InvalidValue","code":"40017"}]},
        {"employeeID":"4","_status":"failed","errors":[{"name":"Throttled","code":"42901"}]},
        {"employeeID":"5","_status":"failed","errors":[{"name":"Throttled","code":"42901"},{"name":"InvalidValue"}]}]"#;
    let rig =
        rig(r#"[{"employeeID":"1"},{"employeeID":"2"},{"employeeID":"4"}]"#).behind(move |call| {
            match call {
                Call {
                    step: "results",
                    before: 0,
                } => Deed::Answer(200, answer),
                _ => Deed::Pass,
            }
        });
    let first = rig.run(&[]);
    assert_eq!(first.count("failed"), 3, "{}", first.stderr);
    assert_eq!(
        first.report["next"],
        format!("rostream retry {}", id(&first))
    );
    rig.write("mended.csv", "employeeID,fullName\n2,Bobby\n");
    assert_eq!(rig.run(&["--mend", "mended.csv"]).code, 0);
    let again = rig.tell(&["retry", &id(&first)]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.count("accepted"), 1);
    assert!(rig.items().iter().any(|item| item.contains("Bobby")));
}

#[test]
fn a_retry_that_was_killed_is_resumed_or_begun_again() {
    for (step, deed) in [
        ("put", (|| Deed::Kill) as fn() -> Deed),
        ("import", || Deed::Kill),
        ("ticket", || Deed::KillAfter),
        ("results", || Deed::KillAfter),
    ] {
        // The first of each step is that of the run.
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        let rig = rig(r#"[{"employeeID":"1"},{"employeeID":"4"}]"#).behind(move |call| {
            if call.step == step && count.load(SeqCst) == 1 {
                count.store(2, SeqCst);
                return deed();
            }
            Deed::Pass
        });
        let first = rig.run(&[]);
        assert_eq!(first.code, 3, "{step}: {}", first.stderr);
        seen.store(1, SeqCst);
        let run = id(&first);
        assert!(rig.unless_killed(&["retry", &run]).is_none(), "{step}");
        let entries = state_files(&rig, "run-");
        let own = entries.last().unwrap()["run_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let ended = match step {
            "put" => rig.tell(&["retry", &run]),
            "import" => {
                assert_eq!(rig.ask(&["retry", &run]).0, 7);
                rig.tell(&["resume", &own, "--retry-import"])
            }
            _ => {
                assert_eq!(rig.ask(&["retry", &run]).0, 6);
                rig.tell(&["resume", &own])
            }
        };
        assert_eq!(ended.code, 5, "{step}: {}", ended.stderr);
        assert_eq!(
            (ended.count("sent"), ended.count("failed")),
            (2, 2),
            "{step}"
        );
        assert_eq!(ended.report["retry"]["of"], run.as_str(), "{step}");
        let rejects = rig.read("rejects.csv");
        assert!(
            rejects.contains("Bob") && rejects.contains("required"),
            "{rejects}"
        );
        hired(&rig, 2);
        hired(&rig, 5);
        let last = rig.tell(&["retry", &own]);
        assert_eq!(
            (last.code, last.count("accepted")),
            (0, 2),
            "{}",
            last.stderr
        );
        assert_eq!(last.report["retry"]["attempt"], 3, "{step}");
    }
}

#[test]
fn runs_that_can_not_be_retried() {
    let rig = rig("[]").behind(|call| match call {
        Call {
            step: "results",
            before: 0..=8,
        } => Deed::Answer(403, "<Error/>"),
        _ => Deed::Pass,
    });
    let (code, stderr) = rig.ask(&["retry", "20260101T000000Z-0000"]);
    assert_eq!(code, 2, "{stderr}");
    // Its results were not read.
    let first = rig.run(&[]);
    assert_eq!(first.code, 1, "{}", first.stderr);
    let run = id(&first);
    let ended = rig.ask(&["retry", &run]);
    assert_eq!(ended.0, 1, "{}", ended.1);
    assert!(
        ended.1.contains(&format!("rostream results {run}")),
        "{}",
        ended.1
    );
    while rig.tell(&["results", &run]).code == 1 {}
    let again = rig.tell(&["retry", &run]);
    assert_eq!(again.count("sent"), 4, "{}", again.stderr);
}

#[test]
fn rows_of_a_stream_can_not_be_sent_again() {
    let rig = rig(r#"[{"employeeID":"1"}]"#);
    rig.pipeline(
        "source: { path: \"-\" }\nvalidate: { key: employeeID }\nupload: { length: spooled }",
        IMPORT,
    );
    let first = rig.run_with_stdin(&[], "workers.csv");
    assert_eq!(first.count("failed"), 4, "{}", first.stderr);
    let taken = rig.taken();
    let ended = rig.tell(&["retry", &id(&first)]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("its source was a stream");
    assert_eq!(rig.taken(), taken);
}

#[test]
fn nobody_is_deleted_by_what_is_mended_or_sent_again() {
    let rig = rig(r#"[{"employeeID":"1"},{"employeeID":"2"}]"#);
    let source =
        "source: { path: workers.csv }\nvalidate: { key: employeeID }\nrejects: { at_most: 100% }";
    rig.write(
        "workers.csv",
        "employeeID,do\n1,update\n8,delete\n9,delete\n",
    );
    rig.pipeline(
        source,
        "action: { column: do }\nidentify_by: { id_key: employeeID }",
    );
    let first = rig.run(&[]);
    assert_eq!(first.count("failed"), 2, "{}", first.stderr);
    let imports = rig.taken().1;
    let again = rig.tell(&["retry", &id(&first)]);
    assert_eq!(
        (again.code, again.count("read")),
        (0, 0),
        "{}",
        again.stderr
    );
    again.says("a retry never deletes");
    assert_eq!(rig.taken().1, imports);

    rig.write("mended.csv", "employeeID,do\n1,update\n2,delete\n");
    let mended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(mended.code, 3, "{}", mended.stderr);
    assert!(rig.read("rejects.mend.csv").contains("deletes"));
    rig.pipeline(
        source,
        "action: delete\nidentify_by: { id_key: employeeID }",
    );
    rig.write("mended.csv", "employeeID\n2\n");
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml", "--mend", "mended.csv"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("never deletes"), "{stderr}");
    assert_eq!(rig.items().len(), 2);
}

#[test]
fn runs_whose_rows_are_sent_again_in_another_way() {
    let rig = rig(r#"[{"employeeID":"1"},{"employeeID":"4"}]"#);
    let ended = rig.run(&["--first", "2"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let canary = ended.report["first"]["run_id"].as_str().unwrap();
    for run in [&*id(&ended), canary] {
        let (code, stderr) = rig.ask(&["retry", run]);
        assert_eq!(code, 2, "{stderr}");
        assert!(
            stderr.contains("rostream run pipeline.yaml --mend REJECTS"),
            "{stderr}"
        );
    }

    let rig = Rig::with(|settings| {
        let names = ["employeeID", "pay:number"];
        settings.properties = Some(names.map(|name| name.parse().unwrap()).into());
    });
    rig.write("workers.csv", "employeeID,pay\n1,10\n2,much\n");
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }",
        "identify_by: { id_key: employeeID }\naction: { delta: store }",
    );
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("failed")),
        (3, 1),
        "{}",
        ended.stderr
    );
    let (code, stderr) = rig.ask(&["retry", &id(&ended)]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("the next run sends") && stderr.contains("rostream run pipeline.yaml"),
        "{stderr}"
    );
}

/// Rows that were held back as they would delete stay held back.
#[test]
fn what_was_withheld_is_not_sent() {
    let rows = |first: &str| {
        let header = "employeeID,act\n".to_owned();
        (0..200).fold(header, |text, id| {
            text + &format!("{id},{}\n", if id < 10 { first } else { "createOrUpdate" })
        })
    };
    let rig = Rig::new();
    rig.write("workers.csv", rows("create"));
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }\n\
         guard: { min_rows: { first: 1 }, max_delete: 2%, on_exceed: withhold_deletes }",
        "identify_by: { id_key: employeeID }\naction: { column: act }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let next = rows("delete").replace("\n50,createOrUpdate\n", "\n50,create\n");
    rig.write("workers.csv", next);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!((ended.count("withheld"), ended.count("failed")), (10, 1));
    let withheld = rig.read("withheld.csv");
    let again = rig.tool(&["retry", &id(&ended)]);
    let again = rig.ended(again);
    assert_eq!(again.code, 5, "{}", again.stderr);
    assert_eq!((again.count("sent"), again.count("failed")), (1, 1));
    assert_eq!(again.report["retry"]["rows"], 1);
    assert_eq!(
        (rig.items().len(), rig.read("withheld.csv")),
        (200, withheld)
    );
}
