//! The requests that carry the token: upload addresses and the import.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use crate::http::asked::Asked;
use crate::http::hosts::Hosts;
use crate::http::retry::{Failure, Outcome, with_retries};
use crate::http::spec::TimeoutsSpec;
use crate::http::text::{StorageError, excerpt, sanitise};
use crate::http::{Clients, MAX_ANSWER, builder, host_of, read_up_to, retry_after};
use crate::orgvue::error::{AddressError, ApiError, ImportError, OrgvueError};
use crate::orgvue::retry::{Step, Verdict, again, verdict};
use crate::orgvue::spec::{DateFormat, IdentifySpec, ImportSpec, ResultEncoding};
use crate::orgvue::ticket::{JobStatus, Ticket};
use crate::settings::secret::{PresignedUrl, UrlError, is_loopback};

/// As the contract writes it.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

/// The most bytes that are read of a list: some thousands of data sets or properties.
const MAX_LIST: usize = 8 * 1024 * 1024;

/// The header that names a request to Orgvue's support.
const TRACE_ID: &str = "x-amzn-trace-id";

/// Where the API is, and who asks.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The API's address; paths are put behind it.
    pub base: Url,
    pub tenant: String,
    /// The data set's UUID.
    pub dataset: String,
    /// The API token, without `Bearer`.
    pub token: SecretString,
    /// The user's own address for the results of an import.
    pub result_location: Option<PresignedUrl>,
    /// Where the addresses that it hands out may lead.
    pub hosts: Hosts,
}

/// A client of the API. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    connection: Connection,
    authorization: HeaderValue,
    timeouts: TimeoutsSpec,
    api: Clients,
    storage: Clients,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.connection).finish()
    }
}

/// A pair of addresses for one file: where to write it, and where the import reads it.
#[derive(Clone, Debug)]
pub struct Locations {
    /// For the import.
    pub get: PresignedUrl,
    /// For the upload.
    pub put: PresignedUrl,
    /// The server's clock when it answered, in whole seconds.
    pub server_time: Option<SystemTime>,
    /// When the answer came.
    pub received: Instant,
}

impl Locations {
    /// An address of the user's own, in the place of both. This machine's clock says how long it is good.
    pub(crate) fn own(address: &PresignedUrl) -> Locations {
        Locations {
            get: address.clone(),
            put: address.clone(),
            server_time: Some(SystemTime::now()),
            received: Instant::now(),
        }
    }

    /// How much longer the upload address is good for, by the server's clock; zero when it has expired, nothing
    /// where the address does not say. This machine's own clock may be wrong and is not asked: where the server did
    /// not tell its time, the address was signed when it came.
    pub fn remaining(&self) -> Option<Duration> {
        let life = self.put.life()?;
        let at_first = match (self.put.expires(), self.server_time) {
            (Some(ends), Some(then)) => ends.duration_since(then).unwrap_or_default().min(life),
            _ => life,
        };
        Some(at_first.saturating_sub(self.received.elapsed()))
    }
}

/// An answer, read.
pub(crate) struct Answer {
    what: &'static str,
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    text: String,
    /// The body as JSON; null where it is none, or too long.
    pub(crate) json: Value,
}

impl Client {
    /// A client for this connection; nothing is opened yet.
    pub fn new(connection: Connection, timeouts: &TimeoutsSpec) -> Result<Client, OrgvueError> {
        let base = &connection.base;
        let problem = match base.scheme() {
            _ if base.host_str().is_none() => Some(UrlError::NotAUrl),
            _ if !base.username().is_empty() || base.password().is_some() => {
                Some(UrlError::UserInfo)
            }
            "https" => None,
            "http" if is_loopback(base) => None,
            _ => Some(UrlError::NotHttps),
        };
        if let Some(problem) = problem {
            return Err(OrgvueError::BaseUrl(problem));
        }
        let token = connection.token.expose_secret();
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .ok()
            .filter(|_| {
                !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
            })
            .ok_or(OrgvueError::Token)?;
        authorization.set_sensitive(true);
        let api = timeouts.clone();
        let (storage, hosts) = (timeouts.clone(), Arc::new(connection.hosts.clone()));
        Ok(Client(Arc::new(Inner {
            timeouts: timeouts.clone(),
            connection,
            authorization,
            api: Clients::new(move || {
                // A kept connection may have died in the long time between the two requests, and an import sent
                // into a dying connection is an import of unknown fate.
                builder(&api)
                    .http1_title_case_headers()
                    .user_agent(concat!("rostream/", env!("CARGO_PKG_VERSION")))
                    .pool_max_idle_per_host(0)
            }),
            storage: Clients::new(move || {
                builder(&storage)
                    .read_timeout(storage.stalled.0)
                    .dns_resolver(hosts.clone())
            }),
        })))
    }

