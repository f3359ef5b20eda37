//! What machines hear of a command: with `--log-format json`, every line on standard error is one JSON object, an event.
//! docs/operating.md explains every event and its members, which are part of the interface.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::run::{GuardDecision, RunId};
use crate::guard::Decision;
use crate::text::shown::shown_in_json;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// For whoever looks into the program.
    Trace,
    /// The same, and less often.
    Debug,
    /// How things go on.
    Info,
    /// Something that somebody should look at.
    Warn,
    /// What ended the command.
    Error,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It begins.
    Began,
    /// It has ended.
    Ended,
}

/// One thing that is told.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// A command begins.
    Start {
        command: &'a str,
        version: &'static str,
    },
    /// The run of a pipeline begins.
    Run {
        pipeline: &'a str,
        file: String,
        target: &'a str,
    },
    /// A step of a run begins or ends; its counts are those of its end.
    Step {
        step: &'static str,
        state: State,
        #[serde(skip_serializing_if = "Option::is_none")]
        rows: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// A step goes on.
    Heartbeat {
        step: &'static str,
        rows: u64,
        bytes: u64,
        /// Of all bytes, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        of_bytes: Option<u64>,
        /// Since the last heartbeat, or since the step began.
        rows_per_second: f64,
        bytes_per_second: f64,
        /// What the step is doing: the state of the job that is waited for.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'a str>,
    },
    /// Something to know.
    Note { message: &'a str },
    /// Something that somebody should look at.
    Warning { message: &'a str },
    /// Something about a pipeline file.
    Problem {
        severity: &'a str,
        file: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        column: Option<u32>,
        /// The key of a `--set` that is meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        set: Option<&'a str>,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        help: Option<&'a str>,
    },
    /// What a guard decided.
    Guard(&'a GuardDecision),
    /// What a run came to.
    Summary {
        outcome: &'a Value,
        exit: u8,
        counts: &'a Value,
        bytes_sent: u64,
        seconds: Option<f64>,
        /// The run report; absent where none was written.
        #[serde(skip_serializing_if = "Option::is_none")]
        report: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rejects: Option<String>,
        /// The command that goes on from here.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
    },
    /// What ended a command.
    Error {
        code: &'a str,
        message: &'a str,
        exit: u8,
        /// Whether the same command may succeed later, with nothing changed by anybody.
        retryable: bool,
    },
    /// A bug of this program.
    Panic {
        place: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        backtrace: Option<String>,
    },
    /// A line of the log.
    Log {
        target: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Map::is_empty")]
        fields: &'a Map<String, Value>,
        #[serde(skip)]
        level: Level,
    },
    /// The command has ended.
    End { exit: u8, seconds: f64 },
}

impl Event<'_> {
    fn level(&self) -> Level {
        match self {
            Event::Start { .. }
            | Event::Run { .. }
            | Event::Step { .. }
            | Event::Heartbeat { .. }
            | Event::Note { .. }
            | Event::Summary { .. } => Level::Info,
            Event::Warning { .. } => Level::Warn,
            Event::Problem { severity, .. } => match *severity {
                "error" => Level::Error,
                "warning" => Level::Warn,
                _ => Level::Info,
            },
            Event::Guard(told) => match told.decision {
                Decision::Stopped | Decision::Withheld => Level::Warn,
                Decision::Passed | Decision::Approved => Level::Info,
            },
            Event::Error { .. } | Event::Panic { .. } => Level::Error,
            Event::Log { level, .. } => *level,
            Event::End { exit, .. } => match exit {
                0 => Level::Info,
                3 => Level::Warn,
                _ => Level::Error,
            },
        }
    }
}

/// The least that is told, once events are wanted.
static LEAST: OnceLock<Level> = OnceLock::new();

/// The run that is going on.
static RUN: Mutex<Option<RunId>> = Mutex::new(None);

/// From now on events are written, and nothing else is to be. `quiet` leaves those of [`Level::Info`] out.
pub(crate) fn start(quiet: bool) {
    let least = if quiet { Level::Warn } else { Level::Trace };
    let _ = LEAST.set(least);
}

/// Whether events are written.
pub(crate) fn wanted() -> bool {
    LEAST.get().is_some()
}

/// From now on events are those of this run.
pub(crate) fn of_run(run: &RunId) {
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.clone());
}

/// Writes an event, where events are wanted. Where nobody reads it, it is lost.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that writes events"
)]
pub(crate) fn put(event: &Event<'_>) {
    let level = event.level();
    if LEAST.get().is_none_or(|least| level < *least) {
        return;
    }
    let run = RUN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let line = line(event, Timestamp::now(), run.as_ref());
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// An event as it is written: when, how much it matters, of which run, what.
fn line(event: &Event<'_>, now: Timestamp, run: Option<&RunId>) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        level: Level,
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<&'a RunId>,
        #[serde(flatten)]
        event: &'a Event<'a>,
    }
    let line = Line {
        time: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        level: event.level(),
        run,
        event,
    };
    // Names and values from outside may hold what a terminal obeys.
    let json = serde_json::to_string(&line).unwrap_or_default();
    let mut line = shown_in_json(&json);
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object() {
        let check = |event: &Event<'_>, run: Option<&RunId>, expected: &str| {
            let line = line(event, Timestamp::UNIX_EPOCH, run);
            assert_eq!(line, format!("{expected}\n"));
            let parsed: Value = serde_json::from_str(&line).unwrap();
            assert!(parsed.is_object());
        };
        let run = RunId::new(Timestamp::UNIX_EPOCH, 7);
        check(
            &Event::Warning {
                message: "two\nlines \u{202e}and \"quotes\"",
            },
            None,
            r#"{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"warning","message":"two\\nlines \\u{202e}and \"quotes\""}"#,
        );
        check(
            &Event::Error {
                code: "network",
                message: "gone",
                exit: 1,
                retryable: true,
            },
            Some(&run),
            r#"{"time":"1970-01-01T00:00:00.000Z","level":"error","run":"19700101T000000Z-0007","event":"error","code":"network","message":"gone","exit":1,"retryable":true}"#,
        );
        check(
            &Event::End {
                exit: 3,
                seconds: 0.5,
            },
            None,
            r#"{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"end","exit":3,"seconds":0.5}"#,
        );
    }
}
