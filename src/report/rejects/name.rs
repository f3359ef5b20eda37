//! The file's name, whose end says what is in it, and what an earlier run left under another.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::ADDED;
use super::row::{Header, Layout};
use crate::files::ending::{for_csv, for_json};
use crate::files::owned::is_own;
use crate::format::csv::fed_back::delimiter;
use crate::format::json::fed_back::known;
use crate::text::encoded::MARK;
use crate::text::scan::{Dialect, Quoting};

/// How much of a file is looked at to find out whether it is one of ours.
const BEGINNING: u64 = 64 * 1024;

/// Where the rejects of an earlier run are, whatever its source was, if there are any.
pub(crate) fn standing(stated: &Path) -> Option<PathBuf> {
    let of_both = [for_csv(stated), for_json(stated)];
    of_both.into_iter().find(|path| path.exists())
}

impl Header {
    /// The file's own path, when `stated` is the one that the pipeline says.
    pub(crate) fn named(&self, stated: &Path) -> PathBuf {
        match &self.0 {
            Layout::Csv(_) => for_csv(stated),
            Layout::Json(_) => for_json(stated),
        }
    }

    /// Where the rejects of an earlier run are if its source had the other format.
    pub(super) fn other(&self, stated: &Path) -> PathBuf {
        match &self.0 {
            Layout::Csv(_) => for_json(stated),
            Layout::Json(_) => for_csv(stated),
        }
    }
}

/// Whether a text begins as a rejects file does.
pub(crate) fn begins_as_ours(text: &[u8]) -> bool {
    table(text).is_some() || known(text, true, &ADDED).is_some()
}

/// How the table of a rejects file is written; nothing where a text does not begin as one.
pub(crate) fn table(text: &[u8]) -> Option<Dialect> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let quotes = *b"\"'";
    quotes.iter().find_map(|&quote| {
        let quoting = Quoting::by(quote);
        delimiter(text, quoting, true, &ADDED).map(|found| Dialect::new(found, quoting))
    })
}

/// Takes away the rejects of an earlier run whose source had another format: they would pass for those of this run.
/// A file that does not begin as ours do, is a link, is somebody else's or is being read, stays.
pub(super) fn remove_stale(path: &Path, sources: &[PathBuf]) {
    let is_ours = || {
        let found = fs::symlink_metadata(path).ok()?;
        if !found.is_file() || !is_own(&found) {
            return None;
        }
        let real = fs::canonicalize(path).ok()?;
        let is_read =
            |source: &PathBuf| fs::canonicalize(source).is_ok_and(|source| source == real);
        if sources.iter().any(is_read) {
            return None;
        }
        let mut text = Vec::new();
        File::open(path)
            .ok()?
            .take(BEGINNING)
            .read_to_end(&mut text)
            .ok()?;
        begins_as_ours(&text).then_some(())
    };
    if is_ours().is_some()
        && let Err(error) = fs::remove_file(path)
    {
        tracing::warn!(
            "the rejects of an earlier run could not be removed from {}: {error}",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_ours_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rejects.csv");
        let check = |text: &str, sources: &[PathBuf], stays: bool| {
            fs::write(&path, text).unwrap();
            remove_stale(&path, sources);
            assert_eq!(path.exists(), stays, "{text}");
        };
        let table = "id;_file;_line;_stage;_column;_code;_message\n";
        let line = "{\"_file\":1,\"_line\":1,\"_stage\":1,\"_column\":1,\"_code\":1,\"_message\":1,\"id\":1}\n";
        check(table, &[], false);
        check(line, &[], false);
        check(table, std::slice::from_ref(&path), true);
        check("id;name\n1;2\n", &[], true);
        check("", &[], true);
    }
}
