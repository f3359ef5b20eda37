//! The keys of the records: which come again, and which record had a key first?
//!
//! A key is known by 64 bits of its hash. Two different keys of a million share them with a probability of
//! 3 in 100 million; of ten million, 3 in a million. The hash is seeded anew for every run, so that a key
//! rejected by that chance is accepted when the run is repeated.
//!
//! The hashes are kept as the workers made them, in the order of the records. Beside them is a table of those that
//! are different, in shards by their upper bits. It is asked in one of two ways:
//!
//! - *Block by block*, where somebody wants to know at once which keys stood before. Nearly every look at the table is
//!   then a wait for memory, and one thread does it.
//! - *All at once*, at the end of the file. Several threads sort the records by shards, each its part of the file, and
//!   then make the shards, one after the other. A shard is small enough to be at hand while it is made, and is made
//!   as large as it has to be. This takes a fifth of the time, and that is shared.
//!
//! Memory: 8 bytes a record for its hash, and 8 bytes a slot. A table that is made all at once has 4 slots for 3
//! records, which is 18.7 bytes a record together. One that grows does so by a half when it is 85 % full, so it has at
//! most 1.5 / 0.85 slots a key, which is 22.2 bytes a record together, and one shard of 256 more while it grows.

use std::sync::Arc;
use std::thread;

/// Shards: enough that the copy made when one grows is small beside the whole, and that one of a million keys stays in
/// the cache.
const SHARDS: usize = 256;

/// Slots that a shard has when it gets its first key.
const FIRST_SLOTS: usize = 16;

/// Keys are entered so many at a time. The memory of a key's slot is mostly not at hand: it is asked for
/// all of them at once, instead of waiting for each.
const TOGETHER: usize = 32;

/// A thread is worth its start for so many records.
const WORTH_A_THREAD: usize = 1 << 15;

/// A set of keys, each with the number of the record that had it first.
#[derive(Debug)]
pub struct Keys {
    hashes: Hashes,
    shards: Vec<Shard>,
    /// Blocks whose keys are in the shards.
    entered: usize,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys {
            hashes: Hashes::default(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            entered: 0,
        }
    }
}

impl Keys {
    /// Takes in the hashes of the next records, 0 for those without a key. They wait to be entered.
    pub fn push(&mut self, hashes: Arc<Vec<u64>>) {
        self.hashes.push(hashes);
    }

    /// Enters all that wait, in the order of the records. `again` is told those records whose key was there before, each
    /// with the first record that had it.
    pub fn enter(&mut self, mut again: impl FnMut(u32, u32)) {
        let (hashes, shards) = (&self.hashes, &mut self.shards);
        for block in &hashes.blocks[self.entered..] {
            let mut keys = block.keys();
            let mut group = [(0, 0); TOGETHER];
            loop {
                let mut count = 0;
                let mut asked_for = 0;
                for (place, (hash, record)) in group.iter_mut().zip(keys.by_ref()) {
                    *place = (hash, record);
                    asked_for ^= shards[shard_of(hash)].first_look(hash);
                    count += 1;
                }
                // Without a use the look would be left out.
                std::hint::black_box(asked_for);
                for &(hash, record) in &group[..count] {
                    let shard = &mut shards[shard_of(hash)];
                    shard.make_room();
                    let same = |earlier| hashes.get(earlier) == hash;
                    if let Some(earlier) = shard.insert(entry(hash, record), same) {
                        again(record, earlier);
                    }
                }
                if count < TOGETHER {
                    break;
                }
            }
        }
        self.entered = hashes.blocks.len();
    }

    /// The same, by no more than so many threads; and what it tells is in no order. Tables that have keys already are
    /// added to by one thread.
    pub fn enter_all(&mut self, threads: usize) -> Vec<(u32, u32)> {
        let threads = threads.min(self.hashes.len / WORTH_A_THREAD).min(SHARDS);
        if self.entered > 0 || threads == 0 {
            let mut again = Vec::new();
            self.enter(|record, first| again.push((record, first)));
            return again;
        }
        self.enter_by(threads)
    }

