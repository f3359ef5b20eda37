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
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use tokio::time::Instant;

use crate::http::retry::{Failure, Outcome};
use crate::http::text::{StorageError, excerpt, sanitise};
use crate::http::{Clients, TransportError, builder, read_small, retry_after};
use crate::secret::PresignedUrl;
use crate::upload::body::{BodyError, exact};

/// The connection takes no byte for this long while there are some to take: it is dead. Slow is not dead: what the
/// system has buffered (some megabytes) leaves within this at 100 kB/s. The kernel's own limit for unacknowledged
/// bytes (`TCP_USER_TIMEOUT`) is set to the same.
pub const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Everything is handed over and no answer comes for this long. Long enough to send what the system has buffered, and
/// for a storage to put a large object away.
pub const UNANSWERED_AFTER: Duration = Duration::from_secs(120);

/// How long the rest of an error page may take.
const ERROR_PAGE: Duration = Duration::from_secs(10);

/// What is uploaded, and where.
#[derive(Clone, Debug)]
pub struct PutRequest<'a> {
    /// The address.
    pub url: &'a PresignedUrl,
    /// The body's length in bytes: sent as `Content-Length`, and held to. Without it the body goes out in
    /// chunked transfer coding, which most storages refuse.
    pub length: Option<u64>,
    /// The body's media type. Sent only where the address was signed with one; a header that was not signed may
    /// be a reason to refuse.
    pub content_type: Option<&'a str>,
    /// Set to 0 at the beginning, then counts the bytes handed to the connection.
    pub sent: Arc<AtomicU64>,
}

/// A body that the storage has taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The HTTP status.
    pub status: u16,
    /// The storage's name for the content, as it wrote it: often, but not always, the MD5 in quotes.
    pub etag: Option<String>,
    /// Bytes sent.
    pub bytes: u64,
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
    /// The body itself failed; the connection was cut.
    #[error("the upload was cut off, nothing is stored")]
    Body(#[source] BodyError),
    /// No byte went out for [`STALLED_AFTER`].
    #[error("the upload to {host} stood still for {} s after {sent} bytes", STALLED_AFTER.as_secs())]
    Stalled {
        /// The storage's host.
        host: String,
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// Everything was sent and no answer came for [`UNANSWERED_AFTER`].
    #[error("{host} did not answer within {} s after the upload's last byte", UNANSWERED_AFTER.as_secs())]
    Unanswered {
        /// The storage's host.
        host: String,
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
            PutError::Early { .. } => Outcome::Malformed,
            PutError::Body(_) => Outcome::OwnBody,
            PutError::Stalled { .. } | PutError::Unanswered { .. } => Outcome::Lost,
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
pub struct Uploader {
    clients: Clients,
}

impl Default for Uploader {
    fn default() -> Self {
        Uploader::new()
    }
}

impl Uploader {
    /// Nothing is opened yet.
    pub const fn new() -> Uploader {
        Uploader {
            clients: Clients::new(|| {
                // One connection an upload: a kept one may be dead without knowing it.
                let client = builder().pool_max_idle_per_host(0);
                #[cfg(target_os = "linux")]
                let client = client.tcp_user_timeout(STALLED_AFTER);
                client
            }),
        }
    }

    /// Sends a body. On success the storage has taken exactly the bytes of `body`, which were exactly
    /// `request.length` where that is given. Dropping the future cuts the connection.
    pub async fn put<S>(&self, request: PutRequest<'_>, body: S) -> Result<Receipt, PutError>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + 'static,
    {
        let PutRequest {
            url,
            length,
            content_type,
            sent,
        } = request;
        sent.store(0, Ordering::Relaxed);
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
        let watch = Arc::new(Watch::new(sent.clone(), length));
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
            phase = watch.stands_still() => {
                let host = url.host().to_owned();
                return Err(match phase {
                    Phase::Sent => PutError::Unanswered { host },
                    _ => PutError::Stalled { host, sent: sent.load(Ordering::Relaxed) },
                });
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
            return Ok(Receipt {
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
        let page = tokio::time::timeout(ERROR_PAGE, read_small(url.host(), answer)).await;
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
    fn new(sent: Arc<AtomicU64>, length: Option<u64>) -> Watch {
        Watch {
            // Until the first byte is asked for, the client's connect timeout watches.
            phase: Mutex::new((Phase::Making, Instant::now())),
            error: Mutex::new(None),
            sent,
            length,
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

    /// Comes back when the network or the storage has done nothing for too long.
    async fn stands_still(&self) -> Phase {
        loop {
            let (phase, since) = *self.phase();
            let until = match phase {
                // Looks again soon, so that a stop that begins meanwhile is timed from its beginning.
                Phase::Making => Instant::now() + Duration::from_secs(1),
                Phase::Sending => since + STALLED_AFTER,
                Phase::Sent => since + UNANSWERED_AFTER,
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
    use crate::http::retry::{Step, Verdict, verdict};
    use crate::http::testing::{Reply, Seen, Server, answer};
    use crate::http::text::chain;

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
            sent: Arc::default(),
        };
        let result = Uploader::new().put(request, stream::iter(body)).await;
        if let Err(error) = &result {
            assert_no_secret(error);
        }
        let seen = server.finish().await.remove(0);
        (result, seen)
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
        let request = PutRequest {
            url: &url,
            length: Some(200_000_000),
            content_type: None,
            sent: Arc::default(),
        };
        let error = Uploader::new().put(request, endless).await.unwrap_err();
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
        let request = PutRequest {
            url: &url,
            length: Some(1000),
            content_type: None,
            sent: Arc::default(),
        };
        let (asked, was_asked) = tokio::sync::oneshot::channel();
        let body = stream::iter(pieces(2, 100)).chain(stream::once(async move {
            let _ = asked.send(());
            std::future::pending().await
        }));
        let uploader = Uploader::new();
        tokio::select! {
            result = uploader.put(request, body) => panic!("{result:?}"),
            _ = was_asked => {}
        }
        assert!(!server.finish().await[0].whole);
    }

    #[tokio::test(start_paused = true)]
    async fn standing_still_is_noticed_and_slowness_is_not() {
        let watch = Arc::new(Watch::new(Arc::default(), Some(10)));
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
        assert_eq!(watch.stands_still().await, Phase::Sending);
        assert_eq!(begun.elapsed().as_secs(), 1200 + 60);

        watch.set(Phase::Sent);
        assert_eq!(watch.stands_still().await, Phase::Sent);
        assert_eq!(begun.elapsed().as_secs(), 1200 + 60 + 120);
    }
}
