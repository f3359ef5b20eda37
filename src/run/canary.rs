//! The first rows of an upload, imported before the others: what the server would refuse of everything, it refuses of
//! ten rows.
//!
//! A canary is an import of its own, with an entry of its own in the ledger. It never deletes: the others are not in it.
//! The import that follows leaves its rows out, unless that one deletes whom it does not name.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, pin_mut, stream};

use super::decide::import_spec;
use super::import::{asked, waited};
use super::prepare::{Prepared, unchanged};
use super::put::{Sending, Store, encoded};
use super::results::{Joined, joined, write_refused};
use super::send::{Ready, send};
use super::surveyed::Surveyed;
use super::{Job, RunError, told};
use crate::engine::blocks::Blocks;
use crate::engine::body::{Assembly, Digest, Resend, pieces};
use crate::engine::order::process_known;
use crate::guard::{self, Deletion};
use crate::orgvue::{Client, Locations};
use crate::report::progress::Phase;
use crate::report::run::{Canary, Outcome, RowCounts, RunId, RunReport};
use crate::state::ledger::Known;
use crate::text::{chain, counted};
use crate::upload::spool::{Spool, SpoolWriter};

/// The canary's own body.
struct Body {
    bytes: Bytes,
    /// Bytes of its rows alone.
    rows: u64,
    digest: Digest,
}

/// Sends and imports the first rows where the run is to begin with them, and leaves them out of what follows.
///
/// # Errors
/// As of any import; or the server refused too many of these rows, and nothing else is sent.
pub(super) async fn canary(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    mut surveyed: Surveyed,
    deletion: Deletion,
    report: &mut RunReport,
) -> Result<Surveyed, RunError> {
    let sent_again = deletion == Deletion::On;
    // Rows at fault whose items are merely named have no results that tell anything.
    let good = report.counts.would_send - report.counts.carried;
    let rows = match job.first.map(u64::from) {
        // Without deletion the whole would be its own canary.
        Some(first) if good > first || sent_again => first.min(good),
        Some(first) => {
            report.warnings.push(format!(
                "--first {first}: no more than that would be sent, {} in all, so none went before the others",
                counted(good, "row")
            ));
            return Ok(surveyed);
        }
        None => return Ok(surveyed),
    };
    let carried = &surveyed.amended.carried;
    let sent = surveyed.lines.sent();
    let sent = sent.filter(|record| carried.binary_search(record).is_err());
    let records: Vec<u32> = sent.take(rows as usize).collect();
    let body = body_of(job, prepared, &records, &surveyed.amended.cleared).await?;
    let own = (&mut surveyed, &body);
    let imported = import(job, prepared, client, own, (rows, sent_again), report);
    if let Err(error) = imported.await {
        match surveyed.rejects.finish() {
            Ok(rejects) => report.tell_refused(&rejects.refused),
            // How the import ended matters more.
            Err(unwritten) => report.warnings.push(chain(&unwritten)),
        }
        report.bytes.body = body.bytes.len() as u64;
        return Err(error);
    }
    if !sent_again {
        surveyed.leave_out(&records, body.rows);
    }
    Ok(surveyed)
}

/// The body of these records, which are among the first. `cleared` are records of the source, with the column of a cell
/// that is sent empty.
async fn body_of(
    job: &Job<'_>,
    prepared: &Prepared,
    records: &[u32],
    cleared: &[(u32, u32)],
) -> Result<Body, RunError> {
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let mut assembly = Assembly::new(engine.encoder());
    let blocks = Blocks::open(source.clone(), prepared.reading.clone()).await?;
    let processed = process_known(blocks, source, engine, job.workers);
    pin_mut!(processed);
    let mut bytes = assembly.header().to_vec();
    let (mut first, mut rows) = (0, 0);
    while records.last().is_some_and(|last| *last >= first) {
        let next = processed.try_next().await?.ok_or(RunError::Shorter)?;
        let is_other = |row: &u32| records.binary_search(&(first + row)).is_err();
        let others: Vec<u32> = next.encoded.rows.iter().copied().filter(is_other).collect();
        let count = next.batch.len();
        let end = first + count as u32;
        let here = cleared.iter().filter(|(r, _)| (first..end).contains(r));
        let cleared: Vec<_> = here.map(|(r, slot)| (r - first, *slot)).collect();
        let piece = assembly.piece(next, &others, &cleared);
        rows += piece.len() as u64;
        bytes.extend_from_slice(&piece);
        first = end;
    }
    bytes.extend_from_slice(&assembly.footer());
    Ok(Body {
        bytes: bytes.into(),
        rows,
        digest: assembly.digest(),
    })
}

