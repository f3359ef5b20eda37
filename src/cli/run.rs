//! `rostream run` and `rostream check`: the main job, and everything of it that sends nothing.

use std::path::PathBuf;

use clap::Args;

use super::open::{Before, before, told, usage};
use super::pipeline::{mended, token};
use super::several::{self, Collected};
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
    /// More pipelines, run in this order until one fails; such as people, positions, links.
    #[arg(value_name = "PIPELINE")]
    more: Vec<String>,
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
        let load = |file: &str| {
            let args = PipelineArgs {
                pipeline: file.to_owned(),
                sets: self.pipeline.sets.clone(),
            };
            mended(args.load(globals)?, self.mend.as_deref())
        };
        if self.more.is_empty() {
            let pipeline = load(&self.pipeline.pipeline)?;
            return self.one(pipeline, globals, progress, None);
        }
        if self.mend.is_some() {
            return Err(usage(
                "--mend: corrected rows belong to one pipeline; name that one alone",
            ));
        }
        let first = [&self.pipeline.pipeline];
        let files: Vec<&str> = first.into_iter().chain(&self.more).map(|f| &**f).collect();
        let one = |pipeline, progress: &Progress, collected: &Collected| {
            self.one(pipeline, globals, progress, Some(collected))
        };
        several::run(&files, (globals, self.common.json), load, one)
    }

    /// Runs one pipeline. Where it is one of several, its report is `collected`.
    fn one(
        &self,
        pipeline: Pipeline,
        globals: &Globals,
        progress: &Progress,
        collected: Option<&Collected>,
    ) -> Result<Exit, Failure> {
        if self.dry_run {
            return check(pipeline, &self.common, globals, progress, collected);
        }
        let run_id = RunId::generate();
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.collected = collected;
        work.token = token(&pipeline)?;
        let mut turn = self.turn.begin(globals)?;
        let json = self.common.json && collected.is_none();
        match told(before(&work, &run_id, &mut turn), json)? {
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
        check(pipeline, &self.common, globals, progress, None)
    }
}

/// It takes no lock, as it sends nothing and writes to nothing that a run writes to.
fn check(
    pipeline: Pipeline,
    common: &CommonArgs,
    globals: &Globals,
    progress: &Progress,
    collected: Option<&Collected>,
) -> Result<Exit, Failure> {
    let stop = stop::watch()?;
    let mut work = Work::new(&pipeline, common, globals, progress);
    work.task = Task::Check;
    work.collected = collected;
    work.perform(RunId::generate(), stop)
}
