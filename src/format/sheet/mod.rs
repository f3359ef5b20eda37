//! Rejects in a workbook, for people: how they stand there, and the rejects file that a workbook is made to again.
//!
//! The sheet [`REJECTS`] has a header and a row for every rejected one: what is said of the row ([`ADDED`]), then its own
//! cells. What is said comes first, because that is what people read, and because the cells that a row has too many stand
//! behind its own then, as they do in the source. Of a JSON source [`TYPES`] follows what is said, in a column that is
//! hidden: a cell is text, and a member need not be. The sheet [`ABOUT`], which nobody sees, has what no row tells.
//!
//! A workbook is read as the rejects file that it was made of. What that file can't say byte for byte, it says in words
//! ([`csv::fed_back`](super::csv::fed_back)), and so does the workbook.

pub(crate) mod csv;
pub(crate) mod json;
mod types;

use super::PARSE;
use super::added::{ADDED, CODE, COLUMN as OF_COLUMN, JOIN, RAGGED, STAGE};

/// The sheet of the rejected rows.
pub(crate) const REJECTS: &str = "Rejects";

/// The sheet that nobody sees, with what the rows do not tell of the file.
pub(crate) const ABOUT: &str = "rostream";

/// The column that says which cells are not text, see [`types::Types`].
pub(crate) const TYPES: &str = "_types";

/// The rows and columns of a sheet, and the characters of a cell (units of UTF-16), at most: Excel's limits.
pub(crate) const MOST_ROWS: u64 = 1 << 20;
pub(crate) const MOST_COLUMNS: usize = 1 << 14;
pub(crate) const MOST_CHARACTERS: usize = 32_767;

/// Values of [`About`] that are read, at most: what is more was not written by a run.
const MOST_TOLD: usize = 1 << 17;

/// What stands in a cell for a byte that is not UTF-8.
const NOT_UTF8: char = char::REPLACEMENT_CHARACTER;

/// The byte that stands for such a character when the cell is read: none of UTF-8.
const NO_CHARACTER: u8 = 0xff;

/// The letters of a column, from 0.
pub(crate) fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        left -= 1;
        letters.push(char::from(b'A' + (left % 26) as u8));
        left /= 26;
    }
    letters.iter().rev().collect()
}

/// The texts of a row's cells, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a cell; of one that is not there, nothing.
    pub(crate) fn get(&self, at: usize) -> &str {
        let Some(&end) = self.ends.get(at) else {
            return "";
        };
        &self.text[at.checked_sub(1).map_or(0, |before| self.ends[before])..end]
    }

    /// The bytes of all of them.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Where everything stands in a row of the sheet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Laid {
    /// Where what is said of the row begins.
    pub(crate) said: usize,
    /// Where its types stand, if they do.
    pub(crate) types: Option<usize>,
    /// Where its own cells stand.
    pub(crate) own: Vec<usize>,
    /// Where those begin that are too many.
    pub(crate) surplus: usize,
}

impl Laid {
    /// By the header of a sheet; nothing where it is not one of rejects. Whoever has moved what is said of the rows, or has
    /// opened a table of rejects and saved it as a workbook, has them elsewhere.
    pub(crate) fn of(header: &Texts) -> Option<Laid> {
        let named = (0..header.len()).rfind(|at| !header.get(*at).is_empty())? + 1;
        let is_said = |from: &usize| {
            (ADDED.iter().enumerate()).all(|(at, name)| header.get(from + at) == *name)
        };
        let said = (0..named).find(is_said)?;
        let behind = said + ADDED.len();
        let types = Some(behind).filter(|at| header.get(*at) == TYPES);
        let own = (0..said).chain(types.map_or(behind, |at| at + 1)..named);
        Some(Laid {
            said,
            types,
            own: own.collect(),
            surplus: named,
        })
    }
}

/// What the rows do not tell of the file that they were made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// What stood between the cells of a table.
    pub(crate) delimiter: Option<u8>,
    /// Its names were all quoted.
    pub(crate) throughout: bool,
    /// The columns of the source: of a table as they stand in the header of the sheet.
    pub(crate) columns: Vec<String>,
    /// The members of its objects that have columns in the sheet, and whether they are JSON and not text as a rule.
    pub(crate) members: Vec<(String, bool)>,
}

const DELIMITER: &str = "delimiter";
const THROUGHOUT: &str = "quoted throughout";
const COLUMN: &str = "column";
const TEXT: &str = "text";
const JSON: &str = "json";

