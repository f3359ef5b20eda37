//! Limits on columns, without a difference: what is kept of the last accepted run for them, and what becomes of a run that
//! finds it gone.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::Value;

use crate::support::{Deed, Rig, mode};

const HEADER: &str = "employeeID,status,email,salary,managerID\n";

/// A person's cells: status, mail, salary, manager.
type Person = (&'static str, String, u32, String);

fn usual(id: u32) -> Person {
    ("Active", format!("{id}@a.example"), 100, "1".to_owned())
}

fn people(ids: impl IntoIterator<Item = u32>, cells: impl Fn(u32) -> Person) -> String {
    ids.into_iter().fold(HEADER.to_owned(), |text, id| {
        let (status, mail, salary, manager) = cells(id);
        text + &format!("{id},{status},{mail},{salary},{manager}\n")
    })
}

/// The same people, of whom the first ones earn more.
fn raised(ids: std::ops::Range<u32>, first: u32) -> String {
    people(ids, |id| {
        let person = usual(id);
        let salary = if id < first { person.2 + 1 } else { person.2 };
        (person.0, person.1, salary, person.3)
    })
}

/// The same people, of whom the first ones have no mail address.
fn emptied(ids: std::ops::Range<u32>, first: u32) -> String {
    people(ids, |id| {
        let person = usual(id);
        let mail = if id < first { String::new() } else { person.1 };
        (person.0, mail, person.2, person.3)
    })
}

const IMPORT: &str = "identify_by: { id_key: employeeID }";

fn written(rig: &Rig, guard: &str, import: &str) {
    let sections = format!(
        "source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID, columns: {{ salary: {{ type: integer }} }} }}\n\
         guard: {{ {guard} }}\nrejects: {{ at_most: 100% }}"
    );
    rig.pipeline(&sections, import);
}

/// After the first, accepted run of 200 people.
fn rig(guard: &str, import: &str) -> Rig {
    let rig = Rig::new();
    written(&rig, guard, import);
    rig.night(&raised(0..200, 0), 0);
    rig
}

/// What is kept of columns.
fn kept(rig: &Rig) -> Option<PathBuf> {
    let mut files = fs::read_dir(rig.path("state")).unwrap();
    files.find_map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("columns-").then_some(path)
    })
}

#[test]
fn a_column_that_changes_in_too_many() {
    let rig = rig("max_change: { salary: 30% }", IMPORT);
    rig.night(&raised(0..200, 60), 0);
    // Each night is compared with the one before it.
    let ended = rig.night(&raised(0..200, 121), 4);
    ended.says(
        "guard.max_change: 61 people would have another `salary`, of 200 at the target, and no more than 30% may be, which \
         is 60",
    );
    // What was stopped is not what the next night is compared with, and other columns do not matter.
    rig.night(&raised(0..200, 121), 4);
    rig.night(&emptied(0..200, 200), 0);
    // Who is new has no other salary, nor has who is gone.
    rig.night(&raised(0..200, 0), 0);
    rig.night(&raised(100..320, 0), 0);
    let ended = rig.night(&raised(100..320, 300), 4);
    ended.says("guard.max_change: 200 people");
    let check = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(check.code, 4, "{}", check.stderr);
    check.says("guard.max_change: 200 people");
    assert_eq!(rig.run(&["--approve", &ended.offered()]).code, 0);
    rig.night(&raised(100..320, 300), 0);
}

#[test]
fn cells_that_are_emptied_are_counted_one_by_one() {
    let rig = rig("max_emptied: 5%", IMPORT);
    // Others who came with an address hide nobody.
    let ended = rig.night(&emptied(0..300, 11), 4);
    ended.says("guard.max_emptied: 11 people would have no `email` any more, of 200 who had one");
    let guards = ended.report["guards"].as_array().unwrap();
    let ruling = guards
        .iter()
        .find(|g| g["guard"] == "max_emptied.email")
        .unwrap();
    assert_eq!(
        (&ruling["exact"], &ruling["count"]),
        (&Value::Bool(true), &11.into())
    );
    rig.night(&emptied(0..300, 10), 0);
    // What is empty already is not emptied once more.
    rig.night(&emptied(0..300, 10), 0);
    rig.night(&emptied(0..300, 20), 0);
}

#[test]
fn a_feed_that_changes_a_little_every_night_is_stopped_by_the_window() {
    let guard = "max_change: { salary: { run: 10%, window: 25%, over: 7d } }";
    let rig = rig(guard, IMPORT);
    let mut raised_to = 0;
    let nights = (1..9).take_while(|_| {
        raised_to += 20;
        rig.write("workers.csv", raised(0..200, raised_to));
        let ended = rig.run(&[]);
        assert!([0, 4].contains(&ended.code), "{}", ended.stderr);
        ended.code == 0
    });
    assert_eq!(nights.count(), 2);
}

