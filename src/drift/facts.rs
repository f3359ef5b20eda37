//! What the cells of a column look like, added up over any number of blocks.

use super::key::Key;
use super::shape::Shape;

/// The most values that a code list may have.
const MOST_CODES: usize = 64;

/// The longest value of a code list, in bytes.
const LONGEST_CODE: usize = 64;

/// Lengths are told apart up to this one, in characters.
pub(super) const LENGTHS: usize = 33;

/// What cells look like. Of which cells they are does not matter, nor in which order they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Cells that were looked at.
    pub cells: u64,
    /// Of these, those without a value.
    pub empty: u64,
    shapes: [u64; Shape::ALL.len()],
    lengths: [u64; LENGTHS],
    /// Hashes of the values and how many cells have them; nothing where they are too many for a code list.
    pub codes: Option<Vec<(u64, u64)>>,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            cells: 0,
            empty: 0,
            shapes: [0; Shape::ALL.len()],
            lengths: [0; LENGTHS],
            codes: Some(Vec::new()),
        }
    }
}

impl Facts {
    /// Takes in a cell.
    pub(crate) fn see(&mut self, text: &str, key: &Key) {
        self.cells += 1;
        let text = text.trim_ascii();
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        self.shapes[Shape::of(text) as usize] += 1;
        let length = match text.is_ascii() {
            true => text.len(),
            false => text.chars().count(),
        };
        self.lengths[length.min(LENGTHS - 1)] += 1;
        if self.codes.is_some() {
            match text.len() <= LONGEST_CODE {
                true => self.add_code(key.hash(text), 1),
                false => self.codes = None,
            }
        }
    }

    /// Takes in what was found of other cells.
    pub(crate) fn merge(&mut self, other: &Facts) {
        self.cells += other.cells;
        self.empty += other.empty;
        for (own, other) in self.shapes.iter_mut().zip(&other.shapes) {
            *own += other;
        }
        for (own, other) in self.lengths.iter_mut().zip(&other.lengths) {
            *own += other;
        }
        match &other.codes {
            Some(codes) => codes
                .iter()
                .for_each(|(hash, cells)| self.add_code(*hash, *cells)),
            None => self.codes = None,
        }
    }

    fn add_code(&mut self, hash: u64, cells: u64) {
        let Some(codes) = &mut self.codes else {
            return;
        };
        match codes.iter().position(|(known, _)| *known == hash) {
            Some(at) => codes[at].1 += cells,
            None if codes.len() == MOST_CODES => self.codes = None,
            None => codes.push((hash, cells)),
        }
    }

    /// Cells with a value.
    pub(crate) fn filled(&self) -> u64 {
        self.cells - self.empty
    }

    /// How many cells look so.
    pub(crate) fn shaped(&self, shape: Shape) -> u64 {
        self.shapes[shape as usize]
    }

    /// How many cells have so many characters.
    pub(crate) fn as_long_as(&self, length: u8) -> u64 {
        self.lengths.get(usize::from(length)).copied().unwrap_or(0)
    }

    /// The length that most cells have, where it is told apart from longer ones, and how many have it.
    pub(crate) fn commonest_length(&self) -> Option<(u8, u64)> {
        let told = self.lengths[..LENGTHS - 1].iter().zip(0..);
        let (cells, length) = told.max_by_key(|(cells, _)| **cells)?;
        (*cells > 0).then_some((length, *cells))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(cells: &[String], key: &Key) -> Facts {
        let mut facts = Facts::default();
        cells.iter().for_each(|cell| facts.see(cell, key));
        facts
    }

    fn sorted(mut facts: Facts) -> Facts {
        if let Some(codes) = &mut facts.codes {
            codes.sort_unstable();
        }
        facts
    }

    #[test]
    fn what_is_counted() {
        let key = Key::new(None, None);
        let cells = ["G1", "", "G2", " G1 ", "7", "  ", "x".repeat(40).as_str()].map(str::to_owned);
        let facts = facts(&cells, &key);
        assert_eq!((facts.cells, facts.empty, facts.filled()), (7, 2, 5));
        assert_eq!(
            (facts.shaped(Shape::Text), facts.shaped(Shape::Whole)),
            (4, 1)
        );
        assert_eq!(facts.commonest_length(), Some((2, 3)));
        let codes: Vec<u64> = facts
            .codes
            .unwrap()
            .iter()
            .map(|(_, cells)| *cells)
            .collect();
        assert_eq!(codes, [2, 1, 1, 1]);
    }

    #[test]
    fn too_many_values_are_not_a_list() {
        let key = Key::new(None, None);
        let values = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert!(facts(&values(MOST_CODES), &key).codes.is_some());
        assert_eq!(facts(&values(MOST_CODES + 1), &key).codes, None);
        assert_eq!(facts(&["x".repeat(LONGEST_CODE + 1)], &key).codes, None);
    }

    proptest! {
        #[test]
        fn facts_of_parts_make_the_facts_of_the_whole(
            cells in prop::collection::vec("[a-c]{0,2}|[0-9]{1,3}|[0-3][0-9]/[01][0-9]/2020| ", 0..200),
            cuts in prop::collection::vec(0..200usize, 0..5),
        ) {
            let key = Key::new(Some(b"a secret"), None);
            let whole = facts(&cells, &key);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(cells.len())).collect();
            cuts.extend([0, cells.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|cut| facts(&cells[cut[0]..cut[1]], &key));
            let parts: Vec<Facts> = parts.collect();
            let mut merged = Facts::default();
            parts.iter().for_each(|part| merged.merge(part));
            prop_assert_eq!(sorted(merged), sorted(whole.clone()));
            let mut backwards = Facts::default();
            parts.iter().rev().for_each(|part| backwards.merge(part));
            prop_assert_eq!(sorted(backwards), sorted(whole));
        }
    }
}
