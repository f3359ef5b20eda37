//! `rostream test`: rows in, and what is to become of them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run;

const HEAD: &str = r#"version: 1
source: { path: people.csv, format: csv }
stages:
  - trim:
  - rename: { Employee ID: employeeID, Start: startDate }
  - date: { columns: [startDate], from: DD/MM/YYYY }
  - number: [Pay]
  - filter: Status != "Terminated"
  - lookup: { file: units.csv, key: { column: Unit, in: id }, take: { name: unitName }, missing: keep }
validate:
  key: employeeID
  columns:
    startDate: { required: true }
    Grade: { one_of: [G1, G2], severity: warn }
  rows:
    - assert: startDate == "" || date(startDate) <= today()
      code: starts_later
      columns: [startDate]
rejects: { at_most: 1% }
target: { sandbox: }
"#;

fn folder(tests: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), format!("{HEAD}{tests}")).unwrap();
    dir
}

fn test(folder: &Path) -> (i32, String) {
    let (code, stdout, stderr) = run(folder, &["test", "p.yaml"]);
    assert_eq!(stdout, "");
    (code, stderr)
}

#[test]
fn cases_that_are_as_expected() {
    let dir = folder(
        r#"tests:
  - name: a day, a number and a unit
    today: 2026-01-31
    lookups: { units.csv: [{ id: U1, name: "Sales, EMEA" }] }
    rows:
      - { Employee ID: 0007, Start: 31/01/2026, Pay: "1.50", Unit: U1, Status: " Active " }
    expect:
      rows: [{ employeeID: "0007", startDate: 2026-01-31, Pay: 1.5, unitName: "Sales, EMEA", Status: Active, Grade: null }]
  - name: faults by row, column and code
    today: 2026-01-30
    lookups: { units.csv: [{ id: U1, name: Sales }] }
    rows:
      - { Employee ID: 1, Start: 31/01/2026 }
      - { Employee ID: "2\n2", Start: 30/02/2026 }
      - { Employee ID: 3, Start: "" }
      - { Employee ID: 4, Start: 01/01/2020, Grade: G7 }
      - { Employee ID: 5, Start: 01/01/2020, Status: Terminated }
      - { Employee ID: 6, Start: 01/01/2020 }
      - { Employee ID: 6, Start: 02/01/2020 }
    expect:
      rows: [{ employeeID: "4", Grade: G7 }]
      rejects:
        - { row: 1, code: starts_later }
        - { row: 2, column: Start, code: date_format }
        - { row: 3, column: startDate, code: required }
        - { row: 6, code: key_duplicate }
        - { row: 7, code: key_duplicate }
      warned: [{ row: 4, column: Grade }]
  - name: no row at all
    lookups: { units.csv: [{ id: U1, name: Sales }] }
    rows: []
    expect: { rows: [] }
"#,
    );
    let (code, said) = test(dir.path());
    let expected = "ok      a day, a number and a unit\nok      faults by row, column and code\nok      no row at all\n\
                    3 cases, 0 failed\n";
    assert_eq!((code, said.as_str()), (0, expected));
    // Nothing was read or written beside the file itself.
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["p.yaml"]);
}

#[test]
fn what_differs_is_told_by_its_place() {
    let dir = folder(
        r#"tests:
  - name: wrong in every way
    lookups: { units.csv: [{ id: U1, name: Sales }] }
    rows:
      - { Employee ID: 1, Start: 31/01/2020, Pay: "3" }
      - { Employee ID: 2, Start: 1/1/20 }
      - { Employee ID: 3, Start: 31/01/2020 }
    expect:
      rows:
        - { employeeID: "1", startDate: 2020-02-01, Pay: "3", unitNam: x }
      rejects:
        - { row: 2, code: date_fromat }
        - { row: 3 }
"#,
    );
    let (code, said) = test(dir.path());
    let expected = "\
FAILED  wrong in every way
p.yaml:30:41: row 1, `startDate`: expected \"2020-02-01\", found \"2020-01-31\"
p.yaml:30:58: row 1, `Pay`: expected \"3\", found 3
p.yaml:30:72: row 1: no column `unitNam` is sent, but _action, employeeID, startDate, Pay, Status, Unit, Grade, unitName
p.yaml:29:7: row 2: expected no row, found { _action: \"createOrUpdate\", employeeID: \"3\", startDate: \"2020-01-31\" }
p.yaml:32:11: row 2: expected `date_fromat`, and it is rejected for `Start` (date_format)
p.yaml:33:11: row 3: expected that it is rejected, and it is not rejected
p.yaml:31:7: row 2: rejected for `Start` (date_format), and that is not expected: expected a date as DD/MM/YYYY
1 case, 1 failed
";
    assert_eq!((code, said.as_str()), (2, expected));
    let (code, stdout, stderr) = run(dir.path(), &["test", "--json", "p.yaml"]);
    assert_eq!((code, stderr.as_str()), (2, ""));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["ok"], false);
    let case = &report["cases"][0];
    assert_eq!(
        (&case["line"], &case["file"]),
        (&22.into(), &"p.yaml".into())
    );
    assert_eq!(case["found"][0]["line"], 30);
    assert_eq!(case["found"].as_array().unwrap().len(), 7);
}

