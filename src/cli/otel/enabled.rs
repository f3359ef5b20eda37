//! What is told of a command to whoever watches it.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use tracing_subscriber::{Layer, Registry};

use super::heard::{Heard, Listener, targets};
use super::send::{Kept, Unsent, context, send};
use super::settings::Signal;
use super::trace::{Trace, count, text};
use crate::cli::Exit;
use crate::config::process_env;
use crate::guard::Decision;
use crate::report::run::{Measure, RunReport};

/// How long whoever has stopped a command waits for it, and no longer.
const IN_A_HURRY: Duration = Duration::from_secs(2);

/// The command that is watched: the process has one.
static WATCHED: OnceLock<Mutex<Watched>> = OnceLock::new();

struct Watched {
    /// Where traces are wanted.
    trace: Option<(Trace, Kept)>,
    /// Where metrics are wanted.
    measures: Option<Vec<Measure>>,
}

fn watched() -> Option<MutexGuard<'static, Watched>> {
    let watched = WATCHED.get()?;
    Some(watched.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Does something with the trace, where there is one.
fn with_trace(tell: impl FnOnce(&mut Trace)) {
    if let Some(mut watched) = watched()
        && let Some((trace, _)) = &mut watched.trace
    {
        tell(trace);
    }
}

/// A command begins that works on data. What comes back listens to the log.
pub(in crate::cli) fn start(
    command: &'static str,
) -> Option<impl Layer<Registry> + Send + Sync + use<>> {
    let wanted = |signal: Signal| signal.endpoint(process_env).is_some();
    let traces = wanted(Signal::Traces);
    let metrics = wanted(Signal::Metrics);
    if !traces && !metrics {
        return None;
    }
    let trace = traces.then(|| {
        let kept = Kept::default();
        (Trace::begin(kept.tracer(), command, &context()), kept)
    });
    let _ = WATCHED.set(Mutex::new(Watched {
        trace,
        measures: metrics.then(Vec::new),
    }));
    traces.then(|| Listener(heard).with_filter(targets()))
}

fn heard(heard: Heard) {
    with_trace(|trace| match heard {
        Heard::Began(step) => trace.begin_step(&step),
        Heard::Ended { rows, bytes } => trace.end_step(rows, bytes),
        Heard::Asked(request) => trace.request(request),
    });
}

/// Something is done with this pipeline.
pub(in crate::cli) fn with(pipeline: &str) {
    with_trace(|trace| trace.tell([text("rostream.pipeline", pipeline.to_owned())]));
}

/// One of several pipelines begins.
pub(in crate::cli) fn begin_part(pipeline: &str) {
    with_trace(|trace| trace.begin_part(pipeline));
}

/// One of several pipelines is over, with the code of an error where it did not end well.
pub(in crate::cli) fn end_part(exit: Exit, code: &'static str) {
    with_trace(|trace| trace.end_part(exit as u8, (!exit.is_well()).then_some(code)));
}

/// A run is over, or a part of one that sends nothing.
pub(in crate::cli) fn ran(
    report: &RunReport,
    mode: &'static str,
    dataset: Option<&str>,
    measures: Vec<Measure>,
) {
    let Some(mut watched) = watched() else {
        return;
    };
    if let Some(wanted) = &mut watched.measures {
        wanted.extend(measures);
    }
    if let Some((trace, _)) = &mut watched.trace {
        trace.tell(attributes(report, mode, dataset));
        let stopping = |decision| matches!(decision, Decision::Stopped | Decision::Withheld);
        for guard in report.guards.iter().filter(|g| stopping(g.decision)) {
            let mut told = vec![
                text("guard", guard.guard.clone()),
                text("limit", guard.limit.clone()),
                count("count", guard.count),
                KeyValue::new("exact", guard.exact),
                text("decision", word(&guard.decision)),
            ];
            told.extend(guard.of.map(|of| count("of", of)));
            trace.event("guard", told);
        }
        trace.over(report.error.as_ref().map(|error| error.code));
    }
}

/// What became of rows that went to standard output.
pub(in crate::cli) fn transformed(rows: &[(&'static str, u64)]) {
    with_trace(|trace| trace.tell(rows.iter().map(of_rows)));
}

/// The command is over, with the code of an error where it did not end well. Sends what is known of it, for as long as the
/// environment says, and gives the reason where that could not be done.
pub(in crate::cli) fn finish(exit: Exit, code: &'static str) -> Option<String> {
    let (trace, measures) = {
        let mut watched = watched()?;
        (watched.trace.take(), watched.measures.take())
    };
    let spans = trace.map(|(mut trace, kept)| {
        trace.end(exit as u8, (!exit.is_well()).then_some(code));
        kept.spans()
    });
    let patience = (exit == Exit::Interrupted).then_some(IN_A_HURRY);
    let Unsent(why) = send(spans, measures, patience)?;
    Some(format!("OpenTelemetry: {why}"))
}

/// What a span has of a run: its names, its counts and how it ended.
fn attributes(report: &RunReport, mode: &'static str, dataset: Option<&str>) -> Vec<KeyValue> {
    let mut told = vec![
        text("rostream.pipeline", report.pipeline.name.clone()),
        text("rostream.run_id", report.run_id.to_string()),
        text("rostream.target", report.target.to_owned()),
        text("rostream.mode", mode.to_owned()),
        text("rostream.outcome", word(&report.outcome)),
        count("rostream.bytes.source", report.bytes.source),
        count("rostream.bytes.sent", report.bytes.sent),
        count("rostream.warnings", report.warnings.len() as u64),
    ];
    told.extend(report.rows_by_outcome().iter().map(of_rows));
    let dataset = dataset.map(|dataset| text("rostream.dataset", dataset.to_owned()));
    let error = report.error.as_ref();
    let retryable = error.map(|error| KeyValue::new("rostream.retryable", error.retryable));
    let shard = report.shard.as_ref();
    let shard = shard.map(|part| text("rostream.shard", part.shard.to_string()));
    let upload = report.upload.as_ref();
    let attempts = upload.map(|upload| count("rostream.upload.attempts", upload.attempts.into()));
    let length = upload.map(|upload| text("rostream.upload.length", upload.length.clone()));
    told.extend(
        [dataset, retryable, shard, attempts, length]
            .into_iter()
            .flatten(),
    );
    told
}

fn of_rows((outcome, rows): &(&'static str, u64)) -> KeyValue {
    count(format!("rostream.rows.{outcome}"), *rows)
}

/// The word that the report has for it.
fn word(of: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(of).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