    /// The connection's settings.
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// How long the network is waited for.
    pub(crate) fn timeouts(&self) -> &TimeoutsSpec {
        &self.0.timeouts
    }

    /// Asks for a pair of addresses for a file of this format (`json`, `csv`) and encoding (`identity`).
    /// Tried again where that may help: an unused pair does no harm.
    pub async fn generate(&self, format: &str, encoding: &str) -> Result<Locations, OrgvueError> {
        let asked = Asked::new("generate");
        with_retries(again(Step::Generate), || {
            self.generate_once(&asked, format, encoding)
        })
        .await
    }

    async fn generate_once(
        &self,
        asked: &Asked,
        format: &str,
        encoding: &str,
    ) -> Result<Locations, OrgvueError> {
        const WHAT: &str = "get an upload address";
        let url = self.url(&["files", "generate"]);
        let body = json!({ "targetType": format, "targetEncoding": encoding });
        let answer = self
            .ask(
                (WHAT, asked),
                Method::POST,
                url,
                Some(body),
                self.0.timeouts.answer.0,
            )
            .await?;
        if !answer.status.is_success() {
            return Err(answer.refused());
        }
        let server_time = answer
            .headers
            .get(DATE)
            .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let address = |field: &'static str, missing: &'static str| match answer.json.get(field) {
            Some(Value::String(text)) => self.accept(WHAT, field, text),
            _ => Err(answer.unexpected(missing)),
        };
        Ok(Locations {
            put: address("put", "the answer holds no `put` address")?,
            get: address("get", "the answer holds no `get` address")?,
            server_time,
            received: Instant::now(),
        })
    }

    /// Starts the import of an uploaded file. The ticket may already be at its end.
    ///
    /// Tried again only where it is certain that the import did not begin.
    pub async fn import(
        &self,
        locations: &Locations,
        spec: &ImportSpec,
    ) -> Result<Ticket, ImportError> {
        let asked = Asked::new("import");
        let once = || self.import_once(&asked, locations, spec);
        with_retries(again(Step::Import), once)
            .await
            .map_err(|error| {
                let outcome = error.outcome();
                let kind = match (verdict(Step::Import, outcome), outcome) {
                    (Verdict::Unknown, _) => ImportError::Unknown,
                    (_, Outcome::Unreachable | Outcome::Untrusted) => ImportError::NotSent,
                    _ => ImportError::Refused,
                };
                kind(Box::new(error))
            })
    }

    async fn import_once(
        &self,
        asked: &Asked,
        locations: &Locations,
        spec: &ImportSpec,
    ) -> Result<Ticket, OrgvueError> {
        const WHAT: &str = "start the import";
        let mut url = self.url(&["datasets", &self.0.connection.dataset, "items", "import"]);
        let query = query(spec);
        url.set_query((!query.is_empty()).then_some(&query));
        let mut body = json!({
            "importLocation": { "method": "GET", "url": locations.get.expose() },
        });
        if let Some(own) = &self.0.connection.result_location {
            body["resultLocation"] = json!({ "method": "PUT", "url": own.expose() });
        }
        if let Some(template) = &spec.callback {
            body["callback"] = json!({ "method": "GET", "urlTemplate": template });
        }
        let answer = self
            .ask(
                (WHAT, asked),
                Method::PUT,
                url,
                Some(body),
                self.0.timeouts.import.0,
            )
            .await?;
        let success = answer.status.is_success();
        match self.ticket(&answer) {
            // A refusal may carry a ticket, too.
            Ok(Some(ticket)) if success || ticket.status == JobStatus::Failed => Ok(ticket),
            Ok(_) if success => Err(answer.unexpected("the answer holds no ticket")),
            Err(error) if success => Err(error),
            _ => Err(answer.refused()),
        }
    }

    /// One look at a ticket.
    pub(crate) async fn ticket_at(&self, url: &PresignedUrl) -> Result<Ticket, OrgvueError> {
        const WHAT: &str = "read the ticket";
        let asked = Asked::new("ticket");
        let response = self
            .fetch((WHAT, &asked), url, Some(self.0.timeouts.answer.0))
            .await?;
        let answer = self.read(WHAT, url.host(), response, MAX_ANSWER).await?;
        if !answer.status.is_success() {
            return Err(answer.refused());
        }
        self.ticket(&answer)?
            .ok_or_else(|| answer.unexpected("the answer is not a job ticket"))
    }

