//! The requests of the crate for buckets, over the HTTP client that is here already: its certificates and proxies, its
//! one way to tell of failures, and no repeats, which are made elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Body, Request, Response, StatusCode};
use url::Url;

use super::address::Service;
use super::told::{Asker, Refusal, Told};
use crate::http::spec::TimeoutsSpec;
use crate::http::text::{StorageError, sanitise};
use crate::http::{Clients, TransportError, builder, host_of, read_small, retry_after};
use crate::settings::secret::is_loopback;
use crate::settings::units::Span;
use crate::source::place::remote::error::RemoteError;

/// Where machines in a cloud are told who they are, over plain http and never beyond the machine's own network.
const METADATA: &[&str] = &[
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "metadata",
];

/// Makes the requests of one bucket.
#[derive(Clone)]
pub(super) struct Requests {
    asker: Asker,
    clients: Arc<Clients>,
    answer: Span,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("asker", &self.asker)
            .finish_non_exhaustive()
    }
}

impl HttpConnector for Requests {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Requests {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.answer(request).await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let host = host_of(answer.url());
        let body = Body::from(answer).map_err(move |error| {
            let error = TransportError::new(&host, error);
            failed(RemoteError::Transport(error))
        });
        let mut response = HttpResponse::new(HttpResponseBody::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn failed(error: RemoteError) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Told::new(error))
}

impl Requests {
    pub(super) fn new(asker: Asker, timeouts: &TimeoutsSpec) -> Requests {
        let own = timeouts.clone();
        Requests {
            asker,
            clients: Arc::new(Clients::new(move || {
                builder(&own).user_agent(concat!("rostream/", env!("CARGO_PKG_VERSION")))
            })),
            answer: timeouts.answer,
        }
    }

    /// The answer to a request, where that is a success.
    async fn answer(&self, request: HttpRequest) -> Result<Response, RemoteError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string());
        let url = url.map_err(|_| RemoteError::Setting("the endpoint is not an address".into()))?;
        let is_metadata = METADATA.contains(&url.host_str().unwrap_or_default());
        if url.scheme() != "https" && !is_loopback(&url) && !is_metadata {
            return Err(RemoteError::Setting(format!(
                "the endpoint {} is not https, and plain http is accepted for this machine alone; check \
                 source.bucket.endpoint and the environment",
                host_of(&url)
            )));
        }
        let is_own = self.is_own(&url);
        let client = self.clients.for_url(url.as_str());
        let client = client.map_err(RemoteError::Transport)?;
        let mut request = Request::new(parts.method, url.clone());
        *request.headers_mut() = parts.headers;
        if self.asker.service == Service::Google && is_own {
            // What is stored as gzip comes as it is stored then, and in parts.
            let gzip = HeaderValue::from_static("gzip");
            request.headers_mut().insert(ACCEPT_ENCODING, gzip);
        }
        *request.body_mut() = body.as_bytes().cloned().map(Body::from);
        let after = self.answer;
        let answer = tokio::time::timeout(after.0, client.execute(request)).await;
        match answer {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(answer),
            Ok(Ok(answer)) => {
                let refusal = refusal(&url, answer).await;
                Err(match is_own {
                    true => self.asker.refused(refusal),
                    false => self.asker.not_known(&refusal),
                })
            }
            // Where there is no such machine, this one is in no cloud.
            Ok(Err(_)) | Err(_) if is_metadata => Err(self.asker.nobody()),
            Ok(Err(error)) => {
                let error = TransportError::new(&host_of(&url), error);
                Err(RemoteError::Transport(error))
            }
            Err(_) => Err(RemoteError::Unanswered {
                after,
                setting: "timeouts.answer",
            }),
        }
    }

    /// Whether the bucket itself is asked, and not those who say who asks.
    fn is_own(&self, url: &Url) -> bool {
        let bucket = &*self.asker.bucket;
        let host = url.host_str().unwrap_or_default();
        let in_host = host
            .strip_prefix(bucket)
            .is_some_and(|rest| rest.starts_with('.'));
        let mut parts = url.path_segments().into_iter().flatten();
        // Behind an account, in the emulator of one.
        in_host || parts.by_ref().take(2).any(|part| part == bucket)
    }
}

async fn refusal(url: &Url, answer: Response) -> Refusal {
    let host = host_of(url);
    let status = answer.status();
    let header = |name: &str| header(answer.headers(), name);
    let (code, region) = (header("x-ms-error-code"), header("x-amz-bucket-region"));
    let retry_after = retry_after(answer.headers(), SystemTime::now());
    let code = match code {
        Some(code) => code,
        None => match read_small(&host, answer).await {
            Ok((body, _)) => StorageError::parse(&body).code,
            Err(_) => String::new(),
        },
    };
    Refusal {
        host,
        status: status.as_u16(),
        code,
        reason: reason(status),
        region,
        retry_after,
    }
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(sanitise(value, 100))
}
