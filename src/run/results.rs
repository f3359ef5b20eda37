//! Results: each joined to the file, line and key of its record, failures written down with the server's
//! reason.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::{Stream, StreamExt, pin_mut};

use super::prepare::Prepared;
use super::survey::{Surveyed, write_reject};
use super::{Job, RunError};
use crate::batch::Fault;
use crate::engine::blocks::{Blocks, Header, Reading};
use crate::engine::order::in_order;
use crate::engine::plan::Plan;
use crate::orgvue::spec::{IdentifySpec, MatchResults};
use crate::orgvue::{Client, ItemResult, OrgvueError, Ticket};
use crate::report::progress::Phase;
use crate::report::rejects::IMPORT_STAGE;
use crate::report::run::RunReport;
use crate::source::Source;

/// Different reasons kept word by word. A server that words every failure differently must not fill the
/// memory; what comes later is told without its words.
const REASONS: usize = 20_000;

/// What became of the records sent.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Records that the server took.
    pub accepted: u64,
    /// Records that it refused.
    pub failed: u64,
    /// Records and why they were refused, as an index of `reasons`.
    refused: Vec<(u32, u32)>,
    reasons: Vec<Reason>,
    /// Refused results that belong to no record that we know.
    pub unmatched: u64,
    /// Results beyond the records sent.
    pub surplus: u64,
    /// How results were matched.
    pub by_key: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reason {
    name: String,
    message: String,
}

/// Joins results to records. Where the records are not `known` any more, every refused one is unmatched.
///
/// # Errors
/// Results that can't be read.
pub(crate) async fn join(
    results: impl Stream<Item = Result<ItemResult, OrgvueError>>,
    known: Option<(&Surveyed, &Plan)>,
    matching: MatchResults,
    sent: u64,
) -> Result<Joined, OrgvueError> {
    let mut joined = Joined::default();
    let mut reasons: HashMap<Reason, u32> = HashMap::new();
    let mut order = known.map(|(surveyed, _)| surveyed.lines.sent());
    let keys = known.and_then(|(surveyed, plan)| Some((surveyed.keys.as_ref()?, plan)));
    let mut first = true;
    let mut seen = 0u64;
    pin_mut!(results);
    while let Some(result) = results.next().await {
        let result = result?;
        if first {
            joined.by_key = keys.is_some()
                && match matching {
                    MatchResults::Auto => result.key.is_some(),
                    MatchResults::Key => true,
                    MatchResults::Order => false,
                };
            first = false;
        }
        let in_turn = order.as_mut().and_then(Iterator::next);
        seen += 1;
        if seen > sent {
            joined.surplus += 1;
            continue;
        }
        if result.ok {
            joined.accepted += 1;
            continue;
        }
        joined.failed += 1;
        let record = match (keys, &result.key) {
            (Some((keys, plan)), Some(key)) if joined.by_key => keys.find(plan.key_hash(key)),
            _ if joined.by_key => None,
            _ => in_turn,
        };
        let Some(record) = record else {
            joined.unmatched += 1;
            continue;
        };
        let reason = joined.reason(&mut reasons, &result);
        joined.refused.push((record, reason));
    }
    Ok(joined)
}

impl Joined {
    fn reason(&mut self, known: &mut HashMap<Reason, u32>, result: &ItemResult) -> u32 {
        let name = match result.errors.first() {
            Some(error) if !error.name.is_empty() => error.name.clone(),
            _ => result.status.clone().unwrap_or_else(|| "failed".to_owned()),
        };
        let messages: Vec<&str> = result
            .errors
            .iter()
            .map(|e| e.message.as_str())
            .filter(|m| !m.is_empty())
            .collect();
        let message = match messages.is_empty() {
            true => "refused by the server without a reason".to_owned(),
            false => messages.join("; "),
        };
        let mut reason = Reason { name, message };
        if !known.contains_key(&reason) && self.reasons.len() >= REASONS {
            reason.name = "failed".to_owned();
            reason.message = "refused by the server; its words are in the results".to_owned();
        }
        let next = self.reasons.len() as u32;
        *known.entry(reason).or_insert_with_key(|reason| {
            self.reasons.push(reason.clone());
            next
        })
    }
}

