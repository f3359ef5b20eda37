//! The reports of shards: read, and those of runs added up to one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::run::{Outcome, REPORT_ENDING, RowCounts, RunId};
use crate::settings::shard::Shard;

/// The largest report that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Version of the form of what reports are added up to.
const MERGED_VERSION: u32 = 1;

/// What is wanted of the report of a shard.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Part {
    pub run_id: RunId,
    pub started_at: Timestamp,
    pipeline: Named,
    pub outcome: Outcome,
    pub exit_code: u8,
    error: Option<Said>,
    counts: Value,
    pub shard: Whose,
    import: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Said {
    message: String,
}

/// Which part of which whole.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Whose {
    #[serde(flatten)]
    pub shard: Shard,
    /// The plan that is carried out; nothing where this is a check.
    pub plan: Option<String>,
    /// What a check has found.
    pub checked: Option<Value>,
}

/// Why reports can't be read, or not added up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a run report of this version of rostream", path.display())]
    NotAReport {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("no report of a shard is in {0}")]
    None(String),
    #[error(
        "these are reports of different plans ({one} and {other}): name those of one night alone"
    )]
    Plans { one: String, other: String },
}

/// The reports of shards in these folders and files, the oldest first. Other reports are passed over.
///
/// # Errors
/// One can't be read.
pub(crate) fn read(places: &[PathBuf]) -> Result<Vec<Part>, MergeError> {
    let mut parts = Vec::new();
    for path in files(places)? {
        let failed = |source| MergeError::Read {
            path: path.clone(),
            source,
        };
        let mut text = Vec::new();
        let file = File::open(&path).map_err(failed)?;
        file.take(MAX_BYTES)
            .read_to_end(&mut text)
            .map_err(failed)?;
        let not = |source| MergeError::NotAReport {
            path: path.clone(),
            source,
        };
        let value: Value = serde_json::from_slice(&text).map_err(not)?;
        if value["shard"].is_object() {
            parts.push(serde_json::from_value(value).map_err(not)?);
        }
    }
    parts.sort_by(|a: &Part, b| (a.started_at, &a.run_id).cmp(&(b.started_at, &b.run_id)));
    Ok(parts)
}

fn files(places: &[PathBuf]) -> Result<Vec<PathBuf>, MergeError> {
    let mut files = Vec::new();
    for place in places {
        if !place.is_dir() {
            files.push(place.clone());
            continue;
        }
        let failed = |source| MergeError::Read {
            path: place.clone(),
            source,
        };
        for entry in fs::read_dir(place).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if is_report(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn is_report(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(REPORT_ENDING))
}

impl Part {
    /// Its rows. What is told to somebody else is not known here.
    pub(crate) fn counts(&self) -> RowCounts {
        let mut counts = self.counts.clone();
        for name in ["accepted", "failed"] {
            if counts[name].is_null() {
                counts[name] = 0.into();
            }
        }
        serde_json::from_value(counts).unwrap_or_default()
    }

    /// Why it ended early.
    pub(crate) fn why(&self) -> String {
        match &self.error {
            Some(error) => error.message.clone(),
            None => "the source has no records".to_owned(),
        }
    }

    /// Whether it is a run, by a plan.
    pub(crate) fn is_run(&self) -> bool {
        self.shard.plan.is_some()
    }
}

/// The runs of all shards of a plan, added up.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Merged {
    pub merged_version: u32,
    pub pipeline: String,
    /// The plan that was carried out.
    pub plan: String,
    pub of: u32,
    pub seed: u64,
    /// The worst of the exit codes.
    pub exit_code: u8,
    /// Whether every row is accounted for.
    pub adds_up: bool,
    /// Rows of all shards together.
    pub counts: RowCounts,
    /// Shards without a report.
    pub missing: Vec<u32>,
    pub shards: Vec<OfShard>,
}

/// How the run of a shard ended.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OfShard {
    pub number: u32,
    pub run_id: RunId,
    pub outcome: Outcome,
    pub exit_code: u8,
    pub error: Option<String>,
    pub counts: RowCounts,
}

