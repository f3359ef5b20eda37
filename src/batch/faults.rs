//! What is wrong with the rows of a batch.
//!
//! Many rows of a block have the same fault. It is kept once, and each of the rows refers to it, so that rejecting a row
//! allocates nothing, counting its faults is counting numbers, and a block with nothing but bad rows is no larger than
//! others.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use super::{JOINED, Renamed};
use crate::text::compare::same_name;

/// A fault of one row: data, not an error. Never holds the cell's value in `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Row of the batch.
    pub row: u32,
    /// The step that found it: `parse`, a stage's name, or `validate`.
    pub stage: &'static str,
    /// The column, by the name that it has at that step; empty where the fault is the whole row's.
    pub column: Arc<str>,
    /// The name that the column has in the source, where a stage had renamed it by then; of one that a stage made of
    /// others, their names in the source.
    pub source: Option<Arc<str>>,
    /// A short stable word for scripts: `date_format`, `required`, `leaves_before_hired`.
    pub code: Cow<'static, str>,
    /// What was expected, for people. No cell value.
    pub message: Cow<'static, str>,
}

impl Fault {
    /// The column by the source's own name, which is how whoever mends the file knows it; one that comes from no column
    /// of the source by the name that its stage gave it.
    pub fn source_column(&self) -> &Arc<str> {
        self.source.as_ref().unwrap_or(&self.column)
    }

    /// The column by both names, the source's and that of the pipeline: `Austritt (terminationDate)`. Nothing where
    /// nobody sees a difference between them.
    fn both_names(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        let (sources, names) = (source.split(JOINED), self.column.split(JOINED));
        if same_name(source, &self.column) {
            return None;
        }
        if sources.clone().count() != names.clone().count() {
            return Some(format!("{source} ({})", self.column));
        }
        // A rule across columns names several, of which some may have kept their names.
        let both = sources
            .zip(names)
            .map(|(source, name)| match same_name(source, name) {
                true => source.to_owned(),
                false => format!("{source} ({name})"),
            });
        Some(both.collect::<Vec<_>>().join(JOINED))
    }

    /// The message, with both names of the column where they differ: where it has the pipeline's name in it, there; else
    /// before it.
    pub(crate) fn message_by_both_names(&self) -> Cow<'_, str> {
        let Some(both) = self.both_names() else {
            return Cow::Borrowed(&self.message);
        };
        let named = format!("`{}`", self.column);
        Cow::Owned(match self.message.contains(&named) {
            true => self.message.replace(&named, &format!("`{both}`")),
            false => format!("{both}: {}", self.message),
        })
    }

    /// Whether it says the same, of whatever row.
    fn says(&self, told: &Wording<'_>) -> bool {
        self.code == told.code
            && self.message == told.message
            && self.stage == told.stage
            && self.column == *told.column
            && self.source.as_ref() == told.source
    }
}

/// What is to be said of a row, by whoever says it of many and keeps the texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wording<'a> {
    pub stage: &'static str,
    pub column: &'a Arc<str>,
    pub source: Option<&'a Arc<str>>,
    pub code: &'a str,
    pub message: &'a str,
}

impl<'a> Wording<'a> {
    /// What is said of a column by the name that it has at this step.
    pub(crate) fn of(
        stage: &'static str,
        column: &'a Arc<str>,
        code: &'static str,
        message: &'a str,
    ) -> Wording<'a> {
        Wording {
            stage,
            column,
            source: None,
            code,
            message,
        }
    }
}

impl<'a> From<&'a Fault> for Wording<'a> {
    fn from(fault: &'a Fault) -> Wording<'a> {
        Wording {
            stage: fault.stage,
            column: &fault.column,
            source: fault.source.as_ref(),
            code: &fault.code,
            message: &fault.message,
        }
    }
}

impl From<Wording<'_>> for Fault {
    fn from(told: Wording<'_>) -> Fault {
        Fault {
            row: 0,
            stage: told.stage,
            column: told.column.clone(),
            source: told.source.cloned(),
            code: Cow::Owned(told.code.to_owned()),
            message: Cow::Owned(told.message.to_owned()),
        }
    }
}

/// A fault and the row that has it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Row of the batch.
    pub row: u32,
    /// What is wrong with it. The row that this names is another that has the same.
    fault: &'a Fault,
}

