//! What a table is read from, on the thread that reads it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;

use crate::source::bytes::stored::{Stored, Stretch};
use crate::source::piece::Plain;
use crate::source::text::Text;

/// What a table is read from: a text, front to back, or any place of a file.
pub(in crate::source) struct Input {
    text: Text,
    runtime: Handle,
}

impl Input {
    /// To be called on the runtime, whose threads wait for the network.
    pub(in crate::source) fn new(text: Text) -> Input {
        Input {
            text,
            runtime: Handle::current(),
        }
    }

    /// The same bytes, to be read at any place: the file itself, or a private copy.
    ///
    /// # Errors
    /// What can't be read, or not be copied.
    pub(in crate::source) fn seekable(self) -> io::Result<Seekable> {
        self.seekable_behind(b"")
    }

    /// The same, where the first bytes were read already, which are these.
    ///
    /// # Errors
    /// What can't be read, or not be copied.
    pub(in crate::source) fn seekable_behind(self, read: &[u8]) -> io::Result<Seekable> {
        if let Some(plain) = self.text.plain() {
            let stored = Stored::File(plain.file.clone());
            return Seekable::over(&stored, Some(plain));
        }
        let copied = self.runtime.block_on(self.text.copied_behind(read));
        Seekable::over(&copied.map_err(io::Error::other)?, None)
    }
}

impl Read for Input {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.runtime.block_on(self.text.read(room));
        read.map_err(io::Error::other)
    }
}

/// Bytes that are read at any place, whoever else reads them.
pub(in crate::source) struct Seekable {
    bytes: Stretch,
    len: u64,
    told: Option<Arc<Tally>>,
}

impl Seekable {
    /// Those of a file that nobody counts.
    pub(in crate::source) fn of(file: File) -> io::Result<Seekable> {
        Seekable::over(&Stored::File(Arc::new(file)), None)
    }

    fn over(stored: &Stored, plain: Option<Arc<Plain>>) -> io::Result<Seekable> {
        let len = stored.len()?;
        let tally = |plain: Arc<Plain>| Tally {
            // Some of it was read for its first bytes.
            left: AtomicU64::new(len.saturating_sub(plain.counted())),
            plain,
        };
        Ok(Seekable {
            len,
            bytes: stored.rest(0),
            told: plain.map(tally).map(Arc::new),
        })
    }

    /// How many bytes there are.
    pub(in crate::source) fn len(&self) -> u64 {
        self.len
    }

    /// The same bytes from a place on, for somebody else to read.
    pub(in crate::source) fn rest(&self, at: u64) -> Seekable {
        Seekable {
            bytes: self.bytes.rest(at),
            len: self.len,
            told: self.told.clone(),
        }
    }
}

/// Where the bytes of a file are counted that is read here and there.
struct Tally {
    plain: Arc<Plain>,
    /// What is still to be counted: of what is read twice nothing more than the file has.
    left: AtomicU64,
}

impl Tally {
    fn tell(&self, read: u64) {
        let take = |left: u64| Some(left.saturating_sub(read));
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        self.plain.count(taken.map_or(0, |left| left.min(read)));
    }
}

impl Drop for Tally {
    /// What has been seen of it is all that there was to see.
    fn drop(&mut self) {
        self.tell(u64::MAX);
    }
}

impl Read for Seekable {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(room)?;
        if let Some(told) = &self.told {
            told.tell(read as u64);
        }
        Ok(read)
    }
}
