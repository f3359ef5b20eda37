//! Gzip: one member after the other, then nothing, or zeros.
//!
//! Tapes and block devices fill up with zeros what they store, and the common tools pass over them. Anything else
//! after the last member is no gzip, and the file not what it should be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_compression::tokio::bufread::GzipDecoder;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// The text of all members.
pub(super) struct Members<R> {
    state: State<R>,
}

enum State<R> {
    /// In a member.
    Member(Box<GzipDecoder<R>>),
    /// After a member.
    Between(R),
    /// In the zeros after the last one.
    Zeros(R),
    Ended,
}

impl<R: AsyncBufRead + Unpin> Members<R> {
    pub(super) fn new(reader: R) -> Members<R> {
        Members {
            state: State::Member(Box::new(GzipDecoder::new(reader))),
        }
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Members<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut self.state;
        let (before, full) = (buf.filled().len(), buf.remaining() == 0);
        loop {
            match std::mem::replace(state, State::Ended) {
                State::Member(mut decoder) => {
                    let poll = Pin::new(&mut decoder).poll_read(cx, buf);
                    let ended = matches!(poll, Poll::Ready(Ok(())))
                        && !full
                        && buf.filled().len() == before;
                    if !ended {
                        *state = State::Member(decoder);
                        return poll;
                    }
                    *state = State::Between(decoder.into_inner());
                }
                State::Between(mut reader) => {
                    let first = match Pin::new(&mut reader).poll_fill_buf(cx)? {
                        Poll::Ready(bytes) => bytes.first().copied(),
                        Poll::Pending => {
                            *state = State::Between(reader);
                            return Poll::Pending;
                        }
                    };
                    *state = match first {
                        Some(0x1f) => State::Member(Box::new(GzipDecoder::new(reader))),
                        Some(0) => State::Zeros(reader),
                        Some(_) => return Poll::Ready(Err(something_follows())),
                        None => State::Ended,
                    };
                }
                State::Zeros(mut reader) => {
                    let zeros = match Pin::new(&mut reader).poll_fill_buf(cx)? {
                        Poll::Ready(bytes) if bytes.iter().all(|b| *b == 0) => bytes.len(),
                        Poll::Ready(_) => return Poll::Ready(Err(something_follows())),
                        Poll::Pending => {
                            *state = State::Zeros(reader);
                            return Poll::Pending;
                        }
                    };
                    if zeros > 0 {
                        Pin::new(&mut reader).consume(zeros);
                        *state = State::Zeros(reader);
                    }
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

fn something_follows() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "something else follows the end of the compressed data",
    )
}
