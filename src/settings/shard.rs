//! Which part of a source's rows a process sends, where several share them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The most shards of one source: each of them reads all of it.
const MAX: u32 = 1024;

/// One of several parts of a source's rows, which a hash of their keys tells apart: the same row is in the same part on
/// every machine, and whatever other rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Shard {
    /// Which of them it is, from 1.
    pub number: u32,
    pub of: u32,
    /// Seed of the hash.
    pub seed: u64,
}

/// A part as a report or the ledger has it, which somebody may have changed.
#[derive(Deserialize)]
struct Written {
    number: u32,
    of: u32,
    seed: u64,
}

impl TryFrom<Written> for Shard {
    type Error = String;

    fn try_from(written: Written) -> Result<Shard, String> {
        let Written { number, of, seed } = written;
        Ok(Nth::new(number, of)?.seeded(seed))
    }
}

/// A part as the command line names it: `3/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nth {
    number: u32,
    of: u32,
}

impl FromStr for Nth {
    type Err = String;

    fn from_str(text: &str) -> Result<Nth, String> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((number, of)) => Nth::new(number, of),
            None => Err("it is written I/N, such as 3/8 for the third of eight".to_owned()),
        }
    }
}

impl Nth {
    fn new(number: u32, of: u32) -> Result<Nth, String> {
        if of == 0 || of > MAX {
            return Err(format!("there can be 1 to {MAX} shards"));
        }
        if number == 0 || number > of {
            return Err(format!(
                "shards are counted from 1: the first of {of} is 1/{of}, and the last {of}/{of}"
            ));
        }
        Ok(Nth { number, of })
    }

    /// That part where keys are hashed with this seed.
    pub(crate) fn seeded(self, seed: u64) -> Shard {
        Shard {
            number: self.number,
            of: self.of,
            seed,
        }
    }
}

impl Shard {
    /// Whether a row with this key is in it: XXH3-64 of the key as keys are compared, with the seed, modulo the number of
    /// shards.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.has(key.as_bytes())
    }

    /// Whether a row of which no key can be read is in it: the hash is that of the number of its file, from 0, and of its
    /// line.
    pub(crate) fn has_line(&self, file: u32, line: u64) -> bool {
        let mut place = [0; 12];
        place[..4].copy_from_slice(&file.to_le_bytes());
        place[4..].copy_from_slice(&line.to_le_bytes());
        self.has(&place)
    }

    fn has(&self, bytes: &[u8]) -> bool {
        xxh3_64_with_seed(bytes, self.seed) % u64::from(self.of) == u64::from(self.number - 1)
    }

    /// The numbers, of so many parts, that are not among these.
    pub(crate) fn missing(of: u32, there: impl Iterator<Item = u32>) -> Vec<u32> {
        let there: BTreeSet<u32> = there.collect();
        (1..=of).filter(|number| !there.contains(number)).collect()
    }

    /// For names of files: `3-of-8`.
    pub(crate) fn in_names(&self) -> String {
        format!("{}-of-{}", self.number, self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(of: u32, seed: u64) -> Vec<Shard> {
        let shards = 1..=of;
        shards.map(|number| Shard { number, of, seed }).collect()
    }

    #[test]
    fn what_somebody_changed_is_no_shard() {
        let read = |number: u32, of: u32| {
            let text = format!(r#"{{"number":{number},"of":{of},"seed":7}}"#);
            serde_json::from_str::<Shard>(&text)
        };
        assert_eq!(read(3, 8).unwrap(), all(8, 7)[2]);
        for (number, of) in [(0, 8), (9, 8), (1, 0), (1, 4_000_000_000)] {
            assert!(read(number, of).is_err(), "{number} of {of}");
        }
    }

    #[test]
    fn as_it_is_written() {
        let check = |text: &str, expected: Result<(u32, u32), &str>| match text.parse::<Nth>() {
            Ok(Nth { number, of }) => assert_eq!(Ok((number, of)), expected, "{text}"),
            Err(why) => {
                let words = expected.unwrap_err();
                assert!(why.contains(words), "{text}: {why}");
            }
        };
        check("3/8", Ok((3, 8)));
        check("1/1", Ok((1, 1)));
        check("8/8", Ok((8, 8)));
        check("0/8", Err("the first of 8 is 1/8, and the last 8/8"));
        check("9/8", Err("counted from 1"));
        check("1/0", Err("1 to 1024 shards"));
        check("1/1025", Err("1 to 1024 shards"));
        for text in ["", "3", "3/", "/8", "3-8", "-1/8", "3/8/1", "a/b", "3 / 8"] {
            check(text, Err("I/N"));
        }
    }

    /// Which shard a key is in may never change: runs of two versions would send a row twice, or never.
    #[test]
    fn where_a_row_is_never_changes() {
        let of_key = |key: &str, of, seed| {
            let shards = all(of, seed).into_iter();
            let found = shards.filter(|shard| shard.has_key(key));
            found.map(|shard| shard.number).collect::<Vec<_>>()
        };
        for (key, of, seed, number) in KEYS {
            assert_eq!(of_key(key, of, seed), [number], "{key} of {of} by {seed}");
        }
        for (file, line, of, seed, number) in LINES {
            let shards = all(of, seed).into_iter();
            let found = shards.filter(|shard| shard.has_line(file, line));
            let found: Vec<u32> = found.map(|shard| shard.number).collect();
            assert_eq!(found, [number], "line {line} of file {file}");
        }
    }

    const KEYS: [(&str, u32, u64, u32); 6] = [
        ("", 8, 0, 3),
        ("10000001", 8, 0, 6),
        ("10000002", 8, 0, 5),
        ("10000001", 8, 7, 7),
        ("10000001", 3, 0, 2),
        ("Zoë-ÅB", 1024, 0, 972),
    ];

    const LINES: [(u32, u64, u32, u64, u32); 3] = [
        (0, 2, 8, 0, 4),
        (1, 2, 8, 0, 7),
        (0, 4_000_000_000_000, 8, 7, 8),
    ];

    proptest::proptest! {
        #[test]
        fn every_row_is_in_one_shard(key: String, file: u32, line: u64, of in 1u32..=64, seed: u64) {
            let shards = all(of, seed);
            assert_eq!(shards.iter().filter(|shard| shard.has_key(&key)).count(), 1);
            assert_eq!(shards.iter().filter(|shard| shard.has_line(file, line)).count(), 1);
        }
    }

    #[test]
    fn shards_are_of_nearly_one_size() {
        for seed in [0, 1, u64::MAX] {
            for shard in all(8, seed) {
                let keys = (0..8000).filter(|n| shard.has_key(&format!("{n:08}")));
                let count = keys.count();
                assert!((850..1150).contains(&count), "{shard} by {seed}: {count}");
            }
        }
    }
}
