//! What a person sees while a run goes on: bars on a terminal, plain lines elsewhere, or nothing.
//!
//! The engine only adds to counters. One thread of the progress's own looks at them now and then and
//! draws, so that no worker ever waits for a terminal; it ends with [`Progress::finish`], or with the
//! last handle. Everything goes to standard error.
#![expect(
    clippy::disallowed_methods,
    reason = "the progress owns the terminal's last lines, through which the log must go"
)]

mod bars;
mod lines;
mod renderer;
mod told;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::MultiProgress;

use self::bars::Bars;
use self::lines::Lines;
use self::renderer::{Nothing, Renderer};
use self::told::Told;
use super::pace::{Moment, Pace};
use super::phase::Counts;
pub(crate) use super::phase::{Phase, STEPS};
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
    /// What goes on.
    phase: Mutex<Option<Phase>>,
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
            phase: Mutex::new(None),
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
            phase: Mutex::new(None),
        }))
    }

    /// Begins a phase, which ends the one before, and sets the counters to zero. `total_bytes` is how
    /// many bytes the phase will count, where that is known.
    pub(crate) fn begin(&self, phase: Phase, total_bytes: Option<u64>) {
        let ended = self.0.counters.take();
        self.0.tell(Some(phase), &ended);
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

    /// Tells the log which phase has ended, with these counts, and which one begins.
    fn tell(&self, begins: Option<Phase>, counts: &Counts) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = std::mem::replace(&mut *phase, begins) {
            let (step, bytes) = (ended.name(), ended.bytes(counts));
            tracing::trace!(target: STEPS, step, rows = counts.rows, bytes, "ended");
        }
        if let Some(begins) = begins {
            tracing::trace!(target: STEPS, step = begins.name(), "began");
        }
    }

    fn finish(&self) {
        self.tell(None, &self.counters.read());
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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SECOND: Duration = Duration::from_secs(1);

    pub(super) fn counts(rows: u64, bytes_in: u64, bytes_sent: u64) -> Counts {
        Counts {
            rows,
            bytes_in,
            bytes_sent,
        }
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
}
