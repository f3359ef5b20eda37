//! Guards: whether what the survey found may be sent, and whether what the server refused is too much.
//!
//! They know numbers alone: totals go in, decisions come out. Nothing here reads, waits or writes.

pub(crate) mod expect;
pub(crate) mod spec;

use expect::NotWhole;
use spec::{ImplicitDelete, MinRowsSpec, OnReject};

use crate::settings::units::Amount;
use crate::text::{counted, of_rows};

/// Shares mean little of a few rows, so they hold from so many rows on.
pub(crate) const SHARES_FROM: u64 = 100;

/// The reject limit of a pipeline that states none.
pub(crate) const REJECTS_AT_MOST: Amount = Amount::Percent(5.0);

/// The share of the last accepted run that an upload must name where the server deletes what it does not name.
const OF_LAST: Amount = Amount::Percent(90.0);

/// How many rows fewer than in the last accepted run there may be where shares mean little.
const FEWER_THAN_LAST: u64 = 5;

/// What the pipeline says of its guards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `rejects.at_most`.
    pub rejects: Option<Amount>,
    /// `guard.min_rows`.
    pub min_rows: Option<MinRowsSpec>,
    /// `implicit_delete` of the target.
    pub deletes: ImplicitDelete,
    /// Whether items outlive the run: in the embedded sandbox nothing is there to be deleted.
    pub lasting: bool,
}

/// What the survey found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// Records of the source.
    pub read: u64,
    /// Rows at fault.
    pub rejected: u64,
    /// Lines more that they took along: each counts as a row that was read and rejected.
    pub taken_along: u64,
    /// Rows that the upload names.
    pub named: u64,
    /// The fault that rows have most often, in words.
    pub commonest: Option<String>,
}

/// The last accepted run of this pipeline on this data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    /// Rows that its upload named.
    pub named: u64,
    /// How many accepted runs in a row, up to that one, had deletion turned off.
    pub deletion_off: u32,
}

/// Whether the import deletes what the upload does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// The pipeline does not ask for it.
    #[default]
    NotAsked,
    /// It does.
    On,
    /// It is off for this run, as rows were rejected; so many runs in a row by now.
    Off(u32),
}

/// What one guard decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// Its name, such as `reject_limit`.
    pub guard: &'static str,
    /// Its limit in words.
    pub limit: String,
    /// What was counted.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Whether it stops the run.
    pub stops: bool,
}

/// Why a guard stops a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    #[error(transparent)]
    NotWhole(#[from] NotWhole),
    #[error(
        "{} rejected{}, and {limit}",
        of_rows(*rejected, *read),
        match taken_along {
            0 => String::new(),
            lines => format!(" ({lines} of them as lines swallowed by a wrong quote)"),
        }
    )]
    Rejects {
        rejected: u64,
        read: u64,
        /// How many of them are lines that another row took along.
        taken_along: u64,
        /// The limit as part of the sentence.
        limit: String,
    },
    #[error(
        "no row is left to send: {} rejected{} {commonest}",
        of_rows(*rejected, *read),
        if *rejected == 1 { ", for" } else { ", most often for" }
    )]
    NothingLeft {
        rejected: u64,
        read: u64,
        commonest: String,
    },
    #[error("no row is left to send, and implicit_delete would delete every item of the data set")]
    NobodyLeft,
    #[error(
        "rows were rejected ({0}), and `implicit_delete: {{ on_reject: block }}` stops the run in that case"
    )]
    RejectsBlock(u64),
    #[error("the upload names {}, and guard.min_rows asks for {least} at least", counted(*named, "row"))]
    MinRows { named: u64, least: u64 },
    #[error(
        "the upload names {}, and that of the last accepted run named {last}{}: {least} at least are expected \
         ({limit}); if so few are intended, run once with `--set guard.min_rows={named}`",
        counted(*named, "row"),
        if *deletes { format!(", so that {} would be deleted", last - named) } else { String::new() }
    )]
    FewerThanLast {
        named: u64,
        last: u64,
        least: u64,
        limit: String,
        deletes: bool,
    },
    #[error(
        "implicit_delete deletes every item that the upload does not name, and there is no accepted run to compare this \
         one with; state how many rows the first one must have at least: `guard: {{ min_rows: {{ first: N }} }}` (this upload \
         names {named})"
    )]
    FirstUnknown { named: u64 },
    #[error("{why}, and validate.hierarchy says that the run stops then")]
    Hierarchy {
        why: String,
        /// Rows that are the reason.
        rows: u64,
    },
}

/// What all guards decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decided {
    pub rulings: Vec<Ruling>,
    /// Whether the import deletes what the upload does not name.
    pub deletion: Deletion,
    /// The first guard that stops the run.
    pub stop: Option<Stop>,
}

/// Decides whether an upload may be sent and imported.
pub(crate) fn decide(limits: &Limits, totals: &Totals, last: Option<Last>) -> Decided {
    let mut decided = Decided {
        deletion: deletion(limits, totals, last),
        ..Decided::default()
    };
    decided.stop = rejects(limits, totals, &mut decided.rulings)
        .or_else(|| nothing_left(limits, totals))
        .or_else(|| block(limits, totals))
        .or_else(|| min_rows(limits, totals, last, &mut decided.rulings));
    decided
}