#[test]
fn nothing_is_kept_where_no_guard_asks_for_it_and_no_value_ever() {
    let other = rig("max_create: 20%", IMPORT);
    assert_eq!(kept(&other), None);
    let rig = rig("max_change: { email: 30% }", IMPORT);
    rig.night(&raised(0..200, 3), 0);
    let folder = kept(&rig).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(9).any(|w| w == b"a.example");
        assert!(!found, "{}", path.display());
    }
    // One hash of the column, one of all columns, and no keys.
    let base = fs::metadata(folder.join("base")).unwrap().len();
    assert_eq!(base, 160 + 200 * (32 + 8 + 8));
    // With a key that is stated, another is not taken for it.
    rig.write("secret", "a-secret-of-more-than-sixteen-bytes");
    let ended = rig.run(&["--set=state.key={ file: secret }"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("was written with another key");
}

/// Only an accepted run is one to compare with: neither one that failed nor one that was let go.
#[test]
fn runs_that_were_not_accepted_do_not_count() {
    let on = Arc::new(AtomicBool::new(true));
    let switch = on.clone();
    let rig = Rig::new().behind(move |call| match call.step {
        "import" if !on.load(SeqCst) => Deed::Answer(
            400,
            r#"{"errors":[{"name":"Bad","code":"400000","message":"no"}]}"#,
        ),
        _ => Deed::Pass,
    });
    written(&rig, "max_change: { salary: 30% }", IMPORT);
    rig.night(&raised(0..200, 0), 0);
    switch.store(false, SeqCst);
    rig.write("workers.csv", raised(0..200, 40));
    let ended = rig.run(&[]);
    assert!([1, 2].contains(&ended.code), "{}", ended.stderr);
    switch.store(true, SeqCst);
    rig.night(&raised(0..200, 80), 4)
        .says("80 people would have another `salary`");
    rig.night(&raised(0..200, 60), 0);
    // Nor does a mended file.
    rig.write("mended.csv", raised(60..70, 70));
    assert_eq!(rig.run(&["--mend", "mended.csv"]).code, 0);
    rig.night(&raised(0..200, 120), 0);
}

/// A run that another process takes up to its end was accepted like any other.
#[test]
fn a_run_that_is_taken_up_is_one_to_compare_with() {
    let on = Arc::new(AtomicBool::new(true));
    let switch = on.clone();
    let rig = Rig::new().behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, "{}"),
        _ => Deed::Pass,
    });
    written(
        &rig,
        "max_change: { salary: 30% } }\nwait: { at_most: 1s",
        IMPORT,
    );
    rig.write("workers.csv", raised(0..200, 0));
    switch.store(false, SeqCst);
    assert_eq!(rig.run(&[]).code, 6);
    switch.store(true, SeqCst);
    assert_eq!(rig.tell(&["resume", "pipeline.yaml"]).code, 0);
    rig.night(&raised(0..200, 61), 4)
        .says("61 people would have another `salary`");
}

#[test]
fn rows_at_fault_keep_what_was_known_of_their_people() {
    let guard = "min_rows: { first: 1, of_last: 50% }, max_delete: 5, max_change: { salary: 5 }, leavers: { column: status, values: [Left] }";
    let rig = rig(guard, &format!("{IMPORT}\nimplicit_delete: true"));
    let faulty = |salary: &'static str| {
        raised(0..200, 0).replacen("0@a.example,100", &format!("0@a.example,{salary}"), 1)
    };
    rig.night(&faulty("much"), 3);
    rig.night(&raised(0..200, 0), 0);
    let ended = rig.night(&raised(0..200, 6), 4);
    ended.says("guard.max_change: 6 people would have another `salary`");
    // Five are gone and a hundred are new: whoever counts rows sees nobody go.
    let ended = rig.night(&raised(6..300, 0), 4);
    ended.says(
        "guard.max_delete: 6 people would be deleted (6 whom no row names), of 200 at the target",
    );
    rig.night(&raised(5..300, 0), 0);
    assert_eq!(rig.items().len(), 295);
    // Who left by status stays so, and others come back.
    let left = |range: std::ops::Range<u32>| {
        people(5..300, move |id| {
            let person = usual(id);
            let status = if range.contains(&id) {
                "Left"
            } else {
                "Active"
            };
            (status, person.1, person.2, person.3)
        })
    };
    rig.night(&left(5..10), 0);
    let ended = rig.night(&left(10..16), 4);
    ended
        .says("guard.max_delete: 6 people would be deleted (6 who turn to the status of a leaver)");
    rig.night(&left(5..15), 0);
}

