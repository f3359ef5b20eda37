//! Encoding: the rows of a batch that are still in, as the bytes of the upload.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::csv;
use crate::batch::pool::{Lease, Pool};
use crate::batch::{Batch, Cell, Kind, RowState};
use crate::delta::judged::{Choice, Choices};
use crate::text::scan::Dialect;
use crate::text::unseen::has_low_control;
use crate::text::written::{Label, Written};

/// Formats of the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON array of objects.
    Json,
    /// Comma-separated with a header.
    Csv,
}

/// The member that stands first in every row. Its values are written as they are: whoever names it sees to it that
/// none needs an escape.
#[derive(Debug, Clone, Copy)]
pub struct Lead {
    pub name: &'static str,
    /// Where its value comes from.
    pub value: LeadValue,
    /// Rows with one of these values send nothing for empty cells.
    pub bare: &'static [&'static str],
}

/// Where a row's first value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadValue {
    /// The same for every row.
    Constant(&'static str),
    /// The text of a column.
    Column(usize),
}

/// What the empty cells of a column send. Where that is nothing, JSON leaves the member out and CSV has an empty
/// cell.
#[derive(Debug, Clone, Default)]
pub struct Empties {
    /// A cell that is empty, or null.
    pub empty: Option<Arc<str>>,
    /// JSON: null sends null, whatever else is empty.
    pub keep_null: bool,
    /// A member that was not there.
    pub missing: Option<Arc<str>>,
}

/// Writes rows as the upload has them: the lead first, then the columns in order.
#[derive(Debug, Clone)]
pub struct Encoder {
    format: Format,
    lead: Lead,
    columns: Vec<Column>,
    /// JSON: what stands before the lead's value.
    opening: Label,
    bodies: Pool<Written>,
    /// JSON: rows are measured and not written.
    measures: bool,
}

#[derive(Debug, Clone)]
struct Column {
    slot: usize,
    /// JSON: `,"name":`, escaped.
    member: Label,
    /// JSON: the same, and the quote that opens a text.
    text_member: Label,
    name: Arc<str>,
    empties: Empties,
}

/// The encoded rows of one block.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The rows, one after the other, without what opens and closes the body; nothing where they were only measured.
    pub bytes: Lease<Written>,
    /// Which row of the batch each one is.
    pub rows: Vec<u32>,
    /// Where each one ends in `bytes`, or would.
    pub ends: Vec<u32>,
    /// A control character of ASCII is among what was written. Only cells that are not known to be plain are looked at.
    pub controls: bool,
}

