//! Import jobs: the work, and its results.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_compression::tokio::bufread::GzipDecoder;
use async_compression::tokio::write::GzipEncoder;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use rand::seq::SliceRandom;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::Instant;

use super::apply::Applier;
use super::callback::Callback;
use super::error::{ApiError, StorageError, json as json_response};
use super::options::{CsvCells, ResultOrder};
use super::params::ImportParams;
use super::payload::{Bytes, Format, Payload};
use super::shared::Shared;
use super::sign::hex;
use super::ticket::{Status, Ticket};

/// What an import call asks for, checked.
pub(super) struct Import {
    pub params: ImportParams,
    /// The file to import, or why there is none.
    pub source: Result<String, ApiError>,
    /// The file that the results go to, if the caller chose one.
    pub result: Option<String>,
    pub callback: Option<Callback>,
    pub trace: String,
}

/// `GET /storage/tickets/{id}`.
pub(super) async fn ticket(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, StorageError> {
    shared
        .signer
        .check(request.method(), request.uri(), request.headers())?;
    let ticket = shared.tickets.get(&id).ok_or(StorageError::no_such_key())?;
    let document = ticket.document(&id, &shared.signer, shared.settings.ticket_life);
    Ok(json_response(StatusCode::OK, &document))
}

/// Makes a ticket and starts its job. Returns the ticket.
pub(super) fn start(shared: &Arc<Shared>, import: Import) -> serde_json::Value {
    let id = hex(&rand::random::<[u8; 16]>());
    let ticket = Ticket::new(import.trace.clone(), shared.settings.ticket_delay);
    let answer = ticket.document(&id, &shared.signer, shared.settings.ticket_life);
    shared.tickets.insert(id.clone(), ticket);
    shared.spawn(run(shared.clone(), id, import));
    answer
}

async fn run(shared: Arc<Shared>, id: String, import: Import) {
    // Two imports at once: the second waits. The documentation doesn't say.
    let turn = shared.job_turn.lock().await;
    let ends = Instant::now() + shared.settings.job_time;
    shared
        .tickets
        .change(&id, |ticket| ticket.status = Status::Running);
    let outcome = work(&shared, &import).await;
    tokio::time::sleep_until(ends).await;
    drop(turn);
    shared.jobs_over.fetch_add(1, Ordering::Relaxed);
    let status = match &outcome {
        Ok(_) => Status::Completed,
        Err(_) => Status::Failed,
    };
    shared.tickets.change(&id, |ticket| {
        ticket.status = status;
        match outcome {
            Ok(result) => ticket.result = Some(result),
            Err(error) => ticket.errors.push(error),
        }
    });
    if let Some(callback) = &import.callback {
        let sent = callback.call(&shared.settings.tenant, status, &import.trace);
        if sent.await.is_none() {
            tracing::debug!("the callback could not be delivered");
        }
    }
}

/// Reads the payload twice: whether it can be read at all, then item by item into the data set, so
/// that a malformed one changes nothing. Returns the file with the results.
async fn work(shared: &Arc<Shared>, import: &Import) -> Result<String, ApiError> {
    if let Some(message) = &shared.settings.job_fails {
        return Err(ApiError::new("SandboxJobFails", "500901", message));
    }
    let source = import.source.clone()?;
    let entry = shared.store.entry(&source);
    let (format, gzip, object) = match entry {
        Some(entry) => match entry.object {
            Some(object) => (entry.format, entry.gzip, object),
            None => return Err(nothing_uploaded()),
        },
        None => return Err(nothing_uploaded()),
    };
    // One handle for both readings: a later upload to the same place doesn't disturb them.
    let file = tokio::fs::File::open(&object.path)
        .await
        .map_err(|_| nothing_uploaded())?;

    let mut items = 0u64;
    let mut payload = open(&file, format, gzip, shared.settings.csv_cells).await?;
    while payload
        .next_batch(&mut |_| items += 1)
        .await
        .map_err(malformed)?
    {}
    drop(payload);
    if items == 0 && import.params.implicit_delete && !shared.settings.empty_implicit_delete {
        return Err(ApiError::new(
            "SandboxImplicitDeleteOfAll",
            "400922",
            "An upload without items would delete the whole data set",
        ));
    }

    let mut applier = applier(shared, import.params.clone()).await?;
    let draft = shared.store.draft().map_err(|_| internal())?;
    let target = tokio::fs::File::from_std(draft.reopen().map_err(|_| internal())?);
    let mut results = Results::new(
        target,
        import.params.result_gzip,
        shared.settings.result_order,
    );
    let mut payload = open(&file, format, gzip, shared.settings.csv_cells).await?;
    let mut outcome = Ok(());
    loop {
        let mut batch = Vec::new();
        let more = payload
            .next_batch(&mut |row| {
                batch.push(applier.apply(&mut shared.dataset(), row));
            })
            .await;
        if let (true, Some(error)) = (applier.is_transaction(), applier.failure.take()) {
            outcome = Err(error);
            break;
        }
        match more {
            // Can't happen, for it was readable before.
            Err(e) => {
                outcome = Err(malformed(e));
                break;
            }
            Ok(more) => {
                results.write(batch).await.map_err(|_| internal())?;
                if !more {
                    break;
                }
            }
        }
    }
    if let Err(error) = outcome {
        applier.roll_back(&mut shared.dataset());
        return Err(error);
    }
    if import.params.implicit_delete {
        let deleted = applier.delete_unnamed(&mut shared.dataset());
        results.append(deleted).await.map_err(|_| internal())?;
    }
    shared.dataset().tidy();
    results.finish().await.map_err(|_| internal())?;

    let place = match (&import.result, shared.settings.result_in_place) {
        (Some(place), _) => place.clone(),
        (None, true) => source,
        (None, false) => shared.store.generate(Format::Json, false),
    };
    shared
        .store
        .keep_result(&place, draft, import.params.result_gzip)
        .map_err(|_| internal())?;
    Ok(place)
}

/// An applier; made beside the runtime's threads, for indexing a million items takes a while.
pub(super) async fn applier(
    shared: &Arc<Shared>,
    params: ImportParams,
) -> Result<Applier, ApiError> {
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || {
        Applier::new(shared.settings.clone(), params, &mut shared.dataset())
    })
    .await
    .map_err(|_| internal())
}

