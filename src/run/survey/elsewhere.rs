//! What of a survey is other shards': every shard sees the whole file, and sends its own rows.

use std::borrow::Cow;

use crate::batch::Batch;

/// Rows of other shards by what becomes of them there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// All of them.
    pub rows: u64,
    pub filtered: u64,
    pub superseded: u64,
    /// Part of their bodies.
    pub good: u64,
}

impl Elsewhere {
    /// Counts the rows of a block, before the rules of the whole file have changed it.
    pub(super) fn see(&mut self, others: &[u32], batch: &Batch) {
        let is_filtered = |row: &&u32| batch.is_filtered(**row as usize);
        self.rows += others.len() as u64;
        self.filtered += others.iter().filter(is_filtered).count() as u64;
    }

    /// Counts what becomes of the rows that were `encoded`, but for those `left_out` for what only the whole file knows.
    pub(super) fn count(
        &mut self,
        others: &[u32],
        (encoded, left_out): (&[u32], &[u32]),
        superseded: &[u32],
    ) {
        let among = |rows: &[u32]| {
            let is_among = |row: &&u32| rows.binary_search(row).is_ok();
            others.iter().filter(is_among).count() as u64
        };
        self.good += among(encoded) - among(left_out);
        self.superseded += among(superseded);
    }
}

/// Which of the rows that were `encoded` are not in a shard's body, in order: `others` go elsewhere.
pub(super) fn dropped<'a>(others: &[u32], encoded: &[u32], left_out: &'a [u32]) -> Cow<'a, [u32]> {
    if others.is_empty() {
        return Cow::Borrowed(left_out);
    }
    let mut all = left_out.to_vec();
    let is_encoded = |row: &&u32| encoded.binary_search(row).is_ok();
    all.extend(others.iter().filter(is_encoded));
    all.sort_unstable();
    all.dedup();
    Cow::Owned(all)
}

/// What is sent in a shard's body with a cell empty.
pub(super) fn own<'a>(others: &[u32], cleared: &'a [(u32, u32)]) -> Cow<'a, [(u32, u32)]> {
    if others.is_empty() {
        return Cow::Borrowed(cleared);
    }
    let is_own = |(row, _): &&(u32, u32)| others.binary_search(row).is_err();
    cleared.iter().filter(is_own).copied().collect()
}
