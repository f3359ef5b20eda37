//! What a person sees while a run goes on: bars on a terminal, plain lines elsewhere, or nothing.
//!
//! The engine only adds to counters. One thread of the progress's own looks at them now and then and
//! draws, so that no worker ever waits for a terminal; it ends with [`Progress::finish`], or with the
//! last handle. Everything goes to standard error.
#![expect(
    clippy::disallowed_methods,
    reason = "the progress owns the terminal's last lines, through which the log must go"
)]

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::events::{self, State};
use super::human;
use super::pace::{Moment, Pace};
use super::phase::Counts;
pub(crate) use super::phase::Phase;
use super::run::thousandths;
use crate::text::shown::shown;

/// How often bars are drawn: often enough to look alive.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// How often a plain line is written: a log of a long run stays readable.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How often nothing is drawn.
const NEVER: Duration = Duration::from_secs(60 * 60);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One bar a phase, redrawn in place.
    Bars,
    /// A line every five seconds, and one at the end of each phase.
    Lines,
    /// An event where a phase begins and ends, and one every so often in between.
    Events(Duration),
    /// Nothing.
    Silent,
}

impl Mode {
    /// Bars where standard error is a terminal, else lines; nothing where nothing is `wanted`.
    pub(crate) fn detect(wanted: bool) -> Mode {
        match wanted {
            false => Mode::Silent,
            true if io::stderr().is_terminal() => Mode::Bars,
            true => Mode::Lines,
        }
    }
}

#[derive(Default)]
struct Counters {
    rows: AtomicU64,
    bytes_in: AtomicU64,
    bytes_sent: AtomicU64,
}

impl Counters {
    fn read(&self) -> Counts {
        Counts {
            rows: self.rows.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
        }
    }

    fn take(&self) -> Counts {
        Counts {
            rows: self.rows.swap(0, Relaxed),
            bytes_in: self.bytes_in.swap(0, Relaxed),
            bytes_sent: self.bytes_sent.swap(0, Relaxed),
        }
    }
}

enum Event {
    /// The phase before this one ended with these counts.
    Begin(Phase, Option<u64>, Counts),
    Note(String),
    Finish(Counts),
}

/// A handle on the progress of one run; clones share it.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Inner>);

struct Inner {
    counters: Arc<Counters>,
    pace: Arc<Mutex<Pace>>,
    events: Sender<Event>,
    thread: Mutex<Option<JoinHandle<()>>>,
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Starts showing progress; nothing is drawn before the first [`Progress::begin`].
    pub(crate) fn start(mode: Mode) -> Progress {
        match mode {
            Mode::Silent => Progress::with_renderer(Box::new(Nothing), NEVER, None),
            Mode::Events(every) => Progress::with_renderer(Box::<Told>::default(), every, None),
            Mode::Lines => {
                let lines = Lines::new(io::stderr());
                Progress::with_renderer(Box::new(lines), LINE_INTERVAL, None)
            }
            Mode::Bars => {
                let multi = MultiProgress::new();
                let bars = Bars::new(multi.clone());
                Progress::with_renderer(Box::new(bars), BAR_INTERVAL, Some(multi))
            }
        }
    }

    /// Progress that counts, and neither shows nor remembers anything.
    pub(crate) fn silent() -> Progress {
        Progress(Arc::new(Inner {
            counters: Arc::default(),
            pace: Arc::default(),
            events: mpsc::channel().0,
            thread: Mutex::new(None),
            bars: None,
        }))
    }

    fn with_renderer(
        renderer: Box<dyn Renderer>,
        interval: Duration,
        bars: Option<MultiProgress>,
    ) -> Progress {
        let (events, inbox) = mpsc::channel();
        let counters = Arc::new(Counters::default());
        let pace: Arc<Mutex<Pace>> = Arc::default();
        let (seen, kept) = (counters.clone(), pace.clone());
        let thread = std::thread::Builder::new()
            .name("progress".into())
            .spawn(move || draw(renderer, interval, &inbox, (&seen, &kept)));
        Progress(Arc::new(Inner {
            counters,
            pace,
            events,
            // A run without progress is better than no run.
            thread: Mutex::new(thread.ok()),
            bars,
        }))
    }

    /// Begins a phase, which ends the one before, and sets the counters to zero. `total_bytes` is how
    /// many bytes the phase will count, where that is known.
    pub(crate) fn begin(&self, phase: Phase, total_bytes: Option<u64>) {
        let ended = self.0.counters.take();
        self.0.send(Event::Begin(phase, total_bytes, ended));
    }

