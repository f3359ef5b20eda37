//! Crates that give up on a damaged file, which is the file's fault and no bug.

use std::cell::Cell;
#[cfg(feature = "parquet")]
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does what may give up, and returns nothing if it does. The panic hook is silent meanwhile: see [`is_caught`].
#[cfg(feature = "parquet")]
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    IS_CAUGHT.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(false);
    done.ok()
}

/// Whether a panic of this thread becomes an error of the file that it reads.
pub(crate) fn is_caught() -> bool {
    IS_CAUGHT.get()
}
