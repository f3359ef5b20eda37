//! What an earlier run left: whether another may start, and the command that goes on from there.

use std::fmt;

use secrecy::SecretString;

use super::{Exit, Failure, Globals, say};
use crate::config::Pipeline;
use crate::report::human;
use crate::report::run::{Outcome, RunId};
use crate::state::ledger::{Entry, Folder, Ledger, LedgerError, Step};

/// The state folder where none is named: as the pipeline file has it unless it says otherwise.
pub(super) const STATE: &str = "state";

/// Takes the pipeline's lock, and refuses where an earlier run left something open that must be decided first.
pub(super) fn ledger(
    pipeline: &Pipeline,
    token: Option<&SecretString>,
    run_id: &RunId,
    globals: &Globals,
) -> Result<Option<Ledger>, Failure> {
    let (Some(entry), Some(token)) = (Entry::new(run_id.clone(), pipeline), token) else {
        return Ok(None);
    };
    let folder = Folder::new(&pipeline.state_dir);
    let lock = folder.lock(&pipeline.name, run_id).map_err(refused)?;
    let left = lock.unfinished(&pipeline.name, |closed| {
        if !globals.quiet {
            say(format_args!(
                "run {} was cut off before its import was asked for: nothing of it was imported",
                closed.run_id
            ));
        }
    });
    match left.map_err(refused)?.first() {
        Some(open) => Err(left_open(open, &folder)),
        None => Ok(Some(Ledger::new(lock, token.clone(), entry, None))),
    }
}

pub(super) fn usage(message: impl fmt::Display) -> Failure {
    Failure::new(Exit::Usage, message.to_string())
}

/// A ledger that can't be kept.
pub(super) fn refused(error: LedgerError) -> Failure {
    let exit = match error {
        LedgerError::Locked { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// What a run left open must be decided before anything else is sent.
pub(super) fn left_open(entry: &Entry, folder: &Folder) -> Failure {
    let run = &entry.run_id;
    let resume = command("resume", run, folder);
    if entry.step == Step::Ticket {
        return Failure::new(
            Exit::TimedOut,
            format!(
                "run {run} has its import job at the server, and nobody has seen how it ended; take it up: {resume}"
            ),
        );
    }
    let target = &entry.target;
    let text = format!(
        "run {run} asked for its import and has no answer: whether it was applied is not known. Look at data set {} \
         of {}, or ask Orgvue's support about the import of {:.0} UTC. Where it was applied, or is not wanted any \
         more: {resume} --abandon. Where it was not applied: {resume} --retry-import",
        target.dataset, target.tenant, entry.written_at
    );
    Failure::new(Exit::Unknown, text)
}

/// The command that goes on from where a run ended; nothing where nothing is open.
pub(super) fn next(entry: &Entry, folder: &Folder, outcome: Outcome) -> Option<String> {
    let word = match entry.step {
        Step::Importing | Step::Ticket => "resume",
        Step::Ended if outcome == Outcome::Failed && entry.ticket.is_some() => "results",
        _ => return None,
    };
    Some(command(word, &entry.run_id, folder))
}

/// A command about a run, as it works from the current folder.
pub(super) fn command(word: &str, run: &RunId, folder: &Folder) -> String {
    let state = human::path(folder.path());
    if state == STATE {
        return format!("rostream {word} {run}");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let state = match state.chars().all(plain) {
        true => state,
        false => format!("'{}'", state.replace('\'', r"'\''")),
    };
    format!("rostream {word} {run} --state {state}")
}