#[test]
fn a_case_that_is_written_wrongly() {
    let check = |tests: &str, expected: &str| {
        let dir = folder(&format!("tests:\n{tests}"));
        // The lines of the file beneath are looked at elsewhere.
        let (code, stdout, said) = run(dir.path(), &["-q", "test", "p.yaml"]);
        assert_eq!((code, &*stdout), (2, ""), "{said}");
        assert!(said.contains(expected), "{said}");
    };
    check(
        "  - { name: a, rows: [{ Employe ID: 1 }], lookups: { units.csv: [{ id: 1, name: a }] }, expect: {} }\n",
        "p.yaml:22:37: the source has no column `Employe ID`\n  help: did you mean `Employee ID`?\n",
    );
    check(
        "  - { name: a, rows: [{ Employee ID: [1] }], lookups: { units.csv: [{ id: 1, name: a }] }, expect: {} }\n",
        "p.yaml:22:25: expected a text, a number, true, false or null",
    );
    check(
        "  - { name: a, rows: [{ Employee ID: 1 }], lookups: { unit.csv: [] }, expect: {} }\n",
        "no `lookup` of the pipeline reads `unit.csv`\n  help: did you mean `units.csv`?",
    );
    check(
        "  - { name: a, rows: [{ Employee ID: 1 }], expect: { rejects: [{ row: 2 }] } }\n",
        "the case has 1 rows, counted from 1, and not a row 2",
    );
    check(
        "  - { name: a, rows: [], file: x.csv, expect: {} }\n  - { name: a, today: soon, expect: { rejcts: [] } }\n",
        "p.yaml:23:39: unknown key `rejcts`",
    );
    check(
        "  - { name: a, rows: [], file: x.csv, expect: {} }\n  - { name: a, today: soon, expect: {} }\n",
        "p.yaml:22:32: expected `rows` or `file`, found both\np.yaml:23:5: expected `rows` or `file`, found neither\n\
         p.yaml:23:13: the name `a` is used twice\np.yaml:23:23: `soon` is not a day, expected YYYY-MM-DD\n",
    );
    // The tables that are not given are read.
    check(
        "  - { name: a, rows: [{ Employee ID: 1 }], expect: {} }\n",
        "p.yaml:22:5: the case can't be run: p.yaml:9:21: stage 6 (lookup): units.csv: there is no such file",
    );
    check("  []\n", "there are no cases");
}

#[test]
fn cases_beside_the_pipeline_with_a_file() {
    let dir = folder("");
    fs::write(dir.path().join("units.csv"), "id,name\nU1,Sales\n").unwrap();
    fs::write(
        dir.path().join("sample.csv"),
        "Employee ID,Start,Pay,Status,Unit,Grade\n1,01/02/2020,,,,\n2,x,,,,\n",
    )
    .unwrap();
    let tests = "tests:\n  - name: a file\n    file: sample.csv\n    expect:\n      rows: [{ employeeID: \"1\" }]\n      \
                 rejects: [{ line: 3, code: date_format }]\n";
    let beside = dir.path().join("p_test.yaml");
    fs::write(&beside, tests).unwrap();
    assert_eq!(
        test(dir.path()),
        (0, "ok      a file\n1 case, 0 failed\n".to_owned())
    );
    let lint = |expected: &str, code: i32| {
        let (found, _, said) = run(dir.path(), &["lint", "p.yaml"]);
        assert_eq!((found, said.as_str()), (code, expected));
    };
    lint("p.yaml: ok\np_test.yaml: ok\n", 0);
    fs::write(&beside, tests.replace("line: 3", "row: 3")).unwrap();
    lint(
        "p.yaml: ok\np_test.yaml:6:17: `row` is one of `rows`, and this case has a `file`\n  help: name the line on which it \
         begins: `line: 2`\n",
        2,
    );
    fs::write(&beside, tests.replace("line: 3", "line: 2")).unwrap();
    let (code, said) = test(dir.path());
    assert_eq!(code, 2);
    assert!(
        said.contains("p_test.yaml:6:17: line 2: expected `date_format`, and it is not rejected"),
        "{said}"
    );
}

#[test]
fn rows_of_a_source_of_objects_keep_their_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = r#"version: 1
source: { path: people.json, json: { path: $.d, flatten: . } }
stages: [ filter: active ]
validate: { key: id, columns: { id: { type: integer } } }
rejects: { at_most: 1% }
target: { sandbox: { action: create } }
upload: { format: csv }
tests:
  - name: kinds
    rows:
      - { id: 1, active: true, name: { first: Ada } }
      - { id: "x", active: true }
      - { id: 3, active: false }
    expect:
      rows: [{ id: 1, name.first: Ada, _action: create }]
      rejects: [{ row: 2, column: id }]
"#;
    fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
    let (code, said) = test(dir.path());
    assert_eq!(code, 0, "{said}");
    assert!(
        said.ends_with("ok      kinds\n1 case, 0 failed\n"),
        "{said}"
    );
}

/// The examples' own cases.
#[test]
fn the_cases_of_the_pipelines_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let args = [
        "test",
        "-q",
        "pipelines/workday.yaml",
        "pipelines/job-history.yaml",
    ];
    assert_eq!(run(root, &args), (0, String::new(), String::new()));
}
