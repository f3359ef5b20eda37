//! A command that runs a pipeline: a job, its signals and its report.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use secrecy::SecretString;

use super::next::{next, run_again};
use super::pipeline::said;
use super::planned::{self, Out};
use super::said::{say_run, say_summary};
use super::several::Collected;
use super::stop::Stop;
use super::{
    Exit, Failure, Globals, put_findings, put_json, say, say_error, say_problems, say_warning,
};
use crate::config::{self, Pipeline, Target, process_env};
use crate::guard::History;
use crate::orgvue::hosts::hosts;
use crate::orgvue::{Connection, Ticket};
use crate::report::error::ErrorReport;
use crate::report::events;
use crate::report::progress::Progress;
use crate::report::run::{Outcome, PipelineInfo, ReportError, RunId, RunReport, ShardReport};
use crate::run::again::Again;
use crate::run::delta::{Delta, Wanted};
use crate::run::drift::Drift;
use crate::run::import_from::import_from;
use crate::run::keep::prune;
use crate::run::kept::Kept;
use crate::run::plan::Planned;
use crate::run::preflight::Preflight;
use crate::run::resume::resume;
use crate::run::{self, Basis, Job, RunError};
use crate::sandbox::Sandbox;
use crate::sandbox::options::{SandboxSettings, UnknownProperty};
use crate::settings::secret::PresignedUrl;
use crate::stage::hash::{Key, KeySpec};
use crate::state::lock::Held;
use crate::state::{Applied, Approval, Entry, Folder, Ledger};
use crate::text::chain;
use crate::text::dates::Date;

/// What `run` and `check` and those that take a run up take.
#[derive(Debug, Default, Args)]
pub(super) struct CommonArgs {
    /// Exit with 0 if rows were rejected and everything else succeeded.
    #[arg(long)]
    partial_ok: bool,
    /// Write the run report to stdout as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Write the run to stdout in one line, for a message to somebody.
    #[arg(long, conflicts_with = "json")]
    summary: bool,
    /// Threads that process the data; one per core by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

impl CommonArgs {
    /// What a program asks for.
    pub(super) fn with(workers: Option<u16>) -> CommonArgs {
        CommonArgs {
            workers,
            ..CommonArgs::default()
        }
    }
}

/// Threads that process blocks, unless stated: one a core.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A runtime for a command that is async.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, error))
}

/// A job to be done for a pipeline.
pub(super) struct Work<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) common: &'a CommonArgs,
    pub(super) globals: &'a Globals,
    pub(super) progress: &'a Progress,
    pub(super) task: Task,
    pub(super) token: Option<SecretString>,
    /// The hash of the plan that is approved.
    pub(super) approve: Option<String>,
    /// The plan that is carried out.
    pub(super) applies: Option<Arc<Applied>>,
    /// What would be done, where a plan is made.
    planned: OnceLock<Planned>,
    pub(super) preflight: Option<Preflight>,
    pub(super) result_location: Option<PresignedUrl>,
    /// So many rows go before the others.
    pub(super) first: Option<u32>,
    /// Whether nobody waits for the job.
    pub(super) detach: bool,
    pub(super) ledger: Option<Ledger>,
    /// The rows of an earlier run that are sent again, and no others.
    pub(super) again: Option<Again>,
    /// Takes the report in, where this is one of several runs.
    pub(super) collected: Option<&'a Collected>,
    /// Nobody else writes the rejects file meanwhile.
    pub(super) rejects: Option<Held>,
    /// Whether a report is left behind.
    pub(super) reports: bool,
    /// Nothing is printed: whoever asked for the work is a program.
    pub(super) silent: bool,
}

/// What is to be done.
pub(super) enum Task {
    /// Everything.
    Run,
    /// Everything that sends nothing.
    Check,
    /// The same, and what would be done is written down: as a file, and as a page, too.
    Plan { out: Out, page: Option<PathBuf> },
    /// Everything up to the upload, which goes to an address of the user's own.
    Upload(PresignedUrl),
    /// The import alone, of what stands at an address of the user's own.
    Import(PresignedUrl),
    /// To take up the job of an earlier process.
    TakeUp(Box<(Entry, Ticket)>),
}

