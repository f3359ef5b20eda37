//! Whose a store is: its folder holds the name of the pipeline in the file `owner`. Two pipelines with one store would delete
//! each other's people.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use super::error::StoreError;
use crate::files::owned::{owned, replace};

/// The name of the file.
const OWNER: &str = "owner";

/// Longest name that is read.
const MAX_NAME: u64 = 64 * 1024;

/// Looks whether a store is this pipeline's, or nobody's yet.
///
/// # Errors
/// It is another's; the file can't be read.
pub(crate) fn check(folder: &Path, pipeline: &str) -> Result<(), StoreError> {
    match owner(folder)? {
        Some(owner) if owner != pipeline => Err(StoreError::OtherPipeline {
            path: folder.to_owned(),
            owner,
            pipeline: pipeline.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Makes a store this pipeline's that is nobody's yet. Whoever calls it has the lock of the store.
///
/// # Errors
/// The file can't be read or written.
pub(crate) fn claim(folder: &Path, pipeline: &str) -> Result<(), StoreError> {
    if owner(folder)?.is_some() {
        return Ok(());
    }
    let (path, draft) = (folder.join(OWNER), folder.join(".owner.draft"));
    // One that a run has left that was killed.
    let _ = fs::remove_file(&draft);
    replace(&path, &draft, format!("{pipeline}\n").as_bytes()).map_err(StoreError::write(&path))
}

fn owner(folder: &Path) -> Result<Option<String>, StoreError> {
    let path = folder.join(OWNER);
    let mut text = Vec::new();
    let read = owned(OpenOptions::new().read(true))
        .open(&path)
        .and_then(|file| file.take(MAX_NAME).read_to_end(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(StoreError::read(&path))?,
    };
    let text = String::from_utf8_lossy(&text);
    let name = text.strip_suffix('\n').unwrap_or(&text);
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_whose_it_was_first() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), "a").unwrap();
        fs::write(folder.path().join(".owner.draft"), "half").unwrap();
        claim(folder.path(), "a").unwrap();
        claim(folder.path(), "b").unwrap();
        check(folder.path(), "a").unwrap();
        let error = check(folder.path(), "b").unwrap_err();
        assert!(error.is_setting());
        assert!(error.to_string().contains("is that of the pipeline `a`"));
        fs::remove_file(folder.path().join(OWNER)).unwrap();
        check(folder.path(), "b").unwrap();
    }
}
