//! The exit codes.

use std::process::ExitCode;

use crate::report::run::Outcome;

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything done.
    Done = 0,
    /// The run failed: source, unreadable data, network, storage.
    Failed = 1,
    /// The command line or the pipeline file is wrong.
    Usage = 2,
    /// Finished, and some rows or items were rejected; with `--partial-ok` this is [`Exit::Done`].
    Partial = 3,
    /// A guard or the reject limit stopped it; nothing was applied.
    Stopped = 4,
    /// The import job failed at the server.
    ImportFailed = 5,
    /// The wait timed out; the job still runs at the server.
    TimedOut = 6,
    /// The import call was sent and its answer lost: it may or may not have been applied.
    Unknown = 7,
    /// Told to stop: by Ctrl-C, SIGTERM or SIGHUP.
    Interrupted = 130,
}

impl Exit {
    /// Every code.
    pub const ALL: [Exit; 9] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Partial,
        Exit::Stopped,
        Exit::ImportFailed,
        Exit::TimedOut,
        Exit::Unknown,
        Exit::Interrupted,
    ];
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Exit {
        match outcome {
            Outcome::Succeeded => Exit::Done,
            Outcome::Failed => Exit::Failed,
            Outcome::Misconfigured => Exit::Usage,
            Outcome::SucceededWithRejects => Exit::Partial,
            Outcome::StoppedByGuard => Exit::Stopped,
            Outcome::ImportFailed | Outcome::Refused => Exit::ImportFailed,
            Outcome::StillRunning => Exit::TimedOut,
            Outcome::Unknown => Exit::Unknown,
            Outcome::Interrupted => Exit::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The codes as the help shows them.
pub(super) const TABLE: &str = "\
Exit codes:
  0    everything done
  1    the run failed: source, unreadable data, network, storage
  2    the command line or the pipeline file is wrong
  3    finished, and some rows or items were rejected
  4    a guard or the reject limit stopped it; nothing was applied
  5    the import job failed at the server
  6    the wait timed out; the job still runs
  7    outcome unknown: the import call was sent and its answer lost
  130  interrupted";
