//! Files that name people and stay on the disk between runs: which of them are a run's own, and when they have to go.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::rejects::begins_as_ours;
use super::results;
use super::run::REPORT_ENDING;
use super::withheld;
use crate::files::owned::{is_private, owned};

/// How much of a file is looked at to find out whether a run wrote it.
const BEGINNING: u64 = 64 * 1024;

/// Why a file is not ours to change.
pub(crate) const NOT_AS_WRITTEN: &str = "it is not as a run writes it";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rejects,
    /// The rejects as a workbook.
    Workbook,
    Withheld,
    Results,
}

/// A file that a run may have left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub path: PathBuf,
    pub kind: Kind,
}

/// What became of a file that is too old to be trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pruned {
    Gone,
    /// It was written or changed by somebody else, and is not ours to remove.
    Foreign(&'static str),
}

impl Trace {
    /// Opens the file, where a run wrote it and nobody else has had it in hand since. Nothing where there is none.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn open(&self) -> io::Result<Option<Result<File, &'static str>>> {
        let Some(found) = self.found()? else {
            return Ok(None);
        };
        if !found.is_file() {
            return Ok(Some(Err("it is not a regular file")));
        }
        if !is_private(&found) {
            return Ok(Some(Err("others than its owner may read it")));
        }
        let file = owned(OpenOptions::new().read(true)).open(&self.path)?;
        let mut text = Vec::new();
        (&file).take(BEGINNING).read_to_end(&mut text)?;
        let ours = match self.kind {
            Kind::Rejects => begins_as_ours(&text),
            // What is in the archive tells more, see [`crate::run::keep`].
            Kind::Workbook => text.starts_with(b"PK"),
            Kind::Withheld => withheld::begins_as_ours(&text),
            Kind::Results => results::begins_as_ours(&text),
        };
        Ok(Some(match ours {
            true => Ok(file),
            false => Err("it does not begin as a run writes it"),
        }))
    }

    /// Removes the file where it is older than `keep`, and `is_ours`, which is asked last. Nothing where it is not old, or
    /// there is none.
    ///
    /// # Errors
    /// It can't be read or removed.
    pub(crate) fn prune(
        &self,
        (keep, now): (Duration, SystemTime),
        is_ours: impl FnOnce(File) -> bool,
    ) -> io::Result<Option<Pruned>> {
        let Some(found) = self.found()? else {
            return Ok(None);
        };
        // What was written in the future is not old.
        let age = now.duration_since(found.modified()?).unwrap_or_default();
        if age <= keep {
            return Ok(None);
        }
        Ok(match self.open()? {
            None => None,
            Some(Err(why)) => Some(Pruned::Foreign(why)),
            Some(Ok(file)) => Some(match is_ours(file) {
                true => {
                    fs::remove_file(&self.path)?;
                    Pruned::Gone
                }
                false => Pruned::Foreign(NOT_AS_WRITTEN),
            }),
        })
    }

    fn found(&self) -> io::Result<Option<Metadata>> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if is_absent(&error) => Ok(None),
            found => found.map(Some),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Removes the oldest reports in a folder whose names begin so, with their pages, as far as they are `whose`, until so many are left. That
/// of the newest run that succeeded stays. Returns how many are gone.
///
/// # Errors
/// A folder that can't be read, a report that can't be removed.
pub(crate) fn prune_reports(
    dir: &Path,
    beginning: &str,
    keep: u32,
    whose: impl Fn(&serde_json::Value) -> bool,
) -> io::Result<u32> {
    let is_report = |name: &str| name.starts_with(beginning) && name.ends_with(REPORT_ENDING);
    let paths = fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(is_report)
        });
    let paths: Vec<PathBuf> = paths.collect();
    if paths.len() <= keep as usize {
        return Ok(0);
    }
    let own = paths.into_iter().filter_map(|path| {
        let report = read_private(&path).filter(|report| whose(report))?;
        // The names have only the second.
        let started: Timestamp = report["started_at"].as_str()?.parse().ok()?;
        let succeeded = matches!(report["exit_code"].as_u64(), Some(0 | 3));
        Some((started, succeeded, path))
    });
    let mut own: Vec<_> = own.collect();
    own.sort_by(|(a, ..), (b, ..)| b.cmp(a));
    let accepted = own.iter().position(|(_, succeeded, _)| *succeeded);
    let mut gone = 0;
    for (at, (_, _, path)) in own.iter().enumerate().skip(keep as usize) {
        if Some(at) != accepted {
            fs::remove_file(path)?;
            match fs::remove_file(path.with_extension("html")) {
                Err(error) if !is_absent(&error) => return Err(error),
                _ => gone += 1,
            }
        }
    }
    Ok(gone)
}

