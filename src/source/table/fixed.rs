//! Cells of fixed width, a record a line.

use std::io::{BufRead, BufReader};

use super::Wrong;
use super::input::Input;
use super::records::{Name, Records};
use super::spec::{FixedColumn, FixedSpec};

/// A column: from its first character to behind its last, from 0.
struct Column {
    name: Name,
    from: usize,
    to: usize,
}

/// Writes the records. Every column is written, so that the first record has them all.
pub(super) fn write(spec: &FixedSpec, input: Input, out: &mut Records<'_>) -> Result<(), Wrong> {
    let columns = columns(&spec.columns);
    let mut lines = BufReader::new(input);
    let (mut bytes, mut line) = (Vec::new(), 0);
    loop {
        bytes.clear();
        if lines.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        line += 1;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Wrong::setting(
                line,
                "this line is not UTF-8; set source.encoding to what it is",
            )
        })?;
        let text = text.trim_end_matches(['\n', '\r']);
        if line <= u64::from(spec.skip_lines) || text.trim().is_empty() {
            continue;
        }
        out.begin(line);
        for column in &columns {
            out.text(
                &column.name,
                characters(text, column.from, column.to).trim(),
            );
        }
        out.end()?;
    }
}

fn columns(spec: &[FixedColumn]) -> Vec<Column> {
    let mut behind = 0;
    let column = |column: &FixedColumn| {
        let from = column.at.map_or(behind, |at| at as usize - 1);
        behind = from + column.width as usize;
        Column {
            name: Name::new(&column.name),
            from,
            to: behind,
        }
    };
    spec.iter().map(column).collect()
}

/// The characters of a line from one place to another, as far as there are any.
fn characters(line: &str, from: usize, to: usize) -> &str {
    if line.is_ascii() {
        let to = to.min(line.len());
        return &line[from.min(to)..to];
    }
    let at = |character| {
        let found = line.char_indices().nth(character);
        found.map_or(line.len(), |(at, _)| at)
    };
    &line[at(from)..at(to)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(characters("00012 Zoë", 6, 9), "Zoë");
        assert_eq!(characters("Zoë 00012", 4, 9), "00012");
        assert_eq!(characters("Zoë", 2, 9), "ë");
        assert_eq!(characters("Zoe", 3, 9), "");
        assert_eq!(characters("Zoë", 7, 9), "");
    }
}
