//! Files at a server that is made here, with the ways in which it breaks.

use std::sync::Arc;

use bytes::BytesMut;
use proptest::prelude::*;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::access::Access;
use super::error::SftpError;
use super::reading::Reading;
use super::session::Session;
use super::testing::{Host, Kept, Lock, Shelf, new_key, text_of};
use crate::settings::limits::Limits;
use crate::settings::units::Span;
use crate::source::spec::{Compression, Encoding, Pick};
use crate::source::{Input, Source};
use crate::text::chain;

const PATIENCE: Span = Span(std::time::Duration::from_secs(60));

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

/// SFTP without SSH around it.
async fn session(shelf: &Arc<Shelf>) -> Session<tokio::io::DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(shelf.clone().serve(theirs));
    Session::begin(ours, PATIENCE).await.unwrap()
}

async fn read(shelf: &Arc<Shelf>, at: u64) -> Result<Vec<u8>, SftpError> {
    let mut reading = Reading::open(session(shelf).await, b"/a", at).await?;
    let mut got = Vec::new();
    while let Some(piece) = reading.next().await? {
        got.extend_from_slice(&piece);
    }
    Ok(got)
}

#[tokio::test]
async fn read_from_any_place_and_in_any_order() {
    const PIECE: usize = 32 * 1024;
    for (length, most, backwards) in [
        (0, 1 << 20, false),
        (1, 1 << 20, false),
        (PIECE, 1 << 20, false),
        (PIECE + 1, 1 << 20, true),
        (100 * PIECE + 5, 1 << 20, false),
        (100 * PIECE + 5, 1 << 20, true),
        // A server that gives less than was asked for.
        (20 * PIECE + 5, 10_000, false),
        (20 * PIECE + 5, 10_000, true),
        (1000, 1, true),
    ] {
        let shelf = Arc::new(Shelf {
            most,
            backwards,
            ..Shelf::of(&[("/a", &text(length), 1)])
        });
        for at in [0, 1, length / 2, length].map(|at| at.min(length)) {
            let got = read(&shelf, at as u64).await.unwrap();
            assert!(got == text(length)[at..], "{length}, {most}, {at}");
        }
    }
}

#[tokio::test]
async fn the_beginning_of_a_file_does_not_cost_megabytes() {
    let shelf = Arc::new(Shelf::of(&[("/a", &text(10_000_000), 1)]));
    let mut reading = Reading::open(session(&shelf).await, b"/a", 0)
        .await
        .unwrap();
    reading.next().await.unwrap();
    let reads = shelf
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|k| **k == 5)
        .count();
    assert!(reads <= 8, "{reads}");
}

#[tokio::test]
async fn changed_while_it_is_read() {
    for (now, modified) in [
        (text(199_999), 1),
        (text(10), 1),
        (text(200_001), 1),
        (text(200_000), 2),
    ] {
        let shelf = Arc::new(Shelf::of(&[("/a", &text(200_000), 1)]));
        let mut reading = Reading::open(session(&shelf).await, b"/a", 0)
            .await
            .unwrap();
        let first = reading.next().await.unwrap();
        assert!(first.is_some());
        shelf.put("/a", &now, modified);
        let ended = loop {
            match reading.next().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        };
        assert!(matches!(ended, Err(SftpError::Changed)), "{ended:?}");
    }
}

