//! The rules of one column: a file a rule, and a line in [`Check`] and in [`compile`]; the settings that they are
//! made of are in [`ColumnRules`].

mod date;
mod given;
mod invisible;
mod length;
mod number;
mod pattern;
mod required;
mod text;
mod values;

use std::borrow::Cow;
use std::sync::Arc;

use super::spec::{ColumnRules, ColumnType, STAGE, Severity};
use crate::batch::{Batch, Wording};
use crate::text::dates::{Date, Today};
use given::{Broken, Cells, Given, Problems};

/// A rule, compiled. Each looks at all cells of its column in one go.
enum Check {
    Required(required::Required),
    Invisible(invisible::Invisible),
    Text(text::Text),
    Number(number::Number),
    Date(date::Dates),
    Pattern(pattern::Pattern),
    Length(length::Length),
    Values(values::Values),
}

impl Check {
    fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        match self {
            Check::Required(required) => required.run(cells, broken),
            Check::Invisible(invisible) => invisible.run(cells, broken),
            Check::Text(text) => text.run(cells, broken),
            Check::Number(number) => number.run(cells, broken),
            Check::Date(dates) => dates.run(cells, broken),
            Check::Pattern(pattern) => pattern.run(cells, broken),
            Check::Length(length) => length.run(cells, broken),
            Check::Values(values) => values.run(cells, broken),
        }
    }
}

/// Compiles what the pipeline file says of a column: every rule once, in the order in which they are told.
fn compile(given: &Given<'_>, problems: &mut Problems) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(required::compile(given).map(Check::Required));
    checks.extend(invisible::compile(given).map(Check::Invisible));
    match given.kind {
        None => {}
        Some(ColumnType::Integer | ColumnType::Number) => {
            date::refuse(given, problems);
            checks.push(Check::Number(number::compile(given, problems)));
        }
        Some(ColumnType::Date) => {
            checks.extend(date::compile(given, problems).map(Check::Date));
        }
        Some(kind) => {
            date::refuse(given, problems);
            number::refuse(given, kind, problems);
            checks.push(Check::Text(text::compile(kind)));
        }
    }
    checks.extend(pattern::compile(given, problems).map(Check::Pattern));
    checks.extend((length::compile(given, problems).into_iter()).map(Check::Length));
    checks.extend((values::compile(given, problems).into_iter()).map(Check::Values));
    checks
}

/// The rules of a column, compiled.
pub(super) struct Checks {
    checks: Vec<Check>,
    /// What the pipeline file wants said, whatever breaks.
    message: Option<Cow<'static, str>>,
    severity: Severity,
}

impl Checks {
    /// The rules of a key column that has no others.
    pub(super) fn of_key() -> Checks {
        Checks::compile(&ColumnRules::default(), true, &Today::utc(Date::MIN)).0
    }

    /// Compiles what can be, and says what can't.
    pub(super) fn compile(rules: &ColumnRules, is_key: bool, today: &Today) -> (Checks, Problems) {
        let dated = rules.format.is_some() || rules.after.is_some() || rules.before.is_some();
        let limited = rules.min.is_some() || rules.max.is_some();
        let given = Given {
            rules,
            kind: match rules.kind {
                None if dated => Some(ColumnType::Date),
                None if limited => Some(ColumnType::Number),
                kind => kind,
            },
            is_key,
            today,
        };
        let mut problems = Problems::new();
        let checks = Checks {
            checks: compile(&given, &mut problems),
            message: rules.message.clone().map(Cow::Owned),
            severity: rules.severity,
        };
        if is_key && rules.severity == Severity::Warn {
            let why = "expected `error`: a row without a good key can't go out, and this column is the key";
            problems.push(("severity", why.to_owned()));
        }
        if checks.checks.is_empty() {
            problems.extend(without_rules(rules));
        }
        (checks, problems)
    }

    /// Ties the rules to a column.
    pub(super) fn bind(self, name: Arc<str>, slot: usize, counted: Option<u32>) -> Column {
        Column {
            name,
            slot,
            checks: self,
            counted,
        }
    }
}

/// What is stated of rules that are not there.
fn without_rules(rules: &ColumnRules) -> Option<(&'static str, String)> {
    let field = match (rules.severity, rules.at_most) {
        (Severity::Warn, _) => "severity",
        (_, Some(_)) => "at_most",
        _ => return None,
    };
    let why =
        format!("`{field}` says what follows of the column's other rules, and there are none");
    Some((field, why))
}

/// The rules of a column, bound to it.
pub(super) struct Column {
    name: Arc<str>,
    slot: usize,
    checks: Checks,
    /// The number by which rows that break its rules are counted, where they are.
    counted: Option<u32>,
}

impl Column {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What may not have been meant, as far as the batches told.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> {
        let remark = |check: &Check| match check {
            Check::Values(values) => values.remark(&self.name),
            _ => None,
        };
        self.checks.checks.iter().filter_map(remark)
    }

    pub(super) fn apply(&self, batch: &mut Batch) {
        let mut broken = Broken::new();
        let cells = Cells {
            batch,
            slot: self.slot,
        };
        for check in &self.checks.checks {
            check.run(&cells, &mut broken);
        }
        // Row by row, and within a row in the order of the rules.
        broken.sort_by_key(|(row, _)| *row);
        // What has nothing to see is `required` and nothing else.
        let mut empty = None;
        for (row, words) in broken {
            if empty == Some(row) {
                continue;
            }
            empty = required::is_said_by(words).then_some(row);
            let found;
            let message: &str = match (&self.checks.message, words.found) {
                (Some(message), _) => message,
                (None, Some(tell)) => {
                    let text = batch.text(batch.cell(row, self.slot));
                    found = format!("{}, found {}", words.message, tell(text));
                    &found
                }
                (None, None) => &words.message,
            };
            let told = Wording::of(STAGE, &self.name, words.code, message);
            match self.checks.severity {
                Severity::Error => batch.reject_as(row, told, Some(self.slot)),
                Severity::Warn => batch.warn_as(row, told),
            }
            if let Some(rule) = self.counted {
                batch.count_broken(rule, row);
            }
        }
    }
}
