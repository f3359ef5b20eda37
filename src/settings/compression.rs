//! How the bytes of a file are compressed.

use schemars::JsonSchema;
use serde::Deserialize;

/// Compressions of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By the first bytes.
    #[default]
    Auto,
    /// Not compressed.
    None,
    /// RFC 1952, of one or more members.
    Gzip,
    /// RFC 8878, of one or more frames.
    Zstd,
}
