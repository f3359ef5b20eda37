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

/// The first of its own cells that a record had nothing for, by what is said of it. `names` are those of its own cells.
pub(crate) fn missing_from(names: &[impl AsRef<str>], said: &[String]) -> Option<usize> {
    let at = told(said, RAGGED)?;
    let columns = said.get(COLUMN)?;
    // A name may have in it what stands between several.
    let column = match said.get(CODE)?.contains(JOIN) {
        true => columns.split(JOIN).nth(at)?,
        false => columns,
    };
    names.iter().position(|name| name.as_ref() == column)
}

/// Which of the faults that are told of a record is the reader's own with this code.
fn told(said: &[String], code: &str) -> Option<usize> {
    let (stages, codes) = (said.get(STAGE)?, said.get(CODE)?);
    let mut faults = stages.split(JOIN).zip(codes.split(JOIN));
    faults.position(|(stage, found)| stage == PARSE && found == code)
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
    /// have. Of a record that the parser found ragged the quotes are looked at as well: they are still wrong once it has
    /// its number of cells.
    pub(super) fn apply(&self, batch: &mut Batch) {
        let ragged = batch.faults().iter().filter(|fault| fault.code == RAGGED);
        let ragged: Vec<u32> = ragged.map(|fault| fault.row).collect();
        for row in 0..batch.len() {
            let is_in = batch.state(row) == RowState::In;
            if !is_in && ragged.binary_search(&(row as u32)).is_err() {
                continue;
            }
            let raw = String::from_utf8_lossy(batch.raw_record(row)).into_owned();
            let cells = split(self.dialect, &raw);
            if cells.len() < self.names.len() + ADDED.len() {
                continue;
            }
            let (own, said) = cells.split_at(self.names.len());
            if is_in {
                for column in absent(self.names, &cells) {
                    batch.set_cell(row, column, Cell::MISSING);
                }
                if let Some(found) = self.other_number(own, said) {
                    self.reject_ragged(batch, row, found);
                }
            }
            let mut codes = [QUOTE, CARRIAGE_RETURN].into_iter();
            if let Some(code) = codes.find(|code| told(said, code).is_some()) {
                self.unquote(batch, row, own, code);
                self.reject_surplus(batch, row, own, &said[ADDED.len()..], code);
            }
        }
    }

    /// How many cells a record has that has too many, or that is as short as it was.
    fn other_number(&self, own: &[String], said: &[String]) -> Option<usize> {
        let surplus = &said[ADDED.len()..];
        if let Some(last) = surplus.iter().rposition(|cell| !cell.is_empty()) {
            return Some(own.len() + last + 1);
        }
        let from = missing_from(self.names, said)?;
        let is_short = !self.pads && own[from..].iter().all(String::is_empty);
        is_short.then_some(from)
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

    /// Rejects such a record for wrong quotes in cells that are too many.
    fn reject_surplus(
        &self,
        batch: &mut Batch,
        row: usize,
        own: &[String],
        surplus: &[String],
        code: &'static str,
    ) {
        let is_wrong =
            |cell: &String| is_quoted(cell, self.dialect) && !is_whole(cell, self.dialect);
        if surplus.iter().any(is_wrong) || self.is_torn(own, surplus) {
            let message = "a cell that is too many still has its wrong quotes";
            batch.reject(fault(row, Arc::from(""), code, message.into()), None);
        }
    }

    /// Whether two unquoted cells that stood side by side, the last of the header's and the first of those that are too
    /// many, are still the halves of a quoted one.
    fn is_torn(&self, own: &[String], surplus: &[String]) -> bool {
        let halves = own.last().into_iter().chain(surplus.first());
        let halves: Vec<&str> = halves.map(String::as_str).collect();
        let beside = halves.join(&char::from(self.dialect.delimiter).to_string());
        let is_quoted = halves.iter().any(|half| is_quoted(half, self.dialect));
        !is_quoted
            && Cells::of_record(beside.as_bytes(), self.dialect)
                .into_fault()
                .is_some()
    }

    /// The cells of a record whose quotes were wrong hold what was written, quotes and all.
    fn unquote(&self, batch: &mut Batch, row: usize, own: &[String], code: &'static str) {
        for (column, written) in own.iter().enumerate() {
            if !is_quoted(written, self.dialect) {
                continue;
            }
            if is_whole(written, self.dialect) {
                if batch.cell(row, column).kind() != Kind::Faulty {
                    let mut text = String::new();
                    unquote(written, self.dialect, &mut text);
                    batch.set_text(row, column, &text, Kind::Text);
                }
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
        let row = format!("{own},w.csv,2,{said},m\n");
        check_row(on_ragged, 9, &row, expected);
    }

    /// The same of a row as it is written, under a header of so many cells.
    #[track_caller]
    fn check_row(on_ragged: OnRagged, cells: usize, row: &str, expected: &str) {
        let names: Vec<Arc<str>> = ["id", "name", "dob"].map(Arc::from).into();
        let parser = Parser::new(Dialect::default(), names.into(), cells, on_ragged);
        let batch = parser.parse(row.as_bytes().to_vec(), 2).unwrap();
        let told = |f: &Fault| format!("{} {} {}", f.column, f.code, f.message);
        let found = match &batch.faults().list()[..] {
            [] => (0..3)
                .map(|column| batch.get(0, column))
                .collect::<Vec<_>>()
                .join("|"),
            faults => faults.iter().map(told).collect::<Vec<_>>().join("|"),
        };
        assert_eq!(found, expected, "{row}");
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
        let faults = batch.faults().list();
        let codes: Vec<_> = faults.iter().map(|fault| &*fault.code).collect();
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
        // Surplus cells do not hide them, whether the parser counts them or a spreadsheet has given the header as many.
        let both = |expected: &str, added: &str, found: &str| {
            format!(
                " ragged expected {expected} cells as in the header{added}, found {found}|{still}"
            )
        };
        let row = "1,\"\"\"80\"\"0\",\"\"\"y\"\"\",w.csv,2,parse,,quote,m,more\n";
        check_row(
            OnRagged::Reject,
            9,
            row,
            &both("9", " (6 of them are what a rejects file adds)", "10"),
        );
        check_row(OnRagged::Pad, 10, row, &both("3", "", "4"));
        let surplus = "1,80,y,w.csv,2,parse,,quote,m,\"\"\"80\"\"0\"\n";
        let too_many = " ragged expected 9 cells as in the header (6 of them are what a rejects file adds), found 10\
                        | quote a cell that is too many still has its \
                        wrong quotes";
        check_row(OnRagged::Reject, 9, surplus, too_many);
        let torn = "1,80,6\"x,w.csv,2,parse,,quote,m,z\"\n";
        check_row(OnRagged::Reject, 9, torn, too_many);
        let mended = "1,800,y,w.csv,2,parse,,quote,m,more\n";
        let ragged = " ragged expected 9 cells as in the header (6 of them are what a rejects file adds), found \
                      10";
        check_row(OnRagged::Reject, 9, mended, ragged);
        let without = "1,\"\"\"80\"\"0\",y,w.csv,2,parse; parse,; name,ragged; quote,m; m\n";
        check_row(OnRagged::Reject, 9, without, still);
        // Elsewhere such cells are what they say.
        check(
            OnRagged::Reject,
            "1,\"\"\"80\"\"0\",x",
            "date,dob,date_format",
            "1|\"80\"0|x",
        );
    }
}
