//! Results: each joined to the file, line and key of its record, failures written down with the server's
//! reason.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::{Stream, StreamExt, TryStreamExt, pin_mut};

use super::again::Again;
use super::delta::{Delta, result_key};
use super::items;
use super::places::{Alike, Places};
use super::prepare::Prepared;
use super::reason::Reason;
use super::surveyed::Surveyed;
use super::{Job, RunError, told};
use crate::delta::place::Part;
use crate::delta::told::Told;
use crate::engine::blocks::Blocks;
use crate::engine::order::in_order;
use crate::engine::process::Engine;
use crate::format::Reading;
use crate::orgvue::spec::MatchResults;
use crate::orgvue::{Client, ItemResult, OrgvueError, Ticket};
use crate::report::progress::Phase;
use crate::report::rejects::Records;
use crate::report::results::{Draft, Item};
use crate::report::run::RunReport;
use crate::source::Source;
use crate::state::rows::{Refused, Rows};
use crate::text::{chain, counted};
use crate::whole::unique::Unique;

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
    /// Refused results that name no record that was sent.
    pub unmatched: u64,
    /// Refused results matched by their place alone.
    pub by_order: u64,
    /// Refused results that name no record, and whose place tells nothing.
    pub nameless: u64,
    /// Results tied to no row by a key, refused or not, whose places do not tell whose they are.
    pub placeless: u64,
    /// Results, surplus ones included.
    pub seen: u64,
    /// Results beyond the records sent.
    pub surplus: u64,
    /// Of these, deletions: items that no record names.
    pub deleted: u64,
    /// What the place of a result without a key tells.
    places: Places,
    /// Results that do not stand in the order of the records, by those that carry keys.
    moved: bool,
}

/// How one result is matched.
enum Match {
    Record(u32),
    /// By its place, if that turns out to tell anything.
    Place(Option<u32>),
    Nothing,
}

/// Finds the records that results are about. By its key a result names its record. Without one it may be the record in
/// whose place it stands, which is believed only where the pipeline file says so, has no key, or all results say the
/// same, where there are as many results as records, and where no result that has a key stands in another's place.
struct Matching<'a> {
    matching: MatchResults,
    keys: Option<(&'a Unique, &'a Engine)>,
    moved: bool,
}

impl Matching<'_> {
    fn find(&mut self, result: &ItemResult, in_turn: Option<u32>) -> Match {
        let key = result
            .key
            .as_deref()
            .filter(|_| self.matching != MatchResults::Order);
        let (Some((keys, engine)), Some(key)) = (self.keys, key) else {
            return match self.matching {
                MatchResults::Key if self.keys.is_some() => Match::Nothing,
                _ => Match::Place(in_turn),
            };
        };
        match keys.find(engine.key_hash(key)) {
            Some(record) => {
                self.moved |= Some(record) != in_turn;
                Match::Record(record)
            }
            None => Match::Nothing,
        }
    }
}

