//! Which kinds of values a column can hold, as far as that is known before the first row.

use std::ops::{BitAnd, BitOr};

use super::{Cell, Kind};

/// A set of kinds of values, as an expression sees them. Empty text is a kind of its own: an empty cell
/// stays empty text in a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) const NONE: Kinds = Kinds(0);
    pub(crate) const EMPTY: Kinds = Kinds(1);
    /// Text that is a day and is written `YYYY-MM-DD`: as text, it has the order of days.
    pub(crate) const DAYS: Kinds = Kinds(2);
    /// Text that is neither empty nor known to be a day.
    pub(crate) const PROSE: Kinds = Kinds(4);
    /// Text that is not empty.
    pub(crate) const WORDS: Kinds = Kinds(2 | 4);
    pub(crate) const TEXT: Kinds = Kinds(1 | 2 | 4);
    /// A whole number of 64 bits: only within an expression, where a cell's number is a [`Kinds::DOUBLE`].
    pub(crate) const INT: Kinds = Kinds(8);
    pub(crate) const DOUBLE: Kinds = Kinds(16);
    pub(crate) const NUMBER: Kinds = Kinds(8 | 16);
    pub(crate) const BOOL: Kinds = Kinds(32);
    pub(crate) const NULL: Kinds = Kinds(64);
    /// Whatever a cell can hold.
    pub(crate) const CELL: Kinds = Kinds(127);
    /// A list: only within an expression, as are all that follow.
    pub(crate) const LIST: Kinds = Kinds(128);
    /// A day, which `date` made of text.
    pub(crate) const DATE: Kinds = Kinds(256);
    /// A point in time.
    pub(crate) const MOMENT: Kinds = Kinds(512);
    /// A length of time.
    pub(crate) const SPAN: Kinds = Kinds(1024);
    pub(crate) const OTHER: Kinds = Kinds(2048);
    /// What dates and times are to an expression.
    pub(crate) const TIME: Kinds = Kinds(256 | 512 | 1024);
    /// Nothing is known.
    pub(crate) const ANY: Kinds = Kinds(4095);

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

    /// As [`BitOr`], for constants.
    pub(crate) const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
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

    /// What an expression sees of cells of these kinds: their numbers are of one kind, whatever their digits.
    pub(crate) fn seen(self) -> Kinds {
        match self.meets(Kinds::NUMBER) {
            true => self.without(Kinds::NUMBER) | Kinds::DOUBLE,
            false => self,
        }
    }

    /// What cells hold that are set to values of these kinds: days and points in time become text.
    pub(crate) fn stored(self) -> Kinds {
        let mut cells = self & Kinds::CELL;
        for (value, text) in [
            (Kinds::DATE, Kinds::DAYS),
            (Kinds::MOMENT, Kinds::PROSE),
            (Kinds::NUMBER, Kinds::NUMBER),
        ] {
            if self.meets(value) {
                cells = cells | text;
            }
        }
        cells
    }
}

impl BitOr for Kinds {
    type Output = Kinds;
    fn bitor(self, other: Kinds) -> Kinds {
        self.or(other)
    }
}

impl BitAnd for Kinds {
    type Output = Kinds;
    fn bitand(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }
}
