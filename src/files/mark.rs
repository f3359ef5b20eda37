//! What tells, without reading it, whether a file is still the one that it was.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A file's size, time of change and identity at one moment. Two equal marks are no proof that nothing was written,
/// but they are all that can be had without reading everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Bytes.
    pub(crate) size: u64,
    /// When it was changed last; none on file systems that do not say.
    pub(crate) modified: Option<SystemTime>,
    /// Device and inode: a file that was renamed over another is a new one.
    identity: (u64, u64),
}

/// How a file differs from its mark.
#[derive(Debug, thiserror::Error)]
pub enum Moved {
    /// Bytes came.
    #[error("the file is still being written: its size is not what it was when the run began")]
    Grown,
    /// Bytes went.
    #[error("the file was truncated or rewritten: it is smaller than when the run began")]
    Shrunk,
    /// Bytes were written in place.
    #[error(
        "the file is still being written: its modification time has changed since the run began"
    )]
    Modified,
    /// Another file has its name.
    #[error("another file has taken its place since the run began")]
    Replaced,
    /// No file has its name any more.
    #[error("the file is gone; it was there when the run began")]
    Gone,
    /// Its server says that it is another one, or in another state.
    #[error(
        "the file is not the one that the server had when the run began; where it makes a new one for every request, set \
         source.keep: plain"
    )]
    AtServer,
    /// It can't be looked at.
    #[error("the file can't be checked again")]
    Unseen(#[source] io::Error),
}

impl Mark {
    pub(crate) fn of(meta: &Metadata) -> Mark {
        Mark {
            size: meta.len(),
            modified: meta.modified().ok(),
            #[cfg(unix)]
            identity: {
                use std::os::unix::fs::MetadataExt;
                (meta.dev(), meta.ino())
            },
            #[cfg(not(unix))]
            identity: (0, 0),
        }
    }

    /// Whether it is another look at the same file. Systems that do not tell files apart say of none.
    pub(crate) fn is_same(&self, other: &Mark) -> bool {
        self.identity == other.identity && self.identity != (0, 0)
    }

    /// Compares the file that has this path now.
    ///
    /// # Errors
    /// It is another file, or was written to, or is gone.
    pub(crate) fn is_of(&self, path: &Path) -> Result<(), Moved> {
        let now = match std::fs::metadata(path) {
            Ok(meta) => Mark::of(&meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Moved::Gone),
            Err(error) => return Err(Moved::Unseen(error)),
        };
        if now.identity != self.identity {
            Err(Moved::Replaced)
        } else if now.size > self.size {
            Err(Moved::Grown)
        } else if now.size < self.size {
            Err(Moved::Shrunk)
        } else if now.modified != self.modified {
            Err(Moved::Modified)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_becomes_of_a_file() {
        let check = |change: fn(&Path), expected: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("f");
            fs::write(&path, "one").unwrap();
            let mark = Mark::of(&fs::metadata(&path).unwrap());
            change(&path);
            let told = mark
                .is_of(&path)
                .map_or_else(|moved| moved.to_string(), |()| "the same".to_owned());
            assert!(told.contains(expected), "{told}");
        };
        check(|_| (), "the same");
        check(|path| drop(fs::read(path).unwrap()), "the same");
        check(|path| fs::write(path, "three").unwrap(), "its size");
        check(|path| fs::write(path, "1").unwrap(), "it is smaller");
        check(
            |path| {
                let file = fs::File::options().write(true).open(path).unwrap();
                let later = SystemTime::now() + Duration::from_secs(9);
                file.set_modified(later).unwrap();
            },
            "its modification time",
        );
        check(
            |path| {
                let time = fs::metadata(path).unwrap().modified().unwrap();
                let beside = path.with_extension("new");
                fs::write(&beside, "two").unwrap();
                let file = fs::File::options().write(true).open(&beside).unwrap();
                file.set_modified(time).unwrap();
                fs::rename(beside, path).unwrap();
            },
            "another file",
        );
        check(|path| fs::remove_file(path).unwrap(), "is gone");
    }
}
