//! What becomes of people night after night whose rows are rejected, spelled otherwise, or forgotten.

use serde_json::Value;

use crate::support::{Ended, Rig};

const DELTA: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

fn pipeline(rig: &Rig, sections: &str) {
    let sections =
        format!("source: {{ path: workers.csv }}\nrejects: {{ at_most: 90% }}\n{sections}");
    rig.pipeline(&sections, DELTA);
}

fn night(rig: &Rig, rows: &[&str]) -> Ended {
    rig.write("workers.csv", format!("{}\n", rows.join("\n")));
    rig.run(&[])
}

/// The ids and grades in the data set.
fn people(rig: &Rig) -> Vec<String> {
    let mut people: Vec<String> = (rig.items().iter())
        .map(|item| {
            let item: Value = serde_json::from_str(item).unwrap();
            let text = |name: &str| item[name].as_str().unwrap_or("-").to_owned();
            format!("{} {}", text("employeeID"), text("grade"))
        })
        .collect();
    people.sort();
    people
}

#[track_caller]
fn differs(ended: &Ended, expected: [u64; 4]) {
    let delta = &ended.report["delta"];
    let found =
        ["creates", "updates", "deletes", "unchanged"].map(|name| delta[name].as_u64().unwrap());
    assert_eq!(found, expected, "{}", ended.stderr);
}

/// A slip in the file of aliases makes one of two people, and both their rows are rejected.
#[test]
fn nobody_is_deleted_under_another_id_of_a_rejected_row() {
    let rig = Rig::new();
    let key = "validate: { key: employeeID, columns: { grade: { one_of: [G1, G2] } } }";
    pipeline(&rig, key);
    let rows = ["employeeID,grade", "11,G1", "12,G1", "13,G2"];
    assert_eq!(night(&rig, &rows).code, 0);
    rig.write("aliases.csv", "old,new\n12,13\n");
    pipeline(&rig, &format!("aliases: {{ path: aliases.csv }}\n{key}"));
    let ended = night(&rig, &rows);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 2),
        "{}",
        ended.stderr
    );
    differs(&ended, [0, 0, 0, 1]);
    assert_eq!(people(&rig), ["11 G1", "12 G1", "13 G2"]);
    // Without a fault, who has two items keeps one.
    let ended = night(&rig, &["employeeID,grade", "11,G1", "12,G1"]);
    differs(&ended, [0, 1, 1, 1]);
    assert_eq!(people(&rig), ["11 G1", "13 G1"]);
    // The new id of a rejected row is not known yet, and the old one is.
    rig.write("aliases.csv", "old,new\n11,14\n");
    let ended = night(&rig, &["employeeID,grade", "14,G9", "13,G1"]);
    differs(&ended, [0, 0, 0, 1]);
    assert_eq!(people(&rig), ["11 G1", "13 G1"]);
}
