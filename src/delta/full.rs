//! Why a run sends everything.

use std::fmt;

use super::head::Marks;
use super::store::Lost;
use crate::settings::units::Span;

/// Why a run sends everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// There is nothing to compare with.
    Lost(Lost),
    /// What there is was written before the last accepted run.
    Older,
    /// No run has sent everything and had its results taken in.
    NeverWhole,
    /// The time is over for which differences are enough.
    Every(Span),
    /// People are told apart by something else.
    Identity,
    Columns,
    Rules,
}

impl Full {
    /// What was changed in a pipeline since its store was written.
    pub(super) fn of_change(before: &Marks, now: &Marks) -> Option<Full> {
        if before.identity != now.identity {
            return Some(Full::Identity);
        }
        if before.columns != now.columns {
            return Some(Full::Columns);
        }
        (before.rules != now.rules).then_some(Full::Rules)
    }

    /// Whether people can't be compared at all with what was kept of them.
    pub(crate) fn knows_nobody(&self) -> bool {
        matches!(self, Full::Lost(_) | Full::Older | Full::Identity)
    }

    /// Whether whoever is not in the source may be deleted: not where what they are known by may be written differently
    /// now.
    pub(crate) fn may_delete(&self) -> bool {
        matches!(self, Full::NeverWhole | Full::Every(_))
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Lost(Lost::Missing) => "there is no store yet",
            Full::Lost(Lost::Damaged) => "the store is damaged",
            Full::Older => "the store is older than the last accepted run",
            Full::NeverWhole => "no run has sent everything yet, with its results taken in",
            Full::Every(span) => {
                return write!(
                    f,
                    "the last run that sent everything was {span} ago or more"
                );
            }
            Full::Identity => "what people are told apart by was changed",
            Full::Columns => "the columns that are sent were changed",
            Full::Rules => "the stages, or how values are written, were changed",
        })
    }
}
