//! Encoding: the rows of a batch that are still in, as the bytes of the upload.

use std::sync::Arc;

use super::written::{Label, Written};
use crate::batch::pool::{Lease, Pool};
use crate::batch::{Batch, Cell, Kind, RowState};

/// Formats of the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON array of objects.
    Json,
    /// Comma-separated with a header.
    Csv,
}

/// Where a row's action comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionFrom {
    /// The same for every row.
    Constant(&'static str),
    /// The text of a column.
    Column(usize),
}

/// What an empty cell sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnEmpty {
    /// Nothing; in CSV, where a cell can't be left out, the no-change token if there is one.
    Omit {
        /// The server's token for "no change".
        noop_token: Option<String>,
    },
    /// The server's token for "clear the value".
    Clear {
        /// That token.
        clear_token: String,
    },
    /// Empty text.
    Keep,
}

/// What stands before the action of a row in JSON. In the first row the comma becomes a bracket.
const OPENING: &[u8] = b",\n{\"_action\":\"";

/// Writes rows as the upload has them: `_action` first, then the columns in order.
#[derive(Debug, Clone)]
pub struct Encoder {
    format: Format,
    action: ActionFrom,
    on_empty: OnEmpty,
    columns: Vec<Column>,
    /// JSON: what stands before the action.
    opening: Label,
    /// Longest text that stands around the values of one row.
    row_overhead: usize,
    bodies: Pool<Written>,
}

#[derive(Debug, Clone)]
struct Column {
    slot: usize,
    /// JSON: `,"name":`, escaped.
    member: Label,
    /// JSON: the same, and the quote that opens a text.
    text_member: Label,
    name: Arc<str>,
}

/// The encoded rows of one block.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The rows, one after the other, without what opens and closes the body.
    pub bytes: Lease<Written>,
    /// Which row of the batch each one is.
    pub rows: Vec<u32>,
    /// Where each one ends in `bytes`.
    pub ends: Vec<u32>,
}

impl Encoded {
    /// Leaves out rows of the batch: `drop` is asked of every encoded one, in order.
    pub fn leave_out(&mut self, mut drop: impl FnMut(u32) -> bool) {
        let Encoded { bytes, rows, ends } = self;
        let (mut from, mut to, mut kept) = (0usize, 0usize, 0usize);
        for row in 0..rows.len() {
            let end = ends[row] as usize;
            if !drop(rows[row]) {
                bytes.copy_within(from..end, to);
                to += end - from;
                rows[kept] = rows[row];
                ends[kept] = to as u32;
                kept += 1;
            }
            from = end;
        }
        bytes.truncate(to);
        rows.truncate(kept);
        ends.truncate(kept);
    }
}

