//! What only the whole file knows: rules whose verdict on a record depends on records of other blocks.
//!
//! A rule sees the facts that it asked for of every record, in the order of the source, and gives its verdicts: at
//! once, while the record's block is at hand, or at the end of the file on records that passed long ago. A late
//! verdict makes the survey go through the source once more, with all verdicts known. What is needed of few records and
//! takes long to find out is asked for before that, when it is known which they are.
//!
//! All memory that grows with the file is here, each kind with its bound written down: [`keys::Keys`],
//! [`as_of::AsOf`], [`unique::Unique`], [`hierarchy::Hierarchy`] and [`lines::Lines`].

pub(crate) mod as_of;
pub(crate) mod bits;
pub(crate) mod hierarchy;
pub(crate) mod keys;
pub(crate) mod lines;
pub(crate) mod unique;

use std::ops::Range;
use std::sync::Arc;

use crate::batch::Fault;
use crate::report::human;
use crate::report::run::{AsOf as AsOfReport, Line, Seen};
use crate::rule::Keep;
use as_of::{AsOf, Reader, SpillError};
use bits::Bits;
use hierarchy::{Hierarchy, Loose, Told, Tree};
use lines::{Lines, Place};
use unique::Unique;

/// What a rule wants to know of every record; the workers find it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The hash of a column's text as keys are compared, without regard to case or with it, of records that are in or
    /// rejected; 0 where there is none that could be read.
    Hash(usize, bool),
    /// The same of records that have none there and a text all the same: a filter left them out, or the cell is at
    /// fault. Where no record of a block is such, there are no values.
    Aside(usize, bool),
    /// The same of records that are in, but for cells in which there is nothing to see.
    Parent(usize, bool),
    /// How a column's text differs from what it is compared as, in bits; 0 where it doesn't. Where that holds for all
    /// records of a block, as it does for nearly all blocks, there are no values.
    Spelling(usize),
    /// The hash of the record as it is to be sent; 0 where it is not.
    Sent,
    /// The same where it is known without a look at all cells, as of rows that are compared with what the target has. No
    /// values otherwise.
    SentIfKnown,
    /// When a record holds, as `as_of` reads it.
    Period,
    /// A word of what a record is preferred for, as `as_of` reads it.
    Rank(usize),
    /// Whether a filter left the record out. Where that holds for none of a block, there are no values.
    Filtered,
    /// Whether the target has the row as it is, so that it is not sent.
    Unchanged,
    /// Whether the record is one of somebody who has left, as the hierarchy of this number says. Where that holds for
    /// none of a block, there are no values.
    Left(usize),
}

/// A fact of the records of a block: one value a record, or none at all. Several rules may ask for it, and keep it.
pub(crate) type Values = Arc<Vec<u64>>;

/// The facts of a block's records that were asked for.
pub(crate) struct Facts<'a> {
    /// The number of the block's first record.
    pub first: u32,
    pub records: usize,
    pub columns: &'a [Values],
}

/// What becomes of a record that no rule of its own row finds fault with, or not it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has one more fault; the rule knows which by the reason.
    Reject { rule: u8, reason: u32 },
    /// It is not sent, and not at fault: another one goes in its place.
    LeaveOut,
    /// It is not sent, and not at fault: it would delete somebody, and too many do.
    Withhold,
    /// It is sent with a cell empty; the rule knows which.
    Clear { rule: u8 },
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
    /// Records that a filter left out, where a rule asks for what becomes of records.
    filtered: &'a Bits,
    /// Records that the target has as they are.
    unchanged: &'a Bits,
    /// The keys, for rules that come after that of the key.
    pub keys: Option<&'a Unique>,
}

/// What becomes of a record, as far as its own rules and the rules before tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the upload, or at the target as it is.
    In,
    Rejected,
    /// A filter left it out.
    Filtered,
    /// Another one goes in its place.
    LeftOut,
}

