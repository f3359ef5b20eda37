//! The guards' word on what the survey found, and on what the server refused.

use super::survey::Survey;
use super::{Job, RunError, expect};
use crate::config::{Pipeline, Target};
use crate::guard::{self, Decided, Deletion, Last, Limits, Ruling, SHARES_FROM, Stop, Totals};
use crate::orgvue::spec::ImportSpec;
use crate::report::human;
use crate::report::run::RunReport;
use crate::source::spec::Nothing;

/// Decides whether what the survey found may be sent, or kept where the upload has `begun`.
pub(super) fn decide(
    pipeline: &Pipeline,
    last: Option<Last>,
    survey: &Survey,
    begun: bool,
) -> (Decided, Result<(), RunError>) {
    let facts = survey.facts();
    let stopped = |why: Stop| RunError::Stopped {
        why,
        begun,
        rejects: (facts.rejects.rows > 0).then(|| human::path(survey.rejects().path())),
    };
    let claims = expect::claims(pipeline, survey.source(), &survey.extent, facts.read);
    let (rulings, not_whole) = match claims {
        Ok(claims) => guard::expect::decide(claims),
        Err(not_whole) => (Vec::new(), Some(not_whole)),
    };
    if let Some(why) = not_whole {
        let decided = Decided {
            rulings,
            ..Decided::default()
        };
        return (decided, Err(stopped(why.into())));
    }
    if facts.read == 0 {
        let verdict = match pipeline.source.nothing {
            Nothing::Error => Err(RunError::NoRecords(survey.source().names())),
            Nothing::Ok => Ok(()),
        };
        return (Decided::default(), verdict);
    }
    let totals = Totals {
        read: facts.read,
        rejected: facts.rejects.rows,
        taken_along: facts.rejects.taken_along,
        named: facts.good,
        commonest: facts.rejects.commonest(),
    };
    let mut decided = guard::decide(&limits(pipeline), &totals, last);
    decided.rulings.splice(0..0, rulings);
    if let Some(stop @ Stop::Hierarchy { rows, .. }) = survey.stop() {
        decided.rulings.push(Ruling {
            guard: "hierarchy",
            limit: "validate.hierarchy says stop".to_owned(),
            count: *rows,
            of: facts.read,
            stops: true,
        });
        decided.stop.get_or_insert_with(|| stop.clone());
    }
    let verdict = match &decided.stop {
        Some(why) => Err(stopped(why.clone())),
        None => Ok(()),
    };
    (decided, verdict)
}

fn limits(pipeline: &Pipeline) -> Limits {
    Limits {
        rejects: pipeline.rejects.at_most,
        min_rows: pipeline.guard.min_rows,
        deletes: pipeline.import.implicit_delete,
        lasting: matches!(pipeline.target, Target::Orgvue(_)),
    }
}

/// What the import is told: as the pipeline says, without deletion where that is off for this run.
pub(super) fn import_spec(pipeline: &Pipeline, deletion: Deletion) -> ImportSpec {
    let mut import = pipeline.import.clone();
    if deletion != Deletion::On {
        import.implicit_delete = Default::default();
    }
    import
}

/// Whether the server refused too much of what was sent.
///
/// # Errors
/// Says how much, and why most often.
pub(super) fn refused(job: &Job<'_>, report: &RunReport) -> Result<(), RunError> {
    let counts = &report.counts;
    if job.again.is_some() && counts.sent < SHARES_FROM {
        // A few rows that were refused before are not a whole load.
        return Ok(());
    }
    let at_most = job.pipeline.refused.at_most;
    match guard::refused(at_most, counts.sent, counts.failed) {
        Some(why) => Err(RunError::TooManyRefused {
            why,
            commonest: report.refused.commonest(),
        }),
        None => Ok(()),
    }
}
