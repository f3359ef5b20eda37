//! Connections to a server, with the door behind them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{Config, Handle, Msg};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{ChannelMsg, ChannelStream, Preferred, SshId, cipher, kex, mac};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::access::Access;
use super::address::Login;
use super::auth;
use super::error::SftpError;
use super::guard::Guard;
use super::known_hosts::known_first;
use super::session::Session;
use crate::files::on_disk::on_disk;
use crate::http::spec::TimeoutsSpec;
use crate::settings::units::Span;

/// SFTP within SSH.
pub(super) type Channel = ChannelStream<Msg>;

/// Bytes that a server may send before they are taken: more than are asked for at once, or the connection would stand
/// still.
const WINDOW: u32 = 4 * 1024 * 1024;

/// Packets of SSH that wait to be taken: more than the window can fill with what was asked for.
const PACKETS: usize = 1024;

/// After so much silence the server is asked whether it is still there; after so many silences, it is not. Nobody may
/// want to read for a long time, and firewalls forget connections on which nothing moves.
const SILENCE: Duration = Duration::from_secs(15);
const SILENCES: usize = 4;

/// Makes a connection, looks whom it leads to, and is let in.
pub(super) async fn connect(
    login: &Login,
    access: &Access,
    timeouts: &TimeoutsSpec,
) -> Result<Handle<Guard>, SftpError> {
    let (list, key) = looked_up(access).await?;
    let name = access.known_hosts.display().to_string();
    let config = Arc::new(config(&list, login));
    let guard = Guard {
        login: login.clone(),
        list,
        name,
    };
    let connected = timeout(timeouts.connect.0, async {
        let stream = TcpStream::connect((login.host.as_str(), login.port)).await;
        let stream = stream.map_err(SftpError::Unreachable)?;
        stream.set_nodelay(true)?;
        russh::client::connect_stream(config, stream, guard).await
    });
    let mut handle = connected.await.map_err(|_| SftpError::NotConnected {
        after: timeouts.connect,
    })??;
    let entered = auth::enter(&mut handle, &login.user, key, access);
    in_time(timeouts.stalled, entered).await?;
    Ok(handle)
}

/// Begins SFTP on a connection.
pub(super) async fn begin(
    handle: &Handle<Guard>,
    patience: Span,
) -> Result<Session<Channel>, SftpError> {
    let channel = in_time(patience, async {
        let mut channel = handle.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(channel),
                Some(ChannelMsg::Failure) => {
                    return Err(SftpError::Refused("it has no SFTP".to_owned()));
                }
                Some(_) => {}
                None => return Err(SftpError::Ended),
            }
        }
    });
    Session::begin(channel.await?.into_stream(), patience).await
}

/// Waits for a server's answer for so long.
async fn in_time<T>(
    patience: Span,
    answer: impl Future<Output = Result<T, SftpError>>,
) -> Result<T, SftpError> {
    let waited = timeout(patience.0, answer).await;
    waited.unwrap_or(Err(SftpError::Unanswered { after: patience }))
}

/// The list of known hosts, which is empty where there is none, and the private key. A key with a passphrase takes a while
/// on purpose.
async fn looked_up(
    access: &Access,
) -> Result<(String, Option<Arc<russh::keys::PrivateKey>>), SftpError> {
    let access = access.clone();
    let looked = on_disk(move || {
        let list = match std::fs::read(&access.known_hosts) {
            Ok(list) => String::from_utf8_lossy(&list).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let path = access.known_hosts.display();
                let why = format!("{path} (source.sftp.known_hosts) can't be read: {error}");
                return Err(SftpError::Setting(why));
            }
        };
        Ok((list, auth::private_key(&access)?))
    });
    looked.await.map_err(SftpError::Broken)?
}

fn config(list: &str, login: &Login) -> Config {
    let version = concat!("SSH-2.0-rostream_", env!("CARGO_PKG_VERSION"));
    Config {
        client_id: SshId::Standard(Cow::Borrowed(version)),
        window_size: WINDOW,
        channel_buffer_size: PACKETS,
        keepalive_interval: Some(SILENCE),
        keepalive_max: SILENCES,
        preferred: Preferred {
            kex: Cow::Owned(key_exchanges()),
            key: Cow::Owned(known_first(list, login, &host_keys())),
            // The fastest one first: processors have AES.
            cipher: Cow::Borrowed(&[
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            // SHA-1 is still sound here, and some servers have nothing else.
            mac: Cow::Borrowed(&[
                mac::HMAC_SHA256_ETM,
                mac::HMAC_SHA512_ETM,
                mac::HMAC_SHA256,
                mac::HMAC_SHA512,
                mac::HMAC_SHA1_ETM,
                mac::HMAC_SHA1,
            ]),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// How keys are agreed on. Servers that keep to FIPS have the last ones.
fn key_exchanges() -> Vec<kex::Name> {
    let nist = [
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
    ];
    let safe = Preferred::DEFAULT.kex;
    safe.iter().copied().chain(nist).collect()
}

/// How servers sign that they are themselves. RSA with SHA-1 is not among the ways.
fn host_keys() -> [Algorithm; 6] {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    [
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        rsa(HashAlg::Sha512),
        rsa(HashAlg::Sha256),
    ]
}
