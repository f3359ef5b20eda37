//! Formats: parse a block into a [`Batch`], and encode a batch into bytes, mirror images of each other.

pub(crate) mod added;
pub(crate) mod beginning;
pub(crate) mod block;
pub(crate) mod closing;
pub(crate) mod csv;
pub(crate) mod cut;
pub(crate) mod encode;
pub(crate) mod header;
pub(crate) mod json;
mod parser;
pub(crate) mod rows;
#[cfg(feature = "xlsx")]
pub(crate) mod sheet;
pub(crate) mod unread;

pub use header::{Header, Reading, RecordFormat};
pub(crate) use parser::Parser;

use std::borrow::Cow;
use std::sync::Arc;

use crate::batch::pool::{Pool, Reuse};
use crate::batch::{Batch, Cell, Fault, Kind, Row, Tables};
use crate::settings::units::Size;
use crate::text::charset;
use crate::text::written::Written;

/// A block's buffer has room for its text and a third as much again, so that it is not moved while stages
/// write what they change behind it.
pub(crate) const ROOM_FOR_STAGES: usize = 3;

/// The step's name in rejects.
pub(crate) const PARSE: &str = "parse";

/// The bytes of a block that is not UTF-8, and the offsets of those that are not, in order.
type BadText = (Vec<u8>, Vec<usize>);

/// The block's bytes as text. Where they are not UTF-8, every offending byte is replaced by `?`, so that
/// all offsets stay as they are, and the bytes as they were come along.
fn decode(mut bytes: Vec<u8>) -> (String, Option<BadText>) {
    bytes.reserve(bytes.len() / ROOM_FOR_STAGES);
    let error = match String::from_utf8(bytes) {
        Ok(text) => return (text, None),
        Err(error) => error,
    };
    let raw = error.into_bytes();
    let mut patched = raw.clone();
    let mut bad = Vec::new();
    let mut from = 0;
    while let Err(error) = std::str::from_utf8(&raw[from..]) {
        let at = from + error.valid_up_to();
        let len = error.error_len().unwrap_or(raw.len() - at);
        patched[at..at + len].fill(b'?');
        bad.extend(at..at + len);
        from = at + len;
    }
    let text = String::from_utf8(patched).unwrap_or_default();
    (text, Some((raw, bad)))
}

/// The first byte of a record that is not UTF-8.
struct BadByte {
    row: usize,
    /// The column that it stands in, unless it stands between cells.
    column: Option<usize>,
    /// Its place in the record, from 0.
    offset: usize,
}

/// Finds the rows of a batch in which a byte is not UTF-8; `bad` are the bytes' offsets, in order. To be asked before
/// any cell is unescaped, for those lie elsewhere afterwards.
fn find_bad_text(batch: &Batch, bad: &[usize]) -> Vec<BadByte> {
    let mut found: Vec<BadByte> = Vec::new();
    let mut row = 0;
    for &at in bad {
        while row < batch.len() && (batch.row(row).end as usize) <= at {
            row += 1;
        }
        if row == batch.len() {
            break;
        }
        let start = batch.row(row).start as usize;
        if start > at || found.last().is_some_and(|last| last.row == row) {
            continue;
        }
        found.push(BadByte {
            row,
            column: (0..batch.width()).find(|&c| batch.cell(row, c).span().contains(&at)),
            offset: at - start,
        });
    }
    found
}

/// Rejects the rows in which a byte is not UTF-8.
fn reject_bad_text(batch: &mut Batch, found: Vec<BadByte>, names: &[Arc<str>]) {
    let advice = of_another_encoding(batch, &found);
    for BadByte {
        row,
        column,
        offset,
    } in found
    {
        let fault = Fault {
            row: row as u32,
            stage: PARSE,
            column: column.map_or_else(|| Arc::from(""), |c| names[c].clone()),
            source: None,
            code: Cow::Borrowed(added::NOT_UTF8),
            message: Cow::Owned(format!(
                "byte {} of the record is not UTF-8{advice}",
                offset + 1
            )),
        };
        batch.reject(fault, column);
    }
}

/// What to do about records that are not UTF-8. Another encoding would spoil those that are and have more than ASCII: one
/// is proposed only where they are fewer.
fn of_another_encoding(batch: &Batch, found: &[BadByte]) -> String {
    let is_utf8 = |row: usize| {
        let record = batch.raw_record(row);
        !record.is_ascii() && std::str::from_utf8(record).is_ok()
    };
    let others = (0..batch.len()).filter(|&row| is_utf8(row)).count();
    if others > found.len() {
        return ", though other records are: it is damaged, or comes from elsewhere".to_owned();
    }
    let mut sample = Vec::new();
    for bad in found.iter().take(SAMPLED) {
        sample.extend_from_slice(batch.raw_record(bad.row));
        sample.push(b'\n');
    }
    format!(
        "; if the file has another encoding, set source.encoding{}",
        charset::proposal(&sample)
    )
}

/// Records by which an encoding is guessed, at most.
const SAMPLED: usize = 200;

/// Rejects the rows of a batch that have a cell of more than `limit` bytes. `names` are the columns'. A block that is
/// no longer itself, as nearly all are, has none, and is not searched.
pub(crate) fn reject_long_cells(batch: &mut Batch, limit: usize, names: &[Arc<str>]) {
    if batch.text_len() <= limit {
        return;
    }
    for row in 0..batch.len() {
        // A cell is no longer than it was written.
        let Row { start, end, .. } = batch.row(row);
        if (end - start) as usize <= limit {
            continue;
        }
        for (column, name) in names.iter().enumerate() {
            let cell = batch.cell(row, column);
            if cell.len() <= limit || cell.kind() == Kind::Faulty {
                continue;
            }
            let fault = Fault {
                row: row as u32,
                stage: PARSE,
                column: name.clone(),
                source: None,
                code: Cow::Borrowed("too_long"),
                message: Cow::Owned(format!(
                    "the cell has {} bytes, and limits.cell is {}; is a quote not closed?",
                    cell.len(),
                    Size(limit as u64)
                )),
            };
            batch.reject(fault, Some(column));
        }
    }
}

/// Buffers that parsers and encoders use again.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    /// Text of blocks.
    pub texts: Pool<Vec<u8>>,
    /// Encoded rows.
    pub bodies: Pool<Written>,
    tables: Pool<Tables>,
    drafts: Pool<Draft>,
}

/// What a parser has read of a block so far: cells row by row, to be turned into columns at its end.
#[derive(Debug, Default)]
struct Draft {
    rows: Vec<Row>,
    cells: Vec<Cell>,
}

impl Reuse for Draft {
    fn clear(&mut self) {
        self.rows.clear();
        self.cells.clear();
    }

    fn room(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.cells.capacity() * size_of::<Cell>()
    }
}

impl Pools {
    /// A batch over a block's text with what was read of it.
    fn batch(&self, text: String, raw: Option<Vec<u8>>, width: usize, draft: &Draft) -> Batch {
        let mut batch = Batch::over(text, raw, width, self.tables.lease());
        batch.return_text_to(&self.texts);
        batch.fill(&draft.rows, &draft.cells);
        batch
    }
}

/// A cell that can't be a span of the block, because its text has to be unescaped first.
struct Deferred {
    row: u32,
    column: u32,
    cell: Cell,
}

impl Deferred {
    fn new(row: usize, column: usize, cell: Cell) -> Deferred {
        Deferred {
            row: row as u32,
            column: column as u32,
            cell: cell.with_kind(Kind::Text),
        }
    }
}
