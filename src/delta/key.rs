//! The key of a store: what its hashes are made with, and what seals the keys of people in it.
//!
//! Hashes are SipHash, which is made for short texts: whoever has the store and not its key can't try out employee
//! numbers. Those of people are SipHash-2-4; those of cells, of which there are many more, SipHash-1-3. All keys in use
//! are derived from one secret, each for one purpose.
//!
//! What a deletion needs to name an item is sealed with ChaCha20-Poly1305. The nonce is a keyed hash of the text itself,
//! so that a nonce comes again with the same text alone, and a sealed text can be carried from one file into the next
//! as it is.

use std::fmt;

use ring::aead;
use siphasher::sip::SipHasher13;
use siphasher::sip128::SipHasher24 as SipHasher128;

use crate::settings::derived::{Purpose, Underivable, hash_key, seal_key};

/// Fewest bytes of a secret. Employee numbers are few; whoever guesses the key can try them all.
const MIN_SECRET: usize = 16;

const NONCE: usize = aead::NONCE_LEN;

/// The hash of a cell that holds nothing.
pub(crate) const EMPTY: u64 = 0;

/// In the place of what a person's row holds: it is not known what the server has.
pub(crate) const PENDING: u64 = 0;

/// The same: the server has the row in part as it was sent last, and in part as it was before. Its cells are known.
pub(crate) const MIXED: u64 = 1;

/// What a sealed key begins with: how it is written in JSON.
pub(crate) const TEXT: u8 = b't';
pub(crate) const BARE: u8 = b'n';

/// Why a secret makes no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("is shorter than {MIN_SECRET} bytes")]
    Short,
    #[error(transparent)]
    Underivable(#[from] Underivable),
}

/// Everything that is derived from a store's secret. Shows nothing of itself.
pub struct StoreKey {
    people: SipHasher128,
    nonces: SipHasher128,
    texts: SipHasher13,
    bare: SipHasher13,
    contents: SipHasher13,
    rows: SipHasher13,
    seal: aead::LessSafeKey,
    check: [u8; 16],
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

impl StoreKey {
    /// Derives everything from a secret of at least 16 bytes.
    pub(crate) fn new(secret: &[u8]) -> Result<StoreKey, KeyError> {
        if secret.len() < MIN_SECRET {
            return Err(KeyError::Short);
        }
        Ok(StoreKey {
            people: SipHasher128::new_with_key(&hash_key(secret, Purpose::StorePeople)?),
            nonces: SipHasher128::new_with_key(&hash_key(secret, Purpose::StoreNonces)?),
            texts: SipHasher13::new_with_key(&hash_key(secret, Purpose::StoreTexts)?),
            bare: SipHasher13::new_with_key(&hash_key(secret, Purpose::StoreBareValues)?),
            contents: SipHasher13::new_with_key(&hash_key(secret, Purpose::StoreContents)?),
            rows: SipHasher13::new_with_key(&hash_key(secret, Purpose::StoreRows)?),
            seal: seal_key(secret, Purpose::StoreSeal)?,
            check: hash_key(secret, Purpose::StoreCheck)?,
        })
    }

    /// What tells in a file whether it was written with this key.
    pub(crate) fn check(&self) -> [u8; 16] {
        self.check
    }

    /// The hash by which a person is known; never 0.
    pub fn person(&self, key: &[u8]) -> u128 {
        self.people.hash(key).as_u128().max(1)
    }

    /// The hash of a text; never [`EMPTY`].
    pub(crate) fn text(&self, text: &[u8]) -> u64 {
        self.texts.hash(text).max(EMPTY + 1)
    }

    /// The hash of what is sent without quotes: a number, true, an object; never [`EMPTY`].
    pub(crate) fn bare(&self, text: &[u8]) -> u64 {
        self.bare.hash(text).max(EMPTY + 1)
    }

