//! The folder of a store: what stands in it, and how it goes from one base to the next.
//!
//! | file | what |
//! |---|---|
//! | `base` | the store |
//! | `items-RUN-PART` | what an import of a run was sent, and nobody has taken in the results of |
//! | `key` | the secret, where the pipeline file states none |
//! | `owner` | the name of the pipeline |
//! | `lock` | held by the run that writes |
//!
//! Every file is put in its place whole, so that a run that is killed leaves the old one or the new one. Where it is
//! killed between the next base and the end of the items that went into it, these count as unknown once more: their
//! people are sent whole the next time, which does no harm.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::error::StoreError;
use super::head::{Head, Marks};
use super::items::{Items, Writer, sync_folder};
use super::key::StoreKey;
use super::merge::{Batch, Fate, merge};
use super::store::{BASE, Base, Lost, Store, is_damage};
use crate::files::folder;
use crate::files::owned::{is_own, owned};

/// The name of the secret in the folder.
pub(super) const KEY: &str = "key";

/// Bytes of a secret that is made here.
const SECRET: usize = 32;

/// Longest file with a secret.
const MAX_SECRET: u64 = 64 * 1024;

/// Which of a run's imports: rows come first, deletions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Rows = 1,
    Deletions = 2,
}

/// A store's folder, with its key.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    key: StoreKey,
    target: [u8; 16],
    writes: bool,
}

impl Place {
    /// Opens a folder to write to, which need not be there, for a target that is known by a mark. Without a secret it has
    /// one of its own.
    ///
    /// # Errors
    /// A folder that can't be used; a key that is none.
    pub fn open(path: &Path, secret: Option<&[u8]>, target: [u8; 16]) -> Result<Place, StoreError> {
        folder::make(path).map_err(StoreError::write(path))?;
        let found = fs::metadata(path).map_err(StoreError::read(path))?;
        if !is_own(&found) {
            return Err(StoreError::Shared(path.to_owned()));
        }
        let own = match secret {
            Some(_) => None,
            None => Some(own_secret(path, true)?),
        };
        Place::with(path, secret.or(own.as_deref()), target, true)
    }

    /// Opens a folder to look into it, which changes nothing.
    ///
    /// # Errors
    /// As [`Place::open`].
    pub fn look(path: &Path, secret: Option<&[u8]>, target: [u8; 16]) -> Result<Place, StoreError> {
        let own = match secret {
            Some(_) => None,
            None => Some(own_secret(path, false)?),
        };
        Place::with(path, secret.or(own.as_deref()), target, false)
    }

    fn with(
        path: &Path,
        secret: Option<&[u8]>,
        target: [u8; 16],
        writes: bool,
    ) -> Result<Place, StoreError> {
        let key = StoreKey::new(secret.unwrap_or_default()).map_err(|why| StoreError::Key {
            path: path.to_owned(),
            why: why.to_string(),
        })?;
        Ok(Place {
            folder: path.to_owned(),
            key,
            target,
            writes,
        })
    }

    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The marks of what is written here, but for what depends on the pipeline.
    pub fn marks(&self) -> Marks {
        Marks {
            key: self.key.check(),
            target: self.target,
            ..Marks::default()
        }
    }

    /// Reads the store. What runs have sent whose results nobody has taken in is unknown from now on, but for that of
    /// `but`, which is as if it had never been sent.
    ///
    /// # Errors
    /// Files that can't be read or written, or are another's.
    pub fn store(&self, but: Option<&str>) -> Result<Result<Store, Lost>, StoreError> {
        let known = self.known()?;
        let open = self.unsettled(|run| Some(run) != but)?;
        if open.is_empty() || matches!(known, Err(Lost::Damaged)) {
            return Ok(known);
        }
        let Ok(items) = self.items(&open)? else {
            return Ok(Err(Lost::Damaged));
        };
        let unknown = |items| Batch { items, fates: None };
        let batches: Vec<_> = items.iter().map(unknown).collect();
        let base = known.ok().map(Store::into_base);
        self.next(base.as_ref(), &batches, &open)
    }

