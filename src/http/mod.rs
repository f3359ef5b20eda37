//! What every HTTP client here has in common: how it is built, how its failures are told apart, and how
//! other people's text is made fit to print.
//!
//! Shared by the API and the upload, which do not know each other. It knows neither: what may be tried again, and to
//! which hosts data may go, is handed in.

pub(crate) mod asked;
pub(crate) mod hosts;
pub(crate) mod retry;
pub(crate) mod spec;
pub(crate) mod text;

#[cfg(test)]
pub(crate) mod testing;

use std::error::Error;
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use crate::http::retry::Outcome;
use crate::http::spec::TimeoutsSpec;

/// The most bytes that are read of an answer that is meant to be small: an error page of any size must not
/// fill the memory.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// The longest that a server's `Retry-After` is obeyed. A longer one is more likely a mistake than a plan, and
/// the addresses at hand would expire meanwhile.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What every client starts from: HTTP/1.1 (one connection per upload, header names as sent), no redirects (a
/// 303 would turn an upload into a GET and its 200 into a false success), and no repeats of its own.
pub(crate) fn builder(timeouts: &TimeoutsSpec) -> reqwest::ClientBuilder {
    // A second installation is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timeouts.connect.0)
}

/// One kind of client, built when it is first needed: for the network, with the system's certificates and
/// proxies; for plain http to this machine, with neither, so that the sandbox works where there are none.
pub(crate) struct Clients {
    build: Box<dyn Fn() -> reqwest::ClientBuilder + Send + Sync>,
    network: OnceLock<reqwest::Client>,
    this_machine: OnceLock<reqwest::Client>,
}

impl Clients {
    /// A kind of client; `build` begins with [`builder`].
    pub(crate) fn new(
        build: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Clients {
        Clients {
            build: Box::new(build),
            network: OnceLock::new(),
            this_machine: OnceLock::new(),
        }
    }

    /// The client for a URL with this scheme.
    pub(crate) fn for_url(&self, url: &str) -> Result<&reqwest::Client, TransportError> {
        let plain = url
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let slot = if plain {
            &self.this_machine
        } else {
            &self.network
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = (self.build)();
        let builder = if plain {
            builder.no_proxy().tls_certs_only([])
        } else {
            builder.https_only(true)
        };
        let client = builder.build().map_err(|error| TransportError {
            kind: Transport::Client,
            host: String::new(),
            error: error.without_url(),
        })?;
        Ok(slot.get_or_init(|| client))
    }
}

/// The ways in which a request fails without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The client could not be made: no certificates on this machine, or an impossible request.
    Client,
    /// Nothing was sent: the name is unknown, nobody listens, the connection took too long.
    Unreachable,
    /// Nothing was sent: the server's certificate, or its TLS, is not acceptable.
    Untrusted,
    /// Nothing was sent: the proxy wants a user and password.
    Proxy,
    /// Nothing was sent: the host's address is one that data may not go to.
    Refused,
    /// The connection was there and broke.
    Lost,
    /// The connection was there and the answer did not come in time.
    TimedOut,
}

/// A request that failed without an answer. Names the host; never a path, a query or a header.
#[derive(Debug)]
pub struct TransportError {
    kind: Transport,
    host: String,
    error: reqwest::Error,
}

impl TransportError {
    /// Classifies a client's error and takes the URL out of it.
    pub fn new(host: &str, error: reqwest::Error) -> TransportError {
        let error = error.without_url();
        TransportError {
            kind: classify(&error),
            host: host.to_owned(),
            error,
        }
    }

    /// Which way it failed.
    pub fn kind(&self) -> Transport {
        self.kind
    }

    /// As the retry table sees it.
    pub fn outcome(&self) -> Outcome<'static> {
        match self.kind {
            Transport::Client | Transport::Untrusted | Transport::Proxy | Transport::Refused => {
                Outcome::Untrusted
            }
            Transport::Unreachable => Outcome::Unreachable,
            Transport::Lost | Transport::TimedOut => Outcome::Lost,
        }
    }
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = &self.host;
        match self.kind {
            Transport::Client => write!(f, "the HTTP client cannot be set up"),
            Transport::Unreachable => write!(f, "cannot connect to {host}"),
            Transport::Refused => write!(f, "nothing was sent to {host}"),
            Transport::Untrusted => write!(f, "no trusted connection to {host}"),
            Transport::Proxy => write!(f, "the proxy refuses to connect to {host}"),
            Transport::Lost => write!(f, "the connection to {host} broke"),
            Transport::TimedOut => write!(f, "{host} did not answer in time"),
        }
    }
}

