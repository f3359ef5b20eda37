//! What is told of a run: the members of the report, in their order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::aliases::AliasesReport;
use super::as_of::AsOf;
use super::counts::{CodeCounts, Mismatch, RowCounts};
use super::few::Told;
use super::hierarchy::HierarchyReport;
use super::memory::peak_memory;
use super::plan::PlanReport;
use super::rehires::RehiresReport;
use super::warned::WarnedReport;
use crate::drift::spec::{Kind, OnDrift};
use crate::guard::Decision;
use crate::report::error::ErrorReport;
use crate::report::pace::Moment;
use crate::report::rejects::Tally;
use crate::settings::shard::Shard;
use crate::text::dates::Date;

/// Version of the report's form.
pub(crate) const REPORT_VERSION: u32 = 1;

/// A run's name: the time of its start and four random hexadecimal digits, so that names sort by time
/// and two runs of one second differ. `20260131T235959Z-4f2a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The name of a run that starts at `now`, with `random` behind it.
    pub(crate) fn new(now: Timestamp, random: u16) -> RunId {
        RunId(format!("{}-{random:04x}", now.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The name of a run that starts now.
    pub(crate) fn generate() -> RunId {
        RunId::new(Timestamp::now(), rand::random())
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is reported of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunReport {
    /// Version of the report's form: [`REPORT_VERSION`].
    pub report_version: u32,
    pub run_id: RunId,
    pub rostream_version: String,
    pub pipeline: PipelineInfo,
    /// Where it sends to: `orgvue`, or `sandbox` for the imitation inside this program.
    pub target: &'static str,
    /// Start of the run, RFC 3339 in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: Timestamp,
    /// End of the run, RFC 3339 in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub ended_at: Timestamp,
    /// Whose day `today` is, as the time zone database names it.
    pub time_zone: String,
    /// The day that `today` was.
    pub today: Option<Date>,
    /// How it ended, in a word.
    pub outcome: Outcome,
    /// The same in a few words, for people; filled in by [`RunReport::end`].
    pub ending: &'static str,
    /// The exit code of the process. It is the outcome's own unless a flag said otherwise.
    pub exit_code: u8,
    /// The error that ended the run, with its causes; `null` where there was none.
    pub error: Option<ErrorReport>,
    /// What was looked at before anything else; `null` where nothing was.
    pub preflight: Option<PreflightReport>,
    /// What was wrong and did not end the run.
    pub warnings: Vec<String>,
    /// The source files, in the order in which they were read.
    pub sources: Vec<SourceFile>,
    /// Rows.
    #[serde(serialize_with = "as_known")]
    pub counts: RowCounts,
    /// Rows that were not sent, and why.
    pub rejects: CodeCounts,
    /// Rows that break a rule of `severity: warn`.
    pub warned: WarnedReport,
    /// Rows that the server refused, and why.
    pub refused: CodeCounts,
    /// The rejects file; `null` where none was written.
    pub rejects_file: Option<PathBuf>,
    /// The workbook with the same rows; `null` where none was asked for or written.
    pub rejects_workbook: Option<PathBuf>,
    /// The results file; `null` where none was written.
    pub results_file: Option<PathBuf>,
    /// Bytes.
    pub bytes: ByteCounts,
    /// Hash of the body as it was measured, and as it was sent.
    pub body_hash: Option<Hash>,
    /// How long each step took.
    pub seconds: Times,
    /// Speed up to the end of the upload, or of the run where nothing was sent; filled in by
    /// [`RunReport::measure`].
    pub throughput: Throughput,
    /// What the phases had done at some moments, for the course of their speed.
    pub pace: Vec<Moment>,
    /// The most memory that the process had, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// Who reports to whom, in the order of the pipeline file.
    pub hierarchies: Vec<HierarchyReport>,
    /// The rows that were imported before the others; `null` where none were.
    #[serde(rename = "first")]
    pub canary: Option<Canary>,
    /// What has changed in the source since the last accepted run; `null` where nothing is compared.
    pub drift: Option<DriftReport>,
    /// What the guards decided.
    pub guards: Vec<GuardDecision>,
    /// What the rows of an effective-dated extract came to; `null` without `as_of`.
    pub as_of: Option<AsOf>,
    /// What became of ids that are others now; `null` without `aliases`.
    pub aliases: Option<AliasesReport>,
    /// People who may have another id; `null` without `validate.rehires`.
    pub rehires: Option<RehiresReport>,
    /// Items that the server deletes as no row of the upload names them; `null` where the pipeline does not ask for it.
    pub deletions: Option<Deletions>,
    /// The approval of what guards would have stopped; `null` where none was needed.
    pub approval: Option<Approval>,
    /// The plan that was made, or is carried out; `null` where there is none.
    pub plan: Option<PlanReport>,
    /// Which of the source's rows these are, where other processes have the others; `null` where they are all.
    pub shard: Option<ShardReport>,
    /// What was held back as too many would be deleted; `null` where nothing was.
    pub withheld: Option<Withheld>,
    /// What differs from what the server has; `null` where all is sent whatever it has.
    pub delta: Option<DeltaReport>,
    /// The upload; `null` where there was none.
    pub upload: Option<UploadReport>,
    /// The import job; `null` where none was asked for.
    pub import: Option<ImportReport>,
    /// What was sent again; `null` where this is no retry.
    pub retry: Option<RetryReport>,
    /// Whether a process other than the run's own took up its job again, and wrote this.
    pub resumed: bool,
    /// The command that goes on from here, where the run left something open.
    pub next: Option<String>,
    /// The hash by which what guards stopped, or held back, can be approved.
    #[serde(skip)]
    pub offered: Option<String>,
    /// Columns of which no small count is told.
    #[serde(skip)]
    pub sensitive: Arc<[String]>,
}

/// What was looked at before anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PreflightReport {
    /// What was found to be as it should be, or is told among the warnings.
    pub checked: Vec<&'static str>,
    /// What could not be checked.
    pub unchecked: Vec<Unchecked>,
    /// The data set's name; `null` where the tenant did not list it.
    pub dataset: Option<String>,
}

/// What could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unchecked {
    pub what: &'static str,
    /// Why not.
    pub why: String,
}

/// Which pipeline ran.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PipelineInfo {
    pub name: String,
    pub file: PathBuf,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was done.
    Succeeded,
    /// The run failed; nothing was imported.
    Failed,
    /// Done, and some rows were rejected or refused.
    SucceededWithRejects,
    /// A guard or the reject limit stopped it; nothing was applied.
    StoppedByGuard,
    /// The import job failed at the server.
    ImportFailed,
    /// The server refused too much of what was sent; what it accepted stands.
    Refused,
    /// The wait timed out; the job goes on at the server.
    StillRunning,
    /// Nobody waited for the job, as was asked for; it goes on at the server.
    Detached,
    /// The import was asked for and no usable answer came, or its ticket is no longer readable.
    Unknown,
    /// A setting mends it; nothing was imported.
    Misconfigured,
    /// Interrupted; nothing was imported.
    Interrupted,
}

/// One file of the source.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceFile {
    /// Its path, or `-` for standard input.
    pub path: String,
    /// Its bytes as stored.
    pub bytes: u64,
    pub compression: String,
    pub format: String,
    /// The names that lead to the element that is a record, where they were found and not stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// Bytes of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ByteCounts {
    /// Of the source as stored, each file counted once.
    pub source: u64,
    /// Of the body, as measured or spooled.
    pub body: u64,
    /// Handed to the connection, all attempts together.
    pub sent: u64,
}

