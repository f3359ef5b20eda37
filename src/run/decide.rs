//! The guards' word on what the survey found, and on what the server refused.

use std::sync::Arc;

use super::changes::{changes, standing};
use super::survey::Survey;
use super::surveyed::Facts;
use super::{Job, RunError, expect, plan};
use crate::config::{Pipeline, Target};
use crate::guard::expect::{NotWhole, UNPROVEN};
use crate::guard::spec::{MinRowsSpec, OnExceed};
use crate::guard::{
    self, Decided, Deletion, History, Last, Limits, Ruling, SHARES_FROM, Standing, Stop, Totals,
};
use crate::orgvue::spec::ImportSpec;
use crate::report::human;
use crate::report::run::RunReport;
use crate::source::spec::Nothing;
use crate::state::{Applied, Approval, Content, Plan};
use crate::text::dates::Date;

/// What guards go by, besides what the survey finds.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    /// What went before.
    pub history: History,
    /// What was approved.
    pub approval: Option<Approval>,
    /// The plan that is carried out.
    pub applied: Option<Arc<Applied>>,
    /// Whether this run repeats the import of the one that the approval was used by.
    pub repeats: bool,
    /// The day that `today` is.
    pub today: Date,
}

/// What the guards said, and of what.
#[derive(Default)]
pub(super) struct Judged {
    pub decided: Decided,
    /// What would be done; nothing where that did not come to be known.
    pub content: Option<Content>,
    /// What stands at the target if it is done.
    pub standing: Standing,
}

/// Decides whether what the survey found may be sent, or kept where the upload has `begun`.
pub(super) fn decide(
    pipeline: &Pipeline,
    basis: &Basis,
    survey: &Survey,
    begun: bool,
) -> (Judged, Result<(), RunError>) {
    let facts = survey.whole();
    let stopped = |why: Stop| RunError::Stopped {
        why,
        begun,
        rejects: (facts.rejects.rows > 0).then(|| human::path(survey.rejects().path()).into()),
    };
    let extract = Extract::read(pipeline, survey, facts.read);
    if let Some(why) = extract.refuted {
        return (Judged::of(extract.rulings), Err(stopped(why.into())));
    }
    if facts.read == 0 {
        let verdict = match pipeline.source.nothing {
            Nothing::Error => Err(RunError::NoRecords(survey.source().names())),
            Nothing::Ok => Ok(()),
        };
        return (Judged::default(), verdict);
    }
    if let Some(file) = (extract.unproven.as_ref()).filter(|_| deletes(pipeline, survey)) {
        let why = NotWhole::Unproven { file: file.clone() };
        return (Judged::of(extract.rulings), Err(stopped(why.into())));
    }
    let last = basis.history.last.as_ref();
    let totals = totals(pipeline, survey, &facts, last);
    let history = history(basis, survey);
    let limits = limits(pipeline, &facts, &history, begun);
    let content = content(pipeline, basis, survey, &limits, &totals);
    let approved = match basis.is_approved(&content) {
        Ok(approved) => approved,
        Err(error) => return (Judged::default(), Err(error)),
    };
    let mut decided = guard::decide(&limits, &totals, &history, approved);
    decided.rulings.splice(0..0, extract.rulings);
    let advice = "state what a whole extract is in source.expect";
    let told = (extract.unproven).map(|file| format!("{file}: {UNPROVEN}; {advice}"));
    decided.warnings.extend(told);
    let verdict = match &decided.stop {
        Some(why) => Err(stopped(why.clone())),
        None => Ok(()),
    };
    let judged = Judged {
        standing: standing(survey, totals.named, &decided, last),
        decided,
        content: Some(content),
    };
    (judged, verdict)
}

/// Whether what was read is the whole extract.
struct Extract {
    rulings: Vec<Ruling>,
    /// What is stated of it and not so.
    refuted: Option<NotWhole>,
    /// The file of which nothing tells whether it was cut off.
    unproven: Option<String>,
}

impl Extract {
    fn read(pipeline: &Pipeline, survey: &Survey, read: u64) -> Extract {
        let source = survey.source();
        let claims = expect::claims(pipeline, source, &survey.extent, read);
        let proven = claims.as_ref().is_ok_and(|claims| !claims.is_empty());
        let (rulings, refuted) = match claims {
            Ok(claims) => guard::expect::decide(claims),
            Err(not_whole) => (Vec::new(), Some(not_whole)),
        };
        let unproven = source.may_be_cut().filter(|_| !proven);
        Extract {
            rulings,
            refuted,
            unproven: unproven.map(str::to_owned),
        }
    }
}

