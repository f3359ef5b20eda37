//! What guards stopped, and may be approved: exactly that, once, within a day.
//!
//! A plan that was stopped is written down under its hash. Whoever approves it names the hash; the run then compares
//! what it would do with what is written, and marks it as used before the import is asked for. So a process that dies
//! in between has used it up, and never twice. A plan that is written into a file is used up in the same way.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::{Entry, TargetMark};
use crate::report::run::RunId;
use crate::text::dates::Date;

/// Version of the files' form.
pub(super) const APPROVAL_VERSION: u32 = 1;

/// How long a plan can be approved.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a run would do: its content, and nothing of where that came from or when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The hash of the upload, with what would be held back.
    pub body: String,
    /// Whether the import deletes what the upload does not name.
    pub deletes: bool,
    /// The hash of what the pipeline means.
    pub pipeline: String,
    /// The day that `today` is.
    pub today: Date,
    /// The accepted run that it is compared with.
    pub baseline: Option<String>,
}

/// A plan that guards stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    /// Version of the form: [`APPROVAL_VERSION`].
    pub approval_version: u32,
    pub hash: String,
    pub pipeline: String,
    pub target: TargetMark,
    pub plan: Plan,
    /// When it was stopped last.
    pub offered_at: Timestamp,
    /// The guards that stopped it.
    pub guards: Vec<String>,
    /// Which run went on by it.
    pub used: Option<Used>,
}

/// An approval that was made use of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub by: RunId,
    pub at: Timestamp,
}

/// Why a plan is not approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// Nothing of this hash was stopped.
    #[error(
        "no run of this pipeline to this data set was stopped with the hash {0}; run without --approve, and approve what \
         that says"
    )]
    Unknown(String),
    /// It is too old.
    #[error(
        "the approval {hash} was good until {until:.0}: it holds for 24 hours; run without --approve, and approve what that \
         says"
    )]
    Expired { hash: String, until: Timestamp },
    /// It has been made use of.
    #[error(
        "the approval {hash} was used by run {by} at {at:.0}, and holds once; run without --approve, and approve what that \
         says"
    )]
    Used {
        hash: String,
        by: RunId,
        at: Timestamp,
    },
    /// Something else would be done.
    #[error(
        "what would be done now is not what was approved ({hash}): {what}; run without --approve, and approve what that says"
    )]
    Stale { hash: String, what: &'static str },
}

impl Approval {
    /// A plan of a run, of which others have been approved and used before. It has a hash of its own, so that no
    /// approval holds twice.
    pub(super) fn new(entry: &Entry, guards: Vec<String>, used: usize, plan: Plan) -> Approval {
        Approval {
            approval_version: APPROVAL_VERSION,
            hash: hash(&entry.pipeline.name, Some(&entry.target), &plan, used),
            pipeline: entry.pipeline.name.clone(),
            target: entry.target.clone(),
            plan,
            offered_at: Timestamp::now(),
            guards,
            used: None,
        }
    }

    /// Whether it is one of the entry's pipeline and data set.
    pub(super) fn is_of(&self, entry: &Entry) -> bool {
        self.pipeline == entry.pipeline.name && self.target == entry.target
    }

    /// Until when it holds.
    pub(super) fn until(&self) -> Timestamp {
        self.offered_at
            .saturating_add(LIFE)
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether it may be made use of at this moment.
    ///
    /// # Errors
    /// It was used, or is too old.
    pub(super) fn is_open(&self, now: Timestamp) -> Result<(), ApprovalError> {
        let hash = self.hash.clone();
        match &self.used {
            Some(Used { by, at }) => Err(ApprovalError::Used {
                hash,
                by: by.clone(),
                at: *at,
            }),
            None if now > self.until() => Err(ApprovalError::Expired {
                hash,
                until: self.until(),
            }),
            None => Ok(()),
        }
    }

    /// Whether this is the plan that was approved.
    ///
    /// # Errors
    /// Something else would be done.
    pub(crate) fn is_for(&self, plan: &Plan) -> Result<(), ApprovalError> {
        match self.plan.differs_in(plan) {
            Some(what) => Err(ApprovalError::Stale {
                hash: self.hash.clone(),
                what,
            }),
            None => Ok(()),
        }
    }
}

impl Plan {
    /// In what another plan is not the same.
    pub(super) fn differs_in(&self, other: &Plan) -> Option<&'static str> {
        let what = [
            (
                self.baseline != other.baseline,
                "another run was accepted since",
            ),
            (self.pipeline != other.pipeline, CHANGED_PIPELINE),
            (self.today != other.today, "it is another day"),
            (
                self.body != other.body,
                "the source, or what it is looked up in, was changed",
            ),
            (
                self.deletes != other.deletes,
                "deletion is off in one of them, and on in the other",
            ),
        ];
        let found = what.into_iter().find(|(differs, _)| *differs);
        found.map(|(_, what)| what)
    }
}