impl<'a> Fates<'a> {
    /// The verdicts on a record.
    fn on(&self, record: u32) -> impl Iterator<Item = Verdict> + '_ {
        let at = self.before.partition_point(|(r, _)| *r < record);
        let verdicts = self.before[at..].iter().take_while(move |v| v.0 == record);
        verdicts.map(|(_, verdict)| *verdict)
    }

    #[cfg(test)]
    fn new(before: &'a [(u32, Verdict)], places: Places<'a>) -> Fates<'a> {
        static NONE: Bits = Bits::new();
        Fates {
            before,
            places,
            filtered: &NONE,
            unchanged: &NONE,
            keys: None,
        }
    }

    /// What becomes of every record, in order.
    fn all(&self) -> impl Iterator<Item = Fate> + use<'a> {
        let Fates {
            before,
            places: Places { lines, .. },
            filtered,
            unchanged,
            ..
        } = *self;
        let mut before = before.iter().peekable();
        (0..lines.len() as u32).map(move |record| {
            let mut fate = match lines.is_sent(record) || unchanged.get(record) {
                true => Fate::In,
                false if filtered.get(record) => Fate::Filtered,
                false => Fate::Rejected,
            };
            while let Some((_, verdict)) = before.next_if(|(r, _)| *r == record) {
                match verdict {
                    Verdict::LeaveOut => fate = Fate::LeftOut,
                    Verdict::Reject { .. } if fate == Fate::In => fate = Fate::Rejected,
                    // Rows are held back once all rules have ended.
                    Verdict::Reject { .. } | Verdict::Clear { .. } | Verdict::Withhold => {}
                }
            }
            fate
        })
    }
}

/// Where records stand, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub lines: &'a Lines,
    /// The names of the source's files.
    pub files: &'a [String],
}

/// Most records whose places are told.
const TOLD: usize = 20;

