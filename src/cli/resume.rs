//! `rostream resume` and `rostream results`: what an earlier process left to be done, and what it did, again.

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;

use super::next::{STATE, command, run_again};
use super::open::{again, left_open, no_turn, refused, rejects, told, usage};
use super::pipeline::{SetArgs, mended, said, token};
use super::turn::{Turn, TurnArgs};
use super::work::{CommonArgs, Task, Work};
use super::{Exit, Failure, Globals, PipelineArgs, say, say_error, say_warning};
use crate::config::{Pipeline, Target, process_env};
use crate::files::of_run::filled;
use crate::report::error::Code;
use crate::report::human;
use crate::report::progress::Progress;
use crate::report::run::{Outcome, RunId};
use crate::run::again::Again;
use crate::state::entry::{By, Step, repeated};
use crate::state::folder::Lock;
use crate::state::lock::{Held, Shared, Who};
use crate::state::rows::{Refused, Rows};
use crate::state::{Entry, Folder, Ledger};
use crate::text::shown::shell_word;

/// A run that is over, or never was, and of which nothing is at the server.
const NOTHING_IMPORTED: Code = Code::lasting("nothing_imported");

/// Arguments of `rostream resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run, or its pipeline file; without it, the one run that is not finished.
    #[arg(value_name = "RUN|PIPELINE")]
    what: Option<String>,
    /// Upload again and request the import a second time, if it is unknown whether the first one began.
    #[arg(long, conflicts_with = "abandon")]
    retry_import: bool,
    /// Abandon the run: nothing is sent, and the next run may start.
    #[arg(long)]
    abandon: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    turn: TurnArgs,
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
    turn: TurnArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Where the run was written down.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// The state folder: `state` in the current folder, or as the pipeline file says.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The pipeline file, if it has been moved or was standard input.
    #[arg(long = "pipeline", value_name = "FILE")]
    pipeline: Option<String>,
}

impl PlaceArgs {
    pub(super) fn folder(&self, pipeline: Option<&Pipeline>) -> Folder {
        let stated = self.state.clone();
        Folder::new(stated.unwrap_or_else(|| match pipeline {
            Some(pipeline) => pipeline.state_dir.clone(),
            None => PathBuf::from(STATE),
        }))
    }

