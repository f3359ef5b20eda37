//! Why a run ended early, and with which exit code.

use super::ledger::LedgerError;
use super::plan::BlockError;
use crate::orgvue::{ImportError, OrgvueError, WaitError};
use crate::report::rejects::RejectsError;
use crate::report::run_report::{Mismatch, Outcome, ReportError};
use crate::sandbox::SandboxError;
use crate::source::{Source, SourceError};
use crate::stage::lookup::TableError;
use crate::upload::body::BodyError;
use crate::upload::put::PutError;
use crate::upload::spool::SpoolError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's text can't be read as records.
    #[error("{file}:{line}{}: {message}", column.map_or_else(String::new, |c| format!(":{c}")))]
    Data {
        /// The file.
        file: String,
        /// Physical line, from 1.
        line: u64,
        /// Column in bytes, from 1, where it is known.
        column: Option<u64>,
        /// What is wrong, without a value.
        message: String,
    },
    /// The source has no records.
    #[error("{0}: there are no records; nothing was sent")]
    NoRecords(String),
    /// More records than 32 bits number.
    #[error("more than 4,294,967,295 records in one run; split the source")]
    TooManyRecords,
    /// The pipeline names what the source doesn't have.
    #[error("{}", problems.join("\n"))]
    Unbound {
        /// Each with its place in the pipeline file.
        problems: Vec<String>,
    },
    /// A lookup table can't be read.
    #[error("{place}: {stage}: {file}")]
    Table {
        /// Where the pipeline file names it.
        place: String,
        /// The stage: `stage 2 (lookup)`.
        stage: String,
        /// The table's file, as written.
        file: String,
        /// Why.
        source: TableError,
    },
    /// The embedded sandbox can't be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The rejects file can't be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// More rows were rejected than the pipeline allows.
    #[error(
        "{rejected} of {read} rows were rejected, and rejects.at_most is {limit}; {}, \
         the rows and their faults are in {path}",
        if *begun { "the upload was cut off and nothing was imported" } else { "nothing was sent" }
    )]
    TooManyRejects {
        /// Rows rejected.
        rejected: u64,
        /// Rows read.
        read: u64,
        /// The limit, as written.
        limit: String,
        /// The rejects file.
        path: String,
        /// Whether the upload had begun.
        begun: bool,
    },
    /// Nothing is left to send, and the import would delete what is not sent.
    #[error(
        "no row is left to send, and implicit_delete would delete every item of the data set; nothing was sent"
    )]
    WouldDeleteAll,
    /// Every row was rejected or filtered, found out while the body was on its way. The run ends well, as
    /// it does where this shows before the upload.
    #[error("no row is left to send; the upload was cut off and nothing was imported")]
    NothingLeft,
    /// The temporary file.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The body can't be made: the compression failed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The source changed between the two passes.
    #[error(
        "the source changed while it was read: the second pass made other bytes than the first \
         ({first} bytes, then {second}); the upload was cut off and nothing was imported"
    )]
    SourceChanged {
        /// Bytes of the first pass.
        first: u64,
        /// Bytes of the second.
        second: u64,
    },
    /// The storage did not take the upload.
    #[error(transparent)]
    Upload(#[from] PutError),
    /// The storage wants to know the length beforehand.
    #[error(
        "the storage takes no chunked transfer; set `upload.length` to `measured` or `spooled`"
    )]
    NotChunked(#[source] PutError),
    /// The API refused a call, or could not be reached.
    #[error(transparent)]
    Orgvue(#[from] OrgvueError),
    /// The import call.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The job did not complete in time, or failed.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The import was completed, and its results can't be read.
    #[error("the import was completed, but what became of each row is not known")]
    Results(#[source] OrgvueError),
    /// The import was completed, and what the server refused of it can't be written down.
    #[error(
        "the import was completed, but the rows that the server refused are not all in the rejects file"
    )]
    Refused(#[source] Box<RunError>),
    /// Counts that don't add up.
    #[error(transparent)]
    Counts(#[from] Mismatch),
    /// The report can't be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The ledger can't be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The run was told to stop.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    pub(super) fn in_block(source: &Source, error: BlockError) -> RunError {
        RunError::Data {
            file: source.origins()[error.file as usize].name.clone(),
            line: error.line,
            column: error.column,
            message: error.message,
        }
    }

    /// How the run ended, which is also its exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            RunError::TooManyRejects { .. } | RunError::WouldDeleteAll => Outcome::StoppedByGuard,
            RunError::Import(ImportError::Unknown(_)) | RunError::Wait(WaitError::Other { .. }) => {
                Outcome::Unknown
            }
            RunError::Wait(WaitError::TimedOut { .. }) => Outcome::StillRunning,
            RunError::Wait(WaitError::Failed { .. }) => Outcome::ImportFailed,
            RunError::Interrupted => Outcome::Interrupted,
            _ => Outcome::Failed,
        }
    }
}
