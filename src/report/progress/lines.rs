//! Progress as plain lines.

use std::io::Write;
use std::time::Duration;

use super::renderer::{Renderer, per_second};
use crate::report::human;
use crate::report::phase::{Counts, Phase};

/// Plain lines.
pub(super) struct Lines<W> {
    out: W,
    phase: Phase,
    total: Option<u64>,
    note: String,
    began: Duration,
    /// When the last line was written, and the phase's bytes then.
    last: (Duration, u64),
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Lines<W> {
        Lines {
            out,
            phase: Phase::Survey,
            total: None,
            note: String::new(),
            began: Duration::ZERO,
            last: (Duration::ZERO, 0),
        }
    }

    /// A line that can't be written is no reason to end a run.
    fn line(&mut self, parts: &[String]) {
        let text = format!("{:<8}{}\n", self.phase.name(), parts.join("  "));
        let _ = self.out.write_all(text.as_bytes());
    }

    fn rows(counts: &Counts) -> Option<String> {
        (counts.rows > 0).then(|| human::counted(counts.rows, "row"))
    }
}

impl<W: Write + Send> Renderer for Lines<W> {
    fn begin(&mut self, now: Duration, phase: Phase, total_bytes: Option<u64>) {
        self.phase = phase;
        self.total = total_bytes;
        self.note.clear();
        self.began = now;
        self.last = (now, 0);
    }

    fn note(&mut self, text: &str) {
        text.clone_into(&mut self.note);
    }

    fn tick(&mut self, now: Duration, counts: &Counts) {
        let bytes = self.phase.bytes(counts);
        let mut parts = Vec::from_iter(Self::rows(counts));
        if bytes > 0 || self.total.is_some() {
            parts.push(match self.total {
                Some(total) if total > 0 => {
                    let percent = (u128::from(bytes) * 100 / u128::from(total)).min(100);
                    let (bytes, total) = (human::bytes(bytes), human::bytes(total));
                    format!("{bytes} of {total} ({percent}%)")
                }
                _ => human::bytes(bytes),
            });
            // The rate is that of the last seconds, so that a stall shows; what is left is told by
            // the phase's mean, so that it does not jump.
            let (then, before) = self.last;
            let window = now.saturating_sub(then);
            parts.push(human::rate(per_second(
                bytes.saturating_sub(before),
                window,
            )));
            let mean = per_second(bytes, now.saturating_sub(self.began));
            if let Some(total) = self.total
                && bytes < total
                && let Ok(left) = Duration::try_from_secs_f64((total - bytes) as f64 / mean)
            {
                parts.push(format!("{} left", human::time(left)));
            }
            self.last = (now, bytes);
        } else {
            parts.push(human::time(now.saturating_sub(self.began)));
        }
        if !self.note.is_empty() {
            parts.push(self.note.clone());
        }
        self.line(&parts);
    }

    fn end(&mut self, now: Duration, counts: &Counts) {
        let bytes = self.phase.bytes(counts);
        let took = now.saturating_sub(self.began);
        let mut parts = Vec::from_iter(Self::rows(counts));
        if bytes > 0 {
            parts.push(human::bytes(bytes));
        }
        parts.push(format!("in {}", human::time(took)));
        if bytes > 0 {
            parts.push(human::rate(per_second(bytes, took)));
        }
        if !self.note.is_empty() {
            parts.push(self.note.clone());
        }
        self.line(&parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::progress::tests::{SECOND, counts};

    /// What `steps` make of a renderer of lines.
    fn lines(steps: impl FnOnce(&mut Lines<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        steps(&mut Lines::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_run_in_lines() {
        let mb = 1_000_000;
        let text = lines(|l| {
            l.begin(SECOND, Phase::Survey, Some(400 * mb));
            l.tick(6 * SECOND, &counts(600_000, 100 * mb, 0));
            l.tick(11 * SECOND, &counts(600_000, 100 * mb, 0));
            l.end(13 * SECOND, &counts(2_400_000, 400 * mb, 0));
            l.begin(13 * SECOND, Phase::Upload, Some(360 * mb));
            l.tick(18 * SECOND, &counts(0, 0, 0));
            l.tick(23 * SECOND, &counts(1_000_000, 200 * mb, 180 * mb));
            l.end(28 * SECOND, &counts(2_400_000, 400 * mb, 360 * mb));
            l.begin(28 * SECOND, Phase::Wait, None);
            l.note("running");
            l.tick(153 * SECOND, &Counts::default());
            l.note("completed");
            l.end(200 * SECOND, &Counts::default());
            l.begin(200 * SECOND, Phase::Results, None);
            l.tick(205 * SECOND, &counts(1, 50 * mb, 0));
            l.end(205 * SECOND, &counts(1, 50 * mb, 0));
        });
        insta::assert_snapshot!(text, @r"
        survey  600,000 rows  100.0 MB of 400.0 MB (25%)  20.0 MB/s  15.0 s left
        survey  600,000 rows  100.0 MB of 400.0 MB (25%)  0 B/s  30.0 s left
        survey  2,400,000 rows  400.0 MB  in 12.0 s  33.3 MB/s
        upload  0 B of 360.0 MB (0%)  0 B/s
        upload  1,000,000 rows  180.0 MB of 360.0 MB (50%)  36.0 MB/s  10.0 s left
        upload  2,400,000 rows  360.0 MB  in 15.0 s  24.0 MB/s
        wait    2m 05s  running
        wait    in 2m 52s  completed
        results 1 row  50.0 MB  10.0 MB/s
        results 1 row  50.0 MB  in 5.0 s  10.0 MB/s
        ");
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let text = lines(|l| {
            l.begin(Duration::ZERO, Phase::Survey, Some(0));
            l.tick(Duration::ZERO, &Counts::default());
            l.tick(Duration::ZERO, &counts(u64::MAX, u64::MAX, 0));
            l.begin(SECOND, Phase::Upload, Some(10));
            l.tick(Duration::ZERO, &counts(0, 0, u64::MAX));
            l.begin(Duration::ZERO, Phase::Survey, Some(u64::MAX));
            l.tick(Duration::MAX, &counts(0, 1, 0));
            l.end(Duration::ZERO, &Counts::default());
        });
        assert_eq!(text.lines().count(), 5, "{text}");
    }
}
