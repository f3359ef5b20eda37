//! Bytes that are made beside the reader, by a thread or a task: a bounded channel hands them over.

use std::io::{self, Write};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::io::StreamReader;

use super::raw::Raw;

/// Pieces (of some 64 KiB) that the maker may be ahead of the reader.
const AHEAD: usize = 4;

/// Starts to make bytes. The thread ends when all are made, or as soon as the reader is dropped.
pub(in crate::source) fn by_thread(
    make: impl FnOnce(Pieces) -> io::Result<()> + Send + 'static,
) -> Raw {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let maker = tokio::task::spawn_blocking(move || make(Pieces(sender)));
    read(pieces, maker)
}

/// Starts to make bytes. The task has to see when nobody wants more.
#[cfg(feature = "sql")]
pub(in crate::source) fn by_task<F>(make: impl FnOnce(mpsc::Sender<Bytes>) -> F) -> Raw
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (sender, pieces) = mpsc::channel(AHEAD);
    read(pieces, tokio::spawn(make(sender)))
}

fn read(mut pieces: mpsc::Receiver<Bytes>, maker: JoinHandle<io::Result<()>>) -> Raw {
    let pieces = stream::poll_fn(move |cx| pieces.poll_recv(cx).map(|piece| piece.map(Ok)));
    // Where the maker fails, the channel closes too: that must not pass for the end.
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
