//! What is done to a store besides running: people are taken out of it, and it is sealed with another key.

use std::collections::HashSet;
use std::fs;
use std::io;

use super::diff::person;
use super::error::StoreError;
use super::head::{Head, Marks, damaged};
use super::items::{Items, What, Writer, sync_folder};
use super::key::{EMPTY, PENDING, StoreKey};
use super::merge::{Batch, merge, without};
use super::place::{KEY, Place};
use super::store::{BASE, Base, Lost, Store};

/// The file in which people are put down anew while the key is changed.
const ROTATION: &str = ".rotation";

impl Place {
    /// Takes people out of this place's store: whatever it knows of them, and the sealed key by which they could be
    /// deleted. Returns for each whether it was there.
    ///
    /// # Errors
    /// Files that can't be read or written.
    pub(crate) fn take_out(
        &self,
        store: Store,
        keys: &[String],
        ignore_case: bool,
    ) -> Result<Vec<bool>, StoreError> {
        let mut folded = String::new();
        let people: Vec<u128> = keys
            .iter()
            .map(|key| person(self.key(), key, ignore_case, &mut folded))
            .collect();
        let found: Vec<bool> = people
            .iter()
            .map(|who| store.find(*who).is_some())
            .collect();
        if found.contains(&true) {
            let people: HashSet<u128> = people.into_iter().collect();
            let (path, draft) = (self.folder().join(BASE), self.folder().join(".base.draft"));
            without(&store.into_base(), &people, &draft)
                .and_then(|()| fs::rename(&draft, &path))
                .and_then(|()| sync_folder(&path))
                .map_err(StoreError::write(&path))?;
        }
        self.sweep()?;
        Ok(found)
    }

    /// Removes what processes that were killed were about to write.
    fn sweep(&self) -> Result<(), StoreError> {
        let failed = StoreError::write;
        for entry in fs::read_dir(self.folder()).map_err(failed(self.folder()))? {
            let path = entry.map_err(failed(self.folder()))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| {
                name == ROTATION || name.starts_with('.') && name.ends_with(".draft")
            }) {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
        }
        Ok(())
    }

    /// Seals the keys of people with another key, and gives them the hashes that it makes. The hashes of their values
    /// can't be made without these, so that nobody knows what the server has of them until it is sent once more. Returns
    /// how many people these are.
    ///
    /// # Errors
    /// Files that can't be read or written: the store is as it was.
    pub(crate) fn rotate(
        &self,
        new: &StoreKey,
        ignore_case: bool,
    ) -> Result<Result<u64, Lost>, StoreError> {
        let store = match self.store(None)? {
            Ok(store) => store,
            Err(lost) => return Ok(Err(lost)),
        };
        let (path, draft) = (self.folder().join(BASE), self.folder().join(".base.draft"));
        let aside = self.folder().join(ROTATION);
        let rotated = self.anew(&store, new, ignore_case).and_then(|items| {
            items.put(&aside)?;
            let items = Items::open(&aside)?;
            let batch = Batch {
                items: &items,
                fates: None,
            };
            merge(None, &[batch], new, &draft)?;
            fs::rename(&draft, &path)?;
            sync_folder(&path)
        });
        let _ = fs::remove_file(&aside);
        rotated.map_err(StoreError::write(&path))?;
        Ok(Ok(store.people() as u64))
    }

