//! What is kept of an accepted run: its columns, and what their cells looked like. No value, and of values that few rows
//! have no hash either.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::key::KeyMark;
use super::sample::{Lookout, Sample};
use super::shape::{DATES, Shape};

/// Version of the file's form.
pub(crate) const MEMORY_VERSION: u32 = 1;

/// What fewer rows have is not kept, so that no hash stands for a person.
const FEWEST: u64 = 10;

/// Values that are kept must be those of so large a part of the cells: else the column is not a code list.
const COVERED: f64 = 0.9;

/// A column that so small a part of the records has may be missing among the first of them by chance.
const RARE: f64 = 0.02;

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Version of the form: [`MEMORY_VERSION`].
    pub drift_version: u32,
    pub key: KeyMark,
    /// Rows that were looked at.
    pub rows: u64,
    /// All columns of the source, in its order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    /// What its cells looked like, where the pipeline made use of it.
    pub cells: Option<Cells>,
}

/// What cells looked like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cells {
    /// Cells that were looked at.
    pub seen: u64,
    /// Of these, those with a value.
    pub filled: u64,
    pub shapes: BTreeMap<Shape, u64>,
    /// The length that most have, in characters, and how many have it.
    pub length: Option<(u8, u64)>,
    /// The values of a code list as hashes, and how many cells have them; nothing of a column that is not one.
    pub codes: Option<Vec<(u64, u64)>>,
}

impl Memory {
    /// Of a run with these columns, of which some were looked at.
    pub(crate) fn new(names: &[Arc<str>], lookout: &Lookout, sample: &Sample) -> Memory {
        let seen: BTreeMap<&str, &Facts> = lookout
            .names()
            .map(|name| &**name)
            .zip(&sample.columns)
            .collect();
        let column = |name: &Arc<str>| Column {
            name: name.to_string(),
            cells: seen.get(&**name).map(|facts| Cells::from(*facts)),
        };
        Memory {
            drift_version: MEMORY_VERSION,
            key: lookout.key().mark().clone(),
            rows: sample.rows,
            columns: names.iter().map(column).collect(),
        }
    }

    /// Keeps the columns of another that this one happens not to have, where columns are those that the first records have.
    pub(crate) fn keep_rare(&mut self, other: &Memory) {
        let own = self.by_name();
        let others = other.columns.iter();
        let rare = others.filter(|column| column.is_rare() && !own.contains_key(&*column.name));
        let rare: Vec<Column> = rare.cloned().collect();
        self.columns.extend(rare);
    }

    /// The columns by their names.
    pub(crate) fn by_name(&self) -> HashMap<&str, &Column> {
        let columns = self.columns.iter();
        columns.map(|column| (&*column.name, column)).collect()
    }
}

impl Column {
    /// Whether so few records had a value in it that the first thousand may all lack it.
    pub(crate) fn is_rare(&self) -> bool {
        let rare = |cells: &Cells| cells.filled as f64 <= RARE * cells.seen as f64;
        self.cells.as_ref().is_some_and(rare)
    }
}

impl From<&Facts> for Cells {
    fn from(facts: &Facts) -> Cells {
        let shapes = Shape::ALL.map(|shape| (shape, facts.shaped(shape)));
        let filled = facts.filled();
        let codes = facts.codes.as_ref().map(|codes| {
            let mut kept = codes.clone();
            kept.retain(|(_, cells)| *cells >= FEWEST);
            kept.sort_unstable();
            kept
        });
        let covers = |codes: &Vec<(u64, u64)>| {
            let kept: u64 = codes.iter().map(|(_, cells)| cells).sum();
            kept as f64 >= filled as f64 * COVERED && kept > 0
        };
        // Days are others in every run.
        let dates: u64 = DATES.iter().map(|shape| facts.shaped(*shape)).sum();
        let are_codes = 2 * dates < filled;
        Cells {
            seen: facts.cells,
            filled,
            shapes: shapes.into_iter().filter(|(_, cells)| *cells > 0).collect(),
            length: facts.commonest_length(),
            codes: codes.filter(covers).filter(|_| are_codes),
        }
    }
}

impl Cells {
    /// How many cells looked so.
    pub(crate) fn shaped(&self, shape: Shape) -> u64 {
        self.shapes.get(&shape).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::facts::Look;
    use crate::drift::key::Key;

    fn cells(values: &[(&str, usize)]) -> Cells {
        let key = Key::new(None, None).unwrap();
        let mut facts = Facts::default();
        for (value, times) in values {
            (0..*times).for_each(|_| facts.see(&Look::at(value, Some(&key))));
        }
        Cells::from(&facts)
    }

    #[test]
    fn what_few_rows_have_is_not_kept() {
        let counts = |cells: Cells| {
            let mut counts: Vec<u64> = cells.codes?.iter().map(|(_, cells)| *cells).collect();
            counts.sort_unstable();
            Some(counts)
        };
        assert_eq!(
            counts(cells(&[("A", 90), ("B", 10), ("C", 9)])),
            Some(vec![10, 90])
        );
        // Names of people, or mostly.
        assert_eq!(counts(cells(&[("Ada", 1), ("Bob", 1)])), None);
        assert_eq!(counts(cells(&[("A", 10), ("Ada", 2)])), None);
        assert_eq!(counts(cells(&[])), None);
    }

    #[test]
    fn a_memory_is_read_as_it_was_written() {
        let key = Key::new(None, None).unwrap();
        let lookout = Lookout::new([("b".into(), 1)], key.clone());
        let mut facts = Facts::default();
        for value in ["1", "", "01/02/2020"].repeat(12) {
            facts.see(&Look::at(value, Some(&key)));
        }
        let sample = Sample {
            rows: 36,
            columns: vec![facts],
        };
        let memory = Memory::new(&["a".into(), "b".into()], &lookout, &sample);
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
        assert!(
            text.contains(r#""shapes":{"whole":12,"either":12}"#),
            "{text}"
        );
        assert!(!text.contains("2020"), "{text}");
        assert_eq!(memory.by_name()["a"].cells, None);
    }
}
