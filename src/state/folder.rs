//! The state folder, and the lock of a pipeline in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::approval::{self, APPROVAL_VERSION, Approval, ApprovalError, Plan, Used};
use super::entry::{By, Ended, Entry, LEDGER_VERSION, Step, repeated};
use super::error::{Busy, LedgerError};
use super::last::{LAST_VERSION, Last};
use super::lock::{Held, Who};
use super::rows::{MAX_ROWS_BYTES, ROWS_VERSION, Rows};
use crate::config::{Connection, Pipeline};
use crate::files::owned::{is_own, owned, replace};
use crate::guard;
use crate::guard::changes::Past;
use crate::report::run::{Outcome, RunId};
use crate::settings::shard::Shard;

/// The file that says that a state folder was made on purpose.
const MARK: &str = "state.json";

/// The largest file that is read, in bytes: many times what a run with thousands of sources needs.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The most characters of a pipeline's name in a file's name.
const MAX_NAME: usize = 100;

/// The state folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The last accepted run of the entry's pipeline on its data set.
    ///
    /// # Errors
    /// A file that can't be read: a guard that took it for none would let through what it must not.
    pub(crate) fn last(&self, entry: &Entry) -> Result<Option<guard::Last>, LedgerError> {
        let path = self
            .0
            .join(Last::file_name(&entry.pipeline.name, &entry.target));
        let last = if path.exists() {
            let last: Last = read_json(&path)?;
            known(&path, last.last_version, LAST_VERSION)?;
            Some(last)
        } else {
            // A file that is gone must not pass for a run that never was.
            let runs = self.entries()?.into_iter().rev();
            runs.filter(|run| run.is_like(entry))
                .find_map(|run| Last::of(&run))
        };
        Ok(last.map(guard::Last::from))
    }

    /// What went before a run of the entry's pipeline on its data set: the last accepted run, and those that windows
    /// add up, which begin anew with a run that was approved.
    ///
    /// # Errors
    /// As [`Folder::last`].
    pub(crate) fn history(&self, entry: &Entry) -> Result<guard::History, LedgerError> {
        let now = Timestamp::now();
        let runs = self.entries()?.into_iter().rev();
        let accepted = runs.filter(|run| run.is_like(entry) && Last::of(run).is_some());
        let past = accepted
            .take_while(|run| run.approved.is_none())
            .map(|run| {
                let ended = run.ended.map_or(run.started_at, |ended| ended.at);
                Past {
                    ago: now.duration_since(ended).unsigned_abs(),
                    counted: run.counted,
                }
            })
            .collect();
        Ok(guard::History {
            last: self.last(entry)?,
            past,
        })
    }

    /// The approval of this hash, for a run of the entry's pipeline on its data set. One that was used may be looked up
    /// by the run that repeats the one that used it.
    ///
    /// # Errors
    /// There is none, or it does not hold any more; it can't be read.
    pub(crate) fn approval(
        &self,
        hash: &str,
        entry: &Entry,
        used: bool,
    ) -> Result<Result<Approval, ApprovalError>, LedgerError> {
        let unknown = || ApprovalError::Unknown(hash.to_owned());
        let path = approval::file_name(hash).map(|name| self.0.join(name));
        let Some(path) = path.filter(|path| path.exists()) else {
            return Ok(Err(unknown()));
        };
        let found: Approval = read_json(&path)?;
        known(&path, found.approval_version, APPROVAL_VERSION)?;
        if !found.is_of(entry) {
            return Ok(Err(unknown()));
        }
        Ok(match used {
            true => Ok(found),
            false => found.is_open(Timestamp::now()).map(|()| found),
        })
    }

    /// What names a plan for the entry's pipeline and data set, and approves it.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn name(&self, entry: &Entry, plan: &Plan) -> Result<String, LedgerError> {
        let used = used(&self.approvals(entry)?, plan);
        let name = &entry.pipeline.name;
        Ok(approval::hash(name, Some(&entry.target), plan, used))
    }

    /// The run that has used up a plan of this hash, for a run of the entry's pipeline on its data set.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn used(&self, hash: &str, entry: &Entry) -> Result<Option<Used>, LedgerError> {
        let found = self.approval(hash, entry, true)?;
        Ok(found.ok().and_then(|found| found.used))
    }

    /// All approvals of the entry's pipeline on its data set.
    fn approvals(&self, entry: &Entry) -> Result<Vec<Approval>, LedgerError> {
        let mut all = self.all_approvals()?;
        all.retain(|approval| approval.is_of(entry));
        Ok(all)
    }

    pub(super) fn all_approvals(&self) -> Result<Vec<Approval>, LedgerError> {
        let paths = self.files("approval-")?;
        paths.iter().map(|path| read_json(path)).collect()
    }

    /// What went before, of a pipeline whose data set has a name that was not looked up: whatever it was then.
    ///
    /// # Errors
    /// As [`Folder::last`].
    pub(crate) fn history_of_name(
        &self,
        pipeline: &str,
        to: &Connection,
    ) -> Result<guard::History, LedgerError> {
        let same = |run: &Entry| {
            let target = &run.target;
            run.pipeline.name == pipeline
                && target.tenant == to.tenant
                && target.base_url == to.base_url.as_str()
        };
        let newest = self.entries()?.into_iter().rev();
        match newest.filter(same).find(|run| Last::of(run).is_some()) {
            Some(run) => self.history(&run),
            None => Ok(guard::History::default()),
        }
    }

    /// A folder that need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder(path.into())
    }

    /// That of a pipeline.
    ///
    /// # Errors
    /// The pipeline requires one that was made on purpose, and this one was not.
    pub(crate) fn of(pipeline: &Pipeline) -> Result<Folder, LedgerError> {
        let folder = Folder::new(&pipeline.state_dir);
        match pipeline.state_required && !folder.0.join(MARK).is_file() {
            true => Err(LedgerError::NotMade(folder.0)),
            false => Ok(folder),
        }
    }

    /// Marks it as one that is there on purpose, and makes it where it is missing. Whether that is new.
    ///
    /// # Errors
    /// It can't be made, or is not this user's.
    pub(crate) fn init(&self) -> Result<bool, LedgerError> {
        crate::files::folder::make(&self.0).map_err(|source| self.failed(source))?;
        self.is_own()?;
        let path = self.0.join(MARK);
        if path.is_file() {
            return Ok(false);
        }
        let text = format!("{{ \"state_version\": {LEDGER_VERSION} }}\n");
        let draft = self.0.join(format!(".{MARK}.draft-{}", std::process::id()));
        replace(&path, &draft, text.as_bytes())
            .map(|()| true)
            .map_err(|source| LedgerError::Write { path, source })
    }

    /// Whether it knows of a run of the entry's pipeline to the entry's data set.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn knows(&self, entry: &Entry) -> Result<bool, LedgerError> {
        Ok(self.entries()?.iter().any(|known| known.is_like(entry)))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Every run in it, the oldest first.
    ///
    /// # Errors
    /// A file that can't be read, or is not a run's: it may be one that needs to be looked after.
    pub fn entries(&self) -> Result<Vec<Entry>, LedgerError> {
        let paths = self.files("run-")?;
        let entries: Result<Vec<Entry>, _> = paths.iter().map(|path| read(path)).collect();
        let mut entries = entries?;
        // The names have only the second.
        entries.sort_by(|a, b| (a.started_at, &a.run_id).cmp(&(b.started_at, &b.run_id)));
        Ok(entries)
    }

    /// Its files whose names begin so.
    fn files(&self, beginning: &str) -> Result<Vec<PathBuf>, LedgerError> {
        let failed = |source| self.failed(source);
        let listed = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(failed)?,
        };
        let mut paths = Vec::new();
        for entry in listed {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(beginning) && name.ends_with(".json")) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Takes the lock of a pipeline for the run `run`, which holds it until it is dropped or its process ends.
    ///
    /// # Errors
    /// A lock that another process holds; a folder that can't be used.
    pub(crate) fn lock(&self, pipeline: &str, run: &RunId) -> Result<Lock, LedgerError> {
        self.lock_for(pipeline, run, None)
    }

    /// The same for a shard, which shares the pipeline's lock with the others of its plan and has one of its own.
    ///
    /// # Errors
    /// As [`Folder::lock`].
    pub(crate) fn lock_for(
        &self,
        pipeline: &str,
        run: &RunId,
        part: Option<&Part>,
    ) -> Result<Lock, LedgerError> {
        crate::files::folder::make(&self.0).map_err(|source| self.failed(source))?;
        self.is_own()?;
        let mut name = file_name(pipeline);
        let mut path = self.0.join(format!("{name}.lock"));
        let who = Who { run, pipeline };
        let (busy, shared) = match part {
            None => (Busy::Pipeline, None),
            Some(Part { shard, plan }) => {
                let shared = Held::share(&path, Busy::Pipeline, plan)?;
                name = format!("{name}.{}", shard.in_names());
                path = self.0.join(format!("{name}.lock"));
                (Busy::Shard, Some(shared))
            }
        };
        let failed = |source| LedgerError::Write {
            path: path.clone(),
            source,
        };
        let held = Held::take(&path, busy, &who)?;
        let lock = Lock {
            folder: self.clone(),
            part: part.cloned(),
            draft: self.0.join(format!(".{name}.draft")),
            _held: (held, shared),
        };
        // What a process that was killed had not finished writing.
        match fs::remove_file(&lock.draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(lock),
        }
    }

    /// What is known of a run's rows.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn rows(&self, run: &RunId) -> Result<Option<Rows>, LedgerError> {
        let path = self.0.join(Rows::file_name(run));
        if !path.exists() {
            return Ok(None);
        }
        let rows: Rows = read_json_of(&path, MAX_ROWS_BYTES)?;
        known(&path, rows.rows_version, ROWS_VERSION).map(|()| Some(rows))
    }

    /// What the latest of a run and its retries left refused; nothing where that was never written down. `entries` are
    /// all that the folder has.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn refused(
        &self,
        first: &Entry,
        entries: &[Entry],
    ) -> Result<Option<Rows>, LedgerError> {
        for entry in entries.iter().rev().filter(|entry| entry.is_of(first)) {
            let rows = self.rows(&entry.run_id)?;
            if let Some(rows) = rows.filter(|rows| rows.refused.is_some()) {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// Removes a file that need not be there.
    pub(super) fn remove(&self, name: &str) -> Result<(), LedgerError> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(LedgerError::Write { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Nobody else may replace what is in the folder.
    fn is_own(&self) -> Result<(), LedgerError> {
        let found = fs::metadata(&self.0).map_err(|source| self.failed(source))?;
        if !is_own(&found) {
            return Err(LedgerError::Shared(self.0.clone()));
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
    /// The shard whose runs these are, where others go on beside it.
    part: Option<Part>,
    _held: (Held, Option<Held>),
}

/// A shard, and the plan that it carries out a part of.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub shard: Shard,
    pub plan: String,
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
        own.retain(|entry| entry.pipeline.name == pipeline && !self.is_beside(entry));
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

    /// Whether a run is that of another shard of the same plan, which may be under way.
    fn is_beside(&self, entry: &Entry) -> bool {
        self.part.as_ref().is_some_and(|part| {
            let is_other = entry.shard.is_some_and(|shard| shard != part.shard);
            is_other && entry.plan.as_ref() == Some(&part.plan)
        })
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
        end(entry, outcome, None, by);
        self.write(entry)
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// As [`Folder::history`].
    pub(super) fn history(&self, entry: &Entry) -> Result<guard::History, LedgerError> {
        self.folder.history(entry)
    }

    /// Writes a plan down that guards stopped, so that it can be approved from now on. What could be approved before,
    /// and can't any more, is taken away unless it was used.
    ///
    /// # Errors
    /// A file that can't be read or written.
    pub(super) fn offer(
        &self,
        entry: &Entry,
        plan: Plan,
        guards: Vec<String>,
    ) -> Result<String, LedgerError> {
        let now = Timestamp::now();
        let known = self.folder.approvals(entry)?;
        for old in &known {
            if let Err(ApprovalError::Expired { .. }) = old.is_open(now) {
                self.take_away(old);
            }
        }
        let approval = Approval::new(entry, guards, used(&known, &plan), plan);
        self.write_approval(&approval)?;
        Ok(approval.hash)
    }

    /// Keeps an approval as it is now.
    pub(super) fn write_approval(&self, approval: &Approval) -> Result<(), LedgerError> {
        match approval::file_name(&approval.hash) {
            Some(name) => self.write_json(self.folder.0.join(name), approval),
            None => Ok(()),
        }
    }

    fn take_away(&self, old: &Approval) {
        if let Some(name) = approval::file_name(&old.hash) {
            // Where it stays it is of no use to anybody.
            let _ = fs::remove_file(self.folder.0.join(name));
        }
    }

    /// Keeps the last accepted run, unless one that ended later is kept already.
    ///
    /// # Errors
    /// A file that can't be read or written.
    pub(super) fn accept(&self, last: &Last) -> Result<(), LedgerError> {
        let name = Last::file_name(&last.pipeline, &last.target);
        let path = self.folder.0.join(name);
        if path.exists() && read_json::<Last>(&path)?.at > last.at {
            return Ok(());
        }
        self.write_json(path, last)?;
        self.forget_sources(last)
    }

    /// Replaces a run's file: afterwards it is the new one, or this is an error and it is the old one.
    pub(super) fn write(&self, entry: &mut Entry) -> Result<(), LedgerError> {
        entry.written_at = Timestamp::now();
        let path = self.folder.0.join(format!("run-{}.json", entry.run_id));
        self.write_json(path, entry)
    }

    /// Keeps what is known of a run's rows.
    pub(super) fn write_rows(&self, rows: &Rows) -> Result<(), LedgerError> {
        let path = self.folder.0.join(Rows::file_name(&rows.run_id));
        self.write_json(path, rows)
    }

    pub(super) fn write_json(
        &self,
        path: PathBuf,
        value: &impl Serialize,
    ) -> Result<(), LedgerError> {
        let written = serde_json::to_vec_pretty(value)
            .map_err(io::Error::from)
            .and_then(|mut text| {
                text.push(b'\n');
                replace(&path, &self.draft, &text)
            });
        written.map_err(|source| LedgerError::Write { path, source })
    }
}

/// How many of these were approvals of this plan, and are used up.
fn used(known: &[Approval], plan: &Plan) -> usize {
    let used = |old: &&Approval| old.used.is_some() && old.plan == *plan;
    known.iter().filter(used).count()
}

pub(super) fn end(entry: &mut Entry, outcome: Outcome, exit_code: Option<u8>, by: By) {
    entry.step = Step::Ended;
    entry.ended = Some(Ended {
        at: Timestamp::now(),
        outcome,
        exit_code,
        counts: None,
        by,
    });
}

fn read(path: &Path) -> Result<Entry, LedgerError> {
    let entry: Entry = read_json(path)?;
    known(path, entry.ledger_version, LEDGER_VERSION)?;
    Ok(entry)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LedgerError> {
    read_json_of(path, MAX_BYTES)
}

fn read_json_of<T: DeserializeOwned>(path: &Path, most: u64) -> Result<T, LedgerError> {
    let mut text = Vec::new();
    owned(OpenOptions::new().read(true))
        .open(path)
        .and_then(|file| file.take(most).read_to_end(&mut text))
        .map_err(|source| LedgerError::Read {
            path: path.to_owned(),
            source,
        })?;
    serde_json::from_slice(&text).map_err(|source| damaged(path, source))
}

/// Refuses a file of a version that this program does not know.
pub(super) fn known(path: &Path, version: u32, expected: u32) -> Result<(), LedgerError> {
    match version == expected {
        true => Ok(()),
        false => {
            let words = format_args!("it is version {version}");
            Err(damaged(path, serde::de::Error::custom(words)))
        }
    }
}

fn damaged(path: &Path, source: serde_json::Error) -> LedgerError {
    LedgerError::Damaged {
        path: path.to_owned(),
        source,
    }
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
