//! Cells of fixed width, a record a line.

use std::io::Read;

use super::lines::{Line, Lines};
use super::records::{Name, Records};
use super::spec::{FixedColumn, FixedSpec, Trim};
use super::{Stated, Wrong};

/// A column: from its first character to behind its last, from 0.
struct Column {
    name: Name,
    from: usize,
    to: usize,
}

/// Writes the records. Every column is written, so that the first record has them all.
pub(super) fn write(
    stated: &Stated<FixedSpec>,
    mut lines: Lines<impl Read>,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let Stated { spec, trailer } = stated;
    let columns = columns(&spec.columns);
    let mut places = Vec::new();
    while let Some(line) = lines.next()? {
        if line.number <= u64::from(spec.skip_lines) || line.is_blank() {
            continue;
        }
        if line.is_left(trailer.as_ref(), out)? {
            continue;
        }
        let records = spec.records.as_ref();
        if records.is_none_or(|records| records.is_match(&line.shown())) {
            let cells = Cells::of(line, &mut places);
            write_record(&columns, spec.trim, &cells, out)?;
        }
    }
    Ok(())
}

fn write_record(
    columns: &[Column],
    trim: Trim,
    cells: &Cells<'_>,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    out.begin(cells.line.number);
    let mut end = 0;
    for column in columns {
        end = end.max(column.to);
        out.bytes(
            &column.name,
            trimmed(cells.between(column.from, column.to), trim),
        );
    }
    let rest = cells.between(end, usize::MAX).trim_ascii_end();
    let tab = memchr::memchr(b'\t', cells.line.text);
    if let Some(tab) = tab {
        let message = format!(
            "character {} is a tab, which stands for no certain number of characters; have the file written with \
             blanks",
            cells.character(tab) + 1
        );
        out.fault(&message, (!rest.is_empty()).then_some(rest));
    } else if !rest.is_empty() {
        let message = format!(
            "the line goes on behind its last column, which ends with character {end}; state that column's width, or \
             a column for what follows"
        );
        out.fault(&message, Some(rest));
    }
    Ok(out.end()?)
}

fn columns(spec: &[FixedColumn]) -> Vec<Column> {
    let mut behind = 0;
    let column = |column: &FixedColumn| {
        let from = column.from(behind);
        behind = from + column.width as usize;
        Column {
            name: Name::new(&column.name),
            from,
            to: behind,
        }
    };
    spec.iter().map(column).collect()
}

fn trimmed(cell: &[u8], trim: Trim) -> &[u8] {
    match (trim, std::str::from_utf8(cell)) {
        (Trim::None, _) => cell,
        (Trim::Both, Ok(text)) => text.trim().as_bytes(),
        (Trim::End, Ok(text)) => text.trim_end().as_bytes(),
        (Trim::Both, Err(_)) => cell.trim_ascii(),
        (Trim::End, Err(_)) => cell.trim_ascii_end(),
    }
}

/// The characters of a line.
struct Cells<'a> {
    line: Line<'a>,
    /// Where each of them begins, unless all are a byte.
    places: Option<&'a [usize]>,
}

impl<'a> Cells<'a> {
    /// A byte that is no part of a character of UTF-8 counts for one: most likely it is one of another encoding.
    fn of(line: Line<'a>, places: &'a mut Vec<usize>) -> Cells<'a> {
        if line.text.is_ascii() {
            return Cells { line, places: None };
        }
        places.clear();
        let mut at = 0;
        for chunk in line.text.utf8_chunks() {
            places.extend(chunk.valid().char_indices().map(|(more, _)| at + more));
            at += chunk.valid().len();
            places.extend((0..chunk.invalid().len()).map(|more| at + more));
            at += chunk.invalid().len();
        }
        Cells {
            line,
            places: Some(places),
        }
    }

    /// The characters from one place to another, as far as there are any.
    fn between(&self, from: usize, to: usize) -> &'a [u8] {
        let all = self.line.text;
        let at = |character: usize| match self.places {
            None => character.min(all.len()),
            Some(places) => places.get(character).copied().unwrap_or(all.len()),
        };
        &all[at(from)..at(to)]
    }

    /// Which character begins there, from 0.
    fn character(&self, at: usize) -> usize {
        match self.places {
            None => at,
            Some(places) => places.partition_point(|place| *place < at),
        }
    }
}

#[cfg(test)]
mod tests;
