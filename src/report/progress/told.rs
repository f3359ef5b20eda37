//! Progress as events.

use std::time::Duration;

use super::renderer::{Renderer, per_second};
use crate::report::events::{self, State};
use crate::report::phase::{Counts, Phase};
use crate::report::run::thousandths;

/// Events.
pub(super) struct Told {
    phase: Phase,
    total: Option<u64>,
    note: String,
    began: Duration,
    /// When the last heartbeat was, and the counts then.
    last: (Duration, Counts),
}

impl Default for Told {
    fn default() -> Told {
        Told {
            phase: Phase::Survey,
            total: None,
            note: String::new(),
            began: Duration::ZERO,
            last: Default::default(),
        }
    }
}

impl Renderer for Told {
    fn begin(&mut self, now: Duration, phase: Phase, total_bytes: Option<u64>) {
        *self = Told {
            phase,
            total: total_bytes,
            note: String::new(),
            began: now,
            last: (now, Counts::default()),
        };
        events::put(&events::Event::Step {
            step: phase.name(),
            state: State::Began,
            rows: None,
            bytes: None,
            seconds: None,
        });
    }

    fn note(&mut self, text: &str) {
        text.clone_into(&mut self.note);
    }

    fn tick(&mut self, now: Duration, counts: &Counts) {
        let (then, before) = std::mem::replace(&mut self.last, (now, *counts));
        let window = now.saturating_sub(then);
        let bytes = self.phase.bytes(counts);
        let more = |now: u64, before: u64| tenths(per_second(now.saturating_sub(before), window));
        events::put(&events::Event::Heartbeat {
            step: self.phase.name(),
            rows: counts.rows,
            bytes,
            of_bytes: self.total,
            rows_per_second: more(counts.rows, before.rows),
            bytes_per_second: more(bytes, self.phase.bytes(&before)),
            note: (!self.note.is_empty()).then_some(&*self.note),
        });
    }

    fn end(&mut self, now: Duration, counts: &Counts) {
        let took = now.saturating_sub(self.began);
        events::put(&events::Event::Step {
            step: self.phase.name(),
            state: State::Ended,
            rows: Some(counts.rows),
            bytes: Some(self.phase.bytes(counts)),
            seconds: Some(thousandths(took.as_secs_f64())),
        });
    }
}

/// A rate with one digit behind the point, which is more than anybody reads.
fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}
