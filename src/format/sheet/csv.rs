//! The rejects of a CSV source: records of the rejects file as rows of a sheet, and such rows as records.
//!
//! A cell of a sheet is what a cell of the file stands for. In a record whose quotes are wrong, or that has a carriage
//! return outside quotes, cells that stand unquoted in the file do so because they are wrong only there: they are shown
//! as they are written, and are written so again, unless they were put right. A carriage return in them is shown as `␍`,
//! as a spreadsheet shows none and some lose it. The last cells that a record has too
//! many are shown as `∅` where they are empty: nobody would see them otherwise, and an empty cell of a sheet is no cell.

use super::{About, Texts, is_told, push_bytes};
use crate::format::added::{ADDED, CARRIAGE_RETURN, NOT_UTF8, QUOTE};
use crate::format::csv::fed_back::own_columns;
use crate::format::csv::record::{Cells, Quotes, Span, must_be_quoted, unquote};
use crate::format::csv::write;
use crate::text::scan::{Dialect, Quoting};

/// How a carriage return is shown that is at fault.
const SHOWN_RETURN: &str = "\u{240d}";

/// How a cell is shown that is too many, and empty.
const SHOWN_EMPTY: &str = "\u{2205}";

/// A table of rejects, as its header says.
pub(crate) struct Table {
    dialect: Dialect,
    /// How many cells of a record are its own.
    own: usize,
    /// The header of the sheet, of these.
    names: Vec<String>,
    /// Room for one cell.
    text: String,
}

impl Table {
    /// Of the file's first record, without mark and line end; nothing where it is not a header of rejects. `header` becomes
    /// that of the sheet.
    pub(crate) fn of(record: &str, dialect: Dialect, header: &mut Texts) -> Option<Table> {
        let cells: Vec<Span> = Cells::of_record(record.as_bytes(), dialect).collect();
        let name = |cell: &Span| {
            let mut name = String::new();
            unquote(&record[cell.range()], dialect, &mut name);
            name
        };
        let names: Vec<String> = cells.iter().map(name).collect();
        let own = own_columns(&names, &ADDED)?;
        header.clear();
        ADDED.iter().for_each(|name| header.push(name));
        // A column without a name is one of the source's all the same.
        let shown = |name: &String| if name.is_empty() { " " } else { name }.to_owned();
        let shown: Vec<String> = names[..own].iter().map(shown).collect();
        shown.iter().for_each(|name| header.push(name));
        let is_quoted = |cell: &Span| cell.quotes != Quotes::None;
        Some(Table {
            dialect: Dialect {
                throughout: cells[..own].iter().all(is_quoted),
                ..dialect
            },
            own,
            names: shown,
            text: String::new(),
        })
    }

    /// What the rows do not tell.
    pub(crate) fn about(&self) -> About {
        About {
            delimiter: Some(self.dialect.delimiter),
            throughout: self.dialect.throughout,
            columns: self.names.clone(),
            ..About::default()
        }
    }

    /// The cells of a record as they stand in the sheet.
    pub(crate) fn row(&mut self, record: &str, row: &mut Texts) {
        row.clear();
        let cells: Vec<Span> = Cells::of_record(record.as_bytes(), self.dialect).collect();
        let (own, behind) = cells.split_at(self.own.min(cells.len()));
        let (said, surplus) = behind.split_at(ADDED.len().min(behind.len()));
        for at in 0..ADDED.len() {
            self.text.clear();
            if let Some(cell) = said.get(at) {
                unquote(&record[cell.range()], self.dialect, &mut self.text);
            }
            row.push(&self.text);
        }
        let unsure = Unsure::of(&std::array::from_fn(|at| row.get(at)));
        for cell in own {
            self.push(&record[cell.range()], cell, unsure, row);
        }
        (own.len()..self.own).for_each(|_| row.push(""));
        let is_empty = |cell: &Span| match cell.quotes {
            Quotes::Closed(close) => close == cell.start + 1,
            _ => cell.start == cell.end,
        };
        let filled = surplus.iter().rposition(|cell| !is_empty(cell));
        let (filled, empty) = surplus.split_at(filled.map_or(0, |last| last + 1));
        for cell in filled {
            self.push(&record[cell.range()], cell, unsure, row);
        }
        empty.iter().for_each(|_| row.push(SHOWN_EMPTY));
    }

    fn push(&mut self, written: &str, cell: &Span, unsure: Unsure, row: &mut Texts) {
        let is_wrong = written.contains('\r') || self.has_quote(written);
        if !unsure.is_any() || cell.quotes != Quotes::None || !is_wrong {
            unquote(written, self.dialect, &mut self.text);
            row.push(&self.text);
        } else if unsure.returns {
            row.push(&written.replace('\r', SHOWN_RETURN));
        } else {
            row.push(written);
        }
    }

    fn has_quote(&self, written: &str) -> bool {
        let quote = self.dialect.quoting.quote.map(char::from);
        quote.is_some_and(|quote| written.contains(quote))
    }
}