/// A server that answers so.
async fn answers(bytes: &'static [u8]) -> SftpError {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let mut hello = [0; 9];
        theirs.read_exact(&mut hello).await.unwrap();
        theirs.write_all(bytes).await.unwrap();
        let mut rest = BytesMut::new();
        let _ = theirs.read_buf(&mut rest).await;
    });
    let begun = Session::begin(ours, Span(std::time::Duration::from_millis(100)));
    match begun.await {
        Ok(mut session) => session.stat(b"/a").await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn servers_that_speak_something_else() {
    let check = async |bytes, expected: &str| {
        assert_eq!(answers(bytes).await.to_string(), expected);
    };
    check(
        b"This account is not available.\r\n",
        "what the server sends is not SFTP (a packet is longer than any that was asked for)",
    )
    .await;
    check(
        b"\0\0\0\x05\x02\0\0\0\x02",
        "what the server sends is not SFTP (it speaks an older version than 3)",
    )
    .await;
    check(
        b"\0\0\0\x05\x03\0\0\0\x03",
        "what the server sends is not SFTP (it does not say its version)",
    )
    .await;
    check(
        b"",
        "the server did not answer within 100ms (timeouts.stalled)",
    )
    .await;
    // Another question's answer, and another kind of answer.
    for bytes in [
        &b"\0\0\0\x05\x02\0\0\0\x03\0\0\0\x0d\x67\0\0\0\x09\0\0\0\x04abcd"[..],
        &b"\0\0\0\x05\x02\0\0\0\x03\0\0\0\x0d\x67\0\0\0\x01\0\0\0\x04abcd"[..],
    ] {
        check(
            bytes,
            "what the server sends is not SFTP (an answer to what was not asked)",
        )
        .await;
    }
}

async fn found(input: Input) -> Result<Source, crate::source::SourceError> {
    let limits = Limits::default();
    Source::find(&[input], Compression::Auto, Encoding::Auto, limits).await
}

/// The names of what is found, or why nothing is, without the host.
async fn told(host: &Host, input: Input) -> String {
    let text = match found(input).await {
        Ok(source) => source.names(),
        Err(error) => chain(&error),
    };
    let login = host.address("/x").login().to_string();
    text.replace(&login, "")
}

#[tokio::test]
async fn patterns() {
    let shelf = Shelf::of(&[
        ("/out/w-2.csv", b"2", 20),
        ("/out/w-3.csv", b"3", 10),
        ("/out/w-1.csv", b"1", 10),
        ("/out/.hidden.csv", b"h", 30),
        ("/out/x.csv.part", b"x", 30),
        ("/home/hr/a.csv", b"a", 1),
    ]);
    shelf.keep("/out", Kept::Folder);
    shelf.keep("/home/hr", Kept::Folder);
    shelf.keep("/out/w-folder.csv", Kept::Folder);
    shelf.keep("/out/w-9.csv", Kept::Link("/gone"));
    shelf.keep("/out/l-1.csv", Kept::Link("/home/hr/a.csv"));
    shelf.keep("/secret.csv", Kept::Denied);
    let host = Host::open(shelf).await;
    let check = async |path: &str, pick, expected: &str| {
        let got = told(&host, host.input(path, pick)).await;
        assert_eq!(got, expected, "{path}");
    };
    check(
        "/out/w-*.csv",
        Pick::All,
        "/out/w-1.csv, /out/w-2.csv, /out/w-3.csv",
    )
    .await;
    check("/out/w-*.csv", Pick::Newest, "/out/w-2.csv").await;
    check("/out/w-[13].csv", Pick::Newest, "/out/w-3.csv").await;
    check("/out/.h*", Pick::One, "/out/.hidden.csv").await;
    check("/out/l-*", Pick::One, "/out/l-1.csv").await;
    check("/~/*.csv", Pick::All, "/~/a.csv").await;
    check("/~/a.csv", Pick::All, "/~/a.csv").await;
    check(
        "/out/w-*.csv",
        Pick::One,
        "/out/w-*.csv: 3 files match, and source.pick is one: /out/w-1.csv, /out/w-2.csv, /out/w-3.csv; move the others \
         away, narrow the pattern, or set source.pick to newest or all",
    )
    .await;
    let message = told(&host, host.input("/out/x*", Pick::All)).await;
    assert!(
        message.starts_with("/out/x.csv.part: its transfer looks unfinished"),
        "{message}"
    );
    check("/out/none*", Pick::All, "/out/none*: no file matches").await;
    check("/none/*", Pick::All, "/none/*: no file matches").await;
    check("/none.csv", Pick::All, "/none.csv: no such file").await;
    check(
        "/out",
        Pick::All,
        "/out: is a directory; name a file, or a pattern such as /out/*.csv",
    )
    .await;
    check(
        "/secret.csv",
        Pick::All,
        "/secret.csv: can't be read: the server refuses: permission denied",
    )
    .await;
    // One file under two names.
    let inputs = ["/~/a.csv", "/home/hr/./a.csv"].map(|path| host.input(path, Pick::All));
    let limits = Limits::default();
    let twice = Source::find(&inputs, Compression::Auto, Encoding::Auto, limits).await;
    assert!(
        matches!(twice, Err(crate::source::SourceError::Twice { .. })),
        "{twice:?}"
    );
}

/// Whether a host with this lock lets in who comes so.
async fn lets_in(lock: Lock, access: impl FnOnce(&Host, &mut Access)) -> Result<(), String> {
    let host = Host::start(Shelf::of(&[("/a.csv", b"a", 1)]), lock).await;
    let mut given = Access {
        known_hosts: host.list(),
        ..Access::default()
    };
    access(&host, &mut given);
    let input = Input::Sftp(
        host.server(given),
        Box::new(host.address("/a.csv")),
        Pick::All,
    );
    match found(input).await {
        Ok(_) => Ok(()),
        Err(error) => {
            assert!(error.is_setting(), "{error}");
            let name = format!("{}: can't be read: ", host.address("/a.csv"));
            Err(chain(&error).strip_prefix(&name).unwrap().to_owned())
        }
    }
}

#[tokio::test]
async fn ways_in() {
    let ecdsa = Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    };
    for kind in [Algorithm::Ed25519, ecdsa] {
        let key = new_key(kind);
        let lock = Lock {
            keys: vec![key.public_key().clone()],
            ..Lock::default()
        };
        let with_key = |_: &Host, access: &mut Access| access.key = Some(text_of(&key));
        assert_eq!(lets_in(lock.clone(), with_key).await, Ok(()));
        let another = new_key(Algorithm::Ed25519);
        let refused = lets_in(lock, |_, access| access.key = Some(text_of(&another))).await;
        let shown = another.public_key().fingerprint(HashAlg::Sha256);
        assert_eq!(
            refused,
            Err(format!(
                "the server does not let the user in with the key {shown} (source.sftp); it would take: publickey, password"
            ))
        );
    }
    for asks in [false, true] {
        let lock = Lock {
            password: Some("secret"),
            asks,
            ..Lock::default()
        };
        let with = |password: &'static str| {
            move |_: &Host, access: &mut Access| access.password = Some(password.into())
        };
        assert_eq!(lets_in(lock.clone(), with("secret")).await, Ok(()));
        let refused = lets_in(lock, with("guessed")).await.unwrap_err();
        assert!(
            refused
                .starts_with("the server does not let the user in with the password (source.sftp)"),
            "{refused}"
        );
        assert!(!refused.contains("guessed"), "{refused}");
    }
}

