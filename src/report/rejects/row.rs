//! One row of the rejects file, as bytes.

use super::{ADDED, Original, RejectedRow};
use crate::batch::Fault;
use crate::format::csv::record::{Cells, Quotes, Span, split};
use crate::format::csv::write;
use crate::text::scan::Dialect;

/// What spreadsheets take for the beginning of a formula, by OWASP's page on CSV injection.
const FORMULA: &[u8] = b"=+-@\t\r";

/// Between the faults of one row.
const JOIN: &str = "; ";

/// The header of the source, from which the rejects file takes its columns and its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    dialect: Dialect,
    /// Whether lines end with CR LF, else with LF.
    crlf: bool,
    record: Vec<u8>,
    spreadsheet_safe: bool,
}

impl Header {
    /// A CSV source: its raw header record, without byte order mark and line end.
    pub fn raw(record: &[u8], dialect: Dialect, crlf: bool) -> Header {
        Header {
            dialect,
            crlf,
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
            push_cell(&mut record, dialect, name.as_ref().as_bytes());
        }
        Header::raw(&record, dialect, false)
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
    /// How its lines end.
    line_end: &'static [u8],
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
        let cells: Vec<Span> = Cells::of_record(record, dialect).collect();
        let names = split(dialect, &String::from_utf8_lossy(record));
        let had_added = names.len() > ADDED.len() && names.ends_with(&ADDED.map(str::to_owned));
        let width = match had_added {
            true => cells.len() - ADDED.len(),
            false => cells.len(),
        };

        let mut line = Vec::with_capacity(record.len() + 48);
        line.extend_from_slice(&record[..cells[width - 1].end]);
        for name in ADDED {
            line.push(dialect.delimiter);
            push_cell(&mut line, dialect, name.as_bytes());
        }
        let mut format = RejectFormat {
            dialect,
            line_end: if header.crlf { b"\r\n" } else { b"\n" },
            width,
            had_added,
            spreadsheet_safe: header.spreadsheet_safe,
            header: Vec::new(),
        };
        format.disarm(&mut line, 0);
        line.extend_from_slice(format.line_end);
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

    fn push_raw(&self, out: &mut Vec<u8>, record: &[u8], row: &RejectedRow<'_>) {
        if row.unsure().is_some() {
            return self.push_unsure(out, record, row);
        }
        let mut cells = Cells::of_record(record, self.dialect);
        let mut taken = 0;
        let mut end = 0;
        for cell in cells.by_ref().take(self.width) {
            out.extend_from_slice(&record[end..cell.end]);
            (taken, end) = (taken + 1, cell.end);
        }
        for _ in taken..self.width {
            out.push(self.dialect.delimiter);
        }
        self.push_added(out, row, false);
        if self.had_added
            && let Some(cell) = cells.by_ref().take(ADDED.len()).last()
        {
            end = cell.end;
        }
        // What is left of the record begins with the delimiter that ended the last cell.
        out.extend_from_slice(&record[end..]);
    }

    /// A record of which nobody can tell where its cells end: as it is. The cell behind it is in
    /// quotes, which end it for whoever reads it again.
    fn push_unsure(&self, out: &mut Vec<u8>, record: &[u8], row: &RejectedRow<'_>) {
        let own = match self.had_added {
            true => self.before_added(record),
            false => None,
        };
        out.extend_from_slice(&record[..own.unwrap_or(record.len())]);
        self.push_added(out, row, true);
    }

    /// Where the added cells of an earlier run begin behind such a record, if it has them. The first of
    /// them is in quotes, and the record may have taken it along.
    fn before_added(&self, record: &[u8]) -> Option<usize> {
        let cells: Vec<Span> = Cells::of_record(record, self.dialect).collect();
        let second = cells.len().checked_sub(ADDED.len() - 1)?;
        let end = cells[second].start.checked_sub(1)?;
        let before = [self.dialect.delimiter, self.dialect.quoting.quote?];
        let start = memchr::memmem::rfind(&record[..end], &before)?;
        let first: Vec<Span> = Cells::of_record(&record[start + 1..end], self.dialect).collect();
        let whole = |cell: &Span| cell.quotes == Quotes::Closed(end - start - 2);
        (first.len() == 1 && first.iter().all(whole)).then_some(start)
    }

    fn push_cells(&self, out: &mut Vec<u8>, cells: &[Option<&str>], row: &RejectedRow<'_>) {
        let cut = cells.len().min(self.width);
        for i in 0..self.width {
            if i > 0 {
                out.push(self.dialect.delimiter);
            }
            self.push_value(out, cells.get(i).copied().flatten());
        }
        self.push_added(out, row, false);
        for cell in &cells[cut..] {
            out.push(self.dialect.delimiter);
            self.push_value(out, *cell);
        }
    }

    fn push_value(&self, out: &mut Vec<u8>, value: Option<&str>) {
        match value {
            None => {}
            Some("") => write::quoted(b"", self.dialect, |part| out.extend_from_slice(part)),
            Some(text) => push_cell(out, self.dialect, text.as_bytes()),
        }
    }

    /// The six added cells, each with the delimiter before it, and the first of them in quotes if need be.
    fn push_added(&self, out: &mut Vec<u8>, row: &RejectedRow<'_>, in_quotes: bool) {
        let several = row.faults.len() > 1;
        out.push(self.dialect.delimiter);
        match in_quotes {
            true => write::quoted(row.file.as_bytes(), self.dialect, |part| {
                out.extend_from_slice(part);
            }),
            false => push_cell(out, self.dialect, row.file.as_bytes()),
        }
        let mut cell = |text: &[u8]| {
            out.push(self.dialect.delimiter);
            push_cell(out, self.dialect, text);
        };
        cell(row.line.to_string().as_bytes());
        let mut text = String::new();
        let mut joined = |of_fault: &dyn Fn(&mut String, &Fault)| {
            text.clear();
            for (i, fault) in row.faults.iter().enumerate() {
                if i > 0 {
                    text.push_str(JOIN);
                }
                of_fault(&mut text, fault);
            }
            cell(text.as_bytes());
        };
        joined(&|text, fault| text.push_str(fault.stage));
        joined(&|text, fault| text.push_str(fault.source_column()));
        joined(&|text, fault| push_clean(text, &fault.code, several));
        joined(&|text, fault| push_clean(text, &fault.message, several));
    }
}

fn push_cell(out: &mut Vec<u8>, dialect: Dialect, text: &[u8]) {
    write::cell(text, dialect, |part| out.extend_from_slice(part));
}

/// Appends a code or message. They may come from a server: control characters become spaces, so that
/// nobody's terminal is told what to do. Where several are joined, a semicolon would pass for the
/// join, and becomes a comma.
fn push_clean(out: &mut String, text: &str, several: bool) {
    out.extend(text.chars().map(|c| match c {
        c if c.is_control() => ' ',
        ';' if several => ',',
        c => c,
    }));
}
