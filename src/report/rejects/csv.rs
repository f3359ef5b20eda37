//! Rows of the rejects file of a CSV source: the raw record in the dialect of the source, and six more cells.

use super::as_written::As;
use super::said::{Page, Said};
use super::{ADDED, RejectedRow};
use crate::format::csv::fed_back::{absent, missing_from, own_columns};
use crate::format::csv::record::{Cells, Quotes, Span, must_be_quoted, split};
use crate::format::csv::write;
use crate::text::encoded::Written;
use crate::text::scan::Dialect;

/// What spreadsheets take for the beginning of a formula, by OWASP's page on CSV injection.
const FORMULA: &[u8] = b"=+-@\t\r";

/// A source's header, from which the rejects file takes its columns and its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) dialect: Dialect,
    /// Whether lines end with CR LF, else with LF.
    pub(super) crlf: bool,
    /// The raw header record, without byte order mark and line end.
    pub(super) record: Vec<u8>,
    /// What its cells are called, where that is not what they say.
    pub(super) names: Option<Vec<String>>,
    pub(super) spreadsheet_safe: bool,
    pub(super) written: Written,
}

/// How rows are written, without the file.
#[derive(Debug)]
pub(super) struct CsvRows {
    dialect: Dialect,
    /// How its lines end.
    line_end: &'static [u8],
    /// The names in the source's header, the added columns of an earlier run apart.
    names: Vec<String>,
    /// Whether the source was itself a rejects file.
    had_added: bool,
    /// Whether a spreadsheet has given all its records surplus cells, which are empty.
    had_surplus: bool,
    /// Whether no cell may pass for a formula.
    spreadsheet_safe: bool,
    written: Written,
    header: Vec<u8>,
}

impl CsvRows {
    pub(super) fn new(table: &Table) -> CsvRows {
        let dialect = table.dialect;
        let record = &table.record[..];
        let cells: Vec<Span> = Cells::of_record(record, dialect).collect();
        let mut names = split(dialect, &String::from_utf8_lossy(record));
        let own = own_columns(&names, &ADDED);
        names.truncate(own.unwrap_or(names.len()));
        if let Some(called) = table.names.as_ref().filter(|n| n.len() == names.len()) {
            names.clone_from(called);
        }

        let mut line = Vec::with_capacity(record.len() + 48);
        line.extend_from_slice(&record[..cells[names.len() - 1].end]);
        for name in ADDED {
            line.push(dialect.delimiter);
            push_cell(&mut line, dialect, name.as_bytes());
        }
        let mut rows = CsvRows {
            dialect,
            line_end: if table.crlf { b"\r\n" } else { b"\n" },
            names,
            had_added: own.is_some(),
            had_surplus: own.is_some_and(|own| cells.len() > own + ADDED.len()),
            spreadsheet_safe: table.spreadsheet_safe,
            written: table.written,
            header: Vec::new(),
        };
        rows.disarm(&mut line, 0);
        line.extend_from_slice(rows.line_end);
        rows.header = line;
        rows
    }

    /// What the file is written in.
    pub(super) fn written(&self) -> Written {
        self.written
    }