impl Encoder {
    /// An encoder for the columns named, each with its place in the batch.
    pub fn new<'a>(
        format: Format,
        action: ActionFrom,
        on_empty: OnEmpty,
        columns: impl IntoIterator<Item = (&'a Arc<str>, usize)>,
    ) -> Encoder {
        let mut row_overhead = OPENING.len() + 32;
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(name, slot)| {
                let mut member = vec![b','];
                json_escape_simd::escape_into(&**name, &mut member);
                member.push(b':');
                row_overhead += member.len() + 4;
                Column {
                    slot,
                    member: Label::new(&member),
                    text_member: Label::new(&[&member[..], b"\""].concat()),
                    name: name.clone(),
                }
            })
            .collect();
        Encoder {
            format,
            action,
            on_empty,
            columns,
            opening: Label::new(OPENING),
            row_overhead,
            bodies: Pool::default(),
        }
    }

    /// The same encoder, writing into buffers that are used again.
    pub fn with_pool(self, bodies: &Pool<Written>) -> Encoder {
        Encoder {
            bodies: bodies.clone(),
            ..self
        }
    }

    /// What stands before the first row. For JSON nothing: the first row's separator becomes the array's
    /// bracket, see [`Encoder::open_first`].
    pub fn header(&self) -> Vec<u8> {
        match self.format {
            Format::Json => Vec::new(),
            Format::Csv => {
                let mut out = Written::default();
                out.extend(b"_action");
                for column in &self.columns {
                    out.push(b',');
                    push_csv(&column.name, &mut out);
                }
                out.push(b'\n');
                out.to_vec()
            }
        }
    }

    /// Turns the separator of the body's very first row into the array's opening bracket.
    pub fn open_first(&self, bytes: &mut [u8]) {
        if let (Format::Json, Some(first)) = (self.format, bytes.first_mut()) {
            *first = b'[';
        }
    }

    /// What stands after the last row; `any` says whether there was one.
    pub fn footer(&self, any: bool) -> &'static [u8] {
        match (self.format, any) {
            (Format::Json, true) => b"\n]\n",
            (Format::Json, false) => b"[]\n",
            (Format::Csv, _) => b"",
        }
    }

    /// Encodes the rows that are still in.
    pub fn encode(&self, batch: &Batch) -> Encoded {
        let rows = (0..batch.len()).filter(|&row| batch.state(row) == RowState::In);
        let mut out = Encoded {
            bytes: self.bodies.lease(),
            ..Encoded::default()
        };
        out.bytes
            .reserve(batch.text_len() + batch.len() * self.row_overhead);
        out.rows.reserve(batch.len());
        out.ends.reserve(batch.len());
        let columns: Vec<(&Column, &[Cell])> = self
            .columns
            .iter()
            .map(|c| (c, batch.column(c.slot)))
            .collect();
        let mut scratch = Vec::new();
        for row in rows {
            match self.format {
                Format::Json => out
                    .bytes
                    .append(|out, at| self.json_row(batch, &columns, row, (out, at), &mut scratch)),
                Format::Csv => self.csv_row(batch, &columns, row, &mut out.bytes),
            }
            out.rows.push(row as u32);
            out.ends.push(out.bytes.len() as u32);
        }
        out
    }

    #[inline]
    fn action<'b>(&self, batch: &'b Batch, row: usize) -> &'b str
    where
        'static: 'b,
    {
        match self.action {
            ActionFrom::Constant(action) => action,
            ActionFrom::Column(slot) => batch.get(row, slot),
        }
    }

    /// A deletion sends what identifies its item; tokens for empty cells would say more than is meant.
    #[inline]
    fn sends_empty(action: &str) -> bool {
        !matches!(action, "delete" | "noop")
    }

    /// Puts a row at a place and returns the place behind it. `scratch` is a buffer to use.
    #[inline(always)]
    fn json_row(
        &self,
        batch: &Batch,
        columns: &[(&Column, &[Cell])],
        row: usize,
        (out, mut at): (&mut Written, usize),
        scratch: &mut Vec<u8>,
    ) -> usize {
        let action = self.action(batch, row);
        at = out.put_label(at, &self.opening);
        at = out.put(at, action.as_bytes());
        at = out.put_byte(at, b'"');
        let text = batch.bytes();
        for (column, cells) in columns {
            let cell = cells[row];
            if cell.is_empty() {
                if let Some(token) = self.json_empty(cell, action) {
                    at = out.put_label(at, &column.member);
                    at = escape(token, (out, at), scratch);
                }
            } else if cell.is_plain_text() {
                at = out.put_label(at, &column.text_member);
                at = out.put_part(at, text, cell.span().start, cell.len());
                at = out.put_byte(at, b'"');
            } else if matches!(cell.kind(), Kind::Number | Kind::Bool | Kind::Json) {
                at = out.put_label(at, &column.member);
                at = out.put_part(at, text, cell.span().start, cell.len());
            } else {
                at = out.put_label(at, &column.member);
                at = escape(batch.text(cell), (out, at), scratch);
            }
        }
        out.put_byte(at, b'}')
    }

    /// What an empty cell sends, if anything.
    #[inline]
    fn json_empty(&self, cell: Cell, action: &str) -> Option<&str> {
        match &self.on_empty {
            OnEmpty::Omit { .. } => None,
            _ if cell.kind() == Kind::Missing || !Self::sends_empty(action) => None,
            OnEmpty::Clear { clear_token } => Some(clear_token),
            OnEmpty::Keep => Some(""),
        }
    }

    #[inline]
    fn csv_row(
        &self,
        batch: &Batch,
        columns: &[(&Column, &[Cell])],
        row: usize,
        out: &mut Written,
    ) {
        let action = self.action(batch, row);
        out.extend(action.as_bytes());
        for (_, cells) in columns {
            out.push(b',');
            let cell = cells[row];
            if !cell.is_empty() {
                push_csv(batch.text(cell), out);
                continue;
            }
            match &self.on_empty {
                _ if !Self::sends_empty(action) => {}
                OnEmpty::Clear { clear_token } if cell.kind() != Kind::Missing => {
                    push_csv(clear_token, out)
                }
                OnEmpty::Omit {
                    noop_token: Some(token),
                } => push_csv(token, out),
                _ => {}
            }
        }
        out.push(b'\n');
    }
}

