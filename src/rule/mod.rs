//! Rules of one row, and what the file must satisfy as a whole, as the pipeline file says it.
//!
//! [`ValidateSpec`] is what the file says. [`ValidateSpec::check`] finds what is wrong with it without
//! any data; [`ValidateSpec::bind`] finds its columns and gives [`Rules`], which run once per block.
//! Every fault of a row is reported, not the first alone; but no fault twice: a cell that a stage found
//! fault with is left alone, an empty cell is `required` or nothing, what is not a number is not also too
//! small, and an assertion is not asked about a cell that is at fault.

mod column;
mod hierarchy;
mod row;
mod spec;

use std::collections::HashSet;
use std::fmt;

use crate::batch::{Batch, Columns};
use crate::expr::Reads;
use crate::settings::units::Amount;
use crate::text::dates::{Date, Today};

pub(crate) use hierarchy::{HierarchySpec, OnSelf, Otherwise};
pub use spec::ValidateSpec;
pub(crate) use spec::{ColumnType, Keep, KeySpec, STAGE, Severity};

/// What is wrong with a rule as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands: `validate`, `columns`, `salary`, `pattern`; an assertion by its place in the
    /// list, counted from 0.
    pub path: Vec<String>,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Problem {
    fn of((path, message): (Vec<String>, String)) -> Problem {
        let path: Vec<&str> = path.iter().map(|part| &**part).collect();
        Problem::new(&path, message)
    }

    fn new(path: &[&str], message: impl Into<String>) -> Problem {
        let path = ["validate"].iter().chain(path);
        Problem {
            path: path.map(|part| (*part).to_owned()).collect(),
            message: message.into(),
        }
    }
}

/// `validate.columns.salary.pattern: ...`, `validate.rows[0].assert: ...`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.path.iter().enumerate() {
            match i {
                0 => f.write_str(part)?,
                2 if self.path[1] == "rows" => write!(f, "[{part}]")?,
                _ => write!(f, ".{part}")?,
            }
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Problem {}

/// The rules of one row, bound to their columns: called once per block, on any worker.
pub struct Rules {
    columns: Vec<column::Column>,
    rows: Vec<row::Assertion>,
    counted: Vec<Counted>,
}

/// What a rule is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule<'a> {
    /// The rules of a column, by its name.
    Column(&'a str),
    /// An assertion about rows, by its code.
    Row(&'a str),
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Column(name) => write!(f, "column {name}"),
            Rule::Row(code) => write!(f, "row rule {code}"),
        }
    }
}

/// A rule, or the rules of a column, with a limit of its own.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// What is broken, in words: "the rules of `grade`", "`leaves_before_hired`".
    pub what: String,
    /// Where its limit is stated: `validate.columns.grade.at_most`.
    pub setting: String,
    /// The columns that it is about.
    pub columns: Vec<String>,
    pub severity: Severity,
    pub at_most: Amount,
}

impl Rules {
    /// The rules that are counted by themselves, by the numbers that batches have for them.
    pub(crate) fn counted(&self) -> &[Counted] {
        &self.counted
    }

    /// Looks at every row that is not filtered out, and rejects those that break a rule. Cells at
    /// fault are marked after all rules of their column.
    pub fn apply(&self, batch: &mut Batch) {
        self.apply_and(batch, |_| {});
    }

    /// As [`Rules::apply`]; `done` hears of each rule, or of the rules of each column, when it has seen the block.
    pub(crate) fn apply_and(&self, batch: &mut Batch, mut done: impl FnMut(Rule<'_>)) {
        for column in &self.columns {
            column.apply(batch);
            done(Rule::Column(column.name()));
        }
        let mut reads = Reads::of(self.rows.len());
        for assertion in &self.rows {
            assertion.apply(batch, &mut reads);
            done(Rule::Row(assertion.code()));
        }
    }

    /// Gives a rule the number by which it is counted.
    fn count(&mut self, counted: Option<Counted>) -> Option<u32> {
        let number = self.counted.len() as u32;
        self.counted.push(counted?);
        Some(number)
    }

    /// What may not have been meant by the rules of columns, as far as the batches told.
    pub(crate) fn column_remarks(&self) -> impl Iterator<Item = String> {
        self.columns.iter().flat_map(column::Column::remarks)
    }

    /// What may not have been meant, with the position of its assertion.
    pub(crate) fn remarks(&self) -> Vec<(usize, String)> {
        let all = self.rows.iter().enumerate();
        all.flat_map(|(at, row)| row.remarks().into_iter().map(move |r| (at, r)))
            .collect()
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.rows.is_empty()
    }
}

impl ValidateSpec {
    /// The column of the key.
    pub(crate) fn key_column(&self) -> Option<&str> {
        self.key.as_ref().map(|key| &*key.column)
    }

    /// All that is wrong with the rules, whatever columns there are.
    pub fn check(&self) -> Vec<Problem> {
        // Whatever day it is: only messages and the data depend on it.
        self.compile(&Today::utc(Date::MIN)).1
    }

