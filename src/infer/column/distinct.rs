//! How many different values there are: exactly while they are few, and about that many beyond.
//!
//! The smallest hashes are kept, each once. If these are all that there are, their number is exact; otherwise the
//! largest of them tells how densely hashes lie, and so how many there are: with so many of them to about 1 % (one
//! standard error). What is kept depends on the values alone, not on how they were cut into blocks.

/// Hashes that are kept of a column: 128 KiB.
const KEPT: usize = 1 << 14;

/// The smallest hashes of a column's values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Distinct {
    hashes: Vec<u64>,
}

/// A number of different values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Count {
    pub count: u64,
    /// Whether it was counted, and not estimated.
    pub exact: bool,
}

impl Distinct {
    /// Of hashes that are in order, each once.
    pub(super) fn of(mut hashes: Vec<u64>) -> Distinct {
        debug_assert!(hashes.is_sorted());
        hashes.truncate(KEPT);
        Distinct { hashes }
    }

    pub(super) fn merge(&mut self, other: Distinct) {
        if self.hashes.is_empty() {
            *self = other;
            return;
        }
        let full = self.hashes.len() == KEPT;
        let last = self.hashes.last().copied().unwrap_or_default();
        let mut others = other.hashes;
        if full {
            others.truncate(others.partition_point(|hash| *hash < last));
        }
        others.retain(|hash| self.hashes.binary_search(hash).is_err());
        if others.is_empty() {
            return;
        }
        // Two runs in order, which this sort puts together without sorting them again.
        self.hashes.extend(others);
        self.hashes.sort();
        self.hashes.truncate(KEPT);
    }

    pub(crate) fn count(&self) -> Count {
        let kept = self.hashes.len();
        match self.hashes.last() {
            Some(last) if kept == KEPT => Count {
                count: ((kept - 1) as f64 / (*last as f64 / u64::MAX as f64)) as u64,
                exact: false,
            },
            _ => Count {
                count: kept as u64,
                exact: true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn of(range: std::ops::Range<u64>) -> Distinct {
        let mut hashes: Vec<u64> = range.map(|n| xxh3_64(&n.to_le_bytes())).collect();
        hashes.sort_unstable();
        Distinct::of(hashes)
    }

    #[test]
    fn few_are_counted_and_many_estimated() {
        let mut few = of(0..1000);
        few.merge(of(500..1500));
        assert_eq!(
            few.count(),
            Count {
                count: 1500,
                exact: true
            }
        );
        let mut many = Distinct::default();
        for part in 0..20 {
            many.merge(of(part * 5_000..part * 5_000 + 10_000));
        }
        let Count { count, exact } = many.count();
        assert!(!exact && (101_000..109_000).contains(&count), "{count}");
    }
}
