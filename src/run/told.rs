//! What the steps have learned, as the run report shows it: the one place that fills the report in.

use super::again::Again;
use super::prepare::Prepared;
use super::put::Sending;
use super::survey::Facts;
use crate::guard::{Decided, Deletion};
use crate::report::run::{
    Decision, Deletions, GuardDecision, Hash, RetryReport, RowCounts, RunReport, SourceFile,
};
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
    report.warnings.extend(facts.warnings.iter().cloned());
    report.hierarchies = facts.hierarchies.clone();
    report.counts.rejected = facts.rejects.rows;
    report.counts.taken_along = facts.rejects.taken_along;
    report.counts.would_send = facts.good;
    report.rejects = facts.rejects.clone();
    report.bytes.body = facts.digest.length;
    report.body_hash = Some(hash(facts));
}

/// What a retry sends again. It counts those rows alone: the others were told of by the run that read them.
pub(super) fn again(report: &mut RunReport, facts: &Facts, again: &Again) {
    report.counts = RowCounts {
        read: facts.good,
        would_send: facts.good,
        ..RowCounts::default()
    };
    report.bytes.body = facts.digest.length;
    report.body_hash = Some(hash(facts));
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

fn hash(facts: &Facts) -> Hash {
    Hash {
        kind: "xxh3_128_of_blocks",
        hex: facts.digest.hex(),
    }
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
    report.bytes.sent = sending.sent;
    if let Some(body) = sending.body {
        report.bytes.body = body;
    }
}

/// The storage has the whole body: what would be sent is sent, and nothing is known of it yet.
pub(super) fn stored(report: &mut RunReport) {
    report.counts.sent = std::mem::take(&mut report.counts.would_send);
    report.counts.unprocessed = report.counts.sent;
}

/// What the ledger keeps of rows and body.
pub(super) fn known(report: &RunReport) -> Known {
    Known {
        counts: report.counts,
        body_bytes: report.bytes.body,
        body_hash: report.body_hash.as_ref().map(|hash| hash.hex.clone()),
        deletion_off: 0,
    }
}
