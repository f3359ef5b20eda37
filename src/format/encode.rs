//! Encoding: the rows of a batch that are still in, as the bytes of the upload.

mod encoded;
mod measured;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use encoded::Encoded;

use super::csv;
use crate::batch::pool::Pool;
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
