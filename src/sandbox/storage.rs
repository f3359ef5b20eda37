//! The storage's two calls: pre-signed PUT and GET of whole objects, with S3's refusals in S3's words.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use md5::{Digest, Md5};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::error::StorageError;
use super::shared::Shared;
use super::sign::hex;
use super::store::{About, random_etag};

/// Pieces of a body that wait for the disk at most.
const PIECES: usize = 8;

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
            (header::ETAG, format!("\"{}\"", object.about.etag)),
        ],
        body,
    )
        .into_response();
    let headers = response.headers_mut();
    if let Some(value) = object.about.content_type {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if let Some(value) = object.about.content_encoding {
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
    let about = About {
        etag: etag.clone(),
        content_type: head.headers.get(header::CONTENT_TYPE).cloned(),
        content_encoding: head.headers.get(header::CONTENT_ENCODING).cloned(),
    };
    shared.store.keep_upload(&id, draft, about)?;
    shared.uploads.fetch_add(1, Ordering::Relaxed);
    let mut answer = [(header::ETAG, format!("\"{etag}\""))].into_response();
    if encrypted {
        answer.headers_mut().insert(
            "x-amz-server-side-encryption",
            header::HeaderValue::from_static("aws:kms"),
        );
    }
    Ok(answer)
}
