//! Deletions: an import of their own, after that of the rows. Whoever is deleted and whoever is created can't meet in one
//! upload, whose order the server does not promise.

use std::io;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};

use super::delta::{Delta, result_key};
use super::import::{asked, waited};
use super::prepare::{Prepared, unchanged};
use super::put::{Sending, Store, encoded};
use super::send::{Ready, send};
use super::{Job, RunError, decide, told};
use crate::delta::error::StoreError;
use crate::delta::head::Head;
use crate::delta::items::{What, Writer};
use crate::delta::key::TEXT;
use crate::delta::place::Part;
use crate::guard::Deletion;
use crate::orgvue::wire::ACTION;
use crate::orgvue::{Client, Ticket};
use crate::report::progress::Phase;
use crate::report::run::{Outcome, RunReport};
use crate::text::counted;
use crate::upload::body::BodyError;
use crate::upload::spool::SpoolWriter;

/// Deletes who is gone, by an import that names them: from the upload to its results.
///
/// # Errors
/// As those of an import; that of the rows stands.
pub(super) async fn delete(
    job: &Job<'_>,
    delta: &Delta,
    prepared: &Prepared,
    client: &Client,
    places: &[u32],
    report: &mut RunReport,
) -> Result<(), RunError> {
    let (ready, items) = written(job, delta, prepared, places).await?;
    if let Some(ledger) = job.ledger {
        ledger.deleting();
    }
    let mut sending = Sending::default();
    let mut known = told::known(report);
    known.body_hash = None;
    known.body_bytes = ready.length();
    let store = Store::Given(client);
    let locations = send(job, prepared, store, &ready, &known, &mut sending).await;
    told::sent_more(report, sending);
    let locations = locations?;
    unchanged(job, &prepared.source).await?;
    told::deletions_stored(report);
    delta.sent(Some(items), Part::Deletions)?;
    if let Some(ledger) = job.ledger {
        known.counts = report.counts;
        ledger.use_approval()?;
        ledger.importing(&known)?;
    }
    let settings = decide::import_spec(job.pipeline, Deletion::NotAsked);
    let before = report.import.take();
    let mut import = asked(&settings);
    import.trace_ids = before.map(|import| import.trace_ids).unwrap_or_default();
    report.import = Some(import);
    let ticket = match client.import(&locations, &settings).await {
        Ok(ticket) => ticket,
        Err(error) => {
            let error = RunError::from(error);
            if error.outcome() != Outcome::Unknown {
                delta.not_begun(Part::Deletions);
            }
            return Err(error);
        }
    };
    let ticket = waited(job, client, ticket, report).await?;
    take_deletions(job, delta, client, &ticket, report).await
}

/// The body that names who is deleted, and its items.
async fn written(
    job: &Job<'_>,
    delta: &Delta,
    prepared: &Prepared,
    places: &[u32],
) -> Result<(Ready, Writer), RunError> {
    let (Some(diff), Some(store)) = (prepared.engine.diff(), delta.baseline.store.as_ref()) else {
        return Err(RunError::Defect("deletions without a store"));
    };
    let place = &delta.baseline.place;
    let failed = |error| StoreError::read(place.folder())(error);
    let head = Head {
        full_at: 0,
        ..diff.head()
    };
    let mut items = delta.begin_deletions(head)?;
    let nothing = vec![0; diff.columns.len()];
    let mut name = Vec::new();
    json_escape_simd::escape_into(&**diff.key_name(), &mut name);
    let mut pieces: Vec<Vec<u8>> = vec![b"[".to_vec()];
    for (nth, &at) in places.iter().enumerate() {
        if nth % 1024 == 0 {
            pieces.push(Vec::new());
        }
        let key = store.key(at, place.key()).map_err(failed)?;
        let Some((kind, key)) = key.as_deref().and_then(<[u8]>::split_first) else {
            return Err(failed(io::Error::other("a key in it does not open")).into());
        };
        if let Some(out) = pieces.last_mut() {
            out.extend_from_slice(if nth == 0 { b"\n" } else { b",\n" });
            out.extend_from_slice(format!("{{\"{ACTION}\":\"delete\",").as_bytes());
            out.extend_from_slice(&name);
            out.push(b':');
            match *kind {
                TEXT => json_escape_simd::escape_into(String::from_utf8_lossy(key).as_ref(), out),
                _ => out.extend_from_slice(key),
            }
            out.push(b'}');
        }
        let written = items.push(What::Delete, (store.person(at), 0), &nothing, &[]);
        written.map_err(StoreError::write(place.folder()))?;
    }
    pieces.push(b"\n]\n".to_vec());
    let body = stream::iter(
        pieces
            .into_iter()
            .map(|piece| Ok::<_, BodyError>(piece.into())),
    );
    let mut body = encoded(job, body.boxed());
    let mut spool = SpoolWriter::create(None).await?;
    while let Some(piece) = body.try_next().await? {
        spool.write(piece).await?;
    }
    let spool = spool.finish().await?;
    Ok((Ready::Spooled { spool }, items))
}

/// Fetches the results of deletions and takes them in. They have no lines.
///
/// # Errors
/// Results that can't be read.
pub(super) async fn take_deletions(
    job: &Job<'_>,
    delta: &Delta,
    client: &Client,
    ticket: &Ticket,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let began = Instant::now();
    job.progress.begin(Phase::Results, None);
    let mut told = delta.told(Part::Deletions)?;
    let mut results = client.results(ticket, result_key(job.pipeline), job.pipeline.limits.result);
    let (mut accepted, mut failed) = (0, 0);
    let mut why = None;
    while let Some(result) = results.try_next().await.map_err(RunError::Results)? {
        if accepted + failed == report.counts.deletes {
            // More than was asked for tells nothing.
            break;
        }
        match result.ok {
            true => accepted += 1,
            false => {
                failed += 1;
                why = why.or_else(|| result.errors.first().map(ToString::to_string));
            }
        }
        if let Some(told) = &mut told {
            delta.see(told, &result, job);
        }
    }
    *report.seconds.results.get_or_insert_default() += began.elapsed();
    report.counts.accepted += accepted;
    report.counts.failed += failed;
    report.counts.unprocessed = report.counts.unprocessed.saturating_sub(accepted + failed);
    if failed > 0 {
        let why = why
            .map(|why| format!(", for the first: {why}"))
            .unwrap_or_default();
        report.warnings.push(format!(
            "the server refused {}{why}; who is still gone is deleted the next time",
            counted(failed, "deletion")
        ));
    }
    if let Some(told) = told {
        delta.settle(told, Part::Deletions, job, report);
    }
    Ok(())
}
