//! The guards: whether what the survey found may be sent.

use super::RunError;
use super::survey::Survey;
use crate::config::Pipeline;
use crate::report::human;
use crate::report::run::{Decision, GuardDecision};

/// What the guards decided, for the report.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub guards: Vec<GuardDecision>,
}

/// Decides whether what the survey found may be sent, or kept where the upload has `begun`.
pub(super) fn decide(
    pipeline: &Pipeline,
    survey: &Survey,
    begun: bool,
) -> (Decided, Result<(), RunError>) {
    let mut decided = Decided::default();
    let ended = judge(pipeline, survey, begun, &mut decided);
    (decided, ended)
}

fn judge(
    pipeline: &Pipeline,
    survey: &Survey,
    begun: bool,
    decided: &mut Decided,
) -> Result<(), RunError> {
    let (read, rejected) = (survey.read(), survey.rejected());
    if read == 0 {
        return Err(RunError::NoRecords(survey.source().names()));
    }
    let limit = pipeline.rejects.at_most;
    let stopped = limit.is_exceeded(rejected, read);
    decided.guards.push(GuardDecision {
        guard: "reject_limit",
        limit: limit.to_string(),
        count: rejected,
        of: read,
        decision: if stopped {
            Decision::Stopped
        } else {
            Decision::Passed
        },
    });
    if stopped {
        return Err(RunError::TooManyRejects {
            rejected,
            read,
            limit: limit.to_string(),
            path: human::path(survey.rejects().path()),
            begun,
        });
    }
    if survey.good == 0 && pipeline.import.implicit_delete {
        return Err(RunError::WouldDeleteAll);
    }
    Ok(())
}
