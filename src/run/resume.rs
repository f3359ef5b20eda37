//! Taking up, in another process, a job whose ticket the ledger kept.
//!
//! The source is surveyed again, which tells where every row sent is. Only where it comes to the very body that
//! was sent are results joined to lines: a wrong line is worse than none.

use std::time::Instant;

use super::decide::import_spec;
use super::delete::{delete, take_deletions};
use super::import::{asked, waited};
use super::pass::survey;
use super::prepare::{Prepared, prepare, source};
use super::results::take_results;
use super::retry::narrow;
use super::surveyed::{Facts, Surveyed};
use super::withhold::withhold;
use super::{Job, RunError, decide, import_from, told};
use crate::config::Rejects;
use crate::guard::Deletion;
use crate::orgvue::{Client, Ticket};
use crate::report::human;
use crate::report::progress::Phase;
use crate::report::rejects;
use crate::report::run::{CodeCounts, RunReport, SourceFile};
use crate::state::Entry;
use crate::state::entry::{Kind, Step};
use crate::text::chain;

/// Waits for a job and takes its results in, as the run that began it would have done.
///
/// # Errors
/// As [`super::run`].
pub(crate) async fn resume(
    job: Job<'_>,
    entry: &Entry,
    ticket: Ticket,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let started = Instant::now();
    let ended = take_up(&job, entry, ticket, report).await;
    report.seconds.total = Some(started.elapsed());
    ended?;
    decide::refused(&job, report)
}

async fn take_up(
    job: &Job<'_>,
    entry: &Entry,
    ticket: Ticket,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let Some(connection) = job.connection.clone() else {
        return Ok(());
    };
    let client = Client::new(connection, &job.pipeline.timeouts)?;
    remember(entry, report);
    let deletes = job.pipeline.import.implicit_delete.is_on() && entry.kind == Kind::Run;
    let deletion = match (deletes, entry.deletion_off, entry.counts.rejected) {
        (false, 0, _) => Deletion::NotAsked,
        (true, 0, _) => Deletion::On,
        (true, runs, 1..) => Deletion::Off(runs),
        (_, runs, _) => Deletion::Withheld(runs),
    };
    report.deletions = told::deletions(deletion, None);
    if entry.counts.withheld > 0 || matches!(deletion, Deletion::Withheld(_)) {
        let file = job.pipeline.rejects.withheld(false);
        report.withheld = Some(told::held_back(
            entry.counts.withheld,
            None,
            file.exists().then_some(&*file),
        ));
    }
    report.import = Some(asked(&import_spec(job.pipeline, deletion)));
    job.progress.begin(Phase::Wait, None);
    if let (true, Some(delta)) = (entry.deleting, &job.delta) {
        report.counts = entry.counts;
        let ticket = waited(job, &client, ticket, report).await?;
        return take_deletions(job, delta, &client, &ticket, report).await;
    }
    // Only a ticket tells that a job is completed. An address of results may be there before they are.
    let ticket = waited(job, &client, ticket, report).await?;
    if entry.kind == Kind::Import {
        return import_from::count(job, &client, &ticket, report).await;
    }
    let found = match again(job, entry, report).await {
        Ok(found) => found,
        Err(why) => {
            report.warnings.push(format!(
                "results can't be joined to lines of the source: {why}"
            ));
            if report.counts.deletes > 0 {
                let left = "who is gone is not deleted by this run; the next one finds that again";
                report.warnings.push(left.to_owned());
            }
            return take_results(job, &client, &ticket, None, report).await;
        }
    };
    let (prepared, mut surveyed) = found;
    let known = Some((&prepared, &mut surveyed));
    let joined = take_results(job, &client, &ticket, known, report).await;
    let deletes = std::mem::take(&mut surveyed.differ.1.places);
    let rejects = surveyed.rejects.finish()?;
    report.tell_refused(&rejects.refused);
    joined?;
    match &job.delta {
        // A run that is over has deleted, or was not to.
        Some(delta)
            if !deletes.is_empty()
                && report.withheld.is_none()
                && entry.step != Step::Ended
                && decide::may_delete(job, report) =>
        {
            delete(job, delta, &prepared, &client, &deletes, report).await
        }
        _ => Ok(()),
    }
}

