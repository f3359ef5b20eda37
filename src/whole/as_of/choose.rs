//! Which of the rows of one key goes: a pure function of what they say, and never of their order.

use std::cmp::Ordering;

use super::period::{Period, Standing};

/// The rank of an empty cell: the last.
pub(super) const EMPTY: u64 = u64::MAX;

/// The rank of a cell that could not be read.
pub(super) const UNREAD_NUMBER: u64 = u64::MAX - 1;

/// The same, of a value that is one of eight in a word.
pub(super) const UNREAD_VALUE: u8 = u8::MAX;

/// Numbers and days have ranks that differ in this bit, as they can't be compared.
pub(super) const KIND: u64 = 1 << 63;

/// What a word of ranks holds. Lower ranks are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// So many ranks among values, a byte each, the first in the highest byte.
    Values(u32),
    /// The rank of a number or a day.
    Number,
}

impl Word {
    fn is_read(self, word: u64) -> bool {
        match self {
            Word::Number => word != UNREAD_NUMBER,
            Word::Values(count) => {
                let values = word.to_be_bytes();
                !values[..count as usize].contains(&UNREAD_VALUE)
            }
        }
    }
}

/// The rule by which one row goes.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The day.
    pub(super) day: i32,
    /// Whether rows say when they end; else each holds until the next one begins.
    pub(super) have_ends: bool,
    /// How many days ahead a row may begin where none is in force.
    pub(super) ahead: i32,
    /// How many days ago a row may have ended where none is in force and none is ahead.
    pub(super) keep: i32,
    /// What the ranks are.
    pub(super) words: Vec<Word>,
}

/// A row as far as the choice needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) record: u32,
    pub(super) period: Period,
    /// A hash of what would be sent; 0 where that is nothing.
    pub(super) sent: u32,
    pub(super) ranks: &'a [u64],
}

/// Why a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// It is in force.
    InForce,
    /// Nobody is, and it begins soon.
    Ahead,
    /// Nobody is and nobody will be soon, and it ended a short while ago.
    Leaver,
}

/// What came of the rows of one key, by their places in the group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Why those that go do; nothing where none does.
    pub(super) why: Option<Why>,
    /// The row that goes, or those between which nothing decides.
    pub(super) best: Vec<usize>,
    /// Rows that can't be read, and may be the ones that should go.
    pub(super) doubts: Vec<usize>,
}

impl Rule {
    pub(super) fn choose(&self, rows: &[Candidate<'_>]) -> Choice {
        let successor = self.successor(rows);
        let mut best: Vec<usize> = Vec::new();
        let mut why = None;
        let mut doubts = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let Some(own) = self.goes(row, successor) else {
                continue;
            };
            if !self.is_read(row) {
                doubts.push(at);
                continue;
            }
            match why.map_or(Ordering::Less, |why| own.cmp(&why)) {
                Ordering::Less => {
                    why = Some(own);
                    best = vec![at];
                }
                Ordering::Equal => best.push(at),
                Ordering::Greater => {}
            }
        }
        if let Some(why) = why
            && best.len() > 1
            && self.are_comparable(rows, &best)
        {
            best = first_of(best, |a, b| why.order(&rows[a], &rows[b]));
        }
        Choice { why, best, doubts }
    }

    /// Whether a row would go if no other were better.
    fn goes(&self, row: &Candidate<'_>, successor: Option<i32>) -> Option<Why> {
        match self.standing(row, successor) {
            Standing::InForce => Some(Why::InForce),
            Standing::Ahead(days) => (days <= self.ahead).then_some(Why::Ahead),
            Standing::Past(days) => (days <= self.keep).then_some(Why::Leaver),
            Standing::Never => None,
        }
    }

    /// How a row stands to the day, where `successor` is the first day of the row that follows those before it.
    pub(super) fn standing(&self, row: &Candidate<'_>, successor: Option<i32>) -> Standing {
        let mut period = row.period;
        if let Some(next) = successor
            && period.is_read()
            && period.first < next
        {
            period.last = next - 1;
        }
        period.standing(self.day)
    }

    /// Where rows do not say when they end: the last day, up to the one that counts, on which one begins.
    pub(super) fn successor(&self, rows: &[Candidate<'_>]) -> Option<i32> {
        let first = rows.iter().filter(|row| row.period.is_read());
        let first = first.map(|row| row.period.first);
        match self.have_ends {
            true => None,
            false => first.filter(|first| *first <= self.day).max(),
        }
    }

    /// Whether everything could be read by which a row is compared with others.
    fn is_read(&self, row: &Candidate<'_>) -> bool {
        let mut words = self.words.iter().zip(row.ranks);
        row.period.is_read() && words.all(|(word, rank)| word.is_read(*rank))
    }

    /// Numbers are not compared with days.
    fn are_comparable(&self, rows: &[Candidate<'_>], some: &[usize]) -> bool {
        let numbers = (self.words.iter().enumerate()).filter(|(_, word)| **word == Word::Number);
        numbers.map(|(at, _)| at).all(|at| {
            let mut ranks = some.iter().map(|&row| rows[row].ranks[at]);
            let known = ranks.find(|rank| *rank != EMPTY);
            known.is_none_or(|known| ranks.all(|r| r == EMPTY || r & KIND == known & KIND))
        })
    }
}

impl Why {
    /// Which of two rows that go for the same reason is the better one.
    fn order(self, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
        let ranks = a.ranks.cmp(b.ranks);
        let later = b.period.first.cmp(&a.period.first);
        match self {
            Why::InForce => ranks.then(later),
            // The nearest one comes first, on either side.
            Why::Ahead => later.reverse().then(ranks),
            Why::Leaver => b.period.last.cmp(&a.period.last).then(ranks).then(later),
        }
    }
}

/// Those of which none other comes before.
fn first_of(mut all: Vec<usize>, order: impl Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let Some(best) = all.iter().copied().min_by(|a, b| order(*a, *b)) else {
        return all;
    };
    all.retain(|&at| order(at, best) == Ordering::Equal);
    all
}
