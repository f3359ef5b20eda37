//! As-of: of an extract in which every row holds for a time, the one row a key that is in force on a day.
//!
//! The choice is that of the stated rule and never that of the file's order: rows in force on the day, among those the
//! preferences in their order, then the one that began last. Where that leaves several, all of them are rejected, unless
//! they would be sent equal. Rows that are not chosen are left out: they are superseded, and neither duplicates nor nodes
//! to the rules that come after this one.
//!
//! All rows of a key count that can be read, also those that are rejected for something else: where such a row is the one
//! in force, nothing else goes in its place. A row that is not chosen is no longer at fault for anything. A row whose days
//! or ranks can't be read, and which may be in force, takes the choice along: what would have gone is rejected, too.
//! A row that a filter left out is not there, nor is one whose key could not be read.
//!
//! Keys are known by 64 bits of their hash, as those of [`super::keys`].
//!
//! Memory: that of [`rows`], which has a bound, and 16 bytes a row that is left out.

mod choose;
mod found;
mod period;
mod read;
mod rows;
pub(crate) mod spec;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::{Fact, Facts, Fates, Findings, Places, Verdict, Verdicts, Whole};
use crate::batch::Fault;
use choose::{Candidate, Choice, Why};
use found::Found;
use period::Period;
pub(crate) use read::Reader;
use read::STAGE;
pub(crate) use rows::SpillError;
use rows::{BOUND, Row, Rows};

/// The rule `as_of`.
pub(crate) struct AsOf {
    reader: Arc<Reader>,
    rows: Rows,
    /// Why rows were rejected; a verdict's reason is a place in this list.
    reasons: Vec<Reason>,
}

/// Why a row was rejected.
enum Reason {
    /// Nothing decides between these.
    Tie(Why, Vec<u32>),
    /// These can't be read, and may be the ones that should go.
    Doubt(Vec<u32>),
}

impl AsOf {
    pub(crate) fn new(reader: Arc<Reader>) -> AsOf {
        AsOf::bounded(reader, BOUND)
    }

    fn bounded(reader: Arc<Reader>, bound: usize) -> AsOf {
        AsOf {
            rows: Rows::new(reader.ranks(), bound),
            reader,
            reasons: Vec::new(),
        }
    }
}

impl Whole for AsOf {
    fn facts(&self) -> Vec<Fact> {
        let (slot, ignore_case) = self.reader.key();
        let ranks = (0..self.reader.ranks()).map(Fact::Rank);
        [Fact::Hash(slot, ignore_case), Fact::Period, Fact::Sent]
            .into_iter()
            .chain(ranks)
            .collect()
    }

    fn see(&mut self, block: &Facts<'_>, _: &mut Verdicts) -> Result<(), SpillError> {
        let [keys, periods, sent, ranks @ ..] = block.columns else {
            return Ok(());
        };
        for (at, (key, record)) in keys.iter().zip(block.first..).enumerate() {
            let row = (*key != 0).then(|| Row {
                key: *key,
                record,
                period: Period::of_bits(periods[at]),
                sent: match sent[at] {
                    0 => 0,
                    sent => (sent as u32).max(1),
                },
            });
            let ranks = ranks.iter().map(|word| word[at]);
            self.rows.push(record, row, ranks)?;
        }
        Ok(())
    }

    fn end(&mut self, fates: &Fates<'_>, out: &mut Verdicts) -> Result<Findings, SpillError> {
        let words = self.reader.ranks();
        let rows = std::mem::replace(&mut self.rows, Rows::new(words, BOUND));
        tracing::debug!(bytes = rows.bytes(), runs = rows.runs(), "rows of as_of");
        let mut judge = Judge {
            reader: &self.reader,
            found: Found::default(),
            reasons: &mut self.reasons,
            verdicts: &mut out.later,
        };
        rows.groups(|rows, ranks| {
            let candidates: Vec<Candidate<'_>> = (rows.iter().enumerate())
                .map(|(at, row)| Candidate {
                    record: row.record,
                    period: row.period,
                    sent: row.sent,
                    ranks: &ranks[at * words..(at + 1) * words],
                })
                .collect();
            judge.key(&candidates);
        })?;
        let told = judge.found.told(&self.reader, &fates.places);
        // The order of keys is that of their hashes.
        out.later.sort_unstable_by_key(|(record, _)| *record);
        Ok(Findings {
            as_of: Some(told),
            ..Findings::default()
        })
    }

