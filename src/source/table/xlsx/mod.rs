//! Workbooks of Excel and of whatever writes the same (.xlsx, .xlsm): a sheet's rows as records.
//!
//! | file | what it is |
//! |---|---|
//! | `parts`, `xml` | the archive, and what its files are written in |
//! | `workbook`, `strings`, `styles` | the sheets, and what their cells share |
//! | `format`, `moment` | what a number's format shows: identifiers with their zeros, days and times |
//! | `rows`, `place`, `header` | a sheet row by row, what its places are called, and the row that names the columns |
//! | `rejects` | a workbook of rejects, which is read as the file that it was made of |
//! | `totals` | rows that a table of the sheet declares as totals |
//! | `watch` | what may not have been meant |
//!
//! Every cell becomes text: what CSV would have, if it were written with all digits and in ISO dates. Nothing is held in
//! memory but a row, and the texts that cells share.

mod format;
mod header;
mod moment;
mod parts;
mod place;
mod rejects;
mod rows;
mod strings;
mod styles;
mod totals;
mod watch;
mod workbook;
mod xml;

use std::io::Read;

use header::Column;
use parts::{ENCRYPTED, Parts};
use place::cell_name;
use rejects::Rejects;
use rows::{Kind, MOST_DIGITS, Row, Rows};
use totals::TotalRows;
use watch::{Found, Watch};
use workbook::Workbook;

use super::input::{Input, Seekable};
use super::records::{Name, Records};
use super::sheet_spec::{Errors, WorkbookSpec};
use super::{Terms, Wrong};
use crate::format::json::sheet_error;
use crate::settings::limits::Limits;
use crate::text::counted;
use crate::text::last::Last;
use crate::text::scan::Quoting;
use crate::text::shown::shown;

/// What is wrong with a number that is to be shown as a day or a time.
const BEYOND: &str = "is formatted as a day or a time, and its number is none of those that a spreadsheet has (it shows \
                      ####): days go from 1900-01-00, or 1904-01-01, to 9999-12-31; correct it, or empty the cell";

/// Rows that are held back because they may be the footer.
const MOST_HELD: usize = 1000;

/// Writes the records of a sheet. Every column is written, so that the first record has them all. Of a sheet of rejects,
/// the rejects file is written.
pub(super) fn write(
    spec: &WorkbookSpec,
    input: Input,
    terms: &Terms,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let file = input.seekable()?;
    is_archive(&file)?;
    let parts = Parts::open(file, &terms.limits)?;
    let workbook = Workbook::read(&parts, &terms.limits)?;
    let most = terms.limits.record.bytes();
    if spec.mended
        && let Some(found) = rejects::among(&workbook, most)?
    {
        return write_rejects(found, spec.quoting, terms, out);
    }
    let sheet = workbook.choose(spec.sheet.as_ref())?;
    if let Some(found) = rejects::of(&workbook, sheet, most)? {
        return write_rejects(found, spec.quoting, terms, out);
    }
    let mut rows = Rows::new(&workbook, workbook.open(sheet)?, most);
    let tell = |remark: String| {
        let sheet = shown(&sheet.name);
        terms.remarks.add(format!("sheet `{sheet}`: {remark}"));
    };
    let Some(header) = header::find(&mut rows, &spec.xlsx)? else {
        return Ok(());
    };
    if header.before > 0 {
        tell(format!(
            "row {} is taken for the header; state it, so that it stays so: `source: {{ xlsx: {{ header_row: {0} }} }}`",
            header.row
        ));
    }
    let totals = TotalRows::of(&workbook, sheet)?;
    let mut writing = Writing::new(spec, &header.columns, totals, out);
    for mut row in header.rows {
        writing.take(&mut row)?;
    }
    let mut row = Row::default();
    while rows.next(&mut row)? {
        writing.take(&mut row)?;
    }
    writing.close()?;
    let found = Found {
        header: header.row,
        columns: &header.columns,
        aside: rows.aside(),
        uncalculated: workbook.uncalculated,
        rejects_errors: spec.xlsx.errors == Errors::Reject,
    };
    writing.watch.remarks(&found).into_iter().for_each(tell);
    writing.totals.remark().into_iter().for_each(tell);
    if let Some(last) = writing.last.totals(header.columns.len(), None) {
        let setting = format!("`source: {{ xlsx: {{ footer: '{}' }} }}`", last.pattern);
        tell(last.remark("row", &setting));
        terms.remarks.ends_with(last.pattern);
    }
    Ok(())
}

