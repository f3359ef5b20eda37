//! CSV: a block of whole records into a batch.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::fed_back::Review;
use super::record::{Cells, Quotes, Span, unquote};
use super::skip::{Skip, Skips};
use crate::batch::{Arrangement, Batch, Cell, Fault, Kind, Row, Skipped};
use crate::format::added::RAGGED;
use crate::format::{Deferred, Draft, PARSE, Pools, decode, find_bad_text, reject_bad_text};
use crate::text::scan::Dialect;

/// What to do with a record of too many or too few cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRagged {
    /// Reject the row.
    Reject,
    /// Take what is missing for empty; reject a record of too many.
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
    /// Rows of another number of cells, and that number.
    ragged: Vec<(usize, usize)>,
    /// No cell of the block has anything that JSON must escape but quotes and line feeds.
    tame: bool,
    /// Cells of the record so far.
    count: usize,
    record_start: usize,
    record_line: u32,
}

impl Reader<'_> {
    fn read(&mut self, dialect: Dialect) {
        let mut cells = Cells::of_text(self.block, dialect);
        self.begin_record(&mut cells);
        while let Some(cell) = cells.next() {
            if cell.last {
                self.end_record(cell);
                self.begin_record(&mut cells);
            } else {
                self.take(cell);
            }
        }
    }

    #[inline(always)]
    fn begin_record(&mut self, cells: &mut Cells<'_>) {
        self.skipped.lines += cells.pass_remarks();
        self.record_start = cells.at();
        self.record_line = cells.line();
    }

    #[inline(always)]
    fn take(&mut self, cell: Span) {
        let Span { start, end, .. } = cell;
        if self.count < self.width {
            let plain = self.tame && !cell.special;
            let cell = match cell.quotes {
                Quotes::Closed(close) if close + 1 >= end && !cell.escaped => {
                    Cell::new(start + 1, close - start - 1, Kind::Text).plain_if(plain)
                }
                Quotes::Closed(_) => {
                    let cell = Cell::new(start, end - start, Kind::Text);
                    self.deferred
                        .push(Deferred::new(self.rows.len(), self.count, cell));
                    cell
                }
                _ => Cell::new(start, end - start, Kind::Text).plain_if(plain),
            };
            self.cells.push(cell);
        }
        self.count += 1;
    }

    /// Passes over the record whose last cell has not been taken yet, where it is none.
    #[inline(never)]
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
            self.ragged.push((self.rows.len(), self.count));
            self.cells.resize(
                (self.rows.len() + 1) * self.width,
                Cell::new(end, 0, Kind::Text),
            );
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

    /// The same parser, which passes over records that repeat this header, as it is written.
    pub fn with_header(self, header: &str) -> Parser {
        Parser {
            skips: Arc::new(Skips::new(self.dialect).with_header(header)),
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

    /// Parses a block.
    ///
    /// # Errors
    /// A ragged record, where the pipeline says that it ends the run.
    pub fn parse(&self, bytes: Vec<u8>) -> Result<Batch, RaggedError> {
        self.read(bytes, &self.skips, &self.names, self.cells)
    }

    /// Parses a block of a file whose cells stand in another order, or have no names.
    ///
    /// # Errors
    /// As [`Parser::parse`].
    pub(crate) fn parse_arranged(
        &self,
        bytes: Vec<u8>,
        arrangement: &Arc<Arrangement>,
    ) -> Result<Batch, RaggedError> {
        let skips = Skips::new(self.dialect);
        let skips = arrangement
            .headers
            .iter()
            .fold(skips, |skips, header| skips.with_header(header));
        let mut batch = self.read(bytes, &skips, &arrangement.names, arrangement.cells)?;
        for &cell in &arrangement.nameless {
            reject_nameless(&mut batch, cell, &arrangement.names[cell]);
        }
        batch.arrange(arrangement);
        Ok(batch)
    }

    /// Reads records of `expected` cells, the first of which have these names.
    fn read(
        &self,
        bytes: Vec<u8>,
        skips: &Skips,
        names: &[Arc<str>],
        expected: usize,
    ) -> Result<Batch, RaggedError> {
        let (text, bad) = decode(bytes);
        let width = names.len();
        let mut draft = self.pools.drafts.lease();
        let Draft { rows, cells } = &mut *draft;
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
            tame: is_tame(text.as_bytes(), self.dialect.quote),
            count: 0,
            record_start: 0,
            record_line: 0,
        };
        reader.read(self.dialect);
        let Reader {
            deferred,
            ragged,
            skipped,
            ..
        } = reader;

        let (raw, bad) = bad.unzip();
        let mut batch = self.pools.batch(text, raw, width, &draft);
        batch.skip(skipped);
        let bad = bad.map(|bad| find_bad_text(&batch, &bad));
        let mut scratch = String::new();
        for Deferred { row, column, cell } in deferred {
            unquote(batch.text(cell), self.dialect.quote, &mut scratch);
            batch.set_text(row as usize, column as usize, &scratch, Kind::Text);
        }
        for (row, found) in ragged {
            self.take_ragged(&mut batch, row, (expected, found))?;
        }
        if let Some(bad) = bad {
            reject_bad_text(&mut batch, bad, names);
        }
        if expected > width {
            let review = Review {
                dialect: self.dialect,
                names,
                pads: self.on_ragged == OnRagged::Pad,
            };
            review.apply(&mut batch);
        }
        Ok(batch)
    }

    fn take_ragged(
        &self,
        batch: &mut Batch,
        row: usize,
        (expected, found): (usize, usize),
    ) -> Result<(), RaggedError> {
        match self.on_ragged {
            OnRagged::Pad if found < expected => Ok(()),
            OnRagged::Fail => Err(RaggedError {
                line: batch.row(row).line,
                expected,
                found,
            }),
            _ => {
                let fault = Fault {
                    row: row as u32,
                    stage: PARSE,
                    column: Arc::from(""),
                    source: None,
                    code: Cow::Borrowed(RAGGED),
                    message: Cow::Owned(format!(
                        "expected {expected} cells as in the header, found {found}"
                    )),
                };
                // No cell can be trusted to stand under its own name: nothing more is said of them.
                batch.reject(fault, None);
                for column in 0..batch.width() {
                    batch.set_cell(row, column, batch.cell(row, column).with_kind(Kind::Faulty));
                }
                Ok(())
            }
        }
    }
}

