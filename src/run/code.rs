//! What kind of error ended a run, and whether the same command may succeed later.

use super::RunError;
use crate::engine::EngineError;
use crate::guard::{Exceeded, Stop};
use crate::http::retry::{Failure, Outcome};
use crate::orgvue::retry::{QUOTA_EXCEEDED, Step, Verdict, verdict};
use crate::orgvue::{ImportError, OrgvueError, WaitError};
use crate::report::error::Code;
use crate::source::SourceError;
use crate::source::place::remote::error::{RemoteError, again};
use crate::stage::lookup::TableError;
use crate::upload::put::PutError;
use crate::upload::spool::SpoolError;

impl RunError {
    /// What kind of error it is.
    pub(crate) fn code(&self) -> Code {
        match self {
            RunError::Engine(error) => engine(error),
            RunError::NoRecords(_) => Code::lasting("no_records"),
            RunError::NotRepeated { .. } => Code::lasting("not_the_same"),
            RunError::ResultsFile { .. } => Code::lasting("results_file"),
            RunError::NotAgain { .. } => Code::lasting("not_the_same"),
            RunError::Moved(_) => Code::passing("source_changed"),
            RunError::Late => Code::lasting("late"),
            RunError::TooManyRecords => Code::lasting("too_many_records"),
            RunError::Unbound { .. } => Code::lasting("pipeline"),
            RunError::Unmended { .. } => Code::lasting("rejects_as_source"),
            RunError::Table { source, .. } => match source {
                TableError::NotFound => Code::passing("lookup_missing"),
                error if error.is_setting() => Code::lasting("pipeline"),
                _ => Code::lasting("lookup_unreadable"),
            },
            RunError::Sandbox(_) => Code::lasting("sandbox"),
            // The rest of it may be on its way.
            RunError::Stopped {
                why: Stop::NotWhole(_),
                ..
            } => Code::passing("not_whole"),
            RunError::Stopped { why, .. } => Code::lasting(stop(why)),
            RunError::Drifted { .. } => Code::lasting("drift"),
            RunError::TooManyRefused { .. } | RunError::CanaryRefused { .. } => {
                Code::lasting("too_many_refused")
            }
            RunError::NothingLeft => Code::lasting("nothing_left"),
            RunError::Spool(SpoolError::Full { .. }) => Code::lasting("disk_full"),
            RunError::Spool(_) => Code::lasting("temporary_file"),
            RunError::Spill(error) if error.is_full() => Code::lasting("disk_full"),
            RunError::Spill(_) => Code::lasting("temporary_file"),
            RunError::Body(_) => Code::lasting("body"),
            RunError::Upload(error) => upload(error),
            // The storage may be as fast again as it was the day before.
            RunError::TooSlow(slow) if slow.measured => Code::passing("upload_too_slow"),
            RunError::TooSlow(_) => Code::lasting("upload_too_slow"),
            RunError::NotChunked(_) => Code::lasting("upload_refused"),
            RunError::Token(_) => Code::lasting("token"),
            RunError::Orgvue(error) => orgvue(error, Step::Generate),
            RunError::Import(ImportError::Refused(error) | ImportError::NotSent(error)) => {
                orgvue(error, Step::Generate)
            }
            RunError::Import(ImportError::Unknown(_)) => Code::lasting("import_unknown"),
            RunError::Wait(WaitError::TimedOut { .. }) | RunError::Detached => {
                Code::lasting("import_running")
            }
            RunError::Wait(WaitError::Failed { .. }) => Code::lasting("import_failed"),
            RunError::Wait(WaitError::Other { .. }) => Code::lasting("import_unknown"),
            // The import is through, so that another run is not what helps: `results` is.
            RunError::Results(_) | RunError::Refused(_) | RunError::Shorter => {
                Code::lasting("results")
            }
            RunError::Counts(_) => Code::lasting("counts"),
            RunError::Rejects(_) => Code::lasting("rejects_file"),
            RunError::Report(_) => Code::lasting("report_file"),
            RunError::Withheld(_) => Code::lasting("withheld_file"),
            RunError::Approval(_) => Code::lasting("approval"),
            RunError::Applied(_) => Code::lasting("plan"),
            RunError::Plan(_) => Code::lasting("plan_file"),
            RunError::Ledger(error) => error.code(),
            RunError::Store(_) => Code::lasting("store"),
            RunError::Defect(_) => Code::lasting("defect"),
            RunError::Interrupted => Code::passing("interrupted"),
        }
    }
}

