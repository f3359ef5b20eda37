//! Patterns of files: what a shell would match, and no file that is on its way.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use glob::MatchOptions;

use super::file;
use crate::source::error::SourceError;
use crate::source::spec::Pick;

/// As in a shell: what begins with a dot is matched by a dot alone.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// How the names of files end that are not whole yet: copies and downloads under way, and what editors leave.
const UNFINISHED: &[&str] = &[
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".tmp",
    ".swp",
    "~",
];

/// Names listed in a message.
const LISTED: usize = 10;

/// Whether a pattern matches a path.
pub(in crate::source) fn matches(pattern: &str, path: &Path) -> bool {
    // Without `//` and `/./`, which name the same file and are no part of its path when it is found.
    let plain = |path: &Path| path.components().collect::<PathBuf>();
    let pattern = plain(Path::new(pattern));
    pattern
        .to_str()
        .and_then(|pattern| glob::Pattern::new(pattern).ok())
        .is_some_and(|pattern| pattern.matches_path_with(&plain(path), OPTIONS))
}

/// Whether a folder is hidden where the pattern names nothing that is hidden: then nothing in it is looked for.
fn is_hidden(pattern: &str, folder: &Path) -> bool {
    let pattern = Path::new(pattern);
    let literal = pattern
        .iter()
        .take_while(|part| !part.to_string_lossy().contains(['*', '?', '[']))
        .count();
    let hidden = |path: &Path| {
        let mut parts = path.iter().skip(literal);
        parts.any(|part| part.as_encoded_bytes().starts_with(b"."))
    };
    hidden(folder) && !hidden(pattern)
}

/// The files that a pattern matches, in alphabetical order, or those of them that are picked.
///
/// # Errors
/// None matches, or more than may; one of them looks unfinished; a folder that can't be read.
pub(in crate::source) fn find(pattern: &str, pick: Pick) -> Result<Vec<PathBuf>, SourceError> {
    let shown = || file::name(Path::new(pattern));
    // Told of the dots, the walk finds no hidden file for a pattern that names it: they are looked at afterwards.
    let found = glob::glob(pattern).map_err(|error| SourceError::BadPattern {
        pattern: shown(),
        reason: error.msg,
    })?;
    let mut files = Vec::new();
    for path in found {
        match path {
            Ok(path) if matches(pattern, &path) && path.is_file() => files.push(path),
            Ok(_) => {}
            Err(error) if is_hidden(pattern, error.path()) => {}
            Err(error) => {
                let folder = error.path().to_owned();
                return Err(file::unreadable(&folder, error.into()));
            }
        }
    }
    let modified = |path: &PathBuf| {
        let modified = path.metadata().and_then(|meta| meta.modified());
        modified.map_err(|error| file::unreadable(path, error))
    };
    picked(&shown(), files, pick, |path| file::name(path), modified)
}

/// Whether a file of this name is meant by the last part of a pattern.
#[cfg(any(feature = "buckets", feature = "sftp"))]
pub(in crate::source) fn is_named(pattern: &glob::Pattern, name: &str) -> bool {
    pattern.matches_with(name, OPTIONS)
}

/// Of the files that a pattern matches, in alphabetical order, those that are picked. What they are called and when they
/// were changed last is asked for where it matters.
///
/// # Errors
/// None matches, or more than may; one of them looks unfinished.
pub(in crate::source) fn picked<T>(
    pattern: &str,
    files: Vec<T>,
    pick: Pick,
    name: impl Fn(&T) -> String,
    modified: impl Fn(&T) -> Result<SystemTime, SourceError>,
) -> Result<Vec<T>, SourceError> {
    let pattern = || pattern.to_owned();
    if files.is_empty() {
        return Err(SourceError::NoMatch(pattern()));
    }
    for name in files.iter().map(&name) {
        if let Some(ending) = unfinished(&name) {
            return Err(SourceError::Unfinished {
                name,
                ending,
                pattern: pattern(),
            });
        }
    }
    match pick {
        Pick::One if files.len() > 1 => Err(SourceError::Several {
            pattern: pattern(),
            count: files.len(),
            names: names(files.iter().map(name)),
        }),
        Pick::Newest => newest(files, modified),
        Pick::All | Pick::One => Ok(files),
    }
}

/// How a file's name ends where that says that it is not whole.
fn unfinished(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let mut endings = UNFINISHED.iter().copied();
    endings.find(|ending| name.ends_with(ending))
}

