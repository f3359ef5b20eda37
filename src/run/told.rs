//! What the steps have learned, as the run report shows it: the one place that fills the report in.

use std::path::Path;

use super::again::Again;
use super::decide::{Basis, Judged};
use super::prepare::Prepared;
use super::put::Sending;
use super::surveyed::Facts;

use crate::delta::tally::{Changes, ColumnChanges};
use crate::guard::changes::Figure;
use crate::guard::{Decision, Deletion};
use crate::report::human;
use crate::report::run::{
    Approval, Canary, ColumnReport, Deletions, DeltaReport, GuardDecision, Hash, RetryReport,
    RowCounts, RunReport, SourceFile, Told, Withheld,
};
use crate::source::effect_spec::Awaiting;
use crate::source::table::INSTRUCTION;
use crate::state::ledger::Known;

pub(super) fn prepared(report: &mut RunReport, awaiting: &Awaiting, prepared: &Prepared) {
    if let Some(first) = prepared.source.origins().first() {
        let remarks = awaiting.remarks(&first.name, prepared.header.format());
        report.warnings.extend(remarks);
    }
    report.warnings.extend(instructed(prepared));
    report.sources = prepared
        .source
        .origins()
        .iter()
        .map(|origin| SourceFile {
            path: origin.name.clone(),
            bytes: origin.size().unwrap_or(0),
            compression: origin.compression().unwrap_or("none").to_owned(),
            format: prepared.header.format().to_owned(),
            record: origin.record().map(str::to_owned),
        })
        .collect();
    report.bytes.source = report.sources.iter().map(|s| s.bytes).sum();
}

/// What a line of the HCM Data Loader says is to be done with it is no property, and one that says DELETE is nobody to
/// send.
fn instructed(prepared: &Prepared) -> Option<String> {
    let sent = prepared.engine.sent_names();
    let is_sent = sent.iter().flatten().any(|name| **name == *INSTRUCTION);
    (prepared.header.format() == "hdl" && is_sent).then(|| {
        format!(
            "`{INSTRUCTION}` is sent like a property, and lines that say DELETE like all others: leave both out with the \
             stages `- filter: row[\"{INSTRUCTION}\"] == \"MERGE\"` and `- drop: [\"{INSTRUCTION}\"]`"
        )
    })
}

pub(super) fn surveyed(report: &mut RunReport, facts: &Facts) {
    // Of a stream, and of a sample, the size is known only now.
    for (told, bytes) in report.sources.iter_mut().zip(&facts.sources) {
        told.bytes = *bytes;
    }
    report.bytes.source = report.sources.iter().map(|s| s.bytes).sum();
    report.counts.read = facts.read;
    report.counts.skipped = facts.skipped;
    report.counts.filtered = facts.filtered;
    report.counts.superseded = facts.superseded;
    report.counts.other_shards = facts.other_shards;
    report.as_of = facts.as_of.clone();
    report.aliases = facts.aliases;
    report.rehires = facts.rehires.clone();
    report.warnings.extend(facts.warnings.iter().cloned());
    report.hierarchies = facts.hierarchies.clone();
    recounted(report, facts);
    report.warnings.extend(untold(report.delta.as_ref()));
}

/// What changes where rows are held back that had been counted.
pub(super) fn recounted(report: &mut RunReport, facts: &Facts) {
    report.counts.rejected = facts.rejects.rows;
    report.counts.taken_along = facts.rejects.taken_along;
    report.counts.withheld = facts.withheld;
    report.counts.carried = facts.carried;
    report.counts.unchanged = facts.unchanged;
    if let Some(known) = &facts.changes {
        report.counts.deletes = known.changes.deletes;
        report.delta = Some(DeltaReport {
            full: known.full.as_ref().map(ToString::to_string),
            deletion_off: known.deletes.off,
            ..delta(&known.changes, &report.sensitive)
        });
    }
    report.counts.would_send = facts.good + facts.carried + report.counts.deletes;
    report.rejects = facts.rejects.clone().without_few(&report.sensitive);
    report.warned = facts.warned.clone().without_few(&report.sensitive);
    report.bytes.body = facts.digest.length;
    report.body_hash = hash(facts);
}

