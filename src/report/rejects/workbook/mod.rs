//! The rejects as a workbook of Excel: for people, who put rows right in it and load it like the rejects file.
//!
//! It is made of the rejects file when that is whole, row by row, in two readings: one for the columns and how wide they
//! are, one for the rows. Nothing of it is held in memory but a row, and nothing is written elsewhere than to the file
//! under way that takes its place at the end.
//!
//! What stands where, and how a workbook is read again, is in [`crate::format::sheet`].

mod archive;
mod faults;
mod parts;
mod sheet;
mod text;
mod xml;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use archive::Archive;
use sheet::Sheet;
use text::Text;

use super::As;
use crate::files::part::{self, Part};
use crate::format::sheet::{MOST_CHARACTERS, MOST_COLUMNS, MOST_ROWS};
use crate::text::counted;

/// Why a build has no workbooks; nothing, as this one has them.
pub(crate) const MISSING: Option<&str> = None;

/// What stands in the rejects file and not in the workbook, as no sheet can hold it.
#[derive(Debug, Default)]
struct Left {
    /// Rows behind the last one of a sheet.
    beyond: u64,
    /// Rows with a cell that is too long.
    long: u64,
    /// Rows of more cells than a sheet has columns.
    wide: u64,
}

impl Left {
    /// What is to be said of it, if anything.
    fn said(&self) -> Option<String> {
        let why = [
            (self.beyond, format!("a sheet ends with row {MOST_ROWS}")),
            (
                self.long,
                format!("a cell holds at most {MOST_CHARACTERS} characters"),
            ),
            (
                self.wide,
                format!("a sheet has at most {MOST_COLUMNS} columns"),
            ),
        ];
        let rows: u64 = why.iter().map(|(rows, _)| rows).sum();
        let why = why.into_iter().filter(|(rows, _)| *rows > 0);
        let why: Vec<String> = why.map(|(_, why)| why).collect();
        (rows > 0).then(|| {
            let verb = if rows == 1 { "is" } else { "are" };
            format!(
                "{} {verb} not in it: {}",
                counted(rows, "row"),
                why.join(", and ")
            )
        })
    }
}

/// Makes the workbook at `place` of a rejects file that is written `as` is said, and puts it there. Returns what is to be
/// said of rows that it lacks. Where a workbook is made anew of one that was there, it is as old as that: `modified`.
///
/// # Errors
/// It can't be written, or a sheet has not as many columns: what stands there is as it was.
pub(crate) fn write(
    rejects: &File,
    written: As<'_>,
    (place, modified): (&Path, Option<SystemTime>),
) -> io::Result<Option<String>> {
    part::sweep(place);
    let mut text = Text::open(rejects, written)?;
    if text.header().len() > MOST_COLUMNS {
        return Err(io::Error::other(format!(
            "the rows have more columns than the {MOST_COLUMNS} of a sheet"
        )));
    }
    let (part, file) = Part::create(place)?;
    let mut archive = Archive::new(file);
    parts::begin(&mut archive)?;
    let mut sheet = Sheet::new(&text);
    archive.part(parts::REJECTS, |out| sheet.write(&mut text, out))?;
    archive.part(parts::ABOUT, |out| parts::about(&text.about(), out))?;
    parts::end(&mut archive, &sheet.range())?;
    let file = archive.finish()?;
    if let Some(modified) = modified {
        file.set_modified(modified)?;
    }
    file.sync_data()?;
    part.put()?;
    Ok(sheet.left.said())
}

#[cfg(test)]
mod tests;