/// Joins results to records. Where the records are not `known` any more, every refused one is unmatched. Keys of results
/// tell records apart only where they are `telling`.
///
/// # Errors
/// Results that can't be read.
pub(crate) async fn join(
    results: impl Stream<Item = Result<ItemResult, OrgvueError>>,
    known: Option<(&Surveyed, &Engine)>,
    (matching, telling): (MatchResults, bool),
    sent: u64,
    mut draft: Option<&mut Draft>,
) -> Result<Joined, OrgvueError> {
    let mut joined = Joined::default();
    let mut reasons: HashMap<Reason, u32> = HashMap::new();
    let mut order = known.map(|(surveyed, _)| surveyed.lines.sent());
    let engine = known.map(|(_, engine)| engine);
    let mut matching = Matching {
        matching,
        keys: known
            .filter(|_| telling)
            .and_then(|(surveyed, engine)| Some((surveyed.keys.as_ref()?, engine))),
        moved: false,
    };
    let (mut in_place, mut alike, mut placed) = (Vec::new(), Alike::default(), 0);
    pin_mut!(results);
    while let Some(result) = results.next().await {
        let result = result?;
        let in_turn = order.as_mut().and_then(Iterator::next);
        joined.seen += 1;
        if joined.seen > sent {
            joined.surplus += 1;
            joined.deleted += u64::from(result.ok && result.action.as_deref() == Some("delete"));
            if let Some(draft) = &mut draft {
                draft.push(&Item::of(&result, None, false));
            }
            continue;
        }
        let found = matching.find(&result, in_turn);
        alike.see(&result);
        placed += u64::from(matches!(found, Match::Place(Some(_))));
        if let Some(draft) = &mut draft {
            let (record, by_place) = match found {
                Match::Record(record) => (Some(record), false),
                Match::Place(record) => (record, true),
                Match::Nothing => (None, false),
            };
            draft.push(&Item::of(&result, record, by_place));
        }
        if result.ok {
            joined.accepted += 1;
            continue;
        }
        joined.failed += 1;
        let reason = joined.reason(&mut reasons, &result, engine);
        match found {
            Match::Record(record) => joined.refused.push((record, reason)),
            Match::Place(Some(record)) => in_place.push((record, reason)),
            Match::Nothing | Match::Place(None) => joined.unmatched += 1,
        }
    }
    joined.moved = matching.moved;
    // What the server deletes by itself comes after the records, which does not move them.
    let complete = joined.seen - joined.deleted == sent && !matching.moved;
    joined.places = match (matching.matching, complete) {
        (MatchResults::Order, true) => Places::Order,
        (MatchResults::Auto, true) if !alike.differ => Places::Alike {
            action: alike.action,
        },
        (MatchResults::Auto, true) if matching.keys.is_none() => Places::Presumed,
        _ => Places::Nothing,
    };
    match joined.places {
        Places::Order | Places::Presumed => {
            joined.by_order = in_place.len() as u64;
            joined.refused.append(&mut in_place);
        }
        Places::Alike { .. } => joined.refuse_alike(in_place),
        Places::Nothing => joined.nameless = in_place.len() as u64,
    }
    joined.placeless = match joined.places {
        Places::Order => 0,
        _ => placed,
    };
    Ok(joined)
}

impl Joined {
    /// Takes down that every one of these records was refused. Why, is certain only where there is but one reason.
    fn refuse_alike(&mut self, mut records: Vec<(u32, u32)>) {
        if records.iter().any(|(_, reason)| *reason != records[0].1) {
            let reasons = records.iter().map(|(_, at)| &self.reasons[*at as usize]);
            let untold = Reason::untold(reasons.clone().all(|reason| reason.passing));
            let at = self.reasons.len() as u32;
            self.reasons.push(untold);
            for (_, reason) in &mut records {
                *reason = at;
            }
        }
        self.refused.append(&mut records);
    }

    /// The number of a result's reason. Columns are those that the `engine` knows: the server's words may be anything.
    fn reason(
        &mut self,
        known: &mut HashMap<Reason, u32>,
        result: &ItemResult,
        engine: Option<&Engine>,
    ) -> u32 {
        let mut reason = Reason::of(result, engine);
        if !known.contains_key(&reason) && self.reasons.len() >= REASONS {
            reason = Reason::untold(reason.passing);
        }
        let next = self.reasons.len() as u32;
        *known.entry(reason).or_insert_with_key(|reason| {
            self.reasons.push(reason.clone());
            next
        })
    }

    /// The rows that were refused, each with how often that was, where `again` says how often it was before.
    fn rows(&self, again: Option<&Again>) -> Vec<Refused> {
        let row = |&(record, reason): &(u32, u32)| Refused {
            record,
            attempts: again.map_or(0, |again| again.attempts(record)) + 1,
            passing: self.reasons[reason as usize].passing,
        };
        let mut rows: Vec<Refused> = self.refused.iter().map(row).collect();
        rows.sort_unstable();
        rows.dedup_by_key(|row| row.record);
        rows
    }

