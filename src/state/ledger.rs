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
//! A run of a difference has two imports: that of its rows, and that of its deletions. `deleting` says which of them the
//! step is about; what is known of the rows stays known. A run that is cut off before its deletions are asked for leaves
//! them to the next one, which finds them again.
//!
//! A run that imports its first rows before the others has two files: the import of the first is a run of its own, of the
//! kind `canary`, which no guard ever compares another with.
//!
//! A file is replaced as a whole (written beside it, to the disk, renamed, and the folder to the disk), so it is
//! the old one or the new one. A lock for every pipeline, which dies with its process, keeps runs apart.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use jiff::Timestamp;
use secrecy::SecretString;

use super::approval::{Approval, Plan, Used};
use super::entry::{Addresses, By, Entry, Kind, SourceMark, Step, TicketMark};
use super::error::LedgerError;
use super::folder::{Lock, end};
use super::last::Last;
use super::lock::Held;
use super::plan::Applied;
use super::rows::Rows;
use super::seal::{SealError, seal};
use crate::drift::memory::Memory;
use crate::guard::changes::Counted;
use crate::guard::{self, Standing};
use crate::orgvue::Ticket;
use crate::report::run::{Canary, Outcome, RowCounts, RunId};
use crate::settings::secret::PresignedUrl;
use crate::source::Source;