/// Fetches the results and joins them to their rows, where these are known.
pub(super) async fn take_results(
    job: &Job<'_>,
    client: &Client,
    ticket: &Ticket,
    known: Option<(&Prepared, &mut Surveyed)>,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let began = Instant::now();
    job.progress.begin(Phase::Results, None);
    let joined = join_results(job, client, ticket, known, report).await;
    report.seconds.results = Some(began.elapsed());
    joined
}

async fn join_results(
    job: &Job<'_>,
    client: &Client,
    ticket: &Ticket,
    known: Option<(&Prepared, &mut Surveyed)>,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let settings = &job.pipeline.import;
    let sent = report.counts.sent;
    let key = known.as_ref().and_then(|(prepared, _)| {
        match (&settings.identify_by, prepared.plan.key()) {
            (Some(IdentifySpec::IdKey(name)), Some(key)) if **key == **name => Some(&**key),
            (Some(IdentifySpec::AutoId(true)), Some(key)) => Some(&**key),
            _ => None,
        }
    });
    let mut joined = join(
        client.results(ticket, key, job.pipeline.limits.result),
        known
            .as_ref()
            .map(|(prepared, surveyed)| (&**surveyed, &*prepared.plan)),
        settings.match_results,
        sent,
    )
    .await
    .map_err(RunError::Results)?;
    report.counts.accepted = joined.accepted;
    report.counts.failed = joined.failed;
    report.counts.unprocessed = sent.saturating_sub(joined.accepted + joined.failed);
    if joined.surplus > 0 {
        report.warnings.push(format!(
            "the server gave {} results more than rows were sent",
            joined.surplus
        ));
    }
    let left = report.counts.unprocessed;
    if left > 0 {
        report.warnings.push(format!(
            "the server gave no result for {left} of the {sent} rows sent"
        ));
    }
    let Some((prepared, surveyed)) = known else {
        if joined.failed > 0 {
            report.warnings.push(format!(
                "{} refused rows are not in the rejects file, as their lines are not known",
                joined.failed
            ));
        }
        return Ok(());
    };
    if joined.unmatched > 0 {
        report.warnings.push(format!(
            "{} refused results carry a key that no row sent has; they are not in the rejects file",
            joined.unmatched
        ));
    }
    if joined.failed > joined.unmatched {
        let (source, plan) = (prepared.source.clone(), prepared.plan.clone());
        write_refused(
            &mut joined,
            surveyed,
            prepared.reading.clone(),
            &prepared.header,
            source,
            plan,
            job.workers,
        )
        .await
        .map_err(|error| RunError::Refused(Box::new(error)))?;
    }
    Ok(())
}

/// Writes the refused records into the rejects file as the source had them, which takes one more reading
/// of the source, parsed and nothing more.
///
/// # Errors
/// A source that can't be read again; a rejects file that can't be written.
pub(crate) async fn write_refused(
    joined: &mut Joined,
    surveyed: &mut Surveyed,
    reading: Reading,
    header: &Header,
    source: Arc<Source>,
    plan: Arc<Plan>,
    workers: usize,
) -> Result<(), RunError> {
    joined.refused.sort_unstable();
    joined.refused.dedup_by_key(|(record, _)| *record);
    if joined.refused.is_empty() {
        return Ok(());
    }
    source.is_unchanged()?;
    let blocks = Blocks::open(source.clone(), reading).await?;
    let mut refused = joined.refused.iter().peekable();
    let mut first = 0u32;
    let parse = move |block: crate::format::block::Block| {
        let (file, line) = (block.file, block.line);
        plan.parse(block).map(|batch| (file, line, batch))
    };
    let batches = in_order(blocks, source.clone(), workers, parse);
    pin_mut!(batches);
    while refused.peek().is_some() {
        let Some(next) = batches.next().await else {
            break;
        };
        let (file, line, batch) = next?;
        let end = first + batch.len() as u32;
        while let Some((record, reason)) = refused.next_if(|(record, _)| *record < end) {
            let row = (record - first) as usize;
            let reason = &joined.reasons[*reason as usize];
            let fault = Fault {
                row: row as u32,
                stage: IMPORT_STAGE,
                column: Arc::from(""),
                code: Cow::Owned(reason.name.clone()),
                message: Cow::Owned(reason.message.clone()),
            };
            let name = &source.origins()[file as usize].name;
            let place = line + u64::from(batch.row(row).line);
            write_reject(
                &mut surveyed.rejects,
                header,
                &batch,
                row,
                name,
                place,
                &[fault],
            )?;
        }
        first = end;
    }
    surveyed.rejects.flush()?;
    Ok(())
}
