//! The ledger: how far every run came, written down before each step is taken.
//!
//! A run of an Orgvue target has a file in the state folder, `run-<id>.json`. Whatever ends the process, the next
//! start finds there the last step that was begun:
//!
//! | step | what is known |
//! |---|---|
//! | `uploading` | nothing was imported |
//! | `importing` | the import was about to be asked for; unless the run ended it is unknown whether it began |
//! | `ticket` | the job is at the server, and its ticket says how it ends |
//! | `ended` | nothing is left to be done |
//!
//! A file is replaced as a whole (written beside it, to the disk, renamed, and the folder to the disk), so it is
//! the old one or the new one. A lock for every pipeline, which dies with its process, keeps runs apart.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::seal::{SealError, open, seal};
use crate::config::{Override, Pipeline, Target};
use crate::orgvue::{JobStatus, Ticket};
use crate::report::human;
use crate::report::run::{Outcome, RowCounts, RunId};
use crate::settings::secret::PresignedUrl;
use crate::source::Source;

/// Version of the files' form.
pub(crate) const LEDGER_VERSION: u32 = 1;

/// The largest file that is read, in bytes: many times what a run with thousands of sources needs.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The most characters of a pipeline's name in a file's name.
const MAX_NAME: usize = 100;

/// Why the ledger can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder can't be made or used.
    #[error("the state folder {} can't be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else may write into the folder.
    #[error(
        "the state folder {} can be written by others; make it the user's own: chmod go-w and chown", .0.display()
    )]
    Shared(PathBuf),
    /// A file can't be read.
    #[error("the state file {} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what a run writes.
    #[error(
        "the state file {} is not one that this version reads; use the version that wrote it, or move it away \
         once it is known how that run ended", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader says; never a value.
        source: serde_json::Error,
    },
    /// A file can't be written.
    #[error("the state file {} can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run of this pipeline is under way.
    #[error(
        "another run of this pipeline is under way{}; wait for its end (its lock is {})", holder(holds), path.display()
    )]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Process and run that hold it, as the lock's file says.
        holds: String,
    },
    /// The ticket's addresses can't be written or read.
    #[error("the ticket of run {run} can't be used")]
    Seal {
        /// The run.
        run: RunId,
        /// Why.
        source: SealError,
    },
}

fn holder(holds: &str) -> String {
    match holds {
        "" => String::new(),
        holds => format!(" ({holds})"),
    }
}

/// The last step that a run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// An upload address is asked for and the body sent.
    Uploading,
    /// The upload is complete, and the import is asked for.
    Importing,
    /// The ticket is known: waiting, and fetching the results.
    Ticket,
    /// Over.
    Ended,
}

/// What is written down of a run. No cell value, and no address that could be used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Version of the form: [`LEDGER_VERSION`].
    pub ledger_version: u32,
    /// The run's name.
    pub run_id: RunId,
    /// Start of the run.
    pub started_at: Timestamp,
    /// When this was written.
    pub written_at: Timestamp,
    /// What ran.
    pub pipeline: PipelineMark,
    /// Where it sends to.
    pub target: TargetMark,
    /// The files that were read.
    pub sources: Vec<SourceMark>,
    /// Rows, as far as they are known.
    pub counts: RowCounts,
    /// Length of the body in bytes.
    pub body_bytes: u64,
    /// Hash of the body, as the report has it.
    pub body_hash: Option<String>,
    /// Uploads begun.
    pub attempt: u32,
    /// The last step begun.
    pub step: Step,
    /// The job at the server.
    pub ticket: Option<TicketMark>,
    /// A run whose import this one repeats.
    pub supersedes: Option<RunId>,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// A pipeline, to be found and known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PipelineMark {
    /// Its name.
    pub name: String,
    /// Its file, absolute; nothing for standard input.
    pub file: Option<PathBuf>,
    /// The hash of the file's text.
    pub hash: String,
    /// Settings that stood before those of the file.
    pub overrides: Vec<Override>,
}

