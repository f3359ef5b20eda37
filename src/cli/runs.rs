//! `rostream runs`: what ran, how it ended, what is open, and since when nobody is deleted.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::next::{STATE, next};
use super::open::{refused, usage};
use super::pipeline::SetArgs;
use super::{Exit, Failure, Globals, PipelineArgs, put_findings, put_json};
use crate::report::human;
use crate::report::run::{Outcome, RowCounts, RunId};
use crate::state::entry::{By, Step};
use crate::state::last::Last;
use crate::state::{Entry, Folder};
use crate::text::shown::shown;

/// Arguments of `rostream runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// The pipeline file whose runs are meant; without it, those of all pipelines in the state folder.
    pipeline: Option<String>,
    /// The state folder: `state` in the current folder, or as the pipeline file says.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Write it as JSON.
    #[arg(long)]
    json: bool,
}

/// What is told of all runs.
#[derive(Serialize)]
struct Told {
    /// The oldest first.
    runs: Vec<Run>,
    /// Every pipeline and data set.
    targets: Vec<Target>,
}

/// A run.
#[derive(Serialize)]
struct Run {
    run_id: RunId,
    pipeline: String,
    tenant: String,
    dataset: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    /// How it ended; `null` where it is open.
    outcome: Option<Outcome>,
    exit_code: Option<u8>,
    /// Whether it was let go, or another run has repeated its import.
    let_go: bool,
    /// As they were when it ended; of one that is open, when its import was asked for.
    counts: RowCounts,
    /// The approval by which it went on.
    approved: Option<String>,
    /// The plan that it carried out.
    plan: Option<String>,
    /// The shard whose rows were sent, such as `3/8`; nothing where all rows were.
    shard: Option<String>,
    /// The command that goes on from there.
    next: Option<String>,
}

/// What is known of a data set, by the runs of one pipeline.
#[derive(Serialize)]
struct Target {
    pipeline: String,
    tenant: String,
    dataset: String,
    last_accepted: Option<RunId>,
    /// Since when accepted runs have deleted nobody although they were to; `null` where that is not so.
    deletion_off_since: Option<Timestamp>,
    /// How many accepted runs these are.
    deletion_off_runs: u32,
}

impl RunsArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let pipeline = match self.pipeline {
            Some(pipeline) => {
                let sets = SetArgs { set: Vec::new() };
                Some(PipelineArgs { pipeline, sets }.load(globals)?)
            }
            None => None,
        };
        let stated = self
            .state
            .or_else(|| Some(pipeline.as_ref()?.state_dir.clone()));
        let folder = Folder::new(stated.unwrap_or_else(|| PathBuf::from(STATE)));
        if !folder.path().is_dir() && pipeline.is_none() {
            return Err(usage(format_args!(
                "there is no state folder {}; name the pipeline file, or its state folder with --state",
                human::path(folder.path())
            )));
        }
        let mut entries = folder.entries().map_err(refused)?;
        if let Some(pipeline) = &pipeline {
            entries.retain(|entry| entry.pipeline.name == pipeline.name);
        }
        let told = Told {
            targets: targets(&entries),
            runs: entries
                .iter()
                .map(|entry| Run::of(entry, &folder))
                .collect(),
        };
        match self.json {
            true => put_json(&told)?,
            false => put_findings(told.text().as_bytes())?,
        }
        Ok(Exit::Done)
    }
}

impl Run {
    fn of(entry: &Entry, folder: &Folder) -> Run {
        let ended = entry.ended.as_ref();
        let outcome = ended.map(|ended| ended.outcome);
        Run {
            run_id: entry.run_id.clone(),
            pipeline: entry.pipeline.name.clone(),
            tenant: entry.target.tenant.clone(),
            dataset: entry.target.dataset.clone(),
            started_at: entry.started_at,
            ended_at: ended.map(|ended| ended.at),
            outcome,
            exit_code: ended.and_then(|ended| ended.exit_code),
            let_go: ended.is_some_and(|ended| matches!(ended.by, By::Abandon | By::Superseded)),
            counts: ended.and_then(|ended| ended.counts).unwrap_or(entry.counts),
            approved: entry.approved.clone(),
            plan: entry.plan.clone(),
            shard: entry.shard.map(|shard| shard.to_string()),
            next: match outcome {
                Some(outcome) => next(entry, folder, outcome),
                None => next(entry, folder, Outcome::Unknown),
            },
        }
    }

    /// How it ended, in a few words.
    fn ending(&self) -> &'static str {
        match self.outcome {
            _ if self.let_go => "let go",
            Some(outcome) => outcome.describe(),
            None if self.next.is_some() => "open",
            None => "cut off before its import was asked for, or still under way",
        }
    }
}

/// Every pipeline and data set of these runs, in the order of their last runs.
fn targets(entries: &[Entry]) -> Vec<Target> {
    let mut last: Vec<&Entry> = Vec::new();
    for entry in entries {
        last.retain(|other| !other.is_like(entry));
        last.push(entry);
    }
    let target = |entry: &&Entry| {
        let runs = entries.iter().rev();
        let accepted: Vec<&Entry> = runs
            .filter(|run| run.is_like(entry) && run.step == Step::Ended && Last::of(run).is_some())
            .collect();
        let off = accepted.iter().take_while(|run| run.deletion_off > 0);
        Target {
            pipeline: entry.pipeline.name.clone(),
            tenant: entry.target.tenant.clone(),
            dataset: entry.target.dataset.clone(),
            last_accepted: accepted.first().map(|run| run.run_id.clone()),
            deletion_off_since: off.last().map(|run| run.started_at),
            deletion_off_runs: accepted.first().map_or(0, |run| run.deletion_off),
        }
    };
    last.iter().map(target).collect()
}

impl Told {
    fn text(&self) -> String {
        let mut text = String::new();
        if self.runs.is_empty() {
            text.push_str("no run is known here\n");
        }
        for run in &self.runs {
            let (sent, rejected) = (
                human::count(run.counts.sent),
                human::count(run.counts.rejected),
            );
            let approved = match (&run.approved, &run.plan) {
                (Some(hash), _) => format!(", approved ({hash})"),
                (None, Some(hash)) => format!(", as planned ({hash})"),
                (None, None) => String::new(),
            };
            let shard = run.shard.as_ref();
            let shard = shard.map(|shard| format!(" {shard}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "{}  {}{shard}  {sent} sent, {rejected} rejected: {}{approved}",
                run.run_id,
                shown(&run.pipeline),
                run.ending()
            );
            if let Some(next) = &run.next {
                let _ = writeln!(text, "  to go on: {}", shown(next));
            }
        }
        for target in &self.targets {
            if let Some(since) = target.deletion_off_since {
                let runs = human::counted(target.deletion_off_runs.into(), "accepted run");
                let _ = writeln!(
                    text,
                    "{}, data set {} of {}: deletion is off since {since:.0}, for {runs}",
                    shown(&target.pipeline),
                    target.dataset,
                    target.tenant
                );
            }
        }
        text
    }
}
