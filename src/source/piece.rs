//! Pieces of a text, to be read.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SourceError;
use crate::files::at::read_at;
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
    /// Told of the bytes that are read.
    pub(super) counters: [Arc<AtomicU64>; 2],
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
                let read = part.read(bytes.spare(part.len));
                let read = read.map_err(|source| SourceError::Io {
                    name: part.file.name.clone(),
                    source,
                })?;
                bytes.advance(read);
                for counter in &part.file.counters {
                    counter.fetch_add(read as u64, Ordering::Relaxed);
                }
                Ok(read < part.len)
            }
        }
    }
}

impl Part {
    /// Fewer bytes than the part has, where the file ends in it.
    fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < room.len() {
            match read_at(&self.file.file, self.at + read as u64, &mut room[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}
