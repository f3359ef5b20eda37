//! Cutting CSV on record boundaries.

use std::ops::Range;

use super::record::{Cells, Quoted};
use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::text::scan::Dialect;

/// The last record boundary in a text that begins on one.
pub(crate) fn cut(dialect: Dialect, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
    // Behind the last quoted cell: the boundary is sought from the end.
    let mut plain_from = 0;
    let mut last_boundary = None;
    let boundary = |plain: Range<usize>| {
        memchr::memrchr(b'\n', &text[plain.clone()]).map(|found| plain.start + found + 1)
    };
    let mut open = None;
    for (at, close) in Quoted::new(text, dialect) {
        last_boundary = boundary(plain_from..at).or(last_boundary);
        match close {
            Some(close) => plain_from = close + 1,
            None => open = Some(at),
        }
    }
    match open {
        None if at_end => return Ok(Cut::At(text.len())),
        // A quote at the very end may be the first of a doubled one: what follows it decides.
        None => last_boundary = boundary(plain_from..text.len()).or(last_boundary),
        Some(at) if at_end => {
            return Err(CutError {
                at,
                kind: CutErrorKind::OpenQuote,
            });
        }
        Some(_) => {}
    }
    Ok(match last_boundary {
        Some(at) => Cut::At(at),
        None => Cut::None { open },
    })
}

/// The end of the first record of a text that begins on a record boundary, line end included; none
/// where the record is not whole.
pub(crate) fn first_record(dialect: Dialect, text: &[u8], at_end: bool) -> Option<usize> {
    let last = Cells::of_text(text, dialect).find(|cell| cell.last)?;
    (last.end < text.len())
        .then_some(last.end + 1)
        .or(at_end.then_some(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, at_end: bool, expected: Result<Cut, usize>) {
        let found = cut(Dialect::default(), text.as_bytes(), at_end).map_err(|e| e.at);
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn cuts_after_the_last_whole_record() {
        check("a,b\nc", false, Ok(Cut::At(4)));
        check("a,b\nc", true, Ok(Cut::At(5)));
        check("a,b", false, Ok(Cut::None { open: None }));
        check("a,\"b\nc", false, Ok(Cut::None { open: Some(2) }));
        check("a,\"b\nc", true, Err(2));
        check("x\na,\"b\nc", false, Ok(Cut::At(2)));
        check("a,\"b\nc\"\nd", false, Ok(Cut::At(8)));
        check("5\" pipe,\"x\ny\"\n6\" pipe\nz", false, Ok(Cut::At(22)));
        check("\"a\"\"\nb\"\nc", false, Ok(Cut::At(8)));
        check("\"a\"x\"\nb", false, Ok(Cut::At(6)));
        check("", true, Ok(Cut::At(0)));
    }

    #[test]
    fn finds_the_first_record() {
        let first = |text: &str, at_end| first_record(Dialect::default(), text.as_bytes(), at_end);
        assert_eq!(first("a,b\r\nc", false), Some(5));
        assert_eq!(first("\"a\nb\",c\nd", false), Some(8));
        assert_eq!(first("a,b", false), None);
        assert_eq!(first("a,b", true), Some(3));
        assert_eq!(first("", true), None);
    }
}