    /// Says what the phase is doing, in a word or two: the state of the job that is waited for.
    pub(crate) fn note(&self, text: &str) {
        self.0.send(Event::Note(shown(text).into_owned()));
    }

    /// Counts rows.
    #[inline]
    pub(crate) fn add_rows(&self, rows: u64) {
        self.0.counters.rows.fetch_add(rows, Relaxed);
    }

    /// Counts bytes read.
    #[inline]
    pub(crate) fn add_bytes_in(&self, bytes: u64) {
        self.0.counters.bytes_in.fetch_add(bytes, Relaxed);
    }

    /// Counts bytes sent.
    #[inline]
    pub(crate) fn add_bytes_sent(&self, bytes: u64) {
        self.0.counters.bytes_sent.fetch_add(bytes, Relaxed);
    }

    /// Ends the last phase and the drawing. Counting goes on and does no harm; a second call does
    /// nothing.
    pub(crate) fn finish(&self) {
        self.0.finish();
    }

    /// What the phases had done at some moments, once they are [finished](Progress::finish).
    pub(crate) fn pace(&self) -> Vec<Moment> {
        let pace = self.0.pace.lock();
        pace.unwrap_or_else(PoisonError::into_inner).moments()
    }

    /// Writes to standard error, for log lines, so that they stand above the bars and not across them. What of a line
    /// comes from outside is written as it may be shown.
    pub(crate) fn log_writer(&self) -> LogWriter {
        LogWriter {
            bars: self.0.bars.clone(),
        }
    }
}

impl Inner {
    fn send(&self, event: Event) {
        // Nobody listens when nothing is shown.
        let _ = self.events.send(event);
    }

