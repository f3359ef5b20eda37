//! What may not have been meant in a sheet: found while it is read, and told at its end.

use super::header::Column;
use super::place::{cell_name, letters};
use super::rows::{Aside, Cell, Kind, Merged, Row};
use crate::text::counted;
use crate::text::shown::shown;

/// Digits of a number that Excel keeps.
pub(super) const KEPT_DIGITS: usize = 15;

/// Identifiers are not longer.
const MOST_DIGITS: usize = 19;

/// Columns that a message tells.
const MOST_TOLD: usize = 10;

/// What has been seen of a sheet's cells.
pub(super) struct Watch {
    columns: Vec<Seen>,
    hidden_rows: u64,
    /// Cells of columns that have no name, and the first of them.
    nameless: u64,
    first_nameless: Option<String>,
    /// Cells that are formulas.
    formulas: u64,
}

/// What has been seen of a column.
#[derive(Debug, Clone, Default)]
struct Seen {
    filled: u64,
    /// Texts that are digits, and numbers, by how many digits they have.
    texts: [u64; MOST_DIGITS + 1],
    numbers: [u64; MOST_DIGITS + 1],
    /// Numbers of more digits than Excel keeps.
    long: u64,
    errors: u64,
}

impl Watch {
    pub(super) fn new(columns: usize) -> Watch {
        Watch {
            columns: vec![Seen::default(); columns],
            hidden_rows: 0,
            nameless: 0,
            first_nameless: None,
            formulas: 0,
        }
    }

    pub(super) fn row(&mut self, row: &Row) {
        self.hidden_rows += u64::from(row.hidden);
    }

    /// Sees the cell of a column.
    #[inline]
    pub(super) fn cell(&mut self, column: usize, cell: Cell, text: &str) {
        let seen = &mut self.columns[column];
        self.formulas += u64::from(cell.formula);
        match cell.kind {
            Kind::Empty => return,
            Kind::Text if text.len() <= MOST_DIGITS && is_digits(text) => {
                seen.texts[text.len()] += 1;
            }
            Kind::Number if is_digits(text) => {
                seen.numbers[text.len().min(MOST_DIGITS)] += 1;
                seen.long += u64::from(text.len() > KEPT_DIGITS);
            }
            Kind::Error => seen.errors += 1,
            _ => {}
        }
        seen.filled += 1;
    }

    pub(super) fn nameless(&mut self, column: usize, row: u64) {
        self.nameless += 1;
        self.first_nameless
            .get_or_insert_with(|| cell_name(column, row));
    }

    /// What is to be told of the sheet.
    pub(super) fn remarks(&self, found: &Found<'_>) -> Vec<String> {
        let mut remarks = Vec::new();
        self.cells(found, &mut remarks);
        self.hidden(found, &mut remarks);
        let behind_header = |merged: &&Merged| {
            merged.to.1 > found.header && found.has_within(merged.from.0, merged.to.0)
        };
        let merged: Vec<_> = found.aside.merged.iter().filter(behind_header).collect();
        if let Some(first) = merged.first() {
            let (from, to) = (first.from, first.to);
            remarks.push(format!(
                "{} of merged cells (the first is {}:{}): only the first cell of each has the value, and the others are empty",
                counted(merged.len() as u64, "range"),
                cell_name(from.0, from.1),
                cell_name(to.0, to.1)
            ));
        }
        if found.uncalculated && self.formulas > 0 {
            remarks.push(format!(
                "{} with a formula, and the program that wrote the workbook left their calculation to whoever opens it: \
                 what is read of them may be made up; open it in a spreadsheet program and save it",
                counted(self.formulas, "cell")
            ));
        }
        remarks
    }

