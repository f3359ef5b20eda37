//! Cutting CSV on record boundaries.

use std::ops::Range;

use super::record::{Cells, End, Quoted};
use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::text::scan::Dialect;

/// Parts of a text in which a boundary is sought at once.
const SOUGHT_AT_ONCE: usize = 64;

/// The last record boundary in a text that begins on one.
pub(crate) fn cut(dialect: Dialect, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
    // What stands between quoted cells: boundaries are sought from the end, once for many of them.
    let mut plain = Vec::with_capacity(SOUGHT_AT_ONCE);
    let mut plain_from = 0;
    let mut last_boundary = None;
    let mut quoted = Quoted::new(text, dialect);
    let mut open = None;
    while let Some(region) = quoted.next() {
        if plain.len() == SOUGHT_AT_ONCE {
            last_boundary = boundary(&quoted, text, &plain).or(last_boundary);
            plain.clear();
        }
        plain.push(plain_from..region.open);
        match region.end {
            End::At(end) => plain_from = end,
            end => open = Some((region.open, end)),
        }
    }
    match open {
        Some((at, End::Open)) if at_end => {
            return Err(CutError {
                at,
                kind: CutErrorKind::OpenQuote,
            });
        }
        _ if at_end => return Ok(Cut::At(text.len())),
        // A quote at the very end may be the first of a doubled one: what follows it decides.
        None => plain.push(plain_from..text.len()),
        Some(_) => {}
    }
    Ok(match boundary(&quoted, text, &plain).or(last_boundary) {
        Some(at) => Cut::At(at),
        None => Cut::None {
            open: open.map(|(at, _)| at),
        },
    })
}

/// The last record boundary in the parts of a text where nothing is quoted.
fn boundary(quoted: &Quoted<'_>, text: &[u8], plain: &[Range<usize>]) -> Option<usize> {
    plain.iter().rev().find_map(|plain| {
        let feeds = memchr::memrchr_iter(b'\n', &text[plain.clone()]);
        let mut ends = feeds.map(|found| plain.start + found);
        let end = ends.find(|&at| quoted.ends_record(plain.start, at));
        end.map(|at| at + 1)
    })
}

/// The end of the first record of a text that begins on a record boundary, line end included; none
/// where the record is not whole.
pub(crate) fn first_record(dialect: Dialect, text: &[u8], at_end: bool) -> Option<usize> {
    let mut cells = Cells::of_text(text, dialect);
    let last = cells.find(|cell| cell.last)?;
    let end = last.end + 1;
    // Where a quote is in the way, what follows the line feed decides whether the record ends with it.
    let decided = end < text.len() || cells.take_fault().is_none();
    (last.end < text.len() && (decided || at_end))
        .then_some(end)
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