/// What a retry sends again. It counts those rows alone: the others were told of by the run that read them.
pub(super) fn again(report: &mut RunReport, facts: &Facts, again: &Again) {
    report.counts = RowCounts {
        read: facts.good,
        would_send: facts.good,
        ..RowCounts::default()
    };
    report.bytes.body = facts.digest.length;
    report.body_hash = hash(facts);
    if facts.good < again.rows.len() as u64 {
        let why =
            "rows that delete are not sent again: a retry never deletes, and the next run does";
        report.warnings.push(why.to_owned());
    }
    report.retry = Some(RetryReport {
        of: again.of.clone(),
        rows: again.rows.len() as u64,
        passing: again.rows.iter().filter(|row| row.passing).count() as u64,
        along: facts.good.saturating_sub(again.rows.len() as u64),
        attempt: again.rows.iter().map(|row| row.attempts).max().unwrap_or(0) + 1,
    });
}

fn hash(facts: &Facts) -> Option<Hash> {
    facts.body_hash.clone().map(|hex| Hash {
        kind: "xxh3_128_of_blocks",
        hex,
    })
}

/// Columns of which the server is not told that their values became empty.
fn untold(delta: Option<&DeltaReport>) -> Option<String> {
    let columns = &delta?.columns;
    let untold: Vec<String> = columns
        .iter()
        .filter(|column| column.untold != Told::Count(0))
        .map(|column| format!("`{}` ({})", column.column, column.untold))
        .collect();
    (!untold.is_empty()).then(|| {
        format!(
            "values became empty, and the server is not told and keeps what it has: {}; `clear` names the columns that may \
             be cleared",
            untold.join(", ")
        )
    })
}

/// What differs. Of `sensitive` columns small counts are not told.
fn delta(changes: &Changes, sensitive: &[String]) -> DeltaReport {
    let told = |column: &ColumnChanges| {
        let is_sensitive = sensitive.iter().any(|name| **name == *column.name);
        let told = |count| Told::of(count, is_sensitive);
        ColumnReport {
            column: column.name.to_string(),
            changed: told(column.changed),
            filled_before: told(column.filled_before),
            emptied: told(column.emptied),
            untold: told(column.untold),
        }
    };
    let columns = changes.columns.iter().filter(|column| column.changed > 0);
    DeltaReport {
        people: changes.people,
        creates: changes.creates,
        updates: changes.updates,
        pending: changes.pending,
        deletes: changes.deletes,
        unchanged: changes.unchanged,
        full: None,
        deletion_off: None,
        columns: columns.map(told).collect(),
    }
}

/// What the guards decided, and what follows of it for the rows that are not in the upload.
pub(super) fn decided(report: &mut RunReport, judged: &Judged, basis: &Basis) {
    let decided = &judged.decided;
    let rulings = decided.rulings.iter();
    report.guards = rulings
        .map(|ruling| GuardDecision {
            guard: ruling.guard.clone(),
            limit: ruling.limit.clone(),
            count: ruling.count,
            exact: ruling.exact,
            of: ruling.of,
            decision: ruling.decision,
        })
        .collect();
    report.warnings.extend(decided.warnings.iter().cloned());
    report.deletions = deletions(decided.deletion, decided.changes.implicit);
    let approved = decided.rulings.iter();
    let overrode: Vec<String> = approved
        .filter(|ruling| ruling.decision == Decision::Approved)
        .map(|ruling| ruling.guard.clone())
        .collect();
    let goes_on = judged.content.is_some() && decided.stop.is_none();
    let approval = basis.approval.as_ref().filter(|_| goes_on);
    report.approval = approval.map(|approval| Approval {
        hash: approval.hash.clone(),
        offered_at: approval.offered_at,
        at: report.started_at,
        overrode,
    });
}

