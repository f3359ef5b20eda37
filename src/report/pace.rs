//! How a run got on: what each of its phases had done at some moments. However long it takes, there are few of them.

use std::time::Duration;

use serde::Serialize;

use super::phase::{Counts, Phase};

/// The most moments that are kept.
const MOST: usize = 100;

/// How far apart they are at first.
const FIRST: Duration = Duration::from_millis(50);

/// What a phase had done by then.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Moment {
    pub phase: &'static str,
    /// Since the first phase began, in seconds.
    pub at: f64,
    /// Rows of the phase up to then.
    pub rows: u64,
    /// Its bytes: of the upload those sent, else those read.
    pub bytes: u64,
}

/// Moments of a run, ever further apart as it goes on.
#[derive(Debug)]
pub(crate) struct Pace {
    began: Option<Duration>,
    phase: Option<Phase>,
    apart: Duration,
    next: Duration,
    /// Each with whether its phase ended then.
    moments: Vec<(Moment, bool)>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            began: None,
            phase: None,
            apart: FIRST,
            next: Duration::MAX,
            moments: Vec::new(),
        }
    }
}

impl Pace {
    /// When counts are to be looked at next, on the clock of whoever calls.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// A phase begins.
    pub(super) fn begin(&mut self, now: Duration, phase: Phase) {
        self.began.get_or_insert(now);
        self.phase = Some(phase);
        self.next = now.saturating_add(self.apart);
    }

    /// What the phase has done so far.
    pub(super) fn look(&mut self, now: Duration, counts: &Counts) {
        self.add(now, counts, false);
        self.next = now.saturating_add(self.apart);
    }

    /// The phase ends with these counts.
    pub(super) fn end(&mut self, now: Duration, counts: &Counts) {
        self.add(now, counts, true);
        self.phase = None;
        self.next = Duration::MAX;
    }

    /// The moments, in their order.
    pub(super) fn moments(&self) -> Vec<Moment> {
        self.moments.iter().map(|(moment, _)| *moment).collect()
    }

    fn add(&mut self, now: Duration, counts: &Counts, is_end: bool) {
        let Some(phase) = self.phase else { return };
        let since = now.saturating_sub(self.began.unwrap_or(now));
        let moment = Moment {
            phase: phase.name(),
            at: (since.as_secs_f64() * 1e3).round() / 1e3,
            rows: counts.rows,
            bytes: phase.bytes(counts),
        };
        if self.moments.len() >= MOST {
            self.thin_out();
        }
        if self.moments.len() < MOST {
            self.moments.push((moment, is_end));
        }
    }

    /// Takes every second moment away. Counts are those since the phase began, so that nothing of a rate is lost but
    /// how it changed in between.
    fn thin_out(&mut self) {
        let mut stays = false;
        self.moments.retain(|(_, is_end)| {
            stays = !stays;
            stays || *is_end
        });
        self.apart = self.apart.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(rows: u64) -> Counts {
        Counts {
            rows,
            bytes_in: rows * 10,
            bytes_sent: rows * 20,
        }
    }

    #[test]
    fn every_phase_has_its_end() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::default();
        assert_eq!(pace.next(), Duration::MAX);
        // What comes before the first phase is none of it.
        pace.look(second, &counts(9));
        pace.begin(5 * second, Phase::Survey);
        assert_eq!(pace.next(), 5 * second + FIRST);
        pace.look(6 * second, &counts(1));
        pace.end(7 * second, &counts(3));
        pace.begin(7 * second, Phase::Upload);
        pace.end(9 * second, &counts(2));
        let moment = |phase, at, rows, bytes| Moment {
            phase,
            at,
            rows,
            bytes,
        };
        let expected = [
            moment("survey", 1.0, 1, 10),
            moment("survey", 2.0, 3, 30),
            moment("upload", 4.0, 2, 40),
        ];
        assert_eq!(pace.moments(), expected);
    }

    proptest! {
        /// However long it takes: few moments, in order, from the beginning to the very end of each phase.
        #[test]
        fn however_long_it_takes(lengths in prop::collection::vec(0_u32..2_000, 1..8)) {
            let mut pace = Pace::default();
            let mut now = Duration::ZERO;
            for length in &lengths {
                pace.begin(now, Phase::Survey);
                let began = now;
                for _ in 0..*length {
                    now += FIRST / 2;
                    if now >= pace.next() {
                        pace.look(now, &counts((now - began).as_millis() as u64));
                    }
                }
                pace.end(now, &counts((now - began).as_millis() as u64));
            }
            let moments = pace.moments();
            prop_assert!(moments.len() <= MOST);
            prop_assert!(moments.is_sorted_by(|a, b| a.at <= b.at));
            prop_assert!(pace.moments.iter().filter(|(_, is_end)| *is_end).count() == lengths.len());
            let last = moments.last().map(|moment| moment.at);
            prop_assert_eq!(last, Some(now.as_millis() as f64 / 1e3));
        }
    }
}
