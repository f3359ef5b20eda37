//! The keys of the records: which come again, and which record had a key first?
//!
//! A key is known by 64 bits of its hash. Two different keys of a million share them with a probability of
//! 3 in 100 million; of ten million, 3 in a million. The hash is seeded anew for every run, so that a key
//! rejected by that chance is accepted when the run is repeated.
//!
//! The hashes are kept as the workers made them, in the order of the records, and are looked at in one of two ways:
//!
//! - *Block by block*, where somebody wants to know at once which keys stood before. They are entered into a table, in
//!   shards by their upper bits. Nearly every look at it is a wait for memory, and one thread does it.
//! - *All at once*, at the end of the file. Several threads sort the records by shards, each its part of the file; a
//!   shard is small enough to be at hand. Then a bit is set for every key of a shard, by some bits of its hash. Only
//!   where it was set before may a key come again, which is looked at in full. This takes a tenth of the time, and that
//!   is shared. There is no table then, until somebody asks for a record.
//!
//! Memory: 8 bytes a record for its hash, and 8 bytes a slot. Records that are sorted have a slot each. A table that is
//! made all at once has 4 slots for 3 records, which is 18.7 bytes a record together. One that grows does so by a half
//! when it is 85 % full, so it has at most 1.5 / 0.85 slots a key, which is 22.2 bytes a record together, and one shard
//! of 256 more while it grows.

use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

/// Shards: enough that the copy made when one grows is small beside the whole, and that one of some million keys stays
/// in the cache.
const SHARDS: usize = 256;

/// Slots that a shard has when it gets its first key.
const FIRST_SLOTS: usize = 16;

/// Keys are entered so many at a time. The memory of a key's slot is mostly not at hand: it is asked for
/// all of them at once, instead of waiting for each.
const TOGETHER: usize = 32;

/// A thread is worth its start for so many records.
const WORTH_A_THREAD: usize = 1 << 15;

/// Bits for every key of a shard, of which one is set: one key in 32 is looked at in full for nothing.
const BITS_A_KEY: usize = 16;

/// Of a shard, bits are no more than two to the power of this: 32 MiB, where nearly all keys are the same.
const MOST_BITS: u32 = 28;

/// A set of keys, each with the number of the record that had it first.
#[derive(Debug, Default)]
pub struct Keys {
    hashes: Hashes,
    /// Made when somebody asks for it.
    table: OnceLock<Table>,
    threads: usize,
}

impl Keys {
    /// Lets what is done all at once be done by so many threads.
    pub fn use_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    /// Takes in the hashes of the next records, 0 for those without a key.
    pub fn push(&mut self, hashes: Arc<Vec<u64>>) {
        self.hashes.push(hashes);
    }

    /// Enters all that were taken in since the last time, in the order of the records. `again` is told those records
    /// whose key was there before, each with the first record that had it.
    pub fn enter(&mut self, again: impl FnMut(u32, u32)) {
        let mut table = self.table.take().unwrap_or_default();
        table.enter(&self.hashes, again);
        self.table = OnceLock::from(table);
    }

    /// Finds all records whose key was there before, in no order, each with the first record that had it. Nothing is
    /// entered.
    pub fn find_again(&self) -> Vec<(u32, u32)> {
        let threads = self.threads();
        let sorted = self.hashes.by_shards(threads, |keys| keys);
        let parts = sorted.chunks(SHARDS.div_ceil(threads));
        let found = side_by_side(parts, |shards| {
            let mut search = Search::default();
            for (entries, _) in shards {
                search.shard(entries, &self.hashes);
            }
            search.again
        });
        found.concat()
    }

    /// The record that has the key of this hash first. Whoever does not [enter](Keys::enter) the records asks when all are
    /// taken in.
    pub fn find(&self, hash: u64) -> Option<u32> {
        let table = self.table.get_or_init(|| self.make_table());
        let same = |record| self.hashes.get(record) == hash;
        table.shards[shard_of(hash)].find(tag_of(hash), same).ok()
    }

