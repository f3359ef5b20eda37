//! Flat objects, as nearly all records are: read in one pass, by what the records before looked like.
//!
//! Objects written by one program have their members in the same order, with the same blanks. So what stood
//! between two values once is remembered, comma, name, colon and blanks together, and one comparison takes the next
//! record from value to value. Where it fails, the member's name is read and looked up. What is not a
//! well-formed object with each column at most once is left to the general parser, which finds the words for what
//! is wrong: this one knows no faults.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Layout;
use super::found::{Deferred, Found, Text};
use super::members::half_characters;
use super::tree::{Place, RECORD, Wanted};
use crate::batch::{Cell, Kind};
use crate::text::decimal::is_json_number;
use crate::text::scan::{Expected, count_lines, end_of_plain};

/// Reads the flat objects of one block.
pub(super) struct Reader<'a> {
    wanted: &'a Wanted,
    layout: Layout,
    text: &'a str,
    /// What came last at each place of an object: at its beginning, behind each column, and behind each member that is
    /// no column.
    likely: Vec<Step<'a>>,
    /// The names of the members that are no columns, as they are written.
    strangers: Vec<&'a str>,
    /// How many records in a row were not flat.
    misses: u32,
}

/// So many records that are not flat, one after another, and the rest of the block is not tried.
const HOPELESS: u32 = 16;

/// So many members that are no columns have a place of their own. All others share the last one.
const MOST_STRANGERS: usize = 512;

/// The beginning of an object; where an object ends, the next one begins. Places count from here: the columns from 1 on,
/// then the members that are no columns.
const BEGINNING: usize = 0;

/// What stands before a value, from the end of the one before it or the beginning of the object on: its member's name,
/// and the punctuation and blanks around that. At the end of an object, its brace.
#[derive(Clone, Copy, Default)]
struct Step<'a> {
    written: Expected<'a>,
    lines: u32,
    /// Where it leads to.
    place: usize,
}

/// A value as it stands in the text.
struct Value {
    cell: Cell,
    /// It is a string, and has to be unescaped.
    escaped: bool,
    /// It is an object or an array.
    nested: bool,
    end: usize,
    lines: u32,
}

