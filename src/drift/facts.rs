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

/// What one cell looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Nothing where it has no value.
    shape: Option<Shape>,
    /// In characters, as far as lengths are told apart.
    length: u8,
    /// The hash of the value; nothing where that was not asked for, or is too long for a code list.
    code: Option<u64>,
}

impl Look {
    /// With the hash of its value where there is a key.
    pub(crate) fn at(text: &str, key: Option<&Key>) -> Look {
        let text = text.trim_ascii();
        let length = match text.is_ascii() {
            true => text.len(),
            false => text.chars().count(),
        };
        let key = key.filter(|_| text.len() <= LONGEST_CODE);
        Look {
            shape: (!text.is_empty()).then(|| Shape::of(text)),
            length: length.min(LENGTHS - 1) as u8,
            code: key.map(|key| key.hash(text)),
        }
    }
}

impl Facts {
    /// Takes in a cell.
    pub(crate) fn see(&mut self, look: &Look) {
        self.cells += 1;
        let Some(shape) = look.shape else {
            self.empty += 1;
            return;
        };
        self.shapes[shape as usize] += 1;
        self.lengths[usize::from(look.length)] += 1;
        let (Some(codes), Some(code)) = (&mut self.codes, look.code) else {
            self.codes = None;
            return;
        };
        match codes.iter().position(|(known, _)| *known == code) {
            Some(at) => codes[at].1 += 1,
            None if codes.len() == MOST_CODES => self.codes = None,
            None => codes.push((code, 1)),
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
        cells
            .iter()
            .for_each(|cell| facts.see(&Look::at(cell, Some(key))));
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
        let key = Key::new(None, None).unwrap();
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
        let key = Key::new(None, None).unwrap();
        let values = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert!(facts(&values(MOST_CODES), &key).codes.is_some());
        assert_eq!(facts(&values(MOST_CODES + 1), &key).codes, None);
        assert_eq!(facts(&["x".repeat(LONGEST_CODE + 1)], &key).codes, None);
    }

    proptest! {
        #[test]
        fn the_order_of_the_cells_does_not_matter(
            cells in prop::collection::vec("[a-c]{0,2}|[0-9]{1,3}|[0-3][0-9]/[01][0-9]/2020| ", 0..200),
            cut in 0..200usize,
        ) {
            let key = Key::new(Some(b"a secret"), None).unwrap();
            let whole = facts(&cells, &key);
            let cut = cut.min(cells.len());
            let parts = [&cells[cut..], &cells[..cut]].concat();
            prop_assert_eq!(sorted(facts(&parts, &key)), sorted(whole.clone()));
            let backwards: Vec<String> = cells.into_iter().rev().collect();
            prop_assert_eq!(sorted(facts(&backwards, &key)), sorted(whole));
        }
    }
}
