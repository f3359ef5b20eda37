//! A copy of what can be read only once, in a private, unlinked temporary file.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::raw::Raw;

/// What is known of a stream's copy. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::source) struct Kept(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    /// The stream itself has not been opened.
    #[default]
    Untouched,
    /// It has, and its end was not reached yet.
    Begun,
    /// All that it said.
    Whole(File),
}

/// How a stream is to be opened.
pub(in crate::source) enum Opening {
    /// Itself.
    First,
    Again(Raw),
    /// Not at all: it is being read, or was not read to its end.
    Refused,
}

impl Kept {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the stream is to be opened now; the first time, by itself.
    pub(in crate::source) fn opening(&self) -> io::Result<Opening> {
        let mut state = self.state();
        match &*state {
            State::Untouched => {
                *state = State::Begun;
                Ok(Opening::First)
            }
            State::Begun => Ok(Opening::Refused),
            State::Whole(copy) => {
                let mut again = copy.try_clone()?;
                again.rewind()?;
                Ok(Opening::Again(Box::new(tokio::fs::File::from_std(again))))
            }
        }
    }

    /// Copies what is read of the stream.
    pub(in crate::source) fn copying(&self, stream: Raw) -> io::Result<Raw> {
        Ok(Box::new(Copying {
            inner: stream,
            copy: Some(tempfile::tempfile()?),
            kept: self.clone(),
        }))
    }
}

/// Copies what passes into a file, and hands that over once the end has been reached.
struct Copying {
    inner: Raw,
    copy: Option<File>,
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
                *this.kept.state() = State::Whole(copy);
            }
        } else if let Some(copy) = &mut this.copy {
            // A write to a temporary file lands in the page cache; a thread for it would cost more.
            copy.write_all(new).map_err(no_copy)?;
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
