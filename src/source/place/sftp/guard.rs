//! Whether a server is the one that it is taken for: looked at before anything is said to it.

use russh::client::Handler;
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::address::Login;
use super::error::SftpError;
use super::known_hosts::{Trust, fingerprint, line, trust};

/// Looks at a server's key.
pub(super) struct Guard {
    pub(super) login: Login,
    /// The list of known hosts.
    pub(super) list: String,
    /// What the list is called in messages.
    pub(super) name: String,
}

impl Handler for Guard {
    type Error = SftpError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, SftpError> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.look(key).map(|()| true),
            // None was asked for.
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }
}

impl Guard {
    /// # Errors
    /// The server is not the one that it is taken for, or nobody says so.
    fn look(&self, key: &PublicKey) -> Result<(), SftpError> {
        let Guard { login, list, name } = self;
        let kind = key.algorithm();
        let shown = format!("its {kind} key {}", fingerprint(key));
        let add = || {
            format!(
                "compare this fingerprint with the one that the server's owner tells, and if they are equal, add this \
                 line to the file (source.sftp.known_hosts): {}",
                line(login, key)
            )
        };
        Err(SftpError::Setting(match trust(list, login, key) {
            Trust::Known => return Ok(()),
            Trust::Unknown => {
                format!(
                    "the server is not known: {shown} is not in {name}; {}",
                    add()
                )
            }
            Trust::OtherKind { line } => format!(
                "the server is known by a key of another kind ({name}, line {line}), and {shown} is not there; {}",
                add()
            ),
            Trust::Authority { line } => format!(
                "the server is known by the authority that signs its certificate alone ({name}, line {line}), and certificates \
                 of servers are not supported: {shown} is not there; {}",
                add()
            ),
            Trust::Changed { line } => format!(
                "the server's key has changed: {shown} is not the one in {name}, line {line}. Somebody may be listening \
                 in, or the server was set up anew. Ask its owner, and replace the line only if the owner tells this \
                 fingerprint"
            ),
            Trust::Revoked { line } => format!(
                "the server shows a key that must not be trusted any more: {shown} is revoked in {name}, line {line}"
            ),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const ANOTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    #[test]
    fn what_is_said_of_a_key() {
        let said = |list: &str| {
            let guard = Guard {
                login: Login {
                    user: "hr".to_owned(),
                    host: "files.example".to_owned(),
                    port: 2222,
                },
                list: list.replace("KEY", KEY).replace("ANOTHER", ANOTHER),
                name: "known_hosts".to_owned(),
            };
            let looked = guard.look(&PublicKey::from_openssh(KEY).unwrap());
            looked.map_err(|error| error.to_string())
        };
        assert_eq!(said("[files.example]:2222 KEY"), Ok(()));
        let shown = "its ssh-ed25519 key SHA256:T7SvZ2cslqpPj6nKzitCBHHlpVF3r3MvLwmFL0fk0IE";
        let add = format!(
            "compare this fingerprint with the one that the server's owner tells, and if they are equal, add this line \
             to the file (source.sftp.known_hosts): [files.example]:2222 {KEY}"
        );
        let unknown = format!("the server is not known: {shown} is not in known_hosts; {add}");
        assert_eq!(said(""), Err(unknown));
        let changed = said("\n[files.example]:2222 ANOTHER").unwrap_err();
        let expected =
            format!("the server's key has changed: {shown} is not the one in known_hosts, line 2.");
        assert!(changed.starts_with(&expected), "{changed}");
        let revoked = said("@revoked * KEY").unwrap_err();
        assert!(
            revoked.ends_with("is revoked in known_hosts, line 1"),
            "{revoked}"
        );
        let authority = said("@cert-authority *.example,[*.example]:2222 KEY").unwrap_err();
        assert!(
            authority.contains("certificates of servers are not supported"),
            "{authority}"
        );
    }
}
