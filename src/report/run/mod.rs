//! The run report: what a run did, in counts that add up. For machines as JSON, for people as a few
//! lines. Neither holds a cell's value.
//!
//! The order and the names of the JSON's members are part of the interface: members are added, and
//! [`REPORT_VERSION`] counts up when one is renamed, removed or changes its meaning. Times are in
//! seconds, sizes in bytes, and what is not known is `null`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::error::ErrorReport;
use super::human;
use super::rejects::Tally;

/// Version of the report's form.
pub(crate) const REPORT_VERSION: u32 = 1;

/// How many codes the summary names.
const TOP_CODES: usize = 5;

/// A run's name: the time of its start and four random hexadecimal digits, so that names sort by time
/// and two runs of one second differ. `20260131T235959Z-4f2a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The name of a run that starts at `now`, with `random` behind it.
    pub fn new(now: Timestamp, random: u16) -> RunId {
        RunId(format!("{}-{random:04x}", now.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The name of a run that starts now.
    pub fn generate() -> RunId {
        RunId::new(Timestamp::now(), rand::random())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
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
pub struct RunReport {
    /// Version of the report's form: [`REPORT_VERSION`].
    pub report_version: u32,
    /// The run's name.
    pub run_id: RunId,
    /// The program's version.
    pub rostream_version: String,
    /// The pipeline.
    pub pipeline: PipelineInfo,
    /// Where it sends to: `orgvue`, or `sandbox` for the imitation inside this program.
    pub target: &'static str,
    /// Start of the run, RFC 3339 in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: Timestamp,
    /// End of the run, RFC 3339 in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub ended_at: Timestamp,
    /// How it ended, in a word.
    pub outcome: Outcome,
    /// The exit code of the process, which its command knows: a flag may have a say in it.
    pub exit_code: u8,
    /// The error that ended the run; `null` where there was none.
    pub error: Option<ErrorReport>,
    /// What was wrong and did not end the run.
    pub warnings: Vec<String>,
    /// The source files, in the order in which they were read.
    pub sources: Vec<SourceFile>,
    /// Rows.
    pub counts: RowCounts,
    /// Rows that were not sent, and why.
    pub rejects: CodeCounts,
    /// Rows that the server refused, and why.
    pub refused: CodeCounts,
    /// The rejects file; `null` where none was written.
    pub rejects_file: Option<PathBuf>,
    /// Bytes.
    pub bytes: ByteCounts,
    /// Hash of the body as it was measured, and as it was sent.
    pub body_hash: Option<Hash>,
    /// How long each step took.
    pub seconds: Times,
    /// Speed up to the end of the upload, or of the run where nothing was sent; filled in by
    /// [`RunReport::measure`].
    pub throughput: Throughput,
    /// The most memory that the process had, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// What the guards decided.
    pub guards: Vec<GuardDecision>,
    /// The upload; `null` where there was none.
    pub upload: Option<UploadReport>,
    /// The import job; `null` where none was asked for.
    pub import: Option<ImportReport>,
    /// Whether a process other than the run's own took up its job again, and wrote this.
    pub resumed: bool,
    /// The command that goes on from here, where the run left something open.
    pub next: Option<String>,
}

/// Which pipeline ran.
#[derive(Clone, Debug, Serialize)]
pub struct PipelineInfo {
    /// Its name.
    pub name: String,
    /// Its file.
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
    /// The import was asked for, and its answer lost, or its ticket no longer readable.
    Unknown,
    /// A setting mends it; nothing was imported.
    Misconfigured,
    /// Interrupted; nothing was imported.
    Interrupted,
}

impl Outcome {
    /// What it means, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed, nothing was imported",
            Outcome::Misconfigured => "a setting does not fit the source, nothing was imported",
            Outcome::SucceededWithRejects => "succeeded, some rows were rejected",
            Outcome::StoppedByGuard => "stopped by a guard, nothing was sent",
            Outcome::ImportFailed => "the import job failed at the server",
            Outcome::Refused => "the server refused too much, what it accepted stands",
            Outcome::StillRunning => "the import job is still running at the server",
            Outcome::Unknown => "unknown, the import was asked for and the answer lost",
            Outcome::Interrupted => "interrupted, nothing was imported",
        }
    }
}

/// One file of the source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceFile {
    /// Its path, or `-` for standard input.
    pub path: String,
    /// Its bytes as stored.
    pub bytes: u64,
    /// Its compression.
    pub compression: String,
    /// Its format.
    pub format: String,
}

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Records of the source.
    pub read: u64,
    /// Left out by a filter stage.
    pub filtered: u64,
    /// Found at fault and not sent.
    pub rejected: u64,
    /// Not sent, as another row goes in their place.
    #[serde(default)]
    pub superseded: u64,
    /// Good, and held back because the run ended before an upload was complete (a dry run, a guard,
    /// an error).
    pub would_send: u64,
    /// In an upload that the storage took completely.
    pub sent: u64,
    /// Sent, and applied by the server.
    pub accepted: u64,
    /// Sent, and refused by the server.
    pub failed: u64,
    /// Sent, with no result known.
    pub unprocessed: u64,
}

