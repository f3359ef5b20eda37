//! CSV: a block of whole records into a batch.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::fault::{self, Told};
use super::fed_back::Review;
use super::record::{Cells, Quotes, Span, bare_return, unquote};
use super::skip::{Skip, Skips};
use crate::batch::{Arrangement, Batch, Cell, Fault, Kind, Row, RowState, Skipped};
use crate::format::added::RAGGED;
use crate::format::unread::Unread;
use crate::format::{Deferred, Draft, PARSE, Pools, find_bad_text, reject_bad_text};
use crate::text::scan::Dialect;
use crate::text::unseen::is_blank;

/// What to do with a record of too many or too few cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRagged {
    /// Reject the row.
    Reject,
    /// Take what is missing for empty, and leave out empty cells that are too many; reject a record with a value there.
    Pad,
    /// End the run.
    Fail,
}

/// Reads records of one dialect and one header.
#[derive(Debug, Clone)]
pub struct Parser {
    dialect: Dialect,
    names: Arc<[Arc<str>]>,
    skips: Arc<Skips>,
    on_ragged: OnRagged,
    /// How many cells a record has: the header's, with columns at its end that are not read.
    cells: usize,
    pools: Pools,
}

/// A record of the wrong number of cells, where that ends the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} cells as in the header, found {found}")]
pub struct RaggedError {
    /// Physical line, counted from the block's first line (0).
    pub line: u32,
    /// Cells of the header.
    pub expected: usize,
    /// Cells of the record.
    pub found: usize,
}

/// What stands in a row where no cell has been read yet.
const UNREAD: Cell = Cell::new(0, 0, Kind::Text);

/// A row of another number of cells.
struct RaggedRow {
    row: usize,
    found: usize,
    /// A value stands in one of those that are too many.
    surplus: bool,
}

/// Reads a block front to back, cell by cell.
struct Reader<'a> {
    block: &'a [u8],
    skips: &'a Skips,
    skipped: Skipped,
    /// Cells that are read, and cells that a record has.
    width: usize,
    expected: usize,
    rows: &'a mut Vec<Row>,
    cells: &'a mut Vec<Cell>,
    deferred: Vec<Deferred>,
    ragged: Vec<RaggedRow>,
    /// Rows with quotes in the way; offsets count from the block's beginning.
    quotes: Vec<(usize, fault::Fault)>,
    /// No cell of the block has anything that JSON must escape but quotes and line feeds.
    tame: bool,
    /// Cells of the record so far.
    count: usize,
    /// One of those that are too many is not empty.
    surplus: bool,
    record_start: usize,
    record_line: u32,
}

