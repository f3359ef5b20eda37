//! What values of code lists are hashed with: whoever has the hashes and not the key can't try values out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hkdf;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// Bytes of a secret that is made here.
const SECRET: usize = 16;

/// What tells in a memory which key its hashes were made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyMark {
    /// That of the pipeline's `state.key`.
    Stated(String),
    /// The secret itself, where the pipeline states none.
    Own(String),
}

/// A key.
#[derive(Clone)]
pub(crate) struct Key {
    values: SipHasher13,
    mark: KeyMark,
}

struct Bytes;

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        16
    }
}

fn derived(secret: &[u8], purpose: &str) -> [u8; 16] {
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"rostream drift").extract(secret);
    let mut bytes = [0; 16];
    // The library refuses lengths of more than 8 KiB alone.
    let _ = secret
        .expand(&[purpose.as_bytes()], Bytes)
        .and_then(|derived| derived.fill(&mut bytes));
    bytes
}

impl Key {
    /// The key of a secret that the pipeline states; else that of a memory that has its own; else a new one.
    pub(crate) fn new(stated: Option<&[u8]>, known: Option<&KeyMark>) -> Key {
        if let Some(secret) = stated {
            return Key {
                values: SipHasher13::new_with_key(&derived(secret, "values")),
                mark: KeyMark::Stated(BASE64.encode(derived(secret, "check"))),
            };
        }
        let own = known.and_then(|mark| match mark {
            KeyMark::Own(text) => BASE64.decode(text).ok(),
            KeyMark::Stated(_) => None,
        });
        let secret = own.unwrap_or_else(|| rand::random::<[u8; SECRET]>().to_vec());
        Key {
            values: SipHasher13::new_with_key(&derived(&secret, "values")),
            mark: KeyMark::Own(BASE64.encode(&secret)),
        }
    }

    pub(crate) fn mark(&self) -> &KeyMark {
        &self.mark
    }

    /// The hash of a value.
    pub(crate) fn hash(&self, text: &str) -> u64 {
        self.values.hash(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_again() {
        let own = Key::new(None, None);
        let same = Key::new(None, Some(own.mark()));
        assert_eq!((own.hash("G1"), own.mark()), (same.hash("G1"), same.mark()));
        assert_ne!(own.hash("G1"), own.hash("G2"));
        assert_ne!(own.hash("G1"), Key::new(None, None).hash("G1"));
        let stated = Key::new(Some(b"sixteen bytes..."), Some(own.mark()));
        assert_eq!(
            stated.mark(),
            Key::new(Some(b"sixteen bytes..."), None).mark()
        );
        assert_ne!(stated.hash("G1"), own.hash("G1"));
        assert!(!format!("{:?}", stated.mark()).contains("sixteen"));
        assert_ne!(Key::new(None, Some(stated.mark())).mark(), stated.mark());
    }

    /// A memory of old is read with the key that is derived today: these were written down when keys were first derived.
    #[test]
    fn hashes_stay_what_they_were() {
        let stated = Key::new(Some(b"sixteen bytes..."), None);
        let own = KeyMark::Own(BASE64.encode(b"sixteen bytes..,"));
        let own = Key::new(None, Some(&own));
        assert_eq!(
            (stated.mark(), stated.hash("G1"), own.hash("G1")),
            (
                &KeyMark::Stated("vvLbuL83TLDek5Eb8j71JQ==".into()),
                10394690786229615322,
                13550109704741522405
            )
        );
    }
}
