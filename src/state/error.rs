//! Why the ledger can't be kept.

use std::io;
use std::path::PathBuf;

use super::seal::SealError;
use crate::report::error::Code;
use crate::report::run::RunId;
use crate::settings::derived::Underivable;

/// Why the ledger can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder can't be made or used.
    #[error("the state folder {} can't be used", path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// Somebody else may write into the folder.
    #[error(
        "the state folder {} can be written by others; make it the user's own: chmod go-w and chown", .0.display()
    )]
    Shared(PathBuf),
    /// The pipeline wants a folder that was made on purpose.
    #[error(
        "{} is not a folder that `rostream state init` made, and state.required asks for one: is its volume mounted? \
         If this is to be the first run, make it: rostream state init --state {}", .0.display(), .0.display()
    )]
    NotMade(PathBuf),
    /// A file can't be read.
    #[error("the state file {} can't be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file is not what a run writes.
    #[error(
        "the state file {} is not one that this version reads; use the version that wrote it, or move it away \
         once it is known how that run ended", path.display()
    )]
    Damaged {
        path: PathBuf,
        /// What the reader says; never a value.
        source: serde_json::Error,
    },
    /// A file can't be written.
    #[error("the state file {} can't be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// Another run has what this one needs for itself.
    #[error("{}{}; try again when it has ended, or wait for it with --wait-for-turn (its lock is {})",
        what.words(), holder(holds), path.display())]
    Busy {
        /// What it has.
        what: Busy,
        /// Process and run that hold it, as the lock's file says.
        holds: String,
        path: PathBuf,
    },
    /// The folder of the locks is another user's.
    #[error(
        "the folder for locks {} does not belong to this user alone; have it removed, or set TMPDIR to another folder", .0.display()
    )]
    Foreign(PathBuf),
    /// There is no key for what a file keeps hashes of.
    #[error("the key of what is kept in {} {why}", path.display())]
    Key { path: PathBuf, why: Underivable },
    /// The ticket's addresses can't be written or read.
    #[error("the ticket of run {run} can't be used")]
    Seal { run: RunId, source: SealError },
}

/// What two runs can't have at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// The pipeline's own runs.
    Pipeline,
    Dataset,
    Rejects,
    Store,
    /// The same shard of a plan.
    Shard,
    /// The import of another shard.
    Import,
}

impl Busy {
    /// What the other run does.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Busy::Pipeline => "another run of this pipeline is under way",
            Busy::Dataset => "another run sends to this data set",
            Busy::Rejects => "another run writes this rejects file",
            Busy::Store => "another run writes this store",
            Busy::Shard => "another run of this shard is under way",
            Busy::Import => "the import of another shard is under way",
        }
    }
}

fn holder(holds: &str) -> String {
    match holds {
        "" => String::new(),
        holds => format!(" ({holds})"),
    }
}

impl LedgerError {
    /// What kind of error it is.
    pub(crate) fn code(&self) -> Code {
        match self {
            LedgerError::Busy { .. } => Code::passing("busy"),
            LedgerError::NotMade(_) => Code::lasting("state_missing"),
            LedgerError::Folder { .. }
            | LedgerError::Shared(_)
            | LedgerError::Foreign(_)
            | LedgerError::Read { .. }
            | LedgerError::Write { .. } => Code::lasting("state_folder"),
            LedgerError::Damaged { .. } => Code::lasting("state_damaged"),
            LedgerError::Key { .. } | LedgerError::Seal { .. } => Code::lasting("state_sealed"),
        }
    }
}