/// Exit codes, the better before the worse: what is not known is worse than what failed, and that worse than what was never
/// begun.
const FROM_GOOD_TO_BAD: [u8; 9] = [0, 3, 2, 4, 130, 1, 5, 6, 7];

/// Adds up the runs of a plan's shards. Of several runs of a shard the one that imported something counts, or the last.
///
/// # Errors
/// There are none, or they are runs of different plans.
pub(crate) fn add_up(parts: &[Part]) -> Result<Merged, MergeError> {
    let mut runs: Vec<(&Part, &String)> = Vec::new();
    for (part, plan) in parts
        .iter()
        .filter_map(|part| Some((part, part.shard.plan.as_ref()?)))
    {
        if let Some((_, one)) = runs.iter().find(|(_, one)| *one != plan) {
            let (one, other) = ((*one).clone(), plan.clone());
            return Err(MergeError::Plans { one, other });
        }
        let same = |(one, _): &(&Part, &String)| one.shard.shard == part.shard.shard;
        match runs.iter().position(same) {
            Some(at) if runs[at].0.import.is_some() && part.import.is_none() => {}
            Some(at) => runs[at] = (part, plan),
            None => runs.push((part, plan)),
        }
    }
    let Some((first, plan)) = runs.first().copied() else {
        return Err(MergeError::None("what was named".to_owned()));
    };
    let Shard { of, seed, .. } = first.shard.shard;
    let mut shards: Vec<OfShard> = runs.iter().map(|(part, _)| OfShard::new(part)).collect();
    shards.sort_by_key(|shard| shard.number);
    let missing = Shard::missing(of, shards.iter().map(|shard| shard.number));
    let counts = sum(&shards);
    let badness = |code: u8| FROM_GOOD_TO_BAD.iter().position(|known| *known == code);
    let worst = shards
        .iter()
        .map(|shard| shard.exit_code)
        .max_by_key(|code| badness(*code));
    Ok(Merged {
        merged_version: MERGED_VERSION,
        pipeline: first.pipeline.name.clone(),
        plan: plan.clone(),
        of,
        seed,
        exit_code: match (worst, missing.is_empty()) {
            (Some(worst), true) => worst,
            // One that was never run, or whose machine is gone.
            (worst, _) => worst
                .filter(|code| badness(*code) > badness(1))
                .unwrap_or(1),
        },
        adds_up: missing.is_empty() && counts.check().is_ok(),
        counts,
        missing,
        shards,
    })
}

impl OfShard {
    fn new(part: &Part) -> OfShard {
        OfShard {
            number: part.shard.shard.number,
            run_id: part.run_id.clone(),
            outcome: part.outcome,
            exit_code: part.exit_code,
            error: part.error.as_ref().map(|error| error.message.clone()),
            counts: part.counts(),
        }
    }
}

