//! What a run would do, in a file that can be looked at, sent to somebody, and carried out: exactly that, once, within
//! a day.
//!
//! The file binds contents, and nothing of where they came from or when they were changed. Whoever carries it out
//! surveys again and compares. It holds no value of any cell; its digest tells whether it was changed by hand.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::approval::{self, APPROVAL_VERSION, Approval, CHANGED_PIPELINE, Plan, Used};
use super::entry::{PipelineMark, TargetMark};
use crate::files::part::{self, Part};
use crate::report::human;
use crate::report::run::{PlanReport, PlannedChanges, RunId, Verdict};
use crate::settings::shard::Shard;

/// Version of the file's form.
pub(super) const PLAN_VERSION: u32 = 1;

/// How long a plan can be carried out.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What no file but a plan has.
const MARK: &str = "\"plan_version\"";

/// A plan, as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanFile {
    /// Version of the form: [`PLAN_VERSION`].
    pub plan_version: u32,
    /// What names it, and approves it.
    pub hash: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub rostream_version: String,
    pub pipeline: PipelineMark,
    /// The data set; nothing for the sandbox inside this program.
    pub target: Option<TargetMark>,
    pub verdict: Verdict,
    /// The guards that stop it, or hold something back.
    pub guards: Vec<String>,
    /// What stops it, in words.
    pub why: Option<String>,
    pub content: Content,
    /// The shards that carry it out, each for itself; nothing where one run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The shard that carries its part out, in a process that does.
    #[serde(skip)]
    pub part: Option<Shard>,
    /// What else the survey found, as the report has it.
    pub found: Value,
}

/// What would be done, down to the last row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub plan: Plan,
    /// The hash of each file of the source as stored, in their order.
    pub sources: Vec<Option<String>>,
    pub rows: Rows,
    pub changes: PlannedChanges,
}

/// Rows by what would become of them, before anything is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub read: u64,
    pub rejected: u64,
    pub filtered: u64,
    pub superseded: u64,
    pub unchanged: u64,
    pub sent: u64,
}

/// The shards of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shards {
    pub of: u32,
    /// Seed of the hash that tells their rows apart.
    pub seed: u64,
    /// Of each, in order: the hash of its upload, and how many rows that has.
    pub uploads: Vec<Upload>,
}

/// What one shard sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub body: String,
    pub rows: u64,
}

/// A plan that is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub plan: PlanFile,
    pub file: PathBuf,
    /// Whether what guards stopped was approved.
    pub approved: bool,
}

/// Why a plan is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the plan {} can't be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the plan {} can't be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{} is not a plan; make one: rostream plan PIPELINE -o FILE", .0.display()
    )]
    NotAPlan(PathBuf),
    #[error("{} is there and is not a plan; name another file for the plan", .0.display())]
    InTheWay(PathBuf),
    #[error("the plan was made by rostream {made}, and this is {own}; plan again")]
    Version { made: String, own: String },
    #[error(
        "the plan was changed by hand, or is damaged: its digest is not that of what it says; plan again"
    )]
    Changed,
    #[error("the plan {hash} was good until {until:.0}: it holds for 24 hours; plan again")]
    Expired { hash: String, until: Timestamp },
    #[error("the plan {hash} was used by run {by} at {at:.0}, and holds once; plan again")]
    Used {
        hash: String,
        by: RunId,
        at: Timestamp,
    },
    #[error("what would be done now is not what was planned ({hash}): {what}; plan again")]
    Stale { hash: String, what: &'static str },
    #[error("guards stopped the plan ({}), and nobody has approved it; if it is meant, add --approve {hash}", guards.join(", "))]
    NotApproved { hash: String, guards: Vec<String> },
    #[error(
        "it is a plan of one run, and not of shards: rostream apply FILE; a plan of shards is made by `rostream report merge`"
    )]
    Whole,
    #[error(
        "it is a plan of {of} shards, each of which carries out its part: rostream run PIPELINE --shard 1/{of} --plan FILE"
    )]
    Parts { of: u32 },
    #[error("it is a plan of {of} shards with the seed {seed}: --shard I/{of} --shard-seed {seed}")]
    OtherShards { of: u32, seed: u64 },
    #[error("the plan can't be applied, and not be approved either: {0}")]
    Stopped(String),
    #[error("--approve has the hash {given}, and the plan has {hash}")]
    OtherHash { given: String, hash: String },
}

