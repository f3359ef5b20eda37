//! Records that are none: without any value, and the header once more.
//!
//! Spreadsheets save the empty rows below a table, and files that are joined one after the other bring their headers
//! along. Both are passed over like blank lines. A header whose columns stand in another order is found, too, as the
//! records behind it would be read in wrong columns.

use super::record::{Cells, Quotes, split, unquote};
use crate::text::scan::Dialect;
use crate::text::unseen::{self, is_invisible};

/// Tells records that are none from others.
#[derive(Debug, Clone)]
pub(super) struct Skips {
    dialect: Dialect,
    /// The lines of the header; none where there is no header.
    headers: Vec<Line>,
    /// The bytes with which such a record may begin, behind a quote or without one.
    first: [bool; 256],
    /// Those of them that may stand before a value that nobody sees, or before a name.
    blank: [bool; 256],
}

/// A line of the header: its cells, without the blanks around them.
#[derive(Debug, Clone)]
struct Line {
    cells: Vec<String>,
    sorted: Vec<String>,
}

/// What a record is that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// It has no value.
    Empty,
    /// It is the header again.
    Header,
    /// It is the header again, with its columns in another order.
    Reordered,
}

/// Columns from which on a record of the header's names in another order can't be a person.
const MANY: usize = 3;

/// White space and what nobody sees, such as the mark that stands before each of several files that were joined.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// The bytes with which characters of that sort begin that are not ASCII.
const BLANKS: &[u8] = b"\xc2\xcd\xd8\xe1\xe2\xe3\xef\xf0\xf3";

impl Skips {
    pub(super) fn new(dialect: Dialect) -> Skips {
        let mut blank = [false; 256];
        let blanks = (0..=b' ').filter(|b| char::from(*b).is_whitespace());
        let others = std::iter::once(dialect.delimiter).chain(dialect.quoting.quote);
        for byte in blanks.chain(others).chain(BLANKS.iter().copied()) {
            blank[usize::from(byte)] = true;
        }
        Skips {
            dialect,
            headers: Vec::new(),
            first: blank,
            blank,
        }
    }

    /// Passes over a line of the header, too, which is written so.
    pub(super) fn with_header(mut self, header: &str) -> Skips {
        let cells: Vec<String> = (split(self.dialect, header).iter())
            .map(|cell| cell.trim_matches(is_blank).to_owned())
            .collect();
        for first in cells.iter().filter_map(|cell| cell.bytes().next()) {
            self.first[usize::from(first)] = true;
        }
        let mut sorted = cells.clone();
        sorted.sort();
        self.headers.push(Line { cells, sorted });
        self
    }

    /// Whether a record is worth a closer look. Most are not: their first cell has a value, and another first letter
    /// than the names of columns have.
    #[inline(always)]
    pub(super) fn may_skip(&self, record: &[u8]) -> bool {
        let quote = self.dialect.quoting.quote;
        let quoted = quote.is_some() && record.first().copied() == quote;
        let first = record.get(usize::from(quoted));
        first.is_none_or(|first| self.first[usize::from(*first)])
    }

    /// What a record is that is none, without its line end.
    pub(super) fn look_at(&self, record: &[u8]) -> Option<Skip> {
        if !self.may_begin(record) {
            return None;
        }
        let record = std::str::from_utf8(record).ok()?;
        match says_nothing(self.dialect, record) {
            true => Some(Skip::Empty),
            false => self
                .headers
                .iter()
                .find_map(|line| self.again(line, record)),
        }
    }

    /// Whether a record begins with a blank or with one of the names: people's names may well begin with a letter of
    /// theirs.
    fn may_begin(&self, record: &[u8]) -> bool {
        let quote = self.dialect.quoting.quote;
        let quoted = quote.is_some() && record.first().copied() == quote;
        let record = &record[usize::from(quoted)..];
        let mut names = self.headers.iter().flat_map(|line| &line.cells);
        let begins = |name: &String| {
            let name = name.as_bytes();
            // A name with a quote is written with two.
            !name.is_empty() && record.starts_with(name)
                || quote.is_some_and(|quote| name.contains(&quote))
        };
        record.first().is_none_or(|b| self.blank[usize::from(*b)]) || names.any(begins)
    }

