//! What several shards would do, put together into one plan, and the part of it that one of them carries out.
//!
//! Every shard has surveyed the whole file and decided its guards, so that all of them must say the same of it; only the
//! upload is each one's own. Where they do, and their own rows add up to those of the file, what one of them found is what
//! all together would do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::entry::{PipelineMark, TargetMark};
use super::folder::Part;
use super::plan::{Content, PLAN_VERSION, PlanError, PlanFile, Said, Shards, Upload, until};
use crate::report::run::{RowCounts, RunId};
use crate::settings::shard::Shard;

/// What a check has found of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub rostream_version: String,
    pub pipeline: PipelineMark,
    pub target: Option<TargetMark>,
    /// What would be done: the upload is the shard's, and all else is of all shards.
    pub content: Content,
    /// The hash of the rows of all shards, before any is left out.
    pub made: String,
    #[serde(flatten)]
    pub said: Said,
    /// What else was found of the whole file.
    pub found: Value,
}

/// A check of a shard, from its report.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub run: RunId,
    pub at: Timestamp,
    pub shard: Shard,
    /// The shard's own rows.
    pub counts: RowCounts,
    /// What it found; why it did not.
    pub checked: Result<Box<Checked>, String>,
}

/// Why checks of shards are not a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApartError {
    #[error(
        "no check of a shard is among these reports; make them: rostream check PIPELINE --shard 1/8, 2/8 and so on"
    )]
    None,
    #[error(
        "shard {shard} was checked twice (runs {one} and {other}): name the reports of one night alone"
    )]
    Twice {
        shard: Shard,
        one: RunId,
        other: RunId,
    },
    #[error("{} missing: rostream check PIPELINE --shard {}", listed(numbers, *of), format_args!("{}/{of}", numbers[0]))]
    Missing { numbers: Vec<u32>, of: u32 },
    #[error("the check of shard {shard} (run {run}) came to no plan: {why}")]
    Failed {
        shard: Shard,
        run: RunId,
        why: String,
    },
    #[error("shards {one} and {other} are not parts of one thing: {what}; check all of them anew")]
    Differ {
        one: Shard,
        other: Shard,
        what: &'static str,
    },
    #[error(
        "the shards do not add up: {sum} {what} in all of them together, and {whole} in the whole file; check all of them anew"
    )]
    Sum {
        what: &'static str,
        sum: u64,
        whole: u64,
    },
}

/// `shard 3/8 is`, `shards 3/8 and 5/8 are`.
fn listed(numbers: &[u32], of: u32) -> String {
    let names: Vec<String> = numbers.iter().map(|i| format!("{i}/{of}")).collect();
    match &names[..] {
        [only] => format!("shard {only} is"),
        [rest @ .., last] => format!("shards {} and {last} are", rest.join(", ")),
        [] => String::new(),
    }
}

/// Puts the checks of all shards together.
///
/// # Errors
/// They are not all there, or not parts of one thing.
pub(crate) fn merge(mut checks: Vec<Check>) -> Result<PlanFile, ApartError> {
    checks.sort_by_key(|check| (check.shard.of, check.shard.seed, check.shard.number));
    are_all_there(&checks)?;
    let mut all = Vec::new();
    for check in &checks {
        match &check.checked {
            Ok(checked) => all.push((check, &**checked)),
            Err(why) => {
                return Err(ApartError::Failed {
                    shard: check.shard,
                    run: check.run.clone(),
                    why: why.clone(),
                });
            }
        }
    }
    let Some((first, one)) = all.first().copied() else {
        return Err(ApartError::None);
    };
    for (check, other) in &all[1..] {
        if let Some(what) = one.differs_in(other) {
            return Err(ApartError::Differ {
                one: first.shard,
                other: check.shard,
                what,
            });
        }
    }
    add_up(&checks, &one.content)?;
    let uploads = all.iter().map(|(check, checked)| Upload {
        body: checked.content.plan.body.clone(),
        rows: check.counts.would_send,
    });
    let shards = Shards {
        of: first.shard.of,
        seed: first.shard.seed,
        uploads: uploads.collect(),
    };
    let at = checks.iter().map(|check| check.at).min();
    let runs: Vec<&RunId> = checks.iter().map(|check| &check.run).collect();
    Ok(plan(one, shards, at.unwrap_or(Timestamp::now()), &runs))
}

/// The plan of checks that are all of one thing. The same checks make the same plan, which is carried out once.
fn plan(one: &Checked, shards: Shards, at: Timestamp, runs: &[&RunId]) -> PlanFile {
    let mut content = one.content.clone();
    content.plan.body = shards.body();
    let whole = format!(
        "{:?} {:?} {content:?} {shards:?} {runs:?}",
        one.pipeline.name, one.target
    );
    PlanFile {
        plan_version: PLAN_VERSION,
        hash: format!("{:016x}", xxh3_64(whole.as_bytes())),
        created_at: at,
        expires_at: until(at),
        rostream_version: one.rostream_version.clone(),
        pipeline: one.pipeline.clone(),
        target: one.target.clone(),
        verdict: one.said.verdict,
        guards: one.said.guards.clone(),
        why: one.said.why.clone(),
        content,
        shards: Some(shards),
        part: None,
        found: one.found.clone(),
    }
}

