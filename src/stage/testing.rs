//! Shared by the stages' tests: a batch from a table written as JSON, and back.
//!
//! The first row holds the names. A string is a text cell, and so on for numbers, booleans and null;
//! `{}` is a missing cell, `{"number": "1.10"}` a number whose digits JSON would not keep,
//! `{"json": "[1]"}` an array or object, `{"faulty": "text"}` a cell that fault was found with. A row that
//! was left out prints as `"filtered"`.

use serde_json::{Value, json};

use super::{BindError, Resources, StageSpec};
use crate::batch::{Batch, Cell, Columns, Kind, Row, RowState};

/// A stage as the pipeline file says it, in JSON; as a string of JSON where the order of keys counts.
pub(crate) fn spec(stage: Value) -> StageSpec {
    match stage {
        Value::String(text) => serde_json::from_str(&text).unwrap(),
        stage => serde_json::from_value(stage).unwrap(),
    }
}

/// The columns and the batch of a table.
pub(crate) fn batch(table: &Value) -> (Columns, Batch) {
    let rows = table.as_array().unwrap();
    let names = rows[0].as_array().unwrap();
    let columns = Columns::from_header(names.iter().map(|n| n.as_str().unwrap()));
    let mut batch = Batch::new(String::new(), columns.width());
    for (i, row) in rows[1..].iter().enumerate() {
        batch.push_row(Row {
            line: i as u32 + 1,
            start: 0,
            end: 0,
        });
        assert_eq!(row.as_array().unwrap().len(), names.len(), "cells of {row}");
        for (column, cell) in row.as_array().unwrap().iter().enumerate() {
            let cell = match cell {
                Value::Null => batch.append("", Kind::Null),
                Value::Bool(b) => batch.append(&b.to_string(), Kind::Bool),
                Value::Number(n) => batch.append(&n.to_string(), Kind::Number),
                Value::String(s) => batch.append(s, Kind::Text),
                Value::Object(o) if o.is_empty() => Cell::MISSING,
                Value::Object(o) => {
                    let (kind, text) = o.iter().next().unwrap();
                    let kind = match kind.as_str() {
                        "number" => Kind::Number,
                        "json" => Kind::Json,
                        _ => Kind::Faulty,
                    };
                    batch.append(text.as_str().unwrap(), kind)
                }
                Value::Array(_) => panic!("write {{\"json\": \"...\"}}"),
            };
            batch.push_cell(column, cell);
        }
    }
    (columns, batch)
}

/// A batch as such a table.
pub(crate) fn print(columns: &Columns, batch: &Batch) -> Value {
    let names = columns.iter().map(|(n, _)| json!(&**n)).collect();
    let mut rows = vec![Value::Array(names)];
    for row in 0..batch.len() {
        if batch.state(row) == RowState::Filtered {
            rows.push(json!("filtered"));
            continue;
        }
        let cell = |slot| {
            let cell = batch.cell(row, slot);
            let text = batch.text(cell);
            match cell.kind() {
                Kind::Text => json!(text),
                Kind::Bool => json!(text == "true"),
                Kind::Null => Value::Null,
                Kind::Missing => json!({}),
                Kind::Json => json!({ "json": text }),
                Kind::Faulty => json!({ "faulty": text }),
                Kind::Number => match serde_json::from_str::<serde_json::Number>(text) {
                    Ok(n) if n.to_string() == text => Value::Number(n),
                    _ => json!({ "number": text }),
                },
            }
        };
        rows.push(columns.iter().map(|(_, slot)| cell(slot)).collect());
    }
    Value::Array(rows)
}

/// Binds and applies stages with what they need. Returns the table after them, and the faults as
/// `row stage column code: message` with rows from 0.
pub(crate) fn run_with(
    resources: &Resources,
    stages: &[StageSpec],
    before: &Value,
) -> Result<(Value, Vec<String>), BindError> {
    let (mut columns, mut batch) = batch(before);
    for stage in stages {
        let running = stage.bind(&mut columns, resources)?;
        batch.widen(columns.width());
        if let Some(running) = running {
            running.apply(&mut batch);
        }
    }
    let faults = batch.faults().iter().map(|f| {
        let (row, stage, column, code, message) = (f.row, f.stage, &f.column, &f.code, &f.message);
        assert_eq!(batch.state(row as usize), RowState::Rejected);
        format!("{row} {stage} {column} {code}: {message}")
    });
    Ok((print(&columns, &batch), faults.collect()))
}

/// Checks what a stage makes of a table, and that it finds no fault.
#[track_caller]
pub(crate) fn check(stage: Value, before: Value, after: Value) {
    check_faults(stage, before, after, &[]);
}

/// Checks what a stage makes of a table, and the faults that it finds.
#[track_caller]
pub(crate) fn check_faults(stage: Value, before: Value, after: Value, faults: &[&str]) {
    check_with(&Resources::default(), stage, before, after, faults);
}

/// As [`check_faults`], for a stage that needs resources.
#[track_caller]
pub(crate) fn check_with(
    resources: &Resources,
    stage: Value,
    before: Value,
    after: Value,
    faults: &[&str],
) {
    let spec = spec(stage.clone());
    assert_eq!(spec.check(), Ok(()), "{stage}");
    match run_with(resources, &[spec], &before) {
        Ok((table, found)) => {
            assert_eq!(table, after, "{stage}");
            assert_eq!(found, faults, "{stage}");
        }
        Err(error) => panic!("{stage}: {error}"),
    }
}

/// Checks what is wrong with a stage: found by `check`, or else when it is bound to these columns.
#[track_caller]
pub(crate) fn check_refused(stage: Value, header: &[&str], message: &str) {
    let found = match serde_json::from_value::<StageSpec>(stage.clone()) {
        Err(error) => error.to_string(),
        Ok(spec) => match spec.check() {
            Err(found) => found,
            Ok(()) => {
                let mut columns = Columns::from_header(header);
                match spec.bind(&mut columns, &Resources::default()) {
                    Ok(_) => panic!("{stage} was accepted"),
                    Err(error) => error.to_string(),
                }
            }
        },
    };
    assert_eq!(found, message, "{stage}");
}
