//! Rows as CSV: RFC 4180, but for the line ends, which are those of everything else here.

use std::sync::Arc;

use super::From;
use crate::batch::Batch;
use crate::format::csv;
use crate::text::scan::Dialect;
use crate::text::written::Written;

pub(super) fn header(names: &[&str]) -> Vec<u8> {
    let mut out = Written::default();
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push(name, names.len() == 1, &mut out);
    }
    out.push(b'\n');
    out.to_vec()
}

pub(super) fn write(
    batch: &Batch,
    columns: &[(Arc<str>, usize)],
    rows: &[usize],
    places: Option<From<'_>>,
    out: &mut Written,
) {
    let cells: Vec<_> = columns
        .iter()
        .map(|(_, slot)| batch.column(*slot))
        .collect();
    let is_alone = cells.len() == 1 && places.is_none();
    out.reserve(batch.text_len());
    for &row in rows {
        for (at, column) in cells.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let cell = column[row];
            push(batch.text(cell), is_alone, out);
        }
        if let Some(from) = places {
            if !cells.is_empty() {
                out.push(b',');
            }
            push(from.file, false, out);
            out.push(b',');
            out.extend(from.line(batch, row).to_string().as_bytes());
        }
        out.push(b'\n');
    }
}

/// Writes a cell. An empty one that is the whole row needs quotes: a blank line is no record.
fn push(text: &str, is_alone: bool, out: &mut Written) {
    if is_alone && text.is_empty() {
        return out.extend(b"\"\"");
    }
    csv::write::cell(text.as_bytes(), Dialect::default(), |part| out.extend(part));
}
