use std::error::Error;

use futures::stream;

use tokio::time::Instant;

use super::*;
use crate::http::retry::Failure;
use crate::http::testing::{Reply, Seen, Server, answer};
use crate::orgvue::hosts::hosts;
use crate::orgvue::retry::{Step, Verdict, verdict};
use crate::settings::units::Span;
use crate::text::chain;

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
        resends: 0,
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
        resends: 0,
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
    assert!(head.starts_with("put /file?x-amz-signature=canary&x-amz-signedheaders=host http/1.1"));
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
        drop(tokio::net::TcpStream::connect(elsewhere.url("").trim_start_matches("http://")).await);
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
