//! Why a file at an SFTP server can't be read.

use std::error::Error;
use std::io;

use russh::AlgorithmKind;

use super::packet::Malformed;
use crate::settings::units::Span;
use crate::source::place::remote::error::RemoteError;
use crate::text::shown::{shown, shown_within};

/// Why a file at an SFTP server can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SftpError {
    /// A setting mends it; the message names it.
    #[error("{0}")]
    Setting(String),
    #[error("the server can't be reached")]
    Unreachable(#[source] io::Error),
    #[error("no connection came about within {after} (timeouts.connect)")]
    NotConnected { after: Span },
    /// SSH's own word on a connection that was not made or that broke.
    #[error("the SSH connection failed")]
    Ssh(#[source] russh::Error),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the server ended the connection")]
    Ended,
    #[error("the server did not answer within {after} (timeouts.stalled)")]
    Unanswered { after: Span },
    #[error("the server has no such file")]
    Gone,
    /// The server's own word.
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the file was changed at the server while it was read")]
    Changed,
}

impl From<io::Error> for SftpError {
    fn from(error: io::Error) -> SftpError {
        SftpError::Broken(error)
    }
}

impl From<russh::Error> for SftpError {
    fn from(error: russh::Error) -> SftpError {
        use russh::Error;
        match error {
            Error::IO(error) => SftpError::Broken(error),
            Error::HUP | Error::Disconnect | Error::SendError | Error::RecvError => {
                SftpError::Ended
            }
            error => SftpError::Ssh(error),
        }
    }
}

impl From<SftpError> for RemoteError {
    fn from(error: SftpError) -> RemoteError {
        match error {
            SftpError::Setting(text) => RemoteError::Setting(text),
            SftpError::Gone => RemoteError::Gone,
            SftpError::Changed => RemoteError::Changed,
            SftpError::Refused(_) | SftpError::Malformed(_) => {
                RemoteError::Unexpected(error.to_string())
            }
            SftpError::Ssh(russh::Error::NoCommonAlgo { kind, theirs, .. }) => {
                RemoteError::Unexpected(nothing_safe(kind, &theirs))
            }
            SftpError::Ssh(error) => RemoteError::Unexpected(format!(
                "the SSH connection failed: {}",
                shown(&error.to_string())
            )),
            SftpError::Unreachable(_)
            | SftpError::NotConnected { .. }
            | SftpError::Broken(_)
            | SftpError::Ended
            | SftpError::Unanswered { .. } => RemoteError::Broken(error.to_string(), cause(error)),
        }
    }
}

fn cause(error: SftpError) -> Option<Box<dyn Error + Send + Sync>> {
    match error {
        SftpError::Unreachable(error) | SftpError::Broken(error) => Some(Box::new(error)),
        _ => None,
    }
}

/// What is said where the server has only algorithms that are broken.
fn nothing_safe(kind: AlgorithmKind, theirs: &[String]) -> String {
    let kind = match kind {
        AlgorithmKind::Kex => "way to agree on keys",
        AlgorithmKind::Key => "kind of host key",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "message authentication code",
    };
    format!(
        "the server has no {kind} that is safe; it has: {}",
        shown_within(&theirs.join(", "), 300)
    )
}