#[tokio::test]
async fn a_key_and_a_password() {
    let key = new_key(Algorithm::Ed25519);
    let lock = Lock {
        keys: vec![key.public_key().clone()],
        password: Some("secret"),
        both: true,
        ..Lock::default()
    };
    let both = |_: &Host, access: &mut Access| {
        access.key = Some(text_of(&key));
        access.password = Some("secret".into());
    };
    assert_eq!(lets_in(lock.clone(), both).await, Ok(()));
    let one = lets_in(lock, |_, access| access.key = Some(text_of(&key))).await;
    assert_eq!(
        one.unwrap_err(),
        "the server does not let the user in with anything that is stated (source.sftp); it would take: password"
    );
}

#[tokio::test]
async fn keys_that_cannot_be_read() {
    let key = new_key(Algorithm::Ed25519);
    let encrypted = key.encrypt(&mut russh::keys::key::safe_rng(), "open sesame");
    let encrypted = text_of(&encrypted.unwrap());
    let lock = Lock {
        keys: vec![key.public_key().clone()],
        ..Lock::default()
    };
    let check = async |key: &secrecy::SecretString, passphrase: Option<&str>, expected| {
        let got = lets_in(lock.clone(), |_, access| {
            access.key = Some(key.clone());
            access.passphrase = passphrase.map(Into::into);
        });
        let got = got
            .await
            .map_err(|text| text.split(';').next().unwrap().to_owned());
        assert_eq!(got, expected);
    };
    check(&encrypted, Some("open sesame"), Ok(())).await;
    // A passphrase that none is needed for does no harm.
    check(&text_of(&key), Some("open sesame"), Ok(())).await;
    let wrong = |text: &str| Err(text.to_owned());
    check(&encrypted, None, wrong("source.sftp.key is encrypted")).await;
    check(
        &encrypted,
        Some("guessed"),
        wrong(
            "source.sftp.key can't be read with source.sftp.passphrase: the passphrase is another one, or the key is not a \
             private key of SSH",
        ),
    )
    .await;
    let public = key.public_key().to_openssh().unwrap().into();
    check(&public, None, wrong("source.sftp.key is a public key")).await;
    check(
        &"not a key".into(),
        None,
        wrong(
            "source.sftp.key is not a private key that can be read (OpenSSH's format, PKCS#8, PEM or PuTTY's, of Ed25519, \
             ECDSA or RSA)",
        ),
    )
    .await;
}

