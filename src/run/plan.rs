//! What would be done, for a plan: written down by the run that makes it, and compared by the run that carries it out.

use super::survey::Survey;
use crate::guard::changes::Changes;
use crate::guard::{Decided, Exceeded, Last, Standing, Stop};
use crate::report::run::{PlannedChanges, Total, Verdict};
use crate::state::Plan;
use crate::state::plan::{Content, Rows, Said};

/// What a plan says that a run has made.
#[derive(Debug)]
pub(crate) struct Planned {
    pub content: Content,
    /// The hash of all rows as they would be sent, those of other shards among them, before any is left out for what only
    /// the whole file knows.
    pub made: String,
    pub said: Said,
    /// People at the target.
    pub people: Total,
    /// Those of them who have left.
    pub leavers: Total,
}

/// What would be done, down to the last row. Of a shard, the rows are those of all shards.
pub(super) fn content(
    plan: Plan,
    survey: &Survey,
    changes: &Changes,
    sensitive: &[String],
) -> Content {
    let facts = survey.whole();
    let hashes = survey.source().hashes().into_iter();
    Content {
        plan,
        sources: hashes.map(|hash| Some(format!("{:032x}", hash?))).collect(),
        rows: Rows {
            read: facts.read,
            rejected: facts.rejects.rows,
            filtered: facts.filtered,
            superseded: facts.superseded,
            unchanged: facts.unchanged,
            sent: facts.good + facts.carried,
        },
        changes: PlannedChanges::new(changes, survey.aside.counts.either, sensitive),
    }
}

/// What a plan says of what guards have decided, and of what stands at the target before and `after` it.
pub(super) fn planned(
    content: Content,
    survey: &Survey,
    decided: &Decided,
    last: Option<&Last>,
    after: &Standing,
) -> Planned {
    let verdict = match &decided.stop {
        Some(Stop::Exceeded(_)) => Verdict::NeedsApproval,
        Some(_) => Verdict::Stopped,
        None if decided.withholds.is_some() => Verdict::Withholds,
        None => Verdict::Passed,
    };
    let before = last.map(|last| &last.standing);
    let guards = decided.exceeded.iter().map(Exceeded::guard);
    Planned {
        content,
        made: format!("{:032x}", survey.facts().digest.made),
        said: Said {
            verdict,
            guards: guards.map(str::to_owned).collect(),
            why: decided.stop.as_ref().map(ToString::to_string),
        },
        people: Total {
            before: before.and_then(|before| before.people),
            after: after.people,
        },
        leavers: Total {
            before: before.and_then(|before| before.leavers),
            after: after.leavers,
        },
    }
}
