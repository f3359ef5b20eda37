//! Guards: whether what the survey found may be sent, and whether what the server refused is too much.
//!
//! They know numbers alone: totals go in, decisions come out. Nothing here reads, waits or writes.

pub(crate) mod changes;
mod exceeded;
pub(crate) mod expect;
pub(crate) mod limit;
mod past;
mod refused;
pub(crate) mod spec;
mod turnover;

use serde::Serialize;

use changes::{Changes, Figure};
pub(crate) use exceeded::Exceeded;
use expect::NotWhole;
pub(crate) use past::{History, Kept, Last, Standing};
pub(crate) use refused::Refused;
pub(crate) use refused::refused;
use spec::{GuardSpec, ImplicitDelete, MinRowsSpec, OnExceed, OnReject};
use turnover::Turnover;

use crate::settings::units::Amount;
use crate::text::of_rows;

/// Shares mean little of a few rows, so they hold from so many rows on.
pub(crate) const SHARES_FROM: u64 = 100;

/// The reject limit of a pipeline that states none.
pub(crate) const REJECTS_AT_MOST: Amount = Amount::Percent(5.0);

/// The share of the last accepted run that an upload must name where the server deletes what it does not name.
const OF_LAST: Amount = Amount::Percent(90.0);

/// How many rows fewer than in the last accepted run there may be where shares mean little.
const FEWER_THAN_LAST: u64 = 5;

/// What the pipeline says of its guards.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// `rejects.at_most`.
    pub rejects: Option<Amount>,
    /// The section `guard`.
    pub guard: GuardSpec,
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
    /// Rows at fault whose key is not known, or may be wrong.
    pub keyless: u64,
    /// Rows that the upload names, those that it names and does not change among them.
    pub named: u64,
    /// Of these, those that change something.
    pub kept: u64,
    /// The fault that rows have most often, in words.
    pub commonest: Option<String>,
    /// The rules with limits of their own, and how many rows break each.
    pub broken: Vec<Broken>,
    /// What the upload would do to the people at the target.
    pub changes: Changes,
    /// What of the hierarchies stops the run.
    pub hierarchy: Option<Stop>,
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
    /// It is off for this run, as too many would be deleted; so many runs in a row by now.
    Withheld(u32),
}

impl Deletion {
    /// How many runs in a row it has been off.
    pub(crate) fn off(self) -> u32 {
        match self {
            Deletion::NotAsked | Deletion::On => 0,
            Deletion::Off(runs) | Deletion::Withheld(runs) => runs,
        }
    }
}

/// What a guard does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    /// It lets it go on.
    Passed,
    /// It stops it.
    Stopped,
    /// It would stop it, and the plan was approved.
    Approved,
    /// It lets it go on without its deletions.
    Withheld,
}

/// What one guard decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// Its name, such as `reject_limit`.
    pub guard: String,
    /// Its limit in words.
    pub limit: String,
    /// What was counted.
    pub count: u64,
    /// Whether that is all of it; otherwise there may be more.
    pub exact: bool,
    /// Of how many, where that is known.
    pub of: Option<u64>,
    pub decision: Decision,
}

impl Ruling {
    fn new(guard: &str, limit: String, (count, of): (u64, u64), stops: bool) -> Ruling {
        Ruling {
            guard: guard.to_owned(),
            limit,
            count,
            exact: true,
            of: Some(of),
            decision: match stops {
                true => Decision::Stopped,
                false => Decision::Passed,
            },
        }
    }
}

/// How many rows break a rule that has a limit of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broken {
    /// What is broken, in words.
    pub what: String,
    /// Where the limit is stated.
    pub setting: String,
    pub at_most: Amount,
    /// Whether rows that break it go out all the same.
    pub warns: bool,
    pub rows: u64,
    /// Whether how many they are would tell who they are.
    pub few: bool,
}

