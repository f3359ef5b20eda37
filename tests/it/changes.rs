//! How many people a run, and the runs of some days, may delete, add and change.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::Value;

use crate::support::{Deed, Rig, mode};

/// People, each with a status and a mail address.
fn people(
    ids: impl IntoIterator<Item = u32>,
    cells: impl Fn(u32) -> (&'static str, bool),
) -> String {
    let header = "employeeID,status,email\n".to_owned();
    ids.into_iter().fold(header, |text, id| {
        let (status, mail) = cells(id);
        let mail = if mail {
            format!("{id}@a.example")
        } else {
            String::new()
        };
        text + &format!("{id},{status},{mail}\n")
    })
}

fn active(ids: impl IntoIterator<Item = u32>) -> String {
    people(ids, |_| ("Active", true))
}

const DELETES: &str = "identify_by: { id_key: employeeID }\nimplicit_delete: true";

fn rig(guard: &str, import: &str, first: &str) -> Rig {
    let rig = Rig::new();
    rig.write("workers.csv", first);
    let sections = format!(
        "source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\nguard: {{ {guard} }}\nrejects: {{ at_most: 100% }}"
    );
    rig.pipeline(&sections, import);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    rig
}

/// Each night loses less than a run may, and all of them together more than a week may.
#[test]
fn a_feed_that_shrinks_every_night_is_stopped_by_the_window() {
    let guard =
        "min_rows: { first: 100, of_last: 90% }, max_delete: { run: 2%, window: 5%, over: 7d }";
    let mut left = 1000u32;
    let rig = rig(guard, DELETES, &active(0..left));
    let mut nights = 0;
    let stopped = loop {
        left -= left * 15 / 1000;
        rig.write("workers.csv", active(0..left));
        let ended = rig.run(&[]);
        if ended.code != 0 {
            break ended;
        }
        nights += 1;
        assert!(nights < 10, "nobody stops it");
    };
    assert_eq!((stopped.code, nights), (4, 3), "{}", stopped.stderr);
    stopped.says("guard.max_delete: together with the 4 accepted runs of the 7 days before it, 57 or more people would be");
    stopped.says("at most 5% over 7 days");
    // Approved, the window begins anew.
    let hash = stopped.offered();
    assert_eq!(rig.run(&["--approve", &hash]).code, 0);
    for _ in 0..3 {
        left -= left * 15 / 1000;
        rig.night(&active(0..left), 0);
    }
    left -= left * 15 / 1000;
    rig.night(&active(0..left), 4);
    // What is too much for one run is told, too.
    let ended = rig.night(&active(0..left - 40), 4);
    ended.says("or more people would be deleted");
    ended.says("together with the 3 accepted runs");
}

#[test]
fn a_tenant_of_twelve_people() {
    let guard = "min_rows: { first: 1 }, max_delete: 2%";
    let rig = rig(guard, DELETES, &active(0..12));
    let ended = rig.night(&active(0..6), 4);
    ended.says("guard.max_delete: 6 or more people would be deleted");
    ended.says("no more than 5 may be, as there were not 100");
    rig.night(&active(0..7), 0);
    assert_eq!(rig.items().len(), 7);
}

/// Without a run before it, numbers hold and shares do not.
#[test]
fn the_first_run() {
    let header = "employeeID,act\n".to_owned();
    let rows = (0..200).fold(header, |text, id| {
        text + &format!("{id},{}\n", if id < 10 { "delete" } else { "create" })
    });
    let check = |limit: &str, code: i32| {
        let items: Vec<Value> = (0..10)
            .map(|id| serde_json::json!({ "employeeID": id.to_string() }))
            .collect();
        let rig = Rig::holding(&serde_json::to_string(&items).unwrap(), |_| {});
        rig.write("workers.csv", &rows);
        let sections = format!("source: {{ path: workers.csv }}\nguard: {{ {limit} }}");
        rig.pipeline(
            &sections,
            "identify_by: { id_key: employeeID }\naction: { column: act }",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{limit}: {}", ended.stderr);
        ended
    };
    check("max_delete: 10", 0);
    check("max_delete: 9", 4).says(
        "guard.max_delete: 10 people would be deleted (10 whose rows say so), and no more than 9 may be",
    );
    check("max_delete: 1%", 0);
    check("max_create: 189", 4)
        .says("guard.max_create: 190 people would be new, and no more than 189 may be");
    check("max_create: 1%", 0);
    check("max_update: 0", 0);
}

#[test]
fn a_column_that_is_emptied() {
    let rig = rig(
        "max_emptied: 5%",
        "identify_by: { id_key: employeeID }",
        &active(0..200),
    );
    let mails = |filled: u32| people(0..200, move |id| ("Active", id < filled));
    let ended = rig.night(&mails(0), 4);
    ended.says(
        "guard.max_emptied: 200 people would have no `email` any more, of 200 who had one, and no more than 5% may \
         be, which is 10",
    );
    rig.night(&mails(189), 4);
    rig.night(&mails(190), 0);
    // Those who are gone are not emptied.
    rig.night(&people(0..150, |_| ("Active", true)), 0);
}

#[test]
fn leavers_who_are_still_sent() {
    let guard = "max_delete: 2%, leavers: { column: status, values: [Terminated, Left] }";
    let rig = rig(
        guard,
        "identify_by: { id_key: employeeID }",
        &active(0..200),
    );
    let left = |leavers: u32| {
        people(0..200, move |id| match id {
            id if id >= leavers => ("Active", true),
            id if id % 2 == 0 => ("Left", true),
            _ => ("Terminated", true),
        })
    };
    let ended = rig.night(&left(5), 4);
    ended.says("guard.max_delete: 5 or more people would be deleted (5 or more who turn to the status of a leaver)");
    rig.night(&left(4), 0);
    rig.night(&left(8), 0);
    rig.night(&left(13), 4);
}

#[test]
fn rows_that_delete_are_withheld() {
    let guard = "min_rows: { first: 1 }, max_delete: 2%, on_exceed: withhold_deletes";
    let import = "identify_by: { id_key: employeeID }\naction: { column: act }";
    for length in ["measured", "spooled"] {
        let rows = |act: fn(u32) -> &'static str, ids: std::ops::Range<u32>| {
            let header = "employeeID,act,name\n".to_owned();
            ids.fold(header, |text, id| {
                text + &format!("{id},{},{id}\n", act(id))
            })
        };
        let rig = rig(guard, import, &rows(|_| "create", 0..200));
        let night = |extract: &str, args: &[&str]| {
            rig.write("workers.csv", extract);
            let length = format!("upload.length={length}");
            rig.run(&[&["--set", &length], args].concat())
        };
        let many = rows(|id| if id < 10 { "delete" } else { "update" }, 0..200);
        let ended = night(&many, &[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!(rig.items().len(), 200);
        let counts = ["withheld", "sent", "accepted"].map(|name| ended.count(name));
        assert_eq!(counts, [10, 190, 190]);
        ended.says("withheld by max_delete: 10 of 200, at most 2%");
        assert_eq!(ended.report["withheld"]["rows"], 10);
        let withheld = rig.read("withheld.csv");
        assert_eq!(mode(&rig.path("withheld.csv")), 0o600);
        let lines: Vec<&str> = withheld.lines().collect();
        assert_eq!(
            (lines.len(), lines[0]),
            (11, "employeeID,_file,_line,_reason")
        );
        assert!(
            lines[10].starts_with("9,workers.csv,11,it would delete somebody;"),
            "{withheld}"
        );
        // A check says the same, and leaves the run's file alone.
        rig.write("withheld.csv", "kept");
        let ended = night(&many, &["--dry-run"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!(rig.read("withheld.csv"), "kept");
        // The same again is withheld again, until it is approved.
        let ended = night(&many, &[]);
        assert_eq!((ended.code, rig.items().len()), (3, 200));
        let ended = night(&many, &["--approve", &ended.offered()]);
        assert_eq!(
            (ended.code, rig.items().len()),
            (0, 190),
            "{}",
            ended.stderr
        );
        // What was held back before is not held back now.
        assert!(!rig.path("withheld.csv").exists());
        // A few go as they are.
        let ended = night(
            &rows(|id| if id < 12 { "delete" } else { "update" }, 10..200),
            &[],
        );
        assert_eq!(
            (ended.code, rig.items().len()),
            (0, 188),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn people_whom_no_row_names_are_withheld() {
    let guard = "min_rows: { first: 1, of_last: 50% }, max_delete: 2%, on_exceed: withhold_deletes";
    let rig = rig(guard, DELETES, &active(0..200));
    let ended = rig.night(&active(0..150), 3);
    assert_eq!(rig.items().len(), 200);
    assert_eq!(ended.report["withheld"]["unnamed"], 50);
    assert_eq!(
        ended.report["import"]["parameters"].get("implicitDelete"),
        None
    );
    ended.says(
        "deletion was off for this run, as more would be deleted than guard.max_delete allows",
    );
    rig.night(&active(0..150), 3).says("the 2nd in a row");
    let (code, stdout) = listed(&rig, &[]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("deletion is off since"), "{stdout}");
    // Half of it is still too little.
    rig.night(&active(0..70), 4);
    let ended = rig.night(&active(0..150), 3);
    let ended = rig.run(&["--approve", &ended.offered()]);
    assert_eq!(
        (ended.code, rig.items().len()),
        (0, 150),
        "{}",
        ended.stderr
    );
    assert!(!listed(&rig, &[]).1.contains("deletion is off"));
}

/// Taken up in another process, the same rows are held back, and every result finds its line.
#[test]
fn a_run_that_withholds_is_taken_up() {
    let on = Arc::new(AtomicBool::new(false));
    let switch = on.clone();
    let rig = Rig::new().behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, "{}"),
        _ => Deed::Pass,
    });
    let rows = |act: &str| {
        let header = "employeeID,act\n".to_owned();
        (0..200).fold(header, |text, id| {
            text + &format!("{id},{}\n", if id < 20 { act } else { "createOrUpdate" })
        })
    };
    let guard = "min_rows: { first: 1 }, max_delete: 5, on_exceed: withhold_deletes";
    rig.write("workers.csv", rows("delete"));
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\nguard: {{ {guard} }}\nwait: {{ at_most: 1s }}"),
        "identify_by: { id_key: employeeID }\naction: { column: act }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    let withheld = rig.read("withheld.csv");
    std::fs::remove_file(rig.path("withheld.csv")).unwrap();
    switch.store(true, SeqCst);
    let ended = rig.tell(&["resume", "pipeline.yaml"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("can't be joined"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        ["withheld", "accepted"].map(|name| ended.count(name)),
        [20, 180]
    );
    assert_eq!(rig.read("withheld.csv"), withheld);
    // It is what the next run is compared with.
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.says("20 of 200, at most 5");
}

fn listed(rig: &Rig, args: &[&str]) -> (i32, String) {
    let (code, stdout, stderr) = crate::run(rig.folder(), &[&["runs"], args].concat());
    (code, stdout + &stderr)
}

#[test]
fn what_a_pipeline_can_not_hold_is_said_by_lint() {
    let check = |guard: &str, import: &str, code: i32, words: &str| {
        let rig = Rig::new();
        let sections =
            format!("source: {{ path: workers.csv }}\n{guard}\nrejects: {{ at_most: 1% }}");
        rig.pipeline(&sections, import);
        let (found, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(found, code, "{guard}: {stderr}");
        assert!(stderr.contains(words), "{guard}: {stderr}");
    };
    let update = "identify_by: { id_key: employeeID }";
    check(
        "guard: { max_update: 50% }",
        update,
        2,
        "pipeline.yaml:3:22: how many people are changed is not known",
    );
    check(
        "guard: { max_change: { salary: 30% } }",
        update,
        2,
        "3:32: in how many people a column changes is not known without `validate.key`",
    );
    check(
        "guard: { max_delete: { window: 5% } }",
        DELETES,
        2,
        "`window` needs `over`",
    );
    check(
        "guard: { max_delete: { run: 5%, over: 7d } }",
        DELETES,
        2,
        "`over` is the time of a `window`",
    );
    check(
        "guard: { max_delete: { windw: 5% } }",
        DELETES,
        2,
        "did you mean `window`?",
    );
    check(
        "guard: { max_delete: {} }",
        DELETES,
        2,
        "expected a limit, found nothing",
    );
    check(
        "guard: { max_delete: }",
        DELETES,
        2,
        "expected a limit, found nothing",
    );
    check(
        "guard: { max_delete: some }",
        DELETES,
        2,
        "expected a number of rows (500) or a percentage from 0% to 100% (1%)",
    );
    check(
        "guard: { max_delete: 2% }",
        update,
        0,
        "nothing here deletes anybody",
    );
    check(
        "guard: { leavers: { column: status, values: [] }, max_delete: 2% }",
        update,
        2,
        "expected at least one value",
    );
    check(
        "guard: { leavers: { column: status, values: [Left] } }",
        update,
        0,
        "leavers count in `max_delete`",
    );
    check(
        "guard: { on_exceed: withhold_deletes }",
        DELETES,
        2,
        "and that is not stated",
    );
    check(
        "guard: { on_exceed: withhold_deletes, max_delete: 2% }\nupload: { length: chunked, attempts: 1 }",
        DELETES,
        2,
        "none can be withheld",
    );
    let rig = Rig::new();
    rig.write("workers.csv", active(0..3));
    rig.pipeline(
        "source: { path: workers.csv }\nguard: { max_delete: 2%, leavers: { column: statsu, values: [Left] } }",
        update,
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says(
        "pipeline.yaml:3:45: guard.leavers.column: no column `statsu` here, did you mean `status`?",
    );
}

const DIFFERENCE: &str = "identify_by: { id_key: employeeID }\naction: { delta: store }";

/// Where every person is compared with what the server accepted, nothing is "or more".
#[test]
fn a_difference_is_counted_exactly() {
    let guard = "max_delete: 2%, max_create: 10%, max_update: 50%, max_change: { email: 30% }, max_emptied: 5%";
    let rig = rig(guard, DIFFERENCE, &active(0..200));
    // Four came, and hide four of the nine who left from whoever counts rows.
    let ended = rig.night(&active(9..204), 4);
    ended.says("guard.max_delete: 9 people would be deleted (9 who are not in the source any more), of 200 at the target");
    let ended = rig.night(&active(0..221), 4);
    ended.says("guard.max_create: 21 people would be new, of 200 at the target, and no more than 10% may be, which is 20");
    let ended = rig.night(&people(0..200, |id| ("Active", id >= 61)), 4);
    ended.says("guard.max_change: 61 people would have another `email`");
    ended.says("guard.max_emptied: 61 people would have no `email` any more, of 200 who had one");
    let ended = rig.night(
        &people(0..200, |id| {
            (if id < 101 { "On Leave" } else { "Active" }, true)
        }),
        4,
    );
    ended.says("guard.max_update: 101 people would be changed");
    rig.night(
        &people(4..220, |id| {
            (if id < 90 { "On Leave" } else { "Active" }, true)
        }),
        0,
    );
    assert_eq!(rig.items().len(), 216);
}

/// Whom a difference deletes is bound by the hash, though no row of the upload says it.
#[test]
fn deletions_of_a_difference_are_approved() {
    let rig = rig("max_delete: 2%", DIFFERENCE, &active(0..200));
    let ended = rig.night(&active(10..200), 4);
    let hash = ended.offered();
    rig.write("workers.csv", active(0..190));
    let other = rig.run(&["--approve", &hash]);
    assert_eq!(
        (other.code, rig.items().len()),
        (4, 200),
        "{}",
        other.stderr
    );
    rig.write("workers.csv", active(10..200));
    let ended = rig.run(&["--approve", &hash]);
    assert_eq!(
        (ended.code, rig.items().len()),
        (0, 190),
        "{}",
        ended.stderr
    );
    assert_eq!(
        ended.report["approval"]["overrode"],
        serde_json::json!(["max_delete"])
    );
    let again = rig.run(&["--approve", &hash]);
    assert_eq!(again.code, 4, "{}", again.stderr);
    again.says("was used by run");
}

#[test]
fn deletions_of_a_difference_are_withheld() {
    let guard =
        "max_delete: 2%, on_exceed: withhold_deletes, leavers: { column: status, values: [Left] }";
    let rig = rig(guard, DIFFERENCE, &active(0..200));
    // One has left by status, ten are gone, and one is new.
    let extract = people(10..201, |id| {
        (if id == 50 { "Left" } else { "Active" }, true)
    });
    let ended = rig.night(&extract, 3);
    assert_eq!(rig.items().len(), 201);
    assert!(!rig.items().iter().any(|item| item.contains("Left")));
    assert_eq!(["withheld", "sent"].map(|name| ended.count(name)), [1, 1]);
    assert_eq!(ended.report["withheld"]["unnamed"], 10);
    let withheld = rig.read("withheld.csv");
    let mut ids: Vec<&str> = withheld
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    ids.sort_by_key(|id| id.parse::<u32>().unwrap());
    assert_eq!(
        ids,
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "50"]
    );
    let ended = rig.run(&["--approve", &ended.offered()]);
    assert_eq!(
        (ended.code, rig.items().len()),
        (0, 191),
        "{}",
        ended.stderr
    );
    assert!(rig.items().iter().any(|item| item.contains("Left")));
}