/// Writes the rejects file that a sheet was made of.
fn write_rejects(
    mut found: Rejects<'_>,
    quoting: Quoting,
    terms: &Terms,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    terms.is_of_rejects();
    found.write(quoting, out)?;
    if let added @ [_, ..] = &*found.added() {
        let (noun, verb) = if added.len() == 1 {
            ("column", "is")
        } else {
            ("columns", "are")
        };
        terms.remarks.add(format!(
            "the {noun} {} {verb} not of the rejects, and {verb} not read",
            added.join(", ")
        ));
    }
    if let Some((cells, first)) = found.nameless {
        terms.remarks.add(format!(
            "{} in columns that have no name, and are not read (the first is {first})",
            counted(cells, "cell")
        ));
    }
    Ok(())
}

/// Writes the rejects file that a workbook was made of, each record on the next line. Whether it is a workbook of rejects,
/// and people see nothing else in it: no other sheet that has anything on it, and no column that somebody has added.
///
/// # Errors
/// It can't be read.
pub(super) fn rejects_of(
    file: Seekable,
    (quoting, limits): (Quoting, &Limits),
    out: &mut Records<'_>,
) -> Result<bool, Wrong> {
    is_archive(&file)?;
    let parts = Parts::open(file, limits)?;
    let workbook = Workbook::read(&parts, limits)?;
    let Some(mut found) = rejects::among(&workbook, limits.record.bytes())? else {
        return Ok(false);
    };
    found.in_rows = false;
    found.write(quoting, out)?;
    let mut filled = 0;
    for sheet in workbook.sheets.iter().filter(|sheet| sheet.visible) {
        filled += usize::from(workbook.has_cells(sheet)?);
    }
    Ok(filled == 1 && found.added.is_empty())
}

/// The records of a sheet on their way.
struct Writing<'a, 'o> {
    spec: &'a WorkbookSpec,
    columns: &'a [Column],
    names: Vec<Name>,
    watch: Watch,
    /// Rows that may be the footer.
    held: Vec<Row>,
    totals: TotalRows,
    last: Last,
    out: &'a mut Records<'o>,
}

impl<'a, 'o> Writing<'a, 'o> {
    fn new(
        spec: &'a WorkbookSpec,
        columns: &'a [Column],
        totals: TotalRows,
        out: &'a mut Records<'o>,
    ) -> Writing<'a, 'o> {
        Writing {
            spec,
            columns,
            names: columns
                .iter()
                .map(|column| Name::new(&column.name))
                .collect(),
            watch: Watch::new(columns.len()),
            held: Vec::new(),
            totals,
            last: Last::default(),
            out,
        }
    }

    /// Takes in a row: writes it down, unless it is empty, declared as totals, or may be the footer.
    fn take(&mut self, row: &mut Row) -> Result<(), Wrong> {
        if row.filled().next().is_none() || self.totals.leaves_out(row) {
            return Ok(());
        }
        if self.held.len() < MOST_HELD && self.may_close(row) {
            self.held.push(std::mem::take(row));
            return Ok(());
        }
        for held in std::mem::take(&mut self.held) {
            self.write(&held)?;
        }
        self.write(row)
    }

    /// What is still held back is the footer.
    fn close(&mut self) -> Result<(), Wrong> {
        let footer = self.held.last().map_or(0, |last| last.number);
        Ok(self.out.pass(footer.max(self.totals.last))?)
    }

    /// Whether a row looks like the footer.
    fn may_close(&self, row: &Row) -> bool {
        let Some(footer) = &self.spec.xlsx.footer else {
            return false;
        };
        let first = row.filled().next().map(|at| row.text(row.cell(at)));
        first.is_some_and(|text| footer.is_match(text.trim_start()))
    }

