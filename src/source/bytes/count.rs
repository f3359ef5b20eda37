//! Counts the bytes that pass.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// A reader whose bytes are added to counters as they pass.
pub(in crate::source) struct Counting<R> {
    inner: R,
    counters: [Arc<AtomicU64>; 2],
}

impl<R> Counting<R> {
    pub(in crate::source) fn new(inner: R, counters: [Arc<AtomicU64>; 2]) -> Counting<R> {
        Counting { inner, counters }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Counting<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        let new = (buf.filled().len() - before) as u64;
        for counter in &self.counters {
            counter.fetch_add(new, Ordering::Relaxed);
        }
        poll
    }
}
