//! Which kinds of values a column can hold, as far as that is known before the first row.

use std::ops::{BitAnd, BitOr};

use super::{Cell, Kind};

/// A set of kinds of values, as an expression sees them. Empty text is a kind of its own: an empty cell
/// stays empty text in a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Kinds = Kinds(0);
    pub(crate) const EMPTY: Kinds = Kinds(1);
    /// Text that is not empty.
    pub(crate) const WORDS: Kinds = Kinds(2);
    pub(crate) const TEXT: Kinds = Kinds(1 | 2);
    pub(crate) const NUMBER: Kinds = Kinds(4);
    pub(crate) const BOOL: Kinds = Kinds(8);
    pub(crate) const NULL: Kinds = Kinds(16);
    /// Whatever a cell can hold.
    pub(crate) const CELL: Kinds = Kinds(31);
    /// A list: only within an expression, as are all other values.
    pub(crate) const LIST: Kinds = Kinds(32);
    pub(crate) const OTHER: Kinds = Kinds(64);
    /// Nothing is known.
    pub(crate) const ANY: Kinds = Kinds(127);

    /// The kind of one cell.
    #[inline]
    pub(crate) fn of(cell: Cell) -> Kinds {
        match cell.kind() {
            Kind::Null => Kinds::NULL,
            Kind::Bool => Kinds::BOOL,
            Kind::Number if cell.is_empty() => Kinds::NULL,
            Kind::Number => Kinds::NUMBER,
            _ if cell.is_empty() => Kinds::EMPTY,
            _ => Kinds::WORDS,
        }
    }

    pub(crate) const fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in this set that isn't in the other.
    pub(crate) const fn within(self, other: Kinds) -> bool {
        self.0 & !other.0 == 0
    }

    pub(crate) const fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    /// After a stage that rewrites text, which may have become empty or not so, and leaves all else alone.
    pub(crate) fn rewritten(self) -> Kinds {
        match self.meets(Kinds::TEXT) {
            true => self | Kinds::TEXT,
            false => self,
        }
    }

    /// After a stage that makes something of text and numbers, and leaves what is empty alone.
    pub(crate) fn made(self, made: Kinds) -> Kinds {
        (self & (Kinds::EMPTY | Kinds::NULL)) | made
    }
}

impl BitOr for Kinds {
    type Output = Kinds;
    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

impl BitAnd for Kinds {
    type Output = Kinds;
    fn bitand(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }
}
