//! How much may become of compressed or encrypted data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::settings::limits::Limits;
use crate::source::error::SourceError;

/// Decompressed text from which on it matters how much more it is than the compressed data. Small files of blanks
/// are none of an attack.
const EXPANSION_FROM: u64 = 1 << 20;

/// Counts what becomes of data, and compares it to what the data is.
pub(super) struct Bounded {
    kind: &'static str,
    /// Bytes read as stored, and what has become of them.
    stored: Arc<AtomicU64>,
    text: u64,
    limits: Limits,
}

impl Bounded {
    /// `stored` counts the bytes as stored.
    pub(super) fn new(kind: &'static str, stored: &Arc<AtomicU64>, limits: &Limits) -> Bounded {
        Bounded {
            kind,
            stored: stored.clone(),
            text: 0,
            limits: *limits,
        }
    }

    /// Counts what has been decompressed or decrypted.
    ///
    /// # Errors
    /// It has become more than is allowed.
    pub(super) fn take(&mut self, name: &str, got: u64) -> Result<(), SourceError> {
        self.text += got;
        let (kind, name) = (self.kind, || name.to_owned());
        let limit = self.limits.decompressed;
        if self.text > limit.0 {
            return Err(SourceError::Decompressed {
                name: name(),
                kind,
                limit,
            });
        }
        let stored = self.stored.load(Ordering::Relaxed);
        let limit = self.limits.expansion;
        if self.text > EXPANSION_FROM.max(stored.saturating_mul(limit.into())) {
            return Err(SourceError::Expansion {
                name: name(),
                kind,
                limit,
            });
        }
        Ok(())
    }
}
