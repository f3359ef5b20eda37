//! Bytes on their way: counted, copied, decompressed, decoded; each a reader around a reader.

mod bounded;
pub(in crate::source) mod charset;
pub(in crate::source) mod compressed;
pub(in crate::source) mod copy;
pub(in crate::source) mod count;
pub(crate) mod decrypt;
mod doubt;
pub(in crate::source) mod made;
mod members;
pub(in crate::source) mod raw;
mod sealed;
pub(in crate::source) mod stored;
mod xz;
pub(in crate::source) mod zip;
mod zstd;

/// Compressed bytes read at once.
const BUFFER: usize = 128 * 1024;
