//! What the pipeline file says of the upload.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::units::{Rate, Size};

/// How the body is written and sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UploadSpec {
    /// `json` or `csv`.
    pub format: UploadFormat,
    /// How the body's length is known before its first byte.
    pub length: Option<Length>,
    /// Compression of the body.
    pub encoding: BodyEncoding,
    /// The most bytes handed to the connection at once.
    pub chunk: Size,
    /// Bytes per second; without it, as fast as the network takes them.
    pub rate: Option<Rate>,
    /// How many times the upload is tried, each time with a fresh pair of URLs. With `length: chunked` it is tried once.
    pub attempts: u32,
    /// Whether the MD5 that the storage states is compared with that of the bytes sent.
    pub verify: Verify,
    /// By when the upload's address must still be good.
    pub expiry: Expiry,
}

impl Default for UploadSpec {
    fn default() -> Self {
        UploadSpec {
            format: UploadFormat::Json,
            length: None,
            encoding: BodyEncoding::Identity,
            chunk: Size(256 * 1024),
            rate: None,
            attempts: 3,
            verify: Verify::Auto,
            expiry: Expiry::End,
        }
    }
}

/// Whether the MD5 that the storage states is compared with that of the bytes sent. Nothing is compared where the
/// storage states none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Over https alone: what is sent in plain http does not leave this machine.
    #[default]
    Auto,
    /// Always.
    Md5,
    /// Never.
    None,
}

/// By when the upload's address must still be good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expiry {
    /// To the upload's end: a proxy that keeps the body until it is whole makes the storage look only then. An upload
    /// that can't be over by then is not begun, and one that is not is cut off.
    #[default]
    End,
    /// At its start: S3 looks at the address when the request comes.
    Start,
}

/// Formats of the upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UploadFormat {
    /// A JSON array of objects.
    #[default]
    Json,
    /// Comma-separated with a header.
    Csv,
}

/// How the body's length is known before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Length {
    /// Two passes over the source: the first measures, the second sends.
    Measured,
    /// One pass into a private temporary file.
    Spooled,
    /// One pass straight through, with chunked transfer coding, for storages that accept it.
    Chunked,
}

/// Compressions of the upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyEncoding {
    /// Not compressed.
    #[default]
    Identity,
    /// Compressed; needs a server that takes it.
    Gzip,
}