    fn write(&mut self, row: &Row) -> Result<(), Wrong> {
        let named = self.columns.iter();
        let named = named.filter(|column| row.cell(column.at).kind != Kind::Empty);
        let named = named.count();
        if named < row.filled().count() {
            let is_named = |at: &usize| {
                self.columns
                    .binary_search_by_key(at, |column| column.at)
                    .is_ok()
            };
            for at in row.filled().filter(|at| !is_named(at)) {
                self.watch.nameless(at, row.number);
            }
        }
        if named == 0 {
            return Ok(());
        }
        self.watch.row(row);
        if let Some(first) = row.filled().next() {
            let text = row.text(row.cell(first));
            self.last.see(row.number, first, text, named);
        }
        self.out.begin(row.number);
        let mut wrong = None;
        for (number, column) in self.columns.iter().enumerate() {
            let cell = row.cell(column.at);
            let text = row.text(cell);
            self.watch.cell(number, cell, text);
            let name = &self.names[number];
            match (cell.kind, self.spec.xlsx.errors) {
                (Kind::Uncalculated, _) => return Err(uncalculated(column.at, row.number)),
                (Kind::Error, Errors::Reject) => self.out.json(name, sheet_error::written(text)),
                (Kind::Error, Errors::Empty) => self.out.text(name, ""),
                (Kind::Endless | Kind::Beyond, _) => {
                    wrong.get_or_insert((column, cell.kind));
                    self.out.text(name, text);
                }
                _ => self.out.text(name, text),
            }
        }
        if let Some((column, kind)) = wrong {
            let place = cell_name(column.at, row.number);
            let name = shown(&column.name);
            let what = match kind {
                Kind::Beyond => BEYOND.to_owned(),
                _ => format!(
                    "is a number of more than {MOST_DIGITS} digits, or beyond what a spreadsheet can hold; correct it, or have \
                     it written as text"
                ),
            };
            let message = format!("{place} (column `{name}`) {what}");
            self.out.fault(&message, None);
        }
        Ok(self.out.end()?)
    }
}

fn uncalculated(column: usize, row: u64) -> Wrong {
    let name = cell_name(column, row);
    Wrong::data(
        row,
        format!(
            "{name} is a formula whose value is not stored: the workbook was written by a program that does not calculate; \
             open it in a spreadsheet program and save it"
        ),
    )
}

/// Looks at the first bytes: what is a workbook is an archive.
fn is_archive(file: &Seekable) -> Result<(), Wrong> {
    let mut head = Vec::new();
    let mut bytes = file.rest(0);
    bytes.by_ref().take(8).read_to_end(&mut head)?;
    if head.starts_with(b"PK") {
        return Ok(());
    }
    Err(match head.starts_with(OLD) {
        true if is_encrypted(bytes)? => Wrong::data(0, ENCRYPTED),
        true => Wrong::data(
            0,
            "this is an old Excel workbook (.xls); save it as an Excel workbook (.xlsx), or export it as CSV",
        ),
        false if head.is_empty() => Wrong::data(0, "the file is empty"),
        false => Wrong::setting(
            0,
            "this is not an Excel workbook (.xlsx); set source.format to what it is, or to auto",
        ),
    })
}

/// What old workbooks begin with, and the file in which encrypted ones are kept.
pub(super) const OLD: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Whether it has the stream that encrypted workbooks are in, whose name is in UTF-16.
fn is_encrypted(mut bytes: Seekable) -> Result<bool, Wrong> {
    let name: Vec<u8> = "EncryptedPackage".bytes().flat_map(|b| [b, 0]).collect();
    let mut piece = Vec::new();
    loop {
        let kept = piece.len().min(name.len());
        piece.drain(..piece.len() - kept);
        let read = bytes.by_ref().take(LOOKED_AT).read_to_end(&mut piece)?;
        if memchr::memmem::find(&piece, &name).is_some() {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
    }
}

/// Bytes that are looked through at once.
const LOOKED_AT: u64 = 1 << 20;
