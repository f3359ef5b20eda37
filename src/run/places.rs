//! What results without a key tell of the rows in whose places they stand.

use crate::orgvue::ItemResult;

/// What the place of a result that names no record tells of the record in that place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Places {
    /// Nothing: the server does not promise the order of results.
    #[default]
    Nothing,
    /// What all results say, whose order can't be wrong then; never what one of them says alone, such as an id.
    Alike { action: bool },
    /// Whose fault it is, for want of anything better, as the pipeline has no key that could tell; never whose id.
    Presumed,
    /// Everything, as the pipeline file says that results stand in the order of the rows.
    Order,
}

/// Whether all results say the same.
#[derive(Debug, Default)]
pub(super) struct Alike {
    first: Option<ItemResult>,
    /// Whether the same was done with all.
    pub action: bool,
    /// Whether they do not.
    pub differ: bool,
}

impl Alike {
    /// Takes in the next one.
    pub(super) fn see(&mut self, result: &ItemResult) {
        let Some(first) = &self.first else {
            self.first = Some(result.clone());
            self.action = true;
            return;
        };
        self.differ |= first.ok != result.ok || first.status != result.status;
        self.action &= first.action == result.action;
    }
}
