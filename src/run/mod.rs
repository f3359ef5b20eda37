//! The run: survey, guards, upload, import, wait, results; each step once, in this order.

pub(crate) mod bench;
mod code;
pub(crate) mod error;
pub(crate) mod preview;
pub(crate) mod results;
pub(crate) mod resume;
pub(crate) mod survey;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, future};

use crate::config::Pipeline;
use crate::engine::blocks::{Blocks, Header, Reading, RecordLayout};
use crate::engine::body::{self as send, Resend, Slot};
use crate::engine::order::{Digest, process};
use crate::engine::plan::{Meaning, Plan, Unbound};
use crate::format::json::Layout;
use crate::http::retry::{self, Failure, Step, Verdict};
use crate::orgvue::client::parameters;
use crate::orgvue::spec::{IdentifySpec, ImportSpec};
use crate::orgvue::{Client, Connection, Locations, Ticket};
use crate::report::human;
use crate::report::progress::{Phase, Progress};
use crate::report::rejects::{self, RejectsFile};
use crate::report::run::{
    Decision, GuardDecision, ImportReport, PublicUrl, RunReport, SourceFile, UploadReport,
};
use crate::settings::units::Rate;
use crate::source::spec::SourceFormat;
use crate::source::{Source, SourceError};
use crate::stage::Resources;
use crate::stage::hash::{Key, KeySpec};
use crate::stage::lookup::Table;
use crate::state::ledger::Ledger;
use crate::text::dates::Date;
use crate::text::scan::Dialect;
use crate::upload::body::BodyError;
use crate::upload::gzip;
use crate::upload::headroom::fits;
use crate::upload::pace::pace;
use crate::upload::put::{PutError, PutRequest, Uploader};
use crate::upload::spec::{BodyEncoding, Expiry, Length, UploadFormat, Verify};
use crate::upload::spool::{Spool, SpoolWriter};
pub use error::RunError;
use survey::{Straight, Survey, Surveyed};

/// What a run needs besides the pipeline.
pub(crate) struct Job<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The tenant to send to; without it the run ends with the survey (`check`).
    pub connection: Option<Connection>,
    /// Lookup tables and secrets of the stages.
    pub resources: Resources,
    /// Threads that process blocks.
    pub workers: usize,
    /// Text of one block in bytes.
    pub block: usize,
    /// Where progress is shown.
    pub progress: Progress,
    /// Where the steps are written down; without it nothing can be resumed.
    pub ledger: Option<&'a Ledger>,
}

/// Runs a pipeline and fills in the report as it goes, so that it tells how far the run came whatever ends
/// it. Dropping the future stops the run: a connection that is open is cut, and nothing half-sent is
/// imported.
///
/// # Errors
/// Whatever ends the run early. Rejected rows are no error.
pub(crate) async fn run(job: Job<'_>, report: &mut RunReport) -> Result<(), RunError> {
    let started = Instant::now();
    let ended = async {
        let (prepared, first) = prepare(&job, &job.pipeline.rejects.path, report).await?;
        survey_and_send(&job, &prepared, first, report, started).await
    }
    .await;
    report.seconds.total = Some(started.elapsed());
    ended
}

/// What the stages need besides the columns: reads their lookup tables. `keys` are their secrets.
///
/// # Errors
/// A table that can't be read.
pub(crate) async fn resources(
    pipeline: &Pipeline,
    keys: HashMap<KeySpec, Key>,
) -> Result<Resources, RunError> {
    let mut tables = HashMap::new();
    for (at, stage) in pipeline.stages.iter().enumerate() {
        let Some(table) = stage.value.table() else {
            continue;
        };
        let error = |source| RunError::Table {
            place: pipeline
                .problem(&format!("stages.{at}.lookup.file"), "")
                .place_text(),
            stage: format!("stage {} (lookup)", at + 1),
            file: table.file.to_owned(),
            source,
        };
        let path = table.locate(&pipeline.folder).map_err(error)?;
        if tables.contains_key(table.file) {
            continue;
        }
        let read = Table::load(&path, table.delimiter).await.map_err(error)?;
        tables.insert(table.file.to_owned(), Arc::new(read));
    }
    Ok(Resources { tables, keys })
}

/// A pipeline bound to its source, before the first record is read.
struct Prepared {
    source: Arc<Source>,
    reading: Reading,
    header: Header,
    plan: Arc<Plan>,
}