    /// Says how results were matched where that leaves any doubt.
    pub(super) fn warnings(&self, sent: u64) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.surplus > 0 {
            warnings.push(format!(
                "the server gave {} more than rows were sent",
                counted(self.surplus, "result")
            ));
        }
        let left = sent.saturating_sub(self.seen);
        if left > 0 {
            warnings.push(format!(
                "the server gave no result for {left} of the {} sent",
                counted(sent, "row")
            ));
        }
        if self.unmatched > 0 {
            warnings.push(match self.unmatched {
                1 => "1 refused result carries no key, or one that no row sent has; it is not in the rejects file".to_owned(),
                many => format!(
                    "{many} refused results carry no key, or one that no row sent has; they are not in the rejects file"
                ),
            });
        }
        if self.by_order > 0 {
            let rows = match self.by_order {
                1 => "1 refused row was matched to its line".to_owned(),
                many => format!("{many} refused rows were matched to their lines"),
            };
            warnings.push(format!(
                "{rows} by the order of the results, for no key tells whose they are; the server does not promise that order"
            ));
        }
        if self.nameless > 0 {
            let why = self.why_not_by_order(sent);
            warnings.push(match self.nameless {
                1 => format!(
                    "1 refused row is not in the rejects file: its result carries no key, and {why}"
                ),
                many => format!(
                    "{many} refused rows are not in the rejects file: their results carry no key, and {why}"
                ),
            });
        }
        warnings
    }

    /// Why the place of a result tells nothing.
    fn why_not_by_order(&self, sent: u64) -> String {
        let results = self.seen - self.deleted;
        match results == sent {
            _ if self.moved => "the results are not in the order of the rows".to_owned(),
            true => "the server does not promise the order of the results; where it is that of the rows, say \
                     `match_results: order`"
                .to_owned(),
            false => format!(
                "there are {} for {}",
                counted(results, "result"),
                counted(sent, "row")
            ),
        }
    }

    /// Says what the results file can't tell of the rows, as it is not known which results are theirs.
    fn warning_of_file(&self, sent: u64) -> Option<String> {
        (self.placeless > 0).then(|| {
            let results = counted(self.placeless, "result");
            format!(
                "the results file does not tell which ids and rows belong together where no key does ({results}): {}",
                self.why_not_by_order(sent)
            )
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
    if job.pipeline.has_own_results() {
        told::results_elsewhere(report);
        report.warnings.push(told::ELSEWHERE.to_owned());
        return Ok(());
    }
    let began = Instant::now();
    job.progress.begin(Phase::Results, None);
    let joined = join_results(job, client, ticket, known, report).await;
    report.seconds.results = Some(began.elapsed());
    joined
}

/// Reads the results of an import of so many rows, and joins them to their rows.
///
/// # Errors
/// Results that can't be read.
pub(super) async fn joined(
    job: &Job<'_>,
    client: &Client,
    ticket: &Ticket,
    known: Option<(&Prepared, &Surveyed)>,
    sent: u64,
) -> Result<Joined, OrgvueError> {
    joined_with(job, client, ticket, known, sent, None, None).await
}

/// The same, and takes down for the store what the server accepted, where there is one, and every result for the results
/// file.
async fn joined_with(
    job: &Job<'_>,
    client: &Client,
    ticket: &Ticket,
    known: Option<(&Prepared, &Surveyed)>,
    sent: u64,
    mut told: Option<(&Delta, &mut Told)>,
    draft: Option<&mut Draft>,
) -> Result<Joined, OrgvueError> {
    let settings = &job.pipeline.import;
    let telling = result_key(job.pipeline).filter(|_| known.is_some() || told.is_some());
    // A key that tells nothing of the records is for the results file alone.
    let prepared = known.map(|(prepared, _)| prepared);
    let key = match draft.is_some() && told.is_none() {
        true => telling.or_else(|| items::key_column(job, prepared)),
        false => telling,
    };
    let results = client.results(ticket, key, job.pipeline.limits.result);
    join(
        results.inspect_ok(|result| {
            if let Some((delta, told)) = &mut told {
                delta.see(told, result, job);
            }
        }),
        known.map(|(prepared, surveyed)| (surveyed, &*prepared.engine)),
        (settings.match_results, telling.is_some()),
        sent,
        draft,
    )
    .await
}

async fn join_results(
    job: &Job<'_>,
    client: &Client,
    ticket: &Ticket,
    known: Option<(&Prepared, &mut Surveyed)>,
    report: &mut RunReport,
) -> Result<(), RunError> {
    // Of rows that another import took before, the results are known.
    let before = report.canary.as_ref().filter(|canary| !canary.sent_again);
    let (accepted, failed, rows) = before.map_or((0, 0, 0), |before| {
        (before.accepted, before.failed, before.rows)
    });
    let sent = report.counts.sent - rows;
    let rows = known
        .as_ref()
        .map(|(prepared, surveyed)| (*prepared, &**surveyed));
    let mut told = match &job.delta {
        Some(delta) => delta.told(Part::Rows)?.map(|told| (delta, told)),
        None => None,
    };
    let seen = told.as_mut().map(|(delta, told)| (*delta, told));
    let mut draft = items::draft(job)?;
    let joined = joined_with(job, client, ticket, rows, sent, seen, draft.as_mut()).await;
    let mut joined = joined.map_err(RunError::Results)?;
    if let Some((delta, told)) = told {
        delta.settle(told, Part::Rows, job, report);
    }
    let counts = &mut report.counts;
    counts.accepted = accepted + joined.accepted;
    counts.failed = failed + joined.failed;
    counts.unprocessed = counts.sent.saturating_sub(counts.accepted + counts.failed);
    if let Some(deletions) = &mut report.deletions
        && joined.deleted > 0
    {
        deletions.told = Some(joined.deleted);
        joined.surplus -= joined.deleted;
    }
    let Some((prepared, surveyed)) = known else {
        // Of these no line is known, whatever their results carry.
        joined.unmatched = 0;
        report.warnings.extend(joined.warnings(sent));
        if joined.failed > 0 {
            report.warnings.push(match joined.failed {
                1 => {
                    "1 refused row is not in the rejects file, as its line is not known".to_owned()
                }
                many => format!(
                    "{many} refused rows are not in the rejects file, as their lines are not known"
                ),
            });
        }
        return items::write(job, draft, Places::Nothing, None, report).await;
    };
    report.warnings.extend(joined.warnings(sent));
    if draft.is_some() {
        report.warnings.extend(joined.warning_of_file(sent));
    }
    keep_refused(job, &joined, report);
    if !joined.refused.is_empty() {
        let (source, engine) = (prepared.source.clone(), prepared.engine.clone());
        write_refused(
            &mut joined,
            surveyed,
            prepared.reading.clone(),
            source,
            engine,
            job.workers,
        )
        .await
        .map_err(|error| RunError::Refused(Box::new(error)))?;
    }
    let known = Some((prepared, &*surveyed));
    items::write(job, draft, joined.places, known, report).await
}

/// Writes down which rows were refused, so that they can be sent again. Where that fails, they can't, and the run is as
/// good as before.
fn keep_refused(job: &Job<'_>, joined: &Joined, report: &mut RunReport) {
    let Some(ledger) = job.ledger else {
        return;
    };
    let before = job.again.map_or_else(Vec::new, |again| again.rows.clone());
    let unknown = joined.unmatched + joined.nameless;
    // What is only presumed is good enough to be looked at, and not to be sent again.
    let (refused, unknown) = match joined.places {
        Places::Presumed => (Vec::new(), unknown + joined.by_order),
        _ => (joined.rows(job.again), unknown),
    };
    let rows = Rows::new(ledger.entry().run_id, before).with_results(refused, unknown);
    if let Err(error) = ledger.rows(&rows) {
        let why = chain(&error);
        report.warnings.push(format!(
            "the rows that were refused can't be retried: {why}"
        ));
    }
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
    source: Arc<Source>,
    engine: Arc<Engine>,
    workers: usize,
) -> Result<(), RunError> {
    joined.refused.sort_unstable();
    joined.refused.dedup_by_key(|(record, _)| *record);
    if joined.refused.is_empty() {
        return Ok(());
    }
    source.is_unchanged().await?;
    let blocks = Blocks::open(source.clone(), reading).await?;
    let mut refused = joined.refused.iter().peekable();
    let mut first = 0u32;
    let parse = move |block: crate::format::block::Block| {
        let (file, line) = (block.file, block.line);
        engine.parse(block).map(|batch| (file, line, batch))
    };
    let batches = in_order(blocks, source.clone(), workers, parse);
    pin_mut!(batches);
    while refused.peek().is_some() {
        let Some(next) = batches.next().await else {
            return Err(RunError::Shorter);
        };
        let (file, line, batch) = next?;
        let end = first + batch.len() as u32;
        while let Some((record, reason)) = refused.next_if(|(record, _)| *record < end) {
            let row = (record - first) as usize;
            let faults = joined.reasons[*reason as usize].faults(row as u32);
            let records = Records::new(&batch, &source.origins()[file as usize].name, line);
            surveyed.rejects.write_row_of(&records, row, &faults)?;
        }
        first = end;
    }
    surveyed.rejects.settle()?;
    Ok(())
}
