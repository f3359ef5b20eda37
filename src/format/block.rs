//! Blocks: some hundred kibibytes of decoded text that begin and end on record boundaries.
//!
//! Cutting the text into blocks is the only serial part of the engine, so it looks for boundaries
//! alone: quote-aware for CSV, depth- and string-aware for JSON, line by line for NDJSON. What it needs to
//! know of a format is a [`Boundary`]; no bytes are parsed here.

use std::sync::Arc;

use super::cut::{Cut, CutError};
use super::unread::Unread;
use crate::batch::Arrangement;
use crate::format::{csv, json};
use crate::text::scan::{Dialect, count_lines};

/// A piece of a source that begins and ends on record boundaries.
#[derive(Debug, Clone)]
pub struct Block {
    /// Position among the blocks of the run, from 0.
    pub number: u64,
    /// Which file of the source it comes from, from 0.
    pub file: u32,
    /// Physical line on which it begins, from 1.
    pub line: u64,
    /// Bytes of that line that come before it.
    pub column: u64,
    /// How the cells of its records become the columns, where they are not these one by one.
    pub arrangement: Option<Arc<Arrangement>>,
    pub bytes: Unread,
    /// What stands behind it, where the file ends with it.
    pub end: Option<End>,
}

/// The end of a file, behind its last record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    /// Lines that are no records.
    pub skipped: u64,
    /// The trailer, where one is expected.
    pub trailer: Option<Trailer>,
}

/// What a trailer says, which is the last line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    /// The file's last line is none.
    Missing,
    /// It states the number of records, unless what stands there is not a number.
    Found {
        /// Physical line, from 1.
        line: u64,
        count: Option<u64>,
    },
}

impl Block {
    /// Where in its file it begins.
    pub(crate) fn start(&self) -> Start {
        Start {
            line: self.line,
            column: self.column,
        }
    }
}

/// Where in its file a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// Physical line, from 1.
    pub(crate) line: u64,
    /// Bytes of that line that come before it.
    pub(crate) column: u64,
}

impl Default for Start {
    /// The beginning of the file.
    fn default() -> Start {
        Start { line: 1, column: 0 }
    }
}

impl Start {
    /// The line and column in the file, both from 1, of a place in the text that has this line, from 0, and this column,
    /// from 1.
    pub(crate) fn place(self, line: u32, column: u32) -> (u64, u64) {
        let before = if line == 0 { self.column } else { 0 };
        (self.line + u64::from(line), before + u64::from(column))
    }

    /// Where the text begins that follows this one.
    pub(crate) fn behind(self, text: &[u8]) -> Start {
        self.behind_lines(text, count_lines(text))
    }

    /// The same, where the line feeds of the text have been counted.
    pub(crate) fn behind_lines(self, text: &[u8], lines: u64) -> Start {
        match memchr::memrchr(b'\n', text) {
            None => Start {
                column: self.column + text.len() as u64,
                ..self
            },
            Some(at) => Start {
                line: self.line + lines,
                column: (text.len() - at - 1) as u64,
            },
        }
    }
}

/// What was seen in a piece of a text, of which it is not known yet where in it a record begins: a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first place that looks like a boundary.
    pub(crate) first: usize,
    /// The last boundary, if that is one.
    pub(crate) last: usize,
    /// Line feeds between the two.
    pub(crate) lines: u64,
    /// Records and arrays of JSON that end between the two.
    pub(crate) ends: usize,
}

/// Finds where a text can be cut.
#[derive(Debug, Clone)]
pub enum Boundary {
    /// Records of CSV.
    Csv(Dialect),
    /// One record a line.
    Lines,
    /// JSON documents, or the elements of arrays.
    Json(json::cut::Cutter),
}

