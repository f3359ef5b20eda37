//! The ledger: how far every run came, written down before each step is taken.
//!
//! A run of an Orgvue target has a file in the state folder, `run-<id>.json`. Whatever ends the process, the next
//! start finds there the last step that was begun:
//!
//! | step | what is known |
//! |---|---|
//! | `uploading` | nothing was imported; with `attempt` 0, no upload was begun either |
//! | `importing` | the import was about to be asked for; unless the run ended it is unknown whether it began |
//! | `ticket` | the job is at the server, and its ticket says how it ends |
//! | `ended` | nothing is left to be done |
//!
//! A file is replaced as a whole (written beside it, to the disk, renamed, and the folder to the disk), so it is
//! the old one or the new one. A lock for every pipeline, which dies with its process, keeps runs apart.

use std::sync::{Mutex, MutexGuard};

use secrecy::SecretString;

use super::entry::{Addresses, By, Entry, SourceMark, Step, TicketMark};
use super::error::LedgerError;
use super::folder::{Lock, end};
use super::last::Last;
use super::lock::Held;
use super::rows::Rows;
use super::seal::{SealError, seal};
use crate::guard;
use crate::orgvue::Ticket;
use crate::report::run::{Outcome, RowCounts, RunId};
use crate::settings::secret::PresignedUrl;
use crate::source::Source;

/// A run's own entry, under its pipeline's lock. What it holds in memory and what stands in the file are the
/// same, but where a file could not be written.
#[derive(Debug)]
pub(crate) struct Ledger {
    lock: Lock,
    last: Option<guard::Last>,
    /// Nobody else on this machine sends to the data set meanwhile.
    _dataset: Option<Held>,
    token: SecretString,
    entry: Mutex<Entry>,
    /// What this run repeats.
    earlier: Mutex<Option<Entry>>,
}

impl Ledger {
    /// Begins, or takes up, an entry; nothing is written yet. `earlier` is the run whose import it repeats.
    ///
    /// # Errors
    /// What is known of the last accepted run can't be read.
    pub(crate) fn new(
        lock: Lock,
        dataset: Option<Held>,
        token: SecretString,
        mut entry: Entry,
        earlier: Option<Entry>,
    ) -> Result<Ledger, LedgerError> {
        if let Some(earlier) = &earlier {
            entry.supersedes = Some(earlier.run_id.clone());
        }
        Ok(Ledger {
            last: lock.last(&entry)?,
            lock,
            _dataset: dataset,
            token,
            entry: Mutex::new(entry),
            earlier: Mutex::new(earlier),
        })
    }

    /// The entry as it is now.
    pub(crate) fn entry(&self) -> Entry {
        locked(&self.entry).clone()
    }

    /// The last accepted run of the pipeline on its data set, before this one.
    pub(crate) fn last(&self) -> Option<guard::Last> {
        self.last
    }

    /// Before anything else: from now on the run is known, and nothing was imported.
    ///
    /// # Errors
    /// A file that can't be written; the run must not begin then.
    pub(crate) fn begin(&self) -> Result<(), LedgerError> {
        self.lock.write(&mut locked(&self.entry))
    }

    /// What is known of the rows, such as which of them the server refused.
    ///
    /// # Errors
    /// A file that can't be written.
    pub(crate) fn rows(&self, rows: &Rows) -> Result<(), LedgerError> {
        self.lock.write_rows(rows)
    }

    /// Before an upload address is asked for.
    ///
    /// # Errors
    /// A file that can't be written; the step must not be taken then.
    pub(crate) fn uploading(&self, source: &Source, known: &Known) -> Result<(), LedgerError> {
        let mut entry = locked(&self.entry);
        entry.step = Step::Uploading;
        entry.attempt += 1;
        entry.sources = source
            .origins()
            .iter()
            .map(|origin| SourceMark {
                path: origin.name.clone(),
                bytes: origin.bytes(),
                modified: origin.modified().and_then(|time| time.try_into().ok()),
            })
            .collect();
        tell(&mut entry, known);
        self.lock.write(&mut entry)
    }

