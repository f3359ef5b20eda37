//! One more reading, for names that nobody has and somebody nearly: see [`crate::whole::hierarchy`].

use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt};

use super::prepare::Prepared;
use super::watch::Watch;
use super::{Job, RunError};
use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::engine::order::over;
use crate::engine::process::Engine;
use crate::report::progress::Phase;
use crate::whole::Rules;

/// Reads the source of so many records once more, where a hierarchy misses somebody.
///
/// # Errors
/// A source that can't be read, or has another number of records by now.
pub(super) async fn look_again(
    job: &Job<'_>,
    prepared: &Prepared,
    rules: &mut Rules,
    records: u64,
) -> Result<(), RunError> {
    let trees = rules.wants_another_look();
    if trees.is_empty() {
        return Ok(());
    }
    job.progress.begin(Phase::Again, prepared.source.size());
    let read = prepared.source.bytes_read().load(Ordering::Relaxed);
    let mut watch = Watch::new(&job.progress, &prepared.source, read);
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let blocks = Blocks::open(source.clone(), prepared.reading.clone()).await?;
    let asked = trees.clone();
    let names = move |engine: &Engine, block| engine.loose_names(block, &asked);
    let mut names = over(blocks, source, engine, job.workers, names).boxed();
    let mut first = 0;
    while let Some(block) = names.try_next().await? {
        let records = block.first().map_or(0, Vec::len);
        watch.rows(records);
        for (tree, names) in trees.iter().zip(&block) {
            rules.look_again(*tree, first, names);
        }
        first += records as u32;
    }
    if u64::from(first) != records {
        return Err(EngineError::ChangedInSurvey.into());
    }
    rules.looked_again();
    Ok(())
}
