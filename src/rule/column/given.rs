//! What every rule of a column is given: the settings, and the cells to look at; and what it gives back.

use std::borrow::Cow;

use crate::batch::{Batch, Kind};
use crate::rule::spec::{ColumnRules, ColumnType};
use crate::text::dates::Today;
use crate::text::unseen::is_blank;

/// What the rules of a column are made of.
pub(super) struct Given<'a> {
    pub(super) rules: &'a ColumnRules,
    /// What the text must be: as stated, or as limits and formats have it.
    pub(super) kind: Option<ColumnType>,
    pub(super) is_key: bool,
    pub(super) today: &'a Today,
}

/// Problems of a column's rules: the field and what is wrong with it.
pub(super) type Problems = Vec<(&'static str, String)>;

/// What a broken rule says.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    /// Says of a cell's text what it has that the message is about, without repeating it.
    pub(super) found: Option<fn(&str) -> String>,
}

impl Words {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Words {
        Words {
            code,
            message: message.into(),
            found: None,
        }
    }
}

/// A limit and what to say of what is past it.
pub(super) struct Bound<T> {
    pub(super) limit: T,
    pub(super) words: Words,
}

/// Rows and the rules that they break.
pub(super) type Broken<'r> = Vec<(usize, &'r Words)>;

/// The cells of a column that rules look at: of rows that are not filtered out, and without the faulty ones.
pub(super) struct Cells<'b> {
    pub(super) batch: &'b Batch,
    pub(super) slot: usize,
}

impl Cells<'_> {
    /// The rows whose cell is empty, or has nothing that anybody sees.
    pub(super) fn empty(&self, mut rule: impl FnMut(usize)) {
        let bytes = self.batch.bytes();
        for (row, cell) in self.batch.column(self.slot).iter().enumerate() {
            // Of nearly all cells, the first byte tells.
            let seen = !cell.is_empty() && bytes[cell.span().start].is_ascii_graphic();
            if !seen
                && is_blank(self.batch.text(*cell))
                && cell.kind() != Kind::Faulty
                && self.batch.is_live(row)
            {
                rule(row);
            }
        }
    }

    /// All cells that are not empty, with their text.
    #[inline]
    pub(super) fn filled(&self, mut rule: impl FnMut(usize, Kind, &str)) {
        for (row, cell) in self.batch.column(self.slot).iter().enumerate() {
            if !cell.is_empty() && cell.kind() != Kind::Faulty && self.batch.is_live(row) {
                rule(row, cell.kind(), self.batch.text(*cell));
            }
        }
    }
}
