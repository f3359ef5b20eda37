//! What the steps have learned, as the run report shows it: the one place that fills the report in.

use super::prepare::Prepared;
use super::put::Sending;
use super::survey::Facts;
use crate::guard::{Decided, Deletion};
use crate::report::run::{Canary, Decision, Deletions, GuardDecision, Hash, RunReport, SourceFile};
use crate::state::ledger::Known;

pub(super) fn prepared(report: &mut RunReport, prepared: &Prepared) {
    report.sources = prepared
        .source
        .origins()
        .iter()
        .map(|origin| SourceFile {
            path: origin.name.clone(),
            bytes: origin.size().unwrap_or(0),
            compression: origin.compression().unwrap_or("none").to_owned(),
            format: prepared.header.format().to_owned(),
        })
        .collect();
    report.bytes.source = report.sources.iter().map(|s| s.bytes).sum();
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
    report.as_of = facts.as_of.clone();
    report.warnings.extend(facts.warnings.iter().cloned());
    report.hierarchies = facts.hierarchies.clone();
    report.counts.rejected = facts.rejects.rows;
    report.counts.taken_along = facts.rejects.taken_along;
    report.counts.would_send = facts.good;
    report.rejects = facts.rejects.clone();
    report.bytes.body = facts.digest.length;
    report.body_hash = Some(Hash {
        kind: "xxh3_128_of_blocks",
        hex: facts.digest.hex(),
    });
}

/// What the guards decided, and what follows of it for the rows that are not in the upload.
pub(super) fn decided(report: &mut RunReport, decided: &Decided) {
    let rulings = decided.rulings.iter();
    report.guards = rulings
        .map(|ruling| GuardDecision {
            guard: ruling.guard,
            limit: ruling.limit.clone(),
            count: ruling.count,
            of: ruling.of,
            decision: match ruling.stops {
                true => Decision::Stopped,
                false => Decision::Passed,
            },
        })
        .collect();
    report.deletions = deletions(decided.deletion);
}

/// What the import is told of items that no row of the upload names.
pub(super) fn deletions(deletion: Deletion) -> Option<Deletions> {
    let (off_because, in_a_row) = match deletion {
        Deletion::NotAsked => return None,
        Deletion::On => (None, 0),
        Deletion::Off(runs) => (Some("rows were rejected"), runs),
    };
    Some(Deletions {
        mode: "implicit",
        told: None,
        off_because,
        in_a_row,
    })
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
    let counts = &mut report.counts;
    if report
        .canary
        .as_ref()
        .is_some_and(|canary| canary.sent_again)
    {
        // Its rows are among those that were sent now, and what becomes of them is told anew.
        counts.would_send += std::mem::take(&mut counts.sent);
        (counts.accepted, counts.failed, counts.unprocessed) = (0, 0, 0);
    }
    let stored = std::mem::take(&mut counts.would_send);
    counts.sent += stored;
    counts.unprocessed += stored;
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
        deletion_off: 0,
        canary: report.canary.clone(),
    }
}
