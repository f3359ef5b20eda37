//! What lets one in at a server, once it was looked up.

use std::path::PathBuf;

use secrecy::SecretString;

/// How a server is known, and how one is let in.
#[derive(Clone, Debug, Default)]
#[cfg_attr(
    not(feature = "sftp"),
    expect(dead_code, reason = "without the feature nobody comes in")
)]
pub(crate) struct Access {
    /// The list of known hosts, and what it is called in messages.
    pub(crate) known_hosts: PathBuf,
    pub(crate) key: Option<SecretString>,
    pub(crate) passphrase: Option<SecretString>,
    pub(crate) password: Option<SecretString>,
    /// Where the agent listens.
    pub(crate) agent: Option<PathBuf>,
}
