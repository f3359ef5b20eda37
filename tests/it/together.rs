//! What is only seen where several settings meet: which go together, and what a run does where two of them have a say.

use serde_json::Value;

use crate::support::{Ended, Rig};

const BY_ID: &str = "identify_by: { id_key: employeeID }";

fn delta() -> String {
    format!("action: {{ delta: store }}\n{BY_ID}\nclear: [manager]\nclear_token: '#'")
}

#[track_caller]
fn refused(rig: &Rig, args: &[&str], why: &str) {
    let (code, stderr) = rig.ask(args);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(why), "{stderr}");
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn what_does_not_go_with_a_difference() {
    let rig = Rig::new();
    rig.write("workers.csv", "employeeID,manager\n1,\n");
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }",
        &delta(),
    );
    rig.write(
        "pair.json",
        r#"{ "get": "https://a.example/g", "put": "https://a.example/p" }"#,
    );
    let own = "file:pair.json";
    refused(
        &rig,
        &["run", "pipeline.yaml", "--first", "10"],
        "--first: with `action: { delta: PATH }` only what differs is sent",
    );
    refused(
        &rig,
        &["upload", "pipeline.yaml", "--to", own],
        "with `action: { delta: PATH }` only what differs is sent, and the store would not know what becomes of it",
    );
    refused(
        &rig,
        &["import", "pipeline.yaml", "--from", own],
        "with `action: { delta: PATH }` the store would not know whom the file names",
    );
    assert!(!rig.path("state").exists() && !rig.path("store").exists());
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }",
        &format!("{}\nresult_location: {{ env: RESULTS }}", delta()),
    );
    refused(
        &rig,
        &["lint", "pipeline.yaml"],
        "the difference is taken to what the server accepted last, and there the results are not ours to read",
    );
}

#[test]
fn what_else_does_not_go_together() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }",
        BY_ID,
    );
    // A canary would use the approval up for ten rows.
    refused(
        &rig,
        &[
            "run",
            "pipeline.yaml",
            "--first",
            "10",
            "--approve",
            "0123456789abcdef",
        ],
        "cannot be used with",
    );
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID }\nas_of: { from: start }\nguard: { min_rows: 1 }",
        &format!("{BY_ID}\nimplicit_delete: {{ on_reject: carry_forward }}"),
    );
    refused(
        &rig,
        &["lint", "pipeline.yaml"],
        "a row at fault is carried forward by its key, and with `as_of` several rows have the same",
    );
}

/// The data set, as `id manager status`.
fn people(rig: &Rig) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    let person = |item: &String| {
        let item: Value = serde_json::from_str(item).unwrap();
        let [id, manager, status] =
            ["employeeID", "manager", "status"].map(|name| text(&item, name));
        format!("{id} {manager} {status}")
    };
    let mut people: Vec<String> = rig.items().iter().map(person).collect();
    people.sort();
    people
}

/// Twenty people, 10 to 29; of these one is at fault, and one has a manager who is not there.
const EXTRACT: fn() -> String = || {
    (10..30).fold("employeeID,manager,status\n".to_owned(), |text, id| {
        text + &match id {
            11 => format!("{id},10,?\n"),
            12 => format!("{id},99,Active\n"),
            10 => format!("{id},,Active\n"),
            _ => format!("{id},10,Active\n"),
        }
    })
};

const RULES: &str = "source: { path: workers.csv }\nrejects: { at_most: 100% }\n\
    validate: { key: employeeID, columns: { status: { one_of: [Active, Left] } }, hierarchy: { parent: manager, orphans: { absent: clear } } }";

fn decision<'a>(ended: &'a Ended, guard: &str) -> &'a str {
    let guards = ended.report["guards"].as_array().unwrap();
    let found = guards.iter().find(|ruling| ruling["guard"] == guard);
    found.unwrap_or_else(|| panic!("{guards:?}"))["decision"]
        .as_str()
        .unwrap()
}

