//! Arrow IPC: a stream is read as it comes; of a file, the footer says where the batches are.

use std::io::{BufReader, Cursor, Read};

use arrow_ipc::{Block, root_as_footer};

use super::message::{Found, Messages, schema_of};
use super::rows::Rows;
use crate::settings::limits::Limits;
use crate::source::table::Wrong;
use crate::source::table::container::{CONTINUES, Container, FILE};
use crate::source::table::input::{Input, Seekable};

/// Bytes that are read at once.
const AT_ONCE: usize = 64 * 1024;

/// The length of the footer, and what the file ends with.
const END: u64 = 10;

pub(super) fn write(
    mut input: Input,
    limits: &Limits,
    rows: &mut Rows<'_, '_>,
) -> Result<(), Wrong> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(FILE.len() as u64)
        .read_to_end(&mut head)?;
    if head == FILE {
        return write_file(&input.seekable_behind(&head)?, limits, rows);
    }
    if head.is_empty() {
        return Err(Wrong::data(0, "the file is empty"));
    }
    if !head.starts_with(CONTINUES) {
        return Err(match Container::of(&head) {
            Some(Container::Parquet) => Wrong::setting(
                0,
                "this is Parquet; set source.format to parquet, or to auto",
            ),
            _ => Wrong::setting(
                0,
                "this is not Arrow IPC; set source.format to what it is, or to auto",
            ),
        });
    }
    write_stream(Cursor::new(head).chain(input), limits, rows)
}

fn write_stream(input: impl Read, limits: &Limits, rows: &mut Rows<'_, '_>) -> Result<(), Wrong> {
    let mut reader = BufReader::with_capacity(AT_ONCE, input);
    let mut messages = Messages::new(limits);
    let Found::Schema(schema) = messages.next(&mut reader)? else {
        return Err(Wrong::data(
            0,
            "expected the columns at the beginning of the stream",
        ));
    };
    let places = rows.choose(&schema)?;
    messages.of(schema, places);
    loop {
        match messages.next(&mut reader)? {
            Found::Batch(batch) => rows.write(&batch)?,
            Found::Dictionary => {}
            Found::End => break,
            Found::Schema(_) => return Err(behind_the_end(rows)),
            Found::Nothing => {
                return Err(Wrong::data(
                    rows.number(),
                    "the stream ends behind this row without the mark of its end, so it may be cut off; whatever writes it has \
                     to close its writer",
                ));
            }
        }
    }
    match reader.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(behind_the_end(rows)),
    }
}

fn behind_the_end(rows: &Rows<'_, '_>) -> Wrong {
    Wrong::data(
        rows.number(),
        "there is more behind the end of the stream; streams that were joined have to be read as files of their own",
    )
}

fn write_file(file: &Seekable, limits: &Limits, rows: &mut Rows<'_, '_>) -> Result<(), Wrong> {
    let footer = read_footer(file)?;
    let damaged = || {
        Wrong::data(
            0,
            "the footer of the file can't be read: the file is damaged",
        )
    };
    let footer = root_as_footer(&footer).map_err(|_| damaged())?;
    let schema = footer.schema().ok_or_else(damaged)?;
    let schema = schema_of(schema)?;
    let places = rows.choose(&schema)?;
    let mut messages = Messages::new(limits);
    messages.of(schema, places);
    let dictionaries = footer.dictionaries().into_iter().flatten();
    let batches = footer.recordBatches().into_iter().flatten();
    let from = |block: &Block| match u64::try_from(block.offset()) {
        Ok(at) => Ok(BufReader::with_capacity(AT_ONCE, file.rest(at))),
        Err(_) => Err(damaged()),
    };
    for block in dictionaries {
        let Found::Dictionary = messages.next(&mut from(block)?)? else {
            return Err(damaged());
        };
    }
    for block in batches {
        let Found::Batch(batch) = messages.next(&mut from(block)?)? else {
            return Err(damaged());
        };
        rows.write(&batch)?;
    }
    Ok(())
}

/// The footer, which is as long as what follows it says.
fn read_footer(file: &Seekable) -> Result<Vec<u8>, Wrong> {
    let cut_off = || {
        Wrong::data(
            0,
            "the Arrow file is cut off: it does not end with its footer",
        )
    };
    let end = file.len().checked_sub(END).ok_or_else(cut_off)?;
    let mut tail = Vec::new();
    file.rest(end).take(END).read_to_end(&mut tail)?;
    let size = match tail.split_first_chunk::<4>() {
        Some((size, magic)) if magic == &FILE[..6] => i32::from_le_bytes(*size),
        _ => return Err(cut_off()),
    };
    let size = u64::try_from(size).map_err(|_| cut_off())?;
    let start = end.checked_sub(size).ok_or_else(cut_off)?;
    let mut footer = Vec::new();
    file.rest(start).take(size).read_to_end(&mut footer)?;
    Ok(footer)
}
