//! The tables of a sheet, as far as they declare rows of totals: these are no records.

use quick_xml::events::{BytesStart, Event};

use super::place::{cell_name, place};
use super::rows::Row;
use super::workbook::{Sheet, Workbook};
use super::xml::{Xml, attribute};
use crate::source::table::Wrong;
use crate::text::counted;

/// Tables of one sheet, at most.
const MOST_TABLES: usize = 1 << 12;

/// The rows of totals of a sheet's tables.
#[derive(Debug, Default)]
pub(super) struct TotalRows {
    declared: Vec<Declared>,
    /// Rows that have been left out, and the first of them.
    left_out: u64,
    first: Option<String>,
    /// The last of them; 0 where there is none.
    pub(super) last: u64,
}

/// The rows of totals of a table: its columns from 0, and these rows from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Declared {
    columns: (usize, usize),
    rows: (u64, u64),
}

impl TotalRows {
    /// What the tables of a sheet declare.
    ///
    /// # Errors
    /// The workbook can't be read.
    pub(super) fn of(workbook: &Workbook<'_>, sheet: &Sheet) -> Result<TotalRows, Wrong> {
        let mut declared = Vec::new();
        for (name, part) in workbook.tables(sheet)?.into_iter().take(MOST_TABLES) {
            declared.extend(read(Xml::new(&name, part))?);
        }
        Ok(TotalRows {
            declared,
            ..TotalRows::default()
        })
    }

    /// Whether a row is one of totals: all that stands in it stands in the table. It is left out then.
    pub(super) fn leaves_out(&mut self, row: &Row) -> bool {
        let Some(first) = row.filled().next() else {
            return false;
        };
        let last = row.filled().next_back().unwrap_or(first);
        let is_of = |table: &Declared| {
            (table.rows.0..=table.rows.1).contains(&row.number)
                && table.columns.0 <= first
                && last <= table.columns.1
        };
        if !self.declared.iter().any(is_of) {
            return false;
        }
        self.left_out += 1;
        self.first
            .get_or_insert_with(|| cell_name(first, row.number));
        self.last = row.number;
        true
    }

    /// What is to be told of the rows that were left out.
    pub(super) fn remark(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        let (rows, are) = match self.left_out {
            1 => ("a row".to_owned(), "is not a record"),
            rows => (counted(rows, "row"), "are not records"),
        };
        Some(format!(
            "{rows} of totals, as a table of the sheet declares it (from {first} on), {are}"
        ))
    }
}

/// What a table declares, if it has rows of totals.
fn read(mut xml: Xml) -> Result<Option<Declared>, Wrong> {
    loop {
        let event = xml.next()?;
        let declared = match &event {
            Event::Start(element) if element.local_name().into_inner() == "table" => of(element),
            Event::Eof => return Ok(None),
            _ => continue,
        };
        return declared.map_err(|what| xml.wrong(what));
    }
}

fn of(table: &BytesStart<'_>) -> Result<Option<Declared>, &'static str> {
    let count = attribute(table, "totalsRowCount")?;
    let count: u64 = count.map_or(0, |count| count.trim().parse().unwrap_or(0));
    let range = attribute(table, "ref")?.unwrap_or_default();
    let corners = range.split_once(':');
    let corners = corners.and_then(|(from, to)| place(from).zip(place(to)));
    let Some(((left, top), (right, bottom))) = corners.filter(|_| count > 0) else {
        return Ok(None);
    };
    // The first row has its names.
    let first = bottom.saturating_sub(count - 1).max(top + 1);
    Ok(Some(Declared {
        columns: (left, right),
        rows: (first, bottom),
    }))
}
