//! What stands between an extract that is not whole and the people whom an import would delete.

use crate::support::{Ended, Rig, workers};

const EXISTING: &str = r#"[{"employeeID":"1"},{"employeeID":"2"},{"employeeID":"3"}]"#;

/// A rig whose pipeline deletes what it does not name, and what its source holds.
fn deleting(source: &str, sections: &str, implicit_delete: &str) -> Rig {
    let rig = Rig::holding(EXISTING, |_| {});
    rig.write("workers.csv", source);
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\nrejects: {{ at_most: 100% }}\n{sections}"),
        &format!("identify_by: {{ id_key: employeeID }}\nimplicit_delete: {implicit_delete}"),
    );
    rig
}

#[track_caller]
fn stopped(rig: &Rig, args: &[&str], words: &str) -> Ended {
    let before = rig.items();
    let ended = rig.run(args);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says(words);
    assert_eq!(rig.items(), before);
    assert_eq!(rig.taken(), (0, 0));
    ended
}

#[test]
fn the_first_run_says_how_many_rows_it_has() {
    let rig = deleting(&workers(3), "", "true");
    let ended = stopped(
        &rig,
        &[],
        "state how many rows the first one must have at least",
    );
    ended.says("warning: with `implicit_delete` the first run is stopped");
    let rig = deleting(&workers(3), "guard: { min_rows: { first: 4 } }", "true");
    stopped(
        &rig,
        &["--partial-ok"],
        "names 3 rows, and guard.min_rows asks for 4 at least",
    );
    let ended = rig.run(&["--set", "guard.min_rows=3"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
}

const ONE_BAD: &str = "employeeID,salary\n1,10\n2,much\n";

const SALARIES: &str =
    "validate: { columns: { salary: { type: number } } }\nguard: { min_rows: 1 }";

/// A row that is rejected is not a person who has left.
#[test]
fn rejected_rows_turn_deletion_off() {
    let rig = deleting(ONE_BAD, SALARIES, "true");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    assert_eq!(
        ended.report["import"]["parameters"].get("implicitDelete"),
        None
    );
    ended.says("deletion was off for this run");
    let rig = deleting(ONE_BAD, SALARIES, "{ on_reject: block }");
    stopped(
        &rig,
        &["--partial-ok"],
        "rows were rejected (1), and `implicit_delete: { on_reject: block }` stops the run",
    );
}

#[test]
fn a_filter_that_leaves_nobody() {
    let nobody = "stages: [ filter: 'employeeID == \"9\"' ]\nguard: { min_rows: 0 }";
    let rig = deleting(&workers(3), nobody, "true");
    stopped(
        &rig,
        &[],
        "implicit_delete would delete every item of the data set",
    );
    for length in ["measured", "spooled", "chunked"] {
        let rig = Rig::holding(EXISTING, |s| s.accept_chunked = true);
        rig.write("workers.csv", workers(3));
        let sections =
            format!("source: {{ path: workers.csv }}\n{nobody}\nupload: {{ length: {length} }}");
        rig.pipeline(&sections, "identify_by: { id_key: employeeID }");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.says("no row is left to send: all 3 were left out by a filter");
        assert_eq!(rig.taken(), (0, 0));
    }
}

/// So many refused rows are no success; what was accepted stands.
#[test]
fn refused_rows_have_a_limit() {
    let items: Vec<_> = (1..=7)
        .map(|id| serde_json::json!({ "employeeID": format!("{id:08}") }))
        .collect();
    let check = |limit: &str, rows: u32, code: i32| {
        let rig = Rig::holding(&serde_json::to_string(&items).unwrap(), |_| {});
        rig.write("workers.csv", workers(rows));
        rig.pipeline(
            &format!("source: {{ path: workers.csv }}\n{limit}"),
            "action: create\nidentify_by: { id_key: employeeID }\nmatch_results: order",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(ended.count("failed"), 7);
        assert_eq!(rig.items().len(), rows as usize);
        assert_eq!(rig.read("rejects.csv").lines().count(), 8);
    };
    check("", 100, 3);
    check("refused: { at_most: 5% }", 100, 5);
    check("refused: { at_most: 6 }", 100, 5);
    check("refused: { at_most: 7% }", 100, 3);
    // Shares mean little of a few rows.
    check("refused: { at_most: 5% }", 99, 3);
    check("", 7, 5);
}

/// Of rows that are read, a pipeline that says nothing has a limit, too.
#[test]
fn rejected_rows_have_a_limit_of_their_own() {
    let check = |rows: u32, bad: u32, code: i32| {
        let rig = Rig::new();
        let lines: String = (1..=rows)
            .map(|id| format!("{id},{}\n", if id <= bad { "much" } else { "1" }))
            .collect();
        rig.write("workers.csv", format!("employeeID,salary\n{lines}"));
        rig.pipeline(
            "source: { path: workers.csv }\nvalidate: { columns: { salary: { type: number } } }",
            "identify_by: { id_key: employeeID }",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
    };
    check(100, 5, 3);
    check(100, 6, 4);
    check(99, 98, 3);
    check(1, 1, 4);
}

/// Half an extract: what is not there can't be told from people who have left.
#[test]
fn half_an_extract_is_stopped() {
    let rig = Rig::with(|_| {});
    let night = |rows: u32| rig.write("workers.csv", workers(rows));
    night(200);
    rig.pipeline(
        "source: { path: workers.csv }\nguard: { min_rows: { first: 100 } }",
        "identify_by: { id_key: employeeID }\nimplicit_delete: true",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 200);
    let taken = rig.taken();
    night(8);
    for args in [&[][..], &["--dry-run"], &["--partial-ok"]] {
        let ended = rig.run(args);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        ended.says("the upload names 8 rows, and that of the last accepted run named 200, so that 192 would be deleted");
        ended.says("min_rows: 8 of 200, at least 180");
    }
    // A run that was stopped is not the last one, and one that is meant is.
    assert_eq!((rig.taken(), rig.items().len()), (taken, 200));
    let ended = rig.run(&["--set", "guard.min_rows=8"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 8);
    night(4);
    assert_eq!(rig.run(&[]).code, 0);
    night(200);
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(rig.items().len(), 200);
}

/// How often in a row people could not be deleted is told, as nobody would notice otherwise.
#[test]
fn deletion_that_is_off_is_counted() {
    let rig = deleting(ONE_BAD, SALARIES, "true");
    for words in [
        "deletion was off for this run, as rows were rejected",
        "deletion was off for this run, the 2nd in a row, as rows were rejected",
        "deletion was off for this run, the 3rd in a row, as rows were rejected",
    ] {
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        ended.says(words);
        assert_eq!(rig.items().len(), 3);
    }
    rig.write("workers.csv", "employeeID,salary\n1,10\n2,20\n");
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(rig.items().len(), 2);
}

/// A row without its identifier names nobody, and an identifier that is no column names none at all.
#[test]
fn an_upload_that_names_nobody_deletes_nobody() {
    let lines: String = (4..=20).map(|id| format!("{id},1\n")).collect();
    let some = format!("employeeID,salary\n1,1\n ,2\n,3\n{lines}");
    let rig = deleting(&some, "guard: { min_rows: { first: 1 } }", "true");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.says("no_identifier");
    ended.says("deletion was off for this run");
    assert_eq!(rig.items().len(), 3 + 17);
    let rig = deleting(&workers(3), "guard: { min_rows: 1 }", "true");
    for command in ["check", "run"] {
        let wrong = ["--set", "target.orgvue.identify_by.id_key=EmployeeId"];
        let ended = match command {
            "check" => rig.run(&[&wrong[..], &["--dry-run"]].concat()),
            _ => rig.run(&wrong),
        };
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        ended.says(
            "no column `EmployeeId` here, did you mean `employeeID`?: items are told apart by it",
        );
    }
    assert_eq!((rig.items().len(), rig.taken()), (3, (0, 0)));
}

/// What is known of the runs before is not lost with one file.
#[test]
fn the_last_run_is_found_again() {
    let rig = deleting(&workers(200), "guard: { min_rows: { first: 10 } }", "true");
    assert_eq!(rig.run(&[]).code, 0);
    for entry in std::fs::read_dir(rig.folder().join("state")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("last-") {
            std::fs::remove_file(&path).unwrap();
        }
    }
    rig.write("workers.csv", workers(60));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 200);
}

/// The rejects file, put right in its place, is what is mended.
#[test]
fn the_rejects_file_itself_is_mended() {
    let rig = deleting(ONE_BAD, SALARIES, "true");
    assert_eq!(rig.run(&[]).code, 3);
    let mended = rig.read("rejects.csv").replace("2,much", "2,20");
    rig.write("rejects.csv", &mended);
    let ended = rig.run(&["--mend", "rejects.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    assert_eq!(rig.read("rejects.csv"), mended);
    assert!(
        rig.items()
            .iter()
            .any(|item| item.contains(r#""salary":"20""#))
    );
}
