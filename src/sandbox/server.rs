//! The listener, its connections, and what all of them share.

use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::Extension;
use axum::http::HeaderValue;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{any, get, post, put};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dataset::Dataset;
use super::error::StorageError;
use super::job::Tickets;
use super::options::SandboxSettings;
use super::sign::Signer;
use super::storage::Store;
use super::{api, job, storage};

/// The most of a request's head that is kept for looking at it.
const HEAD: usize = 64 * 1024;

/// What every connection and job uses.
pub(super) struct Shared {
    pub settings: Arc<SandboxSettings>,
    pub token: SecretString,
    pub base_url: String,
    pub signer: Signer,
    pub store: Store,
    pub tickets: Tickets,
    dataset: Mutex<Dataset>,
    /// Held by the job that works; jobs wait for it in the order in which they came.
    pub job_turn: tokio::sync::Mutex<()>,
    pub calls: AtomicU64,
    pub imports: AtomicU64,
    pub uploads: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(
        settings: SandboxSettings,
        token: SecretString,
        host: String,
        store: Store,
    ) -> Shared {
        Shared {
            base_url: format!("http://{host}"),
            signer: Signer::new(host),
            settings: Arc::new(settings),
            token,
            store,
            tickets: Tickets::default(),
            dataset: Mutex::default(),
            job_turn: tokio::sync::Mutex::default(),
            calls: AtomicU64::new(0),
            imports: AtomicU64::new(0),
            uploads: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// The data set, for a moment.
    pub(crate) fn dataset(&self) -> MutexGuard<'_, Dataset> {
        self.dataset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task that ends with the sandbox.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.stop.clone().run_until_cancelled_owned(task);
        self.tasks.spawn(async move {
            task.await;
        });
    }

    /// Tells every task to end.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end of every task.
    pub(crate) async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Accepts connections until the sandbox ends.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let router = router(&shared);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                let strict = shared.settings.strict_header_case;
                shared.spawn(serve(stream, router, strict));
            }
            Err(e) => {
                // A connection that went away, or no more file handles: both pass.
                tracing::debug!(error = %e, "the sandbox could not accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/api/v1/{tenant}/files/generate", post(api::generate))
        .route("/api/v1/{tenant}/datasets", get(api::datasets))
        .route("/api/v1/{tenant}/datasets/{dataset}", get(api::items))
        .route("/api/v1/{tenant}/datasets/{dataset}/items", get(api::items))
        .route(
            "/api/v1/{tenant}/datasets/{dataset}/items/import",
            put(api::import),
        )
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::method_not_allowed)
        .layer(from_fn_with_state(shared.clone(), api::gate));
    let storage = Router::new()
        .route("/storage/files/{id}", get(storage::get).put(storage::put))
        .route("/storage/tickets/{id}", get(job::ticket))
        .route(
            "/storage/{*rest}",
            any(|| async { StorageError::no_such_key() }),
        );
    api.merge(storage)
        .layer(map_response(|mut response: Response| async {
            response
                .headers_mut()
                .insert("x-rostream-sandbox", HeaderValue::from_static("1"));
            response
        }))
        .with_state(shared.clone())
}

async fn serve(stream: TcpStream, router: Router, strict: bool) {
    // Answers are small and follow each other: they shall not wait for more of their kind.
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    server.title_case_headers(true);
    let served = if strict {
        let head = Head::default();
        let stream = Tapped {
            stream,
            head: head.clone(),
        };
        server
            .keep_alive(false)
            .serve_connection(
                TokioIo::new(stream),
                TowerToHyperService::new(router.layer(Extension(head))),
            )
            .await
    } else {
        server
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .await
    };
    if let Err(e) = served {
        // Clients that break off are the sandbox's daily bread.
        tracing::debug!(error = %e, "a connection to the sandbox broke");
    }
}

/// The head of a connection's first request as it came. The HTTP library doesn't tell the case of
/// header names.
#[derive(Clone, Default)]
pub(super) struct Head(Arc<Mutex<Vec<u8>>>);

impl Head {
    /// The names of headers that are not in Title-Case.
    pub(crate) fn odd_names(&self) -> Vec<String> {
        let head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&head)
            .split("\r\n")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':').map(|(name, _)| name))
            .filter(|name| {
                !name
                    .split('-')
                    .all(|part| part.starts_with(|c: char| !c.is_ascii_lowercase()))
            })
            .map(str::to_owned)
            .collect()
    }

    fn see(&self, bytes: &[u8]) {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if head.len() < HEAD && !head.windows(4).any(|w| w == b"\r\n\r\n") {
            let room = HEAD - head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

/// A connection whose first request's head is kept.
struct Tapped {
    stream: TcpStream,
    head: Head,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.head.see(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
