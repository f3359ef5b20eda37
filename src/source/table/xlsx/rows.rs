//! A sheet, row by row.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};

use super::format::{GENERAL, Shown, pad};
use super::moment;
use super::place::{MOST_COLUMNS, cell_name, number_of, place};
use super::workbook::Workbook;
use super::xml::{BAD_ATTRIBUTE, Xml, append, attribute, is_true, unescaped};
use crate::format::sheet::MOST_ROWS;
use crate::source::table::Wrong;
use crate::text::unseen::is_blank;

/// Ranges of merged cells that are held.
const MOST_MERGED: usize = 1 << 16;

/// Numbers that floating point has as they are written, by their digits.
const EXACT_DIGITS: usize = 15;

/// Characters of the longest number that is written with all its digits.
pub(super) const MOST_DIGITS: usize = 40;

/// What stands in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Empty,
    Text,
    /// A number that is shown as one.
    Number,
    /// A day, a time, an identifier with its zeros, true or false.
    Other,
    /// A number that would have too many digits to be one of people.
    Endless,
    /// A number that is to be shown as a day or a time, and is none that a spreadsheet has.
    Beyond,
    /// `#REF!` and the like.
    Error,
    /// A formula whose value is not stored.
    Uncalculated,
}

/// A cell of a row, whose text is a piece of the row's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    start: u32,
    end: u32,
    pub(super) kind: Kind,
    pub(super) formula: bool,
}

/// A row, as it was read last.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// From 1.
    pub(super) number: u64,
    pub(super) hidden: bool,
    /// By columns, as far as any has something in it.
    pub(super) cells: Vec<Cell>,
    text: String,
}

impl Row {
    fn begin(&mut self, number: u64, hidden: bool) {
        self.number = number;
        self.hidden = hidden;
        self.cells.clear();
        self.text.clear();
    }

    pub(super) fn cell(&self, column: usize) -> Cell {
        self.cells.get(column).copied().unwrap_or_default()
    }

    pub(super) fn text(&self, cell: Cell) -> &str {
        &self.text[cell.start as usize..cell.end as usize]
    }

    /// The columns that have something in them.
    pub(super) fn filled(&self) -> impl DoubleEndedIterator<Item = usize> {
        let cells = self.cells.iter().enumerate();
        cells
            .filter(|(_, cell)| cell.kind != Kind::Empty)
            .map(|(column, _)| column)
    }
}

/// A range of cells that are shown as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) from: (usize, u64),
    pub(super) to: (usize, u64),
}

/// A sheet that is read front to back.
pub(super) struct Rows<'a> {
    xml: Xml,
    cells: Cells<'a>,
}

/// How far a sheet has been read.
struct Cells<'a> {
    workbook: &'a Workbook<'a>,
    /// The most bytes of one row.
    most: usize,
    /// The row and the column at hand, from 1.
    number: u64,
    column: usize,
    open: Open,
    /// Its value, as it is written, and whether more of it may come.
    value: String,
    within: bool,
    /// How a text is pronounced stands beside it.
    spoken: bool,
    /// All rows have been read.
    behind: bool,
    aside: Aside,
}

/// What a sheet says beside its rows: some of it behind them.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Columns that are hidden, from and to, from 0.
    pub(super) hidden: Vec<(usize, usize)>,
    pub(super) merged: Vec<Merged>,
    pub(super) filtered: bool,
}

/// A cell as its element says.
#[derive(Clone, Copy, Default)]
struct Open {
    style: usize,
    kind: Written,
    formula: bool,
    /// It has a value, if only an empty one.
    valued: bool,
}

/// How a cell's value is written.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Written {
    #[default]
    Number,
    /// The number of a text that cells share.
    Shared,
    /// The text itself.
    Text,
    Bool,
    Day,
    Error,
}

