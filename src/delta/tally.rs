//! What a pass over the source comes to: who was seen, what changes, and the items as they will be sent.

use std::io;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::diff::{Column, Diff};
use super::error::StoreError;
use super::items::{What, Writer};
use super::judged::{Beside, Judged, NOWHERE};
use super::key::{EMPTY, MIXED};
use super::spelling::kind_of;
use crate::batch::{Batch, RowState};

/// What changes at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// People at the target, as far as they are known.
    pub people: u64,
    /// Rows of people that the target does not have.
    pub creates: u64,
    /// Rows that differ from what the target has, or can't be compared with it.
    pub updates: u64,
    /// Of these, those that can't be compared.
    pub pending: u64,
    /// People that are at the target and not in the source.
    pub deletes: u64,
    /// Rows that the target has as they are.
    pub unchanged: u64,
    /// Of these, those that are sent all the same.
    pub sent_again: u64,
    /// People whose row turns to the status of somebody who has left; nothing where that is not known.
    pub leavers: Option<Turned>,
    /// The columns in their order.
    pub columns: Vec<ColumnChanges>,
}

/// How many people turn to something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turned {
    pub known: u64,
    /// Those who may, or may have done so before: nobody knows what they were.
    pub open: u64,
}

/// What changes in a column, over the rows that can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnChanges {
    pub name: Arc<str>,
    pub compared: u64,
    /// Cells that are not what they were.
    pub changed: u64,
    /// Cells that held something before.
    pub filled_before: u64,
    /// Of these, those that are empty now.
    pub emptied: u64,
    /// Of these, those of which the server is not told: it keeps what it has.
    pub untold: u64,
}

/// Who is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deletes {
    /// Their places in the store.
    pub places: Vec<u32>,
    /// Why nobody is, where somebody may have to be.
    pub off: Option<&'static str>,
}

/// Takes in block after block what the rows are beside the store, once it is known what becomes of each.
pub(crate) struct Tally {
    diff: Arc<Diff>,
    /// A bit for every place in the store whose person is in the source.
    seen: Vec<u64>,
    /// Rejected rows of which nobody knows whose they are.
    nameless: u64,
    changes: Changes,
    /// Of all people and what their rows hold, whatever the store has of them.
    content: Xxh3,
    /// Rows that are not sent, as the server has them.
    unchanged: u64,
    /// Rows that are sent under the key as the server has it, which the source writes otherwise.
    spelled: u64,
    items: Option<Writer>,
    buffers: (Vec<u64>, Vec<u8>, Vec<u8>),
}

impl Tally {
    /// Begins; what is sent goes into `items`, where something will be.
    pub(crate) fn new(diff: Arc<Diff>, items: Option<Writer>) -> Tally {
        let mut tally = Tally {
            seen: Vec::new(),
            nameless: 0,
            changes: Changes::default(),
            content: Xxh3::new(),
            unchanged: 0,
            spelled: 0,
            items,
            buffers: Default::default(),
            diff,
        };
        tally.clear();
        tally
    }

    fn clear(&mut self) {
        let people = self.diff.store().map_or(0, |store| store.people());
        let column = |column: &Column| ColumnChanges {
            name: column.name.clone(),
            ..ColumnChanges::default()
        };
        self.seen = vec![0; people.div_ceil(64)];
        self.nameless = 0;
        self.content = Xxh3::new();
        self.unchanged = 0;
        self.spelled = 0;
        let knows_leavers = self.diff.knows_leavers() && self.diff.store().is_some();
        self.changes = Changes {
            people: people as u64,
            leavers: knows_leavers.then(Turned::default),
            columns: self.diff.columns.iter().map(column).collect(),
            ..Changes::default()
        };
    }

    /// Begins anew: the source is gone through once more.
    ///
    /// # Errors
    /// Items that can't be written.
    pub(crate) fn restart(&mut self) -> Result<(), StoreError> {
        self.clear();
        let begun = self.items.as_mut().map_or(Ok(()), Writer::restart);
        begun.map_err(StoreError::write(self.diff.baseline.place.folder()))
    }

