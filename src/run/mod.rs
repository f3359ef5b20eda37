//! The run: each step once, in this order, a file a step.
//!
//! | step | what it gives |
//! |---|---|
//! | [`prepare`](mod@prepare) | the source opened, the pipeline bound to it |
//! | [`survey`](mod@survey) | every fault, and the length and hash of the body; nothing is sent |
//! | [`decide`] | the guards' word |
//! | [`send`](mod@send), [`put`] | the second pass, or the spool, as the body of one PUT; [`straight`] surveys and sends at once |
//! | [`import`], [`wait`] | the job asked for, and waited for |
//! | [`results`] | what became of every row |
//!
//! [`mod@retry`] sends some rows of an earlier run again. [`resume`] begins with the wait, in another process. [`preview`] and [`bench`](mod@bench) use the first steps.

pub(crate) mod again;
pub(crate) mod bench;
mod code;
mod decide;
pub(crate) mod error;
mod expect;
mod extent;
mod import;
mod items;
mod near;
mod prepare;
pub(crate) mod preview;
mod put;
mod reject;
pub(crate) mod results;
pub(crate) mod resume;
pub(crate) mod retry;
mod retyped;
mod send;
mod straight;
pub(crate) mod survey;
mod tables;
mod told;
mod wait;
mod watch;

use std::sync::Arc;
use std::time::Instant;

use crate::config::Pipeline;
use crate::guard::{Deletion, Last};
use crate::orgvue::{Client, Connection, Locations};
use crate::report::human;
use crate::report::progress::Progress;
use crate::report::run::RunReport;
use crate::source::spec::Nothing;
use crate::stage::Resources;
use crate::state::Ledger;
use crate::text::chain;
use crate::upload::spec::Length;
use crate::upload::spool::SpoolWriter;
use again::Again;
pub use error::RunError;
use prepare::{First, Prepared, prepare, unchanged};
pub use prepare::{bind, reading, rejects_header, source};
use put::Sending;
use send::{Ready, send};
use straight::send_straight;
use survey::{Surveyed, survey};
pub(crate) use tables::resources;

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
    /// The last accepted run, which guards compare this one with.
    pub last: Option<Last>,
    /// Where the steps are written down; without it nothing can be resumed.
    pub ledger: Option<&'a Ledger>,
    /// The rows of an earlier run that are sent again, and no others.
    pub again: Option<&'a Again>,
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
        ended = quiet(ended, report);
    }
    report.seconds.total = Some(started.elapsed());
    if matches!(ended, Err(RunError::Rejects(_))) {
        // What stands there is an earlier run's.
        report.rejects_file = None;
    }
    ended
}

/// A night without a file, or without a record in it, is one on which there is nothing to do.
fn quiet(ended: Result<(), RunError>, report: &mut RunReport) -> Result<(), RunError> {
    let why = match ended {
        Err(error) if error.is_nothing() => chain(&error),
        Ok(()) if report.counts.read == 0 => "the source has no records".to_owned(),
        ended => return ended,
    };
    let told = format!("{why}; nothing was sent, and source.nothing says that this is ok");
    report.warnings.push(told);
    Ok(())
}

async fn steps(job: &Job<'_>, report: &mut RunReport, started: Instant) -> Result<(), RunError> {
    let rejects = &job.pipeline.rejects;
    let rejects = match job.connection {
        Some(_) => rejects.path.clone(),
        None => rejects.of_check(),
    };
    let (prepared, first) = match job.again {
        Some(again) => retry::prepared(job, again, &rejects).await?,
        None => {
            expect::before(job.pipeline).await?;
            prepare(job, &rejects).await?
        }
    };
    told::prepared(report, &prepared);
    report.rejects_file = Some(human::whole(first.rejects.path()));
    let Some(connection) = job.connection.clone() else {
        let (surveyed, _) = surveyed(job, &prepared, first, None, report).await?;
        surveyed.rejects.finish()?;
        return Ok(());
    };
    let client = Client::new(connection, &job.pipeline.timeouts)?;
    let Some(stored) = upload(job, &prepared, first, &client, report).await? else {
        return Ok(());
    };
    report.seconds.to_end_of_upload = Some(started.elapsed());
    // The last moment: what comes next can't be undone.
    unchanged(job, &prepared.source)?;
    told::stored(report);
    if let Some(ledger) = job.ledger {
        repeats(job, report)?;
        let mut known = told::known(report);
        known.deletion_off = match stored.deletion {
            Deletion::Off(in_a_row) => in_a_row,
            Deletion::On | Deletion::NotAsked => 0,
        };
        ledger.importing(&known)?;
    }
    import::import(job, &prepared, &client, stored, report).await?;
    decide::refused(job, report)
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

/// A body that the storage has taken whole, and what is known of its rows.
struct Stored {
    surveyed: Surveyed,
    locations: Locations,
    deletion: Deletion,
}

/// Survey, guards and upload, in one pass or in two; nothing where no row is left to send.
async fn upload(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    client: &Client,
    report: &mut RunReport,
) -> Result<Option<Stored>, RunError> {
    if let Some(again) = job.again {
        return retry::upload(job, prepared, first, client, again, report).await;
    }
    let mut sending = Sending::default();
    if job.pipeline.length() == Length::Chunked {
        let began = Instant::now();
        let passed = send_straight(job, prepared, first, client, &mut sending).await;
        told::sent(report, sending);
        let passed = passed?;
        report.seconds.survey = Some(began.elapsed());
        told::surveyed(report, &passed.facts);
        told::decided(report, &passed.decided);
        let deletion = passed.decided.deletion;
        let ended = passed.ended?.map(|(surveyed, locations)| {
            // Compressed, it is not what the survey measured.
            report.bytes.body = report.bytes.sent;
            Stored {
                surveyed,
                locations,
                deletion,
            }
        });
        return Ok(ended);
    }
    let mut writer = match job.pipeline.length() {
        Length::Spooled => Some(SpoolWriter::create(None).await?),
        _ => None,
    };
    let (mut surveyed, deletion) = surveyed(job, prepared, first, writer.as_mut(), report).await?;
    if report.counts.would_send == 0 {
        surveyed.rejects.finish()?;
        return Ok(None);
    }
    let ready = match writer {
        Some(writer) => Ready::Spooled {
            spool: writer.finish().await?,
        },
        None => Ready::Measured {
            digest: surveyed.digest,
            amended: Arc::new(std::mem::take(&mut surveyed.amended)),
        },
    };
    report.bytes.body = ready.length();
    let known = told::known(report);
    let locations = send(job, prepared, client, &ready, &known, &mut sending).await;
    told::sent(report, sending);
    Ok(Some(Stored {
        surveyed,
        locations: locations?,
        deletion,
    }))
}

/// The survey and the guards, with what they found told.
async fn surveyed(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    spool: Option<&mut SpoolWriter>,
    report: &mut RunReport,
) -> Result<(Surveyed, Deletion), RunError> {
    let began = Instant::now();
    let (survey, ended) = survey(job, prepared, first, spool).await;
    told::surveyed(report, &survey.facts());
    report.seconds.survey = Some(began.elapsed());
    ended?;
    unchanged(job, &prepared.source)?;
    repeats(job, report)?;
    let (decided, verdict) = decide::decide(job.pipeline, job.last, &survey, false);
    told::decided(report, &decided);
    verdict?;
    Ok((survey.finish()?, decided.deletion))
}