/// Whether there is one check of each shard; they are in order.
fn are_all_there(checks: &[Check]) -> Result<(), ApartError> {
    let Some(first) = checks.first() else {
        return Err(ApartError::None);
    };
    for pair in checks.windows(2) {
        let (one, other) = (&pair[0], &pair[1]);
        let differ = |what| ApartError::Differ {
            one: one.shard,
            other: other.shard,
            what,
        };
        if one.shard.of != other.shard.of {
            return Err(differ("they are shards of another number of them"));
        }
        if one.shard.seed != other.shard.seed {
            return Err(differ("--shard-seed is another"));
        }
        if one.shard == other.shard {
            return Err(ApartError::Twice {
                shard: one.shard,
                one: one.run.clone(),
                other: other.run.clone(),
            });
        }
    }
    let of = first.shard.of;
    let numbers = Shard::missing(of, checks.iter().map(|check| check.shard.number));
    match numbers.is_empty() {
        true => Ok(()),
        false => Err(ApartError::Missing { numbers, of }),
    }
}

/// Whether the own rows of the shards come to those of the file, by what becomes of them.
fn add_up(checks: &[Check], whole: &Content) -> Result<(), ApartError> {
    let rows = whole.rows;
    let others = rows.read.saturating_mul(checks.len() as u64 - 1);
    type Of = fn(&RowCounts) -> u64;
    let sums: [(&'static str, Of, u64); 5] = [
        ("rows of other shards", |counts| counts.other_shards, others),
        ("rejected rows", |counts| counts.rejected, rows.rejected),
        ("filtered rows", |counts| counts.filtered, rows.filtered),
        (
            "superseded rows",
            |counts| counts.superseded,
            rows.superseded,
        ),
        ("rows to send", |counts| counts.would_send, rows.sent),
    ];
    for (what, of, whole) in sums {
        let sum = checks
            .iter()
            .map(|check| of(&check.counts))
            .fold(0, u64::saturating_add);
        if sum != whole {
            return Err(ApartError::Sum { what, sum, whole });
        }
    }
    Ok(())
}

impl Checked {
    /// In what another shard did not check the same.
    fn differs_in(&self, other: &Checked) -> Option<&'static str> {
        let (one, two) = (&self.content, &other.content);
        let name = |of: &Checked| of.pipeline.name.clone();
        let differences = [
            (
                self.rostream_version != other.rostream_version,
                "they were checked by different versions of rostream",
            ),
            (
                name(self) != name(other) || one.plan.pipeline != two.plan.pipeline,
                "the pipeline is another",
            ),
            (
                self.target != other.target,
                "they go to different data sets",
            ),
            (one.sources != two.sources, "the source is another"),
            (
                one.plan.today != two.plan.today,
                "they were checked on different days",
            ),
            (
                one.plan.baseline != two.plan.baseline,
                "guards compare them with different runs: all need the same state folder, or a copy of it",
            ),
            (
                one.plan.deletes != two.plan.deletes,
                "deletion is on in one of them",
            ),
            (
                self.made != other.made || one.rows != two.rows,
                "a lookup table is another, or a secret of a stage: they make other rows of the same source",
            ),
            (
                one.changes != two.changes || self.said != other.said,
                "what is known of the people at the target is something else",
            ),
        ];
        let found = differences.into_iter().find(|(differs, _)| *differs);
        found.map(|(_, what)| what)
    }
}

impl Shards {
    /// The hash of all uploads.
    fn body(&self) -> String {
        let bodies: Vec<&str> = self.uploads.iter().map(|upload| &*upload.body).collect();
        format!("{:032x}", xxh3_128(bodies.join(" ").as_bytes()))
    }
}

impl PlanFile {
    /// The part of it that a shard carries out, with an upload and an end of its own.
    ///
    /// # Errors
    /// It is not a plan of shards, or of others.
    pub(crate) fn of_shard(mut self, shard: Shard) -> Result<PlanFile, PlanError> {
        let Some(shards) = &self.shards else {
            return Err(PlanError::Whole);
        };
        let (of, seed) = (shards.of, shards.seed);
        let upload = shards.uploads.get(shard.number as usize - 1);
        let Some(upload) = upload.filter(|_| (shard.of, shard.seed) == (of, seed)) else {
            return Err(PlanError::OtherShards { of, seed });
        };
        self.content.plan.body = upload.body.clone();
        self.part = Some(shard);
        Ok(self)
    }

    /// The shard that carries its part out, and the name of the whole.
    pub(crate) fn as_part(&self) -> Option<Part> {
        let plan = self.hash.clone();
        self.part.map(|shard| Part { shard, plan })
    }

    /// What it is used up by: of a shard's part, a name of its own.
    pub(crate) fn used_as(&self) -> String {
        match self.part {
            Some(shard) => {
                let text = format!("{} {shard}", self.hash);
                format!("{:016x}", xxh3_64(text.as_bytes()))
            }
            None => self.hash.clone(),
        }
    }
}
