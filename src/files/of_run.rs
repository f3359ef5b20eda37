//! Names of files that every run fills in: `{run}` and `{date}` in the path of a file that runs write.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::{fmt, fs};

use regex::Regex;

/// A word in braces, and what stands in its place: as a pattern, to find the files of earlier runs.
type Word = (&'static str, &'static str);

/// The name of the run.
const RUN: Word = ("{run}", "[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}");

/// The day of the run, in the time zone of the pipeline.
const DATE: Word = ("{date}", "[0-9]{4}-[0-9]{2}-[0-9]{2}");

/// The shard of the run. Nobody writes it: it is how files of shards are found.
const SHARD: Word = (IN_PLACE_OF_SHARD, "[0-9]+-of-[0-9]+");

/// What stands in the place of a shard where the files of all are meant.
pub(crate) const IN_PLACE_OF_SHARD: &str = "{shard}";

/// Whether every run has a file of its own by this name.
pub(crate) fn is_each_its_own(stated: &Path) -> bool {
    stated.components().any(|part| has(part.as_os_str(), RUN))
}

/// Whether runs fill in something of the name, or of the folders that it is in.
pub(crate) fn is_filled_in(stated: &Path) -> bool {
    let words = [RUN, DATE];
    let mut parts = stated.components();
    parts.any(|part| words.iter().any(|word| has(part.as_os_str(), *word)))
}

/// The first thing in braces that is not filled in, with them; of a brace without another one, all behind it.
pub(crate) fn unknown(stated: &str) -> Option<&str> {
    let mut rest = stated;
    while let Some(at) = rest.find(['{', '}']) {
        rest = &rest[at..];
        match [RUN.0, DATE.0]
            .iter()
            .find_map(|word| rest.strip_prefix(word))
        {
            Some(behind) => rest = behind,
            None => return Some(rest.find('}').map_or(rest, |end| &rest[..=end])),
        }
    }
    None
}

/// The path for a run, on the day that its rules go by, `2026-01-31`.
pub(crate) fn filled(stated: &Path, run: &str, day: impl fmt::Display) -> PathBuf {
    let day = day.to_string();
    let part = |part: Component<'_>| match part.as_os_str().to_str() {
        Some(text) => text.replace(RUN.0, run).replace(DATE.0, &day).into(),
        None => part.as_os_str().to_owned(),
    };
    stated.components().map(part).collect()
}

/// What is in folders, each of which is looked at once.
#[derive(Default)]
pub(crate) struct Listed(HashMap<PathBuf, Vec<String>>);

impl Listed {
    /// Where the files of earlier runs may be: those on the disk, by any name that a run may have given them; for a path
    /// that nothing is filled in of, the path itself, whether it is there or not.
    pub(crate) fn of_all(&mut self, stated: &Path) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::new()];
        for part in stated.components() {
            match pattern(part.as_os_str()) {
                Some(pattern) => {
                    let within = |folder: &PathBuf| self.entries(folder, &pattern);
                    found = found.iter().flat_map(within).collect();
                }
                None => found.iter_mut().for_each(|path| path.push(part)),
            }
        }
        found
    }

    /// What is in a folder by such a name, sorted.
    fn entries(&mut self, folder: &Path, pattern: &Regex) -> Vec<PathBuf> {
        let names = self.0.entry(folder.to_owned());
        let names = names.or_insert_with(|| names_in(folder));
        let names = names.iter().filter(|name| pattern.is_match(name));
        names.map(|name| folder.join(name)).collect()
    }
}

