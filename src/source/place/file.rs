//! Local files, read on the spot.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Opened;
use crate::source::bytes::stored::Stored;
use crate::source::error::SourceError;

/// What is at a path, which is no folder.
pub(in crate::source) fn look(path: &Path) -> Result<Metadata, SourceError> {
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound(name(path)),
        _ => unreadable(path, error),
    })?;
    if meta.is_dir() {
        return Err(SourceError::Directory(
            name(path).trim_end_matches('/').to_owned(),
        ));
    }
    Ok(meta)
}

/// Opens a file at its beginning.
pub(in crate::source) fn open(path: &Path) -> io::Result<Opened> {
    Ok(Opened::stored(Stored::File(Arc::new(File::open(path)?))))
}

/// A path as people wrote it, as far as that can be told: relative where it is below the current folder.
pub(in crate::source) fn name(path: &Path) -> String {
    let below = std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned))
        .filter(|below| below != Path::new(""));
    let path = below.as_deref().unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// The operating system's word on a path.
pub(in crate::source) fn unreadable(path: &Path, source: io::Error) -> SourceError {
    SourceError::Io {
        name: name(path),
        source,
    }
}
