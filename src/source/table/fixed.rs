//! Cells of fixed width, a record a line.

use std::io::Read;

use super::Wrong;
use super::lines::{Line, Lines};
use super::records::{Name, Records};
use super::remarks::Remarks;
use super::spec::{FixedColumn, FixedSpec, ShortLines, Stated, Trim};
use crate::text::last::Last;
use crate::text::shown::shown;

/// A column: from its first character to behind its last, from 0.
struct Column {
    /// As the pipeline calls it, and as it is written.
    shown: String,
    name: Name,
    from: usize,
    to: usize,
}

/// The columns of a file, and how long its lines are.
struct Columns {
    columns: Vec<Column>,
    trim: Trim,
    short: ShortLines,
    /// The characters of a whole line, and those before its last column.
    width: usize,
    last: usize,
}

/// Writes the records. Every column is written, so that the first record has them all.
pub(super) fn write(
    stated: &Stated<FixedSpec>,
    mut lines: Lines<impl Read>,
    remarks: &Remarks,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let Stated { spec, trailer } = stated;
    let columns = Columns::of(spec);
    let mut places = Vec::new();
    let mut seen = Seen::default();
    let mut last = Last::default();
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
            seen.look(&columns, &cells, remarks)?;
            columns.write(&cells, &mut last, out)?;
        }
    }
    if let Some(totals) = last.totals(columns.columns.len(), None) {
        let setting = "what a line looks like that is a record, in `source.fixed.records`";
        remarks.add(totals.remark("line", setting));
    }
    Ok(())
}

/// What the lines so far were like, which says whether the last one may have been cut off.
#[derive(Default)]
struct Seen {
    whole: bool,
    short: bool,
}

impl Seen {
    /// Looks at the next line: one that has no end and is shorter than all others was cut off.
    fn look(
        &mut self,
        columns: &Columns,
        cells: &Cells<'_>,
        remarks: &Remarks,
    ) -> Result<(), Wrong> {
        let (line, len) = (&cells.line, cells.len());
        let is_short = len < columns.width;
        if is_short && !line.ended {
            if self.whole && !self.short {
                return Err(Wrong::data(
                    line.number,
                    format!(
                        "the file was cut off: its last line has {len} of {} characters and no line end, and all lines \
                         before it are whole",
                        columns.width
                    ),
                ));
            }
            remarks.add(format!(
                "line {}, the last one, has no line end and fewer characters than its columns: the file may have been cut \
                 off; state what a whole extract is in source.expect",
                line.number
            ));
        }
        self.short |= is_short;
        self.whole |= !is_short;
        Ok(())
    }
}

impl Columns {
    fn of(spec: &FixedSpec) -> Columns {
        let mut behind = 0;
        let column = |column: &FixedColumn| {
            let from = column.from(behind);
            behind = from + column.width as usize;
            Column {
                shown: shown(&column.name).to_string(),
                name: Name::new(&column.name),
                from,
                to: behind,
            }
        };
        let columns: Vec<Column> = spec.columns.iter().map(column).collect();
        let last = columns.iter().max_by_key(|column| column.to);
        Columns {
            trim: spec.trim,
            short: spec.short_lines,
            width: last.map_or(0, |column| column.to),
            last: last.map_or(0, |column| column.from),
            columns,
        }
    }

    fn write(
        &self,
        cells: &Cells<'_>,
        last: &mut Last,
        out: &mut Records<'_>,
    ) -> Result<(), Wrong> {
        out.begin(cells.line.number);
        let (mut first, mut filled) = (None, 0);
        for (at, column) in self.columns.iter().enumerate() {
            let cell = trimmed(cells.between(column.from, column.to), self.trim);
            out.bytes(&column.name, cell);
            if !cell.trim_ascii().is_empty() {
                first.get_or_insert(at);
                filled += 1;
            }
        }
        if let Some(first) = first {
            // A word may go on behind its cell.
            let text = cells.between(self.columns[first].from, self.width);
            let text = String::from_utf8_lossy(text.trim_ascii_start());
            last.see(cells.line.number, first, &text, filled);
        }
        let rest = cells.between(self.width, usize::MAX).trim_ascii_end();
        if let Some(message) = self.fault(cells, rest) {
            out.fault(&message, (!rest.is_empty()).then_some(rest));
        }
        Ok(out.end()?)
    }

    /// What is wrong with a line, where something is.
    fn fault(&self, cells: &Cells<'_>, rest: &[u8]) -> Option<String> {
        if let Some(tab) = memchr::memchr(b'\t', cells.line.text) {
            return Some(format!(
                "character {} is a tab, which stands for no certain number of characters; have the file written with \
                 blanks",
                cells.character(tab) + 1
            ));
        }
        if !rest.is_empty() {
            return Some(format!(
                "the line goes on behind its last column, which ends with character {}; state that column's width, or \
                 a column for what follows",
                self.width
            ));
        }
        let len = cells.len();
        let is_cut = !cells.line.ended && len < self.width;
        if is_cut && self.short == ShortLines::Pad {
            return Some(format!(
                "this last line has no line end and {len} of {} characters, so that nobody knows whether blanks were left \
                 out or the file was cut off; if it is whole, have a line end written behind it",
                self.width
            ));
        }
        if len >= self.last || self.short == ShortLines::Pad {
            return None;
        }
        let ends = self.columns.iter().find(|column| column.to > len);
        Some(format!(
            "the line ends with character {len}, {} column `{}`, and others follow; if blanks at the ends of lines are left \
             out in this file, set source.fixed.short_lines to pad",
            match ends {
                Some(column) if column.from < len => "within",
                _ => "before",
            },
            ends.map_or("", |column| &column.shown),
        ))
    }
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

    /// How many characters there are.
    fn len(&self) -> usize {
        self.places.map_or(self.line.text.len(), <[usize]>::len)
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
