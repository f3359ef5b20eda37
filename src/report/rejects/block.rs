//! The rejected rows of a block, as they are written: by the worker that found them at fault.

use super::row::{Header, RejectFormat};
use super::said::Page;
use super::tally::Tally;
use super::{RejectedRow, Told};
use crate::batch::pool::{Lease, Pool};
use crate::batch::{Batch, Fault, Faults};
use crate::format::added::RAGGED;
use crate::format::csv::rewritten;

/// The records of a block and where they come from.
pub(crate) struct Records<'a> {
    batch: &'a Batch,
    /// Name of the source file.
    file: &'a str,
    /// Physical line on which the block begins, from 1.
    line: u64,
    /// The columns of the header that the file does not have.
    absent: Vec<usize>,
}

impl<'a> Records<'a> {
    /// The records of a block that begins on this line of a file.
    pub(crate) fn new(batch: &'a Batch, file: &'a str, line: u64) -> Records<'a> {
        Records {
            batch,
            file,
            line,
            absent: batch.arrangement().map_or_else(Vec::new, |a| a.absent()),
        }
    }

    /// How many records they are, rejected or not.
    pub(super) fn len(&self) -> u32 {
        self.batch.len() as u32
    }

    pub(super) fn faults(&self) -> &'a Faults {
        self.batch.faults()
    }

    /// Has `then` see a row as the source had it.
    pub(super) fn row<T>(
        &self,
        row: usize,
        faults: &[Told<'_>],
        then: impl FnOnce(&RejectedRow<'_>) -> T,
    ) -> T {
        let raw = self.batch.raw_record(row);
        let is_ragged = faults.iter().any(|fault| fault.code == RAGGED);
        // The file has the columns of the source's first file, in their order.
        let rewritten = (self.batch.arrangement()).and_then(|a| rewritten(a, raw, is_ragged));
        then(&RejectedRow {
            file: self.file,
            line: self.line + u64::from(self.batch.row(row).line),
            original: rewritten.as_deref().unwrap_or(raw),
            absent: &self.absent,
            faults,
        })
    }
}

/// Writes rejected rows into memory: what all workers share.
#[derive(Debug)]
pub(crate) struct RowWriter {
    pub(super) format: RejectFormat,
    room: Pool<Vec<u8>>,
}

/// The rejected rows of a block.
#[derive(Debug, Default)]
pub(crate) struct Rejected {
    bytes: Lease<Vec<u8>>,
    rows: Vec<Row>,
    /// The kinds of their faults in the order in which they first occur, and how many rows have them.
    kinds: Vec<(u32, u64)>,
}

/// Where a row ends in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    row: u32,
    end: usize,
    /// Lines that it took along.
    taken_along: u64,
}

impl RowWriter {
    pub(super) fn new(header: &Header) -> RowWriter {
        RowWriter {
            format: RejectFormat::new(header),
            room: Pool::default(),
        }
    }

    /// Writes all rejected rows of a block.
    pub(crate) fn write(&self, of: &Records<'_>) -> Rejected {
        self.write_some(of, |_| true, false)
    }

    /// Writes those rejected rows of a block that `is_wanted`; the first of them may be the `first` of the file. All
    /// are counted.
    pub(super) fn write_some(
        &self,
        of: &Records<'_>,
        is_wanted: impl Fn(u32) -> bool,
        first: bool,
    ) -> Rejected {
        let found = of.batch.faults();
        if found.is_empty() {
            return Rejected::default();
        }
        let by_row = found.by_row();
        let mut page = Page {
            bytes: self.room.lease(),
            text: String::new(),
        };
        let mut rows: Vec<Row> = Vec::new();
        let messages: Vec<_> = (found.kinds().iter())
            .map(Fault::message_by_both_names)
            .collect();
        let told = |&(_, kind): &(u32, u32)| Told {
            fault: found.kind(kind),
            message: &messages[kind as usize],
        };
        let mut faults = Vec::new();
        for of_row in by_row.chunk_by(|a, b| a.0 == b.0) {
            let (row, _) = of_row[0];
            if !is_wanted(row) {
                continue;
            }
            faults.clear();
            faults.extend(of_row.iter().map(told));
            let first = first && rows.is_empty();
            let taken_along = of.row(row as usize, &faults, |rejected| {
                self.format.push_row(&mut page, rejected, first);
                rejected.taken_along()
            });
            rows.push(Row {
                row,
                end: page.bytes.len(),
                taken_along,
            });
        }
        Rejected {
            bytes: page.bytes,
            rows,
            kinds: count(found, &by_row),
        }
    }

    /// Writes the rejected rows of a block but for these `others`, which are in order; nothing else is counted.
    pub(super) fn write_without(&self, of: &Records<'_>, others: &[u32], first: bool) -> Rejected {
        let is_own = |row: u32| others.binary_search(&row).is_err();
        let mut by_row = of.batch.faults().by_row();
        by_row.retain(|(row, _)| is_own(*row));
        Rejected {
            kinds: count(of.batch.faults(), &by_row),
            ..self.write_some(of, is_own, first)
        }
    }

    /// The same rows once more, where faults have been found with some of them, or have been taken back, since they were
    /// `written`.
    pub(super) fn amend(&self, of: &Records<'_>, written: &Rejected, touched: &[u32]) -> Rejected {
        let is_touched = |row: u32| touched.binary_search(&row).is_ok();
        let anew = self.write_some(of, is_touched, false);
        let mut whole = Rejected {
            bytes: self.room.lease(),
            rows: Vec::with_capacity(written.rows.len() + anew.rows.len()),
            kinds: Vec::new(),
        };
        let mut others = anew.each().peekable();
        for (row, bytes) in written.each().filter(|(row, _)| !is_touched(row.row)) {
            while let Some((row, bytes)) = others.next_if(|(other, _)| other.row < row.row) {
                whole.push(row, bytes);
            }
            whole.push(row, bytes);
        }
        others.for_each(|(row, bytes)| whole.push(row, bytes));
        Rejected {
            kinds: anew.kinds,
            ..whole
        }
    }
}

impl Rejected {
    /// What is written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether no row is rejected.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds its counts to others. The faults are those of the batch that it was written of.
    pub(super) fn count_in(&self, tally: &mut Tally, faults: &Faults) {
        tally.add_rows(self.rows.len() as u64);
        tally.take_along(self.rows.iter().map(|row| row.taken_along).sum());
        for &(kind, rows) in &self.kinds {
            tally.count(faults.kind(kind), rows);
        }
    }

    fn each(&self) -> impl Iterator<Item = (Row, &[u8])> {
        let mut begins = 0;
        self.rows.iter().map(move |row| {
            let from = std::mem::replace(&mut begins, row.end);
            (*row, &self.bytes[from..row.end])
        })
    }

    fn push(&mut self, row: Row, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        self.rows.push(Row { end, ..row });
    }
}

/// How often every kind of fault occurs, in the order in which they first do.
fn count(faults: &Faults, by_row: &[(u32, u32)]) -> Vec<(u32, u64)> {
    let mut kinds: Vec<(u32, u64)> = Vec::new();
    let mut places = vec![None; faults.kinds().len()];
    for &(_, kind) in by_row {
        let place = *places[kind as usize].get_or_insert(kinds.len());
        match kinds.get_mut(place) {
            Some((_, rows)) => *rows += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds
}

#[cfg(test)]
mod tests;
