//! What expressions read of a batch, read once for all of them.
//!
//! Columns of few values are the rule in people's data: statuses, countries, departments, grades. Of such a column it is
//! found out which rows have the same cell; an expression that reads nothing else is then evaluated for one row of each
//! kind, and what it comes to holds for the others. The same goes for several such columns together.

use std::collections::HashMap;
use std::rc::Rc;

use jiff::civil;

use super::groups::Groups;
use super::question::Answers;
use crate::batch::{Batch, Cell, Kind};
use crate::expr::time::Time;
use crate::text::compare::is_comparable;
use crate::text::unseen::is_plain_word;

/// With fewer rows than that, each is looked at.
const FEW_ROWS: usize = 32;

/// Operations for each column that are cheaper than to find out which rows have the same cells, unless so many ask.
const CHEAP: u32 = 4;
const ASKED: u32 = 3;

/// What was read of a batch. Whoever changes a column says so.
#[derive(Default)]
pub(crate) struct Reads {
    /// What was answered, where several expressions ask.
    answers: Option<Answers>,
    live: Option<Rc<[u32]>>,
    columns: Vec<Column>,
    groups: HashMap<Box<[usize]>, Option<Rc<Groups>>>,
}

#[derive(Default)]
struct Column {
    /// How often it was asked for groups.
    asked: u32,
    /// Whether a live row has a faulty cell in it.
    faulty: Option<bool>,
    unlike: Option<Rc<[u32]>>,
    groups: Option<Option<Rc<Groups>>>,
    numbers: Option<Rc<Numbers>>,
    days: Option<Days>,
}

/// The day of each row, where it has one.
type Days = Rc<[Option<civil::Date>]>;

/// The numbers of a column.
pub(super) struct Numbers(Vec<Number>);

/// A cell's number as a double.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) value: f64,
    /// Whether doubles are ordered as the numbers themselves are, and equal where these are: so it is with up to 15
    /// digits (`DBL_DIG` of C).
    pub(super) is_faithful: bool,
}

impl Number {
    #[inline]
    pub(super) fn of(text: &str) -> Number {
        Number {
            value: text.parse().unwrap_or(f64::NAN),
            is_faithful: text.len() <= 15 && !text.is_empty() && !text.contains(['e', 'E']),
        }
    }
}

impl Numbers {
    #[inline]
    pub(super) fn get(&self, row: u32) -> Number {
        self.0[row as usize]
    }
}

impl Reads {
    /// For so many expressions.
    pub(crate) fn of(expressions: usize) -> Reads {
        Reads {
            answers: (expressions > 1).then(Answers::default),
            ..Reads::default()
        }
    }

    /// Forgets what was read of a column, whose cells are others now.
    pub(crate) fn changed(&mut self, slot: usize) {
        if let Some(column) = self.columns.get_mut(slot) {
            *column = Column::default();
        }
        self.groups.retain(|slots, _| !slots.contains(&slot));
        if let Some(answers) = &mut self.answers {
            answers.forget(slot);
        }
    }

    /// Rows that are looked at at all.
    pub(super) fn live(&mut self, batch: &Batch) -> Rc<[u32]> {
        let live = || {
            let rows = 0..batch.len() as u32;
            match batch.are_all_live() {
                true => rows.collect(),
                false => rows.filter(|row| batch.is_live(*row as usize)).collect(),
            }
        };
        self.live.get_or_insert_with(live).clone()
    }

    /// What was answered, where answers are kept: that is where all rows are looked at.
    pub(super) fn answers(&mut self, batch: &Batch) -> Option<&mut Answers> {
        match self.answers.is_some() && self.live(batch).len() == batch.len() {
            true => self.answers.as_mut(),
            false => None,
        }
    }

    fn column(&mut self, slot: usize) -> &mut Column {
        if self.columns.len() <= slot {
            self.columns.resize_with(slot + 1, Column::default);
        }
        &mut self.columns[slot]
    }

    /// The live rows that have no faulty cell in these columns.
    pub(super) fn ready(&mut self, batch: &Batch, slots: &[usize]) -> Rc<[u32]> {
        let live = self.live(batch);
        let mut faulty = Vec::new();
        for &slot in slots {
            let cells = batch.column(slot);
            let find = || is_faulty_in(cells, &live);
            if *self.column(slot).faulty.get_or_insert_with(find) {
                faulty.push(cells);
            }
        }
        match faulty.is_empty() {
            true => live,
            false => {
                let is_faulty = |row: u32, cells: &[Cell]| is_faulty(cells[row as usize]);
                let ready = |row: &u32| !faulty.iter().any(|cells| is_faulty(*row, cells));
                live.iter().copied().filter(ready).collect()
            }
        }
    }