/// A report that only its owner may read; nothing where it is not one.
fn read_private(path: &Path) -> Option<serde_json::Value> {
    let file = owned(OpenOptions::new().read(true)).open(path).ok()?;
    let found = file.metadata().ok()?;
    let text = io::read_to_string(file).ok();
    text.filter(|_| found.is_file() && is_private(&found))
        .and_then(|text| serde_json::from_str(&text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECTS: &str = "id,_file,_line,_stage,_column,_code,_message\n1,a,2,b,id,c,d\n";

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        #[cfg(not(unix))]
        let _ = mode;
    }

    #[test]
    fn what_is_old_and_ours_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let day = Duration::from_secs(24 * 60 * 60);
        let later = SystemTime::now() + 2 * day;
        let check = |kind, text: &str, mode, now, expected| {
            write(&path, text, mode);
            let trace = Trace {
                path: path.clone(),
                kind,
            };
            assert_eq!(
                trace.prune((day, now), |_| true).unwrap(),
                expected,
                "{text}"
            );
            assert_eq!(path.exists(), expected != Some(Pruned::Gone), "{text}");
        };
        let results = "key,file,line,action,status,code,id\n";
        let withheld = "employeeID,_file,_line,_reason\n";
        let json = "{\"_file\":\"a\",\"_line\":1,\"_stage\":\"b\",\"_column\":\"\",\"_code\":\"c\",\"_message\":\"d\",\"id\":1}\n";
        check(Kind::Rejects, REJECTS, 0o600, later, Some(Pruned::Gone));
        check(Kind::Rejects, json, 0o600, later, Some(Pruned::Gone));
        check(Kind::Results, results, 0o600, later, Some(Pruned::Gone));
        check(Kind::Withheld, withheld, 0o600, later, Some(Pruned::Gone));
        check(Kind::Rejects, REJECTS, 0o600, SystemTime::now(), None);
        check(Kind::Rejects, REJECTS, 0o600, SystemTime::UNIX_EPOCH, None);
        let foreign = Some(Pruned::Foreign("it does not begin as a run writes it"));
        check(Kind::Rejects, "id,name\n1,Ann\n", 0o600, later, foreign);
        check(Kind::Results, REJECTS, 0o600, later, foreign);
        check(Kind::Withheld, results, 0o600, later, foreign);
        #[cfg(unix)]
        {
            let read = Some(Pruned::Foreign("others than its owner may read it"));
            check(Kind::Rejects, REJECTS, 0o644, later, read);
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(dir.path(), &path).unwrap();
            let kind = Kind::Rejects;
            let link = Trace { path, kind }.prune((day, later), |_| true).unwrap();
            assert_eq!(link, Some(Pruned::Foreign("it is not a regular file")));
        }
        let path = dir.path().join("none/at/all");
        let kind = Kind::Rejects;
        assert_eq!(
            Trace { path, kind }.prune((day, later), |_| true).unwrap(),
            None
        );
    }

    #[test]
    fn so_many_reports_are_left_and_that_of_the_newest_success() {
        let dir = tempfile::tempdir().unwrap();
        let report = |name: &str, pipeline: &str, code: u8, mode| {
            let path = dir.path().join(format!("run-{name}.report.json"));
            let day = name.parse::<u8>().unwrap() + 1;
            let report = serde_json::json!({
                "pipeline": { "name": pipeline },
                "started_at": format!("2026-01-0{day}T00:00:00Z"),
                "exit_code": code,
            });
            let text = report.to_string();
            write(&path, &text, mode);
        };
        let left = || {
            let names = fs::read_dir(dir.path()).unwrap();
            let mut names: Vec<_> = names
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .map(|name| {
                    name.trim_start_matches("run-")
                        .trim_end_matches(".report.json")
                        .to_owned()
                })
                .collect();
            names.sort();
            names.join(" ")
        };
        let prune = |keep| {
            prune_reports(dir.path(), "run-", keep, |r| r["pipeline"]["name"] == "a").unwrap()
        };
        for (name, code) in [("1", 0), ("2", 3), ("3", 1), ("4", 1), ("5", 4)] {
            report(name, "a", code, 0o600);
        }
        report("0", "b", 0, 0o600);
        write(&dir.path().join("run-x.report.json"), "no report", 0o600);
        assert_eq!(prune(9), 0);
        assert_eq!(prune(2), 2);
        // The second is the newest that succeeded.
        assert_eq!(left(), "0 2 4 5 x");
        report("6", "a", 0, 0o600);
        assert_eq!(prune(1), 3);
        assert_eq!(left(), "0 6 x");
        #[cfg(unix)]
        {
            report("1", "a", 0, 0o644);
            assert_eq!(prune(1), 0);
        }
    }
}
