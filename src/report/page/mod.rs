//! Pages for people: one file each that needs nothing else, no network, no script. What they have in common, their frame,
//! their style and their plots, is in `templates` and here; a page holds what stands in a report or a description, and
//! as they do no value of a cell that was not asked for.

mod course;
mod decided;
pub(crate) mod parts;
mod people;
pub(crate) mod plot;
mod read;
mod rows;
mod run;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

pub(crate) use run::page as of_run;

use crate::files::part::{self, Part};

/// How a page begins.
const BEGINNING: &str = "<!doctype html>";

/// Whether a page may be written to this path: there is no file, or another page.
///
/// # Errors
/// Something else is there, or no file can be made.
pub(crate) fn may_be_at(path: &Path) -> io::Result<()> {
    let mut beginning = Vec::new();
    match File::open(path) {
        Ok(file) => {
            file.take(BEGINNING.len() as u64)
                .read_to_end(&mut beginning)?;
            if beginning != BEGINNING.as_bytes() {
                let text = "it is there and is not a page; name another file for the page";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Part::create(path).map(drop)
}

/// Writes a page, for its owner alone: whole, or not at all.
///
/// # Errors
/// It can't be written.
pub(crate) fn write(path: &Path, page: &str) -> io::Result<()> {
    part::write(path, |file| file.write_all(page.as_bytes()))
}