impl Boundary {
    /// The last place at which `text` can be cut. `at_end` says that nothing follows it.
    ///
    /// # Errors
    /// Where the text can't be cut at all: an unclosed quote or an ill-formed array, with its place.
    pub fn cut(&mut self, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
        match self {
            Boundary::Csv(dialect) => csv::cut::cut(*dialect, text, at_end),
            Boundary::Lines => Ok(match (at_end, memchr::memrchr(b'\n', text)) {
                (true, _) => Cut::At(text.len()),
                (false, Some(at)) => Cut::At(at + 1),
                (false, None) => Cut::None { open: None },
            }),
            Boundary::Json(cutter) => cutter.cut(text, at_end),
        }
    }

    /// What all records may be expected to begin with, by the first of a text; nothing where that tells nothing.
    pub(crate) fn opening<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        match self {
            Boundary::Json(cutter) => cutter.opening(text),
            Boundary::Csv(_) | Boundary::Lines => &[],
        }
    }

    /// Looks for boundaries in a piece from the middle of a text, before the text in front of it has been cut; records
    /// have this [opening](Boundary::opening). None where nothing can be told.
    pub(crate) fn guess(&self, piece: &[u8], opening: &[u8]) -> Option<Seen> {
        let (first, last, ends) = match self {
            Boundary::Json(_) => json::cut::guess(piece, opening)?,
            Boundary::Csv(_) | Boundary::Lines => {
                let first = memchr::memchr(b'\n', piece)? + 1;
                match self.clone().cut(&piece[first..], false).ok()? {
                    Cut::At(more) => (first, first + more, 0),
                    Cut::Skip(_) => return None,
                    Cut::None { .. } => (first, first, 0),
                }
            }
        };
        Some(Seen {
            first,
            last,
            lines: count_lines(&piece[first..last]),
            ends,
        })
    }

    /// This boundary behind a text and a piece of which something was seen, if that was right. `text` ends with the
    /// beginning of the piece, up to what seemed to be a boundary. If it is one, the last one in the piece is where
    /// [`Boundary::cut`] would find it: what begins on a boundary is read the same way whatever stands before it.
    pub(crate) fn confirm(&self, text: &[u8], seen: &Seen) -> Option<Boundary> {
        let mut boundary = self.clone();
        if boundary.cut(text, false) != Ok(Cut::At(text.len())) {
            return None;
        }
        let goes_on = match &mut boundary {
            Boundary::Json(cutter) => cutter.goes_on(seen.ends),
            Boundary::Csv(_) | Boundary::Lines => true,
        };
        goes_on.then_some(boundary)
    }

    /// What is wrong with a text that begins where the last one was cut, if it can be told without its end.
    pub(crate) fn wrong_in(&self, text: &[u8]) -> Option<CutError> {
        match self {
            Boundary::Json(cutter) => cutter.wrong_in(text),
            Boundary::Csv(_) | Boundary::Lines => None,
        }
    }

    /// The member by which the last page of a source says that another one follows, if it does.
    pub(crate) fn more(&self) -> Option<&str> {
        match self {
            Boundary::Json(cutter) => cutter.more(),
            Boundary::Csv(_) | Boundary::Lines => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::scan::Quoting;

    fn dialect() -> impl Strategy<Value = Dialect> {
        let escape = prop_oneof![3 => Just(None), 1 => Just(Some(b'\\'))];
        let comment = prop_oneof![3 => Just(None), 1 => Just(Some(b'#'))];
        let parts = (escape, comment, any::<bool>(), any::<bool>());
        parts.prop_map(|(escape, comment, multiline, throughout)| Dialect {
            comment,
            throughout,
            ..Dialect::new(
                b',',
                Quoting {
                    quote: Some(b'"'),
                    escape,
                    multiline,
                },
            )
        })
    }

    fn csv() -> impl Strategy<Value = (Boundary, String)> {
        let cell = "[ab]{0,3}|\"[ab,\n]{0,4}\"|\"a\"\"\n\"|#|\\\\|[ab\"]{0,3}";
        let cell = (
            cell,
            prop_oneof![4 => Just(","), 3 => Just("\n"), 1 => Just("\r\n")],
        );
        let text = proptest::collection::vec(cell, 0..20);
        (dialect(), text).prop_map(|(dialect, cells)| {
            let text = cells.into_iter().map(|(cell, end)| cell + end).collect();
            (Boundary::Csv(dialect), text)
        })
    }

    fn json() -> impl Strategy<Value = (Boundary, String)> {
        let part = prop_oneof![
            12 => Just(",{\"a\":1}"),
            4 => Just(" , {\"a\":{\"b\":[{},{}]}}\n"),
            4 => Just(",\n{\"a\":\"},{\\\"[\"}"),
            2 => Just(",{\"a\":[{},{\"b\":1},{}]}"),
            1 => Just("]"),
            1 => Just("[{}"),
            1 => Just("\""),
            1 => Just("{"),
            1 => Just("}"),
        ];
        let parts = proptest::collection::vec(part, 0..16);
        (parts, 0..3usize, any::<bool>()).prop_map(|(parts, less, within)| {
            let mut boundary = Boundary::Json(json::cut::Cutter::default());
            let mut text = parts.concat();
            if within {
                assert_eq!(boundary.cut(b"[{}", false), Ok(Cut::At(3)));
            } else {
                text.insert_str(0, "[{}");
            }
            text.truncate(text.len() - less.min(text.len()));
            (boundary, text)
        })
    }

    fn lines() -> impl Strategy<Value = (Boundary, String)> {
        "[a\n]{0,20}".prop_map(|text| (Boundary::Lines, text))
    }

    #[track_caller]
    fn check(boundary: &Boundary, text: &[u8], from: usize) -> bool {
        let Some(seen) = boundary.guess(&text[from..], boundary.opening(text)) else {
            return false;
        };
        let Some(quick) = boundary.confirm(&text[..from + seen.first], &seen) else {
            return false;
        };
        let (mut slow, at) = (boundary.clone(), from + seen.last);
        assert_eq!(slow.cut(text, false), Ok(Cut::At(at)));
        assert_eq!(format!("{quick:?}"), format!("{slow:?}"));
        let lines = count_lines(&text[..from + seen.first]) + seen.lines;
        assert_eq!(lines, count_lines(&text[..at]));
        true
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        /// What is confirmed of a guess is what would have been found without it.
        #[test]
        fn a_guess_that_is_confirmed_is_right((boundary, text) in prop_oneof![csv(), json(), lines()], from in 0..100usize) {
            check(&boundary, text.as_bytes(), from.min(text.len()));
        }
    }

    #[test]
    fn most_guesses_are_confirmed() {
        let csv = Boundary::Csv(Dialect::default());
        assert!(check(&csv, b"a,\"b\nc\"\nd,e\nf,g\nh", 10));
        assert!(check(&csv, b"a,b\nc,d\n", 2));
        // A line feed in a quoted cell, and one behind which nothing is known.
        assert!(!check(&csv, b"a,\"b\nc\"\nd,e\nf,g\nh", 3));
        assert!(!check(&csv, b"a,\"b\nc", 1));
        let text = b"[{\"a\": 1}, {\"a\": 2}, {\"a\": [{}, {}]}, {\"a\": 3}, {";
        let json = Boundary::Json(json::cut::Cutter::default());
        assert!(check(&json, text, 4));
        assert!(check(&json, text, 12));
        // Records within a record; the end of the array; documents.
        assert!(check(&json, text, 26));
        assert!(!check(
            &json,
            b"[{\"a\": 1}, {\"b\": [{\"a\": 1}, {\"a\": 1}]}, {",
            18
        ));
        assert!(!check(&json, b"[{\"a\": 1}, {}] [{}", 3));
        assert!(!check(&json, b"{\"a\": 1}\n{}\n{}\n", 3));
    }
}