    /// Takes in a block; another row goes in the place of those that are `left_out`, which are in order.
    ///
    /// # Errors
    /// Items that can't be written.
    pub(crate) fn absorb(
        &mut self,
        judged: &Judged,
        batch: &Batch,
        left_out: &[u32],
    ) -> Result<(), StoreError> {
        let width = self.diff.columns.len();
        let diff = self.diff.clone();
        for (column, filled) in self.changes.columns.iter_mut().zip(&judged.filled) {
            column.compared += judged.same;
            column.filled_before += filled;
        }
        let mut left_out = left_out.iter().peekable();
        let mut spelled = judged.spelled.iter().peekable();
        let mut before = judged.before.chunks_exact(width.max(1));
        for row in 0..batch.len() {
            let old = match judged.beside[row] {
                Beside::Differs => before.next(),
                _ => None,
            };
            let state = batch.state(row);
            let is_left_out = left_out.next_if_eq(&&(row as u32)).is_some();
            let is_spelled = spelled.next_if(|(spelled, _)| *spelled == row as u32);
            let stays = matches!(state, RowState::In | RowState::Unchanged);
            if judged.is_merely_same(row) && (is_left_out || !stays) {
                self.uncount(batch, row);
            }
            if is_left_out {
                continue;
            }
            if judged.found[row] != NOWHERE {
                self.mark_seen(judged.found[row]);
            }
            if state != RowState::Filtered {
                let holds = if stays { judged.rows[row] } else { 0 };
                let mut bytes = [0; 24];
                bytes[..16].copy_from_slice(&judged.people[row].to_le_bytes());
                bytes[16..].copy_from_slice(&holds.to_le_bytes());
                self.content.update(&bytes);
            }
            match state {
                RowState::Filtered => continue,
                // Nobody is gone whom one of these may be.
                RowState::Rejected | RowState::Aside => {
                    self.nameless += u64::from(judged.people[row] == 0);
                    for &place in diff.places_of(judged.people[row]) {
                        self.mark_seen(place);
                    }
                    continue;
                }
                RowState::In | RowState::Unchanged => {}
            }
            let beside = judged.beside[row];
            let Some(cells) = judged.cells(row, width) else {
                if beside == Beside::Same {
                    self.unchanged += u64::from(state == RowState::Unchanged);
                    self.changes.unchanged += 1;
                }
                continue;
            };
            self.spelled += u64::from(is_spelled.is_some() && state == RowState::In);
            self.count(beside, state, (cells, old), batch, row);
            if state == RowState::In && beside != Beside::Aside && self.items.is_some() {
                let content = match judged.cleared.contains(&(row as u32)) {
                    true => MIXED,
                    false => judged.rows[row],
                };
                let whose = (judged.people[row], content);
                self.write(&diff, (beside, whose), (cells, old), batch, row)
                    .map_err(StoreError::write(diff.baseline.place.folder()))?;
            }
        }
        Ok(())
    }

    /// The person at this place in the store is in the source.
    fn mark_seen(&mut self, place: u32) {
        self.seen[place as usize / 64] |= 1 << (place % 64);
    }

    /// Takes back what was counted of a row that is the same, and is not there after all.
    fn uncount(&mut self, batch: &Batch, row: usize) {
        let columns = self.diff.columns.iter();
        for (column, changes) in columns.zip(&mut self.changes.columns) {
            changes.compared -= 1;
            let holds = self.diff.holds(column, batch.cell(row, column.slot));
            changes.filled_before -= u64::from(holds);
        }
    }

