//! Bytes that a thread makes: a bounded channel hands them over.

use std::io::{self, Write};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

use super::raw::Raw;

/// Pieces (of some 64 KiB) that the thread may be ahead of the reader.
const AHEAD: usize = 4;

/// Starts to make bytes. The thread ends when all are made, or as soon as the reader is dropped.
pub(in crate::source) fn by_thread(
    make: impl FnOnce(Pieces) -> io::Result<()> + Send + 'static,
) -> Raw {
    let (sender, mut pieces) = mpsc::channel(AHEAD);
    let maker = tokio::task::spawn_blocking(move || make(Pieces(sender)));
    let pieces = stream::poll_fn(move |cx| pieces.poll_recv(cx).map(|piece| piece.map(Ok)));
    // Where the thread fails, the channel closes too: that must not pass for the end.
    let end = stream::once(async move {
        match maker.await {
            Ok(Ok(())) => Ok(Bytes::new()),
            Ok(Err(error)) => Err(error),
            Err(failed) => Err(io::Error::other(failed)),
        }
    });
    Box::new(StreamReader::new(Box::pin(pieces.chain(end))))
}

/// Writes into the channel.
pub(in crate::source) struct Pieces(mpsc::Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Bytes::copy_from_slice(bytes))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
