//! What a report says in words: how the run ended, and the lines that a summary is made of.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::counts::{CodeCounts, ColumnCount};
use super::few::Told;
use super::model::{
    Canary, Deletions, DeltaReport, GuardDecision, Outcome, PreflightReport, RetryReport,
    RunReport, Unchecked,
};
use crate::guard::Decision;
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
            Outcome::Misconfigured => "a setting has to be changed, nothing was imported",
            Outcome::SucceededWithRejects => "succeeded, some rows were rejected",
            Outcome::StoppedByGuard => "stopped by a guard, nothing was sent",
            Outcome::ImportFailed => "the import job failed at the server",
            Outcome::Refused => "the server refused too much, what it accepted stands",
            Outcome::StillRunning => "the import job is still running at the server",
            Outcome::Detached => "detached, the import job goes on at the server",
            Outcome::Unknown => "unknown, the import was requested and no usable answer came",
            Outcome::Interrupted => "interrupted, nothing was imported",
        }
    }
}

impl RetryReport {
    pub(super) fn words(&self) -> String {
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
            (Outcome::SucceededWithRejects, _) if self.only_withheld() => {
                "succeeded, and what would delete too many was held back"
            }
            (Outcome::Succeeded | Outcome::SucceededWithRejects, None)
                if self.counts.unknown > 0 =>
            {
                "uploaded, nothing was imported"
            }
            (Outcome::StoppedByGuard, None) if self.upload.is_some() => {
                "stopped by a guard, nothing was imported"
            }
            (Outcome::Failed, None) if self.canary.is_some() => {
                "failed, only the rows that were sent first were imported"
            }
            (Outcome::Interrupted, None) if self.canary.is_some() => {
                "interrupted, only the rows that were sent first were imported"
            }
            (outcome, _) => outcome.describe(),
        }
    }

    /// Whether deletions were held back, and nothing else went wrong.
    fn only_withheld(&self) -> bool {
        let counts = &self.counts;
        self.withheld.is_some() && counts.rejected + counts.failed + counts.unprocessed == 0
    }
}

impl PreflightReport {
    /// What was checked, and what could not be, with the reason.
    pub(crate) fn in_words(&self) -> String {
        let mut parts = Vec::new();
        if !self.checked.is_empty() {
            parts.push(format!("{} checked", self.checked.join(", ")));
        }
        if !self.unchecked.is_empty() {
            let unchecked = self.unchecked.iter();
            let each = unchecked.map(|Unchecked { what, why }| format!("{what} ({why})"));
            let each: Vec<String> = each.collect();
            parts.push(format!("could not be checked: {}", each.join(", ")));
        }
        parts.join("; ")
    }
}

/// Lines of a summary: a word, a count where there is one, and what there is to say of it.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn add(&mut self, word: &str, text: &str) {
        let _ = writeln!(self.0, "{word:<12}{}", shown(text));
    }

    pub(super) fn rows(&mut self, word: &str, rows: u64, more: &str) {
        let line = format!("{word:<12}{:>13}  {}", human::count(rows), shown(more));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A guard that did not simply let the run go on.
    pub(super) fn guard(&mut self, guard: &GuardDecision) {
        let word = match guard.decision {
            Decision::Passed => return,
            Decision::Stopped => "stopped by",
            Decision::Approved => "approved",
            Decision::Withheld => "withheld by",
        };
        let count = human::count(guard.count);
        let more = if guard.exact { "" } else { " or more" };
        let of = guard.of.map(|of| format!(" of {}", human::count(of)));
        let (name, of, limit) = (&guard.guard, of.unwrap_or_default(), &guard.limit);
        self.add(word, &format!("{name}: {count}{more}{of}, {limit}"));
    }

    /// What differs from what the server has.
    pub(super) fn delta(&mut self, delta: &DeltaReport) {
        let parts = [
            (delta.creates, "new"),
            (delta.updates, "changed"),
            (delta.deletes, "gone"),
        ];
        let parts = parts.map(|(rows, word)| format!("{} {word}", human::count(rows)));
        let people = match delta.people {
            1 => "the 1 person".to_owned(),
            people => format!("the {} people", human::count(people)),
        };
        self.add(
            "difference",
            &format!("{}, to {people} at the target", parts.join(", ")),
        );
        if let Some(why) = &delta.full {
            self.add("full", &format!("everything is sent, as {why}"));
        }
        if let Some(why) = delta.deletion_off {
            self.add(
                "deleted",
                &format!("nobody who is gone, in this run, as {why}"),
            );
        }
    }

    /// The rows that went before the others.
    pub(super) fn canary(&mut self, canary: &Canary) {
        let (rows, run) = (human::counted(canary.rows, "row"), &canary.run_id);
        let (accepted, failed) = (human::count(canary.accepted), human::count(canary.failed));
        let again = match canary.sent_again {
            true => "; sent again with all others, or they would be deleted",
            false => "",
        };
        let text = format!(
            "{rows} before the others: {accepted} accepted, {failed} failed ({run}){again}"
        );
        self.add("canary", &text);
    }

    /// What became of items that no row names, by an upload that was `sent` or by one that would be.
    pub(super) fn deletions(&mut self, deletions: &Deletions, sent: bool) {
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
                let text = format!(
                    "not told by the server, of the items that no row names{}",
                    deletions.may_be()
                );
                self.add("deleted", &text);
            }
            (None, None) => {
                if let Some(items) = deletions.expected {
                    let more = if deletions.exact { "" } else { "or more " };
                    let words = format!("{more}items that no row names");
                    self.rows("would delete", items, &words);
                }
            }
        }
    }

    /// The faults of rows that became `what`, of `all` that could: a line for every column and code.
    pub(super) fn faults(&mut self, counts: &CodeCounts, all: u64, what: &str) {
        if let [only] = &counts.by_column[..]
            && counts.other_codes == 0
            && counts.rows == all
            && only.faults.count().is_some()
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
        let numbers: Vec<String> = named.iter().map(|c| told(c.faults)).collect();
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
        let kinds = counts.by_column.len() - named.len();
        let listed: Option<u64> = named.iter().map(|c| c.faults.count()).sum();
        let Some(listed) = listed else {
            // What is left would tell what is not told.
            if kinds > 0 || counts.other_codes > 0 {
                self.add("", "and more of these lines");
            }
            return;
        };
        let rest = counts.faults.saturating_sub(listed);
        if rest > 0 && !named.is_empty() {
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

/// A count as the summary has it.
fn told(count: Told) -> String {
    count
        .count()
        .map_or_else(|| count.to_string(), human::count)
}

impl Deletions {
    /// How many there may be, where that is known.
    fn may_be(&self) -> String {
        match (self.expected, self.exact) {
            (None, _) => String::new(),
            (Some(items), true) => format!(": {}", human::count(items)),
            (Some(items), false) => {
                format!(
                    ": {} or more, by the number of the last run",
                    human::count(items)
                )
            }
        }
    }
}

impl CodeCounts {
    /// The most frequent fault, in words.
    pub(crate) fn commonest(&self) -> Option<String> {
        // That a few rows have it would be as good as their number.
        let first = self.by_column.first();
        first
            .filter(|count| count.faults.count().is_some())
            .map(ColumnCount::reason)
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
