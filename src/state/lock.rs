//! Locks that the operating system keeps: whoever holds one loses it with its process, however that ends.
//!
//! Two kinds of them are not in a state folder, since pipelines with different state folders have to meet there: that
//! of a data set, and that of a rejects file. They are in a folder of the user's own among the temporary files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use super::entry::TargetMark;
use super::error::{Busy, LedgerError};
use crate::files::folder;
use crate::files::owned::{is_own, owned};
use crate::report::human;
use crate::report::run::RunId;

/// Between two looks at a lock whose holder is about to share it, and how many there are.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 25;

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

impl Held {
    /// Takes the lock `path` together with all that carry out parts of one `plan`, and with nobody else.
    ///
    /// # Errors
    /// Somebody else holds it; it can't be opened.
    pub(super) fn share(path: &Path, busy: Busy, plan: &str) -> Result<Held, LedgerError> {
        let failed = |source| LedgerError::Write {
            path: path.to_owned(),
            source,
        };
        let ours = format!("shards of plan {plan}");
        let mut looks = 0;
        loop {
            let mut file = opened(path).map_err(failed)?;
            match file.try_lock_shared() {
                Ok(()) if said(&mut file) == ours => return Ok(Held { _file: file }),
                Ok(()) => {
                    // What stands there is of a run that is over, unless others share it.
                    file.unlock().map_err(failed)?;
                    match file.try_lock() {
                        Ok(()) => {
                            write_down(&mut file, &ours).map_err(failed)?;
                            continue;
                        }
                        Err(TryLockError::Error(error)) => return Err(failed(error)),
                        Err(TryLockError::WouldBlock) => {}
                    }
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            // Another shard of the plan may be about to write that down.
            if looks == LOOKS {
                return Err(taken(&mut file, path, busy));
            }
            looks += 1;
            std::thread::sleep(LOOK);
        }
    }

    /// Takes the lock `path` for a run, and writes down there whose it is.
    ///
    /// # Errors
    /// Somebody else holds it; it can't be opened.
    pub(super) fn take(path: &Path, busy: Busy, who: &Who<'_>) -> Result<Held, LedgerError> {
        let failed = |source| LedgerError::Write {
            path: path.to_owned(),
            source,
        };
        let mut file = opened(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => return Err(taken(&mut file, path, busy)),
        }
        let Who { run, pipeline } = who;
        let process = std::process::id();
        let whose = format!("process {process}, run {run} of {pipeline}");
        write_down(&mut file, &whose).map_err(failed)?;
        Ok(Held { _file: file })
    }
}

fn opened(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    owned(options.read(true).write(true).create(true)).open(path)
}

/// What stands in the file of a lock.
fn said(file: &mut File) -> String {
    let mut holds = String::new();
    // Where it can't be read it says nothing.
    let _ = file.take(400).read_to_string(&mut holds);
    holds.trim().to_owned()
}

fn write_down(file: &mut File, whose: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{whose}")
}

fn taken(file: &mut File, path: &Path, what: Busy) -> LedgerError {
    let _ = file.rewind();
    LedgerError::Busy {
        what,
        holds: said(file),
        path: PathBuf::from(human::path(path)),
    }
}

/// Takes the lock of a store in its folder.
///
/// # Errors
/// Another run holds it; it can't be opened.
pub(crate) fn store(folder: &Path, who: &Who<'_>) -> Result<Held, LedgerError> {
    Held::take(&folder.join("lock"), Busy::Store, who)
}

/// Who takes a lock, for whoever has to wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub run: &'a RunId,
    pub pipeline: &'a str,
}

/// The locks that pipelines with different state folders share on this machine.
#[derive(Debug)]
pub(crate) struct Shared {
    folder: PathBuf,
}

impl Shared {
    /// The locks of this user.
    pub(crate) fn of_user() -> Shared {
        #[cfg(unix)]
        let name = format!("rostream-{}", rustix::process::geteuid().as_raw());
        #[cfg(not(unix))]
        let name = "rostream";
        Shared {
            folder: std::env::temp_dir().join(name),
        }
    }

