//! Rows as others read them: a batch after stages and rules, with its columns and no word of where they go.
//!
//! | form | a cell | an empty one | one that was not there |
//! |---|---|---|---|
//! | CSV (RFC 4180, UTF-8, `\n`) | its text | empty | empty |
//! | NDJSON | text, or a number, a truth value, a nested value as it was written | `""`, or `null` where it was null | left out |
//! | Arrow IPC, as a stream | its text, as Utf8 | `""` | null, as JSON's null is |
//!
//! Workers write the rows of a block; what stands before the first of them and behind the last is written once. An Arrow
//! stream that lacks what stands behind its rows was cut off, and whoever reads it can tell.

#[cfg(feature = "parquet")]
mod arrow;
#[cfg(not(feature = "parquet"))]
#[path = "disabled.rs"]
mod arrow;
mod csv;
mod ndjson;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::batch::pool::{Lease, Pool};
use crate::batch::{Batch, Columns, RowState};
use crate::text::written::Written;
use ndjson::Member;

/// The columns that tell where a row comes from.
pub(crate) const PLACE: [&str; 2] = ["_file", "_line"];

/// What rows are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With a header.
    Csv,
    /// One object a line.
    Ndjson,
    /// An Arrow IPC stream.
    Arrow,
}

/// Writes the rows of batches that have these columns.
#[derive(Debug)]
pub(crate) struct Rows {
    form: Form,
    /// Names and places in the batch.
    columns: Vec<(Arc<str>, usize)>,
    members: Vec<Member>,
    /// Whether file and line of every row follow its columns.
    places: bool,
    room: Pool<Written>,
}

/// The rows of one block.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) bytes: Lease<Written>,
    /// How many they are.
    pub(crate) rows: u64,
}

/// Where the rows of a block come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Physical line on which the block begins, from 1.
    pub line: u64,
}

impl From<'_> {
    fn line(&self, batch: &Batch, row: usize) -> u64 {
        self.line + u64::from(batch.row(row).line)
    }
}

impl Rows {
    /// A writer of all columns, in their order; with `places`, [`PLACE`] follow them.
    ///
    /// # Errors
    /// A column has the name of one of those that would follow; the build has no Arrow.
    pub(crate) fn new(form: Form, columns: &Columns, places: bool) -> Result<Rows, String> {
        if let (Form::Arrow, Some(why)) = (form, arrow::LACKING) {
            return Err(why.to_owned());
        }
        let taken = PLACE.iter().find(|name| columns.find(name).is_some());
        if let (Some(name), true) = (taken, places) {
            return Err(format!(
                "the rows have a column `{name}` already; rename it, or do without --lines"
            ));
        }
        let columns: Vec<(Arc<str>, usize)> = columns
            .iter()
            .map(|(name, slot)| (name.clone(), slot))
            .collect();
        Ok(Rows {
            form,
            members: columns
                .iter()
                .map(|(name, slot)| Member::new(name, *slot))
                .collect(),
            columns,
            places,
            room: Pool::default(),
        })
    }

    /// What stands before the first row.
    pub(crate) fn header(&self) -> Vec<u8> {
        match self.form {
            Form::Csv => csv::header(&self.names()),
            Form::Ndjson => Vec::new(),
            Form::Arrow => arrow::header(&self.names()),
        }
    }

    /// What stands behind the last row.
    pub(crate) fn footer(&self) -> Vec<u8> {
        match self.form {
            Form::Csv | Form::Ndjson => Vec::new(),
            Form::Arrow => arrow::footer(&self.names()),
        }
    }

    /// The rows of a batch that are still in.
    ///
    /// # Errors
    /// A column is longer than the form can tell.
    pub(crate) fn write(&self, batch: &Batch, from: From<'_>) -> Result<Page, String> {
        let rows: Vec<usize> = (0..batch.len())
            .filter(|row| batch.state(*row) == RowState::In)
            .collect();
        let mut bytes = self.room.lease();
        let places = self.places.then_some(from);
        if !rows.is_empty() {
            match self.form {
                Form::Csv => csv::write(batch, &self.columns, &rows, places, &mut bytes),
                Form::Ndjson => ndjson::write(batch, &self.members, &rows, places, &mut bytes),
                Form::Arrow => {
                    let names = self.names();
                    arrow::write(batch, (&names, &self.columns), &rows, places, &mut bytes)?;
                }
            }
        }
        Ok(Page {
            bytes,
            rows: rows.len() as u64,
        })
    }

    fn names(&self) -> Vec<&str> {
        let columns = self.columns.iter().map(|(name, _)| &**name);
        let places = PLACE.into_iter().filter(|_| self.places);
        columns.chain(places).collect()
    }
}
