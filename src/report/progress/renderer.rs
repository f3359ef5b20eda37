//! What draws the progress.

use std::time::Duration;

use crate::report::phase::{Counts, Phase};

/// Draws one phase after another. Times count from the start of the run.
pub(super) trait Renderer: Send {
    fn begin(&mut self, now: Duration, phase: Phase, total_bytes: Option<u64>);
    fn note(&mut self, text: &str);
    fn tick(&mut self, now: Duration, counts: &Counts);
    fn end(&mut self, now: Duration, counts: &Counts);
}

/// Draws nothing.
pub(super) struct Nothing;

impl Renderer for Nothing {
    fn begin(&mut self, _: Duration, _: Phase, _: Option<u64>) {}
    fn note(&mut self, _: &str) {}
    fn tick(&mut self, _: Duration, _: &Counts) {}
    fn end(&mut self, _: Duration, _: &Counts) {}
}

/// Bytes a second.
pub(super) fn per_second(bytes: u64, span: Duration) -> f64 {
    bytes as f64 / span.as_secs_f64()
}
