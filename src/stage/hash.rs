//! `hash`: keyed hashes, for pseudonyms that can be joined and not reversed.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::Sha256;

use super::{Bound, Need, Needed, Resources, Stage, check_names, hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::text::counted;

/// Shortest hash in hexadecimal digits: 64 bits. Among a million values, two are the same with a
/// probability of one in 37 million.
const MIN_LENGTH: usize = 16;

/// Longest hash in hexadecimal digits: all that SHA-256 gives.
const MAX_LENGTH: usize = 64;

/// Shortest key in bytes. Employee numbers are few; whoever guesses the key can try them all.
const MIN_KEY: usize = 16;

/// So many different values are few: a grade, a country, a status.
const FEW: usize = 1000;

/// In how many cells a value stands at least, on the average, before that tells something.
const OFTEN: u64 = 20;

/// Keyed hashes (HMAC-SHA-256, in hexadecimal) in place of values, for pseudonyms that can be joined
/// and not reversed without the key. The same text gives the same hash in every column and in every
/// run with the same key. An empty, null or missing cell stays as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashSpec {
    /// The columns.
    pub columns: Vec<String>,
    /// Where the key is found: at least 16 bytes. Never the key itself.
    pub key: KeySpec,
    /// Hexadecimal digits of the hash, 16 to 64.
    #[serde(default = "default_length")]
    #[schemars(range(min = 16, max = 64))]
    pub length: usize,
    /// Text before each hash.
    #[serde(default)]
    pub prefix: String,
}

fn default_length() -> usize {
    32
}

/// Where a key is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySpec {
    /// The name of an environment variable.
    Env(String),
    /// A file that holds it, white space at its ends apart.
    File(String),
}

/// By hand, because the derived one repeats what it does not expect: that may be the key.
impl<'de> Deserialize<'de> for KeySpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<KeySpec, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = KeySpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED_KEY)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<KeySpec, E> {
                Err(E::custom(format!("expected {EXPECTED_KEY}")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeySpec, A::Error> {
                let wrong = || A::Error::custom(format!("expected {EXPECTED_KEY}"));
                let key = match map.next_key::<String>()?.as_deref() {
                    Some("env") => KeySpec::Env(map.next_value()?),
                    Some("file") => KeySpec::File(map.next_value()?),
                    _ => return Err(wrong()),
                };
                match map.next_key::<IgnoredAny>()? {
                    None => Ok(key),
                    Some(_) => Err(wrong()),
                }
            }
        }

        d.deserialize_any(KeyVisitor)
    }
}

const EXPECTED_KEY: &str = "`{ env: NAME }` or `{ file: PATH }`, never the key itself";

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySpec::Env(name) => write!(f, "the environment variable {name}"),
            KeySpec::File(path) => write!(f, "the file {path}"),
        }
    }
}

/// A key that was read. Shows nothing of itself.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

/// A key is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is shorter than {MIN_KEY} bytes")]
pub struct ShortKey;

impl Key {
    /// A key from its bytes, of which there are at least 16.
    pub fn new(secret: &[u8]) -> Result<Key, ShortKey> {
        if secret.len() < MIN_KEY {
            return Err(ShortKey);
        }
        Hmac::new_from_slice(secret).map(Key).map_err(|_| ShortKey)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl HashSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("columns", &self.columns)?;
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&self.length) {
            return Err(format!(
                "`length` is {}, expected {MIN_LENGTH} to {MAX_LENGTH} hexadecimal digits",
                self.length
            ));
        }
        let (KeySpec::Env(name) | KeySpec::File(name)) = &self.key;
        if name.is_empty() {
            return Err("`key` is empty".into());
        }
        Ok(())
    }

    pub(super) fn need(&self) -> Need<'_> {
        Need {
            setting: "key",
            what: Needed::Key(&self.key),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
        self.check()?;
        let slots = places(columns, &self.columns)?;
        hold(columns, slots.iter().map(|p| p.1), |before| {
            before.made(Kinds::WORDS)
        });
        if resources.absent {
            return Ok(None);
        }
        let key = resources
            .keys
            .get(&self.key)
            .ok_or_else(|| format!("the key was not read: {}", self.key))?;
        Ok(Some(Box::new(Hash {
            seen: slots.iter().map(|_| Seen::default()).collect(),
            slots: slots.into_iter().map(|p| p.1).collect(),
            names: self.columns.clone(),
            key: key.clone(),
            length: self.length,
            prefix: self.prefix.clone(),
        })))
    }
}

struct Hash {
    slots: Vec<usize>,
    names: Vec<String>,
    key: Key,
    length: usize,
    prefix: String,
    /// What is known of the values of each column.
    seen: Vec<Seen>,
}

/// The values of a column, as long as they are few.
#[derive(Default)]
struct Seen {
    /// They are many, and nobody needs to look any more.
    many: AtomicBool,
    values: Mutex<Few>,
}

/// The beginnings of the hashes of few values, and in how many cells they stand.
#[derive(Default)]
struct Few {
    hashes: HashSet<u64>,
    cells: u64,
}

impl Seen {
    fn values(&self) -> MutexGuard<'_, Few> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of a block, where they were looked at.
    fn add(&self, block: Option<Few>) {
        let Some(block) = block else {
            return self.many.store(true, Ordering::Relaxed);
        };
        let mut all = self.values();
        all.cells += block.cells;
        all.hashes.extend(block.hashes);
        if all.hashes.len() > FEW {
            self.many.store(true, Ordering::Relaxed);
            *all = Few::default();
        }
    }
}

