//! The results of an import, item by item, as they arrive.
//!
//! They may be as large as the upload, so no more than one of them is in memory. The contract shows one example
//! (`{"_id": ..., "_action": ..., "_status": "success"}` in an array) and says nothing of failures; whatever is not
//! plainly a success is taken for a failure here, and every usual place is searched for its reason.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use async_compression::tokio::bufread::GzipDecoder;
use futures::stream::{self, Stream, TryStreamExt};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::time::Instant;
use tokio_util::io::StreamReader;

use crate::http::TransportError;
use crate::http::asked::Asked;
use crate::http::retry::{ATTEMPTS, Failure, pause, pauses};
use crate::http::text::sanitise;
use crate::orgvue::client::Client;
use crate::orgvue::error::{ApiError, OrgvueError};
use crate::orgvue::retry::{Step, again};
use crate::orgvue::splitter::{SplitError, Splitter};
use crate::orgvue::ticket::Ticket;
use crate::settings::secret::PresignedUrl;
use crate::settings::units::Size;
use crate::text::chain;

const WHAT: &str = "fetch the results";

/// The least that a connection must bring in bytes per second, over a time of `timeouts.stalled`: a server that sends
/// a byte now and then would keep a run for ever.
const MIN_RATE: u64 = 256;

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// What became of one item.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemResult {
    /// Its place in the results, from 0.
    pub index: u64,
    /// Whether the server took it.
    pub ok: bool,
    /// The server's word for it.
    pub status: Option<String>,
    /// What was done, or should have been.
    pub action: Option<String>,
    pub id: Option<String>,
    /// The value of the property that identifies items, where the result repeats it; a number is its exact text.
    pub key: Option<String>,
    /// Why not.
    pub errors: Vec<ApiError>,
}

impl std::fmt::Debug for ItemResult {
    /// Without identifiers and messages: those are people's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ItemResult")
            .field("index", &self.index)
            .field("ok", &self.ok)
            .field("status", &self.status)
            .field("action", &self.action)
            .field("errors", &self.errors.len())
            .finish_non_exhaustive()
    }
}

impl ItemResult {
    /// Reads one element of the results. `key` is the property that identifies items.
    ///
    /// # Errors
    /// An element that is not a valid JSON object.
    pub fn parse(index: u64, element: &[u8], key: Option<&str>) -> Result<ItemResult, SplitError> {
        let members: HashMap<String, &RawValue> =
            serde_json::from_slice(element).map_err(|source| SplitError::Json {
                index: index + 1,
                source,
            })?;
        let text = |name: &str| members.get(name).and_then(|raw| scalar(raw));
        let status = text("_status").map(|status| sanitise(&status, 100));
        let ok = status.as_deref().is_some_and(is_success);
        let errors = match ok {
            true => Vec::new(),
            false => {
                // Only the members that may hold a reason are read as values.
                let reasons = ["errors", "_errors", "error", "_error"]
                    .into_iter()
                    .filter_map(|name| {
                        let value = serde_json::from_str(members.get(name)?.get()).ok()?;
                        Some((name.to_owned(), value))
                    })
                    .collect();
                let mut errors = ApiError::read_all(&Value::Object(reasons));
                let message = || text("message").or_else(|| text("_message"));
                if errors.is_empty()
                    && let Some(message) = message()
                {
                    errors.extend(ApiError::read(&Value::String(message)));
                }
                errors
            }
        };
        Ok(ItemResult {
            index,
            ok,
            status,
            action: text("_action").map(|action| sanitise(&action, 100)),
            id: text("_id"),
            key: key.and_then(text),
            errors,
        })
    }
}

/// Words in the code or the name of a refusal that passes by itself, compared without case, blanks and marks. The
/// contract has none but `Throttled` and `QuotaExceeded`; the others are what services of this kind use.
const PASSING: [&str; 10] = [
    "throttl",
    "locked",
    "toomanyrequests",
    "ratelimit",
    "quotaexceeded",
    "busy",
    "timeout",
    "timedout",
    "unavailable",
    "concurren",
];

