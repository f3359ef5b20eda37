//! Rows that have the same cells, in columns of few values.

use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_64;

use crate::batch::Batch;

/// Most values of a column by which rows are put together.
const MAX_VALUES: usize = 256;

/// Most combinations of the values of several columns, met or not.
const MAX_COMBINATIONS: usize = 4096;

/// Rows that tell whether it is worth to look at the others: of a column of few values, they have at most half as many.
const FIRST_ROWS: usize = 64;

/// Rows that have the same cells.
pub(super) struct Groups {
    /// The group of each row of the batch.
    of: Vec<u16>,
    /// A row of each group.
    pub(super) first: Vec<u32>,
}

impl Groups {
    /// The group of a row.
    #[inline]
    pub(super) fn of(&self, row: u32) -> usize {
        usize::from(self.of[row as usize])
    }

    /// Puts rows together by the kind and text of their cells; nothing where there are too many of these.
    pub(super) fn of_cells(batch: &Batch, slot: usize, rows: &[u32]) -> Option<Groups> {
        const PLACES: usize = 4 * MAX_VALUES;
        let cells = batch.column(slot);
        let mut places = [u16::MAX; PLACES];
        let mut groups = Groups {
            of: vec![0; batch.len()],
            first: Vec::new(),
        };
        for (at, &row) in rows.iter().enumerate() {
            let cell = cells[row as usize];
            let text = batch.text(cell);
            let mut place = xxh3_64(text.as_bytes()) as usize % PLACES;
            let group = loop {
                let group = places[place];
                if group == u16::MAX {
                    break None;
                }
                let other = cells[groups.first[usize::from(group)] as usize];
                if other.kind() == cell.kind() && batch.text(other) == text {
                    break Some(group);
                }
                place = (place + 1) % PLACES;
            };
            groups.of[row as usize] = match group {
                Some(group) => group,
                None => {
                    let group = groups.first.len();
                    if group == MAX_VALUES || at < FIRST_ROWS && group > FIRST_ROWS / 2 {
                        return None;
                    }
                    groups.first.push(row);
                    places[place] = group as u16;
                    group as u16
                }
            };
        }
        Some(groups)
    }

    /// The rows that are together in each of these, of so many.
    pub(super) fn combined(parts: &[Rc<Groups>], rows: &[u32], all: usize) -> Option<Groups> {
        let combinations: usize = parts.iter().map(|part| part.first.len()).product();
        if combinations > MAX_COMBINATIONS {
            return None;
        }
        let mut places = vec![u16::MAX; combinations];
        let mut groups = Groups {
            of: vec![0; all],
            first: Vec::new(),
        };
        for &row in rows {
            let combination = parts.iter().fold(0, |combination, part| {
                combination * part.first.len() + part.of(row)
            });
            let place = &mut places[combination];
            if *place == u16::MAX {
                *place = groups.first.len() as u16;
                groups.first.push(row);
            }
            groups.of[row as usize] = *place;
        }
        Some(groups)
    }
}
