//! Which cells are looked at: those of some rows. Which rows of a block these are its number tells, so that they are the same
//! whoever works on it and in whatever order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::facts::{Facts, Look};
use super::key::Key;
use crate::batch::{Batch, RowState};

/// Of so many blocks all rows are looked at, of as many behind them every second one, and so on.
const BLOCKS: u64 = 2;

/// Of later ones, a row of so many.
const EVERY: usize = 128;

/// The most cells of a block that are looked at.
const MOST_CELLS: usize = 1 << 16;

/// Looks at the cells of columns as the source has them.
pub(crate) struct Lookout {
    columns: Vec<Column>,
    key: Key,
}

struct Column {
    name: Arc<str>,
    slot: usize,
    /// Whether it is known by now that it has too many values for a code list: there is nothing left to hash.
    is_varied: AtomicBool,
}

/// What cells of a block look like, column by column.
pub(crate) struct Looks {
    rows: usize,
    cells: Vec<Look>,
}

/// What all of them looked like, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Rows that were looked at.
    pub rows: u64,
    pub columns: Vec<Facts>,
}

impl Lookout {
    /// For these columns and where they stand in the source.
    pub(crate) fn new(columns: impl IntoIterator<Item = (Arc<str>, usize)>, key: Key) -> Lookout {
        let column = |(name, slot)| Column {
            name,
            slot,
            is_varied: AtomicBool::new(false),
        };
        Lookout {
            columns: columns.into_iter().map(column).collect(),
            key,
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The names of the columns, in the order of the facts.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.columns.iter().map(|column| &column.name)
    }

    /// What some rows of a block look like that was parsed and nothing more.
    pub(crate) fn look(&self, batch: &Batch, block: u64) -> Looks {
        let rows = rows(block, batch.len(), self.columns.len());
        // Of a row at fault, the cells may be those of other columns.
        let rows: Vec<usize> = rows
            .filter(|row| batch.state(*row) == RowState::In)
            .collect();
        let mut cells = Vec::with_capacity(rows.len() * self.columns.len());
        for column in self.columns.iter().filter(|_| !rows.is_empty()) {
            let is_varied = column.is_varied.load(Ordering::Relaxed);
            let key = (!is_varied).then_some(&self.key);
            let of_column = batch.column(column.slot);
            cells.extend(
                rows.iter()
                    .map(|row| Look::at(batch.text(of_column[*row]), key)),
            );
        }
        Looks {
            rows: rows.len(),
            cells,
        }
    }

    /// Takes in what cells of a block look like.
    pub(crate) fn add(&self, sample: &mut Sample, looks: &Looks) {
        if looks.rows == 0 {
            return;
        }
        sample.rows += looks.rows as u64;
        sample
            .columns
            .resize_with(self.columns.len(), Facts::default);
        let columns = self.columns.iter().zip(&mut sample.columns);
        for ((column, facts), looks) in columns.zip(looks.cells.chunks_exact(looks.rows)) {
            looks.iter().for_each(|look| facts.see(look));
            if facts.codes.is_none() {
                column.is_varied.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// The rows of a block that are looked at. Where a block has few, they are those of some blocks.
fn rows(block: u64, rows: usize, columns: usize) -> impl Iterator<Item = usize> {
    let doublings = u32::try_from(block / BLOCKS).unwrap_or(u32::MAX);
    let every = 1_usize
        .checked_shl(doublings)
        .map_or(EVERY, |every| every.min(EVERY));
    let every = every.max((rows * columns).div_ceil(MOST_CELLS));
    // An odd factor leads to every first row in turn.
    let first = (block.wrapping_mul(37) % every as u64) as usize;
    (first..rows).step_by(every)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Kind, Row};

    fn batch(rows: usize) -> Batch {
        let mut batch = Batch::new(String::new(), 2);
        for line in 0..rows {
            batch.push_row(Row {
                line: line as u32,
                start: 0,
                end: 0,
            });
        }
        for column in 0..2 {
            let cell = |row: usize| match column {
                0 => row.to_string(),
                _ => format!("G{}", row % 3),
            };
            let cells = (0..rows)
                .map(|row| batch.append(&cell(row), Kind::Text))
                .collect();
            batch.put_column(column, cells);
        }
        batch
    }

    #[test]
    fn fewer_rows_of_later_blocks() {
        let looked_at = |block| rows(block, 1280, 20).count();
        assert_eq!([0, 1, 2, 4, 13].map(looked_at), [1280, 1280, 640, 320, 20]);
        assert!(
            [14, 1 << 40, u64::MAX]
                .iter()
                .all(|block| looked_at(*block) == 10)
        );
        // However few rows a block has, a row of so many is looked at.
        let of_few: usize = (100..228).map(|block| rows(block, 5, 1000).count()).sum();
        assert_eq!(of_few, 5);
        // And however many cells, no more of them.
        assert_eq!(rows(0, 1 << 16, 1).count(), 1 << 16);
        assert_eq!(rows(0, 1 << 17, 10).count(), (1 << 17) / 20 + 1);
    }

    #[test]
    fn the_order_of_the_blocks_does_not_matter() {
        let lookout = || {
            Lookout::new(
                [("id".into(), 0), ("grade".into(), 1)],
                Key::new(Some(b"a"), None).unwrap(),
            )
        };
        let blocks: Vec<(u64, Batch)> = (0..30).map(|n| (n, batch(90 + n as usize))).collect();
        let seen = |order: &mut dyn Iterator<Item = &(u64, Batch)>| {
            let lookout = lookout();
            let mut all = Sample::default();
            for (number, batch) in order {
                lookout.add(&mut all, &lookout.look(batch, *number));
            }
            let codes = all.columns[1].codes.as_mut().unwrap();
            codes.sort_unstable();
            all
        };
        let sample = seen(&mut blocks.iter());
        assert_eq!(sample, seen(&mut blocks.iter().rev()));
        assert_eq!(sample.columns[0].codes, None);
        assert_eq!(sample.columns[0].cells, sample.rows);
        assert_eq!(sample.columns[1].codes.as_ref().map(Vec::len), Some(3));
    }

    #[test]
    fn rows_at_fault_are_left_out() {
        let mut batch = batch(10);
        batch.drop_row(3);
        let lookout = Lookout::new([("id".into(), 0)], Key::new(None, None).unwrap());
        assert_eq!(lookout.look(&batch, 0).rows, 9);
    }
}
