//! What becomes of people night after night whose rows are rejected, spelled otherwise, or forgotten.

use crate::support::{Ended, Rig};

const DELTA: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

/// What is looked at of the items.
const PEOPLE: [&str; 2] = ["employeeID", "grade"];

fn pipeline(rig: &Rig, sections: &str) {
    let sections =
        format!("source: {{ path: workers.csv }}\nrejects: {{ at_most: 90% }}\n{sections}");
    rig.pipeline(&sections, DELTA);
}

fn night(rig: &Rig, rows: &[&str]) -> Ended {
    rig.write("workers.csv", format!("{}\n", rows.join("\n")));
    rig.run(&[])
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
    ended.differs([0, 0, 0, 1]);
    assert_eq!(rig.people(&PEOPLE), ["11 G1", "12 G1", "13 G2"]);
    // Without a fault, who has two items keeps one.
    let ended = night(&rig, &["employeeID,grade", "11,G1", "12,G1"]);
    ended.differs([0, 1, 1, 1]);
    assert_eq!(rig.people(&PEOPLE), ["11 G1", "13 G1"]);
    // The new id of a rejected row is not known yet, and the old one is.
    rig.write("aliases.csv", "old,new\n11,14\n");
    let ended = night(&rig, &["employeeID,grade", "14,G9", "13,G1"]);
    ended.differs([0, 0, 0, 1]);
    assert_eq!(rig.people(&PEOPLE), ["11 G1", "13 G1"]);
}

/// The server takes `ab` for another item than `AB`.
#[test]
fn a_key_that_is_spelled_otherwise_names_the_item_that_the_server_has() {
    let rig = Rig::new();
    pipeline(
        &rig,
        "validate: { key: { column: employeeID, ignore_case: true } }",
    );
    let rows = ["employeeID,grade", "AB,G1", "CD,G1", "EF,G1", "GH,G1"];
    assert_eq!(night(&rig, &rows).code, 0);
    // One is changed, one spelled otherwise and no more, and one gone.
    let rows = ["employeeID,grade", "ab,G2", "cd,G1", "GH,G1"];
    let ended = night(&rig, &rows);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([0, 1, 1, 2]);
    assert_eq!(rig.people(&PEOPLE), ["AB G2", "CD G1", "GH G1"]);
    ended.says(
        "1 row goes out under its key as the server has it, and the source writes it otherwise",
    );
    let columns = ended.report["delta"]["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 1, "{columns:?}");
    assert_eq!(columns[0]["column"], "grade");

    let ended = night(&rig, &rows);
    ended.differs([0, 0, 0, 3]);
    // Everything goes once more, as other columns do.
    let ended = night(
        &rig,
        &["employeeID,grade,name", "ab,G2,A", "cd,G1,C", "gh,G1,G"],
    );
    assert_eq!(
        (ended.code, ended.count("accepted")),
        (0, 3),
        "{}",
        ended.stderr
    );
    assert_eq!(rig.people(&PEOPLE), ["AB G2", "CD G1", "GH G1"]);
    ended.says("3 rows go out under their keys");
    let ended = night(&rig, &["employeeID,grade,name", "cd,G1,C", "gh,G1,G"]);
    ended.differs([0, 0, 1, 2]);
    assert_eq!(
        (ended.code, rig.people(&PEOPLE)),
        (0, vec!["CD G1".to_owned(), "GH G1".to_owned()])
    );
}

/// The store knows nothing of her any more, and the server does.
#[test]
fn who_was_forgotten_and_is_still_in_the_source_is_not_refused() {
    let rig = Rig::new();
    pipeline(&rig, "validate: { key: employeeID }");
    let rows = ["employeeID,grade", "1,G1", "2,G1"];
    assert_eq!(night(&rig, &rows).code, 0);
    rig.write("people.txt", "2\n");
    let (code, said) = rig.ask(&["forget", "people.txt"]);
    assert_eq!(code, 0, "{said}");
    // A night in which she is not in the source changes nothing of that.
    let ended = night(&rig, &["employeeID,grade", "1,G2"]);
    ended.differs([0, 1, 0, 0]);
    let ended = night(&rig, &["employeeID,grade", "1,G2", "2,G3", "3,G1"]);
    assert_eq!(
        (ended.code, ended.count("failed")),
        (0, 0),
        "{}",
        ended.stderr
    );
    ended.differs([2, 0, 0, 1]);
    assert_eq!(rig.people(&PEOPLE), ["1 G2", "2 G3", "3 G1"]);
    let ended = night(&rig, &["employeeID,grade", "1,G2", "3,G1"]);
    ended.differs([0, 0, 1, 2]);
    assert_eq!(rig.people(&PEOPLE), ["1 G2", "3 G1"]);
}

#[test]
fn columns_in_another_order_are_the_same_columns() {
    let rig = Rig::new();
    pipeline(
        &rig,
        "validate: { key: employeeID }\nguard: { max_change: { grade: 90% } }",
    );
    let rows = ["employeeID,grade,name", "1,G1,A", "2,G1,B", "3,G1,"];
    assert_eq!(night(&rig, &rows).code, 0);
    let ended = night(
        &rig,
        &["name,employeeID,grade", "A,1,G1", "B,2,G2", "D,4,G1"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([1, 1, 1, 1]);
    assert!(ended.report["delta"]["full"].is_null(), "{}", ended.stderr);
    assert_eq!(rig.people(&PEOPLE), ["1 G1", "2 G2", "4 G1"]);
    // Another column is another matter.
    let ended = night(
        &rig,
        &[
            "pay,name,employeeID,grade",
            "1,A,1,G1",
            "2,B,2,G2",
            "3,D,4,G1",
        ],
    );
    assert!(
        ended.report["delta"]["full"].is_string(),
        "{}",
        ended.stderr
    );
}
