//! Rejects files of CSV sources that are fed back in: how they are known, and which of their records are still as they
//! were.
//!
//! A record that can't stand there byte for byte would pass for a good one: one that is too short is filled up, and one
//! whose quotes are wrong is written in right ones, or a spreadsheet would read something else into it. What is said of
//! such a record tells what it was, and until it is put right it is rejected again. A cell that the row's file had no
//! column for is told as well: it is missing, and not empty.

use std::borrow::Cow;
use std::sync::Arc;

use super::cut::first_record;
use super::record::{Cells, Quotes, split, unquote};
use crate::batch::{Batch, Cell, Fault, Kind, RowState};
use crate::format::PARSE;
use crate::format::added::{
    ABSENT, ADDED, CARRIAGE_RETURN, CODE, COLUMN, JOIN, QUOTE, RAGGED, STAGE,
};
use crate::text::scan::{Dialect, Quoting};

/// The delimiter of a rejects file: what stands between the names that such a file adds to its header. None where the
/// text is not one, or its header goes on behind it.
pub(crate) fn delimiter(text: &[u8], quoting: Quoting, ended: bool, added: &[&str]) -> Option<u8> {
    let first = added.first()?;
    let found = |at: usize| {
        let rest = &text[at + first.len()..];
        let quote = quoting.quote.as_slice();
        let delimiter = *rest.strip_prefix(quote).unwrap_or(rest).first()?;
        let dialect = Dialect::new(delimiter, quoting);
        let is_one =
            delimiter.is_ascii() && !quote.contains(&delimiter) && !b"\r\n".contains(&delimiter);
        let header =
            &text[..first_record(dialect, text, ended).filter(|end| is_one && *end > at)?];
        let names = split(
            dialect,
            String::from_utf8_lossy(header).trim_end_matches(['\r', '\n']),
        );
        own_columns(&names, added).map(|_| delimiter)
    };
    memchr::memmem::find_iter(text, first.as_bytes())
        .take(2)
        .find_map(found)
}

/// How many of a header's cells are the source's, where the others are those that a rejects file adds. A spreadsheet
/// that has surplus cells to save gives the header more of them, which are empty.
pub(crate) fn own_columns(names: &[String], added: &[&str]) -> Option<usize> {
    let named = names.iter().rposition(|name| !name.is_empty())? + 1;
    let own = named
        .checked_sub(added.len())
        .filter(|own| *own > 0 && !added.is_empty())?;
    names[own..named].iter().eq(added).then_some(own)
}

/// Which of a record's own cells its file had no column for, by what is said of it; one that has been filled in is a
/// value like any other. `names` are those of its own cells.
pub(crate) fn absent(names: &[impl AsRef<str>], cells: &[String]) -> Vec<usize> {
    let Some((own, said)) = cells.split_at_checked(names.len()) else {
        return Vec::new();
    };
    let [Some(stages), Some(columns), Some(codes)] =
        [STAGE, COLUMN, CODE].map(|at| said.get(at).map(|said| said.split(JOIN)))
    else {
        return Vec::new();
    };
    (stages.zip(columns).zip(codes))
        .filter(|((stage, _), code)| *stage == PARSE && *code == ABSENT)
        .filter_map(|((_, column), _)| names.iter().position(|name| name.as_ref() == column))
        .filter(|at| own[*at].is_empty())
        .collect()
}

/// The records of a block of a rejects file, looked at for what the parser can't see.
pub(super) struct Review<'a> {
    pub(super) dialect: Dialect,
    pub(super) names: &'a [Arc<str>],
    /// Whether missing cells are taken for empty ones.
    pub(super) pads: bool,
}