    /// The same, for whoever reads the file. It has no remarks.
    pub(super) fn as_written(&self) -> As<'_> {
        As::Table {
            dialect: Dialect {
                comment: None,
                ..self.dialect
            },
            written: self.written,
            called: &self.names,
        }
    }

    /// The first line of the file, with its line end.
    pub(super) fn header_line(&self) -> &[u8] {
        &self.header
    }

    /// Appends a row, with its line end.
    pub(super) fn push_row(&self, page: &mut Page, row: &RejectedRow<'_>) {
        let begins = page.bytes.len();
        self.push_record(page, row);
        let out = &mut *page.bytes;
        self.disarm(out, begins);
        out.extend_from_slice(self.line_end);
    }

    /// Writes the record that begins at `begins` once more, with a `'` before every cell that begins as formulas do.
    fn disarm(&self, out: &mut Vec<u8>, begins: usize) {
        if !self.spreadsheet_safe {
            return;
        }
        let quote = self.dialect.quoting.quote;
        let record = out.split_off(begins);
        for cell in Cells::of_record(&record, self.dialect) {
            if cell.start > 0 {
                out.push(self.dialect.delimiter);
            }
            let cell = &record[cell.range()];
            let quoted = quote.is_some() && cell.first().copied() == quote;
            let (opening, text) = cell.split_at(usize::from(quoted));
            if !text.first().is_some_and(|first| FORMULA.contains(first)) {
                out.extend_from_slice(cell);
            } else if quote == Some(b'\'') {
                // It has to be doubled, and the cell to be in quotes.
                out.extend_from_slice(b"'''");
                out.extend_from_slice(text);
                out.extend_from_slice(if quoted { b"" } else { b"'" });
            } else {
                out.extend_from_slice(opening);
                out.push(b'\'');
                out.extend_from_slice(text);
            }
        }
    }

    /// The first column that a record of a rejects file has nothing for, as it was told before.
    fn was_missing(&self, record: &[u8]) -> Option<String> {
        let cells = split(self.dialect, &String::from_utf8_lossy(record));
        let at = missing_from(&self.names, cells.get(self.names.len()..)?)?;
        self.names.get(at).cloned()
    }

    /// The columns that a record of a rejects file has no cells for, as it was told before.
    fn was_absent(&self, record: &[u8]) -> Vec<usize> {
        let cells = split(self.dialect, &String::from_utf8_lossy(record));
        absent(&self.names, &cells)
    }

    fn push_record(&self, page: &mut Page, row: &RejectedRow<'_>) {
        let (out, text) = (&mut *page.bytes, &mut page.text);
        let record = row.original;
        let width = self.names.len();
        let push = |out: &mut Vec<u8>, cell: Span| {
            let written = &record[cell.range()];
            match self.is_text(row, &cell, written) {
                true => push_cell(out, self.dialect, written),
                false => out.extend_from_slice(written),
            }
        };
        let mut cells = Cells::of_record(record, self.dialect);
        let mut taken = 0;
        let mut end = 0;
        for cell in cells.by_ref().take(width) {
            if taken > 0 {
                out.push(self.dialect.delimiter);
            }
            push(out, cell);
            (taken, end) = (taken + 1, cell.end);
        }
        for _ in taken..width {
            out.push(self.dialect.delimiter);
        }
        let missing = match self.names.get(taken) {
            None if self.had_added => self.was_missing(record),
            missing => missing.cloned(),
        };
        let mut absent = row.absent.to_vec();
        if self.had_added {
            absent.extend(self.was_absent(record));
        }
        let absent = absent.iter().filter_map(|at| self.names.get(*at));
        let absent: Vec<&str> = absent.map(String::as_str).collect();
        let said = Said::of(row, missing.as_deref(), &absent);
        for added in 0..ADDED.len() {
            text.clear();
            said.push(added, text);
            out.push(self.dialect.delimiter);
            push_cell(out, self.dialect, text.as_bytes());
        }
        if self.had_added
            && let Some(cell) = cells.by_ref().take(ADDED.len()).last()
        {
            end = cell.end;
        }
        if self.had_surplus && record[end..].iter().all(|b| *b == self.dialect.delimiter) {
            return;
        }
        for cell in cells {
            out.push(self.dialect.delimiter);
            push(out, cell);
        }
    }

    /// Whether what is written of a cell is to stand there as a text, quotes and all. What a spreadsheet would read into
    /// wrong quotes is not what the source had. Quotes within an unquoted cell have the same fault again.
    fn is_text(&self, row: &RejectedRow<'_>, cell: &Span, written: &[u8]) -> bool {
        match cell.quotes {
            Quotes::None => must_be_quoted(written, self.dialect),
            _ if row.unsure().is_none() => false,
            // In a rejects file the cells of such a record are texts already, but for one that has been written anew.
            Quotes::Closed(at) if self.had_added => {
                at + 1 < cell.end || written.first().copied() != self.dialect.quoting.quote
            }
            _ => true,
        }
    }
}

fn push_cell(out: &mut Vec<u8>, dialect: Dialect, text: &[u8]) {
    write::cell(text, dialect, |part| out.extend_from_slice(part));
}
