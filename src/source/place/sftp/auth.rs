//! How one is let in: with a key, an agent's keys, a password, or with more than one of them.

use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interview};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};

use super::access::Access;
use super::error::SftpError;
use super::guard::Guard;
use super::known_hosts::fingerprint;

/// How often a server may ask for a password. One that asks on and on is not let do so.
const INTERVIEWS: usize = 4;

/// Reads a private key.
///
/// # Errors
/// It is none, or its passphrase does not fit. Nothing of it is told.
pub(super) fn private_key(access: &Access) -> Result<Option<Arc<PrivateKey>>, SftpError> {
    let Some(key) = &access.key else {
        return Ok(None);
    };
    let text = key.expose_secret();
    let passphrase = access.passphrase.as_ref().map(ExposeSecret::expose_secret);
    let read = russh::keys::decode_secret_key(text, passphrase);
    let wrong = |error| match error {
        _ if PublicKey::from_openssh(text.trim()).is_ok() => {
            "source.sftp.key is a public key; name the private one, whose file has the same name without `.pub`"
        }
        russh::keys::Error::KeyIsEncrypted => {
            "source.sftp.key is encrypted; state where its passphrase is found (source.sftp.passphrase)"
        }
        _ if passphrase.is_some() => {
            "source.sftp.key can't be read with source.sftp.passphrase: the passphrase is another one, or the key is not a \
             private key of SSH; `ssh-keygen -y -f FILE` tells which"
        }
        _ => {
            "source.sftp.key is not a private key that can be read (OpenSSH's format, PKCS#8, PEM or PuTTY's, of Ed25519, \
             ECDSA or RSA); if it has a passphrase, state where that is found (source.sftp.passphrase)"
        }
    };
    match read {
        Ok(key) => Ok(Some(Arc::new(key))),
        Err(error) => Err(SftpError::Setting(wrong(error).to_owned())),
    }
}

/// Says who one is, in all ways that are stated, until one is let in.
///
/// # Errors
/// None of them does.
pub(super) async fn enter(
    handle: &mut Handle<Guard>,
    user: &str,
    key: Option<Arc<PrivateKey>>,
    access: &Access,
) -> Result<(), SftpError> {
    let mut door = Door {
        handle,
        user,
        takes: MethodSet::empty(),
        half_open: false,
        tried: Vec::new(),
    };
    // To learn what it takes.
    let answer = door.handle.authenticate_none(user).await?;
    if door.is_in(None, answer)? {
        return Ok(());
    }
    // A server that wants the password first and a key then is asked twice.
    for _ in 0..2 {
        door.half_open = false;
        if door.try_all(key.as_ref(), access).await? {
            return Ok(());
        }
        if !door.half_open {
            break;
        }
    }
    Err(door.closed())
}

struct Door<'a> {
    handle: &'a mut Handle<Guard>,
    user: &'a str,
    /// What the server takes.
    takes: MethodSet,
    /// Whether it has taken something, and wants more.
    half_open: bool,
    /// What it did not open to.
    tried: Vec<String>,
}

