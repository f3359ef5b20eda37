//! A report as a page reads it: what stands in its JSON and nothing else, so that an old report can be shown as well as
//! one of this moment. What one does not have is nothing.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

use crate::guard::changes::Figure;
use crate::report::run::{Outcome, Told};
use crate::text::shown::shown;

/// Text of a report as it may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Text, D::Error> {
        let text = String::deserialize(d)?;
        Ok(Text(shown(&text).into_owned()))
    }
}

/// Text whose line breaks are our own.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(pub Vec<String>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Lines, D::Error> {
        let text = String::deserialize(d)?;
        let lines = text.lines().map(|line| shown(line).into_owned());
        Ok(Lines(lines.collect()))
    }
}

/// A type whose members are read, or are nothing.
macro_rules! read {
    ($($(#[$doc:meta])* $name:ident { $($member:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name {
            $(pub $member: $kind,)*
        }
    )*};
}

read! {
    /// A run report.
    Report {
        run_id: Text,
        rostream_version: Text,
        pipeline: Pipeline,
        target: Text,
        started_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        time_zone: Text,
        outcome: Option<Outcome>,
        ending: Option<Text>,
        exit_code: Option<u8>,
        error: Option<Error>,
        warnings: Vec<Text>,
        sources: Vec<Source>,
        counts: Counts,
        rejects: Faults,
        refused: Faults,
        rejects_file: Option<Text>,
        rejects_workbook: Option<Text>,
        results_file: Option<Text>,
        bytes: Bytes,
        body_hash: Option<Hash>,
        seconds: Seconds,
        throughput: Throughput,
        pace: Vec<Moment>,
        peak_memory: Option<u64>,
        hierarchies: Vec<Hierarchy>,
        drift: Option<Drift>,
        guards: Vec<Guard>,
        as_of: Option<AsOf>,
        deletions: Option<Deletions>,
        plan: Option<Plan>,
        withheld: Option<Withheld>,
        delta: Option<Delta>,
        upload: Option<Upload>,
        import: Option<Import>,
        next: Option<Text>,
    }
    Pipeline { name: Text, file: Text }
    Error { code: Text, message: Lines, retryable: bool }
    Source { path: Text, bytes: u64, compression: Text, format: Text }
    Counts {
        read: u64,
        skipped: u64,
        filtered: u64,
        rejected: u64,
        superseded: u64,
        other_shards: u64,
        withheld: u64,
        carried: u64,
        unchanged: u64,
        deletes: u64,
        would_send: u64,
        sent: u64,
        accepted: Option<u64>,
        failed: Option<u64>,
        unprocessed: u64,
        unknown: u64,
    }
    Faults { faults: u64, by_column: Vec<Fault>, other_codes: u64 }
    Bytes { source: u64, body: u64, sent: u64 }
    Hash { kind: Text, hex: Text }
    Seconds {
        survey: Option<f64>,
        generate: Option<f64>,
        upload: Option<f64>,
        import: Option<f64>,
        wait: Option<f64>,
        results: Option<f64>,
        total: Option<f64>,
    }
    Throughput { rows_per_second: Option<u64>, mb_per_second: Option<f64> }
    Moment { phase: Text, at: f64, rows: u64, bytes: u64 }
    Hierarchy {
        name: Text,
        nodes: u64,
        in_trees: u64,
        roots: u64,
        depth: Depth,
        span: Span,
        findings: Vec<Finding>,
    }
    Depth { max: u64, levels: Vec<u64>, deeper: u64 }
    Span { managers: u64, max: u64, median: u64, limit: u64, wide: u64, spread: Vec<Spans> }
    Spans { from: u64, to: u64, managers: u64 }
    Finding { code: Text, decision: Text, rows: u64 }
    Drift { compared_with: Option<Text>, found: Vec<Drifted> }
    Drifted { column: Text, follows: Text, message: Text }
    Guard { guard: Text, limit: Text, count: u64, exact: bool, of: Option<u64>, decision: Text }
    AsOf {
        at: Text,
        keys: u64,
        in_force: u64,
        ahead: u64,
        leavers: u64,
        none_in_force: Seen,
        ties: Seen,
        doubtful: Seen,
        future_rows: Seen,
        never_rows: Seen,
        faulty_rows: Seen,
        overlaps: Seen,
        gaps: Seen,
        several_primary: Seen,
    }
    Seen { count: u64 }
    Deletions { told: Option<u64>, off_because: Option<Text>, in_a_row: u32, expected: Option<u64>, exact: bool }
    Plan {
        hash: Text,
        file: Option<Text>,
        expires_at: Option<Timestamp>,
        verdict: Text,
        changes: Option<Changes>,
        people: Option<Total>,
        leavers: Option<Total>,
    }
    Total { before: Option<u64>, after: Option<u64> }
    Changes {
        create: Option<Figure>,
        update: Option<Figure>,
        create_or_update: Option<u64>,
        delete: Deleted,
        leave: Option<Figure>,
        columns: Vec<Planned>,
    }
    Deleted { by_row: Option<Figure>, unnamed: Option<Figure>, gone: Option<Figure> }
    Planned {
        column: Text,
        changed: Option<ToldFigure>,
        filled_before: Option<Told>,
        emptied: Option<ToldFigure>,
    }
    Withheld { rows: u64, unnamed: Option<u64>, file: Option<Text> }
    Delta {
        people: u64,
        creates: u64,
        updates: u64,
        deletes: u64,
        unchanged: u64,
        full: Option<Text>,
        deletion_off: Option<Text>,
        columns: Vec<Changed>,
    }
    Upload { attempts: u32, encoding: Text }
    Import { ticket_status: Option<Text>, trace_ids: Vec<Text> }
}

impl Report {
    /// A time on the clocks of the pipeline's time zone.
    pub(super) fn clock(&self, time: Timestamp) -> String {
        let zone = TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC);
        let time = time.to_zoned_datetime(zone);
        time.strftime("%-d %B %Y, %H:%M %Z").to_string()
    }
}

/// Faults of a column.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    pub column: Text,
    #[serde(default)]
    pub renamed_to: Option<Text>,
    pub code: Text,
    pub faults: Told,
}

/// A figure that may be too small to be told.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct ToldFigure {
    pub count: Told,
    #[serde(default)]
    pub exact: bool,
}

/// Changes of a column.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Changed {
    pub column: Text,
    pub changed: Told,
    pub filled_before: Told,
    pub emptied: Told,
}