/// A hash and its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hash {
    /// `md5`, `sha256`, `xxh3_128` and so on.
    pub kind: &'static str,
    /// Its value in lower-case hexadecimal digits.
    pub hex: String,
}

/// How long each step took; `null` for what did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Times {
    /// The first pass over the source, or writing the body down.
    #[serde(serialize_with = "seconds")]
    pub survey: Option<Duration>,
    /// Asking for the upload address.
    #[serde(serialize_with = "seconds")]
    pub generate: Option<Duration>,
    /// Sending the body, all attempts together.
    #[serde(serialize_with = "seconds")]
    pub upload: Option<Duration>,
    /// Asking for the import.
    #[serde(serialize_with = "seconds")]
    pub import: Option<Duration>,
    /// Waiting for the job.
    #[serde(serialize_with = "seconds")]
    pub wait: Option<Duration>,
    /// Reading the results.
    #[serde(serialize_with = "seconds")]
    pub results: Option<Duration>,
    /// From the start of the run until the storage had confirmed the whole body.
    #[serde(serialize_with = "seconds")]
    pub to_end_of_upload: Option<Duration>,
    /// The whole run.
    #[serde(serialize_with = "seconds")]
    pub total: Option<Duration>,
}

/// Speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Throughput {
    /// Rows read per second.
    pub rows_per_second: Option<u64>,
    /// Source bytes as stored per second, in millions.
    pub mb_per_second: Option<f64>,
}

/// The first rows of an upload, imported before the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The import's own name in the ledger.
    pub run_id: RunId,
    pub rows: u64,
    pub accepted: u64,
    pub failed: u64,
    /// With no result known.
    pub unprocessed: u64,
    /// Whether they go once more with the others: an import that deletes whom it does not name has to name them.
    pub sent_again: bool,
}

