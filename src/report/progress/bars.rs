//! Progress as bars.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::renderer::Renderer;
use crate::report::human;
use crate::report::phase::{Counts, Phase};

/// One bar a phase, by indicatif. Ended phases stay on the screen.
pub(super) struct Bars {
    multi: MultiProgress,
    bar: ProgressBar,
    phase: Phase,
    note: String,
}

impl Bars {
    pub(super) fn new(multi: MultiProgress) -> Bars {
        Bars {
            multi,
            bar: ProgressBar::hidden(),
            phase: Phase::Survey,
            note: String::new(),
        }
    }

    fn show(&self, counts: &Counts) {
        let mut message = match counts.rows {
            0 => String::new(),
            rows => human::counted(rows, "row"),
        };
        if !self.note.is_empty() {
            if !message.is_empty() {
                message.push_str(", ");
            }
            message.push_str(&self.note);
        }
        self.bar.set_message(message);
        self.bar.set_position(self.phase.bytes(counts));
        self.bar.tick();
    }
}

impl Renderer for Bars {
    fn begin(&mut self, _: Duration, phase: Phase, total_bytes: Option<u64>) {
        let (bar, template) = match (phase, total_bytes) {
            (Phase::Wait, _) => (
                ProgressBar::no_length(),
                "{prefix:<8}{spinner} {elapsed}  {wide_msg}",
            ),
            (_, None) => (
                ProgressBar::no_length(),
                "{prefix:<8}{spinner} {decimal_bytes}  {decimal_bytes_per_sec}  {elapsed}  {wide_msg}",
            ),
            (_, Some(total)) => (
                ProgressBar::new(total),
                "{prefix:<8}[{bar:30}] {decimal_bytes} of {decimal_total_bytes}  \
                 {decimal_bytes_per_sec}  {eta} left  {wide_msg}",
            ),
        };
        self.phase = phase;
        self.note.clear();
        self.bar = self.multi.add(bar);
        self.bar.set_style(style(template));
        self.bar.set_prefix(phase.name());
    }

    fn note(&mut self, text: &str) {
        text.clone_into(&mut self.note);
    }

    fn tick(&mut self, _: Duration, counts: &Counts) {
        self.show(counts);
    }

    fn end(&mut self, _: Duration, counts: &Counts) {
        if self.bar.length().is_some() {
            // Nothing is left of what is over, whether it came to its end or not.
            self.bar.set_style(style(ENDED));
        }
        self.show(counts);
        self.bar.abandon();
    }
}

/// A bar of known length whose phase is over.
const ENDED: &str = "{prefix:<8}[{bar:30}] {decimal_bytes} of {decimal_total_bytes}  \
                     {decimal_bytes_per_sec}  {wide_msg}";

/// What does not fit is cut: a line that wraps could not be redrawn in place.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::progress::tests::{SECOND, counts};

    #[test]
    fn bars_are_drawn() {
        let multi = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden());
        let mut bars = Bars::new(multi);
        bars.begin(SECOND, Phase::Upload, Some(100));
        bars.note("attempt 2");
        bars.tick(SECOND, &counts(3, 0, 40));
        assert_eq!(bars.bar.position(), 40);
        assert_eq!(bars.bar.message(), "3 rows, attempt 2");
        bars.end(SECOND, &counts(4, 0, 100));
        assert!(bars.bar.is_finished());
    }

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<Vec<String>>>);

    impl indicatif::TermLike for Written {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_that_was_interrupted_does_not_say_what_is_left() {
        let written = Written::default();
        let target = indicatif::ProgressDrawTarget::term_like(Box::new(written.clone()));
        let mut bars = Bars::new(MultiProgress::with_draw_target(target));
        let last = || {
            let lines = written.0.lock().unwrap();
            let bar = |line: &&String| line.starts_with("upload");
            lines.iter().rfind(bar).cloned().unwrap()
        };
        bars.begin(Duration::ZERO, Phase::Upload, Some(10_000));
        bars.tick(SECOND, &counts(0, 0, 4_000));
        assert!(last().contains(" left"), "{}", last());
        bars.end(2 * SECOND, &counts(0, 0, 5_000));
        assert!(last().contains("5.00 kB of 10.00 kB"), "{}", last());
        assert!(!last().contains(" left"), "{}", last());
    }
}
