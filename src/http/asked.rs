//! What is asked of Orgvue and its storage, told request by request: to the log, for `-vvv`, and to whoever makes spans of
//! it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

use reqwest::{RequestBuilder, Response};

use super::{Transport, TransportError, host_of};

/// Where requests are told, as the log names it: each at its end, with the fields of [`Told`].
pub(crate) const REQUESTS: &str = concat!(env!("CARGO_CRATE_NAME"), "::request");

/// Something that is asked for, in as many requests as it takes.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Its word: `generate`, `upload`, `ticket`.
    word: &'static str,
    sent: AtomicU32,
}

impl Asked {
    /// What was not asked for yet.
    pub(crate) fn new(word: &'static str) -> Asked {
        Asked::after(word, 0)
    }

    /// What was asked for in vain before, in so many requests.
    pub(crate) fn after(word: &'static str, requests: u32) -> Asked {
        Asked {
            word,
            sent: AtomicU32::new(requests),
        }
    }

    /// Sends a request, up to the head of its answer.
    ///
    /// # Errors
    /// No answer came.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, TransportError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| TransportError::new("", error))?;
        let url = request.url();
        let mut told = Told {
            word: self.word,
            method: request.method().to_string(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default(),
            resends: self.sent.fetch_add(1, Relaxed),
            began: Instant::now(),
            status: None,
            failed: Some("cut_off"),
        };
        let host = host_of(url);
        let answer = client.execute(request).await;
        let answer = answer.map_err(|error| TransportError::new(&host, error));
        told.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        told.failed = answer.as_ref().err().map(|error| error.kind().word());
        answer
    }
}

/// One request: what is told of it when it is over, whoever lets go of it. Neither path nor query, and no header.
struct Told {
    word: &'static str,
    method: String,
    host: String,
    port: Option<u16>,
    /// How many requests came before it for the same.
    resends: u32,
    began: Instant,
    /// The answer's status; absent where none came.
    status: Option<u16>,
    /// Why no answer came.
    failed: Option<&'static str>,
}

impl Drop for Told {
    fn drop(&mut self) {
        tracing::trace!(
            target: REQUESTS,
            word = self.word,
            method = self.method,
            host = self.host,
            port = self.port,
            resends = self.resends,
            status = self.status,
            failed = self.failed,
            micros = self.began.elapsed().as_micros() as u64,
            "asked"
        );
    }
}

impl Transport {
    /// Its word, for machines.
    fn word(self) -> &'static str {
        match self {
            Transport::Client => "client",
            Transport::Unreachable => "unreachable",
            Transport::Untrusted => "untrusted",
            Transport::Proxy => "proxy",
            Transport::Refused => "refused",
            Transport::Lost => "lost",
            Transport::TimedOut => "timed_out",
        }
    }
}
