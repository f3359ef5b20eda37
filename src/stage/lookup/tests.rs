//! Tests of `lookup`.

use serde_json::{Value, json};

use super::*;
use crate::settings::limits::Limits;
use crate::stage::testing::{check_refused, check_with, run_with, spec};

const DEPTS: &str = "code,Name,Head\r\nD1,\"Research, Development\",\"An\r\nna\"\r\n\r\nD2,Sales,\r\n,nobody,\r\n,nobody,\r\n";

/// A table of a file as it is written by default.
fn table(bytes: &[u8]) -> Result<Table, TableError> {
    table_by(bytes, 2)
}

fn table_by(bytes: &[u8], workers: usize) -> Result<Table, TableError> {
    let spec: LookupSpec = serde_json::from_value(
        json!({ "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": { "Name": "n", "Head": "h" } }),
    )
    .unwrap();
    let named = spec.named().cloned().collect();
    let written = spec.written();
    Table::parse(
        "depts.csv",
        bytes.to_vec(),
        &written,
        &named,
        &Limits::default(),
        workers,
    )
}

async fn resources(text: &str) -> Resources {
    let mut resources = Resources::default();
    let table = table(text.as_bytes()).unwrap();
    resources.tables.insert("depts.csv".into(), Arc::new(table));
    resources
}

fn stage(take: Value, missing: &str) -> Value {
    json!({ "lookup": { "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": take, "missing": missing } })
}

#[tokio::test]
async fn columns_are_joined() {
    let resources = resources(DEPTS).await;
    let before = json!([["id", "dept"], ["1", "D1"], ["2", "D2"], ["3", ""], ["4", null], ["5", {"faulty": "D1"}]]);
    check_with(
        &resources,
        json!(
            r#"{ "lookup": { "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": { "Name": "name", "Head": "head" } } }"#
        ),
        before,
        json!([["id", "dept", "name", "head"], ["1", "D1", "Research, Development", "An\r\nna"], ["2", "D2", "Sales", ""],
            ["3", "", "", ""], ["4", null, "", ""], ["5", {"faulty": "D1"}, {"faulty": ""}, {"faulty": ""}]]),
        &[],
    );
}

#[tokio::test]
async fn a_key_that_is_not_there() {
    let resources = resources(DEPTS).await;
    let before = json!([["dept", "name"], ["D9", "old"], ["D2", "old"], ["", "old"]]);
    check_with(
        &resources,
        stage(json!({ "Name": "new" }), "reject"),
        before.clone(),
        json!([["dept", "name", "new"], [{"faulty": "D9"}, "old", {"faulty": ""}], ["D2", "old", "Sales"], ["", "old", ""]]),
        &["0 lookup dept lookup_missing: `code` in depts.csv has no such value"],
    );
    check_with(
        &resources,
        stage(json!({ "Name": "new" }), "empty"),
        before.clone(),
        json!([
            ["dept", "name", "new"],
            ["D9", "old", ""],
            ["D2", "old", "Sales"],
            ["", "old", ""]
        ]),
        &[],
    );
    check_with(
        &resources,
        stage(json!({ "Name": "name" }), "keep"),
        before.clone(),
        json!([
            ["dept", "name"],
            ["D9", "old"],
            ["D2", "Sales"],
            ["", "old"]
        ]),
        &[],
    );
    check_with(
        &resources,
        stage(json!({ "Name": "dept" }), "empty"),
        before,
        json!([["dept", "name"], ["", "old"], ["Sales", "old"], ["", "old"]]),
        &[],
    );
}

