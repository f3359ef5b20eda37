//! The call that tells the end of a job.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::ticket::Status;

/// How long a callback may take.
const TIME: Duration = Duration::from_secs(10);

/// Where the end of a job is told.
pub(super) struct Callback(String);

impl Callback {
    /// A template whose URL is on this machine: a sandbox calls nobody else.
    pub(crate) fn new(template: &str) -> Option<Callback> {
        let callback = Callback(template.to_owned());
        let url = callback.render("TENANT", Status::Completed, "trace")?;
        let loopback = match url.host()? {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(ip) => IpAddr::V4(ip).is_loopback(),
            url::Host::Ipv6(ip) => IpAddr::V6(ip).is_loopback(),
        };
        (loopback && url.scheme() == "http").then_some(callback)
    }

    fn render(&self, tenant: &str, status: Status, trace: &str) -> Option<Url> {
        let encoded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        Url::parse(
            &self
                .0
                .replace("{{jobStatus}}", status.as_str())
                .replace("{{traceId}}", &encoded(trace))
                .replace("{{tenantId}}", &encoded(tenant)),
        )
        .ok()
    }

    /// One GET, no redirects, no second try; nothing if it was not answered in time.
    pub(super) async fn call(&self, tenant: &str, status: Status, trace: &str) -> Option<()> {
        let answered = self.get(tenant, status, trace);
        tokio::time::timeout(TIME, answered).await.ok()?
    }

    async fn get(&self, tenant: &str, status: Status, trace: &str) -> Option<()> {
        let url = self.render(tenant, status, trace)?;
        let address = *url.socket_addrs(|| None).ok()?.first()?;
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .ok()?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let request = Request::get(target)
            .header("host", host)
            .body(Body::empty())
            .ok()?;
        tokio::select! {
            biased;
            response = sender.send_request(request) => response.ok().map(|_| ()),
            _ = connection => None,
        }
    }
}