impl Broken {
    /// "12 of 100 rows break".
    fn in_words(&self, read: u64) -> String {
        match (self.rows, read) {
            (1, 1) => "the only row breaks".to_owned(),
            (1, read) => format!("1 of {read} rows breaks"),
            (rows, read) => format!("{rows} of {read} rows break"),
        }
    }
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
            lines => format!(" ({lines} of them as lines that others took along)"),
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
    #[error("{rows} {what}, and {setting} is {at_most}")]
    Broken {
        /// "12 of 100 rows break", or without a number.
        rows: String,
        /// What they break.
        what: String,
        setting: String,
        at_most: String,
        /// Whether they would go out all the same.
        warns: bool,
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
    #[error("no row is left to send, and {0}")]
    NobodyLeft(&'static str),
    #[error(
        "rows were rejected ({0}), and `implicit_delete: {{ on_reject: block }}` stops the run in that case"
    )]
    RejectsBlock(u64),
    #[error(
        "{} at fault without a key that is certain, so that whom they are about can't be carried forward \
         (`implicit_delete: {{ on_reject: carry_forward }}`)",
        of_rows(*rows, *rejected)
    )]
    Keyless { rows: u64, rejected: u64 },
    /// What may be approved.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Exceeded(Vec<Exceeded>),
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
    /// What stops the run.
    pub stop: Option<Stop>,
    /// Where rows that delete are to be held back: how many are not deleted whom no row names.
    pub withholds: Option<Figure>,
    /// Why, or what was approved.
    pub exceeded: Vec<Exceeded>,
    /// What the upload does to the people at the target.
    pub changes: Changes,
    /// What no guard could judge.
    pub warnings: Vec<String>,
}

/// Decides whether an upload may be sent and imported. What was `approved` passes the limits of the section `guard`, and
/// these alone.
pub(crate) fn decide(
    limits: &Limits,
    totals: &Totals,
    history: &History,
    approved: bool,
) -> Decided {
    let last = history.last.as_ref();
    let mut decided = Decided {
        deletion: deletion(limits, totals, last),
        changes: totals.changes.clone(),
        ..Decided::default()
    };
    if decided.deletion != Deletion::On {
        decided.changes.implicit = Some(Figure::exactly(0));
    }
    // Which rule it is says more than how many rows are rejected in all.
    let broken = broken(totals, &mut decided.rulings);
    let rejects = rejects(limits.rejects, totals, &mut decided.rulings);
    decided.stop = broken
        .or(rejects)
        .or_else(|| nothing_left(limits, totals))
        .or_else(|| at_fault(limits, totals));
    let rows = match min_rows(limits, totals, last, &mut decided.rulings) {
        Err(unknown) => {
            decided.stop = decided.stop.or(Some(unknown));
            None
        }
        Ok(too_few) => too_few,
    };
    if let Some(stop @ Stop::Hierarchy { rows, .. }) = &totals.hierarchy {
        // It can't be approved, so it comes before what can.
        let limit = "validate.hierarchy says stop".to_owned();
        let counts = (*rows, totals.read);
        decided
            .rulings
            .push(Ruling::new("hierarchy", limit, counts, true));
        decided.stop.get_or_insert_with(|| stop.clone());
    }
    let judged = changes::judge(&limits.guard, &decided.changes, &history.past);
    decided.rulings.extend(judged.rulings);
    decided.exceeded.extend(rows);
    match lost(totals, last, &judged.unknown) {
        Some(lost) => {
            let limit = "what they are compared with is lost".to_owned();
            let counts = (totals.named, totals.named);
            decided
                .rulings
                .push(Ruling::new(lost.guard(), limit, counts, true));
            decided.exceeded.push(lost);
        }
        None => decided.warnings = judged.unknown.iter().map(|name| unknown(name)).collect(),
    }
    let too_many = judged.exceeded.into_iter().map(Exceeded::TooMany);
    decided.exceeded.extend(too_many);
    if let Some(turnover) = Turnover::of(&limits.guard, &decided.changes) {
        decided.rulings.push(turnover.ruling());
        decided.exceeded.push(Exceeded::Turnover(turnover));
    }
    decided.follow(limits, last, approved);
    decided
}