/// A run's own entry, under its pipeline's lock. What it holds in memory and what stands in the file are the
/// same, but where a file could not be written.
#[derive(Debug)]
pub(crate) struct Ledger {
    lock: Arc<Lock>,
    history: guard::History,
    /// What is used up by this run: an approval, or a plan.
    approval: Option<Approval>,
    /// Whether guards let pass what was approved.
    overrides: bool,
    /// Nobody else on this machine sends to the data set meanwhile.
    _dataset: Option<Held>,
    token: SecretString,
    entry: Mutex<Entry>,
    /// What this run repeats.
    earlier: Mutex<Option<Entry>>,
    /// The import of its first rows, before the others.
    canary: OnceLock<Box<Ledger>>,
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
            history: lock.history(&entry)?,
            approval: None,
            overrides: false,
            lock: Arc::new(lock),
            _dataset: dataset,
            token,
            entry: Mutex::new(entry),
            earlier: Mutex::new(earlier),
            canary: OnceLock::new(),
        })
    }

    /// The entry of this run's canary, which has an import of its own; nothing of it is written yet.
    pub(crate) fn canary(&self, run_id: RunId) -> &Ledger {
        self.canary.get_or_init(|| {
            let entry = Entry {
                run_id,
                kind: Kind::Canary,
                started_at: Timestamp::now(),
                supersedes: None,
                // Nobody is deleted by it, and no guard counts it.
                deletion_off: 0,
                counted: Counted::default(),
                standing: Standing::default(),
                ..self.entry()
            };
            Box::new(Ledger {
                lock: self.lock.clone(),
                history: guard::History::default(),
                approval: None,
                overrides: false,
                _dataset: None,
                token: self.token.clone(),
                entry: Mutex::new(Entry {
                    attempt: 0,
                    ..entry
                }),
                earlier: Mutex::new(None),
                canary: OnceLock::new(),
            })
        })
    }

    /// The entry that says what is left to be done: that of the canary, unless it went well.
    pub(crate) fn left(&self) -> Entry {
        let canary = self.canary.get().map(|canary| canary.entry());
        match canary {
            Some(canary) if !canary.went_well() => canary,
            _ => self.entry(),
        }
    }

    /// The entry as it is now.
    pub(crate) fn entry(&self) -> Entry {
        locked(&self.entry).clone()
    }

    /// The same, for a run that goes on by an approval: it is done on the day that was approved.
    pub(crate) fn approved(self, approval: Option<Approval>) -> Ledger {
        if let Some(approval) = &approval {
            locked(&self.entry).today = Some(approval.plan.today);
        }
        Ledger {
            overrides: approval.is_some(),
            approval,
            ..self
        }
    }

    /// The same, for a run that does what a plan says: on the day of the plan.
    pub(crate) fn applying(self, applied: Option<&Applied>) -> Ledger {
        let Some(applied) = applied else {
            return self;
        };
        let approval = applied.plan.approval();
        locked(&self.entry).plan = Some(applied.plan.hash.clone());
        Ledger {
            overrides: applied.approved,
            ..self.approved(Some(approval))
        }
    }

    /// What went before this run.
    pub(crate) fn history(&self) -> &guard::History {
        &self.history
    }

    /// What was approved.
    pub(crate) fn approval(&self) -> Option<&Approval> {
        self.approval.as_ref().filter(|_| self.overrides)
    }

    /// Writes down what guards stopped, so that it can be approved; gives its hash. Where that was `withheld` from an
    /// upload that went on, this run is what it will be compared with.
    ///
    /// # Errors
    /// A file that can't be read or written.
    pub(crate) fn offer(
        &self,
        mut plan: Plan,
        guards: Vec<String>,
        withheld: bool,
    ) -> Result<String, LedgerError> {
        let entry = locked(&self.entry);
        if withheld {
            plan.baseline = Some(entry.run_id.to_string());
        }
        self.lock.offer(&entry, plan, guards)
    }

    /// Marks the approval, or the plan, as used, before the import is asked for.
    ///
    /// # Errors
    /// A file that can't be written; the import must not be asked for then.
    pub(crate) fn use_approval(&self) -> Result<(), LedgerError> {
        let Some(approval) = &self.approval else {
            return Ok(());
        };
        let mut entry = locked(&self.entry);
        if self.overrides {
            entry.approved = Some(approval.hash.clone());
        }
        self.lock.write_approval(&Approval {
            used: Some(Used {
                by: entry.run_id.clone(),
                at: Timestamp::now(),
            }),
            ..approval.clone()
        })
    }

    /// Before anything else: from now on the run is known, and nothing was imported.
    ///
    /// # Errors
    /// A file that can't be written; the run must not begin then.
    pub(crate) fn begin(&self) -> Result<(), LedgerError> {
        self.lock.write(&mut locked(&self.entry))
    }

    /// What is kept of the source, for the run that is held against this one once it was accepted.
    ///
    /// # Errors
    /// A file that can't be written.
    pub(crate) fn remember(&self, memory: &Memory) -> Result<(), LedgerError> {
        let run = locked(&self.entry).run_id.clone();
        self.lock.write_memory(&run, memory)
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

    /// Takes in what was decided, which is written down with the next step.
    pub(crate) fn decided(&self, decisions: Decisions) {
        let mut entry = locked(&self.entry);
        entry.deletion_off = decisions.deletion_off;
        entry.counted = decisions.counted;
        entry.standing = decisions.standing;
    }

    /// The rows are through; from now on it is about the import of deletions. The next step writes it down: until then
    /// the file says how the import of the rows went.
    pub(crate) fn deleting(&self) {
        let mut entry = locked(&self.entry);
        entry.deleting = true;
        entry.rows = entry.ticket.take();
        entry.step = Step::Uploading;
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
    pub(crate) fn over(
        &self,
        outcome: Outcome,
        exit_code: u8,
        counts: Option<RowCounts>,
    ) -> Result<(), LedgerError> {
        if let Some(canary) = self.canary.get()
            && canary.entry().step != Step::Ended
        {
            canary.over(outcome, exit_code, None)?;
        }
        let mut entry = locked(&self.entry);
        let open = match entry.step {
            Step::Ended => return self.taken_in(&mut entry, outcome, exit_code, counts),
            Step::Uploading => false,
            Step::Importing | Step::Ticket => matches!(
                outcome,
                Outcome::StillRunning | Outcome::Detached | Outcome::Unknown | Outcome::Interrupted
            ),
        };
        if !open {
            end(&mut entry, outcome, Some(exit_code), By::Run);
            if let Some(ended) = &mut entry.ended {
                ended.counts = counts;
            }
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
        counts: Option<RowCounts>,
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
        ended.counts = counts;
        self.lock.write(entry)?;
        match Last::of(entry) {
            Some(last) => self.lock.accept(&last),
            None => Ok(()),
        }
    }

    /// Takes away what is known of this pipeline's runs that ended before a moment, but for what later runs go by.
    /// Returns how many runs these are.
    ///
    /// # Errors
    /// A file that can't be read or removed.
    pub(crate) fn prune(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let pipeline = locked(&self.entry).pipeline.name.clone();
        self.lock.prune(&pipeline, before)
    }

    /// The run whose import this one repeats, if it does.
    pub(crate) fn earlier(&self) -> Option<Entry> {
        locked(&self.earlier).clone()
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
    /// The rows that were imported before the others.
    pub canary: Option<Canary>,
}

/// What was decided of a run that goes on, for those after it.
#[derive(Debug)]
pub(crate) struct Decisions {
    /// How many accepted runs in a row deletion is off, with this one.
    pub deletion_off: u32,
    /// What guards counted of it.
    pub counted: Counted,
    /// What stands at the target once it is accepted.
    pub standing: Standing,
}

fn tell(entry: &mut Entry, known: &Known) {
    entry.counts = known.counts;
    entry.body_bytes = known.body_bytes;
    entry.body_hash = known.body_hash.clone();
    entry.canary = known.canary.clone();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
