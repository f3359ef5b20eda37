//! Rows as a stream of Arrow IPC: a batch a block, all columns text.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::From;
use crate::batch::{Batch, Cell, Kind};
use crate::text::written::Written;

/// Why a build has none of this.
pub(super) const LACKING: Option<&str> = None;

/// What stands before the first batch: the columns.
pub(super) fn header(names: &[&str]) -> Vec<u8> {
    let writer = StreamWriter::try_new(Vec::new(), &schema(names));
    writer.map_or_else(|_| Vec::new(), |writer| writer.get_ref().clone())
}

/// The mark of the stream's end.
pub(super) fn footer(names: &[&str]) -> Vec<u8> {
    let end = || {
        let mut writer = StreamWriter::try_new(Vec::new(), &schema(names))?;
        let before = writer.get_ref().len();
        writer.finish()?;
        Ok::<_, ArrowError>(writer.get_ref()[before..].to_vec())
    };
    end().unwrap_or_default()
}

/// # Errors
/// A column of the batch is longer than 2 GiB.
pub(super) fn write(
    batch: &Batch,
    (names, columns): (&[&str], &[(Arc<str>, usize)]),
    rows: &[usize],
    places: Option<From<'_>>,
    out: &mut Written,
) -> Result<(), String> {
    let schema = Arc::new(schema(names));
    let mut arrays = Vec::with_capacity(names.len());
    for (name, slot) in columns {
        let cells = batch.column(*slot);
        let array = text(rows.iter().map(|row| value(batch, cells[*row])));
        arrays.push(array.map_err(|error| format!("column `{name}`: {error}"))?);
    }
    if let Some(from) = places {
        arrays.push(text(rows.iter().map(|_| Some(from.file)))?);
        let lines: Vec<String> = rows
            .iter()
            .map(|row| from.line(batch, *row).to_string())
            .collect();
        arrays.push(text(lines.iter().map(|line| Some(line.as_str())))?);
    }
    let encode = || {
        let rows = RecordBatch::try_new(schema.clone(), arrays)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        // The columns stand there once, before the first batch.
        let before = writer.get_ref().len();
        writer.write(&rows)?;
        out.extend(&writer.get_ref()[before..]);
        Ok::<_, ArrowError>(())
    };
    encode().map_err(|error| error.to_string())
}

fn schema(names: &[&str]) -> Schema {
    let field = |name: &&str| Field::new(*name, DataType::Utf8, true);
    Schema::new(names.iter().map(field).collect::<Vec<_>>())
}

fn value(batch: &Batch, cell: Cell) -> Option<&str> {
    match cell.kind() {
        Kind::Missing | Kind::Null => None,
        _ => Some(batch.text(cell)),
    }
}

/// Texts as a column.
fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef, String> {
    let mut bytes = Vec::new();
    let mut ends = vec![0];
    let mut valid = Vec::new();
    for value in values {
        bytes.extend_from_slice(value.unwrap_or_default().as_bytes());
        let end = i32::try_from(bytes.len());
        ends.push(end.map_err(|_| "more than 2GiB in one batch of rows".to_owned())?);
        valid.push(value.is_some());
    }
    let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    let column = StringArray::try_new(ends, Buffer::from(bytes), nulls);
    Ok(Arc::new(column.map_err(|error| error.to_string())?))
}