impl RowCounts {
    /// Whether every row is accounted for: `read = sent + would_send + rejected + filtered + superseded` and
    /// `sent = accepted + failed + unprocessed`.
    pub fn check(&self) -> Result<(), Mismatch> {
        let sum = |parts: &[u64]| parts.iter().copied().map(u128::from).sum::<u128>();
        let parts = [
            self.sent,
            self.would_send,
            self.rejected,
            self.filtered,
            self.superseded,
        ];
        if sum(&parts) != u128::from(self.read) {
            let [sent, would_send, rejected, filtered, superseded] = parts;
            return Err(Mismatch::Read {
                read: self.read,
                sent,
                would_send,
                rejected,
                filtered,
                superseded,
            });
        }
        let parts = [self.accepted, self.failed, self.unprocessed];
        if sum(&parts) != u128::from(self.sent) {
            let [accepted, failed, unprocessed] = parts;
            return Err(Mismatch::Sent {
                sent: self.sent,
                accepted,
                failed,
                unprocessed,
            });
        }
        Ok(())
    }
}

/// Counts that don't add up: rows were lost or counted twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The rows read are not those accounted for.
    #[error(
        "the counts don't add up: {read} rows read, but {sent} sent + {would_send} held back \
         + {rejected} rejected + {filtered} filtered + {superseded} superseded"
    )]
    Read {
        /// Records of the source.
        read: u64,
        /// Sent.
        sent: u64,
        /// Held back.
        would_send: u64,
        /// Rejected.
        rejected: u64,
        /// Filtered.
        filtered: u64,
        /// Superseded.
        superseded: u64,
    },
    /// The rows sent are not those that results account for.
    #[error(
        "the counts don't add up: {sent} rows sent, but {accepted} accepted + {failed} failed \
         + {unprocessed} unprocessed"
    )]
    Sent {
        /// Sent.
        sent: u64,
        /// Accepted.
        accepted: u64,
        /// Refused.
        failed: u64,
        /// Without a result.
        unprocessed: u64,
    },
}

/// Rows and faults by code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodeCounts {
    /// Rows at fault.
    pub rows: u64,
    /// Their faults; a row may have several.
    pub faults: u64,
    /// Faults by code, the most frequent first.
    pub by_code: Vec<CodeCount>,
    /// Faults of codes beyond those listed.
    pub other_codes: u64,
}

/// A code and the number of its faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeCount {
    /// The code.
    pub code: String,
    /// How many faults have it.
    pub faults: u64,
}

impl CodeCounts {
    /// The most frequent fault, in words.
    pub(crate) fn commonest(&self) -> Option<String> {
        self.by_code.first().map(|most| most.code.clone())
    }
}