    fn finish(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            self.send(Event::Finish(self.counters.read()));
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Standard error, shared with the bars, a line at a time.
#[derive(Clone)]
pub(crate) struct LogWriter {
    bars: Option<MultiProgress>,
}

impl LogWriter {
    fn line(&self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
        let mut line = shown(&text).into_owned();
        line.push('\n');
        line
    }
}

impl Write for LogWriter {
    /// Takes one line, as the log's formatter hands it over.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let line = self.line(buf);
        let write = || io::stderr().write_all(line.as_bytes());
        match &self.bars {
            Some(bars) => bars.suspend(write)?,
            None => write()?,
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The thread's work: draw at every interval, and whenever a phase begins or ends, and take moments down.
fn draw(
    mut renderer: Box<dyn Renderer>,
    interval: Duration,
    inbox: &Receiver<Event>,
    (counters, pace): (&Counters, &Mutex<Pace>),
) {
    let start = Instant::now();
    let pace = || pace.lock().unwrap_or_else(PoisonError::into_inner);
    let mut next = interval;
    let mut drawing = false;
    loop {
        let due = next.min(pace().next());
        let event = inbox.recv_timeout(due.saturating_sub(start.elapsed()));
        let now = start.elapsed();
        match event {
            Ok(Event::Begin(phase, total, ended)) => {
                if drawing {
                    renderer.end(now, &ended);
                }
                let mut pace = pace();
                pace.end(now, &ended);
                pace.begin(now, phase);
                renderer.begin(now, phase, total);
                drawing = true;
                next = now + interval;
            }
            Ok(Event::Note(text)) => renderer.note(&text),
            Ok(Event::Finish(ended)) => {
                if drawing {
                    renderer.end(now, &ended);
                }
                pace().end(now, &ended);
                return;
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let counts = counters.read();
                let mut pace = pace();
                if now >= pace.next() {
                    pace.look(now, &counts);
                }
                if now >= next {
                    if drawing {
                        renderer.tick(now, &counts);
                    }
                    next = now + interval;
                }
            }
        }
    }
}

/// Draws one phase after another. Times count from the start of the run.
trait Renderer: Send {
    fn begin(&mut self, now: Duration, phase: Phase, total_bytes: Option<u64>);
    fn note(&mut self, text: &str);
    fn tick(&mut self, now: Duration, counts: &Counts);
    fn end(&mut self, now: Duration, counts: &Counts);
}

/// Draws nothing.
struct Nothing;

impl Renderer for Nothing {
    fn begin(&mut self, _: Duration, _: Phase, _: Option<u64>) {}
    fn note(&mut self, _: &str) {}
    fn tick(&mut self, _: Duration, _: &Counts) {}
    fn end(&mut self, _: Duration, _: &Counts) {}
}

/// Events.
struct Told {
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

/// Plain lines.
struct Lines<W> {
    out: W,
    phase: Phase,
    total: Option<u64>,
    note: String,
    began: Duration,
    /// When the last line was written, and the phase's bytes then.
    last: (Duration, u64),
}

impl<W: Write> Lines<W> {
    fn new(out: W) -> Lines<W> {
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

fn per_second(bytes: u64, span: Duration) -> f64 {
    bytes as f64 / span.as_secs_f64()
}

/// One bar a phase, by indicatif. Ended phases stay on the screen.
struct Bars {
    multi: MultiProgress,
    bar: ProgressBar,
    phase: Phase,
    note: String,
}

impl Bars {
    fn new(multi: MultiProgress) -> Bars {
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
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn counts(rows: u64, bytes_in: u64, bytes_sent: u64) -> Counts {
        Counts {
            rows,
            bytes_in,
            bytes_sent,
        }
    }

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

    /// A renderer that tells what it was told.
    struct Told(Sender<String>);

    impl Renderer for Told {
        fn begin(&mut self, _: Duration, phase: Phase, total: Option<u64>) {
            let _ = self.0.send(format!("begin {} {total:?}", phase.name()));
        }
        fn note(&mut self, text: &str) {
            let _ = self.0.send(format!("note {text}"));
        }
        fn tick(&mut self, _: Duration, counts: &Counts) {
            let _ = self.0.send(format!("tick {}", counts.rows));
        }
        fn end(&mut self, _: Duration, counts: &Counts) {
            let _ = self
                .0
                .send(format!("end {} {}", counts.rows, counts.bytes_sent));
        }
    }

    fn told(interval: Duration) -> (Progress, Receiver<String>) {
        let (tx, rx) = mpsc::channel();
        (
            Progress::with_renderer(Box::new(Told(tx)), interval, None),
            rx,
        )
    }

    #[test]
    fn phases_are_told_in_order_and_the_thread_ends() {
        let (progress, told) = told(Duration::from_secs(3600));
        progress.add_rows(99);
        progress.begin(Phase::Survey, Some(10));
        progress.add_rows(2);
        progress.add_bytes_in(10);
        assert_eq!(progress.0.counters.read(), counts(2, 10, 0));
        progress.clone().begin(Phase::Upload, None);
        progress.add_rows(1);
        progress.add_bytes_sent(7);
        progress.note("again");
        progress.finish();
        progress.finish();
        progress.begin(Phase::Wait, None);
        drop(progress);
        // The channel ends because the thread has dropped its renderer.
        assert_eq!(
            told.iter().collect::<Vec<_>>(),
            [
                "begin survey Some(10)",
                "end 2 0",
                "begin upload None",
                "note again",
                "end 1 7"
            ]
        );
    }

    #[test]
    fn it_draws_by_itself_and_stops_with_the_last_handle() {
        let (progress, told) = told(Duration::from_millis(1));
        progress.begin(Phase::Survey, None);
        progress.add_rows(5);
        assert!(told.iter().any(|line| line == "tick 5"));
        drop(progress);
        assert_eq!(told.iter().last().as_deref(), Some("end 5 0"));
    }

    #[test]
    fn log_lines_go_through_it() {
        fn is_for_logs(_: impl for<'a> tracing_subscriber::fmt::MakeWriter<'a>) {}
        let writer = Progress::silent().log_writer();
        let line = writer.line("WARN a\nERROR b\x1b[31m\n".as_bytes());
        assert_eq!(line, "WARN a\\nERROR b\\x1b[31m\n");
        is_for_logs(move || writer.clone());
    }

    #[test]
    fn a_silent_one_counts_and_remembers() {
        let progress = Progress::start(Mode::detect(false));
        progress.begin(Phase::Survey, None);
        progress.add_rows(3);
        assert_eq!(progress.0.counters.read().rows, 3);
        progress.begin(Phase::Wait, None);
        progress.finish();
        let pace = progress.pace();
        let last = |name| pace.iter().rfind(|moment| moment.phase == name);
        assert_eq!(last("survey").map(|moment| moment.rows), Some(3));
        assert_eq!(last("wait").map(|moment| moment.rows), Some(0));
    }

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
}
