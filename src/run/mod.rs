//! The run: each step once, in this order, a file a step.
//!
//! | step | what it gives |
//! |---|---|
//! | [`preflight`](mod@preflight) | whether token, data set and properties are what the run needs |
//! | [`prepare`](mod@prepare) | the source opened, the pipeline bound to it |
//! | [`pass`](mod@pass), [`survey`](mod@survey) | every fault, and the length and hash of the body; nothing is sent |
//! | [`decide`], [`drift`] | the guards' word, and what has changed since the last accepted run |
//! | [`send`](mod@send), [`put`] | the second pass, or the spool, as the body of one PUT; [`straight`] surveys and sends at once |
//! | [`import`], [`wait`] | the job asked for, and waited for |
//! | [`results`] | what became of every row |
//! | [`delete`](mod@delete) | who is gone, by an import of its own; [`delta`] is the store of the difference, [`kept`] that of guards |
//!
//! [`plan`](mod@plan) is what a plan says of it. [`mod@retry`] sends some rows of an earlier run again. [`resume`] begins
//! with the wait, in another process. [`preview`], [`transform`](mod@transform) and [`bench`](mod@bench) use the first steps.

pub(crate) mod advice;
pub(crate) mod again;
mod aside;
pub(crate) mod bench;
mod canary;
pub(crate) mod cases;
mod changes;
mod code;
mod compared;
mod decide;
mod delete;
pub(crate) mod delta;
pub(crate) mod drift;
pub(crate) mod error;
mod expect;
mod extent;
pub(crate) mod forget;
mod import;
pub(crate) mod import_from;
mod items;
pub(crate) mod keep;
pub(crate) mod kept;
mod near;
mod pass;
mod places;
pub(crate) mod plan;
pub(crate) mod preflight;
mod prepare;
pub(crate) mod preview;
mod put;
mod reason;
pub(crate) mod results;
pub(crate) mod resume;
pub(crate) mod retry;
mod retyped;
mod send;
mod straight;
pub(crate) mod survey;
mod surveyed;
mod tables;
mod told;
pub(crate) mod transform;
mod turn;
mod wait;
mod warned;
mod watch;
mod withhold;
mod witness;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use secrecy::SecretString;

use crate::config::{Pipeline, Target};
use crate::delta::place::Part;
use crate::guard::spec::OnExceed;
use crate::guard::{Deletion, Stop};
use crate::orgvue::{Client, Connection, Locations};
use crate::report::human;
use crate::report::progress::Progress;
use crate::report::run::RunReport;
use crate::settings::secret::PresignedUrl;
use crate::source::spec::Nothing;
use crate::stage::Resources;
use crate::state::Ledger;
use crate::state::ledger::Decisions;
use crate::text::chain;
use crate::upload::spec::Length;
use crate::upload::spool::SpoolWriter;
use again::Again;
pub(crate) use decide::Basis;
use decide::Judged;
use delta::Delta;
use drift::Drift;
pub use error::RunError;
use kept::Kept;
use pass::survey;
use plan::Planned;
use preflight::Preflight;
pub(crate) use preflight::connection;
use prepare::{First, Prepared, prepare, unchanged};
pub use prepare::{bind, laid_out, reading, rejects_header, source};
use put::{Sending, Store};
use send::{Ready, send};
use straight::send_straight;
use surveyed::Surveyed;
pub(crate) use tables::resources;
use withhold::withhold;

/// What a run needs besides the pipeline.
pub(crate) struct Job<'a> {
    pub pipeline: &'a Pipeline,
    /// The tenant to send to; without it the run ends with the survey (`check`).
    pub connection: Option<Connection>,
    /// Lookup tables and secrets of the stages, and the day.
    pub resources: Resources,
    /// Threads that process blocks.
    pub workers: usize,
    /// Text of one block in bytes.
    pub block: usize,
    /// Where progress is shown.
    pub progress: Progress,
    /// What guards go by: what went before, and what was approved.
    pub basis: Basis,
    /// So many rows are imported before the others.
    pub first: Option<u32>,
    /// Whether nobody waits for the job.
    pub detach: bool,
    /// The user's own address for the upload, in place of the tenant: nothing is imported.
    pub to: Option<PresignedUrl>,
    /// What was looked at before.
    pub preflight: Option<&'a Preflight>,
    /// Where the steps are written down; without it nothing can be resumed.
    pub ledger: Option<&'a Ledger>,
    /// The rows of an earlier run that are sent again, and no others.
    pub again: Option<&'a Again>,
    /// The store, where what differs is sent.
    pub delta: Option<Delta>,
    /// Where what would be done is put, for a plan.
    pub planned: Option<&'a OnceLock<Planned>>,
    /// What guards compare the rows with, where they ask for more than counts.
    pub kept: Option<Kept>,
    /// What the source is held against.
    pub drift: Option<Arc<Drift>>,
}

