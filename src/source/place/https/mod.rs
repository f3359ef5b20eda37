//! Files that a web server has, and reports that it makes.
//!
//! | file | what it is |
//! |---|---|
//! | `spec` | what the pipeline file says |
//! | `answer` | what the server's answers mean |
//! | `next`, `pages` | extracts that come in pages |

mod answer;
pub(crate) mod next;
pub(in crate::source) mod pages;
pub(crate) mod spec;
#[cfg(test)]
pub(in crate::source) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use reqwest::Response;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE,
};
use url::Url;

use super::remote::error::{RemoteError, again};
use super::remote::mark::Mark;
use super::remote::resumed::Reply;
use crate::http::retry::with_retries;
use crate::http::spec::TimeoutsSpec;
use crate::http::{Clients, TransportError, builder, host_of};
use crate::settings::secret::{PresignedUrl, is_loopback};
use crate::settings::units::Span;
use spec::{HttpsSpec, Paging};

/// How many addresses one leads to, one after the other.
const REDIRECTS: usize = 5;

/// How often a request is made that nothing comes of. Where the server makes a report for each, it makes one more every
/// time.
const UNANSWERED: usize = 2;

/// An address, and how it is asked for. Clones share what they know.
#[derive(Clone)]
pub struct Request(Arc<Inner>);

struct Inner {
    /// Without a fragment, which no server sees.
    address: PresignedUrl,
    url: Url,
    spec: HttpsSpec,
    stalled: Span,
    clients: Clients,
    /// What says who asks, once it was looked up. It is shown to no other host.
    headers: OnceLock<HeaderMap>,
    /// An answer did not say how long it is.
    unsized_answer: AtomicBool,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.address.fmt(f)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Request").field(&self.0.address).finish()
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Request) -> bool {
        self.0.url == other.0.url
    }
}

impl Eq for Request {}

impl Request {
    /// Nothing is opened yet. `None` where the address is not a URL.
    pub(in crate::source) fn new(
        address: PresignedUrl,
        spec: &HttpsSpec,
        timeouts: &TimeoutsSpec,
    ) -> Option<Request> {
        let mut url = Url::parse(address.expose()).ok()?;
        url.set_fragment(None);
        let own = timeouts.clone();
        Some(Request(Arc::new(Inner {
            address,
            url,
            spec: spec.clone(),
            stalled: timeouts.stalled,
            clients: Clients::new(move || {
                builder(&own).user_agent(concat!("rostream/", env!("CARGO_PKG_VERSION")))
            }),
            headers: OnceLock::new(),
            unsized_answer: AtomicBool::new(false),
        })))
    }

    pub(in crate::source) fn spec(&self) -> &HttpsSpec {
        &self.0.spec
    }

    /// The host that it is asked of, with its port where that is not https' own.
    pub(in crate::source) fn host(&self) -> &str {
        self.0.address.host()
    }

    /// Is told the headers that say who asks.
    pub(in crate::source) fn unlock(&self, headers: HeaderMap) {
        let _ = self.0.headers.set(headers);
    }

    /// How the next page is found, where it is the first one of an extract that comes in pages.
    pub(in crate::source) fn paging(&self) -> Option<Paging> {
        self.0.spec.paging
    }

    /// Whether an answer that was cut off would look as if it were whole: nothing says how long it is. Pages are held
    /// against the brackets that they begin with.
    pub(in crate::source) fn may_be_cut(&self) -> bool {
        self.paging().is_none() && self.0.unsized_answer.load(Ordering::Relaxed)
    }

    /// Whether the address has a query, which may be a permission.
    fn has_query(&self) -> bool {
        self.0.url.query().is_some()
    }

    /// How long a byte is waited for.
    pub(in crate::source) fn stalled(&self) -> Span {
        self.0.stalled
    }

    /// Finds the file by opening it. Of one that comes in pages, or is made for every request, nothing tells whether it is
    /// still the same.
    pub(in crate::source) async fn find(&self) -> Result<Reply, RemoteError> {
        let nothing = Mark::default();
        let mut reply = with_retries(again, || self.open(0, &nothing)).await?;
        if self.paging().is_some() {
            reply.mark = Mark::default();
        }
        Ok(reply)
    }

