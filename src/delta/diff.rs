//! The rows of a block beside what the server has: which of them are new, which differ and in what.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::full::Full;
use super::head::{Head, Marks};
use super::key::{EMPTY, StoreKey};
use super::place::Place;
use super::store::{Row, Store};
use crate::batch::{Batch, Cell, Kind, RowState};
use crate::text::compare::{comparable, fold_into};

/// No place in the store.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// The store as it was when a run began; no pass over the source changes it.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub place: Place,
    /// Nothing where there is none, or it is of no use.
    pub store: Option<Store>,
    /// Why everything is sent, as far as that is known without the columns.
    pub full: Option<Full>,
    /// When the run began, in seconds since 1970.
    pub now: i64,
    /// Whether the source is only a part of its people: nobody is gone for not being in it.
    pub is_part: bool,
}

/// A column that is sent.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub name: Arc<str>,
    pub slot: usize,
    /// Whether an empty cell says something to the server, and whether a member does that is not there.
    pub tells_empty: bool,
    pub tells_missing: bool,
    /// Whether null is a value of its own.
    pub keeps_null: bool,
}

/// The column of the key.
#[derive(Clone, Debug)]
pub(crate) struct KeyColumn {
    pub slot: usize,
    pub ignore_case: bool,
}

/// A baseline, bound to the columns.
#[derive(Debug)]
pub(crate) struct Diff {
    pub baseline: Arc<Baseline>,
    pub columns: Vec<Column>,
    key: KeyColumn,
    /// Which of the columns is the key's.
    identifier: u32,
    marks: Marks,
    /// Why all rows are sent whole, where they are.
    pub full: Option<Full>,
}

/// What a row is beside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It is out, or has no key.
    Aside,
    /// The server has nobody of this key.
    New,
    /// The server has it, or what it lacks can't be told.
    Same,
    /// Some values are others.
    Differs,
    /// It is not known what the server has.
    Pending,
}

/// How a row is sent: its action, and which of the columns; all where there is no range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub action: &'static str,
    pub columns: Option<Range<usize>>,
}

/// How the rows of a batch are sent.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// Of each row; nothing where it is not sent.
    pub rows: Vec<Option<Choice>>,
    /// Columns, by their number among those that are sent.
    pub columns: Vec<u32>,
}

/// What a block's rows are beside the store.
#[derive(Debug)]
pub(crate) struct Judged {
    pub beside: Vec<Beside>,
    /// Whose they are; 0 where that can't be told.
    pub people: Vec<u128>,
    /// Where these are in the store, also of rejected rows.
    pub found: Vec<u32>,
    /// The hash of each row; 0 of those that are out.
    pub rows: Vec<u64>,
    /// The hashes of all cells, row by row.
    pub cells: Vec<u64>,
    /// What the server has in the place of those of rows that differ, one such row after the other.
    pub before: Vec<u64>,
    pub choices: Choices,
}

impl Diff {
    /// Binds a baseline to the columns that are sent. `marks` are what the pipeline is known by.
    pub(crate) fn new(
        baseline: Arc<Baseline>,
        columns: Vec<Column>,
        key: KeyColumn,
        marks: Marks,
    ) -> Diff {
        let marks = Marks {
            identity: marks.identity,
            columns: marks.columns,
            rules: marks.rules,
            ..baseline.place.marks()
        };
        let before = baseline.store.as_ref().map(|store| store.head().marks);
        let changed = before.and_then(|before| Full::of_change(&before, &marks));
        let identifier = columns.iter().position(|column| column.slot == key.slot);
        Diff {
            full: changed.or_else(|| baseline.full.clone()),
            identifier: identifier.unwrap_or(0) as u32,
            baseline,
            columns,
            key,
            marks,
        }
    }

    /// The head of what this run sends.
    pub(crate) fn head(&self) -> Head {
        Head {
            marks: self.marks,
            width: self.columns.len() as u32,
            full_at: match self.full {
                Some(_) => self.baseline.now,
                None => 0,
            },
            ..Head::default()
        }
    }