impl<'a> Rows<'a> {
    pub(super) fn new(workbook: &'a Workbook<'a>, xml: Xml, most: usize) -> Rows<'a> {
        let cells = Cells {
            workbook,
            most,
            number: 0,
            column: 0,
            open: Open::default(),
            value: String::new(),
            within: false,
            spoken: false,
            behind: false,
            aside: Aside::default(),
        };
        Rows { xml, cells }
    }

    /// What the sheet says beside its rows, as far as it has been read.
    pub(super) fn aside(&self) -> &Aside {
        &self.cells.aside
    }

    /// Reads the next row that there is; false where there is none.
    ///
    /// # Errors
    /// The sheet can't be read.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, Wrong> {
        let cells = &mut self.cells;
        loop {
            let event = self.xml.next()?;
            let done = match &event {
                Event::Start(element) => cells.start(element, row),
                Event::End(element) => match element.local_name().into_inner() {
                    "row" if !cells.behind => return Ok(true),
                    "c" if !cells.behind => {
                        cells.end(row)?;
                        continue;
                    }
                    "v" | "t" => {
                        cells.within = false;
                        Ok(())
                    }
                    "rPh" => {
                        cells.spoken = false;
                        Ok(())
                    }
                    "sheetData" => {
                        cells.behind = true;
                        Ok(())
                    }
                    _ => Ok(()),
                },
                Event::Eof => return Ok(false),
                event if cells.within => append(event, &mut cells.value),
                _ => Ok(()),
            };
            if let Err(what) = done {
                return Err(self.xml.wrong(what));
            }
            if cells.value.len() > cells.most {
                return Err(cells.too_long());
            }
        }
    }
}

