//! One pass straight through, for storages that take a body of unknown length.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::oneshot;

use super::decide::{Basis, Judged, decide};
use super::drift::{Drift, Found};
use super::pass::begin_items;
use super::prepare::{First, Prepared};
use super::put::{Put, Sending, Store, encoded, put};
use super::survey::{Settled, Survey};
use super::surveyed::{Facts, Surveyed};
use super::{Job, RunError};
use crate::config::Pipeline;
use crate::drift::sample::Sample;
use crate::engine::body::{self, Body, Slot};
use crate::engine::order::process_with_rejects;
use crate::engine::process::Processed;
use crate::orgvue::Locations;
use crate::report::progress::Phase;
use crate::state::ledger::Known;
use crate::upload::put::PutError;

/// What a pass straight through found out, however far it came.
pub(super) struct Passed {
    pub facts: Facts,
    pub judged: Judged,
    pub drifted: Found,
    pub sample: Sample,
    /// What comes next, unless nothing was left to send.
    pub ended: Result<Option<(Surveyed, Locations)>, RunError>,
}

/// Surveys and sends at once. Nothing comes of it where no row is left to send, which shows only at the end: the
/// upload is cut off then.
///
/// # Errors
/// What ends the run before the pass has begun.
pub(super) async fn send_straight(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    store: Store<'_>,
    sending: &mut Sending,
) -> Result<Passed, RunError> {
    job.progress.begin(Phase::Upload, None);
    let slot = Slot::default();
    let rejects = first.rejects.writer();
    let (give_back, given_back) = oneshot::channel();
    let body = Straight {
        pipeline: job.pipeline.clone(),
        basis: job.basis.clone(),
        survey: Some(
            prepared
                .begin_survey(first.rejects)
                .with_items(begin_items(job, prepared)?),
        ),
        judged: Judged::default(),
        drift: job.drift.clone(),
        drifted: Found::default(),
        give_back: Some(give_back),
    };
    let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
    let processed = process_with_rejects(first.blocks, source, engine, rejects, false, job.workers);
    let body = body::stream(processed, body, slot.clone()).boxed();
    if let Some(ledger) = job.ledger {
        ledger.uploading(&prepared.source, &Known::default())?;
    }
    let sent = put(job, store, None, encoded(job, body), None, sending).await;
    // The body is gone by now, or goes with the connection.
    let Ok((mut survey, judged, drifted)) = given_back.await else {
        return Err(sent
            .err()
            .unwrap_or(RunError::Defect("the survey was lost with the upload")));
    };
    let facts = survey.facts();
    let sample = std::mem::take(&mut survey.sample);
    let ended = ended(sent, body::taken(&slot), survey);
    Ok(Passed {
        facts,
        judged,
        drifted,
        sample,
        ended,
    })
}

fn ended(
    sent: Result<Put, RunError>,
    own: Option<RunError>,
    survey: Survey,
) -> Result<Option<(Surveyed, Locations)>, RunError> {
    match (sent, own) {
        (_, Some(RunError::NothingLeft)) => {
            survey.finish()?.rejects.finish()?;
            Ok(None)
        }
        (_, Some(own)) => Err(own),
        (Err(error), None) => Err(error),
        (Ok(Put::Stored(locations)), None) => Ok(Some((survey.finish()?, locations))),
        (Ok(Put::Failed(error, _)), None) => Err(match error {
            PutError::Refused {
                status: 411 | 501, ..
            } => RunError::NotChunked(error),
            error => error.into(),
        }),
    }
}

/// A survey whose body is sent while it is made; the guards decide at its end. What it found is given back when the
/// body goes, whoever lets go of it.
struct Straight {
    pipeline: Pipeline,
    basis: Basis,
    survey: Option<Survey>,
    judged: Judged,
    drift: Option<Arc<Drift>>,
    drifted: Found,
    give_back: Option<oneshot::Sender<(Survey, Judged, Found)>>,
}

impl Body for Straight {
    type Error = RunError;

    fn header(&mut self) -> Bytes {
        self.survey
            .as_mut()
            .map(|survey| survey.assembly.header())
            .unwrap_or_default()
    }

    fn absorb(&mut self, processed: Processed) -> Result<Bytes, RunError> {
        match &mut self.survey {
            Some(survey) => survey.absorb(processed),
            None => Err(RunError::Defect("a body went on after its end")),
        }
    }

    fn finish(&mut self) -> Result<Bytes, RunError> {
        let Some(survey) = &mut self.survey else {
            return Err(RunError::Defect("a body ended twice"));
        };
        // The pipeline file was refused, were there rules whose verdicts can be late.
        if survey.settle()? == Settled::Again {
            return Err(RunError::Late);
        }
        survey.tell_hierarchies();
        let footer = survey.assembly.footer();
        let (judged, verdict) = decide(&self.pipeline, &self.basis, survey, true);
        self.judged = judged;
        verdict?;
        if let Some(drift) = &self.drift {
            self.drifted = drift.rows(&self.pipeline, survey);
            self.drifted.verdict(&self.pipeline, true)?;
        }
        match survey.good {
            0 => Err(RunError::NothingLeft),
            _ => Ok(footer),
        }
    }
}

impl Drop for Straight {
    fn drop(&mut self) {
        if let (Some(survey), Some(give_back)) = (self.survey.take(), self.give_back.take()) {
            let judged = std::mem::take(&mut self.judged);
            let drifted = std::mem::take(&mut self.drifted);
            // Where nobody waits for it, the run is over.
            let _ = give_back.send((survey, judged, drifted));
        }
    }
}
