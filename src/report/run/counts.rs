//! Rows and faults, counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::few::Told;
use crate::batch::JOINED;
use crate::report::rejects::Tally;

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Records of the source.
    pub read: u64,
    /// Lines behind the header that are no records, and not read: blank, without any value, remarks, footers, headers that
    /// come again.
    #[serde(default)]
    pub skipped: u64,
    /// Left out by a filter stage.
    pub filtered: u64,
    /// Found at fault and not sent.
    pub rejected: u64,
    /// Lines more than their first ones that rejected records took along by quotes that are in the way: each may be a row
    /// that nobody saw. They are in none of the other numbers; the reject limit counts them as rows.
    #[serde(default)]
    pub taken_along: u64,
    /// Not sent, as another row goes in their place.
    #[serde(default)]
    pub superseded: u64,
    /// Rows of which other shards say what becomes of them.
    #[serde(default)]
    pub other_shards: u64,
    /// Not sent, as they would delete somebody, and too many do.
    #[serde(default)]
    pub withheld: u64,
    /// Rows at fault that the upload names all the same, so that nobody is deleted for a fault: they are among those
    /// rejected, and among those sent.
    #[serde(default)]
    pub carried: u64,
    /// Not sent, as the server has them as they are.
    #[serde(default)]
    pub unchanged: u64,
    /// Items to be deleted by name, which no row stands for; they are among those held back and those sent.
    #[serde(default)]
    pub deletes: u64,
    /// Good, and held back because the run ended before an upload was complete (a dry run, a guard,
    /// an error).
    pub would_send: u64,
    /// In an upload that the storage took completely.
    pub sent: u64,
    /// Sent, and applied by the server.
    pub accepted: u64,
    /// Sent, and refused by the server.
    pub failed: u64,
    /// Sent, with no result known.
    pub unprocessed: u64,
    /// Sent, and what became of them is told to somebody else: the results go to an address of the user's own, or the
    /// import is asked for elsewhere. `accepted` and `failed` are not known then.
    #[serde(default)]
    pub unknown: u64,
}

impl RowCounts {
    /// Rows that the upload names, and items that it leaves as they are.
    pub fn named(&self) -> u64 {
        // What a file says that was damaged need not add up.
        let named = self.sent.saturating_add(self.would_send);
        let named = named.saturating_add(self.unchanged);
        named.saturating_sub(self.deletes)
    }

    /// Whether every row is accounted for: `read + deletes + carried = sent + would_send + rejected + filtered +
    /// superseded + unchanged + withheld + other_shards` and `sent = accepted + failed + unprocessed + unknown`.
    pub fn check(&self) -> Result<(), Mismatch> {
        let sum = |parts: &[u64]| parts.iter().copied().map(u128::from).sum::<u128>();
        let kept = [self.sent, self.would_send];
        let left_out = [
            self.rejected,
            self.filtered,
            self.superseded,
            self.unchanged,
            self.withheld,
            self.other_shards,
        ];
        if sum(&kept) + sum(&left_out) != sum(&[self.read, self.deletes, self.carried]) {
            return Err(Mismatch::Read(Box::new(*self)));
        }
        if sum(&[self.accepted, self.failed, self.unprocessed, self.unknown])
            != u128::from(self.sent)
        {
            return Err(Mismatch::Sent(Box::new(*self)));
        }
        Ok(())
    }
}

/// Counts that don't add up: rows were lost or counted twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The rows read are not those accounted for.
    #[error(
        "the counts don't add up: {} rows read, {} deletions and {} carried forward, but {} sent + {} held back + {} rejected + \
         {} filtered + {} superseded + {} unchanged + {} withheld{}",
        .0.read, .0.deletes, .0.carried, .0.sent, .0.would_send, .0.rejected, .0.filtered, .0.superseded, .0.unchanged,
        .0.withheld, match .0.other_shards { 0 => String::new(), rows => format!(" + {rows} of other shards") }
    )]
    Read(Box<RowCounts>),
    /// The rows sent are not those that results account for.
    #[error(
        "the counts don't add up: {} rows sent, but {} accepted + {} failed + {} unprocessed{}",
        .0.sent, .0.accepted, .0.failed, .0.unprocessed,
        match .0.unknown { 0 => String::new(), unknown => format!(" + {unknown} unknown") }
    )]
    Sent(Box<RowCounts>),
}

/// Rows and faults, by column and code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CodeCounts {
    /// Rows at fault.
    pub rows: u64,
    /// Lines that they took along, see [`RowCounts`].
    #[serde(skip)]
    pub taken_along: u64,
    /// Their faults; a row may have several.
    pub faults: u64,
    /// Faults by code, the most frequent first.
    pub by_code: Vec<CodeCount>,
    /// Faults by column and code, the most frequent first.
    pub by_column: Vec<ColumnCount>,
    /// Faults that are beyond those listed.
    pub other_codes: u64,
}

/// A code and the number of its faults, in all columns together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CodeCount {
    pub code: String,
    pub faults: Told,
}

/// A column, a code and the number of faults that have both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ColumnCount {
    /// The column by the source's own name; empty where the fault is the whole row's.
    pub column: String,
    /// The name that a stage had given it; `null` where it kept its own.
    pub renamed_to: Option<String>,
    pub code: String,
    pub faults: Told,
}

impl CodeCounts {
    /// Without small counts of `sensitive` columns, and of the codes that these have.
    pub(crate) fn without_few(mut self, sensitive: &[String]) -> CodeCounts {
        for count in &mut self.by_column {
            let names = [Some(&count.column), count.renamed_to.as_ref()];
            // One may be made of several.
            let mut names = (names.into_iter().flatten()).flat_map(|names| names.split(JOINED));
            if names.any(|name| sensitive.iter().any(|sensitive| sensitive == name)) {
                let of_code = self.by_code.iter_mut().filter(|c| c.code == count.code);
                of_code.for_each(|of_code| of_code.faults = of_code.faults.unless_few());
                count.faults = count.faults.unless_few();
            }
        }
        self
    }
}

impl From<&Tally> for CodeCounts {
    fn from(tally: &Tally) -> CodeCounts {
        let counts = tally.counts();
        let mut codes: BTreeMap<&str, u64> = BTreeMap::new();
        for count in &counts {
            *codes.entry(count.code).or_default() += count.faults;
        }
        let mut by_code: Vec<_> = codes.into_iter().collect();
        by_code.sort_by_key(|(_, faults)| Reverse(*faults));
        let by_code = by_code.into_iter().map(|(code, faults)| CodeCount {
            code: code.to_owned(),
            faults: Told::Count(faults),
        });
        let by_column = counts.iter().map(|count| ColumnCount {
            column: count.column.to_owned(),
            renamed_to: count.renamed_to.map(str::to_owned),
            code: count.code.to_owned(),
            faults: Told::Count(count.faults),
        });
        CodeCounts {
            rows: tally.rows(),
            taken_along: tally.taken_along(),
            faults: tally.faults(),
            by_code: by_code.collect(),
            by_column: by_column.collect(),
            other_codes: tally.others(),
        }
    }
}
