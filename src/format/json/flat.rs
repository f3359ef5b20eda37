//! Flat objects, as nearly all records are: read in one pass, by what the records before looked like.
//!
//! Objects written by one program have their members in the same order, with the same blanks. So what stood
//! between two values once is remembered as a piece of the block's text, and one comparison takes the next
//! record from value to value. Where it fails, the member's name is read and looked up. What is not a
//! well-formed object with each column at most once is left to the general parser, which finds the words for what
//! is wrong: this one knows no faults.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Layout;
use super::found::{Found, Text};
use super::members::half_characters;
use super::tree::{Place, RECORD, Wanted};
use crate::batch::{Cell, Kind};
use crate::text::decimal::is_json_number;
use crate::text::scan::{count_lines, end_of_plain, same};

/// Reads the flat objects of one block.
pub(super) struct Reader<'a> {
    wanted: &'a Wanted,
    layout: Layout,
    text: &'a str,
    /// The member that came last after each: after none, after each column, and after one that is no column.
    likely: Vec<Member>,
    /// How many records in a row were not flat.
    misses: u32,
}

/// So many records that are not flat, one after another, and the rest of the block is not tried.
const HOPELESS: u32 = 16;

/// A member up to its value, as it stands in the text: its name, the colon, and the blanks around them.
#[derive(Clone, Copy, Default)]
struct Member {
    start: usize,
    /// Length in bytes; 0 where there was no such member yet.
    len: usize,
    lines: u32,
    /// Its column, from 1. One more than there are columns for a member that is none.
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
        let likely = vec![Member::default(); wanted.names.len() + 2];
        Reader {
            wanted,
            layout,
            text,
            likely,
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
        if bytes.get(start) != Some(&b'{') {
            return None;
        }
        let (first, lines) = self.blanks(start + 1);
        if bytes.get(first) == Some(&b'}') {
            let at = first + 1;
            return Some(End { at, lines });
        }
        let (mut at, mut lines, mut place) = (start + 1, 0, 0);
        loop {
            let likely = self.likely[place];
            let member = if likely.stands_at(at, bytes) {
                likely
            } else {
                let member = self.member(at)?;
                self.likely[place] = member;
                member
            };
            place = member.place;
            at += member.len;
            let value = self.value(at)?;
            at = value.end;
            lines += member.lines + value.lines;
            if place <= found.width {
                let column = place - 1;
                let cell = found.cell(column);
                if cell.kind() != Kind::Missing {
                    return None;
                }
                *cell = value.cell;
                found.nested |= value.nested;
                if value.escaped {
                    found.defer(column, value.cell, Text::Unescaped);
                }
            }
            if !matches!(bytes.get(at), Some(b',' | b'}')) {
                let (next, more) = self.blanks(at);
                at = next;
                lines += more;
            }
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'}') => return Some(End { at: at + 1, lines }),
                _ => return None,
            }
        }
    }

    /// The member that begins at `start`, after the brace or comma before it.
    #[cold]
    fn member(&self, start: usize) -> Option<Member> {
        let bytes = self.text.as_bytes();
        let (open, above) = self.blanks(start);
        if bytes.get(open) != Some(&b'"') {
            return None;
        }
        let (close, escaped) = string(bytes, open + 1)?;
        let (colon, between) = self.blanks(close + 1);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let (end, below) = self.blanks(colon + 1);
        let name: Cow<'_, str> = match escaped {
            true => serde_json::from_str::<String>(&self.text[open..=close])
                .ok()?
                .into(),
            false => self.text[open + 1..close].into(),
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
            None if self.wanted.ignore_unknown => self.wanted.names.len() + 1,
            None => return None,
        };
        Some(Member {
            start,
            len: end - start,
            lines: above + between + below,
            place,
        })
    }

    /// The value that begins at `at`.
    #[inline(always)]
    fn value(&self, at: usize) -> Option<Value> {
        let bytes = self.text.as_bytes();
        if bytes.get(at) != Some(&b'"') {
            return self.other_value(at);
        }
        let (close, escaped) = string(bytes, at + 1)?;
        let cell = if escaped {
            Cell::new(at, close + 1 - at, Kind::Json)
        } else {
            Cell::new(at + 1, close - at - 1, Kind::Text).plain_if(true)
        };
        Some(Value {
            cell,
            escaped,
            nested: false,
            end: close + 1,
            lines: 0,
        })
    }

    /// A value that is no string.
    fn other_value(&self, at: usize) -> Option<Value> {
        let rest = &self.text[at..];
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

impl Member {
    /// Whether it stands there once more.
    #[inline(always)]
    fn stands_at(self, at: usize, bytes: &[u8]) -> bool {
        self.len > 0 && same(bytes, self.start, at, self.len)
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
