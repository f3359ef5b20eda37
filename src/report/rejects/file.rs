//! The rejects file while it is being written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::row::{Header, RejectFormat};
use super::{IMPORT_STAGE, RejectedRow, Tally};

/// How the rejects file is buffered: large enough that few writes happen, small beside a block.
const BUFFER: usize = 64 * 1024;

/// Why the rejects file can't be written.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// Its folder does not exist and can't be made.
    #[error("can't use the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something at its path that must not be replaced.
    #[error("the rejects file {} is {what}; name a regular file or a path that does not exist", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// It would replace what the run reads.
    #[error("the rejects file {} is also a source; rename one of them, or the rows to be read would be lost", path.display())]
    IsSource {
        /// The path.
        path: PathBuf,
    },
    /// It can't be created.
    #[error("can't create the rejects file {}", path.display())]
    Create {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space left on the disk for the rejects file {}", path.display())]
    Full {
        /// The path.
        path: PathBuf,
    },
    /// It can't be written.
    #[error("can't write the rejects file {}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The rejects file while it is being written.
///
/// It stands under its final name from the beginning, so that it can be looked at while the run goes
/// on, and it is always a new file: an older one is replaced at once and can't be taken for this
/// run's. Only its owner may read it.
#[derive(Debug)]
pub struct RejectsFile {
    path: PathBuf,
    out: BufWriter<File>,
    format: RejectFormat,
    rejected: Tally,
    refused: Tally,
    scratch: Vec<u8>,
}

/// What a finished rejects file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejects {
    /// Where it is.
    pub path: PathBuf,
    /// Rows that were never sent.
    pub rejected: Tally,
    /// Rows that were sent and that the server refused.
    pub refused: Tally,
}

impl RejectsFile {
    /// Creates the file with its header, and its folder where that is missing.
    ///
    /// `sources` are the files that the run reads: none of them is ever replaced.
    pub fn create(
        path: impl Into<PathBuf>,
        header: &Header,
        sources: &[PathBuf],
    ) -> Result<RejectsFile, RejectsError> {
        let path = path.into();
        refuse_what_is_no_file(&path)?;
        if let Ok(real) = fs::canonicalize(&path)
            && sources
                .iter()
                .any(|s| fs::canonicalize(s).is_ok_and(|s| s == real))
        {
            return Err(RejectsError::IsSource { path });
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        crate::files::folder::make(folder).map_err(|source| RejectsError::Folder {
            path: folder.to_owned(),
            source,
        })?;

        // A new file, renamed over whatever is there: its access bits are ours from the first byte,
        // and nothing is ever written through a link that somebody else put there.
        let format = RejectFormat::new(header);
        let mut file = tempfile::Builder::new()
            .prefix(".rejects-")
            .tempfile_in(folder)
            .map_err(|source| RejectsError::Create {
                path: path.clone(),
                source,
            })?;
        file.write_all(format.header_line())
            .map_err(|e| write_error(&path, e))?;
        let file = file.persist(&path).map_err(|e| RejectsError::Create {
            path: path.clone(),
            source: e.error,
        })?;
        Ok(RejectsFile::over(path, file, format))
    }

    pub(super) fn over(path: PathBuf, file: File, format: RejectFormat) -> RejectsFile {
        RejectsFile {
            path,
            out: BufWriter::with_capacity(BUFFER, file),
            format,
            rejected: Tally::default(),
            refused: Tally::default(),
            scratch: Vec::new(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a row and counts it: as refused where a fault is of [`IMPORT_STAGE`], else as rejected.
    pub fn write(&mut self, row: &RejectedRow<'_>) -> Result<(), RejectsError> {
        self.scratch.clear();
        self.format.push_row(&mut self.scratch, row);
        if row.faults.iter().any(|f| f.stage == IMPORT_STAGE) {
            self.refused.add(row.faults);
        } else {
            self.rejected.add(row.faults);
        }
        let written = self.out.write_all(&self.scratch);
        written.map_err(|e| self.broken(e))
    }

    /// Rows written so far that were never sent.
    pub fn rejected(&self) -> &Tally {
        &self.rejected
    }

    /// Moves the file over whatever is at `path`.
    pub fn move_to(&mut self, path: &Path) -> Result<(), RejectsError> {
        refuse_what_is_no_file(path)?;
        fs::rename(&self.path, path).map_err(|source| RejectsError::Create {
            path: path.to_owned(),
            source,
        })?;
        self.path = path.to_owned();
        Ok(())
    }

    /// Hands what is buffered to the system, for whoever looks at the file meanwhile.
    pub fn flush(&mut self) -> Result<(), RejectsError> {
        let written = self.out.flush();
        written.map_err(|e| self.broken(e))
    }

    /// A file that breaks off would pass for the whole of it, so it is taken away. Once it has rows that the server
    /// refused, it stays: those before them are complete.
    fn broken(&self, source: io::Error) -> RejectsError {
        if self.refused.rows() == 0 {
            let _ = fs::remove_file(&self.path);
        }
        write_error(&self.path, source)
    }

    /// Writes what is buffered down to the disk. Without this call it is written on a best effort.
    pub fn finish(mut self) -> Result<Rejects, RejectsError> {
        self.flush()?;
        self.out
            .get_ref()
            .sync_data()
            .map_err(|e| write_error(&self.path, e))?;
        Ok(Rejects {
            path: self.path,
            rejected: self.rejected,
            refused: self.refused,
        })
    }
}

fn write_error(path: &Path, source: io::Error) -> RejectsError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RejectsError::Full { path },
        _ => RejectsError::Write { path, source },
    }
}

/// A link may lead anywhere, and a device or pipe is not ours to replace.
fn refuse_what_is_no_file(path: &Path) -> Result<(), RejectsError> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else {
        "a device or a pipe"
    };
    Err(RejectsError::NotAFile {
        path: path.to_owned(),
        what,
    })
}