impl Job<'_> {
    /// Whether nothing is sent to anybody, and no hash of the body is handed on to a run that sends it.
    fn only_checks(&self) -> bool {
        let hands_on = self.to.is_some() || self.ledger.is_some() || self.planned.is_some();
        self.connection.is_none() && !hands_on
    }

    /// The same for another entry of the ledger; without what only binds a pipeline.
    fn with_ledger<'a>(&'a self, ledger: Option<&'a Ledger>) -> Job<'a> {
        Job {
            pipeline: self.pipeline,
            connection: self.connection.clone(),
            resources: Resources::default(),
            workers: self.workers,
            block: self.block,
            progress: self.progress.clone(),
            basis: self.basis.clone(),
            first: None,
            detach: false,
            to: None,
            preflight: self.preflight,
            ledger,
            again: self.again,
            delta: None,
            planned: None,
            kept: None,
            drift: None,
        }
    }
}

/// Asks the tenant of a pipeline for a pair of addresses, and does nothing with them.
///
/// # Errors
/// The API refuses, or can't be reached.
pub(crate) async fn generate(
    pipeline: &Pipeline,
    token: &SecretString,
) -> Result<Locations, RunError> {
    let Target::Orgvue(to) = &pipeline.target else {
        return Err(RunError::Defect("addresses without a tenant"));
    };
    let client = Client::new(connection(to, token), &pipeline.timeouts)?;
    let (format, _) = put::file_type(&pipeline.upload);
    Ok(client
        .generate(format, put::encoding(&pipeline.upload))
        .await?)
}

/// Runs a pipeline and fills in the report as it goes, so that it tells how far the run came whatever ends
/// it. Dropping the future stops the run: a connection that is open is cut, and nothing half-sent is
/// imported.
///
/// # Errors
/// Whatever ends the run early. Rejected rows are no error.
pub(crate) async fn run(job: &Job<'_>, report: &mut RunReport) -> Result<(), RunError> {
    let started = Instant::now();
    let mut ended = steps(job, report, started).await;
    if job.pipeline.source.nothing == Nothing::Ok {
        ended = quiet(job, ended, report);
    }
    report.seconds.total = Some(started.elapsed());
    if matches!(ended, Err(RunError::Rejects(_))) {
        // What stands there is an earlier run's.
        report.rejects_file = None;
        report.rejects_workbook = None;
    }
    ended
}

/// A night without a file, or without a record in it, is one on which there is nothing to do.
fn quiet(
    job: &Job<'_>,
    ended: Result<(), RunError>,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let why = match ended {
        Err(error) if error.is_nothing() => chain(&error),
        Ok(()) if report.counts.read == 0 => "the source has no records".to_owned(),
        ended => return ended,
    };
    let told = format!("{why}; nothing was sent, and source.nothing says that this is ok");
    report.warnings.push(told);
    match (&job.connection, &job.to) {
        (Some(_), None) => items::write_none(job, report),
        _ => Ok(()),
    }
}

async fn steps(job: &Job<'_>, report: &mut RunReport, started: Instant) -> Result<(), RunError> {
    let rejects = &job.pipeline.rejects;
    let rejects = match job.connection {
        Some(_) => rejects.clone(),
        None => rejects.of_check(),
    };
    if job.delta.is_none() && job.pipeline.store().is_some() {
        let why = "the sandbox inside this program begins empty: everything is sent, and no store is kept";
        report.warnings.push(why.to_owned());
    }
    let (prepared, first) = match job.again {
        Some(again) => retry::prepared(job, again, &rejects).await?,
        None => {
            expect::before(job.pipeline).await?;
            prepare(job, &rejects).await?
        }
    };
    told::prepared(report, &job.pipeline.source.awaiting, &prepared);
    preflight::columns(job, &prepared, report)?;
    drift::columns(job, &prepared, report)?;
    report.rejects_file = Some(human::whole(first.rejects.path()));
    report.rejects_workbook = first.rejects.workbook().map(human::whole);
    if let Some(to) = &job.to {
        return deliver(job, &prepared, first, to, report).await;
    }
    let Some(connection) = job.connection.clone() else {
        let (surveyed, _) = surveyed(job, &prepared, first, None, report).await?;
        surveyed.rejects.finish()?;
        return Ok(());
    };
    let client = Client::new(connection, &job.pipeline.timeouts)?;
    let stored = upload(job, &prepared, first, Store::Given(&client), report).await?;
    let Some(mut stored) = stored else {
        return items::write_none(job, report);
    };
    report.seconds.to_end_of_upload = Some(started.elapsed());
    let deletes = match job.delta {
        Some(_) => std::mem::take(&mut stored.surveyed.differ.1.places),
        None => Vec::new(),
    };
    load(job, &prepared, &client, stored, report).await?;
    let refused = decide::refused(job, report);
    if let Some(delta) = &job.delta
        && !deletes.is_empty()
        && decide::may_delete(job, report)
    {
        delete::delete(job, delta, &prepared, &client, &deletes, report).await?;
    }
    refused
}

