//! The pipeline for programs: what `rostream check` and `rostream run` do, with an answer in place of an exit code, and
//! nothing printed.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::looked::look;
use super::open::begin;
use super::several::Collected;
use super::stop;
use super::turn::Turn;
use super::work::{CommonArgs, Task, Work};
use super::{Exit, Failure, Globals, LogFormat};
use crate::config::{self, Loaded, Override, Problem, process_env};
use crate::report::error::Code;
use crate::report::progress::Progress;
use crate::report::run::RunId;
use crate::stage::StageSpec;
use crate::stage::own::{Own, OwnStage};
use crate::text::chain;

/// A pipeline: what its file says, and the stages that a program adds.
///
/// Its methods block, and need no runtime; within an async program they belong on a thread for blocking work. Signals are
/// left to the program.
#[derive(Clone, Debug)]
pub struct Pipeline {
    loaded: config::Pipeline,
    warnings: Vec<String>,
    workers: Option<u16>,
}

/// What a run came to, as its report has it.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The run's name in its ledger and in the names of its files.
    pub run_id: String,
    /// How it ended, in a word that stays: `succeeded`, `succeeded_with_rejects`, `stopped_by_guard` and others.
    pub outcome: String,
    /// The exit code that the command would have: 0, or 3 where rows were rejected; others stand beside a [`RunError`].
    pub exit_code: u8,
    /// Rows by what became of them.
    pub counts: Counts,
    /// What was wrong and did not end the run.
    pub warnings: Vec<String>,
    /// The rejects file; nothing where none was written. It holds personal data.
    pub rejects_file: Option<PathBuf>,
    /// The command that goes on from here, where there is one.
    pub next: Option<String>,
    error: Option<Told>,
    #[serde(skip)]
    json: String,
}

/// Rows by what became of them. What nobody knows is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Records of the source.
    pub read: u64,
    /// Left out by a filter stage.
    pub filtered: u64,
    /// Found at fault and not sent.
    pub rejected: u64,
    /// Good, and not sent: a check, or a run that ended before.
    pub would_send: u64,
    /// In an upload that the storage took completely.
    pub sent: u64,
    /// Sent, and applied by the server.
    pub accepted: Option<u64>,
    /// Sent, and refused by the server.
    pub failed: Option<u64>,
}

/// The error in a report.
#[derive(Clone, Debug, Deserialize)]
struct Told {
    code: String,
    message: String,
    retryable: bool,
}

/// Why there is no pipeline, or why its run ended early.
#[derive(Clone, Debug)]
pub struct RunError {
    told: Told,
    exit: Exit,
    report: Option<Box<Report>>,
}

impl RunError {
    /// What kind of error it is: a word of docs/reference.md that stays.
    pub fn code(&self) -> &str {
        &self.told.code
    }

    /// The exit code that the command would have.
    pub fn exit_code(&self) -> u8 {
        self.exit as u8
    }

    /// Whether the same run may succeed later, with nothing changed by anybody.
    pub fn is_retryable(&self) -> bool {
        self.told.retryable
    }

    /// How far the run had come; nothing where it had not begun.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_deref()
    }

    fn misconfigured(problem: impl fmt::Display) -> RunError {
        RunError::of(Exit::Usage, None, problem.to_string())
    }

    /// `code` says more than what the exit code means.
    fn of(exit: Exit, code: Option<Code>, message: String) -> RunError {
        let code = code.unwrap_or_else(|| exit.code());
        RunError {
            told: Told {
                code: code.word.to_owned(),
                message,
                retryable: code.retryable,
            },
            exit,
            report: None,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told.message)
    }
}

impl std::error::Error for RunError {}

impl From<Problem> for RunError {
    fn from(problem: Problem) -> RunError {
        RunError::misconfigured(problem)
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> RunError {
        let error = failure.error.as_ref().map(|error| chain(&**error));
        RunError::of(failure.exit, failure.code, error.unwrap_or_default())
    }
}

impl Report {
    fn of(value: serde_json::Value) -> Option<Report> {
        let json = value.to_string();
        let report = serde_json::from_value(value).ok()?;
        Some(Report { json, ..report })
    }

    /// The whole report, as `--json` writes it: docs/operating.md says what is in it. No cell values.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl Pipeline {
    /// Loads a pipeline file. Variables in it are taken from the environment; relative paths start from its folder.
    ///
    /// # Errors
    /// The file can't be read, or is wrong: every problem with its line, in lines of their own.
    pub fn load(file: impl AsRef<Path>) -> Result<Pipeline, RunError> {
        Pipeline::load_with(file, &[])
    }

