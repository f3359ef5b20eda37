//! The files of the storage, one private file on disk each.
//!
//! An object gets its name only when exactly as many bytes came as were declared and the stream ended there; what
//! is cut off before leaves nothing behind, and an older object stays as it was.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::HeaderValue;
use tempfile::{NamedTempFile, TempDir};

use super::error::StorageError;
use super::payload::Format;
use super::sign::hex;

/// A generated file: a place for an object, and the object once it is there.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub format: Format,
    pub gzip: bool,
    /// When the place was made or its object stored.
    touched: Instant,
    pub object: Option<Object>,
}

/// A stored object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub path: PathBuf,
    pub bytes: u64,
    pub about: About,
}

/// What is told of an object beside its bytes.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub etag: String,
    pub content_type: Option<HeaderValue>,
    pub content_encoding: Option<HeaderValue>,
}

/// All files, in one private folder that goes when the store goes.
pub(super) struct Store {
    folder: TempDir,
    entries: Mutex<HashMap<String, Entry>>,
    life: Duration,
    /// The client's last complete upload, for tests that look at its bytes.
    last_upload: Mutex<Option<PathBuf>>,
}

impl Store {
    pub(crate) fn new(parent: Option<&Path>, life: Duration) -> std::io::Result<Store> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("rostream-sandbox-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent)?,
            None => builder.tempdir()?,
        };
        Ok(Store {
            folder,
            entries: Mutex::default(),
            life,
            last_upload: Mutex::default(),
        })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a place for a file and returns its id. Files whose time is over go at this occasion.
    pub(crate) fn generate(&self, format: Format, gzip: bool) -> String {
        let id = hex(&rand::random::<[u8; 16]>());
        let entry = Entry {
            format,
            gzip,
            touched: Instant::now(),
            object: None,
        };
        let mut entries = self.entries();
        entries.retain(|_, entry| {
            let stays = entry.touched.elapsed() < self.life;
            if let (false, Some(object)) = (stays, &entry.object) {
                // What can't be deleted now goes with the folder.
                let _ = std::fs::remove_file(&object.path);
            }
            stays
        });
        entries.insert(id.clone(), entry);
        id
    }

    /// A file that still lives.
    pub(crate) fn entry(&self, id: &str) -> Option<Entry> {
        self.entries()
            .get(id)
            .filter(|entry| entry.touched.elapsed() < self.life)
            .cloned()
    }

    /// A file in the making, readable by its owner alone. It is gone when the value is dropped.
    pub(crate) fn draft(&self) -> std::io::Result<NamedTempFile> {
        // Owner-only is what tempfile makes on its own.
        tempfile::Builder::new()
            .prefix("draft-")
            .tempfile_in(self.folder.path())
    }

    /// Puts a complete file into its place, whatever was there before, and returns where it lies.
    fn keep(&self, id: &str, draft: NamedTempFile, about: About) -> Result<PathBuf, StorageError> {
        let bytes = draft
            .as_file()
            .metadata()
            .map_err(|_| StorageError::internal())?
            .len();
        let path = self.folder.path().join(id);
        let mut entries = self.entries();
        let entry = entries
            .get_mut(id)
            .ok_or(const { StorageError::no_such_key() })?;
        draft.persist(&path).map_err(|_| StorageError::internal())?;
        entry.touched = Instant::now();
        entry.object = Some(Object {
            path: path.clone(),
            bytes,
            about,
        });
        Ok(path)
    }

    /// Puts a client's upload into its place.
    pub(super) fn keep_upload(
        &self,
        id: &str,
        draft: NamedTempFile,
        about: About,
    ) -> Result<(), StorageError> {
        let path = self.keep(id, draft, about)?;
        *self.last() = Some(path);
        Ok(())
    }

    /// Where the client's last complete upload lies.
    pub(super) fn last_upload(&self) -> Option<PathBuf> {
        self.last().clone()
    }

    fn last(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.last_upload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job's results into their place.
    pub(super) fn keep_result(
        &self,
        id: &str,
        draft: NamedTempFile,
        gzip: bool,
    ) -> Result<(), StorageError> {
        let about = About {
            etag: random_etag(),
            content_type: Some(HeaderValue::from_static("application/json")),
            content_encoding: gzip.then(|| HeaderValue::from_static("gzip")),
        };
        self.keep(id, draft, about).map(drop)
    }
}

/// An entity tag that says nothing of the bytes, as that of an encrypted object.
pub(super) fn random_etag() -> String {
    hex(&rand::random::<[u8; 16]>())
}