/// The canary is made of rows that change something, as they are sent in the end; whoever is at fault is named by the
/// last import alone.
#[test]
fn a_canary_and_rows_that_are_carried_or_cleared() {
    for length in ["measured", "spooled"] {
        let before = r#"[{"employeeID":"11","status":"Active"},{"employeeID":"5"},{"employeeID":"12","manager":"5"}]"#;
        let rig = Rig::holding(before, |_| {});
        rig.write("workers.csv", EXTRACT());
        rig.pipeline(
            &format!("{RULES}\nguard: {{ min_rows: 1 }}\nupload: {{ length: {length} }}"),
            &format!("{BY_ID}\nempty: clear\nclear_token: '#'\nimplicit_delete: {{ on_reject: carry_forward }}"),
        );
        let ended = rig.run(&["--first", "3"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let first = &ended.report["first"];
        assert_eq!(
            (&first["rows"], &first["accepted"], &first["sent_again"]),
            (&3.into(), &3.into(), &true.into())
        );
        let counts = ["read", "rejected", "carried", "sent", "accepted"];
        assert_eq!(counts.map(|name| ended.count(name)), [20, 1, 1, 20, 20]);
        let people = people(&rig);
        assert_eq!(people.len(), 20);
        assert_eq!(&people[..3], ["10 - Active", "11 - Active", "12 - Active"]);
        // Without deletion, the three are left out of what follows.
        let rig = Rig::holding(before, |_| {});
        rig.write("workers.csv", EXTRACT());
        rig.pipeline(
            &format!("{RULES}\nupload: {{ length: {length} }}"),
            &format!("{BY_ID}\nempty: clear\nclear_token: '#'"),
        );
        let ended = rig.run(&["--first", "3"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!(counts.map(|name| ended.count(name)), [20, 1, 0, 19, 19]);
        let people = self::people(&rig);
        assert_eq!(people[1..4], ["11 - Active", "12 - Active", "13 10 Active"]);
        let body = String::from_utf8(rig.uploaded()).unwrap();
        assert_eq!(body.matches("createOrUpdate").count(), 16, "{body}");
        assert!(!body.contains("\"12\""), "{body}");
    }
}

/// What is held back is in neither of the two imports.
#[test]
fn a_canary_and_rows_that_are_withheld() {
    for length in ["measured", "spooled"] {
        let items: Vec<Value> = (0..200)
            .map(|id| serde_json::json!({ "employeeID": id.to_string(), "status": "Active" }))
            .collect();
        let rig = Rig::holding(&serde_json::to_string(&items).unwrap(), |_| {});
        let rows = |act: fn(u32) -> (&'static str, &'static str)| {
            (0..200).fold("employeeID,act,status\n".to_owned(), |text, id| {
                let (act, status) = act(id);
                text + &format!("{id},{act},{status}\n")
            })
        };
        rig.pipeline(
            &format!(
                "source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\nupload: {{ length: {length} }}\n\
                 guard: {{ max_delete: 4, on_exceed: withhold_deletes, leavers: {{ column: status, values: [Left] }} }}"
            ),
            &format!("{BY_ID}\naction: {{ column: act }}"),
        );
        rig.write("workers.csv", rows(|_| ("update", "Active")));
        assert_eq!(rig.run(&[]).code, 0);
        // 0 to 4 would be deleted, and 5 to 9 have left.
        rig.write(
            "workers.csv",
            rows(|id| match id {
                0..5 => ("delete", "Active"),
                5..10 => ("update", "Left"),
                _ => ("update", "On leave"),
            }),
        );
        let ended = rig.run(&["--first", "12"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let counts = ["read", "withheld", "sent", "accepted"];
        assert_eq!(counts.map(|name| ended.count(name)), [200, 10, 190, 190]);
        assert_eq!(ended.report["first"]["accepted"], 12);
        assert_eq!(rig.read("withheld.csv").lines().count(), 11);
        assert_eq!(rig.taken(), (3, 3));
        let held = people(&rig);
        assert_eq!(held.len(), 200);
        assert_eq!(held.iter().filter(|p| p.ends_with("Active")).count(), 10);
        // The canary's rows are not in the last upload.
        let body = String::from_utf8(rig.uploaded()).unwrap();
        assert_eq!(body.matches("update").count(), 178, "{length}");
    }
}

/// What can't be approved comes first, and who mends that hears of the other, too.
#[test]
fn a_hierarchy_that_stops_and_a_limit_that_is_exceeded() {
    let rig = Rig::new();
    let rows = |ids: std::ops::Range<u32>, manager: u32| {
        ids.fold(
            "employeeID,manager,status\n0,,Active\n".to_owned(),
            |text, id| text + &format!("{id},{},Active\n", if id < 3 { manager } else { 0 }),
        )
    };
    let sections = |otherwise: &str| {
        format!(
            "source: {{ path: workers.csv }}\n\
             validate: {{ key: employeeID, hierarchy: {{ parent: manager, orphans: {{ absent: {otherwise} }} }} }}\n\
             guard: {{ min_rows: {{ first: 1, of_last: 50% }}, max_delete: 2% }}"
        )
    };
    let import = format!("{BY_ID}\nimplicit_delete: true");
    rig.pipeline(&sections("stop"), &import);
    rig.write("workers.csv", rows(1..200, 0));
    assert_eq!(rig.run(&[]).code, 0);
    rig.write("workers.csv", rows(1..150, 999));
    let taken = rig.taken();
    let ended = rig.run(&[]);
    assert_eq!((ended.code, rig.taken()), (4, taken), "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "hierarchy");
    ended.says("2 rows name a parent that is not in the source");
    ended.says(
        "it would be stopped for this, too: guard.max_delete: 50 or more people would be deleted",
    );
    assert_eq!(decision(&ended, "hierarchy"), "stopped");
    assert_eq!(decision(&ended, "max_delete"), "stopped");
    // There is nothing to be approved.
    assert!(ended.report["next"].is_null(), "{}", ended.report["next"]);
    assert!(!ended.stderr.contains("--approve"), "{}", ended.stderr);
    // Without the one, the other is what stops it.
    rig.pipeline(&sections("warn"), &import);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "too_many_deletes");
    assert!(
        !ended.stderr.contains("it would be stopped for this, too"),
        "{}",
        ended.stderr
    );
}