impl Encoded {
    /// Bytes of all rows.
    pub fn len(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    /// Whether there are rows that were not written, only measured.
    fn is_measured(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Leaves out rows of the batch: `drop` is asked of every encoded one, in order.
    pub fn leave_out(&mut self, mut drop: impl FnMut(u32) -> bool) {
        let measured = self.is_measured();
        let Encoded {
            bytes, rows, ends, ..
        } = self;
        let (mut from, mut to, mut kept) = (0usize, 0usize, 0usize);
        for row in 0..rows.len() {
            let end = ends[row] as usize;
            if !drop(rows[row]) {
                if !measured {
                    bytes.copy_within(from..end, to);
                }
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

    /// Puts the rows of `others` in their places, by their numbers.
    pub fn take_in(&mut self, others: &Encoded) {
        let mut all = Encoded::default();
        let (mut own, mut other) = (self.each().peekable(), others.each().peekable());
        loop {
            let next = match (own.peek(), other.peek()) {
                (Some(a), Some(b)) if a.0 < b.0 => own.next(),
                (_, Some(_)) => other.next(),
                _ => own.next(),
            };
            let Some((row, len, bytes)) = next else {
                break;
            };
            all.bytes.extend(bytes);
            all.rows.push(row);
            all.ends.push((all.len() + len) as u32);
        }
        all.controls = self.controls;
        drop((own, other));
        *self = all;
    }

    /// Each row's number, length and bytes; no bytes where rows were only measured.
    fn each(&self) -> impl Iterator<Item = (u32, usize, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let rows = self.rows.iter().zip(starts.zip(&self.ends));
        rows.map(|(&row, (start, &end))| {
            let (start, end) = (start as usize, end as usize);
            (
                row,
                end - start,
                self.bytes.get(start..end).unwrap_or_default(),
            )
        })
    }
}

impl Encoder {
    /// The name of the member that stands first in every row.
    pub(crate) fn lead_name(&self) -> &'static str {
        self.lead.name
    }

    /// An encoder for the columns named, each with its place in the batch.
    pub fn new<'a>(
        format: Format,
        lead: Lead,
        columns: impl IntoIterator<Item = (&'a Arc<str>, usize, Empties)>,
    ) -> Encoder {
        // In the first row the comma becomes a bracket.
        let mut opening = b",\n{".to_vec();
        json_escape_simd::escape_into(lead.name, &mut opening);
        opening.extend_from_slice(b":\"");
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(name, slot, empties)| {
                let mut member = vec![b','];
                json_escape_simd::escape_into(&**name, &mut member);
                member.push(b':');
                Column {
                    slot,
                    member: Label::new(&member),
                    text_member: Label::new(&[&member[..], b"\""].concat()),
                    name: name.clone(),
                    empties,
                }
            })
            .collect();
        Encoder {
            format,
            lead,
            columns,
            opening: Label::new(&opening),
            bodies: Pool::default(),
            measures: false,
        }
    }

    /// The same encoder, which measures rows of JSON and does not write them: for what is sent to nobody. Rows of CSV are
    /// written all the same.
    pub(crate) fn measuring(self) -> Encoder {
        Encoder {
            measures: self.format == Format::Json,
            ..self
        }
    }

    /// Whether rows are measured and not written.
    pub(crate) fn measures(&self) -> bool {
        self.measures
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
                push_csv(self.lead.name, &mut out);
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

    /// Encodes rows that say whose item they are, by the column in `slot`, and nothing more: each asks for `action`.
    pub fn naming(
        &self,
        batch: &Batch,
        slot: usize,
        action: &'static str,
        rows: &[u32],
    ) -> Encoded {
        let encoder = Encoder {
            lead: Lead {
                value: LeadValue::Constant(action),
                ..self.lead
            },
            ..self.clone()
        };
        let nothing = vec![Cell::MISSING; batch.len()];
        let columns: Vec<(&Column, &[Cell])> = encoder
            .columns
            .iter()
            .map(|column| match column.slot == slot {
                true => (column, batch.column(slot)),
                false => (column, &nothing[..]),
            })
            .collect();
        let each = rows.iter().map(|&row| row as usize);
        let mut named = encoder.rows(batch, &columns, each, rows.len());
        if self.measures {
            named.bytes.truncate(0);
        }
        named
    }

    /// Encodes the rows that are still in.
    pub fn encode(&self, batch: &Batch) -> Encoded {
        if self.measures {
            return self.measure(batch);
        }
        let rows = (0..batch.len()).filter(|&row| batch.state(row) == RowState::In);
        let columns: Vec<(&Column, &[Cell])> = self
            .columns
            .iter()
            .map(|c| (c, batch.column(c.slot)))
            .collect();
        self.rows(batch, &columns, rows, batch.len())
    }

    /// Encodes rows, of which there are `most`.
    fn rows(
        &self,
        batch: &Batch,
        columns: &[(&Column, &[Cell])],
        rows: impl Iterator<Item = usize>,
        most: usize,
    ) -> Encoded {
        let mut out = Encoded {
            bytes: self.bodies.lease(),
            ..Encoded::default()
        };
        // Names are written beside what is not empty alone, and may be long: they get their room when they need it. A
        // buffer that was used before has it.
        out.bytes.reserve(batch.text_len());
        out.rows.reserve(most);
        out.ends.reserve(most);
        let mut escaping = Escaping::default();
        for row in rows {
            match self.format {
                Format::Json => {
                    let lead = self.lead(batch, row);
                    out.bytes.append(|out, at| {
                        self.json_row(batch, (columns, lead), row, (out, at), &mut escaping)
                    });
                }
                Format::Csv => self.csv_row(batch, columns, row, &mut out.bytes, &mut escaping),
            }
            out.rows.push(row as u32);
            out.ends.push(out.bytes.len() as u32);
        }
        out.controls = escaping.controls;
        out
    }

    /// Encodes the rows that are still in, each with the action and the columns that were chosen for it. JSON alone: no
    /// cell of CSV can be left out.
    pub(crate) fn encode_chosen(&self, batch: &Batch, choices: &Choices) -> Encoded {
        let mut out = Encoded {
            bytes: self.bodies.lease(),
            ..Encoded::default()
        };
        let all: Vec<(&Column, &[Cell])> = self
            .columns
            .iter()
            .map(|c| (c, batch.column(c.slot)))
            .collect();
        let mut some = Vec::with_capacity(all.len());
        let mut escaping = Escaping::default();
        for (row, choice) in choices.rows.iter().enumerate() {
            let Some(Choice { action, columns }) = choice else {
                continue;
            };
            if batch.state(row) != RowState::In {
                continue;
            }
            let columns = match columns {
                None => &all,
                Some(range) => {
                    some.clear();
                    let chosen = choices.columns[range.clone()].iter();
                    some.extend(chosen.map(|at| all[*at as usize]));
                    &some
                }
            };
            out.bytes.append(|out, at| {
                self.json_row(batch, (columns, action), row, (out, at), &mut escaping)
            });
            out.rows.push(row as u32);
            out.ends.push(out.bytes.len() as u32);
        }
        out.controls = escaping.controls;
        out
    }

    /// Measures what [`Encoder::encode`] would write as JSON: column by column, the length of a row is that of its labels
    /// and cells.
    fn measure(&self, batch: &Batch) -> Encoded {
        let mut lengths = vec![(self.opening.len() + 2) as u32; batch.len()];
        match self.lead.value {
            LeadValue::Constant(value) => lengths
                .iter_mut()
                .for_each(|len| *len += value.len() as u32),
            LeadValue::Column(slot) => {
                let cells = lengths.iter_mut().zip(batch.column(slot));
                cells.for_each(|(len, cell)| *len += cell.len() as u32);
            }
        }
        let mut escaping = Escaping::default();
        for column in &self.columns {
            let text = column.text_member.len() + 1;
            let cells = batch.column(column.slot);
            for (row, (len, cell)) in lengths.iter_mut().zip(cells).enumerate() {
                // Most cells are this.
                *len += match !cell.is_empty() && cell.is_plain_text() {
                    true => text + cell.len(),
                    false => self.measure_cell(batch, column, (row, *cell), &mut escaping),
                } as u32;
            }
        }
        let mut out = Encoded::default();
        let mut end = 0;
        for (row, len) in lengths.into_iter().enumerate() {
            if batch.state(row) == RowState::In {
                end += len;
                out.rows.push(row as u32);
                out.ends.push(end);
            }
        }
        out.controls = escaping.controls;
        out
    }

    /// Measures a cell and the name before it.
    #[inline]
    fn measure_cell(
        &self,
        batch: &Batch,
        column: &Column,
        (row, cell): (usize, Cell),
        escaping: &mut Escaping,
    ) -> usize {
        match cell.kind() {
            _ if cell.is_empty() => match self.for_empty(column, cell, self.lead(batch, row)) {
                None => 0,
                Some(_) if cell.kind() == Kind::Null && column.empties.keep_null => {
                    column.member.len() + b"null".len()
                }
                Some(text) => column.member.len() + escaping.escape(text).len(),
            },
            Kind::Number | Kind::Bool | Kind::Json => column.member.len() + cell.len(),
            // Of a row that is not sent the length is of no use.
            _ if batch.state(row) != RowState::In => 0,
            _ => column.member.len() + escaping.escape(batch.text(cell)).len(),
        }
    }

    /// Hashes of what the rows send; 0 for those that are not in. Rows that would be written as the same bytes have the
    /// same hash, and others have another.
    pub(crate) fn fingerprints(&self, batch: &Batch, seed: u64) -> Vec<u64> {
        let text = batch.bytes();
        let columns: Vec<(&Column, &[Cell])> = self
            .columns
            .iter()
            .map(|c| (c, batch.column(c.slot)))
            .collect();
        let mut content = Written::default();
        let mut hashes = vec![0; batch.len()];
        for (row, hash) in hashes.iter_mut().enumerate() {
            if batch.state(row) != RowState::In {
                continue;
            }
            let lead = self.lead(batch, row);
            content.truncate(0);
            content.append(|out, at| {
                let at = out.put_number(at, lead.len() as u32);
                let mut at = out.put(at, lead.as_bytes());
                // Of every column the length, how it is written, and the text.
                for (column, cells) in &columns {
                    let cell = cells[row];
                    if !cell.is_empty() {
                        let bare = matches!(cell.kind(), Kind::Number | Kind::Bool | Kind::Json);
                        at = out.put_number(at, (cell.len() as u32) << 2 | u32::from(bare));
                        at = out.put_part(at, text, cell.span().start, cell.len());
                        continue;
                    }
                    at = match self.for_empty(column, cell, lead) {
                        None => out.put_number(at, 2),
                        Some(_) if cell.kind() == Kind::Null && column.empties.keep_null => {
                            let at = out.put_number(at, 4 << 2 | 1);
                            out.put(at, b"null")
                        }
                        Some(text) => {
                            let at = out.put_number(at, (text.len() as u32) << 2);
                            out.put(at, text.as_bytes())
                        }
                    };
                }
                at
            });
            *hash = xxh3_64_with_seed(&content, seed).max(1);
        }
        hashes
    }

    #[inline]
    fn lead<'b>(&self, batch: &'b Batch, row: usize) -> &'b str
    where
        'static: 'b,
    {
        match self.lead.value {
            LeadValue::Constant(value) => value,
            LeadValue::Column(slot) => batch.get(row, slot),
        }
    }

    /// What an empty cell sends, if anything, in a row that begins with `lead`.
    #[inline]
    fn for_empty<'c>(&self, column: &'c Column, cell: Cell, lead: &str) -> Option<&'c str> {
        let text = match cell.kind() {
            Kind::Missing => column.empties.missing.as_deref(),
            _ => column.empties.empty.as_deref(),
        };
        text.filter(|_| !self.lead.bare.contains(&lead))
    }

    /// Puts a row at a place and returns the place behind it.
    #[inline(always)]
    fn json_row(
        &self,
        batch: &Batch,
        (columns, lead): (&[(&Column, &[Cell])], &str),
        row: usize,
        (out, mut at): (&mut Written, usize),
        escaping: &mut Escaping,
    ) -> usize {
        at = out.put_label(at, &self.opening);
        at = out.put(at, lead.as_bytes());
        at = out.put_byte(at, b'"');
        let text = batch.bytes();
        for (column, cells) in columns {
            let cell = cells[row];
            if cell.is_empty() {
                if let Some(text) = self.for_empty(column, cell, lead) {
                    at = out.put_label(at, &column.member);
                    at = match cell.kind() == Kind::Null && column.empties.keep_null {
                        true => out.put(at, b"null"),
                        false => escaping.put(text, (out, at)),
                    };
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
                at = escaping.put(batch.text(cell), (out, at));
            }
        }
        out.put_byte(at, b'}')
    }

    #[inline]
    fn csv_row(
        &self,
        batch: &Batch,
        columns: &[(&Column, &[Cell])],
        row: usize,
        out: &mut Written,
        escaping: &mut Escaping,
    ) {
        let lead = self.lead(batch, row);
        out.extend(lead.as_bytes());
        for (column, cells) in columns {
            out.push(b',');
            let cell = cells[row];
            if !cell.is_empty() {
                let text = batch.text(cell);
                if !cell.is_plain() {
                    escaping.look_at(text);
                }
                push_csv(text, out);
            } else if let Some(text) = self.for_empty(column, cell, lead) {
                push_csv(text, out);
            }
        }
        out.push(b'\n');
    }
}

/// What cells need that are not known to be plain.
#[derive(Default)]
struct Escaping {
    /// A control character of ASCII was met.
    controls: bool,
    /// A buffer to use.
    escaped: Vec<u8>,
}

impl Escaping {
    /// Puts a JSON string at a place and returns the place behind it.
    #[inline(never)]
    fn put(&mut self, text: &str, (out, at): (&mut Written, usize)) -> usize {
        out.put(at, self.escape(text))
    }

    /// A text as a JSON string, quotes and all.
    #[inline(never)]
    fn escape(&mut self, text: &str) -> &[u8] {
        self.look_at(text);
        self.escaped.clear();
        json_escape_simd::escape_into(text, &mut self.escaped);
        &self.escaped
    }

    #[inline(never)]
    fn look_at(&mut self, text: &str) {
        self.controls |= has_low_control(text.as_bytes());
    }
}

fn push_csv(text: &str, out: &mut Written) {
    csv::write::cell(text.as_bytes(), Dialect::default(), |part| out.extend(part));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn check(format: Format, empty: Option<&str>, missing: Option<&str>, expected: &str) {
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
        let columns = Columns::from_header(["do", "id", "pay"]);
        let lead = Lead {
            name: "do",
            value: LeadValue::Column(0),
            bare: &["delete"],
        };
        let empties = Empties {
            empty: empty.map(Arc::from),
            missing: missing.map(Arc::from),
            keep_null: empty == Some(""),
        };
        let sent = columns.iter().skip(1);
        let encoder = Encoder::new(
            format,
            lead,
            sent.map(|(name, slot)| (name, slot, empties.clone())),
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
            None,
            None,
            "[\n{\"do\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"do\":\"update\"},\n{\"do\":\"delete\",\"id\":\"7\"},\n{\"do\":\"update\",\"id\":\"a,b\"}\n]\n",
        );
        check(
            Format::Json,
            Some("#c"),
            None,
            "[\n{\"do\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"do\":\"update\",\"id\":\"#c\",\"pay\":\"#c\"},\n{\"do\":\"delete\",\"id\":\"7\"},\n{\"do\":\"update\",\"id\":\"a,b\"}\n]\n",
        );
    }

    #[test]
    fn null_is_not_empty_where_both_are_kept() {
        check(
            Format::Json,
            Some(""),
            None,
            "[\n{\"do\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"do\":\"update\",\"id\":\"\",\"pay\":null},\n{\"do\":\"delete\",\"id\":\"7\"},\n{\"do\":\"update\",\"id\":\"a,b\"}\n]\n",
        );
    }

    #[test]
    fn csv() {
        check(
            Format::Csv,
            Some("-"),
            Some("?"),
            "do,id,pay\ncreate,\"0\"\"1\n\",1.50\nupdate,-,-\ndelete,7,\nupdate,\"a,b\",?\n",
        );
        check(
            Format::Csv,
            Some(""),
            None,
            "do,id,pay\ncreate,\"0\"\"1\n\",1.50\nupdate,,\ndelete,7,\nupdate,\"a,b\",\n",
        );
    }

    /// The columns of a survey's export are named by its questions, and nearly all of their cells are empty.
    #[test]
    fn room_is_made_for_what_is_written() {
        let (width, rows) = (300, 200);
        let name = |column| format!("{column} {}", "How satisfied are you? ".repeat(9));
        let columns = Columns::from_header((0..width).map(name));
        let mut batch = Batch::new(String::new(), width);
        for _ in 0..rows {
            batch.push_row(Row {
                line: 0,
                start: 0,
                end: 0,
            });
        }
        for column in 0..width {
            let text = if column < 3 { "often" } else { "" };
            let cells = vec![batch.append(text, Kind::Text); rows];
            batch.put_column(column, cells);
        }
        for format in [Format::Json, Format::Csv] {
            let lead = Lead {
                name: "do",
                value: LeadValue::Constant("createOrUpdate"),
                bare: &[],
            };
            let columns = columns.iter();
            let columns = columns.map(|(name, slot)| (name, slot, Empties::default()));
            let encoder = Encoder::new(format, lead, columns);
            let bytes = encoder.encode(&batch).bytes;
            assert!(
                bytes.room() <= bytes.len() * 3 / 2 + 1024,
                "{format:?}: {} for {}",
                bytes.room(),
                bytes.len()
            );
        }
    }

    fn any_cell() -> impl Strategy<Value = (String, Kind, bool)> {
        let text = prop_oneof![
            Just(String::new()),
            Just("null".to_owned()),
            Just("-".to_owned()),
            "[a-c1]{1,3}",
            "[a\"\\\\\u{1}\u{e9}\u{1F600}]{1,40}",
        ];
        let kind = prop_oneof![
            4 => Just(Kind::Text),
            1 => Just(Kind::Number),
            1 => Just(Kind::Null),
            1 => Just(Kind::Missing),
        ];
        (text, kind, any::<bool>()).prop_map(|(text, kind, plain)| {
            let text = match kind {
                Kind::Null | Kind::Missing => String::new(),
                _ => text,
            };
            let plain = plain && !text.contains(['"', '\\', '\u{1}']);
            (text, kind, plain)
        })
    }

    proptest! {
        /// What is measured is what would be written, and a fingerprint tells as much of a row as its bytes.
        #[test]
        fn measured_as_written(
            rows in proptest::collection::vec((0..2usize, proptest::collection::vec(any_cell(), 3), any::<bool>()), 1..12),
            constant in any::<bool>(),
            empty in proptest::option::of(prop_oneof![Just("-"), Just("a\"b"), Just("")]),
            missing in proptest::option::of(Just("null")),
            keep_null in any::<bool>(),
        ) {
            let mut batch = Batch::new(String::new(), 4);
            for _ in &rows {
                batch.push_row(Row { line: 0, start: 0, end: 0 });
            }
            let leads = ["create", "delete"];
            let cells = rows.iter().map(|(lead, ..)| batch.append(leads[*lead], Kind::Text)).collect();
            batch.put_column(0, cells);
            for column in 0..3 {
                let cells = rows.iter().map(|(_, cells, _)| {
                    let (text, kind, plain) = &cells[column];
                    batch.append(text, *kind).plain_if(*plain)
                });
                let cells = cells.collect();
                batch.put_column(column + 1, cells);
            }
            for (row, (_, _, is_in)) in rows.iter().enumerate() {
                if !is_in {
                    batch.filter_out(row);
                }
            }
            let columns = Columns::from_header(["do", "a", "a name of more than thirty-two bytes", "c"]);
            let lead = Lead {
                name: "do",
                value: if constant { LeadValue::Constant("update") } else { LeadValue::Column(0) },
                bare: &["delete"],
            };
            let empties = Empties {
                empty: empty.map(Arc::from),
                missing: missing.map(Arc::from),
                keep_null: keep_null && empty.is_some(),
            };
            let sent = columns.iter().skip(1);
            let encoder = Encoder::new(
                Format::Json,
                lead,
                sent.map(|(name, slot)| (name, slot, empties.clone())),
            );
            let written = encoder.encode(&batch);
            let encoder = encoder.measuring();
            let measured = encoder.encode(&batch);
            prop_assert_eq!(&measured.rows, &written.rows);
            prop_assert_eq!(&measured.ends, &written.ends);
            prop_assert!(measured.bytes.is_empty());
            prop_assert!(measured.controls || !written.controls);
            let hashes = encoder.fingerprints(&batch, 7);
            let each: Vec<_> = written.each().collect();
            for (row, _, bytes) in &each {
                for (other, _, others) in &each {
                    let same = hashes[*row as usize] == hashes[*other as usize];
                    prop_assert_eq!(same, bytes == others, "{} and {}", row, other);
                }
            }
            prop_assert_eq!(hashes.iter().filter(|hash| **hash != 0).count(), each.len());

            let (mut written, mut measured) = (written, measured);
            let named = |encoder: &Encoder| encoder.naming(&batch, 1, "noop", &[0]);
            written.leave_out(|row| row % 2 == 0);
            measured.leave_out(|row| row % 2 == 0);
            prop_assert_eq!(&measured.ends, &written.ends);
            measured.take_in(&named(&encoder));
            written.take_in(&named(&Encoder { measures: false, ..encoder }));
            prop_assert_eq!(&measured.ends, &written.ends);
            prop_assert_eq!(written.len(), written.bytes.len());
        }
    }

    #[test]
    fn rows_are_put_in_their_places() {
        let encoded = |text: &str, rows: &[u32]| {
            let mut bytes = Written::default();
            bytes.extend(text.as_bytes());
            Encoded {
                bytes: bytes.into(),
                rows: rows.to_vec(),
                ends: (1..=rows.len() as u32).collect(),
                controls: false,
            }
        };
        let check = |own: (&str, &[u32]), others: (&str, &[u32]), expected: &str| {
            let mut all = encoded(own.0, own.1);
            all.take_in(&encoded(others.0, others.1));
            assert_eq!(all.bytes[..], *expected.as_bytes());
            assert!(all.rows.is_sorted());
            assert_eq!(
                all.ends.last().copied().unwrap_or(0) as usize,
                expected.len()
            );
        };
        check(("ace", &[0, 2, 4]), ("bd", &[1, 3]), "abcde");
        check(("bc", &[1, 2]), ("ad", &[0, 9]), "abcd");
        check(("", &[]), ("ab", &[0, 1]), "ab");
        check(("ab", &[0, 1]), ("", &[]), "ab");
        check(("", &[]), ("", &[]), "");
    }

    #[test]
    fn rows_can_be_left_out() {
        let mut bytes = Written::default();
        bytes.extend(b"aabbbc");
        let mut encoded = Encoded {
            bytes: bytes.into(),
            rows: vec![0, 2, 5],
            ends: vec![2, 5, 6],
            controls: false,
        };
        encoded.leave_out(|row| row == 2);
        assert_eq!(
            (&encoded.bytes[..], encoded.rows, encoded.ends),
            (&b"aac"[..], vec![0, 5], vec![2, 3])
        );
    }
}
