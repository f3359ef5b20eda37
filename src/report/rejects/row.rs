//! One row of the rejects file, as bytes.

use std::ops::Range;

use super::cells::{Cells, Dialect, is_open, push_cell, unquoted};
use super::{ADDED, Original, RejectedRow};
use crate::batch::Fault;

/// What spreadsheets take for the beginning of a formula, by OWASP's page on CSV injection.
const FORMULA: &[u8] = b"=+-@\t\r";

/// Between the faults of one row.
const JOIN: &str = "; ";

/// The header of the source, from which the rejects file takes its columns and its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    dialect: Dialect,
    record: Vec<u8>,
    spreadsheet_safe: bool,
}

impl Header {
    /// A CSV source: its raw header record, without byte order mark and line end.
    pub fn raw(record: &[u8], dialect: Dialect) -> Header {
        Header {
            dialect,
            record: record.to_vec(),
            spreadsheet_safe: false,
        }
    }

    /// A source that is not CSV, by the names of its columns: the rejects file is comma-separated.
    pub fn columns<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Header {
        let dialect = Dialect::default();
        let mut record = Vec::new();
        for (i, name) in names.into_iter().enumerate() {
            if i > 0 {
                record.push(dialect.delimiter);
            }
            push_cell(&mut record, dialect, |out| {
                out.extend_from_slice(name.as_ref().as_bytes());
            });
        }
        Header::raw(&record, dialect)
    }

    /// Puts a `'` before cells that a spreadsheet would take for a formula, and so changes them: for a file that is
    /// looked at, and not fed back in.
    pub fn spreadsheet_safe(mut self, yes: bool) -> Header {
        self.spreadsheet_safe = yes;
        self
    }
}

/// How rows are written, without the file.
#[derive(Debug)]
pub(super) struct RejectFormat {
    dialect: Dialect,
    /// Cells of the source's header, the added columns of an earlier run apart.
    width: usize,
    /// Whether the source was itself a rejects file.
    had_added: bool,
    /// Whether no cell may pass for a formula.
    spreadsheet_safe: bool,
    header: Vec<u8>,
}

impl RejectFormat {
    pub(super) fn new(header: &Header) -> RejectFormat {
        let dialect = header.dialect;
        let record = &header.record[..];
        let cells: Vec<Range<usize>> = Cells::new(record, dialect).collect();
        let width = cells.len().saturating_sub(ADDED.len());
        let had_added = width > 0
            && cells[width..].iter().zip(ADDED).all(|(cell, name)| {
                unquoted(&record[cell.clone()], dialect.quote) == name.as_bytes()
            });
        let width = if had_added { width } else { cells.len() };
        let end = cells[width - 1].end;

        let mut line = Vec::with_capacity(record.len() + 48);
        line.extend_from_slice(&record[..end]);
        if is_open(&record[cells[width - 1].clone()], dialect.quote) {
            line.push(dialect.quote);
        }
        for name in ADDED {
            line.push(dialect.delimiter);
            push_cell(&mut line, dialect, |out| {
                out.extend_from_slice(name.as_bytes());
            });
        }
        let mut format = RejectFormat {
            dialect,
            width,
            had_added,
            spreadsheet_safe: header.spreadsheet_safe,
            header: Vec::new(),
        };
        format.disarm(&mut line, 0);
        format.end_line(&mut line);
        format.header = line;
        format
    }

    /// The first line of the file, with its line end.
    pub(super) fn header_line(&self) -> &[u8] {
        &self.header
    }

    /// Appends a row, with its line end.
    pub(super) fn push_row(&self, out: &mut Vec<u8>, row: &RejectedRow<'_>) {
        let begins = out.len();
        match row.original {
            Original::Raw(record) => self.push_raw(out, record, row),
            Original::Cells(cells) => self.push_cells(out, cells, row),
        }
        self.disarm(out, begins);
        self.end_line(out);
    }