impl PlanError {
    /// Whether the command line is wrong, rather than the plan.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            PlanError::Read { .. }
                | PlanError::NotAPlan(_)
                | PlanError::InTheWay(_)
                | PlanError::Whole
                | PlanError::Parts { .. }
                | PlanError::OtherShards { .. }
        )
    }
}

/// What a plan is about.
pub(crate) struct About {
    pub pipeline: PipelineMark,
    pub target: Option<TargetMark>,
    /// What names it; without a data set it is made here.
    pub hash: Option<String>,
}

/// What guards said of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub verdict: Verdict,
    pub guards: Vec<String>,
    pub why: Option<String>,
}

impl PlanFile {
    /// A plan that is made now.
    pub(crate) fn new(about: About, content: Content, said: Said, found: Value) -> PlanFile {
        let now = Timestamp::now();
        let About {
            pipeline,
            target,
            hash,
        } = about;
        let hash = hash
            .unwrap_or_else(|| approval::hash(&pipeline.name, target.as_ref(), &content.plan, 0));
        PlanFile {
            plan_version: PLAN_VERSION,
            hash,
            created_at: now,
            expires_at: until(now),
            rostream_version: env!("CARGO_PKG_VERSION").to_owned(),
            pipeline,
            target,
            verdict: said.verdict,
            guards: said.guards,
            why: said.why,
            content,
            shards: None,
            part: None,
            found,
        }
    }

