//! Encoding: the rows of a batch that are still in, as the bytes of the upload.

use std::sync::Arc;

use crate::batch::{Batch, Cell, Kind, RowState};
use crate::pool::{Lease, Pool};

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

/// Writes rows as the upload has them: `_action` first, then the columns in order.
#[derive(Debug, Clone)]
pub struct Encoder {
    format: Format,
    action: ActionFrom,
    on_empty: OnEmpty,
    columns: Vec<Column>,
    /// Longest text that stands around the values of one row.
    row_overhead: usize,
    bodies: Pool<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Column {
    slot: usize,
    /// JSON: `,"name":`, escaped.
    member: Vec<u8>,
    name: Arc<str>,
}

/// The encoded rows of one block.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The rows, one after the other, without what opens and closes the body.
    pub bytes: Lease<Vec<u8>>,
    /// Which row of the batch each one is.
    pub rows: Vec<u32>,
    /// Where each one ends in `bytes`.
    pub ends: Vec<u32>,
}

impl Encoded {
    /// Leaves out rows: `drop(i)` says whether the i-th encoded row goes.
    pub fn leave_out(&mut self, mut drop: impl FnMut(usize) -> bool) {
        let Encoded { bytes, rows, ends } = self;
        let (mut from, mut to, mut kept) = (0usize, 0usize, 0usize);
        for row in 0..rows.len() {
            let end = ends[row] as usize;
            if !drop(row) {
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
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(name, slot)| {
                let mut member = vec![b','];
                json_escape_simd::escape_into(&**name, &mut member);
                member.push(b':');
                Column {
                    slot,
                    member,
                    name: name.clone(),
                }
            })
            .collect();
        let row_overhead = columns.iter().map(|c| c.member.len() + 4).sum::<usize>() + 32;
        Encoder {
            format,
            action,
            on_empty,
            columns,
            row_overhead,
            bodies: Pool::default(),
        }
    }

    /// The same encoder, writing into buffers that are used again.
    pub fn with_pool(self, bodies: &Pool<Vec<u8>>) -> Encoder {
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
                let mut out = b"_action".to_vec();
                for column in &self.columns {
                    out.push(b',');
                    push_csv(&column.name, &mut out);
                }
                out.push(b'\n');
                out
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
        for row in rows {
            match self.format {
                Format::Json => self.json_row(batch, &columns, row, &mut out.bytes),
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

    #[inline]
    fn json_row(
        &self,
        batch: &Batch,
        columns: &[(&Column, &[Cell])],
        row: usize,
        out: &mut Vec<u8>,
    ) {
        let action = self.action(batch, row);
        out.extend_from_slice(b",\n{\"_action\":\"");
        out.extend_from_slice(action.as_bytes());
        out.push(b'"');
        for (column, cells) in columns {
            let cell = cells[row];
            if cell.is_empty() {
                if cell.kind() == Kind::Missing || !Self::sends_empty(action) {
                    continue;
                }
                match &self.on_empty {
                    OnEmpty::Omit { .. } => {}
                    OnEmpty::Clear { clear_token } => {
                        out.extend_from_slice(&column.member);
                        json_escape_simd::escape_into(clear_token, out);
                    }
                    OnEmpty::Keep => {
                        out.extend_from_slice(&column.member);
                        out.extend_from_slice(b"\"\"");
                    }
                }
                continue;
            }
            out.extend_from_slice(&column.member);
            let text = batch.text(cell);
            match cell.kind() {
                Kind::Number | Kind::Bool | Kind::Json => out.extend_from_slice(text.as_bytes()),
                _ if cell.is_plain() => {
                    out.push(b'"');
                    out.extend_from_slice(text.as_bytes());
                    out.push(b'"');
                }
                _ => json_escape_simd::escape_into(text, out),
            }
        }
        out.push(b'}');
    }

    #[inline]
    fn csv_row(
        &self,
        batch: &Batch,
        columns: &[(&Column, &[Cell])],
        row: usize,
        out: &mut Vec<u8>,
    ) {
        let action = self.action(batch, row);
        out.extend_from_slice(action.as_bytes());
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

/// A CSV cell, quoted where it must be.
fn push_csv(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if memchr::memchr3(b'"', b',', b'\n', bytes).is_none() && memchr::memchr(b'\r', bytes).is_none()
    {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    let mut from = 0;
    for at in memchr::memchr_iter(b'"', bytes) {
        out.extend_from_slice(&bytes[from..=at]);
        out.push(b'"');
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
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
        let mut encoded = Encoded {
            bytes: b"aabbbc".to_vec().into(),
            rows: vec![0, 2, 5],
            ends: vec![2, 5, 6],
        };
        encoded.leave_out(|row| row == 1);
        assert_eq!(
            (&encoded.bytes[..], encoded.rows, encoded.ends),
            (&b"aac"[..], vec![0, 5], vec![2, 3])
        );
    }
}
