//! What only the whole file knows: rules whose verdict on a record depends on records of other blocks.
//!
//! A rule sees the facts that it asked for of every record, in the order of the source, and gives its verdicts: at
//! once, while the record's block is at hand, or at the end of the file on records that passed long ago. A late
//! verdict makes the survey go through the source once more, with all verdicts known.
//!
//! All memory that grows with the file is here, each kind with its bound written down: [`keys::Keys`],
//! [`unique::Unique`], [`as_of::AsOf`] and [`lines::Lines`].

pub(crate) mod as_of;
pub(crate) mod keys;
pub(crate) mod lines;
pub(crate) mod unique;

use std::ops::Range;
use std::sync::Arc;

use crate::batch::Fault;
use crate::report::run::AsOf as AsOfReport;
use crate::rule::Keep;
use as_of::{AsOf, Reader, SpillError};
use lines::{Lines, Place};
use unique::Unique;

/// What a rule wants to know of every record; the workers find it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The hash of a column's text as keys are compared, with case aside or not, of records that are in or rejected; 0
    /// where there is none that could be read.
    Hash(usize, bool),
    /// How a column's text differs from what it is compared as, in bits; 0 where it doesn't. Where that holds for all
    /// records of a block, as it does for nearly all blocks, there are no values.
    Spelling(usize),
    /// The hash of the record as it is to be sent; 0 where it is not.
    Sent,
    /// When a record holds, as `as_of` reads it.
    Period,
    /// A word of what a record is preferred for, as `as_of` reads it.
    Rank(usize),
}

/// The facts of a block's records: for each fact that was asked for, one value a record, or none at all.
pub(crate) struct Facts<'a> {
    /// The number of the block's first record.
    pub first: u32,
    pub columns: &'a [Vec<u64>],
}

/// What becomes of a record that no rule of its own row finds fault with, or not it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has one more fault; the rule knows which by the reason.
    Reject { rule: u8, reason: u32 },
    /// It is not sent, and not at fault: another one goes in its place.
    LeaveOut,
}

/// The verdicts of the rules, each with the number of its record.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    pub now: Vec<(u32, Verdict)>,
    pub later: Vec<(u32, Verdict)>,
}

/// What is known at the end of the file.
#[derive(Clone, Copy)]
pub(crate) struct Fates<'a> {
    /// The verdicts of the rules that came before, in the order of the records.
    pub before: &'a [(u32, Verdict)],
    pub places: Places<'a>,
}

impl Fates<'_> {
    /// The verdicts on a record.
    fn on(&self, record: u32) -> impl Iterator<Item = Verdict> + '_ {
        let at = self.before.partition_point(|(r, _)| *r < record);
        let verdicts = self.before[at..].iter().take_while(move |v| v.0 == record);
        verdicts.map(|(_, verdict)| *verdict)
    }
}

/// Where records stand, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub lines: &'a Lines,
    /// The names of the source's files.
    pub files: &'a [String],
}

impl Places<'_> {
    fn file(&self, record: u32) -> Option<u32> {
        self.lines.place(record).map(|place| place.file)
    }

    /// `on line 5`, or `in b.csv on line 5` where that is another file than `from` is in.
    fn seen_from(&self, from: u32, record: u32) -> String {
        match (self.lines.place(record), self.file(from)) {
            (Some(Place { file, line }), Some(own)) if file == own => format!("on line {line}"),
            (Some(Place { file, line }), _) => {
                format!("in {} on line {line}", self.files[file as usize])
            }
            (None, _) => "on another line".to_owned(),
        }
    }

    /// Where several records are, up to five of them by name: `on line 5, on line 7 and 3 more times`.
    fn all_seen_from(&self, from: u32, records: &[u32]) -> String {
        let mut named: Vec<String> = records
            .iter()
            .take(NAMED_LINES)
            .map(|&record| self.seen_from(from, record))
            .collect();
        if records.len() > NAMED_LINES {
            named.push(format!("{} more times", records.len() - NAMED_LINES));
        }
        listed(&named)
    }
}

/// Lines that a message names at most.
const NAMED_LINES: usize = 5;

/// `a`, `a and b`, `a, b and c`.
fn listed(parts: &[String]) -> String {
    match parts {
        [rest @ .., before, last] => {
            let mut text: String = rest.iter().map(|part| format!("{part}, ")).collect();
            text.push_str(&format!("{before} and {last}"));
            text
        }
        [only] => only.clone(),
        [] => String::new(),
    }
}

/// What a rule has to say of the file as a whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub warnings: Vec<String>,
    /// What `as_of` came to.
    pub as_of: Option<AsOfReport>,
}