/// The rows of all together: each has read the whole file.
fn sum(shards: &[OfShard]) -> RowCounts {
    let of_all = |of: fn(&RowCounts) -> u64| {
        let counts = shards.iter().map(|shard| of(&shard.counts));
        counts.fold(0, u64::saturating_add)
    };
    let of_one = |of: fn(&RowCounts) -> u64| {
        let counts = shards.iter().map(|shard| of(&shard.counts));
        counts.max().unwrap_or(0)
    };
    RowCounts {
        read: of_one(|c| c.read),
        skipped: of_one(|c| c.skipped),
        filtered: of_all(|c| c.filtered),
        rejected: of_all(|c| c.rejected),
        taken_along: of_all(|c| c.taken_along),
        superseded: of_all(|c| c.superseded),
        other_shards: 0,
        withheld: of_all(|c| c.withheld),
        carried: of_all(|c| c.carried),
        unchanged: of_all(|c| c.unchanged),
        deletes: of_all(|c| c.deletes),
        would_send: of_all(|c| c.would_send),
        sent: of_all(|c| c.sent),
        accepted: of_all(|c| c.accepted),
        failed: of_all(|c| c.failed),
        unprocessed: of_all(|c| c.unprocessed),
        unknown: of_all(|c| c.unknown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report of shard `number` of 2, of `read` rows of which it has sent so many.
    fn part(number: u32, plan: &str, (exit_code, sent): (u8, u64), at: &str) -> Part {
        let import = (sent > 0).then(|| json!({}));
        let counts = json!({
            "read": 10, "filtered": 0, "rejected": 0, "would_send": 0, "sent": sent, "accepted": sent, "failed": 0,
            "unprocessed": 0, "other_shards": 10 - sent,
        });
        let report = json!({
            "run_id": format!("run-{number}-{at}"), "started_at": format!("2026-11-27T{at}:00Z"),
            "pipeline": { "name": "nightly" }, "outcome": "succeeded", "exit_code": exit_code, "error": null,
            "counts": counts, "import": import,
            "shard": { "number": number, "of": 2, "seed": 0, "plan": plan, "checked": null },
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn shards_add_up() {
        let parts = [part(1, "p", (0, 6), "01:00"), part(2, "p", (0, 4), "01:01")];
        let merged = add_up(&parts).unwrap();
        assert_eq!(
            (
                merged.counts.read,
                merged.counts.sent,
                merged.counts.accepted
            ),
            (10, 10, 10)
        );
        assert_eq!((merged.adds_up, merged.exit_code), (true, 0));
        assert!(merged.missing.is_empty());
    }

    #[test]
    fn what_is_missing_is_not_well() {
        let merged = add_up(&[part(1, "p", (0, 6), "01:00")]).unwrap();
        assert_eq!((merged.adds_up, merged.exit_code), (false, 1));
        assert_eq!(merged.missing, [2]);
        // That an outcome is not known is worse than that there is none.
        let merged = add_up(&[part(1, "p", (7, 6), "01:00")]).unwrap();
        assert_eq!(merged.exit_code, 7);
    }

    #[test]
    fn a_row_too_many_is_seen() {
        let parts = [part(1, "p", (0, 6), "01:00"), part(2, "p", (0, 5), "01:01")];
        assert!(!add_up(&parts).unwrap().adds_up);
    }

    #[test]
    fn the_run_that_imported_counts() {
        let check = |first: (u8, u64), second: (u8, u64), code: u8| {
            let parts = [
                part(1, "p", first, "01:00"),
                part(1, "p", second, "02:00"),
                part(2, "p", (0, 4), "01:01"),
            ];
            assert_eq!(
                add_up(&parts).unwrap().exit_code,
                code,
                "{first:?} {second:?}"
            );
        };
        // Tried again once the network was there.
        check((1, 0), (0, 6), 0);
        // Tried again though it had gone through.
        check((0, 6), (4, 0), 0);
        check((1, 0), (4, 0), 4);
    }

    #[test]
    fn the_worst_code_counts() {
        for (one, other, worst) in [
            (0, 3, 3),
            (3, 4, 4),
            (4, 1, 1),
            (1, 5, 5),
            (7, 6, 7),
            (2, 130, 130),
        ] {
            let parts = [
                part(1, "p", (one, 6), "01:00"),
                part(2, "p", (other, 4), "01:01"),
            ];
            assert_eq!(add_up(&parts).unwrap().exit_code, worst);
        }
    }

    #[test]
    fn one_plan_at_a_time() {
        let parts = [part(1, "p", (0, 6), "01:00"), part(2, "q", (0, 4), "01:01")];
        let error = add_up(&parts).unwrap_err().to_string();
        assert!(error.contains("different plans (p and q)"), "{error}");
        assert!(matches!(add_up(&[]), Err(MergeError::None(_))));
    }
}