    /// As [`Pipeline::load`], with settings that stand before those of the file, such as `upload.rate=5MB/s`.
    ///
    /// # Errors
    /// Those of [`Pipeline::load`]; a setting that is not `KEY=VALUE`.
    pub fn load_with(file: impl AsRef<Path>, sets: &[&str]) -> Result<Pipeline, RunError> {
        let sets: Result<Vec<Override>, String> = sets.iter().map(|set| set.parse()).collect();
        let sets = sets.map_err(RunError::misconfigured)?;
        let Some(file) = file.as_ref().to_str() else {
            return Err(RunError::misconfigured(
                "the pipeline file's path is not Unicode",
            ));
        };
        let lines = |problems: &[Problem]| -> Vec<String> {
            problems.iter().map(ToString::to_string).collect()
        };
        match config::load(file, &sets, &process_env) {
            Ok(Loaded {
                pipeline, warnings, ..
            }) => Ok(Pipeline {
                loaded: pipeline,
                warnings: lines(&warnings),
                workers: None,
            }),
            Err(found) => Err(RunError::misconfigured(lines(&found.problems).join("\n"))),
        }
    }

    /// What may not be meant as the file has it.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many threads process the data, from 1 to 256; one per core unless stated.
    #[must_use]
    pub fn workers(mut self, workers: u16) -> Pipeline {
        self.workers = Some(workers.clamp(1, 256));
        self
    }

    /// Adds a stage of one's own behind those of the file, and before the rules.
    #[must_use]
    pub fn stage(mut self, stage: impl OwnStage) -> Pipeline {
        let place = self.loaded.problem("stages", "").place;
        let value = StageSpec::Own(Own::new(stage));
        self.loaded.stages.push(config::Placed { value, place });
        self
    }

    /// Checks the whole data with stages, rules and guards, as `rostream check` does: nothing is sent. The rejects are
    /// written into `rejects.check.csv`, and the report is what is returned alone.
    ///
    /// # Errors
    /// What would end the command early. That rows were rejected is none: see [`Counts::rejected`].
    pub fn check(&self) -> Result<Report, RunError> {
        self.on_a_thread(false)
    }

    /// Runs the pipeline, as `rostream run` does: survey, guards, upload, import, wait, results; with its ledger, its locks
    /// and its report. The token is taken from where the pipeline says.
    ///
    /// # Errors
    /// What would end the command early. That rows were rejected, here or by the server, is none: see [`Counts`].
    pub fn run(&self) -> Result<Report, RunError> {
        self.on_a_thread(true)
    }

    /// A thread of its own may block, whatever the caller's may.
    fn on_a_thread(&self, sends: bool) -> Result<Report, RunError> {
        let done = std::thread::scope(|scope| scope.spawn(|| self.done(sends)).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn done(&self, sends: bool) -> Result<Report, RunError> {
        for stage in &self.loaded.stages {
            let name = stage.value.name();
            let wrong = |why| {
                self.loaded
                    .problem("stages", format!("stage {name}: {why}"))
            };
            stage.value.check().map_err(wrong)?;
        }
        // What is wrong with them is printed later on, and not handed back.
        self.loaded.unlock_source(&process_env)?;
        self.loaded.stage_keys(&process_env)?;
        self.loaded.state_key(&process_env)?;
        let collected = Collected::default();
        let ended = self.performed(sends, &collected);
        let report = collected.into_inner().and_then(Report::of);
        let error = match (ended, report) {
            (Ok(_), Some(report)) => return Ok(report),
            (Ok(exit), None) => RunError::of(exit, None, "the run has no report".to_owned()),
            (Err(failure), report) => {
                let mut error = RunError::from(failure);
                if let Some(told) = report.as_ref().and_then(|report| report.error.clone()) {
                    error.told = told;
                }
                error.report = report.map(Box::new);
                error
            }
        };
        Err(error)
    }

    fn performed(&self, sends: bool, collected: &Collected) -> Result<Exit, Failure> {
        let globals = Globals {
            verbose: 0,
            quiet: true,
            no_progress: true,
            log_format: LogFormat::default(),
            heartbeat: std::time::Duration::from_secs(10),
        };
        let common = CommonArgs::with(self.workers);
        let progress = Progress::silent();
        let problem = |problem: Problem| Failure::new(Exit::Usage, problem);
        let mut pipeline = self.loaded.clone();
        let token = match sends {
            true => pipeline.token(&process_env).map_err(problem)?,
            false => None,
        };
        let mut turn = Turn::at_once(&globals);
        let looked = look(&mut pipeline, token.as_ref(), false, turn.stop())?;
        let result_location = match sends {
            true => pipeline.result_location(&process_env).map_err(problem)?,
            false => None,
        };
        let mut work = Work::new(&pipeline, &common, &globals, &progress);
        work.silent = true;
        work.collected = Some(collected);
        work.token = token;
        work.result_location = result_location;
        if sends {
            return begin(work, RunId::generate(), looked, turn);
        }
        work.task = Task::Check;
        work.reports = false;
        work.perform(RunId::generate(), stop::never())
    }
}
