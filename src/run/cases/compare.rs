//! What became of the rows of a case beside what was to become of them.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::rows::{json, text};
use crate::batch::Fault;
use crate::config::cases::{CellSpec, FoundSpec, Row, TestSpec};
use crate::text::decimal::Number;

/// A row as it is sent: its members, as JSON.
pub(super) type Sent = IndexMap<String, Box<RawValue>>;

/// What became of the rows.
pub(super) struct Became {
    /// The rows that are sent.
    pub sent: Vec<Sent>,
    /// The columns that may be among their members.
    pub columns: Vec<String>,
    /// Whether what is sent is text, whatever it looks like.
    pub texts: bool,
    pub rejects: Vec<Found>,
    pub warned: Vec<Found>,
}

/// A fault that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The row of the case, counted from 1, or the line of its file.
    pub at: u64,
    pub fault: Fault,
}

/// One thing that is not as expected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where the expectation stands below the case: `.expect.rows.0.salary`.
    pub path: String,
    pub message: String,
}

/// Everything that is not as the case expects it.
pub(super) fn differences(case: &TestSpec, became: &Became) -> Vec<Difference> {
    let mut found = Vec::new();
    let place = if case.rows.is_some() { "row" } else { "line" };
    if let Some(expected) = &case.expect.rows {
        rows(expected, became, &mut found);
    }
    let rejects = (".expect.rejects", "rejected");
    faults(
        &case.expect.rejects,
        &became.rejects,
        rejects,
        place,
        &mut found,
    );
    if let Some(expected) = &case.expect.warned {
        let warned = (".expect.warned", "warned of");
        faults(expected, &became.warned, warned, place, &mut found);
    }
    found
}

fn rows(expected: &[Row], became: &Became, found: &mut Vec<Difference>) {
    for (at, row) in expected.iter().enumerate() {
        let path = format!(".expect.rows.{at}");
        let number = at + 1;
        let Some(sent) = became.sent.get(at) else {
            let message = format!("row {number}: expected {}, found no row", shown_row(row));
            found.push(Difference { path, message });
            continue;
        };
        for (column, cell) in row {
            let path = format!("{path}.{column}");
            let value = sent.get(column).map(|value| value.get());
            if value.is_none() && !became.columns.contains(column) {
                let message = format!(
                    "row {number}: no column `{column}` is sent, but {}",
                    became.columns.join(", ")
                );
                found.push(Difference { path, message });
            } else if !is_same(cell, value, became.texts) {
                let message = format!(
                    "row {number}, `{column}`: expected {}, found {}",
                    json(cell),
                    value.unwrap_or("nothing")
                );
                found.push(Difference { path, message });
            }
        }
    }
    for (at, row) in became.sent.iter().enumerate().skip(expected.len()) {
        let members = row.iter().map(|(name, value)| format!("{name}: {value}"));
        let members: Vec<String> = members.collect();
        let message = format!(
            "row {}: expected no row, found {{ {} }}",
            at + 1,
            members.join(", ")
        );
        let path = ".expect.rows".to_owned();
        found.push(Difference { path, message });
    }
}

fn shown_row(row: &Row) -> String {
    let cells = row
        .iter()
        .map(|(name, cell)| format!("{name}: {}", json(cell)));
    format!("{{ {} }}", cells.collect::<Vec<_>>().join(", "))
}

/// Whether a cell is what was sent. An empty one is the same as one of which nothing is sent.
fn is_same(cell: &CellSpec, value: Option<&str>, texts: bool) -> bool {
    let empty = matches!(value, None | Some("null" | "\"\""));
    match cell {
        CellSpec::Null => empty,
        CellSpec::Text(text) if text.is_empty() => empty,
        CellSpec::Number(digits) if !texts => value.is_some_and(|value| {
            let both = (Number::parse(digits), Number::parse(value));
            digits == value || matches!(both, (Some(a), Some(b)) if a == b)
        }),
        cell => {
            let parsed = value.map(serde_json::from_str::<serde_json::Value>);
            let Some(Ok(parsed)) = parsed else {
                return false;
            };
            match (texts, text(cell)) {
                (true, Some(text)) => parsed == serde_json::Value::from(text),
                _ => serde_json::from_str::<serde_json::Value>(&json(cell)).ok() == Some(parsed),
            }
        }
    }
}

