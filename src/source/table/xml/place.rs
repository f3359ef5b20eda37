//! The text, with the place at which it is read, and a limit of how much of it is held.

use std::io::{self, BufRead, Read};

use super::At;
use crate::settings::units::Size;

/// A text that knows where it is read.
pub(super) struct Placed<R> {
    reader: R,
    at: At,
    /// Bytes of what is being read that have been.
    held: u64,
    most: u64,
}

impl<R> Placed<R> {
    pub(super) fn new(reader: R, most: Size) -> Placed<R> {
        Placed {
            reader,
            at: At { line: 1, column: 1 },
            held: 0,
            most: most.0,
        }
    }

    /// Begins with another piece of text, which is one `within` a record or stands for itself. Returns its place.
    pub(super) fn next_token(&mut self, within: bool) -> At {
        if !within {
            self.held = 0;
        }
        self.at
    }

    /// Whether a piece, or the record that it is in, is longer than a record may be.
    pub(super) fn is_exceeded(&self) -> bool {
        self.held > self.most
    }
}

impl<R: BufRead> Read for Placed<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(room)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Placed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.is_exceeded() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        // What has been given out is still there, and no more than that is consumed.
        if let Ok(text) = self.reader.fill_buf() {
            let text = &text[..len.min(text.len())];
            let lines = memchr::memchr_iter(b'\n', text).count() as u64;
            let behind = memchr::memrchr(b'\n', text).map(|at| (text.len() - at) as u64);
            self.at.line += lines;
            self.at.column = behind.unwrap_or(self.at.column + text.len() as u64);
        }
        self.held += len as u64;
        self.reader.consume(len);
    }
}
