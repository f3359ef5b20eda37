//! JSON: a block of whole objects, one a line or in documents, into a batch.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::found::{Deferred, Found, FoundFault, Text};
use super::grammar::wrong_in;
use super::spec::Form;
use super::tree::{Tree, Wanted};
use super::{Layout, around, flat, members, record_of};
use crate::batch::{Batch, Fault, Kind, Skipped};
use crate::format::block::Start;
use crate::format::unread::Unread;
use crate::format::{PARSE, Pools, find_bad_text, reject_bad_text};
use crate::text::scan::count_lines;

/// Reads objects whose members are a fixed set of columns.
#[derive(Debug, Clone)]
pub struct Parser {
    pub(super) wanted: Wanted,
    layout: Layout,
    /// Flat objects are read without the general parser. It comes to the same, as tests see that switch it off.
    flat: bool,
    pools: Pools,
}

/// Documents that can't be read further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Physical line, counted from the block's first line (0).
    pub line: u32,
    /// Column in bytes, from 1, counted from the block's beginning where it is on the block's first line.
    pub column: u32,
    /// What is wrong, without a value.
    pub message: String,
}

/// A block's text, and where in its file it begins.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) start: Start,
}

impl Piece<'_> {
    /// The line of an offset, from 0, by that of an offset before it; and its column in bytes, from 1. Both as of the
    /// block.
    pub(super) fn place(&self, at: usize, (from, line): (usize, u32)) -> (u32, u32) {
        // The place may be within a character.
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        let line = line + count_lines(&before[from.min(before.len())..]) as u32;
        (line, (before.len() - line_start) as u32 + 1)
    }

    /// The same in words, as of the file.
    fn in_words(&self, at: usize, from: (usize, u32)) -> String {
        let (line, column) = self.place(at, from);
        let (line, column) = self.start.place(line, column);
        format!("line {line}, column {column}")
    }
}

impl Parser {
    /// A parser for objects with these members.
    pub fn new(layout: Layout, names: Arc<[Arc<str>]>, ignore_unknown: bool) -> Parser {
        Parser {
            wanted: Wanted::new(names, ignore_unknown),
            layout,
            flat: true,
            pools: Pools::default(),
        }
    }

    /// The same parser, which finds its columns by a tree, and does with nested values what the pipeline says.
    pub(crate) fn with_form(self, form: &Form, tree: Arc<Tree>) -> Parser {
        Parser {
            wanted: self.wanted.with_form(form, tree),
            ..self
        }
    }

