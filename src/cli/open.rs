//! What an earlier run left: whether another may start.

use std::fmt;

use super::looked::Looked;
use super::next::command;
use super::turn::Turn;
use super::work::{Task, Work};
use super::{Exit, Failure, otel, say};
use crate::config::Pipeline;
use crate::files::ending::for_json;
use crate::files::of_run::is_each_its_own;
use crate::report::error::Code;
use crate::report::human;
use crate::report::run::RunId;
use crate::run::RunError;
use crate::state::entry::{Kind, Step};
use crate::state::lock::{Held, Shared, Who};
use crate::state::{ApprovalError, Entry, Folder, Ledger, LedgerError};

/// Whether a run may begin.
enum Before {
    /// It may, and has what only one run can have.
    Free {
        ledger: Option<Box<Ledger>>,
        rejects: Vec<Held>,
    },
    /// It may not; its report says why.
    Refused(RunError),
}

/// Does the work, if neither what was found at the target nor what an earlier run left is in its way.
pub(super) fn begin(
    mut work: Work<'_>,
    run_id: RunId,
    looked: Looked,
    mut turn: Turn<'_>,
) -> Result<Exit, Failure> {
    otel::with(&work.pipeline.name);
    match looked {
        Looked::Well(found) => work.preflight = found,
        Looked::Wrong(error) => return work.refuse(run_id, error),
    }
    // One of several is told in their report.
    let json = work.common.json && work.collected.is_none();
    match told(before(&work, &run_id, &mut turn), json)? {
        Before::Free { ledger, rejects } => {
            work.ledger = ledger.map(|ledger| *ledger);
            work.rejects = rejects;
            work.perform(run_id, turn.over())
        }
        Before::Refused(error) => work.refuse(run_id, error),
    }
}

/// Takes what only one run can have: its pipeline, its data set, its rejects file.
///
/// # Errors
/// An earlier run left something open that must be decided first.
fn before(work: &Work<'_>, run_id: &RunId, turn: &mut Turn<'_>) -> Result<Before, Failure> {
    let ledger = match ledger(work, run_id, turn) {
        Ok(Opened::Ledger(ledger)) => Some(ledger),
        Ok(Opened::None) => None,
        Ok(Opened::Left(failure)) => return Err(failure),
        Err(error) => return Ok(Before::Refused(error)),
    };
    Ok(match rejects(work.pipeline, run_id, turn) {
        Ok(rejects) => Before::Free { ledger, rejects },
        Err(error) => Before::Refused(error),
    })
}

/// Takes the locks of the rejects file and its workbook.
pub(super) fn rejects(
    pipeline: &Pipeline,
    run_id: &RunId,
    turn: &mut Turn<'_>,
) -> Result<Vec<Held>, RunError> {
    let who = Who {
        run: run_id,
        pipeline: &pipeline.name,
    };
    // By which of its two names the file will go is not known yet: both are one lock.
    let path = for_json(&pipeline.rejects.path);
    let files = std::iter::once(&path).chain(&pipeline.rejects.workbook);
    files
        // Those that no other run has need none.
        .filter(|file| !is_each_its_own(file))
        .map(|file| turn.take(|| Shared::of_user().rejects(file, &who)))
        .filter_map(Result::transpose)
        .collect()
}

/// What became of a run's ledger.
enum Opened {
    /// Targets without a token leave no state.
    None,
    /// An earlier run left something open.
    Left(Failure),
    Ledger(Box<Ledger>),
}