/// Has the body imported, from the last moment at which all can still be left as it was to the results.
async fn load(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    mut stored: Stored,
    report: &mut RunReport,
) -> Result<(), RunError> {
    if stored.locations.is_none() {
        stored.surveyed.rejects.finish()?;
        return items::write_none(job, report);
    }
    let _turn = turn::turn(job).await?;
    // The last moment: what comes next can't be undone.
    unchanged(job, &prepared.source).await?;
    told::stored(report);
    let items = stored.surveyed.differ.0.take();
    if let Some(ledger) = job.ledger {
        repeats(job, report)?;
        // Whatever happens from here on, it was used.
        ledger.use_approval()?;
        if let Some(delta) = &job.delta {
            delta.sent(items, Part::Rows)?;
        } else if let (Some(kept), Some(items)) = (&job.kept, items) {
            let gone = &stored.surveyed.differ.1.places;
            let gone: &[u32] = if stored.deletion == Deletion::On {
                gone
            } else {
                &[]
            };
            kept.sent(prepared, items, gone)?;
        }
        ledger.importing(&told::known(report))?;
    }
    import::import(job, prepared, client, stored, report).await
}

/// Whether a run that repeats the import of another would send what that one sent.
///
/// # Errors
/// It would not.
fn repeats(job: &Job<'_>, report: &RunReport) -> Result<(), RunError> {
    let earlier = job.ledger.and_then(Ledger::repeats);
    let made = report.body_hash.as_ref().map(|hash| &hash.hex);
    match earlier {
        Some((earlier, hash)) if made != Some(&hash) => Err(RunError::NotRepeated { earlier }),
        _ => Ok(()),
    }
}

/// Survey, guards and upload to an address of the user's own. What becomes of the rows is told to whoever has them
/// imported.
async fn deliver(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    to: &PresignedUrl,
    report: &mut RunReport,
) -> Result<(), RunError> {
    if let Some(stored) = upload(job, prepared, first, Store::Own(to), report).await? {
        stored.surveyed.rejects.finish()?;
        unchanged(job, &prepared.source).await?;
        told::stored(report);
        told::results_elsewhere(report);
    }
    Ok(())
}

/// A body that the storage has taken whole, and what is known of its rows.
struct Stored {
    surveyed: Surveyed,
    /// Where it is; nothing where no row is left to send, and somebody is to be deleted.
    locations: Option<Locations>,
    deletion: Deletion,
}