impl Reader<'_> {
    fn read(&mut self, dialect: Dialect) {
        let mut cells = Cells::of_text(self.block, dialect);
        self.begin_record(&mut cells);
        loop {
            let cell = match self.take_plain(&mut cells) {
                Some(last) => last,
                None => match cells.next() {
                    Some(cell) => cell,
                    None => break,
                },
            };
            if cell.last {
                self.end_record(cell);
                if let Some(fault) = cells.take_fault() {
                    self.note(fault);
                }
                self.begin_record(&mut cells);
            } else {
                self.take(cell);
            }
        }
        self.cells.truncate(self.rows.len() * self.width);
    }

    /// Takes cells as long as nothing is to be asked of them, and returns the one that ends the record.
    #[inline(always)]
    fn take_plain(&mut self, cells: &mut Cells<'_>) -> Option<Span> {
        let start = self.rows.len() * self.width;
        let record = &mut self.cells[start..];
        let (tame, expected) = (self.tame, self.expected);
        let (mut count, mut surplus) = (self.count, self.surplus);
        let last = loop {
            match cells.next_plain() {
                Some(Span {
                    start,
                    end,
                    last: false,
                    ..
                }) => {
                    if let Some(slot) = record.get_mut(count) {
                        *slot = Cell::new(start, end - start, Kind::Text).plain_if(tame);
                    } else {
                        surplus |= count >= expected && start != end;
                    }
                    count += 1;
                }
                other => break other,
            }
        };
        (self.count, self.surplus) = (count, surplus);
        last
    }

    #[inline(always)]
    fn begin_record(&mut self, cells: &mut Cells<'_>) {
        self.skipped.lines += cells.pass_remarks();
        self.record_start = cells.at();
        self.record_line = cells.line();
        let end = (self.rows.len() + 1) * self.width;
        self.cells.resize(end, UNREAD);
    }

    /// Notes a fault of the record that was read last, unless that is none.
    #[inline(always)]
    fn note(&mut self, fault: fault::Fault) {
        let last = self.rows.len().checked_sub(1);
        if let Some(row) = last.filter(|row| self.rows[*row].start as usize == self.record_start) {
            self.quotes.push((row, fault));
        }
    }

    #[inline(always)]
    fn take(&mut self, cell: Span) {
        let Span { start, end, .. } = cell;
        let at = self.rows.len() * self.width + self.count;
        if self.count < self.width {
            let plain = self.tame && !cell.special;
            self.cells[at] = match cell.quotes {
                _ if cell.escaped => {
                    let cell = Cell::new(start, end - start, Kind::Text);
                    self.deferred
                        .push(Deferred::new(self.rows.len(), self.count, cell));
                    cell
                }
                Quotes::Closed(close) => {
                    Cell::new(start + 1, close - start - 1, Kind::Text).plain_if(plain)
                }
                _ => Cell::new(start, end - start, Kind::Text).plain_if(plain),
            };
        } else if self.count >= self.expected {
            let empty = match cell.quotes {
                Quotes::Closed(close) => close == start + 1,
                _ => start == end,
            };
            self.surplus |= !empty;
        }
        self.count += 1;
    }

    /// Passes over the record whose last cell has not been taken yet, where it is none.
    #[inline(always)]
    fn skip_record(&mut self, record: Range<usize>) -> bool {
        match self.skips.look_at(&self.block[record]) {
            None => return false,
            Some(Skip::Empty) => {}
            Some(Skip::Header) => self.skipped.headers.push(self.record_line),
            Some(Skip::Reordered) => {
                self.skipped.reordered.get_or_insert(self.record_line);
            }
        }
        self.skipped.lines += 1;
        let rows = self.rows.len();
        self.cells.truncate(rows * self.width);
        while self.deferred.pop_if(|d| d.row as usize == rows).is_some() {}
        self.count = 0;
        self.surplus = false;
        true
    }

    /// Takes the last cell of a record. A line without any value is not a record.
    #[inline(always)]
    fn end_record(&mut self, mut cell: Span) {
        let start = self.record_start;
        if cell.end > start && self.block[cell.end - 1] == b'\r' {
            cell.end -= 1;
        }
        let end = cell.end;
        if self.skips.may_skip(&self.block[start..end]) && self.skip_record(start..end) {
            return;
        }
        self.take(cell);
        if self.count != self.expected {
            self.ragged.push(RaggedRow {
                row: self.rows.len(),
                found: self.count,
                surplus: std::mem::take(&mut self.surplus),
            });
            let first = self.rows.len() * self.width;
            let given = first + self.count.min(self.width);
            self.cells[given..].fill(Cell::new(end, 0, Kind::Text));
        }
        self.rows.push(Row {
            line: self.record_line,
            start: start as u32,
            end: end as u32,
        });
        self.count = 0;
    }
}

impl Parser {
    /// A parser for records of `cells` cells, the first of which are the columns `names`.
    pub fn new(
        dialect: Dialect,
        names: Arc<[Arc<str>]>,
        cells: usize,
        on_ragged: OnRagged,
    ) -> Parser {
        Parser {
            dialect,
            names,
            skips: Arc::new(Skips::new(dialect)),
            on_ragged,
            cells,
            pools: Pools::default(),
        }
    }

    /// The same parser, which passes over records that repeat this line of the header, too, as it is written.
    pub fn with_header(self, header: &str) -> Parser {
        Parser {
            skips: Arc::new((*self.skips).clone().with_header(header)),
            ..self
        }
    }

