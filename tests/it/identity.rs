//! People with several ids: rows under the id that the target knows, and who may have a new one.

use serde_json::json;

use crate::support::{Ended, Rig};

const HEADER: &str = "employeeID,lastName,dob,managerID\n";

/// What is looked at of the items.
const PEOPLE: [&str; 3] = ["employeeID", "lastName", "managerID"];

/// One pipeline, with or without a file of aliases.
fn pipeline(rig: &Rig, sections: &str, import: &str) {
    let sections =
        format!("source: {{ path: workers.csv }}\nrejects: {{ at_most: 90% }}\n{sections}");
    rig.pipeline(&sections, import);
}

const KEY: &str = "validate: { key: employeeID, hierarchy: { parent: managerID } }";

const ALIASES: &str = "aliases: { path: aliases.csv }";

const BY_ID: &str = "identify_by: { id_key: employeeID }";

const DELTA: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

fn night(rig: &Rig, rows: &[&str]) -> Ended {
    rig.write("workers.csv", format!("{HEADER}{}\n", rows.join("\n")));
    rig.run(&[])
}

/// The target knows the old ids, the extract has the new ones: an update, and references follow.
#[test]
fn a_new_id_is_an_update_of_the_same_item() {
    let rig = Rig::new();
    pipeline(&rig, KEY, BY_ID);
    night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "2,Bob,1990-02-02,1",
            "3,Cid,1991-03-03,2",
        ],
    );
    assert_eq!(rig.people(&PEOPLE), ["1 Ann -", "2 Bob 1", "3 Cid 2"]);

    rig.write("aliases.csv", "old,new,since\n2,B2,2026-11-01\n");
    pipeline(&rig, &format!("{ALIASES}\n{KEY}"), BY_ID);
    let ended = night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "B2,Bobby,1990-02-02,1",
            "3,Cid,1991-03-03,B2",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann -", "2 Bobby 1", "3 Cid 2"]);
    assert_eq!(
        ended.report["aliases"],
        json!({ "people": 1, "rows": 1, "references": 1 })
    );
    ended.says("aliases     1 person with several ids: 1 row and 1 reference have another one than in the source");
    // Nobody is an orphan.
    assert_eq!(ended.report["hierarchies"][0]["in_trees"], 3);
}

/// The target knows the new ids, and a part of the source still has old ones.
#[test]
fn an_old_id_goes_out_as_the_new_one() {
    let rig = Rig::new();
    rig.write("aliases.csv", "old,new\n2,B2\nB2,C2\n");
    pipeline(
        &rig,
        &format!("aliases: {{ path: aliases.csv, send: new, columns: [dob] }}\n{KEY}"),
        BY_ID,
    );
    let ended = night(&rig, &["1,Ann,2,", "2,Bob,B2,1", "3,Cid,9,2"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann -", "3 Cid C2", "C2 Bob 1"]);
    assert_eq!(
        ended.report["aliases"],
        json!({ "people": 1, "rows": 1, "references": 3 })
    );
}

/// Two rows under two ids of one person are two rows of one key, and neither goes out.
#[test]
fn both_ids_in_one_extract_are_one_key() {
    let rig = Rig::new();
    rig.write("aliases.csv", "old,new\n2,B2\n");
    pipeline(&rig, &format!("{ALIASES}\n{KEY}"), BY_ID);
    let ended = night(&rig, &["1,Ann,,", "2,Bob,,1", "B2,Bob,1990-02-02,1"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(
        ended.report["rejects"]["by_code"][0]["code"],
        "key_duplicate"
    );
    assert_eq!(rig.people(&PEOPLE), ["1 Ann -"]);
    // The rows stand in the rejects as the source had them.
    assert!(rig.read("rejects.csv").contains("\nB2,Bob,1990-02-02,1,"));
}

/// With a difference the store tells which id the target knows; a change of the id alone asks for nothing.
#[test]
fn with_a_difference_the_store_tells_which_id_is_known() {
    let rig = Rig::new();
    pipeline(&rig, KEY, DELTA);
    night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "2,Bob,1990-02-02,1",
            "3,Cid,1991-03-03,2",
        ],
    );
    // One new id is in the file of aliases in time, and of another nobody thinks.
    rig.write("aliases.csv", "old,new\n2,B2\n");
    pipeline(&rig, &format!("{ALIASES}\n{KEY}"), DELTA);
    let ended = night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "B2,Bob,1990-02-02,1",
            "C3,Cid,1991-03-03,B2",
        ],
    );
    ended.differs([1, 0, 1, 2]);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann -", "2 Bob 1", "C3 Cid 2"]);
    // It comes later: the target knows the new one by now, and that stays.
    rig.write("aliases.csv", "old,new\n2,B2\n3,C3\n");
    let ended = night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "B2,Bob,1990-02-02,1",
            "C3,Cida,1991-03-03,B2",
        ],
    );
    ended.differs([0, 1, 0, 2]);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann -", "2 Bob 1", "C3 Cida 2"]);
}

