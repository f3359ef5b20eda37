//! What a pass tells progress of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::report::progress::Progress;
use crate::source::Source;

/// Tells progress what a pass has read.
pub(super) struct Watch<'a> {
    progress: &'a Progress,
    read: Arc<AtomicU64>,
    told: u64,
}

impl<'a> Watch<'a> {
    /// `told` are the bytes of the source that were read before.
    pub(super) fn new(progress: &'a Progress, source: &Source, told: u64) -> Watch<'a> {
        Watch {
            progress,
            read: source.bytes_read(),
            told,
        }
    }

    pub(super) fn rows(&mut self, rows: usize) {
        self.progress.add_rows(rows as u64);
        let read = self.read.load(Ordering::Relaxed);
        self.progress.add_bytes_in(read - self.told);
        self.told = read;
    }
}