    fn fault(&self, record: u32, reason: u32, places: &Places<'_>) -> Fault {
        let day = self.reader.day;
        let others = |records: &[u32]| {
            let others: Vec<u32> = records.iter().copied().filter(|r| *r != record).collect();
            places.all_seen_from(record, &others)
        };
        let (code, message) = match self.reasons.get(reason as usize) {
            Some(Reason::Tie(why, records)) => (
                "as_of_tie",
                format!(
                    "{} together with the {} of the same key {}, and nothing in `prefer` decides between them",
                    match why {
                        Why::InForce => format!("in force on {day}"),
                        Why::Ahead => format!("the next to begin after {day}"),
                        Why::Leaver => format!("the last to end before {day}"),
                    },
                    if records.len() > 2 { "rows" } else { "row" },
                    others(records)
                ),
            ),
            Some(Reason::Doubt(records)) => (
                "as_of_doubtful",
                format!(
                    "the {} of the same key {} can't be read, and may be in force on {day} in place of this one",
                    if records.len() > 1 { "rows" } else { "row" },
                    others(records)
                ),
            ),
            None => ("as_of_tie", String::new()),
        };
        Fault {
            row: 0,
            stage: STAGE,
            column: self.reader.key_column().clone(),
            source: None,
            code: Cow::Borrowed(code),
            message: Cow::Owned(message),
        }
    }

    fn bytes(&self) -> usize {
        self.rows.bytes()
    }
}

/// Turns choices into verdicts.
struct Judge<'a> {
    reader: &'a Reader,
    found: Found,
    reasons: &'a mut Vec<Reason>,
    verdicts: &'a mut Vec<(u32, Verdict)>,
}

impl Judge<'_> {
    fn key(&mut self, rows: &[Candidate<'_>]) {
        let choice = self.reader.rule.choose(rows);
        self.found.look_at(&self.reader.rule, rows, &choice);
        let sent = self.best(rows, &choice);
        for (at, row) in rows.iter().enumerate() {
            let is_open = choice.doubts.contains(&at) || !row.period.is_read();
            // What can't be read is rejected already, and so is what nothing decides about.
            if Some(at) == sent || is_open || sent.is_none() && choice.best.contains(&at) {
                continue;
            }
            if row.sent == 0 {
                self.found.faulty.add(row.record);
            }
            self.verdicts.push((row.record, Verdict::LeaveOut));
        }
    }

    /// The row that goes, if one does; rejects those of which none can.
    fn best(&mut self, rows: &[Candidate<'_>], choice: &Choice) -> Option<usize> {
        let (Some(why), Some(&first)) = (choice.why, choice.best.first()) else {
            if let Some(&doubt) = choice.doubts.first() {
                self.found.doubtful.add(rows[doubt].record);
            }
            return None;
        };
        let records = |places: &[usize]| places.iter().map(|at| rows[*at].record).collect();
        let (reason, rejected) = if !choice.doubts.is_empty() {
            self.found.doubtful.add(rows[choice.doubts[0]].record);
            (Reason::Doubt(records(&choice.doubts)), &choice.best)
        } else if choice.best.iter().any(|at| {
            rows[*at].sent != rows[first].sent || rows[*at].sent == 0 && choice.best.len() > 1
        }) {
            self.found.ties.add(rows[first].record);
            (Reason::Tie(why, records(&choice.best)), &choice.best)
        } else {
            self.found.goes(why);
            return Some(first);
        };
        let reason_at = self.reasons.len() as u32;
        self.reasons.push(reason);
        for at in rejected {
            self.verdicts.push((
                rows[*at].record,
                Verdict::Reject {
                    rule: 0,
                    reason: reason_at,
                },
            ));
        }
        None
    }
}
