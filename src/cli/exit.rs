//! The exit codes: the only list of them.

use std::fmt::Write;
use std::process::ExitCode;

use crate::report::error::Code;
use crate::report::run::Outcome;

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything done.
    Done = 0,
    /// The run failed: source, unreadable data, network, storage; or another run is in the way.
    Failed = 1,
    /// The command line or the pipeline file is wrong, or does not fit the source.
    Usage = 2,
    /// Finished, and some rows or items were rejected; with `--partial-ok` this is [`Exit::Done`].
    Partial = 3,
    /// A guard or the reject limit stopped it; nothing was applied.
    Stopped = 4,
    /// The import job failed at the server.
    ImportFailed = 5,
    /// The wait timed out; the job still runs at the server.
    TimedOut = 6,
    /// The import call was sent and no usable answer came: it may or may not have been applied.
    Unknown = 7,
    /// Told to stop: by Ctrl-C, SIGTERM or SIGHUP.
    Interrupted = 130,
}

impl Exit {
    /// Every code, and what it means in the help. docs/operating.md says more of each.
    pub const TABLE: [(Exit, &'static str); 9] = [
        (Exit::Done, "everything done"),
        (
            Exit::Failed,
            "the run failed: source, unreadable data, network, storage; or another run is in the way",
        ),
        (
            Exit::Usage,
            "the command line or the pipeline file is wrong, or does not fit the source",
        ),
        (
            Exit::Partial,
            "finished, and some rows or items were rejected",
        ),
        (
            Exit::Stopped,
            "a guard or the reject limit stopped it; nothing was applied",
        ),
        (Exit::ImportFailed, "the import job failed at the server"),
        (Exit::TimedOut, "the wait timed out; the job still runs"),
        (
            Exit::Unknown,
            "outcome unknown: the import call was sent and no usable answer came",
        ),
        (Exit::Interrupted, "interrupted"),
    ];

    /// That of a process that ended with this code.
    pub(super) fn of_code(code: u8) -> Exit {
        let mut known = Exit::TABLE.iter().map(|(exit, _)| *exit);
        known
            .find(|exit| *exit as u8 == code)
            .unwrap_or(Exit::Failed)
    }

    /// What it means, in a few words.
    pub(super) fn means(self) -> &'static str {
        let row = Exit::TABLE.iter().find(|(exit, _)| *exit == self);
        row.map_or("", |(_, means)| means)
    }

    /// Whether all was done that could be; everything else comes with an error.
    pub(super) fn is_well(self) -> bool {
        matches!(self, Exit::Done | Exit::Partial)
    }

    /// The kind of an error of which nothing else is known.
    pub(super) fn code(self) -> Code {
        match self {
            Exit::Done | Exit::Partial | Exit::Failed => Code::lasting("failed"),
            Exit::Usage => Code::lasting("usage"),
            Exit::Stopped => Code::lasting("stopped"),
            Exit::ImportFailed => Code::lasting("import_failed"),
            Exit::TimedOut => Code::lasting("import_running"),
            Exit::Unknown => Code::lasting("import_unknown"),
            Exit::Interrupted => Code::passing("interrupted"),
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Exit {
        match outcome {
            Outcome::Succeeded | Outcome::Detached => Exit::Done,
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
pub(super) fn help() -> String {
    let mut text = "Exit codes:".to_owned();
    for (exit, means) in Exit::TABLE {
        let _ = write!(text, "\n  {:<4} {means}", exit as u8);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_words_and_codes() {
        for (outcome, word, code) in [
            (Outcome::Succeeded, "succeeded", 0),
            (Outcome::Failed, "failed", 1),
            (Outcome::Misconfigured, "misconfigured", 2),
            (Outcome::SucceededWithRejects, "succeeded_with_rejects", 3),
            (Outcome::StoppedByGuard, "stopped_by_guard", 4),
            (Outcome::ImportFailed, "import_failed", 5),
            (Outcome::Refused, "refused", 5),
            (Outcome::StillRunning, "still_running", 6),
            (Outcome::Detached, "detached", 0),
            (Outcome::Unknown, "unknown", 7),
            (Outcome::Interrupted, "interrupted", 130),
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), word);
            assert_eq!(Exit::from(outcome) as u8, code, "{word}");
        }
    }
}