    /// The run's pipeline with the settings that it was run with, and its token.
    pub(super) fn load(
        &self,
        entry: &Entry,
        globals: &Globals,
    ) -> Result<(Pipeline, SecretString), Failure> {
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
        let mut pipeline = mended(args.load(globals)?, entry.mend.as_deref())?;
        if let Some(shard) = entry.shard {
            pipeline = pipeline.sharded(shard);
        }
        if let Target::Orgvue(to) = &pipeline.target
            && to.dataset_id().is_none()
        {
            // It was looked up then, and the run is there.
            pipeline.settle_dataset(&entry.target.dataset);
        }
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
            say_warning(format_args!(
                "{} was changed since run {}",
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
        let ended = self.take_up(globals, progress);
        told(ended, self.common.json)
    }

    fn take_up(&self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let folder = match self.find(globals)? {
            Found::Open(folder, run) => {
                let mut turn = self.turn.begin(globals)?;
                let (lock, entry) = take(&folder, &run, &mut turn)?;
                return self.go_on(
                    Taken {
                        folder,
                        lock,
                        entry,
                        turn,
                    },
                    globals,
                    progress,
                );
            }
            Found::Settled(folder, last) => match last.iter().find(|entry| !is_in(entry)) {
                Some(entry) => return Err(settled(entry, &folder)),
                None => folder,
            },
        };
        if !globals.quiet {
            say(format_args!(
                "there is nothing to resume in {}: the last run is in",
                human::path(folder.path())
            ));
        }
        Ok(Exit::Done)
    }

    /// From where the run was left.
    fn go_on(
        &self,
        taken: Taken<'_>,
        globals: &Globals,
        progress: &Progress,
    ) -> Result<Exit, Failure> {
        let (folder, lock) = (&taken.folder, &taken.lock);
        let mut entry = taken.entry.clone();
        let run = &taken.entry.run_id;
        match taken.entry.step {
            // Somebody else has been here since it was found.
            Step::Ended => Err(settled(&taken.entry, folder)),
            Step::Uploading => {
                lock.end(&mut entry, Outcome::Failed, By::NextStart)
                    .map_err(refused)?;
                Err(settled(&entry, folder))
            }
            step if self.abandon => {
                let outcome = match step {
                    Step::Ticket => Outcome::StillRunning,
                    _ => Outcome::Unknown,
                };
                lock.end(&mut entry, outcome, By::Abandon)
                    .map_err(refused)?;
                say(format_args!(
                    "run {run} is abandoned: {}",
                    outcome.describe()
                ));
                Ok(Exit::Done)
            }
            Step::Importing if self.retry_import => match again(&taken.entry) {
                Some(again) => Err(usage(format_args!(
                    "run {run} can't be repeated by itself: {} --abandon{again}",
                    command("resume", run, folder)
                ))),
                None => self.retry(taken, globals, progress),
            },
            Step::Importing => Err(left_open(&taken.entry, folder)),
            Step::Ticket if self.retry_import => Err(usage(format_args!(
                "run {run} has its job at the server, so no second import is needed: {}",
                command("resume", run, folder)
            ))),
            Step::Ticket => self.wait_for(taken, globals, progress),
        }
    }

    /// Takes up a job whose ticket is known.
    fn wait_for(
        &self,
        taken: Taken<'_>,
        globals: &Globals,
        progress: &Progress,
    ) -> Result<Exit, Failure> {
        let Taken {
            folder,
            lock,
            entry,
            mut turn,
        } = taken;
        let (pipeline, token) = self.place.load(&entry, globals)?;
        let Some(ticket) = entry.open_ticket(&token).map_err(refused)? else {
            return Err(left_open(&entry, &folder));
        };
        let run = entry.run_id.clone();
        let dataset = dataset(&entry, &mut turn)?;
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.rejects = rejects(&pipeline, &run, &mut turn).map_err(no_turn)?;
        work.again = begun(&pipeline, &entry, &folder)?;
        let ledger = Ledger::new(lock, dataset, token.clone(), entry.clone(), None);
        work.ledger = Some(ledger.map_err(refused)?);
        work.token = Some(token);
        work.task = Task::TakeUp(Box::new((entry, ticket)));
        work.perform(run, turn.over())
    }

    /// The run that is meant, or how things stand where none is open.
    fn find(&self, globals: &Globals) -> Result<Found, Failure> {
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
            return Ok(match entry.step {
                Step::Ended => Found::Settled(folder, vec![entry]),
                _ => Found::Open(folder, Box::new(entry)),
            });
        }
        if pipeline.is_none() && !folder.path().is_dir() {
            return Err(usage(format_args!(
                "there is no state folder {}; name the pipeline file, or its state folder with --state",
                human::path(folder.path())
            )));
        }
        let mut known = folder.entries().map_err(refused)?;
        let repeated = repeated(&known);
        if let Some(pipeline) = &pipeline {
            known.retain(|entry| entry.pipeline.name == pipeline.name);
        }
        let (last, open) = sorted(known, &repeated);
        let mut open = to_be_taken_up(open);
        match (open.pop(), &last[..]) {
            (Some(entry), _) if open.is_empty() => Ok(Found::Open(folder, Box::new(entry))),
            (Some(entry), _) => {
                open.push(entry);
                Err(several(&open, &folder))
            }
            (None, []) => Err(none_known(pipeline.as_ref(), self.what.as_deref(), &folder)),
            (None, _) => Ok(Found::Settled(folder, last)),
        }
    }

    /// Runs the pipeline again, in place of a run whose import has an unknown fate.
    fn retry(
        &self,
        taken: Taken<'_>,
        globals: &Globals,
        progress: &Progress,
    ) -> Result<Exit, Failure> {
        let Taken {
            folder,
            lock,
            entry,
            mut turn,
        } = taken;
        let (pipeline, token) = self.place.load(&entry, globals)?;
        let run = RunId::generate();
        let dataset = dataset(&entry, &mut turn)?;
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.result_location = pipeline.result_location(&process_env).map_err(said)?;
        work.rejects = rejects(&pipeline, &run, &mut turn).map_err(no_turn)?;
        work.again = begun(&pipeline, &entry, &folder)?;
        let rows = work.again.as_ref().map(|again| again.rows.clone());
        let again = Entry::new(run.clone(), &pipeline).map(|mut again| {
            // What it repeats was made on that day, too.
            again.today = entry.today;
            again.plan = entry.plan.clone();
            again.retry_of = entry.retry_of.clone();
            let approval = match &entry.approved {
                Some(hash) => folder.approval(hash, &entry, true)?.ok(),
                None => None,
            };
            let ledger = Ledger::new(lock, dataset, token.clone(), again, Some(entry))?;
            Ok(ledger.approved(approval))
        });
        work.ledger = again.transpose().map_err(refused)?;
        if let (Some(ledger), Some(rows)) = (&work.ledger, rows) {
            let rows = Rows::new(run.clone(), rows);
            ledger.rows(&rows).map_err(refused)?;
        }
        work.token = Some(token);
        work.perform(run, turn.over())
    }
}

impl ResultsArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let ended = self.fetch(globals, progress);
        told(ended, self.common.json)
    }

    fn fetch(&self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let folder = self.place.folder(None);
        let mut turn = self.turn.begin(globals)?;
        let (lock, entry) = take(&folder, &named(&folder, &self.run)?, &mut turn)?;
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
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.rejects = rejects(&pipeline, &run, &mut turn).map_err(no_turn)?;
        work.again = begun(&pipeline, &entry, &folder)?;
        let ledger = Ledger::new(lock, None, token.clone(), entry.clone(), None);
        work.ledger = Some(ledger.map_err(refused)?);
        work.token = Some(token);
        work.task = Task::TakeUp(Box::new((entry, ticket)));
        work.perform(run, turn.over())
    }
}