/// HTTP statuses of what passes by itself, which the first digits of a code are.
const PASSING_STATUS: [&str; 5] = ["423", "429", "502", "503", "504"];

/// Whether a refusal passes by itself, and is no fault of the row: by its name and code alone, never by what is said.
fn passes(error: &ApiError) -> bool {
    let words = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (name, code) = (words(&error.name), words(&error.code));
    let is_status = (3..=6).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_digit())
        && PASSING_STATUS.iter().any(|status| code.starts_with(status));
    let says = |text: &str| PASSING.iter().any(|word| text.contains(word));
    is_status || says(&name) || says(&code)
}

impl ItemResult {
    /// Whether it was refused for what passes by itself, such as a lock, and for nothing else.
    pub(crate) fn is_passing(&self) -> bool {
        !self.ok && !self.errors.is_empty() && self.errors.iter().all(passes)
    }
}

fn is_success(status: &str) -> bool {
    ["success", "successful", "succeeded", "ok", "completed"]
        .iter()
        .any(|word| status.eq_ignore_ascii_case(word))
}

/// A text's value, or the exact digits of a number.
fn scalar(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(text.to_owned()),
    }
}

impl Client {
    /// The results of a completed job, in the order in which the server wrote them. `key` is the property that
    /// identifies items; a result longer than `longest` is an error. Ends after its first error: what came before is good, but not all.
    ///
    /// A connection that breaks is made again, and what had been read is passed over.
    pub fn results(
        &self,
        ticket: &Ticket,
        key: Option<&str>,
        longest: Size,
    ) -> impl Stream<Item = Result<ItemResult, OrgvueError>> + Send + Unpin + use<> {
        self.results_after(ticket, key, longest, pauses())
    }

    fn results_after(
        &self,
        ticket: &Ticket,
        key: Option<&str>,
        longest: Size,
        pauses: impl Iterator<Item = Duration> + Send + 'static,
    ) -> Pin<Box<dyn Stream<Item = Result<ItemResult, OrgvueError>> + Send>> {
        let results = Results {
            client: self.clone(),
            asked: Asked::new("results"),
            pauses: Box::new(pauses),
            url: ticket.result_url.clone(),
            key: key.map(str::to_owned),
            reader: None,
            buffer: vec![0; READ],
            splitter: Splitter::new(longest.bytes()),
            longest,
            seen: 0,
            given: 0,
            failures: 0,
            brought: 0,
            waited: Duration::ZERO,
        };
        Box::pin(stream::try_unfold(results, |mut results| async move {
            Ok(results.next().await?.map(|item| (item, results)))
        }))
    }
}

struct Results {
    client: Client,
    asked: Asked,
    pauses: Box<dyn Iterator<Item = Duration> + Send>,
    url: Option<PresignedUrl>,
    key: Option<String>,
    reader: Option<Pin<Box<dyn AsyncRead + Send>>>,
    buffer: Vec<u8>,
    splitter: Splitter,
    longest: Size,
    /// Elements read from this connection.
    seen: u64,
    /// Elements given out.
    given: u64,
    /// Connections that failed.
    failures: usize,
    /// Bytes that came in the time `waited` for them: of the connection, since it was last judged.
    brought: u64,
    waited: Duration,
}

impl Results {
    async fn next(&mut self) -> Result<Option<ItemResult>, OrgvueError> {
        loop {
            let error = match self.try_next().await {
                Ok(item) => return Ok(item),
                Err(error) => error,
            };
            self.failures += 1;
            let may_help = again(Step::Results)(error.outcome());
            if !may_help || self.failures >= ATTEMPTS {
                return Err(error);
            }
            let after = pause(self.pauses.next().unwrap_or_default(), &error);
            tracing::warn!(?after, "{}; trying again", chain(&error));
            tokio::time::sleep(after).await;
            self.reader = None;
        }
    }

