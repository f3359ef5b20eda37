//! The rejects file: every rejected row as the source had it, and beside it what was wrong.
//!
//! Fed back in, a row that is as it was is rejected again for the same reason, and one that was put right is sent as it
//! would have been from the source. What is said of the rows is left out on the way in and written anew, so that the
//! file never grows sideways.
//!
//! **Of a CSV source** the file is a table in its dialect: its header and the six columns of [`ADDED`]. A row is the raw
//! record, byte for byte, and six more cells. Some records can't be kept byte for byte. One that is too short is filled
//! up with empty cells, and what is said of it names the first column that it had nothing for; one that is too long has
//! its surplus cells after the added ones; the cells of one whose quotes are wrong are written as texts, quotes and all,
//! so that every program sees what was written. Of a column that the row's own file lacks, where the files of a source
//! are put together by name, that is said beside the faults, with the code `absent`: the cell is missing and not empty.
//!
//! **Of a JSON source** the file has one object a line: the six members of [`ADDED`], and the row's own as they were
//! written, so that numbers, truth values, nulls, nested values and members of one name stay what they are. A record
//! that is no object is kept as a text, `_raw`. The first row names the columns, `_columns`.
//!
//! **As a workbook** the finished file is written once more where the pipeline asks for it, for people who put rows right.
//!
//! A block's rows are written by the worker that found them at fault, into memory. What only the whole file knows is
//! found later: the rows that it is about are then written anew, and stand in their places among the others.

mod as_written;
mod block;
mod csv;
mod file;
mod json;
mod name;
mod row;
mod said;
mod tally;
#[cfg(test)]
mod tests;
#[cfg_attr(not(feature = "xlsx"), path = "workbook/disabled.rs")]
pub(crate) mod workbook;

pub(crate) use as_written::As;
pub(crate) use block::{Records, Rejected, RowWriter};
pub use file::RejectsFile;
pub(crate) use file::{RejectsError, may_be_replaced};
pub(crate) use row::Header;
pub(crate) use tally::Tally;

pub use crate::format::added::ADDED;
pub(crate) use name::{begins_as_ours, standing, table};

use std::ops::Deref;

use crate::batch::Fault;
use crate::format::PARSE;
use crate::format::csv::fault::{line_ends_within, takes_lines_along};

/// The stage of a fault that the server found: such rows were sent and refused.
pub(crate) const IMPORT_STAGE: &str = "import";

/// A rejected row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RejectedRow<'a> {
    /// Name of the source file.
    pub file: &'a str,
    /// Physical line on which the record begins, from 1.
    pub line: u64,
    /// The raw record as the source had it, without its line end.
    pub original: &'a [u8],
    /// The columns of the header that its file does not have.
    pub absent: &'a [usize],
    /// What is wrong with it: all faults of this row, in the order in which they were found.
    pub faults: &'a [Told<'a>],
}

/// A fault, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    fault: &'a Fault,
    /// Its message by the names that whoever reads the file knows. Many rows have the same fault: it is put together
    /// once for all of them.
    message: &'a str,
}

impl Deref for Told<'_> {
    type Target = Fault;

    fn deref(&self) -> &Fault {
        self.fault
    }
}

impl RejectedRow<'_> {
    /// How many lines more than its first one the record took along by quotes that are in the way, or has in carriage
    /// returns: each may be a row that nobody saw.
    fn taken_along(&self) -> u64 {
        self.unsure()
            .map_or(0, |fault| line_ends_within(self.original, &fault.code))
    }

    /// The fault that leaves it open where the record's cells end, and whether it is one record.
    fn unsure(&self) -> Option<&Fault> {
        let mut faults = self.faults.iter().map(|told| told.fault);
        faults.find(|fault| fault.stage == PARSE && takes_lines_along(&fault.code))
    }
}
