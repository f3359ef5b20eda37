//! The text of one file of an archive, which is whole only if it has the length and the hash that the directory says.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::Crc;
use tokio::io::{AsyncRead, ReadBuf};

/// What is read of a file that has been unpacked, on the runtime or on a thread, as `R` is.
pub(in crate::source) struct Text<R> {
    inner: R,
    seen: Crc,
    /// Bytes that are still to come, and the hash of all of them.
    left: u64,
    crc: u32,
}

impl<R> Text<R> {
    pub(in crate::source) fn new(inner: R, size: u64, crc: u32) -> Text<R> {
        Text {
            inner,
            seen: Crc::new(),
            left: size,
            crc,
        }
    }

    /// Compares what was read with what the directory says. Nobody is to take what comes with an error.
    fn compare(&mut self, new: &[u8]) -> io::Result<()> {
        self.seen.update(new);
        match self.left.checked_sub(new.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(damaged("there is more than the directory says")),
        }
        match new.is_empty() {
            true if self.left > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            true if self.seen.sum() != self.crc => {
                Err(damaged("its CRC-32 is not what the directory says"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Text<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        let compared = self.compare(&buf.filled()[before..]);
        if compared.is_err() {
            buf.set_filled(before);
        }
        Poll::Ready(compared)
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(room)?;
        self.compare(&room[..read])?;
        Ok(read)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