impl Review<'_> {
    /// Rejects the rows that are as they were when they were rejected, and takes away the cells that their files did not
    /// have.
    pub(super) fn apply(&self, batch: &mut Batch) {
        for row in 0..batch.len() {
            if batch.state(row) != RowState::In {
                continue;
            }
            let raw = String::from_utf8_lossy(batch.raw_record(row)).into_owned();
            let cells = split(self.dialect, &raw);
            if cells.len() < self.names.len() + ADDED.len() {
                continue;
            }
            for column in absent(self.names, &cells) {
                batch.set_cell(row, column, Cell::MISSING);
            }
            let (own, said) = cells.split_at(self.names.len());
            match self.found_again(own, said) {
                Some(Again::Cells(found)) => self.reject_ragged(batch, row, found),
                Some(Again::Quotes(code)) => self.unquote(batch, row, own, code),
                None => {}
            }
        }
    }

    /// What was wrong with the whole record, and may still be.
    fn found_again(&self, own: &[String], said: &[String]) -> Option<Again> {
        let surplus = &said[ADDED.len()..];
        if let Some(last) = surplus.iter().rposition(|cell| !cell.is_empty()) {
            return Some(Again::Cells(own.len() + last + 1));
        }
        let [stages, columns, codes] =
            [STAGE, COLUMN, CODE].map(|at| said[at].split(JOIN).collect::<Vec<_>>());
        let at = |code| {
            codes
                .iter()
                .position(|found| *found == code)
                .filter(|at| stages.get(*at) == Some(&PARSE))
        };
        for code in [QUOTE, CARRIAGE_RETURN] {
            if at(code).is_some() {
                return Some(Again::Quotes(code));
            }
        }
        // Of a record that was too short the column is told from which on there was nothing.
        let column = match (at(RAGGED)?, codes.len()) {
            (_, 1) => &said[COLUMN],
            (at, _) => *columns.get(at)?,
        };
        let from = self.names.iter().position(|name| **name == *column)?;
        let is_short = !self.pads && own[from..].iter().all(String::is_empty);
        is_short.then_some(Again::Cells(from))
    }

    fn reject_ragged(&self, batch: &mut Batch, row: usize, found: usize) {
        let message = format!(
            "expected {} cells as in the header, found {found}",
            self.names.len()
        );
        batch.reject(fault(row, Arc::from(""), RAGGED, message.into()), None);
        for column in 0..self.names.len() {
            batch.set_cell(row, column, batch.cell(row, column).with_kind(Kind::Faulty));
        }
    }

    /// The cells of a record whose quotes were wrong hold what was written, quotes and all.
    fn unquote(&self, batch: &mut Batch, row: usize, own: &[String], code: &'static str) {
        for (column, written) in own.iter().enumerate() {
            if !is_quoted(written, self.dialect) {
                continue;
            }
            if is_whole(written, self.dialect) {
                let mut text = String::new();
                unquote(written, self.dialect, &mut text);
                batch.set_text(row, column, &text, Kind::Text);
            } else {
                let message = "this cell still has its wrong quotes; write its text without them";
                let name = self.names[column].clone();
                batch.reject(fault(row, name, code, message.into()), Some(column));
            }
        }
    }
}

/// Whether a cell as it is written begins with a quote, but for blanks.
fn is_quoted(written: &str, dialect: Dialect) -> bool {
    let quote = dialect.quoting.quote.map(char::from);
    let first = written.trim_start_matches([' ', '\t']).chars().next();
    quote.is_some() && first == quote
}

/// Whether such a cell ends with the quote that closes it, and no other is in the way.
fn is_whole(written: &str, dialect: Dialect) -> bool {
    let mut cells = Cells::of_record(written.as_bytes(), dialect);
    let closed = Quotes::Closed(written.len() - 1);
    let whole = cells
        .next()
        .is_some_and(|cell| cell.last && cell.quotes == closed);
    whole && cells.take_fault().is_none()
}