impl Canary {
    /// One of whose rows nothing is known yet.
    pub(crate) fn new(run_id: RunId, rows: u64, sent_again: bool) -> Canary {
        Canary {
            run_id,
            rows,
            accepted: 0,
            failed: 0,
            unprocessed: rows,
            sent_again,
        }
    }
}

/// What has changed in the source since the last accepted run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DriftReport {
    /// That run; `null` where there is none of which the source is known.
    pub compared_with: Option<String>,
    /// Rows whose cells were looked at.
    pub rows: u64,
    /// What is not ignored.
    pub found: Vec<DriftFinding>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DriftFinding {
    pub kind: Kind,
    /// The column's name; of one that is gone, the name that it had.
    pub column: String,
    /// What follows: `error` or `warn`.
    pub follows: OnDrift,
    /// What has changed, in words.
    pub message: String,
}

/// What a guard decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct GuardDecision {
    /// Its name, such as `reject_limit`.
    pub guard: String,
    /// Its limit in words: `at most 1%`.
    pub limit: String,
    /// What was counted.
    pub count: u64,
    /// Whether that is all of it; otherwise there may be more.
    pub exact: bool,
    /// Of how many; `null` where that is not known.
    pub of: Option<u64>,
    /// What followed.
    pub decision: Decision,
}

/// What became of items that no row of the upload names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Deletions {
    /// How they are deleted: `implicit`.
    pub mode: &'static str,
    /// How many the server deleted; `null` where it did not tell.
    pub told: Option<u64>,
    /// Why deletion was off for this run; `null` where it was on.
    pub off_because: Option<&'static str>,
    /// For how many runs in a row it has been off.
    pub in_a_row: u32,
    /// How many the server may delete; `null` where nothing tells.
    pub expected: Option<u64>,
    /// Whether these are all; otherwise there may be more.
    pub exact: bool,
}

/// The approval by which a run went on that guards would have stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Approval {
    /// The plan that was approved.
    pub hash: String,
    /// When it was stopped, and could be approved from then on.
    #[serde(serialize_with = "rfc3339")]
    pub offered_at: Timestamp,
    /// When it was approved.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// The guards that it overrode.
    pub overrode: Vec<String>,
}

/// A part of the source's rows. Counts of rows and of rejects are its own; all else is told of the whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShardReport {
    #[serde(flatten)]
    pub shard: Shard,
    /// The plan of all shards that is carried out; `null` where this is a check.
    pub plan: Option<String>,
    /// What a check has found, for `rostream report merge`; `null` where it did not come to that, or this is a run.
    pub checked: Option<serde_json::Value>,
}

/// What was held back as too many would be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Withheld {
    /// Rows of the source.
    pub rows: u64,
    /// People whom no row names, as far as they are known, and who stay; `null` where that is not known any more.
    pub unnamed: Option<u64>,
    /// The file with the keys of the rows; `null` where there are none.
    pub file: Option<PathBuf>,
}

/// What differs from what the server has, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DeltaReport {
    /// People at the target before this run.
    pub people: u64,
    /// Rows of people that were not there.
    pub creates: u64,
    /// Rows that differ, or can't be compared.
    pub updates: u64,
    /// Of these, those that can't be compared, as it is not known what the server has.
    pub pending: u64,
    /// People that are not in the source any more.
    pub deletes: u64,
    /// Rows that the server has as they are.
    pub unchanged: u64,
    /// Why everything was sent; `null` where only what differs was.
    pub full: Option<String>,
    /// Why nobody is deleted who is not in the source any more; `null` where there is nobody, or all are.
    pub deletion_off: Option<&'static str>,
    /// The columns in which cells changed.
    pub columns: Vec<ColumnReport>,
}

/// What changes in a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ColumnReport {
    pub column: String,
    /// Cells that are not what they were.
    pub changed: Told,
    /// Cells that held something before, over all rows that can be compared.
    pub filled_before: Told,
    /// Of these, those that are empty now.
    pub emptied: Told,
    /// Of these, those of which the server is not told.
    pub untold: Told,
}

/// The upload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UploadReport {
    /// How the length was known: `measured`, `spooled` or `chunked`.
    pub length: String,
    /// Compression of the body.
    pub encoding: String,
    /// How many times it was tried.
    pub attempts: u32,
    /// The storage's last HTTP status; `null` where it never answered.
    pub status: Option<u16>,
    pub etag: Option<String>,
    /// Whether it is the MD5 of the bytes sent; `false` where nothing was compared.
    pub verified: bool,
    /// SHA-256 of the bytes sent, where somebody else has to know them again; else `null`.
    pub sha256: Option<String>,
    /// The upload address without its query.
    pub put_url: Option<PublicUrl>,
}

