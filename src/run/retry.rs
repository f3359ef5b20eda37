//! Sending again what the server refused of an earlier run, and nothing else.
//!
//! The run's source is surveyed as it was then. Only where it comes to the very body that was sent does a number still
//! mean the same row. Then the rows that were refused, and the later rows of their keys, are written down as a body of
//! their own: a later row that was accepted must not be undone by an earlier one that comes after it.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future};

use super::again::Again;
use super::pass::survey;
use super::prepare::{First, Prepared, prepare, source, unchanged};
use super::put::{Sending, Store, encoded};
use super::send::{Ready, send};
use super::survey::Survey;
use super::withhold::withhold;
use super::{Job, RunError, Stored, told};
use crate::batch::Batch;
use crate::config::Rejects;
use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::engine::body::{Amended, Assembly, Body, pieces};
use crate::engine::order::process_known;
use crate::engine::process::{Engine, Processed};
use crate::guard::Deletion;
use crate::orgvue::spec::IdentifySpec;
use crate::report::human;
use crate::report::progress::Phase;
use crate::report::run::RunReport;
use crate::text::chain;
use crate::upload::spool::SpoolWriter;

/// Opens the source of the first run once more.
///
/// # Errors
/// It can't be read again.
pub(super) async fn prepared(
    job: &Job<'_>,
    again: &Again,
    rejects: &Rejects,
) -> Result<(Prepared, First), RunError> {
    let moved = |error: RunError| not_again(job, again, chain(&error));
    let found = source(job.pipeline).await;
    let found = found.map_err(|error| moved(error.into()))?;
    if found.is_once() {
        let why = "its source was a stream, which can't be read again";
        return Err(not_again(job, again, why.to_owned()));
    }
    let (prepared, mut first) = prepare(job, rejects).await.map_err(moved)?;
    // Those of the run before stay, unless the source has turned out to be the same.
    first.rejects.hold_back();
    Ok((prepared, first))
}

fn not_again(job: &Job<'_>, again: &Again, why: String) -> RunError {
    RunError::NotAgain {
        of: again.of.clone(),
        why,
        pipeline: job.pipeline.file.to_string(),
        rejects: human::path(&again.rejects),
    }
}

/// Surveys the source as the first run did, and sends the rows.
///
/// # Errors
/// The source does not make the same body any more; as of any upload.
pub(super) async fn upload(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    store: Store<'_>,
    again: &Again,
    report: &mut RunReport,
) -> Result<Option<Stored>, RunError> {
    let moved = |why: String| not_again(job, again, why);
    let (mut survey, ended) = survey(job, prepared, first, None).await;
    ended.map_err(|error| moved(chain(&error)))?;
    if again.withheld {
        let file = job.pipeline.rejects.withheld(false);
        withhold(job, prepared, &mut survey, None, &file).await?;
    }
    if survey.facts().body_hash != again.hash {
        let why = "the source, a lookup file or the pipeline file has changed, and no longer produces the same upload";
        return Err(moved(why.to_owned()));
    }
    unchanged(job, &prepared.source).await?;
    let mut writer = SpoolWriter::create(None).await?;
    narrow(job, prepared, &mut survey, again, Some(&mut writer)).await?;
    told::again(report, &survey.facts(), again);
    if report.counts.would_send == 0 {
        survey.finish()?.rejects.finish()?;
        return Ok(None);
    }
    let spool = writer.finish().await?;
    let ready = Ready::Spooled { spool };
    report.bytes.body = ready.length();
    let known = told::known(report);
    let mut sending = Sending::default();
    let locations = send(job, prepared, store, &ready, &known, &mut sending).await;
    told::sent(report, sending);
    Ok(Some(Stored {
        surveyed: survey.finish()?,
        locations: Some(locations?),
        deletion: Deletion::NotAsked,
    }))
}