#[test]
fn rows_that_say_themselves_what_they_ask_for() {
    let rig = Rig::new();
    let import = format!("{IMPORT}\naction: {{ column: act }}");
    let sections = "source: { path: workers.csv }\nvalidate: { key: employeeID }\nguard: { max_change: { pay: 2 } }";
    rig.pipeline(sections, &import);
    let rows = |act: fn(u32) -> &'static str, pay: fn(u32) -> u32| {
        (0..20).fold("employeeID,act,pay\n".to_owned(), |text, id| {
            text + &format!("{id},{},{}\n", act(id), pay(id))
        })
    };
    rig.night(&rows(|_| "create", |_| 1), 0);
    // Of those who are deleted or left alone nothing changes.
    let acts = |id| match id {
        0..5 => "delete",
        5..10 => "noop",
        _ => "update",
    };
    rig.night(&rows(acts, |id| if id < 12 { 2 } else { 1 }), 0);
    // The deleted are new, and the others are what they were.
    let acts = |id| match id {
        0..5 => "create",
        _ => "update",
    };
    let ended = rig.night(&rows(acts, |id| if id < 8 { 2 } else { 1 }), 4);
    // 5, 6 and 7 were left alone, and 10 and 11 go back.
    ended.says("guard.max_change: 5 people would have another `pay`");
}

/// A cell that a hierarchy clears is one that is emptied.
#[test]
fn what_a_hierarchy_clears_is_emptied() {
    let rig = Rig::new();
    let sections = "source: { path: workers.csv }\n\
        validate: { key: employeeID, hierarchy: { parent: managerID, self: ignore, orphans: { absent: clear } } }\n\
        guard: { max_emptied: 5% }";
    let import = format!("{IMPORT}\nempty: clear\nclear_token: '#clear'");
    rig.pipeline(sections, &import);
    let absent = |absent: u32| {
        people(0..200, move |id| {
            let person = usual(id);
            let manager = if id >= 200 - absent { "9999" } else { "1" };
            (person.0, person.1, person.2, manager.to_owned())
        })
    };
    rig.night(&absent(0), 0);
    let ended = rig.night(&absent(11), 4);
    ended.says(
        "guard.max_emptied: 11 people would have no `managerID` any more, of 200 who had one",
    );
    rig.night(&absent(10), 0);
    // Who has none already loses none.
    rig.night(&absent(10), 0);
    rig.night(&absent(19), 0);
}

#[test]
fn what_is_kept_is_found_with_chunked_uploads_and_canaries_too() {
    for (more, args) in [
        (
            "\nupload: { length: chunked, attempts: 1",
            &["--set=validate.key={ column: employeeID, keep: first }"][..],
        ),
        ("\nupload: { length: spooled", &["--first", "10"]),
    ] {
        let rig = Rig::with(|settings| settings.accept_chunked = true);
        let guard = format!("max_change: {{ salary: 30% }} }}{more}");
        written(&rig, &guard, IMPORT);
        rig.write("workers.csv", raised(0..200, 0));
        let ended = rig.run(args);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        rig.write("workers.csv", raised(0..200, 61));
        let ended = rig.run(args);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        ended.says("guard.max_change: 61 people would have another `salary`");
    }
}

