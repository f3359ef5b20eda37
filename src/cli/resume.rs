//! `rostream resume` and `rostream results`: what an earlier process left to be done, and what it did, again.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;

use super::pipeline::SetArgs;
use super::run::{CommonArgs, Work, token};
use super::{Exit, Failure, Globals, PipelineArgs, say};
use crate::config::Pipeline;
use crate::report::human;
use crate::report::progress::Progress;
use crate::report::run::{Outcome, RunId};
use crate::state::ledger::{By, Entry, Folder, Ledger, LedgerError, Lock, Step, repeated};

/// The state folder where none is named: as the pipeline file has it unless it says otherwise.
const STATE: &str = "state";

/// Arguments of `rostream resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run, or its pipeline file; without it, the one run that is not finished.
    #[arg(value_name = "RUN|PIPELINE")]
    what: Option<String>,
    /// Upload again and ask for the import a second time, where it is unknown whether the first one began.
    #[arg(long, conflicts_with = "abandon")]
    retry_import: bool,
    /// Let the run go: nothing is sent, and the next run may start.
    #[arg(long)]
    abandon: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `rostream results`.
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// The run.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Where the run was written down.
#[derive(Debug, Args)]
struct PlaceArgs {
    /// The state folder: `state` in the current folder, or as the pipeline file says.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The pipeline file, where it has been moved or was standard input.
    #[arg(long = "pipeline", value_name = "FILE")]
    pipeline: Option<String>,
}

impl PlaceArgs {
    fn folder(&self, pipeline: Option<&Pipeline>) -> Folder {
        let stated = self.state.clone();
        Folder::new(stated.unwrap_or_else(|| match pipeline {
            Some(pipeline) => pipeline.state_dir.clone(),
            None => PathBuf::from(STATE),
        }))
    }

    /// The run's pipeline with the settings that it was run with, and its token.
    fn load(&self, entry: &Entry, globals: &Globals) -> Result<(Pipeline, SecretString), Failure> {
        let file = match (&self.pipeline, &entry.pipeline.file) {
            (Some(file), _) => file.clone(),
            (None, Some(file)) => human::path(file),
            (None, None) => {
                return Err(usage(format_args!(
                    "the pipeline of run {} was read from standard input; name its file with --pipeline",
                    entry.run_id
                )));
            }
        };
        let set = entry.pipeline.overrides.clone();
        let args = PipelineArgs {
            pipeline: file,
            sets: SetArgs { set },
        };
        let pipeline = args.load(globals)?;
        if pipeline.name != entry.pipeline.name {
            return Err(usage(format_args!(
                "{}: the pipeline's name is {}, and run {} was one of {}",
                args.pipeline, pipeline.name, entry.run_id, entry.pipeline.name
            )));
        }
        let now = Entry::new(entry.run_id.clone(), &pipeline);
        if now.as_ref().map(|now| &now.target) != Some(&entry.target) {
            return Err(usage(format_args!(
                "{}: the target is not that of run {}, which sent to data set {} of {} at {}",
                args.pipeline,
                entry.run_id,
                entry.target.dataset,
                entry.target.tenant,
                entry.target.base_url
            )));
        }
        if pipeline.origin.hash != entry.pipeline.hash && !globals.quiet {
            say(format_args!(
                "warning: {} was changed since run {}",
                args.pipeline, entry.run_id
            ));
        }
        match token(&pipeline)? {
            Some(token) => Ok((pipeline, token)),
            // Targets without a token leave no state.
            None => Err(usage("the pipeline's target has no token")),
        }
    }
}

