//! New ids: somebody leaves and somebody arrives, and both have the same values in stated columns.
//!
//! Those who are gone have the hashes of their cells in the store, and those who arrive have theirs at hand: no value is
//! kept for this, and none is told.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::diff::Diff;
use super::judged::{Beside, Judged};
use super::key::EMPTY;
use super::store::Row;
use crate::batch::{Batch, RowState};

/// Those who arrive, and those whose rows turn to the status of people who have left.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// A hash of the cells of each who arrives, and the record.
    new: Vec<(u64, u32)>,
    /// The hash of the cells of each who leaves, and is still in the source.
    left: Vec<u64>,
}

/// Records of those who arrive and have the cells of somebody who is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rehires {
    /// Of one person, and nobody else who arrives has them.
    pub found: Vec<u32>,
    /// Of several, or several have them: who is who can't be told.
    pub unclear: Vec<u32>,
}

impl Arrivals {
    /// Takes in a block, whose first record has this number; another row goes in the place of those that are `left_out`,
    /// which are in order.
    pub(crate) fn see(
        &mut self,
        diff: &Diff,
        judged: &Judged,
        batch: &Batch,
        (left_out, first): (&[u32], u32),
    ) {
        if diff.same_person.is_empty() || diff.comparable().is_none() {
            return;
        }
        let width = diff.columns.len();
        let mut before = judged.before.chunks_exact(width.max(1));
        for (row, beside) in (0u32..).zip(&judged.beside) {
            let at = row as usize;
            let old = (*beside == Beside::Differs)
                .then(|| before.next())
                .flatten();
            if batch.state(at) != RowState::In || left_out.binary_search(&row).is_ok() {
                continue;
            }
            let Some(cells) = judged.cells(at, width) else {
                continue;
            };
            let hash = || fingerprint(&diff.same_person, cells);
            if *beside == Beside::New && !diff.has_left(cells) {
                self.new.extend(hash().map(|hash| (hash, first + row)));
            } else if old.is_some_and(|old| diff.has_left(cells) && !diff.has_left(old)) {
                self.left.extend(hash());
            }
        }
    }

    /// Forgets all of them: the source will be gone through once more.
    pub(crate) fn clear(&mut self) {
        self.new.clear();
        self.left.clear();
    }

    /// Those who have the cells of somebody at one of these places in the store, all of whom are gone.
    ///
    /// # Errors
    /// A store that can't be read.
    pub(crate) fn beside(&mut self, diff: &Diff, gone: &[u32]) -> io::Result<Rehires> {
        let mut found = Rehires::default();
        let Some(store) = diff.comparable().filter(|_| !self.new.is_empty()) else {
            return Ok(found);
        };
        let (mut cells, mut bytes) = (Vec::new(), Vec::new());
        let mut left = self.left.clone();
        for &place in gone {
            if store.row(place) == Row::Pending {
                continue;
            }
            let all = store.cells(place, &mut cells, &mut bytes)?;
            // What was damaged on the disk is not what they were.
            if diff.hashes().row(&cells, &mut bytes) == all {
                left.extend(fingerprint(&diff.same_person, &cells));
            }
        }
        left.sort_unstable();
        self.new.sort_unstable();
        for same in self.new.chunk_by(|one, other| one.0 == other.0) {
            let hash = same[0].0;
            let from = left.partition_point(|other| *other < hash);
            let gone = left[from..].iter().take_while(|other| **other == hash);
            let records = same.iter().map(|(_, record)| *record);
            match (gone.count(), same.len()) {
                (0, _) => {}
                (1, 1) => found.found.extend(records),
                _ => found.unclear.extend(records),
            }
        }
        found.found.sort_unstable();
        found.unclear.sort_unstable();
        Ok(found)
    }
}

/// One hash of the cells in these columns; nothing where one of them is empty: many people have no birth date on file.
fn fingerprint(columns: &[usize], cells: &[u64]) -> Option<u64> {
    let mut bytes = Vec::with_capacity(columns.len() * 8);
    for column in columns {
        match cells.get(*column)? {
            &EMPTY => return None,
            cell => bytes.extend_from_slice(&cell.to_le_bytes()),
        }
    }
    Some(xxh3_64(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_all_the_columns() {
        let cells = [1, 2, EMPTY, 4];
        assert_ne!(fingerprint(&[0, 1], &cells), fingerprint(&[1, 0], &cells));
        assert_eq!(
            fingerprint(&[0, 1], &cells),
            fingerprint(&[0, 1], &[1, 2, 3, 9])
        );
        assert_ne!(fingerprint(&[0, 3], &cells), fingerprint(&[0, 1], &cells));
        assert_eq!(fingerprint(&[0, 2], &cells), None);
    }
}