    fn count(
        &mut self,
        beside: Beside,
        state: RowState,
        (cells, old): (&[u64], Option<&[u64]>),
        batch: &Batch,
        row: usize,
    ) {
        let changes = &mut self.changes;
        let stays = state == RowState::Unchanged;
        self.unchanged += u64::from(stays);
        let leaves = self.diff.has_left(cells);
        if let (Some(leavers), true) = (&mut changes.leavers, leaves) {
            match beside {
                Beside::Pending => leavers.open += 1,
                Beside::Differs => {
                    leavers.known += u64::from(!old.is_some_and(|old| self.diff.has_left(old)));
                }
                _ => {}
            }
        }
        match beside {
            Beside::Aside | Beside::Deletes => return,
            Beside::New => return changes.creates += 1,
            Beside::Pending => {
                changes.updates += 1;
                return changes.pending += 1;
            }
            Beside::Same => {
                changes.unchanged += 1;
                changes.sent_again += u64::from(!stays);
            }
            Beside::Differs if stays => changes.unchanged += 1,
            Beside::Differs => changes.updates += 1,
        }
        let old = old.unwrap_or(cells);
        for (at, column) in changes.columns.iter_mut().enumerate() {
            let (new, old) = (cells[at], old[at]);
            column.compared += 1;
            column.filled_before += u64::from(old != EMPTY);
            if new == old {
                continue;
            }
            column.changed += 1;
            if new == EMPTY {
                column.emptied += 1;
                let cell = batch.cell(row, self.diff.columns[at].slot);
                let untold = self.diff.accepted(at, (new, Some(old)), cell) == old;
                column.untold += u64::from(untold);
            }
        }
    }

    fn write(
        &mut self,
        diff: &Diff,
        (beside, (person, content)): (Beside, (u128, u64)),
        (cells, old): (&[u64], Option<&[u64]>),
        batch: &Batch,
        row: usize,
    ) -> io::Result<()> {
        let Some(items) = &mut self.items else {
            return Ok(());
        };
        let (accepted, key, sealed) = &mut self.buffers;
        accepted.clear();
        let columns = diff.columns.iter().zip(cells).enumerate();
        accepted.extend(columns.map(|(at, (column, &new))| {
            let old = old.map(|old| old[at]);
            diff.accepted(at, (new, old), batch.cell(row, column.slot))
        }));
        sealed.clear();
        if diff.sends {
            // Guards delete nobody, and need no names.
            let cell = batch.cell(row, diff.key_slot());
            key.clear();
            key.push(kind_of(cell));
            key.extend_from_slice(batch.text(cell).as_bytes());
            diff.baseline.place.key().seal(key, sealed);
        }
        let what = match beside {
            Beside::Deletes => What::Delete,
            _ if diff.full.is_some() => What::Whole,
            Beside::New if !diff.forgot() => What::Create,
            Beside::Differs => What::Update,
            _ => What::Whole,
        };
        let content = match accepted == cells {
            true => content,
            false => MIXED,
        };
        items.push(what, (person, content), accepted, sealed)
    }

    /// The hash of all people and of what their rows hold, whatever the store has of them.
    pub(crate) fn content(&self) -> u128 {
        self.content.digest128()
    }

    /// Rows that are not sent, as the server has them.
    pub(crate) fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// Rows that are sent under the key as the server has it, which the source writes otherwise.
    pub(crate) fn spelled(&self) -> u64 {
        self.spelled
    }

    /// Who is at the target and was not seen. That holds at the end of a complete source alone.
    pub(crate) fn deletes(&self) -> Deletes {
        let Some(store) = self.diff.store().filter(|_| !self.diff.baseline.is_part) else {
            return Deletes::default();
        };
        let unseen = (0..store.people() as u32)
            .filter(|place| self.seen[*place as usize / 64] & 1 << (place % 64) == 0);
        let places: Vec<u32> = unseen.collect();
        let off = match &self.diff.full {
            _ if places.is_empty() => None,
            Some(full) if !full.may_delete() => Some("the pipeline was changed"),
            _ if self.nameless > 0 => Some("of some rows nobody knows whose they are"),
            _ => None,
        };
        match off {
            Some(_) => Deletes {
                places: Vec::new(),
                off,
            },
            None => Deletes { places, off },
        }
    }

    /// What changes, with the columns as they are sent; `deletes` people are deleted.
    pub(crate) fn changes(&self, deletes: u64) -> Changes {
        let mut columns: Vec<_> = (self.diff.numbers.iter())
            .zip(self.changes.columns.iter().cloned())
            .collect();
        columns.sort_by_key(|(number, _)| **number);
        Changes {
            deletes,
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            ..self.changes.clone()
        }
    }

    /// Gives the items back, which are all written.
    pub(crate) fn into_items(self) -> Option<Writer> {
        self.items
    }
}
