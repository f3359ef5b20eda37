//! A plan as a command writes it: into a file, to stdout, or nowhere.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::put_findings;
use crate::config::Pipeline;
use crate::report::human;
use crate::report::run::{RunId, RunReport, Verdict};
use crate::run::RunError;
use crate::run::plan::Planned;
use crate::state::plan::About;
use crate::state::shards::Checked;
use crate::state::{Entry, Folder, PlanError, PlanFile};
use crate::text::shown::shell_word;

/// Where a plan goes.
#[derive(Clone, Debug)]
pub(super) enum Out {
    Nowhere,
    Stdout,
    File(PathBuf),
}

/// What a plan has of the report: what the survey found, and nothing of when and where.
const FOUND: [&str; 13] = [
    "time_zone",
    "warnings",
    "counts",
    "rejects",
    "hierarchies",
    "guards",
    "as_of",
    "aliases",
    "rehires",
    "deletions",
    "withheld",
    "delta",
    "preflight",
];

/// What of that is a shard's own.
const OWN: [&str; 3] = ["counts", "rejects", "preflight"];

/// Writes down what a survey came to that has ended, or was stopped by guards, and has the report say so.
///
/// # Errors
/// It can't be written.
pub(super) fn write(
    out: &Out,
    pipeline: &Pipeline,
    planned: &Planned,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let plan = PlanFile::new(
        about(pipeline, planned)?,
        planned.content.clone(),
        planned.said.clone(),
        found(report, planned),
    );
    let failed = |source| {
        let path = PathBuf::from("-");
        RunError::Plan(PlanError::Write { path, source })
    };
    let file = match out {
        Out::Nowhere => None,
        Out::Stdout => {
            put_findings(&plan.text().map_err(failed)?).map_err(failed)?;
            None
        }
        Out::File(path) => {
            plan.write(path).map_err(RunError::Plan)?;
            Some(&**path)
        }
    };
    let mut told = plan.report(file);
    told.changes = Some(plan.content.changes.clone());
    told.people = Some(planned.people);
    told.leavers = Some(planned.leavers);
    report.plan = Some(told);
    let apply = file.map(|file| format!("rostream apply {}", shell_word(&human::path(file))));
    report.next = match (apply, plan.verdict) {
        (Some(apply), Verdict::Passed | Verdict::Withholds) => Some(apply),
        (Some(apply), Verdict::NeedsApproval) => {
            report.offered = Some(plan.hash.clone());
            Some(format!("{apply} --approve {}", plan.hash))
        }
        _ => None,
    };
    Ok(())
}

/// What a check of a shard came to, for the plan of all of them.
pub(super) fn checked(pipeline: &Pipeline, planned: &Planned, report: &RunReport) -> Value {
    let mut found = found(report, planned);
    if let Value::Object(members) = &mut found {
        members.retain(|name, _| !OWN.contains(&&**name));
    }
    let entry = Entry::new(RunId::generate(), pipeline);
    json!(Checked {
        rostream_version: report.rostream_version.clone(),
        pipeline: pipeline.into(),
        target: entry.map(|entry| entry.target),
        content: planned.content.clone(),
        made: planned.made.clone(),
        said: planned.said.clone(),
        found,
    })
}

fn about(pipeline: &Pipeline, planned: &Planned) -> Result<About, RunError> {
    let entry = Entry::new(RunId::generate(), pipeline);
    let hash = match &entry {
        Some(entry) => Some(Folder::new(&pipeline.state_dir).name(entry, &planned.content.plan)?),
        None => None,
    };
    Ok(About {
        pipeline: pipeline.into(),
        target: entry.map(|entry| entry.target),
        hash,
    })
}

fn found(report: &RunReport, planned: &Planned) -> Value {
    let mut found = Map::new();
    found.insert("people".to_owned(), json!(planned.people));
    found.insert("leavers".to_owned(), json!(planned.leavers));
    if let Ok(Value::Object(mut members)) = serde_json::to_value(report) {
        let known = FOUND.into_iter();
        found.extend(known.filter_map(|name| members.remove_entry(name)));
    }
    Value::Object(found)
}
