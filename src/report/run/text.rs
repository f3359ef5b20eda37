//! The report as a few lines, for people.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::counts::{CodeCounts, ColumnCount};
use super::model::{Decision, Deletions, Outcome, RetryReport, RunReport, Throughput};
use crate::report::human;
use crate::text::shown::{shown, shown_within};

/// How many pairs of column and code the summary names.
const MOST_FAULTS: usize = 10;

/// Columns of a terminal that the name of a column, or a code, may take.
const NAME: usize = 60;

impl Outcome {
    /// What it means, for people.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed, nothing was imported",
            Outcome::Misconfigured => "a setting does not fit the source, nothing was imported",
            Outcome::SucceededWithRejects => "succeeded, some rows were rejected",
            Outcome::StoppedByGuard => "stopped by a guard, nothing was sent",
            Outcome::ImportFailed => "the import job failed at the server",
            Outcome::Refused => "the server refused too much, what it accepted stands",
            Outcome::StillRunning => "the import job is still running at the server",
            Outcome::Unknown => "unknown, the import was requested and no usable answer came",
            Outcome::Interrupted => "interrupted, nothing was imported",
        }
    }
}

impl RetryReport {
    fn words(&self) -> String {
        let mut text = format!(
            "of run {}, attempt {} at {}",
            self.of,
            self.attempt,
            human::counted(self.rows, "row")
        );
        if self.passing > 0 {
            let _ = write!(
                text,
                ", {} refused for a passing reason",
                human::count(self.passing)
            );
        }
        if self.along > 0 {
            let rows = human::counted(self.along, "later row");
            let _ = write!(text, ", with {rows} of the same keys");
        }
        text
    }
}