/// What `resume` found.
enum Found {
    /// A run to be taken up.
    Open(Folder, Box<Entry>),
    /// Nothing to be taken up, and the last run of every pipeline that is asked about.
    Settled(Folder, Vec<Entry>),
}

/// A run that is taken up, under its pipeline's lock.
struct Taken<'a> {
    folder: Folder,
    lock: Lock,
    entry: Entry,
    turn: Turn<'a>,
}

/// The last run of every pipeline, and the runs that are open.
fn sorted(known: Vec<Entry>, repeated: &[RunId]) -> (Vec<Entry>, Vec<Entry>) {
    let mut last: Vec<Entry> = Vec::new();
    let mut open = Vec::new();
    for entry in known {
        if entry.step != Step::Ended && !repeated.contains(&entry.run_id) {
            open.push(entry.clone());
        }
        last.retain(|other| other.pipeline.name != entry.pipeline.name);
        last.push(entry);
    }
    (last, open)
}

/// Of the runs that are open, those that are to be taken up. One that was cut off before its import leaves nothing to be
/// done where another of its pipeline is open: its own canary, or a later run.
fn to_be_taken_up(open: Vec<Entry>) -> Vec<Entry> {
    let mut left: Vec<Entry> = Vec::new();
    for entry in open {
        let is_same = |other: &Entry| other.pipeline.name == entry.pipeline.name;
        let has_asked = |other: &Entry| is_same(other) && other.step != Step::Uploading;
        if entry.step == Step::Uploading && left.iter().any(has_asked) {
            continue;
        }
        left.retain(|other| !is_same(other) || has_asked(other));
        left.push(entry);
    }
    left
}

fn several(open: &[Entry], folder: &Folder) -> Failure {
    say_error(
        Exit::Usage,
        None,
        "several runs are not finished; name one of them:",
    );
    for entry in open {
        say(format_args!(
            "  {}  # {}",
            command("resume", &entry.run_id, folder),
            entry.pipeline.name
        ));
    }
    Failure::said(Exit::Usage)
}

/// Why a run may not be known.
const SANDBOX: &str = "runs to the sandbox inside this program leave nothing to take up";

fn none_known(pipeline: Option<&Pipeline>, file: Option<&str>, folder: &Folder) -> Failure {
    let state = human::path(folder.path());
    let text = match (pipeline, file) {
        (Some(pipeline), Some(file)) if matches!(pipeline.target, Target::Sandbox) => format!(
            "{SANDBOX}: run {} again: rostream run {}",
            pipeline.name,
            shell_word(file)
        ),
        (Some(pipeline), Some(file)) => format!(
            "no run of {} is known in {state}: nothing was imported, run it: rostream run {}",
            pipeline.name,
            shell_word(file)
        ),
        _ => format!("no run is known in {state}: nothing was imported"),
    };
    Failure::of_kind(Exit::Failed, NOTHING_IMPORTED, text)
}

/// Whether nothing is left to do about a run.
fn is_in(entry: &Entry) -> bool {
    entry.went_well()
}