impl Cells<'_> {
    /// An element begins.
    #[inline]
    fn start(&mut self, element: &BytesStart<'_>, row: &mut Row) -> Result<(), &'static str> {
        match element.local_name().into_inner() {
            "c" if !self.behind => {
                let (column, open) = attributes(element)?;
                self.column = column.unwrap_or(self.column + 1);
                if self.column > MOST_COLUMNS {
                    return Err("it has more columns than a sheet can have");
                }
                self.open = open;
                self.value.clear();
            }
            "v" => (self.within, self.open.valued) = (!self.behind, true),
            "t" => (self.within, self.open.valued) = (!self.behind && !self.spoken, true),
            "f" => self.open.formula = true,
            "rPh" => self.spoken = true,
            "row" if !self.behind => {
                let (number, hidden) = row_of(element, self.number)?;
                (self.number, self.column) = (number, 0);
                row.begin(number, hidden);
            }
            name => self.aside.take(name, element)?,
        }
        Ok(())
    }

    /// A cell ends, and is put into its row.
    fn end(&mut self, row: &mut Row) -> Result<(), Wrong> {
        let open = self.open;
        let Some(column) = self.column.checked_sub(1) else {
            return Ok(());
        };
        if row.cell(column).kind != Kind::Empty {
            return Err(self.wrong("there are two of it"));
        }
        let start = row.text.len();
        let is_value = open.valued && (open.kind == Written::Text || !self.value.is_empty());
        let kind = match is_value {
            true => self.put(&mut row.text)?,
            false if open.formula => Kind::Uncalculated,
            false => Kind::Empty,
        };
        if row.text.len() > self.most {
            return Err(self.too_long());
        }
        let blank = kind == Kind::Text && is_blank(&row.text[start..]);
        if row.cells.len() <= column {
            row.cells.resize(column + 1, Cell::default());
        }
        row.cells[column] = Cell {
            start: start as u32,
            end: row.text.len() as u32,
            kind: if blank { Kind::Empty } else { kind },
            formula: open.formula,
        };
        Ok(())
    }

    fn too_long(&self) -> Wrong {
        Wrong::data(
            self.number,
            "the row is longer than the longest record (limits.record)",
        )
    }

    /// Appends what the cell shows.
    fn put(&self, text: &mut String) -> Result<Kind, Wrong> {
        let (value, open) = (&self.value, self.open);
        match open.kind {
            Written::Shared => {
                let number = value.trim().parse().ok();
                match number.and_then(|number| self.workbook.strings.get(number)) {
                    Some(string) => text.push_str(string),
                    None => return Err(self.wrong("it has a text that is not in the workbook")),
                }
            }
            Written::Text => text.push_str(&unescaped(value)),
            Written::Bool => {
                text.push_str(if is_true(value.trim()) {
                    "true"
                } else {
                    "false"
                });
                return Ok(Kind::Other);
            }
            Written::Error => {
                text.push_str(value.trim());
                return Ok(Kind::Error);
            }
            Written::Day => {
                let format = self.workbook.styles.format(open.style);
                let day = match (format.of(1.0), value.split_once('T')) {
                    (Shown::Day, Some((day, _))) => day,
                    _ => value,
                };
                text.push_str(day.trim());
                return Ok(Kind::Other);
            }
            Written::Number => return Ok(self.number(open.style, value.trim(), text)),
        }
        Ok(Kind::Text)
    }

    /// Appends a number as its format shows it.
    fn number(&self, style: usize, value: &str, text: &mut String) -> Kind {
        let format = self.workbook.styles.format(style);
        if *format == GENERAL && is_plain(value) {
            text.push_str(value);
            return Kind::Number;
        }
        let number = match value.parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            Ok(_) if value.contains(|c: char| c.is_ascii_digit()) => {
                text.push_str(value);
                return Kind::Endless;
            }
            // What is not a number is a text, whatever the cell says.
            Ok(_) | Err(_) => {
                text.push_str(value);
                return Kind::Text;
            }
        };
        let epoch = self.workbook.epoch;
        let start = text.len();
        let done = match format.of(number) {
            Shown::Number => None,
            Shown::Day => epoch.day(number, text),
            Shown::DayAndTime => epoch.day_and_time(number, text),
            Shown::TimeOfDay => moment::time_of_day(number, text),
            Shown::Duration => moment::duration(number, text),
            Shown::Padded(pieces) if number.fract() == 0.0 => {
                // A format that is for all numbers shows the sign in front of all else, as `-00012`.
                let digits = digits(value, number);
                let digits = match digits.strip_prefix('-') {
                    Some(digits) => {
                        if !format.has_own_of_negatives() {
                            text.push('-');
                        }
                        digits
                    }
                    None => &digits,
                };
                pad(digits, pieces, text);
                let trimmed = text.trim_end().len();
                text.truncate(trimmed.max(start));
                Some(())
            }
            Shown::Padded(_) => None,
        };
        match (done, format.of(number)) {
            (Some(()), _) => Kind::Other,
            // What a spreadsheet shows as `####` is no number either.
            (None, Shown::Day | Shown::DayAndTime | Shown::TimeOfDay | Shown::Duration) => {
                text.truncate(start);
                text.push_str(value);
                Kind::Beyond
            }
            (None, Shown::Number | Shown::Padded(_)) => {
                text.truncate(start);
                let digits = digits(value, number);
                if digits.len() > MOST_DIGITS {
                    text.push_str(value);
                    return Kind::Endless;
                }
                text.push_str(&digits);
                Kind::Number
            }
        }
    }

    /// What is wrong with the cell at hand.
    fn wrong(&self, what: &str) -> Wrong {
        let name = cell_name(self.column - 1, self.number);
        Wrong::data(
            self.number,
            format!("the workbook is damaged: cell {name}: {what}"),
        )
    }
}

impl Aside {
    /// Takes in an element that is not a row or a cell.
    fn take(&mut self, name: &str, element: &BytesStart<'_>) -> Result<(), &'static str> {
        match name {
            "col" => {
                let hidden = attribute(element, "hidden")?.is_some_and(|value| is_true(&value));
                let number = |name| -> Result<Option<usize>, &'static str> {
                    Ok(attribute(element, name)?.and_then(|value| value.parse().ok()))
                };
                if let (Some(from @ 1..), Some(to)) = (number("min")?, number("max")?)
                    && hidden
                    && self.hidden.len() < MOST_COLUMNS
                {
                    self.hidden.push((from - 1, to.saturating_sub(1)));
                }
            }
            "mergeCell" if self.merged.len() < MOST_MERGED => {
                let range = attribute(element, "ref")?.unwrap_or_default();
                let (from, to) = range.split_once(':').unwrap_or((&range, &range));
                let corners = place(from).zip(place(to));
                self.merged
                    .extend(corners.map(|(from, to)| Merged { from, to }));
            }
            "autoFilter" => self.filtered = true,
            _ => {}
        }
        Ok(())
    }
}

