//! How long is kept what is written down of runs that have ended.
//!
//! Some of it stays however old it is, as later runs go by it: of every data set the newest accepted run, with those
//! before it since which deletion is off; and the newest run that has sent anything, with its retries, as it can be
//! retried. While a run of the pipeline is open, everything of the pipeline stays.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::approval::{self, Approval};
use super::entry::{Entry, Step};
use super::error::LedgerError;
use super::folder::Lock;
use super::last::Last;
use super::rows::Rows;
use super::sources;
use crate::report::run::RunId;

impl Lock {
    /// Takes away what is known of a pipeline's runs that ended before a moment, and of approvals that do not hold any
    /// more since. Returns how many runs these are.
    ///
    /// # Errors
    /// A file that can't be read or removed.
    pub(super) fn prune(&self, pipeline: &str, before: Timestamp) -> Result<u64, LedgerError> {
        let folder = self.folder();
        let mut own = folder.entries()?;
        own.retain(|entry| entry.pipeline.name == pipeline);
        if own.iter().any(|entry| entry.step != Step::Ended) {
            return Ok(0);
        }
        let needed = needed(&own);
        let ended_before =
            |entry: &&Entry| (entry.ended.as_ref()).is_some_and(|ended| ended.at < before);
        let old = own.iter().filter(ended_before);
        let mut gone = 0;
        for entry in old.filter(|entry| !needed.contains(&entry.run_id)) {
            // Rows without their run would never be found again; a run without its rows can't be retried.
            folder.remove(&Rows::file_name(&entry.run_id))?;
            folder.remove(&sources::file_name(entry.run_id.as_str()))?;
            folder.remove(&format!("run-{}.json", entry.run_id))?;
            gone += 1;
        }
        let is_over =
            |approval: &Approval| approval.pipeline == pipeline && approval.until() < before;
        for approval in folder.all_approvals()?.iter().filter(|a| is_over(a)) {
            if let Some(name) = approval::file_name(&approval.hash) {
                folder.remove(&name)?;
            }
        }
        Ok(gone)
    }
}

/// The runs that later ones go by. The oldest comes first.
fn needed(own: &[Entry]) -> BTreeSet<RunId> {
    let mut needed: BTreeSet<RunId> = BTreeSet::new();
    for (at, entry) in own.iter().enumerate() {
        let is_last = !own[at + 1..].iter().any(|later| later.is_like(entry));
        if !is_last {
            continue;
        }
        let same = || own.iter().rev().filter(|other| other.is_like(entry));
        let mut accepted = same().filter(|run| Last::of(run).is_some());
        needed.extend(accepted.next().map(|run| run.run_id.clone()));
        let accepted = same().filter(|run| Last::of(run).is_some());
        let off = accepted.take_while(|run| run.deletion_off > 0);
        needed.extend(off.map(|run| run.run_id.clone()));
        if let Some(sent) = same().find(|run| run.ticket.is_some()) {
            let first = sent.retry_of.as_ref().unwrap_or(&sent.run_id);
            let of_first =
                |run: &&Entry| run.run_id == *first || run.retry_of.as_ref() == Some(first);
            needed.extend(same().filter(of_first).map(|run| run.run_id.clone()));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run::Outcome;
    use crate::state::entry::{By, Ended, TicketMark};

    /// As version 0.1 wrote it.
    const OLD: &str = include_str!("../../tests/it/ledger/run-0.1.json");

    fn entry(nth: u8, outcome: Option<Outcome>) -> Entry {
        let entry: Entry = serde_json::from_str(OLD).unwrap();
        let at: Timestamp = format!("2026-01-{nth:02}T02:00:00Z").parse().unwrap();
        Entry {
            run_id: RunId::new(at, nth.into()),
            started_at: at,
            step: outcome.map_or(Step::Ticket, |_| Step::Ended),
            ended: outcome.map(|outcome| Ended {
                at,
                outcome,
                exit_code: None,
                counts: None,
                by: By::Run,
            }),
            ..entry
        }
    }

    /// The days whose runs are needed.
    fn check(own: &[Entry], expected: &[u8]) {
        let needed = needed(own);
        let days = own.iter().filter(|entry| needed.contains(&entry.run_id));
        let days: Vec<_> = days
            .map(|e| {
                e.started_at
                    .strftime("%d")
                    .to_string()
                    .parse::<u8>()
                    .unwrap()
            })
            .collect();
        assert_eq!(days, expected);
    }

    #[test]
    fn what_later_runs_go_by_is_needed() {
        let good = Some(Outcome::Succeeded);
        let unsent = |nth| Entry {
            ticket: None::<TicketMark>,
            ..entry(nth, Some(Outcome::Failed))
        };
        check(&[entry(1, good), entry(2, good)], &[2]);
        check(&[entry(1, good), entry(2, good), unsent(3)], &[2]);
        // The newest that has sent anything was refused, and can be retried; so can a retry.
        let refused = entry(3, Some(Outcome::Refused));
        check(&[entry(1, good), entry(2, good), refused.clone()], &[2, 3]);
        let again = Entry {
            retry_of: Some(refused.run_id.clone()),
            ..entry(4, good)
        };
        let all = [entry(1, good), entry(2, good), refused, again];
        check(&all, &[2, 3, 4]);
        // Another data set has a newest run of its own.
        let mut other = entry(1, good);
        other.target.dataset = "another".to_owned();
        check(&[other, entry(2, good), entry(3, good)], &[1, 3]);
        let off = |nth| Entry {
            deletion_off: 1,
            ..entry(nth, good)
        };
        check(&[off(1), entry(2, good), off(3), off(4)], &[3, 4]);
    }
}
