//! Bytes that can be read at any place: those of a file, or of a copy that nobody else can read.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::sealed::{Sealed, Segment};
use crate::files::at::read_at;

/// Bytes that can be read at any place, by several at once.
#[derive(Clone, Debug)]
pub(in crate::source) enum Stored {
    File(Arc<File>),
    Sealed(Arc<Sealed>),
}

impl Stored {
    /// How many bytes there are.
    pub(in crate::source) fn len(&self) -> io::Result<u64> {
        match self {
            Stored::File(file) => Ok(file.metadata()?.len()),
            Stored::Sealed(sealed) => Ok(sealed.len()),
        }
    }

    /// All that there is from `at` on, also what is added while it is read.
    pub(in crate::source) fn rest(&self, at: u64) -> Stretch {
        Stretch {
            stored: self.clone(),
            at,
            end: u64::MAX,
            segment: Segment::default(),
        }
    }

    /// The `len` bytes from `at` on.
    pub(in crate::source) fn part(&self, at: u64, len: u64) -> Stretch {
        Stretch {
            end: at.saturating_add(len),
            ..self.rest(at)
        }
    }
}

/// A stretch of bytes, read front to back and on the spot: a block of a local file comes from the system's cache in
/// less time than it takes to ask another thread and to be woken by it (7 % of a survey's CPU). A disk that is slower
/// than that holds up the run, which waits for the bytes anyway.
pub(in crate::source) struct Stretch {
    stored: Stored,
    at: u64,
    end: u64,
    segment: Segment,
}

impl Stretch {
    /// All that there is from another place on.
    pub(in crate::source) fn rest(&self, at: u64) -> Stretch {
        self.stored.rest(at)
    }
}

impl io::Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = &mut buffer[..wanted];
        let read = match &self.stored {
            Stored::File(file) => loop {
                match read_at(file, self.at, buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            },
            Stored::Sealed(sealed) => sealed.read_at(&mut self.segment, self.at, buffer)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl AsyncRead for Stretch {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = io::Read::read(&mut *self, buffer.initialize_unfilled())?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}