/// The number of a row, and whether it is hidden.
fn row_of(element: &BytesStart<'_>, before: u64) -> Result<(u64, bool), &'static str> {
    let (mut number, mut hidden) = (None, false);
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| BAD_ATTRIBUTE)?;
        match attribute.key.into_inner() {
            "r" => number = attribute.value.parse().ok(),
            "hidden" => hidden = is_true(&attribute.value),
            _ => {}
        }
    }
    match number.unwrap_or(before + 1) {
        number if number <= before => Err("its rows are not in order"),
        number if number > MOST_ROWS => Err("it has more rows than a sheet can have"),
        number => Ok((number, hidden)),
    }
}

/// A cell's column, from 1, where it is stated, and what else its element says.
#[inline]
fn attributes(element: &BytesStart<'_>) -> Result<(Option<usize>, Open), &'static str> {
    let (mut column, mut open) = (None, Open::default());
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| BAD_ATTRIBUTE)?;
        let value = &*attribute.value;
        match attribute.key.into_inner() {
            "r" => {
                let letters = value.bytes().take_while(u8::is_ascii_alphabetic).count();
                column =
                    Some(number_of(&value[..letters]).ok_or("a cell has no place in a sheet")?);
            }
            "s" => open.style = value.parse().unwrap_or_default(),
            "t" => {
                open.kind = match value {
                    "s" => Written::Shared,
                    "str" | "inlineStr" => Written::Text,
                    "b" => Written::Bool,
                    "d" => Written::Day,
                    "e" => Written::Error,
                    _ => Written::Number,
                }
            }
            _ => {}
        }
    }
    Ok((column, open))
}

/// A number's digits without an exponent: as they are written where that is how the number is written best, else as few
/// as make the same number.
fn digits(written: &str, number: f64) -> Cow<'_, str> {
    match is_plain(written) {
        true => Cow::Borrowed(written),
        false if number == 0.0 => Cow::Borrowed("0"),
        false => Cow::Owned(number.to_string()),
    }
}

/// Whether a number is written in digits that floating point has exactly, without zeros or signs that say nothing. The
/// digits of whole numbers are kept, however many a program has written.
fn is_plain(written: &str) -> bool {
    let unsigned = written.strip_prefix('-').unwrap_or(written);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "1"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let most = match unsigned.contains('.') {
        true => EXACT_DIGITS,
        false => MOST_DIGITS,
    };
    unsigned.len() <= most
        && digits(whole)
        && digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && !fraction.ends_with('0')
        && written != "-0"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_have_no_exponent() {
        for (written, expected) in [
            ("12003", "12003"),
            ("0.1", "0.1"),
            ("1.1000000000000001", "1.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1.23456789012346E+15", "1234567890123460"),
            ("1E-3", "0.001"),
            ("-5", "-5"),
            ("-0", "0"),
            ("0.0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("+5", "5"),
            (".5", "0.5"),
            ("9007199254740993", "9007199254740993"),
            ("0.12345678901234567890", "0.12345678901234568"),
            ("1e20", "100000000000000000000"),
        ] {
            let number = written.parse().unwrap();
            assert_eq!(digits(written, number), expected);
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_again_as_itself(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            for written in [format!("{number}"), format!("{number:e}"), format!("{number:.3}")] {
                let read: f64 = written.parse().unwrap();
                let text = digits(&written, read);
                prop_assert_eq!(text.parse::<f64>().unwrap(), read);
                prop_assert!(!text.contains(['e', 'E', '+']));
            }
        }
    }
}
