//! Cutting CSV on record boundaries.

use crate::format::block::{Cut, CutError, CutErrorKind};
use crate::text::scan::{Dialect, Hits};

/// The last record boundary in a text that begins on one.
///
/// A quote opens a quoted cell only where a cell begins; anywhere else in an unquoted cell it is an
/// ordinary character (`5" pipe`), as in RFC 4180's lenient readers. So the cells' beginnings matter,
/// and counting quotes would not do.
pub(crate) fn cut(dialect: Dialect, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
    let Dialect { delimiter, quote } = dialect;
    // Where the text is not quoted, last stretch last: the boundary is sought from the end.
    let mut plain_from = 0;
    let mut last_boundary = None;
    let mut open = None;
    let mut skip = usize::MAX;
    for at in Hits::new(text, [quote]) {
        if at == skip {
            continue;
        }
        match open {
            None => {
                let begins_cell = at == 0 || text[at - 1] == delimiter || text[at - 1] == b'\n';
                if begins_cell && at >= plain_from {
                    last_boundary = memchr::memrchr(b'\n', &text[plain_from..at])
                        .map(|found| plain_from + found + 1)
                        .or(last_boundary);
                    open = Some(at);
                }
            }
            Some(_) => {
                if text.get(at + 1) == Some(&quote) {
                    skip = at + 1;
                } else {
                    open = None;
                    plain_from = at + 1;
                }
            }
        }
    }
    match open {
        None if at_end => return Ok(Cut::At(text.len())),
        // A quote at the very end may be the first of a doubled one: what follows it decides.
        None => {
            if let Some(found) = memchr::memrchr(b'\n', &text[plain_from..]) {
                last_boundary = Some(plain_from + found + 1);
            }
        }
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
    let mut cell = 0;
    let mut quoted = false;
    let mut skip = usize::MAX;
    for at in Hits::new(text, [dialect.delimiter, dialect.quote, b'\n']) {
        if at == skip {
            continue;
        }
        let byte = text[at];
        if byte == dialect.quote {
            if quoted && text.get(at + 1) == Some(&dialect.quote) {
                skip = at + 1;
            } else if quoted {
                quoted = false;
            } else if at == cell {
                quoted = true;
            }
        } else if !quoted {
            if byte == b'\n' {
                return Some(at + 1);
            }
            cell = at + 1;
        }
    }
    (at_end && !text.is_empty()).then_some(text.len())
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
