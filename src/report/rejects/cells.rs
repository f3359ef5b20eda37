//! The cells of one raw record of a CSV source, as it is written.

use std::ops::Range;

use memchr::memchr;

/// What tells cells and lines of a CSV file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells; doubled where it stands for itself.
    pub quote: u8,
    /// Whether lines end with CR LF, else with LF.
    pub crlf: bool,
}

impl Default for Dialect {
    /// Comma, double quote, LF.
    fn default() -> Self {
        Dialect {
            delimiter: b',',
            quote: b'"',
            crlf: false,
        }
    }
}

/// The cells of one raw record, as ranges of its bytes, quotes included. Always at least one.
///
/// A quote opens a cell only at its beginning, and counts for nothing in the middle of a bare one.
#[derive(Clone, Debug)]
pub(crate) struct Cells<'a> {
    record: &'a [u8],
    dialect: Dialect,
    /// Where the next cell begins; `None` after the last.
    at: Option<usize>,
}

impl<'a> Cells<'a> {
    /// The cells of a record without its line end.
    pub(crate) fn new(record: &'a [u8], dialect: Dialect) -> Cells<'a> {
        Cells {
            record,
            dialect,
            at: Some(0),
        }
    }
}

impl Iterator for Cells<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at?;
        let rest = &self.record[start..];
        let closed = quoted_len(rest, self.dialect.quote).unwrap_or(rest.len());
        match memchr(self.dialect.delimiter, &rest[closed..]) {
            Some(i) => {
                let end = start + closed + i;
                self.at = Some(end + 1);
                Some(start..end)
            }
            None => {
                self.at = None;
                Some(start..self.record.len())
            }
        }
    }
}

/// Length of the quoted part that the text begins with, both quotes included: 0 where it does not
/// begin with a quote, `None` where the closing one is missing.
fn quoted_len(text: &[u8], quote: u8) -> Option<usize> {
    if text.first() != Some(&quote) {
        return Some(0);
    }
    let mut at = 1;
    loop {
        at += memchr(quote, &text[at..])? + 1;
        if text.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// Whether a raw cell begins with a quote and never closes it.
pub(super) fn is_open(cell: &[u8], quote: u8) -> bool {
    quoted_len(cell, quote).is_none()
}

/// A raw cell without quotes around it. Doubled quotes inside stay as they are.
pub(super) fn unquoted(cell: &[u8], quote: u8) -> &[u8] {
    match cell {
        [first, inner @ .., last] if *first == quote && *last == quote => inner,
        _ => cell,
    }
}

/// Appends what `write` writes, with quotes around it where the dialect needs them.
pub(super) fn push_cell(out: &mut Vec<u8>, dialect: Dialect, write: impl FnOnce(&mut Vec<u8>)) {
    let Dialect {
        delimiter, quote, ..
    } = dialect;
    let start = out.len();
    write(out);
    let special = |b: &u8| *b == delimiter || *b == quote || matches!(b, b'\r' | b'\n');
    if !out[start..].iter().any(special) {
        return;
    }
    let text = out.split_off(start);
    out.push(quote);
    for byte in text {
        if byte == quote {
            out.push(quote);
        }
        out.push(byte);
    }
    out.push(quote);
}
