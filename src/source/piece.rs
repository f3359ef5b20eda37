//! Pieces of a text, to be read.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SourceError;
use crate::files::at::read_at;

/// A piece of a text. That of a plain file is still to be read, by whoever has it: several can be read at once.
pub(crate) struct Piece(Inner);

enum Inner {
    Read {
        bytes: Vec<u8>,
        ended: bool,
    },
    Plain {
        file: Arc<Plain>,
        at: u64,
        buffer: Vec<u8>,
        len: usize,
    },
}

/// A local file whose bytes are its text.
pub(super) struct Plain {
    pub(super) name: String,
    pub(super) file: Arc<File>,
    /// Told of the bytes that are read.
    pub(super) counters: [Arc<AtomicU64>; 2],
}

impl Piece {
    /// A piece that was read, and whether the text ends with it.
    pub(super) fn is_read(bytes: Vec<u8>, ended: bool) -> Piece {
        Piece(Inner::Read { bytes, ended })
    }

    /// The `len` bytes of a file from `at` on.
    pub(super) fn of_file(file: &Arc<Plain>, at: u64, buffer: Vec<u8>, len: usize) -> Piece {
        let file = file.clone();
        Piece(Inner::Plain {
            file,
            at,
            buffer,
            len,
        })
    }

    /// Its bytes, and whether the text ends with them.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn read(self) -> Result<(Vec<u8>, bool), SourceError> {
        let (file, at, mut buffer, len) = match self.0 {
            Inner::Read { bytes, ended } => return Ok((bytes, ended)),
            Inner::Plain {
                file,
                at,
                buffer,
                len,
            } => (file, at, buffer, len),
        };
        buffer.resize(len, 0);
        let mut read = 0;
        while read < len {
            match read_at(&file.file, at + read as u64, &mut buffer[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let name = file.name.clone();
                    return Err(SourceError::Io { name, source });
                }
            }
        }
        buffer.truncate(read);
        for counter in &file.counters {
            counter.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok((buffer, read < len))
    }
}
