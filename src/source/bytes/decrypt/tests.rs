//! Messages as GnuPG 2.2 wrote them, for keys that were made for these tests.

use bytes::Bytes;

use super::*;
use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::spec::Encoding;
use crate::source::{Source, Wrapping};

const TEXT: &str = "employeeID,fullName\n00000001,Zoë\n00000002,Łukasz\n";

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/source/bytes/decrypt/fixtures"
    );
    std::fs::read(format!("{folder}/{name}.asc")).unwrap()
}

fn keys(secret: &str, passphrase: Option<&str>, signer: Option<&str>) -> Result<Keys, Unusable> {
    let signer = signer.map(fixture);
    Keys::read(&fixture(secret), passphrase, signer.as_deref())
}

fn spec() -> PgpSpec {
    PgpSpec {
        file: Some("key".to_owned()),
        env: None,
        passphrase: None,
        signed_by: None,
    }
}

/// What comes of a message that comes in pieces of so many bytes: its text, or why not.
async fn read(keys: Keys, message: &[u8], step: usize) -> Result<String, String> {
    read_within(keys, message, step, Limits::default()).await
}

async fn read_within(
    keys: Keys,
    message: &[u8],
    step: usize,
    limits: Limits,
) -> Result<String, String> {
    let decrypt = Decrypt::new(spec());
    decrypt.unlock(keys);
    let wrapping = Wrapping {
        decrypt: Some(decrypt),
        ..Wrapping::default()
    };
    let pieces = message.chunks(step).map(Bytes::copy_from_slice);
    let source = Source::of_pieces("m", pieces).written_in(wrapping, Encoding::Auto);
    let source = source.within(limits);
    let told = |error: SourceError| crate::text::chain(&error);
    let mut text = source.open(0).await.map_err(told)?;
    let mut got = Vec::new();
    while !text.fill(&mut got, usize::MAX).await.map_err(told)? {}
    Ok(String::from_utf8(got).unwrap())
}

#[tokio::test]
async fn messages_to_a_key() {
    for (message, step) in [
        ("plain", 1),
        ("plain", 1000),
        ("signed", 7),
        ("several", 100),
    ] {
        let keys = keys("hr.key", None, None).unwrap();
        let read = read(keys, &fixture(message), step).await;
        assert_eq!(read.as_deref(), Ok(TEXT), "{message}");
    }
    // A blank is a part of the passphrase.
    let keys = keys("locked.key", Some("open sesame "), None).unwrap();
    assert_eq!(
        read(keys, &fixture("locked"), 50).await.as_deref(),
        Ok(TEXT)
    );
}

#[tokio::test]
async fn whoever_must_have_signed() {
    let told = async |signer, message| {
        let keys = keys("hr.key", None, Some(signer)).unwrap();
        read(keys, &fixture(message), 50).await
    };
    assert_eq!(told("signer", "signed").await.as_deref(), Ok(TEXT));
    assert_eq!(
        told("other", "signed").await.unwrap_err(),
        "m: it is not signed by the key of source.decrypt.pgp.signed_by; nothing from it is sent"
    );
    assert_eq!(
        told("signer", "plain").await.unwrap_err(),
        "m: it is not signed, and source.decrypt.pgp.signed_by is set; nothing from it is sent"
    );
}

#[tokio::test]
async fn what_is_not_for_us() {
    let told = async |message: &[u8]| {
        let keys = keys("hr.key", None, None).unwrap();
        read(keys, message, 50).await.unwrap_err()
    };
    let keyless = told(&fixture("locked")).await;
    assert!(
        keyless.starts_with("m: it is encrypted to other keys (")
            && keyless.ends_with("name the key that it is encrypted to"),
        "{keyless}"
    );
    let passphrase = "m: it is encrypted with a passphrase instead of to a key, ";
    assert!(told(&fixture("symmetric")).await.starts_with(passphrase));
    let unprotected =
        "m: it is encrypted in an old way that does not protect it from being changed";
    assert!(told(&fixture("unprotected")).await.starts_with(unprotected));
    for clear in [
        &fixture("clear")[..],
        TEXT.as_bytes(),
        b"",
        b"PK\x03\x04",
        b"-----BEGIN PGP PUBLIC",
    ] {
        let expected = "m: it is not encrypted with PGP, and source.decrypt is set; leave source.decrypt out where data comes \
                        in the clear";
        assert_eq!(told(clear).await, expected);
    }
}

/// Nothing that is cut off, and nothing in which a bit is another, passes for the whole.
#[tokio::test]
async fn what_is_cut_off_or_was_changed() {
    let (_, whole) = unarmored(&fixture("signed"));
    let read = async |message: &[u8]| {
        let keys = keys("hr.key", None, Some("signer")).unwrap();
        read(keys, message, 1000).await
    };
    assert_eq!(read(&whole).await.as_deref(), Ok(TEXT));
    for cut in (0..whole.len()).step_by(17) {
        assert!(read(&whole[..cut]).await.is_err(), "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(9) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        if let Ok(read) = read(&changed).await {
            assert_eq!(read, TEXT, "changed at {at}");
        }
    }
    let error = read(&whole[..whole.len() - 1]).await.unwrap_err();
    let expected = "m: the PGP data is cut off or damaged; nothing from it is sent";
    assert!(error.starts_with(expected), "{error}");
    let twice = [&whole[..], &whole].concat();
    assert!(read(&twice).await.is_err());
}

/// The message without its armor.
fn unarmored(armored: &[u8]) -> (String, Vec<u8>) {
    use base64::Engine;
    let text = String::from_utf8(armored.to_vec()).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    let body: String = body
        .lines()
        .take_while(|line| !line.starts_with(['=', '-']))
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    (head.to_owned(), bytes)
}

#[tokio::test]
async fn what_it_becomes_is_bounded() {
    let keys = keys("hr.key", None, None).unwrap();
    let limits = Limits {
        decompressed: Size(50),
        ..Limits::default()
    };
    let error = read_within(keys, &fixture("plain"), 1000, limits)
        .await
        .unwrap_err();
    let expected = "m: the PGP data becomes more than 50B (limits.decompressed); ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn keys_that_cannot_be_used() {
    let told = |secret: &str, passphrase, signer| match keys(secret, passphrase, signer) {
        Ok(_) => "it can".to_owned(),
        Err(unusable) => format!("{unusable:?}"),
    };
    assert_eq!(told("hr.key", None, None), "it can");
    assert_eq!(
        told("hr.key", Some("none is needed"), Some("signer")),
        "it can"
    );
    assert!(told("hr", None, None).starts_with("Secret(\"is not a secret PGP key"));
    assert!(told("plain", None, None).starts_with("Secret(\"is not a secret PGP key"));
    assert!(told("locked.key", None, None).starts_with("Secret(\"is protected with a passphrase"));
    for wrong in ["", "open sesame", "open sesame  "] {
        let found = told("locked.key", Some(wrong), None);
        assert_eq!(found, "Passphrase(\"does not open the secret key\")");
    }
    for signer in ["hr.key", "plain"] {
        let found = told("hr.key", None, Some(signer));
        assert!(
            found.starts_with("SignedBy(\"is not a public PGP key"),
            "{found}"
        );
    }
    let shown = format!("{:?}", keys("hr.key", None, None).unwrap());
    assert_eq!(shown, "Keys");
}