    /// Takes the lock of a data set.
    ///
    /// # Errors
    /// Another run sends to it; the folder of the locks is another user's.
    pub(crate) fn dataset(
        &self,
        target: &TargetMark,
        who: &Who<'_>,
    ) -> Result<Option<Held>, LedgerError> {
        self.take("dataset", &target.identity(), Busy::Dataset, who)
    }

    /// Takes the lock of a data set together with the other shards of a plan.
    ///
    /// # Errors
    /// As [`Shared::dataset`].
    pub(crate) fn dataset_of_plan(
        &self,
        target: &TargetMark,
        plan: &str,
    ) -> Result<Option<Held>, LedgerError> {
        let share = |path: &Path| Held::share(path, Busy::Dataset, plan);
        self.take_by("dataset", &target.identity(), share)
    }

    /// Takes the lock of a data set's import, which shards take one by one.
    ///
    /// # Errors
    /// Another shard's import is under way; the folder of the locks is another user's.
    pub(crate) fn import(
        &self,
        target: &TargetMark,
        who: &Who<'_>,
    ) -> Result<Option<Held>, LedgerError> {
        self.take("import", &target.identity(), Busy::Import, who)
    }

    /// Takes the lock of a rejects file.
    ///
    /// # Errors
    /// Another run writes it; the folder of the locks is another user's.
    pub(crate) fn rejects(&self, file: &Path, who: &Who<'_>) -> Result<Option<Held>, LedgerError> {
        // Two ways to one folder are one file. A folder that is not there yet has one way.
        let real = file
            .parent()
            .and_then(|folder| Some(fs::canonicalize(folder).ok()?.join(file.file_name()?)));
        let real = real.unwrap_or_else(|| file.to_owned());
        self.take("rejects", &real.to_string_lossy(), Busy::Rejects, who)
    }

    /// Takes a lock. A machine that gives no room for it does not stop the run: nobody would be kept apart by that.
    fn take(
        &self,
        kind: &str,
        name: &str,
        busy: Busy,
        who: &Who<'_>,
    ) -> Result<Option<Held>, LedgerError> {
        self.take_by(kind, name, |path| Held::take(path, busy, who))
    }

    fn take_by(
        &self,
        kind: &str,
        name: &str,
        take: impl FnOnce(&Path) -> Result<Held, LedgerError>,
    ) -> Result<Option<Held>, LedgerError> {
        let without = |error: &dyn std::fmt::Display| {
            tracing::warn!(
                "runs on this machine can't be kept apart, because no lock can be created in {}: {error}; set TMPDIR to a \
                 folder that can be written to",
                self.folder.display()
            );
            Ok(None)
        };
        if let Err(error) = self.make() {
            return match error.kind() {
                io::ErrorKind::InvalidData => Err(LedgerError::Foreign(self.folder.clone())),
                _ => without(&error),
            };
        }
        let name = format!("{kind}-{:032x}.lock", xxh3_128(name.as_bytes()));
        match take(&self.folder.join(name)) {
            Err(LedgerError::Write { source, .. }) => without(&source),
            taken => taken.map(Some),
        }
    }

