//! The body of an upload, watched on its way: whose turn it is, how far it came, what went wrong with it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use futures::task::AtomicWaker;
use md5::{Digest, Md5};
use tokio::time::Instant;

use crate::upload::body::BodyError;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The body's: there is nothing to send yet. A slow source or a low rate is no fault of the network.
    Making,
    Sending,
    /// The storage's: it has everything.
    Sent,
}

/// What is known of a body under way.
pub(super) struct Watch {
    phase: Mutex<(Phase, Instant)>,
    error: Mutex<Option<BodyError>>,
    sent: Arc<AtomicU64>,
    length: Option<u64>,
    /// Of the bytes handed to the connection, where it is wanted.
    md5: Mutex<Option<Md5>>,
    cut: AtomicBool,
    asking: AtomicWaker,
}

/// Ends the body, wherever it is, when the upload's future is done or dropped.
pub(super) struct CutOnDrop(pub(super) Arc<Watch>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.asking.wake();
    }
}

impl Watch {
    pub(super) fn new(sent: Arc<AtomicU64>, length: Option<u64>, verify: bool) -> Watch {
        Watch {
            // Until the first byte is asked for, the client's connect timeout watches.
            phase: Mutex::new((Phase::Making, Instant::now())),
            error: Mutex::new(None),
            sent,
            length,
            md5: Mutex::new(verify.then(Md5::new)),
            cut: AtomicBool::new(false),
            asking: AtomicWaker::new(),
        }
    }

    fn phase(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, phase: Phase) {
        *self.phase() = (phase, Instant::now());
    }

    pub(super) fn is_sent(&self) -> bool {
        self.phase().0 == Phase::Sent
    }

    pub(super) fn take_error(&self) -> Option<BodyError> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn md5(&self) -> MutexGuard<'_, Option<Md5>> {
        self.md5.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_md5(&self) -> Option<[u8; 16]> {
        self.md5().take().map(|md5| md5.finalize().into())
    }

    /// Comes back when the network or the storage has done nothing for too long.
    pub(super) async fn stands_still(&self, stalled: Duration, unanswered: Duration) -> Phase {
        loop {
            let (phase, since) = *self.phase();
            let until = match phase {
                // Looks again soon, so that a stop that begins meanwhile is timed from its beginning.
                Phase::Making => Instant::now() + Duration::from_secs(1),
                Phase::Sending => since + stalled,
                Phase::Sent => since + unanswered,
            };
            tokio::time::sleep_until(until).await;
            if phase != Phase::Making && *self.phase() == (phase, since) {
                return phase;
            }
        }
    }
}

/// The body as the client sees it.
pub(super) struct Watched {
    inner: BoxStream<'static, Result<Bytes, BodyError>>,
    watch: Arc<Watch>,
}

impl Watched {
    pub(super) fn body(
        inner: BoxStream<'static, Result<Bytes, BodyError>>,
        watch: &Arc<Watch>,
    ) -> reqwest::Body {
        reqwest::Body::wrap_stream(Watched {
            inner,
            watch: watch.clone(),
        })
    }
}

impl Stream for Watched {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.watch.asking.register(cx.waker());
        if self.watch.cut.load(Ordering::Acquire) {
            self.inner = futures::stream::empty().boxed();
            return Poll::Ready(Some(Err(std::io::Error::other("cut off"))));
        }
        let polled = self.inner.poll_next_unpin(cx);
        let watch = &self.watch;
        match polled {
            Poll::Pending => {
                watch.set(Phase::Making);
                Poll::Pending
            }
            Poll::Ready(Some(Ok(bytes))) => {
                if let Some(md5) = &mut *watch.md5() {
                    md5.update(&bytes);
                }
                // The client stops asking at the declared length. The last piece of an exact body comes only
                // after its good end, so the count alone tells.
                let all = Some(watch.sent.load(Ordering::Relaxed)) == watch.length;
                watch.set(if all { Phase::Sent } else { Phase::Sending });
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                // Kept here whole; the client only needs to know that there is no more.
                *watch.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(std::io::Error::other("cut off"))))
            }
            Poll::Ready(None) => {
                watch.set(Phase::Sent);
                Poll::Ready(None)
            }
        }
    }
}
