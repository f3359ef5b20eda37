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
        Ok(found)
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
