//! Tests of `lookup`.

use serde_json::{Value, json};

use super::*;
use crate::settings::limits::Limits;
use crate::stage::testing::{check_refused, check_with, run_with, spec};

const DEPTS: &str = "code,Name,Head\r\nD1,\"Research, Development\",\"An\r\nna\"\r\n\r\nD2,Sales,\r\n,nobody,\r\n,nobody,\r\n";

/// A table of a file as it is written by default.
fn table(bytes: &[u8]) -> Result<Table, TableError> {
    let spec: LookupSpec = serde_json::from_value(
        json!({ "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": { "Name": "n" } }),
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
