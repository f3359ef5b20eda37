//! The storage: pre-signed PUT and GET of whole objects, with S3's refusals in S3's words.
//!
//! An object lies in a private file on disk. It gets its name only when exactly as many bytes came
//! as were declared and the stream ended there; what is cut off before leaves nothing behind, and an
//! older object stays as it was.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use md5::{Digest, Md5};
use tempfile::{NamedTempFile, TempDir};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::error::StorageError;
use super::payload::Format;
use super::server::Shared;
use super::sign::hex;

/// Pieces of a body that wait for the disk at most.
const PIECES: usize = 8;

/// A generated file: a place for an object, and the object once it is there.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub format: Format,
    pub gzip: bool,
    /// When the place was made or its object stored.
    touched: Instant,
    pub object: Option<Object>,
}

/// A stored object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub path: PathBuf,
    bytes: u64,
    etag: String,
    content_type: Option<header::HeaderValue>,
    content_encoding: Option<header::HeaderValue>,
}

/// All files, in one private folder that goes when the store goes.
pub(super) struct Store {
    folder: TempDir,
    entries: Mutex<HashMap<String, Entry>>,
    life: Duration,
    /// The client's last complete upload, for tests that look at its bytes.
    last_upload: Mutex<Option<PathBuf>>,
}

impl Store {
    pub(crate) fn new(parent: Option<&FilePath>, life: Duration) -> std::io::Result<Store> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("rostream-sandbox-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent)?,
            None => builder.tempdir()?,
        };
        Ok(Store {
            folder,
            entries: Mutex::default(),
            life,
            last_upload: Mutex::default(),
        })
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a place for a file and returns its id. Files whose time is over go at this occasion.
    pub(crate) fn generate(&self, format: Format, gzip: bool) -> String {
        let id = hex(&rand::random::<[u8; 16]>());
        let entry = Entry {
            format,
            gzip,
            touched: Instant::now(),
            object: None,
        };
        let mut entries = self.entries();
        entries.retain(|_, entry| {
            let stays = entry.touched.elapsed() < self.life;
            if let (false, Some(object)) = (stays, &entry.object) {
                // What can't be deleted now goes with the folder.
                let _ = std::fs::remove_file(&object.path);
            }
            stays
        });
        entries.insert(id.clone(), entry);
        id
    }

    /// A file that still lives.
    pub(crate) fn entry(&self, id: &str) -> Option<Entry> {
        self.entries()
            .get(id)
            .filter(|entry| entry.touched.elapsed() < self.life)
            .cloned()
    }

    /// A file in the making, readable by its owner alone. It is gone when the value is dropped.
    pub(crate) fn draft(&self) -> std::io::Result<NamedTempFile> {
        // Owner-only is what tempfile makes on its own.
        tempfile::Builder::new()
            .prefix("draft-")
            .tempfile_in(self.folder.path())
    }

    /// Puts a complete file into its place, whatever was there before.
    fn keep(&self, id: &str, draft: NamedTempFile, mut object: Object) -> Result<(), StorageError> {
        let path = self.folder.path().join(id);
        let mut entries = self.entries();
        let entry = entries
            .get_mut(id)
            .ok_or(const { StorageError::no_such_key() })?;
        draft.persist(&path).map_err(|_| StorageError::internal())?;
        object.path = path;
        entry.touched = Instant::now();
        entry.object = Some(object);
        Ok(())
    }

    /// Puts a job's results into their place.
    pub(crate) fn keep_result(
        &self,
        id: &str,
        draft: NamedTempFile,
        gzip: bool,
    ) -> Result<(), StorageError> {
        let bytes = draft
            .as_file()
            .metadata()
            .map_err(|_| StorageError::internal())?
            .len();
        self.keep(
            id,
            draft,
            Object {
                path: PathBuf::new(),
                bytes,
                etag: random_etag(),
                content_type: Some(header::HeaderValue::from_static("application/json")),
                content_encoding: gzip.then(|| header::HeaderValue::from_static("gzip")),
            },
        )
    }