    fn enter_by(&mut self, threads: usize) -> Vec<(u32, u32)> {
        self.sort_by_shards(threads);
        let Keys { hashes, shards, .. } = self;
        let parts = shards.chunks_mut(SHARDS.div_ceil(threads));
        let found = side_by_side(parts, |shards| {
            let mut again = Vec::new();
            let mut waiting = Vec::new();
            for shard in shards {
                shard.enter_all(&mut waiting, hashes, &mut again);
            }
            again
        });
        self.entered = self.hashes.blocks.len();
        found.concat()
    }

    /// Makes shards as large as they have to be, and puts the entries of all records into them: at the front, and in the
    /// order of the records.
    fn sort_by_shards(&mut self, threads: usize) {
        let blocks = &self.hashes.blocks;
        let parts = || blocks.chunks(blocks.len().div_ceil(threads).max(1));
        let counts = side_by_side(parts(), |blocks| {
            let mut counts = vec![0; SHARDS];
            for (hash, _) in blocks.iter().flat_map(Block::keys) {
                counts[shard_of(hash)] += 1;
            }
            counts
        });
        for (number, shard) in self.shards.iter_mut().enumerate() {
            let used = counts.iter().map(|counts| counts[number]).sum();
            *shard = Shard::with_room(used);
        }
        let mut rest: Vec<&mut [u64]> = self.shards.iter_mut().map(|s| &mut *s.slots).collect();
        let work = parts().zip(&counts).map(|(blocks, counts)| {
            let rooms = rest.iter_mut().zip(counts);
            let rooms = rooms.map(|(rest, count)| rest.split_off_mut(..*count).unwrap_or_default());
            (blocks, rooms.map(<[u64]>::iter_mut).collect::<Vec<_>>())
        });
        side_by_side(work, |(blocks, mut rooms)| {
            for (hash, record) in blocks.iter().flat_map(Block::keys) {
                if let Some(slot) = rooms[shard_of(hash)].next() {
                    *slot = entry(hash, record);
                }
            }
        });
    }

    /// The record that has the key of this hash, of those that are entered.
    pub fn find(&self, hash: u64) -> Option<u32> {
        let same = |record| self.hashes.get(record) == hash;
        self.shards[shard_of(hash)].find(tag_of(hash), same).ok()
    }

    /// How many keys are entered.
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
        (slots + self.hashes.len) * size_of::<u64>()
    }
}