    /// What a record is that has the cells of a line of the header, in whichever quotes, with blanks or a byte order mark
    /// around.
    fn again(&self, line: &Line, record: &str) -> Option<Skip> {
        let delimiter = char::from(self.dialect.delimiter);
        let record = record.trim_start_matches(|c| is_blank(c) && c != delimiter);
        let mut text = String::new();
        let (mut in_order, mut places) = (true, Vec::new());
        for cell in Cells::of_record(record.as_bytes(), self.dialect) {
            let written = record[cell.range()].trim_matches(is_blank);
            unquote(written, self.dialect, &mut text);
            let name = text.trim_matches(is_blank);
            // A person ends with the first cell: it is no name.
            let place = (line.sorted)
                .binary_search_by(|n| n.as_str().cmp(name))
                .ok()?;
            in_order &= line.cells.get(places.len()).is_some_and(|n| n == name);
            places.push(place);
        }
        if places.len() != line.cells.len() {
            return None;
        }
        if in_order {
            return Some(Skip::Header);
        }
        places.sort_unstable();
        let has_all = places.iter().copied().eq(0..line.cells.len());
        (has_all && places.len() >= MANY).then_some(Skip::Reordered)
    }
}

/// Whether a record has no value in any of its cells.
pub(crate) fn says_nothing(dialect: Dialect, record: &str) -> bool {
    let blank = unseen::is_blank;
    Cells::of_record(record.as_bytes(), dialect).all(|cell| {
        let written = &record[cell.range()];
        match cell.quotes {
            Quotes::None => blank(written),
            Quotes::Closed(close) if !cell.escaped => {
                blank(&record[cell.start + 1..close]) && blank(&record[close + 1..cell.end])
            }
            Quotes::Closed(_) | Quotes::Open => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, record: &str, expected: Option<Skip>) {
        let skips = Skips::new(Dialect::default()).with_header(header);
        let found = skips.look_at(record.as_bytes());
        assert_eq!(found, expected, "{record:?}");
        let may = skips.may_skip(record.as_bytes());
        assert!(may || found.is_none(), "{record:?} is never looked at");
    }

    #[test]
    fn every_blank_is_looked_at() {
        let skips = Skips::new(Dialect::default());
        for c in ('\0'..=char::MAX).filter(|c| is_blank(*c)) {
            assert!(skips.may_skip(c.to_string().as_bytes()), "{c:?}");
        }
    }

    #[test]
    fn records_without_any_value() {
        for record in [
            "",
            ",",
            ",,,",
            "\"\",\"\"",
            " , ,\t",
            "\u{a0},\u{3000}",
            "\" \",,\"\n\"",
            "\u{feff},",
            "   ",
            "\"\" ,",
        ] {
            check("ID,Name", record, Some(Skip::Empty));
        }
        for record in [
            "0",
            ",0",
            "\"\"\"\",",
            ",\"\"x",
            "-,-",
            ",,,,x",
            "\"\"\"\"\"\"",
        ] {
            check("ID,Name", record, None);
        }
    }

    #[test]
    fn headers_that_come_again() {
        for record in [
            "ID,Legal Name",
            "\"ID\",\"Legal Name\"",
            "\u{feff}ID,Legal Name",
            "\u{feff}\"ID\",Legal Name",
            " ID , \"Legal Name\" ",
            "\" ID\",Legal Name",
        ] {
            check("\"ID\",Legal Name", record, Some(Skip::Header));
        }
        for record in [
            "ID,Fallow",
            "ID",
            "ID,Legal Name,",
            "id,legal name",
            "1,Legal Name",
        ] {
            check("ID,Legal Name", record, None);
        }
        let header = "ID,Legal Name,Unit";
        check(
            header,
            "\u{feff}Legal Name,\"Unit\", ID",
            Some(Skip::Reordered),
        );
        check(header, "Unit,Unit,ID", None);
        check(header, "Unit,ID", None);
        check("from,to", "to,from", None);
        check("ID,,Name", "ID,,Name", Some(Skip::Header));
        check("ID,,", "ID,,", Some(Skip::Header));
        check(",Name", ",Name", Some(Skip::Header));
        check("\u{feff}Ä", "Ä", Some(Skip::Header));
        let tabs = Dialect {
            delimiter: b'\t',
            ..Dialect::default()
        };
        let skips = Skips::new(tabs).with_header("\tName");
        assert_eq!(skips.look_at(b"\tName"), Some(Skip::Header));
        assert_eq!(skips.look_at(b"Name"), None);
    }
}