    fn cells(&self, found: &Found<'_>, remarks: &mut Vec<String>) {
        for (column, seen) in found.columns.iter().zip(&self.columns) {
            let name = format!("column {} (`{}`)", letters(column.at), shown(&column.name));
            if let Some((digits, eaten)) = seen.eaten() {
                let cells = counted(eaten, "cell");
                remarks.push(format!(
                    "{name}: most cells are texts of {digits} digits, and {cells} with a shorter number: Excel has eaten \
                     leading zeros; format the column as text before the values are put in, or give the numbers the \
                     format {}",
                    "0".repeat(digits)
                ));
            }
            if seen.long > 0 {
                remarks.push(format!(
                    "{name}: {} with a number of more than {KEPT_DIGITS} digits, of which Excel keeps {KEPT_DIGITS} and makes \
                     zeros of the others; such identifiers have to be texts",
                    counted(seen.long, "cell")
                ));
            }
            if seen.errors > 0 && !found.rejects_errors {
                remarks.push(format!(
                    "{name}: {} with an error of the workbook, such as #N/A (source.xlsx.errors)",
                    counted(seen.errors, "cell")
                ));
            }
        }
        if let Some(first) = &self.first_nameless {
            remarks.push(format!(
                "{} in columns that have no name in row {}, and are not read (the first is {first})",
                counted(self.nameless, "cell"),
                found.header
            ));
        }
    }

    fn hidden(&self, found: &Found<'_>, remarks: &mut Vec<String>) {
        if self.hidden_rows > 0 {
            let filter = match found.aside.filtered {
                true => " (the sheet is filtered)",
                false => "",
            };
            remarks.push(format!(
                "{} hidden in the sheet{filter}, and read like the others",
                counted(self.hidden_rows, "row")
            ));
        }
        let is_hidden = |column: &&Column| {
            let within = |(from, to): &(usize, usize)| (*from..=*to).contains(&column.at);
            found.aside.hidden.iter().any(within)
        };
        let hidden = found.columns.iter().filter(is_hidden);
        let hidden: Vec<_> = hidden.map(|column| letters(column.at)).collect();
        if !hidden.is_empty() {
            let told = hidden[..hidden.len().min(MOST_TOLD)].join(", ");
            let more = match hidden.len().saturating_sub(MOST_TOLD) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            remarks.push(format!(
                "{} hidden in the sheet ({told}{more}), and read like the others",
                counted(hidden.len() as u64, "column")
            ));
        }
    }
}

impl Seen {
    /// The digits that most cells have as text, and how many cells have numbers with fewer.
    fn eaten(&self) -> Option<(usize, u64)> {
        let (digits, most) = self
            .texts
            .iter()
            .enumerate()
            .max_by_key(|(_, count)| **count)?;
        let shorter: u64 = self.numbers[..digits].iter().sum();
        (*most * 2 > self.filled && shorter > 0).then_some((digits, shorter))
    }
}

/// What is known of the sheet at its end.
pub(super) struct Found<'a> {
    /// The row of the header.
    pub(super) header: u64,
    pub(super) columns: &'a [Column],
    pub(super) aside: &'a Aside,
    pub(super) uncalculated: bool,
    /// Rows with errors are rejected, which says it.
    pub(super) rejects_errors: bool,
}

impl Found<'_> {
    /// Whether a column that is read is one of these.
    fn has_within(&self, from: usize, to: usize) -> bool {
        let at = self.columns.partition_point(|column| column.at < from);
        self.columns.get(at).is_some_and(|column| column.at <= to)
    }
}

#[inline]
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eaten_zeros() {
        let check = |texts: &[(usize, u64)], numbers: &[(usize, u64)], expected| {
            let mut seen = Seen::default();
            for (digits, count) in texts {
                seen.texts[*digits] = *count;
                seen.filled += count;
            }
            for (digits, count) in numbers {
                seen.numbers[*digits] = *count;
                seen.filled += count;
            }
            assert_eq!(seen.eaten(), expected);
        };
        check(&[(8, 10)], &[(5, 2), (7, 1), (8, 4)], Some((8, 3)));
        check(&[(8, 10)], &[(8, 4)], None);
        check(&[(8, 10)], &[(5, 12)], None);
        check(&[(8, 5), (7, 5)], &[(5, 1)], None);
        check(&[], &[(5, 12)], None);
        check(&[], &[], None);
    }
}
