//! The signals that ask the process to end.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Exit;

/// Watches for Ctrl-C, SIGTERM and SIGHUP from now on. The first of them completes what is returned, so that the
/// command can end in an orderly way; the second ends the process on the spot.
///
/// The watch has a thread of its own: a command that waits for a disk or a file system that does not answer can be
/// ended all the same, as can one that is past its last await.
///
/// # Errors
/// The system gives no thread, or takes no handler.
pub(super) fn watch() -> io::Result<Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (tell, told) = oneshot::channel();
    // Here and not in the thread: whoever goes on after this call can be told to stop.
    let mut signals = {
        let _within = runtime.enter();
        Signals::catch()?
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                // Where nobody listens any more, the command is over but for its report.
                let _ = tell.send(());
                signals.next().await;
            });
            #[expect(clippy::exit, reason = "the second signal is there for that")]
            std::process::exit(Exit::Interrupted as i32);
        })?;
    Ok(Stop { told: Some(told) })
}

/// No watch: signals are the business of the program that this one is part of.
pub(super) fn never() -> Stop {
    Stop { told: None }
}

/// A watch for signals.
pub(super) struct Stop {
    /// Nothing where none will come.
    told: Option<oneshot::Receiver<()>>,
}

impl Stop {
    /// Completes with the first signal.
    pub(super) async fn asked(mut self) {
        self.signal().await;
    }

    async fn signal(&mut self) {
        match &mut self.told {
            // The thread ends with the process alone.
            Some(told) => drop(told.await),
            None => std::future::pending().await,
        }
    }

    /// Waits for `work`, unless a signal comes first: then there is nothing.
    pub(super) async fn unless_asked<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.signal() => None,
            done = work => Some(done),
        }
    }

    /// Sleeps, unless a signal has come.
    pub(super) fn asked_or_pause(&mut self, pause: Duration) -> bool {
        if self.is_asked() {
            return true;
        }
        std::thread::sleep(pause);
        self.is_asked()
    }

    fn is_asked(&mut self) -> bool {
        let told = self.told.as_mut();
        told.is_some_and(|told| told.try_recv().is_ok())
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
    /// Never waited for: a file that grows past its limit is an error of the write, with a message, once somebody
    /// has asked for the signal.
    _file_size: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let file_size = rustix::process::Signal::XFSZ.as_raw();
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: match nohup() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
            _file_size: signal(SignalKind::from_raw(file_size))?,
        })
    }

    async fn next(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// Whether the process was started to outlive its terminal, with SIGHUP ignored: a handler would undo that. Where
/// the system does not tell, SIGHUP is left as it is.
#[cfg(unix)]
fn nohup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    // SIGHUP is 1, and has the lowest bit.
    ignored.is_none_or(|ignored| ignored & 1 != 0)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