    fn make_table(&self) -> Table {
        let threads = self.threads();
        let mut sorted = self.hashes.by_shards(threads, room_for);
        let parts = sorted.chunks_mut(SHARDS.div_ceil(threads));
        let made = side_by_side(parts, |shards| {
            let mut waiting = Vec::new();
            let made = shards.iter_mut().map(|(slots, used)| {
                let slots = std::mem::take(slots);
                Shard::of_sorted(slots, *used, &mut waiting, &self.hashes)
            });
            made.collect::<Vec<_>>()
        });
        Table {
            shards: made.into_iter().flatten().collect(),
            entered: self.hashes.blocks.len(),
        }
    }

    fn threads(&self) -> usize {
        let worth = (self.hashes.len / WORTH_A_THREAD).clamp(1, SHARDS);
        self.threads.clamp(1, worth)
    }

    /// How many keys are in the table.
    pub fn len(&self) -> usize {
        let shards = self.table.get().map_or(&[][..], |table| &table.shards);
        shards.iter().map(|shard| shard.used).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held for them.
    pub fn bytes(&self) -> usize {
        let shards = self.table.get().map_or(&[][..], |table| &table.shards);
        let slots: usize = shards.iter().map(|shard| shard.slots.capacity()).sum();
        (slots + self.hashes.len) * size_of::<u64>()
    }
}

/// Does every piece of work on a thread of its own, and returns what comes of them in their order.
fn side_by_side<W: Send, T: Send>(
    work: impl Iterator<Item = W>,
    each: impl Fn(W) -> T + Sync,
) -> Vec<T> {
    let mut work = work.peekable();
    let Some(first) = work.next() else {
        return Vec::new();
    };
    if work.peek().is_none() {
        return vec![each(first)];
    }
    thread::scope(|scope| {
        let each = &each;
        let start = |work| scope.spawn(move || each(work));
        let threads: Vec<_> = std::iter::once(first).chain(work).map(start).collect();
        let made = threads.into_iter().map(|thread| thread.join());
        made.map(|made| made.unwrap_or_else(|panic| resume_unwind(panic)))
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

    /// The entries of all records by shards, in the order of the records; behind them room, as it is wanted for so many.
    /// Beside them, how many they are.
    fn by_shards(&self, threads: usize, room: fn(usize) -> usize) -> Vec<(Vec<u64>, usize)> {
        let parts = || {
            let size = self.blocks.len().div_ceil(threads).max(1);
            self.blocks.chunks(size)
        };
        let counts = side_by_side(parts(), |blocks| {
            let mut counts = vec![0; SHARDS];
            for (hash, _) in blocks.iter().flat_map(Block::keys) {
                counts[shard_of(hash)] += 1;
            }
            counts
        });
        let used = |shard: usize| counts.iter().map(|counts| counts[shard]).sum();
        let mut sorted: Vec<_> = (0..SHARDS)
            .map(|shard| (vec![0; room(used(shard))], used(shard)))
            .collect();
        let mut rest: Vec<&mut [u64]> = sorted.iter_mut().map(|(s, _)| &mut **s).collect();
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
        sorted
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

/// Finds keys that come again within shards, one after the other.
#[derive(Default)]
struct Search {
    /// A bit for every key that was seen.
    seen: Vec<u64>,
    /// A bit for every key whose bit was set before.
    doubtful: Vec<u64>,
    /// What was found: records, and those that had their keys first.
    again: Vec<(u32, u32)>,
}

impl Search {
    fn shard(&mut self, entries: &[u64], hashes: &Hashes) {
        let bits = (entries.len() * BITS_A_KEY).next_power_of_two().ilog2();
        let bits = bits.clamp(u64::BITS.ilog2(), MOST_BITS);
        // The upper bits of an entry are those of a hash.
        let place = |entry: u64| {
            let bit = entry >> (u64::BITS - bits);
            ((bit / 64) as usize, 1 << (bit % 64))
        };
        for bits_set in [&mut self.seen, &mut self.doubtful] {
            bits_set.clear();
            bits_set.resize(1 << (bits - u64::BITS.ilog2()), 0);
        }
        let mut any = 0;
        for &entry in entries {
            let (word, bit) = place(entry);
            let before = self.seen[word] & bit;
            self.seen[word] |= bit;
            if before != 0 {
                self.doubtful[word] |= bit;
                any |= before;
            }
        }
        if any == 0 {
            return;
        }
        let is_doubtful = |entry: &u64| {
            let (word, bit) = place(*entry);
            self.doubtful[word] & bit != 0
        };
        let mut doubtful: Vec<u64> = entries.iter().copied().filter(is_doubtful).collect();
        doubtful.sort_unstable();
        for alike in doubtful.chunk_by(|a, b| a >> 32 == b >> 32) {
            if let [_, _, ..] = alike {
                self.compare(alike, hashes);
            }
        }
    }

    /// Compares the keys in full of which the table knows nothing else.
    fn compare(&mut self, alike: &[u64], hashes: &Hashes) {
        let full = alike.iter().map(|entry| record_of(*entry));
        let mut full: Vec<(u64, u32)> = full.map(|record| (hashes.get(record), record)).collect();
        full.sort_unstable();
        for same in full.chunk_by(|a, b| a.0 == b.0) {
            let (_, first) = same[0];
            let others = same[1..].iter().map(|(_, record)| (*record, first));
            self.again.extend(others);
        }
    }
}

/// A table of keys.
#[derive(Debug)]
struct Table {
    shards: Vec<Shard>,
    /// Blocks whose keys are in the shards.
    entered: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            entered: 0,
        }
    }
}

impl Table {
    fn enter(&mut self, hashes: &Hashes, mut again: impl FnMut(u32, u32)) {
        let shards = &mut self.shards;
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
}

/// The slots for so many keys that are entered all at once. One is always empty: it ends the search.
fn room_for(keys: usize) -> usize {
    match keys {
        0 => 0,
        keys => (keys * 4).div_ceil(3).max(FIRST_SLOTS),
    }
}

/// The keys with the same upper bits.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<u64>,
    used: usize,
}

impl Shard {
    /// One of entries that stand at the front of its slots, in the order of their records.
    fn of_sorted(
        mut slots: Vec<u64>,
        used: usize,
        waiting: &mut Vec<u64>,
        hashes: &Hashes,
    ) -> Shard {
        waiting.clear();
        waiting.extend_from_slice(&slots[..used]);
        slots[..used].fill(0);
        let mut shard = Shard { slots, used: 0 };
        for &entry in &*waiting {
            let same = |earlier| hashes.get(earlier) == hashes.get(record_of(entry));
            shard.insert(entry, same);
        }
        shard
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
            for shards in [keys.hashes.by_shards(threads, |keys| keys), keys.hashes.by_shards(threads, room_for)] {
                for (shard, (slots, used)) in shards.iter().enumerate() {
                    let here = hashes.iter().zip(0..).filter(|(hash, _)| **hash != 0 && shard_of(**hash) == shard);
                    let entries: Vec<u64> = here.map(|(hash, record)| entry(*hash, record)).collect();
                    prop_assert_eq!(&slots[..*used], entries);
                }
            }
            let mut again = keys.find_again();
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
            keys.use_threads(3);
            let mut again = keys.find_again();
            again.sort_unstable();
            assert_eq!(again, expected);
            for (hash, first) in &firsts {
                assert_eq!(keys.find(*hash), Some(*first));
            }
            assert_eq!(keys.len(), firsts.len());
            // What comes later is added to the table that was made.
            keys.push(Arc::new(vec![hashes[5], scattered(1 << 40)]));
            let mut again = Vec::new();
            keys.enter(|record, first| again.push((record, first)));
            assert_eq!(again, [(300_000, firsts[&hashes[5]])]);
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
        let made = filled();
        assert_eq!(made.find_again(), []);
        assert!(each(&made) <= 8.0, "{}", each(&made));
        assert_eq!(made.find(scattered(5)), Some(5));
        assert!(each(&made) <= 18.7, "{}", each(&made));
    }
}
