//! The rejects file: every rejected row as the source had it, and beside it what was wrong.
//!
//! The file is a table in the dialect of the source: its header and the six columns of [`ADDED`]. A
//! row is the raw record, byte for byte, and six more cells. Two kinds of record can't be kept byte
//! for byte, or the added cells would not stand under their names: one that is too short is filled up
//! with empty cells; one that is too long has its surplus cells after the added ones. A record with quotes in the way
//! is kept, and has the added cells behind it: who reads the file again finds the same fault.
//!
//! A rejects file that is fed back in brings the added columns along. They are dropped here and
//! written anew, so that the file never grows sideways.

mod file;
mod row;
mod tally;
#[cfg(test)]
mod tests;

pub use file::RejectsFile;
pub(crate) use file::{RejectsError, may_be_replaced};
pub(crate) use row::Header;
pub(crate) use tally::Tally;

use crate::batch::Fault;
use crate::format::PARSE;
use crate::format::csv::fault::{line_ends_within, takes_lines_along};

/// The columns that the rejects file adds to those of the source, in their order. A reader leaves
/// them out where a header ends with all six.
pub const ADDED: [&str; 6] = ["_file", "_line", "_stage", "_column", "_code", "_message"];

/// The stage of a fault that the server found: such rows were sent and refused.
pub(crate) const IMPORT_STAGE: &str = "import";

/// A rejected row.
#[derive(Clone, Copy, Debug)]
pub struct RejectedRow<'a> {
    /// Name of the source file.
    pub file: &'a str,
    /// Physical line on which the record begins, from 1.
    pub line: u64,
    /// The row as the source had it.
    pub original: Original<'a>,
    /// What is wrong with it: all faults of this row, in the order in which they were found.
    pub faults: &'a [Fault],
}

impl RejectedRow<'_> {
    /// How many lines more than its first one the record took along by quotes that are in the way, or has in carriage
    /// returns: each may be a row that nobody saw.
    fn taken_along(&self) -> u64 {
        match (self.original, self.unsure()) {
            (Original::Raw(record), Some(fault)) => line_ends_within(record, &fault.code),
            _ => 0,
        }
    }

    /// The fault that leaves it open where the record's cells end, and whether it is one record.
    fn unsure(&self) -> Option<&Fault> {
        let mut faults = self.faults.iter();
        faults.find(|fault| fault.stage == PARSE && takes_lines_along(&fault.code))
    }
}

/// A row as the source had it.
#[derive(Clone, Copy, Debug)]
pub enum Original<'a> {
    /// The raw record of a CSV source, without its line end.
    Raw(&'a [u8]),
    /// The cells of a record that is not CSV, in the order of the header; `None` where the record has
    /// no such member. A missing cell is written as nothing, an empty text as two quotes.
    Cells(&'a [Option<&'a str>]),
}
