//! One PUT to a pre-signed address.
//!
//! The HTTP client believes too much: it calls an upload done when the server says 200 before it has read the
//! body, it cuts a body that is longer than declared without a word, and it has no idle time for uploads. So the
//! body is watched here, and a success is one only when the body had been taken to its proper end.

mod receipt;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::http::asked::Asked;
use crate::http::hosts::Hosts;
use crate::http::spec::TimeoutsSpec;
use crate::http::{Clients, builder};
use crate::settings::secret::{PresignedUrl, is_s3};
use crate::upload::body::{BodyError, exact};
use receipt::{MAX_S3, refused, taken};
pub(crate) use receipt::{PutError, Receipt};
use watch::{CutOnDrop, Phase, Watch, Watched};

/// What is uploaded, and where.
#[derive(Clone, Debug)]
pub(crate) struct PutRequest<'a> {
    pub url: &'a PresignedUrl,
    /// How many attempts came before it.
    pub resends: u32,
    /// The body's length in bytes: sent as `Content-Length`, and held to. Without it the body goes out in
    /// chunked transfer coding, which most storages refuse.
    pub length: Option<u64>,
    /// The body's media type. Sent only where the address was signed with one; a header that was not signed may
    /// be a reason to refuse.
    pub content_type: Option<&'a str>,
    /// Whether the storage's MD5 is compared with that of the bytes handed to the connection.
    pub verify: bool,
    /// The upload is cut off after this, since the address is then good no longer.
    pub life: Option<Duration>,
    /// Set to 0 at the beginning, then counts the bytes handed to the connection.
    pub sent: Arc<AtomicU64>,
}

/// The client for uploads: apart from the API's, for it must never send a token.
pub(crate) struct Uploader {
    clients: Clients,
    stalled: Duration,
    unanswered: Duration,
}

impl Uploader {
    /// Nothing is opened yet.
    pub(crate) fn new(hosts: &Hosts, timeouts: &TimeoutsSpec) -> Uploader {
        let (hosts, own) = (Arc::new(hosts.clone()), timeouts.clone());
        Uploader {
            clients: Clients::new(move || {
                // One connection an upload: a kept one may be dead without knowing it.
                let client = builder(&own)
                    .dns_resolver(hosts.clone())
                    .pool_max_idle_per_host(0);
                #[cfg(target_os = "linux")]
                let client = client.tcp_user_timeout(own.stalled.0);
                client
            }),
            stalled: timeouts.stalled.0,
            unanswered: timeouts.unanswered.0,
        }
    }

    /// Sends a body. On success the storage has taken exactly the bytes of `body`, which were exactly
    /// `request.length` where that is given. Dropping the future cuts the connection.
    pub(crate) async fn put<S>(&self, request: PutRequest<'_>, body: S) -> Result<Receipt, PutError>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + 'static,
    {
        let (url, sent) = (request.url, request.sent.clone());
        sent.store(0, Ordering::Relaxed);
        if let Some(length) = request.length.filter(|n| *n > MAX_S3 && is_s3(url.host())) {
            return Err(PutError::TooLarge { length });
        }
        let transport = |source| PutError::Transport {
            sent: sent.load(Ordering::Relaxed),
            source,
        };
        let client = self.clients.for_url(url.expose()).map_err(transport)?;
        let watch = Arc::new(Watch::new(sent.clone(), request.length, request.verify));
        // The client goes on sending in the background after an early answer; nobody wants that.
        let _cut = CutOnDrop(watch.clone());
        let put = with_media_type(client.put(url.expose()), &request);
        let put = with_body(put, &request, body.boxed(), &watch).await?;
        let asked = Asked::after("upload", request.resends);
        let answer = tokio::select! {
            answer = asked.send(put) => answer,
            phase = watch.stands_still(self.stalled, self.unanswered) => {
                let (host, sent) = (url.host().to_owned(), sent.load(Ordering::Relaxed));
                return Err(match phase {
                    Phase::Sent => PutError::Unanswered { host, after: self.unanswered },
                    _ => PutError::Stalled { host, after: self.stalled, sent },
                });
            }
            () = over(request.life) => {
                let sent = sent.load(Ordering::Relaxed);
                return Err(PutError::Expired { sent });
            }
        };
        if let Some(error) = watch.take_error() {
            return Err(PutError::Body(error));
        }
        let answer = answer.map_err(transport)?;
        tracing::debug!(%url, status = %answer.status(), "upload answered");
        match answer.status().is_success() {
            true => taken(url, &answer, &watch, sent.load(Ordering::Relaxed)),
            false => Err(refused(url, answer, self.unanswered).await),
        }
    }
}

/// Says what the body is, where the address was signed with that.
fn with_media_type(put: RequestBuilder, request: &PutRequest<'_>) -> RequestBuilder {
    let is_signed = |name: &String| name == "content-type";
    match request.content_type {
        Some(media_type) if request.url.signed_headers().iter().any(is_signed) => {
            put.header(CONTENT_TYPE, media_type)
        }
        _ => put,
    }
}

/// Gives the request its body, held to its length and watched.
async fn with_body(
    put: RequestBuilder,
    request: &PutRequest<'_>,
    body: BoxStream<'static, Result<Bytes, BodyError>>,
    watch: &Arc<Watch>,
) -> Result<RequestBuilder, PutError> {
    let sent = request.sent.clone();
    Ok(match request.length {
        // Nobody would look at a body of no bytes, not even at whether it really is one.
        Some(0) => {
            let mut body = exact(body, 0, sent);
            while body.try_next().await.map_err(PutError::Body)?.is_some() {}
            watch.set(Phase::Sent);
            put.header(CONTENT_LENGTH, 0).body("")
        }
        Some(length) => {
            let body = exact(body, length, sent).boxed();
            put.header(CONTENT_LENGTH, length)
                .body(Watched::body(body, watch))
        }
        None => {
            let body = body
                .inspect_ok(move |bytes| {
                    sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                })
                .boxed();
            put.body(Watched::body(body, watch))
        }
    })
}

/// Comes back when an address is good no longer.
async fn over(life: Option<Duration>) {
    match life {
        Some(life) => tokio::time::sleep(life).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