/// Leaves the rows of a retry in the body, and no others. With `spool`, the body is written down.
///
/// # Errors
/// A source that can't be read again, or has changed.
pub(super) async fn narrow(
    job: &Job<'_>,
    prepared: &Prepared,
    survey: &mut Survey,
    again: &Again,
    spool: Option<&mut SpoolWriter>,
) -> Result<(), RunError> {
    job.progress.begin(Phase::Again, prepared.source.size());
    let made = survey.facts().digest.made;
    let mut narrow = Narrow::new(job, &prepared.engine, survey, again);
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let blocks = Blocks::open(source.clone(), prepared.reading.clone()).await?;
    let processed = process_known(blocks, source, engine, job.workers);
    let pieces = pieces(processed, &mut narrow)
        .map_err(RunError::from)
        .boxed();
    match spool {
        None => pieces.try_for_each(|_| future::ready(Ok(()))).await?,
        Some(spool) => {
            let mut pieces = encoded(job, pieces);
            while let Some(piece) = pieces.try_next().await? {
                spool.write(piece).await?;
            }
        }
    }
    let Narrow {
        assembly, records, ..
    } = narrow;
    if assembly.digest().made != made {
        return Err(EngineError::ChangedInSurvey.into());
    }
    survey.narrow(assembly, &records);
    Ok(())
}

/// The body of the rows of a retry.
struct Narrow<'a> {
    engine: &'a Engine,
    again: &'a Again,
    /// What only the whole file could change of the body.
    amended: Amended,
    /// The column that tells items apart, unless each of its values is sent once.
    key: Option<usize>,
    /// The keys of the rows so far.
    keys: HashSet<u64>,
    assembly: Assembly,
    /// The records of the body, in order.
    records: Vec<u32>,
    /// The number of the next record.
    record: u32,
}

impl<'a> Narrow<'a> {
    fn new(job: &Job<'_>, engine: &'a Engine, survey: &Survey, again: &'a Again) -> Narrow<'a> {
        let key = match &job.pipeline.import.identify_by {
            Some(IdentifySpec::IdKey(name) | IdentifySpec::MergeKey(name)) => Some(&**name),
            _ => None,
        };
        // A key that is checked comes once.
        let key = key.filter(|key| engine.key().is_none_or(|checked| **checked != **key));
        let slot = key.and_then(|key| engine.columns().need(key).ok());
        Narrow {
            engine,
            again,
            amended: survey.amended().clone(),
            key: slot.map(|(_, slot)| slot),
            keys: HashSet::new(),
            assembly: Assembly::new(engine.encoder()),
            records: Vec::new(),
            record: 0,
        }
    }

    /// Whether a row goes: it was refused, or comes after one of its key that goes. Nobody is ever deleted.
    fn takes(&mut self, batch: &Batch, row: u32, record: u32) -> bool {
        if self.engine.deletes(batch, row as usize) {
            return false;
        }
        let key = self.key.map(|slot| {
            let cell = batch.cell(row as usize, slot);
            self.engine.key_hash(batch.text(cell))
        });
        if self.again.has(record) {
            self.keys.extend(key);
            return true;
        }
        key.is_some_and(|key| self.keys.contains(&key))
    }
}

impl Body for &mut Narrow<'_> {
    type Error = EngineError;

    fn header(&mut self) -> Bytes {
        self.assembly.header()
    }

    fn absorb(&mut self, processed: Processed) -> Result<Bytes, EngineError> {
        let first = self.record;
        let count = processed.batch.len();
        self.record += count as u32;
        let mut left_out = Vec::new();
        for &row in &processed.encoded.rows {
            let record = first + row;
            let dropped = self.amended.dropped.binary_search(&record).is_ok();
            match !dropped && self.takes(&processed.batch, row, record) {
                true => self.records.push(record),
                false => left_out.push(row),
            }
        }
        let cleared = &self.amended.cleared;
        let from = cleared.partition_point(|(record, _)| *record < first);
        let until = cleared.partition_point(|(record, _)| *record < self.record);
        let cleared = cleared[from..until].iter();
        let cleared: Vec<(u32, u32)> = cleared.map(|(r, slot)| (r - first, *slot)).collect();
        Ok(self.assembly.piece(processed, &left_out, &cleared))
    }

    fn finish(&mut self) -> Result<Bytes, EngineError> {
        Ok(self.assembly.footer())
    }
}