    /// Opens the document behind a pre-signed address; a refusal is an error.
    pub(crate) async fn open(
        &self,
        (what, asked): (&'static str, &Asked),
        url: &PresignedUrl,
    ) -> Result<reqwest::Response, OrgvueError> {
        let response = self.fetch((what, asked), url, None).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let answer = self.read(what, url.host(), response, MAX_ANSWER).await?;
        Err(answer.refused())
    }

    async fn fetch(
        &self,
        (what, asked): (&'static str, &Asked),
        url: &PresignedUrl,
        timeout: Option<Duration>,
    ) -> Result<reqwest::Response, OrgvueError> {
        let transport = |source| OrgvueError::Transport { what, source };
        let client = self.0.storage.for_url(url.expose()).map_err(transport)?;
        let mut request = client.get(url.expose());
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        asked.send(request).await.map_err(transport)
    }

    /// Asks for something that is there: tried again where nothing was sent, and nowhere else, for it can be done without.
    pub(crate) async fn look_up(
        &self,
        (what, asked): (&'static str, &Asked),
        url: Url,
    ) -> Result<Answer, OrgvueError> {
        let unsent = |outcome: Outcome<'_>| outcome == Outcome::Unreachable;
        let answer = with_retries(unsent, || {
            let timeout = self.0.timeouts.answer.0;
            self.ask((what, asked), Method::GET, url.clone(), None, timeout)
        });
        let answer = answer.await?;
        match answer.status.is_success() {
            true => Ok(answer),
            false => Err(answer.refused()),
        }
    }

    /// The address of something of the tenant's.
    pub(crate) fn url(&self, path: &[&str]) -> Url {
        let connection = &self.0.connection;
        let mut url = connection.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Every URL with a host has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["api", "v1", &connection.tenant])
                .extend(path);
        }
        url
    }

    async fn ask(
        &self,
        (what, asked): (&'static str, &Asked),
        method: Method,
        url: Url,
        body: Option<Value>,
        timeout: Duration,
    ) -> Result<Answer, OrgvueError> {
        let host = host_of(&url);
        let path = url.path().to_owned();
        let transport = |source| OrgvueError::Transport { what, source };
        let client = self.0.api.for_url(url.as_str()).map_err(transport)?;
        // Of the requests without a body, the answers are lists.
        let most = match body {
            Some(_) => MAX_ANSWER,
            None => MAX_LIST,
        };
        let mut request = client
            .request(method, url)
            .header(CONTENT_TYPE, JSON)
            .header(AUTHORIZATION, self.0.authorization.clone())
            .timeout(timeout);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = asked.send(request).await.map_err(transport)?;
        let answer = self.read(what, &host, response, most).await?;
        tracing::debug!(%path, status = %answer.status, trace_id = answer.trace_id(), "API answered");
        Ok(answer)
    }

    /// Reads an answer's ticket, where it is one.
    fn ticket(&self, answer: &Answer) -> Result<Option<Ticket>, OrgvueError> {
        let link = |name: &'static str| {
            let pointer = format!("/_links/{name}/url");
            match answer.json.pointer(&pointer).and_then(Value::as_str) {
                Some(text) => self.accept(answer.what, name, text).map(Some),
                None => Ok(None),
            }
        };
        let text = |name: &str| {
            let value = answer.json.get(name).and_then(Value::as_str);
            value.map(|text| sanitise(text, 100))
        };
        let Some(status) = text("jobStatus") else {
            return Ok(None);
        };
        Ok(Some(Ticket {
            status: JobStatus::from(status),
            trace_id: text("X-Amzn-Trace-Id").or(answer.trace_id()),
            created_at: text("_createdAt"),
            self_url: link("self")?,
            result_url: link("result")?,
            errors: ApiError::read_all(&answer.json),
        }))
    }

    /// Accepts an address that the API hands out.
    fn accept(
        &self,
        what: &'static str,
        field: &'static str,
        text: &str,
    ) -> Result<PresignedUrl, OrgvueError> {
        PresignedUrl::parse(text)
            .map_err(AddressError::from)
            .and_then(|url| {
                let parsed = Url::parse(url.expose()).map_err(|_| UrlError::NotAUrl)?;
                self.0.connection.hosts.check(&parsed)?;
                Ok(url)
            })
            .map_err(|source| OrgvueError::Address {
                what,
                field,
                source,
            })
    }

    /// Reads an answer. Servers have been known to repeat what they don't understand, so a token in it is
    /// taken out before anything else.
    async fn read(
        &self,
        what: &'static str,
        host: &str,
        response: reqwest::Response,
        most: usize,
    ) -> Result<Answer, OrgvueError> {
        let status = response.status();
        let headers = response.headers().clone();
        let (body, more) = match read_up_to(host, response, most).await {
            Ok(read) => read,
            // The status says enough, and says it better.
            Err(_) if !status.is_success() => (Vec::new(), false),
            Err(source) => return Err(OrgvueError::Transport { what, source }),
        };
        Ok(self.answer(what, (status, headers), &body, more))
    }

    /// An answer from its parts. Of a body of which there was more, nothing is believed.
    fn answer(
        &self,
        what: &'static str,
        (status, headers): (StatusCode, HeaderMap),
        body: &[u8],
        more: bool,
    ) -> Answer {
        let token = self.0.connection.token.expose_secret();
        let text = String::from_utf8_lossy(body).replace(token, "[token]");
        let json = match more {
            false => serde_json::from_str(&text).unwrap_or_default(),
            true => Value::Null,
        };
        Answer {
            what,
            status,
            headers,
            text,
            json,
        }
    }

    /// The ticket in an answer's body; none where it holds something else.
    ///
    /// # Errors
    /// An address that is not accepted.
    pub fn ticket_in(&self, body: &[u8]) -> Result<Option<Ticket>, OrgvueError> {
        let head = (StatusCode::OK, HeaderMap::new());
        self.ticket(&self.answer("read the ticket", head, body, false))
    }
}

impl Answer {
    /// The error for an answer that is no success.
    fn refused(&self) -> OrgvueError {
        let errors = ApiError::read_all(&self.json);
        if !errors.is_empty() {
            return OrgvueError::Api {
                what: self.what,
                status: self.status.as_u16(),
                errors,
                trace_id: self.trace_id(),
                retry_after: retry_after(&self.headers, SystemTime::now()),
            };
        }
        let problem = match self.status.as_u16() {
            300..400 => "the server redirects elsewhere, which is not followed",
            _ => "the server refused",
        };
        self.unexpected(problem)
    }

