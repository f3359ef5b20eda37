//! One PUT to a pre-signed address.
//!
//! The HTTP client believes too much: it calls an upload done when the server says 200 before it has read the
//! body, it cuts a body that is longer than declared without a word, and it has no idle time for uploads. So the
//! body is watched here, and a success is one only when the body had been taken to its proper end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use futures::task::AtomicWaker;
use md5::{Digest, Md5};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap};
use tokio::time::Instant;

use crate::http::hosts::Hosts;
use crate::http::retry::{Failure, Outcome};
use crate::http::spec::TimeoutsSpec;
use crate::http::text::{StorageError, excerpt, sanitise};
use crate::http::{Clients, TransportError, builder, read_small, retry_after};
use crate::settings::secret::{PresignedUrl, is_s3};
use crate::settings::units::Span;
use crate::upload::body::{BodyError, exact};

/// The largest body of one PUT to S3: 5 GiB, by its user guide. More takes an upload in parts, for which one
/// address is not enough.
const MAX_S3: u64 = 5 << 30;

/// How long the rest of an error page may take.
const ERROR_PAGE: Duration = Duration::from_secs(10);

/// What is uploaded, and where.
#[derive(Clone, Debug)]
pub(crate) struct PutRequest<'a> {
    /// The address.
    pub url: &'a PresignedUrl,
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

/// A body that the storage has taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The HTTP status.
    pub status: u16,
    /// The storage's name for the content, as it wrote it: often, but not always, the MD5 in quotes.
    pub etag: Option<String>,
    /// Bytes sent.
    pub bytes: u64,
    /// Whether the storage's MD5 was compared, and is that of the bytes sent.
    pub verified: bool,
}