impl Door<'_> {
    async fn try_all(
        &mut self,
        key: Option<&Arc<PrivateKey>>,
        access: &Access,
    ) -> Result<bool, SftpError> {
        if let Some(key) = key
            && self.takes(MethodKind::PublicKey)
            && self.by_key(key.clone()).await?
        {
            return Ok(true);
        }
        if access.agent.is_some()
            && self.takes(MethodKind::PublicKey)
            && self.by_agent(access).await?
        {
            return Ok(true);
        }
        match &access.password {
            Some(password) => self.by_password(password).await,
            None => Ok(false),
        }
    }

    fn takes(&self, kind: MethodKind) -> bool {
        self.takes.contains(&kind)
    }

    /// Whether one is in, with what was tried.
    fn is_in(&mut self, with: Option<String>, answer: AuthResult) -> Result<bool, SftpError> {
        match answer {
            AuthResult::Success => Ok(true),
            // It ends the connection where it has said no too often.
            AuthResult::Failure { .. } if self.handle.is_closed() => Err(match self.tried.len() {
                0 => SftpError::Ended,
                _ => self.closed(),
            }),
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                self.takes = remaining_methods;
                self.half_open |= partial_success;
                self.tried.extend(with.filter(|_| !partial_success));
                Ok(false)
            }
        }
    }

    /// How an RSA key signs. SHA-1 is not among the ways.
    async fn hash(&self, of: &Algorithm) -> Result<Option<HashAlg>, SftpError> {
        let Algorithm::Rsa { .. } = of else {
            return Ok(None);
        };
        let best = self.handle.best_supported_rsa_hash().await?;
        Ok(best.flatten().or(Some(HashAlg::Sha512)))
    }

    async fn by_key(&mut self, key: Arc<PrivateKey>) -> Result<bool, SftpError> {
        let with = format!("the key {}", fingerprint(key.public_key()));
        let hash = self.hash(&key.algorithm()).await?;
        let key = PrivateKeyWithHashAlg::new(key, hash);
        let answer = self.handle.authenticate_publickey(self.user, key).await?;
        self.is_in(Some(with), answer)
    }

    #[cfg(not(unix))]
    async fn by_agent(&mut self, _: &Access) -> Result<bool, SftpError> {
        let text = "source.sftp.agent is for systems with Unix sockets";
        Err(SftpError::Setting(text.to_owned()))
    }

    #[cfg(unix)]
    async fn by_agent(&mut self, access: &Access) -> Result<bool, SftpError> {
        use russh::AgentAuthError;
        use russh::keys::agent::AgentIdentity;
        use russh::keys::agent::client::AgentClient;

        let failed = |why: &dyn std::fmt::Display| {
            SftpError::Setting(format!(
                "the agent at SSH_AUTH_SOCK can't be asked for its keys (source.sftp.agent): {why}"
            ))
        };
        let socket = access.agent.as_deref().unwrap_or_else(|| "".as_ref());
        let agent = AgentClient::connect_uds(socket).await;
        let mut agent = agent.map_err(|error| failed(&error))?;
        let keys = agent.request_identities().await;
        let keys = keys.map_err(|error| failed(&error))?;
        if keys.is_empty() {
            self.tried.push("the agent, which has no keys".to_owned());
        }
        for key in keys {
            let AgentIdentity::PublicKey { key, .. } = key else {
                continue;
            };
            let with = format!("the agent's key {}", fingerprint(&key));
            let hash = self.hash(&key.algorithm()).await?;
            let asked = self
                .handle
                .authenticate_publickey_with(self.user, key, hash, &mut agent);
            let answer = match asked.await {
                Ok(answer) => answer,
                // An agent may ask a person, who says no.
                Err(AgentAuthError::Key(_)) => {
                    self.tried.push(format!("{with}, which the agent refuses"));
                    continue;
                }
                Err(AgentAuthError::Send(_)) => return Err(SftpError::Ended),
            };
            if self.is_in(Some(with), answer)? {
                return Ok(true);
            }
            if !self.takes(MethodKind::PublicKey) {
                break;
            }
        }
        Ok(false)
    }

    /// With the password, or as the answer to the one question that a server asks.
    async fn by_password(&mut self, password: &SecretString) -> Result<bool, SftpError> {
        let password = password.expose_secret();
        if self.takes(MethodKind::Password) {
            let answer = self.handle.authenticate_password(self.user, password);
            let answer = answer.await?;
            return self.is_in(Some("the password".to_owned()), answer);
        }
        match self.takes(MethodKind::KeyboardInteractive) {
            true => self.interview(password).await,
            false => Ok(false),
        }
    }

    async fn interview(&mut self, password: &str) -> Result<bool, SftpError> {
        let begin = self
            .handle
            .authenticate_keyboard_interactive_start(self.user, None);
        let mut step = begin.await?;
        for _ in 0..INTERVIEWS {
            let answers = match step {
                Interview::Success => return Ok(true),
                Interview::Failure {
                    remaining_methods,
                    partial_success,
                } => {
                    let answer = AuthResult::Failure {
                        remaining_methods,
                        partial_success,
                    };
                    return self.is_in(Some("the password".to_owned()), answer);
                }
                Interview::InfoRequest { prompts, .. } if prompts.len() > 1 => break,
                Interview::InfoRequest { prompts, .. } => vec![password.to_owned(); prompts.len()],
            };
            let answer = self
                .handle
                .authenticate_keyboard_interactive_respond(answers);
            step = answer.await?;
        }
        Err(SftpError::Setting(
            "the server asks for more than a password, such as a code, which nobody is there to type; ask its owner for a way in \
             with a key (source.sftp.key)"
                .to_owned(),
        ))
    }

    fn closed(&self) -> SftpError {
        let tried = match self.tried.as_slice() {
            [] => "anything that is stated".to_owned(),
            tried => tried.join(" or "),
        };
        let takes: Vec<&str> = self.takes.iter().map(Into::into).collect();
        SftpError::Setting(format!(
            "the server does not let the user in with {tried} (source.sftp); it would take: {}",
            match takes.as_slice() {
                [] => "nothing more".to_owned(),
                takes => takes.join(", "),
            }
        ))
    }
}