impl About {
    /// The rows of the sheet: a word, and what it is said of.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static str, String)> {
        let delimiter = self.delimiter.map(|b| (DELIMITER, b.to_string()));
        let throughout = self.throughout.then(|| (THROUGHOUT, String::new()));
        let columns = self.columns.iter().map(|name| (COLUMN, name.clone()));
        let members = self.members.iter();
        let members =
            members.map(|(name, is_json)| (if *is_json { JSON } else { TEXT }, name.clone()));
        (delimiter.into_iter().chain(throughout))
            .chain(columns)
            .chain(members)
    }

    /// Takes in such a row.
    pub(crate) fn take(&mut self, word: &str, value: &str) {
        match word {
            // A delimiter is ASCII, or it would be a part of a character.
            DELIMITER => self.delimiter = value.parse().ok().filter(u8::is_ascii),
            THROUGHOUT => self.throughout = true,
            COLUMN if self.columns.len() < MOST_TOLD => self.columns.push(value.to_owned()),
            TEXT | JSON if self.members.len() < MOST_COLUMNS => {
                self.members.push((value.to_owned(), word == JSON));
            }
            _ => {}
        }
    }
}

/// Whether the reader's own fault with this code is told of a row. `said` are the texts of [`ADDED`].
pub(crate) fn is_told(said: &[&str], code: &str) -> bool {
    faults_of_reader(said).any(|(_, found)| found == code)
}

/// Whether a row is told to have more cells than there are columns. `said` are the texts of [`ADDED`].
pub(crate) fn is_too_long(said: &[&str; ADDED.len()]) -> bool {
    faults_of_reader(said).any(|(column, code)| code == RAGGED && column.is_empty())
}

/// The columns and codes of the reader's own faults that are told of a row.
fn faults_of_reader<'s>(said: &[&'s str]) -> impl Iterator<Item = (&'s str, &'s str)> {
    let [stages, columns, codes] = [STAGE, OF_COLUMN, CODE].map(|at| said[at].split(JOIN));
    let own = stages.zip(columns.zip(codes));
    own.filter_map(|(stage, fault)| (stage == PARSE).then_some(fault))
}

/// Appends a text, in which `is_bad` characters stand for bytes that are not UTF-8.
fn push_bytes(text: &[u8], is_bad: bool, out: &mut Vec<u8>) {
    let mut bad = [0; 4];
    let bad = NOT_UTF8.encode_utf8(&mut bad).as_bytes();
    let mut from = 0;
    if is_bad {
        for at in memchr::memmem::find_iter(text, bad) {
            out.extend_from_slice(&text[from..at]);
            out.push(NO_CHARACTER);
            from = at + bad.len();
        }
    }
    out.extend_from_slice(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cells: &[&str]) -> Texts {
        let mut texts = Texts::default();
        cells.iter().for_each(|cell| texts.push(cell));
        texts
    }

    #[test]
    fn a_sheet_of_rejects_is_known_by_its_header() {
        let check = |before: &[&str], behind: &[&str], expected: Option<Laid>| {
            let header = [before, &ADDED, behind].concat();
            assert_eq!(Laid::of(&texts(&header)), expected, "{header:?}");
        };
        let laid = |said, types, own: &[usize], surplus| {
            let own = own.to_vec();
            Some(Laid {
                said,
                types,
                own,
                surplus,
            })
        };
        check(&[], &["id", "pay"], laid(0, None, &[6, 7], 8));
        check(&[], &["id", " ", "", ""], laid(0, None, &[6, 7], 8));
        check(&[], &["_types", "id"], laid(0, Some(6), &[7], 8));
        check(&[], &["id", "_types"], laid(0, None, &[6, 7], 8));
        check(&["id", "pay"], &["", ""], laid(2, None, &[0, 1], 8));
        check(&["id"], &["pay"], laid(1, None, &[0, 7], 8));
        check(&[], &[], laid(0, None, &[], 6));
        for other in [&ADDED[..5], &["id", "pay"], &[], &[""]] {
            assert_eq!(Laid::of(&texts(other)), None);
        }
    }

    #[test]
    fn what_is_told_of_a_file_is_read_again() {
        let about = About {
            delimiter: Some(b'\t'),
            throughout: true,
            columns: vec!["id".into(), "name.first".into()],
            members: vec![("id".into(), false), ("pay".into(), true)],
        };
        let mut again = About::default();
        about
            .rows()
            .for_each(|(word, value)| again.take(word, &value));
        assert_eq!(again, about);
        let mut odd = About::default();
        for (word, value) in [("delimiter", "200"), ("delimiter", "x"), ("else", "1")] {
            odd.take(word, value);
        }
        assert_eq!(odd, About::default());
    }

    #[test]
    fn letters_of_columns() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (16383, "XFD")] {
            assert_eq!(letters(column), name);
        }
    }
}