/// What the first process knew.
fn remember(entry: &Entry, report: &mut RunReport) {
    report.resumed = true;
    report.started_at = entry.started_at;
    report.counts = entry.counts;
    report.canary = entry.canary.clone();
    if report.canary.is_none() {
        report.counts.accepted = 0;
        report.counts.failed = 0;
        report.counts.unprocessed = entry.counts.sent;
    }
    report.bytes.body = entry.body_bytes;
    report.rejects = CodeCounts {
        rows: entry.counts.rejected,
        taken_along: entry.counts.taken_along,
        ..CodeCounts::default()
    };
    report.sources = entry
        .sources
        .iter()
        .map(|source| SourceFile {
            path: source.path.clone(),
            bytes: source.bytes,
            compression: String::new(),
            format: String::new(),
            record: None,
        })
        .collect();
    report.bytes.source = report.sources.iter().map(|s| s.bytes).sum();
}

/// Surveys the source again. Its rejects take the place of the rejects file when the body has turned out to be the
/// same: what the first process wrote is not given up for those of another file.
async fn again(
    job: &Job<'_>,
    entry: &Entry,
    report: &mut RunReport,
) -> Result<(Prepared, Surveyed), String> {
    let stated = &job.pipeline.rejects;
    match survey_again(job, entry, stated).await {
        Ok((prepared, facts, surveyed)) => {
            let (counts, body) = (report.counts, report.bytes.body);
            told::prepared(report, &job.pipeline.source.awaiting, &prepared);
            match job.again {
                Some(again) => told::again(report, &facts, again),
                None => told::surveyed(report, &facts),
            }
            report.counts = counts;
            report.bytes.body = body;
            report.rejects_file = Some(human::whole(surveyed.rejects.path()));
            report.rejects_workbook = surveyed.rejects.workbook().map(human::whole);
            Ok((prepared, surveyed))
        }
        Err(why) => {
            report.rejects_file = rejects::standing(&stated.path).map(|path| human::whole(&path));
            report.rejects_workbook = stated.workbook.as_deref().map(human::whole);
            Err(why)
        }
    }
}

async fn survey_again(
    job: &Job<'_>,
    entry: &Entry,
    rejects: &Rejects,
) -> Result<(Prepared, Facts, Surveyed), String> {
    let words = |error: RunError| chain(&error);
    if entry.kind == Kind::Canary {
        return Err("its rows are the first of a run that did not go on".to_owned());
    }
    let found = source(job.pipeline).await.map_err(|error| chain(&error))?;
    if found.is_once() {
        return Err("it was a stream, which can't be read again".to_owned());
    }
    let (prepared, mut first) = prepare(job, rejects).await.map_err(words)?;
    first.rejects.hold_back();
    let (mut survey, ended) = survey(job, &prepared, first, None).await;
    ended.map_err(words)?;
    let withheld = match job.again {
        Some(again) => again.withheld,
        None => entry.counts.withheld > 0,
    };
    if withheld {
        let file = job.pipeline.rejects.withheld(false);
        let held_back = withhold(job, &prepared, &mut survey, None, &file).await;
        held_back.map_err(words)?;
    }
    if let Some(again) = job.again {
        let narrowed = narrow(job, &prepared, &mut survey, again, None).await;
        narrowed.map_err(words)?;
    }
    let facts = survey.facts();
    let sent = facts.good + facts.carried;
    let same = facts.body_hash == entry.body_hash && sent == entry.counts.sent;
    if !same {
        return Err(format!(
            "{} the upload that was sent",
            match entry.pipeline.hash == job.pipeline.origin.hash {
                true => "the source or a lookup file no longer produces",
                false => "the pipeline file has changed and no longer produces",
            }
        ));
    }
    let mut surveyed = survey.finish().map_err(words)?;
    if let Some(canary) = entry.canary.as_ref().filter(|canary| !canary.sent_again) {
        // The results are those of the others alone.
        let carried = &surveyed.amended.carried;
        let sent = surveyed.lines.sent();
        let sent = sent.filter(|record| carried.binary_search(record).is_err());
        let first: Vec<u32> = sent.take(canary.rows as usize).collect();
        surveyed.leave_out(&first, 0);
    }
    Ok((prepared, facts, surveyed))
}
