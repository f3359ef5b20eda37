//! Which rows of every block are written: found by the first pass, so that the second need not judge them again.

use crate::batch::{Batch, RowState};

/// The rows that are written, block by block; what is left out for what only the whole file knows is among them.
///
/// Memory: a bit a record, and nothing for a block of which all rows are written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenRows {
    blocks: Vec<Block>,
}

#[derive(Debug, PartialEq, Eq)]
struct Block {
    records: usize,
    /// A bit a record; nothing where all are written.
    bits: Option<Box<[u64]>>,
}

impl WrittenRows {
    /// Enters the next block: so many records, of which these are written.
    pub(crate) fn push(&mut self, records: usize, rows: &[u32]) {
        let bits = (rows.len() < records).then(|| {
            let mut bits = vec![0; records.div_ceil(64)];
            for row in rows {
                bits[*row as usize / 64] |= 1 << (row % 64);
            }
            bits.into_boxed_slice()
        });
        self.blocks.push(Block { records, bits });
    }

    /// Those of these records that are written, by their numbers in the source, which are in order; and their rows alone.
    pub(crate) fn among(&self, records: &[u32]) -> (Vec<u32>, WrittenRows) {
        let (mut written, mut chosen) = (Vec::new(), WrittenRows::default());
        let (mut first, mut rest) = (0, records);
        for block in &self.blocks {
            let end = first + block.records as u32;
            let (here, behind) = rest.split_at(rest.partition_point(|record| *record < end));
            let rows = here.iter().map(|record| record - first);
            let rows: Vec<u32> = rows.filter(|row| block.has(*row as usize)).collect();
            written.extend(rows.iter().map(|row| first + row));
            chosen.push(block.records, &rows);
            (first, rest) = (end, behind);
        }
        (written, chosen)
    }

    /// Whether no row of a block is written.
    pub(crate) fn is_none(&self, number: u64) -> bool {
        let block = usize::try_from(number)
            .ok()
            .and_then(|at| self.blocks.get(at));
        let bits = block.and_then(|block| block.bits.as_ref());
        bits.is_some_and(|bits| bits.iter().all(|word| *word == 0))
    }

    /// Takes the rows out of a block that are not written, with `take_out`. A source that has changed since may have other
    /// blocks: their hash tells.
    pub(crate) fn choose(&self, number: u64, batch: &mut Batch, take_out: fn(&mut Batch, usize)) {
        let block = usize::try_from(number)
            .ok()
            .and_then(|at| self.blocks.get(at));
        let Some(block) = block.filter(|block| block.records == batch.len()) else {
            return;
        };
        if block.bits.is_none() {
            return;
        }
        for row in 0..batch.len() {
            if !block.has(row) && batch.state(row) == RowState::In {
                take_out(batch, row);
            }
        }
    }
}

impl Block {
    fn has(&self, row: usize) -> bool {
        let bits = self.bits.as_ref();
        bits.is_none_or(|bits| bits[row / 64] & (1 << (row % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Row;

    fn batch(rows: usize) -> Batch {
        let mut batch = Batch::new(String::new(), 1);
        for _ in 0..rows {
            batch.push_row(Row {
                line: 0,
                start: 0,
                end: 0,
            });
        }
        batch
    }

    #[test]
    fn rows_are_chosen_as_they_were_written() {
        let mut written = WrittenRows::default();
        let some: Vec<u32> = (0..130).filter(|row| row % 3 == 0).collect();
        written.push(130, &some);
        written.push(5, &[0, 1, 2, 3, 4]);
        let chosen = |number, rows| {
            let mut batch = batch(rows);
            written.choose(number, &mut batch, Batch::drop_row);
            let left = (0..rows as u32).filter(|row| batch.state(*row as usize) == RowState::In);
            left.collect::<Vec<_>>()
        };
        assert_eq!(chosen(0, 130), some);
        assert_eq!(chosen(1, 5), [0, 1, 2, 3, 4]);
        // Blocks that the first pass did not see.
        assert_eq!(chosen(0, 2), [0, 1]);
        assert_eq!(chosen(7, 2), [0, 1]);
    }

    #[test]
    fn some_of_those_that_are_written_are_chosen_by_their_numbers() {
        let mut written = WrittenRows::default();
        written.push(3, &[0, 2]);
        written.push(0, &[]);
        written.push(70, &(0..70).collect::<Vec<_>>());
        written.push(4, &[1]);
        let (records, rows) = written.among(&[1, 2, 3, 70, 72, 73, 74]);
        assert_eq!(records, [2, 3, 70, 72, 74]);
        let mut expected = WrittenRows::default();
        expected.push(3, &[2]);
        expected.push(0, &[]);
        expected.push(70, &[0, 67, 69]);
        expected.push(4, &[1]);
        assert_eq!(rows, expected);
        let (none, rows) = written.among(&[1]);
        assert!(none.is_empty());
        assert!([0, 2, 3].into_iter().all(|number| rows.is_none(number)));
        assert!(!written.is_none(0));
    }
}
