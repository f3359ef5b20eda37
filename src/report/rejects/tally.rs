//! Rejected rows and their faults, counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Fault;

/// The most pairs of column and code that are counted each by itself. Codes come from the pipeline file and from the
/// server, and neither may fill the memory.
pub(crate) const MAX_KINDS: usize = 5_000;

/// The longest code that is counted by its own name, in bytes; longer ones are cut.
const MAX_CODE_LEN: usize = 100;

/// Rows and their faults, by column and code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    rows: u64,
    taken_along: u64,
    faults: u64,
    columns: BTreeMap<Column, BTreeMap<String, u64>>,
    kinds: usize,
    others: u64,
}

/// A column as faults name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    /// By the source's own name; empty where the fault is the whole row's.
    source: Arc<str>,
    /// The name that a stage had given it.
    renamed: Option<Arc<str>>,
}

/// How many faults have one column and one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<'a> {
    /// The column by the source's own name; empty where the fault is the whole row's.
    pub column: &'a str,
    /// The name that a stage had given it.
    pub renamed_to: Option<&'a str>,
    pub code: &'a str,
    pub faults: u64,
}

impl Tally {
    /// Counts one row with these faults.
    pub fn add<'a>(&mut self, faults: impl IntoIterator<Item = &'a Fault>) {
        self.add_rows(1);
        for fault in faults {
            self.count(fault, 1);
        }
    }

    /// Counts rows, whose faults are counted by themselves.
    pub(super) fn add_rows(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// Counts a fault that so many rows have.
    pub(super) fn count(&mut self, fault: &Fault, rows: u64) {
        self.faults += rows;
        let mut end = fault.code.len().min(MAX_CODE_LEN);
        while !fault.code.is_char_boundary(end) {
            end -= 1;
        }
        let code = &fault.code[..end];
        let column = Column {
            source: fault.source_column().clone(),
            renamed: fault.source.as_ref().map(|_| fault.column.clone()),
        };
        self.count_as(column, code, rows);
    }

    fn count_as(&mut self, column: Column, code: &str, rows: u64) {
        if let Some(n) = self.columns.get_mut(&column).and_then(|c| c.get_mut(code)) {
            *n += rows;
        } else if self.kinds < MAX_KINDS {
            self.kinds += 1;
            let codes = self.columns.entry(column).or_default();
            codes.insert(code.to_owned(), rows);
        } else {
            self.others += rows;
        }
    }

    /// Counts what another has counted.
    pub(crate) fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.taken_along += other.taken_along;
        self.faults += other.faults;
        self.others += other.others;
        for (column, codes) in &other.columns {
            for (code, faults) in codes {
                self.count_as(column.clone(), code, *faults);
            }
        }
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Counts lines that a row took along.
    pub(super) fn take_along(&mut self, lines: u64) {
        self.taken_along += lines;
    }

    /// How many lines more than their first ones the records took along by quotes that are in the way.
    pub(crate) fn taken_along(&self) -> u64 {
        self.taken_along
    }

    /// How many faults; a row has one or more.
    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    /// How many faults have which column and code, the most frequent first.
    pub(crate) fn counts(&self) -> Vec<Count<'_>> {
        let mut counts = Vec::with_capacity(self.kinds);
        for (Column { source, renamed }, codes) in &self.columns {
            counts.extend(codes.iter().map(|(code, &faults)| Count {
                column: source,
                renamed_to: renamed.as_deref(),
                code,
                faults,
            }));
        }
        counts.sort_by_key(|count| std::cmp::Reverse(count.faults));
        counts
    }

    /// Faults whose column and code came after [`MAX_KINDS`] others and are not in [`Tally::counts`].
    pub(crate) fn others(&self) -> u64 {
        self.others
    }
}
