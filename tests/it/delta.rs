//! What differs from what the server accepted last: night after night, with whatever comes between.

use std::fs;

use serde_json::Value;

use crate::support::{Call, Deed, Ended, Rig, mode};

const IMPORT: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

const HEADER: &str = "employeeID,fullName,grade\n";

fn few(rig: Rig, import: &str) -> Rig {
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID, columns: { grade: { one_of: [G1, G2, G3] } } }\n\
         rejects: { at_most: 90% }",
        import,
    );
    rig
}

fn night(rig: &Rig, rows: &[&str]) -> Ended {
    rig.write("workers.csv", format!("{HEADER}{}\n", rows.join("\n")));
    rig.run(&[])
}

/// The data set, as `id name grade`.
fn people(rig: &Rig) -> Vec<String> {
    let mut people: Vec<String> = rig
        .items()
        .iter()
        .map(|item| {
            let item: Value = serde_json::from_str(item).unwrap();
            let text = |name: &str| item[name].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {}",
                text("employeeID"),
                text("fullName"),
                text("grade")
            )
        })
        .collect();
    people.sort();
    people
}

#[track_caller]
fn counts(ended: &Ended, expected: [u64; 4]) {
    let [creates, updates, deletes, unchanged] = expected;
    let delta = &ended.report["delta"];
    let found =
        ["creates", "updates", "deletes", "unchanged"].map(|name| delta[name].as_u64().unwrap());
    assert_eq!(
        found,
        [creates, updates, deletes, unchanged],
        "{}",
        ended.stderr
    );
}

#[test]
fn only_what_differs_is_sent() {
    let rig = few(Rig::new(), IMPORT);
    let ended = night(&rig, &["1,Ann,G1", "2,Bob,G2", "3,Cid,"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("everything is sent, as there is no store yet");
    counts(&ended, [3, 0, 0, 0]);

    let ended = night(&rig, &["3,Cid,", "1,Ann,G2", "4,Dan,G1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    counts(&ended, [1, 1, 1, 1]);
    ended.says("1 new, 1 changed, 1 gone, to the 3 people at the target");
    assert_eq!((ended.count("sent"), ended.count("accepted")), (3, 3));
    // Deletions come in an upload of their own, and last.
    assert_eq!(
        String::from_utf8(rig.uploaded()).unwrap(),
        "[\n{\"_action\":\"delete\",\"employeeID\":\"2\"}\n]\n"
    );
    assert_eq!(people(&rig), ["1 Ann G2", "3 Cid -", "4 Dan G1"]);

    // A quiet night asks for nothing.
    let before = rig.taken();
    let ended = night(&rig, &["1,Ann,G2", "3,Cid,", "4,Dan,G1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    counts(&ended, [0, 0, 0, 3]);
    assert_eq!((rig.taken(), ended.count("unchanged")), (before, 3));

    // One row, and of that what changed.
    let ended = night(&rig, &["1,Ann,G3", "3,Cid,", "4,Dan,G1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        String::from_utf8(rig.uploaded()).unwrap(),
        "[\n{\"_action\":\"update\",\"employeeID\":\"1\",\"grade\":\"G3\"}\n]\n"
    );
    // Who comes back is created.
    let ended = night(&rig, &["1,Ann,G3", "2,Bob,G1", "3,Cid,", "4,Dan,G1"]);
    counts(&ended, [1, 0, 0, 3]);
    assert_eq!(
        people(&rig),
        ["1 Ann G3", "2 Bob G1", "3 Cid -", "4 Dan G1"]
    );
    for entry in fs::read_dir(rig.path("store")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        for value in ["Ann", "Bob", "G3"] {
            let found = bytes.windows(value.len()).any(|w| w == value.as_bytes());
            assert!(!found || value.len() < 3, "{value} in {}", path.display());
        }
    }
}
