//! Pieces of a text, to be read.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SourceError;
use crate::files::at::read_all_at;
use crate::text::written::Written;

/// A piece of a text, whose turn has come. That of a plain file is still to be read, by whoever has it: several can be
/// read at once.
pub(crate) enum Piece {
    Read { ended: bool },
    Plain(Part),
}

/// A part of a plain file.
pub(crate) struct Part {
    pub(super) file: Arc<Plain>,
    pub(super) at: u64,
    pub(super) len: usize,
}

/// A local file whose bytes are its text.
pub(super) struct Plain {
    pub(super) name: String,
    pub(super) file: Arc<File>,
    /// Told of the bytes that are read: those of all files, and those of this one.
    counters: [Arc<AtomicU64>; 2],
}

impl Plain {
    pub(super) fn new(name: String, file: Arc<File>, counters: [Arc<AtomicU64>; 2]) -> Plain {
        Plain {
            name,
            file,
            counters,
        }
    }

    /// Counts bytes that were read.
    pub(super) fn count(&self, read: u64) {
        for counter in &self.counters {
            counter.fetch_add(read, Ordering::Relaxed);
        }
    }

    /// How many of its bytes have been counted.
    pub(super) fn counted(&self) -> u64 {
        self.counters[1].load(Ordering::Relaxed)
    }
}

impl Piece {
    /// Reads what is still to be read behind what stands in `bytes`. Whether the text ends with it.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn read(self, bytes: &mut Written) -> Result<bool, SourceError> {
        match self {
            Piece::Read { ended } => Ok(ended),
            Piece::Plain(part) => {
                let read = read_all_at(&part.file.file, part.at, bytes.spare(part.len));
                let read = read.map_err(|source| SourceError::Io {
                    name: part.file.name.clone(),
                    source,
                })?;
                bytes.advance(read);
                part.file.count(read as u64);
                Ok(read < part.len)
            }
        }
    }
}
