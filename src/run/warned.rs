//! Rows that break a rule and go out all the same, counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Batch, Fault};
use crate::guard::Broken;
use crate::report::run::{Line, Told, WarnedCount, WarnedReport};
use crate::rule::{Counted, Severity};

/// So many rows of each kind are told by their lines.
const TOLD: usize = 5;

/// What was found of rules that do not reject, and of those that have limits of their own.
#[derive(Default)]
pub(super) struct Warned {
    rows: u64,
    kinds: BTreeMap<Kind, Found>,
    /// How many rows break each of the rules that are counted by themselves.
    broken: Vec<u64>,
}

/// A column and a code; as many as the pipeline file has of them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    column: Arc<str>,
    renamed_to: Option<Arc<str>>,
    code: String,
}

#[derive(Default)]
struct Found {
    rows: u64,
    /// Files and lines of the first ones.
    first: Vec<(u32, u64)>,
}

impl Warned {
    /// Takes in a block, which begins at this line of this file.
    pub(super) fn absorb(&mut self, batch: &Batch, (file, line): (u32, u64)) {
        for rule in batch.broken() {
            let rule = rule as usize;
            if self.broken.len() <= rule {
                self.broken.resize(rule + 1, 0);
            }
            self.broken[rule] += 1;
        }
        let mut before = None;
        for (row, kind) in batch.warnings().by_row() {
            if before != Some(row) {
                self.rows += 1;
                before = Some(row);
            }
            let line = line + u64::from(batch.row(row as usize).line);
            self.count(batch.warnings().kind(kind), (file, line));
        }
    }

    fn count(&mut self, fault: &Fault, place: (u32, u64)) {
        let kind = Kind {
            column: fault.source_column().clone(),
            renamed_to: fault.source.as_ref().map(|_| fault.column.clone()),
            code: fault.code.to_string(),
        };
        let found = self.kinds.entry(kind).or_default();
        found.rows += 1;
        if found.first.len() < TOLD {
            found.first.push(place);
        }
    }

    /// The same for people, with the names of the files.
    pub(super) fn report(&self, files: &[String]) -> WarnedReport {
        let line = |&(file, line): &(u32, u64)| Line {
            file: files[file as usize].clone(),
            line,
        };
        let count = |(kind, found): (&Kind, &Found)| WarnedCount {
            column: kind.column.to_string(),
            renamed_to: kind.renamed_to.as_ref().map(ToString::to_string),
            code: kind.code.clone(),
            rows: Told::Count(found.rows),
            first: found.first.iter().map(line).collect(),
        };
        let mut by_column: Vec<(&Kind, &Found)> = self.kinds.iter().collect();
        by_column.sort_by_key(|(_, found)| std::cmp::Reverse(found.rows));
        WarnedReport {
            rows: self.rows,
            by_column: by_column.into_iter().map(count).collect(),
        }
    }

    /// How many rows break the rules that have limits.
    pub(super) fn broken(&self, counted: &[Counted], sensitive: &[String]) -> Vec<Broken> {
        let broken = |(at, rule): (usize, &Counted)| {
            let rows = self.broken.get(at).copied().unwrap_or(0);
            let is_sensitive = rule.columns.iter().any(|name| sensitive.contains(name));
            Broken {
                what: rule.what.clone(),
                setting: rule.setting.clone(),
                at_most: rule.at_most,
                warns: rule.severity == Severity::Warn,
                rows,
                few: Told::of(rows, is_sensitive).count().is_none(),
            }
        };
        counted.iter().enumerate().map(broken).collect()
    }
}
