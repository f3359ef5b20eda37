//! Reading at a place of a file, whoever else reads it.

use std::fs::File;
use std::io;

/// Reads at a place without moving the file's own; fewer bytes than asked for where the file ends.
pub(crate) fn read_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    #[cfg(unix)]
    let read = std::os::unix::fs::FileExt::read_at(file, buffer, at);
    #[cfg(windows)]
    let read = std::os::windows::fs::FileExt::seek_read(file, buffer, at);
    read
}

/// The same, and all of it.
pub(crate) fn read_exact_at(file: &File, mut at: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, at, buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                at += read as u64;
                buffer = &mut buffer[read..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A part of a file, read from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl<'a> Section<'a> {
    /// The `len` bytes from `at` on.
    pub(crate) fn new(file: &'a File, at: u64, len: u64) -> Section<'a> {
        Section {
            file,
            at,
            end: at + len,
        }
    }
}

impl io::Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = read_at(self.file, self.at, &mut buffer[..wanted])?;
        self.at += read as u64;
        Ok(read)
    }
}
