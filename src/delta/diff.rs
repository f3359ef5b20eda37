//! The rows of a block beside what the server has: which of them are new, which differ and in what.

use std::io;
use std::sync::Arc;

use super::full::Full;
use super::head::{Head, Marks};
use super::ids::SeveralIds;
use super::judged::{Beside, Choice, Choices, Judged, NOWHERE};
use super::key::{EMPTY, StoreKey};
use super::place::Place;
use super::store::{Row, Store};
use crate::batch::{Batch, Cell, Kind, RowState};
use crate::text::compare::compared;

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

/// Where a row says itself what it asks for, and two of the words that may stand there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acts {
    pub slot: usize,
    pub deletes: &'static str,
    pub does_nothing: &'static str,
}

/// Which rows are those of people who have left.
#[derive(Clone, Debug)]
struct Leavers {
    /// Which of the columns has the status.
    column: usize,
    /// The hashes of what it holds then.
    values: Vec<u64>,
}

/// A baseline, bound to the columns.
#[derive(Debug)]
pub(crate) struct Diff {
    pub baseline: Arc<Baseline>,
    /// Sorted by name, so that a source with its columns in another order is compared all the same.
    pub columns: Vec<Column>,
    /// Which one each of them is among those that are sent.
    pub numbers: Vec<u32>,
    /// Which of the columns tell whether somebody who arrives is somebody who leaves; none where nobody asks.
    pub same_person: Vec<usize>,
    /// Whether rows are sent by how they differ. Otherwise they go as they are, and are compared for guards alone.
    pub sends: bool,
    acts: Option<Acts>,
    leavers: Option<Leavers>,
    several: SeveralIds,
    key: KeyColumn,
    /// Which of the columns is the key's.
    pub(super) identifier: u32,
    marks: Marks,
    /// Why all rows are sent whole, where they are.
    pub full: Option<Full>,
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
        let mut numbers: Vec<u32> = (0..columns.len() as u32).collect();
        numbers.sort_by_key(|number| &columns[*number as usize].name);
        let columns: Vec<Column> = (numbers.iter())
            .map(|number| columns[*number as usize].clone())
            .collect();
        let identifier = columns.iter().position(|column| column.slot == key.slot);
        Diff {
            full: changed.or_else(|| baseline.full.clone()),
            identifier: identifier.unwrap_or(0) as u32,
            baseline,
            columns,
            numbers,
            same_person: Vec::new(),
            sends: true,
            acts: None,
            leavers: None,
            several: SeveralIds::default(),
            key,
            marks,
        }
    }

    /// The same for guards alone: rows go as they are. Some may say themselves what they ask for.
    pub(crate) fn for_guards(self, acts: Option<Acts>) -> Diff {
        Diff {
            sends: false,
            acts,
            ..self
        }
    }

    /// The same, which tells by these columns whether somebody who arrives is somebody who leaves.
    pub(crate) fn telling_people_by<'a>(mut self, names: impl Iterator<Item = &'a String>) -> Diff {
        let columns = self.columns.iter();
        let place = |name: &String| columns.clone().position(|column| *column.name == **name);
        self.same_person = names.filter_map(place).collect();
        self
    }

    /// The same, which knows people who have left by a status. Where its column is not among those that are compared,
    /// they are not known.
    pub(crate) fn with_leavers(mut self, slot: usize, values: &[String]) -> Diff {
        let column = self.columns.iter().position(|column| column.slot == slot);
        let hashes = self.hashes();
        let both = |value: &String| [hashes.text(value.as_bytes()), hashes.bare(value.as_bytes())];
        let values = values.iter().flat_map(both).collect();
        self.leavers = column.map(|column| Leavers { column, values });
        self
    }

    /// The same, which knows that these ids, of each person one after the other, are one person's.
    pub(crate) fn with_ids<'a>(mut self, people: impl Iterator<Item = &'a [Box<str>]>) -> Diff {
        let mut folded = String::new();
        let people = people.map(|ids| {
            let mut hash = |id: &str| person(self.hashes(), id, self.key.ignore_case, &mut folded);
            ids.iter().map(|id| hash(id)).collect()
        });
        self.several = SeveralIds::of(people, self.store());
        self
    }

    /// Where else in the store the owner of a key may be: under the other ids that are that person's.
    pub(crate) fn places_of(&self, person: u128) -> &[u32] {
        self.several.places_of(person)
    }

    /// Whether rows tell those of people who have left.
    pub(crate) fn knows_leavers(&self) -> bool {
        self.leavers.is_some()
    }

    /// Whether a row of such cells is that of somebody who has left.
    pub(crate) fn has_left(&self, cells: &[u64]) -> bool {
        (self.leavers.as_ref())
            .is_some_and(|leavers| leavers.values.contains(&cells[leavers.column]))
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
    pub(crate) fn comparable(&self) -> Option<&Store> {
        self.store()
            .filter(|store| store.head().marks.columns == self.marks.columns)
    }

    /// Whether the target has somebody of this key, as far as is known.
    pub(crate) fn knows(&self, key: &str) -> bool {
        let person = person(self.hashes(), key, self.key.ignore_case, &mut String::new());
        self.store()
            .is_some_and(|store| store.find(person).is_some())
    }

    /// Whether somebody of whom nothing is known may be at the target all the same, as people were taken out of the store.
    pub(super) fn forgot(&self) -> bool {
        self.store().is_some_and(|store| store.head().forgot)
    }

    pub(crate) fn hashes(&self) -> &StoreKey {
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
        let uncompared: Vec<Option<Beside>> = (people.iter().enumerate())
            .map(|(row, person)| self.uncompared(batch, row, *person))
            .collect();
        let mut judged = Judged {
            beside: Vec::with_capacity(rows),
            found: people.iter().map(find).collect(),
            rows: self.contents(batch, &uncompared),
            people,
            cells: Vec::new(),
            cells_at: Vec::with_capacity(rows),
            before: Vec::new(),
            same: 0,
            filled: vec![0; width],
            cleared: Vec::new(),
            spelled: Vec::new(),
            choices: Choices {
                rows: Vec::with_capacity(rows),
                columns: Vec::new(),
            },
        };
        let mut buffers = Buffers::default();
        for (row, uncompared) in uncompared.into_iter().enumerate() {
            if let Some(beside) = uncompared {
                match beside {
                    Beside::Deletes => self.push_cells(batch, row, &mut judged),
                    _ => judged.cells_at.push(NOWHERE),
                }
                judged.beside.push(beside);
                judged.choices.rows.push(None);
                continue;
            }
            let known = self.known(judged.found[row], judged.rows[row]);
            if known == Known::Same && !self.sends_all() {
                judged.same += 1;
                judged.cells_at.push(NOWHERE);
                judged.beside.push(Beside::Same);
                judged.choices.rows.push(None);
                if self.sends {
                    batch.leave(row);
                }
                continue;
            }
            if let Some(cell) = self.keep_spelling(batch, row, judged.found[row])? {
                judged.spelled.push((row as u32, cell));
            }
            let from = judged.cells.len();
            self.push_cells(batch, row, &mut judged);
            let cells = &judged.cells[from..];
            let beside = self.beside(known, (judged.found[row], cells), &mut buffers)?;
            let old = &buffers.old[..];
            let (beside, choice) = self.choose(
                beside,
                (row, cells, old),
                batch,
                &mut judged.choices.columns,
            );
            if beside == Beside::Differs {
                judged.before.extend_from_slice(old);
            }
            if choice.is_none() && self.sends {
                batch.leave(row);
            }
            judged.beside.push(beside);
            judged.choices.rows.push(choice);
        }
        if judged.same > 0 {
            self.count_filled(batch, &mut judged);
        }
        Ok(judged)
    }

    /// What a row is that is not compared.
    fn uncompared(&self, batch: &Batch, row: usize, person: u128) -> Option<Beside> {
        if batch.state(row) != RowState::In || person == 0 {
            return Some(Beside::Aside);
        }
        let acts = self.acts.as_ref()?;
        match batch.get(row, acts.slot) {
            word if word == acts.deletes => Some(Beside::Deletes),
            word if word == acts.does_nothing => Some(Beside::Aside),
            _ => None,
        }
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
        for fault in batch.faults().iter() {
            // The cells of such a record may be other columns'.
            if fault.stage == "parse" && fault.column.is_empty() {
                people[fault.row as usize] = 0;
            }
        }
        people
    }

    /// Whether every row is sent, or written down, whatever it is.
    fn sends_all(&self) -> bool {
        self.full.is_some() || !self.sends
    }

    /// What is known of a row by all that it holds.
    fn known(&self, found: u32, content: u64) -> Known {
        if found == NOWHERE {
            return Known::New;
        }
        match self.comparable().map(|store| store.row(found)) {
            None | Some(Row::Pending) => Known::Pending,
            Some(Row::Known(known)) if known == content => Known::Same,
            Some(Row::Known(_)) => Known::Other,
        }
    }

    /// What a row of these cells is beside the store. Of one that differs, what the server has is in the buffer.
    fn beside(
        &self,
        known: Known,
        (found, cells): (u32, &[u64]),
        Buffers { bytes, old }: &mut Buffers,
    ) -> io::Result<Beside> {
        let store = match (known, self.comparable()) {
            (Known::New, _) => return Ok(Beside::New),
            (Known::Same, _) => return Ok(Beside::Same),
            (Known::Pending, _) | (_, None) => return Ok(Beside::Pending),
            (Known::Other, Some(store)) => store,
        };
        let all = store.cells(found, old, bytes)?;
        Ok(match self.hashes().row(old, bytes) == all {
            // What was damaged on the disk is not what the server has.
            false => Beside::Pending,
            // The server has it in part from one run and in part from another.
            true if old == cells => Beside::Same,
            true => Beside::Differs,
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
            _ if !self.sends => return (beside, None),
            Beside::Aside | Beside::Deletes => return (beside, None),
            Beside::Pending => return (beside, whole),
            _ if self.full.is_some() => return (beside, whole),
            Beside::New if self.forgot() => return (beside, whole),
            Beside::Same => return (beside, None),
            Beside::New => {
                picked.extend(
                    (self.numbers.iter().zip(cells))
                        .filter(|(_, cell)| **cell != EMPTY)
                        .map(|(number, _)| *number),
                );
            }
            Beside::Differs => {
                let columns = self.numbers.iter().zip(&self.columns);
                let columns = columns.zip(cells.iter().zip(old));
                picked.extend(columns.filter_map(|((number, column), (new, old))| {
                    let differs = new != old && column.tells(batch.cell(row, column.slot));
                    differs.then_some(*number)
                }));
                if picked.len() == from {
                    return (beside, None);
                }
                let identifier = self.numbers[self.identifier as usize];
                if !picked[from..].contains(&identifier) {
                    picked.push(identifier);
                }
            }
        }
        picked[from..].sort_unstable();
        let action = match beside {
            Beside::New => "create",
            _ => "update",
        };
        let columns = Some(from..picked.len());
        (beside, Some(Choice { action, columns }))
    }

    /// What the server has of a row's cell once it has accepted it. Guards compare a run with the one before it, whatever
    /// the server made of an empty cell.
    pub(crate) fn accepted(&self, at: usize, (new, old): (u64, Option<u64>), cell: Cell) -> u64 {
        match old {
            Some(old) if self.sends && new == EMPTY && !self.columns[at].tells(cell) => old,
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

/// What is known of a row by all that it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    New,
    Same,
    Other,
    Pending,
}

#[derive(Default)]
struct Buffers {
    bytes: Vec<u8>,
    old: Vec<u64>,
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
    hashes.person(compared(key, ignore_case, folded).as_bytes())
}