fn totals(pipeline: &Pipeline, survey: &Survey, facts: &Facts, last: Option<&Last>) -> Totals {
    let named = facts.good + facts.unchanged + facts.carried;
    Totals {
        read: facts.read,
        rejected: facts.rejects.rows,
        taken_along: facts.rejects.taken_along,
        keyless: survey.aside.keyless,
        named,
        kept: facts.good + facts.unchanged,
        commonest: facts.rejects.commonest(),
        broken: survey.broken(&pipeline.sensitive),
        changes: changes(pipeline, survey, named, last),
        hierarchy: survey.stop().cloned(),
    }
}

fn history(basis: &Basis, survey: &Survey) -> History {
    let last = basis.history.last.clone();
    History {
        last: last.or_else(|| by_store(survey)),
        past: basis.history.past.clone(),
    }
}

/// What would be done, as it is approved and planned.
fn content(
    pipeline: &Pipeline,
    basis: &Basis,
    survey: &Survey,
    limits: &Limits,
    totals: &Totals,
) -> Content {
    let last = basis.history.last.as_ref();
    let plan = Plan {
        body: survey.content(),
        deletes: guard::deletes(limits, totals),
        pipeline: pipeline.meaning(),
        today: basis.today,
        baseline: last.map(|last| last.run.clone()),
    };
    plan::content(plan, survey, &totals.changes, &pipeline.sensitive)
}

/// Whether somebody is deleted who is not in the extract.
fn deletes(pipeline: &Pipeline, survey: &Survey) -> bool {
    let gone = (survey.compared().filter(|_| survey.sends_difference()))
        .is_some_and(|known| known.changes.deletes > 0);
    pipeline.import.implicit_delete.is_on() || gone
}

/// Whom the store of a difference knows, for a run that finds no other before it: its state folder may be another one.
fn by_store(survey: &Survey) -> Option<Last> {
    let known = survey.compared().filter(|known| known.knows_people())?;
    let people = known.changes.people;
    (survey.sends_difference() && people > 0).then(|| Last::of_store(people))
}

impl Judged {
    /// Nothing was judged but whether the extract is whole.
    fn of(rulings: Vec<Ruling>) -> Judged {
        let decided = Decided {
            rulings,
            ..Decided::default()
        };
        Judged {
            decided,
            ..Judged::default()
        }
    }
}

impl Basis {
    /// For a run that nothing went before.
    pub(crate) fn new(today: Date) -> Basis {
        Basis {
            history: History::default(),
            approval: None,
            applied: None,
            repeats: false,
            today,
        }
    }

    /// Whether what would be done was approved.
    ///
    /// # Errors
    /// Something else was, or was planned.
    fn is_approved(&self, now: &Content) -> Result<bool, RunError> {
        if let Some(applied) = &self.applied {
            applied.plan.is_same(now)?;
        }
        match &self.approval {
            // What it repeats is compared by the hash of what was sent.
            Some(_) if self.repeats => Ok(true),
            Some(approval) => {
                approval.is_for(&now.plan)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

fn limits(pipeline: &Pipeline, facts: &Facts, history: &History, begun: bool) -> Limits {
    let mut guard = pipeline.guard.clone();
    let gone = (facts.changes.as_ref()).is_some_and(|known| known.changes.deletes > 0);
    if gone && history.last.is_some() {
        // Half an extract is half the people gone.
        let min_rows = &mut guard.min_rows;
        min_rows.get_or_insert_with(|| MinRowsSpec::Relative(Default::default()));
    }
    if begun {
        // What is on its way can't be held back; the pipeline file says so, too.
        guard.on_exceed = OnExceed::Stop;
    }
    Limits {
        rejects: pipeline.rejects.at_most,
        guard,
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

/// Whether somebody may be deleted after what the server refused of the rows: where it refuses a whole load, something
/// else is wrong, and where it refuses a few, who is gone is gone all the same.
pub(super) fn may_delete(job: &Job<'_>, report: &RunReport) -> bool {
    report.counts.sent < guard::SHARES_FROM || refused(job, report).is_ok()
}

/// Whether the server refused too much of what was sent.
///
/// # Errors
/// Says how much, and why most often.
pub(super) fn refused(job: &Job<'_>, report: &RunReport) -> Result<(), RunError> {
    let counts = &report.counts;
    let at_most = job.pipeline.refused.at_most;
    match guard::refused(at_most, counts.sent, counts.failed, SHARES_FROM) {
        Some(why) => Err(RunError::TooManyRefused {
            why,
            commonest: report.refused.commonest(),
        }),
        None => Ok(()),
    }
}