impl From<&Tally> for CodeCounts {
    fn from(tally: &Tally) -> CodeCounts {
        let by_code = tally.by_code().into_iter();
        CodeCounts {
            rows: tally.rows(),
            faults: tally.faults(),
            by_code: by_code
                .map(|(code, faults)| CodeCount {
                    code: code.to_owned(),
                    faults,
                })
                .collect(),
            other_codes: tally.others(),
        }
    }
}

/// Bytes of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByteCounts {
    /// Of the source as stored, each file counted once.
    pub source: u64,
    /// Of the body, as measured or spooled.
    pub body: u64,
    /// Handed to the connection, all attempts together.
    pub sent: u64,
}

/// A hash and its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hash {
    /// `md5`, `sha256`, `xxh3_128` and so on.
    pub kind: &'static str,
    /// Its value in lower-case hexadecimal digits.
    pub hex: String,
}

/// How long each step took; `null` for what did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
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
pub struct Throughput {
    /// Rows read per second.
    pub rows_per_second: Option<u64>,
    /// Source bytes as stored per second, in millions.
    pub mb_per_second: Option<f64>,
}

/// What a guard decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardDecision {
    /// Its name, such as `reject_limit`.
    pub guard: &'static str,
    /// Its limit, as the pipeline file says it.
    pub limit: String,
    /// What was counted.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// What followed.
    pub decision: Decision,
}

/// Whether a guard let the run go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It did.
    Passed,
    /// It stopped the run.
    Stopped,
}

/// The upload.
#[derive(Clone, Debug, Serialize)]
pub struct UploadReport {
    /// How the length was known: `measured`, `spooled` or `chunked`.
    pub length: String,
    /// Compression of the body.
    pub encoding: String,
    /// How many times it was tried.
    pub attempts: u32,
    /// The storage's last HTTP status; `null` where it never answered.
    pub status: Option<u16>,
    /// The storage's ETag.
    pub etag: Option<String>,
    /// Whether it is the MD5 of the bytes sent; `false` where nothing was compared.
    pub verified: bool,
    /// The upload address without its query.
    pub put_url: Option<PublicUrl>,
}

/// The import job.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// The last state of its ticket that was seen.
    pub ticket_status: Option<String>,
    /// The server's `X-Amzn-Trace-Id` of every call, for its support.
    pub trace_ids: Vec<String>,
    /// The query parameters of the import.
    pub parameters: BTreeMap<String, String>,
}

