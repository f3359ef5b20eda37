//! Import jobs: the ticket, the work, the results, the callback.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_compression::tokio::bufread::GzipDecoder;
use async_compression::tokio::write::GzipEncoder;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rand::seq::SliceRandom;
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;
use url::Url;

use super::apply::Applier;
use super::error::{ApiError, StorageError, json as json_response};
use super::options::ResultOrder;
use super::params::ImportParams;
use super::payload::{Format, Payload};
use super::server::Shared;
use super::sign::hex;
use crate::settings::secret::is_loopback;

/// How long a callback may take.
const CALLBACK_TIME: Duration = Duration::from_secs(10);

/// The words of `jobStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Running,
    Completed,
    Failed,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
        }
    }
}

/// A job as its ticket shows it.
#[derive(Clone)]
pub(super) struct Ticket {
    status: Status,
    created: Timestamp,
    /// Before this the ticket is not there yet.
    visible: Instant,
    trace: String,
    /// The file with the results.
    result: Option<String>,
    errors: Vec<ApiError>,
}

/// All tickets, by id.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Ticket>>);

impl Tickets {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Ticket)) {
        if let Some(ticket) = self.lock().get_mut(id) {
            change(ticket);
        }
    }
}

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

/// The ticket as JSON.
fn document(shared: &Shared, id: &str, ticket: &Ticket) -> serde_json::Value {
    let url = |path: &str| {
        shared
            .signer
            .url(&Method::GET, path, shared.settings.ticket_life, None)
    };
    let link = |path: &str| {
        json!({
            "url": url(path),
            "contentType": "application/json; charset=UTF-8",
            "type": "downloadLink",
        })
    };
    let mut document = json!({
        "_links": { "self": link(&format!("/storage/tickets/{id}")) },
        "jobStatus": ticket.status.as_str(),
        "_createdAt": ticket.created.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        "_createdBy": "sandbox@localhost",
        "X-Amzn-Trace-Id": ticket.trace,
    });
    if let Some(result) = &ticket.result {
        document["_links"]["result"] = link(&format!("/storage/files/{result}"));
    }
    if !ticket.errors.is_empty() {
        document["errors"] = json!(ticket.errors);
    }
    document
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
    let ticket = shared
        .tickets
        .lock()
        .get(&id)
        .filter(|ticket| ticket.visible <= Instant::now())
        .cloned()
        .ok_or(StorageError::no_such_key())?;
    Ok(json_response(
        StatusCode::OK,
        &document(&shared, &id, &ticket),
    ))
}

/// Makes a ticket and starts its job. Returns the ticket.
pub(super) fn start(shared: &Arc<Shared>, import: Import) -> serde_json::Value {
    let id = hex(&rand::random::<[u8; 16]>());
    let ticket = Ticket {
        status: Status::Created,
        created: Timestamp::now(),
        visible: Instant::now() + shared.settings.ticket_delay,
        trace: import.trace.clone(),
        result: None,
        errors: Vec::new(),
    };
    let answer = document(shared, &id, &ticket);
    shared.tickets.lock().insert(id.clone(), ticket);
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
        if !matches!(
            tokio::time::timeout(CALLBACK_TIME, sent).await,
            Ok(Some(()))
        ) {
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
    let mut payload = open(&file, format, gzip).await?;
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
    let mut payload = open(&file, format, gzip).await?;
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
async fn open(file: &tokio::fs::File, format: Format, gzip: bool) -> Result<Payload, ApiError> {
    use tokio::io::AsyncSeekExt;
    let mut file = file.try_clone().await.map_err(|_| internal())?;
    file.rewind().await.map_err(|_| internal())?;
    if gzip {
        let mut decoder = GzipDecoder::new(BufReader::with_capacity(64 * 1024, file));
        decoder.multiple_members(true);
        Ok(Payload::new(format, Box::new(decoder)))
    } else {
        Ok(Payload::new(format, Box::new(file)))
    }
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

/// Where the end of a job is told.
pub(super) struct Callback(String);

impl Callback {
    /// A template whose URL is on this machine: a sandbox calls nobody else.
    pub(crate) fn new(template: &str) -> Option<Callback> {
        let callback = Callback(template.to_owned());
        let url = callback.render("TENANT", Status::Completed, "trace")?;
        (is_loopback(&url) && url.scheme() == "http").then_some(callback)
    }

    fn render(&self, tenant: &str, status: Status, trace: &str) -> Option<Url> {
        let encoded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        Url::parse(
            &self
                .0
                .replace("{{jobStatus}}", status.as_str())
                .replace("{{traceId}}", &encoded(trace))
                .replace("{{tenantId}}", &encoded(tenant)),
        )
        .ok()
    }

    /// One GET, no redirects, no second try.
    async fn call(&self, tenant: &str, status: Status, trace: &str) -> Option<()> {
        let url = self.render(tenant, status, trace)?;
        let address = *url.socket_addrs(|| None).ok()?.first()?;
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .ok()?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let request = Request::get(target)
            .header("host", host)
            .body(Body::empty())
            .ok()?;
        tokio::select! {
            biased;
            response = sender.send_request(request) => response.ok().map(|_| ()),
            _ = connection => None,
        }
    }
}