    /// Reads the store of a pipeline without a difference, of which guards alone make use. What the run `last` has sent
    /// was accepted, and what any other has sent is as if it had never been. Without such a run nothing is known.
    ///
    /// # Errors
    /// As [`Place::store`].
    pub(crate) fn accepted(&self, last: Option<&str>) -> Result<Result<Store, Lost>, StoreError> {
        let others = self.unsettled(|run| Some(run) != last)?;
        let own = match last {
            Some(last) => self.unsettled(|run| run == last)?,
            None => Vec::new(),
        };
        if self.writes {
            self.forget(&others)?;
            if last.is_none() {
                self.forget(&[self.folder.join(BASE)])?;
            }
        }
        if last.is_none() {
            return Ok(Err(Lost::Missing));
        }
        let known = self.known()?;
        let Ok(items) = self.items(&own)? else {
            return Ok(Err(Lost::Damaged));
        };
        if items.is_empty() {
            return Ok(known);
        }
        let fates: Vec<Vec<Fate>> = (items.iter())
            .map(|items| vec![Fate::Accepted; items.len as usize])
            .collect();
        let batches: Vec<_> = (items.iter().zip(&fates))
            .map(|(items, fates)| Batch {
                items,
                fates: Some(fates),
            })
            .collect();
        let base = known.ok().map(Store::into_base);
        self.next(base.as_ref(), &batches, &own)
    }

    /// The store that comes of a base and these batches, whose files are `sent`. It takes the place of the base where that
    /// may be written.
    fn next(
        &self,
        base: Option<&Base>,
        batches: &[Batch<'_>],
        sent: &[PathBuf],
    ) -> Result<Result<Store, Lost>, StoreError> {
        if self.writes {
            self.replace(base, batches)?;
            self.forget(sent)?;
            return self.known();
        }
        let aside = tempfile::tempdir().map_err(StoreError::write(&self.folder))?;
        let draft = aside.path().join(BASE);
        merge(base, batches, &self.key, &draft).map_err(StoreError::write(&draft))?;
        match Base::open(aside.path())? {
            Ok(base) => Store::of(base, &self.folder),
            Err(lost) => Ok(Err(lost)),
        }
    }

    /// Reads the base.
    fn known(&self) -> Result<Result<Store, Lost>, StoreError> {
        match self.base()? {
            Ok(base) => Store::of(base, &self.folder),
            Err(lost) => Ok(Err(lost)),
        }
    }

    fn base(&self) -> Result<Result<Base, Lost>, StoreError> {
        let base = Base::open(&self.folder)?;
        if let Ok(base) = &base {
            self.is_own(&base.head)?;
        }
        Ok(base)
    }

    fn is_own(&self, head: &Head) -> Result<(), StoreError> {
        if head.marks.key != self.key.check() {
            return Err(StoreError::OtherKey(self.folder.clone()));
        }
        if head.marks.target != self.target {
            return Err(StoreError::OtherTarget(self.folder.clone()));
        }
        Ok(())
    }

    /// Begins the items of an import.
    ///
    /// # Errors
    /// A file that can't be made.
    pub fn begin_items(&self, run: &str, part: Part, head: Head) -> Result<Writer, StoreError> {
        let draft = self.folder.join(format!(".{}.draft", name(run, part)));
        Writer::create(draft.clone(), head).map_err(StoreError::write(&draft))
    }

    /// Puts the items of an import down, right before it is asked for.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn put_items(&self, items: Writer, run: &str, part: Part) -> Result<(), StoreError> {
        let path = self.folder.join(name(run, part));
        items.put(&path).map_err(StoreError::write(&path))
    }

