//! A command that runs a pipeline: a job, its signals and its report.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use secrecy::SecretString;

use super::open::next;
use super::pipeline::said;
use super::{Exit, Failure, Globals, put_findings, say, stop};
use crate::config::{self, Pipeline, Target};
use crate::http::hosts::Hosts;
use crate::orgvue::{Connection, Ticket};
use crate::report::progress::Progress;
use crate::report::run::{Outcome, PipelineInfo, RunId, RunReport};
use crate::run::resume::resume;
use crate::run::{self, Job, RunError};
use crate::sandbox::Sandbox;
use crate::sandbox::options::{SandboxSettings, UnknownProperty};
use crate::state::ledger::{Entry, Folder, Ledger};

/// What `run` and `check` and those that take a run up take.
#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    /// Exit with 0 where rows were rejected and everything else was done.
    #[arg(long)]
    partial_ok: bool,
    /// Write the run report to stdout as JSON.
    #[arg(long)]
    json: bool,
    /// Threads that process the data; as many as there are cores, unless stated. Twice as many blocks are under way, so
    /// that none of them waits, and for moments as many threads may be busy.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
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
        let keys = pipeline.stage_keys(&config::process_env).map_err(said)?;
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
                    ledger: ledger.as_ref(),
                };
                match resumed {
                    Some((entry, ticket)) => resume(job, &entry, ticket, &mut report).await,
                    None => run::run(job, &mut report).await,
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
    report.error = ended.as_ref().err().map(|error| run::chain(error));
    report.end(outcome, Timestamp::now(), started.elapsed());
    let exit = match outcome {
        Outcome::SucceededWithRejects if common.partial_ok => Exit::Done,
        outcome => Exit::from(outcome),
    };
    report.exit_code = exit as u8;
    if let Some(ledger) = ledger {
        if let Err(error) = ledger.over(outcome, report.exit_code) {
            report.warnings.push(run::chain(&error));
        }
        report.next = next(&ledger.entry(), &Folder::new(&pipeline.state_dir), outcome);
    }
    let dir = pipeline.report_dir.as_deref().unwrap_or(Path::new("."));
    let written = report.write(dir);
    if !globals.quiet {
        // Where nothing was read there is nothing to sum up, and what went wrong comes first.
        if ended.is_ok() || report.counts.read > 0 {
            say(report.summary(written.as_deref().ok()).trim_end());
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
            problems.iter().for_each(say);
            Err(Failure::said(exit))
        }
        // Whoever stops a run wants to know where that leaves the data set.
        (Err(RunError::Interrupted), _) => Err(Failure::new(exit, report.ending())),
        (Err(error), written) => {
            if let Err(unwritten) = written {
                say(format_args!("warning: {}", run::chain(&unwritten)));
            }
            Err(Failure::new(exit, error))
        }
        (Ok(()), Err(error)) => {
            let error = run::chain(&error);
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
    if let Some(key) = &pipeline.validate.key {
        settings.auto_id = key.clone();
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
            hosts: Hosts::new(&base, Vec::new(), false),
            base,
            tenant: sandbox.tenant().to_owned(),
            dataset: sandbox.dataset().to_string().to_uppercase(),
            token: sandbox.token().clone(),
        })
    }
}
