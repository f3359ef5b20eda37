//! What an expression comes to for all rows of a batch: first by its operations, then by the interpreter where these
//! leave something open.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::each::Each;
use super::eval::Run;
use super::lane::{Lane, Span, Texts, Truth};
use super::reads::Reads;
use crate::batch::{Batch, Cell, Kind};
use crate::expr::error::EvalError;
use crate::expr::eval::BoundExpr;
use crate::expr::number;

impl BoundExpr {
    /// The live rows for which it is not true, and why not where that can't be told. Rows with a faulty cell where it
    /// looks are passed over, so that one mistake is reported once.
    pub(crate) fn untrue(
        &self,
        batch: &Batch,
        reads: &mut Reads,
    ) -> Vec<(usize, Option<EvalError>)> {
        self.watch(batch);
        let rows = reads.ready(batch, &self.slots);
        let mut run = Run::new(self, batch, reads);
        let truths = run
            .whole(&rows, Run::truths)
            .unwrap_or(Each::All(Truth::Undecided));
        let mut apart = Apart::of(self, batch, reads);
        if truths.are_all_true() && apart.is_empty() {
            self.failures.note_success(!rows.is_empty());
            return Vec::new();
        }
        let mut untrue = Vec::new();
        let mut succeeded = false;
        for (at, &row) in rows.iter().enumerate() {
            let truth = match apart.has(row) {
                true => Truth::Undecided,
                false => truths.at(at, row),
            };
            succeeded |= truth != Truth::Undecided;
            let row = row as usize;
            match truth {
                Truth::True => {}
                Truth::False => untrue.push((row, None)),
                Truth::Undecided => match self.eval_bool(batch, row) {
                    Ok(true) => {}
                    Ok(false) => untrue.push((row, None)),
                    Err(error) => untrue.push((row, Some(error))),
                },
            }
        }
        self.failures.note_success(succeeded);
        untrue
    }

    /// Sets the cells of a physical column to what it comes to, for all live rows. Those with a faulty cell where it looks
    /// become faulty; those for which it comes to nothing stay as they are, and are given back with the reason.
    pub(crate) fn assign(
        &self,
        batch: &mut Batch,
        slot: usize,
        reads: &mut Reads,
    ) -> Vec<(usize, EvalError)> {
        self.watch(batch);
        match self.copied_column() {
            Some(from) => {
                copy(batch, from, slot);
                Vec::new()
            }
            None => self.assign_values(batch, slot, reads),
        }
    }

    fn assign_values(
        &self,
        batch: &mut Batch,
        slot: usize,
        reads: &mut Reads,
    ) -> Vec<(usize, EvalError)> {
        let rows = reads.ready(batch, &self.slots);
        let mut run = Run::new(self, batch, reads);
        let lanes = run
            .whole(&rows, Run::lanes)
            .unwrap_or(Each::All(Lane::Undecided));
        let made = run.made;
        let mut apart = Apart::of(self, batch, reads);
        let mut writer = Writer {
            made,
            constants: &self.kernel.constants,
            known: Vec::new(),
            buffer: String::new(),
        };
        spoil(batch, slot, &rows);
        // The cells of what is the same for many rows.
        let mut shared = vec![None; lanes.shared()];
        let mut failed = Vec::new();
        let mut succeeded = false;
        for (at, &row) in rows.iter().enumerate() {
            let is_apart = apart.has(row);
            let known = lanes.shared_at(row).filter(|_| !is_apart);
            if let Some(cell) = known.and_then(|known| shared[known]) {
                batch.set_cell(row as usize, slot, cell);
                continue;
            }
            let old = batch.cell(row as usize, slot);
            let lane = match is_apart {
                true => Lane::Undecided,
                false => lanes.at(at, row),
            };
            let cell = match writer.cell(batch, lane, old) {
                Some(cell) => {
                    succeeded = true;
                    if let Some(known) = known {
                        shared[known] = Some(cell);
                    }
                    cell
                }
                // The expression may read the column that it sets, of this row alone.
                None => {
                    writer.buffer.clear();
                    match self.eval_text(batch, row as usize, &mut writer.buffer) {
                        Ok(kind) => changed(batch, old, &writer.buffer, kind),
                        Err(error) => {
                            failed.push((row as usize, error));
                            continue;
                        }
                    }
                }
            };
            batch.set_cell(row as usize, slot, cell);
        }
        self.failures.note_success(succeeded);
        failed
    }
}