/// What the import is told of items that no row of the upload names, and how many of them there may be.
pub(super) fn deletions(deletion: Deletion, expected: Option<Figure>) -> Option<Deletions> {
    let off_because = match deletion {
        Deletion::NotAsked => return None,
        Deletion::On => None,
        Deletion::Off(_) => Some("rows were rejected"),
        Deletion::Withheld(_) => Some("more would be deleted than guard.max_delete allows"),
    };
    let expected = expected.filter(|_| off_because.is_none());
    Some(Deletions {
        mode: "implicit",
        told: None,
        off_because,
        in_a_row: deletion.off(),
        expected: expected.map(|figure| figure.count),
        exact: expected.is_some_and(|figure| figure.exact),
    })
}

/// What is held back as too many would be deleted.
pub(super) fn withheld(
    report: &mut RunReport,
    facts: &Facts,
    unnamed: Figure,
    file: Option<&Path>,
) {
    recounted(report, facts);
    report.withheld = Some(held_back(facts.withheld, Some(unnamed.count), file));
}

/// So many rows held back, their keys in this file.
pub(super) fn held_back(rows: u64, unnamed: Option<u64>, file: Option<&Path>) -> Withheld {
    Withheld {
        rows,
        unnamed,
        file: file.map(human::whole),
    }
}

pub(super) fn sent(report: &mut RunReport, sending: Sending) {
    report.upload = sending.upload;
    report.seconds.generate = sending.generate;
    report.seconds.upload = sending.took;
    report.bytes.sent += sending.sent;
    if let Some(body) = sending.body {
        report.bytes.body = body;
    }
}

/// The storage has the whole body: what would be sent is sent, and nothing is known of it yet.
pub(super) fn stored(report: &mut RunReport) {
    let again = (report.canary.as_ref()).is_some_and(|canary| canary.sent_again);
    let counts = &mut report.counts;
    if again {
        // Its rows are among those that were sent now, and what becomes of them is told anew.
        counts.would_send += std::mem::take(&mut counts.sent);
        (counts.accepted, counts.failed, counts.unprocessed) = (0, 0, 0);
    }
    let stored = counts.would_send - counts.deletes;
    counts.would_send = counts.deletes;
    counts.sent += stored;
    counts.unprocessed += stored;
}

/// The storage has the body of the deletions.
pub(super) fn deletions_stored(report: &mut RunReport) {
    let counts = &mut report.counts;
    let deletes = std::mem::take(&mut counts.would_send);
    counts.sent += deletes;
    counts.unprocessed += deletes;
}

/// One more upload of a run.
pub(super) fn sent_more(report: &mut RunReport, sending: Sending) {
    let times = [
        (&mut report.seconds.generate, sending.generate),
        (&mut report.seconds.upload, sending.took),
    ];
    for (told, took) in times {
        if let Some(took) = took {
            *told.get_or_insert_default() += took;
        }
    }
    report.bytes.sent += sending.sent;
    report.bytes.body += sending.body.unwrap_or(0);
    report.upload = report.upload.take().or(sending.upload);
}

/// The first rows are sent, before the others.
pub(super) fn canary(report: &mut RunReport, canary: Canary) {
    let counts = &mut report.counts;
    counts.would_send -= canary.rows;
    counts.sent += canary.rows;
    counts.unprocessed += canary.rows;
    report.canary = Some(canary);
}

/// What became of them.
pub(super) fn canary_results(report: &mut RunReport, accepted: u64, failed: u64) {
    let Some(canary) = &mut report.canary else {
        return;
    };
    canary.accepted = accepted;
    canary.failed = failed;
    canary.unprocessed = canary.rows.saturating_sub(accepted + failed);
    let counts = &mut report.counts;
    (counts.accepted, counts.failed) = (accepted, failed);
    counts.unprocessed = canary.unprocessed;
}

/// What is said where the results go to an address of the user's own.
pub(super) const ELSEWHERE: &str =
    "what became of the rows is not known here: the results are at `result_location`";

/// What became of the rows that were sent last is told to somebody else.
pub(super) fn results_elsewhere(report: &mut RunReport) {
    report.counts.unknown += std::mem::take(&mut report.counts.unprocessed);
}

/// What the ledger keeps of rows and body.
pub(super) fn known(report: &RunReport) -> Known {
    Known {
        counts: report.counts,
        body_bytes: report.bytes.body,
        body_hash: report.body_hash.as_ref().map(|hash| hash.hex.clone()),
        canary: report.canary.clone(),
    }
}