    /// The same parser, with buffers that it shares with others.
    pub fn with_pools(self, pools: &Pools) -> Parser {
        Parser {
            pools: pools.clone(),
            ..self
        }
    }

    /// Names of the columns, in order.
    pub fn names(&self) -> &Arc<[Arc<str>]> {
        &self.names
    }

    /// Parses a block that begins on this physical line.
    ///
    /// # Errors
    /// A ragged record, where the pipeline says that it ends the run.
    pub fn parse(&self, bytes: impl Into<Unread>, line: u64) -> Result<Batch, RaggedError> {
        self.read(bytes.into(), line, &self.skips, &self.names, self.cells)
    }

    /// Parses a block of a file whose cells stand in another order, or have no names.
    ///
    /// # Errors
    /// As [`Parser::parse`].
    pub(crate) fn parse_arranged(
        &self,
        bytes: impl Into<Unread>,
        line: u64,
        arrangement: &Arc<Arrangement>,
    ) -> Result<Batch, RaggedError> {
        let skips = Skips::new(self.dialect);
        let skips = arrangement
            .headers
            .iter()
            .fold(skips, |skips, header| skips.with_header(header));
        let bytes = bytes.into();
        let mut batch = self.read(bytes, line, &skips, &arrangement.names, arrangement.cells)?;
        for &cell in &arrangement.nameless {
            reject_nameless(&mut batch, cell, &arrangement.names[cell]);
        }
        batch.arrange(arrangement);
        Ok(batch)
    }

    /// Reads records of `expected` cells, the first of which have these names.
    fn read(
        &self,
        bytes: Unread,
        line: u64,
        skips: &Skips,
        names: &[Arc<str>],
        expected: usize,
    ) -> Result<Batch, RaggedError> {
        let (text, bad) = bytes.decode();
        let width = names.len();
        let mut draft = self.pools.drafts.lease();
        let Draft { rows, cells } = &mut *draft;
        let bare_returns = has_bare_returns(text.as_bytes());
        let mut reader = Reader {
            block: text.as_bytes(),
            skips,
            skipped: Skipped::default(),
            width,
            expected,
            rows,
            cells,
            deferred: Vec::new(),
            ragged: Vec::new(),
            quotes: Vec::new(),
            tame: !bare_returns && is_tame(text.as_bytes(), self.dialect.quoting.quote),
            count: 0,
            surplus: false,
            record_start: 0,
            record_line: 0,
        };
        reader.read(self.dialect);
        let Reader {
            deferred,
            ragged,
            quotes,
            skipped,
            ..
        } = reader;

        let (raw, bad) = bad.unzip();
        let mut batch = self.pools.batch(text, raw, width, &draft);
        batch.skip(skipped);
        let bad = bad.map(|bad| find_bad_text(&batch, &bad));
        let mut scratch = String::new();
        for Deferred { row, column, cell } in deferred {
            unquote(batch.text(cell), self.dialect, &mut scratch);
            batch.set_text(row as usize, column as usize, &scratch, Kind::Text);
        }
        for (row, fault) in quotes {
            self.reject_quote(&mut batch, row, fault, line);
        }
        if bare_returns {
            self.reject_bare_returns(&mut batch, line);
        }
        for ragged in ragged {
            // Where quotes are in the way, nobody can tell how many cells there are.
            if batch.state(ragged.row) == RowState::In {
                self.take_ragged(&mut batch, expected, ragged)?;
            }
        }
        if expected > width {
            let review = Review {
                dialect: self.dialect,
                names,
                pads: self.on_ragged == OnRagged::Pad,
            };
            review.apply(&mut batch);
        }
        // Last, for a row may have other faults beside this one.
        if let Some(bad) = bad {
            reject_bad_text(&mut batch, bad, names);
        }
        Ok(batch)
    }