/// The file that was changed last; of several, the last by name.
fn newest<T>(
    files: Vec<T>,
    modified: impl Fn(&T) -> Result<SystemTime, SourceError>,
) -> Result<Vec<T>, SourceError> {
    let mut newest: Option<(SystemTime, T)> = None;
    for file in files {
        let modified = modified(&file)?;
        if newest
            .as_ref()
            .is_none_or(|(latest, _)| modified >= *latest)
        {
            newest = Some((modified, file));
        }
    }
    Ok(newest.into_iter().map(|(_, file)| file).collect())
}

fn names(files: impl ExactSizeIterator<Item = String>) -> String {
    let count = files.len();
    let mut names: Vec<String> = files.take(LISTED).collect();
    if count > LISTED {
        names.push(format!("and {} more", count - LISTED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// A folder with these files, each changed a second after the one before it.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (at, name) in files.iter().enumerate() {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(path).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(at as u64);
            file.set_modified(time).unwrap();
        }
        dir
    }

    fn told(dir: &Path, pattern: &str, pick: Pick) -> String {
        let below = |path: PathBuf| {
            let below = path.strip_prefix(dir).unwrap().to_string_lossy();
            below.into_owned()
        };
        match find(dir.join(pattern).to_str().unwrap(), pick) {
            Ok(found) => found.into_iter().map(below).collect::<Vec<_>>().join(" "),
            Err(error) => error
                .to_string()
                .replace(&format!("{}/", dir.display()), ""),
        }
    }

    #[test]
    fn hidden_files_are_matched_by_a_dot_alone() {
        let dir = folder(&["a.csv", ".b.csv", "in/c.csv", "in/.d.csv", ".git/e.csv"]);
        for (pattern, expected) in [
            ("*", "a.csv"),
            ("?b.csv", "?b.csv: no file matches"),
            ("[.]b.csv", "[.]b.csv: no file matches"),
            (".*", ".b.csv"),
            ("**/*.csv", "a.csv in/c.csv"),
            ("*/*.csv", "in/c.csv"),
            ("in/.*.csv", "in/.d.csv"),
            (".git/*", ".git/e.csv"),
            (".g*/*", ".git/e.csv"),
            ("./in//./*.csv", "in/./c.csv"),
            ("in/../*.csv", "in/../a.csv"),
        ] {
            assert_eq!(told(dir.path(), pattern, Pick::All), expected, "{pattern}");
        }
        for (pattern, folder, expected) in [
            ("/a/.x/**/*", "/a/.x/in", false),
            ("/a/.x/**/*", "/a/.x/in/.git/y", true),
            ("/a/*/.x/*", "/a/b/.x", false),
            ("/a/*", "/a/b", false),
        ] {
            assert_eq!(is_hidden(pattern, Path::new(folder)), expected, "{folder}");
        }
        assert!(matches("/x/*.csv", Path::new("/x/a.csv")));
        assert!(!matches("/x/*.csv", Path::new("/x/.a.csv")));
        assert!(!matches("/x/*.csv", Path::new("/x/y/a.csv")));
    }

    #[test]
    fn a_file_on_its_way_is_refused() {
        for name in [
            "a.csv.part",
            "a.tmp",
            "a.csv.filepart",
            "a.crdownload",
            "a.csv~",
            "a.SWP",
        ] {
            let dir = folder(&["a.csv", name]);
            let message = told(dir.path(), "*", Pick::Newest);
            let expected = format!("{name}: its transfer looks unfinished (names that end with ");
            assert!(message.starts_with(&expected), "{message}");
            assert_eq!(told(dir.path(), "*.csv", Pick::All), "a.csv");
        }
    }

    #[test]
    fn one_of_several() {
        let dir = folder(&["w-2.csv", "w-3.csv", "w-1.csv"]);
        let check = |pattern: &str, pick, expected: &str| {
            assert_eq!(told(dir.path(), pattern, pick), expected);
        };
        check("w-*", Pick::All, "w-1.csv w-2.csv w-3.csv");
        check("w-*", Pick::Newest, "w-1.csv");
        check("w-[23]*", Pick::Newest, "w-3.csv");
        check("w-1*", Pick::One, "w-1.csv");
        check(
            "w-*",
            Pick::One,
            "w-*: 3 files match, and source.pick is one: w-1.csv, w-2.csv, w-3.csv; \
             move the others away, narrow the pattern, or set source.pick to newest or all",
        );
        let dir = folder(&["b", "a"]);
        let same = SystemTime::UNIX_EPOCH;
        for name in ["a", "b"] {
            let file = fs::File::options().write(true).open(dir.path().join(name));
            file.unwrap().set_modified(same).unwrap();
        }
        assert_eq!(told(dir.path(), "*", Pick::Newest), "b");
        let many: Vec<String> = (10..22).map(|n| format!("{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let message = told(folder(&many).path(), "*", Pick::One);
        assert!(message.contains("18, 19, and 2 more;") || message.contains("19, and 2 more"));
    }
}
