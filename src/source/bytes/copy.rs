//! A copy of what can be read only once, in a private, unlinked temporary file.

use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::raw::Raw;
use super::sealed::Sealing;
use super::stored::Stored;
use crate::source::spec::Keep;

/// Bytes copied at once.
const STEP: usize = 64 * 1024;

/// A copy that is being written.
pub(in crate::source) enum Copy {
    Plain(File),
    Sealed(Box<Sealing>),
}

impl Copy {
    pub(in crate::source) fn new(keep: Keep) -> io::Result<Copy> {
        let file = tempfile::tempfile().map_err(no_copy)?;
        Ok(match keep {
            Keep::Plain => Copy::Plain(file),
            Keep::Encrypted => Copy::Sealed(Box::new(Sealing::new(file)?)),
        })
    }

    pub(in crate::source) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let added = match self {
            Copy::Plain(file) => file.write_all(bytes),
            Copy::Sealed(sealing) => sealing.add(bytes),
        };
        added.map_err(no_copy)
    }

    /// All that was added.
    pub(in crate::source) fn done(self) -> io::Result<Stored> {
        Ok(match self {
            Copy::Plain(file) => Stored::File(Arc::new(file)),
            Copy::Sealed(sealing) => Stored::Sealed(Arc::new(sealing.done().map_err(no_copy)?)),
        })
    }
}

/// Reads a stream to its end, and copies it.
pub(super) async fn of(mut stream: Raw, keep: Keep) -> io::Result<Stored> {
    let mut copy = Copy::new(keep)?;
    let mut buffer = Vec::with_capacity(STEP);
    while stream.read_buf(&mut buffer).await? > 0 {
        copy.add(&buffer)?;
        buffer.clear();
    }
    copy.done()
}

/// Where the bytes of a reader can be read at any place.
pub(in crate::source) enum Access {
    Anywhere(Stored),
    /// In their copy, once the reader has been read to its end.
    OnceRead(Kept),
    /// Nowhere: they are read front to back.
    FrontToBack,
}

/// What is known of a stream's copy. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::source) struct Kept {
    state: Arc<Mutex<State>>,
    keep: Keep,
}

#[derive(Debug)]
enum State {
    /// The stream itself has not been opened.
    Untouched,
    /// It has, and its end was not reached yet.
    Begun,
    /// All that it said.
    Whole(Stored),
}

/// How a stream is to be opened.
pub(in crate::source) enum Opening {
    /// Itself.
    First,
    Again(Stored),
    /// Not at all: it is being read, or was not read to its end.
    Refused,
}

impl Kept {
    pub(in crate::source) fn new(keep: Keep) -> Kept {
        let state = Arc::new(Mutex::new(State::Untouched));
        Kept { state, keep }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the stream is to be opened now; the first time, by itself.
    pub(in crate::source) fn opening(&self) -> Opening {
        let mut state = self.state();
        match &*state {
            State::Untouched => {
                *state = State::Begun;
                Opening::First
            }
            State::Begun => Opening::Refused,
            State::Whole(copy) => Opening::Again(copy.clone()),
        }
    }

    /// The copy, once the stream has been read to its end.
    pub(super) fn whole(&self) -> Option<Stored> {
        match &*self.state() {
            State::Whole(copy) => Some(copy.clone()),
            State::Untouched | State::Begun => None,
        }
    }

    /// Copies what is read of the stream.
    pub(in crate::source) fn copying(&self, stream: Raw) -> io::Result<Raw> {
        Ok(Box::new(Copying {
            inner: stream,
            copy: Some(Copy::new(self.keep)?),
            kept: self.clone(),
        }))
    }
}

/// Copies what passes into a file, and hands that over once the end has been reached.
struct Copying {
    inner: Raw,
    copy: Option<Copy>,
    kept: Kept,
}

impl AsyncRead for Copying {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let room = buf.remaining();
        std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        if new.is_empty() && room > 0 {
            if let Some(copy) = this.copy.take() {
                *this.kept.state() = State::Whole(copy.done()?);
            }
        } else if let Some(copy) = &mut this.copy {
            // A write to a temporary file lands in the page cache; a thread for it would cost more.
            copy.add(new)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// What is read can't be kept, for which the source is not to blame.
fn no_copy(error: io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    let why = format!(
        "its copy in {} can't be written (TMPDIR names another folder): {error}",
        folder.display()
    );
    io::Error::new(error.kind(), why)
}
