//! The first bytes of a file, what is found there, and what a header is held against.

use std::collections::HashSet;
use std::sync::Arc;

use super::block::Start;
use crate::settings::limits::Limits;
use crate::text::compare::comparable;

/// A file's beginning.
pub(crate) struct Beginning<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a [u8],
    /// Nothing follows the text.
    pub(crate) ended: bool,
    /// There will be no more of it, because it is as long as a record may be.
    pub(crate) full: bool,
}

/// A header, and where the records begin.
pub(crate) struct Begun<H> {
    pub(crate) header: H,
    pub(crate) at: usize,
    /// The physical line, from 1.
    pub(crate) line: u64,
}

impl<H> Begun<H> {
    /// Where in the file the records begin, which is the beginning of a line.
    pub(crate) fn start(&self) -> Start {
        Start {
            line: self.line,
            column: 0,
        }
    }

    /// The same beginning, its header as another type.
    pub(super) fn map<T>(self, as_other: impl FnOnce(H) -> T) -> Begun<T> {
        Begun {
            header: as_other(self.header),
            at: self.at,
            line: self.line,
        }
    }
}

/// Why a file's beginning can't be used.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) place: Place,
    pub(crate) message: String,
    /// A setting of the pipeline file mends it.
    pub(crate) setting: bool,
    /// There is nothing in the file.
    pub(crate) empty: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// A physical line, from 1.
    Line(u64),
    /// An offset in the text.
    Byte(usize),
}

impl Wrong {
    pub(crate) fn data(place: Place, message: impl Into<String>) -> Wrong {
        Wrong {
            place,
            message: message.into(),
            setting: false,
            empty: false,
        }
    }

    /// A file without text, or without records.
    pub(crate) fn empty(message: impl Into<String>) -> Wrong {
        Wrong {
            empty: true,
            ..Wrong::data(Place::Line(1), message)
        }
    }

    pub(crate) fn setting(place: Place, message: impl Into<String>) -> Wrong {
        Wrong {
            setting: true,
            ..Wrong::data(place, message)
        }
    }
}

/// What a header is held against.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// Names of columns that the rejects file adds.
    pub(crate) added: &'static [&'static str],
    /// The names by which the pipeline calls columns.
    pub(crate) named: &'a HashSet<String>,
    pub(crate) limits: &'a Limits,
}

impl Expected<'_> {
    /// What is wrong with so many columns, if anything.
    pub(crate) fn too_many(&self, columns: usize) -> Option<String> {
        let limit = self.limits.columns;
        (columns > limit as usize)
            .then(|| format!("there are {columns} columns, and limits.columns is {limit}"))
    }

    /// Whether names that come from data are names, so that messages may tell them.
    pub(crate) fn are_names(&self, names: &[Arc<str>]) -> bool {
        are_names(names, self.named)
    }
}

/// Whether any of these is the name of a column that the pipeline names, or but for case, blanks and punctuation: a
/// person's record holds no such cell.
pub(crate) fn are_names(names: &[Arc<str>], named: &HashSet<String>) -> bool {
    let plain = |name: &str| -> String {
        let name = comparable(name);
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let named: HashSet<String> = named.iter().map(|name| plain(name)).collect();
    names.iter().any(|name| named.contains(&plain(name)))
}
