//! What values of code lists are hashed with: whoever has the hashes and not the key can't try values out.

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::settings::derived::{Purpose, Underivable, hash_key};

/// Bytes of a secret that is made here.
const SECRET: usize = 16;

/// What tells in a memory which key its hashes were made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyMark {
    /// That of the pipeline's `state.key`.
    Stated(#[serde(with = "in_base64")] Vec<u8>),
    /// The secret itself, where the pipeline states none.
    Own(#[serde(with = "in_base64")] Vec<u8>),
}

/// A key.
#[derive(Clone)]
pub(crate) struct Key {
    values: SipHasher13,
    mark: KeyMark,
}

/// Bytes as JSON has them.
mod in_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        // The decoder's own words tell a byte of what may be a secret.
        BASE64
            .decode(text)
            .map_err(|_| D::Error::custom("the key is not Base64"))
    }
}

impl Key {
    /// The key of a secret that the pipeline states; else that of a memory that has its own; else a new one.
    pub(crate) fn new(stated: Option<&[u8]>, known: Option<&KeyMark>) -> Result<Key, Underivable> {
        let (secret, mark) = match (stated, known) {
            (Some(secret), _) => {
                let check = hash_key(secret, Purpose::DriftCheck)?;
                (secret.to_vec(), KeyMark::Stated(check.to_vec()))
            }
            (None, Some(mark @ KeyMark::Own(secret))) => (secret.clone(), mark.clone()),
            (None, _) => {
                let secret = rand::random::<[u8; SECRET]>().to_vec();
                (secret.clone(), KeyMark::Own(secret))
            }
        };
        Ok(Key {
            values: SipHasher13::new_with_key(&hash_key(&secret, Purpose::DriftValues)?),
            mark,
        })
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

    fn key(stated: Option<&[u8]>, known: Option<&KeyMark>) -> Key {
        Key::new(stated, known).unwrap()
    }

    #[test]
    fn a_key_is_known_again() {
        let own = key(None, None);
        let same = key(None, Some(own.mark()));
        assert_eq!((own.hash("G1"), own.mark()), (same.hash("G1"), same.mark()));
        assert_ne!(own.hash("G1"), own.hash("G2"));
        assert_ne!(own.hash("G1"), key(None, None).hash("G1"));
        let stated = key(Some(b"sixteen bytes..."), Some(own.mark()));
        assert_eq!(stated.mark(), key(Some(b"sixteen bytes..."), None).mark());
        assert_ne!(stated.hash("G1"), own.hash("G1"));
        let KeyMark::Stated(check) = stated.mark() else {
            panic!()
        };
        assert_ne!(check, b"sixteen bytes...");
        assert_ne!(key(None, Some(stated.mark())).mark(), stated.mark());
    }

    /// A memory of old is read with the key that is derived today: these were written down when keys were first derived.
    #[test]
    fn hashes_stay_what_they_were() {
        let read = |json: &str| serde_json::from_str::<KeyMark>(json);
        let stated = key(Some(b"sixteen bytes..."), None);
        let mark = r#"{"stated":"vvLbuL83TLDek5Eb8j71JQ=="}"#;
        assert_eq!(serde_json::to_string(stated.mark()).unwrap(), mark);
        assert_eq!(&read(mark).unwrap(), stated.mark());
        let own = read(r#"{"own":"c2l4dGVlbiBieXRlcy4uLA=="}"#).unwrap();
        let own = key(None, Some(&own));
        assert_eq!(
            (stated.hash("G1"), own.hash("G1")),
            (10394690786229615322, 13550109704741522405)
        );
        let error = read(r#"{"own":"CANARY?"}"#).unwrap_err().to_string();
        assert!(error.starts_with("the key is not Base64"), "{error}");
    }
}