    /// The hash of all that a row holds, written one after the other; never [`PENDING`] nor [`MIXED`].
    pub(crate) fn content(&self, bytes: &[u8]) -> u64 {
        self.contents.hash(bytes).max(MIXED + 1)
    }

    /// The hash of the cells' hashes, which tells whether they are as they were written. `bytes` is a buffer to use.
    pub fn row(&self, cells: &[u64], bytes: &mut Vec<u8>) -> u64 {
        bytes.clear();
        bytes.extend(cells.iter().flat_map(|cell| cell.to_le_bytes()));
        self.rows.hash(bytes)
    }

    /// Seals a text behind `out`.
    pub fn seal(&self, text: &[u8], out: &mut Vec<u8>) {
        let hash = self.nonces.hash(text).as_bytes();
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hash[..NONCE]);
        let mut sealed = text.to_vec();
        let done = self.seal.seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::empty(),
            &mut sealed,
        );
        // The library refuses texts of more than 256 GiB alone.
        if done.is_ok() {
            out.extend_from_slice(&nonce);
            out.extend_from_slice(&sealed);
        }
    }

    /// Opens what was sealed; nothing where it was sealed with another key, or is damaged.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let mut sealed = sealed.to_vec();
        let opened = self.seal.open_in_place(
            aead::Nonce::assume_unique_for_key(*nonce),
            aead::Aad::empty(),
            &mut sealed,
        );
        Some(opened.ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> StoreKey {
        StoreKey::new(secret.as_bytes()).unwrap()
    }

    #[test]
    fn a_secret_makes_its_own_hashes() {
        assert_eq!(
            StoreKey::new(b"fifteen bytes..").unwrap_err(),
            KeyError::Short
        );
        let (one, same, two) = (
            key("sixteen bytes..."),
            key("sixteen bytes..."),
            key("sixteen bytes..,"),
        );
        assert_eq!(one.person(b"7"), same.person(b"7"));
        assert_ne!(one.person(b"7"), two.person(b"7"));
        assert_ne!(one.person(b"7"), one.person(b"8"));
        // A number is not the text of its digits.
        assert_ne!(one.text(b"7"), one.bare(b"7"));
        assert_ne!(one.check(), two.check());
        let mut bytes = Vec::new();
        assert_ne!(one.row(&[1, 2], &mut bytes), one.row(&[2, 1], &mut bytes));
        assert!(!format!("{one:?}").contains("sixteen"));
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let (one, two) = (key("sixteen bytes..."), key("sixteen bytes..,"));
        let mut sealed = Vec::new();
        one.seal(b"00001234", &mut sealed);
        assert!(!sealed.windows(4).any(|w| w == b"1234"));
        assert_eq!(one.open(&sealed).as_deref(), Some(&b"00001234"[..]));
        assert_eq!(two.open(&sealed), None);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(one.open(&damaged), None);
            assert_eq!(one.open(&sealed[..at]), None);
        }
        let mut again = Vec::new();
        one.seal(b"00001234", &mut again);
        assert_eq!(sealed, again);
    }

    /// A store of old is read with the key that is derived today: these were written down when keys were first derived.
    #[test]
    fn hashes_stay_what_they_were() {
        let key = key("sixteen bytes...");
        let mut sealed = Vec::new();
        key.seal(b"7", &mut sealed);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            [
                hex(&key.check()),
                format!("{:032x}", key.person(b"7")),
                format!("{:016x}", key.text(b"7")),
                format!("{:016x}", key.bare(b"7")),
                format!("{:016x}", key.content(b"7")),
                format!("{:016x}", key.row(&[7], &mut Vec::new())),
                hex(&sealed),
            ],
            [
                "e907ec8675c5ab14bccca117b6032312",
                "1d1f4c9f5b00af7c992fab5539b93ebb",
                "8a0c992d8951089d",
                "6c458d7ecf369af3",
                "b896da7c4339ea1b",
                "b145c1c17d79e40e",
                "eebe96a27482557fdb94e73e1066589e823e6c59f0febd948c6e9a65bb"
            ]
        );
    }
}