    /// The live rows with a text in these columns that is not as it is compared, in order.
    pub(super) fn unlike(&mut self, batch: &Batch, slots: &[usize]) -> Vec<u32> {
        let mut all = Vec::new();
        for &slot in slots {
            let unlike = match &self.column(slot).unlike {
                Some(unlike) => unlike.clone(),
                None => {
                    let unlike = self.find_unlike(batch, slot);
                    self.column(slot).unlike = Some(unlike.clone());
                    unlike
                }
            };
            all.extend_from_slice(&unlike);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn find_unlike(&mut self, batch: &Batch, slot: usize) -> Rc<[u32]> {
        let cells = batch.column(slot);
        let is_unlike = |row: u32| {
            let cell = cells[row as usize];
            match batch.word(cell) {
                Some(word) if is_plain_word(word) => false,
                _ => !is_comparable(batch.text(cell)),
            }
        };
        let live = self.live(batch);
        let unlike = |row: &u32| is_unlike(*row);
        let Some(Some(groups)) = &self.column(slot).groups else {
            return live.iter().copied().filter(unlike).collect();
        };
        let kinds: Vec<bool> = groups.first.iter().map(|row| is_unlike(*row)).collect();
        match kinds.contains(&true) {
            false => Rc::default(),
            true => {
                let unlike = |row: &u32| kinds[groups.of(*row)];
                live.iter().copied().filter(unlike).collect()
            }
        }
    }

    /// The numbers of a column; what is not a number in it is not one here. Nothing where they have not been read, and are
    /// asked for so few rows that it is not worth to read the others', too.
    pub(super) fn numbers(
        &mut self,
        batch: &Batch,
        slot: usize,
        rows: usize,
    ) -> Option<Rc<Numbers>> {
        let number = |cell: &Cell| match cell.kind() {
            Kind::Number => Number::of(batch.text(*cell)),
            _ => Number::of(""),
        };
        let numbers = &mut self.column(slot).numbers;
        if numbers.is_none() && rows * 2 >= batch.len() {
            let read = batch.column(slot).iter().map(number).collect();
            *numbers = Some(Rc::new(Numbers(read)));
        }
        numbers.clone()
    }

    /// The days of a column, where its texts are days. Nothing as with [`Reads::numbers`].
    pub(super) fn days(&mut self, batch: &Batch, slot: usize, rows: usize) -> Option<Days> {
        let day = |cell: &Cell| match cell.kind() {
            Kind::Text | Kind::Json => Time::iso_day(batch.text(*cell)),
            _ => None,
        };
        let days = &mut self.column(slot).days;
        if days.is_none() && rows * 2 >= batch.len() {
            *days = Some(batch.column(slot).iter().map(day).collect());
        }
        days.clone()
    }

    /// The rows that have the same cells in these columns, where they are worth to be put together: `rows` of them are to
    /// be looked at, and to look at one takes so many operations.
    pub(super) fn groups(
        &mut self,
        batch: &Batch,
        slots: &[usize],
        operations: u32,
        rows: usize,
    ) -> Option<Rc<Groups>> {
        if rows < FEW_ROWS || slots.is_empty() {
            return None;
        }
        let each = operations / slots.len() as u32;
        for &slot in slots {
            self.groups_of(batch, slot, each)?;
        }
        let groups = match slots {
            [one] => self.groups_of(batch, *one, each)?,
            _ => match self.groups.get(slots) {
                Some(known) => known.clone()?,
                None => {
                    let found = self.combine(batch, slots).map(Rc::new);
                    self.groups.insert(slots.into(), found.clone());
                    found?
                }
            },
        };
        (groups.first.len() * 2 <= rows).then_some(groups)
    }

    fn groups_of(&mut self, batch: &Batch, slot: usize, operations: u32) -> Option<Rc<Groups>> {
        let column = self.column(slot);
        column.asked += 1;
        if let Some(known) = &column.groups {
            return known.clone();
        }
        if operations < CHEAP && column.asked < ASKED {
            return None;
        }
        let live = self.live(batch);
        let groups = Groups::of_cells(batch, slot, &live).map(Rc::new);
        self.column(slot).groups = Some(groups.clone());
        groups
    }

    fn combine(&mut self, batch: &Batch, slots: &[usize]) -> Option<Groups> {
        let known = |slot: &usize| self.columns.get(*slot)?.groups.clone()?;
        let parts: Vec<Rc<Groups>> = slots.iter().map(known).collect::<Option<_>>()?;
        Groups::combined(&parts, &self.live(batch), batch.len())
    }
}

fn is_faulty(cell: Cell) -> bool {
    cell.kind() == Kind::Faulty
}

fn is_faulty_in(cells: &[Cell], rows: &[u32]) -> bool {
    match cells.len() == rows.len() {
        true => cells.iter().any(|cell| is_faulty(*cell)),
        false => rows.iter().any(|row| is_faulty(cells[*row as usize])),
    }
}
