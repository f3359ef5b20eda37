//! The commands that go on from where a run ended, as the current folder's shell takes them.

use crate::report::human;
use crate::report::run::{Outcome, RunId};
use crate::state::entry::Step;
use crate::state::{Entry, Folder};
use crate::text::shown::shell_word;

/// The state folder where none is named: as the pipeline file has it unless it says otherwise.
pub(super) const STATE: &str = "state";

/// The command that goes on from where a run ended; nothing where nothing is open.
pub(super) fn next(entry: &Entry, folder: &Folder, outcome: Outcome) -> Option<String> {
    let word = match entry.step {
        Step::Importing | Step::Ticket => "resume",
        Step::Ended if outcome == Outcome::Failed && entry.ticket.is_some() => "results",
        Step::Ended
            if matches!(outcome, Outcome::SucceededWithRejects | Outcome::Refused)
                && entry.canary.is_none()
                && !entry.delta
                && may_pass(entry, folder) =>
        {
            "retry"
        }
        _ => return None,
    };
    Some(command(word, &entry.run_id, folder))
}

/// Whether rows were refused for a reason that passes by itself.
fn may_pass(entry: &Entry, folder: &Folder) -> bool {
    let rows = folder.rows(&entry.run_id).ok().flatten();
    let refused = rows.and_then(|rows| rows.refused).unwrap_or_default();
    refused.iter().any(|row| row.passing)
}

/// A command about a run, as it works from the current folder.
pub(super) fn command(word: &str, run: &RunId, folder: &Folder) -> String {
    let state = human::path(folder.path());
    if state == STATE {
        return format!("rostream {word} {run}");
    }
    format!("rostream {word} {run} --state {}", shell_word(&state))
}

/// The command that does what a run was to do.
pub(super) fn run_again(entry: &Entry) -> String {
    if let Some(of) = &entry.retry_of {
        return format!("rostream retry {of}");
    }
    let file = match &entry.pipeline.file {
        Some(file) => shell_word(&human::path(file)),
        None => "-".to_owned(),
    };
    let mut text = format!("rostream run {file}");
    if let Some(mend) = &entry.mend {
        text.push_str(&format!(" --mend {}", shell_word(&human::path(mend))));
    }
    for set in &entry.pipeline.overrides {
        let set = format!("{}={}", set.key, set.value);
        text.push_str(&format!(" --set {}", shell_word(&set)));
    }
    text
}