/// What is said of a pipeline that means something else.
pub(super) const CHANGED_PIPELINE: &str = "the pipeline was changed";

/// What names a plan of this pipeline to this data set, where others like it have been used before.
pub(super) fn hash(
    pipeline: &str,
    target: Option<&TargetMark>,
    plan: &Plan,
    used: usize,
) -> String {
    let [base_url, tenant, dataset] = match target {
        Some(target) => [&*target.base_url, &target.tenant, &target.dataset],
        None => [""; 3],
    };
    let whose = [pipeline, base_url, tenant, dataset];
    let text = format!("{whose:?} {plan:?} {used}");
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// A hash's file; nothing where that is not a hash.
pub(super) fn file_name(hash: &str) -> Option<String> {
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then(|| format!("approval-{hash}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Approval {
        Approval {
            approval_version: APPROVAL_VERSION,
            hash: "0123456789abcdef".to_owned(),
            pipeline: "nightly".to_owned(),
            target: TargetMark {
                base_url: "https://a.example/".to_owned(),
                tenant: "ACME".to_owned(),
                dataset: "6586F21B".to_owned(),
            },
            plan: Plan {
                body: "b".to_owned(),
                deletes: true,
                pipeline: "p".to_owned(),
                today: Date::new(2026, 11, 26).unwrap(),
                baseline: None,
            },
            offered_at: "2026-11-26T02:00:00Z".parse().unwrap(),
            guards: vec!["max_delete".to_owned()],
            used: None,
        }
    }

    #[test]
    fn it_holds_for_a_day_and_once() {
        let open = |text: &str| approval().is_open(text.parse().unwrap());
        assert_eq!(open("2026-11-27T02:00:00Z"), Ok(()));
        assert!(matches!(
            open("2026-11-27T02:00:01Z"),
            Err(ApprovalError::Expired { .. })
        ));
        let used = Approval {
            used: Some(Used {
                by: RunId::generate(),
                at: "2026-11-26T03:00:00Z".parse().unwrap(),
            }),
            ..approval()
        };
        // That it was used matters more than that it is old.
        for now in ["2026-11-26T04:00:00Z", "2026-12-26T04:00:00Z"] {
            let open = used.is_open(now.parse().unwrap());
            assert!(matches!(open, Err(ApprovalError::Used { .. })), "{open:?}");
        }
    }

    #[test]
    fn it_is_for_this_plan_alone() {
        let check = |change: fn(&mut Plan), words: &str| {
            let approval = approval();
            let mut plan = approval.plan.clone();
            change(&mut plan);
            let found = approval.is_for(&plan).map_err(|error| error.to_string());
            match words {
                "" => assert_eq!(found, Ok(())),
                words => assert!(found.clone().unwrap_err().contains(words), "{found:?}"),
            }
        };
        check(|_| {}, "");
        check(|plan| plan.body.push('x'), "the source");
        check(|plan| plan.pipeline.push('x'), "the pipeline was changed");
        check(|plan| plan.deletes = false, "deletion is off");
        check(
            |plan| plan.baseline = Some("run".to_owned()),
            "another run was accepted",
        );
        check(|plan| plan.today = Date::MIN, "it is another day");
    }

    #[test]
    fn names_of_files() {
        let name = file_name("0123456789abcdef");
        assert_eq!(name.as_deref(), Some("approval-0123456789abcdef.json"));
        for hash in [
            "",
            "0123456789ABCDEF",
            "../../etc/passwd",
            "0123456789abcde/",
        ] {
            assert_eq!(file_name(hash), None, "{hash}");
        }
    }
}
