//! Which rows of a run the server refused, so that they can be sent again.
//!
//! A run whose results were taken in has a file of its own beside the ledger, `rows-<id>.json`. It knows rows by their
//! number in the source and holds no value of any of them. A retry has one, too: it says which rows it sends, before the
//! upload begins, and what became of them, once that is known.

use serde::{Deserialize, Serialize};

use crate::report::run::RunId;

/// Version of the file's form.
pub(super) const ROWS_VERSION: u32 = 1;

/// The largest file that is read, in bytes: more than ten million refused rows.
pub(super) const MAX_ROWS_BYTES: u64 = 256 * 1024 * 1024;

/// A row that the server refused: its number in the source, how often it was refused, and whether for a reason that
/// passes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(u32, u32, bool)", into = "(u32, u32, bool)")]
pub(crate) struct Refused {
    pub record: u32,
    pub attempts: u32,
    pub passing: bool,
}

impl From<(u32, u32, bool)> for Refused {
    fn from((record, attempts, passing): (u32, u32, bool)) -> Refused {
        Refused {
            record,
            attempts,
            passing,
        }
    }
}

impl From<Refused> for (u32, u32, bool) {
    fn from(refused: Refused) -> (u32, u32, bool) {
        (refused.record, refused.attempts, refused.passing)
    }
}

/// The rows of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rows {
    /// Version of the form: [`ROWS_VERSION`].
    pub(super) rows_version: u32,
    pub(super) run_id: RunId,
    /// The rows that a retry was begun for, in the order of the source; a run has none.
    pub before: Vec<Refused>,
    /// The rows that were refused, in the order of the source; nothing where the results are not known yet.
    pub refused: Option<Vec<Refused>>,
    /// Refused items that no row is known of.
    pub unknown: u64,
}

impl Rows {
    /// Those of a run of whose results nothing is known. A retry sends again the rows `before`.
    pub(crate) fn new(run_id: RunId, before: Vec<Refused>) -> Rows {
        Rows {
            rows_version: ROWS_VERSION,
            run_id,
            before,
            refused: None,
            unknown: 0,
        }
    }

    /// Now that results are known: the rows that were refused, and how many items of which no row is known.
    pub(crate) fn with_results(mut self, refused: Vec<Refused>, unknown: u64) -> Rows {
        self.refused = Some(refused);
        self.unknown = unknown;
        self
    }

    pub(super) fn file_name(run: &RunId) -> String {
        format!("rows-{run}.json")
    }
}
