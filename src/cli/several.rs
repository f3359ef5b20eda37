//! `rostream run` with several pipelines: one after the other, and one report of all.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, Failure, Globals, otel, put_json, say, say_problem, say_warning};
use crate::config::Pipeline;
use crate::files::ending::for_json;
use crate::files::of_run::is_each_its_own;
use crate::guard::spec::OnExceed;
use crate::report::human;
use crate::report::progress::Progress;
use crate::report::run::{REPORT_ENDING, RunId, write_report};
use crate::run::keep::prune_several;
use crate::text::chain;

/// Takes the report of a run in, where it is one of several.
pub(super) type Collected = RefCell<Option<Value>>;

/// What is reported of several runs.
#[derive(Serialize)]
struct Report {
    report_version: u32,
    run_id: RunId,
    started_at: Timestamp,
    ended_at: Timestamp,
    /// The exit code of the process: the worst of all.
    exit_code: u8,
    /// In the order in which they were to run.
    runs: Vec<One>,
}

/// One of several pipelines.
#[derive(Serialize)]
struct One {
    pipeline: String,
    /// The exit code; `null` where an earlier one failed, and this one did not begin.
    exit_code: Option<u8>,
    /// Its own report; `null` where it did not come to one.
    report: Option<Value>,
    /// What ended it before it had a report.
    error: Option<String>,
}

/// Version of the report's form.
const REPORT_VERSION: u32 = 1;

/// Runs pipelines in their order, until one fails. All of them are loaded before the first one begins.
///
/// # Errors
/// A pipeline file that is not good; what ended the one that failed.
pub(super) fn run(
    files: &[&str],
    (globals, json): (&Globals, bool),
    load: impl Fn(&str) -> Result<Pipeline, Failure>,
    one: impl Fn(Pipeline, &Progress, &Collected) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let pipelines = loaded(files, load)?;
    let dir = pipelines[0].report_dir.clone();
    let keep = pipelines[0].keep.reports;
    let mut report = Report {
        report_version: REPORT_VERSION,
        run_id: RunId::generate(),
        started_at: Timestamp::now(),
        ended_at: Timestamp::now(),
        exit_code: 0,
        runs: Vec::new(),
    };
    let mut ended = Ok(Exit::Done);
    for pipeline in pipelines {
        let mut told = One::new(&pipeline);
        if ended.is_ok() {
            if !globals.quiet {
                say(format_args!("{}:", pipeline.file));
            }
            otel::begin_part(&pipeline.name);
            let collected = Collected::default();
            let exit = one(pipeline, &Progress::start(globals.progress()), &collected);
            let code = exit.as_ref().map_or_else(Failure::code, |exit| exit.code());
            otel::end_part(exit_of(&exit), code.word);
            told.end(&exit, collected.into_inner());
            ended = match (ended, exit) {
                (ended, Ok(Exit::Done)) => ended,
                (_, Ok(Exit::Partial)) => Ok(Exit::Partial),
                (_, Ok(exit)) => Err(Failure::said(exit)),
                (_, Err(failure)) => Err(failure),
            };
        }
        report.runs.push(told);
    }
    report.ended_at = Timestamp::now();
    report.exit_code = exit_of(&ended) as u8;
    let dir = dir.as_deref().unwrap_or(Path::new("."));
    tell(&report, dir, (globals, json))?;
    let names: Vec<String> = report.runs.into_iter().map(|run| run.pipeline).collect();
    if let Some(left) = prune_several(keep, dir, &names) {
        say_warning(left);
    }
    ended
}

fn exit_of(ended: &Result<Exit, Failure>) -> Exit {
    match ended {
        Ok(exit) => *exit,
        Err(failure) => failure.exit,
    }
}

/// The pipelines, once all of them are good, and fit together.
fn loaded(
    files: &[&str],
    load: impl Fn(&str) -> Result<Pipeline, Failure>,
) -> Result<Vec<Pipeline>, Failure> {
    let mut pipelines = Vec::new();
    for file in files {
        match load(file) {
            Ok(pipeline) => pipelines.push(pipeline),
            // It is said already, and those of the others are to be said, too.
            Err(failure) if failure.error.is_none() => {}
            Err(failure) => return Err(failure),
        }
    }
    match pipelines.len() == files.len() && are_apart(&pipelines) {
        true => Ok(pipelines),
        false => Err(Failure::said(Exit::Usage)),
    }
}

impl One {
    fn new(pipeline: &Pipeline) -> One {
        One {
            pipeline: pipeline.file.to_string(),
            exit_code: None,
            report: None,
            error: None,
        }
    }

    fn end(&mut self, ended: &Result<Exit, Failure>, report: Option<Value>) {
        self.exit_code = Some(exit_of(ended) as u8);
        if let (Err(failure), None) = (ended, &report) {
            self.error = failure.error.as_ref().map(|error| chain(&**error));
        }
        self.report = report;
    }
}

/// Writes the report of all, and says how each ended.
fn tell(report: &Report, dir: &Path, (globals, json): (&Globals, bool)) -> Result<(), Failure> {
    let name = format!("runs-{}{REPORT_ENDING}", report.run_id);
    let written = write_report(dir, &name, report);
    if !globals.quiet {
        for run in &report.runs {
            let ending = match run.exit_code {
                Some(code) => format!("exit code {code}"),
                None => "not begun, as an earlier one failed".to_owned(),
            };
            say(format_args!("{}: {ending}", run.pipeline));
        }
        if let Ok(path) = &written {
            say(format_args!("report      {}", human::path(path)));
        }
    }
    if json {
        put_json(report)?;
    }
    if let Err(error) = written {
        say_warning(chain(&error));
    }
    Ok(())
}

/// A file that a run writes: its setting, what goes into it, and where it is.
type Written = (&'static str, &'static str, fn(&Pipeline) -> Option<PathBuf>);

/// What would be written over, or be taken away, where two pipelines write it into the same file.
const WRITTEN: [Written; 4] = [
    (
        "rejects.path",
        "its rejects into the same file",
        |pipeline| Some(for_json(&pipeline.rejects.path)),
    ),
    (
        "rejects.workbook",
        "its rejects into the same workbook",
        |pipeline| pipeline.rejects.workbook.clone(),
    ),
    (
        "guard.on_exceed",
        "what is held back into the same file",
        |pipeline| {
            let holds = pipeline.guard.on_exceed == OnExceed::WithholdDeletes;
            holds.then(|| pipeline.rejects.withheld(false))
        },
    ),
    (
        "results.path",
        "its results into the same file",
        |pipeline| pipeline.results.clone(),
    ),
];

/// Whether no two of them write the same file. What is wrong is said.
fn are_apart(pipelines: &[Pipeline]) -> bool {
    let mut good = true;
    for (at, pipeline) in pipelines.iter().enumerate() {
        for (setting, what, file) in WRITTEN {
            let Some(own) = file(pipeline).filter(|path| !is_each_its_own(path)) else {
                continue;
            };
            let mut before = pipelines[..at].iter();
            if let Some(other) = before.find(|other| file(other).as_ref() == Some(&own)) {
                let message = format!("{} writes {what}", other.file);
                say_problem(&pipeline.problem(setting, message), "");
                good = false;
            }
        }
    }
    good
}
