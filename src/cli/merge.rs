//! `rostream report merge`: what shards found put together into a plan, and what became of them added up.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::open::usage;
use super::shard::seed_option;
use super::{Exit, Failure, Globals, put_json, say};
use crate::report::error::Code;
use crate::report::human;
use crate::report::merge::{self, MergeError, Merged, Part};
use crate::report::run::Verdict;
use crate::state::shards::{self, ApartError, Check};
use crate::state::{PlanError, PlanFile};
use crate::text::chain;
use crate::text::shown::shell_word;

/// Shards that can't be put together, or whose guards stop them.
const APART: Code = Code::lasting("shards");

/// Arguments of `rostream report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(subcommand)]
    command: ReportCommand,
}

#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Put the checks of all shards together into a plan, or add up the runs of all shards.
    Merge(MergeArgs),
}

#[derive(Debug, Args)]
struct MergeArgs {
    /// Folders with the reports of all shards, or reports one by one.
    #[arg(required = true, value_name = "DIR|REPORT")]
    reports: Vec<PathBuf>,
    /// Write the plan of the shards that were checked into this file, which only its owner may read, for
    /// `rostream run --shard I/N --plan FILE`. Without it, the runs of shards are added up.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the plan, or the sum, to stdout as JSON.
    #[arg(long)]
    json: bool,
}

impl ReportArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let ReportCommand::Merge(args) = self.command;
        let parts = merge::read(&args.reports).map_err(unread)?;
        match &args.out {
            Some(out) => args.plan(parts, out, globals),
            None => args.sum(&parts, globals),
        }
    }
}

impl MergeArgs {
    /// Writes the plan of all shards, unless guards stop it for good.
    fn plan(&self, parts: Vec<Part>, out: &Path, globals: &Globals) -> Result<Exit, Failure> {
        PlanFile::may_be_at(out).map_err(|error| usage(chain(&error)))?;
        let checks: Vec<Check> = (parts.into_iter())
            .filter(|part| !part.is_run())
            .map(check)
            .collect();
        let plan = shards::merge(checks).map_err(apart)?;
        let unapproved = match plan.is_open(Timestamp::now(), None) {
            Ok(_) => None,
            Err(error @ PlanError::NotApproved { .. }) => Some(error),
            Err(error) => return Err(stopped(error)),
        };
        plan.write(out)
            .map_err(|error| Failure::of_kind(Exit::Failed, Code::lasting("plan_file"), error))?;
        if self.json {
            put_json(&plan)?;
        }
        if !globals.quiet {
            tell_plan(&plan, out);
        }
        match unapproved {
            Some(error) => Err(stopped(error)),
            None => Ok(Exit::Done),
        }
    }

    /// Adds up the runs of all shards.
    fn sum(&self, parts: &[Part], globals: &Globals) -> Result<Exit, Failure> {
        let merged = merge::add_up(parts).map_err(unread)?;
        if self.json {
            put_json(&merged)?;
        }
        if !globals.quiet {
            tell_sum(&merged);
        }
        if let (true, Err(mismatch)) = (merged.missing.is_empty(), merged.counts.check())
            && merged.shards.iter().all(|shard| shard.counts.read > 0)
        {
            return Err(Failure::of_kind(
                Exit::Failed,
                Code::lasting("counts"),
                mismatch,
            ));
        }
        Ok(Exit::of_code(merged.exit_code))
    }
}

/// What of a report a plan is made of.
fn check(part: Part) -> Check {
    let checked = match part.shard.checked.clone() {
        Some(checked) => serde_json::from_value(checked)
            .map(Box::new)
            .map_err(|_| "its report is one of another version of rostream".to_owned()),
        None => Err(part.why()),
    };
    Check {
        counts: part.counts(),
        at: part.started_at,
        shard: part.shard.shard,
        run: part.run_id,
        checked,
    }
}

fn unread(error: MergeError) -> Failure {
    usage(chain(&error))
}

fn apart(error: ApartError) -> Failure {
    match error {
        ApartError::None => usage(error),
        error => stopped(error),
    }
}

/// Nothing is planned, or not without somebody's word.
fn stopped(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::of_kind(Exit::Stopped, APART, error)
}

fn tell_plan(plan: &PlanFile, out: &Path) {
    let mut told = plan.report(Some(out));
    told.changes = Some(plan.content.changes.clone());
    tell("plan", &told.lines());
    tell("stopped", plan.why.as_slice());
    let Some(shards) = &plan.shards else {
        return;
    };
    let mut lines = vec![format!(
        "{} of {}, seed {}",
        shards.of,
        human::counted(plan.content.rows.read, "row"),
        shards.seed
    )];
    let each = shards.uploads.iter().zip(1..);
    lines.extend(each.map(|(upload, number)| {
        format!(
            "{number}/{}: {} to send",
            shards.of,
            human::counted(upload.rows, "row")
        )
    }));
    tell("shards", &lines);
    let pipeline = match &plan.pipeline.file {
        Some(file) => shell_word(&human::path(file)),
        None => "PIPELINE".to_owned(),
    };
    let seed = seed_option(shards.seed);
    let file = shell_word(&human::path(out));
    let approve = match plan.verdict {
        Verdict::NeedsApproval => format!(" --approve {}", plan.hash),
        _ => String::new(),
    };
    let next = format!(
        "rostream run {pipeline} --shard I/{}{seed} --plan {file}{approve}",
        shards.of,
    );
    tell("to go on", &[next]);
}

fn tell_sum(merged: &Merged) {
    let counts = &merged.counts;
    let mut lines = vec![format!(
        "{} of {} shards of plan {}, exit code {}",
        merged.shards.len(),
        merged.of,
        merged.plan,
        merged.exit_code
    )];
    for shard in merged.shards.iter().filter(|shard| shard.exit_code != 0) {
        let why = shard.error.as_ref().map(|why| format!(": {why}"));
        lines.push(format!(
            "{}/{} (run {}) {}, exit code {}{}",
            shard.number,
            merged.of,
            shard.run_id,
            shard.outcome.describe(),
            shard.exit_code,
            why.unwrap_or_default()
        ));
    }
    let missing = merged.missing.iter();
    lines.extend(missing.map(|number| format!("{number}/{} has no report of a run", merged.of)));
    tell("merged", &lines);
    for (name, rows) in [
        ("read", counts.read),
        ("filtered", counts.filtered),
        ("rejected", counts.rejected),
        ("superseded", counts.superseded),
        ("held back", counts.would_send),
        ("sent", counts.sent),
        ("accepted", counts.accepted),
        ("refused", counts.failed),
        ("unknown", counts.unprocessed + counts.unknown),
    ] {
        if rows > 0 || name == "read" {
            tell(name, &[human::counted(rows, "row")]);
        }
    }
}

/// Lines behind a word, as the summary of a run has them.
fn tell(name: &str, lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        say(format_args!("{name:<12}{line}"));
    }
}