/// Where an object ends, and how many line feeds stand in it.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) at: usize,
    pub(super) lines: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(wanted: &'a Wanted, layout: Layout, text: &'a str) -> Reader<'a> {
        Reader {
            wanted,
            layout,
            text,
            likely: vec![Step::default(); wanted.names.len() + 1],
            strangers: Vec::new(),
            misses: 0,
        }
    }

    /// Whether it is worth trying.
    #[inline]
    pub(super) fn is_hopeful(&self) -> bool {
        self.misses < HOPELESS
    }

    /// Reads the object that begins at `start` into the row begun last. None where that is for the general
    /// parser; the row may then have some of its cells.
    pub(super) fn read(&mut self, start: usize, found: &mut Found) -> Option<End> {
        let end = self.object(start, found);
        self.misses = match end {
            Some(_) => 0,
            None => self.misses + 1,
        };
        end
    }

    #[inline(always)]
    fn object(&mut self, start: usize, found: &mut Found) -> Option<End> {
        let bytes = self.text.as_bytes();
        let row = found.row();
        let cells = found.draft.cells.get_mut(row * found.width..)?;
        let (mut at, mut lines, mut place) = (start, 0, BEGINNING);
        loop {
            if !self.likely[place].written.stands_at(bytes, at) {
                self.learn(place, at)?;
            }
            let step = &self.likely[place];
            at += step.written.len();
            lines += step.lines;
            place = step.place;
            if place == BEGINNING {
                return Some(End { at, lines });
            }
            let cell = cells.get_mut(place - 1);
            if cell
                .as_ref()
                .is_some_and(|cell| cell.kind() != Kind::Missing)
            {
                return None;
            }
            // Nearly all values are strings without escapes.
            if bytes.get(at) == Some(&b'"')
                && let Some(close) = end_of_plain(bytes, at + 1)
                && bytes[close] == b'"'
            {
                if let Some(cell) = cell {
                    *cell = Cell::new(at + 1, close - at - 1, Kind::Text).plain_if(true);
                }
                at = close + 1;
                continue;
            }
            let value = self.value(at)?;
            at = value.end;
            lines += value.lines;
            let Some(cell) = cell else {
                continue;
            };
            *cell = value.cell;
            found.nested |= value.nested;
            if value.escaped {
                let deferred = Deferred::new(row, place - 1, value.cell, Text::Unescaped);
                found.deferred.push(deferred);
            }
        }
    }

    /// Remembers what stands at `start`, which is that place of an object.
    #[cold]
    fn learn(&mut self, from: usize, start: usize) -> Option<()> {
        let text: &'a str = self.text;
        let bytes = text.as_bytes();
        let (at, above) = self.blanks(start);
        let (open, between) = self.blanks(at + 1);
        let (end, lines, place) = match (bytes.get(at)?, bytes.get(open)) {
            (b'{', Some(b'}')) if from == BEGINNING && at == start => {
                (open + 1, between, BEGINNING)
            }
            (b'}', _) if from != BEGINNING => (at + 1, above, BEGINNING),
            (b'{', Some(b'"')) if from == BEGINNING && at == start => self.member(open)?,
            (b',', Some(b'"')) if from != BEGINNING => self.member(open)?,
            _ => return None,
        };
        let lines = match place {
            BEGINNING => lines,
            _ => lines + above + between,
        };
        let written = Expected::new(&bytes[start..end]);
        self.likely[from] = Step {
            written,
            lines,
            place,
        };
        Some(())
    }

    /// The member whose name is quoted at `open`: where its value begins, the lines before that, and its place.
    fn member(&mut self, open: usize) -> Option<(usize, u32, usize)> {
        let text: &'a str = self.text;
        let bytes = text.as_bytes();
        let (close, escaped) = string(bytes, open + 1)?;
        let (colon, above) = self.blanks(close + 1);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let (end, below) = self.blanks(colon + 1);
        let written = &text[open..=close];
        let name: Cow<'_, str> = match escaped {
            true => serde_json::from_str::<String>(written).ok()?.into(),
            false => text[open + 1..close].into(),
        };
        let place = match self.wanted.tree.find(RECORD, &name) {
            Some(Place {
                column: Some(column),
                node: None,
            }) => column + 1,
            // It has members that are columns.
            Some(_) => return None,
            // It comes to the same column as a nested one.
            None if self.wanted.names.iter().any(|column| **column == *name) => return None,
            None if self.wanted.is_told(&name) => return None,
            None if self.wanted.ignore_unknown => self.stranger(written),
            None => return None,
        };
        Some((end, above + below, place))
    }

    /// The place of a member that is no column.
    fn stranger(&mut self, written: &'a str) -> usize {
        let known = self.strangers.iter().position(|name| *name == written);
        let at = known.unwrap_or_else(|| {
            if self.strangers.len() < MOST_STRANGERS {
                self.strangers.push(written);
                self.likely.push(Step::default());
            }
            self.strangers.len() - 1
        });
        self.wanted.names.len() + 1 + at
    }

    /// A value other than a string without escapes, which begins at `at`.
    #[inline(never)]
    fn value(&self, at: usize) -> Option<Value> {
        let rest = self.text.get(at..)?;
        if rest.starts_with('"') {
            let (close, escaped) = string(self.text.as_bytes(), at + 1)?;
            return Some(Value {
                cell: Cell::new(at, close + 1 - at, Kind::Json),
                escaped,
                nested: false,
                end: close + 1,
                lines: 0,
            });
        }
        let mut lines = 0;
        let (written, len, kind) = match rest.as_bytes().first()? {
            b't' if rest.starts_with("true") => (4, 4, Kind::Bool),
            b'f' if rest.starts_with("false") => (5, 5, Kind::Bool),
            b'n' if rest.starts_with("null") => (4, 0, Kind::Null),
            b'-' | b'0'..=b'9' => {
                let of_number =
                    |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let len = rest.bytes().take_while(of_number).count();
                if !is_json_number(&rest[..len]) {
                    return None;
                }
                (len, len, Kind::Number)
            }
            b'{' | b'[' if self.wanted.takes_apart() => return None,
            b'{' | b'[' => {
                // Where records are lines, the search for the end of a value stops at the end of its own.
                let rest = match self.layout {
                    Layout::Lines => rest.split('\n').next()?,
                    Layout::Documents => rest,
                };
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
                let value = values.next()?.ok()?.get();
                if self.wanted.is_too_deep(value) || half_characters(value) {
                    return None;
                }
                lines = count_lines(value.as_bytes()) as u32;
                (value.len(), value.len(), Kind::Json)
            }
            _ => return None,
        };
        Some(Value {
            cell: Cell::new(at, len, kind),
            escaped: false,
            nested: kind == Kind::Json,
            end: at + written,
            lines,
        })
    }

    /// Passes over blanks: where they end, and how many line feeds are among them.
    #[inline]
    fn blanks(&self, start: usize) -> (usize, u32) {
        let (mut at, mut lines) = (start, 0);
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.as_bytes().get(at) {
            lines += u32::from(self.text.as_bytes()[at] == b'\n');
            at += 1;
        }
        (at, lines)
    }
}

/// The closing quote of a string whose text begins at `start`, and whether the text has escapes. None for a
/// string that is not JSON.
#[inline(always)]
fn string(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let at = end_of_plain(bytes, start)?;
    if bytes[at] == b'"' {
        Some((at, false))
    } else {
        Some((closing_quote(bytes, at)?, true))
    }
}

/// The closing quote of a string, from a place at which it is not plain.
fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes[at] {
            b'"' => return Some(at),
            b'\\' => {}
            _ => return None,
        }
        let escape = match bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
        at = end_of_plain(bytes, at + escape)?;
    }
}