impl Decided {
    /// What follows of limits that are not kept.
    fn follow(&mut self, limits: &Limits, last: Option<&Last>, approved: bool) {
        if self.stop.is_some() {
            // Who mends the one should know of the other.
            let others = self.exceeded.drain(..);
            let told = others.map(|other| format!("it would be stopped for this, too: {other}"));
            self.warnings.extend(told);
            return;
        }
        if self.exceeded.is_empty() {
            return;
        }
        if approved {
            self.mark(Decision::Approved, |_| true);
            return;
        }
        let deletes = |guard: &str| guard == "max_delete";
        let others = |exceeded: &&Exceeded| !deletes(exceeded.guard());
        let withholds = limits.guard.on_exceed == OnExceed::WithholdDeletes;
        let stopping: Vec<Exceeded> = match withholds {
            true => self.exceeded.iter().filter(others).cloned().collect(),
            false => self.exceeded.clone(),
        };
        if !stopping.is_empty() {
            self.stop = Some(Stop::Exceeded(stopping));
            return;
        }
        self.mark(Decision::Withheld, deletes);
        let unnamed = [self.changes.implicit, self.changes.gone];
        let unnamed = unnamed.into_iter().flatten().reduce(|a, b| a + b);
        self.withholds = Some(unnamed.unwrap_or(Figure::at_least(0)));
        let gone = self.changes.gone.is_some_and(|gone| gone.count > 0);
        if self.deletion == Deletion::On || gone {
            self.deletion = Deletion::Withheld(in_a_row(last));
        }
        self.changes.delete_nobody();
    }

    fn mark(&mut self, decision: Decision, which: impl Fn(&str) -> bool) {
        let stopped = self.rulings.iter_mut();
        stopped
            .filter(|ruling| ruling.decision == Decision::Stopped && which(&ruling.guard))
            .for_each(|ruling| ruling.decision = decision);
    }
}

/// Why a run can't be compared with the accepted one before it, where that one left something to compare with.
fn lost(totals: &Totals, last: Option<&Last>, unknown: &[String]) -> Option<Exceeded> {
    let lost = totals.changes.lost.as_ref().filter(|_| last.is_some())?;
    (lost.stops || !unknown.is_empty()).then(|| Exceeded::Lost {
        why: lost.why.clone(),
        guards: unknown.to_vec(),
    })
}

/// What to say of a guard whose figure is not known in this run.
fn unknown(guard: &str) -> String {
    format!(
        "guard.{guard} was not looked at: there is no accepted run that tells what stands at the target"
    )
}

/// How many accepted runs in a row have deletion off, with this one.
fn in_a_row(last: Option<&Last>) -> u32 {
    last.map_or(0, |last| last.deletion_off) + 1
}

/// Whether the import deletes what the upload does not name, unless too many would be deleted.
pub(crate) fn deletes(limits: &Limits, totals: &Totals) -> bool {
    deletion(limits, totals, None) == Deletion::On
}

/// Whether more rows are at fault than the limits of rejects and of rules allow, whatever else guards would say.
pub(crate) fn too_many(at_most: Option<Amount>, totals: &Totals) -> Option<Stop> {
    let mut rulings = Vec::new();
    broken(totals, &mut rulings).or_else(|| rejects(at_most, totals, &mut rulings))
}

fn deletion(limits: &Limits, totals: &Totals, last: Option<&Last>) -> Deletion {
    match limits.deletes {
        ImplicitDelete::Off => Deletion::NotAsked,
        ImplicitDelete::On(on_reject) => {
            match totals.rejected == 0 || on_reject == OnReject::CarryForward {
                true => Deletion::On,
                false => Deletion::Off(in_a_row(last)),
            }
        }
    }
}

fn rejects(at_most: Option<Amount>, totals: &Totals, rulings: &mut Vec<Ruling>) -> Option<Stop> {
    let taken_along = totals.taken_along;
    let (read, rejected) = (totals.read + taken_along, totals.rejected + taken_along);
    let (limit, words) = match at_most {
        Some(limit) => (limit, format!("rejects.at_most is {limit}")),
        None if read < SHARES_FROM => return None,
        None => (
            REJECTS_AT_MOST,
            format!("no more than {REJECTS_AT_MOST} may be unless rejects.at_most says otherwise"),
        ),
    };
    let stops = limit.is_exceeded(rejected, read);
    let counts = (rejected, read);
    rulings.push(Ruling::new(
        "reject_limit",
        format!("at most {limit}"),
        counts,
        stops,
    ));
    stops.then_some(Stop::Rejects {
        rejected,
        read,
        taken_along,
        limit: words,
    })
}