impl<'a> Work<'a> {
    pub(super) fn new(
        pipeline: &'a Pipeline,
        common: &'a CommonArgs,
        globals: &'a Globals,
        progress: &'a Progress,
    ) -> Work<'a> {
        Work {
            pipeline,
            common,
            globals,
            progress,
            task: Task::Run,
            token: None,
            approve: None,
            applies: None,
            planned: OnceLock::new(),
            preflight: None,
            result_location: None,
            first: None,
            detach: false,
            ledger: None,
            again: None,
            collected: None,
            rejects: None,
            reports: true,
            silent: false,
        }
    }

    /// Does it, reports, and gives the exit code.
    pub(super) fn perform(self, run_id: RunId, stop: Stop) -> Result<Exit, Failure> {
        let stated = self.pipeline;
        let pipeline = &stated.of_run(run_id.as_str(), self.today());
        Work { pipeline, ..self }.perform_as(run_id, stop, stated)
    }

    /// The same with the names of this run's files; `stated` has them as they are stated.
    fn perform_as(self, run_id: RunId, stop: Stop, stated: &Pipeline) -> Result<Exit, Failure> {
        let unlocked = self.pipeline.unlock_source(&config::process_env);
        unlocked.map_err(said)?;
        let keys = self.pipeline.stage_keys(&config::process_env);
        let keys = keys.map_err(said)?;
        let secret = self.pipeline.state_key(&config::process_env);
        let secret = secret.map_err(said)?;
        if self.reports {
            let prepared = RunReport::prepare(self.report_dir());
            prepared.map_err(|error| Failure::new(Exit::Failed, error))?;
        }
        let started = Instant::now();
        let mut report = self.report(run_id);
        say_run(&report);
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.asked() => Err(RunError::Interrupted),
                ended = self.carry_out(keys, secret, &mut report) => ended,
            }
        });
        self.progress.finish();
        // Blocks that are still being worked on hold nothing that matters; nobody waits for them.
        runtime.shutdown_background();
        let ended = self.finish(report, ended, started);
        // Other shards may read at this moment what one of them would take away.
        let is_whole = self.pipeline.shard.is_none();
        if is_whole && matches!(self.task, Task::Run | Task::TakeUp(_)) {
            for left in prune(stated, self.ledger.as_ref(), self.report_dir()) {
                self.warn(left);
            }
        }
        ended
    }

    fn warn(&self, warning: impl std::fmt::Display) {
        if !self.silent {
            say_warning(warning);
        }
    }

    fn say(&self, line: impl std::fmt::Display) {
        if !self.silent {
            say(line);
        }
    }

    /// Ends a run that could not begin, with a report that says why.
    pub(super) fn refuse(self, run_id: RunId, error: RunError) -> Result<Exit, Failure> {
        self.progress.finish();
        let report = self.report(run_id);
        say_run(&report);
        self.finish(report, Err(error), Instant::now())
    }

    fn report_dir(&self) -> &Path {
        self.pipeline
            .report_dir
            .as_deref()
            .unwrap_or(Path::new("."))
    }

    /// The day for rules that compare with it: the same in every pass, and in whoever takes the run up.
    fn today(&self) -> Date {
        match (&self.task, &self.ledger) {
            (Task::TakeUp(taken), _) => taken.0.today(),
            (_, Some(ledger)) => ledger.entry().today(),
            _ => match &self.applies {
                Some(applied) => applied.plan.content.plan.today,
                None => self.pipeline.today(),
            },
        }
    }

    /// A report of which nothing is filled in.
    fn report(&self, run_id: RunId) -> RunReport {
        let pipeline = PipelineInfo {
            name: self.pipeline.name.clone(),
            file: PathBuf::from(&*self.pipeline.file),
        };
        let mut report = RunReport::new(run_id, pipeline, Timestamp::now());
        report.target = self.pipeline.target.name();
        report.sensitive = self.pipeline.sensitive.clone();
        report.time_zone = self.pipeline.zone().to_string();
        report.today = Some(self.today());
        let plan = self.applies.as_ref();
        report.plan = plan.map(|applied| applied.plan.report(Some(&applied.file)));
        report.shard = self.pipeline.shard.map(|shard| ShardReport {
            shard,
            plan: plan.map(|applied| applied.plan.hash.clone()),
            checked: None,
        });
        if let Some(preflight) = &self.preflight {
            preflight.tell(&mut report);
        }
        report
    }

    async fn carry_out(
        &self,
        keys: HashMap<KeySpec, Key>,
        secret: Option<SecretString>,
        report: &mut RunReport,
    ) -> Result<(), RunError> {
        let repeated = self.ledger.as_ref().and_then(Ledger::earlier);
        let wanted = match &self.task {
            Task::Check | Task::Plan { .. } | Task::Upload(_) | Task::Import(_) => Wanted::Look,
            Task::Run => Wanted::Run(repeated.as_ref()),
            Task::TakeUp(taken) => Wanted::TakeUp(&taken.0),
        };
        let run = report.run_id.clone();
        let basis = self.basis()?;
        let last = basis.history.last.as_ref();
        let delta = Delta::open(self.pipeline, secret.as_ref(), &run, &wanted, last)?;
        // No run is ever compared with a shard.
        let writes = self.ledger.is_some() && self.pipeline.shard.is_none();
        let kept = match &self.task {
            Task::Run | Task::Check | Task::Plan { .. } | Task::Upload(_)
                if self.again.is_none() =>
            {
                let last = basis.history.last.as_ref();
                Kept::open(self.pipeline, secret.as_ref(), &run, last, writes)?
            }
            _ => None,
        };
        let drift = match &self.task {
            Task::Run | Task::Check | Task::Plan { .. } | Task::Upload(_)
                if self.again.is_none() =>
            {
                let last = basis.history.last.as_ref();
                Drift::open(self.pipeline, secret.as_ref(), last, writes)?
            }
            _ => None,
        };
        let workers = self.common.workers.map_or_else(cores, usize::from);
        let resources = run::resources(self.pipeline, keys, self.today(), workers).await?;
        // Kept until the run is over: the embedded sandbox ends when it is dropped.
        let mut sandbox = None;
        let job = Job {
            pipeline: self.pipeline,
            connection: self.connection(&mut sandbox).await?,
            resources,
            workers,
            block: crate::engine::blocks::BLOCK,
            progress: self.progress.clone(),
            basis,
            first: self.first,
            detach: self.detach,
            to: match &self.task {
                Task::Upload(to) => Some(to.clone()),
                _ => None,
            },
            preflight: self.preflight.as_ref(),
            ledger: self.ledger.as_ref(),
            again: self.again.as_ref(),
            delta,
            planned: self.is_planned().then_some(&self.planned),
            kept,
            drift: drift.map(Arc::new),
        };
        match &self.task {
            Task::TakeUp(taken) => resume(job, &taken.0, taken.1.clone(), report).await,
            Task::Import(from) => import_from(&job, from, report).await,
            Task::Run | Task::Check | Task::Plan { .. } | Task::Upload(_) => {
                run::run(&job, report).await
            }
        }
    }

    /// Whether what would be done is written down: as a plan, or for one.
    fn is_planned(&self) -> bool {
        match self.task {
            Task::Plan { .. } => true,
            Task::Check => self.pipeline.shard.is_some(),
            _ => false,
        }
    }

    /// What guards go by. A check looks up what went before, too, and writes nothing down.
    fn basis(&self) -> Result<Basis, RunError> {
        let folder = Folder::new(&self.pipeline.state_dir);
        let entry = Entry::new(RunId::generate(), self.pipeline);
        let history = match (&self.ledger, entry, &self.pipeline.target) {
            (Some(ledger), ..) => ledger.history().clone(),
            (None, Some(entry), _) => folder.history(&entry)?,
            (None, None, Target::Orgvue(to)) => folder.history_of_name(&self.pipeline.name, to)?,
            (None, None, Target::Sandbox) => History::default(),
        };
        let ledger = self.ledger.as_ref();
        Ok(Basis {
            history,
            approval: match ledger {
                Some(ledger) => ledger.approval().cloned(),
                None => self.approved(),
            },
            applied: self.applies.clone(),
            repeats: ledger.is_some_and(|ledger| ledger.repeats().is_some()),
            today: self.today(),
        })
    }

    /// What was approved of a plan that is carried out.
    fn approved(&self) -> Option<Approval> {
        let applied = self.applies.as_ref();
        let approved = applied.filter(|applied| applied.approved);
        approved.map(|applied| applied.plan.approval())
    }

    /// Where the rows go: nowhere, to the pipeline's target, or to a sandbox that is started for them.
    async fn connection(
        &self,
        sandbox: &mut Option<Embedded>,
    ) -> Result<Option<Connection>, RunError> {
        Ok(match (&self.task, &self.pipeline.target, &self.token) {
            (Task::Check | Task::Plan { .. } | Task::Upload(_), ..) => None,
            (_, Target::Orgvue(to), Some(token)) => Some(Connection {
                result_location: self.result_location.clone(),
                ..run::connection(to, token)
            }),
            _ => {
                let started = sandbox.insert(embedded(self.pipeline).await?);
                Some(started.connection()?)
            }
        })
    }

    /// Writes the report, says how it went, and gives the exit code.
    fn finish(
        &self,
        mut report: RunReport,
        ended: Result<(), RunError>,
        started: Instant,
    ) -> Result<Exit, Failure> {
        let ended = ended.and_then(|()| report.check().map_err(RunError::from));
        let ended = self.plan(&mut report, ended);
        let outcome = outcome(&report, &ended);
        let exit = match outcome {
            Outcome::SucceededWithRejects if self.common.partial_ok => Exit::Done,
            outcome => Exit::from(outcome),
        };
        let error = ended.as_ref().err();
        let error = error.filter(|error| !matches!(error, RunError::Detached));
        report.error = error.map(|error| ErrorReport::new(error.code(), chain(error)));
        report.end(outcome, Timestamp::now(), started.elapsed());
        report.pace = self.progress.pace();
        report.exit_code = exit as u8;
        if let Some(ledger) = &self.ledger {
            if let Err(error) = ledger.over(outcome, report.exit_code) {
                report.warnings.push(chain(&error));
            }
            let entry = ledger.left();
            let folder = Folder::new(&self.pipeline.state_dir);
            self.keep(&entry, &folder);
            // What is held back is compared with this very run, if that is accepted.
            let may_be = matches!(
                outcome,
                Outcome::StoppedByGuard | Outcome::Succeeded | Outcome::SucceededWithRejects
            );
            let approve = report.offered.as_ref().filter(|_| may_be);
            report.next = next(&entry, &folder, outcome)
                .or_else(|| approve.map(|hash| format!("{} --approve {hash}", run_again(&entry))));
        }
        self.measure(&mut report);
        let written = match self.reports {
            true => report.write(self.report_dir()).map(Some),
            false => Ok(None),
        };
        let written_to = written.as_ref().ok().and_then(Option::as_deref);
        let pages = self.pages(&report, written_to);
        let files = written.iter().flatten().chain(pages.iter().flatten());
        self.tell(&report, ended.is_ok(), &files.collect::<Vec<_>>())?;
        match (ended, written.and(pages)) {
            (Err(error), written) => {
                if let Err(unwritten) = written {
                    self.warn(chain(&unwritten));
                }
                match error {
                    RunError::Detached => Ok(exit),
                    error if self.silent => Err(Failure::new(exit, error)),
                    error => Err(failure(exit, error, &report)),
                }
            }
            (Ok(()), Err(error)) => {
                let error = chain(&error);
                let done = outcome.describe();
                Err(Failure::new(Exit::Failed, format!("{done}, but {error}")))
            }
            (Ok(()), Ok(_)) => Ok(exit),
        }
    }

    /// Takes in what guards are to compare the next run with, where this one was accepted. Where that fails, the next run
    /// does it.
    fn keep(&self, entry: &Entry, folder: &Folder) {
        if !self.pipeline.keeps_columns() {
            return;
        }
        let taken = folder.last(entry).map_err(RunError::from).and_then(|last| {
            let Some(last) = last.filter(|last| *last.run == *entry.run_id.as_str()) else {
                return Ok(());
            };
            let secret = self.pipeline.state_key(&process_env).ok().flatten();
            Kept::open(
                self.pipeline,
                secret.as_ref(),
                &entry.run_id,
                Some(&last),
                true,
            )?;
            Ok(())
        });
        if let Err(error) = taken {
            tracing::warn!(
                error = chain(&error),
                "what guards compare columns with is taken in by the next run"
            );
        }
    }

    /// Writes the plan down, where one is made and guards have judged it.
    fn plan(&self, report: &mut RunReport, ended: Result<(), RunError>) -> Result<(), RunError> {
        match (&self.task, self.planned.get(), &ended) {
            (Task::Plan { out, .. }, Some(planned), Ok(()) | Err(RunError::Stopped { .. })) => {
                planned::write(out, self.pipeline, planned, report).and(ended)
            }
            (Task::Check, Some(planned), Ok(()) | Err(RunError::Stopped { .. })) => {
                let checked = planned::checked(self.pipeline, planned, report);
                if let Some(part) = &mut report.shard {
                    part.checked = Some(checked);
                }
                ended
            }
            _ => ended,
        }
    }

    /// Writes the report as pages: beside the file that it is written to, and where somebody asked for one.
    fn pages(
        &self,
        report: &RunReport,
        written: Option<&Path>,
    ) -> Result<Vec<PathBuf>, ReportError> {
        let mut pages = Vec::new();
        if let Some(written) = written.filter(|_| self.pipeline.report_page) {
            pages.push(report.write_page_beside(written)?);
        }
        if let Task::Plan {
            page: Some(page), ..
        } = &self.task
        {
            report.write_page(page)?;
            pages.push(page.clone());
        }
        Ok(pages)
    }

    /// Writes what the run came to as metrics, where they are asked for. Where that fails, the report says so.
    fn measure(&self, report: &mut RunReport) {
        if let (Some(path), Task::Run | Task::TakeUp(_)) = (&self.pipeline.metrics, &self.task)
            && let Err(error) = report.write_metrics(path)
        {
            let warning = chain(&error);
            // What went wrong is said with `-q`, too, where the report's other warnings are not.
            if self.globals.quiet {
                self.warn(&warning);
            }
            report.warnings.push(warning);
        }
    }

    /// What people, and machines that ask for it, hear of the run, and of the files of its report. What went wrong comes
    /// after it.
    fn tell(&self, report: &RunReport, well: bool, files: &[&PathBuf]) -> Result<(), Failure> {
        if self.globals.quiet {
            if let Some(next) = &report.next {
                self.say(format_args!("to go on: {next}"));
            }
        } else if well || report.counts.read > 0 || events::wanted() {
            say_summary(report, files);
        } else {
            // Where nothing was read there is nothing to sum up.
            for warning in &report.warnings {
                say_warning(warning);
            }
        }
        if self.common.summary {
            put_findings(format!("{}\n", report.sentence()).as_bytes())?;
        }
        if let Some(collected) = self.collected {
            collected.replace(serde_json::to_value(report).ok());
        } else if self.common.json {
            put_json(report)?;
        } else if !self.common.summary
            && let Some(upload) = &report.upload
            && let Some(sha256) = &upload.sha256
        {
            let length = report.bytes.body;
            put_findings(format!("length  {length}\nsha256  {sha256}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// How a run ended, by what ended it and by its counts.
fn outcome(report: &RunReport, ended: &Result<(), RunError>) -> Outcome {
    let counts = &report.counts;
    let items = report.import.as_ref().and_then(|import| import.items);
    let failed = counts.failed + items.map_or(0, |items| items.failed);
    match ended {
        Ok(()) if counts.rejected + failed + counts.unprocessed > 0 => {
            Outcome::SucceededWithRejects
        }
        Ok(()) if report.withheld.is_some() => Outcome::SucceededWithRejects,
        Ok(()) => Outcome::Succeeded,
        Err(error) => error.outcome(),
    }
}

fn failure(exit: Exit, error: RunError, report: &RunReport) -> Failure {
    match error {
        // They name the pipeline file, as those of lint do.
        RunError::Unbound { problems } => {
            say_problems(&problems, "");
            Failure::said(exit)
        }
        RunError::Stopped { .. } if report.offered.is_some() => {
            say_error(exit, Some(error.code()), chain(&error));
            if let Some(approve) = &report.next {
                say("if this is meant, approve exactly this plan, once, within 24 hours:");
                say(approve);
            }
            Failure::said(exit)
        }
        // Whoever stops a run wants to know where that leaves the data set.
        RunError::Interrupted => Failure::of_kind(exit, error.code(), report.ending()),
        error => Failure::of_kind(exit, error.code(), error),
    }
}

/// The embedded sandbox, with the pipeline's way to tell items apart.
pub(super) async fn embedded(pipeline: &Pipeline) -> Result<Embedded, RunError> {
    let mut settings = SandboxSettings {
        unknown_property: UnknownProperty::Accept,
        ..SandboxSettings::default()
    };
    if let Some(key) = pipeline.validate.key_column() {
        settings.auto_id = key.to_owned();
    }
    settings.accept_chunked = pipeline.length() == crate::upload::spec::Length::Chunked;
    Ok(Embedded(Sandbox::start(settings).await?))
}

pub(super) struct Embedded(Sandbox);

impl Embedded {
    pub(super) fn connection(&self) -> Result<Connection, RunError> {
        let Embedded(sandbox) = self;
        let base = sandbox
            .base_url()
            .parse()
            .map_err(|_| RunError::Defect("the address of the sandbox is not a URL"))?;
        Ok(Connection {
            result_location: None,
            hosts: hosts(&base, Vec::new(), false),
            base,
            tenant: sandbox.tenant().to_owned(),
            dataset: sandbox.dataset().to_string().to_uppercase(),
            token: sandbox.token().clone(),
        })
    }
}
