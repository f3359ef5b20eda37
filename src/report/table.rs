//! A table that a run has written, read record by record.

use std::io::{self, Read};

use crate::format::csv::cut::first_record;
use crate::text::scan::Dialect;

/// Bytes that are read at once.
pub(super) const READ: u64 = 256 * 1024;

/// The records of a table, one after the other.
pub(super) struct Records<R> {
    file: R,
    dialect: Dialect,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(file: R, dialect: Dialect) -> Records<R> {
        Records {
            file,
            dialect,
            buffer: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    /// The next record, with its line end; nothing behind the last one.
    ///
    /// # Errors
    /// The table can't be read.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let length = loop {
            let rest = &self.buffer[self.at..];
            match first_record(self.dialect, rest, self.ended) {
                Some(length @ 1..) => break length,
                _ if self.ended => return Ok(None),
                _ => self.read_on()?,
            }
        };
        let from = self.at;
        self.at += length;
        Ok(Some(&self.buffer[from..self.at]))
    }

    fn read_on(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = READ.max(self.buffer.len() as u64);
        let read = (&mut self.file).take(more).read_to_end(&mut self.buffer)?;
        self.ended = read == 0;
        Ok(())
    }
}
