//! Zip: an archive, of which one file is read.
//!
//! What is in an archive is told by the directory at its end; what stands before each file may be missing, or be of a file
//! that was deleted. So the archive is read there first, and a stream is copied to its end before. In return it is known
//! before the first record which file is meant, how long it is and what it hashes to.

pub(in crate::source) mod directory;
mod meant;
pub(in crate::source) mod text;

use std::io::{self, Read};

use async_compression::tokio::bufread::{Deflate64Decoder, DeflateDecoder};
use tokio::io::BufReader;

use self::directory::{Directory, Method};
use self::text::Text;
use super::BUFFER;
use super::raw::Raw;
use super::stored::Stored;
use crate::settings::entry::Entry;
use crate::text::counted;
use crate::text::shown::shown;

/// How many names of an archive a message tells.
pub(super) const TOLD: usize = 5;

/// Bytes by which an archive is told from a workbook.
pub(super) const HEAD: usize = 128;

/// Why nothing of an archive is read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the zip archive has no file in it")]
    Empty,
    /// The pipeline does not say which.
    #[error("the zip archive has {}; set source.entry to the name of the one that is meant, or to a pattern that it \
             matches alone", list(*.count, .names))]
    Several { count: u64, names: Vec<String> },
    /// It says so of several.
    #[error("source.entry is {entry}, which {} of the zip archive match; name the one that is meant", list(*.count, .names))]
    Ambiguous {
        entry: String,
        count: u64,
        names: Vec<String>,
    },
    /// It says so of none.
    #[error("source.entry is {entry}, and no file of the zip archive matches: it has {}", list(*.count, .names))]
    NoneMatches {
        entry: String,
        count: u64,
        names: Vec<String>,
    },
    #[error(
        "{0} of the zip archive is encrypted with a password of the archive's own, which is not supported; let it be \
             written without one"
    )]
    Encrypted(String),
    #[error(
        "{name} of the zip archive is compressed with method {method}, which is not supported; let it be written with \
             Deflate, as `zip` does"
    )]
    Method { name: String, method: u16 },
    #[error(
        "the zip archive is one part of several; join them first, as `zip -s 0 parts.zip --out whole.zip` does"
    )]
    Split,
    /// The directory is not there, or says what cannot be.
    #[error("the zip archive is cut off or damaged: {0}; nothing from it is sent")]
    Damaged(&'static str),
    #[error(transparent)]
    Io(io::Error),
}

impl Refused {
    /// Whether another setting mends it.
    pub(in crate::source) fn is_setting(&self) -> bool {
        matches!(
            self,
            Refused::Several { .. } | Refused::Ambiguous { .. } | Refused::NoneMatches { .. }
        )
    }
}

/// So many files, and the names of the first.
fn list(count: u64, names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| shown(name)).collect();
    let more = match count.saturating_sub(names.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} ({}{more})", counted(count, "file"), names.join(", "))
}

/// Whether data begins as an archive does: with a file, with the end of an empty one, or as the first of several parts.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
        || head.starts_with(b"PK\x05\x06")
        || head.starts_with(b"PK\x07\x08")
}

/// Whether an archive that begins so is a workbook: the files that those of Excel and of OpenOffice begin with have
/// names of their own.
pub(in crate::source) fn looks_like_workbook(head: &[u8]) -> bool {
    const FOLDERS: [&[u8]; 4] = [b"xl/", b"_rels/", b"docProps/", b"customXml/"];
    let is = |name: &[u8]| FOLDERS.iter().any(|folder| name.starts_with(folder));
    head.starts_with(b"PK\x03\x04")
        && head.get(30..).is_some_and(|name| {
            is(name)
                || name.starts_with(b"[Content_Types].xml")
                || name.starts_with(b"mimetypeapplication/vnd.oasis.opendocument.")
        })
}

/// A file of an archive that is about to be read.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) text: Raw,
    /// Its bytes as stored.
    pub(super) compressed: u64,
}

/// Opens the file that is meant. `around` is put around its bytes as stored.
pub(super) fn open(
    archive: &Stored,
    wanted: Option<&Entry>,
    around: impl FnOnce(Raw) -> Raw,
) -> Result<Opened, Refused> {
    let len = archive.len().map_err(Refused::Io)?;
    let from = |at| archive.rest(at);
    let directory = Directory::find(from, len)?;
    let file = meant::find(&directory, from, wanted)?;
    let start = file.start(from, &directory)?;
    let stored = around(Box::new(archive.part(start, file.compressed)));
    let stored = BufReader::with_capacity(BUFFER, stored);
    let unpacked: Raw = match file.method {
        Method::Stored => Box::new(stored),
        Method::Deflate => Box::new(DeflateDecoder::new(stored)),
        Method::Deflate64 => Box::new(Deflate64Decoder::new(stored)),
    };
    Ok(Opened {
        name: file.name,
        text: Box::new(Text::new(unpacked, file.size, file.crc)),
        compressed: file.compressed,
    })
}

/// Reads as many bytes as a record has.
fn record<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], Refused> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

fn unread(error: io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Refused::Damaged("its directory ends too early"),
        _ => Refused::Io(error),
    }
}

#[cfg(test)]
mod tests;
