//! Workbooks of rejects: read as the rejects file that they were made of, whose rows somebody may have put right.

use super::place::cell_name;
use super::rows::{Kind, Row, Rows};
use super::watch::KEPT_DIGITS;
use super::workbook::{Sheet, Workbook};
use crate::format::added::ADDED;
use crate::format::sheet::{self, About, Laid, Texts, csv, json};
use crate::source::table::Wrong;
use crate::source::table::records::Records;
use crate::text::scan::Quoting;
use crate::text::shown::shown;

/// A sheet of rejects that has been found, read up to its header.
pub(super) struct Rejects<'a> {
    rows: Rows<'a>,
    header: Texts,
    laid: Laid,
    /// The header's row.
    row: u64,
    about: Option<About>,
    /// Whether records begin on the lines of their rows, or one line behind the other.
    pub(super) in_rows: bool,
    /// Cells in columns that have no name and are not read, and the first of them.
    pub(super) nameless: Option<(u64, String)>,
    /// Columns that somebody has added to a table, which are not read.
    pub(super) added: Vec<usize>,
}

/// The first sheet of rejects among those that people see, if there is one.
///
/// # Errors
/// It can't be read.
pub(super) fn among<'a>(
    workbook: &'a Workbook<'a>,
    most: usize,
) -> Result<Option<Rejects<'a>>, Wrong> {
    for sheet in workbook.sheets.iter().filter(|sheet| sheet.visible) {
        if let Some(found) = of(workbook, sheet, most)? {
            return Ok(Some(found));
        }
    }
    match about(workbook, most)? {
        // As an ordinary table its rows would be sent as they are, faults and all.
        Some(_) => Err(Wrong::data(1, LOST)),
        None => Ok(None),
    }
}

const LOST: &str = "this is a workbook of rejects, and no sheet of it has their header any more: in its first row that is not \
                    empty, the columns `_file`, `_line`, `_stage`, `_column`, `_code` and `_message` must stand beside each \
                    other in this order; put them back";

/// A sheet of rejects, if it is one.
///
/// # Errors
/// It can't be read.
pub(super) fn of<'a>(
    workbook: &'a Workbook<'a>,
    sheet: &Sheet,
    most: usize,
) -> Result<Option<Rejects<'a>>, Wrong> {
    let mut rows = Rows::new(workbook, workbook.open(sheet)?, most);
    let mut row = Row::default();
    while row.filled().next().is_none() {
        if !rows.next(&mut row)? {
            return Ok(None);
        }
    }
    let mut header = Texts::default();
    (0..row.cells.len()).for_each(|at| header.push(row.text(row.cell(at))));
    let Some(laid) = Laid::of(&header) else {
        return Ok(None);
    };
    let about = about(workbook, most)?;
    if laid.types.is_none()
        && about
            .as_ref()
            .is_some_and(|about| !about.members.is_empty())
    {
        let message = format!(
            "the column `{}`, which is hidden, is not behind `_message` any more: put it back, as it says what kinds of \
             values the cells are",
            sheet::TYPES
        );
        return Err(Wrong::data(row.number, message));
    }
    Ok(Some(Rejects {
        rows,
        header,
        laid,
        row: row.number,
        about,
        in_rows: true,
        nameless: None,
        added: Vec::new(),
    }))
}

/// What the workbook says of the file that it was made of, if it still does.
fn about(workbook: &Workbook<'_>, most: usize) -> Result<Option<About>, Wrong> {
    let mut about = About::default();
    let sheet = workbook
        .sheets
        .iter()
        .find(|sheet| sheet.name == sheet::ABOUT);
    let Some(sheet) = sheet.filter(|sheet| !sheet.visible) else {
        return Ok(None);
    };
    let mut rows = Rows::new(workbook, workbook.open(sheet)?, most);
    let mut row = Row::default();
    while rows.next(&mut row)? {
        about.take(row.text(row.cell(0)), row.text(row.cell(1)));
    }
    Ok(Some(about))
}