impl ResumeArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let (folder, found) = self.find(globals)?;
        let Some(found) = found else {
            say(format_args!(
                "there is nothing to resume in {}",
                human::path(folder.path())
            ));
            return Ok(Exit::Done);
        };
        let (lock, mut entry) = take(&folder, &found)?;
        let run = entry.run_id.clone();
        match entry.step {
            Step::Ended => Err(usage(format_args!(
                "run {run} has ended: {}",
                ending(&entry)
            ))),
            Step::Uploading => {
                lock.end(&mut entry, Outcome::Failed, By::NextStart)
                    .map_err(refused)?;
                Err(Failure::new(
                    Exit::Failed,
                    format!(
                        "run {run} was cut off before its import was asked for, so nothing was imported; run it again"
                    ),
                ))
            }
            step if self.abandon => {
                let outcome = match step {
                    Step::Ticket => Outcome::StillRunning,
                    _ => Outcome::Unknown,
                };
                lock.end(&mut entry, outcome, By::Abandon)
                    .map_err(refused)?;
                say(format_args!("run {run} is let go: {}", outcome.describe()));
                Ok(Exit::Done)
            }
            Step::Importing if self.retry_import => self.retry(lock, entry, globals, progress),
            Step::Importing => Err(left_open(&entry, &folder)),
            Step::Ticket if self.retry_import => Err(usage(format_args!(
                "run {run} has its job at the server, so no second import is needed: {}",
                command("resume", &run, &folder)
            ))),
            Step::Ticket => {
                let (pipeline, token) = self.place.load(&entry, globals)?;
                let Some(ticket) = entry.open_ticket(&token).map_err(refused)? else {
                    return Err(left_open(&entry, &folder));
                };
                let ledger = Ledger::new(lock, token.clone(), entry.clone(), None);
                let work = Work {
                    pipeline: &pipeline,
                    common: &self.common,
                    token: Some(token),
                    ledger: Some(ledger),
                    resumed: Some((entry, ticket)),
                    dry_run: false,
                };
                work.perform(run, globals, progress)
            }
        }
    }

    /// The run that is meant, if there is one.
    fn find(&self, globals: &Globals) -> Result<(Folder, Option<Entry>), Failure> {
        let pipeline = match self.what.as_deref() {
            Some(what) if Path::new(what).is_file() => {
                let args = PipelineArgs {
                    pipeline: what.to_owned(),
                    sets: SetArgs { set: Vec::new() },
                };
                Some(args.load(globals)?)
            }
            _ => None,
        };
        let folder = self.place.folder(pipeline.as_ref());
        if let (Some(run), None) = (&self.what, &pipeline) {
            let entry = named(&folder, run)?;
            return Ok((folder, Some(entry)));
        }
        if pipeline.is_none() && !folder.path().is_dir() {
            return Err(usage(format_args!(
                "there is no state folder {}; name the pipeline file, or its state folder with --state",
                human::path(folder.path())
            )));
        }
        let mut open = folder.entries().map_err(refused)?;
        let repeated = repeated(&open);
        open.retain(|entry| {
            entry.step != Step::Ended
                && !repeated.contains(&entry.run_id)
                && pipeline
                    .as_ref()
                    .is_none_or(|pipeline| pipeline.name == entry.pipeline.name)
        });
        if open.len() > 1 {
            say("error: several runs are not finished; name one of them:");
            for entry in &open {
                say(format_args!(
                    "  {}  # {}",
                    command("resume", &entry.run_id, &folder),
                    entry.pipeline.name
                ));
            }
            return Err(Failure::said(Exit::Usage));
        }
        Ok((folder, open.pop()))
    }

    /// Runs the pipeline again, in place of a run whose import has an unknown fate.
    fn retry(
        &self,
        lock: Lock,
        entry: Entry,
        globals: &Globals,
        progress: &Progress,
    ) -> Result<Exit, Failure> {
        let (pipeline, token) = self.place.load(&entry, globals)?;
        let run = RunId::generate();
        let again = Entry::new(run.clone(), &pipeline)
            .map(|again| Ledger::new(lock, token.clone(), again, Some(entry)));
        let work = Work {
            pipeline: &pipeline,
            common: &self.common,
            token: Some(token),
            ledger: again,
            resumed: None,
            dry_run: false,
        };
        work.perform(run, globals, progress)
    }
}