    /// Its text, with a digest.
    ///
    /// # Errors
    /// What the writer of JSON says.
    pub(crate) fn text(&self) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Signed<'a> {
            #[serde(flatten)]
            plan: &'a PlanFile,
            digest: String,
        }
        let digest = digest(&serde_json::to_value(self)?)?;
        let mut text = serde_json::to_vec_pretty(&Signed { plan: self, digest })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Writes it into a file, for its owner alone: whole, or not at all.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), PlanError> {
        let text = self.text();
        let written = text.and_then(|text| part::write(path, |file| file.write_all(&text)));
        written.map_err(|source| PlanError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// Whether a plan may be written to this path: there is no file, or another plan.
    ///
    /// # Errors
    /// Something else is there, or no file can be made.
    pub(crate) fn may_be_at(path: &Path) -> Result<(), PlanError> {
        match read(path) {
            Ok(text) if text.contains(MARK) => {}
            Ok(_) => return Err(PlanError::InTheWay(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A folder, or bytes that are not text.
            Err(_) => return Err(PlanError::InTheWay(path.to_owned())),
        }
        Part::create(path)
            .map(drop)
            .map_err(|source| PlanError::Write {
                path: path.to_owned(),
                source,
            })
    }

    /// Reads a plan that nobody changed.
    ///
    /// # Errors
    /// It can't be read, is not a plan, or not one that a program like this one has made.
    pub(crate) fn read(path: &Path) -> Result<PlanFile, PlanError> {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(PlanError::NotAPlan(path.to_owned()));
            }
            Err(source) => {
                let path = path.to_owned();
                return Err(PlanError::Read { path, source });
            }
        };
        match text.contains(MARK) {
            true => PlanFile::parse(&text),
            false => Err(PlanError::NotAPlan(path.to_owned())),
        }
    }

    fn parse(text: &str) -> Result<PlanFile, PlanError> {
        let changed = |_| PlanError::Changed;
        let value: Value = serde_json::from_str(text).map_err(changed)?;
        let stated = value.get("digest").and_then(Value::as_str);
        if stated != Some(&*digest(&value).map_err(|_| PlanError::Changed)?) {
            return Err(PlanError::Changed);
        }
        let own = env!("CARGO_PKG_VERSION");
        let version = |name: &str| value.get(name).cloned().unwrap_or_default();
        if version("plan_version") != PLAN_VERSION || version("rostream_version") != own {
            let made = version("rostream_version");
            return Err(PlanError::Version {
                made: made.as_str().unwrap_or("another program").to_owned(),
                own: own.to_owned(),
            });
        }
        serde_json::from_value(value).map_err(changed)
    }

    /// Whether it may be carried out at this moment by whoever approves this hash, and whether guards let pass then what
    /// they had stopped.
    ///
    /// # Errors
    /// It is too old, or was stopped and is not approved.
    pub(crate) fn is_open(&self, now: Timestamp, approve: Option<&str>) -> Result<bool, PlanError> {
        let hash = self.hash.clone();
        if now > self.expires_at {
            let until = self.expires_at;
            return Err(PlanError::Expired { hash, until });
        }
        if let Some(given) = approve.filter(|given| *given != self.hash) {
            let given = given.to_owned();
            return Err(PlanError::OtherHash { given, hash });
        }
        match self.verdict {
            Verdict::Passed => Ok(false),
            Verdict::Withholds => Ok(approve.is_some()),
            Verdict::NeedsApproval if approve.is_some() => Ok(true),
            Verdict::NeedsApproval => {
                let guards = self.guards.clone();
                Err(PlanError::NotApproved { hash, guards })
            }
            Verdict::Stopped => Err(PlanError::Stopped(self.why.clone().unwrap_or_default())),
        }
    }

    /// Whether one run carries it out.
    ///
    /// # Errors
    /// Shards do.
    pub(crate) fn is_of_one_run(&self) -> Result<(), PlanError> {
        match &self.shards {
            Some(shards) => Err(PlanError::Parts { of: shards.of }),
            None => Ok(()),
        }
    }

    /// Whether it is about a pipeline of this name and meaning.
    ///
    /// # Errors
    /// It is about another one.
    pub(crate) fn is_of_pipeline(&self, name: &str, meaning: &str) -> Result<(), PlanError> {
        match self.pipeline.name == name && self.content.plan.pipeline == meaning {
            true => Ok(()),
            false => Err(self.stale(CHANGED_PIPELINE)),
        }
    }

    /// Whether no run has carried it out.
    ///
    /// # Errors
    /// One has.
    pub(crate) fn is_left(&self, used: Option<Used>) -> Result<(), PlanError> {
        match used {
            None => Ok(()),
            Some(Used { by, at }) => {
                let hash = self.hash.clone();
                Err(PlanError::Used { hash, by, at })
            }
        }
    }

    /// Whether it is about this data set; nothing is the sandbox inside this program.
    ///
    /// # Errors
    /// It is about another one.
    pub(crate) fn is_to(&self, target: Option<&TargetMark>) -> Result<(), PlanError> {
        match self.target.as_ref() == target {
            true => Ok(()),
            false => Err(self.stale("the pipeline sends to another data set")),
        }
    }

    /// Whether it says what would be done now.
    ///
    /// # Errors
    /// Something else would be done.
    pub(crate) fn is_same(&self, now: &Content) -> Result<(), PlanError> {
        let planned = &self.content;
        let source = match planned.sources == now.sources {
            true => None,
            false => Some("the source was changed"),
        };
        let target = match (planned.rows, &planned.changes) == (now.rows, &now.changes) {
            true => None,
            false => Some("what is known of the people at the target was changed"),
        };
        let plan = planned.plan.differs_in(&now.plan);
        // Where the source was changed, what is sent is another as well.
        let what = source.filter(|_| planned.plan.baseline == now.plan.baseline);
        match what.or(plan).or(target) {
            Some(what) => Err(self.stale(what)),
            None => Ok(()),
        }
    }

    fn stale(&self, what: &'static str) -> PlanError {
        let hash = self.hash.clone();
        PlanError::Stale { hash, what }
    }

    /// As something that is used up, and may be approved.
    pub(crate) fn approval(&self) -> Approval {
        Approval {
            approval_version: APPROVAL_VERSION,
            hash: self.used_as(),
            pipeline: self.pipeline.name.clone(),
            target: self.target.clone().unwrap_or_default(),
            plan: self.content.plan.clone(),
            offered_at: self.created_at,
            guards: self.guards.clone(),
            used: None,
        }
    }

    /// As the report names it.
    pub(crate) fn report(&self, file: Option<&Path>) -> PlanReport {
        PlanReport {
            hash: self.hash.clone(),
            file: file.map(human::whole),
            created_at: self.created_at,
            expires_at: self.expires_at,
            verdict: self.verdict,
            changes: None,
            people: None,
            leavers: None,
        }
    }
}

/// Until when a plan holds that was made at a moment.
pub(super) fn until(made: Timestamp) -> Timestamp {
    made.saturating_add(LIFE).unwrap_or(Timestamp::MAX)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// The digest of all that a plan says.
fn digest(value: &Value) -> io::Result<String> {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        members.remove("digest");
    }
    let digest = Sha256::digest(serde_json::to_vec(&value)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::dates::Date;

    fn content() -> Content {
        Content {
            plan: Plan {
                body: "b".to_owned(),
                deletes: true,
                pipeline: "p".to_owned(),
                today: Date::new(2026, 11, 26).unwrap(),
                baseline: None,
            },
            sources: vec![Some("s".to_owned()), None],
            rows: Rows::default(),
            changes: PlannedChanges::default(),
        }
    }

    fn plan(verdict: Verdict) -> PlanFile {
        let about = About {
            pipeline: PipelineMark {
                name: "nightly".to_owned(),
                file: None,
                hash: String::new(),
                overrides: Vec::new(),
            },
            target: None,
            hash: Some("0123456789abcdef".to_owned()),
        };
        let said = Said {
            verdict,
            guards: vec!["max_delete".to_owned()],
            why: Some("too many".to_owned()),
        };
        PlanFile::new(about, content(), said, Value::Null)
    }

    #[test]
    fn what_is_written_is_read() {
        let made = plan(Verdict::Passed);
        let text = String::from_utf8(made.text().unwrap()).unwrap();
        assert_eq!(PlanFile::parse(&text).unwrap(), made);
        // However it is laid out.
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(PlanFile::parse(&value.to_string()).unwrap(), made);
    }

    proptest::proptest! {
        /// Whatever byte is another: either the plan says the same, or it is refused.
        #[test]
        fn no_byte_can_be_changed(at in proptest::prelude::any::<proptest::sample::Index>(), byte in b' '..=b'~') {
            let made = plan(Verdict::Passed);
            let mut text = made.text().unwrap();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(read) = PlanFile::parse(&String::from_utf8(text).unwrap()) {
                assert_eq!(read, made);
            }
        }
    }

    #[test]
    fn it_is_this_content_alone() {
        let check = |change: fn(&mut Content), words: &str| {
            let mut now = content();
            change(&mut now);
            let found = plan(Verdict::Passed).is_same(&now);
            match words {
                "" => assert!(found.is_ok(), "{found:?}"),
                words => {
                    let error = found.unwrap_err().to_string();
                    assert!(error.contains(words), "{error}");
                }
            }
        };
        check(|_| {}, "");
        check(
            |now| now.plan.pipeline.push('x'),
            "the pipeline was changed",
        );
        check(|now| now.plan.today = Date::MIN, "it is another day");
        check(|now| now.plan.deletes = false, "deletion is off");
        check(|now| now.sources.truncate(1), "the source was changed");
        check(|now| now.sources.swap(0, 1), "the source was changed");
        check(|now| now.plan.body.push('x'), "what it is looked up in");
        check(|now| now.rows.unchanged += 1, "the people at the target");
        check(
            |now| now.changes.create_or_update = Some(1),
            "the people at the target",
        );
        // What matters most comes first.
        let all = |now: &mut Content| {
            now.sources.clear();
            now.plan.body.push('x');
            now.plan.baseline = Some("run".to_owned());
        };
        check(all, "another run was accepted");
    }

    #[test]
    fn who_may_carry_it_out() {
        let check = |verdict: Verdict, approve: Option<&str>, expected: Result<bool, &str>| {
            let found = plan(verdict).is_open(Timestamp::now(), approve);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{verdict:?}"),
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{error}");
                }
                (found, _) => panic!("{verdict:?} {approve:?}: {found:?}"),
            }
        };
        let hash = Some("0123456789abcdef");
        check(Verdict::Passed, None, Ok(false));
        // Nothing was stopped, so that nothing is let pass.
        check(Verdict::Passed, hash, Ok(false));
        check(Verdict::Withholds, None, Ok(false));
        check(Verdict::Withholds, hash, Ok(true));
        check(
            Verdict::NeedsApproval,
            None,
            Err("add --approve 0123456789abcdef"),
        );
        check(Verdict::NeedsApproval, hash, Ok(true));
        check(
            Verdict::NeedsApproval,
            Some("another"),
            Err("has the hash another"),
        );
        check(Verdict::Stopped, hash, Err("too many"));
        let made = plan(Verdict::Passed);
        let late = made.expires_at + Duration::from_secs(1);
        assert!(made.is_open(made.expires_at, None).is_ok());
        let expired = made.is_open(late, None);
        assert!(
            matches!(expired, Err(PlanError::Expired { .. })),
            "{expired:?}"
        );
    }
}
