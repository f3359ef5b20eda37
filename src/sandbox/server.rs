//! The listener, its connections and the routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use axum::http::HeaderValue;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{any, get, post, put};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use super::error::StorageError;
use super::head::Tapped;
use super::shared::Shared;
use super::{api, job, storage};

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
        .route(
            "/api/v1/{tenant}/datasets/{dataset}/metadata",
            get(api::metadata),
        )
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
        let (stream, head) = Tapped::new(stream);
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
