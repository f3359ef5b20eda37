//! Who names whom: from hashes of names to numbers of records.
//!
//! Memory: 8 bytes a record until the file ends, and 12 for each whose name the key's table does not have: all of them
//! where parents are not named by the key, otherwise those that a filter left out. Then 4 bytes a record, while the rest
//! goes.

use crate::whole::{Fate, Fates};

/// Values that are kept together: what grows never needs the room of twice what it holds.
const TOGETHER: usize = 1 << 16;

/// Names are looked up beside those with the same upper bits.
const BUCKET_BITS: u32 = 16;

/// The parent of a record that names none.
const NONE: u64 = 0;

/// The parent of a record that names itself.
const ITSELF: u64 = 1;

/// Values in the order of the records.
#[derive(Debug)]
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks(Vec::new())
    }
}

impl<T> Chunks<T> {
    pub(super) fn push(&mut self, value: T) {
        if self.0.last().is_none_or(|last| last.len() == TOGETHER) {
            self.0.push(Vec::with_capacity(TOGETHER));
        }
        if let Some(last) = self.0.last_mut() {
            last.push(value);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// All values, in order; the memory of what is past is given back.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len() * TOGETHER * size_of::<T>()
    }
}

/// A name and the record that has it: both halves of its hash, and the record's number.
type Name = [u32; 3];

fn hash_of(name: &Name) -> u64 {
    u64::from(name[0]) | u64::from(name[1]) << 32
}

/// The names seen so far, and whom each record names.
#[derive(Debug, Default)]
pub(super) struct Named {
    names: Chunks<Name>,
    parents: Chunks<u64>,
}

impl Named {
    /// Takes in a name of a record.
    pub(super) fn name(&mut self, hash: u64, record: u32) {
        let hash = hash.max(ITSELF + 1);
        self.names.push([hash as u32, (hash >> 32) as u32, record]);
    }

    /// Takes in the next record: the name of its parent, and its own.
    pub(super) fn parent(&mut self, parent: u64, own: u64) {
        self.parents.push(match parent {
            NONE => NONE,
            parent if parent == own => ITSELF,
            parent => parent.max(ITSELF + 1),
        });
    }

    pub(super) fn bytes(&self) -> usize {
        self.names.bytes() + self.parents.bytes()
    }

    /// Finds the record that each one names.
    pub(super) fn resolve(self, fates: &Fates<'_>, shares_keys: bool) -> Links {
        let names = Names::new(self.names);
        let mut up = Vec::with_capacity(self.parents.len());
        up.extend(fates.all().map(|fate| match fate {
            Fate::In => Up::Root.code(),
            Fate::Rejected => Up::Out(Gone::Rejected).code(),
            Fate::Filtered | Fate::LeftOut => Up::Out(Gone::Filtered).code(),
        }));
        let keys = fates.keys.filter(|_| shares_keys);
        for (record, parent) in self.parents.into_values().enumerate() {
            if up[record] != Up::Root.code() || parent == NONE {
                continue;
            }
            let found = match parent {
                ITSELF => Up::Own,
                parent => {
                    let known = keys.and_then(|keys| keys.find(parent));
                    let known = known.or_else(|| names.find(parent, &up));
                    known.map_or(Up::Absent, Up::To)
                }
            };
            up[record] = found.code();
        }
        Links {
            shared: names.shared(&up),
            up,
        }
    }
}

/// Names in the order of their hashes.
struct Names {
    sorted: Vec<Name>,
    /// Where the names begin that have these upper bits.
    starts: Vec<u32>,
}

impl Names {
    fn new(names: Chunks<Name>) -> Names {
        let mut sorted = Vec::with_capacity(names.len());
        sorted.extend(names.into_values());
        sorted.sort_unstable_by_key(|name| (hash_of(name), name[2]));
        let mut starts = Vec::new();
        if !sorted.is_empty() {
            starts.resize((1 << BUCKET_BITS) + 1, 0);
            for name in &sorted {
                starts[Names::bucket(hash_of(name)) + 1] += 1;
            }
            for at in 1..starts.len() {
                starts[at] += starts[at - 1];
            }
        }
        Names { sorted, starts }
    }

    fn bucket(hash: u64) -> usize {
        (hash >> (u64::BITS - BUCKET_BITS)) as usize
    }

    /// The record of this name: the first that is sent, or else one that was rejected, or else one that was left out.
    fn find(&self, hash: u64, up: &[u32]) -> Option<u32> {
        let at = Names::bucket(hash);
        let (&start, &end) = (self.starts.get(at)?, self.starts.get(at + 1)?);
        let bucket = &self.sorted[start as usize..end as usize];
        let from = bucket.partition_point(|name| hash_of(name) < hash);
        let same = bucket[from..].iter().take_while(|n| hash_of(n) == hash);
        let rank = |name: &&Name| match Up::of(up[name[2] as usize]) {
            Up::Out(Gone::Filtered) => 2,
            Up::Out(Gone::Rejected) => 1,
            _ => 0,
        };
        same.min_by_key(rank).map(|name| name[2])
    }

    /// Records of one name that are sent, and whose own parents differ: the first, and each other.
    fn shared(&self, up: &[u32]) -> Vec<(u32, u32)> {
        let mut shared = Vec::new();
        for same in self.sorted.chunk_by(|a, b| hash_of(a) == hash_of(b)) {
            let is_sent = |record: &u32| !matches!(Up::of(up[*record as usize]), Up::Out(_));
            let mut sent = same.iter().map(|name| name[2]).filter(is_sent);
            if let Some(first) = sent.next() {
                let unlike = sent.filter(|other| up[first as usize] != up[*other as usize]);
                shared.extend(unlike.map(|other| (first, other)));
            }
        }
        shared
    }
}

/// Whom each record names.
pub(super) struct Links {
    /// By record, an [`Up`] each.
    pub up: Vec<u32>,
    /// Records of one name whose own parents differ: the one that stands for the name, and another.
    pub shared: Vec<(u32, u32)>,
}

/// Why a record is not in the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    Rejected,
    Filtered,
}

/// What stands above a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Up {
    /// The record itself is not in the upload.
    Out(Gone),
    /// It names nobody.
    Root,
    /// It names itself.
    Own,
    /// It names somebody who is not in the source.
    Absent,
    /// It names this record, which may be out.
    To(u32),
}

impl Up {
    const CODES: [Up; 5] = [
        Up::Out(Gone::Rejected),
        Up::Out(Gone::Filtered),
        Up::Root,
        Up::Own,
        Up::Absent,
    ];

    /// In 32 bits: no file has so many records that the last five numbers would be needed, for each takes some bytes.
    pub(super) const fn code(self) -> u32 {
        match self {
            Up::Out(Gone::Rejected) => u32::MAX,
            Up::Out(Gone::Filtered) => u32::MAX - 1,
            Up::Root => u32::MAX - 2,
            Up::Own => u32::MAX - 3,
            Up::Absent => u32::MAX - 4,
            Up::To(record) => record,
        }
    }

    pub(super) fn of(code: u32) -> Up {
        let special = Up::CODES.get((u32::MAX - code) as usize);
        special.copied().unwrap_or(Up::To(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_above_is_known_by_its_code() {
        for up in Up::CODES {
            assert_eq!(Up::of(up.code()), up);
        }
        for record in [0, 7, u32::MAX - 5] {
            assert_eq!(Up::of(Up::To(record).code()), Up::To(record));
        }
    }
}