/// What the first pass uses up: the source, opened for its header, and the rejects file.
struct First {
    blocks: Blocks,
    rejects: RejectsFile,
}

/// The pipeline's source.
///
/// # Errors
/// A file that isn't there.
pub fn source(pipeline: &Pipeline) -> Result<Source, SourceError> {
    let source = &pipeline.source;
    Source::find(
        &source.inputs,
        source.compression,
        source.encoding,
        pipeline.limits,
    )
}

/// How the source's text is to be read.
pub fn reading(pipeline: &Pipeline, block: usize) -> Reading {
    let csv = &pipeline.source.csv;
    let dialect = |default| Dialect {
        delimiter: csv.delimiter.unwrap_or(default),
        quote: csv.quote,
    };
    let columns = pipeline.source.json.columns.clone();
    let layout = match pipeline.source.format {
        SourceFormat::Auto if csv.delimiter.is_some() || csv.skip_lines > 0 => RecordLayout::Csv {
            dialect: dialect(b','),
            skip_lines: csv.skip_lines,
        },
        SourceFormat::Auto => RecordLayout::Auto(dialect(b',')),
        SourceFormat::Csv => RecordLayout::Csv {
            dialect: dialect(b','),
            skip_lines: csv.skip_lines,
        },
        SourceFormat::Tsv => RecordLayout::Csv {
            dialect: dialect(b'\t'),
            skip_lines: csv.skip_lines,
        },
        SourceFormat::Json => RecordLayout::Json {
            layout: Layout::Array,
            columns,
        },
        SourceFormat::Ndjson => RecordLayout::Json {
            layout: Layout::Lines,
            columns,
        },
    };
    Reading {
        layout,
        block,
        added: &rejects::ADDED,
        limits: pipeline.limits,
    }
}

