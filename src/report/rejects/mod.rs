//! The rejects file: every rejected row as the source had it, and beside it what was wrong.
//!
//! The file is a table in the dialect of the source: its header and the six columns of [`ADDED`]. A
//! row is the raw record, byte for byte, and six more cells. Three kinds of record can't be kept byte
//! for byte, or the added cells would not stand under their names: one that is too short is filled up
//! with empty cells; one that is too long has its surplus cells after the added ones; one that ends
//! inside a quoted cell gets its closing quote.
//!
//! A rejects file that is fed back in brings the added columns along. They are dropped here and
//! written anew, so that the file never grows sideways.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memchr::memchr;

use crate::batch::Fault;

/// The columns that the rejects file adds to those of the source, in their order. A reader leaves
/// them out where a header ends with all six.
pub const ADDED: [&str; 6] = ["_file", "_line", "_stage", "_column", "_code", "_message"];

/// The stage of a fault that the server found: such rows were sent and refused.
pub(crate) const IMPORT_STAGE: &str = "import";

/// The most fault codes that are counted each by itself. Codes come from the pipeline file and from
/// the server, and neither may fill the memory.
pub(crate) const MAX_CODES: usize = 1_000;

/// The longest code that is counted by its own name, in bytes; longer ones are cut.
const MAX_CODE_LEN: usize = 100;

/// What spreadsheets take for the beginning of a formula, by OWASP's page on CSV injection.
const FORMULA: &[u8] = b"=+-@\t\r";

/// The byte order mark, which says in a file that it is UTF-8.
const MARK: &str = "\u{feff}";

/// Between the faults of one row.
const JOIN: &str = "; ";

/// How the rejects file is buffered: large enough that few writes happen, small beside a block.
const BUFFER: usize = 64 * 1024;

/// What tells cells and lines of a CSV file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells; doubled where it stands for itself.
    pub quote: u8,
    /// Whether lines end with CR LF, else with LF.
    pub crlf: bool,
}

impl Default for Dialect {
    /// Comma, double quote, LF.
    fn default() -> Self {
        Dialect {
            delimiter: b',',
            quote: b'"',
            crlf: false,
        }
    }
}

/// The header of the source, from which the rejects file takes its columns and its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    dialect: Dialect,
    record: Vec<u8>,
    byte_order_mark: bool,
    spreadsheet_safe: bool,
}

impl Header {
    /// A CSV source: its raw header record, without byte order mark and line end.
    pub fn raw(record: &[u8], dialect: Dialect) -> Header {
        Header {
            dialect,
            record: record.to_vec(),
            byte_order_mark: false,
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

    /// Begins the file with a UTF-8 byte order mark. For sources whose stated encoding is not UTF-8:
    /// the rejects file always is, and the mark says so when the file is read with the same settings.
    pub fn with_byte_order_mark(mut self, yes: bool) -> Header {
        self.byte_order_mark = yes;
        self
    }

    /// Puts a `'` before cells that a spreadsheet would take for a formula, and so changes them: for a file that is
    /// looked at, and not fed back in.
    pub fn spreadsheet_safe(mut self, yes: bool) -> Header {
        self.spreadsheet_safe = yes;
        self
    }
}

/// A rejected row.
#[derive(Clone, Copy, Debug)]
pub struct RejectedRow<'a> {
    /// Name of the source file.
    pub file: &'a str,
    /// Physical line on which the record begins, from 1.
    pub line: u64,
    /// The row as the source had it.
    pub original: Original<'a>,
    /// What is wrong with it: all faults of this row, in the order in which they were found.
    pub faults: &'a [Fault],
}

/// A row as the source had it.
#[derive(Clone, Copy, Debug)]
pub enum Original<'a> {
    /// The raw record of a CSV source, without its line end.
    Raw(&'a [u8]),
    /// The cells of a record that is not CSV, in the order of the header; `None` where the record has
    /// no such member. A missing cell is written as nothing, an empty text as two quotes.
    Cells(&'a [Option<&'a str>]),
}

/// How rows are written, without the file: pure, and cheap to clone for every worker.
#[derive(Clone, Debug)]
pub struct RejectFormat {
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
    /// The format that fits a source's header.
    pub fn new(header: &Header) -> RejectFormat {
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
        if header.byte_order_mark {
            line.extend_from_slice(MARK.as_bytes());
        }
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
        let begins = if header.byte_order_mark {
            MARK.len()
        } else {
            0
        };
        format.disarm(&mut line, begins);
        format.end_line(&mut line);
        format.header = line;
        format
    }