/// A payload from its beginning.
async fn open(
    file: &tokio::fs::File,
    format: Format,
    gzip: bool,
    cells: CsvCells,
) -> Result<Payload, ApiError> {
    use tokio::io::AsyncSeekExt;
    let mut file = file.try_clone().await.map_err(|_| internal())?;
    file.rewind().await.map_err(|_| internal())?;
    let bytes: Bytes = if gzip {
        let mut decoder = GzipDecoder::new(BufReader::with_capacity(64 * 1024, file));
        decoder.multiple_members(true);
        Box::new(decoder)
    } else {
        Box::new(file)
    };
    Ok(Payload::new(format, bytes).with_cells(cells))
}

fn nothing_uploaded() -> ApiError {
    ApiError::new(
        "SandboxImportLocationEmpty",
        "400921",
        "There is no complete upload at the import location",
    )
}

fn malformed(error: super::payload::Malformed) -> ApiError {
    ApiError::new("SandboxPayloadMalformed", "400920", error.to_string())
}

fn internal() -> ApiError {
    ApiError::new(
        "SandboxInternalError",
        "500900",
        "The sandbox could not read or write its own files",
    )
}

/// The results being written: a JSON array with one line per item.
struct Results {
    target: Box<dyn AsyncWrite + Send + Unpin>,
    order: ResultOrder,
    first: bool,
}

impl Results {
    fn new(file: tokio::fs::File, gzip: bool, order: ResultOrder) -> Results {
        Results {
            target: if gzip {
                Box::new(GzipEncoder::new(file))
            } else {
                Box::new(file)
            },
            order,
            first: true,
        }
    }

    async fn write(&mut self, mut batch: Vec<Vec<u8>>) -> std::io::Result<()> {
        if self.order == ResultOrder::Shuffled && batch.len() > 1 {
            let before = batch.clone();
            batch.shuffle(&mut rand::rng());
            if batch == before {
                batch.rotate_left(1);
            }
        }
        self.append(batch).await
    }

    async fn append(&mut self, batch: Vec<Vec<u8>>) -> std::io::Result<()> {
        let mut text = Vec::with_capacity(batch.iter().map(|line| line.len() + 2).sum());
        for line in batch {
            text.extend_from_slice(if self.first { b"[" } else { b",\n" });
            self.first = false;
            text.extend_from_slice(&line);
        }
        self.target.write_all(&text).await
    }

    async fn finish(mut self) -> std::io::Result<()> {
        let end: &[u8] = if self.first { b"[]" } else { b"]" };
        self.target.write_all(end).await?;
        self.target.shutdown().await
    }
}
