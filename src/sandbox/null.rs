//! A target that takes everything and keeps nothing, for measuring how fast a client can be: the calls
//! of an import, answered at once, and a storage that reads an upload and throws it away. It checks
//! nothing and knows no items, so its results are an empty list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    base_url: String,
    taken: AtomicU64,
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
        let shared = Arc::new(Shared {
            base_url: format!("http://{address}"),
            taken: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/api/v1/{tenant}/files/generate", post(generate))
            .route(
                "/api/v1/{tenant}/datasets/{dataset}/items/import",
                put(import),
            )
            .route("/upload", put(take))
            .route("/ticket", get(ticket))
            .route("/results", get(|| async { "[]" }))
            .with_state(shared.clone());
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            router,
            stop.clone(),
        )));
        Ok(NullTarget {
            shared,
            _stop: stop.drop_guard(),
        })
    }

    /// `http://127.0.0.1:<port>`.
    pub(crate) fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Any token will do; this is one.
    pub(crate) fn token(&self) -> SecretString {
        SecretString::from("null")
    }

    /// Bytes of uploads taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
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

async fn generate(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let url = format!("{}/upload", shared.base_url);
    answer(StatusCode::OK, json!({ "put": url, "get": url }))
}

async fn import(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    answer(StatusCode::ACCEPTED, document(&shared))
}

async fn ticket(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    answer(StatusCode::OK, document(&shared))
}

/// The ticket of a job that is done.
fn document(shared: &Shared) -> serde_json::Value {
    let link =
        |path: &str| json!({ "url": format!("{}/{path}", shared.base_url), "method": "GET" });
    json!({
        "jobStatus": "completed",
        "_links": { "self": link("ticket"), "result": link("results") },
    })
}

/// Reads an upload to its end, and keeps the number of its bytes alone.
async fn take(State(shared): State<Arc<Shared>>, body: Body) -> StatusCode {
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(bytes) => shared
                .taken
                .fetch_add(bytes.len() as u64, Ordering::Relaxed),
            Err(_) => return StatusCode::BAD_REQUEST,
        };
    }
    StatusCode::OK
}
