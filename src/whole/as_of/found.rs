//! What an effective-dated extract has that its owner should know of.

use super::choose::{Candidate, Choice, Rule, Why, Word};
use super::period::{NO_END, Standing};
use super::read::Reader;
use crate::report::run::{AsOf, Seen};
use crate::whole::Places;

/// Lines that are told of each kind.
const TOLD: usize = 5;

/// How many, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Firsts {
    count: u64,
    /// In order.
    records: Vec<u32>,
}

impl Firsts {
    pub(super) fn add(&mut self, record: u32) {
        self.count += 1;
        let at = self.records.partition_point(|r| *r < record);
        if at < TOLD {
            self.records.insert(at, record);
            self.records.truncate(TOLD);
        }
    }

    fn seen(&self, places: &Places<'_>) -> Seen {
        Seen {
            count: self.count,
            ..places.seen(&self.records)
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    keys: u64,
    in_force: u64,
    ahead: u64,
    leavers: u64,
    none_in_force: Firsts,
    pub(super) ties: Firsts,
    pub(super) doubtful: Firsts,
    future: Firsts,
    never: Firsts,
    pub(super) faulty: Firsts,
    overlaps: Firsts,
    gaps: Firsts,
    several_primary: Firsts,
}

impl Found {
    /// Takes in the rows of a key and what came of them.
    pub(super) fn look_at(&mut self, rule: &Rule, rows: &[Candidate<'_>], choice: &Choice) {
        self.keys += 1;
        let successor = rule.successor(rows);
        for row in rows {
            match rule.standing(row, successor) {
                Standing::Ahead(_) => self.future.add(row.record),
                Standing::Never => self.never.add(row.record),
                Standing::InForce | Standing::Past(_) => {}
            }
        }
        if choice.best.is_empty() && choice.doubts.is_empty() {
            self.none_in_force.add(rows[0].record);
        }
        if rows.len() == 1 {
            return;
        }
        if let Some(record) = several_primary(rule, rows, successor) {
            self.several_primary.add(record);
        }
        if rule.have_ends {
            self.look_at_history(rule, rows);
        }
    }

    /// Counts a key of which a row goes.
    pub(super) fn goes(&mut self, why: Why) {
        match why {
            Why::InForce => self.in_force += 1,
            Why::Ahead => self.ahead += 1,
            Why::Leaver => self.leavers += 1,
        }
    }

    /// Looks for days on which two rows hold, or none.
    fn look_at_history(&mut self, rule: &Rule, rows: &[Candidate<'_>]) {
        let holds =
            |row: &&Candidate<'_>| row.period.is_read() && row.period.first <= row.period.last;
        let mut rows: Vec<&Candidate<'_>> = rows.iter().filter(holds).collect();
        rows.sort_by_key(|row| (row.period.first, row.record));
        let until = |last: i32| if last == NO_END { NO_END } else { last + 1 };
        let gap = rows.windows(2).scan(i32::MIN, |last, pair| {
            *last = (*last).max(pair[0].period.last);
            Some((pair[1].period.first > until(*last)).then_some(pair[1].record))
        });
        if let Some(record) = gap.flatten().next() {
            self.gaps.add(record);
        }
        rows.sort_by(|a, b| {
            let begins = |row: &Candidate<'_>| (row.period.first, row.record);
            values(rule, a)
                .cmp(values(rule, b))
                .then(begins(a).cmp(&begins(b)))
        });
        let mut alike = rows.chunk_by(|a, b| values(rule, a).eq(values(rule, b)));
        if let Some(record) = alike.find_map(overlap) {
            self.overlaps.add(record);
        }
    }

    pub(super) fn told(&self, reader: &Reader, places: &Places<'_>) -> AsOf {
        AsOf {
            at: reader.day,
            keys: self.keys,
            in_force: self.in_force,
            ahead: self.ahead,
            leavers: self.leavers,
            none_in_force: self.none_in_force.seen(places),
            ties: self.ties.seen(places),
            doubtful: self.doubtful.seen(places),
            future_rows: self.future.seen(places),
            never_rows: self.never.seen(places),
            faulty_rows: self.faulty.seen(places),
            overlaps: self.overlaps.seen(places),
            gaps: self.gaps.seen(places),
            several_primary: self.several_primary.seen(places),
        }
    }
}

/// What a row is preferred for among values. Rows that differ in it are jobs that may be held at the same time.
fn values<'a>(rule: &'a Rule, row: &'a Candidate<'_>) -> impl Iterator<Item = u64> + 'a {
    let words = rule.words.iter().zip(row.ranks);
    words
        .filter(|(word, _)| matches!(word, Word::Values(_)))
        .map(|(_, rank)| *rank)
}

/// The first row that begins while one holds that began before it. Rows that begin on one day are a sequence.
fn overlap(rows: &[&Candidate<'_>]) -> Option<u32> {
    let mut last = i32::MIN;
    for days in rows.chunk_by(|a, b| a.period.first == b.period.first) {
        if days[0].period.first <= last {
            return Some(days[0].record);
        }
        last = days.iter().map(|row| row.period.last).fold(last, i32::max);
    }
    None
}

/// Of several rows in force that all have the best value of the first preference and begin on different days, the second
/// one in the order of the file.
fn several_primary(rule: &Rule, rows: &[Candidate<'_>], successor: Option<i32>) -> Option<u32> {
    let is_values = |word: &Word| matches!(word, Word::Values(_));
    let word = rule.words.iter().position(is_values)?;
    let mut primary = rows.iter().filter(|row| {
        row.period.is_read()
            && row.ranks[word].to_be_bytes()[0] == 0
            && rule.standing(row, successor) == Standing::InForce
    });
    let first = primary.next()?;
    let second = primary.find(|row| row.period.first != first.period.first)?;
    Some(second.record)
}
