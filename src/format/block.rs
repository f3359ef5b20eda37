//! Blocks: some hundred kibibytes of decoded text that begin and end on record boundaries.
//!
//! Cutting the text into blocks is the only serial part of the engine, so it looks for boundaries
//! alone: quote-aware for CSV, depth- and string-aware for JSON, line by line for NDJSON. What it needs to
//! know of a format is a [`Boundary`]; no bytes are parsed here.

use super::cut::{Cut, CutError};
use crate::format::{csv, json};
use crate::text::scan::Dialect;

/// A piece of a source that begins and ends on record boundaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Position among the blocks of the run, from 0.
    pub number: u64,
    /// Which file of the source it comes from, from 0.
    pub file: u32,
    /// Physical line on which it begins, from 1.
    pub line: u64,
    /// The decoded text.
    pub bytes: Vec<u8>,
    /// What stands behind it, where the file ends with it.
    pub end: Option<End>,
}

/// The end of a file, behind its last record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    /// Lines that are no records.
    pub skipped: u64,
    /// The trailer, where one is expected.
    pub trailer: Option<Trailer>,
}

/// What a trailer says, which is the last line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    /// The file's last line is none.
    Missing,
    /// It states the number of records, unless what stands there is not a number.
    Found {
        /// Physical line, from 1.
        line: u64,
        /// The number.
        count: Option<u64>,
    },
}

/// Finds where a text can be cut.
#[derive(Debug, Clone)]
pub enum Boundary {
    /// Records of CSV.
    Csv(Dialect),
    /// One record a line.
    Lines,
    /// Elements of one JSON array.
    JsonArray(json::cut::ArrayCutter),
}

impl Boundary {
    /// The last place at which `text` can be cut. `at_end` says that nothing follows it.
    ///
    /// # Errors
    /// Where the text can't be cut at all: an unclosed quote or an ill-formed array, with its place.
    pub fn cut(&mut self, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
        match self {
            Boundary::Csv(dialect) => csv::cut::cut(*dialect, text, at_end),
            Boundary::Lines => Ok(match (at_end, memchr::memrchr(b'\n', text)) {
                (true, _) => Cut::At(text.len()),
                (false, Some(at)) => Cut::At(at + 1),
                (false, None) => Cut::None { open: None },
            }),
            Boundary::JsonArray(cutter) => cutter.cut(text, at_end),
        }
    }
}
