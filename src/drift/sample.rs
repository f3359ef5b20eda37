//! Which cells are looked at: those of some rows of every block. Which rows these are the number of the block tells, so
//! that it is the same whoever works on it and in whatever order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::facts::Facts;
use super::key::Key;
use crate::batch::{Batch, RowState};

/// Of so many blocks all rows are looked at, of as many behind them every second one, and so on.
const BLOCKS: u64 = 2;

/// Every so many rows, at the least.
const EVERY: usize = 128;

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

/// What the cells looked like, column by column.
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
    pub(crate) fn look(&self, batch: &Batch, block: u64) -> Sample {
        let rows = (0..batch.len()).step_by(every(block));
        // Of a row at fault, the cells may be those of other columns.
        let rows: Vec<usize> = rows
            .filter(|row| batch.state(*row) == RowState::In)
            .collect();
        let facts = |column: &Column| {
            let mut facts = Facts::default();
            if column.is_varied.load(Ordering::Relaxed) {
                facts.codes = None;
            }
            let cells = batch.column(column.slot);
            rows.iter()
                .for_each(|row| facts.see(batch.text(cells[*row]), &self.key));
            facts
        };
        Sample {
            rows: rows.len() as u64,
            columns: self.columns.iter().map(facts).collect(),
        }
    }

    /// Takes in what a block looks like.
    pub(crate) fn add(&self, sample: &mut Sample, of_block: Sample) {
        if sample.columns.is_empty() {
            *sample = of_block;
        } else {
            sample.rows += of_block.rows;
            for (own, other) in sample.columns.iter_mut().zip(&of_block.columns) {
                own.merge(other);
            }
        }
        for (column, facts) in self.columns.iter().zip(&sample.columns) {
            if facts.codes.is_none() {
                column.is_varied.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn every(block: u64) -> usize {
    let doublings = u32::try_from(block / BLOCKS).unwrap_or(u32::MAX);
    1_usize
        .checked_shl(doublings)
        .map_or(EVERY, |every| every.min(EVERY))
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
        assert_eq!(
            [0, 1, 2, 4, 13, 14, 1 << 40, u64::MAX].map(every),
            [1, 1, 2, 4, 64, 128, 128, 128]
        );
    }

    #[test]
    fn the_order_of_the_blocks_does_not_matter() {
        let lookout = || {
            Lookout::new(
                [("id".into(), 0), ("grade".into(), 1)],
                Key::new(Some(b"a"), None),
            )
        };
        let blocks: Vec<(u64, Batch)> = (0..30).map(|n| (n, batch(90 + n as usize))).collect();
        let seen = |order: &mut dyn Iterator<Item = &(u64, Batch)>| {
            let lookout = lookout();
            let mut all = Sample::default();
            for (number, batch) in order {
                lookout.add(&mut all, lookout.look(batch, *number));
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
        let lookout = Lookout::new([("id".into(), 0)], Key::new(None, None));
        assert_eq!(lookout.look(&batch, 0).rows, 9);
    }
}