/// A data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetMark {
    /// The API's address.
    pub base_url: String,
    /// The tenant's name.
    pub tenant: String,
    /// The data set's UUID.
    pub dataset: String,
}

/// A file of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceMark {
    /// As the report names it.
    pub path: String,
    /// Its bytes as stored.
    pub bytes: u64,
    /// When it was changed last, where there is a file.
    pub modified: Option<Timestamp>,
}

/// A job at the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TicketMark {
    /// The server's name for the request that made it.
    pub trace_id: Option<String>,
    /// When it was made, as the server wrote it.
    pub created_at: Option<String>,
    /// Its state as last seen.
    pub status: String,
    /// Its addresses, sealed.
    pub sealed: String,
}

/// The addresses of a ticket.
#[derive(Serialize, Deserialize)]
struct Addresses {
    own: Option<String>,
    result: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// When.
    pub at: Timestamp,
    /// In what way.
    pub outcome: Outcome,
    /// The exit code.
    pub exit_code: u8,
    /// What ended it.
    pub by: By,
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// A process that went on to the end.
    Run,
    /// A later start, which found that nothing had been imported.
    NextStart,
    /// The user, who let it go.
    Abandon,
    /// The user, who had its import repeated.
    Superseded,
}

impl Entry {
    /// What is known of a run before its first step.
    ///
    /// Nothing for a pipeline whose target is in this process: there is nothing to come back to.
    pub(crate) fn new(run_id: RunId, pipeline: &Pipeline) -> Option<Entry> {
        let Target::Orgvue(to) = &pipeline.target else {
            return None;
        };
        let now = Timestamp::now();
        Some(Entry {
            ledger_version: LEDGER_VERSION,
            run_id,
            started_at: now,
            written_at: now,
            pipeline: PipelineMark {
                name: pipeline.name.clone(),
                file: pipeline.path(),
                hash: pipeline.origin.hash.clone(),
                overrides: pipeline.origin.overrides.clone(),
            },
            target: TargetMark {
                base_url: to.base_url.to_string(),
                tenant: to.tenant.clone(),
                dataset: to.dataset.clone(),
            },
            sources: Vec::new(),
            counts: RowCounts::default(),
            body_bytes: 0,
            body_hash: None,
            attempt: 0,
            step: Step::Uploading,
            ticket: None,
            supersedes: None,
            ended: None,
        })
    }

    /// The ticket with its addresses, for the holder of the run's token.
    ///
    /// # Errors
    /// Another token; a damaged entry.
    pub(crate) fn open_ticket(&self, token: &SecretString) -> Result<Option<Ticket>, LedgerError> {
        let Some(mark) = &self.ticket else {
            return Ok(None);
        };
        let failed = |source| LedgerError::Seal {
            run: self.run_id.clone(),
            source,
        };
        let text = open(&mark.sealed, token, self.run_id.as_str()).map_err(failed)?;
        let addresses: Addresses =
            serde_json::from_str(text.expose_secret()).map_err(|_| failed(SealError::Closed))?;
        let url = |text: Option<String>| {
            text.map(|text| PresignedUrl::parse(&text))
                .transpose()
                .map_err(|_| failed(SealError::Closed))
        };
        Ok(Some(Ticket {
            status: JobStatus::from(mark.status.clone()),
            trace_id: mark.trace_id.clone(),
            created_at: mark.created_at.clone(),
            self_url: url(addresses.own)?,
            result_url: url(addresses.result)?,
            errors: Vec::new(),
        }))
    }
}