/// Whether a run may give its file this name.
pub(crate) fn is_of_a_run(stated: &Path, path: &Path) -> bool {
    let (mut stated, mut path) = (stated.components(), path.components());
    loop {
        match (stated.next(), path.next()) {
            (None, None) => return true,
            (Some(stated), Some(path)) if stated == path => {}
            (Some(stated), Some(path)) => {
                let name = path.as_os_str().to_str();
                let pattern = pattern(stated.as_os_str());
                if !matches!((pattern, name), (Some(pattern), Some(name)) if pattern.is_match(name))
                {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn has(part: &OsStr, word: Word) -> bool {
    part.to_str().is_some_and(|part| part.contains(word.0))
}

/// What names are like in which something is filled in.
fn pattern(part: &OsStr) -> Option<Regex> {
    let words = [RUN, DATE, SHARD];
    if !words.iter().any(|word| has(part, *word)) {
        return None;
    }
    let mut pattern = regex::escape(part.to_str()?);
    for (word, form) in words {
        pattern = pattern.replace(&regex::escape(word), form);
    }
    Regex::new(&format!("^{pattern}$")).ok()
}

/// The names in a folder, sorted, as far as they are text.
fn names_in(folder: &Path) -> Vec<String> {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::ending::beside;
    use crate::settings::shard::Shard;

    const RUN_ID: &str = "20260131T235959Z-4f2a";

    #[test]
    fn what_a_run_fills_in() {
        let check = |stated: &str, expected: &str, own: bool, any: bool| {
            let stated = Path::new(stated);
            let path = filled(stated, RUN_ID, "2026-02-01");
            assert_eq!(path, Path::new(expected));
            assert_eq!((is_each_its_own(stated), is_filled_in(stated)), (own, any));
            assert!(is_of_a_run(stated, &path));
            assert!(!is_of_a_run(stated, Path::new("out/r-2026.csv")));
        };
        check("out/rejects.csv", "out/rejects.csv", false, false);
        check(
            "out/r-{run}.csv",
            &format!("out/r-{RUN_ID}.csv"),
            true,
            true,
        );
        check("out/{date}/r.csv", "out/2026-02-01/r.csv", false, true);
        check(
            "{date}/{run}.x",
            &format!("2026-02-01/{RUN_ID}.x"),
            true,
            true,
        );
        check("out/{runs}.csv", "out/{runs}.csv", false, false);
    }

    #[test]
    fn words_that_nothing_is_known_for() {
        for (path, word) in [
            ("out/{run}-{date}.csv", None),
            ("out/{Run}.csv", Some("{Run}")),
            ("{date}/{tenant}.csv", Some("{tenant}")),
            ("{run}/{ run }.csv", Some("{ run }")),
            ("{date}-{}.csv", Some("{}")),
            ("r-{run", Some("{run")),
            ("r-run}.csv", Some("}")),
        ] {
            assert_eq!(unknown(path), word, "{path}");
        }
    }

    #[test]
    fn files_of_earlier_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["2026-01-31", "2026-02-01", "other"] {
            fs::create_dir(path(folder)).unwrap();
            for name in ["r", "r.3-of-8", "r.check", "s"] {
                fs::write(path(folder).join(format!("{name}-{RUN_ID}.csv")), "").unwrap();
            }
        }
        let names = |stated: &Path| -> Vec<String> {
            let short =
                |path: &PathBuf| path.strip_prefix(dir.path()).unwrap().display().to_string();
            Listed::default().of_all(stated).iter().map(short).collect()
        };
        let found = [
            format!("2026-01-31/r-{RUN_ID}.csv"),
            format!("2026-02-01/r-{RUN_ID}.csv"),
        ];
        assert_eq!(names(&path("{date}/r-{run}.csv")), found);
        assert_eq!(names(&path("2026-02-01/r-{run}.csv")), found[1..]);
        assert_eq!(names(&path("{run}/r.csv")), [""; 0]);
        assert_eq!(names(&path("nowhere/r.csv")), ["nowhere/r.csv"]);
        let shard = Shard {
            number: 3,
            of: 8,
            seed: 7,
        };
        for stated in ["r.csv", "r.check.csv"] {
            let name = stated.replacen('r', &format!("r.{}", shard.in_names()), 1);
            fs::write(path(&name), "").unwrap();
        }
        for name in [
            "r.-of-.csv",
            "r.3-of-.csv",
            "r.3of8.csv",
            "r.three-of-8.csv",
        ] {
            fs::write(path(name), "").unwrap();
        }
        let of_shards = beside(&path("r.csv"), IN_PLACE_OF_SHARD);
        assert_eq!(names(&of_shards), ["r.3-of-8.csv"]);
        assert_eq!(names(&beside(&of_shards, "check")), ["r.3-of-8.check.csv"]);
    }
}
