//! Why a store can't be used.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store can't be used. That there is none, or that it is damaged, is no error: everything is sent then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store {} can't be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the store {} can't be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// Its folder is not this user's alone.
    #[error("the folder of the store {} can be written by others; make it the user's own: chmod go-w and chown", .0.display())]
    Shared(PathBuf),
    /// It was written with another key.
    #[error(
        "the store {} was written with another key: give the key that it was made with (state.key, or the file `key` in \
         it), or move the store away: the next run finds it lost, and has to be approved", .0.display()
    )]
    OtherKey(PathBuf),
    /// It belongs to another data set.
    #[error(
        "the store {} belongs to another tenant or data set: name a folder of its own in `action: {{ delta: ... }}`",
        .0.display()
    )]
    OtherTarget(PathBuf),
    /// It belongs to another pipeline.
    #[error(
        "the store {} is that of the pipeline `{owner}`, and this one is `{pipeline}`: name a folder of its own in \
         `action: {{ delta: ... }}`; if the pipeline was only given another name, remove the file `owner` in that folder",
        path.display()
    )]
    OtherPipeline {
        path: PathBuf,
        owner: String,
        pipeline: String,
    },
    /// A later version wrote it.
    #[error("the store {} was written by a later version of rostream; use that version, or move the store away", .0.display())]
    Version(PathBuf),
    /// What it held can't be read any more.
    #[error("the store {} is damaged; remove the folder, and the next run sends everything", .0.display())]
    Damaged(PathBuf),
    /// The key file in it is not one.
    #[error("the key of the store {} {why}", path.display())]
    Key { path: PathBuf, why: String },
}

impl StoreError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        |source| StoreError::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        |source| StoreError::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// Whether a setting mends it.
    pub(crate) fn is_setting(&self) -> bool {
        !matches!(self, StoreError::Read { .. } | StoreError::Write { .. })
    }
}
