//! `run --first`: rows that are imported before the others.

use std::fs;

use crate::support::{Deed, Rig, workers};

/// Workers 1 to 25, created.
fn rig(rig: Rig, more: &str, import: &str) -> Rig {
    rig.write("workers.csv", workers(25));
    let source =
        format!("source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\n{more}");
    let import = format!("identify_by: {{ id_key: employeeID }}\n{import}");
    rig.pipeline(&source, &import);
    rig
}

/// Items of workers with these numbers.
fn holding(ids: impl IntoIterator<Item = u32>) -> String {
    let items: Vec<String> = ids
        .into_iter()
        .map(|id| format!(r#"{{"employeeID":"{id:08}","fullName":"before"}}"#))
        .collect();
    format!("[{}]", items.join(","))
}

/// The ledger's files whose names begin so.
fn state(rig: &Rig, begin: &str) -> Vec<serde_json::Value> {
    let files = fs::read_dir(rig.path("state")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let named = paths.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(begin) && name.ends_with(".json")
    });
    named
        .map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

#[test]
fn ten_rows_and_then_the_others() {
    for more in ["", "upload: { encoding: gzip }", "upload: { format: csv }"] {
        let csv = "noop_token: '~'";
        let rig = rig(Rig::new(), more, csv);
        let ended = rig.run(&["--first", "10"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.taken(), (2, 2));
        assert_eq!(rig.items().len(), 25);
        let counts = ["read", "sent", "accepted", "failed", "unprocessed"];
        assert_eq!(counts.map(|name| ended.count(name)), [25, 25, 25, 0, 0]);
        let canary = &ended.report["first"];
        assert_eq!(
            (&canary["rows"], &canary["accepted"]),
            (&10.into(), &10.into())
        );
        assert_eq!(canary["sent_again"], false);
        ended.says("canary      10 rows before the others: 10 accepted, 0 failed (");
        if !more.contains("gzip") {
            let body = String::from_utf8(rig.uploaded()).unwrap();
            assert!(
                !body.contains("00000010") && body.contains("00000011"),
                "{body}"
            );
            assert_eq!(body.matches("createOrUpdate").count(), 15);
        }
        // The ledger has both, and the last accepted run is the whole.
        let kinds: Vec<_> = state(&rig, "run-")
            .iter()
            .map(|run| run["kind"].clone())
            .collect();
        assert!(
            kinds.len() == 2 && kinds.contains(&"canary".into()),
            "{kinds:?}"
        );
        let last = state(&rig, "last-");
        assert_eq!((last.len(), &last[0]["named"]), (1, &25.into()));
    }
}

#[test]
fn all_refused_stops_the_others() {
    let rig = rig(Rig::holding(&holding(1..=10), |_| {}), "", "action: create");
    let ended = rig.run(&["--first", "10", "--partial-ok"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: the server refused all 10 rows that were sent; they went before the others, which were not sent; what \
         it accepted stands"
    );
    assert_eq!(rig.taken(), (1, 1));
    let counts = ["sent", "accepted", "failed", "would_send"];
    assert_eq!(counts.map(|name| ended.count(name)), [10, 0, 10, 15]);
    let rejects = rig.read("rejects.csv");
    assert_eq!(rejects.lines().count(), 11, "{rejects}");
    assert!(rejects.contains("workers.csv,11,import,"), "{rejects}");
    assert!(state(&rig, "last-").is_empty());
    // Nothing is left to be decided.
    assert_eq!(rig.run(&[]).code, 3);
}

#[test]
fn what_is_refused_of_the_first_is_told_once() {
    let items = holding([1, 4, 9]);
    let rig = rig(Rig::holding(&items, |_| {}), "", "action: create");
    let ended = rig.run(&["--first", "10"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["sent", "accepted", "failed"];
    assert_eq!(counts.map(|name| ended.count(name)), [25, 22, 3]);
    assert_eq!(ended.report["refused"]["rows"], 3);
    let lines: Vec<String> = rig.read("rejects.csv").lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in [2, 5, 10] {
        let place = format!("workers.csv,{line},import,");
        assert!(lines.iter().any(|row| row.contains(&place)), "{lines:?}");
    }
}

/// A limit that is stated holds of the ten as it stands.
#[test]
fn a_limit_of_the_first() {
    let check = |at_most: &str, code: i32| {
        let rig = rig(
            Rig::holding(&holding([1, 4, 9]), |_| {}),
            &format!("refused: {{ at_most: {at_most} }}"),
            "action: create",
        );
        let ended = rig.run(&["--first", "10"]);
        assert_eq!(ended.code, code, "{at_most}: {}", ended.stderr);
    };
    check("20%", 5);
    check("30%", 3);
    check("2", 5);
}

#[test]
fn with_deletion_everybody_is_named_again() {
    let items = holding([3, 99]);
    let rig = rig(
        Rig::holding(&items, |_| {}),
        "guard: { min_rows: 5 }",
        "implicit_delete: true",
    );
    let ended = rig.run(&["--first", "10"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.taken(), (2, 2));
    assert_eq!(rig.items().len(), 25);
    let counts = ["sent", "accepted", "failed", "unprocessed"];
    assert_eq!(counts.map(|name| ended.count(name)), [25, 25, 0, 0]);
    assert_eq!(ended.report["first"]["sent_again"], true);
    assert_eq!(
        ended.report["import"]["parameters"]["implicitDelete"],
        "true"
    );
    ended.says("sent again with all others, or they would be deleted");
}

#[test]
fn the_first_never_delete() {
    let rig = rig(
        Rig::holding(&holding(90..=99), |_| {}).behind(|call| match (call.step, call.before) {
            ("import", 1) => Deed::Answer(500, ""),
            _ => Deed::Pass,
        }),
        "guard: { min_rows: 5 }",
        "implicit_delete: true",
    );
    let ended = rig.run(&["--first", "10"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 20);
}

#[test]
fn refused_rows_with_deletion_are_told_once() {
    let rig = rig(
        Rig::holding(&holding([2, 20]), |_| {}),
        "guard: { min_rows: 5 }",
        "action: create\nimplicit_delete: true",
    );
    let ended = rig.run(&["--first", "10"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    // Those that the canary created are there by then.
    let counts = ["sent", "accepted", "failed"];
    assert_eq!(counts.map(|name| ended.count(name)), [25, 14, 11]);
    assert_eq!(rig.read("rejects.csv").lines().count(), 12);
}

#[test]
fn rows_that_only_the_whole_file_leaves_out() {
    let rig = rig(Rig::new(), "", "");
    let mut text = workers(25);
    // 1 and 2 twice with different names, 3 twice the same.
    text.push_str("00000001,other\n00000002,other\n");
    text.push_str(workers(3).lines().last().unwrap());
    text.push('\n');
    rig.write("workers.csv", text);
    let ended = rig.run(&["--first", "10", "--set", "rejects.at_most=50%"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "superseded", "sent", "accepted"];
    assert_eq!(counts.map(|name| ended.count(name)), [28, 4, 1, 23, 23]);
    assert_eq!(rig.items().len(), 23);
}

#[test]
fn a_whole_that_is_no_more_than_the_first() {
    let rig = rig(Rig::new(), "", "");
    let ended = rig.run(&["--first", "25"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.taken(), (1, 1));
    assert!(ended.report["first"].is_null());
    ended.says("--first 25: no more than that would be sent");
}

#[test]
fn where_it_is_not_possible() {
    let check = |sections: &str, import: &str, why: &str| {
        let rig = rig(Rig::new(), sections, import);
        let (code, stderr) = rig.ask(&["run", "pipeline.yaml", "--first", "10"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
        assert_eq!(rig.taken(), (0, 0));
    };
    check(
        "upload: { length: chunked, attempts: 1 }\nvalidate: {}",
        "",
        "",
    );
    let why = "the results are not ours to read";
    check("", "result_location: { env: NOBODY }", why);
    let rig = rig(Rig::new(), "", "");
    let stdin = [
        "run",
        "pipeline.yaml",
        "--set",
        "source.path=-",
        "--first",
        "10",
    ];
    let (code, stderr) = rig.ask(&stdin);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("--first: its rows are read once more"),
        "{stderr}"
    );
}

/// A canary whose answer is lost is what is open, and is settled as any import is.
#[test]
fn an_answer_that_is_lost() {
    let rig = rig(
        Rig::new().behind(|call| match (call.step, call.before) {
            ("import", 0) => Deed::Lose,
            _ => Deed::Pass,
        }),
        "",
        "",
    );
    let ended = rig.run(&["--first", "10"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 10);
    let canary = ended.report["first"]["run_id"].as_str().unwrap();
    let next = ended.report["next"].as_str().unwrap();
    assert_eq!(next, format!("rostream resume {canary}"));
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 7, "{stderr}");
    assert!(stderr.contains(canary), "{stderr}");
    let instead = format!("rostream resume {canary} --abandon, and then run the pipeline");
    assert!(stderr.contains(&instead), "{stderr}");
    assert!(!stderr.contains("--retry-import"), "{stderr}");
    let (code, stderr) = rig.ask(&["resume", canary, "--retry-import"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(&instead), "{stderr}");
    let (code, stderr) = rig.ask(&["resume", canary, "--abandon"]);
    assert_eq!(code, 0, "{stderr}");
    let ended = rig.run(&[]);
    assert_eq!((ended.code, ended.count("accepted")), (0, 25));
}

#[test]
fn a_canary_that_is_taken_up() {
    let rig = rig(
        Rig::new().behind(|call| match (call.step, call.before) {
            ("ticket", 0) => Deed::Kill,
            _ => Deed::Pass,
        }),
        "",
        "",
    );
    assert!(
        rig.unless_killed(&["run", "pipeline.yaml", "--first", "10"])
            .is_none()
    );
    let ended = rig.tell(&["resume", "pipeline.yaml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let counts = ["read", "sent", "accepted"];
    assert_eq!(counts.map(|name| ended.count(name)), [10, 10, 10]);
    assert!(state(&rig, "last-").is_empty());
    let ended = rig.run(&[]);
    assert_eq!((ended.code, ended.count("accepted")), (0, 25));
}

/// The others are taken up with what the canary had told.
#[test]
fn others_that_are_taken_up() {
    let ids = [2, 13];
    for again in [false, true] {
        let more = "guard: { min_rows: 5 }";
        let import = match again {
            true => "action: create\nimplicit_delete: true",
            false => "action: create",
        };
        let rig = rig(
            Rig::holding(&holding(ids), |_| {}).behind(|call| match (call.step, call.before) {
                ("ticket", 1) => Deed::Kill,
                _ => Deed::Pass,
            }),
            more,
            import,
        );
        assert!(
            rig.unless_killed(&["run", "pipeline.yaml", "--first", "10"])
                .is_none()
        );
        let ended = rig.tell(&["resume", "pipeline.yaml"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let counts = ["read", "sent", "accepted", "failed", "unprocessed"];
        let expected = match again {
            false => [25, 25, 23, 2, 0],
            true => [25, 25, 14, 11, 0],
        };
        assert_eq!(
            counts.map(|name| ended.count(name)),
            expected,
            "{}",
            ended.stderr
        );
        assert_eq!(state(&rig, "last-")[0]["named"], 25);
        if !again {
            // The canary's were written down by the first process, of whose file only what this one found is kept.
            assert!(rig.read("rejects.csv").contains("workers.csv,14,import,"));
        }
    }
}