impl Stage for Hash {
    fn apply(&self, batch: &mut Batch) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut buffer = self.prefix.clone();
        for (&slot, seen) in self.slots.iter().zip(&self.seen) {
            let mut few = (!seen.many.load(Ordering::Relaxed)).then(Few::default);
            let mut cells = batch.take_column(slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                if cell.is_empty() || cell.kind() == Kind::Faulty || !batch.is_live(row) {
                    continue;
                }
                let mut mac = self.key.0.clone();
                mac.update(batch.text(*cell).as_bytes());
                buffer.truncate(self.prefix.len());
                let hash = mac.finalize().into_bytes();
                if let Some(own) = &mut few {
                    own.cells += 1;
                    own.hashes
                        .extend(hash.first_chunk().map(|b| u64::from_le_bytes(*b)));
                    if own.hashes.len() > FEW {
                        few = None;
                    }
                }
                buffer.extend(
                    hash.iter()
                        .flat_map(|byte| [byte >> 4, byte & 15])
                        .take(self.length)
                        .map(|digit| char::from(DIGITS[usize::from(digit)])),
                );
                *cell = batch.append(&buffer, Kind::Text);
            }
            batch.put_column(slot, cells);
            seen.add(few);
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (name, seen) in self.names.iter().zip(&self.seen) {
            let few = seen.values();
            let (values, cells) = (few.hashes.len() as u64, few.cells);
            let many = seen.many.load(Ordering::Relaxed);
            if !many && values > 0 && cells >= values * OFTEN {
                remarks.push(format!(
                    "`{name}` has only {} in {cells} cells: by how often each comes, the hashes tell what they stand for, \
                     whoever has the key; leave the column out if it is not needed",
                    counted(values, "different value")
                ));
            }
        }
        remarks
    }

    fn forget(&self) {
        for seen in &self.seen {
            seen.many.store(false, Ordering::Relaxed);
            *seen.values() = Few::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{batch, check_refused, check_with, spec};
    use super::*;

    fn resources(secret: &[u8]) -> Resources {
        let mut resources = Resources::default();
        resources
            .keys
            .insert(KeySpec::Env("K".into()), Key::new(secret).unwrap());
        resources
    }

    /// RFC 4231, test cases 1, 6 and 7.
    #[test]
    fn the_published_examples() {
        for (secret, text, expected) in [
            (
                &[0x0b; 20][..],
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            for (length, prefix) in [(64, ""), (17, ""), (16, "p-")] {
                check_with(
                    &resources(secret),
                    json!({ "hash": { "columns": ["a"], "key": { "env": "K" }, "length": length, "prefix": prefix } }),
                    json!([["a"], [text]]),
                    json!([["a"], [format!("{prefix}{}", &expected[..length])]]),
                    &[],
                );
            }
        }
    }

    #[test]
    fn the_same_text_in_every_column_and_empty_stays_empty() {
        check_with(
            &resources(&[0x0b; 20]),
            json!({ "hash": { "columns": ["a", "b"], "key": { "env": "K" } } }),
            json!([["a", "b"], ["Hi There", "Hi There"], ["", null], [{}, {"faulty": "x"}], ["7", 7]]),
            json!([["a", "b"], ["b0344c61d8db38535ca8afceaf0bf12b", "b0344c61d8db38535ca8afceaf0bf12b"], ["", null], [{}, {"faulty": "x"}],
                ["92d4dfde97da0c77c1f0811b7bad9e59", "92d4dfde97da0c77c1f0811b7bad9e59"]]),
            &[],
        );
    }

    #[test]
    fn few_values_are_told() {
        let check = |cells: &[String], expected: &[&str]| {
            let mut table = vec![json!(["a", "b"])];
            table.extend(cells.iter().map(|cell| json!([cell, ""])));
            let (mut columns, mut batch) = batch(&json!(table));
            let columns_of = json!({ "hash": { "columns": ["a", "b"], "key": { "env": "K" } } });
            let bound = spec(columns_of).bind(&mut columns, &resources(&[0x0b; 20]));
            let stage = bound.unwrap().unwrap();
            stage.apply(&mut batch);
            assert_eq!(stage.remarks(), expected);
            stage.forget();
            assert!(stage.remarks().is_empty());
        };
        let cells = |rows: usize, values: usize| -> Vec<String> {
            (0..rows).map(|row| (row % values).to_string()).collect()
        };
        check(
            &cells(60, 3),
            &[
                "`a` has only 3 different values in 60 cells: by how often each comes, the hashes tell what they stand for, \
                 whoever has the key; leave the column out if it is not needed",
            ],
        );
        check(&cells(59, 3), &[]);
        check(&cells(60, 60), &[]);
        check(&cells(21_000, 1001), &[]);
        check(&[], &[]);
    }

    #[test]
    fn a_key_is_long_and_never_shown() {
        assert_eq!(Key::new(b"0123456789abcde").unwrap_err(), ShortKey);
        assert_eq!(
            format!("{:?}", Key::new(b"0123456789abcdef").unwrap()),
            "Key(..)"
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (
                json!({ "columns": ["a"], "key": { "env": "K" } }),
                "the key was not read: the environment variable K",
            ),
            (
                json!({ "columns": ["a"], "key": { "env": "K" }, "length": 8 }),
                "`length` is 8, expected 16 to 64 hexadecimal digits",
            ),
            (
                json!({ "columns": ["a"], "key": { "file": "" } }),
                "`key` is empty",
            ),
            (
                json!({ "columns": ["z"], "key": { "env": "K" } }),
                "no column `z` here",
            ),
            (
                json!({ "columns": ["a"], "key": "secret" }),
                "expected `{ env: NAME }` or `{ file: PATH }`, never the key itself",
            ),
            (
                json!({ "columns": ["a"], "key": { "secret": "x" } }),
                "expected `{ env: NAME }` or `{ file: PATH }`, never the key itself",
            ),
        ] {
            check_refused(json!({ "hash": stage }), &["a"], message);
        }
    }
}
