//! Gzip and bzip2: one member after the other, then nothing, or zeros.
//!
//! Tapes and block devices fill up with zeros what they store, and the common tools pass over them. Anything else
//! after the last member is not of this compression, and the file not what it should be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// Bytes at a member's beginning that are looked at: of gzip the magic number, the method, the flags.
const START: usize = 4;

/// Flags of gzip that mean nothing yet. A member that has one of them may hold fields that nobody here knows of, so that
/// what is read as its text may be something else: it is refused, as RFC 1952 asks.
const RESERVED: u8 = 0xe0;

/// What members are compressed with.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Gzip,
    Bzip2,
}

impl Kind {
    /// The byte that every member begins with.
    const fn first(self) -> u8 {
        match self {
            Kind::Gzip => 0x1f,
            Kind::Bzip2 => b'B',
        }
    }

    fn decoder<R: AsyncBufRead>(self, reader: R) -> Decoder<R> {
        match self {
            Kind::Gzip => Decoder::Gzip(Box::new(GzipDecoder::new(reader))),
            Kind::Bzip2 => Decoder::Bzip2(Box::new(BzDecoder::new(reader))),
        }
    }
}

/// Decompresses one member.
enum Decoder<R> {
    Gzip(Box<GzipDecoder<R>>),
    Bzip2(Box<BzDecoder<R>>),
}

impl<R: AsyncBufRead + Unpin> Decoder<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Decoder::Gzip(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Decoder::Bzip2(decoder) => Pin::new(decoder).poll_read(cx, buf),
        }
    }

    fn into_inner(self) -> R {
        match self {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Bzip2(decoder) => decoder.into_inner(),
        }
    }
}

/// The text of all members.
pub(super) struct Members<R> {
    kind: Kind,
    state: State<R>,
}

enum State<R> {
    /// In the first bytes of a member.
    Start(Ahead<R>),
    /// In a member.
    Member(Decoder<Ahead<R>>),
    /// After a member.
    Between(R),
    /// In the zeros after the last one.
    Zeros(R),
    Ended,
}

impl<R: AsyncBufRead + Unpin> Members<R> {
    pub(super) fn new(kind: Kind, reader: R) -> Members<R> {
        Members {
            kind,
            state: State::Start(Ahead::new(reader)),
        }
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Members<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let kind = self.kind;
        let state = &mut self.state;
        let (before, full) = (buf.filled().len(), buf.remaining() == 0);
        loop {
            match std::mem::replace(state, State::Ended) {
                State::Start(mut ahead) => {
                    let poll = ahead.poll_start(cx)?;
                    if poll.is_pending() {
                        *state = State::Start(ahead);
                        return Poll::Pending;
                    }
                    if matches!(ahead.start[..], [0x1f, 0x8b, _, flags] if flags & RESERVED != 0) {
                        return Poll::Ready(Err(damaged("a member has flags that are reserved")));
                    }
                    *state = State::Member(kind.decoder(ahead));
                }
                State::Member(mut decoder) => {
                    let poll = decoder.poll_read(cx, buf);
                    let ended = matches!(poll, Poll::Ready(Ok(())))
                        && !full
                        && buf.filled().len() == before;
                    if !ended {
                        *state = State::Member(decoder);
                        return poll;
                    }
                    *state = State::Between(decoder.into_inner().reader);
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
                        Some(first) if first == kind.first() => State::Start(Ahead::new(reader)),
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

/// A reader whose first bytes have been looked at, and are read once more.
struct Ahead<R> {
    start: Vec<u8>,
    /// How many of them have been read.
    read: usize,
    reader: R,
}

impl<R: AsyncBufRead + Unpin> Ahead<R> {
    fn new(reader: R) -> Ahead<R> {
        Ahead {
            start: Vec::with_capacity(START),
            read: 0,
            reader,
        }
    }

    /// Looks at the first bytes: all [`START`] of them, unless the data ends before.
    fn poll_start(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.start.len() < START {
            let bytes = ready!(Pin::new(&mut self.reader).poll_fill_buf(cx))?;
            let new = bytes.len().min(START - self.start.len());
            if new == 0 {
                break;
            }
            self.start.extend_from_slice(&bytes[..new]);
            Pin::new(&mut self.reader).consume(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Ahead<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let read = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..read]);
        self.consume(read);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Ahead<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        match this.start.get(this.read..) {
            Some(rest @ [_, ..]) => Poll::Ready(Ok(rest)),
            _ => Pin::new(&mut this.reader).poll_fill_buf(cx),
        }
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        match self.read < self.start.len() {
            true => self.read += amount,
            false => Pin::new(&mut self.reader).consume(amount),
        }
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn something_follows() -> io::Error {
    damaged("something else follows the end of the compressed data")
}
