//! What the results of an import tell of its items.
//!
//! A result names its item by the key. One that carries none is the item in whose place it stands, and the server does
//! not promise that order: it is believed where the pipeline file says so, and where all results say the same, so that no
//! order could be wrong. Whatever is not told is unknown, and sent whole the next time.

use std::io;

use super::items::Items;
use super::merge::Fate;
use super::place::Part;

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Accepted,
    Refused,
    /// Refused, as there is no such item.
    Missing,
    /// Refused, as there is such an item.
    Exists,
}

impl Said {
    /// What a refusal says by its code and its name: the first digits of a code are a status of HTTP.
    pub(crate) fn refusal<'a>(reasons: impl IntoIterator<Item = (&'a str, &'a str)>) -> Said {
        for (code, name) in reasons {
            if code.starts_with("404") || name.contains("NotFound") {
                return Said::Missing;
            }
            if code.starts_with("409") || name.contains("Exists") {
                return Said::Exists;
            }
        }
        Said::Refused
    }
}

/// Takes in results one by one.
#[derive(Debug)]
pub(crate) struct Told {
    part: Part,
    /// Person and number of every item, sorted.
    index: Vec<[u64; 3]>,
    fates: Vec<Fate>,
    /// What results without a key say of the items in whose places they stand.
    places: Vec<(u32, Fate)>,
    seen: usize,
    /// What the first result says, and whether all others say the same.
    first: Fate,
    alike: bool,
    /// A result with a key stood in another's place.
    moved: bool,
}

impl Told {
    /// Of the items of one import.
    ///
    /// # Errors
    /// Items that can't be read.
    pub(crate) fn new(items: &Items, part: Part) -> io::Result<Told> {
        let mut index = Vec::with_capacity(items.len as usize);
        items.each(|_, person, _| {
            let number = index.len() as u64;
            index.push([(person >> 64) as u64, person as u64, number]);
        })?;
        Ok(Told::of(index, part))
    }

    /// Of these people and the numbers of their items.
    fn of(mut index: Vec<[u64; 3]>, part: Part) -> Told {
        index.sort_unstable();
        Told {
            part,
            fates: vec![Fate::Unknown; index.len()],
            index,
            places: Vec::new(),
            seen: 0,
            first: Fate::Unknown,
            alike: true,
            moved: false,
        }
    }

    /// Takes in the next result.
    pub(crate) fn see(&mut self, person: Option<u128>, said: Said) {
        let place = self.seen;
        self.seen += 1;
        let fate = match (said, self.part) {
            // Who is not there is gone.
            (Said::Accepted, _) | (Said::Missing, Part::Deletions) => Fate::Accepted,
            (Said::Missing | Said::Exists, Part::Rows) => Fate::Contradicted,
            // Something else is in the way of a deletion.
            (Said::Refused, _) | (Said::Exists, Part::Deletions) => Fate::Refused,
        };
        if place == 0 {
            self.first = fate;
        }
        self.alike &= fate == self.first;
        let Some(person) = person else {
            if place < self.fates.len() {
                self.places.push((place as u32, fate));
            }
            return;
        };
        let wanted = [(person >> 64) as u64, person as u64];
        let at = self.index.partition_point(|slot| slot[..2] < wanted[..]);
        let Some(slot) = self.index.get(at).filter(|slot| slot[..2] == wanted) else {
            return;
        };
        let item = slot[2] as usize;
        self.moved |= item != place;
        let known = &mut self.fates[item];
        *known = match *known {
            Fate::Unknown => fate,
            known if known == fate => fate,
            // Two results that say two things.
            _ => Fate::Unknown,
        };
    }

    /// What became of the items. `in_order` says that results stand in the order of the upload.
    pub(crate) fn fates(mut self, in_order: bool) -> Vec<Fate> {
        if self.seen == self.fates.len() {
            if self.alike {
                self.fates.fill(self.first);
            } else if in_order && !self.moved {
                for (item, fate) in self.places {
                    self.fates[item as usize] = fate;
                }
            }
        }
        self.fates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(people: &[u128], part: Part) -> Told {
        let index = (0..).zip(people).map(|(at, p)| [0, *p as u64, at]);
        Told::of(index.collect(), part)
    }

    #[track_caller]
    fn check(results: &[(u128, Said)], in_order: bool, expected: [Fate; 3]) {
        let mut told = told(&[30, 10, 20], Part::Rows);
        for &(person, said) in results {
            told.see((person > 0).then_some(person), said);
        }
        assert_eq!(told.fates(in_order), expected);
    }

    #[test]
    fn what_results_tell() {
        use Fate::{Accepted, Contradicted, Refused, Unknown};
        let (ok, no) = (Said::Accepted, Said::Refused);
        check(
            &[(20, ok), (30, no), (10, Said::Exists)],
            false,
            [Refused, Contradicted, Accepted],
        );
        check(&[(20, ok), (40, no)], false, [Unknown, Unknown, Accepted]);
        check(
            &[(20, ok), (20, no), (10, ok)],
            false,
            [Unknown, Accepted, Unknown],
        );
        // Without keys: all or nothing, unless the order is stated.
        check(&[(0, ok), (0, ok), (0, ok)], false, [Accepted; 3]);
        check(&[(0, ok), (0, ok)], true, [Unknown; 3]);
        check(&[(0, ok), (0, no), (0, ok)], false, [Unknown; 3]);
        check(&[(0, no), (0, no), (0, no)], false, [Refused; 3]);
        check(&[(0, no), (0, no), (0, Said::Exists)], false, [Unknown; 3]);
        check(
            &[(0, ok), (0, no), (0, ok)],
            true,
            [Accepted, Refused, Accepted],
        );
        check(
            &[(10, ok), (0, no), (0, ok)],
            true,
            [Unknown, Accepted, Unknown],
        );
    }

    #[test]
    fn what_is_in_the_way_of_a_deletion_leaves_the_person() {
        let mut told = told(&[1, 2, 3], Part::Deletions);
        told.see(Some(1), Said::Missing);
        told.see(Some(2), Said::Exists);
        told.see(Some(3), Said::refusal([("400901", "Locked")]));
        assert_eq!(
            told.fates(false),
            [Fate::Accepted, Fate::Refused, Fate::Refused]
        );
        assert_eq!(
            Said::refusal([("404903", "SandboxItemNotFound")]),
            Said::Missing
        );
        assert_eq!(
            Said::refusal([("409901", "SandboxItemExists")]),
            Said::Exists
        );
    }
}