    /// The store, where its people are those of this pipeline.
    pub(crate) fn store(&self) -> Option<&Store> {
        let store = self.baseline.store.as_ref()?;
        (store.head().marks.identity == self.marks.identity).then_some(store)
    }

    /// The same, where its cells can be compared with those of this pipeline, too.
    fn comparable(&self) -> Option<&Store> {
        self.store()
            .filter(|store| store.head().marks.columns == self.marks.columns)
    }

    fn hashes(&self) -> &StoreKey {
        self.baseline.place.key()
    }

    /// Compares the rows of a batch with the store, and marks those that the server has.
    ///
    /// # Errors
    /// A store that can't be read.
    pub(crate) fn judge(&self, batch: &mut Batch) -> io::Result<Judged> {
        let (rows, width) = (batch.len(), self.columns.len());
        let people = self.people(batch);
        let find = |person: &u128| match (person, self.store()) {
            (1.., Some(store)) => store.find(*person).unwrap_or(NOWHERE),
            _ => NOWHERE,
        };
        let mut judged = Judged {
            beside: Vec::with_capacity(rows),
            found: people.iter().map(find).collect(),
            people,
            rows: Vec::with_capacity(rows),
            cells: self.cells(batch),
            before: Vec::new(),
            choices: Choices {
                rows: Vec::with_capacity(rows),
                columns: Vec::new(),
            },
        };
        let mut buffers = (Vec::new(), Vec::new());
        for row in 0..rows {
            let cells = &judged.cells[row * width..][..width];
            if batch.state(row) != RowState::In || judged.people[row] == 0 {
                judged.rows.push(0);
                judged.beside.push(Beside::Aside);
                judged.choices.rows.push(None);
                continue;
            }
            let hash = self.hashes().row(cells, &mut buffers.0);
            let beside = self.beside(judged.found[row], hash, &mut buffers)?;
            let old = &buffers.1[..];
            let (beside, choice) = self.choose(
                beside,
                (row, cells, old),
                batch,
                &mut judged.choices.columns,
            );
            if beside == Beside::Differs {
                judged.before.extend_from_slice(old);
            }
            if choice.is_none() {
                batch.leave(row);
            }
            judged.rows.push(hash);
            judged.beside.push(beside);
            judged.choices.rows.push(choice);
        }
        Ok(judged)
    }

    /// Who the rows are, of those that are in or rejected; 0 where that can't be told.
    fn people(&self, batch: &Batch) -> Vec<u128> {
        let mut folded = String::new();
        let cells = batch.column(self.key.slot).iter().enumerate();
        let mut people: Vec<u128> = cells
            .map(|(row, cell)| match batch.state(row) {
                RowState::Filtered | RowState::Unchanged => 0,
                _ if cell.is_empty() || cell.kind() == Kind::Faulty => 0,
                _ => {
                    let text = batch.text(*cell);
                    person(self.hashes(), text, self.key.ignore_case, &mut folded)
                }
            })
            .collect();
        for fault in batch.faults() {
            // The cells of such a record may be other columns'.
            if fault.stage == "parse" && fault.column.is_empty() {
                people[fault.row as usize] = 0;
            }
        }
        people
    }

    fn cells(&self, batch: &Batch) -> Vec<u64> {
        let width = self.columns.len();
        let mut hashes = vec![EMPTY; batch.len() * width];
        for (at, column) in self.columns.iter().enumerate() {
            for (row, cell) in batch.column(column.slot).iter().enumerate() {
                if batch.state(row) == RowState::In {
                    hashes[row * width + at] = self.cell(batch, column, *cell);
                }
            }
        }
        hashes
    }

