//! A target that takes everything and keeps nothing, for measuring how fast a client can be: the calls
//! of an import, answered at once, and a storage that reads an upload and throws it away. It checks
//! nothing and knows no items, so its results are an empty list.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use futures::StreamExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SandboxError;

/// A running null target on 127.0.0.1. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct NullTarget {
    base_url: Arc<str>,
    _stop: DropGuard,
}

impl NullTarget {
    /// Starts a null target on tasks of the current runtime. It answers as soon as this returns.
    ///
    /// # Errors
    /// When no port can be had.
    pub(crate) async fn start() -> Result<NullTarget, SandboxError> {
        let bind = |source| SandboxError::Bind { port: 0, source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let base_url: Arc<str> = format!("http://{address}").into();
        let router = Router::new()
            .route("/api/v1/{tenant}/files/generate", post(generate))
            .route(
                "/api/v1/{tenant}/datasets/{dataset}/items/import",
                put(import),
            )
            .route("/upload", put(take))
            .route("/ticket", get(ticket))
            .route("/results", get(|| async { "[]" }))
            .with_state(base_url.clone());
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            router,
            stop.clone(),
        )));
        Ok(NullTarget {
            base_url,
            _stop: stop.drop_guard(),
        })
    }

    /// `http://127.0.0.1:<port>`.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Any token will do; this is one.
    pub(crate) fn token(&self) -> SecretString {
        SecretString::from("null")
    }
}

async fn accept(listener: TcpListener, router: Router, stop: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(router.clone());
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let stop = stop.clone();
                tokio::spawn(async move {
                    if let Some(Err(e)) = stop.run_until_cancelled_owned(served).await {
                        tracing::debug!(error = %e, "a connection to the null target broke");
                    }
                });
            }
            Err(e) => {
                // A connection that went away, or no more file handles: both pass.
                tracing::debug!(error = %e, "the null target could not accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

fn answer(status: StatusCode, body: serde_json::Value) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body.to_string())
}

async fn generate(State(base_url): State<Arc<str>>) -> impl IntoResponse {
    let url = format!("{base_url}/upload");
    answer(StatusCode::OK, json!({ "put": url, "get": url }))
}

async fn import(State(base_url): State<Arc<str>>) -> impl IntoResponse {
    answer(StatusCode::ACCEPTED, document(&base_url))
}

async fn ticket(State(base_url): State<Arc<str>>) -> impl IntoResponse {
    answer(StatusCode::OK, document(&base_url))
}

/// The ticket of a job that is done.
fn document(base_url: &str) -> serde_json::Value {
    let link = |path: &str| json!({ "url": format!("{base_url}/{path}"), "method": "GET" });
    json!({
        "jobStatus": "completed",
        "_links": { "self": link("ticket"), "result": link("results") },
    })
}

/// Reads an upload to its end.
async fn take(body: Body) -> StatusCode {
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        if piece.is_err() {
            return StatusCode::BAD_REQUEST;
        }
    }
    StatusCode::OK
}
