//! OpenTelemetry in a build without the feature `otel`: the same face, and nothing is sent. Whoever sets the environment
//! of a whole cluster need not mean this program, so that no more than a line of the log says so.

use tracing_subscriber::layer::Identity;

use super::settings::Signal;
use crate::cli::Exit;
use crate::config::process_env;
use crate::report::run::{Measure, RunReport};

/// Nothing listens to the log.
pub(in crate::cli) fn start(_: &'static str) -> Option<Identity> {
    None
}

pub(in crate::cli) fn with(_: &str) {}

pub(in crate::cli) fn begin_part(_: &str) {}

pub(in crate::cli) fn end_part(_: Exit, _: &'static str) {}

pub(in crate::cli) fn ran(_: &RunReport, _: &'static str, _: Option<&str>, _: Vec<Measure>) {}

pub(in crate::cli) fn transformed(_: &[(&'static str, u64)]) {}

/// Says where something was to be sent.
pub(in crate::cli) fn finish(_: Exit, _: &'static str) -> Option<String> {
    let mut signals = [Signal::Traces, Signal::Metrics].into_iter();
    if let Some((variable, _)) = signals.find_map(|signal| signal.endpoint(process_env)) {
        tracing::info!(
            "{variable} is set, and this build of rostream has no OpenTelemetry, so that no traces and metrics are sent; \
             build it with `--features otel`"
        );
    }
    None
}
