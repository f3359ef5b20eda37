//! `rostream run` and `rostream check`: the main job, and everything of it that sends nothing.

use clap::Args;

use super::open::ledger;
use super::pipeline::token;
use super::work::{CommonArgs, Work};
use super::{Exit, Failure, Globals, PipelineArgs};
use crate::report::progress::Progress;
use crate::report::run::RunId;

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
