//! `rostream run` and `rostream check`: the main job, and everything of it that sends nothing.

use std::path::PathBuf;

use clap::Args;

use super::apply;
use super::looked::{Looked, look};
use super::open::{begin, told, usage};
use super::pipeline::{mended, said, token};
use super::several::{self, Collected};
use super::shard::ShardArgs;
use super::turn::TurnArgs;
use super::work::{CommonArgs, Task, Work};
use super::{Exit, Failure, Globals, PipelineArgs, stop};
use crate::config::{Pipeline, Target, process_env};
use crate::report::progress::Progress;
use crate::report::run::RunId;
use crate::settings::shard::Shard;
use crate::source::Input;
use crate::state::Applied;
use crate::upload::spec::Length;

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
    /// Do what guards stopped, exactly as it was to be done, once: the hash is what the run that was stopped says.
    #[arg(long, value_name = "HASH", conflicts_with_all = ["dry_run", "mend", "first"])]
    approve: Option<String>,
    /// Import this many rows before the others, and go on only where the server takes them. They are never the reason
    /// for a deletion.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000), conflicts_with = "dry_run")]
    first: Option<u32>,
    /// End once the server has taken the import on, and leave its results to `resume`.
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
    #[command(flatten)]
    shard: ShardArgs,
    /// The plan of all shards, as `rostream report merge` wrote it: the shard does its part of it, once.
    #[arg(long, value_name = "FILE", requires = "shard", conflicts_with_all = ["dry_run", "mend", "first", "detach"])]
    plan: Option<PathBuf>,
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
    /// Leave a report behind, as a run does.
    #[arg(long)]
    report: bool,
    #[command(flatten)]
    shard: ShardArgs,
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
            let pipeline = mended(args.load(globals)?, self.mend.as_deref())?;
            if self.first.is_some() {
                first_is_possible(&pipeline)?;
            }
            if self.detach && matches!(pipeline.target, Target::Sandbox) {
                return Err(usage(
                    "--detach: the sandbox inside this program ends with it, and its job as well",
                ));
            }
            Ok(pipeline)
        };
        if let Some(part) = self.shard.part() {
            return self.part(part, globals, progress);
        }
        if self.more.is_empty() {
            let pipeline = load(&self.pipeline.pipeline)?;
            return self.one(pipeline, globals, progress, None);
        }
        if self.mend.is_some() {
            return Err(usage(
                "--mend: corrected rows belong to one pipeline; name that one alone",
            ));
        }
        if self.approve.is_some() {
            return Err(usage(
                "--approve: a plan belongs to one pipeline; name that one alone",
            ));
        }
        if self.detach {
            return Err(usage(
                "--detach: each of several pipelines waits for the one before it; name one alone",
            ));
        }
        let first = [&self.pipeline.pipeline];
        let files: Vec<&str> = first.into_iter().chain(&self.more).map(|f| &**f).collect();
        let one = |pipeline, progress: &Progress, collected: &Collected| {
            self.one(pipeline, globals, progress, Some(collected))
        };
        several::run(&files, (globals, self.common.json), load, one)
    }

    /// Carries out the part of a shard.
    fn part(&self, part: Shard, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let Some(file) = self.plan.as_deref().filter(|_| self.more.is_empty()) else {
            return Err(self.shard.without_plan(part, &self.pipeline.pipeline));
        };
        let opened = apply::open(file, self.approve.as_deref());
        let opened = opened.and_then(|applied| {
            let plan = applied.plan.of_shard(part)?;
            Ok(Applied { plan, ..applied })
        });
        let applied = told(opened.map_err(apply::refused), self.common.json)?;
        let pipeline = self.shard.of(self.pipeline.load(globals)?)?;
        apply::carry_out(
            applied,
            pipeline,
            &self.turn,
            &self.common,
            globals,
            progress,
        )
    }

    /// Runs one pipeline. Where it is one of several, its report is `collected`.
    fn one(
        &self,
        mut pipeline: Pipeline,
        globals: &Globals,
        progress: &Progress,
        collected: Option<&Collected>,
    ) -> Result<Exit, Failure> {
        if self.dry_run {
            let only = Only {
                task: Task::Check,
                connect: false,
                reports: false,
            };
            return check(pipeline, only, &self.common, globals, progress, collected);
        }
        let run_id = RunId::generate();
        let token = token(&pipeline)?;
        let mut turn = self.turn.begin(globals)?;
        let looked = look(&mut pipeline, token.as_ref(), false, turn.stop())?;
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.collected = collected;
        work.token = token;
        work.first = self.first;
        work.detach = self.detach;
        work.approve = self.approve.clone();
        work.result_location = pipeline.result_location(&process_env).map_err(said)?;
        begin(work, run_id, looked, turn)
    }
}

impl CheckArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let pipeline = self.shard.of(self.pipeline.load(globals)?)?;
        // Its report is what the plan of all shards is made of, and which data set it is about belongs to that.
        let is_shard = pipeline.shard.is_some();
        let only = Only {
            task: Task::Check,
            connect: self.connect || is_shard && pipeline.names_its_dataset(),
            reports: self.report || is_shard,
        };
        check(pipeline, only, &self.common, globals, progress, None)
    }
}

/// Whether rows can be sent before the others.
fn first_is_possible(pipeline: &Pipeline) -> Result<(), Failure> {
    let why = if pipeline.source.inputs.iter().any(Input::is_once) {
        "its rows are read once more, and the source can be read once only: write it into a file first"
    } else if pipeline.length() == Length::Chunked {
        "`upload.length: chunked` sends rows while they are read: leave it out"
    } else if pipeline.store().is_some() {
        "with `action: { delta: PATH }` only what differs is sent, and the store would not know of these rows"
    } else if pipeline.has_own_results() {
        "with `result_location` the results are not ours to read, so that nobody could say whether the others may follow"
    } else {
        return Ok(());
    };
    Err(usage(format_args!("--first: {why}")))
}

/// What is done that sends nothing.
pub(super) struct Only {
    pub(super) task: Task,
    /// Whether the tenant is asked, too.
    pub(super) connect: bool,
    /// Whether a report is left behind.
    pub(super) reports: bool,
}

/// A check, or a plan. It takes no lock, as it sends nothing and writes to nothing that a run writes to.
pub(super) fn check(
    mut pipeline: Pipeline,
    only: Only,
    common: &CommonArgs,
    globals: &Globals,
    progress: &Progress,
    collected: Option<&Collected>,
) -> Result<Exit, Failure> {
    let mut stop = stop::watch()?;
    let token = match only.connect {
        true => token(&pipeline)?,
        false => None,
    };
    let looked = look(&mut pipeline, token.as_ref(), only.connect, &mut stop)?;
    let mut work = Work::new(&pipeline, common, globals, progress);
    work.task = only.task;
    work.collected = collected;
    work.reports = only.reports;
    match looked {
        Looked::Well(found) => work.preflight = found,
        Looked::Wrong(error) => return work.refuse(RunId::generate(), error),
    }
    work.perform(RunId::generate(), stop)
}