    async fn try_next(&mut self) -> Result<Option<ItemResult>, OrgvueError> {
        loop {
            if self.reader.is_none() {
                let url = self.url.as_ref().ok_or(OrgvueError::NoResultUrl)?;
                let response = self.client.open((WHAT, &self.asked), url).await?;
                self.reader = Some(decoded(url.host().to_owned(), response).await?);
                self.splitter = Splitter::new(self.longest.bytes());
                self.seen = 0;
                (self.brought, self.waited) = (0, Duration::ZERO);
            }
            while let Some(element) = self.splitter.next_element().map_err(OrgvueError::Results)? {
                self.seen += 1;
                if self.seen > self.given {
                    let item = ItemResult::parse(self.given, element, self.key.as_deref());
                    self.given += 1;
                    return Ok(Some(item.map_err(OrgvueError::Results)?));
                }
            }
            let Some(reader) = &mut self.reader else {
                continue;
            };
            let began = Instant::now();
            let read = reader.read(&mut self.buffer).await.map_err(failed)?;
            self.brought += read as u64;
            self.waited += began.elapsed();
            if self.waited >= self.client.timeouts().stalled.0 {
                if self.brought < MIN_RATE * self.waited.as_secs() {
                    let per_second = MIN_RATE;
                    return Err(OrgvueError::Slow { per_second });
                }
                (self.brought, self.waited) = (0, Duration::ZERO);
            }
            if read == 0 {
                self.splitter.finish().map_err(OrgvueError::Results)?;
                return Ok(None);
            }
            self.splitter.push(&self.buffer[..read]);
        }
    }
}

/// A response's body, unpacked where it begins as gzip does.
async fn decoded(
    host: String,
    response: reqwest::Response,
) -> Result<Pin<Box<dyn AsyncRead + Send>>, OrgvueError> {
    let bytes = response
        .bytes_stream()
        .map_err(move |error| io::Error::other(TransportError::new(&host, error)));
    let mut reader = Box::pin(StreamReader::new(bytes));
    let mut head = Vec::new();
    (&mut reader)
        .take(2)
        .read_to_end(&mut head)
        .await
        .map_err(failed)?;
    let packed = head == [0x1f, 0x8b];
    let whole = io::Cursor::new(head).chain(reader);
    Ok(if packed {
        let mut decoder = GzipDecoder::new(BufReader::with_capacity(READ, whole));
        // Without it, everything after the first member is left out silently.
        decoder.multiple_members(true);
        Box::pin(decoder)
    } else {
        Box::pin(whole)
    })
}