/// Puts a JSON string at a place and returns the place behind it.
#[inline(never)]
fn escape(text: &str, (out, at): (&mut Written, usize), scratch: &mut Vec<u8>) -> usize {
    scratch.clear();
    json_escape_simd::escape_into(text, scratch);
    out.put(at, scratch)
}

/// A CSV cell, quoted where it must be.
fn push_csv(text: &str, out: &mut Written) {
    let bytes = text.as_bytes();
    if memchr::memchr3(b'"', b',', b'\n', bytes).is_none() && memchr::memchr(b'\r', bytes).is_none()
    {
        out.extend(bytes);
        return;
    }
    out.push(b'"');
    let mut from = 0;
    for at in memchr::memchr_iter(b'"', bytes) {
        out.extend(&bytes[from..=at]);
        out.push(b'"');
        from = at + 1;
    }
    out.extend(&bytes[from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Columns, Row};

    fn batch(cells: &[&[(&str, Kind)]]) -> Batch {
        let mut batch = Batch::new(String::new(), cells[0].len());
        for _ in cells {
            batch.push_row(Row {
                line: 0,
                start: 0,
                end: 0,
            });
        }
        for column in 0..cells[0].len() {
            let cells = cells
                .iter()
                .map(|row| batch.append(row[column].0, row[column].1))
                .collect();
            batch.put_column(column, cells);
        }
        batch
    }

    #[track_caller]
    fn check(format: Format, on_empty: OnEmpty, expected: &str) {
        let batch = batch(&[
            &[
                ("create", Kind::Text),
                ("0\"1\n", Kind::Text),
                ("1.50", Kind::Number),
            ],
            &[("update", Kind::Text), ("", Kind::Text), ("", Kind::Null)],
            &[("delete", Kind::Text), ("7", Kind::Text), ("", Kind::Text)],
            &[
                ("update", Kind::Text),
                ("a,b", Kind::Text),
                ("", Kind::Missing),
            ],
        ]);
        let columns = Columns::from_header(["_action", "id", "pay"]);
        let encoder = Encoder::new(
            format,
            ActionFrom::Column(0),
            on_empty,
            columns.iter().skip(1),
        );
        let mut encoded = encoder.encode(&batch);
        encoder.open_first(&mut encoded.bytes);
        let mut all = encoder.header();
        all.extend_from_slice(&encoded.bytes);
        all.extend(encoder.footer(true));
        assert_eq!(String::from_utf8(all).unwrap(), expected);
    }

    #[test]
    fn json() {
        check(
            Format::Json,
            OnEmpty::Omit { noop_token: None },
            "[\n{\"_action\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"_action\":\"update\"},\n{\"_action\":\"delete\",\"id\":\"7\"},\n{\"_action\":\"update\",\"id\":\"a,b\"}\n]\n",
        );
        check(
            Format::Json,
            OnEmpty::Clear {
                clear_token: "#c".into(),
            },
            "[\n{\"_action\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"_action\":\"update\",\"id\":\"#c\",\"pay\":\"#c\"},\n{\"_action\":\"delete\",\"id\":\"7\"},\n{\"_action\":\"update\",\"id\":\"a,b\"}\n]\n",
        );
    }

    #[test]
    fn csv() {
        check(
            Format::Csv,
            OnEmpty::Omit {
                noop_token: Some("-".into()),
            },
            "_action,id,pay\ncreate,\"0\"\"1\n\",1.50\nupdate,-,-\ndelete,7,\nupdate,\"a,b\",-\n",
        );
        check(
            Format::Csv,
            OnEmpty::Keep,
            "_action,id,pay\ncreate,\"0\"\"1\n\",1.50\nupdate,,\ndelete,7,\nupdate,\"a,b\",\n",
        );
    }

    #[test]
    fn rows_can_be_left_out() {
        let mut bytes = Written::default();
        bytes.extend(b"aabbbc");
        let mut encoded = Encoded {
            bytes: bytes.into(),
            rows: vec![0, 2, 5],
            ends: vec![2, 5, 6],
        };
        encoded.leave_out(|row| row == 2);
        assert_eq!(
            (&encoded.bytes[..], encoded.rows, encoded.ends),
            (&b"aac"[..], vec![0, 5], vec![2, 3])
        );
    }
}