/// What was kept and is gone stops the run, once.
#[test]
fn what_was_kept_and_is_lost_needs_approval() {
    let rig = rig("max_change: { salary: 30% }", IMPORT);
    rig.night(&raised(0..200, 0), 0);
    let base = kept(&rig).unwrap().join("base");
    for (spoil, why) in [
        (None, "what was kept of the columns is gone"),
        (Some(3), "what was kept of the columns is damaged"),
    ] {
        // The next run puts what was accepted in its place.
        rig.tell(&["check", "pipeline.yaml"]);
        rig.night(&raised(0..200, 199), 4);
        match spoil {
            None => fs::remove_file(&base).unwrap(),
            Some(bytes) => {
                let text = fs::read(&base).unwrap();
                fs::write(&base, &text[..text.len() - bytes]).unwrap();
            }
        }
        let ended = rig.night(&raised(0..200, 199), 4);
        ended.says(&format!(
            "{why}, though a run was accepted before this one: what would change can't be counted, which \
             guard.max_change.salary asks for"
        ));
        assert_eq!(ended.report["error"]["code"], "baseline_lost");
        let ended = rig.run(&["--approve", &ended.offered()]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(
            ended.report["approval"]["overrode"],
            serde_json::json!(["baseline"])
        );
        rig.night(&raised(0..200, 0), 4)
            .says("guard.max_change: 199 people");
        let again = rig.run(&["--approve", &rig.run(&[]).offered()]);
        assert_eq!(again.code, 0, "{}", again.stderr);
    }
}

#[test]
fn a_guard_that_is_new_begins_with_the_next_run() {
    let rig = rig("max_create: 20%", IMPORT);
    written(&rig, "max_change: { salary: 30% }, max_emptied: 5%", IMPORT);
    let ended = rig.night(&raised(0..200, 199), 0);
    ended.says("guard.max_change.salary was not looked at");
    rig.night(&raised(0..200, 0), 4)
        .says("199 people would have another `salary`");
    // Other columns can't be compared with these.
    let ended = rig.run(&["--set=stages=[{ drop: [status] }]"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says(
        "the columns that are compared were changed, though a run was accepted before this one",
    );
    // Without the guards for a run, nothing older is compared with.
    written(&rig, "max_create: 20%", IMPORT);
    rig.night(&raised(0..200, 0), 0);
    written(&rig, "max_change: { salary: 30% }", IMPORT);
    rig.night(&raised(0..200, 199), 0)
        .says("guard.max_change.salary was not looked at");
}

const DIFFERENCE: &str = "identify_by: { id_key: employeeID }\naction: { delta: store }";

#[test]
fn a_difference_whose_store_is_lost_needs_approval() {
    for guard in [
        "max_delete: 2%",
        "max_create: 10%, max_update: 10%, max_change: { salary: 30% }",
    ] {
        let rig = rig(guard, DIFFERENCE);
        let base = rig.path("store/base");
        let whole = fs::read(&base).unwrap();
        fs::write(&base, &whole[..whole.len() / 2]).unwrap();
        let ended = rig.night(&raised(0..190, 1), 4);
        ended.says(
            "the store of the difference is damaged, though a run was accepted before this one",
        );
        fs::remove_file(&base).unwrap();
        let check = rig.tell(&["check", "pipeline.yaml"]);
        assert_eq!(check.code, 4, "{}", check.stderr);
        let ended = rig.night(&raised(0..190, 1), 4);
        ended
            .says("the store of the difference is gone, though a run was accepted before this one");
        if guard.contains("max_create") {
            ended
                .says("which guard.max_create, guard.max_update, guard.max_change.salary asks for");
        }
        let ended = rig.run(&["--approve", &ended.offered()]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        // Nobody is gone for not having been known.
        assert_eq!((rig.items().len(), ended.count("sent")), (200, 190));
        assert_eq!(rig.night(&raised(0..190, 1), 0).count("unchanged"), 190);
    }
}

/// Where there has never been a store, there is none to be lost.
#[test]
fn a_pipeline_that_begins_to_send_differences() {
    let rig = rig("max_create: 10%", IMPORT);
    written(&rig, "max_create: 10%", DIFFERENCE);
    let ended = rig.night(&raised(0..200, 0), 0);
    assert_eq!(ended.count("sent"), 200);
}

#[test]
fn a_changed_pipeline_whose_guards_can_not_be_counted_needs_approval() {
    let guard = "max_create: 10%, max_change: { salary: 30% }, max_emptied: 50%";
    let rig = rig(guard, DIFFERENCE);
    let columns = "--set=stages=[{ drop: [status] }]";
    let ended = rig.run(&[columns]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("the columns that are compared were changed, though");
    ended.says("which guard.max_change.salary, guard.max_emptied asks for");
    let key = "--set=validate.key={ column: employeeID, ignore_case: true }";
    let ended = rig.run(&[key]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("what people are told apart by was changed, though");
    ended.says("guard.max_create");
    // Without such limits it goes on, and says why it sends everything.
    written(&rig, "max_delete: 2%", DIFFERENCE);
    let ended = rig.run(&[columns]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        ended.report["delta"]["full"],
        "the columns that are sent were changed"
    );
    let ended = rig.run(&[columns, key]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// With a difference, too, it is known of each person whether he was a leaver before.
#[test]
fn leavers_of_a_difference_are_counted_one_by_one() {
    let guard = "max_delete: 5, leavers: { column: status, values: [Left] }";
    let rig = rig(guard, DIFFERENCE);
    let left = |range: std::ops::Range<u32>| {
        people(0..200, move |id| {
            let person = usual(id);
            let status = if range.contains(&id) {
                "Left"
            } else {
                "Active"
            };
            (status, person.1, person.2, person.3)
        })
    };
    rig.night(&left(0..5), 0);
    let ended = rig.night(&left(5..11), 4);
    ended.says("6 people would be deleted (6 who turn to the status of a leaver)");
    rig.night(&left(0..10), 0);
}