/// The upload did not succeed. In every case the storage either keeps nothing or must not be believed: never
/// import from this address.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The storage said no.
    #[error("{}", refusal(*status, storage, signed_headers))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What its error document says.
        storage: StorageError,
        /// The headers that the address was signed with.
        signed_headers: Vec<String>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It said yes before it had the whole body.
    #[error(
        "the storage answered {status} after {sent} bytes, before the upload's end; this is no success"
    )]
    Early {
        /// The HTTP status.
        status: u16,
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// It says that it holds other bytes than were sent.
    #[error(
        "{host} stored other bytes than were sent: the MD5 in its answer's ETag is not theirs, so something on the way changed them"
    )]
    Damaged {
        /// The storage's host.
        host: String,
    },
    /// More than S3 takes at once.
    #[error(
        "the upload has {length} bytes, and S3 takes {MAX_S3} (5 GiB) at once; nothing was sent: use `upload.encoding: gzip`, or split the source"
    )]
    TooLarge {
        /// Bytes in the body.
        length: u64,
    },
    /// The address was good for no longer.
    #[error("{}", match sent {
        0 => "the upload's address had expired before the first byte was sent".to_owned(),
        _ => format!("the upload was slower than its address lives: the address expired after {sent} bytes"),
    })]
    Expired {
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// The body itself failed; the connection was cut.
    #[error("the upload was cut off, nothing is stored")]
    Body(#[source] BodyError),
    /// No byte went out for too long.
    #[error("the upload to {host} stood still for {} after {sent} bytes (`timeouts.stalled`)", Span(*after))]
    Stalled {
        /// The storage's host.
        host: String,
        /// How long.
        after: Duration,
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// Everything was sent and no answer came for too long.
    #[error("{host} did not answer within {} after the upload's last byte (`timeouts.unanswered`)", Span(*after))]
    Unanswered {
        /// The storage's host.
        host: String,
        /// How long.
        after: Duration,
    },
    /// The connection failed, or never was.
    #[error("the upload failed after {sent} bytes")]
    Transport {
        /// Bytes handed to the connection by then.
        sent: u64,
        /// Why.
        source: TransportError,
    },
}

fn refusal(status: u16, storage: &StorageError, signed: &[String]) -> String {
    let mut text = format!("the storage refused the upload with status {status}");
    for part in [&storage.code, &storage.message] {
        if !part.is_empty() {
            text.push_str(": ");
            text.push_str(part);
        }
    }
    if status == 403 && !signed.is_empty() && storage.code != "RequestExpired" {
        text.push_str(&format!(" (signed headers: {})", signed.join(", ")));
    }
    text
}

/// What is shown of an answer that is no storage's: of a page its beginning, of plain text the first line
/// alone, for the next ones may repeat the rows that were sent.
fn said(page: &[u8]) -> &[u8] {
    let page = page.trim_ascii_start();
    match page.first() {
        Some(b'<') => page,
        _ => page.split(|b| *b == b'\n').next().unwrap_or_default(),
    }
}

impl Failure for PutError {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            PutError::Refused {
                status, storage, ..
            } => Outcome::Answered {
                status: *status,
                code: Some(&*storage.code).filter(|code| !code.is_empty()),
            },
            PutError::Early { .. } | PutError::Damaged { .. } => Outcome::Malformed,
            PutError::Body(_) | PutError::TooLarge { .. } => Outcome::OwnBody,
            PutError::Stalled { .. } | PutError::Unanswered { .. } | PutError::Expired { .. } => {
                Outcome::Lost
            }
            PutError::Transport { source, .. } => source.outcome(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            PutError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
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
        let PutRequest {
            url,
            length,
            content_type,
            verify,
            life,
            sent,
        } = request;
        sent.store(0, Ordering::Relaxed);
        if let Some(length) = length.filter(|length| *length > MAX_S3 && is_s3(url.host())) {
            return Err(PutError::TooLarge { length });
        }
        let transport = |sent: &AtomicU64, source| PutError::Transport {
            sent: sent.load(Ordering::Relaxed),
            source,
        };
        let client = self
            .clients
            .for_url(url.expose())
            .map_err(|error| transport(&sent, error))?;
        let mut put = client.put(url.expose());
        if let Some(media_type) = content_type
            && url
                .signed_headers()
                .iter()
                .any(|name| name == "content-type")
        {
            put = put.header(CONTENT_TYPE, media_type);
        }
        let watch = Arc::new(Watch::new(sent.clone(), length, verify));
        // The client goes on sending in the background after an early answer; nobody wants that.
        let _cut = CutOnDrop(watch.clone());
        let body = body.boxed();
        put = match length {
            // Nobody would look at a body of no bytes, not even at whether it really is one.
            Some(0) => {
                let mut body = exact(body, 0, sent.clone());
                while body.try_next().await.map_err(PutError::Body)?.is_some() {}
                watch.set(Phase::Sent);
                put.header(CONTENT_LENGTH, 0).body("")
            }
            Some(length) => {
                let body = exact(body, length, sent.clone()).boxed();
                put.header(CONTENT_LENGTH, length)
                    .body(Watched::body(body, &watch))
            }
            None => {
                let count = sent.clone();
                let body = body
                    .inspect_ok(move |bytes| {
                        count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    })
                    .boxed();
                put.body(Watched::body(body, &watch))
            }
        };

        let answer = tokio::select! {
            answer = put.send() => answer,
            phase = watch.stands_still(self.stalled, self.unanswered) => {
                let (host, sent) = (url.host().to_owned(), sent.load(Ordering::Relaxed));
                return Err(match phase {
                    Phase::Sent => PutError::Unanswered { host, after: self.unanswered },
                    _ => PutError::Stalled { host, after: self.stalled, sent },
                });
            }
            () = over(life) => {
                let sent = sent.load(Ordering::Relaxed);
                return Err(PutError::Expired { sent });
            }
        };
        if let Some(error) = watch.take_error() {
            return Err(PutError::Body(error));
        }
        let answer =
            answer.map_err(|error| transport(&sent, TransportError::new(url.host(), error)))?;
        let status = answer.status();
        tracing::debug!(%url, %status, "upload answered");
        if status.is_success() {
            let bytes = sent.load(Ordering::Relaxed);
            if !watch.is_sent() {
                let status = status.as_u16();
                return Err(PutError::Early {
                    status,
                    sent: bytes,
                });
            }
            let verified = match (watch.take_md5(), stored_md5(answer.headers())) {
                (Some(sent), Some(stored)) if sent != stored => {
                    let host = url.host().to_owned();
                    return Err(PutError::Damaged { host });
                }
                (sent, stored) => sent.is_some() && stored.is_some(),
            };
            return Ok(Receipt {
                verified,
                status: status.as_u16(),
                etag: answer
                    .headers()
                    .get(ETAG)
                    .map(|etag| sanitise(&String::from_utf8_lossy(etag.as_bytes()), 200)),
                bytes,
            });
        }
        let retry_after = retry_after(answer.headers(), SystemTime::now());
        // The status is known; a page that breaks off or drags on does not change it.
        let patience = ERROR_PAGE.min(self.unanswered);
        let page = tokio::time::timeout(patience, read_small(url.host(), answer)).await;
        let page = page
            .ok()
            .and_then(Result::ok)
            .map_or(vec![], |(page, _)| page);
        let mut storage = StorageError::parse(&page);
        if storage.code.is_empty() && storage.message.is_empty() {
            storage.message = excerpt(said(&page));
        }
        Err(PutError::Refused {
            status: status.as_u16(),
            storage,
            signed_headers: url.signed_headers().to_vec(),
            retry_after,
        })
    }
}

/// Comes back when an address is good no longer.
async fn over(life: Option<Duration>) {
    match life {
        Some(life) => tokio::time::sleep(life).await,
        None => std::future::pending().await,
    }
}

/// The MD5 of what the storage holds, where its ETag is one. It is 32 digits in quotes then; but so it is with S3's
/// encryption by KMS or by a key of the client's, where it stands for something else.
fn stored_md5(headers: &HeaderMap) -> Option<[u8; 16]> {
    let kms = headers
        .get("x-amz-server-side-encryption")
        .is_some_and(|by| by.as_bytes().starts_with(b"aws:kms"));
    if kms || headers.contains_key("x-amz-server-side-encryption-customer-algorithm") {
        return None;
    }
    let tag = headers.get(ETAG)?.to_str().ok()?;
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let is_hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u128::from_str_radix(is_hex.then_some(digits)?, 16).ok()?;
    Some(number.to_be_bytes())
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The body's: there is nothing to send yet. A slow source or a low rate is no fault of the network.
    Making,
    /// The network's.
    Sending,
    /// The storage's: it has everything.
    Sent,
}

/// What is known of a body under way.
struct Watch {
    phase: Mutex<(Phase, Instant)>,
    error: Mutex<Option<BodyError>>,
    sent: Arc<AtomicU64>,
    length: Option<u64>,
    /// Of the bytes handed to the connection, where it is wanted.
    md5: Mutex<Option<Md5>>,
    cut: AtomicBool,
    asking: AtomicWaker,
}

/// Ends the body, wherever it is, when the upload's future is done or dropped.
struct CutOnDrop(Arc<Watch>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.asking.wake();
    }
}

impl Watch {
    fn new(sent: Arc<AtomicU64>, length: Option<u64>, verify: bool) -> Watch {
        Watch {
            // Until the first byte is asked for, the client's connect timeout watches.
            phase: Mutex::new((Phase::Making, Instant::now())),
            error: Mutex::new(None),
            sent,
            length,
            md5: Mutex::new(verify.then(Md5::new)),
            cut: AtomicBool::new(false),
            asking: AtomicWaker::new(),
        }
    }

    fn phase(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, phase: Phase) {
        *self.phase() = (phase, Instant::now());
    }

    fn is_sent(&self) -> bool {
        self.phase().0 == Phase::Sent
    }

    fn take_error(&self) -> Option<BodyError> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn md5(&self) -> MutexGuard<'_, Option<Md5>> {
        self.md5.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_md5(&self) -> Option<[u8; 16]> {
        self.md5().take().map(|md5| md5.finalize().into())
    }

    /// Comes back when the network or the storage has done nothing for too long.
    async fn stands_still(&self, stalled: Duration, unanswered: Duration) -> Phase {
        loop {
            let (phase, since) = *self.phase();
            let until = match phase {
                // Looks again soon, so that a stop that begins meanwhile is timed from its beginning.
                Phase::Making => Instant::now() + Duration::from_secs(1),
                Phase::Sending => since + stalled,
                Phase::Sent => since + unanswered,
            };
            tokio::time::sleep_until(until).await;
            if phase != Phase::Making && *self.phase() == (phase, since) {
                return phase;
            }
        }
    }
}

/// The body as the client sees it.
struct Watched {
    inner: BoxStream<'static, Result<Bytes, BodyError>>,
    watch: Arc<Watch>,
}

impl Watched {
    fn body(
        inner: BoxStream<'static, Result<Bytes, BodyError>>,
        watch: &Arc<Watch>,
    ) -> reqwest::Body {
        reqwest::Body::wrap_stream(Watched {
            inner,
            watch: watch.clone(),
        })
    }
}

impl Stream for Watched {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.watch.asking.register(cx.waker());
        if self.watch.cut.load(Ordering::Acquire) {
            self.inner = futures::stream::empty().boxed();
            return Poll::Ready(Some(Err(std::io::Error::other("cut off"))));
        }
        let polled = self.inner.poll_next_unpin(cx);
        let watch = &self.watch;
        match polled {
            Poll::Pending => {
                watch.set(Phase::Making);
                Poll::Pending
            }
            Poll::Ready(Some(Ok(bytes))) => {
                if let Some(md5) = &mut *watch.md5() {
                    md5.update(&bytes);
                }
                // The client stops asking at the declared length. The last piece of an exact body comes only
                // after its good end, so the count alone tells.
                let all = Some(watch.sent.load(Ordering::Relaxed)) == watch.length;
                watch.set(if all { Phase::Sent } else { Phase::Sending });
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                // Kept here whole; the client only needs to know that there is no more.
                *watch.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(std::io::Error::other("cut off"))))
            }
            Poll::Ready(None) => {
                watch.set(Phase::Sent);
                Poll::Ready(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use futures::stream;

    use super::*;
    use crate::http::testing::{Reply, Seen, Server, answer};
    use crate::http::text::chain;
    use crate::orgvue::hosts::hosts;
    use crate::orgvue::retry::{Step, Verdict, verdict};

    const QUERY: &str = "?X-Amz-Signature=CANARY&X-Amz-SignedHeaders=";

    fn pieces(count: usize, size: usize) -> Vec<Result<Bytes, BodyError>> {
        (0..count)
            .map(|i| Ok(Bytes::from(vec![b'a' + (i % 26) as u8; size])))
            .collect()
    }

    /// Uploads to a server that does this with its one connection.
    async fn upload(
        reply: Reply,
        length: Option<u64>,
        signed: &str,
        body: Vec<Result<Bytes, BodyError>>,
    ) -> (Result<Receipt, PutError>, Seen) {
        let mut server = Server::start([reply]).await;
        let url = PresignedUrl::parse(&server.url(&format!("/file{QUERY}{signed}"))).unwrap();
        let request = PutRequest {
            url: &url,
            length,
            content_type: Some("text/csv"),
            verify: true,
            life: None,
            sent: Arc::default(),
        };
        let result = uploader().put(request, stream::iter(body)).await;
        if let Err(error) = &result {
            assert_no_secret(error);
        }
        let seen = server.finish().await.remove(0);
        (result, seen)
    }

    fn uploader() -> Uploader {
        uploader_with(&TimeoutsSpec::default())
    }

    fn uploader_with(timeouts: &TimeoutsSpec) -> Uploader {
        let api = url::Url::parse("http://127.0.0.1/").unwrap();
        Uploader::new(&hosts(&api, vec![], false), timeouts)
    }

    /// Nothing is asked for but the bytes.
    fn request(url: &PresignedUrl, length: u64) -> PutRequest<'_> {
        PutRequest {
            url,
            length: Some(length),
            content_type: None,
            verify: false,
            life: None,
            sent: Arc::default(),
        }
    }

    fn assert_no_secret(error: &(dyn Error + 'static)) {
        let text = format!("{error:?} {error:#?} {}", chain(error));
        assert!(!text.contains("CANARY"), "{text}");
    }

    fn ok() -> Reply {
        Reply::Full(answer("200 OK", &["ETag: \"abc\""], ""))
    }

    #[tokio::test]
    async fn what_goes_over_the_wire() {
        let (receipt, seen) = upload(ok(), Some(3000), "host", pieces(3, 1000)).await;
        let receipt = receipt.unwrap();
        assert_eq!(receipt.etag.as_deref(), Some("\"abc\""));
        assert_eq!((receipt.status, receipt.bytes), (200, 3000));
        assert_eq!(seen.body.len(), 3000);
        assert!(seen.whole);
        let head = seen.head.to_lowercase();
        assert!(
            head.starts_with("put /file?x-amz-signature=canary&x-amz-signedheaders=host http/1.1")
        );
        assert!(head.contains("\r\ncontent-length: 3000\r\n"));
        for absent in [
            "transfer-encoding",
            "authorization",
            "content-type",
            "\r\nx-amz",
            "expect",
            "cookie",
            "referer",
        ] {
            assert!(!head.contains(absent), "{absent} in {head}");
        }
    }

    #[tokio::test]
    async fn the_media_type_goes_only_where_it_was_signed() {
        let (_, seen) = upload(ok(), Some(10), "content-type%3Bhost", pieces(1, 10)).await;
        assert!(
            seen.head
                .to_lowercase()
                .contains("content-type: text/csv\r\n")
        );
    }

    #[tokio::test]
    async fn an_empty_body_has_a_length_too() {
        let (receipt, seen) = upload(ok(), Some(0), "host", vec![]).await;
        assert_eq!(receipt.unwrap().bytes, 0);
        assert!(seen.head.to_lowercase().contains("content-length: 0\r\n"));
    }

    #[tokio::test]
    async fn without_a_length_it_is_chunked() {
        let (receipt, seen) = upload(ok(), None, "host", pieces(2, 5)).await;
        assert_eq!(receipt.unwrap().bytes, 10);
        assert!(
            seen.head
                .to_lowercase()
                .contains("transfer-encoding: chunked")
        );
        assert_eq!(seen.body, b"5\r\naaaaa\r\n5\r\nbbbbb\r\n0\r\n\r\n");
    }

    #[tokio::test]
    async fn a_body_of_another_length_is_cut_off() {
        for (declared, expected) in [
            (2999, "the upload is longer than the 2999 bytes"),
            (
                3001,
                "the upload ended after 3000 bytes, 3001 were declared",
            ),
        ] {
            let (result, seen) = upload(ok(), Some(declared), "host", pieces(3, 1000)).await;
            let error = result.unwrap_err();
            let cause = error.source().unwrap().to_string();
            assert!(cause.starts_with(expected), "{cause}");
            assert!(!seen.whole);
            assert!(seen.body.len() <= 2000);
            assert_eq!(verdict(Step::Put, error.outcome()), Verdict::Fail);
        }
    }

    #[tokio::test]
    async fn an_error_in_the_body_is_kept_with_its_causes() {
        for length in [Some(2000), None] {
            let mut body = pieces(2, 1000);
            body.push(Err(BodyError::Source("the source moved".into())));
            let (result, seen) = upload(ok(), length, "host", body).await;
            let error = result.unwrap_err();
            let cause = error.source().unwrap().source().unwrap().to_string();
            assert_eq!(cause, "the source moved");
            assert!(!seen.whole);
            assert_eq!(verdict(Step::Put, error.outcome()), Verdict::Fail);
        }
    }

    #[tokio::test]
    async fn an_early_success_is_none() {
        let reply = Reply::Early(answer("200 OK", &[], ""));
        // Far more than the buffers between us and the server take, for the server reads nothing first.
        let endless = stream::iter(0..2000).then(|i| async move {
            if i > 0 {
                tokio::task::yield_now().await;
            }
            Ok(Bytes::from(vec![0; 100_000]))
        });
        let mut server = Server::start([reply]).await;
        let url = PresignedUrl::parse(&server.url(&format!("/{QUERY}"))).unwrap();
        let request = request(&url, 200_000_000);
        let error = uploader().put(request, endless).await.unwrap_err();
        assert!(
            matches!(error, PutError::Early { status: 200, .. }),
            "{error:?}"
        );
        assert_no_secret(&error);
        assert!(!server.finish().await[0].whole);
    }

    #[tokio::test]
    async fn refusals() {
        async fn check(reply: Reply, expected: &str, then: Verdict) -> PutError {
            let (result, _) = upload(reply, Some(10), "host", pieces(1, 10)).await;
            let error = result.unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(verdict(Step::Put, error.outcome()), then);
            error
        }
        let xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message><Signature>CANARY</Signature></Error>";
        for reply in [Reply::Full as fn(_) -> _, Reply::Early] {
            check(
                reply(answer("403 Forbidden", &[], xml)),
                "the storage refused the upload with status 403: RequestExpired: Request has expired",
                Verdict::RetryFreshUrl,
            )
            .await;
        }
        check(
            Reply::Full(answer(
                "403 Forbidden",
                &[],
                "<Error><Code>SignatureDoesNotMatch</Code><Message>No match</Message></Error>",
            )),
            "the storage refused the upload with status 403: SignatureDoesNotMatch: No match (signed headers: host)",
            Verdict::Fail,
        )
        .await;
        check(
            Reply::Full(answer(
                "303 See Other",
                &["Location: http://127.0.0.1:1/?a=CANARY"],
                "",
            )),
            "the storage refused the upload with status 303",
            Verdict::Fail,
        )
        .await;
        let error = check(
            Reply::Full(answer(
                "429 Too Many Requests",
                &["Retry-After: 7"],
                "slow\u{1b}[0m down",
            )),
            "the storage refused the upload with status 429: slow [0m down",
            Verdict::RetryFreshUrl,
        )
        .await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

        let page = format!("<html>{}", "x".repeat(5 << 20));
        let (result, _) = upload(
            Reply::Full(answer("502 Bad Gateway", &[], page)),
            Some(10),
            "",
            pieces(1, 10),
        )
        .await;
        let error = result.unwrap_err();
        assert!(error.to_string().len() < 300);
        assert_eq!(verdict(Step::Put, error.outcome()), Verdict::RetryFreshUrl);
    }

    #[tokio::test]
    async fn a_lost_answer_is_no_success() {
        let (result, seen) = upload(Reply::Close, Some(10), "host", pieces(1, 10)).await;
        let error = result.unwrap_err();
        assert!(seen.whole);
        assert_eq!(error.to_string(), "the upload failed after 10 bytes");
        assert!(
            error
                .source()
                .unwrap()
                .to_string()
                .starts_with("the connection to 127.0.0.1:")
        );
        assert_eq!(verdict(Step::Put, error.outcome()), Verdict::RetryFreshUrl);
    }

    #[tokio::test]
    async fn dropping_the_upload_cuts_the_connection() {
        let mut server = Server::start([ok()]).await;
        let url = PresignedUrl::parse(&server.url("/")).unwrap();
        let request = request(&url, 1000);
        let (asked, was_asked) = tokio::sync::oneshot::channel();
        let body = stream::iter(pieces(2, 100)).chain(stream::once(async move {
            let _ = asked.send(());
            std::future::pending().await
        }));
        let uploader = uploader();
        tokio::select! {
            result = uploader.put(request, body) => panic!("{result:?}"),
            _ = was_asked => {}
        }
        assert!(!server.finish().await[0].whole);
    }

    #[tokio::test]
    async fn the_md5_of_the_storage_is_that_of_the_bytes_sent() {
        async fn check(headers: &[&str], expected: Result<bool, ()>) {
            let reply = Reply::Full(answer("200 OK", headers, ""));
            let (result, seen) = upload(reply, Some(6), "host", pieces(3, 2)).await;
            assert_eq!(seen.body, b"aabbcc");
            match (result, expected) {
                (Ok(receipt), Ok(verified)) => assert_eq!(receipt.verified, verified),
                (Err(error @ PutError::Damaged { .. }), Err(())) => {
                    assert_eq!(verdict(Step::Put, error.outcome()), Verdict::RetryFreshUrl);
                }
                (found, _) => panic!("{headers:?}: {found:?}"),
            }
        }
        const OTHER: &str = "ETag: \"00000000000000000000000000000000\"";
        check(&["ETag: \"61a60170273e74a5be90355ffe8e86ad\""], Ok(true)).await;
        check(&["ETag: \"61A60170273E74A5BE90355FFE8E86AD\""], Ok(true)).await;
        check(&[OTHER], Err(())).await;
        check(&[OTHER, "x-amz-server-side-encryption: AES256"], Err(())).await;
        for no_md5 in [
            &[][..],
            &["ETag: \"abc\""],
            &["ETag: 00000000000000000000000000000000"],
            &["ETag: W/\"00000000000000000000000000000000\""],
            &["ETag: \"+0000000000000000000000000000000\""],
            &["ETag: \"00000000000000000000000000000000-2\""],
            &[OTHER, "x-amz-server-side-encryption: aws:kms"],
            &[OTHER, "x-amz-server-side-encryption: aws:kms:dsse"],
            &[
                OTHER,
                "x-amz-server-side-encryption-customer-algorithm: AES256",
            ],
        ] {
            check(no_md5, Ok(false)).await;
        }
    }

    /// More than the buffers between us and the server take.
    const MUCH: u64 = 64_000_000;

    fn much() -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
        stream::iter((0..640).map(|_| Ok(Bytes::from_static(&[b'x'; 100_000]))))
    }

    async fn upload_much(reply: Reply, timeouts: TimeoutsSpec, life: Option<u64>) -> PutError {
        let mut server = Server::start([reply]).await;
        let url = PresignedUrl::parse(&server.url(&format!("/file{QUERY}host"))).unwrap();
        let request = PutRequest {
            life: life.map(Duration::from_millis),
            ..request(&url, MUCH)
        };
        let error = uploader_with(&timeouts).put(request, much()).await;
        let error = error.unwrap_err();
        assert_no_secret(&error);
        server.finish().await;
        assert_eq!(verdict(Step::Put, error.outcome()), Verdict::RetryFreshUrl);
        error
    }

    fn impatient() -> TimeoutsSpec {
        let second = Span(Duration::from_secs(1));
        TimeoutsSpec {
            stalled: second,
            unanswered: second,
            ..TimeoutsSpec::default()
        }
    }

    #[tokio::test]
    async fn a_server_that_reads_no_further() {
        // Its end is told by nobody: the client gives up first, and the server is then let go.
        let (tell, told) = tokio::sync::oneshot::channel();
        let reply = Reply::Deaf(told, answer("200 OK", &[], ""));
        let (stalled, ()) = tokio::join!(upload_much(reply, impatient(), None), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let _ = tell.send(());
        });
        // The kernel's limit is the same, and may be the first.
        let text = chain(&stalled);
        match stalled {
            PutError::Stalled { .. } => {
                assert!(text.contains(" stood still for 1s after "), "{text}");
            }
            _ => assert!(text.contains("timed out"), "{text}"),
        }
    }

    #[tokio::test]
    async fn a_server_that_pauses_is_waited_for() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut server = Server::start([Reply::Deaf(told, answer("200 OK", &[], ""))]).await;
        let url = PresignedUrl::parse(&server.url("/")).unwrap();
        let sent = Arc::<AtomicU64>::default();
        let request = PutRequest {
            sent: sent.clone(),
            ..request(&url, MUCH)
        };
        let uploader = uploader();
        let (result, at_the_pause) = tokio::join!(uploader.put(request, much()), async {
            // Until the buffers are full.
            let mut before = 0;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let now = sent.load(Ordering::Relaxed);
                if now > 0 && now == before {
                    break;
                }
                before = now;
            }
            let _ = tell.send(());
            before
        });
        assert_eq!(result.unwrap().bytes, MUCH);
        assert!(at_the_pause < MUCH);
        assert!(server.finish().await[0].whole);
    }

    /// A host behind which nobody takes connections, and none is refused.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_connection_that_does_not_come_about() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        // Until the queue of those that wait to be accepted is full.
        let mut waiting = Vec::new();
        while let Ok(connected) = tokio::time::timeout(
            Duration::from_millis(300),
            tokio::net::TcpStream::connect(address),
        )
        .await
        {
            waiting.push(connected.unwrap());
            assert!(waiting.len() < 100);
        }
        let url = PresignedUrl::parse(&format!("http://{address}/?s=CANARY")).unwrap();
        let request = request(&url, MUCH);
        let timeouts = TimeoutsSpec {
            connect: Span(Duration::from_secs(1)),
            ..TimeoutsSpec::default()
        };
        let error = uploader_with(&timeouts).put(request, much()).await;
        let error = error.unwrap_err();
        assert_no_secret(&error);
        // The last words are those of whichever clock is first.
        let expected = format!("the upload failed after 0 bytes: cannot connect to {address}: ");
        assert!(chain(&error).starts_with(&expected), "{error:?}");
        assert_eq!(verdict(Step::Put, error.outcome()), Verdict::RetryFreshUrl);
    }

    /// What a name stands for is judged in the client, when it connects.
    #[tokio::test]
    async fn a_name_that_stands_for_this_machine() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = PresignedUrl::parse(&format!("http://localhost:{port}/?s=CANARY")).unwrap();
        let api = url::Url::parse("https://orgvue.example/").unwrap();
        let hosts = |private| hosts(&api, vec!["localhost".parse().unwrap()], private);
        let put = async |private| {
            let request = request(&url, 10);
            let timeouts = impatient();
            let uploader = Uploader::new(&hosts(private), &timeouts);
            let error = uploader.put(request, stream::pending()).await.unwrap_err();
            assert_no_secret(&error);
            error
        };
        let error = put(false).await;
        let text = chain(&error);
        assert!(text.contains(": nothing was sent to localhost:"), "{text}");
        assert!(
            text.ends_with("set `target.orgvue.private_hosts: true`"),
            "{text}"
        );
        assert_eq!(verdict(Step::Put, error.outcome()), Verdict::Fail);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
        // With that, it is connected to.
        drop(listener);
        let error = put(true).await;
        assert!(
            chain(&error).contains("cannot connect to localhost:"),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_server_that_never_answers() {
        let error = upload_much(Reply::Silent, impatient(), None).await;
        let text = error.to_string();
        assert!(
            text.ends_with(
                " did not answer within 1s after the upload's last byte (`timeouts.unanswered`)"
            ),
            "{text}"
        );
    }

    #[tokio::test]
    async fn an_address_that_expires_on_the_way() {
        let error = upload_much(Reply::Silent, TimeoutsSpec::default(), Some(500)).await;
        assert!(matches!(error, PutError::Expired { .. }), "{error:?}");
        assert!(
            error
                .to_string()
                .starts_with("the upload was slower than its address lives")
        );
    }

    #[tokio::test]
    async fn a_reset_in_the_middle() {
        let error = upload_much(Reply::Reset(1 << 20, vec![]), impatient(), None).await;
        assert!(matches!(error, PutError::Transport { .. }), "{error:?}");
    }

    /// The answer is lost in part of the runs: whatever is seen, it is no success, and the next try has a fresh address.
    #[tokio::test]
    async fn an_early_refusal_and_a_reset() {
        for _ in 0..40 {
            let expired =
                "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
            let reply = Reply::Reset(0, answer("403 Forbidden", &[], expired));
            let error = upload_much(reply, impatient(), None).await;
            assert!(
                matches!(
                    error,
                    PutError::Refused { status: 403, .. } | PutError::Transport { .. }
                ),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn redirects_are_never_followed() {
        for status in [301, 302, 303, 307, 308] {
            let mut elsewhere = Server::start([ok()]).await;
            let to = format!("Location: {}", elsewhere.url("/?a=CANARY"));
            let reply = Reply::Full(answer(&format!("{status} Elsewhere"), &[&to], ""));
            let (result, _) = upload(reply, Some(10), "host", pieces(1, 10)).await;
            let error = result.unwrap_err();
            assert!(matches!(error, PutError::Refused { .. }), "{error:?}");
            // Nobody has called there yet.
            drop(
                tokio::net::TcpStream::connect(elsewhere.url("").trim_start_matches("http://"))
                    .await,
            );
            assert_eq!(elsewhere.finish().await[0].head, "");
        }
    }

    #[tokio::test]
    async fn answers_without_end_or_sense() {
        let head = |head: &str| format!("HTTP/1.1 {head}\r\n\r\n").into_bytes();
        for endless in [
            head("500 No\r\nContent-Type: text/html"),
            head("500 No\r\nContent-Length: 1000000000"),
            head("500 No\r\nContent-Encoding: gzip"),
        ] {
            let error = upload_much(Reply::Endless(endless), impatient(), None).await;
            assert!(matches!(error, PutError::Refused { status: 500, .. }));
            assert!(error.to_string().len() < 400);
        }
        let many = "a: b\r\n".repeat(10_000);
        let long = "x".repeat(1 << 20);
        for nonsense in [
            format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
            format!("HTTP/1.1 200 OK\r\na: {long}\r\n\r\n"),
            "no status line\r\n\r\n".to_owned(),
            "<html>HTTP/0.9 has no head</html>".to_owned(),
            "HTTP/1.1 999999 What\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_owned(),
            "\0\0\0\0".to_owned(),
            String::new(),
        ] {
            let reply = Reply::Raw(nonsense.into_bytes());
            let error = upload_much(reply, impatient(), None).await;
            assert!(
                matches!(error, PutError::Transport { .. } | PutError::Early { .. }),
                "{error:?}"
            );
        }
    }

    /// The status counts; the page is waited for only so long, and taken as it comes.
    #[tokio::test]
    async fn pages_that_drag_on_or_are_packed() {
        let slow = Reply::Drip(answer("500 No", &[], "x".repeat(100_000)));
        let error = upload_much(slow, impatient(), None).await;
        assert_eq!(
            error.to_string(),
            "the storage refused the upload with status 500"
        );
        // A packed page may be a bomb: it is not unpacked, here a thousand times its size.
        let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        let xml = format!(
            "<Error><Code>SlowDown</Code>{}</Error>",
            " ".repeat(16 << 20)
        );
        std::io::Write::write_all(&mut packed, xml.as_bytes()).unwrap();
        let page = packed.finish().unwrap();
        let packed = answer("503 No", &["Content-Encoding: gzip"], page);
        let error = upload_much(Reply::Full(packed), impatient(), None).await;
        let text = error.to_string();
        assert!(!text.contains("SlowDown") && text.len() < 1000, "{text}");
        assert!(!text.contains(char::is_control), "{text}");
    }

    #[tokio::test]
    async fn more_than_s3_takes_is_not_begun() {
        let url = PresignedUrl::parse("https://b.s3.eu-west-1.amazonaws.com/f?a=CANARY").unwrap();
        let request = request(&url, MAX_S3 + 1);
        let error = uploader()
            .put(request, stream::pending())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the upload has 5368709121 bytes, and S3 takes 5368709120 (5 GiB) at once; nothing was sent: use \
             `upload.encoding: gzip`, or split the source"
        );
        assert_eq!(verdict(Step::Put, error.outcome()), Verdict::Fail);
    }

    #[tokio::test(start_paused = true)]
    async fn standing_still_is_noticed_and_slowness_is_not() {
        let watch = Arc::new(Watch::new(Arc::default(), Some(10), false));
        let (stalled, unanswered) = (Duration::from_secs(60), Duration::from_secs(120));
        let begun = Instant::now();
        let other = watch.clone();
        tokio::spawn(async move {
            // Ten minutes in which the source has nothing.
            tokio::time::sleep(Duration::from_secs(600)).await;
            // Ten minutes in which the network takes a piece every 50 s.
            for _ in 0..12 {
                other.set(Phase::Sending);
                tokio::time::sleep(Duration::from_secs(50)).await;
            }
            other.set(Phase::Sending);
        });
        assert_eq!(
            watch.stands_still(stalled, unanswered).await,
            Phase::Sending
        );
        assert_eq!(begun.elapsed().as_secs(), 1200 + 60);

        watch.set(Phase::Sent);
        assert_eq!(watch.stands_still(stalled, unanswered).await, Phase::Sent);
        assert_eq!(begun.elapsed().as_secs(), 1200 + 60 + 120);
    }
}
