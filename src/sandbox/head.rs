//! The head of a request as it came over the wire, with the case of its header names.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most of a request's head that is kept for looking at it.
const HEAD: usize = 64 * 1024;

/// The head of a connection's first request as it came. The HTTP library doesn't tell the case of
/// header names.
#[derive(Clone, Default)]
pub(super) struct Head(Arc<Mutex<Vec<u8>>>);

impl Head {
    /// The names of headers that are not in Title-Case.
    pub(crate) fn odd_names(&self) -> Vec<String> {
        let head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&head)
            .split("\r\n")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':').map(|(name, _)| name))
            .filter(|name| {
                !name
                    .split('-')
                    .all(|part| part.starts_with(|c: char| !c.is_ascii_lowercase()))
            })
            .map(str::to_owned)
            .collect()
    }

    fn see(&self, bytes: &[u8]) {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if head.len() < HEAD && !head.windows(4).any(|w| w == b"\r\n\r\n") {
            let room = HEAD - head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

/// A connection whose first request's head is kept.
pub(super) struct Tapped {
    stream: TcpStream,
    head: Head,
}

impl Tapped {
    pub(super) fn new(stream: TcpStream) -> (Tapped, Head) {
        let head = Head::default();
        let tapped = Tapped {
            stream,
            head: head.clone(),
        };
        (tapped, head)
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.head.see(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
