//! What workers do side by side comes to what one of them would do alone: rejected rows in their order, lookup tables of
//! many parts.

use std::fmt::Write as _;

use crate::support::{Ended, Rig};

/// Rows of a source of several blocks.
const ROWS: usize = 12_000;

/// Keys of so manieth rows come again.
const TWICE: usize = 3_000;

/// What the rejects file says of a row: stages, columns and codes; nothing of a good one.
fn said_of(row: usize) -> Option<&'static str> {
    match row {
        _ if row % 3 == 1 => Some("date; validate,born; grade,date_format; one_of"),
        _ if row.is_multiple_of(TWICE) => Some("validate,employeeID,key_duplicate"),
        _ => None,
    }
}

/// A source whose every third row has two faults, with keys that come again some blocks later.
fn source() -> String {
    let mut text = "employeeID,born,grade,note\n".to_owned();
    for row in 0..ROWS {
        let key = match row.is_multiple_of(TWICE) {
            true => row % (2 * TWICE),
            false => row,
        };
        let (born, grade) = match row % 3 {
            1 => ("1 May", "G9"),
            _ => ("01/05/1990", "G1"),
        };
        let note = format!("{row}{}", " a note that fills blocks".repeat(row % 4));
        writeln!(text, "{key:08},{born},{grade},\"{note}\"").unwrap();
    }
    text
}

fn run(source: &str, format: &str, workers: &str) -> (Ended, String) {
    let rig = Rig::new();
    let name = format!("workers.{format}");
    rig.write(&name, source);
    rig.pipeline(
        &format!(
            "source: {{ path: {name} }}\n\
             stages: [ {{ date: {{ columns: [born], from: DD/MM/YYYY }} }} ]\n\
             rejects: {{ at_most: 90% }}\n\
             validate: {{ key: employeeID, columns: {{ grade: {{ one_of: [G1, G2] }} }} }}"
        ),
        "action: create",
    );
    let ended = rig.run(&["--workers", workers]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = rig.read(match format {
        "csv" => "rejects.csv",
        _ => "rejects.ndjson",
    });
    (ended, rejects)
}

#[test]
fn rejected_rows_are_written_in_their_order_with_what_only_the_whole_file_knows() {
    let source = source();
    let (one, alone) = run(&source, "csv", "1");
    let (several, together) = run(&source, "csv", "3");
    assert!(alone == together, "the rejects of 1 worker and of 3 differ");
    assert_eq!(one.report["rejects"], several.report["rejects"]);

    let mut rejected = alone.lines().skip(1);
    for (row, record) in source.lines().skip(1).enumerate() {
        if let Some(said) = said_of(row) {
            let expected = format!("{record},workers.csv,{},{said},", row + 2);
            let found = rejected.next().unwrap_or_default();
            assert!(found.starts_with(&expected), "{found}\n{expected}");
        }
    }
    assert_eq!(rejected.next(), None);
    let faults = |code: &str| {
        let codes = one.report["rejects"]["by_code"].as_array().unwrap().iter();
        let of_code = codes.filter(|count| count["code"] == *code);
        of_code
            .map(|count| count["faults"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(faults("one_of"), ROWS as u64 / 3);
    assert_eq!(faults("key_duplicate"), (ROWS / TWICE) as u64);
}

#[test]
fn rejects_of_json_name_their_columns_once_whoever_writes_them() {
    let csv = source();
    let mut source = String::new();
    for record in csv.lines().skip(1) {
        let cells: Vec<&str> = record.split(',').collect();
        let [key, born, grade, note] = cells[..] else {
            panic!("{record}");
        };
        writeln!(
            source,
            r#"{{"employeeID":"{key}","born":"{born}","grade":"{grade}","note":{note}}}"#
        )
        .unwrap();
    }
    let (_, alone) = run(&source, "ndjson", "1");
    let (_, together) = run(&source, "ndjson", "3");
    assert!(alone == together, "the rejects of 1 worker and of 3 differ");
    let rows = (0..ROWS).filter(|row| said_of(*row).is_some()).count();
    assert_eq!(alone.lines().count(), rows);
    let told: Vec<usize> = (alone.lines().enumerate())
        .filter(|(_, line)| line.contains("_columns"))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(told, [0]);
}

/// Departments, of which one has a name of several lines, and so many that their table has several parts.
fn departments(more: &str) -> String {
    let mut text = "code,name,head,unit\r\n".to_owned();
    for n in 0..ROWS {
        let name = match n {
            9_000 => "\"of\r\nseveral\r\nlines\"",
            _ => "a department",
        };
        writeln!(text, "D{n},{name},Head {n},U{}\r", n % 100).unwrap();
    }
    text + more
}

const LOOKUPS: &str = "\
source: { path: workers.csv }
stages:
  - lookup: { file: departments.csv, key: { column: dept, in: code }, take: { head: head, unit: unit } }
  - lookup: { file: units.csv, key: { column: unit, in: id }, take: { title: title } }
  - lookup: { file: departments.csv, key: { column: second, in: code }, take: { name: secondName } }
validate: { key: employeeID }";

#[test]
fn tables_of_many_parts_are_read_at_once() {
    for workers in ["1", "3"] {
        let rig = Rig::new();
        rig.write(
            "workers.csv",
            "employeeID,dept,second\n1,D0,D9000\n2,D11999,D1\n3,D2345,D9001\n",
        );
        rig.write("departments.csv", departments(""));
        let units: String = (0..100).map(|n| format!("U{n},Unit {n}\n")).collect();
        rig.write("units.csv", format!("id,title\n{units}"));
        rig.pipeline(LOOKUPS, "action: create");
        let ended = rig.run(&["--workers", workers]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let expected = [
            "1 Head 0 Unit 0 of\r\nseveral\r\nlines",
            "2 Head 11999 Unit 99 a department",
            "3 Head 2345 Unit 45 a department",
        ];
        let found = rig.people(&["employeeID", "head", "title", "secondName"]);
        assert_eq!(found, expected);
    }
}

#[test]
fn what_is_wrong_with_a_table_of_many_parts_is_told_by_its_line() {
    let rig = Rig::new();
    rig.write("workers.csv", "employeeID,dept,second\n1,D0,D1\n");
    rig.write("units.csv", "id,title\nU0,Unit 0\n");
    rig.pipeline(LOOKUPS, "action: create");
    for (more, expected) in [
        (
            "D9001,again,x,U1\r\n",
            "departments.csv: lines 9005 and 12004 have the same `code`; a key must be unique",
        ),
        (
            "D12000,x,y\r\nD12001,\"x,y,z\r\n",
            "departments.csv: the record that begins on line 12005 opens a quote that is never closed",
        ),
        (
            "D12000,x,y\r\nD9001,again,x,U1\r\n",
            "departments.csv: line 12004: expected 4 cells as in the header, found 3",
        ),
    ] {
        rig.write("departments.csv", departments(more));
        for workers in ["1", "3"] {
            let (code, error) = rig.ask(&["check", "pipeline.yaml", "--workers", workers]);
            rig.forget_reports();
            assert_ne!(code, 0);
            assert!(error.contains(expected), "{error}");
        }
    }
    // Of two that can't be read the first is told.
    rig.write("units.csv", "");
    let (_, error) = rig.ask(&["check", "pipeline.yaml"]);
    assert!(
        error.contains("stage 1 (lookup): departments.csv"),
        "{error}"
    );
}
