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

/// The same, and all that there is room for, unless the file ends before.
pub(crate) fn read_all_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match read_at(file, at + read as u64, &mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The same, where the file must not end before.
pub(crate) fn read_exact_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    match read_all_at(file, at, buffer)? {
        read if read == buffer.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes all of it at a place, without moving the file's own.
pub(crate) fn write_all_at(file: &File, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        #[cfg(unix)]
        let written = std::os::unix::fs::FileExt::write_at(file, bytes, at);
        #[cfg(windows)]
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at);
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                at += written as u64;
                bytes = &bytes[written..];
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