/// Makes the live cells of a column faulty, but for those of these rows.
fn spoil(batch: &mut Batch, slot: usize, ready: &[u32]) {
    if ready.len() == batch.len() {
        return;
    }
    let mut ready = ready.iter().peekable();
    for row in 0..batch.len() {
        let is_ready = ready.next_if(|ready| **ready as usize == row).is_some();
        if !is_ready && batch.is_live(row) {
            batch.set_cell(row, slot, batch.cell(row, slot).with_kind(Kind::Faulty));
        }
    }
}

fn copy(batch: &mut Batch, from: usize, to: usize) {
    for row in 0..batch.len() {
        if batch.is_live(row) {
            batch.set_cell(row, to, batch.cell(row, from));
        }
    }
}

/// Rows whose texts are not as they are compared, where that makes a difference: the interpreter's, and asked for in
/// order.
struct Apart(Peekable<IntoIter<u32>>);

impl Apart {
    /// To be asked for when the operations are done: by then it may be known which rows have the same cells.
    fn of(expr: &BoundExpr, batch: &Batch, reads: &mut Reads) -> Apart {
        let rows = match expr.careful {
            Some(_) => reads.unlike(batch, &expr.slots),
            None => Vec::new(),
        };
        Apart(rows.into_iter().peekable())
    }

    fn is_empty(&mut self) -> bool {
        self.0.peek().is_none()
    }

    fn has(&mut self, row: u32) -> bool {
        while self.0.next_if(|next| *next < row).is_some() {}
        self.0.next_if_eq(&row).is_some()
    }
}

/// Makes cells of lanes.
struct Writer<'a> {
    made: String,
    constants: &'a str,
    /// Cells over texts of the expression that are in the batch already.
    known: Vec<(Span, Kind, Cell)>,
    buffer: String,
}

/// Constants whose cells are used again; an expression that chooses among more has them written anew.
const MOST_KNOWN: usize = 16;

impl Writer<'_> {
    /// The cell of a value, which is the old one where that says the same; nothing for what only the interpreter knows.
    fn cell(&mut self, batch: &mut Batch, lane: Lane, old: Cell) -> Option<Cell> {
        self.buffer.clear();
        let kind = match lane {
            Lane::Text(span) => return Some(self.text(batch, span, Kind::Text, old)),
            Lane::Exact(span) => return Some(self.text(batch, span, Kind::Number, old)),
            Lane::Double(double) if double.is_finite() => {
                number::write(double, &mut self.buffer);
                Kind::Number
            }
            Lane::Int(int) => {
                let _ = write!(self.buffer, "{int}");
                Kind::Number
            }
            Lane::Bool(truth) => {
                self.buffer.push_str(if truth { "true" } else { "false" });
                Kind::Bool
            }
            Lane::Day(day) => {
                let _ = write!(self.buffer, "{day}");
                Kind::Text
            }
            Lane::Null => Kind::Null,
            Lane::Undecided | Lane::Double(_) | Lane::Length(_) => return None,
        };
        Some(changed(batch, old, &self.buffer, kind))
    }

    fn text(&mut self, batch: &mut Batch, span: Span, kind: Kind, old: Cell) -> Cell {
        let texts = Texts {
            batch,
            made: &self.made,
            constants: self.constants,
        };
        let text = texts.get(span);
        if old.kind() == kind && batch.text(old) == text {
            return old;
        }
        if let Some(cell) = span.cell(kind) {
            return cell;
        }
        let Some(text) = span.in_constants(self.constants) else {
            return batch.append(&self.made[span.in_made().unwrap_or_default()], kind);
        };
        let same = |known: &&(Span, Kind, Cell)| (known.0, known.1) == (span, kind);
        if let Some((_, _, cell)) = self.known.iter().find(same) {
            return *cell;
        }
        let cell = batch.append(text, kind);
        if self.known.len() < MOST_KNOWN {
            self.known.push((span, kind, cell));
        }
        cell
    }
}

/// A cell with this text: the old one, where it has it.
fn changed(batch: &mut Batch, old: Cell, text: &str, kind: Kind) -> Cell {
    match old.kind() == kind && batch.text(old) == text {
        true => old,
        false => batch.append(text, kind),
    }
}
