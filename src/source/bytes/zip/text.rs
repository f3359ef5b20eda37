//! The text of one file of an archive, which is whole only if it has the length and the hash that the directory says.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::Crc;
use tokio::io::{AsyncRead, ReadBuf};

use crate::source::bytes::raw::Raw;

pub(super) struct Text {
    inner: Raw,
    seen: Crc,
    /// Bytes that are still to come, and the hash of all of them.
    left: u64,
    crc: u32,
}

impl Text {
    pub(super) fn new(inner: Raw, size: u64, crc: u32) -> Text {
        Text {
            inner,
            seen: Crc::new(),
            left: size,
            crc,
        }
    }
}

impl AsyncRead for Text {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let (before, room) = (buf.filled().len(), buf.remaining());
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        this.seen.update(new);
        match this.left.checked_sub(new.len() as u64) {
            Some(left) => this.left = left,
            None => {
                // Nobody is to take what comes with an error.
                buf.set_filled(before);
                return Poll::Ready(Err(damaged("there is more than the directory says")));
            }
        }
        if buf.filled().len() == before && room > 0 {
            if this.left > 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if this.seen.sum() != this.crc {
                return Poll::Ready(Err(damaged("its CRC-32 is not what the directory says")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
