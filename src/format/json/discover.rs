//! The columns of a source that does not state them: the members of its first records.

use std::collections::HashMap;

use super::documents::Cursor;
use super::grammar::{Reason, wrong_in};
use super::members::{each_member, first};
use super::parse::Piece;
use super::spec::{Arrays, FAULT, Form};
use super::{Layout, around, record_of};
use crate::format::block::Start;

/// What was found in the first records.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    /// The members that lead to each column, in the order in which they first came.
    paths: Vec<Vec<String>>,
    /// Which of them each one is.
    places: HashMap<Vec<String>, usize>,
    /// Whether a column has had a value that is not empty.
    filled: Vec<bool>,
    /// The column behind the one that came last, where records have the same members in the same order.
    next: usize,
    /// Records, good or not.
    pub(super) records: usize,
    /// Those that are objects of JSON.
    pub(super) good: usize,
    /// The first place at which a record is wrong, and why.
    pub(super) wrong: Option<(usize, Wrong)>,
}

/// What stands in the place of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wrong {
    Syntax(Reason),
    /// Another kind of value.
    Other(&'static str),
}

impl Discovered {
    /// The members that lead to each column. One that was always null, and an object elsewhere, is not a column.
    pub(super) fn paths(&self) -> Vec<Vec<String>> {
        let is_object = |path: &[String]| {
            (self.paths.iter()).any(|other| other.len() > path.len() && other.starts_with(path))
        };
        let columns = self.paths.iter().zip(&self.filled);
        let columns = columns.filter(|(path, filled)| **filled || !is_object(path));
        columns.map(|(path, _)| path.clone()).collect()
    }

    /// Whether a member of the record itself says nothing new: it is the next column, of which all is known.
    fn expects(&mut self, name: &str, value: &str) -> bool {
        let is_it = self.filled.get(self.next) == Some(&true)
            && !value.starts_with(['{', '['])
            && matches!(&self.paths[self.next][..], [only] if only == name);
        self.next += usize::from(is_it);
        is_it
    }

    /// Takes in a value of a column.
    fn see(&mut self, path: &[String], empty: bool) {
        let place = match self.places.get(path) {
            Some(place) => *place,
            None => {
                self.places.insert(path.to_vec(), self.paths.len());
                self.paths.push(path.to_vec());
                self.filled.push(false);
                self.paths.len() - 1
            }
        };
        self.filled[place] |= !empty;
        self.next = place + 1;
    }

    /// Whether a column was found that these members lead to.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.places.contains_key(path)
    }
}

/// Looks at up to `at_most` records. What can't be read is passed over: the parser will say it better.
pub(super) fn discover(layout: Layout, text: &str, at_most: usize, form: &Form) -> Discovered {
    let mut look = Look {
        flatten: form.flatten.is_some(),
        arrays: form.arrays,
        told: form.told,
        found: Discovered::default(),
    };
    match layout {
        Layout::Lines => {
            let mut at = 0;
            for line in text.split_inclusive('\n') {
                let record = record_of(line);
                let start = at + line.len() - record.len();
                at += line.len();
                let record = record.trim_ascii_end();
                if !record.is_empty() {
                    look.record(record, start);
                }
                if look.found.records == at_most {
                    break;
                }
            }
        }
        Layout::Documents => {
            let start = Start::default();
            let mut cursor = Cursor::new(Piece { text, start });
            while look.found.records < at_most && matches!(cursor.next(), Ok(true)) {
                let Ok(end) = cursor.end_of_record() else {
                    break;
                };
                look.record(&text[cursor.at()..end], cursor.at());
                cursor.pass(end);
            }
        }
    }
    look.found
}

struct Look {
    flatten: bool,
    arrays: Arrays,
    told: bool,
    found: Discovered,
}

impl Look {
    fn record(&mut self, record: &str, start: usize) {
        self.found.records += 1;
        self.found.next = 0;
        let read = each_member(record, |name, value| {
            let is_told = self.told && name == FAULT;
            if !is_told && !self.found.expects(&name, value) {
                self.value(&mut vec![name.into_owned()], value);
            }
        });
        self.found.good += usize::from(read.is_ok());
        if read.is_err() && self.found.wrong.is_none() {
            let wrong = match wrong_in(record.as_bytes()) {
                Some((at, reason)) => (start + at, Wrong::Syntax(reason)),
                None => (start, Wrong::Other(around::kind(record.as_bytes()[0]))),
            };
            self.found.wrong = Some(wrong);
        }
    }

    fn value(&mut self, path: &mut Vec<String>, value: &str) {
        match value.as_bytes()[0] {
            // Deeper ones are rejected.
            b'{' if self.flatten && path.len() < super::tree::DEEPEST => {
                // Its text was read before, and is JSON.
                let _ = each_member(value, |name, value| {
                    path.push(name.into_owned());
                    self.value(path, value);
                    path.pop();
                });
            }
            b'[' if self.arrays == Arrays::First => {
                // What comes of it is not an array.
                self.value(path, first(value).unwrap_or("null"));
            }
            byte => {
                let empty =
                    byte == b'n' || (byte == b'[' && value[1..].trim_start().starts_with(']'));
                self.found.see(path, empty);
            }
        }
    }
}
