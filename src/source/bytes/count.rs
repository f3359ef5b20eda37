//! Counts the bytes that pass, and hashes them where somebody wants to know them again.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use xxhash_rust::xxh3::Xxh3;

/// What is told of bytes as they pass.
#[derive(Clone, Debug, Default)]
pub(in crate::source) struct Told {
    /// How many there are.
    pub counters: [Arc<AtomicU64>; 2],
    /// Their hash, once all of them have passed; nothing where nobody asks for it.
    pub hash: Option<Arc<OnceLock<u128>>>,
}

impl Told {
    /// Whether somebody waits for the hash.
    pub(super) fn wants_hash(&self) -> bool {
        self.hash.as_ref().is_some_and(|hash| hash.get().is_none())
    }
}

/// A reader that tells of its bytes as they pass.
pub(in crate::source) struct Counting<R> {
    inner: R,
    counters: [Arc<AtomicU64>; 2],
    hash: Option<(Box<Xxh3>, Arc<OnceLock<u128>>)>,
}

impl<R> Counting<R> {
    pub(in crate::source) fn new(inner: R, told: Told) -> Counting<R> {
        // The hash of an earlier reading that came to the end stays.
        let hash = told.wants_hash().then_some(told.hash).flatten();
        Counting {
            inner,
            counters: told.counters,
            hash: hash.map(|hash| (Box::default(), hash)),
        }
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
        let new = &buf.filled()[before..];
        for counter in &self.counters {
            counter.fetch_add(new.len() as u64, Ordering::Relaxed);
        }
        if let Some((hash, told)) = &mut self.hash {
            hash.update(new);
            if new.is_empty() && buf.remaining() > 0 && matches!(poll, Poll::Ready(Ok(()))) {
                let _ = told.set(hash.digest128());
            }
        }
        poll
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio::io::AsyncReadExt;
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    #[tokio::test]
    async fn the_hash_is_that_of_all_bytes() {
        let hash = Arc::new(OnceLock::new());
        let open = |text: &'static [u8]| {
            let told = Told {
                hash: Some(hash.clone()),
                ..Told::default()
            };
            Counting::new(Cursor::new(text), told)
        };
        // A look at the beginning tells nothing.
        let mut head = [0; 3];
        open(b"abcdef").read_exact(&mut head).await.unwrap();
        assert_eq!(hash.get(), None);
        let mut all = Vec::new();
        open(b"abcdef").read_to_end(&mut all).await.unwrap();
        assert_eq!(hash.get(), Some(&xxh3_128(b"abcdef")));
        open(b"ab").read_to_end(&mut all).await.unwrap();
        assert_eq!(hash.get(), Some(&xxh3_128(b"abcdef")));
    }
}
