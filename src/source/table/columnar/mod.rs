//! Files that keep columns: Parquet, and Arrow IPC as a file and as a stream. Their rows become records.
//!
//! | file | what it is |
//! |---|---|
//! | `parquet` | row groups, read page by page |
//! | `arrow`, `message` | batches as they follow each other, or as a file's footer lists them |
//! | `rows` | a batch's rows as records |
//! | `cells`, `number`, `moment` | a value of any type as JSON: nothing rounded, nothing guessed |
//!
//! The files come from elsewhere, and the crates that read them give up on some that are damaged: that is an error like
//! any other here.

mod arrow;
mod cells;
mod message;
mod moment;
mod number;
mod parquet;
mod rows;

use super::Wrong;
use super::caught::caught;
use super::container::Container;
use super::input::Input;
use super::records::Records;
use crate::settings::limits::Limits;
use rows::Rows;

/// Writes the records of a file. Every column is written, so that the first record has them all.
pub(super) fn write(
    container: Container,
    wanted: Option<&[String]>,
    input: Input,
    limits: &Limits,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let mut rows = Rows::new(wanted, limits, out);
    let read = || match container {
        Container::Parquet => parquet::write(input, limits, &mut rows),
        Container::Arrow => arrow::write(input, limits, &mut rows),
    };
    match caught(read) {
        Some(written) => written,
        None => Err(Wrong::data(
            rows.number() + 1,
            format!(
                "the file is damaged at this row or behind it: it is not {} that can be read",
                named(container)
            ),
        )),
    }
}

fn named(container: Container) -> &'static str {
    match container {
        Container::Parquet => "Parquet",
        Container::Arrow => "Arrow IPC",
    }
}

#[cfg(test)]
mod tests;
