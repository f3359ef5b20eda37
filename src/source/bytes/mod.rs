//! Bytes on their way: counted, copied, decompressed, decoded; each a reader around a reader.

pub(in crate::source) mod charset;
pub(in crate::source) mod compressed;
pub(in crate::source) mod copy;
pub(in crate::source) mod count;
mod doubt;
mod gzip;
pub(in crate::source) mod made;
pub(in crate::source) mod raw;
pub(in crate::source) mod workbook;
mod zstd;