    /// Writes the record that begins at `begins` once more, with a `'` before every cell that begins as formulas do.
    fn disarm(&self, out: &mut Vec<u8>, begins: usize) {
        if !self.spreadsheet_safe {
            return;
        }
        let quote = self.dialect.quote;
        let record = out.split_off(begins);
        for cell in Cells::new(&record, self.dialect) {
            if cell.start > 0 {
                out.push(self.dialect.delimiter);
            }
            let cell = &record[cell];
            let quoted = cell.first() == Some(&quote);
            let (opening, text) = cell.split_at(usize::from(quoted));
            if !text.first().is_some_and(|first| FORMULA.contains(first)) {
                out.extend_from_slice(cell);
            } else if quote == b'\'' {
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

    fn push_raw(&self, out: &mut Vec<u8>, record: &[u8], row: &RejectedRow<'_>) {
        let mut cells = Cells::new(record, self.dialect);
        let mut last = 0..0;
        let mut found = 0;
        for cell in cells.by_ref().take(self.width) {
            last = cell;
            found += 1;
        }
        out.extend_from_slice(&record[..last.end]);
        self.close(out, record, &last);
        for _ in found..self.width {
            out.push(self.dialect.delimiter);
        }
        self.push_added(out, row);
        if self.had_added
            && let Some(cell) = cells.by_ref().take(ADDED.len()).last()
        {
            last = cell;
        }
        // What is left begins with the delimiter that ended the last cell taken.
        let surplus = last.end;
        if surplus < record.len() {
            out.extend_from_slice(&record[surplus..]);
            if let Some(cell) = cells.last() {
                self.close(out, record, &cell);
            }
        }
    }

    fn push_cells(&self, out: &mut Vec<u8>, cells: &[Option<&str>], row: &RejectedRow<'_>) {
        let cut = cells.len().min(self.width);
        for i in 0..self.width {
            if i > 0 {
                out.push(self.dialect.delimiter);
            }
            self.push_value(out, cells.get(i).copied().flatten());
        }
        self.push_added(out, row);
        for cell in &cells[cut..] {
            out.push(self.dialect.delimiter);
            self.push_value(out, *cell);
        }
    }

    fn push_value(&self, out: &mut Vec<u8>, value: Option<&str>) {
        match value {
            None => {}
            Some("") => out.extend_from_slice(&[self.dialect.quote; 2]),
            Some(text) => push_cell(out, self.dialect, |out| {
                out.extend_from_slice(text.as_bytes());
            }),
        }
    }

    /// The six added cells, each with the delimiter before it.
    fn push_added(&self, out: &mut Vec<u8>, row: &RejectedRow<'_>) {
        let several = row.faults.len() > 1;
        let mut cell = |write: &dyn Fn(&mut Vec<u8>)| {
            out.push(self.dialect.delimiter);
            push_cell(out, self.dialect, write);
        };
        let joined = |out: &mut Vec<u8>, text: &dyn Fn(&mut Vec<u8>, &Fault)| {
            for (i, fault) in row.faults.iter().enumerate() {
                if i > 0 {
                    out.extend_from_slice(JOIN.as_bytes());
                }
                text(out, fault);
            }
        };
        cell(&|out| out.extend_from_slice(row.file.as_bytes()));
        cell(&|out| out.extend_from_slice(row.line.to_string().as_bytes()));
        cell(&|out| {
            joined(out, &|out, fault| {
                out.extend_from_slice(fault.stage.as_bytes());
            })
        });
        cell(&|out| {
            joined(out, &|out, fault| {
                out.extend_from_slice(fault.source_column().as_bytes());
            })
        });
        cell(&|out| joined(out, &|out, fault| push_clean(out, &fault.code, several)));
        cell(&|out| joined(out, &|out, fault| push_clean(out, &fault.message, several)));
    }

    /// Ends a quoted cell that the record leaves open, or the cells after it would be part of it.
    fn close(&self, out: &mut Vec<u8>, record: &[u8], cell: &Range<usize>) {
        if cell.end == record.len() && is_open(&record[cell.clone()], self.dialect.quote) {
            out.push(self.dialect.quote);
        }
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.dialect.crlf { b"\r\n" } else { b"\n" });
    }
}

/// Appends a code or message. They may come from a server: control characters become spaces, so that
/// nobody's terminal is told what to do. Where several are joined, a semicolon would pass for the
/// join, and becomes a comma.
fn push_clean(out: &mut Vec<u8>, text: &str, several: bool) {
    let mut utf8 = [0; 4];
    for c in text.chars() {
        let c = match c {
            c if c.is_control() => ' ',
            ';' if several => ',',
            c => c,
        };
        out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
    }
}
