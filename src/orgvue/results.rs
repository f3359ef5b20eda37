//! The results of an import, item by item, as they arrive.
//!
//! They may be as large as the upload, so no more than one of them is in memory. The contract shows one example
//! (`{"_id": ..., "_action": ..., "_status": "success"}` in an array) and says nothing of failures; whatever is not
//! plainly a success is taken for a failure here, and every usual place is searched for its reason.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::GzipDecoder;
use futures::stream::{self, Stream, TryStreamExt};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

use crate::http::TransportError;
use crate::http::retry::{ATTEMPTS, Failure, Step, Verdict, pause, pauses, verdict};
use crate::http::text::sanitise;
use crate::orgvue::client::Client;
use crate::orgvue::error::{ApiError, OrgvueError};
use crate::orgvue::splitter::{SplitError, Splitter};
use crate::orgvue::ticket::Ticket;
use crate::secret::PresignedUrl;

const WHAT: &str = "fetch the results";

/// The largest result of one item, in bytes: a result repeats its item at most.
const MAX_ITEM: usize = 1 << 20;

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
    /// The platform's identifier.
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
    fn parse(index: u64, element: &[u8], key: Option<&str>) -> Result<ItemResult, SplitError> {
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
    /// identifies items. Ends after its first error: what came before is good, but not all.
    ///
    /// A connection that breaks is made again, and what had been read is passed over.
    pub fn results(
        &self,
        ticket: &Ticket,
        key: Option<&str>,
    ) -> impl Stream<Item = Result<ItemResult, OrgvueError>> + Send + Unpin + use<> {
        let results = Results {
            client: self.clone(),
            url: ticket.result_url.clone(),
            key: key.map(str::to_owned),
            reader: None,
            splitter: Splitter::new(MAX_ITEM),
            seen: 0,
            given: 0,
            failures: 0,
        };
        Box::pin(stream::try_unfold(results, |mut results| async move {
            Ok(results.next().await?.map(|item| (item, results)))
        }))
    }
}

struct Results {
    client: Client,
    url: Option<PresignedUrl>,
    key: Option<String>,
    reader: Option<Pin<Box<dyn AsyncRead + Send>>>,
    splitter: Splitter,
    /// Elements read from this connection.
    seen: u64,
    /// Elements given out.
    given: u64,
    /// Connections that failed.
    failures: usize,
}

impl Results {
    async fn next(&mut self) -> Result<Option<ItemResult>, OrgvueError> {
        loop {
            let error = match self.try_next().await {
                Ok(item) => return Ok(item),
                Err(error) => error,
            };
            self.failures += 1;
            let again = verdict(Step::Results, error.outcome()) == Verdict::Retry;
            if !again || self.failures >= ATTEMPTS {
                return Err(error);
            }
            let planned = pauses().nth(self.failures - 1).unwrap_or_default();
            let after = pause(planned, &error);
            tracing::warn!(?after, "{error}; trying again");
            tokio::time::sleep(after).await;
            self.reader = None;
        }
    }

    async fn try_next(&mut self) -> Result<Option<ItemResult>, OrgvueError> {
        loop {
            if self.reader.is_none() {
                let url = self.url.as_ref().ok_or(OrgvueError::NoResultUrl)?;
                let response = self.client.open(WHAT, url).await?;
                self.reader = Some(decoded(url.host().to_owned(), response).await?);
                self.splitter = Splitter::new(MAX_ITEM);
                self.seen = 0;
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
            let mut buffer = [0; READ];
            let read = reader.read(&mut buffer).await.map_err(failed)?;
            if read == 0 {
                self.splitter.finish().map_err(OrgvueError::Results)?;
                return Ok(None);
            }
            self.splitter.push(&buffer[..read]);
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