/// Whether it is told of a record that its cells can't be told for sure, and why.
#[derive(Clone, Copy)]
struct Unsure {
    quotes: bool,
    returns: bool,
}

impl Unsure {
    fn of(said: &[&str; ADDED.len()]) -> Unsure {
        Unsure {
            quotes: is_told(said, QUOTE),
            returns: is_told(said, CARRIAGE_RETURN),
        }
    }

    fn is_any(self) -> bool {
        self.quotes || self.returns
    }
}

/// The rejects file that rows of a sheet are made to.
pub(crate) struct Written {
    dialect: Dialect,
}

impl Written {
    /// The source has such quotes, whatever the sheet was made of. `record` becomes the header, without line end.
    pub(crate) fn begin<'n>(
        names: impl Iterator<Item = &'n str>,
        about: &About,
        quoting: Quoting,
        record: &mut Vec<u8>,
    ) -> Written {
        // Where nothing is quoted, a comma would end cells.
        let otherwise = if quoting.quote.is_some() { b',' } else { b'\t' };
        let delimiter = about.delimiter.unwrap_or(otherwise);
        let dialect = Dialect::new(delimiter, quoting);
        for name in names {
            let name = if name == " " { "" } else { name };
            match about.throughout {
                true => write::quoted(name.as_bytes(), dialect, |part| record.extend(part)),
                false => write::cell(name.as_bytes(), dialect, |part| record.extend(part)),
            }
            record.push(delimiter);
        }
        record.extend_from_slice(ADDED.join(&*char::from(delimiter).to_string()).as_bytes());
        Written { dialect }
    }

    /// Appends the record of a row, without line end.
    pub(crate) fn push<'c>(
        &self,
        own: impl Iterator<Item = &'c str>,
        said: &[&str; ADDED.len()],
        surplus: impl Iterator<Item = &'c str>,
        record: &mut Vec<u8>,
    ) {
        let unsure = Unsure::of(said);
        let is_bad = is_told(said, NOT_UTF8);
        let mut surplus: Vec<&str> = surplus.collect();
        let filled = surplus.iter().rposition(|cell| !cell.is_empty());
        surplus.truncate(filled.map_or(0, |last| last + 1));
        let surplus = surplus.into_iter();
        let surplus = surplus.map(|cell| if cell == SHOWN_EMPTY { "" } else { cell });
        let cells = own
            .map(|cell| (cell, true))
            .chain(said.iter().map(|cell| (*cell, false)))
            .chain(surplus.map(|cell| (cell, true)));
        for (at, (cell, is_own)) in cells.enumerate() {
            if at > 0 {
                record.push(self.dialect.delimiter);
            }
            match is_own && unsure.returns && cell.contains(SHOWN_RETURN) {
                true => {
                    let cell = cell.replace(SHOWN_RETURN, "\r");
                    self.push_cell(&cell, unsure, is_bad, record);
                }
                false if is_own => self.push_cell(cell, unsure, is_bad, record),
                false => self.push_text(cell.as_bytes(), record),
            }
        }
        // Or it would be a part of the line end.
        if record.ends_with(b"\r") {
            record.push(b'\r');
        }
    }

    fn push_cell(&self, cell: &str, unsure: Unsure, is_bad: bool, record: &mut Vec<u8>) {
        let mut text = Vec::new();
        push_bytes(cell.as_bytes(), is_bad, &mut text);
        match unsure.is_any() && self.is_bare(&text) {
            true => record.extend_from_slice(&text),
            false => self.push_text(&text, record),
        }
    }

    /// Whether a cell of an unsure record stands unquoted, because it has a quote or a carriage return that is wrong only
    /// there.
    fn is_bare(&self, text: &[u8]) -> bool {
        let quote = self.dialect.quoting.quote;
        let begins = text.iter().find(|b| !b" \t".contains(b)).copied();
        let is_wrong = text.contains(&b'\r') || quote.is_some_and(|quote| text.contains(&quote));
        let is_one = || {
            let mut cells = Cells::of_record(text, self.dialect);
            cells.next().is_some_and(|cell| cell.last)
        };
        is_wrong
            && (quote.is_none() || begins != quote)
            && !must_be_quoted(text, self.dialect)
            && is_one()
    }

    /// Appends a text in quotes where it must be. What can't be written in this dialect is not made to something else: the
    /// record is at fault by it.
    fn push_text(&self, text: &[u8], record: &mut Vec<u8>) {
        let Dialect {
            delimiter, quoting, ..
        } = self.dialect;
        let special = |b: &u8| {
            [b'\n', b'\r', delimiter].contains(b)
                || [quoting.quote, quoting.escape].contains(&Some(*b))
        };
        match quoting.quote.is_some() && text.iter().any(special) {
            true => write::quoted(text, self.dialect, |part| record.extend_from_slice(part)),
            false => record.extend_from_slice(text),
        }
    }
}
