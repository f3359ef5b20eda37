//! Why a file at a server can't be read, and whether another try may help.

use std::error::Error;
use std::time::Duration;

use crate::http::TransportError;
use crate::http::retry::{Failure, Outcome};
use crate::settings::units::Span;

/// Why a file at a server can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no such file.
    #[error("the server has no such file")]
    Gone,
    /// Another file has its name, or it was written to.
    #[error("the file was changed at the server while it was read")]
    Changed,
    /// A setting mends it; the message names it.
    #[error("{0}")]
    Setting(String),
    /// No connection, or one that broke, over HTTP.
    #[error(transparent)]
    Transport(TransportError),
    /// A connection of another kind that could not be made or broke.
    #[error("{0}")]
    Broken(String, #[source] Option<Box<dyn Error + Send + Sync>>),
    /// The connection stands, and nothing comes.
    #[error("no byte came for {after}, although some were still to come (timeouts.stalled)")]
    Stalled { after: Span },
    /// The request was sent, and nothing came.
    #[error("the server did not answer within {after} ({setting})")]
    Unanswered { after: Span, setting: &'static str },
    /// Nothing came of any of the requests. Each may have had the server make a report, so that there is to be no other.
    #[error(
        "the server was asked twice and did not answer within {after}; where it takes longer to make a report, raise \
         source.https.answer"
    )]
    Overdue { after: Span },
    /// The file ended too early.
    #[error("it ended after {at} bytes, and the server had said that it has {size}")]
    Short { at: u64, size: u64 },
    /// The server said no.
    #[error("the server answered {status}{}", match .said.as_str() {
        "" => String::new(),
        said => format!(" ({said})"),
    })]
    Refused {
        status: u16,
        /// Its reason, fit to print.
        said: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server's answer is not what was asked for.
    #[error("{0}")]
    Unexpected(String),
    /// It broke in the middle, and what would come now may belong to another state of the file.
    #[error(
        "it broke off after {at} bytes, and the rest can't be fetched alone: the server does not say whether the file has \
         changed since"
    )]
    NotTakenUp {
        at: u64,
        #[source]
        why: Box<RemoteError>,
    },
    /// One of the pages that an extract comes in.
    #[error("page {number} of the extract can't be read")]
    Page {
        /// From 1.
        number: u64,
        #[source]
        why: Box<RemoteError>,
    },
}

impl RemoteError {
    /// Whether another setting mends it.
    pub(crate) fn is_setting(&self) -> bool {
        matches!(self.innermost(), RemoteError::Setting(_))
    }

    /// Whether no answer came, for as long as the server was asked.
    pub(crate) fn is_overdue(&self) -> bool {
        matches!(self.innermost(), RemoteError::Overdue { .. })
    }

    fn innermost(&self) -> &RemoteError {
        match self {
            RemoteError::NotTakenUp { why, .. } | RemoteError::Page { why, .. } => why.innermost(),
            error => error,
        }
    }
}

impl Failure for RemoteError {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            RemoteError::Gone
            | RemoteError::Changed
            | RemoteError::Setting(_)
            | RemoteError::Overdue { .. }
            | RemoteError::Unexpected(_) => Outcome::Malformed,
            RemoteError::Transport(error) => error.outcome(),
            RemoteError::Broken(..)
            | RemoteError::Stalled { .. }
            | RemoteError::Unanswered { .. }
            | RemoteError::Short { .. } => Outcome::Lost,
            RemoteError::Refused { status, .. } => Outcome::Answered {
                status: *status,
                code: None,
            },
            RemoteError::NotTakenUp { why, .. } | RemoteError::Page { why, .. } => why.outcome(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            RemoteError::Refused { retry_after, .. } => *retry_after,
            RemoteError::NotTakenUp { why, .. } | RemoteError::Page { why, .. } => {
                why.retry_after()
            }
            _ => None,
        }
    }
}

/// Whether a reading that ended so may be tried again: it changes nothing at the server, so that everything that may pass
/// is. An answer of 202 says that a report is still being made.
pub(crate) fn again(outcome: Outcome<'_>) -> bool {
    match outcome {
        Outcome::Unreachable | Outcome::Lost => true,
        Outcome::Answered { status, .. } => {
            matches!(status, 202 | 408 | 425 | 429 | 500 | 502..=504 | 507 | 509 | 520..=599)
        }
        Outcome::Untrusted | Outcome::Malformed | Outcome::OwnBody => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again() {
        let refused = |status| RemoteError::Refused {
            status,
            said: String::new(),
            retry_after: None,
        };
        let after = Span(Duration::from_secs(1));
        for passing in [
            refused(202),
            refused(408),
            refused(429),
            refused(500),
            refused(503),
            RemoteError::Stalled { after },
            RemoteError::Short { at: 1, size: 2 },
            RemoteError::Broken("broken".to_owned(), None),
        ] {
            assert!(again(passing.outcome()), "{passing}");
        }
        for lasting in [
            refused(400),
            refused(404),
            refused(501),
            refused(505),
            RemoteError::Gone,
            RemoteError::Changed,
            RemoteError::Setting("x".to_owned()),
            RemoteError::Overdue { after },
            RemoteError::Unexpected("x".to_owned()),
        ] {
            assert!(!again(lasting.outcome()), "{lasting}");
        }
        let inner = RemoteError::NotTakenUp {
            at: 1,
            why: Box::new(RemoteError::Setting("x".to_owned())),
        };
        assert!(inner.is_setting());
    }
}
