//! Lines behind the records: totals, the number of records, who printed the report.

use super::{Record, records};
use crate::text::closing::{self, BEFORE, MOST};
use crate::text::scan::Dialect;

/// What stands behind the records.
#[derive(Debug, Default)]
pub(super) struct Footer {
    /// What the lines begin with, each once, in their order.
    pub(super) begins: Vec<String>,
    pub(super) lines: usize,
    /// Lines behind the last record of the usual number of cells that are not known.
    pub(super) odd: usize,
}

/// Looks at the end of a file whose records have so many cells.
pub(super) fn footer(dialect: Dialect, end: &str, width: usize) -> Footer {
    let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut footer = Footer::default();
    for (at, line) in lines.iter().enumerate().rev().take(MOST) {
        let Some(record) = records(dialect, line, true).pop() else {
            break;
        };
        let before = lines[at.saturating_sub(BEFORE)..at].iter();
        let before: Vec<Record> = before
            .flat_map(|line| records(dialect, line, true))
            .collect();
        let closing = Closing {
            dialect,
            line,
            record: &record,
            width,
        };
        match closing.begins(&before) {
            Some(begins) => {
                footer.lines += 1;
                if !footer.begins.contains(&begins) {
                    footer.begins.insert(0, begins);
                }
            }
            None => {
                let is_last = footer.lines == 0 && lines.len() > 1;
                footer.odd = usize::from(is_last && width > 1 && record.cells.len() != width);
                break;
            }
        }
    }
    footer
}

/// A line that may be of a footer.
struct Closing<'l> {
    dialect: Dialect,
    line: &'l str,
    record: &'l Record,
    width: usize,
}

impl Closing<'_> {
    /// What the line begins with, if it is not a record: a word that says so, and it is shorter or emptier than records
    /// are, or the word stands where these have figures.
    fn begins(&self, before: &[Record]) -> Option<String> {
        let bare = self.line.trim();
        let is_rule =
            bare.len() > 2 && bare.bytes().all(|b| matches!(b, b'-' | b'=' | b'*' | b'_'));
        // Where there is one column, a word is a value like any other.
        if self.width < 2 {
            return None;
        }
        if is_rule {
            return Some(bare[..1].to_owned());
        }
        let delimiter = char::from(self.dialect.delimiter);
        let around = |c: char| c == delimiter || matches!(c, '"' | ' ' | '*');
        let text = self.line.trim_start_matches(around);
        let known = closing::word(text)?;
        let is_short =
            self.record.cells.len() != self.width || self.record.filled() * 2 <= self.width;
        let front = self.line[..self.line.len() - text.len()].trim_start_matches('"');
        (is_short || self.is_strange(before)).then(|| format!("{front}{known}"))
    }

    /// Whether the first cell with a value stands in a column of identifiers or figures.
    fn is_strange(&self, before: &[Record]) -> bool {
        let Some(at) = self
            .record
            .cells
            .iter()
            .position(|cell| !cell.trim().is_empty())
        else {
            return false;
        };
        let above = before
            .iter()
            .filter(|record| record.cells.len() == self.width);
        closing::is_strange_among(above.map(|record| record.cells[at].trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::scan::Quoting;

    #[test]
    fn lines_that_are_no_records_are_known_by_their_words() {
        let check = |end: &str, width, expected: &[&str], odd| {
            let found = footer(Dialect::new(b';', Quoting::default()), end, width);
            assert_eq!(
                (&found.begins[..], found.odd),
                (
                    &expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..],
                    odd
                ),
                "{end}"
            );
        };
        check("1;2;3\n4;5;6\n", 3, &[], 0);
        check("1;2;3\nTotal;2;\n", 3, &["Total"], 0);
        check(
            "1;2;3\n\nGrand Total;2\nPage 1 of 1\n",
            3,
            &["Grand Total", "Page"],
            0,
        );
        check("1;2;3\n;;Summe;5\n", 3, &[";;Summe"], 0);
        check("1;2;3\n\"Records: 2\"\n", 3, &["Records"], 0);
        check("1;2;3\n-----\n(2 of them)\n", 3, &[], 1);
        check("1;2;3\n-----\nrows 3\n", 3, &["-", "rows"], 0);
        check("E1;2;3\nE2;2;3\nTotal;2;3\n", 3, &["Total"], 0);
        // A person of this name, and records that are cut off.
        check("x;2;3\nTotal;Anna;3\n", 3, &[], 0);
        check("1;2;3\nPagel;2\n", 3, &[], 1);
        check("Anna\nTotal\n", 1, &[], 0);
    }
}