impl Found<'_> {
    /// The same by itself.
    pub(crate) fn to_fault(self) -> Fault {
        Fault {
            row: self.row,
            ..self.fault.clone()
        }
    }
}

impl Deref for Found<'_> {
    type Target = Fault;

    fn deref(&self) -> &Fault {
        self.fault
    }
}

/// So many of the kinds of faults that were told last are compared with one that is told. One that is told twice is no
/// harm.
const COMPARED: usize = 8;

/// The faults of a batch.
#[derive(Debug, Default)]
pub struct Faults {
    /// What is wrong with any rows.
    kinds: Vec<Fault>,
    /// The rows and the kinds of their faults, in the order in which they were found.
    found: Vec<(u32, u32)>,
    /// Where the kinds and the faults of the present step begin.
    step: (usize, usize),
}

impl Faults {
    /// How many there are; a row may have several.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = Found<'_>> {
        let found = |&(row, kind): &(u32, u32)| Found {
            row,
            fault: self.kind(kind),
        };
        self.found.iter().map(found)
    }

    /// All of them, each by itself.
    #[cfg(test)]
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.iter().map(Found::to_fault).collect()
    }

    /// The faults of one row.
    pub fn of(&self, row: usize) -> impl Iterator<Item = Found<'_>> {
        self.iter().filter(move |found| found.row as usize == row)
    }

    /// What is wrong with the rows that have a fault of this kind.
    pub(crate) fn kind(&self, kind: u32) -> &Fault {
        &self.kinds[kind as usize]
    }

    /// What is wrong with any rows, by the numbers of the kinds.
    pub(crate) fn kinds(&self) -> &[Fault] {
        &self.kinds
    }

    /// The rows that have faults and the kinds of these, row by row.
    pub(crate) fn by_row(&self) -> Vec<(u32, u32)> {
        let mut by_row = self.found.clone();
        by_row.sort_by_key(|(row, _)| *row);
        by_row
    }

    /// Keeps what was found with these rows.
    pub(super) fn retain(&mut self, keeps: impl Fn(u32) -> bool) {
        self.found.retain(|(row, _)| keeps(*row));
    }

    pub(super) fn push(&mut self, fault: Fault) {
        let row = fault.row;
        let kind = match self.known(&Wording::from(&fault)) {
            Some(kind) => kind,
            None => self.add(fault),
        };
        self.found.push((row, kind));
    }

    pub(super) fn tell(&mut self, row: usize, told: Wording<'_>) {
        let kind = match self.known(&told) {
            Some(kind) => kind,
            None => self.add(Fault::from(told)),
        };
        self.found.push((row as u32, kind));
    }

    /// A kind of this step that says the same.
    fn known(&self, told: &Wording<'_>) -> Option<u32> {
        let (begins, _) = self.step;
        let from = begins.max(self.kinds.len().saturating_sub(COMPARED));
        let known = self.kinds[from..].iter();
        let at = known.rev().position(|fault| fault.says(told))?;
        Some((self.kinds.len() - 1 - at) as u32)
    }

    fn add(&mut self, fault: Fault) -> u32 {
        self.kinds.push(fault);
        (self.kinds.len() - 1) as u32
    }

    /// Begins a step: what is found from here on is told apart from what was found before, whose columns may have had
    /// other names.
    pub(super) fn begin_step(&mut self) {
        self.step = (self.kinds.len(), self.found.len());
    }

    /// Adds to what was found in this step. `kinds` is asked once for every kind what `more` needs to know of it, and
    /// `more` for every row what to say besides.
    pub(super) fn say_more<K>(
        &mut self,
        kinds: impl Fn(&Fault) -> Option<K>,
        more: impl Fn(u32, &K) -> Option<String>,
    ) {
        let (begins, from) = self.step;
        let known: Vec<Option<K>> = self.kinds[begins..].iter().map(kinds).collect();
        if known.iter().all(Option::is_none) {
            return;
        }
        for at in from..self.found.len() {
            let (row, kind) = self.found[at];
            let known = known[kind as usize - begins].as_ref();
            let Some(said) = known.and_then(|known| more(row, known)) else {
                continue;
            };
            let message = format!("{}; {said}", self.kind(kind).message);
            let fault = self.kind(kind);
            let told = Wording {
                message: &message,
                ..Wording::from(fault)
            };
            let kind = match self.known(&told) {
                Some(kind) => kind,
                None => {
                    let fault = Fault::from(told);
                    self.add(fault)
                }
            };
            self.found[at].1 = kind;
        }
    }

    /// Tells what was found in this step what the source calls its columns, of which these had been `renamed`.
    pub(super) fn name_sources(&mut self, renamed: &[Renamed]) {
        if renamed.is_empty() {
            return;
        }
        for fault in &mut self.kinds[self.step.0..] {
            let same = |renamed: &&Renamed| renamed.name == fault.column;
            if fault.source.is_none()
                && let Some(found) = renamed.iter().find(same)
            {
                fault.source = Some(found.source.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(row: u32, code: &'static str, message: &'static str) -> Fault {
        Fault {
            row,
            stage: "date",
            column: Arc::from("dob"),
            source: None,
            code: code.into(),
            message: message.into(),
        }
    }

    #[test]
    fn what_many_rows_have_is_kept_once() {
        let mut faults = Faults::default();
        let column = Arc::from("dob");
        for row in 0..100 {
            faults.push(fault(row, "date_format", "m"));
            faults.tell(
                row as usize,
                Wording::of("date", &column, "date_empty", "n"),
            );
        }
        assert_eq!((faults.len(), faults.kinds().len()), (200, 2));
        let found: Vec<_> = faults.of(7).map(Found::to_fault).collect();
        assert_eq!(
            found,
            [fault(7, "date_format", "m"), fault(7, "date_empty", "n")]
        );
        let by_row = faults.by_row();
        assert_eq!(by_row[..4], [(0, 0), (0, 1), (1, 0), (1, 1)]);
        faults.retain(|row| row == 99);
        assert_eq!(faults.list().len(), 2);
    }

    #[test]
    fn both_names_of_a_column() {
        let check = |source: Option<&str>, column: &str, expected: Option<&str>| {
            let fault = Fault {
                column: Arc::from(column),
                source: source.map(Arc::from),
                ..fault(0, "c", "m")
            };
            assert_eq!(fault.both_names().as_deref(), expected);
        };
        check(None, "dob", None);
        check(Some("Born"), "dob", Some("Born (dob)"));
        check(Some("dob\u{a0}"), "dob", None);
        check(Some("First, Last"), "full", Some("First, Last (full)"));
        check(
            Some("Austritt, hired"),
            "left, hired",
            Some("Austritt (left), hired"),
        );
    }

    #[test]
    fn a_message_names_the_column_by_both_names_where_they_differ() {
        let check = |source: &str, message: &'static str, expected: &str| {
            let fault = Fault {
                source: Some(Arc::from(source)),
                ..fault(0, "c", message)
            };
            assert_eq!(fault.message_by_both_names(), expected);
        };
        check("DOB", "expected a date", "DOB (dob): expected a date");
        check("Born", "expected a date", "Born (dob): expected a date");
        check(
            "Born",
            "`dob` is before `dob`",
            "`Born (dob)` is before `Born (dob)`",
        );
        check("dob", "`dob` is late", "`dob` is late");
        assert_eq!(fault(0, "c", "m").message_by_both_names(), "m");
    }

    #[test]
    fn a_step_names_and_adds_to_its_own_alone() {
        let renamed = |source: &str| Renamed {
            name: Arc::from("dob"),
            source: Arc::from(source),
        };
        let mut faults = Faults::default();
        for source in ["Born", "Birth"] {
            faults.begin_step();
            faults.push(fault(0, "c", "m"));
            faults.push(fault(1, "c", "m"));
            faults.say_more(
                |fault| (fault.code == "c").then_some("more"),
                |row, more| (row == 1).then(|| format!("{more} of {source}")),
            );
            faults.name_sources(&[renamed(source)]);
        }
        let told: Vec<_> = (faults.iter())
            .map(|f| (f.row, f.source_column().to_string(), f.message.to_string()))
            .collect();
        let expected = [
            (0, "Born", "m"),
            (1, "Born", "m; more of Born"),
            (0, "Birth", "m"),
            (1, "Birth", "m; more of Birth"),
        ];
        assert_eq!(
            told,
            expected.map(|(row, column, message)| (row, column.to_owned(), message.to_owned()))
        );
    }
}
