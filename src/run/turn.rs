//! Imports of shards take turns: whether the server takes two of one data set at a time is not known.

use std::time::Instant;

use super::{Job, RunError};
use crate::report::progress::Phase;
use crate::state::LedgerError;
use crate::state::lock::{Held, Shared, Who};

/// Between two looks at whether another shard's import has ended.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// Waits until no other shard imports into the data set from this machine: at most as long as all the others may take.
/// The turn ends when this is dropped.
///
/// # Errors
/// The wait was too long; the lock can't be taken at all.
pub(super) async fn turn(job: &Job<'_>) -> Result<Option<Held>, RunError> {
    let (Some(shard), Some(ledger)) = (job.pipeline.shard, job.ledger) else {
        return Ok(None);
    };
    let entry = ledger.entry();
    let who = Who {
        run: &entry.run_id,
        pipeline: &entry.pipeline.name,
    };
    let at_most = job.pipeline.wait.at_most.0.saturating_mul(shard.of - 1);
    let began = Instant::now();
    let mut said = false;
    loop {
        match Shared::of_user().import(&entry.target, &who) {
            Err(LedgerError::Busy { .. }) if began.elapsed() < at_most => {}
            taken => return Ok(taken?),
        }
        if !said {
            job.progress.begin(Phase::Wait, None);
            job.progress.note("another shard's import");
            tracing::info!("the import of another shard is under way; waiting for its end");
            said = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