/// A run that is over, and is not in.
fn settled(entry: &Entry, folder: &Folder) -> Failure {
    let (run, how) = (&entry.run_id, ending(entry));
    let again = run_again(entry);
    let Some(ended) = &entry.ended else {
        return Failure::new(Exit::Failed, format!("run {run} has ended: {how}"));
    };
    let text = match (ended.by, ended.outcome) {
        (By::NextStart, _) if entry.rows.is_some() => format!(
            "run {run} was cut off before its deletions were requested: its rows are imported; who is gone is found again \
             by the next run: {again}"
        ),
        (By::NextStart, _) => format!(
            "run {run} was cut off before its import was requested, so nothing was imported; run it again: {again}"
        ),
        (By::Abandon | By::Superseded, _) => {
            format!("run {run} has ended: {how}; to load the data, run it again: {again}")
        }
        (By::Run, Outcome::ImportFailed) => {
            let text = format!("run {run} has ended: {how}; run it again: {again}");
            return Failure::of_kind(Exit::ImportFailed, Code::lasting("import_failed"), text);
        }
        (By::Run, _) if entry.ticket.is_some() => {
            let text = format!(
                "run {run} was imported, but not all of its results were processed: {}",
                command("results", run, folder)
            );
            return Failure::of_kind(Exit::Failed, Code::lasting("results"), text);
        }
        (By::Run, outcome) => {
            let how = match outcome {
                Outcome::StoppedByGuard => "was stopped by a guard",
                Outcome::Interrupted => "was interrupted",
                _ => "failed",
            };
            let left = match entry.rows {
                Some(_) => "its rows are imported, its deletions are not",
                None => "nothing was imported",
            };
            format!("run {run} {how}: {left}, run it again: {again}")
        }
    };
    Failure::of_kind(Exit::Failed, NOTHING_IMPORTED, text)
}

/// The lock of the data set that an earlier run sent to.
pub(super) fn dataset(entry: &Entry, turn: &mut Turn<'_>) -> Result<Option<Held>, Failure> {
    let who = Who {
        run: &entry.run_id,
        pipeline: &entry.pipeline.name,
    };
    turn.take(|| Shared::of_user().dataset(&entry.target, &who))
        .map_err(no_turn)
}

pub(super) fn named(folder: &Folder, run: &str) -> Result<Entry, Failure> {
    let entries = folder.entries().map_err(refused)?;
    entries
        .into_iter()
        .find(|entry| entry.run_id.as_str() == run)
        .ok_or_else(|| {
            usage(format_args!(
                "there is no run {run} in {}; name its state folder with --state ({SANDBOX})",
                human::path(folder.path())
            ))
        })
}

/// Takes the lock of a run's pipeline, and looks at the run once more.
pub(super) fn take(
    folder: &Folder,
    found: &Entry,
    turn: &mut Turn<'_>,
) -> Result<(Lock, Entry), Failure> {
    let lock = turn
        .take(|| folder.lock(&found.pipeline.name, &found.run_id))
        .map_err(no_turn)?;
    let entry = named(folder, found.run_id.as_str())?;
    Ok((lock, entry))
}

/// The rows that a retry of an earlier process was to send again.
fn begun(pipeline: &Pipeline, entry: &Entry, folder: &Folder) -> Result<Option<Again>, Failure> {
    let Some(of) = &entry.retry_of else {
        return Ok(None);
    };
    let first = named(folder, of.as_str())?;
    match folder.rows(&entry.run_id).map_err(refused)? {
        Some(rows) => Ok(Some(again_of(pipeline, &first, rows.before))),
        None => Err(usage(format_args!(
            "which rows the retry {} was to send is not known any more: its file is missing in {}",
            entry.run_id,
            human::path(folder.path())
        ))),
    }
}

/// These rows of a run, to be sent again.
pub(super) fn again_of(pipeline: &Pipeline, first: &Entry, rows: Vec<Refused>) -> Again {
    Again {
        of: first.run_id.clone(),
        hash: first.body_hash.clone(),
        withheld: first.counts.withheld > 0,
        rejects: filled(&pipeline.rejects.path, first.run_id.as_str(), first.today()),
        rows,
    }
}

fn ending(entry: &Entry) -> &'static str {
    match &entry.ended {
        Some(ended) if ended.by == By::Abandon => "it was abandoned",
        Some(ended) if ended.by == By::Superseded => "its import was repeated by another run",
        Some(ended) => ended.outcome.describe(),
        None => "how is not known",
    }
}
