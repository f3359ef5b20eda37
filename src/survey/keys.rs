//! The keys seen so far: is a key new, and if not, which record had it first?
//!
//! A key is known by 64 bits of its hash. Two different keys of a million share them with a probability of
//! 3 in 100 million; of ten million, 3 in a million. The hash is seeded anew for every run, so that a key
//! rejected by that chance is accepted when the run is repeated.
//!
//! Memory: 12 bytes an entry, in shards that grow by a quarter when they are 85 % full, so at most
//! 12 / (0.85 / 1.25) = 17.7 bytes a key (17 MiB per million keys), plus one shard in 256 while it grows.

/// Shards: enough that the copy made when one grows is small beside the whole.
const SHARDS: usize = 256;

/// Slots that a shard has when it gets its first key.
const FIRST_SLOTS: usize = 16;

/// Hash for an empty slot; a key that hashes to it is given the next one.
const EMPTY: u64 = 0;

/// A set of keys, each with the number of the record that had it first.
#[derive(Debug)]
pub struct Keys {
    shards: Vec<Shard>,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }
}

#[derive(Debug, Default)]
struct Shard {
    hashes: Vec<u64>,
    records: Vec<u32>,
    used: usize,
}

impl Keys {
    /// Enters a key's hash. Returns the record that had it first, if there was one.
    #[inline]
    pub fn insert(&mut self, hash: u64, record: u32) -> Option<u32> {
        let hash = hash.max(EMPTY + 1);
        self.shards[(hash >> 56) as usize].insert(hash, record)
    }

    /// The record that has the key of this hash.
    pub fn find(&self, hash: u64) -> Option<u32> {
        let hash = hash.max(EMPTY + 1);
        let shard = &self.shards[(hash >> 56) as usize];
        if shard.hashes.is_empty() {
            return None;
        }
        let at = shard.slot(hash);
        (shard.hashes[at] != EMPTY).then(|| shard.records[at])
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.used).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held for them.
    pub fn bytes(&self) -> usize {
        self.shards
            .iter()
            .map(|s| s.hashes.capacity() * 8 + s.records.capacity() * 4)
            .sum()
    }
}

impl Shard {
    /// The slot that holds this hash, or the empty one where it belongs.
    #[inline]
    fn slot(&self, hash: u64) -> usize {
        let slots = self.hashes.len();
        // The upper half of a product spreads 56 bits evenly over any number of slots.
        let mut at = (((hash << 8) as u128 * slots as u128) >> 64) as usize;
        while self.hashes[at] != EMPTY && self.hashes[at] != hash {
            at += 1;
            if at == slots {
                at = 0;
            }
        }
        at
    }

    #[inline]
    fn insert(&mut self, hash: u64, record: u32) -> Option<u32> {
        if self.used * 20 >= self.hashes.len() * 17 {
            self.grow();
        }
        let at = self.slot(hash);
        if self.hashes[at] == hash {
            return Some(self.records[at]);
        }
        self.hashes[at] = hash;
        self.records[at] = record;
        self.used += 1;
        None
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.hashes.len() * 5 / 4).max(FIRST_SLOTS);
        let hashes = std::mem::replace(&mut self.hashes, vec![EMPTY; slots]);
        let records = std::mem::replace(&mut self.records, vec![0; slots]);
        for (hash, record) in hashes.into_iter().zip(records) {
            if hash != EMPTY {
                let at = self.slot(hash);
                self.hashes[at] = hash;
                self.records[at] = record;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn agrees_with_a_map(hashes in proptest::collection::vec(prop_oneof![0u64..40, any::<u64>()], 0..600)) {
            let mut keys = Keys::default();
            let mut map: HashMap<u64, u32> = HashMap::new();
            for (record, hash) in hashes.iter().enumerate() {
                let expected = map.get(&(*hash).max(1)).copied();
                prop_assert_eq!(keys.find(*hash), expected);
                prop_assert_eq!(keys.insert(*hash, record as u32), expected);
                map.entry((*hash).max(1)).or_insert(record as u32);
            }
            prop_assert_eq!(keys.len(), map.len());
        }
    }

    #[test]
    fn memory_stays_within_what_is_written() {
        let mut keys = Keys::default();
        let mut hash = 1u64;
        for record in 0..1_000_000 {
            hash = hash
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(record as u64 | 1)
                ^ (hash >> 29);
            keys.insert(hash.wrapping_mul(0xbf58_476d_1ce4_e5b9), record);
        }
        assert!(
            keys.bytes() <= keys.len() * 12 * 125 / 85 + SHARDS * 1024,
            "{}",
            keys.bytes() / keys.len()
        );
    }
}
