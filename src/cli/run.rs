//! `rostream run` and `rostream check`: the main job, and everything of it that sends nothing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use secrecy::SecretString;

use super::resume::{left_open, next, refused};
use super::{Exit, Failure, Globals, PipelineArgs, put_findings, say, say_lines, stop};
use crate::config::{self, Pipeline, Problem, Target};
use crate::orgvue::hosts::hosts;
use crate::orgvue::{Connection, Ticket};
use crate::report::progress::Progress;
use crate::report::run::{Outcome, PipelineInfo, RunId, RunReport};
use crate::run::resume::resume;
use crate::run::{self, Job, RunError};
use crate::sandbox::Sandbox;
use crate::sandbox::options::{SandboxSettings, UnknownProperty};
use crate::state::ledger::{Entry, Folder, Ledger};
use crate::text::chain;

/// Arguments of `rostream run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Go through the whole data and its rules, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `rostream check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// What `run` and `check` both take.
#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    /// Exit with 0 where rows were rejected and everything else was done.
    #[arg(long)]
    partial_ok: bool,
    /// Write the run report to stdout as JSON.
    #[arg(long)]
    json: bool,
    /// Threads that process the data; as many as there are cores, unless stated.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

impl RunArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        execute(
            &self.pipeline,
            &self.common,
            self.dry_run,
            globals,
            progress,
        )
    }
}

impl CheckArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        execute(&self.pipeline, &self.common, true, globals, progress)
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

fn execute(
    args: &PipelineArgs,
    common: &CommonArgs,
    dry_run: bool,
    globals: &Globals,
    progress: &Progress,
) -> Result<Exit, Failure> {
    let pipeline = args.load(globals)?;
    let run_id = RunId::generate();
    let mut work = Work {
        pipeline: &pipeline,
        common,
        token: None,
        ledger: None,
        resumed: None,
        dry_run,
    };
    if !dry_run {
        work.token = token(&pipeline)?;
        work.ledger = ledger(&pipeline, work.token.as_ref(), &run_id, globals)?;
    }
    work.perform(run_id, globals, progress)
}

/// The token of a pipeline's target.
pub(super) fn token(pipeline: &Pipeline) -> Result<Option<SecretString>, Failure> {
    pipeline.token(&config::process_env).map_err(problem)
}

fn problem(problem: Problem) -> Failure {
    say_lines(problem);
    Failure::said(Exit::Usage)
}

/// Takes the pipeline's lock, and refuses where an earlier run left something open that must be decided first.
fn ledger(
    pipeline: &Pipeline,
    token: Option<&SecretString>,
    run_id: &RunId,
    globals: &Globals,
) -> Result<Option<Ledger>, Failure> {
    let (Some(entry), Some(token)) = (Entry::new(run_id.clone(), pipeline), token) else {
        return Ok(None);
    };
    let folder = Folder::new(&pipeline.state_dir);
    let lock = folder.lock(&pipeline.name, run_id).map_err(refused)?;
    let left = lock.unfinished(&pipeline.name, |closed| {
        if !globals.quiet {
            say(format_args!(
                "run {} was cut off before its import was asked for: nothing of it was imported",
                closed.run_id
            ));
        }
    });
    match left.map_err(refused)?.first() {
        Some(open) => Err(left_open(open, &folder)),
        None => Ok(Some(Ledger::new(lock, token.clone(), entry, None))),
    }
}

/// A job to be done for a pipeline.
pub(super) struct Work<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) common: &'a CommonArgs,
    pub(super) token: Option<SecretString>,
    pub(super) ledger: Option<Ledger>,
    /// The job to be taken up instead of running the pipeline.
    pub(super) resumed: Option<(Entry, Ticket)>,
    pub(super) dry_run: bool,
}