    /// The items of an import whose results are not taken in; nothing where they are.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn sent(&self, run: &str, part: Part) -> Result<Option<Items>, StoreError> {
        let path = self.folder.join(name(run, part));
        match Items::open(&path) {
            Ok(items) => {
                self.is_own(&items.head)?;
                Ok(Some(items))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::read(&path)(error)),
        }
    }

    /// Takes in what became of a run's items. What other runs sent and nobody knows the end of comes before it, and stays
    /// unknown where the server refused it now.
    ///
    /// # Errors
    /// Files that can't be read or written: the items stay, and their people are unknown.
    pub fn commit(&self, run: &str, part: Part, fates: &[Fate]) -> Result<(), StoreError> {
        let Some(own) = self.sent(run, part)? else {
            return Ok(());
        };
        let others = self.unsettled(|other| other != run)?;
        // Where what others sent is damaged nothing is known but by what this run was told: it has sent everything.
        let (base, items) = match self.items(&others)? {
            Ok(items) => (self.base()?.ok(), items),
            Err(_) => (None, Vec::new()),
        };
        let unknown = |items| Batch { items, fates: None };
        let mut batches: Vec<_> = items.iter().map(unknown).collect();
        batches.push(Batch {
            items: &own,
            fates: Some(fates),
        });
        self.replace(base.as_ref(), &batches)?;
        self.forget(&others)?;
        self.forget(&[self.folder.join(name(run, part))])
    }

    /// Forgets what a run was about to send: its import never began.
    ///
    /// # Errors
    /// A file that can't be removed.
    pub(crate) fn discard(&self, run: &str, part: Part) -> Result<(), StoreError> {
        self.forget(&[self.folder.join(name(run, part))])
    }

    /// Puts the next base in the place of the one before. One that is damaged was lost when the run began, which has sent
    /// everything.
    fn replace(&self, base: Option<&Base>, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        let (path, draft) = (self.folder.join(BASE), self.folder.join(".base.draft"));
        merge(base, batches, &self.key, &draft)
            .or_else(|error| match base {
                Some(_) if is_damage(&error) => merge(None, batches, &self.key, &draft),
                _ => Err(error),
            })
            .and_then(|()| fs::rename(&draft, &path))
            .and_then(|()| sync_folder(&path))
            .map_err(StoreError::write(&path))
    }

    /// Files of items, in the order in which their imports were asked for.
    fn unsettled(&self, whose: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, StoreError> {
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(StoreError::read(&self.folder))?,
        };
        let mut found = Vec::new();
        for entry in listed {
            let path = entry.map_err(StoreError::read(&self.folder))?.path();
            let file = path.file_name().and_then(|name| name.to_str());
            let run = file.and_then(|file| file.strip_prefix("items-")?.rsplit_once('-'));
            if run.is_some_and(|(run, _)| whose(run)) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn items(&self, paths: &[PathBuf]) -> Result<Result<Vec<Items>, Lost>, StoreError> {
        let mut all = Vec::new();
        for path in paths {
            match Items::open(path) {
                Ok(items) => {
                    self.is_own(&items.head)?;
                    all.push(items);
                }
                Err(error) if is_damage(&error) => {
                    return Ok(Err(Lost::Damaged));
                }
                Err(error) => return Err(StoreError::read(path)(error)),
            }
        }
        Ok(Ok(all))
    }

    fn forget(&self, paths: &[PathBuf]) -> Result<(), StoreError> {
        for path in paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::write(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn name(run: &str, part: Part) -> String {
    format!("items-{run}-{}", part as u8)
}

/// The secret in the folder. Where there is none, and no store either, there is a new one, which is written down where
/// it may be.
fn own_secret(folder: &Path, writes: bool) -> Result<Vec<u8>, StoreError> {
    let path = folder.join(KEY);
    let opened = owned(OpenOptions::new().read(true)).open(&path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if folder.join(BASE).exists() {
                return Err(StoreError::OtherKey(folder.to_owned()));
            }
            return new_secret(&path, writes).map_err(StoreError::write(&path));
        }
        opened => opened.map_err(StoreError::read(&path))?,
    };
    let mut text = String::new();
    file.take(MAX_SECRET)
        .read_to_string(&mut text)
        .map_err(StoreError::read(&path))?;
    BASE64.decode(text.trim()).map_err(|_| StoreError::Key {
        path: folder.to_owned(),
        why: "is damaged".to_owned(),
    })
}

fn new_secret(path: &Path, writes: bool) -> io::Result<Vec<u8>> {
    let secret: [u8; SECRET] = rand::random();
    if writes {
        let draft = path.with_file_name(".key.draft");
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let mut file: File = owned(options).open(&draft)?;
        writeln!(file, "{}", BASE64.encode(secret))?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        sync_folder(path)?;
    }
    Ok(secret.to_vec())
}