fn ledger(work: &Work<'_>, run_id: &RunId, turn: &mut Turn<'_>) -> Result<Opened, RunError> {
    let pipeline = work.pipeline;
    let (Some(mut entry), Some(token)) = (Entry::new(run_id.clone(), pipeline), &work.token) else {
        if let Some(applied) = &work.applies {
            applied.plan.is_to(None)?;
        }
        return match &work.approve {
            Some(hash) => Err(ApprovalError::Unknown(hash.clone()).into()),
            None => Ok(Opened::None),
        };
    };
    if matches!(work.task, Task::Import(_)) {
        entry.kind = Kind::Import;
    }
    let folder = Folder::of(pipeline)?;
    let part = work
        .applies
        .as_ref()
        .and_then(|applied| applied.plan.as_part());
    let lock = turn.take(|| folder.lock_for(&pipeline.name, run_id, part.as_ref()))?;
    let left = lock.unfinished(&pipeline.name, |closed| {
        if !work.globals.quiet {
            say(match closed.rows {
                Some(_) => format!(
                    "run {} was cut off before its deletions were requested: its rows are imported, and this run finds \
                     again who is gone",
                    closed.run_id
                ),
                None => format!(
                    "run {} was cut off before its import was requested: nothing of it was imported",
                    closed.run_id
                ),
            });
        }
    })?;
    if let Some(open) = left.first() {
        return Ok(Opened::Left(left_open(open, &folder)));
    }
    let who = Who {
        run: run_id,
        pipeline: &pipeline.name,
    };
    let dataset = turn.take(|| match &part {
        Some(part) => Shared::of_user().dataset_of_plan(&entry.target, &part.plan),
        None => Shared::of_user().dataset(&entry.target, &who),
    })?;
    if !work.globals.quiet && !folder.knows(&entry)? {
        say(format_args!(
            "the ledger is new: no earlier run of {} is known in {}",
            pipeline.name,
            human::path(folder.path())
        ));
    }
    let approval = match (&work.approve, &work.applies) {
        (Some(hash), _) => Some(folder.approval(hash, &entry, false)??),
        (None, Some(applied)) => {
            let plan = &applied.plan;
            plan.is_to(Some(&entry.target))?;
            plan.is_left(folder.used(&plan.used_as(), &entry)?)?;
            None
        }
        (None, None) => None,
    };
    let ledger = Ledger::new(lock, dataset, token.clone(), entry, None)?
        .approved(approval)
        .applying(work.applies.as_deref());
    ledger.begin()?;
    Ok(Opened::Ledger(Box::new(ledger)))
}

pub(super) fn usage(message: impl fmt::Display) -> Failure {
    Failure::new(Exit::Usage, message.to_string())
}

/// A ledger that can't be kept.
pub(super) fn refused(error: LedgerError) -> Failure {
    Failure::of_kind(Exit::Failed, error.code(), error)
}

/// As [`refused`], and for a signal that came while another run was waited for.
pub(super) fn no_turn(error: RunError) -> Failure {
    Failure::of_kind(Exit::from(error.outcome()), error.code(), error)
}

/// How an import is asked for again that can't be repeated by its pipeline alone: its rows are not those of the source.
pub(super) fn again(entry: &Entry) -> Option<&'static str> {
    match entry.kind {
        Kind::Run => None,
        // They go once more with all others, which does no harm.
        Kind::Canary => Some(", and then run the pipeline, as this was a canary"),
        Kind::Import => Some(", and then `rostream import`, as the upload was made elsewhere"),
    }
}

/// What a run left open must be decided before anything else is sent.
pub(super) fn left_open(entry: &Entry, folder: &Folder) -> Failure {
    let run = &entry.run_id;
    let resume = command("resume", run, folder);
    if entry.step == Step::Ticket {
        return Failure::of_kind(
            Exit::TimedOut,
            Code::lasting("import_running"),
            format!(
                "run {run} has an import job at the server, and its outcome is not known yet; resume it: {resume}"
            ),
        );
    }
    let target = &entry.target;
    let how = match again(entry) {
        Some(again) => format!("If it was applied, or to do it again: {resume} --abandon{again}"),
        None => format!(
            "If it was applied, or is no longer wanted: {resume} --abandon. If it was not applied: {resume} --retry-import"
        ),
    };
    let text = format!(
        "run {run} requested its import and got no answer: whether it was applied is not known. Look at data set {} \
         of {}, or ask Orgvue's support about the import of {:.0} UTC. {how}",
        target.dataset, target.tenant, entry.written_at
    );
    Failure::of_kind(Exit::Unknown, Code::lasting("import_unknown"), text)
}

/// Tells machines, too, why a command ended that has no report.
pub(super) fn told<T>(ended: Result<T, Failure>, json: bool) -> Result<T, Failure> {
    if json && let Err(failure) = &ended {
        failure.put_json()?;
    }
    ended
}
