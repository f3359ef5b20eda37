//! Why a file at an SFTP server can't be read.

use std::io;

use super::packet::Malformed;
use crate::settings::units::Span;

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