#[tokio::test]
async fn hosts_that_are_not_who_they_should_be() {
    let lock = || Lock {
        password: Some("secret"),
        ..Lock::default()
    };
    let unknown = lets_in(lock(), |host, access| {
        access.known_hosts = host.list().with_file_name("none");
        access.password = Some("secret".into());
    });
    let unknown = unknown.await.unwrap_err();
    assert!(unknown.starts_with("the server is not known: its ssh-ed25519 key SHA256:"));
    assert!(unknown.contains("add this line to the file (source.sftp.known_hosts): [127.0.0.1]:"));
    // The line that is told makes it known.
    let host = Host::open(Shelf::of(&[("/a.csv", b"a", 1)])).await;
    std::fs::write(host.list(), "").unwrap();
    let message = told(&host, host.input("/a.csv", Pick::All)).await;
    let line = message.rsplit_once("known_hosts): ").unwrap().1;
    std::fs::write(host.list(), line).unwrap();
    assert_eq!(told(&host, host.input("/a.csv", Pick::All)).await, "/a.csv");
    assert!(line.contains(&host.key().to_openssh().unwrap()));
    // Another key, and what nobody can read.
    host.knows(new_key(Algorithm::Ed25519).public_key());
    let message = told(&host, host.input("/a.csv", Pick::All)).await;
    assert!(
        message.starts_with("/a.csv: can't be read: the server's key has changed: "),
        "{message}"
    );
    std::fs::remove_file(host.list()).unwrap();
    std::fs::create_dir(host.list()).unwrap();
    let message = told(&host, host.input("/a.csv", Pick::All)).await;
    assert!(
        message.contains("(source.sftp.known_hosts) can't be read: "),
        "{message}"
    );
}

/// Several connections break, and every byte is read once.
#[tokio::test]
async fn taken_up_where_it_broke() {
    let text = text(3_000_000);
    let host = Host::open(Shelf::of(&[("/a.csv", &text, 1)])).await;
    // The first connection looks the file up.
    host.shelf
        .cuts
        .lock()
        .unwrap()
        .extend([1 << 30, 900_000, 500_000]);
    let source = found(host.input("/a.csv", Pick::All)).await.unwrap();
    let found = source.origins()[0].open().await.unwrap();
    let (mut raw, mut got) = (found.raw, Vec::new());
    raw.read_to_end(&mut got).await.unwrap();
    assert!(got == text);
    // Once more, and it was changed when the connection breaks.
    host.shelf.cuts.lock().unwrap().push_back(900_000);
    let mut raw = source.origins()[0].open().await.unwrap().raw;
    let mut head = vec![0; 100_000];
    raw.read_exact(&mut head).await.unwrap();
    host.shelf.put("/a.csv", &text[1..], 1);
    let ended = raw.read_to_end(&mut got).await.unwrap_err();
    assert_eq!(
        ended.to_string(),
        "the file was changed at the server while it was read"
    );
    assert!(source.is_unchanged().await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_file(length in 0usize..200_000, most in 1usize..100_000, backwards: bool, at in 0usize..200_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let most = most.max(length / 2_000 + 1);
        let shelf = Arc::new(Shelf { most, backwards, ..Shelf::of(&[("/a", &text(length), 1)]) });
        let at = at.min(length);
        let got = runtime.block_on(read(&shelf, at as u64)).unwrap();
        prop_assert!(got == text(length)[at..]);
    }
}
