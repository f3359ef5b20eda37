//! Why a run ended early, and with which exit code.

use crate::config::Problem;
use crate::delta::error::StoreError;
use crate::engine::EngineError;
use crate::guard;
use crate::orgvue::token::TokenError;
use crate::orgvue::{ImportError, OrgvueError, WaitError};
use crate::report::rejects::RejectsError;
use crate::report::run::{Mismatch, Outcome, ReportError, RunId};
use crate::report::withheld::WithheldError;
use crate::sandbox::SandboxError;
use crate::source::SourceError;
use crate::stage::lookup::TableError;
use crate::state::{ApprovalError, LedgerError, PlanError};
use crate::upload::body::BodyError;
use crate::upload::headroom::TooSlow;
use crate::upload::put::PutError;
use crate::upload::spool::SpoolError;
use crate::whole::as_of::SpillError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The source can't be read, or not twice the same.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The source has no records.
    #[error("{0}: there are no records; nothing was sent")]
    NoRecords(String),
    /// More records than 32 bits number.
    #[error("more than 4,294,967,295 records in one run; split the source")]
    TooManyRecords,
    /// The pipeline names what the source doesn't have.
    #[error("{}", in_lines(problems))]
    Unbound {
        /// Each with its place in the pipeline file.
        problems: Vec<Problem>,
    },
    /// The source is a rejects file, and everybody who is not in it would be deleted.
    #[error(
        "{file} is a rejects file, and `implicit_delete` would delete everyone who is not in it; to load corrected rows \
         without deleting anything: rostream run {pipeline} --mend {file}"
    )]
    Unmended { file: String, pipeline: String },
    /// A lookup table can't be read.
    #[error("{place}: {stage}: {file}")]
    Table {
        /// Where the pipeline file names it.
        place: String,
        /// The stage: `stage 2 (lookup)`.
        stage: String,
        /// The table's file, as written.
        file: String,
        source: TableError,
    },
    /// The import of an earlier run is to be repeated, and what would be sent is something else.
    #[error(
        "the source, a lookup file or the pipeline file has changed since run {earlier}, and no longer produces \
         the same upload; nothing was imported. To send what there is now, abandon that run, and run the pipeline again: \
         rostream resume {earlier} --abandon"
    )]
    NotRepeated {
        /// The run whose import is not known.
        earlier: RunId,
    },
    /// The rows that the server refused of an earlier run can't be sent again as they were.
    #[error(
        "run {of} can't be retried: {why}; nothing was imported. Correct the rows that were refused in {rejects}, \
         and load them: rostream run {pipeline} --mend {rejects}"
    )]
    NotAgain {
        /// The run that sent them.
        of: RunId,
        why: String,
        /// The pipeline file.
        pipeline: String,
        /// The rejects file.
        rejects: String,
    },
    /// The source or a lookup table was changed while the run went on.
    #[error("{0}; nothing was imported")]
    Moved(String),
    /// The embedded sandbox can't be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The rejects file can't be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// A guard stopped the run.
    #[error(
        "{why}; {}{}",
        if *begun { "the upload was cut off and nothing was imported" } else { "nothing was sent" },
        match rejects {
            Some(path) => format!(", the rows and their faults are in {path}"),
            None => String::new(),
        }
    )]
    Stopped {
        why: guard::Stop,
        /// Whether the upload had begun.
        begun: bool,
        /// The rejects file, where rows were rejected.
        rejects: Option<Box<str>>,
    },
    /// The source is not what it was in the last accepted run.
    #[error(
        "the source has changed since the last accepted run: {found}; {}. If this is meant: {accept}",
        if *begun { "the upload was cut off and nothing was imported" } else { "nothing was sent" }
    )]
    Drifted {
        found: String,
        /// Whether the upload had begun.
        begun: bool,
        /// The command that accepts it.
        accept: String,
    },
    /// The server refused too much of what was sent.
    #[error("{why}{}; what it accepted stands", match (commonest, why) {
        (Some(fault), guard::Refused::All { sent: 1 }) => format!(", for {fault}"),
        (Some(fault), _) => format!(", most often for {fault}"),
        (None, _) => String::new(),
    })]
    TooManyRefused {
        /// How much.
        why: guard::Refused,
        /// The most frequent reason.
        commonest: Option<String>,
    },
    /// The server refused too many of the rows that were sent first.
    #[error("{why}; they went before the others, which were not sent; what it accepted stands")]
    CanaryRefused {
        /// How many.
        why: guard::Refused,
    },
    /// Every row was filtered, found out while the body was on its way. The run ends well, as it does where this
    /// shows before the upload.
    #[error("no row is left to send; the upload was cut off and nothing was imported")]
    NothingLeft,
    /// A rule of the whole file found fault with a row that was on its way.
    #[error(
        "a row was found at fault after it had been sent, which `upload.length: chunked` can't mend; the upload was \
         cut off and nothing was imported"
    )]
    Late,
    /// The temporary file.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The temporary file of what only the whole file knows.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// The body can't be made: the compression failed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The storage did not take the upload.
    #[error(transparent)]
    Upload(#[from] PutError),
    /// The upload's address does not live as long as the upload takes.
    #[error(transparent)]
    TooSlow(#[from] TooSlow),
    /// The storage wants to know the length beforehand.
    #[error(
        "the storage takes no chunked transfer; set `upload.length` to `measured` or `spooled`"
    )]
    NotChunked(#[source] PutError),
    /// The token can't be used now, by its own word.
    #[error(transparent)]
    Token(#[from] TokenError),
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
    /// The import was completed, and its results can't be written down.
    #[error("the import was completed, but the results file {path} can't be written")]
    ResultsFile {
        path: String,
        source: std::io::Error,
    },
    /// The source had more records when they were sent.
    #[error("the source has fewer records than before: it was changed after it was sent")]
    Shorter,
    /// Counts that don't add up.
    #[error(transparent)]
    Counts(#[from] Mismatch),
    /// The report can't be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The keys of what is held back can't be written.
    #[error(transparent)]
    Withheld(#[from] WithheldError),
    /// What would be done is not approved.
    #[error("{0}; nothing was sent")]
    Approval(ApprovalError),
    /// A plan is not carried out.
    #[error("{0}; nothing was sent")]
    Applied(PlanError),
    /// A plan can't be written down.
    #[error(transparent)]
    Plan(PlanError),
    /// The ledger can't be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store of the difference can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that cannot happen.
    #[error("{0}; this is a bug in rostream, please report it")]
    Defect(&'static str),
    /// The server has taken the import on, and nobody waits for it, as was asked for.
    #[error("the import job goes on at the server")]
    Detached,
    /// The run was told to stop.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// Whether none of the source's files is there, or the only one is empty.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(
            self,
            RunError::Engine(
                EngineError::Source(SourceError::Nothing(_)) | EngineError::Empty { .. }
            )
        )
    }

    /// How the run ended, which is also its exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            RunError::Unbound { .. } | RunError::Engine(EngineError::Setting { .. }) => {
                Outcome::Misconfigured
            }
            RunError::Table { source, .. } if source.is_setting() => Outcome::Misconfigured,
            RunError::Store(error) if error.is_setting() => Outcome::Misconfigured,
            RunError::Stopped { .. }
            | RunError::Drifted { .. }
            | RunError::Approval(_)
            | RunError::Applied(_) => Outcome::StoppedByGuard,
            RunError::Unmended { .. } | RunError::Token(_) => Outcome::Misconfigured,
            RunError::Orgvue(error) if error.is_of_token() => Outcome::Misconfigured,
            RunError::TooManyRefused { .. } | RunError::CanaryRefused { .. } => Outcome::Refused,
            RunError::Import(ImportError::Unknown(_)) | RunError::Wait(WaitError::Other { .. }) => {
                Outcome::Unknown
            }
            RunError::Wait(WaitError::TimedOut { .. }) => Outcome::StillRunning,
            RunError::Detached => Outcome::Detached,
            RunError::Wait(WaitError::Failed { .. }) => Outcome::ImportFailed,
            RunError::Interrupted | RunError::Engine(EngineError::Interrupted) => {
                Outcome::Interrupted
            }
            RunError::Engine(EngineError::Source(error)) if error.is_setting() => {
                Outcome::Misconfigured
            }
            _ => Outcome::Failed,
        }
    }
}

// Not by `#[from]`: it says all that there is to say, and would be said once more as a cause.
impl From<ApprovalError> for RunError {
    fn from(error: ApprovalError) -> RunError {
        RunError::Approval(error)
    }
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> RunError {
        RunError::Applied(error)
    }
}

impl From<SourceError> for RunError {
    fn from(error: SourceError) -> RunError {
        RunError::Engine(error.into())
    }
}

fn in_lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