/// One leaves, one arrives, and both have the same name and birth date.
#[test]
fn who_may_have_a_new_id_is_told_by_line() {
    let rig = Rig::new();
    let rules = "validate: { key: employeeID, rehires: { columns: [lastName, dob] } }";
    pipeline(&rig, rules, DELTA);
    let ended = night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "2,Bob,1990-02-02,1",
            "3,Cid,,1",
            "4,Dan,1970-05-05,1",
            "5,Dan,1970-05-05,1",
        ],
    );
    assert_eq!(
        ended.report["rehires"]["found"]["count"], 0,
        "{}",
        ended.stderr
    );
    let ended = night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "B2,Bob,1990-02-02,1",
            "C3,Cid,,1",
            "D4,Dan,1970-05-05,1",
            "E1,Ann,1980-01-01,1",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let rehires = &ended.report["rehires"];
    // Nobody left who is like E1; of the two Dans who left nobody knows which one it is; C3 has no birth date.
    let line = |line: u64| json!({ "file": "workers.csv", "line": line });
    assert_eq!(rehires["columns"], json!(["lastName", "dob"]));
    assert_eq!(rehires["found"], json!({ "count": 1, "first": [line(3)] }));
    assert_eq!(
        rehires["unclear"],
        json!({ "count": 1, "first": [line(5)] })
    );
    ended.says("rehires: 1 person who arrives has the `lastName`, `dob` of somebody who leaves (workers.csv:3)");
    for value in ["Bob", "Dan", "1990", "1970"] {
        assert!(!ended.stderr.contains(value) && !ended.report.to_string().contains(value));
    }
}

/// The row of the old id stays in the extract, with the status of a leaver.
#[test]
fn who_leaves_by_a_status_counts() {
    let rig = Rig::new();
    pipeline(
        &rig,
        "validate: { key: employeeID, rehires: { columns: [lastName, dob] } }\n\
         guard: { max_delete: 5, leavers: { column: managerID, values: [gone] } }",
        DELTA,
    );
    night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "2,Bob,1990-02-02,1",
            "3,Cid,1991-01-01,gone",
        ],
    );
    let ended = night(
        &rig,
        &[
            "1,Ann,1980-01-01,",
            "2,Bob,1990-02-02,gone",
            "3,Cid,1991-01-01,gone",
            "B2,Bob,1990-02-02,1",
            "C3,Cid,1991-01-01,1",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let found = &ended.report["rehires"]["found"];
    assert_eq!(
        *found,
        json!({ "count": 1, "first": [{ "file": "workers.csv", "line": 5 }] })
    );
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    let rig = Rig::new();
    for (file, sections, code, expected) in [
        (
            None,
            ALIASES,
            1,
            "pipeline.yaml:4:18: aliases: aliases.csv: there is no such file",
        ),
        (
            Some("old,new\n1,2\n1,3\n"),
            ALIASES,
            2,
            "pipeline.yaml:4:18: aliases.path: aliases.csv: lines 2 and 3 have the same old id, and only one new id can have \
             taken its place",
        ),
        (
            Some("old,new\n1,2\n"),
            "aliases: { path: aliases.csv, columns: [coach] }",
            2,
            "pipeline.yaml:4:41: aliases.columns.0: no column `coach` here",
        ),
        (
            Some("old,new\n1,2\n"),
            "aliases: { path: aliases.csv, old: new }",
            2,
            "pipeline.yaml:4:36: `old` and `new` are the same column",
        ),
        (
            None,
            "aliases:",
            2,
            "pipeline.yaml:4:1: expected `path`, found nothing",
        ),
    ] {
        let _ = std::fs::remove_file(rig.path("aliases.csv"));
        if let Some(text) = file {
            rig.write("aliases.csv", text);
        }
        rig.write("workers.csv", format!("{HEADER}1,Ann,,\n"));
        pipeline(&rig, &format!("{sections}\n{KEY}"), BY_ID);
        let (found, stderr) = rig.ask(&["check", "pipeline.yaml"]);
        assert!(stderr.contains(expected), "{expected}\n{stderr}");
        assert_eq!(found, code, "{stderr}");
        for report in rig.reports() {
            std::fs::remove_file(report).unwrap();
        }
    }
    // Who leaves is known of a difference alone.
    rig.write("aliases.csv", "old,new\n1,2\n");
    pipeline(
        &rig,
        "validate: { key: employeeID, rehires: { columns: [lastName, dob] } }",
        BY_ID,
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("who leaves is known only where a difference is taken"),
        "{stderr}"
    );
}
