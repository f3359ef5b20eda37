//! The keys seen so far: is a key new, and if not, which record had it first?
//!
//! A key is known by 64 bits of its hash. Two different keys of a million share them with a probability of
//! 3 in 100 million; of ten million, 3 in a million. The hash is seeded anew for every run, so that a key
//! rejected by that chance is accepted when the run is repeated.
//!
//! Memory: 12 bytes an entry, in shards that grow by a half when they are 85 % full, so at most
//! 12 / (0.85 / 1.5) = 21.2 bytes a key (20.2 MiB per million keys), plus one shard in 256 while it grows.

/// Shards: enough that the copy made when one grows is small beside the whole.
const SHARDS: usize = 256;

/// Slots that a shard has when it gets its first key.
const FIRST_SLOTS: usize = 16;

/// Keys are entered so many at a time. The memory of a key's slot is mostly not at hand: it is asked for
/// all of them at once, instead of waiting for each.
const TOGETHER: usize = 32;

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

/// Both halves of a key's hash, and its record: side by side, so that one look at the memory is enough.
type Slot = [u32; 3];

#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
}

impl Keys {
    /// Enters the hashes of keys with the numbers of their records. `again` is told those records whose key was there
    /// before, each with the first record that had it.
    pub fn insert_all(
        &mut self,
        keys: impl Iterator<Item = (u64, u32)>,
        mut again: impl FnMut(u32, u32),
    ) {
        let mut keys = keys.fuse();
        let mut group = [(0, 0); TOGETHER];
        loop {
            let mut count = 0;
            let mut asked_for = 0;
            for (place, (hash, record)) in group.iter_mut().zip(keys.by_ref()) {
                *place = (hash.max(EMPTY + 1), record);
                asked_for ^= self.shard(hash).first_look(hash);
                count += 1;
            }
            // Without a use the look would be left out.
            std::hint::black_box(asked_for);
            for &(hash, record) in &group[..count] {
                if let Some(earlier) = self.shards[(hash >> 56) as usize].insert(hash, record) {
                    again(record, earlier);
                }
            }
            if count < TOGETHER {
                return;
            }
        }
    }

    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[(hash >> 56) as usize]
    }

    /// The record that has the key of this hash.
    pub fn find(&self, hash: u64) -> Option<u32> {
        let hash = hash.max(EMPTY + 1);
        let shard = self.shard(hash);
        if shard.slots.is_empty() {
            return None;
        }
        let [low, high, record] = shard.slots[shard.slot(hash)];
        (whole(low, high) != EMPTY).then_some(record)
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
        let slots: usize = self.shards.iter().map(|s| s.slots.capacity()).sum();
        slots * size_of::<Slot>()
    }
}

#[inline]
fn whole(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

impl Shard {
    /// Where the search for a hash begins.
    #[inline]
    fn first(&self, hash: u64) -> usize {
        // The upper half of a product spreads 56 bits evenly over any number of slots.
        (((hash << 8) as u128 * self.slots.len() as u128) >> 64) as usize
    }

    /// Something of the slot where the search for a hash begins.
    #[inline]
    fn first_look(&self, hash: u64) -> u32 {
        self.slots.get(self.first(hash)).map_or(0, |slot| slot[0])
    }

    /// The slot that holds this hash, or the empty one where it belongs.
    #[inline]
    fn slot(&self, hash: u64) -> usize {
        let mut at = self.first(hash);
        loop {
            let [low, high, _] = self.slots[at];
            let held = whole(low, high);
            if held == EMPTY || held == hash {
                return at;
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    #[inline]
    fn insert(&mut self, hash: u64, record: u32) -> Option<u32> {
        if self.used * 20 >= self.slots.len() * 17 {
            self.grow();
        }
        let at = self.slot(hash);
        let [low, high, earlier] = self.slots[at];
        if whole(low, high) == hash {
            return Some(earlier);
        }
        self.slots[at] = [hash as u32, (hash >> 32) as u32, record];
        self.used += 1;
        None
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 3 / 2).max(FIRST_SLOTS);
        let before = std::mem::replace(&mut self.slots, vec![[0; 3]; slots]);
        for slot in before {
            let hash = whole(slot[0], slot[1]);
            if hash != EMPTY {
                let at = self.slot(hash);
                self.slots[at] = slot;
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
        fn agrees_with_a_map(hashes in proptest::collection::vec(prop_oneof![0u64..40, any::<u64>()], 0..600), step in 1usize..100) {
            let mut keys = Keys::default();
            let mut map: HashMap<u64, u32> = HashMap::new();
            let mut record = 0;
            for hashes in hashes.chunks(step) {
                let mut expected = Vec::new();
                for (at, hash) in hashes.iter().enumerate() {
                    let hash = (*hash).max(1);
                    expected.extend(map.get(&hash).map(|first| (record + at as u32, *first)));
                    map.entry(hash).or_insert(record + at as u32);
                }
                let mut again = Vec::new();
                let numbered = hashes.iter().zip(record..).map(|(h, r)| (*h, r));
                keys.insert_all(numbered, |at, first| again.push((at, first)));
                prop_assert_eq!(again, expected);
                record += hashes.len() as u32;
            }
            for (hash, first) in &map {
                prop_assert_eq!(keys.find(*hash), Some(*first));
            }
            prop_assert_eq!(keys.len(), map.len());
        }
    }

    #[test]
    fn memory_stays_within_what_is_written() {
        let mut hash = 1u64;
        let hashes = (0..1_000_000).map(|record| {
            hash = hash
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(record as u64 | 1)
                ^ (hash >> 29);
            (hash.wrapping_mul(0xbf58_476d_1ce4_e5b9), record)
        });
        let mut keys = Keys::default();
        keys.insert_all(hashes, |at, first| panic!("{at} is {first}"));
        let each = keys.bytes() as f64 / keys.len() as f64;
        assert!(each <= 21.3, "{each}");
    }
}
