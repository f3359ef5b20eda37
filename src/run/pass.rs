//! The first pass over the source, and those after it that verdicts or hierarchies ask for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt, future};

use super::prepare::{First, Prepared};
use super::put::encoded;
use super::survey::{Settled, Survey, asked::Asked};
use super::watch::Watch;
use super::witness::Witness;
use super::{Job, RunError, near};
use crate::delta::items::Writer;
use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::engine::body::pieces;
use crate::engine::order::process_with_rejects;
use crate::report::progress::Phase;
use crate::report::rejects::RejectsFile;
use crate::stage::aliases::Aliases;
use crate::upload::spool::SpoolWriter;

/// The first pass. With `spool`, the body is written down as it is made. The survey comes back whatever ended the pass.
pub(super) async fn survey(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    spool: Option<&mut SpoolWriter>,
) -> (Survey, Result<(), RunError>) {
    let phase = if spool.is_some() {
        Phase::Spool
    } else {
        Phase::Survey
    };
    job.progress.begin(phase, prepared.source.size());
    let mut survey = prepared
        .begin_survey(first.rejects)
        .with_threads(job.workers);
    survey.witness = first.witness.then(Witness::default);
    if job.connection.is_none() {
        survey = survey.without_places();
    }
    match begin_items(job, prepared) {
        Ok(items) => survey = survey.with_items(items),
        Err(error) => return (survey, Err(error)),
    }
    let mut spool = spool;
    let watch = Watch::new(&job.progress, &prepared.source, 0);
    let blocks = first.blocks;
    let ended = pass(
        job,
        prepared,
        blocks,
        watch,
        &mut survey,
        spool.as_deref_mut(),
    );
    if let Err(error) = ended.await {
        return (survey, Err(error));
    }
    let (mut survey, mut again) = settled(survey).await;
    if let Ok(Settled::Asks(asked)) = again {
        if let Err(error) = look(job, prepared, asked, &mut survey).await {
            return (survey, Err(error));
        }
        (survey, again) = settled(survey).await;
    }
    if again.is_ok()
        && survey.rules.has_hierarchies()
        && let Err(error) = hierarchies(job, prepared, &mut survey).await
    {
        return (survey, Err(error));
    }
    let ended = match again {
        Ok(Settled::Whole | Settled::Asks(_)) => Ok(()),
        Ok(Settled::Again) => {
            job.progress.begin(Phase::Again, prepared.source.size());
            once_more(job, prepared, &mut survey, spool).await
        }
        Err(error) => Err(error),
    };
    (survey, ended)
}

/// Begins what is written down of the rows that are sent, for the difference or for guards.
///
/// # Errors
/// It can't be written.
pub(super) fn begin_items(job: &Job<'_>, prepared: &Prepared) -> Result<Option<Writer>, RunError> {
    match (&job.delta, &job.kept) {
        (Some(delta), _) => delta.begin_rows(prepared),
        (None, Some(kept)) => kept.begin(prepared),
        (None, None) => Ok(None),
    }
}

/// Ends the first look at the file, off the runtime's threads: rules may have millions of keys to sort.
async fn settled(mut survey: Survey) -> (Survey, Result<Settled, RunError>) {
    let work = tokio::task::spawn_blocking(move || {
        let settled = catch_unwind(AssertUnwindSafe(|| survey.settle()));
        (survey, settled)
    });
    match work.await {
        Ok((survey, Ok(settled))) => (survey, settled),
        Ok((survey, Err(_))) => {
            let at = "the end of the source".to_owned();
            (survey, Err(EngineError::GaveUp { at }.into()))
        }
        // Not a panic: that was caught. The runtime is ending, and with it this task.
        Err(_) => future::pending().await,
    }
}

/// Reads the source once more for what some rows would send. Few rows are looked at: of that, progress tells nothing.
async fn look(
    job: &Job<'_>,
    prepared: &Prepared,
    asked: Asked,
    survey: &mut Survey,
) -> Result<(), RunError> {
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let blocks = Blocks::open(source.clone(), prepared.reading.clone()).await?;
    survey.tell(asked.look(blocks, source, engine, job.workers).await?);
    Ok(())
}

/// Has the hierarchies told, when the source was read once more where they want it.
async fn hierarchies(
    job: &Job<'_>,
    prepared: &Prepared,
    survey: &mut Survey,
) -> Result<(), RunError> {
    if survey.settled.is_none() {
        // What one more reading counts for them would be counted twice.
        survey.remarks = Some(survey.engine.remarks());
        survey.replaced = survey.engine.aliases().map(Aliases::replaced);
    }
    let read = survey.read();
    near::look_again(job, prepared, &mut survey.rules, read).await?;
    survey.engine.forget();
    survey.tell_hierarchies();
    Ok(())
}

/// Goes through the source again with all verdicts known: rejects are written anew, in order and with all their
/// faults, and so is the body where it is written down.
pub(super) async fn once_more(
    job: &Job<'_>,
    prepared: &Prepared,
    survey: &mut Survey,
    spool: Option<&mut SpoolWriter>,
) -> Result<(), RunError> {
    let read = prepared.source.bytes_read().load(Ordering::Relaxed);
    let watch = Watch::new(&job.progress, &prepared.source, read);
    let blocks = Blocks::open(prepared.source.clone(), prepared.reading.clone()).await?;
    let spool = match spool {
        Some(spool) => {
            *spool = SpoolWriter::create(None).await?;
            Some(spool)
        }
        None => None,
    };
    pass(job, prepared, blocks, watch, survey, spool).await?;
    survey.is_as_before()
}

async fn pass(
    job: &Job<'_>,
    prepared: &Prepared,
    blocks: Blocks,
    mut watch: Watch<'_>,
    survey: &mut Survey,
    spool: Option<&mut SpoolWriter>,
) -> Result<(), RunError> {
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let (rejects, known) = (survey.rejects().writer(), survey.settled.is_some());
    let processed = process_with_rejects(blocks, source, engine, rejects, known, job.workers);
    let processed = processed.inspect_ok(|next| watch.rows(next.batch.len()));
    let pieces = pieces(processed, survey).boxed();
    let Some(spool) = spool else {
        return pieces.try_for_each(|_| future::ready(Ok(()))).await;
    };
    let mut pieces = encoded(job, pieces);
    while let Some(piece) = pieces.try_next().await? {
        spool.write(piece).await?;
    }
    Ok(())
}

impl Prepared {
    pub(super) fn begin_survey(&self, rejects: RejectsFile) -> Survey {
        Survey::new(self.engine.clone(), self.source.clone(), rejects)
    }
}