impl Rejects<'_> {
    /// Writes the rejects file. As long as no cell has several lines, a record's line is its row. Where a table was quoted,
    /// it had these quotes.
    ///
    /// # Errors
    /// The sheet can't be read; a cell is not text.
    pub(super) fn write(&mut self, quoting: Quoting, out: &mut Records<'_>) -> Result<(), Wrong> {
        self.put_in_order()?;
        let names = self.laid.own.iter();
        let names: Vec<&str> = names.map(|at| self.header.get(*at)).collect();
        let mut record = Vec::new();
        // The first record behind it is on the next one.
        let mut line = match self.laid.types {
            _ if self.in_rows => self.row,
            Some(_) => 0,
            None => 1,
        };
        let mut written = match self.laid.types {
            Some(types) => {
                let about = self.about.take().ok_or_else(|| self.is_alone(types))?;
                let written = json::Written::begin(names.into_iter(), about);
                Written::Objects(types, written)
            }
            None => {
                let names = names.into_iter();
                let about = self.about.take().unwrap_or_default();
                let written = csv::Written::begin(names, &about, quoting, &mut record);
                out.leave(line, &record)?;
                Written::Table(written)
            }
        };
        let mut row = Row::default();
        while self.rows.next(&mut row)? {
            if row.cells.iter().all(|cell| row.text(*cell).is_empty()) {
                continue;
            }
            self.are_texts(&row)?;
            record.clear();
            let laid = &self.laid;
            let text = |at: usize| row.text(row.cell(at));
            let said: [&str; ADDED.len()] = std::array::from_fn(|at| text(laid.said + at));
            let own = laid.own.iter().map(|at| text(*at));
            match &mut written {
                Written::Table(written) => {
                    // The cells that a row has too many stood where somebody has a column now.
                    let added = self.added.iter().filter(|_| sheet::is_too_long(&said));
                    let added = added.map(|at| text(*at));
                    let surplus = added.chain((laid.surplus..row.cells.len()).map(text));
                    written.push(own, &said, surplus, &mut record);
                }
                Written::Objects(types, written) => {
                    let pushed = written.push(own, &said, text(*types), &mut record);
                    pushed.map_err(|_| types_were_changed(*types, row.number))?;
                    self.pass_over(&row);
                }
            }
            line = if self.in_rows { row.number } else { line + 1 };
            out.leave(line, &record)?;
        }
        Ok(())
    }

    /// Puts the columns of a table into the order of the rejects file, in which the cells that a short row lacks are the
    /// last ones. Those that somebody has added are left out.
    ///
    /// # Errors
    /// One is not there any more.
    fn put_in_order(&mut self) -> Result<(), Wrong> {
        let about = self.about.as_ref().filter(|_| self.laid.types.is_none());
        let Some(about) = about.filter(|about| !about.columns.is_empty()) else {
            return Ok(());
        };
        let mut left = self.laid.own.clone();
        let mut own = Vec::with_capacity(left.len());
        for name in &about.columns {
            let at = left.iter().position(|at| self.header.get(*at) == name);
            let Some(at) = at else {
                let message = format!(
                    "the column `{}` of the rejects is not there any more, or has another name: put it back",
                    shown(name)
                );
                return Err(Wrong::data(self.row, message));
            };
            own.push(left.remove(at));
        }
        self.laid.own = own;
        self.added = left;
        Ok(())
    }

    /// The names of columns that somebody has added.
    pub(super) fn added(&self) -> Vec<String> {
        let name = |at: &usize| format!("`{}`", shown(self.header.get(*at)));
        self.added.iter().map(name).collect()
    }

    /// What is wrong where the types of cells are told, and not of which.
    fn is_alone(&self, types: usize) -> Wrong {
        let message = format!(
            "{} (column `{}`, which is hidden) refers to the hidden sheet `{}`, which is not there any more: put the rows back \
             into the workbook that they come from",
            cell_name(types, self.row),
            sheet::TYPES,
            sheet::ABOUT
        );
        Wrong::data(self.row, message)
    }

    /// Counts the cells of a row that are in no column.
    fn pass_over(&mut self, row: &Row) {
        for at in row.filled().filter(|at| *at >= self.laid.surplus) {
            let first = || (0, cell_name(at, row.number));
            self.nameless.get_or_insert_with(first).0 += 1;
        }
    }

    /// # Errors
    /// A cell has no text that could be meant.
    fn are_texts(&self, row: &Row) -> Result<(), Wrong> {
        for at in row.filled() {
            let digits = || row.text(row.cell(at)).bytes().filter(u8::is_ascii_digit);
            let what = match row.cell(at).kind {
                Kind::Number if digits().count() > KEPT_DIGITS => {
                    "holds a number of more digits than a spreadsheet keeps"
                }
                Kind::Empty | Kind::Text | Kind::Number | Kind::Other => continue,
                Kind::Error => "holds an error of the spreadsheet",
                Kind::Uncalculated => "is a formula whose value is not stored",
                Kind::Endless | Kind::Beyond => "holds a number that is not shown as one",
            };
            let place = cell_name(at, row.number);
            let name = shown(self.header.get(at));
            let message =
                format!("{place} (column `{name}`) {what}: write there what is meant, as text");
            return Err(Wrong::data(row.number, message));
        }
        Ok(())
    }
}

/// What the rows are made to.
enum Written {
    Table(csv::Written),
    /// And where what is said of the types stands.
    Objects(usize, json::Written),
}

fn types_were_changed(at: usize, row: u64) -> Wrong {
    let message = format!(
        "{} (column `{}`, which is hidden) was changed: put back what was there, or empty it and fill in every cell of the \
         row that is to have a value",
        cell_name(at, row),
        sheet::TYPES
    );
    Wrong::data(row, message)
}