/// Whether more rows break a rule than its own limit allows: the first such rule.
fn broken(totals: &Totals, rulings: &mut Vec<Ruling>) -> Option<Stop> {
    let mut stop = None;
    for broken in &totals.broken {
        let stops = broken.at_most.is_exceeded(broken.rows, totals.read);
        // Of a few, no more is told than that there are any.
        let told = if broken.few { 1 } else { broken.rows };
        let mut ruling = Ruling::new(
            &broken.setting,
            format!("at most {}", broken.at_most),
            (told, totals.read),
            stops,
        );
        ruling.exact = !broken.few;
        rulings.push(ruling);
        if stops && stop.is_none() {
            let rows = match broken.few {
                true => "fewer than 5 rows break".to_owned(),
                false => broken.in_words(totals.read),
            };
            stop = Some(Stop::Broken {
                rows,
                what: broken.what.clone(),
                setting: broken.setting.clone(),
                at_most: broken.at_most.to_string(),
                warns: broken.warns,
            });
        }
    }
    stop
}

fn nothing_left(limits: &Limits, totals: &Totals) -> Option<Stop> {
    if totals.kept > 0 {
        None
    } else if totals.rejected > 0 {
        Some(Stop::NothingLeft {
            rejected: totals.rejected,
            read: totals.read,
            commonest: totals.commonest.clone().unwrap_or_default(),
        })
    } else if limits.deletes.is_on() {
        Some(Stop::NobodyLeft(
            "implicit_delete would delete every item of the data set",
        ))
    } else {
        let gone = totals.changes.gone.is_some_and(|gone| gone.count > 0);
        gone.then_some(Stop::NobodyLeft(
            "the difference would delete the people at the target",
        ))
    }
}

/// Rows at fault where people who are not named are deleted.
fn at_fault(limits: &Limits, totals: &Totals) -> Option<Stop> {
    // A line that was taken along may be somebody whom nobody saw.
    let keyless = totals.keyless + totals.taken_along;
    match limits.deletes {
        ImplicitDelete::On(OnReject::Block) if totals.rejected > 0 => {
            Some(Stop::RejectsBlock(totals.rejected))
        }
        ImplicitDelete::On(OnReject::CarryForward) if keyless > 0 => Some(Stop::Keyless {
            rows: keyless,
            rejected: totals.rejected + totals.taken_along,
        }),
        _ => None,
    }
}

/// Whether an upload names too few rows.
///
/// # Errors
/// There is nothing to compare it with, and people would be deleted.
fn min_rows(
    limits: &Limits,
    totals: &Totals,
    last: Option<&Last>,
    rulings: &mut Vec<Ruling>,
) -> Result<Option<Exceeded>, Stop> {
    let named = totals.named;
    let deletes = limits.deletes.is_on();
    let relative = match limits.guard.min_rows {
        Some(MinRowsSpec::Rows(least)) => return Ok(at_least(least, named, rulings)),
        Some(MinRowsSpec::Relative(relative)) => relative,
        None if deletes && limits.lasting => spec::RelativeSpec::default(),
        None => return Ok(None),
    };
    let Some(&Last {
        named: last,
        by_store,
        ..
    }) = last
    else {
        return match relative.first {
            Some(least) => Ok(at_least(least, named, rulings)),
            None if deletes && limits.lasting => Err(Stop::FirstUnknown { named }),
            None => Ok(None),
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
    let short = is_short(least, named, last, rulings);
    Ok(short.then_some(Exceeded::FewerThanLast {
        named,
        last,
        by_store,
        least,
        limit,
        deletes: deletes && last > named,
    }))
}

fn at_least(least: u64, named: u64, rulings: &mut Vec<Ruling>) -> Option<Exceeded> {
    is_short(least, named, least, rulings).then_some(Exceeded::MinRows { named, least })
}

/// Whether an upload names too few rows, with the ruling written down.
fn is_short(least: u64, named: u64, of: u64, rulings: &mut Vec<Ruling>) -> bool {
    let stops = named < least;
    let limit = format!("at least {least}");
    rulings.push(Ruling::new("min_rows", limit, (named, of), stops));
    stops
}

#[cfg(test)]
mod tests;
