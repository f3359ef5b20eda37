//! When a row holds, and how that stands to a day.
//!
//! Days are numbers here, counted from 1970-01-01.

/// The last day of a row that has no end.
pub(super) const NO_END: i32 = i32::MAX;

/// A day that could not be read.
pub(super) const UNREAD: i32 = i32::MIN;

/// From the first day on which a row holds to the last one, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) first: i32,
    pub(super) last: i32,
}

/// How a period stands to a day. Where a day of it could not be read, how it may stand at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It ends before it begins: no day is in it.
    Never,
    /// It ended so many days before.
    Past(i32),
    /// The day is in it.
    InForce,
    /// It begins so many days later.
    Ahead(i32),
}

impl Period {
    /// Whether both of its days could be read.
    pub(super) fn is_read(self) -> bool {
        self.first != UNREAD && self.last != UNREAD
    }

    pub(super) fn standing(self, day: i32) -> Standing {
        let Period { first, last } = self;
        if self.is_read() && last < first {
            Standing::Never
        } else if last != UNREAD && last < day {
            Standing::Past(day - last)
        } else if first != UNREAD && first > day {
            Standing::Ahead(first - day)
        } else {
            Standing::InForce
        }
    }
}
