//! The rows of an earlier run that are sent again.

use std::path::PathBuf;

use crate::report::run::RunId;
use crate::state::rows::Refused;

/// The rows that a retry is about.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    /// The run that sent them first.
    pub of: RunId,
    /// The hash of that run's body.
    pub hash: Option<String>,
    /// Whether rows of it were held back, as they would delete somebody.
    pub withheld: bool,
    /// The rejects file of that run.
    pub rejects: PathBuf,
    /// The rows, in the order of the source.
    pub rows: Vec<Refused>,
}

impl Again {
    /// How often a row was refused before.
    pub(super) fn attempts(&self, record: u32) -> u32 {
        let at = self.rows.binary_search_by_key(&record, |row| row.record);
        at.map_or(0, |at| self.rows[at].attempts)
    }

    pub(super) fn has(&self, record: u32) -> bool {
        let at = self.rows.binary_search_by_key(&record, |row| row.record);
        at.is_ok()
    }
}
