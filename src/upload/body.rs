//! The body of an upload: cut into chunks, and of exactly the declared length.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};

/// Why a body did not come to its proper end. The upload is then cut off, and never tried again by itself:
/// the same body would end the same way.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is over before the declared length.
    #[error(
        "the upload ended after {actual} bytes, {declared} were declared: the source changed while it was sent"
    )]
    Shorter {
        /// Bytes in the `Content-Length`.
        declared: u64,
        /// Bytes that there were.
        actual: u64,
    },
    /// The body goes on after the declared length.
    #[error(
        "the upload is longer than the {declared} bytes that were declared: the source changed while it was sent"
    )]
    Longer {
        /// Bytes in the `Content-Length`.
        declared: u64,
    },
    /// The body could not be made.
    #[error("the upload's content could not be made")]
    Source(#[source] Box<dyn Error + Send + Sync>),
}

/// Cuts a body to pieces of at most `chunk` bytes (at least one), without copying. Small pieces stay as they
/// are, empty ones are left out.
pub(crate) fn chunks<S, E>(inner: S, chunk: usize) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Send,
{
    let chunk = chunk.max(1);
    inner
        .map_ok(move |mut bytes: Bytes| {
            futures::stream::iter(std::iter::from_fn(move || {
                (!bytes.is_empty()).then(|| Ok(bytes.split_to(bytes.len().min(chunk))))
            }))
        })
        .try_flatten()
}

/// Holds a body to its declared length, one piece behind: the last piece is released only when `inner` has ended
/// well and everything together is exactly `length` bytes. Otherwise the stream ends in an error, the connection
/// is cut, and the storage, which has not seen the last bytes, keeps nothing.
///
/// `sent` is counted up as pieces are released.
pub(crate) fn exact<S>(inner: S, length: u64, sent: Arc<AtomicU64>) -> Exact<S> {
    Exact {
        inner,
        length,
        seen: 0,
        held: None,
        over: false,
        sent,
    }
}

/// The stream made by [`exact`].
pub(crate) struct Exact<S> {
    inner: S,
    length: u64,
    seen: u64,
    held: Option<Bytes>,
    over: bool,
    sent: Arc<AtomicU64>,
}

impl<S> Stream for Exact<S>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.over {
            match ready!(self.inner.poll_next_unpin(cx)) {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    self.seen += bytes.len() as u64;
                    if self.seen > self.length {
                        self.over = true;
                        self.held = None;
                        let declared = self.length;
                        return Poll::Ready(Some(Err(BodyError::Longer { declared })));
                    }
                    if let Some(before) = self.held.replace(bytes) {
                        return Poll::Ready(Some(Ok(self.release(before))));
                    }
                }
                Some(Err(error)) => {
                    self.over = true;
                    self.held = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.over = true;
                    if self.seen != self.length {
                        self.held = None;
                        let (declared, actual) = (self.length, self.seen);
                        return Poll::Ready(Some(Err(BodyError::Shorter { declared, actual })));
                    }
                }
            }
        }
        let last = self.held.take();
        Poll::Ready(last.map(|bytes| Ok(self.release(bytes))))
    }
}

impl<S> Exact<S> {
    fn release(&self, bytes: Bytes) -> Bytes {
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::stream;
    use proptest::prelude::*;

    use super::*;

    fn pieces(lengths: &[usize]) -> Vec<Result<Bytes, BodyError>> {
        let mut next = 0u8;
        lengths
            .iter()
            .map(|&n| {
                Ok((0..n)
                    .map(|_| {
                        next = next.wrapping_add(1);
                        next
                    })
                    .collect())
            })
            .collect()
    }

    /// What comes out: the bytes released, and the error if it ended in one.
    fn run(input: Vec<Result<Bytes, BodyError>>, length: u64) -> (Vec<u8>, Option<BodyError>) {
        let sent = Arc::new(AtomicU64::new(0));
        let mut out = Vec::new();
        let mut failed = None;
        let mut stream = exact(stream::iter(input), length, sent.clone());
        while let Some(item) = block_on(stream.next()) {
            match item {
                Ok(bytes) => out.extend_from_slice(&bytes),
                Err(error) => failed = Some(error),
            }
        }
        assert_eq!(sent.load(Ordering::Relaxed), out.len() as u64);
        (out, failed)
    }

    #[test]
    fn the_last_piece_waits_for_a_good_end() {
        #[track_caller]
        fn check(lengths: &[usize], declared: u64, released: usize, error: Option<&str>) {
            let (out, failed) = run(pieces(lengths), declared);
            assert_eq!(out.len(), released, "{lengths:?}");
            assert_eq!(failed.map(|e| e.to_string()).as_deref(), error);
        }
        let longer = Some(
            "the upload is longer than the 5 bytes that were declared: the source changed while it was sent",
        );
        let shorter = Some(
            "the upload ended after 4 bytes, 5 were declared: the source changed while it was sent",
        );
        check(&[], 0, 0, None);
        check(&[0, 0], 0, 0, None);
        check(&[5], 5, 5, None);
        check(&[2, 0, 2, 1, 0], 5, 5, None);
        check(&[2, 2], 5, 2, shorter);
        check(&[4], 5, 0, shorter);
        check(&[6], 5, 0, longer);
        check(&[2, 3, 1], 5, 2, longer);
        check(&[5, 1], 5, 0, longer);
    }

    #[test]
    fn an_error_at_the_very_end_keeps_the_last_piece_back() {
        let mut input = pieces(&[2, 3]);
        input.push(Err(BodyError::Source("the hash differs".into())));
        let (out, failed) = run(input, 5);
        assert_eq!(out.len(), 2);
        let failed = failed.unwrap();
        assert_eq!(failed.source().unwrap().to_string(), "the hash differs");
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(lengths in prop::collection::vec(0usize..50, 0..12), chunk in 0usize..60) {
            let whole: Vec<u8> = pieces(&lengths).into_iter().flat_map(|b| b.unwrap()).collect();
            let cut: Vec<Bytes> = block_on(chunks(stream::iter(pieces(&lengths)), chunk).try_collect()).unwrap();
            prop_assert!(cut.iter().all(|b| !b.is_empty() && b.len() <= chunk.max(1)));
            prop_assert_eq!(cut.concat(), whole.clone());
            let (out, failed) = run(cut.into_iter().map(Ok).collect(), whole.len() as u64);
            prop_assert!(failed.is_none());
            prop_assert_eq!(out, whole);
        }
    }
}
