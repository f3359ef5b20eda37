//! The last accepted run of a pipeline on a data set, which guards compare the next one with.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::entry::{By, Entry, Kind, TargetMark};
use crate::guard::{self, Standing};
use crate::report::run::{Outcome, RunId};

/// Version of the file's form.
pub(super) const LAST_VERSION: u32 = 1;

/// What is kept of an accepted run: one whose upload was imported, with all rows of a whole source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    /// Version of the form: [`LAST_VERSION`].
    pub last_version: u32,
    pub run_id: RunId,
    /// When it was accepted.
    pub at: Timestamp,
    pub pipeline: String,
    pub target: TargetMark,
    /// Rows that its upload named.
    pub named: u64,
    /// How many accepted runs in a row, up to this one, had deletion turned off.
    pub deletion_off: u32,
    /// What stands at the target since.
    #[serde(default)]
    pub standing: Standing,
}

impl From<Last> for guard::Last {
    fn from(last: Last) -> guard::Last {
        let mut standing = last.standing;
        // Runs of earlier versions tell only how many rows they named.
        standing.people = standing.people.or(Some(last.named));
        guard::Last {
            run: last.run_id.to_string(),
            named: last.named,
            deletion_off: last.deletion_off,
            standing,
            by_store: false,
        }
    }
}

impl Last {
    /// That of a run that has ended, if it was accepted: never one that was let go, whose job failed, or of a mended
    /// file, a retry or a shard, and none of which nothing was sent. Nor a canary, or an import of a file that is not known.
    pub(crate) fn of(entry: &Entry) -> Option<Last> {
        let ended = entry.ended.as_ref()?;
        let accepted = matches!(
            ended.outcome,
            Outcome::Succeeded | Outcome::SucceededWithRejects
        );
        let counts = accepted && ended.by == By::Run;
        let whole = entry.kind == Kind::Run
            && entry.mend.is_none()
            && entry.retry_of.is_none()
            && entry.shard.is_none();
        (counts && entry.ticket.is_some() && whole).then(|| Last {
            last_version: LAST_VERSION,
            run_id: entry.run_id.clone(),
            at: ended.at,
            pipeline: entry.pipeline.name.clone(),
            target: entry.target.clone(),
            named: entry.counts.named(),
            deletion_off: entry.deletion_off,
            standing: entry.standing.clone(),
        })
    }

    /// Its file in the state folder: one for every pipeline, tenant and data set.
    pub(super) fn file_name(pipeline: &str, target: &TargetMark) -> PathBuf {
        PathBuf::from(format!("last-{:032x}.json", whose(pipeline, target)))
    }
}

/// The hash of a pipeline, tenant and data set, for names of files about all their runs.
pub(crate) fn whose(pipeline: &str, target: &TargetMark) -> u128 {
    let dataset = target.dataset.to_lowercase();
    let whose = format!("{pipeline}\n{}\n{dataset}", target.tenant);
    xxh3_128(whose.as_bytes())
}
