//! What the pipeline file says of SFTP servers.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::secret::TokenSpec;

/// How a server of `sftp://` is known, and how one is let in. With several ways in, they are tried in the order key, agent,
/// password, and a server may ask for more than one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SftpSpec {
    /// The file that lists the keys of known servers, as OpenSSH writes it; `~/.ssh/known_hosts` unless stated. A server that
    /// is not in it is refused.
    pub(crate) known_hosts: Option<String>,
    /// Where the private key is found: OpenSSH's format, PKCS#8, PEM or PuTTY's.
    pub(crate) key: Option<TokenSpec>,
    /// Where the key's passphrase is found, if it has one.
    pub(crate) passphrase: Option<TokenSpec>,
    /// Where the password is found.
    pub(crate) password: Option<TokenSpec>,
    /// Uses the keys of the agent at `SSH_AUTH_SOCK`.
    pub(crate) agent: bool,
}

impl SftpSpec {
    /// Where secrets are found, each with its setting.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&'static str, &TokenSpec)> {
        let all = [
            ("key", &self.key),
            ("passphrase", &self.passphrase),
            ("password", &self.password),
        ];
        all.into_iter()
            .filter_map(|(setting, found)| Some((setting, found.as_ref()?)))
    }
}
