//! The second pass: the body to the storage, as many times as the pipeline allows.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::prepare::Prepared;
use super::put::{Put, Sending, Store, put};
use super::{Job, RunError};
use crate::engine::blocks::Blocks;
use crate::engine::body::{self, Amended, Digest, Resend, Slot};
use crate::engine::order::{again, process_known};
use crate::engine::written::WrittenRows;
use crate::http::retry::{Failure, pause, pauses};
use crate::orgvue::Locations;
use crate::orgvue::retry::{Step, Verdict, verdict};
use crate::report::progress::Phase;
use crate::state::ledger::Known;
use crate::text::chain;
use crate::upload::body::BodyError;
use crate::upload::put::PutError;
use crate::upload::spool::Spool;

/// A body that is ready to be sent as often as it takes.
pub(super) enum Ready {
    /// Made again from the source.
    Measured {
        digest: Digest,
        amended: Arc<Amended>,
        /// The rows that were written; of a difference, which is asked once more, nothing.
        rows: Option<Arc<WrittenRows>>,
    },
    /// Written down.
    Spooled { spool: Spool },
}

impl Ready {
    pub(super) fn length(&self) -> u64 {
        match self {
            Ready::Measured { digest, .. } => digest.length,
            Ready::Spooled { spool } => spool.length(),
        }
    }
}

/// Sends a body: each attempt with a fresh pair of addresses.
///
/// # Errors
/// A storage that does not take it, a source that has changed, a ledger that can't be kept.
pub(super) async fn send(
    job: &Job<'_>,
    prepared: &Prepared,
    store: Store<'_>,
    ready: &Ready,
    known: &Known,
    sending: &mut Sending,
) -> Result<Locations, RunError> {
    let mut pauses = pauses();
    let length = ready.length();
    job.progress.begin(Phase::Upload, Some(length));
    let mut attempt = 1;
    let mut rate = None;
    loop {
        let slot = Slot::default();
        let body: BoxStream<'static, Result<Bytes, BodyError>> = match ready {
            Ready::Spooled { spool } => spool.read().boxed(),
            Ready::Measured {
                digest,
                amended,
                rows,
            } => {
                let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
                let blocks = Blocks::open(source.clone(), prepared.reading.clone()).await?;
                let resend = Resend::new(&engine, *digest, amended.clone());
                let processed = match rows.clone() {
                    Some(rows) => again(blocks, source, engine, rows, job.workers).boxed(),
                    None => process_known(blocks, source, engine, job.workers).boxed(),
                };
                body::stream(processed, resend, slot.clone()).boxed()
            }
        };
        if let Some(ledger) = job.ledger {
            ledger.uploading(&prepared.source, known)?;
        }
        let error = match put(job, store, Some(length), body, rate, sending).await? {
            Put::Stored(locations) => return Ok(locations),
            Put::Failed(error, measured) => {
                rate = measured;
                error
            }
        };
        if let Some(own) = body::taken(&slot) {
            return Err(own.into());
        }
        // An address of the user's own is the same every time.
        let of_address = matches!(
            error,
            PutError::Expired { .. } | PutError::Refused { status: 403, .. }
        );
        let again = verdict(Step::Put, error.outcome()) == Verdict::RetryFreshUrl
            && !(of_address && matches!(store, Store::Own(_)));
        if !again || attempt >= job.pipeline.upload.attempts {
            return Err(error.into());
        }
        let pause = pause(pauses.next().unwrap_or_default(), &error);
        tracing::warn!(
            attempt,
            pause_s = pause.as_secs_f32(),
            "the upload failed and is being retried: {}",
            chain(&error)
        );
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}