/// The import job.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ImportReport {
    /// The last state of its ticket that was seen.
    pub ticket_status: Option<String>,
    /// The server's `X-Amzn-Trace-Id` of every call, for its support.
    pub trace_ids: Vec<String>,
    /// The query parameters of the import.
    pub parameters: BTreeMap<String, String>,
    /// What became of the items of a file whose rows are not known here; `null` where they are.
    pub items: Option<Items>,
}

/// Items of an import by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Items {
    pub accepted: u64,
    pub failed: u64,
}

/// What was sent again of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RetryReport {
    /// The run that sent it first.
    pub of: RunId,
    /// Rows that the server had refused.
    pub rows: u64,
    /// Of these, rows that it had refused for a reason that passes by itself, such as a lock.
    pub passing: u64,
    /// Later rows of the same keys, which went along.
    pub along: u64,
    /// How often the rows have been sent with this time, the most of any.
    pub attempt: u32,
}

/// A URL without user, password, query and fragment: whatever could give access is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct PublicUrl(String);

impl PublicUrl {
    /// The part of a URL that may be shown.
    pub(crate) fn new(url: &Url) -> PublicUrl {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Both fail only for URLs that can't have a user, and so have none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        PublicUrl(url.into())
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunReport {
    /// Takes down what the server refused.
    pub(crate) fn tell_refused(&mut self, refused: &Tally) {
        self.refused = CodeCounts::from(refused).without_few(&self.sensitive);
    }

    /// A report of a run that has only begun: no counts, and the outcome is `failed` until another is
    /// known.
    pub(crate) fn new(run_id: RunId, pipeline: PipelineInfo, started_at: Timestamp) -> RunReport {
        RunReport {
            report_version: REPORT_VERSION,
            run_id,
            rostream_version: env!("CARGO_PKG_VERSION").into(),
            pipeline,
            target: "",
            started_at,
            ended_at: started_at,
            time_zone: String::new(),
            today: None,
            outcome: Outcome::Failed,
            ending: Outcome::Failed.describe(),
            exit_code: 1,
            error: None,
            preflight: None,
            warnings: Vec::new(),
            sources: Vec::new(),
            counts: RowCounts::default(),
            rejects: CodeCounts::default(),
            warned: WarnedReport::default(),
            refused: CodeCounts::default(),
            rejects_file: None,
            rejects_workbook: None,
            results_file: None,
            bytes: ByteCounts::default(),
            body_hash: None,
            seconds: Times::default(),
            throughput: Throughput::default(),
            pace: Vec::new(),
            peak_memory: None,
            hierarchies: Vec::new(),
            canary: None,
            drift: None,
            guards: Vec::new(),
            as_of: None,
            aliases: None,
            rehires: None,
            deletions: None,
            approval: None,
            plan: None,
            shard: None,
            withheld: None,
            delta: None,
            upload: None,
            import: None,
            retry: None,
            resumed: false,
            next: None,
            offered: None,
            sensitive: Arc::default(),
        }
    }

    /// Ends the report: the outcome and its exit code, the time, the speed and the peak of memory.
    pub(crate) fn end(&mut self, outcome: Outcome, ended_at: Timestamp, total: Duration) {
        self.outcome = outcome;
        self.ending = self.ending();
        self.ended_at = ended_at;
        self.seconds.total = Some(total);
        self.peak_memory = peak_memory();
        self.measure();
    }

    /// Works the throughput out from counts and times.
    pub(crate) fn measure(&mut self) {
        let span = self.seconds.to_end_of_upload.or(self.seconds.total);
        let seconds = span.map(|s| s.as_secs_f64()).filter(|s| *s > 0.0);
        self.throughput = Throughput {
            rows_per_second: seconds.map(|s| (self.counts.read as f64 / s) as u64),
            mb_per_second: seconds.map(|s| thousandths(self.bytes.source as f64 / 1e6 / s)),
        };
    }

    /// Whether every row is accounted for.
    pub(crate) fn check(&self) -> Result<(), Mismatch> {
        self.counts.check()
    }
}

/// Counts of which some are not known: `null`, which nobody takes for none.
fn as_known<S: Serializer>(counts: &RowCounts, s: S) -> Result<S::Ok, S::Error> {
    if counts.unknown == 0 {
        return counts.serialize(s);
    }
    let mut known = serde_json::to_value(counts).map_err(serde::ser::Error::custom)?;
    known["accepted"] = serde_json::Value::Null;
    known["failed"] = serde_json::Value::Null;
    known.serialize(s)
}

fn rfc3339<S: Serializer>(time: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{time:.3}"))
}

fn seconds<S: Serializer>(span: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    span.map(|d| thousandths(d.as_secs_f64())).serialize(s)
}

/// A number with three digits behind the point: of seconds, the milliseconds.
pub(crate) fn thousandths(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}
