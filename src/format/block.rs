//! Blocks: some hundred kibibytes of decoded text that begin and end on record boundaries.
//!
//! Cutting the text into blocks is the only serial part of the engine, so it looks for boundaries
//! alone: quote-aware for CSV, depth- and string-aware for JSON, line by line for NDJSON. What it needs to
//! know of a format is a [`Boundary`]; no bytes are parsed here.

use std::sync::Arc;

use super::cut::{Cut, CutError};
use crate::batch::Arrangement;
use crate::format::{csv, json};
use crate::text::scan::{Dialect, count_lines};

/// A piece of a source that begins and ends on record boundaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Position among the blocks of the run, from 0.
    pub number: u64,
    /// Which file of the source it comes from, from 0.
    pub file: u32,
    /// Physical line on which it begins, from 1.
    pub line: u64,
    /// Bytes of that line that come before it.
    pub column: u64,
    /// How the cells of its records become the columns, where they are not these one by one.
    pub arrangement: Option<Arc<Arrangement>>,
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
        count: Option<u64>,
    },
}

impl Block {
    /// Where in its file it begins.
    pub(crate) fn start(&self) -> Start {
        Start {
            line: self.line,
            column: self.column,
        }
    }
}

/// Where in its file a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// Physical line, from 1.
    pub(crate) line: u64,
    /// Bytes of that line that come before it.
    pub(crate) column: u64,
}

impl Default for Start {
    /// The beginning of the file.
    fn default() -> Start {
        Start { line: 1, column: 0 }
    }
}

impl Start {
    /// The line and column in the file, both from 1, of a place in the text that has this line, from 0, and this column,
    /// from 1.
    pub(crate) fn place(self, line: u32, column: u32) -> (u64, u64) {
        let before = if line == 0 { self.column } else { 0 };
        (self.line + u64::from(line), before + u64::from(column))
    }

    /// Where the text begins that follows this one.
    pub(crate) fn behind(self, text: &[u8]) -> Start {
        self.behind_lines(text, count_lines(text))
    }

    /// The same, where the line feeds of the text have been counted.
    pub(crate) fn behind_lines(self, text: &[u8], lines: u64) -> Start {
        match memchr::memrchr(b'\n', text) {
            None => Start {
                column: self.column + text.len() as u64,
                ..self
            },
            Some(at) => Start {
                line: self.line + lines,
                column: (text.len() - at - 1) as u64,
            },
        }
    }
}

/// Finds where a text can be cut.
#[derive(Debug, Clone)]
pub enum Boundary {
    /// Records of CSV.
    Csv(Dialect),
    /// One record a line.
    Lines,
    /// JSON documents, or the elements of arrays.
    Json(json::cut::Cutter),
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
            Boundary::Json(cutter) => cutter.cut(text, at_end),
        }
    }

    /// What is wrong with a text that begins where the last one was cut, if it can be told without its end.
    pub(crate) fn wrong_in(&self, text: &[u8]) -> Option<CutError> {
        match self {
            Boundary::Json(cutter) => cutter.wrong_in(text),
            Boundary::Csv(_) | Boundary::Lines => None,
        }
    }

    /// The member by which the last page of a source says that another one follows, if it does.
    pub(crate) fn more(&self) -> Option<&str> {
        match self {
            Boundary::Json(cutter) => cutter.more(),
            Boundary::Csv(_) | Boundary::Lines => None,
        }
    }
}