impl RunReport {
    /// The run in a few lines, for people. `report` is where the report was written. The error is not
    /// among them: it is printed by itself.
    pub(crate) fn summary(&self, report: Option<&Path>) -> String {
        let mut lines = Lines::default();
        let c = &self.counts;

        lines.add("run", &format!("{}, {}", self.run_id, self.ending()));
        if let Some(retry) = &self.retry {
            lines.add("retry", &retry.words());
        }
        let files = match self.sources.as_slice() {
            [] => String::new(),
            [one] => format!(" from {}", one.path),
            several => format!(" in {}", human::counted(several.len() as u64, "file")),
        };
        let source = format!("{}{files}", human::bytes(self.bytes.source));
        lines.rows("read", c.read, &source);
        if c.skipped > 0 {
            lines.rows("skipped", c.skipped, "lines that are not records");
        }
        if c.filtered > 0 {
            lines.rows("filtered", c.filtered, "left out by a filter");
        }
        let along = match c.taken_along {
            0 => String::new(),
            1 => "and 1 more line swallowed by a wrong quote".to_owned(),
            more => format!(
                "and {} more lines swallowed by wrong quotes",
                human::count(more)
            ),
        };
        lines.rows("rejected", c.rejected, &along);
        lines.faults(&self.rejects, c.read, "rejected");
        if c.superseded > 0 {
            let why = "the same row as another, sent once";
            lines.rows("superseded", c.superseded, why);
        }
        for hierarchy in &self.hierarchies {
            lines.add("hierarchy", &hierarchy.shape());
            if let Some(found) = hierarchy.found() {
                lines.add("", &found);
            }
        }
        if c.would_send > 0 {
            lines.rows("held back", c.would_send, "valid, but not sent");
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
            // Of what did not arrive nothing was sent.
            let body = match c.sent {
                0 => attempts.trim_start().to_owned(),
                _ => format!("{}{attempts}{to}", human::bytes(self.bytes.body)),
            };
            lines.rows("sent", c.sent, &body);
        }
        if c.sent > 0 {
            lines.rows("accepted", c.accepted, "");
            lines.rows("failed", c.failed, "");
            lines.faults(&self.refused, c.sent, "refused");
            if c.unprocessed > 0 {
                lines.rows("unprocessed", c.unprocessed, "no result known");
            }
        }
        if let Some(deletions) = &self.deletions {
            lines.deletions(deletions, c.sent > 0);
        }
        for guard in &self.guards {
            if guard.decision == Decision::Stopped {
                let (count, of) = (human::count(guard.count), human::count(guard.of));
                let text = format!("{}: {count} of {of}, {}", guard.guard, guard.limit);
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
        if let Some(path) = &self.results_file {
            lines.add("results", &human::path(path));
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
    pub(crate) fn ending(&self) -> &'static str {
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
                "interrupted while the import was being requested, whether it began is not known"
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
        let _ = writeln!(self.0, "{word:<12}{}", shown(text));
    }

    fn rows(&mut self, word: &str, rows: u64, more: &str) {
        let line = format!("{word:<12}{:>13}  {}", human::count(rows), shown(more));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// What became of items that no row names, by an upload that was `sent` or by one that would be.
    fn deletions(&mut self, deletions: &Deletions, sent: bool) {
        match (deletions.off_because, deletions.told) {
            (Some(why), _) => {
                let off = if sent { "was off" } else { "would be off" };
                let again = match deletions.in_a_row {
                    0 | 1 => String::new(),
                    runs => format!(", the {} in a row", human::ordinal(runs)),
                };
                let text = format!("deletion {off} for this run{again}, as {why}");
                self.add("deleted", &text);
            }
            (None, Some(items)) => self.rows("deleted", items, "items that no row names"),
            (None, None) if sent => {
                self.add(
                    "deleted",
                    "not told by the server, of the items that no row names",
                );
            }
            (None, None) => {}
        }
    }

    /// The faults of rows that became `what`, of `all` that could: a line for every column and code.
    fn faults(&mut self, counts: &CodeCounts, all: u64, what: &str) {
        if let [only] = &counts.by_column[..]
            && counts.other_codes == 0
            && counts.rows == all
            && all > 1
        {
            let rows = human::count(all);
            let text = format!(
                "all {rows} rows were {what} for one reason: {}",
                only.reason()
            );
            self.add("", &text);
            return;
        }
        let named = &counts.by_column[..counts.by_column.len().min(MOST_FAULTS)];
        let columns: Vec<String> = named.iter().map(ColumnCount::place).collect();
        let codes: Vec<String> = named.iter().map(|c| shown_within(&c.code, NAME)).collect();
        let numbers: Vec<String> = named.iter().map(|c| human::count(c.faults)).collect();
        let widest = |texts: &[String]| texts.iter().map(|t| t.width()).max().unwrap_or(0);
        let [column, code, number] = [&columns, &codes, &numbers].map(|texts| widest(texts));
        for ((place, word), faults) in columns.iter().zip(&codes).zip(&numbers) {
            let gap = |text: &str, width: usize| " ".repeat(width.saturating_sub(text.width()) + 2);
            let (after, beside) = (gap(place, column), gap(word, code));
            let _ = writeln!(
                self.0,
                "{:12}{place}{after}{word}{beside}{faults:>number$}",
                ""
            );
        }
        let told: u64 = named.iter().map(|c| c.faults).sum();
        let rest = counts.faults.saturating_sub(told);
        if rest > 0 && !named.is_empty() {
            let kinds = counts.by_column.len() - named.len();
            let more = match counts.other_codes {
                0 => human::count(kinds as u64),
                _ => format!("more than {}", human::count(kinds as u64)),
            };
            let faults = human::counted(rest, "fault");
            self.add(
                "",
                &format!("and {more} more of these lines, {faults} in all"),
            );
        }
    }
}

impl CodeCounts {
    /// The most frequent fault, in words.
    pub(crate) fn commonest(&self) -> Option<String> {
        self.by_column.first().map(ColumnCount::reason)
    }
}

impl ColumnCount {
    /// The column in words: `Austritt (terminationDate)`, the source's own name before that of a stage.
    fn place(&self) -> String {
        let column = match &*self.column {
            "" => return "(row)".to_owned(),
            column => shown_within(column, NAME),
        };
        match &self.renamed_to {
            Some(name) => format!("{column} ({})", shown_within(name, NAME)),
            None => column,
        }
    }

    /// Column and code as a part of a sentence: `Austritt`, renamed to `terminationDate` (date_format).
    fn reason(&self) -> String {
        let code = &self.code;
        let column = shown_within(&self.column, NAME);
        match &self.renamed_to {
            _ if column.is_empty() => code.clone(),
            None => format!("`{column}` ({code})"),
            Some(name) => format!(
                "`{column}`, renamed to `{}` ({code})",
                shown_within(name, NAME)
            ),
        }
    }
}
