//! What cells and rows hold, as hashes, and how a cell goes out.

use super::diff::{Column, Diff};
use super::judged::{Beside, Judged, NOWHERE};
use super::key::EMPTY;
use crate::batch::{Batch, Cell, Kind};
use crate::text::written::Written;

impl Diff {
    /// The hashes of what rows hold: of every cell its length, how it goes out, and its text; 0 of rows that are not
    /// compared.
    pub(super) fn contents(&self, batch: &Batch, uncompared: &[Option<Beside>]) -> Vec<u64> {
        let text = batch.bytes();
        let columns = self.columns.iter();
        let columns: Vec<(&Column, &[Cell])> = columns
            .map(|column| (column, batch.column(column.slot)))
            .collect();
        let mut held = Written::default();
        let content = |(row, uncompared): (usize, &Option<Beside>)| {
            if uncompared.is_some() {
                return 0;
            }
            held.truncate(0);
            held.append(|out, mut at| {
                for (column, cells) in &columns {
                    let cell = cells[row];
                    let form = match Form::of(column, cell) {
                        Form::Nothing => 0,
                        Form::Null => 1,
                        Form::Bare => 2,
                        Form::Text => 3,
                    };
                    at = out.put_number(at, (cell.len() as u32) << 2 | form);
                    at = out.put_part(at, text, cell.span().start, cell.len());
                }
                at
            });
            self.hashes().content(&held)
        };
        uncompared.iter().enumerate().map(content).collect()
    }

    /// Counts what the columns hold in rows that are the same, and whose cells are not looked at any further.
    pub(super) fn count_filled(&self, batch: &Batch, judged: &mut Judged) {
        for (column, filled) in self.columns.iter().zip(&mut judged.filled) {
            let cells = batch.column(column.slot).iter();
            let rows = cells.zip(judged.beside.iter().zip(&judged.cells_at));
            let same = rows.filter(|(cell, (beside, at))| {
                **beside == Beside::Same && **at == NOWHERE && self.holds(column, **cell)
            });
            *filled = same.count() as u64;
        }
    }

    /// Whether a cell is something that the server can have.
    pub(crate) fn holds(&self, column: &Column, cell: Cell) -> bool {
        !matches!(Form::of(column, cell), Form::Nothing)
    }

    #[inline]
    pub(super) fn cell(&self, batch: &Batch, column: &Column, cell: Cell) -> u64 {
        match Form::of(column, cell) {
            Form::Nothing => EMPTY,
            Form::Null => self.hashes().bare(b"null"),
            Form::Bare => self.hashes().bare(batch.text(cell).as_bytes()),
            Form::Text => self.hashes().text(batch.text(cell).as_bytes()),
        }
    }

    /// Empties cells of a block that was compared: rows, and the column of each.
    pub(crate) fn clear(&self, judged: &mut Judged, batch: &Batch, cleared: &[(u32, u32)]) {
        let width = self.columns.len();
        for &(row, slot) in cleared {
            let (row, slot) = (row as usize, slot as usize);
            let Some(at) = self.columns.iter().position(|column| column.slot == slot) else {
                continue;
            };
            if judged.is_merely_same(row) {
                judged.same -= 1;
                for (column, filled) in self.columns.iter().zip(&mut judged.filled) {
                    *filled -= u64::from(self.holds(column, batch.cell(row, column.slot)));
                }
                self.push_cells(batch, row, judged);
                judged.cells_at[row] = judged.cells_at.pop().unwrap_or(NOWHERE);
            }
            let from = judged.cells_at[row] as usize * width;
            if judged.cells_at[row] == NOWHERE {
                continue;
            }
            if judged.beside[row] == Beside::Same {
                let before = judged.beside[..row].iter();
                let differ = before.filter(|beside| **beside == Beside::Differs).count();
                let had = judged.cells[from..][..width].to_vec();
                judged.before.splice(differ * width..differ * width, had);
                judged.beside[row] = Beside::Differs;
            }
            judged.cells[from + at] = EMPTY;
            judged.cleared.push(row as u32);
        }
    }

    /// Adds the hashes of a row's cells, and where they are.
    pub(super) fn push_cells(&self, batch: &Batch, row: usize, judged: &mut Judged) {
        let from = judged.cells.len() / self.columns.len().max(1);
        judged.cells_at.push(from as u32);
        let cells = self.columns.iter().map(|column| {
            let cell = batch.cell(row, column.slot);
            self.cell(batch, column, cell)
        });
        judged.cells.extend(cells);
    }
}

/// How a cell goes out.
enum Form {
    Nothing,
    Null,
    /// Without quotes: a number, true, an object.
    Bare,
    Text,
}

impl Form {
    #[inline]
    fn of(column: &Column, cell: Cell) -> Form {
        match cell.kind() {
            Kind::Null if column.keeps_null => Form::Null,
            _ if cell.is_empty() => Form::Nothing,
            Kind::Number | Kind::Bool | Kind::Json => Form::Bare,
            _ => Form::Text,
        }
    }
}