/// A URL without user, password, query and fragment: whatever could give access is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The part of a URL that may be shown.
    pub fn new(url: &Url) -> PublicUrl {
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

/// Why the report can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Its folder can't be made.
    #[error("can't use the folder {} for the run report", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can't be written.
    #[error("can't write the run report {}", path.display())]
    Write {
        /// The report's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RunReport {
    /// A report of a run that has only begun: no counts, and the outcome is `failed` until another is
    /// known.
    pub fn new(run_id: RunId, pipeline: PipelineInfo, started_at: Timestamp) -> RunReport {
        RunReport {
            report_version: REPORT_VERSION,
            run_id,
            rostream_version: env!("CARGO_PKG_VERSION").into(),
            pipeline,
            target: "",
            started_at,
            ended_at: started_at,
            outcome: Outcome::Failed,
            exit_code: 1,
            error: None,
            warnings: Vec::new(),
            sources: Vec::new(),
            counts: RowCounts::default(),
            rejects: CodeCounts::default(),
            refused: CodeCounts::default(),
            rejects_file: None,
            bytes: ByteCounts::default(),
            body_hash: None,
            seconds: Times::default(),
            throughput: Throughput::default(),
            peak_memory: None,
            guards: Vec::new(),
            upload: None,
            import: None,
            resumed: false,
            next: None,
        }
    }

    /// Ends the report: the outcome, the time, the speed and the peak of memory.
    pub fn end(&mut self, outcome: Outcome, ended_at: Timestamp, total: Duration) {
        self.outcome = outcome;
        self.ended_at = ended_at;
        self.seconds.total = Some(total);
        self.peak_memory = peak_memory();
        self.measure();
    }

    /// Works the throughput out from counts and times.
    pub fn measure(&mut self) {
        let span = self.seconds.to_end_of_upload.or(self.seconds.total);
        let seconds = span.map(|s| s.as_secs_f64()).filter(|s| *s > 0.0);
        self.throughput = Throughput {
            rows_per_second: seconds.map(|s| (self.counts.read as f64 / s) as u64),
            mb_per_second: seconds.map(|s| thousandths(self.bytes.source as f64 / 1e6 / s)),
        };
    }

    /// Whether every row is accounted for.
    pub fn check(&self) -> Result<(), Mismatch> {
        self.counts.check()
    }

    /// The report's file name.
    pub fn file_name(&self) -> String {
        format!("run-{}.report.json", self.run_id)
    }

    /// Makes the folder that reports go into, and tries whether a file can be made there: better before
    /// the work than after it.
    ///
    /// # Errors
    /// As [`RunReport::write`].
    pub fn prepare(dir: &Path) -> Result<(), ReportError> {
        let folder = |source| ReportError::Folder {
            path: dir.to_owned(),
            source,
        };
        crate::files::folder::make(dir).map_err(folder)?;
        let file = tempfile::Builder::new().prefix(".run-").tempfile_in(dir);
        let path = dir.to_owned();
        file.map(drop)
            .map_err(|source| ReportError::Write { path, source })
    }

    /// Writes the report into a folder, which is made where it is missing, and returns its path. The
    /// file appears complete or not at all, and only its owner may read it.
    pub fn write(&self, dir: &Path) -> Result<PathBuf, ReportError> {
        crate::files::folder::make(dir).map_err(|source| ReportError::Folder {
            path: dir.to_owned(),
            source,
        })?;
        let path = dir.join(self.file_name());
        match self.write_file(dir, &path) {
            Ok(()) => Ok(path),
            Err(source) => Err(ReportError::Write { path, source }),
        }
    }

    fn write_file(&self, dir: &Path, path: &Path) -> io::Result<()> {
        let file = tempfile::Builder::new().prefix(".run-").tempfile_in(dir)?;
        let mut out: BufWriter<&File> = BufWriter::new(file.as_file());
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")?;
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    }

    /// The run in a few lines, for people. `report` is where the report was written. The error is not
    /// among them: it is printed by itself.
    pub fn summary(&self, report: Option<&Path>) -> String {
        let mut lines = Lines::default();
        let c = &self.counts;

        lines.add("run", &format!("{}, {}", self.run_id, self.ending()));
        let files = match self.sources.as_slice() {
            [] => String::new(),
            [one] => format!(" from {}", one.path),
            several => format!(" in {}", human::counted(several.len() as u64, "file")),
        };
        let source = format!("{}{files}", human::bytes(self.bytes.source));
        lines.rows("read", c.read, &source);
        if c.filtered > 0 {
            lines.rows("filtered", c.filtered, "left out by a filter");
        }
        if c.superseded > 0 {
            lines.rows(
                "superseded",
                c.superseded,
                "the same row as another, sent once",
            );
        }
        lines.rows("rejected", c.rejected, &top_codes(&self.rejects));
        if c.would_send > 0 {
            lines.rows("held back", c.would_send, "good, and not sent");
        }
        if self.upload.is_some() || c.sent > 0 {
            let attempts = match self.upload.as_ref().map_or(1, |u| u.attempts) {
                0 | 1 => String::new(),
                n => format!(" in {n} attempts"),
            };
            let to = match self.target {
                "sandbox" => " to the sandbox inside this program, not to Orgvue",
                _ => "",
            };
            let body = format!("{}{attempts}{to}", human::bytes(self.bytes.body));
            lines.rows("sent", c.sent, &body);
        }
        if c.sent > 0 {
            lines.rows("accepted", c.accepted, "");
            lines.rows("failed", c.failed, &top_codes(&self.refused));
            if c.unprocessed > 0 {
                lines.rows("unprocessed", c.unprocessed, "no result known");
            }
        }
        for guard in &self.guards {
            if guard.decision == Decision::Stopped {
                let (count, of) = (human::count(guard.count), human::count(guard.of));
                let text = format!("{}: {count} of {of}, at most {}", guard.guard, guard.limit);
                lines.add("stopped by", &text);
            }
        }
        if let Err(mismatch) = self.check() {
            lines.add("warning", &mismatch.to_string());
        }
        for warning in &self.warnings {
            lines.add("warning", warning);
        }
        if let Some(total) = self.seconds.total {
            lines.add("took", &self.took(total));
        }
        if let Some(trace) = self.import.as_ref().and_then(|i| i.trace_ids.last()) {
            lines.add("trace id", trace);
        }
        if let Some(path) = &self.rejects_file
            && self.rejects.rows + self.refused.rows > 0
        {
            let path = human::path(path);
            lines.add(
                "rejects",
                &format!("{path}, the rows as they were, with their faults"),
            );
        }
        if let Some(path) = report {
            lines.add("report", &human::path(path));
        }
        if let Some(next) = &self.next {
            lines.add("to go on", next);
        }
        lines.0
    }

    /// How the run ended, in words. What failed, or was stopped, after the import had been asked for did
    /// not leave everything as it was.
    pub fn ending(&self) -> &'static str {
        let import = self.import.as_ref().map(|i| i.ticket_status.as_deref());
        match (self.outcome, import) {
            (Outcome::Failed, Some(Some("completed"))) => "failed after the import was completed",
            (Outcome::Interrupted, Some(Some("completed"))) => {
                "interrupted after the import was completed"
            }
            (Outcome::Interrupted, Some(Some(_))) => {
                "interrupted, the import job goes on at the server"
            }
            (Outcome::Interrupted, Some(None)) => {
                "interrupted while the import was asked for, whether it began is not known"
            }
            (Outcome::Unknown, Some(Some(_))) => {
                "unknown, the import job can't be watched any longer"
            }
            (Outcome::StoppedByGuard, None) if self.upload.is_some() => {
                "stopped by a guard, nothing was imported"
            }
            (outcome, _) => outcome.describe(),
        }
    }

    fn took(&self, total: Duration) -> String {
        let mut text = human::time(total);
        if let Some(span) = self.seconds.to_end_of_upload {
            let _ = write!(text, ", {} to the end of the upload", human::time(span));
        }
        if let Throughput {
            rows_per_second: Some(rows),
            mb_per_second: Some(mb),
        } = self.throughput
        {
            let _ = write!(text, " ({} rows/s, {mb:.1} MB/s)", human::count(rows));
        }
        if let Some(peak) = self.peak_memory {
            let _ = write!(text, ", {} of memory", human::bytes(peak));
        }
        text
    }
}