    /// The first line of the file, with its line end.
    pub fn header_line(&self) -> &[u8] {
        &self.header
    }

    /// Appends a row, with its line end.
    pub fn push_row(&self, out: &mut Vec<u8>, row: &RejectedRow<'_>) {
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
                out.extend_from_slice(fault.column.as_bytes());
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

/// The cells of one raw record, as ranges of its bytes, quotes included. Always at least one.
///
/// A quote opens a cell only at its beginning, and counts for nothing in the middle of a bare one.
#[derive(Clone, Debug)]
pub(crate) struct Cells<'a> {
    record: &'a [u8],
    dialect: Dialect,
    /// Where the next cell begins; `None` after the last.
    at: Option<usize>,
}

impl<'a> Cells<'a> {
    /// The cells of a record without its line end.
    pub(crate) fn new(record: &'a [u8], dialect: Dialect) -> Cells<'a> {
        Cells {
            record,
            dialect,
            at: Some(0),
        }
    }
}

impl Iterator for Cells<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at?;
        let rest = &self.record[start..];
        let closed = quoted_len(rest, self.dialect.quote).unwrap_or(rest.len());
        match memchr(self.dialect.delimiter, &rest[closed..]) {
            Some(i) => {
                let end = start + closed + i;
                self.at = Some(end + 1);
                Some(start..end)
            }
            None => {
                self.at = None;
                Some(start..self.record.len())
            }
        }
    }
}