    /// The same parser for columns of nested members, whose names are joined with the form's separator.
    pub fn with_nested(self, form: &Form) -> Parser {
        let path = |name: &Arc<str>| name.split(form.separator()).map(str::to_owned).collect();
        let paths: Vec<_> = self.wanted.names.iter().map(path).collect();
        self.with_form(form, Arc::new(Tree::new(&paths)))
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

    /// Parses a block. A record that is not an object of JSON is rejected, where it can be told from the next one.
    ///
    /// # Errors
    /// Documents in which the next record can't be found.
    pub fn parse(&self, bytes: impl Into<Unread>) -> Result<Batch, JsonError> {
        self.parse_from(bytes, Start::default())
    }

    /// Parses a block that begins there.
    ///
    /// # Errors
    /// As of [`Parser::parse`].
    pub(crate) fn parse_from(
        &self,
        bytes: impl Into<Unread>,
        start: Start,
    ) -> Result<Batch, JsonError> {
        let (text, bad) = bytes.into().decode();
        let mut found = Found {
            width: self.wanted.names.len(),
            draft: self.pools.drafts.lease(),
            deferred: Vec::new(),
            faults: Vec::new(),
            nested: false,
            skipped: 0,
        };
        let piece = Piece { text: &text, start };
        match self.layout {
            Layout::Lines => self.parse_lines(piece, &mut found),
            Layout::Documents => self.parse_documents(piece, &mut found)?,
        }
        let (raw, bad) = bad.unzip();
        let mut batch = self.pools.batch(text, raw, found.width, &found.draft);
        batch.skip(Skipped {
            lines: found.skipped,
            ..Skipped::default()
        });
        if found.nested {
            batch.mark_nested();
        }
        let bad = bad.map(|bad| find_bad_text(&batch, &bad));
        let broken = make_texts(&mut batch, found.deferred, &self.wanted.join);
        self.reject(&mut batch, found.faults, broken);
        if let Some(bad) = bad {
            reject_bad_text(&mut batch, bad, &self.wanted.names);
        }
        Ok(batch)
    }

    /// Rejects the rows in which something was found wrong; `broken` are cells with half a character.
    fn reject(&self, batch: &mut Batch, faults: Vec<FoundFault>, broken: Vec<(u32, usize)>) {
        let fault = |row, column: Option<usize>, code, message| Fault {
            row,
            stage: PARSE,
            column: column.map_or_else(|| Arc::from(""), |c| self.wanted.names[c].clone()),
            source: None,
            code: Cow::Borrowed(code),
            message,
        };
        let (rows, cells): (Vec<_>, Vec<_>) = faults.into_iter().partition(|f| f.column.is_none());
        for FoundFault {
            row, code, message, ..
        } in rows
        {
            batch.reject(fault(row, None, code, message), None);
            for column in 0..batch.width() {
                let cell = batch.cell(row as usize, column);
                batch.set_cell(row as usize, column, cell.with_kind(Kind::Faulty));
            }
        }
        let broken = broken.into_iter().map(|(row, column)| FoundFault {
            row,
            column: Some(column),
            code: "json_string",
            message: Cow::Borrowed(members::HALF_CHARACTER),
        });
        for found in cells.into_iter().chain(broken) {
            let FoundFault {
                row,
                column: Some(column),
                code,
                message,
            } = found
            else {
                continue;
            };
            // What is said of a whole record says enough.
            if batch.cell(row as usize, column).kind() != Kind::Faulty {
                batch.reject(fault(row, Some(column), code, message), Some(column));
            }
        }
    }

    /// A row for the object that begins at `at`, where it is flat: its end.
    pub(super) fn take_flat(
        &self,
        reader: &mut flat::Reader<'_>,
        line: u32,
        at: usize,
        found: &mut Found,
    ) -> Option<flat::End> {
        if !self.flat || !reader.is_hopeful() {
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

    /// A reader of the flat objects of a block.
    pub(super) fn flat_reader<'a>(&'a self, text: &'a str) -> flat::Reader<'a> {
        flat::Reader::new(&self.wanted, self.layout, text)
    }

    fn parse_lines(&self, piece: Piece<'_>, found: &mut Found) {
        let text = piece.text;
        let bytes = text.as_bytes();
        let mut reader = self.flat_reader(text);
        let mut start = 0;
        let mut line = 0;
        while start < text.len() {
            if let Some(end) = self.take_flat(&mut reader, line, start, found) {
                let mut after = end.at;
                while let Some(b' ' | b'\t' | b'\r') = bytes.get(after) {
                    after += 1;
                }
                if end.lines == 0 && matches!(bytes.get(after), None | Some(b'\n')) {
                    found.skip_empty(text);
                    start = after + 1;
                    line += 1;
                    continue;
                }
                found.undo();
            }
            let rest = &text[start..];
            let len = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
            let written = record_of(&rest[..len]);
            let at = start + len - written.len();
            let record = written.trim_ascii_end();
            if record.is_empty() {
                found.skipped += 1;
            } else {
                self.record(piece, at..at + record.len(), line, found);
                found.skip_empty(text);
            }
            start += len;
            line += 1;
        }
    }

    /// A row for a record by the general parser.
    pub(super) fn record(
        &self,
        piece: Piece<'_>,
        span: std::ops::Range<usize>,
        line: u32,
        found: &mut Found,
    ) {
        found.begin(line, span.start, span.end);
        let record = &piece.text[span.clone()];
        let read = members::read(&self.wanted, piece.text, record, found);
        if read.is_ok() {
            return;
        }
        let Some((at, reason)) = wrong_in(record.as_bytes()) else {
            // It is well-formed, and its kind or a name in it is not what is wanted.
            return match record.starts_with('{') {
                true => found.fault(
                    "json_syntax",
                    "an escape in a member's name stands for half a character",
                ),
                false => {
                    let what = around::kind(record.as_bytes()[0]);
                    found.fault(
                        "not_an_object",
                        format!("expected an object, the record, found {what}"),
                    );
                }
            };
        };
        let place = piece.in_words(span.start + at, (span.start, line));
        found.fault(
            "json_syntax",
            format!("not well-formed JSON, {place}: {reason}"),
        );
    }
}

/// Makes the texts that are not pieces of the block. Returns the rows and columns where that is not possible.
fn make_texts(batch: &mut Batch, deferred: Vec<Deferred>, join: &str) -> Vec<(u32, usize)> {
    let mut broken = Vec::new();
    let mut text = String::new();
    for made in deferred {
        let (row, column) = (made.row as usize, made.column as usize);
        let written = batch.text(made.cell);
        text.clear();
        // Reading the record passed over the string, and did not see what its escapes stand for.
        let done = match made.text {
            Text::Unescaped => unescape(written, &mut text),
            Text::Joined => joined(written, join).map(|joined| text = joined),
            Text::Broken => None,
        };
        match done {
            Some(()) => batch.set_text(row, column, &text, Kind::Text),
            None => broken.push((made.row, column)),
        }
    }
    broken
}

/// Writes what a string stands for, which is well-formed JSON, with its quotes, into `out`, which is empty. None where an
/// escape in it stands for half a character.
fn unescape(string: &str, out: &mut String) -> Option<()> {
    let mut rest = string.strip_prefix('"')?.strip_suffix('"')?;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        out.push(match rest.as_bytes().get(at + 1)? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                // The code of a character, or of half of one: rare, and for the general parser.
                *out = serde_json::from_str(string).ok()?;
                return Some(());
            }
            // A quote, a slash or a backslash stands for itself.
            own => char::from(*own),
        });
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    Some(())
}

/// The elements of an array as one text, without those that are null.
fn joined(array: &str, join: &str) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let mut texts = Vec::with_capacity(elements.len());
    for element in elements {
        match element.get() {
            "null" => {}
            text if text.starts_with('"') => {
                texts.push(Cow::Owned(serde_json::from_str::<String>(text).ok()?));
            }
            plain => texts.push(Cow::Borrowed(plain)),
        }
    }
    Some(texts.join(join))
}
