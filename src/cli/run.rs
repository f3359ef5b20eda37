//! `rostream run` and `rostream check`: the main job, and everything of it that sends nothing.

use std::path::PathBuf;

use clap::Args;

use super::open::{Before, before, told};
use super::pipeline::{mended, token};
use super::turn::TurnArgs;
use super::work::{CommonArgs, Task, Work};
use super::{Exit, Failure, Globals, PipelineArgs, stop};
use crate::config::Pipeline;
use crate::report::progress::Progress;
use crate::report::run::RunId;

/// Arguments of `rostream run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Check the whole data against the rules, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Load this file of corrected rows, such as a corrected rejects file, in place of the source: nothing is
    /// deleted because it is missing from it.
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
    #[command(flatten)]
    common: CommonArgs,
}

impl RunArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        if self.dry_run {
            let pipeline = mended(self.pipeline.load(globals)?, self.mend.as_deref())?;
            return check(pipeline, &self.common, globals, progress);
        }
        let pipeline = mended(self.pipeline.load(globals)?, self.mend.as_deref())?;
        let run_id = RunId::generate();
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.token = token(&pipeline)?;
        let mut turn = self.turn.begin(globals)?;
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
        check(pipeline, &self.common, globals, progress)
    }
}

/// It takes no lock, as it sends nothing and writes to nothing that a run writes to.
fn check(
    pipeline: Pipeline,
    common: &CommonArgs,
    globals: &Globals,
    progress: &Progress,
) -> Result<Exit, Failure> {
    let stop = stop::watch()?;
    let mut work = Work::new(&pipeline, common, globals, progress);
    work.task = Task::Check;
    work.perform(RunId::generate(), stop)
}