/// What may be wrong with a record again.
enum Again {
    /// It has so many cells.
    Cells(usize),
    /// Its quotes; by this code.
    Quotes(&'static str),
}

fn fault(row: usize, column: Arc<str>, code: &'static str, message: Cow<'static, str>) -> Fault {
    Fault {
        row: row as u32,
        stage: PARSE,
        column,
        source: None,
        code: Cow::Borrowed(code),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::csv::{OnRagged, Parser};

    const HEADER: &str = "id,name,dob,_file,_line,_stage,_column,_code,_message";

    #[test]
    fn the_delimiter_stands_between_the_names_that_are_added() {
        let added = &ADDED[..];
        let check = |header: &str, expected: Option<char>| {
            let text = format!("{header}\nx");
            let found = delimiter(text.as_bytes(), Quoting::default(), false, added);
            assert_eq!(found.map(char::from), expected, "{header}");
        };
        check(HEADER, Some(','));
        for other in [';', '\t', '|'] {
            check(&HEADER.replace(',', &other.to_string()), Some(other));
        }
        check(
            &format!("\"{}\"\r", HEADER.replace(',', "\";\"")),
            Some(';'),
        );
        // As spreadsheets save it where a row has surplus cells; a name with a line break; a column of the same name.
        check(&format!("{HEADER},,"), Some(','));
        check(&HEADER.replace("name", "\"na\nme\""), Some(','));
        check(&HEADER.replace("name", "the_file"), Some(','));
        // Not all six, not in this order, nothing before them.
        check("id,_file,_line,_stage,_column,_code", None);
        check("id,_line,_file,_stage,_column,_code,_message", None);
        check("_file,_line,_stage,_column,_code,_message", None);
        check("id,name", None);
        let found =
            |ended, added: &[&str]| delimiter(HEADER.as_bytes(), Quoting::default(), ended, added);
        assert_eq!(found(false, added), None);
        assert_eq!(found(true, added), Some(b','));
        assert_eq!(found(true, &[]), None);
    }

    /// The faults of a row of a rejects file with these cells of its own, which was rejected for this; or its cells.
    #[track_caller]
    fn check(on_ragged: OnRagged, own: &str, said: &str, expected: &str) {
        let names: Vec<Arc<str>> = ["id", "name", "dob"].map(Arc::from).into();
        let parser = Parser::new(Dialect::default(), names.into(), 9, on_ragged);
        let batch = parser
            .parse(format!("{own},w.csv,2,{said},m\n").into_bytes(), 2)
            .unwrap();
        let told = |f: &Fault| format!("{} {} {}", f.column, f.code, f.message);
        let found = match batch.faults() {
            [] => (0..3)
                .map(|column| batch.get(0, column))
                .collect::<Vec<_>>()
                .join("|"),
            faults => faults.iter().map(told).collect::<Vec<_>>().join("|"),
        };
        assert_eq!(found, expected, "{own}");
    }

    #[test]
    fn a_record_that_was_too_short_is_good_once_a_missing_cell_is_filled() {
        let short = " ragged expected 3 cells as in the header, found 2";
        let said = "parse,dob,ragged";
        check(OnRagged::Reject, "1,a b,", said, short);
        check(OnRagged::Reject, "1,a,b", said, "1|a|b");
        check(OnRagged::Reject, "1,a,", "parse,name,ragged", "1|a|");
        check(
            OnRagged::Reject,
            "1,,",
            "parse; validate,name; id,ragged; x",
            " ragged expected 3 cells as in the header, found 1",
        );
        check(OnRagged::Pad, "1,a b,", said, "1|a b|");
        // Of one that was too long, or that is rejected for something else, nothing is missing.
        check(OnRagged::Reject, "1,a,", "parse,,ragged", "1|a|");
        check(OnRagged::Reject, "1,a,", "import,dob,ragged", "1|a|");
        check(OnRagged::Reject, "1,a,", "date,dob,date_format", "1|a|");
    }

    #[test]
    fn a_record_that_is_not_utf8_is_still_too_short() {
        let names: Vec<Arc<str>> = ["id", "name", "dob"].map(Arc::from).into();
        let parser = Parser::new(Dialect::default(), names.into(), 9, OnRagged::Reject);
        let row = b"1,\xff,,w.csv,2,parse; parse,dob; name,ragged; not_utf8,m\n";
        let batch = parser.parse(row.to_vec(), 2).unwrap();
        let codes: Vec<_> = batch.faults().iter().map(|fault| &*fault.code).collect();
        assert_eq!(codes, ["ragged", "not_utf8"]);
    }

    #[test]
    fn a_record_whose_quotes_were_wrong_is_good_once_they_are_gone() {
        let still = "name quote this cell still has its wrong quotes; write its text without them";
        let said = "parse,name,quote";
        check(OnRagged::Reject, "1,\"\"\"80\"\"0\",x", said, still);
        check(OnRagged::Reject, "1,\"\"\"80\",x", said, still);
        check(
            OnRagged::Reject,
            "1,800,\"\"\"x, y\"\"\"",
            said,
            "1|800|x, y",
        );
        check(OnRagged::Reject, "1,800,\"x, y\"", said, "1|800|x, y");
        check(OnRagged::Reject, "1,\"5\"\" pipe\",x", said, "1|5\" pipe|x");
        // Elsewhere such cells are what they say.
        check(
            OnRagged::Reject,
            "1,\"\"\"80\"\"0\",x",
            "date,dob,date_format",
            "1|\"80\"0|x",
        );
    }
}
