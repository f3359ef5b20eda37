//! A run in a few lines: what was read, what became of the rows, what was decided, and where to look.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::as_of::AsOf;
use super::model::{Items, RunReport, Throughput};
use super::plan::PlanReport;
use super::text::Lines;
use crate::report::human;

impl RunReport {
    /// The run in a few lines, for people. `reports` are the files that the report was written to. The error is not
    /// among them: it is printed by itself.
    pub(crate) fn summary(&self, reports: &[&PathBuf]) -> String {
        let mut lines = Lines::default();
        lines.add("run", &format!("{}, {}", self.run_id, self.ending()));
        if let Some(part) = &self.shard {
            let shard = format!("{} (seed {})", part.shard, part.shard.seed);
            lines.add("shard", &shard);
        }
        if let Some(preflight) = &self.preflight {
            lines.add("preflight", &preflight.in_words());
        }
        if let Some(retry) = &self.retry {
            lines.add("retry", &retry.words());
        }
        self.tell_read(&mut lines);
        self.tell_aside(&mut lines);
        self.tell_sent(&mut lines);
        self.tell_results(&mut lines);
        self.tell_decided(&mut lines);
        self.tell_work(&mut lines);
        self.tell_files(reports, &mut lines);
        if let Some(next) = &self.next {
            lines.add("to go on", next);
        }
        lines.into_text()
    }

    /// Items of a file that was imported alone, of which nothing was read.
    fn items_alone(&self) -> Option<Items> {
        self.import.as_ref().and_then(|import| import.items)
    }

    /// What was read, and what of it was no good row.
    fn tell_read(&self, lines: &mut Lines) {
        let c = &self.counts;
        let files = match self.sources.as_slice() {
            [] => String::new(),
            [one] => match &one.record {
                Some(record) => format!(" from {}, whose records are `{record}`", one.path),
                None => format!(" from {}", one.path),
            },
            several => format!(" in {}", human::counted(several.len() as u64, "file")),
        };
        let source = format!("{}{files}", human::bytes(self.bytes.source));
        let items = self.items_alone();
        if items.is_none() {
            lines.rows("read", c.read, &source);
        }
        if c.skipped > 0 {
            lines.rows("skipped", c.skipped, "lines that are not records");
        }
        if c.filtered > 0 {
            lines.rows("filtered", c.filtered, "left out by a filter");
        }
        let along = match c.taken_along {
            0 => String::new(),
            1 => "and 1 more line that they took along".to_owned(),
            more => format!("and {} more lines that they took along", human::count(more)),
        };
        if items.is_none() {
            lines.rows("rejected", c.rejected, &along);
        }
        lines.faults(&self.rejects, c.read, "rejected");
        if self.warned.rows > 0 {
            let why = "break a rule that warns, and go out unless something else is wrong";
            lines.rows("warned", self.warned.rows, why);
            for line in self.warned.lines() {
                lines.add("", &line);
            }
        }
    }

    /// Good rows that are not sent, and what they show together.
    fn tell_aside(&self, lines: &mut Lines) {
        let c = &self.counts;
        if c.superseded > 0 {
            let why = match self.as_of {
                Some(_) => "not the one in force, or the same row as another",
                None => "the same row as another, sent once",
            };
            lines.rows("superseded", c.superseded, why);
        }
        for (at, line) in (self.as_of.iter().flat_map(AsOf::lines)).enumerate() {
            lines.add(if at == 0 { "as of" } else { "" }, &line);
        }
        if let Some(aliases) = &self.aliases {
            lines.add("aliases", &aliases.line());
        }
        if c.other_shards > 0 {
            let why = "another shard sends them, or says what is wrong with them";
            lines.rows("elsewhere", c.other_shards, why);
        }
        if c.withheld > 0 {
            let why = "not sent, as they would delete somebody and too many do";
            lines.rows("withheld", c.withheld, why);
        }
        if c.carried > 0 {
            let why = "at fault, and named in the upload without any change";
            lines.rows("carried", c.carried, why);
        }
        if c.unchanged > 0 {
            lines.rows("unchanged", c.unchanged, "the server has them as they are");
        }
        if let Some(delta) = &self.delta {
            lines.delta(delta);
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
    }

    /// What was sent.
    fn tell_sent(&self, lines: &mut Lines) {
        let c = &self.counts;
        if self.upload.is_none() && c.sent == 0 {
            return;
        }
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

    /// What the server made of it.
    fn tell_results(&self, lines: &mut Lines) {
        let (c, items) = (&self.counts, self.items_alone());
        if c.unknown > 0 {
            let why = "not told here what became of them";
            lines.rows("unknown", c.unknown, why);
        } else if c.sent > 0 {
            lines.rows("accepted", c.accepted, "");
            lines.rows("failed", c.failed, "");
            lines.faults(&self.refused, c.sent, "refused");
            if c.unprocessed > 0 {
                lines.rows("unprocessed", c.unprocessed, "no result known");
            }
        }
        if let Some(canary) = &self.canary {
            lines.canary(canary);
        }
        if let Some(items) = items {
            lines.rows("accepted", items.accepted, "items of the file");
            lines.rows("failed", items.failed, "");
        }
        if let Some(deletions) = &self.deletions {
            lines.deletions(deletions, c.sent > 0 || items.is_some());
        }
    }

    /// What guards and people said to it.
    fn tell_decided(&self, lines: &mut Lines) {
        for guard in &self.guards {
            lines.guard(guard);
        }
        if let Some(approval) = &self.approval {
            let guards = approval.overrode.join(", ");
            let (hash, at) = (&approval.hash, approval.at);
            lines.add("approval", &format!("{hash} at {at:.0}, over {guards}"));
        }
        for (at, line) in (self.plan.iter().flat_map(PlanReport::lines)).enumerate() {
            lines.add(if at == 0 { "plan" } else { "" }, &line);
        }
    }

    /// What is to be said of the run itself.
    fn tell_work(&self, lines: &mut Lines) {
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
    }

    /// What was written, and where.
    fn tell_files(&self, reports: &[&PathBuf], lines: &mut Lines) {
        if let Some(path) = &self.rejects_file
            && self.rejects.rows + self.refused.rows > 0
        {
            let path = human::path(path);
            lines.add(
                "rejects",
                &format!("{path}, the rows as they were, with their faults"),
            );
            if let Some(path) = &self.rejects_workbook {
                let path = human::path(path);
                lines.add("workbook", &format!("{path}, the same rows for Excel"));
            }
        }
        if let Some(path) = &self.results_file {
            lines.add("results", &human::path(path));
        }
        if let Some(path) = self
            .withheld
            .as_ref()
            .and_then(|withheld| withheld.file.as_ref())
        {
            let path = human::path(path);
            lines.add(
                "held back",
                &format!("{path}, the keys of the rows that would delete"),
            );
        }
        for path in reports {
            lines.add("report", &human::path(path));
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
