//! What a survey found by comparing its rows with what was kept of their people, and how far that could be done.

use crate::delta::full::Full;
use crate::delta::store;
use crate::delta::tally::{Changes, Deletes};
use crate::guard::changes::{Figure, Lost};
use crate::guard::{Kept, Last};

/// What the rows are beside what was kept of their people.
#[derive(Debug)]
pub(crate) struct Compared {
    pub changes: Changes,
    /// Why some or all can't be compared, or are sent whole.
    pub full: Option<Full>,
    pub deletes: Deletes,
}

impl Compared {
    /// Whether it is known who the people are.
    pub(super) fn knows_people(&self) -> bool {
        !self.full.as_ref().is_some_and(Full::knows_nobody)
    }

    /// Whether it is known what they were.
    pub(super) fn knows_cells(&self) -> bool {
        self.knows_people() && self.full != Some(Full::Columns)
    }

    /// A count over the people who can be compared.
    pub(super) fn figure(&self, count: u64) -> Figure {
        Figure {
            count,
            exact: self.changes.pending == 0,
        }
    }

    /// Why there is less to compare with than there should be. Nothing was lost where nothing was ever kept.
    pub(super) fn lost(&self, last: Option<&Last>, what: Kept) -> Option<Lost> {
        let kept = last.is_some_and(|last| last.standing.kept == Some(what));
        let kept_in = match what {
            Kept::Difference => "the store of the difference",
            Kept::Columns => "what was kept of the columns",
        };
        let (why, stops) = match self.full.as_ref()? {
            Full::Lost(store::Lost::Missing) if !kept => return None,
            Full::Lost(store::Lost::Missing) => (format!("{kept_in} is gone"), true),
            Full::Lost(store::Lost::Damaged) => (format!("{kept_in} is damaged"), true),
            Full::Older => (
                format!("{kept_in} is older than the last accepted run"),
                true,
            ),
            Full::Identity => (
                "what people are told apart by was changed".to_owned(),
                false,
            ),
            Full::Columns => (
                "the columns that are compared were changed".to_owned(),
                false,
            ),
            Full::NeverWhole | Full::Every(_) | Full::Rules => return None,
        };
        Some(Lost { why, stops })
    }
}