/// Faults that are missing, and those that nobody expects. Each is one of the others at most.
fn faults(
    expected: &[FoundSpec],
    became: &[Found],
    (setting, what): (&str, &str),
    place: &str,
    found: &mut Vec<Difference>,
) {
    let mut left: Vec<&Found> = became.iter().collect();
    let mut missing = Vec::new();
    // What says more is looked for first, or something that says less takes its place.
    let mut order: Vec<usize> = (0..expected.len()).collect();
    let says =
        |spec: &FoundSpec| usize::from(spec.column.is_some()) + usize::from(spec.code.is_some());
    order.sort_by_key(|at| std::cmp::Reverse(says(&expected[*at])));
    for at in order {
        match left.iter().position(|found| is_meant(&expected[at], found)) {
            Some(same) => drop(left.remove(same)),
            None => missing.push(at),
        }
    }
    missing.sort_unstable();
    for at in missing {
        let spec = &expected[at];
        let number = spec.row.or(spec.line).unwrap_or_default();
        let own = became.iter().filter(|found| found.at == number);
        let own: Vec<String> = own.map(|found| in_words(&found.fault)).collect();
        let instead = match own.is_empty() {
            true => format!("and it is not {what}"),
            false => format!("and it is {what} for {}", own.join(", ")),
        };
        let message = format!(
            "{place} {number}: expected {}, {instead}",
            wanted(spec, what)
        );
        let path = format!("{setting}.{at}");
        found.push(Difference { path, message });
    }
    for Found { at, fault } in left {
        let message = format!(
            "{place} {at}: {what} for {}, and that is not expected: {}",
            in_words(fault),
            fault.message
        );
        let path = setting.to_owned();
        found.push(Difference { path, message });
    }
}

fn is_meant(spec: &FoundSpec, found: &Found) -> bool {
    let fault = &found.fault;
    let names = [&fault.column, fault.source_column()];
    let same_column = |column: &String| names.iter().any(|name| ***name == **column);
    spec.row.or(spec.line) == Some(found.at)
        && spec.column.as_ref().is_none_or(same_column)
        && spec.code.as_ref().is_none_or(|code| *code == *fault.code)
}

/// `Hire Date`, date_format
fn in_words(fault: &Fault) -> String {
    match &**fault.source_column() {
        "" => fault.code.to_string(),
        column => format!("`{column}` ({})", fault.code),
    }
}

fn wanted(spec: &FoundSpec, what: &str) -> String {
    match (&spec.column, &spec.code) {
        (Some(column), Some(code)) => format!("`{column}` ({code})"),
        (Some(column), None) => format!("`{column}`"),
        (None, Some(code)) => format!("`{code}`"),
        (None, None) => format!("that it is {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_what_is_sent() {
        let check = |cell: CellSpec, value: Option<&str>, texts: bool, same: bool| {
            assert_eq!(is_same(&cell, value, texts), same, "{cell:?} {value:?}");
        };
        let number = |digits: &str| CellSpec::Number(digits.to_owned());
        let text = |text: &str| CellSpec::Text(text.to_owned());
        check(number("1.50"), Some("1.5"), false, true);
        check(number("1.50"), Some("\"1.50\""), false, false);
        check(number("1.50"), Some("\"1.50\""), true, true);
        check(
            number("12345678901234567890"),
            Some("12345678901234567891"),
            false,
            false,
        );
        check(text("a\"b"), Some("\"a\\\"b\""), false, true);
        check(text("\u{e9}"), Some("\"\\u00e9\""), false, true);
        check(text("1"), Some("1"), false, false);
        check(CellSpec::Bool(true), Some("true"), false, true);
        check(CellSpec::Bool(true), Some("\"true\""), false, false);
        for empty in [None, Some("null"), Some("\"\"")] {
            check(CellSpec::Null, empty, false, true);
            check(text(""), empty, false, true);
            check(text("x"), empty, false, false);
            check(number("0"), empty, false, false);
        }
        check(CellSpec::Null, Some("0"), false, false);
        let list = CellSpec::List(vec![number("1"), text("a")]);
        check(list, Some("[1, \"a\"]"), false, true);
    }

    fn found(at: u64, column: &str, code: &'static str) -> Found {
        let fault = Fault {
            row: 0,
            stage: "validate",
            column: column.into(),
            source: None,
            code: code.into(),
            message: "expected something".into(),
        };
        Found { at, fault }
    }

    #[test]
    fn faults_that_are_missing_and_that_nobody_expects() {
        let spec = |row, column: Option<&str>, code: Option<&str>| FoundSpec {
            row: Some(row),
            line: None,
            column: column.map(str::to_owned),
            code: code.map(str::to_owned),
        };
        let check = |expected: &[FoundSpec], became: &[Found], messages: &[&str]| {
            let mut differences = Vec::new();
            faults(
                expected,
                became,
                (".r", "rejected"),
                "row",
                &mut differences,
            );
            let told: Vec<String> = differences.into_iter().map(|d| d.message).collect();
            assert_eq!(told, messages);
        };
        let both = [found(1, "a", "required"), found(1, "b", "one_of")];
        // The one that says less would take the place of the other.
        check(&[spec(1, None, None), spec(1, Some("a"), None)], &both, &[]);
        check(
            &[spec(1, Some("a"), Some("requird"))],
            &both[..1],
            &[
                "row 1: expected `a` (requird), and it is rejected for `a` (required)",
                "row 1: rejected for `a` (required), and that is not expected: expected something",
            ],
        );
        check(
            &[spec(2, None, Some("one_of"))],
            &[],
            &["row 2: expected `one_of`, and it is not rejected"],
        );
    }
}