    /// Opens the file at an offset, in the state that it was in where that is known.
    pub(in crate::source) async fn open(&self, at: u64, mark: &Mark) -> Result<Reply, RemoteError> {
        let mut conditions = HeaderMap::new();
        if at > 0 {
            add(&mut conditions, RANGE, &format!("bytes={at}-"));
        }
        match (&mark.version, mark.modified) {
            (Some(version), _) => add(&mut conditions, IF_MATCH, version),
            (None, Some(time)) => {
                add(
                    &mut conditions,
                    IF_UNMODIFIED_SINCE,
                    &httpdate::fmt_http_date(time),
                );
            }
            (None, None) => {}
        }
        let (answer, url) = self.ask(&self.0.url, conditions).await?;
        answer::opened(self, answer, &url, at, mark).await
    }

    /// The file's state now.
    pub(in crate::source) async fn look(&self, mark: &Mark) -> Result<Mark, RemoteError> {
        let mut conditions = HeaderMap::new();
        match (&mark.version, mark.modified) {
            (Some(version), _) => add(&mut conditions, IF_NONE_MATCH, version),
            (None, Some(time)) => {
                add(
                    &mut conditions,
                    IF_MODIFIED_SINCE,
                    &httpdate::fmt_http_date(time),
                );
            }
            (None, None) => {}
        }
        let (answer, url) = self.ask(&self.0.url, conditions).await?;
        match answer.status().as_u16() {
            304 => Ok(mark.clone()),
            _ => Ok(answer::opened(self, answer, &url, 0, mark).await?.mark),
        }
    }

    /// Asks for an address of the same host and follows where it leads, but never out of https, and never with what
    /// says who asks to another host.
    async fn ask(&self, url: &Url, more: HeaderMap) -> Result<(Response, Url), RemoteError> {
        let mut url = url.clone();
        let mut own = true;
        for _ in 0..=REDIRECTS {
            let answer = self.ask_once(&url, &more, own).await?;
            let Some(next) = answer::leads_to(&answer, &url)? else {
                return Ok((answer, url));
            };
            let local = is_loopback(&self.0.url) && is_loopback(&next);
            if !(next.scheme() == "https" || (next.scheme() == "http" && local)) {
                return Err(RemoteError::Unexpected(format!(
                    "the server redirects to an address that is not https ({}); nothing was sent there",
                    match next.host_str() {
                        Some(_) => format!("{} at {}", next.scheme(), host_of(&next)),
                        None => next.scheme().to_owned(),
                    }
                )));
            }
            own &= next.origin() == url.origin();
            url = next;
        }
        Err(RemoteError::Unexpected(format!(
            "the server redirects more than {REDIRECTS} times"
        )))
    }

    async fn ask_once(
        &self,
        url: &Url,
        more: &HeaderMap,
        own: bool,
    ) -> Result<Response, RemoteError> {
        let host = host_of(url);
        let client = self.0.clients.for_url(url.as_str());
        let client = client.map_err(RemoteError::Transport)?;
        let mut headers = more.clone();
        add(&mut headers, ACCEPT_ENCODING, "identity");
        if self.paging().is_some() {
            add(&mut headers, ACCEPT, "application/json");
        }
        match self.0.headers.get() {
            Some(who) if own => headers.extend(who.clone()),
            Some(_) => {}
            None if self.0.spec.who().is_empty() => {}
            None => {
                return Err(RemoteError::Unexpected(
                    "nobody looked up who asks; this is a bug in rostream, please report it"
                        .to_owned(),
                ));
            }
        }
        let after = self.0.spec.answer;
        for attempt in 1..=UNANSWERED {
            let request = client.get(url.clone()).headers(headers.clone()).send();
            match tokio::time::timeout(after.0, request).await {
                Ok(answer) => {
                    let failed = |error| RemoteError::Transport(TransportError::new(&host, error));
                    return answer.map_err(failed);
                }
                Err(_) if attempt < UNANSWERED => {
                    tracing::warn!("{host} did not answer within {after}; asking once more");
                }
                Err(_) => {}
            }
        }
        Err(RemoteError::Overdue { after })
    }
}

/// Adds a header whose value came from a header, or is ASCII.
fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
