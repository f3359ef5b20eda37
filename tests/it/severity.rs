//! `severity` and `at_most` of rules.

use serde_json::json;

use crate::support::Rig;

const ROWS: &str = "name,grade\na,G1\nb,G7777\n,G9\nd,d\ne,G2\n";

fn rig(rules: &str) -> Rig {
    let rig = Rig::new();
    rig.write("workers.csv", ROWS);
    let head = "source: { path: workers.csv }\nrejects: { at_most: 50% }\n";
    rig.pipeline(&format!("{head}{rules}"), "action: create");
    rig
}

#[test]
fn what_warns_goes_out_and_is_counted() {
    let rules = "validate:
  columns:
    grade: { one_of: [G1, G2], max_length: 3, severity: warn }
    name: { required: true }
  rows:
    - { assert: name != grade, code: same, columns: [name, grade], severity: warn }
";
    let rig = rig(rules);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = &ended.report["counts"];
    assert_eq!(
        (&counts["sent"], &counts["rejected"]),
        (&json!(4), &json!(1))
    );
    let line = |line: u64| json!({ "file": "workers.csv", "line": line });
    let count = |column: &str, code: &str, rows: u64, first: &[u64]| {
        let first: Vec<_> = first.iter().map(|at| line(*at)).collect();
        json!({ "column": column, "renamed_to": null, "code": code, "rows": rows, "first": first })
    };
    let warned = json!({
        "rows": 3,
        "by_column": [
            count("grade", "one_of", 3, &[3, 4, 5]),
            count("grade", "max_length", 1, &[3]),
            count("name, grade", "same", 1, &[5]),
        ]
    });
    assert_eq!(ended.report["warned"], warned);
    for told in [
        "warned                  3  break a rule",
        "grade  one_of  3  (workers.csv:3, 4, 5)",
    ] {
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    let rejects = rig.read("rejects.csv");
    assert!(
        rejects.contains("required") && !rejects.contains("one_of"),
        "{rejects}"
    );
    let (_, preview) = rig.put_out(&["preview", "pipeline.yaml"]);
    assert!(preview.contains("  ~ grade: expected one of"), "{preview}");
    let files = rig.read("workers.csv").replace(",G9", "c,G9");
    rig.write("workers.csv", files);
    // Warnings alone are no other exit code.
    let ended = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(
        (ended.code, &ended.report["warned"]["rows"]),
        (0, &json!(3))
    );
}

#[test]
fn more_than_a_rule_allows_stops_the_run() {
    let check = |rules: &str, code: i32, word: Option<&str>, told: &str| {
        let rig = rig(&format!("validate: {{ {rules} }}"));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{rules} {}", ended.stderr);
        assert_eq!(ended.report["error"]["code"].as_str(), word, "{rules}");
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        let sent = ended.report["counts"]["sent"].as_u64().unwrap();
        assert_eq!(sent > 0, code != 4);
    };
    check(
        "columns: { grade: { one_of: [G1, G2], max_length: 3, severity: warn, at_most: 40% } }",
        4,
        Some("too_many_warned"),
        "3 of 5 rows break the rules of `grade`, and validate.columns.grade.at_most is 40%",
    );
    // Who breaks two of a column's rules counts once.
    check(
        "columns: { grade: { one_of: [G1, G2], max_length: 3, severity: warn, at_most: 60% } }",
        0,
        None,
        "warned",
    );
    check(
        "columns: { name: { required: true, at_most: 0 } }",
        4,
        Some("too_many_rejects"),
        "1 of 5 rows breaks the rules of `name`, and validate.columns.name.at_most is 0",
    );
    check(
        "columns: { name: { required: true, at_most: 1 } }",
        3,
        None,
        "rejected",
    );
    check(
        "rows: [{ assert: name != grade, code: same, severity: warn, at_most: 0 }]",
        4,
        Some("too_many_warned"),
        "1 of 5 rows breaks `same`, and validate.rows[0].at_most is 0",
    );
}

#[test]
fn of_a_sensitive_column_a_few_are_not_counted() {
    let rules = "sensitive: [grade]\nvalidate: { columns: { grade: { one_of: [G1, G2], severity: warn, at_most: 1 } } }";
    let ended = rig(rules).run(&[]);
    assert_eq!(ended.code, 4);
    let found = &ended.report["warned"]["by_column"][0];
    assert_eq!(
        (&found["rows"], &found["first"]),
        (&json!("fewer than 5"), &json!([]))
    );
    assert!(
        ended
            .stderr
            .contains("fewer than 5 rows break the rules of `grade`"),
        "{}",
        ended.stderr
    );
    let guard = ended.report["guards"].as_array().unwrap();
    let guard = guard
        .iter()
        .find(|guard| guard["guard"] == "validate.columns.grade.at_most");
    let guard = guard.unwrap();
    assert_eq!(
        (&guard["count"], &guard["exact"]),
        (&json!(1), &json!(false))
    );
}

#[test]
fn rows_that_another_supersedes_warn_of_nothing() {
    let rig = Rig::new();
    rig.write(
        "workers.csv",
        "id,from,grade\n1,2020-01-01,X\n1,2021-01-01,G1\n2,2020-01-01,Y\n",
    );
    let head = "source: { path: workers.csv }\nrejects: { at_most: 50% }\nas_of: { key: id, from: from }\n";
    let rules =
        "validate: { key: id, columns: { grade: { one_of: [G1], severity: warn, at_most: 1 } } }";
    rig.pipeline(&format!("{head}{rules}"), "action: create");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["warned"]["rows"], 1);
    assert_eq!(
        ended.report["warned"]["by_column"][0]["first"][0]["line"],
        4
    );
}

#[test]
fn what_makes_no_sense() {
    let check = |rules: &str, told: &str| {
        let rig = rig(&format!("validate: {{ {rules} }}"));
        let (code, said) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(told), "{said}");
    };
    check(
        "key: name, columns: { name: { severity: warn } }",
        "pipeline.yaml:4:53: expected `error`: a row without a good key can't go out",
    );
    check(
        "columns: { name: { severity: warn } }",
        "`severity` says what follows of the column's other rules, and there are none",
    );
    check(
        "columns: { name: { at_most: 1% } }",
        "`at_most` says what follows of",
    );
    check(
        "columns: { name: { required: true, severity: info } }",
        "unknown value `info`",
    );
}