    /// Where the client's last complete upload lies.
    pub(crate) fn last_upload(&self) -> Option<PathBuf> {
        self.last_upload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn random_etag() -> String {
    hex(&rand::random::<[u8; 16]>())
}

/// `GET /storage/files/{id}`.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, StorageError> {
    shared
        .signer
        .check(request.method(), request.uri(), request.headers())?;
    let object = shared
        .store
        .entry(&id)
        .and_then(|entry| entry.object)
        .ok_or(StorageError::no_such_key())?;
    let file = tokio::fs::File::open(&object.path)
        .await
        .map_err(|_| StorageError::no_such_key())?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024));
    let mut response = (
        [
            (header::CONTENT_LENGTH, object.bytes.to_string()),
            (header::ETAG, format!("\"{}\"", object.etag)),
        ],
        body,
    )
        .into_response();
    let headers = response.headers_mut();
    if let Some(value) = object.content_type {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if let Some(value) = object.content_encoding {
        headers.insert(header::CONTENT_ENCODING, value);
    }
    Ok(response)
}

/// What an upload's head declares. Everything that S3 refuses before the body is refused here.
fn declared(shared: &Shared, request: &Request<Body>) -> Result<Option<u64>, StorageError> {
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        if !shared.settings.accept_chunked {
            return Err(StorageError {
                extra: Some(("Header", "Transfer-Encoding".into())),
                ..StorageError::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "NotImplemented",
                    "A header you provided implies functionality that is not implemented",
                )
            });
        }
        shared
            .signer
            .check(request.method(), request.uri(), headers)?;
        return Ok(None);
    }
    shared
        .signer
        .check(request.method(), request.uri(), headers)?;
    let length = content_length(headers).ok_or(StorageError::new(
        StatusCode::LENGTH_REQUIRED,
        "MissingContentLength",
        "You must provide the Content-Length HTTP header.",
    ))?;
    if length > shared.settings.max_object {
        return Err(TOO_LARGE);
    }
    Ok(Some(length))
}

const TOO_LARGE: StorageError = StorageError::new(
    StatusCode::BAD_REQUEST,
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed object size.",
);

const INCOMPLETE: StorageError = StorageError::new(
    StatusCode::BAD_REQUEST,
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
);

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// `PUT /storage/files/{id}`.
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, StorageError> {
    let declared = declared(&shared, &request)?;
    if shared.store.entry(&id).is_none() {
        return Err(StorageError::no_such_key());
    }
    let (head, body) = request.into_parts();

    // One thread writes and hashes; this task only hands over. When this task is dropped, because
    // the client or the sandbox went away, the channel closes and the draft goes.
    let (pieces, mut waiting) = mpsc::channel::<Bytes>(PIECES);
    let draft = shared.store.draft().map_err(|_| StorageError::internal())?;
    let hashing = shared.settings.md5_etag;
    let writer = tokio::task::spawn_blocking(move || {
        let mut draft = draft;
        let mut md5 = hashing.then(Md5::new);
        while let Some(piece) = waiting.blocking_recv() {
            draft.as_file_mut().write_all(&piece)?;
            if let Some(md5) = &mut md5 {
                md5.update(&piece);
            }
        }
        Ok::<_, std::io::Error>((draft, md5.map(|md5| hex(md5.finalize().as_ref()))))
    });
    let mut received = 0u64;
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| INCOMPLETE)?;
        received += piece.len() as u64;
        if received > shared.settings.max_object {
            return Err(TOO_LARGE);
        }
        if pieces.send(piece).await.is_err() {
            // The writer stopped: its error follows.
            break;
        }
    }
    drop(pieces);
    let (draft, md5) = writer
        .await
        .map_err(|_| StorageError::internal())?
        .map_err(|_| StorageError::internal())?;
    if declared.is_some_and(|declared| declared != received) {
        return Err(INCOMPLETE);
    }

    let encrypted = md5.is_none();
    let etag = md5.unwrap_or_else(random_etag);
    shared.store.keep(
        &id,
        draft,
        Object {
            path: PathBuf::new(),
            bytes: received,
            etag: etag.clone(),
            content_type: head.headers.get(header::CONTENT_TYPE).cloned(),
            content_encoding: head.headers.get(header::CONTENT_ENCODING).cloned(),
        },
    )?;
    shared.uploads.fetch_add(1, Ordering::Relaxed);
    *shared
        .store
        .last_upload
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = shared
        .store
        .entry(&id)
        .and_then(|entry| entry.object)
        .map(|object| object.path);
    let mut answer = [(header::ETAG, format!("\"{etag}\""))].into_response();
    if encrypted {
        answer.headers_mut().insert(
            "x-amz-server-side-encryption",
            header::HeaderValue::from_static("aws:kms"),
        );
    }
    Ok(answer)
}
