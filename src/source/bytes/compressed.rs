//! Compressed data: told by its first bytes, decompressed as it is read, and bounded in what it becomes.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, BufReader};

use super::copy::{self, Access};
use super::count::{Counting, Told};
use super::members::{Kind, Members};
use super::raw::{Raw, peek};
use super::{BUFFER, decrypt, xz, zip, zstd};
use crate::settings::limits::Limits;
use crate::source::Wrapping;
use crate::source::error::SourceError;
use crate::source::spec::Compression;

/// Decompressed text from which on it matters how much more it is than the compressed data. Small files of blanks
/// are none of an attack.
const EXPANSION_FROM: u64 = 1 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is known of compressed data as it is read.
pub(in crate::source) struct Compressed {
    pub(in crate::source) kind: &'static str,
    /// The name of the file, where it is one of an archive.
    pub(in crate::source) entry: Option<String>,
    /// Bytes read as stored, and what has become of them.
    stored: Arc<AtomicU64>,
    text: u64,
    limits: Limits,
}

/// Decrypts what is encrypted, and decompresses what is compressed. `told` is what `raw` tells of its bytes; `access`
/// says where else they are.
pub(in crate::source) async fn open(
    name: &str,
    mut raw: Raw,
    mut access: Access,
    wrapping: &Wrapping,
    limits: &Limits,
    told: &Told,
) -> Result<(Raw, Option<Compressed>), SourceError> {
    if let Some(decrypt) = &wrapping.decrypt {
        let bounded = Compressed::new(decrypt::KIND, told, limits);
        let decrypted = decrypt.open(name, raw, bounded);
        raw = decrypted.map_err(|error| failed(name, None, error))?;
        access = Access::FrontToBack;
    }
    let head = peek(&mut raw, zip::HEAD).await;
    let head = head.map_err(|error| failed(name, None, error))?;
    let compression = match wrapping.compression {
        Compression::Auto => by_content(&head),
        stated => stated,
    };
    let kind = match compression {
        Compression::Auto | Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
        Compression::Bzip2 => Some("bzip2"),
        Compression::Xz => Some("xz"),
        Compression::Zip => Some("zip"),
    };
    let seen = head.len() as u64;
    let raw = Cursor::new(head).chain(raw);
    let Some(kind) = kind else {
        return Ok((Box::new(raw), None));
    };
    let mut compressed = Compressed::new(kind, told, limits);
    if compression == Compression::Zip {
        let file = unzipped(name, Box::new(raw), access, wrapping, told, seen).await?;
        compressed.stored = Arc::new(file.compressed.into());
        compressed.entry = Some(file.name);
        return Ok((file.text, Some(compressed)));
    }
    let raw = BufReader::with_capacity(BUFFER, raw);
    let reader: Raw = match compression {
        Compression::Bzip2 => Box::new(Members::new(Kind::Bzip2, raw)),
        Compression::Xz => Box::new(xz::Streams::new(raw, limits.xz_memory)),
        Compression::Zstd => Box::new(zstd::frames(raw, limits.zstd_window)),
        _ => Box::new(Members::new(Kind::Gzip, raw)),
    };
    Ok((reader, Some(compressed)))
}

/// How data that begins so is compressed.
fn by_content(head: &[u8]) -> Compression {
    match head {
        _ if head.starts_with(&GZIP) => Compression::Gzip,
        _ if zstd::is_frame(head) => Compression::Zstd,
        _ if is_bzip2(head) => Compression::Bzip2,
        _ if head.starts_with(&xz::MAGIC) => Compression::Xz,
        _ if zip::looks_like_workbook(head) => Compression::None,
        _ if zip::is_archive(head) => Compression::Zip,
        _ => Compression::None,
    }
}

/// By more than its three letters and a digit, which a text may begin with, too.
fn is_bzip2(head: &[u8]) -> bool {
    const BLOCK: &[u8] = b"\x31\x41\x59\x26\x53\x59";
    const END: &[u8] = b"\x17\x72\x45\x38\x50\x90";
    matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] if rest.starts_with(BLOCK) || rest.starts_with(END))
}

/// The file of an archive that is meant. The archive is read at its end first: a stream once it has been copied.
async fn unzipped(
    name: &str,
    mut raw: Raw,
    access: Access,
    wrapping: &Wrapping,
    told: &Told,
    seen: u64,
) -> Result<zip::Opened, SourceError> {
    let archive = match access {
        // Nobody asks for more than the file that is meant.
        Access::Anywhere(archive) if !told.wants_hash() => {
            let (counters, len) = (told.counters.clone(), archive.len());
            let around = |part| -> Raw {
                let hash = None;
                Box::new(Counting::new(part, Told { counters, hash }))
            };
            let file = zip::open(&archive, wrapping.entry.as_ref(), around);
            let file = file.map_err(|why| refused(name, why))?;
            let len = len.map_err(|error| failed(name, None, error))?;
            // What is passed over counts as read, and what was looked at is read again.
            for counter in &told.counters {
                counter.fetch_add(len.saturating_sub(file.compressed), Ordering::Relaxed);
                counter.fetch_sub(seen, Ordering::Relaxed);
            }
            return Ok(file);
        }
        Access::Anywhere(archive) => read_out(&mut raw).await.map(|()| archive),
        Access::OnceRead(kept) => {
            let whole = read_out(&mut raw).await;
            whole.and_then(|()| kept.whole().ok_or(io::ErrorKind::UnexpectedEof.into()))
        }
        Access::FrontToBack => copy::of(raw, wrapping.keep_inner()).await,
    };
    let archive = archive.map_err(|error| failed(name, None, error))?;
    let file = zip::open(&archive, wrapping.entry.as_ref(), |part| part);
    file.map_err(|why| refused(name, why))
}

/// Reads to the end, for whoever else is told of the bytes.
async fn read_out(raw: &mut Raw) -> io::Result<()> {
    tokio::io::copy(raw, &mut tokio::io::sink()).await?;
    Ok(())
}

fn refused(name: &str, why: zip::Refused) -> SourceError {
    match why {
        zip::Refused::Io(error) => failed(name, None, error),
        why => SourceError::Archive {
            name: name.to_owned(),
            why,
        },
    }
}

/// What it means that reading failed.
pub(in crate::source) fn failed(
    name: &str,
    compressed: Option<&Compressed>,
    source: io::Error,
) -> SourceError {
    let name = name.to_owned();
    // A thread on the way has told already what it means.
    let source = match source.downcast() {
        Ok(told) => return told,
        Err(source) => source,
    };
    let source = match source.downcast() {
        Ok(why) => return SourceError::of_remote(name, why),
        Err(source) => source,
    };
    match (source.downcast(), compressed) {
        (Ok(why), _) => SourceError::Command { name, why },
        (Err(source), Some(compressed)) => compressed.error(name, source),
        (Err(source), None) => SourceError::Io { name, source },
    }
}

impl Compressed {
    /// `told` counts the bytes as stored.
    fn new(kind: &'static str, told: &Told, limits: &Limits) -> Compressed {
        Compressed {
            kind,
            entry: None,
            stored: told.counters[1].clone(),
            text: 0,
            limits: *limits,
        }
    }

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
    fn error(&self, name: String, source: io::Error) -> SourceError {
        use io::ErrorKind::{InvalidData, Other, UnexpectedEof};
        match source.kind() {
            _ if zstd::is_window(&source) => SourceError::Window {
                name,
                limit: self.limits.zstd_window,
            },
            _ if self.kind == "xz" && xz::is_memory(&source) => SourceError::XzMemory {
                name,
                limit: self.limits.xz_memory,
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
