//! Compressed data: told by its first bytes, decompressed as it is read, and bounded in what it becomes.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, BufReader};

use super::gzip::Members;
use super::raw::{Raw, peek};
use super::zstd;
use crate::settings::limits::Limits;
use crate::source::error::SourceError;
use crate::source::spec::Compression;

/// Compressed bytes read at once.
const BUFFER: usize = 128 * 1024;

/// Decompressed text from which on it matters how much more it is than the compressed data. Small files of blanks
/// are none of an attack.
const EXPANSION_FROM: u64 = 1 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is known of compressed data as it is read.
pub(in crate::source) struct Compressed {
    pub(in crate::source) kind: &'static str,
    /// Bytes read as stored, and what has become of them.
    stored: Arc<AtomicU64>,
    text: u64,
    limits: Limits,
}

/// Decompresses what is compressed. `stored` counts the bytes that `raw` hands out.
pub(in crate::source) async fn open(
    mut raw: Raw,
    compression: Compression,
    limits: &Limits,
    stored: Arc<AtomicU64>,
) -> io::Result<(Raw, Option<Compressed>)> {
    let head = peek(&mut raw, 4).await?;
    let compression = match compression {
        Compression::Auto if head.starts_with(&GZIP) => Compression::Gzip,
        Compression::Auto if zstd::is_frame(&head) => Compression::Zstd,
        Compression::Auto => Compression::None,
        stated => stated,
    };
    let raw = Cursor::new(head).chain(raw);
    let (reader, kind): (Raw, _) = match compression {
        Compression::Gzip => {
            let members = Members::new(BufReader::with_capacity(BUFFER, raw));
            (Box::new(members), "gzip")
        }
        Compression::Zstd => {
            let raw = BufReader::with_capacity(BUFFER, raw);
            (Box::new(zstd::frames(raw, limits.zstd_window)), "zstd")
        }
        _ => return Ok((Box::new(raw), None)),
    };
    let compressed = Compressed {
        kind,
        stored,
        text: 0,
        limits: *limits,
    };
    Ok((reader, Some(compressed)))
}

impl Compressed {
    /// Counts what has been decompressed.
    ///
    /// # Errors
    /// It has become more than is allowed.
    pub(in crate::source) fn take(&mut self, name: &str, got: u64) -> Result<(), SourceError> {
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

    /// What it means that decompression failed.
    pub(in crate::source) fn error(&self, name: String, source: io::Error) -> SourceError {
        use io::ErrorKind::{InvalidData, Other, UnexpectedEof};
        match source.kind() {
            _ if zstd::is_window(&source) => SourceError::Window {
                name,
                limit: self.limits.zstd_window,
            },
            UnexpectedEof | InvalidData | Other => SourceError::Damaged {
                name,
                kind: self.kind,
                source,
            },
            _ => SourceError::Io { name, source },
        }
    }
}