impl Work<'_> {
    /// Does it, reports, and gives the exit code.
    pub(super) fn perform(
        self,
        run_id: RunId,
        globals: &Globals,
        progress: &Progress,
    ) -> Result<Exit, Failure> {
        let Work {
            pipeline,
            common,
            token,
            ledger,
            resumed,
            dry_run,
        } = self;
        let keys = pipeline.stage_keys(&config::process_env).map_err(problem)?;
        let report_dir = pipeline.report_dir.as_deref().unwrap_or(Path::new("."));
        RunReport::prepare(report_dir).map_err(|error| Failure::new(Exit::Failed, error))?;
        let started = Instant::now();
        let mut report = RunReport::new(
            run_id,
            PipelineInfo {
                name: pipeline.name.clone(),
                file: PathBuf::from(&*pipeline.file),
            },
            Timestamp::now(),
        );
        report.target = pipeline.target.name();
        let stopped = stop::watch()?;
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            let work = async {
                let resources = run::resources(pipeline, keys).await?;
                // Kept until the run is over: the embedded sandbox ends when it is dropped.
                let mut sandbox = None;
                let connection = match (&pipeline.target, token) {
                    _ if dry_run => None,
                    (Target::Orgvue(to), Some(token)) => Some(Connection {
                        base: to.base_url.clone(),
                        tenant: to.tenant.clone(),
                        dataset: to.dataset.clone(),
                        token,
                        hosts: to.hosts.clone(),
                    }),
                    _ => {
                        let started = sandbox.insert(embedded(pipeline).await?);
                        Some(started.connection()?)
                    }
                };
                let job = Job {
                    pipeline,
                    connection,
                    resources,
                    workers: common.workers.map_or_else(cores, usize::from),
                    block: crate::engine::blocks::BLOCK,
                    progress: progress.clone(),
                    today: run::today(),
                    last: None,
                    ledger: ledger.as_ref(),
                };
                match resumed {
                    Some((entry, ticket)) => resume(job, &entry, ticket, &mut report).await,
                    None => run::run(&job, &mut report).await,
                }
            };
            tokio::select! {
                biased;
                () = stopped => Err(RunError::Interrupted),
                ended = work => ended,
            }
        });
        progress.finish();
        // Blocks that are still being worked on hold nothing that matters; nobody waits for them.
        runtime.shutdown_background();
        finish(
            pipeline,
            common,
            globals,
            report,
            ledger.as_ref(),
            ended,
            started,
        )
    }
}

/// Writes the report, says how it went, and gives the exit code.
fn finish(
    pipeline: &Pipeline,
    common: &CommonArgs,
    globals: &Globals,
    mut report: RunReport,
    ledger: Option<&Ledger>,
    ended: Result<(), RunError>,
    started: Instant,
) -> Result<Exit, Failure> {
    let ended = ended.and_then(|()| report.check().map_err(RunError::from));
    let outcome = match &ended {
        Ok(()) if report.counts.rejected + report.counts.failed + report.counts.unprocessed > 0 => {
            Outcome::SucceededWithRejects
        }
        Ok(()) => Outcome::Succeeded,
        Err(error) => error.outcome(),
    };
    report.error = ended.as_ref().err().map(|error| chain(error));
    report.end(outcome, Timestamp::now(), started.elapsed());
    let exit = match outcome {
        Outcome::SucceededWithRejects if common.partial_ok => Exit::Done,
        outcome => Exit::from(outcome),
    };
    report.exit_code = exit as u8;
    if let Some(ledger) = ledger {
        if let Err(error) = ledger.over(outcome, report.exit_code) {
            report.warnings.push(chain(&error));
        }
        report.next = next(&ledger.entry(), &Folder::new(&pipeline.state_dir), outcome);
    }
    let dir = pipeline.report_dir.as_deref().unwrap_or(Path::new("."));
    let written = report.write(dir);
    if !globals.quiet {
        // Where nothing was read there is nothing to sum up, and what went wrong comes first.
        if ended.is_ok() || report.counts.read > 0 {
            say_lines(report.summary(written.as_deref().ok()).trim_end());
        } else {
            for warning in &report.warnings {
                say(format_args!("warning: {warning}"));
            }
        }
    }
    if globals.quiet
        && let Some(next) = &report.next
    {
        say(format_args!("to go on: {next}"));
    }
    if common.json {
        let mut text = serde_json::to_vec_pretty(&report).map_err(std::io::Error::from)?;
        text.push(b'\n');
        put_findings(&text)?;
    }
    match (ended, written) {
        // They name the pipeline file, as those of lint do.
        (Err(RunError::Unbound { problems }), _) => {
            problems.iter().for_each(say_lines);
            Err(Failure::said(exit))
        }
        // Whoever stops a run wants to know where that leaves the data set.
        (Err(RunError::Interrupted), _) => Err(Failure::new(exit, report.ending())),
        (Err(error), written) => {
            if let Err(unwritten) = written {
                say(format_args!("warning: {}", chain(&unwritten)));
            }
            Err(Failure::new(exit, error))
        }
        (Ok(()), Err(error)) => {
            let error = chain(&error);
            let done = outcome.describe();
            Err(Failure::new(Exit::Failed, format!("{done}, but {error}")))
        }
        (Ok(()), Ok(_)) => Ok(exit),
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
            .map_err(|_| RunError::Interrupted)?;
        Ok(Connection {
            hosts: hosts(&base, Vec::new(), false),
            base,
            tenant: sandbox.tenant().to_owned(),
            dataset: sandbox.dataset().to_string().to_uppercase(),
            token: sandbox.token().clone(),
        })
    }
}
