//! The row of a sheet that has the names of its columns.

use std::collections::{HashMap, HashSet};

use super::place::cell_name;
use super::rows::{Kind, Row, Rows};
use crate::format::csv::spec::DuplicatesSpec;
use crate::source::table::Wrong;
use crate::source::table::sheet_spec::XlsxSpec;
use crate::text::unseen::trimmed;

/// Filled rows among which the header is looked for.
const LOOKED_AT: usize = 50;

/// Places of names that a message tells.
const MOST_TOLD: usize = 10;

/// A column that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// From 0.
    pub(super) at: usize,
}

/// What a sheet's columns are called.
#[derive(Debug)]
pub(super) struct Header {
    /// Its row, and how many filled ones stand before it.
    pub(super) row: u64,
    pub(super) before: usize,
    /// In the order of their places.
    pub(super) columns: Vec<Column>,
    /// The rows behind it that have been read.
    pub(super) rows: Vec<Row>,
}

/// Finds the header: the row that is stated, or the first that looks like one. None where nothing stands in the sheet.
///
/// # Errors
/// The sheet can't be read; no row is a header, or it has no names that can be used.
pub(super) fn find(rows: &mut Rows<'_>, spec: &XlsxSpec) -> Result<Option<Header>, Wrong> {
    let stated = spec.header_row.map(u64::from);
    let mut looked: Vec<Row> = Vec::new();
    let mut row = Row::default();
    while looked.len() < LOOKED_AT && rows.next(&mut row)? {
        let is_before = stated.is_some_and(|stated| row.number < stated);
        if !is_before && row.filled().next().is_some() {
            looked.push(std::mem::take(&mut row));
        }
        // What is stated needs no more than that row.
        if stated.is_some() && !looked.is_empty() {
            break;
        }
    }
    let before = match stated {
        Some(stated) => match looked.first() {
            Some(row) if row.number == stated => 0,
            Some(_) => return Err(Wrong::setting(stated, NOTHING_THERE)),
            None if row.number == 0 => return Ok(None),
            None => return Err(Wrong::setting(stated, NOTHING_THERE)),
        },
        None if looked.is_empty() => return Ok(None),
        None => guess(&looked)?,
    };
    let behind = looked.split_off(before + 1);
    let header = &looked[before];
    Ok(Some(Header {
        row: header.number,
        before,
        columns: columns(header, spec.duplicate_names)?,
        rows: behind,
    }))
}

const NOTHING_THERE: &str = "source.xlsx.header_row names this row, and nothing stands in it";

/// The first row in which most of the columns are filled: it has to be all text.
fn guess(rows: &[Row]) -> Result<usize, Wrong> {
    let width = rows.iter().map(|row| row.filled().count()).max();
    let width = width.unwrap_or_default();
    let most = |row: &Row| row.filled().count() * 2 > width;
    let first = rows.iter().position(most).unwrap_or_default();
    let header = &rows[first];
    match header
        .filled()
        .find(|at| header.cell(*at).kind != Kind::Text)
    {
        None => Ok(first),
        Some(at) => Err(Wrong::setting(
            header.number,
            format!(
                "this is the first row in which most columns are filled, and {} is not text, so that it is not known \
                 whether it is the header; set source.xlsx.header_row to the row that has the names of the columns",
                cell_name(at, header.number)
            ),
        )),
    }
}

/// The columns that have names.
fn columns(header: &Row, duplicates: DuplicatesSpec) -> Result<Vec<Column>, Wrong> {
    let mut columns = Vec::new();
    for at in header.filled() {
        let cell = header.cell(at);
        match cell.kind {
            Kind::Endless | Kind::Beyond | Kind::Error | Kind::Uncalculated => {
                let name = cell_name(at, header.number);
                let message = format!("the name of a column in {name} is not text; write it there");
                return Err(Wrong::data(header.number, message));
            }
            _ => columns.push(Column {
                name: name_of(header.text(cell)),
                at,
            }),
        }
    }
    match duplicates {
        DuplicatesSpec::Error => no_duplicates(&columns, header.number)?,
        DuplicatesSpec::Number => number(&mut columns),
    }
    Ok(columns)
}

/// A name without what stands around it, on one line.
fn name_of(text: &str) -> String {
    let text = &text[trimmed(text)];
    match text.contains(['\n', '\r']) {
        true => text.split_whitespace().collect::<Vec<_>>().join(" "),
        false => text.to_owned(),
    }
}

/// Names are not repeated here: a row that is taken for the header by mistake may be a person's.
fn no_duplicates(columns: &[Column], row: u64) -> Result<(), Wrong> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut twice = Vec::new();
    for column in columns {
        if let Some(first) = seen.insert(&column.name, column.at) {
            twice.push(format!(
                "{} and {}",
                cell_name(first, row),
                cell_name(column.at, row)
            ));
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    twice.truncate(MOST_TOLD);
    let message = format!(
        "columns have the same name: {}; give each a name of its own, or set source.xlsx.duplicate_names: number",
        twice.join(", ")
    );
    let numbered = vec!["number".to_owned()];
    Err(Wrong::setting(row, message).of_several("xlsx.duplicate_names", numbered))
}

/// Numbers the second and further columns of one name, past the names that there are.
fn number(columns: &mut [Column]) {
    let mut taken: HashSet<String> = columns.iter().map(|column| column.name.clone()).collect();
    let mut seen: HashMap<String, u32> = HashMap::new();
    for column in columns {
        let count = seen.entry(column.name.clone()).or_default();
        *count += 1;
        while *count > 1 {
            let made = format!("{}_{count}", column.name);
            if taken.insert(made.clone()) {
                column.name = made;
                break;
            }
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_on_one_line() {
        assert_eq!(name_of("  Employee\n  ID "), "Employee ID");
        assert_eq!(name_of("Annual  Salary\u{a0}"), "Annual  Salary");
    }

    #[test]
    fn names_that_come_again_are_numbered() {
        let names = ["a", "a", "a_2", "b", "a"];
        let mut columns: Vec<Column> = (names.iter().enumerate())
            .map(|(at, name)| Column {
                name: (*name).to_owned(),
                at,
            })
            .collect();
        let wrong = no_duplicates(&columns, 3).unwrap_err();
        assert!(
            format!("{wrong:?}").contains("A3 and B3, B3 and E3"),
            "{wrong:?}"
        );
        number(&mut columns);
        let names: Vec<_> = columns.iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["a", "a_3", "a_2", "b", "a_4"]);
    }
}