    /// Whether the store was written with this place's key already.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn is_sealed_with_its_key(&self) -> Result<bool, StoreError> {
        let base = Base::open(self.folder())?;
        Ok(base.is_ok_and(|base| base.head.marks.key == self.key().check()))
    }

    /// Removes the key of the store's own, which nothing is sealed with any more.
    ///
    /// # Errors
    /// It can't be removed.
    pub(crate) fn drop_own_key(&self) -> Result<(), StoreError> {
        let path = self.folder().join(KEY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::write(&path)(error))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with a store that is lost.
    pub(crate) fn is_damaged(&self) -> StoreError {
        StoreError::Damaged(self.folder().to_owned())
    }

    /// The people of a store under another key.
    fn anew(&self, store: &Store, new: &StoreKey, ignore_case: bool) -> io::Result<Writer> {
        let before = store.head();
        let head = Head {
            marks: Marks {
                key: new.check(),
                ..before.marks
            },
            width: before.width,
            forgot: before.forgot,
            sent_at: before.sent_at,
            ..Head::default()
        };
        let mut items = Writer::create(self.folder().join(".rotation.draft"), head)?;
        let nothing = vec![EMPTY; before.width as usize];
        let (mut sealed, mut folded) = (Vec::new(), String::new());
        for at in 0..store.people() as u32 {
            let key = store.key(at, self.key())?;
            let text = key
                .as_ref()
                .and_then(|key| std::str::from_utf8(key.get(1..)?).ok());
            let (Some(key), Some(text)) = (&key, text) else {
                return Err(damaged("a sealed key does not open"));
            };
            sealed.clear();
            new.seal(key, &mut sealed);
            let who = person(new, text, ignore_case, &mut folded);
            items.push(What::Whole, (who, PENDING), &nothing, &sealed)?;
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::merge::Fate;
    use super::super::place::Part;
    use super::super::store::Row;
    use super::*;

    const TARGET: [u8; 16] = [7; 16];

    fn open(folder: &std::path::Path, secret: &[u8]) -> Place {
        Place::open(folder, Some(secret), TARGET).unwrap()
    }

    /// A store of these people, with one cell each.
    fn filled(place: &Place, keys: &BTreeSet<String>) {
        let head = Head {
            marks: place.marks(),
            width: 1,
            full_at: 5,
            ..Head::default()
        };
        let mut items = place.begin_items("run", Part::Rows, head).unwrap();
        for key in keys {
            let mut sealed = Vec::new();
            place.key().seal(format!("t{key}").as_bytes(), &mut sealed);
            let who = person(place.key(), key, true, &mut String::new());
            let cell = place.key().text(key.as_bytes());
            items
                .push(What::Whole, (who, cell), &[cell], &sealed)
                .unwrap();
        }
        place.put_items(items, "run", Part::Rows).unwrap();
        let fates = vec![Fate::Accepted; keys.len()];
        place.commit("run", Part::Rows, &fates).unwrap();
    }

    /// Whether the store knows these people and nobody else, and what it has of them.
    fn knows(place: &Place, keys: &BTreeSet<String>, is_known: bool) {
        let store = place.store(None).unwrap().unwrap();
        let mut all = BTreeSet::new();
        for key in keys {
            let at = store.find(person(place.key(), key, true, &mut String::new()));
            let at = at.unwrap();
            all.insert(at);
            let sealed = store.key(at, place.key()).unwrap();
            assert_eq!(sealed, Some(format!("t{key}").into_bytes()));
            assert_eq!(store.row(at) != Row::Pending, is_known);
            let (mut cells, mut bytes) = (Vec::new(), Vec::new());
            store.cells(at, &mut cells, &mut bytes).unwrap();
            let cell = match is_known {
                true => place.key().text(key.as_bytes()),
                false => EMPTY,
            };
            assert_eq!(cells, [cell]);
        }
        assert_eq!(store.people(), all.len());
        assert_eq!(store.head().full_at, if is_known { 5 } else { 0 });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn people_go_and_the_others_stay_under_any_key(
            keys in proptest::collection::btree_set("[a-z0-9]{1,3}", 1..40),
            gone in proptest::collection::btree_set("[A-Z0-9]{1,3}", 0..40),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let place = open(dir.path(), b"the first secret");
            filled(&place, &keys);
            fs::write(dir.path().join(".items-dead-1.draft"), "").unwrap();
            let who: Vec<String> = gone.iter().cloned().collect();
            let store = place.store(None).unwrap().unwrap();
            let found = place.take_out(store, &who, true).unwrap();
            let expected: Vec<bool> =
                who.iter().map(|key| keys.contains(&key.to_lowercase())).collect();
            prop_assert_eq!(found, expected);
            let left: BTreeSet<String> =
                keys.iter().filter(|key| !gone.contains(&key.to_uppercase())).cloned().collect();
            knows(&place, &left, true);

            let new = open(dir.path(), b"the second secret");
            prop_assert!(!new.is_sealed_with_its_key().unwrap());
            let people = place.rotate(new.key(), true).unwrap();
            prop_assert_eq!(people, Ok(left.len() as u64));
            prop_assert!(new.is_sealed_with_its_key().unwrap());
            knows(&new, &left, false);
            prop_assert!(matches!(place.store(None), Err(StoreError::OtherKey(_))));
            let names = fs::read_dir(dir.path()).unwrap();
            prop_assert_eq!(names.count(), 1);
        }
    }

    #[test]
    fn a_store_that_is_not_there_or_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let place = open(dir.path(), b"the first secret");
        let new = StoreKey::new(b"the second secret").unwrap();
        assert_eq!(place.rotate(&new, false).unwrap(), Err(Lost::Missing));
        fs::write(dir.path().join(BASE), "damaged").unwrap();
        assert_eq!(place.rotate(&new, false).unwrap(), Err(Lost::Damaged));
        assert_eq!(
            fs::read_to_string(dir.path().join(BASE)).unwrap(),
            "damaged"
        );
    }
}
