//! The last rows of a table: those that look like totals may be no records.

use std::collections::VecDeque;

use super::closing::{self, BEFORE, MOST};
use super::counted;

/// Characters of a cell that are kept: words that close a table are shorter.
const KEPT: usize = 64;

/// The last records that were read, as far as it matters.
#[derive(Default)]
pub(crate) struct Last {
    rows: VecDeque<Brief>,
}

/// A record in brief.
#[derive(Default)]
struct Brief {
    number: u64,
    /// The first column with a value, and the beginning of that.
    first: usize,
    text: String,
    /// Columns that have a value.
    filled: usize,
}

/// Records at the end that begin as totals do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) from: u64,
    pub(crate) to: u64,
    rows: u64,
    /// What they begin with, as a pattern.
    pub(crate) pattern: String,
}

impl Last {
    /// Takes in the next record: its line or row, the first column that has a value, that value, and how many have one.
    pub(crate) fn see(&mut self, number: u64, first: usize, text: &str, filled: usize) {
        let mut brief = match self.rows.len() {
            len if len == BEFORE + MOST => self.rows.pop_front().unwrap_or_default(),
            _ => Brief::default(),
        };
        brief.text.clear();
        brief.text.extend(text.chars().take(KEPT));
        (brief.number, brief.first, brief.filled) = (number, first, filled);
        self.rows.push_back(brief);
    }

    /// The closing run of records that look like totals, in a table of so many columns: they begin with a word that says
    /// so, and are emptier than records are, or the word stands where the others have identifiers or figures. Where their
    /// pattern is of lines, so many delimiters stand in front of the word as columns are empty.
    pub(crate) fn totals(&self, width: usize, delimiter: Option<char>) -> Option<Totals> {
        let mut begins: Vec<String> = Vec::new();
        let mut run = 0;
        for at in (0..self.rows.len()).rev() {
            match self.word(at, width) {
                Some(word) => {
                    let front = delimiter.map(|c| c.to_string().repeat(self.rows[at].first));
                    let word = front.unwrap_or_default() + word;
                    if !begins.contains(&word) {
                        begins.insert(0, word);
                    }
                }
                None => break,
            }
            run += 1;
        }
        // So many are records whose values begin with such a word.
        if run > MOST || run == self.rows.len() {
            return None;
        }
        let rows = self.rows.range(self.rows.len() - run..);
        let mut numbers = rows.map(|row| row.number);
        let from = numbers.next()?;
        Some(Totals {
            from,
            to: numbers.next_back().unwrap_or(from),
            rows: run as u64,
            pattern: closing::pattern(&begins)?,
        })
    }

    fn word(&self, at: usize, width: usize) -> Option<&str> {
        let row = &self.rows[at];
        let word = closing::word(row.text.trim_start())?;
        let before = self.rows.range(at.saturating_sub(BEFORE)..at);
        let before = before.filter(|before| before.first == row.first);
        let is_emptier = width > 1 && row.filled * 2 <= width;
        let texts = before.map(|before| before.text.trim_start());
        (is_emptier || width > 1 && closing::is_strange_among(texts)).then_some(word)
    }
}

impl Totals {
    /// What is to be told of them, where `line` is what a record is called, and this setting says that they are none.
    pub(crate) fn remark(&self, line: &str, setting: &str) -> String {
        match self.rows {
            1 => format!(
                "{line} {}, the last one, begins as totals and the like do, and is read as a record; if it is none, state \
                 {setting}",
                self.from
            ),
            rows => format!(
                "the last {} ({} to {}) begin as totals and the like do, and are read as records; if they are none, state \
                 {setting}",
                counted(rows, line),
                self.from,
                self.to
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(rows: &[(usize, &str, usize)], width: usize) -> Option<(u64, u64, String)> {
        let mut last = Last::default();
        for ((first, text, filled), number) in rows.iter().zip(2..) {
            last.see(number, *first, text, *filled);
        }
        let found = last.totals(width, Some(';'));
        found.map(|found| (found.from, found.to, found.pattern))
    }

    #[test]
    fn rows_that_close_a_table() {
        let found = |from, to, pattern: &str| Some((from, to, pattern.to_owned()));
        let id = (0, "E1", 4);
        assert_eq!(
            totals(&[id, id, (0, "Total", 4)], 4),
            found(4, 4, r"^Total\b")
        );
        assert_eq!(
            totals(&[id, (1, "Summe: 5", 2)], 4),
            found(3, 3, r"^;Summe\b")
        );
        assert_eq!(
            totals(&[id, (0, "Total", 2), (0, "Grand Total", 2)], 4),
            found(3, 4, r"^(Total\b|Grand Total\b)")
        );
        // Within the records, people of this name, a table of one column, and values that begin so.
        assert_eq!(totals(&[id, (0, "Total", 2), id], 4), None);
        assert_eq!(totals(&[(0, "Anna", 4), (0, "Page", 4)], 4), None);
        assert_eq!(totals(&[(0, "1", 1), (0, "Total", 1)], 1), None);
        assert_eq!(totals(&[(0, "Report 1", 2), (0, "Report 2", 2)], 4), None);
        assert_eq!(totals(&[], 4), None);
    }

    #[test]
    fn only_the_last_ones_are_kept() {
        let mut last = Last::default();
        for number in 2..500 {
            last.see(number, 0, &"7".repeat(100), 3);
        }
        assert_eq!(last.rows.len(), BEFORE + MOST);
        last.see(500, 0, "Total", 3);
        assert_eq!(last.totals(3, None).map(|totals| totals.from), Some(500));
        assert_eq!(last.rows[0].text.len(), KEPT);
    }
}
