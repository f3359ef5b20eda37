//! Xz: one stream after the other, in bounded memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lzma_rust2::{Action, Status, XzStream};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use crate::settings::units::Size;

/// How xz data begins.
pub(super) const MAGIC: [u8; 6] = *b"\xfd7zXZ\0";

/// The text of all streams; zeros between them and at the end are passed over, four at a time, as the format has it.
pub(super) struct Streams<R> {
    reader: R,
    stream: XzStream,
    ended: bool,
}

impl<R> Streams<R> {
    /// None of the blocks gets more than `memory`.
    pub(super) fn new(reader: R, memory: Size) -> Streams<R> {
        let kib = u32::try_from(memory.0 / 1024).unwrap_or(u32::MAX);
        Streams {
            reader,
            stream: XzStream::new_mem_limit(true, kib),
            ended: false,
        }
    }
}

/// Whether a block was refused because of the memory that it asks for.
pub(super) fn is_memory(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Streams<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.ended && buf.remaining() > 0 {
            let input = ready!(Pin::new(&mut this.reader).poll_fill_buf(cx))?;
            let action = match input.is_empty() {
                true => Action::Finish,
                false => Action::Run,
            };
            let room = buf.initialize_unfilled();
            let done = this.stream.process(input, room, action)?;
            Pin::new(&mut this.reader).consume(done.bytes_consumed);
            buf.advance(done.bytes_produced);
            this.ended = matches!(done.status, Status::StreamEnd);
            if done.bytes_produced > 0 {
                break;
            }
            if !this.ended && done.bytes_consumed == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}
