//! Who is to be forgotten: the keys of people, and whether a text is one of them.
//!
//! Texts are compared as loosely as near misses are: case, blanks and leading zeros do not count, as the stages of a
//! pipeline may have written a key differently.

use std::collections::HashMap;

use crate::format::csv::cut::first_record;
use crate::format::csv::record::split;
use crate::text::compare::loosen_into;
use crate::text::scan::{Dialect, Quoting};

/// What may stand between the columns of a file with people.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The keys of people.
#[derive(Debug)]
pub(crate) struct People {
    keys: Vec<String>,
    /// The keys as they are compared, and their places.
    loose: HashMap<String, usize>,
    /// Which of them were found somewhere.
    found: Vec<bool>,
    buffer: String,
}

/// Why a text does not name people. It never says who.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPeople {
    #[error(
        "it names nobody; expected the key of one person a line, or CSV with the column of the key"
    )]
    Nobody,
    #[error(
        "line 1 has several columns, and none of them is {}; expected the key of one person a line, or CSV with the column \
         of the key", .0.join(" or ")
    )]
    NoColumn(Vec<String>),
    #[error("it is not UTF-8 text (line {0})")]
    NotText(usize),
    #[error("line {0} has no cell in the column of the key")]
    NoCell(usize),
}

impl People {
    /// Reads keys, one a line, or those in a column of CSV that has one of these names.
    ///
    /// # Errors
    /// The text is neither.
    pub(crate) fn read(text: &[u8], columns: &[String]) -> Result<People, NoPeople> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let before = &text[..error.valid_up_to()];
            NoPeople::NotText(before.iter().filter(|b| **b == b'\n').count() + 1)
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let keys = match table(text, columns) {
            Some((dialect, column)) => cells(text, dialect, column)?,
            None => {
                let first = text.lines().next().unwrap_or_default();
                if first.bytes().any(|b| DELIMITERS.contains(&b)) {
                    let named = columns.iter().map(|name| format!("`{name}`"));
                    return Err(NoPeople::NoColumn(named.collect()));
                }
                text.lines().map(|line| line.trim().to_owned()).collect()
            }
        };
        let mut people = People {
            keys: Vec::new(),
            loose: HashMap::new(),
            found: Vec::new(),
            buffer: String::new(),
        };
        for key in keys.into_iter().filter(|key| !key.is_empty()) {
            loosen_into(&key, &mut people.buffer);
            // Several ways to write one key are each looked for where keys are compared exactly.
            people
                .loose
                .entry(people.buffer.clone())
                .or_insert(people.keys.len());
            people.keys.push(key);
        }
        people.found = vec![false; people.keys.len()];
        match people.keys.is_empty() {
            true => Err(NoPeople::Nobody),
            false => Ok(people),
        }
    }

    /// Whether a text is the key of one of them.
    pub(crate) fn is_named(&mut self, text: &str) -> bool {
        // A rejects file that is made for spreadsheets has it before what may pass for a formula.
        let text = text.strip_prefix('\'').unwrap_or(text);
        loosen_into(text, &mut self.buffer);
        let Some(&at) = self.loose.get(&self.buffer).filter(|_| !text.is_empty()) else {
            return false;
        };
        self.found[at] = true;
        true
    }

    /// The same of the words of a text: what is around them may belong to other cells.
    pub(crate) fn is_within(&mut self, text: &str) -> bool {
        let between = |c: char| !c.is_alphanumeric() && !"-_.@".contains(c);
        let mut words = text.split(between);
        self.is_named(text) || words.any(|word| self.is_named(word))
    }

    /// The keys as they were given.
    pub(crate) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Takes down that the key at a place was found, in whatever way it was written.
    pub(crate) fn mark(&mut self, at: usize) {
        let key = self.keys[at].clone();
        self.is_named(&key);
    }

    /// How many people these are, and how many of them were found nowhere.
    pub(crate) fn count(&self) -> (u64, u64) {
        let found = self.loose.values().filter(|at| self.found[**at]).count();
        (self.loose.len() as u64, (self.loose.len() - found) as u64)
    }
}

/// How a text is written that has one of these columns, and which one that is.
fn table(text: &str, columns: &[String]) -> Option<(Dialect, usize)> {
    DELIMITERS.iter().find_map(|delimiter| {
        let dialect = Dialect::new(*delimiter, Quoting::default());
        let end = first_record(dialect, text.as_bytes(), true)?;
        let header = split(dialect, text.get(..end)?.trim_end_matches(['\r', '\n']));
        let at = header.iter().position(|name| columns.contains(name))?;
        Some((dialect, at))
    })
}

fn cells(text: &str, dialect: Dialect, column: usize) -> Result<Vec<String>, NoPeople> {
    let mut keys = Vec::new();
    let (mut at, mut line, mut is_header) = (0, 1, true);
    while at < text.len() {
        let Some(length) = first_record(dialect, &text.as_bytes()[at..], true) else {
            break;
        };
        let record = text.get(at..at + length).unwrap_or_default();
        let own = record.trim_end_matches(['\r', '\n']);
        if !is_header && !own.is_empty() {
            let key = split(dialect, own).into_iter().nth(column);
            keys.push(key.ok_or(NoPeople::NoCell(line))?.trim().to_owned());
        }
        line += record.matches('\n').count();
        at += length;
        is_header = false;
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<String> {
        ["employeeID", "Employee ID"].map(str::to_owned).to_vec()
    }

    #[test]
    fn keys_one_a_line_or_in_a_column() {
        let check = |text: &str, expected: Result<&[&str], NoPeople>| {
            let found = People::read(text.as_bytes(), &columns()).map(|people| people.keys);
            let expected = expected.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
            assert_eq!(found, expected, "{text:?}");
        };
        check("7\r\n\n 008 \n", Ok(&["7", "008"]));
        check("\u{feff}7", Ok(&["7"]));
        check("employeeID\n7\n", Ok(&["7"]));
        check("name;Employee ID\n\"a\nb\";7\nc;8\n", Ok(&["7", "8"]));
        check("name,employeeID\na,7\n\nb,\n", Ok(&["7"]));
        check("", Err(NoPeople::Nobody));
        check("\n \n", Err(NoPeople::Nobody));
        check("employeeID\n", Err(NoPeople::Nobody));
        check("name,employeeID\n\"a\nb\",7\nc\n", Err(NoPeople::NoCell(4)));
        let named = ["`employeeID`", "`Employee ID`"]
            .map(str::to_owned)
            .to_vec();
        check("7,8\n", Err(NoPeople::NoColumn(named)));
        let error = People::read(b"7\n\xff\n", &columns()).unwrap_err();
        assert_eq!(error, NoPeople::NotText(2));
        assert!(!NoPeople::NotText(2).to_string().contains('7'));
    }

    #[test]
    fn they_are_found_however_they_are_written() {
        let mut people = People::read(b"00a7\nA8\n9\na7\n", &columns()).unwrap();
        for text in ["A7", "a7", " 0a7", "'00a7"] {
            assert!(people.is_named(text), "{text}");
        }
        for text in ["", "70", "a", "0"] {
            assert!(!people.is_named(text), "{text}");
        }
        assert_eq!(people.count(), (3, 2));
        assert!(people.is_within("x, \"a8\";y"));
        assert!(!people.is_within("xa8;y"));
        people.mark(2);
        assert_eq!(people.count(), (3, 0));
    }
}