#[tokio::test]
async fn refused_when_bound() {
    let resources = resources(DEPTS).await;
    for (stage, message) in [
        (
            stage(json!({ "Nmae": "n" }), "empty"),
            "depts.csv: no column `Nmae` here, did you mean `Name`?",
        ),
        (
            stage(json!({ "Name": "name" }), "empty"),
            "there is a column `name` already; drop or rename it before",
        ),
        (
            json!({ "lookup": { "file": "depts.csv", "key": { "column": "dept" }, "take": { "Name": "n" } } }),
            "depts.csv: no column `dept` here",
        ),
        (
            json!({ "lookup": { "file": "depts.csv", "key": { "column": "dept", "in": "key" }, "take": { "Title": "n" } } }),
            "depts.csv: no column `key` here; the file's first line has 3 cells, and none is a column that the stage \
             names: if the file has no header, set `csv.header` to none, and `csv.columns` to the names",
        ),
        (
            json!({ "lookup": { "file": "depts.csv", "delimiter": "tab", "key": { "column": "dept", "in": "code" }, "take": { "Name": "n" } } }),
            "depts.csv: two stages read it in different ways (delimiter, encoding and the like)",
        ),
    ] {
        let error = run_with(&resources, &[spec(stage)], &json!([["dept", "name"]])).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn a_repeated_key_names_both_lines() {
    for (text, lines) in [
        ("code,Name\nA,1\nB,2\nA,3\n", "2 and 4"),
        ("code,Name\r\n\r\nA,\"x\r\ny\"\r\n\r\nA,3\r\n", "3 and 6"),
        ("\u{feff}\u{feff}code,Name\n\n\nA,1\nA,3", "4 and 5"),
    ] {
        let resources = resources(text).await;
        let spec = spec(stage(json!({ "Name": "n" }), "empty"));
        let error = run_with(&resources, &[spec], &json!([["dept"]])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("depts.csv: lines {lines} have the same `code`; a key must be unique")
        );
    }
}

/// Many parts, as one of these tests takes 32 bytes: records go over their ends, and so do cells.
#[test]
fn parts_are_one_table() {
    let long = "A\n".repeat(40);
    let mut text = "code,other,Name\r\n".to_owned();
    for n in 0..40 {
        text += &format!("K{n},x,\"{n}: {}\"\r\n", &long[..2 * n]);
    }
    for workers in [1, 2, 5] {
        let table = table_by(text.as_bytes(), workers).unwrap();
        let index = table.index("depts.csv", 0).unwrap();
        let mut line = 2;
        let mut rows = table.rows();
        for n in 0..40 {
            let at = table.find(&index, &format!("K{n}")).unwrap();
            assert_eq!(rows.next(), Some(at));
            assert_eq!(table.line_of(at), line);
            assert_eq!(table.cell(at, 2), format!("{n}: {}", &long[..2 * n]));
            line += 1 + n as u64;
        }
        assert_eq!((rows.next(), table.find(&index, "K40")), (None, None));
        // Two stages that look a column up share what is known of it.
        assert!(Arc::ptr_eq(&index, &table.index("depts.csv", 0).unwrap()));
    }
}

#[test]
fn what_is_wrong_is_told_of_the_first_row_that_has_it_in_whatever_part() {
    let rows = |special: &[(usize, &str)]| {
        let mut text = "code,Name,Unit\n".to_owned();
        for n in 0..60 {
            match special.iter().find(|(at, _)| *at == n) {
                Some((_, row)) => text += row,
                None => text += &format!("K{n},name {n},u\n"),
            }
        }
        text
    };
    let check = |special: &[(usize, &str)], expected: &str| {
        for workers in [1, 2, 5] {
            let table = table_by(rows(special).as_bytes(), workers);
            let wrong = match table {
                Ok(table) => table.index("depts.csv", 0).err(),
                Err(error) => Some(error.to_string()),
            };
            assert_eq!(wrong.as_deref(), Some(expected), "{workers} workers");
        }
    };
    let same = |lines: &str, except: &str| {
        format!("depts.csv: lines {lines} have the same `code`{except}; a key must be unique")
    };
    check(
        &[(55, "K3,again,u\n"), (50, "K9,again,u\n")],
        &same("11 and 52", ""),
    );
    check(
        &[(50, "K\u{a0}9,\"a\nb\",u\n"), (58, "K 9,x,u\n")],
        &same("52 and 61", " (except for U+00A0 (no-break space))"),
    );
    check(
        &[(40, "K40\n"), (58, "K58,1,2,3\n")],
        "line 42: expected 3 cells as in the header, found 1",
    );
    check(
        &[(20, "K20\n"), (40, "Unit,Name,code\n")],
        "line 42: the header is repeated here with its columns in another order",
    );
    check(
        &[(20, "K20\n"), (40, "K40,\"x\n")],
        "the record that begins on line 42 opens a quote that is never closed",
    );
}

proptest::proptest! {
    /// Rows are found as a map of their keys, as these are compared, would find them.
    #[test]
    fn rows_are_found_by_their_keys(
        keys in proptest::collection::vec("[ab \u{a0}é]{0,3}|e\u{301}|[a-z]{9}", 0..30),
        workers in 1usize..5,
    ) {
        use crate::text::compare::comparable;
        let mut text = "code,Name\n".to_owned();
        let mut expected = std::collections::HashMap::new();
        let mut twice = None;
        for (row, key) in keys.iter().enumerate() {
            text += &format!("\"{key}\",{row}\n");
            if !is_blank(key) && twice.is_none() {
                let first = expected.insert(comparable(key).into_owned(), row);
                twice = first.map(|first| format!("lines {} and {} have", first + 2, row + 2));
            }
        }
        let table = table_by(text.as_bytes(), workers).unwrap();
        match (table.index("t", 0), twice) {
            (Err(error), Some(twice)) => proptest::prop_assert!(error.contains(&twice), "{} {}", error, twice),
            (Ok(index), None) => {
                for key in &keys {
                    let found = look_up(key, |key| table.find(&index, key));
                    let found = found.map(|at| table.cell(at, 1).to_owned());
                    let expected = expected.get(&*comparable(key)).map(usize::to_string);
                    proptest::prop_assert_eq!(found, expected, "{:?}", key);
                }
            }
            (index, twice) => proptest::prop_assert!(false, "{:?} {:?}", index.err(), twice),
        }
    }
}

#[tokio::test]
async fn tables_that_can_not_be_read() {
    for (bytes, message) in [
        (&b""[..], "line 1: the file is empty: expected a header"),
        (
            b"\xef\xbb\xbf",
            "line 1: the file is empty: expected a header",
        ),
        (
            b"code,Name,code\n",
            "line 1: columns of the header have the same name: `code` (1 and 3); set `csv.duplicate_names` to number, \
             or name all columns with `csv.columns`",
        ),
        (
            b"code;Name\n",
            "line 1: the header is one column, and `;` is in it; if that is the delimiter, set `csv.delimiter` to \
             \";\"; if it is one column, put its name in quotes",
        ),
        (
            b"PK\x03\x04",
            "line 1: this is an Excel workbook or another ZIP archive, not CSV or JSON; export it as CSV",
        ),
        (
            b"a,b\n1,2\n\n1\n",
            "line 4: expected 2 cells as in the header, found 1",
        ),
        (
            b"a,b\r\n1,2\r\n1,2,3\r\n",
            "line 3: expected 2 cells as in the header, found 3",
        ),
        (
            b"a\nx\nM\xfcller\n",
            "line 3 is not UTF-8; if the file has another encoding, set `encoding` (candidates: windows-1252, \
             windows-1250; `rostream preview` shows with which the letters are right)",
        ),
        (
            b"a,b\n1,2\n\n3,\"x\ny\n",
            "the record that begins on line 4 opens a quote that is never closed",
        ),
    ] {
        assert_eq!(table(bytes).unwrap_err().to_string(), message);
    }
}

/// The header is read by the code that reads a source's.
#[tokio::test]
async fn a_table_is_written_as_sources_are() {
    for (more, text) in [
        (json!({}), "sep=;\ncode;Name\nD1;Sales\n"),
        (json!({}), "code,Name,\nD1,Sales,\n"),
        (
            json!({ "skip_lines": 1, "quote": "'" }),
            "Cost centres, as of today\ncode,Name\n'D1','Sales'\n",
        ),
        (
            json!({ "header": "none", "columns": ["code", "", "Name"] }),
            "D1,x,Sales\n",
        ),
        (
            json!({ "header": 2, "columns": ["code", "Name"] }),
            "a,b\nc,d\nD1,Sales\n",
        ),
    ] {
        let mut stage = stage(json!({ "Name": "name" }), "reject");
        let lookup = stage["lookup"].as_object_mut().unwrap();
        lookup.extend(more.as_object().unwrap().clone());
        let parsed: LookupSpec = serde_json::from_value(stage["lookup"].clone()).unwrap();
        let named = parsed.named().cloned().collect();
        let (written, limits) = (parsed.written(), Limits::default());
        let table = Table::parse(
            "depts.csv",
            text.as_bytes().to_vec(),
            &written,
            &named,
            &limits,
            2,
        );
        let mut resources = Resources::default();
        resources
            .tables
            .insert("depts.csv".into(), Arc::new(table.unwrap()));
        check_with(
            &resources,
            stage,
            json!([["dept"], ["D1"]]),
            json!([["dept", "name"], ["D1", "Sales"]]),
            &[],
        );
    }
}

#[test]
fn refusals() {
    for (stage, message) in [
        (
            json!({ "file": "", "key": { "column": "a" }, "take": { "x": "y" } }),
            "`file` is empty",
        ),
        (
            json!({ "file": "t", "key": { "column": "a" }, "take": {} }),
            "`take` names no column",
        ),
        (
            json!({ "file": "t", "key": { "column": "a" }, "take": { "x": "y", "z": "y" } }),
            "`take` names `y` twice",
        ),
        (
            json!({ "file": "t", "key": { "column": "a" }, "take": { "x": "y" }, "delimiter": "::" }),
            "`delimiter`: expected one ASCII character, or `tab`",
        ),
        (
            json!({ "file": "t", "key": { "column": "z" }, "take": { "x": "y" } }),
            "no column `z` here",
        ),
        (
            json!({ "file": "t", "key": { "column": "a" }, "take": { "x": "y" } }),
            "t: the table was not read",
        ),
    ] {
        check_refused(json!({ "lookup": stage }), &["a"], message);
    }
}
