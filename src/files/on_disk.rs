//! Work on the disk, in a thread of its own: a network drive that does not answer keeps nobody else waiting.

use std::io;

/// Has the disk do something.
///
/// # Errors
/// The thread has died, or the runtime is ending.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)
}
