use super::*;
use crate::batch::{Kind, Row};

/// Cells of one row: text and kind.
type Cells = &'static [(&'static str, Kind)];

#[track_caller]
fn check(form: Form, columns: &[&str], table: &[Cells], places: bool, expected: &str) {
    let mut batch = Batch::new(String::new(), columns.len());
    for line in 0..table.len() {
        batch.push_row(Row {
            line: line as u32,
            start: 0,
            end: 0,
        });
    }
    for column in 0..columns.len() {
        let cells = table.iter().map(|row| row[column]);
        let cells = cells.map(|(text, kind)| batch.append(text, kind)).collect();
        batch.put_column(column, cells);
    }
    batch.filter_out(0);
    let rows = Rows::new(form, &Columns::from_header(columns), places).unwrap();
    let from = From {
        file: "a,\"b\"",
        line: 7,
    };
    let page = rows.write(&batch, from).unwrap();
    assert_eq!(page.rows, table.len() as u64 - 1);
    let whole = [rows.header(), page.bytes.to_vec(), rows.footer()].concat();
    assert_eq!(String::from_utf8(whole).unwrap(), expected);
}

const FILTERED: Cells = &[("gone", Kind::Text), ("gone", Kind::Text)];

#[test]
fn rows_as_csv() {
    let table: &[Cells] = &[
        FILTERED,
        &[("a,b", Kind::Text), ("1.50", Kind::Number)],
        &[("", Kind::Null), ("", Kind::Missing)],
    ];
    let expected = "id,\"p\"\"q\"\n\"a,b\",1.50\n,\n";
    check(Form::Csv, &["id", "p\"q"], table, false, expected);
    let expected = "id,pay,_file,_line\n\"a,b\",1.50,\"a,\"\"b\"\"\",8\n,,\"a,\"\"b\"\"\",9\n";
    check(Form::Csv, &["id", "pay"], table, true, expected);
}

/// A blank line would be no record.
#[test]
fn an_empty_cell_that_is_the_whole_row_is_quoted() {
    let table: &[Cells] = &[&[("gone", Kind::Text)], &[("", Kind::Text)]];
    check(Form::Csv, &["id"], table, false, "id\n\"\"\n");
}

#[test]
fn rows_as_ndjson() {
    let table: &[Cells] = &[
        FILTERED,
        &[("a\"\n", Kind::Text), ("1.50", Kind::Number)],
        &[("", Kind::Null), ("[1]", Kind::Json)],
        &[("", Kind::Missing), ("", Kind::Text)],
        &[("", Kind::Missing), ("", Kind::Missing)],
    ];
    let expected = "{\"id\":\"a\\\"\\n\",\"p\\\"q\":1.50}\n{\"id\":null,\"p\\\"q\":[1]}\n{\"p\\\"q\":\"\"}\n{}\n";
    check(Form::Ndjson, &["id", "p\"q"], table, false, expected);
    let expected = "{\"id\":\"1\",\"_file\":\"a,\\\"b\\\"\",\"_line\":8}\n";
    let table: &[Cells] = &[FILTERED, &[("1", Kind::Text), ("", Kind::Missing)]];
    check(Form::Ndjson, &["id", "pay"], table, true, expected);
}
