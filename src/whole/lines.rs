//! Which file and physical line a record came from, and whether it was sent.
//!
//! Memory: a bit a record, and four bytes a record in blocks whose records do not all have as many lines (4 MiB per
//! million records).

use std::ops::Range;

/// A place in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file, from 0.
    pub file: u32,
    /// Physical line on which the record begins, from 1.
    pub line: u64,
}

/// The places of all records of a run, by their number in the order of the source.
#[derive(Debug, Default)]
pub struct Lines {
    blocks: Vec<Span>,
    records: usize,
    sent: Vec<u64>,
    counts_only: bool,
}

#[derive(Debug)]
struct Span {
    first: u32,
    file: u32,
    line: u64,
    lines: Spread,
}

/// Where the records of a block begin, counted from the block's first line.
#[derive(Debug)]
enum Spread {
    /// So many records, of which the first is here, and each so many lines behind the one before.
    Even {
        count: u32,
        from: u32,
        step: u32,
    },
    Each(Box<[u32]>),
}

impl Spread {
    fn of(lines: impl ExactSizeIterator<Item = u32> + Clone) -> Spread {
        let mut some = lines.clone();
        let from = some.next().unwrap_or(0);
        let step = some.next().map_or(0, |second| second.wrapping_sub(from));
        let count = lines.len() as u32;
        let even = (0..count).map(|at| from.wrapping_add(at.wrapping_mul(step)));
        match lines.clone().eq(even) {
            true => Spread::Even { count, from, step },
            false => Spread::Each(lines.collect()),
        }
    }

    fn get(&self, at: u32) -> Option<u32> {
        match self {
            Spread::Even { count, from, step } => {
                (at < *count).then(|| from.wrapping_add(at.wrapping_mul(*step)))
            }
            Spread::Each(lines) => lines.get(at as usize).copied(),
        }
    }
}

impl Lines {
    /// Counts records and remembers nothing of them: for runs in which nobody will ask.
    pub fn counting() -> Lines {
        Lines {
            counts_only: true,
            ..Lines::default()
        }
    }

    /// Enters the records of the next block.
    pub fn push(
        &mut self,
        file: u32,
        line: u64,
        lines: impl ExactSizeIterator<Item = u32> + Clone,
    ) {
        let first = self.records as u32;
        self.records += lines.len();
        if self.counts_only {
            return;
        }
        self.sent.resize(self.records.div_ceil(64), 0);
        if lines.len() > 0 {
            self.blocks.push(Span {
                first,
                file,
                line,
                lines: Spread::of(lines),
            });
        }
    }

    /// How many records were entered.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The place of a record.
    pub fn place(&self, record: u32) -> Option<Place> {
        let after = self.blocks.partition_point(|b| b.first <= record);
        let block = self.blocks.get(after.checked_sub(1)?)?;
        let line = block.lines.get(record - block.first)?;
        Some(Place {
            file: block.file,
            line: block.line + u64::from(line),
        })
    }

    /// Says that a record is part of the body.
    pub fn mark_sent(&mut self, record: u32) {
        if self.counts_only {
            return;
        }
        self.sent[record as usize / 64] |= 1 << (record % 64);
    }

    /// Says that all of these are.
    pub(crate) fn mark_all_sent(&mut self, records: Range<u32>) {
        if self.counts_only || records.is_empty() {
            return;
        }
        let (first, last) = (records.start as usize, records.end as usize - 1);
        let words = &mut self.sent[first / 64..=last / 64];
        let (front, back) = (!0 << (first % 64), !0 >> (63 - last % 64));
        match words {
            [only] => *only |= front & back,
            [head, between @ .., tail] => {
                *head |= front;
                between.fill(!0);
                *tail |= back;
            }
            [] => {}
        }
    }

    /// Whether a record is part of the body.
    pub(crate) fn is_sent(&self, record: u32) -> bool {
        let word = self.sent.get(record as usize / 64);
        word.is_some_and(|word| word & (1 << (record % 64)) != 0)
    }

    /// Says that a record is no part of the body after all.
    pub(crate) fn mark_not_sent(&mut self, record: u32) {
        if let Some(word) = self.sent.get_mut(record as usize / 64) {
            *word &= !(1 << (record % 64));
        }
    }

    /// Says of all records that they are no part of the body.
    pub fn mark_none_sent(&mut self) {
        self.sent.fill(0);
    }

    /// The records that are part of the body, in order.
    pub fn sent(&self) -> impl Iterator<Item = u32> + '_ {
        self.sent.iter().enumerate().flat_map(|(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros();
                    word &= word - 1;
                    at as u32 * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_are_marked_as_one_by_one(marked in proptest::collection::vec((0u32..300, 0u32..150), 0..5)) {
            let (mut all, mut each) = (Lines::default(), Lines::default());
            for lines in [&mut all, &mut each] {
                lines.push(0, 1, 0..450);
            }
            for (first, count) in marked {
                all.mark_all_sent(first..first + count);
                (first..first + count).for_each(|record| each.mark_sent(record));
            }
            prop_assert!(all.sent().eq(each.sent()));
        }

        #[test]
        fn lines_are_found_however_records_are_spread(
            spread in prop_oneof![
                (0u32..9, 0u32..4, 0u32..50).prop_map(|(from, step, n)| (0..n).map(|at| from + at * step).collect()),
                proptest::collection::vec(0u32..9, 0..50),
            ],
        ) {
            let mut lines = Lines::default();
            lines.push(0, 5, spread.iter().copied());
            for (record, line) in (0..).zip(&spread) {
                prop_assert_eq!(lines.place(record), Some(Place { file: 0, line: 5 + u64::from(*line) }));
            }
            prop_assert_eq!(lines.place(spread.len() as u32), None);
        }
    }

    #[test]
    fn finds_places_and_what_was_sent() {
        let mut lines = Lines::default();
        lines.push(0, 2, [0, 3, 4].into_iter());
        lines.push(0, 9, [].into_iter());
        lines.push(1, 2, (0..100).collect::<Vec<_>>().into_iter());
        assert_eq!(lines.place(1), Some(Place { file: 0, line: 5 }));
        assert_eq!(lines.place(3), Some(Place { file: 1, line: 2 }));
        assert_eq!(lines.place(102), Some(Place { file: 1, line: 101 }));
        assert_eq!(lines.place(103), None);
        for record in [0, 2, 64, 102] {
            lines.mark_sent(record);
        }
        assert_eq!(lines.sent().collect::<Vec<_>>(), [0, 2, 64, 102]);
        lines.mark_not_sent(2);
        lines.mark_not_sent(3);
        assert_eq!(lines.sent().collect::<Vec<_>>(), [0, 64, 102]);
        assert_eq!(lines.len(), 103);
    }
}