fn stop(why: &Stop) -> &'static str {
    match why {
        Stop::NotWhole(_) => "not_whole",
        Stop::Rejects { .. } | Stop::Broken { warns: false, .. } => "too_many_rejects",
        Stop::Broken { .. } => "too_many_warned",
        Stop::NothingLeft { .. } | Stop::NobodyLeft(_) => "nothing_left",
        Stop::RejectsBlock(_) => "rejects_block",
        Stop::Keyless { .. } => "rejects_block",
        Stop::Exceeded(exceeded) => match exceeded.first().map(Exceeded::guard) {
            Some("min_rows") => "too_few_rows",
            Some("max_delete" | "turnover") => "too_many_deletes",
            Some("baseline") => "baseline_lost",
            None | Some(_) => "too_many_changes",
        },
        Stop::FirstUnknown { .. } => "first_unknown",
        Stop::Hierarchy { .. } => "hierarchy",
    }
}

fn engine(error: &EngineError) -> Code {
    match error {
        EngineError::Source(error) => match error {
            // An export that is late, or that was still being written.
            SourceError::NotFound(_) | SourceError::NoMatch(_) | SourceError::Nothing(_) => {
                Code::passing("source_missing")
            }
            SourceError::Changed { .. } => Code::passing("source_changed"),
            SourceError::Remote { source, .. } => remote(source),
            error if error.is_setting() => Code::lasting("pipeline"),
            _ => Code::lasting("source_unreadable"),
        },
        EngineError::Setting { .. } => Code::lasting("pipeline"),
        EngineError::Data { .. } | EngineError::Empty { .. } => Code::lasting("data_unreadable"),
        EngineError::SourceChanged { .. } | EngineError::ChangedInSurvey => {
            Code::passing("source_changed")
        }
        EngineError::GaveUp { .. } => Code::lasting("defect"),
        EngineError::Interrupted => Code::passing("interrupted"),
    }
}

/// Of a file at a server.
fn remote(error: &RemoteError) -> Code {
    match error.outcome() {
        _ if error.is_setting() => Code::lasting("source_refused"),
        _ if error.is_overdue() => Code::passing("network"),
        Outcome::Unreachable | Outcome::Lost => Code::passing("network"),
        Outcome::Untrusted => Code::lasting("untrusted"),
        outcome if again(outcome) => Code::passing("unavailable"),
        Outcome::Answered { .. } => Code::lasting("source_refused"),
        Outcome::Malformed | Outcome::OwnBody => Code::lasting("source_unreadable"),
    }
}

fn orgvue(error: &OrgvueError, step: Step) -> Code {
    match (error, error.outcome()) {
        (OrgvueError::Token, _) => Code::lasting("token"),
        (_, outcome) => answered(outcome, step),
    }
}

fn upload(error: &PutError) -> Code {
    match error {
        PutError::TooLarge { .. } => Code::lasting("upload_too_large"),
        error => match answered(error.outcome(), Step::Put) {
            Code {
                word: "refused",
                retryable,
            } => Code {
                word: "upload_refused",
                retryable,
            },
            code => code,
        },
    }
}

/// By the table that says what is tried again within a run: what is, may succeed in the next one, too.
fn answered(outcome: Outcome<'_>, step: Step) -> Code {
    let again = matches!(
        verdict(step, outcome),
        Verdict::Retry | Verdict::RetryFreshUrl
    );
    match outcome {
        Outcome::Unreachable | Outcome::Lost => Code::passing("network"),
        Outcome::Untrusted => Code::lasting("untrusted"),
        Outcome::OwnBody => Code::lasting("body"),
        Outcome::Malformed => Code {
            word: "answer",
            retryable: again,
        },
        Outcome::Answered {
            code: Some(QUOTA_EXCEEDED),
            ..
        } => Code::lasting("quota"),
        Outcome::Answered { status: 401, .. } => Code::lasting("token"),
        Outcome::Answered { status: 403, .. } if step != Step::Put => Code::lasting("token"),
        Outcome::Answered { .. } if again => Code::passing("unavailable"),
        Outcome::Answered { .. } => Code::lasting("refused"),
    }
}

#[cfg(test)]
mod tests;