/// Binds a pipeline to a header.
///
/// # Errors
/// What the pipeline names and the header doesn't have, with its place in the pipeline file.
pub fn bind(pipeline: &Pipeline, header: &Header, resources: &Resources) -> Result<Plan, RunError> {
    let stages: Vec<_> = pipeline.stages.iter().map(|s| s.value.clone()).collect();
    let meaning = Meaning {
        stages: &stages,
        validate: &pipeline.validate,
        import: &pipeline.import,
        ragged: pipeline.source.csv.ragged,
        unknown: pipeline.source.json.unknown,
        format: pipeline.upload.format,
        limits: pipeline.limits,
        resources,
        today: today(),
        seed: rand::random(),
    };
    Plan::bind(&meaning, header).map_err(|unbound| {
        let place = |Unbound {
                         mut path,
                         what,
                         message,
                     }| {
            if path[0] == "target" {
                path.insert(1, pipeline.target.name().to_owned());
            }
            pipeline.problem_within(&path.join("."), &message, format!("{what}: {message}"))
        };
        let mut problems: Vec<_> = unbound.into_iter().map(place).collect();
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        RunError::Unbound {
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    })
}

async fn prepare(
    job: &Job<'_>,
    rejects: &Path,
    report: &mut RunReport,
) -> Result<(Prepared, First), RunError> {
    let pipeline = job.pipeline;
    let source = Arc::new(source(pipeline)?);
    let reading = reading(pipeline, job.block);
    let blocks = Blocks::open(source.clone(), reading.clone()).await?;
    let header = blocks.header().clone();
    let plan = Arc::new(bind(pipeline, &header, &job.resources)?);
    if let [only] = &header.names[..]
        && let Some(delimiter) = crate::batch::other_delimiter(only)
    {
        report.warnings.push(format!(
            "the header is a single column; if `{delimiter}` is the delimiter, set source.csv.delimiter"
        ));
    }
    report.sources = source
        .origins()
        .iter()
        .map(|origin| SourceFile {
            path: origin.name.clone(),
            bytes: origin.size.unwrap_or(0),
            compression: origin.compression().unwrap_or("none").to_owned(),
            format: header.format().to_owned(),
        })
        .collect();
    report.bytes.source = report.sources.iter().map(|s| s.bytes).sum();
    let paths: Vec<_> = source
        .origins()
        .iter()
        .filter_map(|o| Some(o.path()?.to_owned()))
        .collect();
    let layout = (header.for_rejects()).spreadsheet_safe(pipeline.rejects.spreadsheet_safe);
    let rejects = RejectsFile::create(rejects, &layout, &paths)?;
    report.rejects_file = Some(human::whole(rejects.path()));
    Ok((
        Prepared {
            source,
            reading,
            header,
            plan,
        },
        First { blocks, rejects },
    ))
}

/// Today, in UTC so that it is the same on every machine, for rules that compare with it. Taken once, so
/// that both passes agree.
fn today() -> Date {
    let today = jiff::tz::TimeZone::UTC
        .to_datetime(jiff::Timestamp::now())
        .date();
    Date::new(
        today.year().unsigned_abs(),
        today.month().unsigned_abs(),
        today.day().unsigned_abs(),
    )
    .unwrap_or(Date::MIN)
}

/// A body that is ready to be sent as often as it takes.
enum Ready {
    /// Made again from the source.
    Measured { digest: Digest, dropped: Arc<[u32]> },
    /// Written down.
    Spooled { spool: Spool },
}

impl Ready {
    fn length(&self) -> u64 {
        match self {
            Ready::Measured { digest, .. } => digest.length,
            Ready::Spooled { spool } => spool.length(),
        }
    }
}

async fn survey_and_send(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    report: &mut RunReport,
    started: Instant,
) -> Result<(), RunError> {
    let pipeline = job.pipeline;
    let Some(connection) = job.connection.clone() else {
        let surveyed = survey(job, prepared, first, report, None).await?;
        surveyed.rejects.finish()?;
        return Ok(());
    };
    let client = Client::new(connection, &pipeline.timeouts)?;
    report.import = None;
    let (surveyed, locations) = match pipeline.length() {
        Length::Chunked => match send_straight(job, prepared, first, &client, report).await? {
            Some(sent) => sent,
            None => return Ok(()),
        },
        length => {
            let spooled = length == Length::Spooled;
            let mut writer = match spooled {
                true => Some(SpoolWriter::create(None).await?),
                false => None,
            };
            let surveyed = survey(job, prepared, first, report, writer.as_mut()).await?;
            if report.counts.would_send == 0 {
                surveyed.rejects.finish()?;
                return Ok(());
            }
            let ready = match writer {
                Some(writer) => Ready::Spooled {
                    spool: writer.finish().await?,
                },
                None => Ready::Measured {
                    digest: surveyed.digest,
                    dropped: surveyed.dropped.as_slice().into(),
                },
            };
            let locations = send(job, prepared, &client, &ready, report).await?;
            (surveyed, locations)
        }
    };
    report.seconds.to_end_of_upload = Some(started.elapsed());
    report.counts.sent = std::mem::take(&mut report.counts.would_send);
    report.counts.unprocessed = report.counts.sent;
    import(job, prepared, &client, &locations, surveyed, report).await
}

/// The first pass. With `spool`, the body is written down as it is made.
async fn survey(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    report: &mut RunReport,
    spool: Option<&mut SpoolWriter>,
) -> Result<Surveyed, RunError> {
    let began = Instant::now();
    let phase = if spool.is_some() {
        Phase::Spool
    } else {
        Phase::Survey
    };
    job.progress.begin(phase, prepared.source.size());
    let mut survey = prepared.begin_survey(first.rejects);
    if job.connection.is_none() {
        survey = survey.without_places();
    }
    let ended = async {
        let processed = process(
            first.blocks,
            prepared.source.clone(),
            prepared.plan.clone(),
            job.workers,
        );
        let mut watch = Watch::new(&job.progress, &prepared.source);
        let processed = processed.inspect_ok(|next| watch.rows(next.batch.len()));
        let pieces = send::pieces(processed, &mut survey).boxed();
        let Some(spool) = spool else {
            return pieces.try_for_each(|_| future::ready(Ok(()))).await;
        };
        let mut pieces = encoded(job, pieces);
        while let Some(piece) = pieces.try_next().await? {
            spool.write(&piece).await?;
        }
        Ok(())
    }
    .await;
    survey.tell(report);
    report.seconds.survey = Some(began.elapsed());
    ended?;
    decide(job.pipeline, &survey, &prepared.source, report, false)?;
    survey.finish()
}

/// A body as the upload wants it encoded.
fn encoded<'a, E>(
    job: &Job<'_>,
    body: BoxStream<'a, Result<Bytes, E>>,
) -> BoxStream<'a, Result<Bytes, E>>
where
    E: From<BodyError> + Send + 'a,
{
    match job.pipeline.upload.encoding {
        BodyEncoding::Identity => body,
        BodyEncoding::Gzip => gzip::compressed(body, job.workers).boxed(),
    }
}

