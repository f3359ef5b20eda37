//! Texts that a CSV upload may lose: what Orgvue's own published CSV reader makes of them.
//!
//! That reader trims every cell, makes truth values of `true` and `false`, and a number of whatever JavaScript's
//! `Number` takes: of `0012345` 12345, of the pay grade `1E5` 100000, of a number of twenty digits another one. Whether
//! the import reads so is not known. So a text of which it would make something that is written in another way is told,
//! by column and once a run.

use crate::batch::{Batch, Kind};
use crate::text::javascript::{is_kept, is_plain_integer, number, trim};

/// Texts of a column in one block that would be read as something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Which of the columns that are sent.
    pub(crate) column: usize,
    /// How many cells.
    pub(crate) cells: u64,
    /// The row of the first.
    pub(crate) row: u32,
}

/// Looks at the rows that are sent, in the columns that are sent.
pub(super) fn look(batch: &Batch, slots: impl Iterator<Item = usize>, rows: &[u32]) -> Vec<Found> {
    let mut scratch = String::new();
    let mut found = Vec::new();
    for (column, slot) in slots.enumerate() {
        let cells = batch.column(slot);
        let mut changed = rows.iter().filter(|row| {
            let cell = cells[**row as usize];
            cell.kind() == Kind::Text && is_changed(batch.text(cell), &mut scratch)
        });
        if let Some(&row) = changed.next() {
            let cells = 1 + changed.count() as u64;
            found.push(Found { column, cells, row });
        }
    }
    found
}

/// Whether that reader makes something of a text that is written in another way. Most texts are told by their ends.
fn is_changed(text: &str, scratch: &mut String) -> bool {
    let (Some(&first), Some(&last)) = (text.as_bytes().first(), text.as_bytes().last()) else {
        return false;
    };
    let is_edge = |byte: u8| byte <= b' ' || !byte.is_ascii();
    if (is_edge(first) || is_edge(last)) && trim(text).len() < text.len() {
        return true;
    }
    match first {
        b't' | b'T' | b'f' | b'F' => {
            text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'I' => {
            !is_plain_integer(text)
                && number(text).is_some_and(|number| !is_kept(text, number, scratch))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Row;

    #[test]
    fn texts_that_would_be_something_else() {
        let mut scratch = String::new();
        let mut check = |text: &str, changed: bool| {
            assert_eq!(is_changed(text, &mut scratch), changed, "{text:?}");
        };
        for text in [
            "007",
            "1E5",
            "12345678901234567890",
            "65000.10",
            "0x1F",
            "TRUE",
            "false",
            "+1",
            ".5",
            "Infinity",
            "-0",
            " a",
            "a ",
            "a\n",
            "\u{a0}a",
            "a\u{3000}",
            " ",
            "\u{feff}x",
        ] {
            check(text, true);
        }
        for text in [
            "",
            "7",
            "-7",
            "1.5",
            "Ada",
            "Tina",
            "true north",
            "falsetto",
            "1,5",
            "01/02/2020",
            "2020-01-02",
            "G5",
            "Érica",
            "1-2",
            "Ida",
            "+44 20",
            "...",
            "5\" pipe",
            "ä",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn cells_are_counted_in_the_rows_that_are_sent() {
        let table = [("007", "x"), ("1", "TRUE"), ("1e3", "no"), ("08", "TRUE")];
        let mut batch = Batch::new(String::new(), 2);
        for line in 0..4 {
            batch.push_row(Row {
                line,
                start: 0,
                end: 0,
            });
        }
        let a = table.map(|(a, _)| batch.append(a, Kind::Text)).to_vec();
        batch.put_column(0, a);
        let b = table.map(|(_, b)| batch.append(b, Kind::Text)).to_vec();
        batch.put_column(1, b);
        let found = look(&batch, [1, 0].into_iter(), &[0, 2, 3]);
        let cells = |column, cells, row| Found { column, cells, row };
        assert_eq!(found, [cells(0, 1, 3), cells(1, 3, 0)]);
        // Numbers and truth values are what they are.
        batch.set_cell(0, 0, batch.cell(0, 0).with_kind(Kind::Number));
        assert_eq!(look(&batch, [0].into_iter(), &[0]), []);
    }
}