/// Tells a broken connection from broken content.
fn failed(error: io::Error) -> OrgvueError {
    match error.downcast::<TransportError>() {
        Ok(source) => OrgvueError::Transport { what: WHAT, source },
        Err(error) => OrgvueError::Gzip(error),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use async_compression::tokio::write::GzipEncoder;
    use futures::StreamExt;
    use tokio::io::AsyncWriteExt;
    use url::Url;

    use super::*;
    use crate::http::spec::TimeoutsSpec;
    use crate::http::testing::{Reply, Server, answer};
    use crate::orgvue::client::Connection;
    use crate::orgvue::hosts::hosts;
    use crate::orgvue::ticket::JobStatus;

    #[test]
    fn one_item() {
        #[track_caller]
        fn check(element: &str, expected: &str) {
            let r = ItemResult::parse(0, element.as_bytes(), Some("employeeID")).unwrap();
            let or = |text: Option<String>| text.unwrap_or("-".into());
            let errors: Vec<_> = r.errors.iter().map(ToString::to_string).collect();
            let (status, action, id, key) = (or(r.status), or(r.action), or(r.id), or(r.key));
            assert_eq!(
                format!("{} {status} {action} {id} {key} {errors:?}", r.ok),
                expected
            );
        }
        check(
            r#"{"_id":"7918D0B4","_action":"create","_status":"success"}"#,
            "true success create 7918D0B4 - []",
        );
        check(
            r#"{"_status":"OK","employeeID":"007"}"#,
            "true OK - - 007 []",
        );
        check(
            r#"{"_status":"success","employeeID":12345678901234567890.10}"#,
            "true success - - 12345678901234567890.10 []",
        );
        check(
            r#"{"_status":"failed","employeeID":null,"errors":[{"name":"N","code":"1","message":"m.","x":{}}]}"#,
            r#"false failed - - - ["N (1): m"]"#,
        );
        check(
            r#"{"_status":"error","_error":"no\u0000 such\nproperty"}"#,
            r#"false error - - - ["no such property"]"#,
        );
        check(
            r#"{"_status":"error","message":"m"}"#,
            r#"false error - - - ["m"]"#,
        );
        check(r#"{"_status":7,"errors":[]}"#, "false 7 - - - []");
        check(r#"{"employeeID":{"a":1}}"#, "false - - - - []");
        check("{}", "false - - - - []");
        check(r#"{"_status":"skipped"}"#, "false skipped - - - []");
        check(
            r#"{"_status":"failed","employeeID":"caf\u00e9"}"#,
            "false failed - - café []",
        );
        let error = ItemResult::parse(4, b"{'CANARY'}", None).unwrap_err();
        assert_eq!(error.to_string(), "number 5 is not a valid JSON object");
        assert!(!format!("{error:?} {}", error.source().unwrap()).contains("CANARY"));
        let result = ItemResult::parse(
            0,
            br#"{"_id":"CANARY","k":"CANARY","error":"CANARY"}"#,
            Some("k"),
        );
        assert!(!format!("{result:?}").contains("CANARY"));
    }

    #[test]
    fn what_passes_by_itself() {
        #[track_caller]
        fn check(errors: &str, expected: bool) {
            let element = format!(r#"{{"_status":"failed","errors":[{errors}]}}"#);
            let result = ItemResult::parse(0, element.as_bytes(), None).unwrap();
            assert_eq!(result.is_passing(), expected, "{errors}");
        }
        check(r#"{"name":"Throttled","code":"42901"}"#, true);
        check(r#"{"name":"Other","code":"42301"}"#, true);
        check(r#"{"name":"ITEM_LOCKED"}"#, true);
        check(r#"{"name":"Bad","code":"40001"}"#, false);
        check(r#"{"name":"Bad","message":"the item is locked"}"#, false);
        check(r#"{"name":"Throttled"},{"name":"Bad"}"#, false);
        check("", false);
    }

    /// The number of results, and the error after them with its causes.
    async fn fetch(replies: Vec<Reply>) -> (u64, Option<String>) {
        fetch_within(replies, TimeoutsSpec::default()).await
    }

    async fn fetch_within(replies: Vec<Reply>, timeouts: TimeoutsSpec) -> (u64, Option<String>) {
        let mut server = Server::start(replies).await;
        let base = Url::parse(&server.url("")).unwrap();
        let connection = Connection {
            result_location: None,
            hosts: hosts(&base, vec![], false),
            base,
            tenant: "ACME".into(),
            dataset: "d".into(),
            token: "CANARY".into(),
        };
        let client = Client::new(connection, &timeouts).unwrap();
        let ticket = Ticket {
            status: JobStatus::Completed,
            trace_id: None,
            created_at: None,
            self_url: None,
            result_url: PresignedUrl::parse(&server.url("/r?s=CANARY")).ok(),
            errors: vec![],
        };
        let mut stream =
            client.results_after(&ticket, Some("k"), Size(1 << 20), std::iter::empty());
        let mut count = 0;
        let mut failed = None;
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => {
                    assert_eq!(item.index, count);
                    assert_eq!(item.key, Some(count.to_string()));
                    count += 1;
                }
                Err(error) => {
                    assert!(!format!("{error:?}").contains("CANARY"));
                    failed = Some(chain(&error));
                }
            }
        }
        for seen in server.finish().await {
            assert!(!seen.head.to_lowercase().contains("authorization"));
        }
        (count, failed)
    }

    fn array(count: u64) -> Vec<u8> {
        let items: Vec<_> = (0..count)
            .map(|i| format!(r#"{{"_status":"success","k":{i},"text":"{{\"[é"}}"#))
            .collect();
        format!("[{}]", items.join(",")).into_bytes()
    }

    async fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    fn ok(body: impl AsRef<[u8]>) -> Reply {
        Reply::Full(answer("200 OK", &[], body))
    }

    #[tokio::test]
    async fn plain_and_packed() {
        assert_eq!(fetch(vec![ok("[]")]).await, (0, None));
        assert_eq!(fetch(vec![ok(array(5000))]).await, (5000, None));
        assert_eq!(
            fetch(vec![ok(gzip(&array(5000)).await)]).await,
            (5000, None)
        );
        // Two members make one document.
        let (head, tail) = (array(100), array(100));
        let members = [gzip(&head[..1000]).await, gzip(&tail[1000..]).await].concat();
        assert_eq!(fetch(vec![ok(members)]).await, (100, None));
    }

    #[tokio::test]
    async fn what_is_no_result() {
        #[track_caller]
        fn is(found: (u64, Option<String>), count: u64, expected: &str) {
            assert_eq!(found.0, count);
            let text = found.1.unwrap();
            assert!(text.starts_with(expected), "{text}");
        }
        let bad = "the results cannot be read: ";
        is(
            fetch(vec![ok("")]).await,
            0,
            &format!("{bad}they are not a JSON array"),
        );
        is(
            fetch(vec![ok("<html>CANARY")]).await,
            0,
            &format!("{bad}they are not a JSON array"),
        );
        is(
            fetch(vec![ok(&array(3)[..70])]).await,
            1,
            &format!("{bad}they break off after 1"),
        );
        is(
            fetch(vec![ok(format!(r#"[{{"a":"{}"}}]"#, "x".repeat(1 << 20)))]).await,
            0,
            &format!("{bad}number 1 is larger than 1MiB (limits.result)"),
        );
        let packed = gzip(&array(1000)).await;
        is(
            fetch(vec![ok(&packed[..packed.len() - 4])]).await,
            1000,
            "the compressed results cannot be read",
        );
        is(
            fetch(vec![Reply::Full(answer(
                "404 Not Found",
                &[],
                "<Error><Code>NoSuchKey</Code></Error>",
            ))])
            .await,
            0,
            "cannot fetch the results: the server refused (status 404, it begins with: NoSuchKey: )",
        );
    }

    #[tokio::test]
    async fn a_byte_now_and_then_is_not_enough() {
        let drips = (0..ATTEMPTS).map(|_| Reply::Drip(answer("200 OK", &[], array(1000))));
        let timeouts = TimeoutsSpec {
            stalled: crate::settings::units::Span(Duration::from_secs(1)),
            ..TimeoutsSpec::default()
        };
        let (_, error) = fetch_within(drips.collect(), timeouts).await;
        assert_eq!(
            error.unwrap(),
            "the results arrive at less than 256 bytes per second"
        );
    }

    #[tokio::test]
    async fn a_length_that_lies() {
        let whole = array(100);
        let with_length = |length: usize| {
            let mut reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            reply.push_str(&String::from_utf8_lossy(&whole));
            Reply::Full(reply.into_bytes())
        };
        // Too long, and the connection ends before: asked for again. Too short, and the array has no end.
        let long = || with_length(whole.len() + 10);
        assert_eq!(fetch(vec![long(), ok(&whole)]).await, (100, None));
        let (_, error) = fetch(vec![with_length(whole.len() - 10)]).await;
        let error = error.unwrap();
        assert!(error.contains("they break off after 99"), "{error}");
    }

    #[tokio::test]
    async fn a_broken_connection_is_made_again() {
        let whole = array(5000);
        let mut cut = answer("200 OK", &[], &whole);
        cut.truncate(cut.len() / 2);
        let found = fetch(vec![Reply::Full(cut), ok(gzip(&whole).await)]).await;
        assert_eq!(found, (5000, None));
    }
}