    fn take_ragged(
        &self,
        batch: &mut Batch,
        expected: usize,
        ragged: RaggedRow,
    ) -> Result<(), RaggedError> {
        let RaggedRow {
            row,
            found,
            surplus,
        } = ragged;
        // What a rejects file adds belongs to its header, too, and whoever puts a row right did not write it.
        let added = match expected.saturating_sub(batch.width()) {
            0 => String::new(),
            added => format!(" ({added} of them are what a rejects file adds)"),
        };
        let wrong = format!("expected {expected} cells as in the header{added}, found {found}");
        let message = match self.on_ragged {
            OnRagged::Pad if !surplus => return Ok(()),
            OnRagged::Pad => format!("{wrong}, and the extra cells are not empty"),
            OnRagged::Reject => wrong,
            OnRagged::Fail => {
                return Err(RaggedError {
                    line: batch.row(row).line,
                    expected,
                    found,
                });
            }
        };
        self.reject_record(batch, row, (RAGGED, message));
        Ok(())
    }

    fn reject_quote(&self, batch: &mut Batch, row: usize, fault: fault::Fault, line: u64) {
        let start = batch.row(row).start as usize;
        let fault = fault::Fault {
            open: fault.open - start,
            at: fault.at - start,
            ..fault
        };
        let why = self.told(batch, row, line).quote(fault);
        self.reject_record(batch, row, why);
    }

    /// Rejects the rows in which a carriage return stands outside quotes: each may end a line.
    #[cold]
    fn reject_bare_returns(&self, batch: &mut Batch, line: u64) {
        for row in 0..batch.len() {
            let found = match batch.state(row) {
                RowState::In => bare_return(batch.raw_record(row), self.dialect),
                _ => None,
            };
            if let Some(at) = found {
                let why = self.told(batch, row, line).carriage_return(at);
                self.reject_record(batch, row, why);
            }
        }
    }

    fn told<'a>(&self, batch: &'a Batch, row: usize, line: u64) -> Told<'a> {
        Told {
            record: batch.raw_record(row),
            line: line + u64::from(batch.row(row).line),
            dialect: self.dialect,
        }
    }

    /// Rejects a record of which no cell can be trusted to stand under its own name: nothing more is said of them.
    fn reject_record(&self, batch: &mut Batch, row: usize, why: (&'static str, String)) {
        let (code, message) = why;
        let fault = Fault {
            row: row as u32,
            stage: PARSE,
            column: Arc::from(""),
            source: None,
            code: Cow::Borrowed(code),
            message: Cow::Owned(message),
        };
        batch.reject(fault, None);
        for column in 0..batch.width() {
            batch.set_cell(row, column, batch.cell(row, column).with_kind(Kind::Faulty));
        }
    }
}

/// Rejects the rows that have a value in a cell which belongs to no column: it would be lost without a word.
fn reject_nameless(batch: &mut Batch, cell: usize, name: &Arc<str>) {
    for row in 0..batch.len() {
        let found = batch.cell(row, cell);
        if found.kind() == Kind::Faulty || is_blank(batch.text(found)) {
            continue;
        }
        let fault = Fault {
            row: row as u32,
            stage: PARSE,
            column: name.clone(),
            source: None,
            code: Cow::Borrowed("nameless"),
            message: Cow::Owned(format!(
                "cell {} has a value, but its column has no name in the header; name the columns with \
                 source.csv.columns, or refer to it in the pipeline as `{name}`, as in `drop: [{name}]`",
                cell + 1
            )),
        };
        batch.reject(fault, None);
    }
}

/// Whether a block has nothing that JSON must escape besides the quotes and line feeds that the reader meets anyway,
/// and carriage returns.
fn is_tame(block: &[u8], quote: Option<u8>) -> bool {
    let found = block.iter().fold(false, |found, &b| {
        found | (b == b'\\') | ((b < 0x20) & (b != b'\n') & (b != b'\r'))
    });
    !found && (quote == Some(b'"') || memchr::memchr(b'"', block).is_none())
}

/// Whether a block has a carriage return that no line feed follows.
fn has_bare_returns(block: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', block).any(|at| block.get(at + 1) != Some(&b'\n'))
}

#[cfg(test)]
mod tests;
