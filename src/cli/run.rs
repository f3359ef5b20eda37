//! `rostream run` and `rostream check`: the main job, and everything of it that sends nothing.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use secrecy::SecretString;

use super::open::{Before, before, told};
use super::pipeline::{mended, token};
use super::stop::Stop;
use super::turn::TurnArgs;
use super::work::{CommonArgs, Task, Work, runtime};
use super::{Exit, Failure, Globals, PipelineArgs, stop};
use crate::config::Pipeline;
use crate::orgvue::spec::PreflightSpec;
use crate::report::progress::Progress;
use crate::report::run::RunId;
use crate::run::RunError;
use crate::run::preflight::{Preflight, preflight};

/// Arguments of `rostream run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Go through the whole data and its rules, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Load this file of rows that were put right, such as a mended rejects file, in place of the source: nothing is
    /// deleted for not being in it.
    #[arg(long, value_name = "FILE")]
    mend: Option<PathBuf>,
    #[command(flatten)]
    turn: TurnArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `rostream check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Ask the tenant, too: token, data set, properties. Nothing is sent all the same.
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    common: CommonArgs,
}

impl RunArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        if self.dry_run {
            let pipeline = mended(self.pipeline.load(globals)?, self.mend.as_deref())?;
            return check(pipeline, false, &self.common, globals, progress);
        }
        let mut pipeline = mended(self.pipeline.load(globals)?, self.mend.as_deref())?;
        let run_id = RunId::generate();
        let token = token(&pipeline)?;
        let mut turn = self.turn.begin(globals)?;
        let looked = match (pipeline.preflight, &token) {
            (PreflightSpec::On, Some(token)) => look(&mut pipeline, token, turn.stop())?,
            _ => Ok(None),
        };
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.token = token;
        match looked {
            Ok(looked) => work.preflight = looked,
            Err(error) => return work.refuse(run_id, error),
        }
        match told(before(&work, &run_id, &mut turn), self.common.json)? {
            Before::Free { ledger, rejects } => {
                work.ledger = ledger.map(|ledger| *ledger);
                work.rejects = rejects;
                work.perform(run_id, turn.over())
            }
            Before::Refused(error) => work.refuse(run_id, error),
        }
    }
}

impl CheckArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let pipeline = self.pipeline.load(globals)?;
        check(pipeline, self.connect, &self.common, globals, progress)
    }
}

/// It takes no lock, as it sends nothing and writes to nothing that a run writes to.
fn check(
    mut pipeline: Pipeline,
    connect: bool,
    common: &CommonArgs,
    globals: &Globals,
    progress: &Progress,
) -> Result<Exit, Failure> {
    let mut stop = stop::watch()?;
    let token = match connect {
        true => token(&pipeline)?,
        false => None,
    };
    let looked = match &token {
        Some(token) => look(&mut pipeline, token, &mut stop)?,
        None => Ok(None),
    };
    let mut work = Work::new(&pipeline, common, globals, progress);
    work.task = Task::Check;
    match looked {
        Ok(looked) => work.preflight = looked,
        Err(error) => return work.refuse(RunId::generate(), error),
    }
    work.perform(RunId::generate(), stop)
}

/// Looks at the target before anything else, and finds the data set that has a name. The inner error is the run's.
fn look(
    pipeline: &mut Pipeline,
    token: &SecretString,
    stop: &mut Stop,
) -> Result<Result<Option<Preflight>, RunError>, Failure> {
    let looked = runtime()?
        .block_on(stop.unless_asked(preflight(pipeline, token, Timestamp::now())))
        .unwrap_or(Err(RunError::Interrupted));
    if let Ok(Some(found)) = &looked
        && let Some(id) = found.dataset()
    {
        pipeline.settle_dataset(id);
    }
    Ok(looked)
}