/// A rule of the whole file. It is asked by one thread, and sees the records in the order of the source.
pub(crate) trait Whole: Send {
    /// What it wants to know of every record.
    fn facts(&self) -> Vec<Fact>;
    /// Takes in the facts of the next block.
    ///
    /// # Errors
    /// What is kept on disk can't be.
    fn see(&mut self, block: &Facts<'_>, out: &mut Verdicts) -> Result<(), SpillError>;
    /// Ends the file. It sees what the rules before it decided.
    ///
    /// # Errors
    /// What was kept on disk can't be read.
    fn end(&mut self, fates: &Fates<'_>, out: &mut Verdicts) -> Result<Findings, SpillError>;
    /// The fault of a record that it rejected for this reason.
    fn fault(&self, record: u32, reason: u32, places: &Places<'_>) -> Fault;
    /// The memory that it holds.
    fn bytes(&self) -> usize;
}

/// The column of a key, where it stands, which of several rows keeps it, and whether case counts.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub column: Arc<str>,
    pub slot: usize,
    pub keep: Keep,
    pub ignore_case: bool,
}

/// The rules of a pipeline, in the order in which they decide, and the verdicts that they gave.
pub(crate) struct Rules {
    as_of: Option<AsOf>,
    pub unique: Option<Unique>,
    /// In the order of the records, once the file has ended.
    verdicts: Vec<(u32, Verdict)>,
    late: bool,
}

impl Rules {
    pub(crate) fn new(key: Option<&Key>, as_of: Option<&Arc<Reader>>) -> Rules {
        let before = as_of.map(|reader| reader.key().0);
        Rules {
            as_of: as_of.map(|reader| AsOf::new(reader.clone())),
            unique: key.map(|key| Unique::new(key.clone(), before)),
            verdicts: Vec::new(),
            late: false,
        }
    }

    fn all(&self) -> impl Iterator<Item = &dyn Whole> {
        let as_of = self.as_of.iter().map(|rule| rule as &dyn Whole);
        as_of.chain(self.unique.iter().map(|rule| rule as &dyn Whole))
    }

    fn each(
        &mut self,
        mut f: impl FnMut(u8, &mut dyn Whole) -> Result<(), SpillError>,
    ) -> Result<(), SpillError> {
        let as_of = self.as_of.iter_mut().map(|rule| rule as &mut dyn Whole);
        let all = as_of.chain(self.unique.iter_mut().map(|rule| rule as &mut dyn Whole));
        all.zip(0..).try_for_each(|(rule, number)| f(number, rule))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// What all of them want to know, rule by rule.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.all().flat_map(|rule| rule.facts()).collect()
    }

    /// Shows them a block, and returns the verdicts that they give at once.
    ///
    /// # Errors
    /// What is kept on disk can't be.
    pub(crate) fn see(&mut self, block: &Facts<'_>) -> Result<Vec<(u32, Verdict)>, SpillError> {
        let mut given = Verdicts::default();
        let mut from = 0;
        self.each(|number, rule| {
            let facts = Facts {
                first: block.first,
                columns: &block.columns[from..from + rule.facts().len()],
            };
            from += facts.columns.len();
            let (now, later) = (given.now.len(), given.later.len());
            rule.see(&facts, &mut given)?;
            sign(&mut given.now[now..], number);
            sign(&mut given.later[later..], number);
            Ok(())
        })?;
        self.late |= !given.later.is_empty();
        given.now.sort_by_key(|(record, _)| *record);
        self.verdicts.extend(&given.now);
        self.verdicts.append(&mut given.later);
        Ok(given.now)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What was kept on disk can't be read.
    pub(crate) fn end(&mut self, places: Places<'_>) -> Result<Findings, SpillError> {
        let mut findings = Findings::default();
        let mut verdicts = std::mem::take(&mut self.verdicts);
        let mut late = self.late;
        verdicts.sort_by_key(|(record, _)| *record);
        self.each(|number, rule| {
            let mut out = Verdicts::default();
            let fates = Fates {
                before: &verdicts,
                places,
            };
            let found = rule.end(&fates, &mut out)?;
            findings.warnings.extend(found.warnings);
            findings.as_of = found.as_of.or(findings.as_of.take());
            sign(&mut out.later, number);
            late |= !out.later.is_empty();
            verdicts.append(&mut out.later);
            verdicts.sort_by_key(|(record, _)| *record);
            Ok(())
        })?;
        self.verdicts = verdicts;
        self.late = late;
        Ok(findings)
    }

    /// Whether a verdict fell on a record whose block was gone.
    pub(crate) fn were_late(&self) -> bool {
        self.late
    }

    /// The verdicts on these records, once the file has ended.
    pub(crate) fn verdicts(&self, records: Range<u32>) -> &[(u32, Verdict)] {
        let from = self.verdicts.partition_point(|(r, _)| *r < records.start);
        let until = self.verdicts.partition_point(|(r, _)| *r < records.end);
        &self.verdicts[from..until]
    }

    /// The fault of a record that a rule rejected for this reason.
    pub(crate) fn fault(
        &self,
        record: u32,
        (rule, reason): (u8, u32),
        places: &Places<'_>,
    ) -> Option<Fault> {
        let rule = self.all().nth(usize::from(rule))?;
        Some(rule.fault(record, reason, places))
    }

    /// The memory that they hold.
    pub(crate) fn bytes(&self) -> usize {
        let verdicts = self.verdicts.capacity() * size_of::<(u32, Verdict)>();
        verdicts + self.all().map(|rule| rule.bytes()).sum::<usize>()
    }
}

/// Puts a rule's number on its verdicts.
fn sign(verdicts: &mut [(u32, Verdict)], number: u8) {
    for (_, verdict) in verdicts {
        if let Verdict::Reject { rule, .. } = verdict {
            *rule = number;
        }
    }
}
