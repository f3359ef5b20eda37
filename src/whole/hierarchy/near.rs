//! Near misses: names that nobody has, and that somebody would have but for case, blanks, zeros before them or a `.0`
//! behind them. They are looked for by reading the source once more, and only where somebody is missed.
//!
//! Memory: 8 bytes a record and 28 a row that misses its parent, when most of what the graph needed is gone. A name is
//! known by 48 bits of a hash, for a hint is all that it is.

use super::links::Chunks;
use crate::text::compare::Manner;
use crate::whole::bits::Bits;

/// What a name comes to when its manner of writing is left aside: 48 bits of a hash, and 16 for the manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loose(u64);

impl Loose {
    /// A row without a name.
    pub(crate) const NONE: Loose = Loose(0);

    pub(crate) fn new(hash: u64, manner: Manner) -> Loose {
        Loose((hash & !0xffff).max(1 << 16) | u64::from(manner.bits()))
    }

    fn hash(self) -> u64 {
        self.0 >> 16
    }

    fn manner(self) -> Manner {
        Manner::from_bits(self.0 as u16)
    }
}

/// A row that misses its parent by a little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Miss {
    pub record: u32,
    /// The row that has nearly that name.
    pub other: u32,
    one_is: u16,
    other_is: u16,
}

impl Miss {
    /// In what the names differ.
    pub(super) fn apart(self) -> String {
        let one = Manner::from_bits(self.one_is);
        one.apart(Manner::from_bits(self.other_is)).into_owned()
    }
}

/// The names of one more reading.
#[derive(Debug, Default)]
pub(super) struct Reading {
    names: Chunks<Loose>,
    /// What those rows name who miss it, each with the number of its record.
    missed: Vec<(Loose, u32)>,
}

impl Reading {
    /// Takes in the next record: its name, and that of its parent where it `misses` it.
    pub(super) fn push(&mut self, record: u32, name: Loose, parent: Loose, misses: bool) {
        self.names.push(name);
        if misses && parent != Loose::NONE {
            self.missed.push((parent, record));
        }
    }

    /// The rows that miss their parent by a little, in order, each with the first row that has nearly that name.
    pub(super) fn misses(mut self) -> Vec<Miss> {
        self.missed
            .sort_unstable_by_key(|(parent, record)| (parent.hash(), *record));
        let mut found = Vec::new();
        let mut answered = Bits::default();
        for (other, name) in (0..).zip(self.names.into_values()) {
            let from = self
                .missed
                .partition_point(|(parent, _)| parent.hash() < name.hash());
            if name == Loose::NONE || answered.get(from as u32) {
                continue;
            }
            let same = self.missed[from..].iter();
            let same = same.take_while(|(parent, _)| parent.hash() == name.hash());
            let known = found.len();
            found.extend(same.map(|&(parent, record)| Miss {
                record,
                other,
                one_is: parent.manner().bits(),
                other_is: name.manner().bits(),
            }));
            if found.len() > known {
                answered.set(from as u32);
            }
        }
        found.sort_unstable();
        found
    }

    pub(super) fn bytes(&self) -> usize {
        self.names.bytes() + self.missed.capacity() * size_of::<(Loose, u32)>()
    }
}
