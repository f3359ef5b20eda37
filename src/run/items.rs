//! The results file: the server's words on every item, beside the key and the line of its row.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::places::Places;
use super::prepare::Prepared;
use super::surveyed::Surveyed;
use super::{Job, RunError};
use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::engine::order::process_known;
use crate::engine::process::Processed;
use crate::files::ending::beside;
use crate::orgvue::ItemResult;
use crate::orgvue::error::ApiError;
use crate::orgvue::spec::IdentifySpec;
use crate::report::human;
use crate::report::results::{Draft, Item, ResultsFile};
use crate::report::run::RunReport;

/// Where the results file goes; nothing where none is asked for. That of a retry stands beside that of its run.
pub(super) fn path(job: &Job<'_>) -> Option<PathBuf> {
    let path = job.pipeline.results.as_deref()?;
    Some(match job.again {
        Some(_) => beside(path, "retry"),
        None => path.to_owned(),
    })
}

/// The column by which items are told apart, as the rows have it.
pub(super) fn key_column<'a>(job: &'a Job<'_>, prepared: Option<&'a Prepared>) -> Option<&'a str> {
    match &job.pipeline.import.identify_by {
        Some(IdentifySpec::IdKey(name) | IdentifySpec::MergeKey(name)) => Some(name),
        _ => prepared?.engine.key().map(|key| &**key),
    }
}

/// What takes the results in as they come, where there is to be a file.
///
/// # Errors
/// There is no place for temporary files.
pub(super) fn draft(job: &Job<'_>) -> Result<Option<Draft>, RunError> {
    path(job)
        .map(|path| Draft::create().map_err(|error| failed(&path, error)))
        .transpose()
}

fn failed(path: &Path, source: io::Error) -> RunError {
    RunError::ResultsFile {
        path: human::path(path),
        source,
    }
}

/// Writes the results file. `places` says what results without a key tell of the rows in whose places they stand; a
/// key that the server does not repeat is read from the source then.
///
/// # Errors
/// A file that can't be written; a source that can't be read again.
pub(super) async fn write(
    job: &Job<'_>,
    draft: Option<Draft>,
    places: Places,
    known: Option<(&Prepared, &Surveyed)>,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let Some((draft, path)) = draft.zip(path(job)) else {
        return Ok(());
    };
    let failed = |source| failed(&path, source);
    let mut file = ResultsFile::create(&path).map_err(failed)?;
    let mut keys = known.and_then(|(prepared, _)| Keys::new(job, prepared));
    for item in draft.items().map_err(failed)? {
        let mut item = item.map_err(failed)?;
        if item.by_place {
            placed(&mut item, places);
        }
        let record = item.record.zip(known);
        let Some((record, (prepared, surveyed))) = record else {
            file.write(&item, None).map_err(failed)?;
            continue;
        };
        if item.key.is_none()
            && let Some(keys) = &mut keys
        {
            item.key = keys.of(record).await?.map(Into::into);
        }
        let place = surveyed.lines.place(record);
        let origins = prepared.source.origins();
        let at = place.map(|place| (&*origins[place.file as usize].name, place.line));
        file.write(&item, at).map_err(failed)?;
    }
    file.put().map_err(failed)?;
    report.results_file = Some(human::whole(&path));
    Ok(())
}

/// Takes away what an earlier run wrote down, as this one sent no row: an empty results file takes its place.
///
/// # Errors
/// A file that can't be written.
pub(super) fn write_none(job: &Job<'_>, report: &mut RunReport) -> Result<(), RunError> {
    let Some(path) = path(job) else {
        return Ok(());
    };
    let written = ResultsFile::create(&path).and_then(ResultsFile::put);
    written.map_err(|error| failed(&path, error))?;
    report.results_file = Some(human::whole(&path));
    Ok(())
}

/// Leaves of a result that names no record what is certain: either of whom it is, or what it says by itself.
fn placed(item: &mut Item<'_>, places: Places) {
    match places {
        Places::Order => {}
        // It says its own key, and that id goes with it.
        Places::Alike { .. } if item.key.is_some() => item.record = None,
        Places::Alike { action } => {
            (item.id, item.code) = (None, None);
            item.action = item.action.take().filter(|_| action);
        }
        Places::Presumed | Places::Nothing => item.record = None,
    }
}

/// The keys of the records, read from the source once more where they are asked for.
struct Keys<'a> {
    job: &'a Job<'a>,
    prepared: &'a Prepared,
    slot: usize,
    blocks: Option<BoxStream<'a, Result<Processed, EngineError>>>,
    /// The block at hand, and the number of its first record.
    at: Option<(u32, Processed)>,
    next: u32,
}

impl<'a> Keys<'a> {
    fn new(job: &'a Job<'a>, prepared: &'a Prepared) -> Option<Keys<'a>> {
        let column = key_column(job, Some(prepared))?;
        let (_, slot) = prepared.engine.columns().need(column).ok()?;
        prepared.source.can_repeat().then_some(Keys {
            job,
            prepared,
            slot,
            blocks: None,
            at: None,
            next: 0,
        })
    }

    /// The key of a record; they are asked for in their order.
    async fn of(&mut self, record: u32) -> Result<Option<String>, RunError> {
        while self.next <= record {
            if self.blocks.is_none() {
                let source: Arc<_> = self.prepared.source.clone();
                let blocks = Blocks::open(source.clone(), self.prepared.reading.clone()).await?;
                let engine = self.prepared.engine.clone();
                self.blocks = Some(process_known(blocks, source, engine, self.job.workers).boxed());
            }
            let Some(blocks) = &mut self.blocks else {
                return Ok(None);
            };
            let processed = blocks.try_next().await?.ok_or(RunError::Shorter)?;
            let first = self.next;
            self.next += processed.batch.len() as u32;
            self.at = Some((first, processed));
        }
        let at = self.at.as_ref().filter(|(first, _)| *first <= record);
        Ok(at.map(|(first, processed)| {
            let batch = &processed.batch;
            let cell = batch.cell((record - first) as usize, self.slot);
            batch.text(cell).to_owned()
        }))
    }
}

impl<'a> Item<'a> {
    /// As the server says it, of this record.
    pub(super) fn of(result: &'a ItemResult, record: Option<u32>, by_place: bool) -> Item<'a> {
        let text = |text: &'a Option<String>| text.as_deref().map(Into::into);
        let code = |error: &'a ApiError| {
            let words = [&*error.name, &*error.code];
            words.into_iter().find(|word| !word.is_empty())
        };
        Item {
            record,
            by_place,
            key: text(&result.key),
            action: text(&result.action),
            status: text(&result.status),
            code: result.errors.first().and_then(code).map(Into::into),
            id: text(&result.id),
        }
    }
}
