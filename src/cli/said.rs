//! What commands say on stderr, and the only place of theirs that writes there: lines for people, or events for machines.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anstream::AutoStream;

use super::{Exit, paint};
use crate::config::Problem;
use crate::report::error::Code;
use crate::report::events::{self, Event};
use crate::report::run::{RunReport, thousandths};
use crate::text::shown::{shown, shown_lines};

/// Takes the colours out where they are not wanted: not on a terminal, `NO_COLOR`, `TERM=dumb`.
#[expect(clippy::disallowed_methods, reason = "commands print through this")]
fn stderr() -> AutoStream<io::StderrLock<'static>> {
    AutoStream::auto(io::stderr().lock())
}

/// Writes a line to stderr. Names and values that come from outside can neither end the line nor do anything else to
/// the terminal. Where nobody reads it, it is lost, and the command goes on.
pub(super) fn say(line: impl fmt::Display) {
    let line = line.to_string();
    match events::wanted() {
        true => events::put(&Event::Note { message: &line }),
        false => say_painted(&line),
    }
}

/// As [`say`], for text of several lines, in whose making names and values that come from outside were [`shown`].
pub(super) fn say_lines(text: impl fmt::Display) {
    let text = text.to_string();
    if events::wanted() {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        return lines.for_each(|message| events::put(&Event::Note { message }));
    }
    let lines: Vec<String> = shown_lines(&text).split('\n').map(paint::line).collect();
    let _ = writeln!(stderr(), "{}", lines.join("\n"));
}

/// Says that something went wrong, and did not end the command.
pub(super) fn say_warning(warning: impl fmt::Display) {
    let warning = warning.to_string();
    match events::wanted() {
        true => events::put(&Event::Warning { message: &warning }),
        false => say_painted(&format!("warning: {warning}")),
    }
}

/// Whether it has been said what ended the command.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Says what ended the command. Machines hear its kind, too; what has none of its own is told by the exit code.
pub(super) fn say_error(exit: Exit, code: Option<Code>, error: impl fmt::Display) {
    let error = error.to_string();
    if !events::wanted() {
        return say_painted(&format!("error: {error}"));
    }
    TOLD.store(true, Relaxed);
    let code = code.unwrap_or(exit.code());
    events::put(&Event::Error {
        code: code.word,
        message: &error,
        exit: exit as u8,
        retryable: code.retryable,
    });
}

/// Says to machines that the command has ended; where it did not end well, after an error in any case.
pub(super) fn say_end(exit: Exit, seconds: f64) {
    if !events::wanted() {
        return;
    }
    if !exit.is_well() && !TOLD.load(Relaxed) {
        say_error(exit, None, exit.means());
    }
    events::put(&Event::End {
        exit: exit as u8,
        seconds: thousandths(seconds),
    });
}

/// Says to machines that the run of a pipeline begins.
pub(super) fn say_run(report: &RunReport) {
    if !events::wanted() {
        return;
    }
    events::of_run(&report.run_id);
    events::put(&Event::Run {
        pipeline: &report.pipeline.name,
        file: report.pipeline.file.display().to_string(),
        target: report.target,
    });
}

/// Says what a run came to, and what became of its files.
pub(super) fn say_summary(report: &RunReport, files: &[&std::path::PathBuf]) {
    if !events::wanted() {
        return say_lines(report.summary(files).trim_end());
    }
    for warning in &report.warnings {
        say_warning(warning);
    }
    for guard in &report.guards {
        events::put(&Event::Guard(guard));
    }
    // What is not known is `null` there, and few people with something sensitive are not counted.
    let told = serde_json::to_value(report).unwrap_or_default();
    let path = |path: &std::path::PathBuf| path.display().to_string();
    events::put(&Event::Summary {
        outcome: &told["outcome"],
        exit: report.exit_code,
        counts: &told["counts"],
        bytes_sent: report.bytes.sent,
        seconds: told["seconds"]["total"].as_f64(),
        report: files.first().map(|file| path(file)),
        rejects: report.rejects_file.as_ref().map(path),
        next: report.next.as_deref(),
    });
}

/// Writes problems of a pipeline file to stderr, each after a word such as `warning: `. The line that it stands on
/// follows beneath, unless `-q`: editors read the first line. Under several problems of one place it stands once. A
/// note is of what is not in the file, and has none.
pub(super) fn say_problems(problems: &[Problem], word: &str) {
    if events::wanted() {
        return problems.iter().for_each(|problem| put(problem, word));
    }
    for (at, problem) in problems.iter().enumerate() {
        let text = paint::problem(&shown_lines(&problem.display_with(word)), word);
        let _ = writeln!(stderr(), "{text}");
        let is_last = (problems.get(at + 1)).is_none_or(|next| next.place != problem.place);
        let excerpt = problem.excerpt.as_deref();
        if let Some(excerpt) = excerpt.filter(|_| is_last && word != "note: " && paint::excerpts())
        {
            let _ = writeln!(stderr(), "{}", paint::excerpt(&shown_lines(excerpt)));
        }
    }
}

pub(super) fn say_problem(problem: &Problem, word: &str) {
    say_problems(std::slice::from_ref(problem), word);
}

/// Says that there is a bug, and where; with `RUST_BACKTRACE=1` the way to it.
pub(super) fn say_panic(place: Option<&str>, backtrace: Option<String>) {
    if events::wanted() {
        return events::put(&Event::Panic {
            place: place.unwrap_or_default(),
            backtrace,
        });
    }
    // Where stderr is gone there is nobody to tell.
    let mut to = stderr();
    if let Some(place) = place {
        let _ = writeln!(
            to,
            "panic at {place}: a bug in rostream (its message is left out, as it may hold data)"
        );
    }
    if let Some(trace) = backtrace {
        let _ = writeln!(to, "{trace}");
    }
}

fn say_painted(line: &str) {
    let _ = writeln!(stderr(), "{}", paint::line(&shown(line)));
}

fn put(problem: &Problem, word: &str) {
    events::put(&Event::Problem {
        severity: match word.trim_end_matches([':', ' ']) {
            "" => "error",
            severity => severity,
        },
        file: &problem.file,
        line: problem.line(),
        column: problem.column(),
        set: problem.set(),
        message: &problem.message,
        help: problem.help.as_deref(),
    });
}

/// What is wrong with a command line, and with what code it ends: that of a wrong one, or none, where help or the version
/// was asked for.
pub(super) fn say_usage(error: &clap::Error, as_events: bool) -> Exit {
    let exit = match error.use_stderr() {
        true => Exit::Usage,
        false => Exit::Done,
    };
    if !as_events || exit == Exit::Done {
        // Where nobody reads the message, the exit code still tells.
        let _ = error.print();
        return exit;
    }
    events::start(false);
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.collect::<Vec<_>>().join("; ");
    say_error(exit, None, message.trim_start_matches("error: "));
    exit
}