    pub(crate) fn unexpected(&self, problem: &'static str) -> OrgvueError {
        let storage = StorageError::parse(self.text.as_bytes());
        let text = match &*storage.code {
            "" => excerpt(self.text.as_bytes()),
            code => format!("{code}: {}", storage.message),
        };
        OrgvueError::Unexpected {
            what: self.what,
            status: self.status.as_u16(),
            problem,
            excerpt: text,
            trace_id: self.trace_id(),
            retry_after: retry_after(&self.headers, SystemTime::now()),
        }
    }

    fn trace_id(&self) -> Option<String> {
        let value = self.headers.get(TRACE_ID)?.to_str().ok()?;
        Some(sanitise(value, 100))
    }
}

/// The import's query parameters: those that are set, by the API's names, in the order of its documentation.
pub(crate) fn parameters(spec: &ImportSpec) -> impl Iterator<Item = (&'static str, &str)> {
    let yes = |flag: bool| flag.then_some("true");
    let date_format = spec.date_format.map(|format| match format {
        DateFormat::Ymd => "YYYY-MM-DD",
        DateFormat::Dmy => "DD/MM/YYYY",
        DateFormat::Mdy => "MM/DD/YYYY",
    });
    let (name, key) = match &spec.identify_by {
        Some(IdentifySpec::AutoId(auto)) => ("autoId", yes(*auto)),
        Some(IdentifySpec::IdKey(key)) => ("idKey", Some(key.as_str())),
        Some(IdentifySpec::MergeKey(key)) => ("mergeKey", Some(key.as_str())),
        None => ("idKey", None),
    };
    let result_encoding = spec.result_encoding.map(|encoding| match encoding {
        ResultEncoding::Identity => "identity",
        ResultEncoding::Gzip => "gzip",
    });
    [
        ("dateFormat", date_format),
        (name, key),
        ("implicitDelete", yes(spec.implicit_delete.is_on())),
        ("noopToken", spec.noop_token.as_deref()),
        ("clearToken", spec.clear_token.as_deref()),
        (
            "onPropertyAccessDenied",
            spec.on_property_access_denied.as_deref(),
        ),
        ("onItemAccessDenied", spec.on_item_access_denied.as_deref()),
        (
            "onActionValidationFailure",
            spec.on_action_validation_failure.as_deref(),
        ),
        ("resultEncoding", result_encoding),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// The import's query: what is set, and nothing else.
fn query(spec: &ImportSpec) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters(spec));
    // A plus is a space in forms alone; %20 is one everywhere.
    query.finish().replace('+', "%20")
}

#[cfg(test)]
mod tests;
