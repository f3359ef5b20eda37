//! Bytes on their way: counted, copied, decompressed, decoded.

mod gzip;
mod text;

pub(crate) use text::*;
