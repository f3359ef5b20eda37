//! JSON: a block of whole objects, one a line or elements of an array, into a batch.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeSeed;

use super::flat;
use super::found::Found;
use super::members::Members;
use super::wanted::{Layout, Wanted};
use crate::batch::{Batch, Fault, Kind, Skipped};
use crate::format::{Deferred, PARSE, Pools, decode, find_bad_text, reject_bad_text};

/// Reads objects whose members are a fixed set of columns.
#[derive(Debug, Clone)]
pub struct Parser {
    pub(super) wanted: Wanted,
    /// Flat objects are read without the general parser. It comes to the same, as tests see that switch it off.
    flat: bool,
    pools: Pools,
}

/// An array that can't be read further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Physical line, counted from the block's first line (0).
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// What is wrong, without a value.
    pub message: String,
}

impl Parser {
    /// A parser for objects with these members.
    pub fn new(layout: Layout, names: Arc<[Arc<str>]>, ignore_unknown: bool) -> Parser {
        Parser {
            wanted: Wanted::new(layout, names, ignore_unknown),
            flat: true,
            pools: Pools::default(),
        }
    }

    /// The same parser, with another limit of how deep objects and arrays may be nested.
    pub fn with_depth(mut self, deepest: u32) -> Parser {
        self.wanted.deepest = deepest;
        self
    }

    /// The same parser, with buffers that it shares with others.
    pub fn with_pools(self, pools: &Pools) -> Parser {
        Parser {
            pools: pools.clone(),
            ..self
        }
    }

    /// The same parser without its short way for flat objects: what that is tested against.
    pub fn without_short_way(self) -> Parser {
        Parser {
            flat: false,
            ..self
        }
    }

    /// Names of the columns, in order.
    pub fn names(&self) -> &Arc<[Arc<str>]> {
        &self.wanted.names
    }

    /// Parses a block. A line that is not an object is rejected; in an array it ends the run, for what
    /// follows it can't be told apart.
    ///
    /// # Errors
    /// An array that is not well-formed.
    pub fn parse(&self, bytes: Vec<u8>) -> Result<Batch, JsonError> {
        let (text, bad) = decode(bytes);
        let width = self.wanted.names.len();
        let mut found = Found {
            width,
            draft: self.pools.drafts.lease(),
            deferred: Vec::new(),
            faults: Vec::new(),
            skipped: 0,
        };
        match self.wanted.layout {
            Layout::Lines => self.parse_lines(&text, &mut found),
            Layout::Array => self.parse_array(&text, &mut found)?,
        }
        let (raw, bad) = bad.unzip();
        let mut batch = self.pools.batch(text, raw, width, &found.draft);
        batch.skip(Skipped {
            lines: found.skipped,
            headers: Vec::new(),
        });
        let bad = bad.map(|bad| find_bad_text(&batch, &bad));
        let mut broken = Vec::new();
        for Deferred { row, column, cell } in found.deferred {
            // Reading the record passed over the string, and did not see what its escapes stand for.
            match serde_json::from_str::<String>(batch.text(cell)) {
                Ok(text) => batch.set_text(row as usize, column as usize, &text, Kind::Text),
                Err(_) => broken.push((row, column as usize)),
            }
        }
        for (row, code, message) in found.faults {
            let fault = Fault {
                row,
                stage: PARSE,
                column: Arc::from(""),
                source: None,
                code: Cow::Borrowed(code),
                message,
            };
            batch.reject(fault, None);
            for column in 0..width {
                batch.set_cell(
                    row as usize,
                    column,
                    batch.cell(row as usize, column).with_kind(Kind::Faulty),
                );
            }
        }
        for (row, column) in broken {
            // What is said of a whole record says enough.
            if batch.cell(row as usize, column).kind() != Kind::Faulty {
                let fault = Fault {
                    row,
                    stage: PARSE,
                    column: self.wanted.names[column].clone(),
                    source: None,
                    code: Cow::Borrowed("json_string"),
                    message: Cow::Borrowed("an escape in the text stands for half a character"),
                };
                batch.reject(fault, Some(column));
            }
        }
        if let Some(bad) = bad {
            reject_bad_text(&mut batch, bad, &self.wanted.names);
        }
        Ok(batch)
    }

    /// A row for the object that begins at `at`, where it is flat: its end.
    pub(super) fn take_flat(
        &self,
        reader: &mut flat::Reader<'_>,
        line: u32,
        at: usize,
        found: &mut Found,
    ) -> Option<flat::End> {
        if !self.flat {
            return None;
        }
        found.begin(line, at, at);
        let end = reader.read(at, found);
        match end {
            Some(end) => found.end_at(end.at),
            None => found.undo(),
        }
        end
    }

    fn parse_lines(&self, text: &str, found: &mut Found) {
        let mut reader = flat::Reader::new(&self.wanted, text);
        let mut start = 0;
        let mut line = 0;
        while start < text.len() {
            if let Some(end) = self.take_flat(&mut reader, line, start, found) {
                let after = text[end.at..].trim_start_matches([' ', '\t', '\r']);
                if end.lines == 0 && (after.is_empty() || after.starts_with('\n')) {
                    found.skip_empty(text);
                    start = text.len() - after.len() + 1;
                    line += 1;
                    continue;
                }
                found.undo();
            }
            let rest = &text[start..];
            let len = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
            let written = &rest[..len];
            let record = written.trim_ascii();
            let at = start + (len - written.trim_ascii_start().len());
            if record.is_empty() {
                found.skipped += 1;
            } else {
                self.parse_line(text, record, line, at, found);
                found.skip_empty(text);
            }
            start += len;
            line += 1;
        }
    }

    fn parse_line(&self, text: &str, record: &str, line: u32, at: usize, found: &mut Found) {
        found.begin(line, at, at + record.len());
        let mut deserializer = serde_json::Deserializer::from_str(record);
        let read = Members {
            wanted: &self.wanted,
            base: text,
            found,
        }
        .deserialize(&mut deserializer);
        if let Err(error) = read.and_then(|()| deserializer.end()) {
            let message = format!(
                "not a JSON object: {} at byte {} of the record",
                reason(&error),
                error.column()
            );
            found.fault("json_syntax", message.into());
        }
    }
}

/// The kind of a JSON error in words that hold no value.
pub(super) fn reason(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "a character stands where it can't",
        _ => "another kind of value stands here",
    }
}