/// Lines of a summary: a word, a count where there is one, and what there is to say of it.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, word: &str, text: &str) {
        let _ = writeln!(self.0, "{word:<12}{text}");
    }

    fn rows(&mut self, word: &str, rows: u64, more: &str) {
        let line = format!("{word:<12}{:>13}  {more}", human::count(rows));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}

fn top_codes(counts: &CodeCounts) -> String {
    // One code more takes no more room than `others`.
    let named = match counts.by_code.len() {
        all if all == TOP_CODES + 1 && counts.other_codes == 0 => all,
        _ => TOP_CODES,
    };
    let top = counts.by_code.iter().take(named);
    let mut parts: Vec<String> = top
        .clone()
        .map(|c| format!("{} {}", c.code, human::count(c.faults)))
        .collect();
    let named: u64 = top.map(|c| c.faults).sum();
    let rest = counts.faults.saturating_sub(named);
    if rest > 0 && !parts.is_empty() {
        parts.push(format!("others {}", human::count(rest)));
    }
    parts.join(", ")
}

/// The most memory that this process has had resident so far, in bytes; `None` where the system does
/// not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    parse_peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

fn rfc3339<S: Serializer>(time: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{time:.3}"))
}

fn seconds<S: Serializer>(span: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    span.map(|d| thousandths(d.as_secs_f64())).serialize(s)
}

