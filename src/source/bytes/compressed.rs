//! Compressed data: told by its first bytes, decompressed as it is read, and bounded in what it becomes.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, BufReader};

use super::bounded::Bounded;
use super::copy::{self, Access};
use super::count::{Counting, Told};
use super::members::{Kind, Members};
use super::raw::{Raw, peek};
use super::{BUFFER, decrypt, xz, zip, zstd};
use crate::settings::limits::Limits;
use crate::source::Wrapping;
use crate::source::error::SourceError;
use crate::source::spec::Compression;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is known of compressed data as it is read.
pub(in crate::source) struct Compressed {
    pub(in crate::source) kind: &'static str,
    /// The name of the file, where it is one of an archive.
    pub(in crate::source) entry: Option<String>,
    bounded: Bounded,
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
        let bounded = Bounded::new(decrypt::KIND, &told.counters[1], limits);
        let decrypted = decrypt.open(name, raw, bounded);
        raw = decrypted.map_err(|error| failed(name, None, error))?;
        access = Access::FrontToBack;
    }
    let head = peek(&mut raw, zip::HEAD).await;
    let head = head.map_err(|error| failed(name, None, error))?;
    let encrypted = match wrapping.decrypt {
        Some(_) => None,
        None => decrypt::unstated(&head),
    };
    if let Some(message) = encrypted.or_else(|| against(wrapping.compression, &head)) {
        let name = name.to_owned();
        return Err(SourceError::Wrapped { name, message });
    }
    let compression = match wrapping.compression {
        Compression::Auto => by_content(&head),
        stated => stated,
    };
    let kind = kind(compression);
    let seen = head.len() as u64;
    let raw = Cursor::new(head).chain(raw);
    let Some(kind) = kind else {
        return Ok((Box::new(raw), None));
    };
    let mut compressed = Compressed {
        kind,
        entry: None,
        bounded: Bounded::new(kind, &told.counters[1], limits),
        limits: *limits,
    };
    if compression == Compression::Zip {
        let file = unzipped(name, Box::new(raw), access, wrapping, told, seen).await?;
        compressed.bounded = Bounded::new(kind, &Arc::new(file.compressed.into()), limits);
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

/// What it is called; nothing where it is none.
fn kind(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::Auto | Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
        Compression::Bzip2 => Some("bzip2"),
        Compression::Xz => Some("xz"),
        Compression::Zip => Some("zip"),
    }
}

/// What the first bytes say against the compression that is stated, and what to do. What is too short to tell is left to
/// whoever decompresses it.
fn against(stated: Compression, head: &[u8]) -> Option<String> {
    let found = by_content(head);
    let begins = |magic: &[u8]| head.starts_with(&magic[..magic.len().min(head.len())]);
    let may_be = match stated {
        Compression::Auto => true,
        // A workbook may not look like one.
        Compression::None => matches!(found, Compression::None | Compression::Zip),
        Compression::Gzip => begins(&GZIP),
        Compression::Zstd => zstd::is_frame(head) || head.len() < 4,
        Compression::Bzip2 => begins(b"BZh"),
        Compression::Xz => begins(&xz::MAGIC),
        // What unpacks itself begins with a program.
        Compression::Zip => match found {
            Compression::None => !is_text(head),
            found => found == Compression::Zip,
        },
    };
    if may_be {
        return None;
    }
    let stated = kind(stated).unwrap_or("none");
    Some(match kind(found) {
        Some(found) => format!(
            "source.compression is {stated}, and the file begins as {found} data does; set it to {found}, or leave it out"
        ),
        None if zip::looks_like_workbook(head) => format!(
            "source.compression is {stated}, and the file is a workbook, which is read as it is; leave the setting out"
        ),
        None if is_text(head) => format!(
            "source.compression is {stated}, and the file begins as text that is not compressed; set it to none, or leave \
             it out"
        ),
        None => format!(
            "source.compression is {stated}, and the file does not begin as {stated} data does; leave the setting out if \
             the file is not compressed"
        ),
    })
}

/// Whether data begins as text does that is written to be read.
fn is_text(head: &[u8]) -> bool {
    let is_program = head.starts_with(b"#!") || head.starts_with(b"MZ");
    let is_written = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..);
    !head.is_empty() && !is_program && head.iter().all(is_written)
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
    /// Counts what has been decompressed.
    ///
    /// # Errors
    /// It has become more than is allowed.
    pub(in crate::source) fn take(&mut self, name: &str, got: u64) -> Result<(), SourceError> {
        self.bounded.take(name, got)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_and_is_not_so() {
        let check = |stated, head: &[u8], expected: &str| {
            let found = against(stated, head).unwrap_or_default();
            assert!(found.contains(expected), "{stated:?} {head:?}: {found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{stated:?}: {found}");
        };
        let gzip = b"\x1f\x8b\x08\0\0\0\0\0";
        let zstd = b"\x28\xb5\x2f\xfd\x04\0";
        let zip = b"PK\x03\x04\x14\0\0\0\0\0";
        let text = "ID,N\u{e4}me\r\n1,Ann\n".as_bytes();
        let own = b"\0\x05\x07binary";
        check(Compression::Auto, gzip, "");
        check(Compression::Gzip, gzip, "");
        check(
            Compression::Gzip,
            zstd,
            "is gzip, and the file begins as zstd data",
        );
        check(
            Compression::Gzip,
            text,
            "begins as text that is not compressed",
        );
        check(Compression::Gzip, own, "does not begin as gzip data does");
        check(Compression::Zstd, gzip, "set it to gzip");
        check(Compression::Zstd, zstd, "");
        check(Compression::Bzip2, text, "set it to none");
        check(Compression::Bzip2, b"BZh9", "");
        check(Compression::Xz, zip, "begins as zip data does");
        check(Compression::Zip, zip, "");
        check(Compression::Zip, text, "begins as text");
        check(Compression::Zip, b"MZ\x90\0", "");
        check(Compression::Zip, b"#!/bin/sh\n", "");
        check(
            Compression::None,
            gzip,
            "is none, and the file begins as gzip data",
        );
        check(Compression::None, zip, "");
        check(Compression::None, text, "");
        // Nothing, and what is cut off.
        for stated in [
            Compression::Gzip,
            Compression::Zstd,
            Compression::Xz,
            Compression::Zip,
        ] {
            check(stated, b"", "");
        }
        check(Compression::Xz, b"\xfd7z", "");
        check(Compression::Zstd, b"\x28", "");
    }
}