    /// Makes the folder, which is of no use unless it is this user's and no link.
    fn make(&self) -> io::Result<()> {
        if let Ok(found) = fs::symlink_metadata(&self.folder)
            && !(found.is_dir() && is_own(&found))
        {
            return Err(io::ErrorKind::InvalidData.into());
        }
        folder::make(&self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> (tempfile::TempDir, Shared) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("rostream-1");
        (dir, Shared { folder })
    }

    fn mark(base_url: &str, tenant: &str, dataset: &str) -> TargetMark {
        TargetMark {
            base_url: base_url.into(),
            tenant: tenant.into(),
            dataset: dataset.into(),
        }
    }

    #[test]
    fn one_data_set_is_one_lock() {
        let (_dir, shared) = shared();
        let run = RunId::generate();
        let who = Who {
            run: &run,
            pipeline: "nightly",
        };
        let one = mark("https://a.example/", "ACME", "6586F21B");
        let held = shared.dataset(&one, &who).unwrap().unwrap();
        let check = |other: TargetMark, free: bool| {
            let taken = shared.dataset(&other, &who);
            assert_eq!(taken.is_ok(), free, "{other:?}");
            if let Err(error) = taken {
                let text = error.to_string();
                let holder = format!("process {}, run {run} of nightly", std::process::id());
                assert!(text.contains(&holder), "{text}");
            }
        };
        check(mark("https://a.example/", "ACME", "6586f21b"), false);
        check(mark("https://b.example/", "ACME", "6586F21B"), true);
        check(mark("https://a.example/", "OTHER", "6586F21B"), true);
        check(mark("https://a.example/", "ACME", "7586F21B"), true);
        drop(held);
        check(one, true);
    }

    #[test]
    fn shards_of_a_plan_share_a_lock() {
        let (_dir, shared) = shared();
        let to = mark("https://a.example/", "ACME", "6586F21B");
        let run = RunId::generate();
        let who = Who {
            run: &run,
            pipeline: "nightly",
        };
        // What a run leaves there is nobody's.
        drop(shared.dataset(&to, &who).unwrap());
        let one = shared.dataset_of_plan(&to, "p").unwrap();
        let other = shared.dataset_of_plan(&to, "p").unwrap();
        let is_busy = |taken: Result<Option<Held>, LedgerError>| {
            let text = taken.unwrap_err().to_string();
            assert!(text.contains("(shards of plan p)"), "{text}");
        };
        is_busy(shared.dataset_of_plan(&to, "q"));
        is_busy(shared.dataset(&to, &who));
        drop(one);
        is_busy(shared.dataset_of_plan(&to, "q"));
        is_busy(shared.dataset(&to, &who));
        drop(other);
        let held = shared.dataset(&to, &who).unwrap();
        assert!(shared.dataset_of_plan(&to, "p").is_err());
        drop(held);
        assert!(shared.dataset_of_plan(&to, "q").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn two_ways_to_a_rejects_file_are_one_lock() {
        let (dir, shared) = shared();
        let run = RunId::generate();
        let who = Who {
            run: &run,
            pipeline: "nightly",
        };
        fs::create_dir(dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("out"), dir.path().join("link")).unwrap();
        let _held = shared.rejects(&dir.path().join("out/r.csv"), &who).unwrap();
        for (name, free) in [
            ("link/r.csv", false),
            ("out/../out/r.csv", false),
            ("out/s.csv", true),
            ("none/r.csv", true),
        ] {
            let taken = shared.rejects(&dir.path().join(name), &who);
            assert_eq!(taken.is_ok(), free, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_not_ones_own() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let (dir, shared) = shared();
        let run = RunId::generate();
        let who = Who {
            run: &run,
            pipeline: "nightly",
        };
        let rejects = Path::new("/r.csv");
        let foreign = || {
            let error = shared.rejects(rejects, &who).unwrap_err();
            assert!(matches!(error, LedgerError::Foreign(_)), "{error:?}");
        };
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        symlink(dir.path().join("elsewhere"), &shared.folder).unwrap();
        foreign();
        fs::remove_file(&shared.folder).unwrap();
        fs::create_dir(&shared.folder).unwrap();
        fs::set_permissions(&shared.folder, fs::Permissions::from_mode(0o777)).unwrap();
        foreign();
        fs::remove_dir(&shared.folder).unwrap();
        // No room for locks is no reason to stop.
        let nowhere = Shared {
            folder: PathBuf::from("/proc/none/rostream"),
        };
        assert!(nowhere.rejects(rejects, &who).unwrap().is_none());
    }
}