impl ResultsArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let folder = self.place.folder(None);
        // Held to the end: nobody else writes rejects and report meanwhile.
        let (_lock, entry) = take(&folder, &named(&folder, &self.run)?)?;
        let run = entry.run_id.clone();
        if entry.step != Step::Ended {
            return Err(usage(format_args!(
                "run {run} is not finished: {}",
                command("resume", &run, &folder)
            )));
        }
        let (pipeline, token) = self.place.load(&entry, globals)?;
        let Some(ticket) = entry.open_ticket(&token).map_err(refused)? else {
            return Err(usage(format_args!(
                "run {run} has no results: {}",
                ending(&entry)
            )));
        };
        let work = Work {
            pipeline: &pipeline,
            common: &self.common,
            token: Some(token),
            ledger: None,
            resumed: Some((entry, ticket)),
            dry_run: false,
        };
        work.perform(run, globals, progress)
    }
}

fn named(folder: &Folder, run: &str) -> Result<Entry, Failure> {
    let entries = folder.entries().map_err(refused)?;
    entries
        .into_iter()
        .find(|entry| entry.run_id.as_str() == run)
        .ok_or_else(|| {
            usage(format_args!(
                "there is no run {run} in {}; name its state folder with --state",
                human::path(folder.path())
            ))
        })
}

/// Takes the lock of a run's pipeline, and looks at the run once more.
fn take(folder: &Folder, found: &Entry) -> Result<(Lock, Entry), Failure> {
    let lock = folder
        .lock(&found.pipeline.name, &found.run_id)
        .map_err(refused)?;
    let entry = named(folder, found.run_id.as_str())?;
    Ok((lock, entry))
}

fn ending(entry: &Entry) -> &'static str {
    match &entry.ended {
        Some(ended) if ended.by == By::Abandon => "it was abandoned",
        Some(ended) if ended.by == By::Superseded => "its import was repeated by another run",
        Some(ended) => ended.outcome.describe(),
        None => "how is not known",
    }
}

fn usage(message: impl fmt::Display) -> Failure {
    Failure::new(Exit::Usage, message.to_string())
}

/// A ledger that can't be kept.
pub(super) fn refused(error: LedgerError) -> Failure {
    let exit = match error {
        LedgerError::Locked { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// What a run left open must be decided before anything else is sent.
pub(super) fn left_open(entry: &Entry, folder: &Folder) -> Failure {
    let run = &entry.run_id;
    let resume = command("resume", run, folder);
    if entry.step == Step::Ticket {
        return Failure::new(
            Exit::TimedOut,
            format!(
                "run {run} has its import job at the server, and nobody has seen how it ended; take it up: {resume}"
            ),
        );
    }
    let target = &entry.target;
    let text = format!(
        "run {run} asked for its import and has no answer: whether it was applied is not known. Look at data set {} \
         of {}, or ask Orgvue's support about the import of {:.0} UTC. Where it was applied, or is not wanted any \
         more: {resume} --abandon. Where it was not applied: {resume} --retry-import",
        target.dataset, target.tenant, entry.written_at
    );
    Failure::new(Exit::Unknown, text)
}

/// The command that goes on from where a run ended; nothing where nothing is open.
pub(super) fn next(entry: &Entry, folder: &Folder, outcome: Outcome) -> Option<String> {
    let word = match entry.step {
        Step::Importing | Step::Ticket => "resume",
        Step::Ended if outcome == Outcome::Failed && entry.ticket.is_some() => "results",
        _ => return None,
    };
    Some(command(word, &entry.run_id, folder))
}

/// A command about a run, as it works from the current folder.
fn command(word: &str, run: &RunId, folder: &Folder) -> String {
    let state = human::path(folder.path());
    if state == STATE {
        return format!("rostream {word} {run}");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let state = match state.chars().all(plain) {
        true => state,
        false => format!("'{}'", state.replace('\'', r"'\''")),
    };
    format!("rostream {word} {run} --state {state}")
}