    /// Before the import is asked for, once the upload is complete.
    ///
    /// # Errors
    /// A file that can't be written; the step must not be taken then.
    pub(crate) fn importing(&self, known: &Known) -> Result<(), LedgerError> {
        let mut entry = locked(&self.entry);
        entry.step = Step::Importing;
        tell(&mut entry, known);
        if let Err(error) = self.lock.write(&mut entry) {
            // The import is not asked for.
            entry.step = Step::Uploading;
            return Err(error);
        }
        if let Some(mut earlier) = locked(&self.earlier).take()
            && let Err(error) = self
                .lock
                .end(&mut earlier, Outcome::Unknown, By::Superseded)
        {
            // This run's entry says so, too: the next start sees to it.
            tracing::warn!("{}", crate::text::chain(&error));
        }
        Ok(())
    }

    /// A ticket, or what has become of it. Where this can't be written the job goes on all the same, so the run
    /// does, too; the end of the run tries again.
    pub(crate) fn ticket(&self, ticket: &Ticket) {
        let mut entry = locked(&self.entry);
        if entry.step == Step::Ended {
            // Its results are fetched once more.
            return;
        }
        let url = |url: &Option<PresignedUrl>| url.as_ref().map(|url| url.expose().to_owned());
        let addresses = Addresses {
            own: url(&ticket.self_url),
            result: url(&ticket.result_url),
        };
        let run = entry.run_id.clone();
        let sealed = serde_json::to_string(&addresses)
            .map_err(|_| SealError::Sealing)
            .and_then(|text| seal(&text, &self.token, run.as_str()))
            .map_err(|source| LedgerError::Seal { run, source });
        let written = sealed.and_then(|sealed| {
            entry.ticket = Some(TicketMark {
                trace_id: ticket.trace_id.clone(),
                created_at: ticket.created_at.clone(),
                status: ticket.status.to_string(),
                sealed,
            });
            entry.step = Step::Ticket;
            self.lock.write(&mut entry)
        });
        if let Err(error) = written {
            tracing::warn!(
                "the job can't be resumed if this run is cut off: {}",
                crate::text::chain(&error)
            );
        }
    }

    /// The run is over: what it leaves open stays open, everything else has ended.
    ///
    /// # Errors
    /// A file that can't be written.
    pub(crate) fn over(&self, outcome: Outcome, exit_code: u8) -> Result<(), LedgerError> {
        let mut entry = locked(&self.entry);
        let open = match entry.step {
            Step::Ended => return self.taken_in(&mut entry, outcome, exit_code),
            Step::Uploading => false,
            Step::Importing | Step::Ticket => matches!(
                outcome,
                Outcome::StillRunning | Outcome::Unknown | Outcome::Interrupted
            ),
        };
        if !open {
            end(&mut entry, outcome, Some(exit_code), By::Run);
        }
        self.lock.write(&mut entry)?;
        match Last::of(&entry) {
            Some(last) => self.lock.accept(&last),
            None => Ok(()),
        }
    }

    /// The results of a run that is over were fetched once more: where they could not be taken in before, and are now,
    /// the run was accepted when it ended.
    fn taken_in(
        &self,
        entry: &mut Entry,
        outcome: Outcome,
        exit_code: u8,
    ) -> Result<(), LedgerError> {
        let is_good =
            |outcome| matches!(outcome, Outcome::Succeeded | Outcome::SucceededWithRejects);
        let is_open = entry.ticket.is_some();
        let Some(ended) = &mut entry.ended else {
            return Ok(());
        };
        if !is_open || ended.by != By::Run || is_good(ended.outcome) || !is_good(outcome) {
            return Ok(());
        }
        (ended.outcome, ended.exit_code) = (outcome, Some(exit_code));
        self.lock.write(entry)?;
        match Last::of(entry) {
            Some(last) => self.lock.accept(&last),
            None => Ok(()),
        }
    }

    /// The run whose import this one repeats, if it does, and the hash of its body.
    pub(crate) fn repeats(&self) -> Option<(RunId, String)> {
        let earlier = locked(&self.earlier);
        let earlier = earlier.as_ref()?;
        Some((earlier.run_id.clone(), earlier.body_hash.clone()?))
    }
}

/// What a run knows of its rows and its body when a step begins.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub counts: RowCounts,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Its hash, in hexadecimal digits.
    pub body_hash: Option<String>,
    /// How many accepted runs in a row deletion is off, with this one.
    pub deletion_off: u32,
}

fn tell(entry: &mut Entry, known: &Known) {
    entry.counts = known.counts;
    entry.body_bytes = known.body_bytes;
    entry.body_hash = known.body_hash.clone();
    entry.deletion_off = known.deletion_off;
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