/// Does every piece of work on a thread of its own, and returns what comes of them in their order.
fn side_by_side<W: Send, T: Send>(
    work: impl Iterator<Item = W>,
    each: impl Fn(W) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let each = &each;
        let threads: Vec<_> = work.map(|work| scope.spawn(move || each(work))).collect();
        let made = threads.into_iter().map(|thread| thread.join());
        made.map(|made| made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// The hashes of all records.
#[derive(Debug, Default)]
struct Hashes {
    blocks: Vec<Block>,
    /// For the first record of all, and of every so many, the block that has it.
    starts: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Block {
    first: u32,
    hashes: Arc<Vec<u64>>,
}

impl Block {
    /// The records that have keys.
    fn keys(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let numbered = self.hashes.iter().copied().zip(self.first..);
        numbered.filter(|(hash, _)| *hash != 0)
    }
}

impl Hashes {
    /// So many records from one start to the next.
    const STEP: usize = 1 << 10;

    fn push(&mut self, hashes: Arc<Vec<u64>>) {
        let first = self.len as u32;
        self.len += hashes.len();
        while self.starts.len() * Self::STEP < self.len {
            self.starts.push(self.blocks.len() as u32);
        }
        self.blocks.push(Block { first, hashes });
    }

    /// The hash of a record that was taken in.
    fn get(&self, record: u32) -> u64 {
        let step = record as usize / Self::STEP;
        let from = self.starts[step] as usize;
        let to = (self.starts.get(step + 1)).map_or(self.blocks.len(), |to| *to as usize + 1);
        let behind = self.blocks[from..to].partition_point(|block| block.first <= record);
        let block = &self.blocks[from + behind - 1];
        block.hashes[(record - block.first) as usize]
    }
}

/// Which shard a hash belongs to.
#[inline]
fn shard_of(hash: u64) -> usize {
    (hash >> 56) as usize
}

/// The bits of a hash that stand in the table.
#[inline]
fn tag_of(hash: u64) -> u32 {
    (hash >> 24) as u32
}

/// A key as it stands in the table: bits of its hash, and its record's number plus 1. No slot that is used is 0.
#[inline]
fn entry(hash: u64, record: u32) -> u64 {
    u64::from(tag_of(hash)) << 32 | (u64::from(record) + 1)
}

#[inline]
fn record_of(entry: u64) -> u32 {
    (entry as u32).wrapping_sub(1)
}

/// The keys with the same upper bits.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<u64>,
    used: usize,
}

impl Shard {
    /// One with room for so many keys, and not much more. A slot is always empty: it ends the search.
    fn with_room(keys: usize) -> Shard {
        let slots = match keys {
            0 => 0,
            keys => (keys * 4).div_ceil(3).max(FIRST_SLOTS),
        };
        Shard {
            slots: vec![0; slots],
            used: keys,
        }
    }

    /// Where the search for a key begins.
    #[inline]
    fn first(&self, tag: u32) -> usize {
        // The upper half of a product spreads the bits evenly over any number of slots.
        ((u64::from(tag) * self.slots.len() as u64) >> 32) as usize
    }

    /// Something of the slot where the search for a key begins.
    #[inline]
    fn first_look(&self, hash: u64) -> u64 {
        let first = self.first(tag_of(hash));
        self.slots.get(first).copied().unwrap_or(0)
    }

    /// The record that has the key with this tag, or the empty slot where the key belongs. `same` is asked whether a
    /// record whose key has this tag has the key.
    #[inline]
    fn find(&self, tag: u32, same: impl Fn(u32) -> bool) -> Result<u32, usize> {
        let mut at = self.first(tag);
        loop {
            match self.slots.get(at) {
                Some(0) => return Err(at),
                Some(&held) if (held >> 32) as u32 == tag && same(record_of(held)) => {
                    return Ok(record_of(held));
                }
                Some(_) => at += 1,
                None if self.slots.is_empty() => return Err(at),
                None => at = 0,
            }
        }
    }

    /// Enters a key for which there is room, or returns the record that had it before.
    #[inline]
    fn insert(&mut self, entry: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        match self.find((entry >> 32) as u32, same) {
            Ok(earlier) => Some(earlier),
            Err(at) => {
                self.slots[at] = entry;
                self.used += 1;
                None
            }
        }
    }

    /// Sees to it that there is room for one more key.
    #[inline]
    fn make_room(&mut self) {
        if self.used * 20 >= self.slots.len() * 17 {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 3 / 2).max(FIRST_SLOTS);
        let before = std::mem::replace(&mut self.slots, vec![0; slots]);
        for entry in before.into_iter().filter(|entry| *entry != 0) {
            // They are different.
            if let Err(at) = self.find((entry >> 32) as u32, |_| false) {
                self.slots[at] = entry;
            }
        }
    }

    /// Enters all keys that stand at the front. `again` is told of those that come again.
    fn enter_all(&mut self, waiting: &mut Vec<u64>, hashes: &Hashes, again: &mut Vec<(u32, u32)>) {
        let (front, _) = self.slots.split_at_mut(self.used);
        waiting.clear();
        waiting.extend_from_slice(front);
        front.fill(0);
        self.used = 0;
        for &entry in &*waiting {
            let same = |earlier| hashes.get(earlier) == hashes.get(record_of(entry));
            if let Some(earlier) = self.insert(entry, same) {
                again.push((record_of(entry), earlier));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Of each key the record that has it first; and all that come later, each with it.
    fn slow(hashes: &[u64]) -> (HashMap<u64, u32>, Vec<(u32, u32)>) {
        let mut firsts: HashMap<u64, u32> = HashMap::new();
        let mut again = Vec::new();
        for (hash, record) in hashes.iter().zip(0..).filter(|(hash, _)| **hash != 0) {
            match firsts.get(hash) {
                Some(first) => again.push((record, *first)),
                None => _ = firsts.insert(*hash, record),
            }
        }
        (firsts, again)
    }

    /// Hashes of which some come again, some look the same in the table and are not, and some are none.
    fn hashes() -> impl Strategy<Value = Vec<u64>> {
        let alike = (0u64..4, 0u64..4).prop_map(|(shard, rest)| shard << 56 | 7 << 24 | rest);
        proptest::collection::vec(prop_oneof![0u64..40, any::<u64>(), alike], 0..600)
    }

    fn scattered(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()).max(1)
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(hashes in hashes(), step in 1usize..100) {
            let (firsts, expected) = slow(&hashes);
            let mut keys = Keys::default();
            let mut again = Vec::new();
            for hashes in hashes.chunks(step) {
                keys.push(Arc::new(hashes.to_vec()));
                keys.enter(|record, first| again.push((record, first)));
            }
            prop_assert_eq!(again, expected);
            for (hash, first) in &firsts {
                prop_assert_eq!(keys.find(*hash), Some(*first));
            }
            prop_assert_eq!(keys.find(0), None);
            prop_assert_eq!(keys.len(), firsts.len());
        }

        /// Whoever enters them, in however many parts: the first records and the others are the same.
        #[test]
        fn threads_find_what_one_finds(hashes in hashes(), step in 1usize..100, threads in 1usize..9) {
            let (firsts, expected) = slow(&hashes);
            let mut keys = Keys::default();
            for hashes in hashes.chunks(step) {
                keys.push(Arc::new(hashes.to_vec()));
            }
            let mut again = keys.enter_by(threads);
            again.sort_unstable();
            prop_assert_eq!(again, expected);
            for (hash, first) in &firsts {
                prop_assert_eq!(keys.find(*hash), Some(*first));
            }
            prop_assert_eq!(keys.find(0), None);
            prop_assert_eq!(keys.len(), firsts.len());
        }
    }

    #[test]
    fn so_do_threads_with_many_keys_and_with_one_key_alone() {
        let some: Vec<u64> = (0..300_000).map(|n| scattered(n % 290_000)).collect();
        for hashes in [some, vec![7; 300_000]] {
            let (firsts, expected) = slow(&hashes);
            let mut keys = Keys::default();
            for hashes in hashes.chunks(1_237) {
                keys.push(Arc::new(hashes.to_vec()));
            }
            let mut again = keys.enter_all(3);
            again.sort_unstable();
            assert_eq!(again, expected);
            assert_eq!(keys.len(), firsts.len());
            // What comes later is added.
            keys.push(Arc::new(vec![hashes[5], scattered(1 << 40)]));
            assert_eq!(keys.enter_all(3), [(300_000, firsts[&hashes[5]])]);
            assert_eq!(keys.find(scattered(1 << 40)), Some(300_001));
        }
    }

    #[test]
    fn memory_stays_within_what_is_written() {
        let filled = || {
            let mut keys = Keys::default();
            for first in (0..1_000_000).step_by(10_000) {
                let hashes = (first..first + 10_000).map(scattered).collect();
                keys.push(Arc::new(hashes));
            }
            keys
        };
        let each = |keys: &Keys| keys.bytes() as f64 / 1_000_000.0;
        let mut grown = filled();
        grown.enter(|at, first| panic!("{at} is {first}"));
        assert!(each(&grown) <= 22.2, "{}", each(&grown));
        let mut made = filled();
        assert_eq!(made.enter_all(2), []);
        assert!(each(&made) <= 18.7, "{}", each(&made));
    }
}
