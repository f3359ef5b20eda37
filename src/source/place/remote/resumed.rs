//! A reading that takes a broken connection up again where it broke.
//!
//! Nothing is spliced: what comes after a break has the mark of what came before it, or the reading ends with an error.
//! A stall counts only while somebody waits for bytes: where the rest of the run is slower than the server, nobody reads
//! for a while, and the server is not to blame for that.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, TryStreamExt};
use tokio_util::io::StreamReader;

use super::error::{RemoteError, again};
use super::mark::Mark;
use crate::http::retry::{ATTEMPTS, Failure, pause, pauses};
use crate::settings::units::Span;
use crate::source::bytes::raw::Raw;
use crate::text::chain;

/// So many bytes count as progress, after which a break is the first again. Less would let a server that cuts every
/// connection after some bytes keep a run forever.
const PROGRESS: u64 = 64 * 1024;

/// Bytes as a server hands them out.
pub(in crate::source) type Pieces = BoxStream<'static, Result<Bytes, RemoteError>>;

/// A file at a server, opened at some offset.
pub(in crate::source) struct Reply {
    /// The state of the whole file.
    pub(in crate::source) mark: Mark,
    /// What stands there from the offset on.
    pub(in crate::source) bytes: Pieces,
}

/// How a file at a server is opened at an offset.
pub(in crate::source) type Open =
    Box<dyn Fn(u64) -> BoxFuture<'static, Result<Reply, RemoteError>> + Send + Sync>;

/// A file that is read to its end over as many connections as it takes.
pub(in crate::source) struct Resumed {
    /// As it is called in messages.
    pub(in crate::source) name: String,
    /// What it was when it was found.
    pub(in crate::source) mark: Mark,
    /// How long a byte is waited for.
    pub(in crate::source) stalled: Span,
    pub(in crate::source) open: Open,
}

impl Resumed {
    /// Reads it from its beginning, of which an opening may be there already.
    pub(in crate::source) fn read(self, first: Option<Reply>) -> Raw {
        let reading = Reading {
            file: self,
            at: 0,
            bytes: first.map(|reply| reply.bytes),
            breaks: 0,
            broken_at: 0,
        };
        let pieces = stream::try_unfold(reading, |mut reading| async move {
            let piece = reading.next().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(piece.map(|piece| (piece, reading)))
        });
        Box::new(StreamReader::new(Box::pin(pieces)))
    }
}

struct Reading {
    file: Resumed,
    /// Bytes that were given out.
    at: u64,
    bytes: Option<Pieces>,
    /// Breaks since the last progress, and where the last of them was.
    breaks: usize,
    broken_at: u64,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, RemoteError> {
        loop {
            if self.file.mark.size == Some(self.at) {
                return Ok(None);
            }
            match self.piece().await {
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(Some(piece)) => {
                    self.at += piece.len() as u64;
                    return match self.file.mark.size {
                        Some(size) if self.at > size => Err(RemoteError::Changed),
                        _ => Ok(Some(piece)),
                    };
                }
                Ok(None) => return Ok(None),
                Err(error) => self.may_go_on(error).await?,
            }
        }
    }

    /// The next bytes of the connection that there is, or of a new one.
    async fn piece(&mut self) -> Result<Option<Bytes>, RemoteError> {
        let bytes = match &mut self.bytes {
            Some(bytes) => bytes,
            None => {
                let reply = (self.file.open)(self.at).await?;
                match self.file.mark.tells() {
                    true if self.file.mark.is_still(&reply.mark) => {}
                    true => return Err(RemoteError::Changed),
                    // Nothing of it was given out: it may as well be another one.
                    false => self.file.mark = reply.mark,
                }
                self.bytes.insert(reply.bytes)
            }
        };
        let after = self.file.stalled;
        let piece = tokio::time::timeout(after.0, bytes.try_next());
        let piece = piece.await.map_err(|_| RemoteError::Stalled { after })??;
        match (&piece, self.file.mark.size) {
            (None, Some(size)) => Err(RemoteError::Short { at: self.at, size }),
            _ => Ok(piece),
        }
    }

    /// Waits before the next connection.
    ///
    /// # Errors
    /// There is to be none.
    async fn may_go_on(&mut self, error: RemoteError) -> Result<(), RemoteError> {
        self.bytes = None;
        if self.at - self.broken_at >= PROGRESS {
            self.breaks = 0;
        }
        if !again(error.outcome()) || self.breaks + 1 >= ATTEMPTS {
            return Err(error);
        }
        if self.at > 0 && !self.file.mark.tells() {
            let why = Box::new(error);
            return Err(RemoteError::NotTakenUp { at: self.at, why });
        }
        let planned = pauses().nth(self.breaks).unwrap_or(Duration::ZERO);
        let after = pause(planned, &error);
        let (name, at) = (&self.file.name, self.at);
        tracing::warn!(
            ?after,
            "{name}: {}; going on at byte {at} with a new connection",
            chain(&error)
        );
        (self.breaks, self.broken_at) = (self.breaks + 1, at);
        tokio::time::sleep(after).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
