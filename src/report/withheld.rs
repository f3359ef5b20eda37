//! The keys of rows that are held back as they would delete somebody and too many do.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::files::folder;
use crate::files::part::{self, Part};
use crate::format::csv::write::cell;
use crate::text::scan::Dialect;

/// Why the rows are in the file.
const REASON: &str = "it would delete somebody; more would be deleted than guard.max_delete allows";

/// What the header has behind the key.
const BEHIND: [&str; 3] = ["_file", "_line", "_reason"];

/// Whether a text begins as such a file does.
pub(crate) fn begins_as_ours(text: &[u8]) -> bool {
    let mut header = text.split_inclusive(|b| *b == b'\n');
    let end = format!(",{}\n", BEHIND.join(","));
    header
        .next()
        .is_some_and(|header| header.ends_with(end.as_bytes()))
}

/// The file can't be written.
#[derive(Debug, thiserror::Error)]
#[error("can't write {}, the keys of what is held back", path.display())]
pub struct WithheldError {
    path: PathBuf,
    source: io::Error,
}

/// The file while it is being written: it takes its place when it is whole, and only its owner may read it.
pub(crate) struct WithheldFile {
    path: PathBuf,
    part: Part,
    out: BufWriter<File>,
}

impl WithheldFile {
    /// Begins the file with its header; `key` is the column that tells whose row it is, where there is one.
    ///
    /// # Errors
    /// It can't be created.
    pub(crate) fn create(path: &Path, key: Option<&str>) -> Result<WithheldFile, WithheldError> {
        let failed = |source| WithheldError {
            path: path.to_owned(),
            source,
        };
        folder::make(folder::of(path)).map_err(failed)?;
        part::sweep(path);
        let (part, file) = Part::create(path).map_err(failed)?;
        let mut begun = WithheldFile {
            path: path.to_owned(),
            part,
            out: BufWriter::new(file),
        };
        let [file, line, reason] = BEHIND;
        begun.line([key.unwrap_or("_key"), file, line, reason])?;
        Ok(begun)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn add(&mut self, file: &str, line: u64, key: &str) -> Result<(), WithheldError> {
        self.line([key, file, &line.to_string(), REASON])
    }

    /// Adds somebody of whom there is no row.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn add_gone(&mut self, key: &str) -> Result<(), WithheldError> {
        self.line([key, "", "", REASON])
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn finish(mut self) -> Result<(), WithheldError> {
        let put = self.out.flush().and_then(|()| self.part.put());
        put.map_err(|source| WithheldError {
            path: self.path,
            source,
        })
    }

    fn line(&mut self, cells: [&str; 4]) -> Result<(), WithheldError> {
        let mut line = Vec::new();
        for (at, text) in cells.iter().enumerate() {
            if at > 0 {
                line.push(b',');
            }
            cell(text.as_bytes(), Dialect::default(), |part| {
                line.extend_from_slice(part)
            });
        }
        line.push(b'\n');
        self.out.write_all(&line).map_err(|source| WithheldError {
            path: self.path.clone(),
            source,
        })
    }
}