/// Length of the quoted part that the text begins with, both quotes included: 0 where it does not
/// begin with a quote, `None` where the closing one is missing.
fn quoted_len(text: &[u8], quote: u8) -> Option<usize> {
    if text.first() != Some(&quote) {
        return Some(0);
    }
    let mut at = 1;
    loop {
        at += memchr(quote, &text[at..])? + 1;
        if text.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// Whether a raw cell begins with a quote and never closes it.
fn is_open(cell: &[u8], quote: u8) -> bool {
    quoted_len(cell, quote).is_none()
}

/// A raw cell without quotes around it. Doubled quotes inside stay as they are.
fn unquoted(cell: &[u8], quote: u8) -> &[u8] {
    match cell {
        [first, inner @ .., last] if *first == quote && *last == quote => inner,
        _ => cell,
    }
}

/// Appends what `write` writes, with quotes around it where the dialect needs them.
fn push_cell(out: &mut Vec<u8>, dialect: Dialect, write: impl FnOnce(&mut Vec<u8>)) {
    let Dialect {
        delimiter, quote, ..
    } = dialect;
    let start = out.len();
    write(out);
    let special = |b: &u8| *b == delimiter || *b == quote || matches!(b, b'\r' | b'\n');
    if !out[start..].iter().any(special) {
        return;
    }
    let text = out.split_off(start);
    out.push(quote);
    for byte in text {
        if byte == quote {
            out.push(quote);
        }
        out.push(byte);
    }
    out.push(quote);
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

/// Rejected rows and their faults, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    rows: u64,
    faults: u64,
    by_code: BTreeMap<String, u64>,
    others: u64,
}

impl Tally {
    /// Counts one row with these faults.
    pub fn add(&mut self, faults: &[Fault]) {
        self.rows += 1;
        self.faults += faults.len() as u64;
        for fault in faults {
            self.add_code(&fault.code, 1);
        }
    }

    /// Adds what another tally counted.
    pub fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.faults += other.faults;
        self.others += other.others;
        for (code, count) in &other.by_code {
            self.add_code(code, *count);
        }
    }

    fn add_code(&mut self, code: &str, count: u64) {
        let mut end = code.len().min(MAX_CODE_LEN);
        while !code.is_char_boundary(end) {
            end -= 1;
        }
        let code = &code[..end];
        if let Some(n) = self.by_code.get_mut(code) {
            *n += count;
        } else if self.by_code.len() < MAX_CODES {
            self.by_code.insert(code.to_owned(), count);
        } else {
            self.others += count;
        }
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many faults; a row has one or more.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Codes and the number of their faults, the most frequent first.
    pub fn by_code(&self) -> Vec<(&str, u64)> {
        let mut codes: Vec<_> = self.by_code.iter().map(|(c, n)| (&c[..], *n)).collect();
        codes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        codes
    }

    /// Faults whose code came after [`MAX_CODES`] others and is not in [`Tally::by_code`].
    pub fn others(&self) -> u64 {
        self.others
    }
}

/// Why the rejects file can't be written.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// Its folder does not exist and can't be made.
    #[error("can't use the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something at its path that must not be replaced.
    #[error("the rejects file {} is {what}; name a regular file or a path that does not exist", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// It would replace what the run reads.
    #[error("the rejects file {} is also a source; rename one of them, or the rows to be read would be lost", path.display())]
    IsSource {
        /// The path.
        path: PathBuf,
    },
    /// It can't be created.
    #[error("can't create the rejects file {}", path.display())]
    Create {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space left on the disk for the rejects file {}", path.display())]
    Full {
        /// The path.
        path: PathBuf,
    },
    /// It can't be written.
    #[error("can't write the rejects file {}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The rejects file while it is being written.
///
/// It stands under its final name from the beginning, so that it can be looked at while the run goes
/// on, and it is always a new file: an older one is replaced at once and can't be taken for this
/// run's. Only its owner may read it.
#[derive(Debug)]
pub struct RejectsFile {
    path: PathBuf,
    out: BufWriter<File>,
    format: RejectFormat,
    rejected: Tally,
    refused: Tally,
    scratch: Vec<u8>,
}

/// What a finished rejects file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejects {
    /// Where it is.
    pub path: PathBuf,
    /// Rows that were never sent.
    pub rejected: Tally,
    /// Rows that were sent and that the server refused.
    pub refused: Tally,
}

impl RejectsFile {
    /// Creates the file with its header, and its folder where that is missing.
    ///
    /// `sources` are the files that the run reads: none of them is ever replaced.
    pub fn create(
        path: impl Into<PathBuf>,
        header: &Header,
        sources: &[PathBuf],
    ) -> Result<RejectsFile, RejectsError> {
        let path = path.into();
        refuse_what_is_no_file(&path)?;
        if let Ok(real) = fs::canonicalize(&path)
            && sources
                .iter()
                .any(|s| fs::canonicalize(s).is_ok_and(|s| s == real))
        {
            return Err(RejectsError::IsSource { path });
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        crate::files::folder::make(folder).map_err(|source| RejectsError::Folder {
            path: folder.to_owned(),
            source,
        })?;

        // A new file, renamed over whatever is there: its access bits are ours from the first byte,
        // and nothing is ever written through a link that somebody else put there.
        let format = RejectFormat::new(header);
        let mut file = tempfile::Builder::new()
            .prefix(".rejects-")
            .tempfile_in(folder)
            .map_err(|source| RejectsError::Create {
                path: path.clone(),
                source,
            })?;
        file.write_all(format.header_line())
            .map_err(|e| write_error(&path, e))?;
        let file = file.persist(&path).map_err(|e| RejectsError::Create {
            path: path.clone(),
            source: e.error,
        })?;
        Ok(RejectsFile::over(path, file, format))
    }

    fn over(path: PathBuf, file: File, format: RejectFormat) -> RejectsFile {
        RejectsFile {
            path,
            out: BufWriter::with_capacity(BUFFER, file),
            format,
            rejected: Tally::default(),
            refused: Tally::default(),
            scratch: Vec::new(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How its rows are written: for workers that do so themselves and hand the bytes to
    /// [`RejectsFile::append`].
    pub fn format(&self) -> &RejectFormat {
        &self.format
    }

    /// Writes a row and counts it: as refused where a fault is of [`IMPORT_STAGE`], else as rejected.
    pub fn write(&mut self, row: &RejectedRow<'_>) -> Result<(), RejectsError> {
        self.scratch.clear();
        self.format.push_row(&mut self.scratch, row);
        if row.faults.iter().any(|f| f.stage == IMPORT_STAGE) {
            self.refused.add(row.faults);
        } else {
            self.rejected.add(row.faults);
        }
        let written = self.out.write_all(&self.scratch);
        written.map_err(|e| self.broken(e))
    }

    /// Writes rows that [`RejectFormat::push_row`] made, and adds their tally to the rejected rows.
    pub fn append(&mut self, rows: &[u8], tally: &Tally) -> Result<(), RejectsError> {
        self.rejected.merge(tally);
        let written = self.out.write_all(rows);
        written.map_err(|e| self.broken(e))
    }

    /// Rows written so far that were never sent.
    pub fn rejected(&self) -> &Tally {
        &self.rejected
    }

    /// Rows written so far that the server refused.
    pub fn refused(&self) -> &Tally {
        &self.refused
    }

    /// Moves the file over whatever is at `path`.
    pub fn move_to(&mut self, path: &Path) -> Result<(), RejectsError> {
        refuse_what_is_no_file(path)?;
        fs::rename(&self.path, path).map_err(|source| RejectsError::Create {
            path: path.to_owned(),
            source,
        })?;
        self.path = path.to_owned();
        Ok(())
    }

    /// Takes back all rows, to write them anew.
    pub fn restart(&mut self) -> Result<(), RejectsError> {
        let header = self.format.header_line().len() as u64;
        let empty = |out: &mut BufWriter<File>| {
            out.flush()?;
            out.get_ref().set_len(header)?;
            out.seek(SeekFrom::End(0))
        };
        empty(&mut self.out).map_err(|e| self.broken(e))?;
        self.rejected = Tally::default();
        Ok(())
    }

    /// Hands what is buffered to the system, for whoever looks at the file meanwhile.
    pub fn flush(&mut self) -> Result<(), RejectsError> {
        let written = self.out.flush();
        written.map_err(|e| self.broken(e))
    }

    /// A file that breaks off would pass for the whole of it, so it is taken away. Once it has rows that the server
    /// refused, it stays: those before them are complete.
    fn broken(&self, source: io::Error) -> RejectsError {
        if self.refused.rows() == 0 {
            let _ = fs::remove_file(&self.path);
        }
        write_error(&self.path, source)
    }

    /// Writes what is buffered down to the disk. Without this call it is written on a best effort.
    pub fn finish(mut self) -> Result<Rejects, RejectsError> {
        self.flush()?;
        self.out
            .get_ref()
            .sync_data()
            .map_err(|e| write_error(&self.path, e))?;
        Ok(Rejects {
            path: self.path,
            rejected: self.rejected,
            refused: self.refused,
        })
    }
}

fn write_error(path: &Path, source: io::Error) -> RejectsError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RejectsError::Full { path },
        _ => RejectsError::Write { path, source },
    }
}

/// A link may lead anywhere, and a device or pipe is not ours to replace.
fn refuse_what_is_no_file(path: &Path) -> Result<(), RejectsError> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else {
        "a device or a pipe"
    };
    Err(RejectsError::NotAFile {
        path: path.to_owned(),
        what,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn fault(stage: &'static str, column: &str, code: &'static str, message: &str) -> Fault {
        Fault {
            row: 0,
            stage,
            column: Arc::from(column),
            code: code.into(),
            message: message.to_owned().into(),
        }
    }

    fn dialect(delimiter: u8, quote: u8) -> Dialect {
        Dialect {
            delimiter,
            quote,
            crlf: false,
        }
    }

    fn check_cells(record: &str, quote: u8, expected: &[&str]) {
        let cells: Vec<_> = Cells::new(record.as_bytes(), dialect(b',', quote))
            .map(|r| &record[r])
            .collect();
        assert_eq!(cells, expected, "{record}");
    }

    #[test]
    fn cells_of_a_record() {
        let q = b'"';
        check_cells("", q, &[""]);
        check_cells(",", q, &["", ""]);
        check_cells("a,b", q, &["a", "b"]);
        check_cells("a,", q, &["a", ""]);
        check_cells(r#""a,b",c"#, q, &[r#""a,b""#, "c"]);
        check_cells(r#""a""b,""",c"#, q, &[r#""a""b,""""#, "c"]);
        check_cells("\"a\nb\",c", q, &["\"a\nb\"", "c"]);
        check_cells(r#"a"b,c"d"#, q, &[r#"a"b"#, r#"c"d"#]);
        check_cells(r#""a"b,c"#, q, &[r#""a"b"#, "c"]);
        check_cells(r#"a,"b,c"#, q, &["a", r#""b,c"#]);
        check_cells(r#""""#, q, &[r#""""#]);
        check_cells(r#""","#, q, &[r#""""#, ""]);
        check_cells(r#"'a,b',"c"#, b'\'', &["'a,b'", r#""c"#]);
    }

    fn check_row(header: &Header, original: Original<'_>, faults: &[Fault], expected: &str) {
        let mut out = Vec::new();
        let row = RejectedRow {
            file: "w.csv",
            line: 7,
            original,
            faults,
        };
        RejectFormat::new(header).push_row(&mut out, &row);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn rows_of_a_csv_source() {
        let one = [fault("date", "dob", "date_format", "expected DD/MM/YYYY")];
        let header = Header::raw(b"id,name,dob", Dialect::default());
        let check = |raw: &str, expected: &str| {
            check_row(&header, Original::Raw(raw.as_bytes()), &one, expected);
        };
        let added = "w.csv,7,date,dob,date_format,expected DD/MM/YYYY";
        check("1,a,x", &format!("1,a,x,{added}\n"));
        // As the source had it: quotes that nobody needs, white space, doubled quotes.
        check(
            "\"1\", a ,\"x\"\"y\"",
            &format!("\"1\", a ,\"x\"\"y\",{added}\n"),
        );
        check("1,\"a\r\nb\",x", &format!("1,\"a\r\nb\",x,{added}\n"));
        // Too short and too long.
        check("1", &format!("1,,,{added}\n"));
        check("", &format!(",,,{added}\n"));
        check("1,a,x,\"y,z\",", &format!("1,a,x,{added},\"y,z\",\n"));
        // A quote that is never closed.
        check("1,a,\"x", &format!("1,a,\"x\",{added}\n"));
        check("1,\"a,x", &format!("1,\"a,x\",,{added}\n"));
        check("1,a,x,\"y", &format!("1,a,x,{added},\"y\"\n"));
    }

    #[test]
    fn several_faults_stand_in_parallel() {
        let faults = [
            fault(
                "date",
                "dob",
                "date_format",
                "expected DD/MM/YYYY; nothing else",
            ),
            fault("validate", "", "leaves_before_hired", "says \"no\""),
        ];
        check_row(
            &Header::raw(b"id", Dialect::default()),
            Original::Raw(b"1"),
            &faults,
            "1,w.csv,7,date; validate,dob; ,date_format; leaves_before_hired,\
             \"expected DD/MM/YYYY, nothing else; says \"\"no\"\"\"\n",
        );
        check_row(
            &Header::raw(
                b"id;x",
                Dialect {
                    delimiter: b';',
                    quote: b'\'',
                    crlf: true,
                },
            ),
            Original::Raw(b"1;'a;b'"),
            &faults,
            "1;'a;b';w.csv;7;'date; validate';'dob; ';'date_format; leaves_before_hired';\
             'expected DD/MM/YYYY, nothing else; says \"no\"'\r\n",
        );
    }

    #[test]
    fn what_a_server_says_can_not_steer_a_terminal() {
        check_row(
            &Header::raw(b"id", Dialect::default()),
            Original::Raw(b"1"),
            &[fault(IMPORT_STAGE, "", "Bad\x1b[31m", "no\r\nsuch; thing")],
            "1,w.csv,7,import,,Bad [31m,no  such; thing\n",
        );
    }

    #[test]
    fn rows_of_a_json_source() {
        let one = [fault("validate", "name", "required", "must not be empty")];
        let header = Header::columns(["id", "full, name", "x"]);
        let format = RejectFormat::new(&header);
        assert_eq!(
            String::from_utf8_lossy(format.header_line()),
            "id,\"full, name\",x,_file,_line,_stage,_column,_code,_message\n"
        );
        check_row(
            &header,
            Original::Cells(&[Some("1"), Some(""), None]),
            &one,
            "1,\"\",,w.csv,7,validate,name,required,must not be empty\n",
        );
        check_row(
            &header,
            Original::Cells(&[Some("1"), Some("a\nb"), Some("c,\"d\""), Some("e")]),
            &one,
            "1,\"a\nb\",\"c,\"\"d\"\"\",w.csv,7,validate,name,required,must not be empty,e\n",
        );
    }

    #[test]
    fn header_lines() {
        let check = |header: Header, expected: &str| {
            let format = RejectFormat::new(&header);
            assert_eq!(String::from_utf8_lossy(format.header_line()), expected);
        };
        let added = "_file,_line,_stage,_column,_code,_message";
        let raw = |text: &str| Header::raw(text.as_bytes(), Dialect::default());
        check(raw("a,\"b c\""), &format!("a,\"b c\",{added}\n"));
        check(raw(""), &format!(",{added}\n"));
        check(
            raw("a").with_byte_order_mark(true),
            &format!("\u{feff}a,{added}\n"),
        );
        // Fed back in: written once, not twice.
        check(raw(&format!("a,b,{added}")), &format!("a,b,{added}\n"));
        check(
            raw("a,\"_file\",_line,_stage,_column,_code,\"_message\""),
            &format!("a,{added}\n"),
        );
        // Not all of them, or nothing before them: the user's own columns.
        check(raw("_file,_line"), &format!("_file,_line,{added}\n"));
        check(raw(added), &format!("{added},{added}\n"));
    }

    #[test]
    fn a_rejects_file_fed_back_does_not_grow() {
        let one = [fault("date", "dob", "c", "m")];
        let header = Header::raw(
            b"id,dob,_file,_line,_stage,_column,_code,_message",
            Dialect::default(),
        );
        let check = |raw: &str, expected: &str| {
            check_row(&header, Original::Raw(raw.as_bytes()), &one, expected);
        };
        let added = "w.csv,7,date,dob,c,m";
        check("1,x,old.csv,3,a,b,c,d", &format!("1,x,{added}\n"));
        check("1,x,old.csv,3,a,b,c,d,more", &format!("1,x,{added},more\n"));
        check("1,x", &format!("1,x,{added}\n"));
        check("1,x,old.csv", &format!("1,x,{added}\n"));
        check("1,x,old.csv,3,a,b,c,\"d", &format!("1,x,{added}\n"));
    }

    #[test]
    fn cells_that_a_spreadsheet_would_run() {
        let check = |quote: u8, raw: &str, expected: &str| {
            let dialect = Dialect {
                quote,
                ..Dialect::default()
            };
            let header = Header::raw(b"=id,b,c", dialect).spreadsheet_safe(true);
            let faults = [fault("date", "dob", "-code", "m")];
            let original = Original::Raw(raw.as_bytes());
            check_row(&header, original, &faults, &format!("{expected}\n"));
        };
        let added = "w.csv,7,date,dob,'-code,m";
        for (raw, expected) in [
            ("1,a-b,x", "1,a-b,x,"),
            ("=1+1,+4,-5", "'=1+1,'+4,'-5,"),
            ("@a,\t,\"=a,\"\"b\"\"\"", "'@a,'\t,\"'=a,\"\"b\"\"\","),
            ("\"\rx\",\"\"\"=\",\"\"", "\"'\rx\",\"\"\"=\",\"\","),
        ] {
            check(b'"', raw, &format!("{expected}{added}"));
        }
        // Too long, and open at its end.
        check(b'"', "1,,,=2,\"=3", &format!("1,,,{added},'=2,\"'=3\""));
        let added = "w.csv,7,date,dob,'''-code',m";
        check(b'\'', "=1,'=2',3", &format!("'''=1','''=2',3,{added}"));
        for mark in ["", MARK] {
            let header = Header::raw(b"=id,\"-b\"", Dialect::default())
                .with_byte_order_mark(!mark.is_empty())
                .spreadsheet_safe(true);
            assert_eq!(
                String::from_utf8_lossy(RejectFormat::new(&header).header_line()),
                format!("{mark}'=id,\"'-b\",_file,_line,_stage,_column,_code,_message\n")
            );
        }
    }

    proptest! {
        /// Whatever the record, the first cells are its own, and the added ones stand in their places.
        #[test]
        fn added_cells_stand_under_their_names(raw in "[a,\"\n]{0,24}", width in 1usize..5) {
            let d = Dialect::default();
            let header = Header::columns((0..width).map(|i| format!("c{i}")));
            let mut out = Vec::new();
            let faults = [fault("s", "c", "code", "a, \"b\"")];
            RejectFormat::new(&header).push_row(&mut out, &RejectedRow {
                file: "f", line: 1, original: Original::Raw(raw.as_bytes()), faults: &faults,
            });
            prop_assert_eq!(out.pop(), Some(b'\n'));
            let before: Vec<_> = Cells::new(raw.as_bytes(), d).map(|r| &raw[r]).collect();
            let text = String::from_utf8(out).unwrap();
            let after: Vec<_> = Cells::new(text.as_bytes(), d).map(|r| &text[r]).collect();
            prop_assert_eq!(after.len(), before.len().max(width) + ADDED.len());
            prop_assert_eq!(&after[width..width + 6], &["f", "1", "s", "c", "code", "\"a, \"\"b\"\"\""]);
            let kept = after[..width].iter().chain(&after[width + 6..]);
            for (i, cell) in kept.enumerate() {
                let original = before.get(i).copied().unwrap_or("");
                let closed = format!("{original}\"");
                prop_assert!(*cell == original || (is_open(original.as_bytes(), b'"') && *cell == closed));
            }
        }
    }

    #[test]
    fn tallies_are_bounded() {
        let mut tally = Tally::default();
        for i in 0..MAX_CODES + 5 {
            tally.add(&[Fault {
                code: format!("c{i}").into(),
                ..fault("s", "", "", "")
            }]);
        }
        let mut frequent = Tally::default();
        frequent.add(&[fault("s", "", "c7", ""), fault("s", "", "c7", "")]);
        frequent.add(&[fault("s", "", "unheard", "")]);
        tally.merge(&frequent);
        assert_eq!(tally.rows(), MAX_CODES as u64 + 7);
        assert_eq!(tally.faults(), MAX_CODES as u64 + 8);
        assert_eq!(tally.by_code().len(), MAX_CODES);
        assert_eq!(tally.by_code()[0], ("c7", 3));
        assert_eq!(tally.by_code()[1], ("c0", 1));
        assert_eq!(tally.others(), 6);
    }

    fn header() -> Header {
        Header::raw(b"id", Dialect::default())
    }

    #[test]
    fn the_file_is_new_and_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/rejects.csv");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "of an earlier run").unwrap();
        let mut file = RejectsFile::create(&path, &header(), &[]).unwrap();
        let first_line = "id,_file,_line,_stage,_column,_code,_message\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), first_line);
        fn row(faults: &[Fault]) -> RejectedRow<'_> {
            RejectedRow {
                file: "f",
                line: 2,
                original: Original::Raw(b"1"),
                faults,
            }
        }
        file.write(&row(&[fault("s", "c", "x", "m")])).unwrap();
        file.write(&row(&[fault(IMPORT_STAGE, "", "Y", "m")]))
            .unwrap();
        let mut tally = Tally::default();
        tally.add(&[fault("s", "c", "x", "m")]);
        file.append(b"2,f,3,s,c,x,m\n", &tally).unwrap();
        assert_eq!(file.rejected().rows(), 2);
        let rejects = file.finish().unwrap();
        assert_eq!(rejects.rejected.by_code(), [("x", 2)]);
        assert_eq!(rejects.refused.by_code(), [("Y", 1)]);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{first_line}1,f,2,s,c,x,m\n1,f,2,import,,Y,m\n2,f,3,s,c,x,m\n")
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn access_bits() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/deep/rejects.csv");
        RejectsFile::create(&path, &header(), &[]).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&dir.path().join("new")), 0o700);
        assert_eq!(mode(&dir.path().join("new/deep")), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        RejectsFile::create(&path, &header(), &[]).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let check = |path: &Path, sources: &[PathBuf], expected: &str| {
            let error = RejectsFile::create(path, &header(), sources).unwrap_err();
            let text = error.to_string().replace(dir.path().to_str().unwrap(), "D");
            assert_eq!(text, expected);
        };
        fs::write(at("victim"), "kept").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let instead = "name a regular file or a path that does not exist";
        check(
            &at("link"),
            &[],
            &format!("the rejects file D/link is a symbolic link; {instead}"),
        );
        check(
            &at("folder"),
            &[],
            &format!("the rejects file D/folder is a folder; {instead}"),
        );
        check(
            Path::new("/dev/null"),
            &[],
            &format!("the rejects file /dev/null is a device or a pipe; {instead}"),
        );
        check(&at("victim/x.csv"), &[], "can't use the folder D/victim");
        check(
            &at("folder/../victim"),
            &[at("missing"), at("victim")],
            "the rejects file D/folder/../victim is also a source; \
             rename one of them, or the rows to be read would be lost",
        );
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "kept");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_says_so() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let format = RejectFormat::new(&header());
        let mut file = RejectsFile::over("out/rejects.csv".into(), full, format);
        file.append(b"1\n", &Tally::default()).unwrap();
        assert_eq!(
            file.finish().unwrap_err().to_string(),
            "no space left on the disk for the rejects file out/rejects.csv"
        );
    }
}