async fn import(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    (surveyed, body): (&mut Surveyed, &Body),
    (rows, sent_again): (u64, bool),
    report: &mut RunReport,
) -> Result<(), RunError> {
    let run_id = RunId::generate();
    let ledger = job.ledger.map(|ledger| ledger.canary(run_id.clone()));
    let own = &job.with_ledger(ledger);
    let known = Known {
        counts: RowCounts {
            read: rows,
            sent: rows,
            unprocessed: rows,
            ..RowCounts::default()
        },
        body_bytes: body.bytes.len() as u64,
        body_hash: Some(body.digest.hex()),
        ..Known::default()
    };
    let locations = upload(own, prepared, client, body, &known, report).await?;
    unchanged(job, &prepared.source).await?;
    if let Some(ledger) = ledger {
        ledger.importing(&known)?;
    }
    // From here on these rows are on their way, whatever becomes of the others.
    told::canary(report, Canary::new(run_id, rows, sent_again));
    job.progress.begin(Phase::Wait, None);
    let settings = import_spec(job.pipeline, Deletion::NotAsked);
    report.import = Some(asked(&settings));
    let ticket = client.import(&locations, &settings).await?;
    let ticket = waited(own, client, ticket, report).await?;
    job.progress.begin(Phase::Results, None);
    let result = joined(job, client, &ticket, Some((prepared, &*surveyed)), rows).await;
    let mut result = result.map_err(RunError::Results)?;
    let stopped = told_and_judged(job, &result, rows, report);
    // Of rows that go once more, the last import tells.
    if stopped.is_err() || !sent_again {
        report.warnings.extend(result.warnings(rows));
        write(job, prepared, &mut result, surveyed).await?;
    }
    if let Some(ledger) = ledger {
        let (outcome, code) = match (&stopped, result.failed) {
            (Err(error), _) => (error.outcome(), 5),
            (Ok(()), 0) => (Outcome::Succeeded, 0),
            (Ok(()), _) => (Outcome::SucceededWithRejects, 3),
        };
        ledger.over(outcome, code, None)?;
    }
    stopped?;
    report.import = None;
    Ok(())
}

async fn upload(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    body: &Body,
    known: &Known,
    report: &mut RunReport,
) -> Result<Locations, RunError> {
    let mut writer = SpoolWriter::create(None).await?;
    let whole = stream::iter([Ok::<_, RunError>(body.bytes.clone())]).boxed();
    spool(job, whole, &mut writer).await?;
    let spool = writer.finish().await?;
    let ready = Ready::Spooled { spool };
    let mut sending = Sending::default();
    let store = Store::Given(client);
    let locations = send(job, prepared, store, &ready, known, &mut sending).await;
    told::sent(report, sending);
    locations
}

/// Tells what became of the rows, and whether the others may follow.
fn told_and_judged(
    job: &Job<'_>,
    result: &Joined,
    rows: u64,
    report: &mut RunReport,
) -> Result<(), RunError> {
    told::canary_results(report, result.accepted, result.failed);
    job.progress.note(&format!(
        "canary: {} accepted, {} failed",
        result.accepted, result.failed
    ));
    // What is stated holds of however few: that is what they are sent for.
    match guard::refused(job.pipeline.refused.at_most, rows, result.failed, 1) {
        Some(why) => Err(RunError::CanaryRefused { why }),
        None => Ok(()),
    }
}

async fn write(
    job: &Job<'_>,
    prepared: &Prepared,
    result: &mut Joined,
    surveyed: &mut Surveyed,
) -> Result<(), RunError> {
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let reading = prepared.reading.clone();
    write_refused(result, surveyed, reading, source, engine, job.workers)
        .await
        .map_err(|error| RunError::Refused(Box::new(error)))
}

/// Writes the others down, where the upload can't be made while it is sent.
///
/// # Errors
/// A source that has changed; a disk that is full.
pub(super) async fn spool_others(
    job: &Job<'_>,
    prepared: &Prepared,
    surveyed: &Surveyed,
) -> Result<Spool, RunError> {
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let blocks = Blocks::open(source.clone(), prepared.reading.clone()).await?;
    let resend = Resend::new(&engine, surveyed.digest, Arc::new(surveyed.amended.clone()));
    let processed = process_known(blocks, source, engine, job.workers);
    let others = pieces(processed, resend).map_err(RunError::from).boxed();
    let mut writer = SpoolWriter::create(None).await?;
    spool(job, others, &mut writer).await?;
    Ok(writer.finish().await?)
}

async fn spool(
    job: &Job<'_>,
    body: stream::BoxStream<'_, Result<Bytes, RunError>>,
    writer: &mut SpoolWriter,
) -> Result<(), RunError> {
    let mut body = encoded(job, body);
    while let Some(piece) = body.try_next().await? {
        writer.write(piece).await?;
    }
    Ok(())
}
