//! What several tests of this room need.

use super::column::{Column, Scratch, format::Formats};
use crate::batch::{Batch, Cell, Kind, Row};

/// A batch of one column of texts.
pub(super) fn batch(values: &[&str]) -> Batch {
    let text = values.concat();
    let mut batch = Batch::new(text, 1);
    let mut at = 0;
    for (line, value) in values.iter().enumerate() {
        let end = at + value.len();
        batch.push_row(Row {
            line: line as u32,
            start: at as u32,
            end: end as u32,
        });
        batch.push_cell(0, Cell::new(at, value.len(), Kind::Text));
        at = end;
    }
    batch
}

/// What is known of a column of these texts.
pub(super) fn column(values: &[&str]) -> Column {
    let formats = Formats::default();
    let mut scratch = Scratch {
        formats: &formats,
        buffer: String::new(),
    };
    Column::of(&batch(values), 0, &mut scratch)
}