fn deletion(limits: &Limits, totals: &Totals, last: Option<Last>) -> Deletion {
    match limits.deletes {
        ImplicitDelete::Off => Deletion::NotAsked,
        ImplicitDelete::On(_) if totals.rejected == 0 => Deletion::On,
        ImplicitDelete::On(_) => Deletion::Off(last.map_or(0, |last| last.deletion_off) + 1),
    }
}

fn rejects(limits: &Limits, totals: &Totals, rulings: &mut Vec<Ruling>) -> Option<Stop> {
    let taken_along = totals.taken_along;
    let (read, rejected) = (totals.read + taken_along, totals.rejected + taken_along);
    let (limit, words) = match limits.rejects {
        Some(limit) => (limit, format!("rejects.at_most is {limit}")),
        None if read < SHARES_FROM => return None,
        None => (
            REJECTS_AT_MOST,
            format!("no more than {REJECTS_AT_MOST} may be unless rejects.at_most says otherwise"),
        ),
    };
    let stops = limit.is_exceeded(rejected, read);
    rulings.push(Ruling {
        guard: "reject_limit",
        limit: format!("at most {limit}"),
        count: rejected,
        of: read,
        stops,
    });
    stops.then_some(Stop::Rejects {
        rejected,
        read,
        taken_along,
        limit: words,
    })
}

fn nothing_left(limits: &Limits, totals: &Totals) -> Option<Stop> {
    if totals.named > 0 {
        None
    } else if totals.rejected > 0 {
        Some(Stop::NothingLeft {
            rejected: totals.rejected,
            read: totals.read,
            commonest: totals.commonest.clone().unwrap_or_default(),
        })
    } else {
        limits.deletes.is_on().then_some(Stop::NobodyLeft)
    }
}

fn block(limits: &Limits, totals: &Totals) -> Option<Stop> {
    let blocks = limits.deletes == ImplicitDelete::On(OnReject::Block) && totals.rejected > 0;
    blocks.then_some(Stop::RejectsBlock(totals.rejected))
}

fn min_rows(
    limits: &Limits,
    totals: &Totals,
    last: Option<Last>,
    rulings: &mut Vec<Ruling>,
) -> Option<Stop> {
    let named = totals.named;
    let deletes = limits.deletes.is_on();
    let relative = match limits.min_rows {
        Some(MinRowsSpec::Rows(least)) => return at_least(least, named, rulings),
        Some(MinRowsSpec::Relative(relative)) => relative,
        None if deletes && limits.lasting => spec::RelativeSpec::default(),
        None => return None,
    };
    let Some(Last { named: last, .. }) = last else {
        return match relative.first {
            Some(least) => at_least(least, named, rulings),
            None if deletes && limits.lasting => Some(Stop::FirstUnknown { named }),
            None => None,
        };
    };
    let (least, limit) = match relative.of_last.unwrap_or(OF_LAST) {
        Amount::Rows(rows) => (rows, format!("guard.min_rows.of_last is {rows}")),
        Amount::Percent(_) if last < SHARES_FROM => (
            last.saturating_sub(FEWER_THAN_LAST).max(last.div_ceil(2)),
            format!(
                "no more than {FEWER_THAN_LAST} fewer and half of them, as there were not {SHARES_FROM}"
            ),
        ),
        Amount::Percent(percent) => (
            (last as f64 * percent / 100.0).ceil() as u64,
            format!("guard.min_rows.of_last is {percent}%"),
        ),
    };
    is_short(least, named, last, rulings).then_some(Stop::FewerThanLast {
        named,
        last,
        least,
        limit,
        deletes: deletes && last > named,
    })
}

fn at_least(least: u64, named: u64, rulings: &mut Vec<Ruling>) -> Option<Stop> {
    is_short(least, named, least, rulings).then_some(Stop::MinRows { named, least })
}

/// Whether an upload names too few rows, with the ruling written down.
fn is_short(least: u64, named: u64, of: u64, rulings: &mut Vec<Ruling>) -> bool {
    let stops = named < least;
    rulings.push(Ruling {
        guard: "min_rows",
        limit: format!("at least {least}"),
        count: named,
        of,
        stops,
    });
    stops
}

/// Why what the server refused is too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the server refused {}", match sent {
        1 => "the only row that was sent".to_owned(),
        sent => format!("all {sent} rows that were sent"),
    })]
    All { sent: u64 },
    #[error(
        "the server refused {failed} of the {sent} rows that were sent, and refused.at_most is {limit}"
    )]
    TooMany {
        failed: u64,
        sent: u64,
        limit: String,
    },
}

/// Whether the server refused too much of what was sent; what it accepted stands all the same.
pub(crate) fn refused(at_most: Option<Amount>, sent: u64, failed: u64) -> Option<Refused> {
    if sent > 0 && failed == sent {
        return Some(Refused::All { sent });
    }
    let limit = at_most.filter(|limit| sent >= SHARES_FROM && limit.is_exceeded(failed, sent))?;
    Some(Refused::TooMany {
        failed,
        sent,
        limit: limit.to_string(),
    })
}

#[cfg(test)]
mod tests;