impl Error for TransportError {
    /// The cause below the client's own layers, which say nothing but "error sending request".
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let mut cause = self.error.source()?;
        while cause.to_string().starts_with("client error (") {
            cause = cause.source()?;
        }
        Some(cause)
    }
}

fn classify(error: &reqwest::Error) -> Transport {
    if error.is_builder() {
        return Transport::Client;
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return Transport::Untrusted;
        }
        if hosts::is_refused(error) {
            return Transport::Refused;
        }
        // The client's own type for this is private.
        if error.to_string().contains("proxy authorization required") {
            return Transport::Proxy;
        }
        // An I/O error hides what it wraps from `source`, and these are wrapped twice.
        cause = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    if error.is_connect() {
        Transport::Unreachable
    } else if error.is_timeout() {
        Transport::TimedOut
    } else {
        Transport::Lost
    }
}

/// Reads an answer's body up to [`MAX_ANSWER`] bytes, as [`read_up_to`] does.
pub(crate) async fn read_small(
    host: &str,
    response: reqwest::Response,
) -> Result<(Vec<u8>, bool), TransportError> {
    read_up_to(host, response, MAX_ANSWER).await
}

/// Reads an answer's body up to so many bytes; the flag says that there was more. What came before a broken connection
/// is an error too: half an answer is none.
pub(crate) async fn read_up_to(
    host: &str,
    mut response: reqwest::Response,
    most: usize,
) -> Result<(Vec<u8>, bool), TransportError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| TransportError::new(host, error))?
    {
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

/// What a `Retry-After` header asks for, as seconds or as a date, [`MAX_RETRY_AFTER`] at most; nothing where
/// there is none or it makes no sense.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// A URL's host, with its port where that is not the scheme's own.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_and_capped() {
        let now = httpdate::parse_http_date("Mon, 01 Jan 2024 00:00:00 GMT").unwrap();
        #[track_caller]
        fn check(value: &str, now: SystemTime, expected: Option<u64>) {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            assert_eq!(
                retry_after(&headers, now).map(|d| d.as_secs()),
                expected,
                "{value}"
            );
        }
        check("0", now, Some(0));
        check(" 7 ", now, Some(7));
        check("1000000000", now, Some(60));
        check("99999999999999999999999", now, Some(60));
        check("Mon, 01 Jan 2024 00:00:09 GMT", now, Some(9));
        check("Mon, 01 Jan 2029 00:00:00 GMT", now, Some(60));
        check("Mon, 01 Jan 2001 00:00:00 GMT", now, Some(0));
        check("-5", now, None);
        check("+5", now, None);
        check("1.5", now, None);
        check("soon", now, None);
        check("", now, None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_shows_no_url() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let clients = Clients::new(|| builder(&TimeoutsSpec::default()));
        let url = format!("http://{address}/path?X-Amz-Signature=CANARY");
        let error = clients
            .for_url(&url)
            .unwrap()
            .get(&url)
            .send()
            .await
            .unwrap_err();
        let error = TransportError::new(&address.to_string(), error);
        assert_eq!(error.kind(), Transport::Unreachable);
        assert_eq!(error.to_string(), format!("cannot connect to {address}"));
        assert_eq!(error.source().unwrap().to_string(), "tcp connect error");
        assert!(!format!("{error:?}").contains("CANARY"));
    }

    #[tokio::test]
    async fn a_proxy_that_wants_a_password_is_not_asked_again() {
        let mut server = testing::Server::start([testing::Reply::Raw(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )])
        .await;
        let proxy = server.url("").replace("http://", "http://user:CANARY@");
        let client = builder(&TimeoutsSpec::default())
            .tls_certs_only([])
            .proxy(reqwest::Proxy::all(proxy).unwrap())
            .build()
            .unwrap();
        let request = client.get("https://orgvue.example/?s=CANARY");
        let error = TransportError::new("orgvue.example", request.send().await.unwrap_err());
        assert_eq!(error.kind(), Transport::Proxy);
        let text = format!("{} {error:?}", crate::text::chain(&error));
        assert!(!text.contains("CANARY"), "{text}");
        server.finish().await;
    }

    #[tokio::test]
    async fn plain_http_on_a_tls_port_is_untrusted_or_lost_but_never_silent() {
        let mut server = testing::Server::start([testing::Reply::Raw(
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )])
        .await;
        let url = server.url("/").replace("http://", "https://");
        let client = builder(&TimeoutsSpec::default())
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let error = client.get(&url).send().await.unwrap_err();
        assert_eq!(TransportError::new("h", error).kind(), Transport::Untrusted);
        server.finish().await;
    }
}
