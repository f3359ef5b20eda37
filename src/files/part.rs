//! Files under way: each stands beside its place under a name of its own until it is whole.
//!
//! Whoever looks for a report, or for the rejects of last night, finds a whole file or none. A process that is killed
//! leaves the other name behind, for the next start to sweep away; whether its process still lives is told by a lock on
//! the file, which dies with it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::folder;
use super::owned::owned;

/// What ends the name of every file under way. No pattern of extracts matches it, for it also begins with a dot.
const SUFFIX: &str = ".part";

/// A file under way, which only its owner may read: taken away again unless it is put in its place.
#[derive(Debug)]
pub(crate) struct Part {
    path: TempPath,
    place: PathBuf,
}

impl Part {
    /// Begins a file for `place`, in the same folder: `.rejects.csv.x4Tz9k.part` for `rejects.csv`.
    ///
    /// # Errors
    /// It can't be created.
    pub(crate) fn create(place: &Path) -> io::Result<(Part, File)> {
        loop {
            let named = tempfile::Builder::new()
                .prefix(&prefix(place))
                .suffix(SUFFIX)
                .make_in(folder::of(place), make)?;
            // Somebody who sweeps may have been faster than the lock. Where nothing can be locked, nobody sweeps.
            if named.as_file().try_lock().is_ok() && !named.path().exists() {
                continue;
            }
            let (file, path) = NamedTempFile::into_parts(named);
            let place = place.to_owned();
            return Ok((Part { path, place }, file));
        }
    }

    /// Puts the file in its place, over whatever is there.
    ///
    /// # Errors
    /// It can't be renamed, and is gone.
    pub(crate) fn put(self) -> io::Result<()> {
        self.path.persist(&self.place).map_err(|e| e.error)
    }
}

/// Makes a file of what `fill` writes, which is on the disk when it is put in its place.
///
/// # Errors
/// It can't be made or written; what was in its place is still there.
pub(crate) fn write(
    place: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let (part, mut file) = Part::create(place)?;
    fill(&mut file)?;
    file.sync_all()?;
    drop(file);
    part.put()
}

/// Takes away what dead processes left under way for `place`.
pub(crate) fn sweep(place: &Path) {
    sweep_all(folder::of(place), &prefix(place));
}

/// Takes away what dead processes left under way for places in `folder` whose names begin with `beginning`.
pub(crate) fn sweep_beginning(folder: &Path, beginning: &str) {
    sweep_all(folder, &dotted(beginning.as_ref()));
}

fn sweep_all(folder: &Path, prefix: &OsStr) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let ours = name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes());
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = entry.path();
            // The lock is held until the file is gone, so that nobody who has just made it is left with nothing.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// Makes the file, for its owner alone. Errors are the operating system's own: the name under way says nothing to anybody.
fn make(path: &Path) -> io::Result<File> {
    owned(File::options().read(true).write(true).create_new(true)).open(path)
}

/// `.rejects.csv.` for `rejects.csv`.
fn prefix(place: &Path) -> OsString {
    let mut prefix = dotted(place.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

fn dotted(name: &OsStr) -> OsString {
    let mut dotted = OsString::from(".");
    dotted.push(name);
    dotted
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_name_under_way_is_not_told() {
        let dir = tempfile::tempdir().unwrap();
        let error = Part::create(&dir.path().join("nowhere/report.json")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.raw_os_error().is_some(), "{error}");
        assert!(!error.to_string().contains(SUFFIX), "{error}");
    }

    #[test]
    fn it_is_in_its_place_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("rejects.csv");
        fs::write(&place, "last night's").unwrap();
        let (part, mut file) = Part::create(&place).unwrap();
        file.write_all(b"tonight's").unwrap();
        let under_way = names(dir.path());
        assert_eq!(under_way.len(), 2);
        assert!(under_way[0].starts_with(".rejects.csv."), "{under_way:?}");
        assert!(under_way[0].ends_with(".part"), "{under_way:?}");
        assert_eq!(fs::read_to_string(&place).unwrap(), "last night's");
        part.put().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "tonight's");
        drop(Part::create(&place).unwrap());
        assert_eq!(names(dir.path()), ["rejects.csv"]);
    }

    #[test]
    fn what_the_dead_left_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("rejects.csv");
        let kept = [
            ".rejects.csv.abc",
            ".rejects.csvx.abc.part",
            "rejects.csv.abc.part",
            ".x.part",
            "rejects.csv",
        ];
        for name in kept
            .iter()
            .chain(&[".rejects.csv.abc123.part", ".rejects.csv..part"])
        {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join(".rejects.csv.folder.part")).unwrap();
        let (_alive, file) = Part::create(&place).unwrap();
        sweep(&place);
        let left = names(dir.path());
        assert_eq!(left.len(), kept.len() + 2, "{left:?}");
        for name in kept {
            assert!(left.iter().any(|left| left == name), "{name}: {left:?}");
        }
        drop(file);
        sweep_beginning(dir.path(), "rejects");
        assert_eq!(names(dir.path()).len(), kept.len());
    }
}