    #[inline]
    fn cell(&self, batch: &Batch, column: &Column, cell: Cell) -> u64 {
        match cell.kind() {
            Kind::Null if column.keeps_null => self.hashes().bare(b"null"),
            _ if cell.is_empty() => EMPTY,
            Kind::Number | Kind::Bool | Kind::Json => {
                self.hashes().bare(batch.text(cell).as_bytes())
            }
            _ => self.hashes().text(batch.text(cell).as_bytes()),
        }
    }

    /// What a row is beside the store. Of one that differs, what the server has is in the second buffer.
    fn beside(
        &self,
        found: u32,
        hash: u64,
        (bytes, old): &mut (Vec<u8>, Vec<u64>),
    ) -> io::Result<Beside> {
        if found == NOWHERE {
            return Ok(Beside::New);
        }
        let Some(store) = self.comparable() else {
            return Ok(Beside::Pending);
        };
        let known = match store.row(found) {
            Row::Pending => return Ok(Beside::Pending),
            Row::Known(known) if known == hash => return Ok(Beside::Same),
            Row::Known(known) => known,
        };
        store.cells(found, old, bytes)?;
        // What was damaged on the disk is not what the server has.
        Ok(match self.hashes().row(old, bytes) == known {
            true => Beside::Differs,
            false => Beside::Pending,
        })
    }

    /// How a row is sent. One that differs only in what can't be told is not, and counts as the same from here on where
    /// nothing else tells so; what it lacks is still counted.
    fn choose(
        &self,
        beside: Beside,
        (row, cells, old): (usize, &[u64], &[u64]),
        batch: &Batch,
        picked: &mut Vec<u32>,
    ) -> (Beside, Option<Choice>) {
        let whole = Some(Choice {
            action: "createOrUpdate",
            columns: None,
        });
        let from = picked.len();
        match beside {
            Beside::Aside => return (beside, None),
            Beside::Pending => return (beside, whole),
            _ if self.full.is_some() => return (beside, whole),
            Beside::Same => return (beside, None),
            Beside::New => {
                picked.extend(
                    (0u32..)
                        .zip(cells)
                        .filter(|(_, cell)| **cell != EMPTY)
                        .map(|(at, _)| at),
                );
            }
            Beside::Differs => {
                let columns = (0u32..).zip(&self.columns).zip(cells.iter().zip(old));
                picked.extend(columns.filter_map(|((at, column), (new, old))| {
                    let differs = new != old && column.tells(batch.cell(row, column.slot));
                    differs.then_some(at)
                }));
                if picked.len() == from {
                    return (beside, None);
                }
                if let Err(place) = picked[from..].binary_search(&self.identifier) {
                    picked.insert(from + place, self.identifier);
                }
            }
        }
        let action = match beside {
            Beside::New => "create",
            _ => "update",
        };
        let columns = Some(from..picked.len());
        (beside, Some(Choice { action, columns }))
    }

    /// What the server has of a row's cell once it has accepted it.
    pub(crate) fn accepted(&self, at: usize, (new, old): (u64, Option<u64>), cell: Cell) -> u64 {
        match old {
            Some(old) if new == EMPTY && !self.columns[at].tells(cell) => old,
            _ => new,
        }
    }

    /// The slot of the key.
    pub(crate) fn key_slot(&self) -> usize {
        self.key.slot
    }

    /// The name of the key's column.
    pub(crate) fn key_name(&self) -> &Arc<str> {
        &self.columns[self.identifier as usize].name
    }
}

impl Column {
    /// Whether a cell says something to the server.
    fn tells(&self, cell: Cell) -> bool {
        match cell.kind() {
            Kind::Missing => self.tells_missing,
            _ => !cell.is_empty() || self.tells_empty,
        }
    }
}

/// Who a key is: keys that look the same are one person's.
pub(crate) fn person(hashes: &StoreKey, key: &str, ignore_case: bool, folded: &mut String) -> u128 {
    match ignore_case {
        true => {
            fold_into(key, folded);
            hashes.person(folded.as_bytes())
        }
        false => hashes.person(comparable(key).as_bytes()),
    }
}
