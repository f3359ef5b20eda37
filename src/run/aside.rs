//! What guards count of the rows that are sent, and the rows that are not sent as they are: those that are held back as
//! they would delete somebody, and those at fault whose items are named all the same.

use std::collections::HashSet;

use super::RunError;
use crate::batch::{Batch, Cell, Kind, RowState};
use crate::engine::census::Counts;
use crate::engine::process::{Engine, Processed};
use crate::format::PARSE;
use crate::report::withheld::WithheldFile;
use crate::text::unseen::is_blank;
use crate::whole::unique::{KEY_DUPLICATE, Unique};

/// What a survey puts aside.
#[derive(Default)]
pub(super) struct Aside {
    /// What guards count of the rows that are sent.
    pub counts: Counts,
    /// Records at fault of which it is not certain whose they are.
    pub keyless: u64,
    /// Rows that are held back.
    pub withheld: u64,
    /// Where their keys are written.
    pub withheld_to: Option<WithheldFile>,
    /// Records that would delete somebody, where they may be held back.
    deleting: Vec<u32>,
}

impl Aside {
    /// Counts what a block sends, which begins with the record `first`.
    pub(super) fn count(
        &mut self,
        engine: &Engine,
        processed: &Processed,
        left_out: &[u32],
        first: u32,
    ) {
        self.counts += &processed.counts;
        let census = engine.census();
        if !left_out.is_empty() {
            self.counts -= &census.count(&processed.batch, left_out);
        }
        if census.withholds {
            let rows = processed.encoded.rows.iter();
            let deleting = rows.filter(|&&row| {
                left_out.binary_search(&row).is_err()
                    && census.deletes(&processed.batch, row as usize)
            });
            self.deleting.extend(deleting.map(|row| first + row));
        }
    }

    /// Counts rows anew that are sent with these cells empty, and empties them.
    pub(super) fn count_emptied(
        &mut self,
        engine: &Engine,
        batch: &mut Batch,
        cleared: &[(u32, u32)],
    ) {
        let is_in = |(row, _): &&(u32, u32)| batch.state(*row as usize) == RowState::In;
        let mut rows: Vec<u32> = cleared.iter().filter(is_in).map(|(row, _)| *row).collect();
        rows.dedup();
        if rows.is_empty() {
            return;
        }
        self.counts -= &engine.census().count(batch, &rows);
        for &(row, slot) in cleared {
            batch.set_text(row as usize, slot as usize, "", Kind::Text);
        }
        self.counts += &engine.census().count(batch, &rows);
    }

    /// The rows at fault that are to be named in the upload all the same. A key that another row names needs no second
    /// one; and of a row whose key is at fault it is not certain whose it is.
    pub(super) fn carry(
        &mut self,
        engine: &Engine,
        keys: Option<&Unique>,
        batch: &Batch,
        first: u32,
    ) -> Vec<u32> {
        if !engine.census().carries || batch.faults().is_empty() {
            return Vec::new();
        }
        let doubtful = doubtful(engine, batch);
        let mut carried = Vec::new();
        for row in (0..batch.len()).filter(|&row| batch.state(row) == RowState::Rejected) {
            let named = !doubtful.contains(&(row as u32));
            let Some(cell) = key(engine, batch, row).filter(|_| named) else {
                self.keyless += 1;
                continue;
            };
            let hash = engine.key_hash(batch.text(cell)).max(1);
            let found = keys.and_then(|keys| keys.find(hash));
            if found.is_none_or(|found| found == first + row as u32) {
                carried.push(row as u32);
            }
        }
        carried
    }

    /// Holds a row back, which stands in this file and on this line.
    ///
    /// # Errors
    /// Its key can't be written.
    pub(super) fn hold_back(
        &mut self,
        engine: &Engine,
        batch: &Batch,
        row: usize,
        (file, line): (&str, u64),
    ) -> Result<(), RunError> {
        self.withheld += 1;
        let slot = engine.names_rows_by().map(|(_, slot)| slot);
        let key = slot.map_or("", |slot| batch.get(row, slot));
        match &mut self.withheld_to {
            Some(to) => Ok(to.add(file, line, key)?),
            None => Ok(()),
        }
    }

    /// The records that would delete somebody.
    pub(super) fn take_deleting(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.deleting)
    }

    /// Forgets what was counted: the source is gone through once more.
    pub(super) fn clear(&mut self) {
        *self = Aside {
            withheld_to: self.withheld_to.take(),
            ..Aside::default()
        };
    }
}

/// The cell that says whose row it is, where that can be read.
fn key(engine: &Engine, batch: &Batch, row: usize) -> Option<Cell> {
    let (_, slot) = engine.names_rows_by()?;
    let cell = batch.cell(row, slot);
    let is_known = cell.kind() != Kind::Faulty && !is_blank(batch.text(cell));
    is_known.then_some(cell)
}

/// Rows whose key is at fault itself, or whose cells could not be told apart.
fn doubtful(engine: &Engine, batch: &Batch) -> HashSet<u32> {
    let key = engine.names_rows_by().map(|(name, _)| name);
    let faults = batch.faults().iter();
    faults
        .filter(|fault| match key {
            _ if fault.stage == PARSE && fault.column.is_empty() => true,
            Some(name) => fault.column == *name && fault.code != KEY_DUPLICATE,
            None => true,
        })
        .map(|fault| fault.row)
        .collect()
}