    /// What is wrong with the assertions before the columns are all known, and what may not be meant.
    pub(crate) fn foresee(&self, columns: &Columns) -> (Vec<Problem>, Vec<Problem>) {
        let missing = self.hierarchy.missing(columns).into_iter();
        let (mut problems, mut warnings) =
            (missing.map(Problem::of).collect::<Vec<_>>(), Vec::new());
        for (at, rule) in self.rows.iter().enumerate() {
            let Ok(compiled) = row::Rule::compile(rule) else {
                continue;
            };
            let problem = |message| Problem::new(&["rows", &at.to_string(), "assert"], message);
            match compiled.foresee(columns) {
                Ok(remarks) => warnings.extend(remarks.into_iter().map(problem)),
                Err(message) => problems.push(problem(message)),
            }
        }
        (problems, warnings)
    }

    /// Finds the columns of the rules. `today` is what `today` means in a rule about dates; take it
    /// once per run, so that both passes agree. All problems at once.
    pub fn bind(&self, columns: &Columns, today: &Today) -> Result<Rules, Vec<Problem>> {
        let (compiled, mut problems) = self.compile(today);
        let mut rules = Rules {
            columns: Vec::new(),
            rows: Vec::new(),
            counted: Vec::new(),
        };
        for (name, checks) in compiled.columns {
            let counted = rules.count(self.counted_column(name));
            match columns.need(name) {
                Ok((name, slot)) => rules.columns.push(checks.bind(name, slot, counted)),
                Err(e) if self.key_column() == Some(name) => {
                    problems.push(Problem::new(&["key"], e.to_string()));
                }
                Err(e) => problems.push(Problem::new(&["columns", name], e.to_string())),
            }
        }
        for (index, rule) in compiled.rows {
            let counted = rules.count(self.counted_row(index));
            let index = index.to_string();
            match rule.bind(columns, today.day, counted) {
                Ok(bound) => rules.rows.push(bound),
                Err((field, e)) => {
                    problems.push(Problem::new(&["rows", &index, field], e));
                }
            }
        }
        if problems.is_empty() {
            Ok(rules)
        } else {
            Err(problems)
        }
    }

    /// The limit of a column's rules, where they have one.
    fn counted_column(&self, name: &str) -> Option<Counted> {
        let rules = self.columns.get(name)?;
        Some(Counted {
            what: format!("the rules of `{name}`"),
            setting: format!("validate.columns.{name}.at_most"),
            columns: vec![name.to_owned()],
            severity: rules.severity,
            at_most: rules.at_most?,
        })
    }

    /// The limit of a rule across columns, where it has one.
    fn counted_row(&self, at: usize) -> Option<Counted> {
        let rule = self.rows.get(at)?;
        Some(Counted {
            what: format!("`{}`", rule.code),
            setting: format!("validate.rows[{at}].at_most"),
            columns: rule.columns.clone(),
            severity: rule.severity,
            at_most: rule.at_most?,
        })
    }

    /// Everything that needs no columns, and what is wrong.
    fn compile(&self, today: &Today) -> (Compiled<'_>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut columns = Vec::new();
        if let Some(key) = self.key_column()
            && !self.columns.contains_key(key)
        {
            columns.push((key, column::Checks::of_key()));
        }
        for (name, rules) in &self.columns {
            let is_key = self.key_column() == Some(name);
            let (checks, wrong) = column::Checks::compile(rules, is_key, today);
            columns.push((&**name, checks));
            problems.extend(
                wrong
                    .into_iter()
                    .map(|(field, message)| Problem::new(&["columns", name, field], message)),
            );
        }
        let rows = self.compile_rows(&mut problems);
        let beside = hierarchy::Beside {
            key: self.key_column(),
            is_required: &|name| {
                let rules = self.columns.get(name);
                rules.is_some_and(|rules| rules.required && rules.severity == Severity::Error)
            },
        };
        let wrong = self.hierarchy.check(&beside).into_iter();
        problems.extend(wrong.map(Problem::of));
        (Compiled { columns, rows }, problems)
    }

    fn compile_rows(&self, problems: &mut Vec<Problem>) -> Vec<(usize, row::Rule)> {
        let mut rows = Vec::new();
        let mut codes = HashSet::new();
        for (index, rule) in self.rows.iter().enumerate() {
            let at = index.to_string();
            if !is_code(&rule.code) {
                problems.push(Problem::new(
                    &["rows", &at, "code"],
                    format!(
                        "`{}` is not a code, expected a word of a-z, 0-9 and _ such as leaves_before_hired",
                        rule.code
                    ),
                ));
            } else if !codes.insert(&*rule.code) {
                problems.push(Problem::new(
                    &["rows", &at, "code"],
                    format!("the code `{}` is used twice", rule.code),
                ));
            }
            match row::Rule::compile(rule) {
                Ok(rule) => rows.push((index, rule)),
                Err(e) => problems.push(Problem::new(&["rows", &at, "assert"], e.to_string())),
            }
        }
        rows
    }
}

/// What needs no columns.
struct Compiled<'a> {
    columns: Vec<(&'a str, column::Checks)>,
    rows: Vec<(usize, row::Rule)>,
}

/// Whether a text is a code for scripts: `^[a-z][a-z0-9_]*$`.
fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests;
