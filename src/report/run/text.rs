//! The report as a few lines, for people.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::counts::CodeCounts;
use super::model::{Decision, Outcome, RunReport, Throughput};
use crate::report::human;

/// How many codes the summary names.
const TOP_CODES: usize = 5;

impl Outcome {
    /// What it means, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed, nothing was imported",
            Outcome::SucceededWithRejects => "succeeded, some rows were rejected",
            Outcome::StoppedByGuard => "stopped by a guard, nothing was sent",
            Outcome::ImportFailed => "the import job failed at the server",
            Outcome::StillRunning => "the import job is still running at the server",
            Outcome::Unknown => "unknown, the import was asked for and the answer lost",
            Outcome::Interrupted => "interrupted, nothing was imported",
        }
    }
}

impl RunReport {
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
