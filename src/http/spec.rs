//! What the pipeline file says of waiting for the network.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::units::Span;

/// How long the network is waited for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsSpec {
    /// For a connection to come about, its TLS handshake included.
    pub connect: Span,
    /// While no byte moves, of an upload, of the results or of a source at a server, and there are some to move. Slow is not still: what the
    /// system has buffered of an upload (some megabytes) leaves within a minute at 100 kB/s. The kernel's own limit
    /// for bytes that are not acknowledged (`TCP_USER_TIMEOUT`) is set to the same.
    pub stalled: Span,
    /// For the storage's answer when it has the whole upload: long enough to send what the system has buffered, and
    /// for a storage to put a large object away.
    pub unanswered: Span,
    /// For the API's answer, and for a look at the ticket.
    pub answer: Span,
    /// For the answer to the import call. One that is given up is an import of unknown fate.
    pub import: Span,
}

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

impl Default for TimeoutsSpec {
    fn default() -> Self {
        TimeoutsSpec {
            connect: seconds(10),
            stalled: seconds(60),
            unanswered: seconds(120),
            answer: seconds(60),
            import: seconds(180),
        }
    }
}

impl TimeoutsSpec {
    /// Each with its name in the pipeline file.
    pub fn each(&self) -> [(&'static str, Span); 5] {
        [
            ("connect", self.connect),
            ("stalled", self.stalled),
            ("unanswered", self.unanswered),
            ("answer", self.answer),
            ("import", self.import),
        ]
    }
}