fn thousandths(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Fault;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tally(codes: &[(&'static str, usize)]) -> Tally {
        let mut tally = Tally::default();
        for (code, n) in codes {
            for _ in 0..*n {
                tally.add(&[Fault {
                    row: 0,
                    stage: "date",
                    column: "dob".into(),
                    code: (*code).into(),
                    message: "m".into(),
                }]);
            }
        }
        tally
    }

    fn report() -> RunReport {
        let started = time("2026-01-31T23:59:59.5Z");
        let mut report = RunReport::new(
            RunId::new(started, 0x4f2a),
            PipelineInfo {
                name: "workday-nightly".into(),
                file: "pipelines/workday.yaml".into(),
            },
            started,
        );
        report.rostream_version = "0.0.0".into();
        report.target = "orgvue";
        report.sources = vec![SourceFile {
            path: "exports/workers.csv.gz".into(),
            bytes: 178_600_000,
            compression: "gzip".into(),
            format: "csv".into(),
        }];
        report.counts = RowCounts {
            read: 1_000_000,
            superseded: 0,
            filtered: 1_234,
            rejected: 17,
            would_send: 0,
            sent: 998_749,
            accepted: 998_740,
            failed: 9,
            unprocessed: 0,
        };
        let codes = [
            ("date_format", 8),
            ("required", 3),
            ("a", 1),
            ("b", 1),
            ("c", 1),
            ("d", 2),
            ("e", 1),
        ];
        report.rejects = (&tally(&codes)).into();
        report.refused = (&tally(&[("NotFound", 9)])).into();
        report.rejects_file = Some("out/rejects.csv".into());
        report.bytes = ByteCounts {
            source: 178_600_000,
            body: 412_000_000,
            sent: 500_000_000,
        };
        report.body_hash = Some(Hash {
            kind: "md5",
            hex: "d41d8cd98f00b204e9800998ecf8427e".into(),
        });
        report.seconds = Times {
            survey: Some(Duration::from_millis(2_500)),
            generate: Some(Duration::from_micros(12_345)),
            upload: Some(Duration::from_secs(4)),
            import: Some(Duration::from_millis(80)),
            wait: Some(Duration::from_secs(61)),
            results: Some(Duration::from_secs(1)),
            to_end_of_upload: Some(Duration::from_millis(6_600)),
            total: None,
        };
        report.guards = vec![GuardDecision {
            guard: "reject_limit",
            limit: "1%".into(),
            count: 17,
            of: 1_000_000,
            decision: Decision::Passed,
        }];
        report.upload = Some(UploadReport {
            length: "measured".into(),
            encoding: "identity".into(),
            attempts: 2,
            status: Some(200),
            etag: Some("\"d41d8cd98f00b204e9800998ecf8427e\"".into()),
            verified: true,
            put_url: Some(PublicUrl::new(
                &"https://user:pw@s3.example.com/bucket/key?X-Amz-Signature=canary#x"
                    .parse()
                    .unwrap(),
            )),
        });
        report.import = Some(ImportReport {
            ticket_status: Some("completed".into()),
            trace_ids: vec!["Root=1-62bcb5d3-3b211f8616879dea3bde593f".into()],
            parameters: BTreeMap::from([("idKey".into(), "employeeID".into())]),
        });
        report.end(
            Outcome::SucceededWithRejects,
            time("2026-02-01T00:01:09.25Z"),
            Duration::from_millis(69_750),
        );
        report.peak_memory = Some(58_720_256);
        report
    }

    #[test]
    fn json() {
        let mut report = report();
        report.exit_code = 3;
        let json = serde_json::to_string_pretty(&report).unwrap();
        assert!(!json.contains("canary") && !json.contains("pw"));
        insta::assert_snapshot!(json);
    }

    #[test]
    fn summary_of_a_whole_run() {
        let report = report();
        assert_eq!(report.check(), Ok(()));
        insta::assert_snapshot!(report.summary(Some(Path::new("run-x.report.json"))), @r"
        run         20260131T235959Z-4f2a, succeeded, some rows were rejected
        read            1,000,000  178.6 MB from exports/workers.csv.gz
        filtered            1,234  left out by a filter
        rejected               17  date_format 8, required 3, d 2, a 1, b 1, others 2
        sent              998,749  412.0 MB in 2 attempts
        accepted          998,740
        failed                  9  NotFound 9
        took        1m 09s, 6.6 s to the end of the upload (151,515 rows/s, 27.1 MB/s), 58.7 MB of memory
        trace id    Root=1-62bcb5d3-3b211f8616879dea3bde593f
        rejects     out/rejects.csv, the rows as they were, with their faults
        report      run-x.report.json
        ");
    }

    #[test]
    fn summary_of_a_run_that_a_guard_stopped() {
        let mut report = report();
        report.upload = None;
        report.import = None;
        report.refused = CodeCounts::default();
        report.seconds = Times::default();
        report.counts = RowCounts {
            read: 100,
            rejected: 2,
            filtered: 1,
            would_send: 97,
            ..RowCounts::default()
        };
        report.rejects = (&tally(&[("date_format", 2)])).into();
        report.guards[0].decision = Decision::Stopped;
        report.guards[0].count = 2;
        report.guards[0].of = 100;
        report.exit_code = 4;
        report.error = Some(ErrorReport::new(
            crate::report::error::Code::lasting("too_many_rejects"),
            "too many rows were rejected".into(),
        ));
        report
            .warnings
            .push("the server's clock is 3 minutes ahead".into());
        report.end(
            Outcome::StoppedByGuard,
            report.started_at,
            Duration::from_millis(250),
        );
        report.peak_memory = None;
        insta::assert_snapshot!(report.summary(None), @r"
        run         20260131T235959Z-4f2a, stopped by a guard, nothing was sent
        read                  100  178.6 MB from exports/workers.csv.gz
        filtered                1  left out by a filter
        rejected                2  date_format 2
        held back              97  good, and not sent
        stopped by  reject_limit: 2 of 100, at most 1%
        warning     the server's clock is 3 minutes ahead
        took        250 ms (400 rows/s, 714.4 MB/s)
        rejects     out/rejects.csv, the rows as they were, with their faults
        ");
    }

    #[test]
    fn the_summary_names_the_sandbox_and_all_of_six_codes() {
        let mut report = report();
        report.target = "sandbox";
        report.sources.push(report.sources[0].clone());
        let codes = [("f", 6), ("e", 5), ("d", 4), ("c", 3), ("b", 2), ("a", 1)];
        report.rejects = (&tally(&codes)).into();
        let summary = report.summary(None);
        for line in [
            "read            1,000,000  178.6 MB in 2 files\n",
            "rejected               17  f 6, e 5, d 4, c 3, b 2, a 1\n",
            "412.0 MB in 2 attempts to the sandbox inside this program, not to Orgvue\n",
        ] {
            assert!(summary.contains(line), "{summary}");
        }
    }

    #[test]
    fn the_ending_tells_what_became_of_the_import() {
        let check = |outcome, ticket: Option<Option<&str>>, expected: &str| {
            let mut report = report();
            report.outcome = outcome;
            let told = report.import.take();
            report.import = ticket.map(|status| ImportReport {
                ticket_status: status.map(str::to_owned),
                ..told.unwrap()
            });
            assert_eq!(report.ending(), expected);
        };
        let (stopped, failed) = (Outcome::Interrupted, Outcome::Failed);
        check(failed, None, "failed, nothing was imported");
        check(failed, Some(None), "failed, nothing was imported");
        check(
            failed,
            Some(Some("completed")),
            "failed after the import was completed",
        );
        check(stopped, None, "interrupted, nothing was imported");
        check(
            stopped,
            Some(None),
            "interrupted while the import was asked for, whether it began is not known",
        );
        check(
            stopped,
            Some(Some("created")),
            "interrupted, the import job goes on at the server",
        );
        check(
            stopped,
            Some(Some("completed")),
            "interrupted after the import was completed",
        );
        check(
            Outcome::Unknown,
            Some(None),
            "unknown, the import was asked for and the answer lost",
        );
        check(
            Outcome::Unknown,
            Some(Some("running")),
            "unknown, the import job can't be watched any longer",
        );
        check(
            Outcome::StoppedByGuard,
            None,
            "stopped by a guard, nothing was imported",
        );
    }

    #[test]
    fn counts_add_up_or_say_so() {
        let check = |counts: RowCounts, expected: Option<&str>| {
            let found = counts.check().err().map(|e| e.to_string());
            assert_eq!(found.as_deref(), expected);
        };
        check(RowCounts::default(), None);
        let good = report().counts;
        check(good, None);
        check(
            RowCounts {
                unprocessed: 3,
                accepted: good.accepted - 3,
                ..good
            },
            None,
        );
        check(
            RowCounts {
                read: 10,
                rejected: 1,
                filtered: 2,
                would_send: 7,
                ..RowCounts::default()
            },
            None,
        );
        check(
            RowCounts {
                read: 10,
                rejected: 1,
                filtered: 2,
                sent: 6,
                accepted: 6,
                ..RowCounts::default()
            },
            Some(
                "the counts don't add up: 10 rows read, but 6 sent + 0 held back + 1 rejected + 2 filtered + 0 superseded",
            ),
        );
        check(
            RowCounts {
                read: 6,
                sent: 6,
                accepted: 4,
                failed: 1,
                ..RowCounts::default()
            },
            Some("the counts don't add up: 6 rows sent, but 4 accepted + 1 failed + 0 unprocessed"),
        );
        // No wrap-around makes wrong counts right.
        let huge = RowCounts {
            read: 0,
            rejected: u64::MAX,
            filtered: 1,
            ..RowCounts::default()
        };
        assert!(huge.check().is_err());
    }

    #[test]
    fn run_ids_sort_by_time() {
        let id = |at: &str, random| RunId::new(time(at), random).to_string();
        assert_eq!(id("2026-01-31T23:59:59.9Z", 0x2a), "20260131T235959Z-002a");
        assert!(id("2026-01-31T23:59:59Z", 0xffff) < id("2026-02-01T00:00:00Z", 0));
        assert_eq!(RunId::generate().as_str().len(), 21);
    }

    #[test]
    fn peak_memory_is_read_from_the_system() {
        assert_eq!(
            parse_peak("Name:\tx\nVmHWM:\t   57344 kB\n"),
            Some(58_720_256)
        );
        for bad in [
            "",
            "VmHWM:",
            "VmHWM: x kB",
            "VmHWM: 1 MB",
            "VmHWM: 18446744073709551615 kB",
        ] {
            assert_eq!(parse_peak(bad), None, "{bad}");
        }
        assert_eq!(peak_memory().is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn the_file_is_written_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let reports = dir.path().join("reports");
        let path = report().write(&reports).unwrap();
        assert_eq!(path, reports.join("run-20260131T235959Z-4f2a.report.json"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("}\n"));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert_eq!(std::fs::read_dir(&reports).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let below = path.join("x");
        let error = report().write(&below).unwrap_err().to_string();
        assert!(error.starts_with("can't use the folder "), "{error}");
    }
}
