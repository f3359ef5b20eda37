//! Keys that are derived from secrets (HKDF-SHA-256): one secret makes a key for each purpose, and none tells of another.
//!
//! What a purpose is called is part of its key. A label that changed would close what was kept under it.

use ring::{aead, hkdf};

/// What a key is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// Seals the addresses of a ticket. The salt is random, and is used once.
    TicketAddresses { salt: &'a [u8] },
    /// Hashes the keys of people in a store.
    StorePeople,
    /// Hashes what is sealed in a store, for its nonce.
    StoreNonces,
    /// Hashes cells with a text in a store.
    StoreTexts,
    /// Hashes cells with anything else in a store.
    StoreBareValues,
    /// Hashes all that a row holds in a store.
    StoreContents,
    /// Hashes the hashes of a row in a store.
    StoreRows,
    /// Seals the keys of people in a store.
    StoreSeal,
    /// Tells in a store which key it was written with.
    StoreCheck,
    /// Hashes the values of code lists.
    DriftValues,
    /// Tells which key the values of code lists were hashed with.
    DriftCheck,
}

impl<'a> Purpose<'a> {
    /// The salt and the label of its key.
    const fn words(self) -> (&'a [u8], &'static [u8]) {
        const STORE: &[u8] = b"rostream store";
        const DRIFT: &[u8] = b"rostream drift";
        match self {
            Purpose::TicketAddresses { salt } => (salt, b"rostream state: addresses of a ticket"),
            Purpose::StorePeople => (STORE, b"people"),
            Purpose::StoreNonces => (STORE, b"nonces"),
            Purpose::StoreTexts => (STORE, b"texts"),
            Purpose::StoreBareValues => (STORE, b"bare values"),
            Purpose::StoreContents => (STORE, b"contents of rows"),
            Purpose::StoreRows => (STORE, b"rows"),
            Purpose::StoreSeal => (STORE, b"seal"),
            Purpose::StoreCheck => (STORE, b"check"),
            Purpose::DriftValues => (DRIFT, b"values"),
            Purpose::DriftCheck => (DRIFT, b"check"),
        }
    }
}

/// The library refused, which it does for lengths that never occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't be derived from its secret")]
pub struct Underivable;

/// How many bytes are derived.
struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// The key of a hash, or what tells which key was used.
pub(crate) fn hash_key(secret: &[u8], purpose: Purpose<'_>) -> Result<[u8; 16], Underivable> {
    let mut bytes = [0; 16];
    fill(secret, purpose, &mut bytes)?;
    Ok(bytes)
}

/// The key of a seal (ChaCha20-Poly1305).
pub(crate) fn seal_key(
    secret: &[u8],
    purpose: Purpose<'_>,
) -> Result<aead::LessSafeKey, Underivable> {
    let mut bytes = [0; 32];
    fill(secret, purpose, &mut bytes)?;
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &bytes).map_err(|_| Underivable)?;
    Ok(aead::LessSafeKey::new(key))
}

fn fill(secret: &[u8], purpose: Purpose<'_>, key: &mut [u8]) -> Result<(), Underivable> {
    let (salt, label) = purpose.words();
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let label = [label];
    let derived = secret.expand(&label, Bytes(key.len()));
    derived
        .and_then(|derived| derived.fill(key))
        .map_err(|_| Underivable)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let purposes = [
            Purpose::TicketAddresses { salt: &[7; 32] },
            Purpose::TicketAddresses { salt: &[8; 32] },
            Purpose::StorePeople,
            Purpose::StoreNonces,
            Purpose::StoreTexts,
            Purpose::StoreBareValues,
            Purpose::StoreContents,
            Purpose::StoreRows,
            Purpose::StoreSeal,
            Purpose::StoreCheck,
            Purpose::DriftValues,
            Purpose::DriftCheck,
        ];
        let keys = purposes.map(|purpose| hash_key(b"sixteen bytes...", purpose).unwrap());
        assert_eq!(HashSet::from(keys).len(), purposes.len());
    }

    /// What Python's `hmac` makes of the same.
    #[test]
    fn keys_are_those_of_rfc_5869() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let mut seal = [0; 32];
        fill(b"sixteen bytes...", Purpose::StoreSeal, &mut seal).unwrap();
        assert_eq!(
            hex(&seal),
            "bae9e2617e0a26e9ab3573cb528e262feae8585cb52a1bc19b92cb61d5625b61"
        );
        for (purpose, key) in [
            (Purpose::StoreCheck, "e907ec8675c5ab14bccca117b6032312"),
            (
                Purpose::TicketAddresses { salt: &[7; 32] },
                "aaea54492d5836548d9df6121ba23144",
            ),
        ] {
            assert_eq!(hex(&hash_key(b"sixteen bytes...", purpose).unwrap()), key);
        }
    }
}