impl Places<'_> {
    /// How many records these are, and the lines of the first ones.
    pub(crate) fn seen(&self, records: &[u32]) -> Seen {
        let place = |record: &u32| {
            let place = self.lines.place(*record)?;
            Some(Line {
                file: self.files[place.file as usize].clone(),
                line: place.line,
            })
        };
        Seen {
            count: records.len() as u64,
            first: records.iter().take(TOLD).filter_map(place).collect(),
        }
    }

    fn file(&self, record: u32) -> Option<u32> {
        self.lines.place(record).map(|place| place.file)
    }

    /// `on line 5`, or `in b.csv on line 5` where that is another file than `from` is in. Where it is the very line of
    /// `from`, as in JSON that has no line breaks, the record's number tells them apart.
    fn seen_from(&self, from: u32, record: u32) -> String {
        match (self.lines.place(record), self.lines.place(from)) {
            (Some(place), Some(own)) if place == own && record != from => format!(
                "on the same line, as the {} record that was read",
                human::ordinal(record.saturating_add(1))
            ),
            (Some(Place { file, line }), Some(own)) if file == own.file => {
                format!("on line {line}")
            }
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
    /// The physical column whose cell is emptied where it says that one is.
    fn clears(&self) -> Option<usize> {
        None
    }
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
    trees: Vec<Hierarchy>,
    /// What they want to know, each fact once, and which of them each rule does.
    facts: Vec<Fact>,
    asked: Vec<Vec<usize>>,
    /// Records that a filter left out, where a hierarchy asks.
    filtered: Bits,
    /// Records that the target has as they are, where a hierarchy asks.
    unchanged: Bits,
    /// In the order of the records, once the file has ended.
    verdicts: Vec<(u32, Verdict)>,
    late: bool,
}

impl Rules {
    pub(crate) fn new(key: Option<&Key>, as_of: Option<&Arc<Reader>>, trees: &[Tree]) -> Rules {
        let hierarchy = |(number, tree): (usize, &Tree)| Hierarchy::new(tree.clone(), number);
        let chosen_by = as_of.map(|reader| reader.key().0);
        let mut rules = Rules {
            as_of: as_of.map(|reader| AsOf::new(reader.clone())),
            unique: key.map(|key| Unique::new(key.clone(), chosen_by)),
            trees: trees.iter().enumerate().map(hierarchy).collect(),
            facts: Vec::new(),
            asked: Vec::new(),
            filtered: Bits::default(),
            unchanged: Bits::default(),
            verdicts: Vec::new(),
            late: false,
        };
        let wanted: Vec<Vec<Fact>> = rules.all().map(|rule| rule.facts()).collect();
        for wanted in wanted {
            let places = wanted.into_iter().map(|fact| rules.ask(fact)).collect();
            rules.asked.push(places);
        }
        if !rules.trees.is_empty() {
            rules.ask(Fact::Filtered);
            rules.ask(Fact::Unchanged);
        }
        rules
    }

    /// Lets what is done at the end of the file be done by so many threads.
    pub(crate) fn use_threads(&mut self, threads: usize) {
        if let Some(unique) = &mut self.unique {
            unique.use_threads(threads);
        }
    }

    /// Asks for a fact, and says which it is.
    fn ask(&mut self, fact: Fact) -> usize {
        let known = self.facts.iter().position(|known| *known == fact);
        known.unwrap_or_else(|| {
            self.facts.push(fact);
            self.facts.len() - 1
        })
    }

    fn all(&self) -> impl Iterator<Item = &dyn Whole> {
        let as_of = self.as_of.iter().map(|rule| rule as &dyn Whole);
        let unique = self.unique.iter().map(|rule| rule as &dyn Whole);
        let trees = self.trees.iter().map(|rule| rule as &dyn Whole);
        as_of.chain(unique).chain(trees)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Whether there are hierarchies among them.
    pub(crate) fn has_hierarchies(&self) -> bool {
        !self.trees.is_empty()
    }

    /// What all of them want to know.
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Shows them the facts of a block that begins with the record `first`, and returns the verdicts that they give at
    /// once.
    ///
    /// # Errors
    /// What is kept on disk can't be.
    pub(crate) fn see(
        &mut self,
        first: u32,
        records: usize,
        facts: &[Values],
    ) -> Result<Vec<(u32, Verdict)>, SpillError> {
        let mut given = Verdicts::default();
        for (asked, bits) in [
            (Fact::Filtered, &mut self.filtered),
            (Fact::Unchanged, &mut self.unchanged),
        ] {
            if let Some(at) = self.facts.iter().position(|fact| *fact == asked) {
                bits.take_in(first, &facts[at]);
            }
        }
        let as_of = self.as_of.iter_mut().map(|rule| rule as &mut dyn Whole);
        let unique = self.unique.iter_mut().map(|rule| rule as &mut dyn Whole);
        let trees = self.trees.iter_mut().map(|rule| rule as &mut dyn Whole);
        let all = as_of.chain(unique).chain(trees);
        for ((rule, asked), number) in all.zip(&self.asked).zip(0..) {
            let columns: Vec<Values> = asked.iter().map(|at| facts[*at].clone()).collect();
            let block = Facts {
                first,
                records,
                columns: &columns,
            };
            let (now, later) = (given.now.len(), given.later.len());
            rule.see(&block, &mut given)?;
            sign(&mut given.now[now..], number);
            sign(&mut given.later[later..], number);
        }
        self.late |= !given.later.is_empty();
        given.now.sort_by_key(|(record, _)| *record);
        self.verdicts.extend(&given.now);
        self.verdicts.append(&mut given.later);
        Ok(given.now)
    }

    /// The records, in order, of which the rules want to be [told](Rules::tell) what they would send before the file ends
    /// for them.
    pub(crate) fn asks(&mut self) -> Vec<u32> {
        self.unique.as_mut().map_or_else(Vec::new, Unique::asks)
    }

    /// Tells of records, in order, what they would send, [in short](unique::short); those that are not named send nothing.
    pub(crate) fn tell(&mut self, sent: Vec<(u32, u32)>) {
        if let Some(unique) = &mut self.unique {
            unique.tell(sent);
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What was kept on disk can't be read.
    pub(crate) fn end(&mut self, places: Places<'_>) -> Result<Findings, SpillError> {
        let mut findings = Findings::default();
        self.verdicts.sort_by_key(|(record, _)| *record);
        let mut ended = Ended {
            verdicts: std::mem::take(&mut self.verdicts),
            late: self.late,
            filtered: &self.filtered,
            unchanged: &self.unchanged,
            places,
        };
        let mut numbers = 0..;
        let mut take = |found: Findings| {
            findings.warnings.extend(found.warnings);
            findings.as_of = found.as_of.or(findings.as_of.take());
        };
        for (rule, number) in self.as_of.iter_mut().zip(&mut numbers) {
            take(ended.end(rule, number, None)?);
        }
        for (rule, number) in self.unique.iter_mut().zip(&mut numbers) {
            take(ended.end(rule, number, None)?);
        }
        let keys = self.unique.as_ref();
        for (rule, number) in self.trees.iter_mut().zip(&mut numbers) {
            take(ended.end(rule, number, keys)?);
        }
        let Ended { verdicts, late, .. } = ended;
        (self.verdicts, self.late) = (verdicts, late);
        (self.filtered, self.unchanged) = (Bits::default(), Bits::default());
        Ok(findings)
    }

    /// Holds records back that would be sent, be it with a cell empty; they are in order.
    pub(crate) fn withhold(&mut self, records: &[u32]) {
        let verdicts = records.iter().map(|&record| (record, Verdict::Withhold));
        self.verdicts.extend(verdicts);
        self.verdicts.sort_by_key(|(record, _)| *record);
    }

    /// Which hierarchies want the source to be read once more, to see whether who is missed is there under nearly the
    /// name; once the file has ended.
    pub(crate) fn wants_another_look(&self) -> Vec<usize> {
        let trees = self.trees.iter().enumerate();
        trees
            .filter(|(_, tree)| tree.misses_somebody())
            .map(|(number, _)| number)
            .collect()
    }

    /// Takes in the names of a block of that reading: of the hierarchy of this number, of each record its own and that
    /// of its parent.
    pub(crate) fn look_again(&mut self, number: usize, first: u32, names: &[(Loose, Loose)]) {
        if let Some(tree) = self.trees.get_mut(number) {
            tree.look_again(first, names);
        }
    }

    /// Ends that reading.
    pub(crate) fn looked_again(&mut self) {
        self.trees.iter_mut().for_each(Hierarchy::looked_again);
    }

    /// What is told of the hierarchies, once the file has ended.
    pub(crate) fn hierarchies(&self, places: &Places<'_>) -> Vec<Told> {
        self.trees.iter().map(|tree| tree.told(places)).collect()
    }

    /// The physical column whose cell a rule empties.
    pub(crate) fn clears(&self, rule: u8) -> Option<usize> {
        self.all().nth(usize::from(rule))?.clears()
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

/// The end of the file, from rule to rule.
struct Ended<'a> {
    /// In the order of the records.
    verdicts: Vec<(u32, Verdict)>,
    late: bool,
    filtered: &'a Bits,
    unchanged: &'a Bits,
    places: Places<'a>,
}

impl Ended<'_> {
    fn end(
        &mut self,
        rule: &mut dyn Whole,
        number: u8,
        keys: Option<&Unique>,
    ) -> Result<Findings, SpillError> {
        let mut out = Verdicts::default();
        let fates = Fates {
            before: &self.verdicts,
            places: self.places,
            filtered: self.filtered,
            unchanged: self.unchanged,
            keys,
        };
        let findings = rule.end(&fates, &mut out)?;
        sign(&mut out.later, number);
        self.late |= !out.later.is_empty();
        self.verdicts.append(&mut out.later);
        self.verdicts.sort_by_key(|(record, _)| *record);
        Ok(findings)
    }
}

/// Puts a rule's number on its verdicts.
fn sign(verdicts: &mut [(u32, Verdict)], number: u8) {
    for (_, verdict) in verdicts {
        match verdict {
            Verdict::Reject { rule, .. } | Verdict::Clear { rule } => *rule = number,
            Verdict::LeaveOut | Verdict::Withhold => {}
        }
    }
}