/// Rejects the rows that have a value in a cell which belongs to no column: it would be lost without a word.
fn reject_nameless(batch: &mut Batch, cell: usize, name: &Arc<str>) {
    for row in 0..batch.len() {
        let found = batch.cell(row, cell);
        if found.kind() == Kind::Faulty || batch.text(found).trim().is_empty() {
            continue;
        }
        let fault = Fault {
            row: row as u32,
            stage: PARSE,
            column: name.clone(),
            source: None,
            code: Cow::Borrowed("nameless"),
            message: Cow::Owned(format!(
                "cell {} has a value, and its column has no name in the header; name the columns by \
                 source.csv.columns, or let the pipeline name `{name}`, as in `drop: [{name}]`",
                cell + 1
            )),
        };
        batch.reject(fault, None);
    }
}

/// Whether a block has nothing that JSON must escape besides the quotes and line feeds that the reader meets
/// anyway.
fn is_tame(block: &[u8], quote: u8) -> bool {
    let found = block.iter().fold(false, |found, &b| {
        found | (b == b'\\') | ((b < 0x20) & (b != b'\n') & (b != b'\r'))
    });
    let lone = |at: usize| block.get(at + 1) != Some(&b'\n');
    !found
        && !memchr::memchr_iter(b'\r', block).any(lone)
        && (quote == b'"' || memchr::memchr(b'"', block).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RowState;

    fn parser(width: usize, on_ragged: OnRagged) -> Parser {
        let names: Vec<Arc<str>> = (0..width).map(|i| Arc::from(format!("c{i}"))).collect();
        Parser::new(Dialect::default(), names.into(), width, on_ragged)
    }

    #[track_caller]
    fn check(block: &str, expected: &[(u32, &[&str])]) {
        let batch = parser(2, OnRagged::Reject)
            .parse(block.as_bytes().to_vec())
            .unwrap();
        let found: Vec<(u32, Vec<&str>)> = (0..batch.len())
            .map(|r| (batch.row(r).line, (0..2).map(|c| batch.get(r, c)).collect()))
            .collect();
        let expected: Vec<(u32, Vec<&str>)> =
            expected.iter().map(|(l, c)| (*l, c.to_vec())).collect();
        assert_eq!(found, expected, "{block:?}");
    }

    #[test]
    fn reads_cells_and_lines() {
        check("a,b\nc,d\n", &[(0, &["a", "b"]), (1, &["c", "d"])]);
        check("a,b\r\n\r\n\nc,d", &[(0, &["a", "b"]), (3, &["c", "d"])]);
        check(
            "\"a\nx\",b\r\nc,\"d\"\r\n",
            &[(0, &["a\nx", "b"]), (2, &["c", "d"])],
        );
        check("\"a\"\"b\",\"\"\n", &[(0, &["a\"b", ""])]);
        check("5\" pipe,\"x\"y\"z\n", &[(0, &["5\" pipe", "xy\"z"])]);
        check("b,\n\"\",\"\"\"\"\n", &[(0, &["b", ""]), (1, &["", "\""])]);
        check("Zoë,\"Łukasz, jr\"\n", &[(0, &["Zoë", "Łukasz, jr"])]);
        check("a,\"b\r\"\r\n", &[(0, &["a", "b\r"])]);
    }

    #[test]
    fn ragged_records_follow_the_policy() {
        let rejected = parser(2, OnRagged::Reject)
            .parse(b"a\nb,c\nd,e,f\n".to_vec())
            .unwrap();
        let states: Vec<_> = (0..3).map(|r| rejected.state(r)).collect();
        assert_eq!(
            states,
            [RowState::Rejected, RowState::In, RowState::Rejected]
        );
        assert_eq!(
            rejected.faults()[1].message,
            "expected 2 cells as in the header, found 3"
        );
        assert_eq!(rejected.raw_record(2), b"d,e,f");

        let padded = parser(2, OnRagged::Pad).parse(b"a\n".to_vec()).unwrap();
        assert_eq!(
            (padded.state(0), padded.get(0, 0), padded.get(0, 1)),
            (RowState::In, "a", "")
        );

        let failed = parser(2, OnRagged::Fail).parse(b"a,b\n\nc\n".to_vec());
        assert_eq!(
            failed.err(),
            Some(RaggedError {
                line: 2,
                expected: 2,
                found: 1
            })
        );
    }

    #[test]
    fn bad_utf8_rejects_its_row_and_keeps_the_bytes() {
        let batch = parser(2, OnRagged::Reject)
            .parse(b"a,b\nc,M\xfcller\ne,f\n".to_vec())
            .unwrap();
        let states: Vec<_> = (0..3).map(|r| batch.state(r)).collect();
        assert_eq!(states, [RowState::In, RowState::Rejected, RowState::In]);
        assert_eq!(batch.raw_record(1), b"c,M\xfcller");
        assert_eq!(&*batch.faults()[0].column, "c1");
        assert!(
            batch.faults()[0]
                .message
                .starts_with("byte 4 of the record is not UTF-8")
        );
        // A cell with doubled quotes is unescaped elsewhere, and yet the column is known.
        let batch = parser(2, OnRagged::Reject)
            .parse(b"a,\"M\xfcller \"\"Mo\"\"\"\n".to_vec())
            .unwrap();
        assert_eq!(&*batch.faults()[0].column, "c1");
        assert_eq!(batch.cell(0, 1).kind(), Kind::Faulty);
    }

    #[test]
    fn a_plain_cell_has_nothing_to_escape() {
        let check = |quote: u8, block: &str| {
            let names: Vec<Arc<str>> = vec!["a".into(), "b".into()];
            let dialect = Dialect {
                quote,
                ..Dialect::default()
            };
            let parser = Parser::new(dialect, names.into(), 2, OnRagged::Pad);
            let batch = parser.parse(block.as_bytes().to_vec()).unwrap();
            (0..batch.len())
                .flat_map(|row| [batch.cell(row, 0), batch.cell(row, 1)])
                .map(|cell| {
                    let plain = crate::text::scan::is_plain(batch.text(cell).as_bytes());
                    assert!(plain || !cell.is_plain(), "{block:?}");
                    cell.is_plain()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            check(b'"', "a,\"b,c\"\r\n\"d\ne\",f\"g\r\n"),
            [true, true, false, false]
        );
        assert_eq!(check(b'"', "\"a\"\"b\",\"c\"\n"), [false, true]);
        assert_eq!(check(b'"', "a\\b,c\n"), [false, false]);
        assert_eq!(check(b'"', "a\rb,c\n"), [false, false]);
        assert_eq!(check(b'\'', "'a',\"c\"\n"), [false, false]);
        assert_eq!(check(b'"', "\"a\"x\"y,c\n"), [false, true]);
    }
}
