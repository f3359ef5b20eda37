//! A command that runs a pipeline: a job, its signals and its report.

mod ended;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use secrecy::SecretString;

use super::pipeline::said;
use super::planned::Out;
use super::said::say_run;
use super::several::Collected;
use super::stop::Stop;
use super::{Exit, Failure, Globals, say, say_warning};
use crate::config::{self, Pipeline, Target};
use crate::guard::History;
use crate::orgvue::hosts::hosts;
use crate::orgvue::{Connection, Ticket};
use crate::report::progress::Progress;
use crate::report::run::{PipelineInfo, RunId, RunReport, ShardReport};
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
    pub(super) rejects: Vec<Held>,
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
            rejects: Vec::new(),
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
