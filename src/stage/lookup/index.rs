//! Where the rows of a table are by the text of a column.
//!
//! The texts are not kept once more: the index has 4 bytes for a row, and room for those to come between. It is made in
//! shards, by the hash of the text, so that every worker can make one.

use std::borrow::Cow;
use std::collections::HashMap;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::parts::{At, Part, spread};
use crate::text::compare::comparable;
use crate::text::unseen::is_blank;

/// The rows of a table by the text of a column, as it is compared.
pub(super) struct Index {
    column: usize,
    shards: Vec<HashTable<At>>,
    /// Texts that are not as they are compared; most tables have none.
    unlike: HashMap<At, Box<str>>,
    seed: u64,
}

/// Two rows with the same text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice {
    pub(super) first: At,
    pub(super) again: At,
}

/// What the rows of a part have in a column.
struct Texts {
    /// 0 where there is no text to see.
    hashes: Vec<u64>,
    unlike: Vec<(At, Box<str>)>,
}

impl Index {
    /// The rows by a column. An empty text does not count, and may occur more than once.
    ///
    /// # Errors
    /// A row with the text of an earlier one, the first such.
    pub(super) fn new(parts: &[Part], column: usize, workers: usize) -> Result<Index, Twice> {
        let seed = rand::random();
        let of_parts = spread(parts.iter().collect(), workers, |at, part: &Part| {
            texts(part, at, column, seed)
        });
        let mut unlike = HashMap::new();
        let mut hashes = Vec::with_capacity(of_parts.len());
        for texts in of_parts {
            unlike.extend(texts.unlike);
            hashes.push(texts.hashes);
        }
        let mut index = Index {
            column,
            shards: Vec::new(),
            unlike,
            seed,
        };
        let shards = workers.min(parts.len()).max(1);
        let made = spread((0..shards).collect(), workers, |_, shard| {
            index.shard(parts, &hashes, |hash| shard_of(hash, shards) == shard)
        });
        let mut twice = Vec::new();
        for made in made {
            match made {
                Ok(shard) => index.shards.push(shard),
                Err(found) => twice.push(found),
            }
        }
        let first = twice.into_iter().min_by_key(|twice| twice.again);
        first.map_or(Ok(index), Err)
    }

    /// The rows of the texts whose hash `is_here`.
    fn shard(
        &self,
        parts: &[Part],
        hashes: &[Vec<u64>],
        is_here: impl Fn(u64) -> bool,
    ) -> Result<HashTable<At>, Twice> {
        let counted = |hash: &&u64| **hash > 0 && is_here(**hash);
        let texts = hashes.iter().flatten().filter(counted).count();
        let mut shard = HashTable::with_capacity(texts);
        for (part, of_part) in hashes.iter().enumerate() {
            let rows = of_part.iter().enumerate();
            for (row, &hash) in rows.filter(|(_, hash)| counted(hash)) {
                let again = At::new(part, row);
                let text = self.text(parts, again);
                let same = |at: &At| self.text(parts, *at) == text;
                match shard.entry(hash, same, |at| hashes[at.part()][at.row()]) {
                    Entry::Vacant(entry) => drop(entry.insert(again)),
                    Entry::Occupied(first) => {
                        let first = *first.get();
                        return Err(Twice { first, again });
                    }
                }
            }
        }
        Ok(shard)
    }

    /// The row with this text, which is as texts are compared.
    #[inline]
    pub(super) fn find(&self, parts: &[Part], text: &str) -> Option<At> {
        let hash = hash(text, self.seed);
        let shard = &self.shards[shard_of(hash, self.shards.len())];
        let found = shard.find(hash, |at| self.text(parts, *at) == text);
        found.copied()
    }

    #[inline]
    fn text<'t>(&'t self, parts: &'t [Part], at: At) -> &'t str {
        if !self.unlike.is_empty()
            && let Some(text) = self.unlike.get(&at)
        {
            return text;
        }
        parts[at.part()].cell(at.row(), self.column)
    }
}

fn texts(part: &Part, number: usize, column: usize, seed: u64) -> Texts {
    let mut unlike = Vec::new();
    let hash_of = |(row, text): (usize, &str)| {
        if is_blank(text) {
            return 0;
        }
        let compared = comparable(text);
        let hash = hash(&compared, seed);
        if let Cow::Owned(compared) = compared {
            unlike.push((At::new(number, row), compared.into()));
        }
        hash
    };
    Texts {
        hashes: part.column(column).enumerate().map(hash_of).collect(),
        unlike,
    }
}

#[inline]
fn hash(text: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed).max(1)
}

/// Which of so many shards a hash belongs to: by bits that the table does not look at.
#[inline]
fn shard_of(hash: u64, shards: usize) -> usize {
    let bits = u64::from((hash >> 24) as u32);
    ((bits * shards as u64) >> 32) as usize
}