/// Survey, guards and upload, in one pass or in two; nothing where no row is left to send.
async fn upload(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    store: Store<'_>,
    report: &mut RunReport,
) -> Result<Option<Stored>, RunError> {
    if let Some(again) = job.again {
        return retry::upload(job, prepared, first, store, again, report).await;
    }
    let mut sending = Sending::default();
    if job.pipeline.length() == Length::Chunked {
        let began = Instant::now();
        let passed = send_straight(job, prepared, first, store, &mut sending).await;
        told::sent(report, sending);
        let passed = passed?;
        report.seconds.survey = Some(began.elapsed());
        told::surveyed(report, &passed.facts);
        told::decided(report, &passed.judged, &job.basis);
        offer(job, &passed.judged, report)?;
        drift::rows_told(report, &passed.drifted, &passed.sample);
        let deletion = passed.judged.decided.deletion;
        let ended = passed.ended?;
        drift::remember(job, prepared, &passed.sample)?;
        let ended = ended.map(|(surveyed, locations)| {
            // Compressed, it is not what the survey measured.
            report.bytes.body = report.bytes.sent;
            Stored {
                surveyed,
                locations: Some(locations),
                deletion,
            }
        });
        return Ok(ended);
    }
    let mut writer = match job.pipeline.length() {
        // After a canary the body is another.
        Length::Spooled if job.first.is_none() => Some(SpoolWriter::create(None).await?),
        _ => None,
    };
    let (mut surveyed, deletion) = surveyed(job, prepared, first, writer.as_mut(), report).await?;
    if report.counts.would_send == 0 {
        surveyed.rejects.finish()?;
        return Ok(None);
    }
    if report.counts.would_send == report.counts.deletes {
        return Ok(Some(Stored {
            surveyed,
            locations: None,
            deletion,
        }));
    }
    if let Store::Given(client) = store {
        surveyed = canary::canary(job, prepared, client, surveyed, deletion, report).await?;
    }
    let ready = match writer {
        Some(writer) => Ready::Spooled {
            spool: writer.finish().await?,
        },
        None if job.pipeline.length() == Length::Spooled => Ready::Spooled {
            spool: canary::spool_others(job, prepared, &surveyed).await?,
        },
        None => Ready::Measured {
            digest: surveyed.digest,
            amended: Arc::new(std::mem::take(&mut surveyed.amended)),
            rows: surveyed.written.take().map(Arc::new),
        },
    };
    report.bytes.body = ready.length();
    let known = told::known(report);
    let locations = send(job, prepared, store, &ready, &known, &mut sending).await;
    told::sent(report, sending);
    Ok(Some(Stored {
        surveyed,
        locations: Some(locations?),
        deletion,
    }))
}

/// The survey and the guards, with what they found told.
async fn surveyed(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    mut spool: Option<&mut SpoolWriter>,
    report: &mut RunReport,
) -> Result<(Surveyed, Deletion), RunError> {
    let began = Instant::now();
    let (mut survey, ended) = survey(job, prepared, first, spool.as_deref_mut()).await;
    told::surveyed(report, &survey.facts());
    report.seconds.survey = Some(began.elapsed());
    ended?;
    unchanged(job, &prepared.source).await?;
    let (judged, verdict) = decide::decide(job.pipeline, &job.basis, &survey, false);
    let file = job.pipeline.rejects.withheld(job.connection.is_none());
    if let Some(unnamed) = judged.decided.withholds {
        let any = withhold(job, prepared, &mut survey, spool, &file).await?;
        report.seconds.survey = Some(began.elapsed());
        told::withheld(report, &survey.facts(), unnamed, any.then_some(&*file));
    }
    repeats(job, report)?;
    told::decided(report, &judged, &job.basis);
    offer(job, &judged, report)?;
    if let (Some(planned), Some(content)) = (job.planned, &judged.content) {
        let last = job.basis.history.last.as_ref();
        let (content, decided) = (content.clone(), &judged.decided);
        let after = &judged.standing;
        let _ = planned.set(plan::planned(content, &survey, decided, last, after));
    }
    let drifted = drift::looked(job, &survey, report);
    verdict?;
    drifted?;
    drift::remember(job, prepared, &survey.sample)?;
    if report.withheld.is_none() && job.pipeline.guard.on_exceed == OnExceed::WithholdDeletes {
        // What an earlier run held back would pass for this one's.
        let _ = std::fs::remove_file(&file);
    }
    Ok((survey.finish()?, judged.decided.deletion))
}

/// Lets what guards stopped, or held back, be approved, and keeps what they decided for the runs to come.
fn offer(job: &Job<'_>, judged: &Judged, report: &mut RunReport) -> Result<(), RunError> {
    let decided = &judged.decided;
    let (Some(ledger), Some(content)) = (job.ledger, &judged.content) else {
        return Ok(());
    };
    let stopped = matches!(decided.stop, Some(Stop::Exceeded(_)));
    if stopped || decided.withholds.is_some() {
        let guards = decided
            .exceeded
            .iter()
            .map(|exceeded| exceeded.guard().to_owned());
        // A run that sends nothing is not what the next one is compared with.
        let goes_on = !stopped && report.counts.would_send > 0;
        let hash = ledger.offer(content.plan.clone(), guards.collect(), goes_on)?;
        report.offered = Some(hash);
    }
    ledger.decided(Decisions {
        deletion_off: decided.deletion.off(),
        counted: decided.changes.counted(),
        standing: judged.standing.clone(),
    });
    Ok(())
}
