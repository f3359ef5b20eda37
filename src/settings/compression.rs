//! How the bytes of a file are compressed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Compressions of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By the first bytes. A workbook, which is an archive as well, is left as it is.
    #[default]
    Auto,
    /// Not compressed.
    None,
    /// RFC 1952, of one or more members.
    Gzip,
    /// RFC 8878, of one or more frames.
    Zstd,
    /// Of one or more streams.
    Bzip2,
    /// Of one or more streams.
    Xz,
    /// An archive of one file, or of several of which `entry` names one.
    Zip,
}
