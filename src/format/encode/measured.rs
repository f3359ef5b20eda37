//! Rows of JSON that nobody is sent: how long they would be, and whether they would be the same.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Column, Encoded, Encoder, Escaping, LeadValue};
use crate::batch::{Batch, Cell, Kind, RowState};
use crate::text::written::Written;

impl Encoder {
    /// Measures what [`Encoder::encode`] would write as JSON: column by column, the length of a row is that of its labels
    /// and cells.
    pub(super) fn measure(&self, batch: &Batch) -> Encoded {
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
}