/// The state folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder that need not be there.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Folder {
        Folder(path.into())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Every run in it, the oldest first.
    ///
    /// # Errors
    /// A file that can't be read, or is not a run's: it may be one that needs to be looked after.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, LedgerError> {
        let failed = |source| self.failed(source);
        let listed = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(failed)?,
        };
        let mut paths = Vec::new();
        for entry in listed {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("run-") && name.ends_with(".json")) {
                paths.push(path);
            }
        }
        // The names begin with the time.
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// Takes the lock of a pipeline for the run `run`, which holds it until it is dropped or its process ends.
    ///
    /// # Errors
    /// A lock that another process holds; a folder that can't be used.
    pub(crate) fn lock(&self, pipeline: &str, run: &RunId) -> Result<Lock, LedgerError> {
        crate::files::folder::make(&self.0).map_err(|source| self.failed(source))?;
        self.is_own()?;
        let name = file_name(pipeline);
        let path = self.0.join(format!("{name}.lock"));
        let failed = |source| LedgerError::Write {
            path: path.clone(),
            source,
        };
        let mut file = owned(OpenOptions::new().read(true).write(true).create(true))
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holds = String::new();
                // What it says is for people alone.
                let _ = (&mut file).take(200).read_to_string(&mut holds);
                let path = PathBuf::from(human::path(&path));
                let holds = holds.trim().to_owned();
                return Err(LedgerError::Locked { path, holds });
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}, run {run}", std::process::id()))
            .map_err(failed)?;
        let lock = Lock {
            folder: self.clone(),
            draft: self.0.join(format!(".{name}.draft")),
            _file: file,
        };
        // What a process that was killed had not finished writing.
        match fs::remove_file(&lock.draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(lock),
        }
    }

    /// Nobody else may replace what is in the folder.
    fn is_own(&self) -> Result<(), LedgerError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let meta = fs::metadata(&self.0).map_err(|source| self.failed(source))?;
            let own = meta.uid() == rustix::process::geteuid().as_raw();
            if !own || meta.mode() & 0o022 != 0 {
                return Err(LedgerError::Shared(self.0.clone()));
            }
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> LedgerError {
        LedgerError::Folder {
            path: self.0.clone(),
            source,
        }
    }
}

/// The lock of a pipeline: as long as it is held, nobody else writes its runs down.
#[derive(Debug)]
pub(crate) struct Lock {
    folder: Folder,
    /// Where a file is written before it takes its place.
    draft: PathBuf,
    _file: File,
}

impl Lock {
    /// Runs of a pipeline that have not ended, the oldest first. Those of which the rest is certain are ended
    /// here: an upload that was cut off, after which nothing was imported, and an import that a later run has
    /// repeated. `closed` hears of the former.
    ///
    /// # Errors
    /// A state that can't be read or written.
    pub(crate) fn unfinished(
        &self,
        pipeline: &str,
        mut closed: impl FnMut(&Entry),
    ) -> Result<Vec<Entry>, LedgerError> {
        let mut own = self.folder.entries()?;
        own.retain(|entry| entry.pipeline.name == pipeline);
        let repeated = repeated(&own);
        let mut left = Vec::new();
        for mut entry in own {
            match entry.step {
                Step::Ended => continue,
                Step::Importing if repeated.contains(&entry.run_id) => {
                    self.end(&mut entry, Outcome::Unknown, By::Superseded)?;
                }
                Step::Uploading => {
                    self.end(&mut entry, Outcome::Failed, By::NextStart)?;
                    closed(&entry);
                }
                Step::Importing | Step::Ticket => left.push(entry),
            }
        }
        Ok(left)
    }

    /// Ends a run of another process.
    ///
    /// # Errors
    /// A state that can't be written.
    pub(crate) fn end(
        &self,
        entry: &mut Entry,
        outcome: Outcome,
        by: By,
    ) -> Result<(), LedgerError> {
        end(entry, outcome, outcome.exit_code(), by);
        self.write(entry)
    }