/// The guards: whether what the survey found may be sent, or kept where the upload has `begun`.
fn decide(
    pipeline: &Pipeline,
    survey: &Survey,
    source: &Source,
    report: &mut RunReport,
    begun: bool,
) -> Result<(), RunError> {
    let (read, rejected) = (survey.read(), survey.rejected());
    if read == 0 {
        let names: Vec<_> = source.origins().iter().map(|o| o.name.as_str()).collect();
        return Err(RunError::NoRecords(names.join(", ")));
    }
    let limit = pipeline.rejects.at_most;
    let stopped = limit.is_exceeded(rejected, read);
    report.guards.push(GuardDecision {
        guard: "reject_limit",
        limit: limit.to_string(),
        count: rejected,
        of: read,
        decision: if stopped {
            Decision::Stopped
        } else {
            Decision::Passed
        },
    });
    if stopped {
        let path = human::path(survey.rejects().path());
        return Err(RunError::TooManyRejects {
            rejected,
            read,
            limit: limit.to_string(),
            path,
            begun,
        });
    }
    if survey.good == 0 && pipeline.import.implicit_delete {
        return Err(RunError::WouldDeleteAll);
    }
    Ok(())
}

/// The second pass, or the spool, to the storage: as many attempts as the pipeline allows, each with a
/// fresh pair of addresses.
async fn send(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    ready: &Ready,
    report: &mut RunReport,
) -> Result<Locations, RunError> {
    let mut pauses = retry::pauses();
    let length = ready.length();
    report.bytes.body = length;
    job.progress.begin(Phase::Upload, Some(length));
    let mut attempt = 1;
    let mut pace = None;
    loop {
        let slot = Slot::default();
        let body: BoxStream<'static, Result<Bytes, BodyError>> = match ready {
            Ready::Spooled { spool } => spool.read().boxed(),
            Ready::Measured { digest, dropped } => {
                let blocks =
                    Blocks::open(prepared.source.clone(), prepared.reading.clone()).await?;
                let processed = process(
                    blocks,
                    prepared.source.clone(),
                    prepared.plan.clone(),
                    job.workers,
                );
                let body = Resend::new(&prepared.plan, *digest, dropped.clone());
                send::stream(processed, body, slot.clone()).boxed()
            }
        };
        let (locations, put) = put(
            job,
            &prepared.source,
            client,
            Some(length),
            body,
            &mut pace,
            report,
        )
        .await?;
        let error = match put {
            Ok(()) => return Ok(locations),
            Err(error) => error,
        };
        if let Some(own) = send::taken(&slot) {
            return Err(own.into());
        }
        let again = retry::verdict(Step::Put, error.outcome()) == Verdict::RetryFreshUrl;
        if !again || attempt >= job.pipeline.upload.attempts {
            return Err(error.into());
        }
        let pause = retry::pause(pauses.next().unwrap_or_default(), &error);
        tracing::warn!(
            attempt,
            pause_s = pause.as_secs_f32(),
            "the upload failed and is tried again: {}",
            chain(&error)
        );
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// One pass straight through, for storages that take a body of unknown length. Nothing comes of it where
/// no row is left to send, which shows only at the end: the upload is cut off then.
async fn send_straight(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    client: &Client,
    report: &mut RunReport,
) -> Result<Option<(Surveyed, Locations)>, RunError> {
    let began = Instant::now();
    job.progress.begin(Phase::Upload, None);
    let survey = Arc::new(Mutex::new(Some(prepared.begin_survey(first.rejects))));
    let guards = Arc::new(Mutex::new(report.clone()));
    let check = {
        let (pipeline, source, guards) = (
            job.pipeline.clone(),
            prepared.source.clone(),
            guards.clone(),
        );
        move |survey: &Survey| {
            let mut report = guards
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            decide(&pipeline, survey, &source, &mut report, true)?;
            if survey.good == 0 {
                Err(RunError::NothingLeft)
            } else {
                Ok(())
            }
        }
    };
    let slot = Slot::default();
    let processed = process(
        first.blocks,
        prepared.source.clone(),
        prepared.plan.clone(),
        job.workers,
    );
    let body = send::stream(
        processed,
        Straight {
            survey: survey.clone(),
            check,
        },
        slot.clone(),
    )
    .boxed();
    let sent = put(
        job,
        &prepared.source,
        client,
        None,
        encoded(job, body),
        &mut None,
        report,
    )
    .await;
    let taken = survey
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .take();
    let Some(survey) = taken else {
        return Err(RunError::Interrupted);
    };
    report.guards = guards
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .guards
        .clone();
    survey.tell(report);
    report.seconds.survey = Some(began.elapsed());
    let (locations, put) = sent?;
    match (put, send::taken(&slot)) {
        (_, Some(RunError::NothingLeft)) => {
            survey.finish()?.rejects.finish()?;
            Ok(None)
        }
        (_, Some(own)) => Err(own),
        (
            Err(
                error @ PutError::Refused {
                    status: 411 | 501, ..
                },
            ),
            None,
        ) => Err(RunError::NotChunked(error)),
        (Err(error), None) => Err(error.into()),
        (Ok(()), None) => {
            // Compressed, it is not what the survey measured.
            report.bytes.body = report.bytes.sent;
            Ok(Some((survey.finish()?, locations)))
        }
    }
}

/// Asks for a pair of addresses and puts the body to one of them. `measured` is the bytes per second of the attempt
/// before, where it came far enough to tell, and then of this one.
async fn put(
    job: &Job<'_>,
    source: &Source,
    client: &Client,
    length: Option<u64>,
    body: BoxStream<'static, Result<Bytes, BodyError>>,
    measured: &mut Option<Rate>,
    report: &mut RunReport,
) -> Result<(Locations, Result<(), PutError>), RunError> {
    let upload = &job.pipeline.upload;
    let (format, content_type) = match upload.format {
        UploadFormat::Json => ("json", "application/json"),
        UploadFormat::Csv => ("csv", "text/csv"),
    };
    let encoding = match upload.encoding {
        BodyEncoding::Identity => "identity",
        BodyEncoding::Gzip => "gzip",
    };
    if let Some(ledger) = job.ledger {
        ledger.uploading(source, report)?;
    }
    let began = Instant::now();
    let locations = client.generate(format, encoding).await?;
    *report.seconds.generate.get_or_insert_default() += began.elapsed();
    let told = report.upload.get_or_insert_with(|| UploadReport {
        length: match job.pipeline.length() {
            Length::Measured => "measured".into(),
            Length::Spooled => "spooled".into(),
            Length::Chunked => "chunked".into(),
        },
        encoding: encoding.into(),
        attempts: 0,
        status: None,
        etag: None,
        verified: false,
        put_url: None,
    });
    told.attempts += 1;
    told.put_url = url::Url::parse(locations.put.expose())
        .ok()
        .map(|url| PublicUrl::new(&url));
    let life = locations.remaining();
    let until_end = life.filter(|_| upload.expiry == Expiry::End);
    if let Some(life) = until_end {
        if life.is_zero() {
            return Ok((locations, Err(PutError::Expired { sent: 0 })));
        }
        if let Some(length) = length {
            fits(length, life, upload.rate, *measured)?;
        }
    }
    let progress = job.progress.clone();
    let paced = pace(body, upload.rate, upload.chunk.0 as usize)
        .inspect_ok(move |bytes| progress.add_bytes_sent(bytes.len() as u64));
    let sent = Arc::new(AtomicU64::new(0));
    let request = PutRequest {
        url: &locations.put,
        length,
        content_type: Some(content_type),
        verify: match upload.verify {
            Verify::Auto => locations.put.is_https(),
            Verify::Md5 => true,
            Verify::None => false,
        },
        life: until_end,
        sent: sent.clone(),
    };
    let uploader = Uploader::new(&client.connection().hosts, &job.pipeline.timeouts);
    let began = Instant::now();
    let answer = uploader.put(request, paced.boxed()).await;
    let (took, sent) = (began.elapsed(), sent.load(Ordering::Relaxed));
    *report.seconds.upload.get_or_insert_default() += took;
    report.bytes.sent += sent;
    if life.is_some_and(|life| took > life) {
        tracing::warn!(
            took_s = took.as_secs(),
            "the upload's address expired on the way"
        );
    }
    *measured = match answer {
        // A connection that broke or stood still says nothing of how fast it is.
        Err(PutError::Expired { .. } | PutError::Refused { .. }) if took.as_secs() > 0 => {
            Some(Rate(sent / took.as_secs())).filter(|rate| rate.0 > 0)
        }
        _ => None,
    };
    let answer = answer.map(|receipt| {
        told.status = Some(receipt.status);
        told.etag = receipt.etag;
        told.verified = receipt.verified;
        if upload.verify == Verify::Md5 && !receipt.verified {
            tracing::warn!("the storage states no MD5, so that of the upload was not compared");
        }
        report.bytes.body = receipt.bytes;
    });
    Ok((locations, answer))
}

/// Import, wait, results.
async fn import(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    locations: &Locations,
    mut surveyed: Surveyed,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let settings = &job.pipeline.import;
    if let Some(ledger) = job.ledger {
        ledger.importing(report)?;
    }
    job.progress.begin(Phase::Wait, None);
    report.import = Some(asked(settings));
    let began = Instant::now();
    let ticket = client.import(locations, settings).await;
    report.seconds.import = Some(began.elapsed());
    let ticket = match wait(job, client, ticket?, report).await {
        Ok(ticket) => ticket,
        Err(error) => {
            // How the job ended matters more.
            if let Err(error) = surveyed.rejects.finish() {
                report.warnings.push(chain(&error));
            }
            return Err(error);
        }
    };
    let joined = take_results(
        job,
        client,
        &ticket,
        Some((prepared, &mut surveyed)),
        report,
    )
    .await;
    let rejects = surveyed.rejects.finish();
    if let Ok(rejects) = &rejects {
        report.refused = (&rejects.refused).into();
    }
    joined?;
    rejects
        .map(drop)
        .map_err(|error| RunError::Refused(Box::new(error.into())))
}

/// An import of which nothing is known yet.
fn asked(settings: &ImportSpec) -> ImportReport {
    ImportReport {
        ticket_status: None,
        trace_ids: Vec::new(),
        parameters: parameters(settings)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Waits until the job is completed, for as long as the pipeline says.
async fn wait(
    job: &Job<'_>,
    client: &Client,
    ticket: Ticket,
    report: &mut RunReport,
) -> Result<Ticket, RunError> {
    let see = |ticket: &Ticket, report: &mut RunReport| {
        if let Some(told) = &mut report.import {
            see(told, ticket);
        }
        if let Some(ledger) = job.ledger {
            ledger.ticket(ticket);
        }
    };
    see(&ticket, report);
    let began = Instant::now();
    let progress = job.progress.clone();
    let waited = client
        .wait(ticket, job.pipeline.wait.at_most.0, |ticket| {
            progress.note(ticket.status.to_string());
            see(ticket, report);
        })
        .await;
    report.seconds.wait = Some(began.elapsed());
    Ok(waited?)
}

/// Fetches the results and joins them to their rows, where these are known.
async fn take_results(
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
    let mut joined = results::join(
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
        results::write_refused(
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

/// Notes in the report what a ticket says.
fn see(told: &mut ImportReport, ticket: &Ticket) {
    told.ticket_status = Some(ticket.status.to_string());
    if let Some(id) = &ticket.trace_id
        && !told.trace_ids.contains(id)
    {
        told.trace_ids.push(id.clone());
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

impl Prepared {
    fn begin_survey(&self, rejects: RejectsFile) -> Survey {
        Survey::new(
            self.plan.clone(),
            self.source.clone(),
            self.header.clone(),
            rejects,
        )
    }
}

/// Tells progress what a pass has read.
struct Watch<'a> {
    progress: &'a Progress,
    read: Arc<AtomicU64>,
    told: u64,
}

impl<'a> Watch<'a> {
    fn new(progress: &'a Progress, source: &Source) -> Watch<'a> {
        Watch {
            progress,
            read: source.bytes_read(),
            told: 0,
        }
    }

    fn rows(&mut self, rows: usize) {
        self.progress.add_rows(rows as u64);
        let read = self.read.load(Ordering::Relaxed);
        self.progress.add_bytes_in(read - self.told);
        self.told = read;
    }
}