    /// Replaces a run's file: afterwards it is the new one, or this is an error and it is the old one.
    fn write(&self, entry: &mut Entry) -> Result<(), LedgerError> {
        entry.written_at = Timestamp::now();
        let path = self.folder.0.join(format!("run-{}.json", entry.run_id));
        let written = (|| {
            let mut text = serde_json::to_vec_pretty(entry)?;
            text.push(b'\n');
            let mut file =
                owned(OpenOptions::new().write(true).create_new(true)).open(&self.draft)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&self.draft, &path)?;
            // The name is in the folder, and the folder has to reach the disk, too.
            #[cfg(unix)]
            File::open(&self.folder.0)?.sync_all()?;
            Ok(())
        })();
        written.map_err(|source| {
            let _ = fs::remove_file(&self.draft);
            LedgerError::Write { path, source }
        })
    }
}

/// Runs whose import another run has repeated. One that never asked for its own has repeated nothing.
pub(crate) fn repeated(entries: &[Entry]) -> Vec<RunId> {
    entries
        .iter()
        .filter(|entry| entry.step != Step::Uploading && entry.counts.sent > 0)
        .filter_map(|entry| entry.supersedes.clone())
        .collect()
}

fn end(entry: &mut Entry, outcome: Outcome, exit_code: u8, by: By) {
    entry.step = Step::Ended;
    entry.ended = Some(Ended {
        at: Timestamp::now(),
        outcome,
        exit_code,
        by,
    });
}

fn read(path: &Path) -> Result<Entry, LedgerError> {
    let mut text = Vec::new();
    owned(OpenOptions::new().read(true))
        .open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text))
        .map_err(|source| LedgerError::Read {
            path: path.to_owned(),
            source,
        })?;
    let damaged = |source| LedgerError::Damaged {
        path: path.to_owned(),
        source,
    };
    let entry: Entry = serde_json::from_slice(&text).map_err(damaged)?;
    match entry.ledger_version {
        LEDGER_VERSION => Ok(entry),
        other => Err(damaged(serde::de::Error::custom(format_args!(
            "it is of version {other}"
        )))),
    }
}

/// Files for their owner alone, and never through a link.
fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    options
}

/// A pipeline's name as a file's.
fn file_name(pipeline: &str) -> String {
    pipeline
        .chars()
        .take(MAX_NAME)
        .map(|c| {
            if c.is_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// A run's own entry, under its pipeline's lock. What it holds in memory and what stands in the file are the
/// same, but where a file could not be written.
#[derive(Debug)]
pub(crate) struct Ledger {
    lock: Lock,
    token: SecretString,
    entry: Mutex<Entry>,
    /// What this run repeats.
    earlier: Mutex<Option<Entry>>,
}

impl Ledger {
    /// Begins, or takes up, an entry; nothing is written yet. `earlier` is the run whose import it repeats.
    pub(crate) fn new(
        lock: Lock,
        token: SecretString,
        mut entry: Entry,
        earlier: Option<Entry>,
    ) -> Ledger {
        if let Some(earlier) = &earlier {
            entry.supersedes = Some(earlier.run_id.clone());
        }
        Ledger {
            lock,
            token,
            entry: Mutex::new(entry),
            earlier: Mutex::new(earlier),
        }
    }

    /// The entry as it is now.
    pub(crate) fn entry(&self) -> Entry {
        locked(&self.entry).clone()
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

    /// The run is over: what it leaves open stays open, everything else has ended. A run that began no step
    /// leaves nothing.
    ///
    /// # Errors
    /// A file that can't be written.
    pub(crate) fn over(&self, outcome: Outcome, exit_code: u8) -> Result<(), LedgerError> {
        let mut entry = locked(&self.entry);
        let open = match entry.step {
            Step::Ended => return Ok(()),
            Step::Uploading if entry.attempt == 0 => return Ok(()),
            Step::Uploading => false,
            Step::Importing | Step::Ticket => matches!(
                outcome,
                Outcome::StillRunning | Outcome::Unknown | Outcome::Interrupted
            ),
        };
        if !open {
            end(&mut entry, outcome, exit_code, By::Run);
        }
        self.lock.write(&mut entry)
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
}

fn tell(entry: &mut Entry, known: &Known) {
    entry.counts = known.counts;
    entry.body_bytes = known.body_bytes;
    entry.body_hash = known.body_hash.clone();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
