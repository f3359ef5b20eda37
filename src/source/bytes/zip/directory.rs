//! The directory at an archive's end, read front to back: however many files it names, few of them are held.

use std::io::{BufReader, Read};

use super::{Refused, TOLD, record, unread};
use crate::settings::entry::Entry;

/// The record at the very end, and the longest comment that may follow it.
const END: usize = 22;
const COMMENT: usize = 0xffff;

/// What of its own a larger archive has before that: a second record of the end, and what says where it is.
const WIDE_END: usize = 56;
const LOCATOR: usize = 20;

const SIGNATURE_OF_END: &[u8] = b"PK\x05\x06";
const SIGNATURE_OF_WIDE_END: &[u8] = b"PK\x06\x06";
const SIGNATURE_OF_LOCATOR: &[u8] = b"PK\x06\x07";
const SIGNATURE_OF_ENTRY: &[u8] = b"PK\x01\x02";
const SIGNATURE_OF_FILE: &[u8] = b"PK\x03\x04";

/// The extra field that has the numbers that do not fit in 32 bits.
const WIDE: u16 = 1;

/// Flags of a file that is encrypted, in the one way or the other.
const ENCRYPTED: u16 = 1 | 1 << 6;

/// Where the directory is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    at: u64,
    len: u64,
    /// How many files it says that it has; their number is written in 16 bits by programs that know no more.
    count: u64,
}

/// A file, as the directory says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    /// Where its own header is, and behind that its bytes.
    pub(super) header: u64,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflate,
    /// What Windows writes of large files.
    Deflate64,
}

impl Directory {
    /// Finds the directory of an archive of `len` bytes, which `from` reads from any place on.
    pub(super) fn find<R: Read>(from: impl Fn(u64) -> R, len: u64) -> Result<Directory, Refused> {
        let tail = len.min((END + COMMENT) as u64);
        let mut bytes = Vec::with_capacity(tail as usize);
        let read = from(len - tail).take(tail).read_to_end(&mut bytes);
        read.map_err(Refused::Io)?;
        // The last place where such a record stands, and its comment ends with the archive.
        let is_end = |at: &usize| {
            let record = &bytes[*at..];
            record.starts_with(SIGNATURE_OF_END)
                && record.len() >= END
                && record.len() == END + usize::from(u16_at(record, 20))
        };
        let Some(at) = (0..bytes.len().saturating_sub(END - 1)).rev().find(is_end) else {
            return Err(Refused::Damaged("its end is missing"));
        };
        let record = &bytes[at..];
        let mut end = len - tail + at as u64;
        let mut directory = Directory {
            count: u16_at(record, 10).into(),
            len: u32_at(record, 12).into(),
            at: u32_at(record, 16).into(),
        };
        let mut disks = [u16_at(record, 4), u16_at(record, 6)].map(u32::from);
        if let Some(locator) = at.checked_sub(LOCATOR)
            && bytes[locator..].starts_with(SIGNATURE_OF_LOCATOR)
        {
            end = u64_at(&bytes[locator..], 8);
            let wide: [u8; WIDE_END] = self::record(&mut from(end.min(len)))?;
            if !wide.starts_with(SIGNATURE_OF_WIDE_END) {
                return Err(Refused::Damaged("its end is not where it says"));
            }
            disks = [u32_at(&wide, 16), u32_at(&wide, 20)];
            directory = Directory {
                count: u64_at(&wide, 32),
                len: u64_at(&wide, 40),
                at: u64_at(&wide, 48),
            };
        }
        if disks != [0, 0] {
            return Err(Refused::Split);
        }
        // Info-ZIP that writes to a pipe leaves out the wide record, and where the directory is.
        if directory.at == u64::from(u32::MAX) {
            directory.at = end.saturating_sub(directory.len);
        }
        match directory.at.checked_add(directory.len) {
            Some(ends) if ends <= end => Ok(directory),
            _ => Err(Refused::Damaged("its directory is not where it says")),
        }
    }

    /// The file that is meant: the one that matches, or the only one.
    pub(super) fn file<R: Read>(
        &self,
        from: impl Fn(u64) -> R,
        wanted: Option<&Entry>,
    ) -> Result<File, Refused> {
        let mut reader = BufReader::new(from(self.at).take(self.len));
        let (mut all, mut meant) = (Named::default(), Named::default());
        let (mut file, mut read, mut count) = (None, 0, 0u64);
        while read < self.len {
            let written = Written::read(&mut reader)?;
            read += written.len();
            count += 1;
            if written.name.ends_with(['/', '\\']) {
                continue;
            }
            let counts = !is_aside(&written.name);
            if counts {
                all.add(&written.name);
            }
            if wanted.map_or(counts, |wanted| wanted.is(&written.name)) {
                meant.add(&written.name);
                file.get_or_insert(written);
            }
        }
        if count & 0xffff != self.count & 0xffff {
            return Err(Refused::Damaged(
                "its directory has fewer files than it says",
            ));
        }
        match (file, wanted) {
            (Some(file), _) if meant.count == 1 => file.checked(),
            (None, None) => Err(Refused::Empty),
            (Some(_), None) => Err(Refused::Several {
                count: meant.count,
                names: meant.names,
            }),
            (Some(_), Some(entry)) => Err(Refused::Ambiguous {
                entry: entry.to_string(),
                count: meant.count,
                names: meant.names,
            }),
            (None, Some(_)) if all.count == 0 => Err(Refused::Empty),
            (None, Some(entry)) => Err(Refused::NoneMatches {
                entry: entry.to_string(),
                count: all.count,
                names: all.names,
            }),
        }
    }
}

impl File {
    /// Where its bytes begin: behind a header of its own.
    pub(super) fn start<R: Read>(
        &self,
        from: impl Fn(u64) -> R,
        directory: &Directory,
    ) -> Result<u64, Refused> {
        let header: [u8; 30] = record(&mut from(self.header.min(directory.at)))?;
        if !header.starts_with(SIGNATURE_OF_FILE) {
            return Err(Refused::Damaged("a file is not where its directory says"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let start = self.header + header.len() as u64 + names;
        match start.checked_add(self.compressed) {
            Some(end) if end <= directory.at => Ok(start),
            _ => Err(Refused::Damaged("a file reaches into its directory")),
        }
    }
}

/// Some names, and how many there are.
#[derive(Default)]
struct Named {
    count: u64,
    names: Vec<String>,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < TOLD {
            self.names.push(name.to_owned());
        }
    }
}

/// Whether nobody put this file into the archive on purpose: what the Finder adds, and what is hidden.
fn is_aside(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    path.starts_with("__MACOSX/") || name.starts_with('.')
}

/// An entry of the directory, as it is written.
struct Written {
    fixed: [u8; 46],
    name: String,
    extra: Vec<u8>,
}

impl Written {
    fn read(reader: &mut impl Read) -> Result<Written, Refused> {
        let fixed: [u8; 46] = record(reader)?;
        if !fixed.starts_with(SIGNATURE_OF_ENTRY) {
            return Err(Refused::Damaged("its directory has something else in it"));
        }
        let mut field = |at: usize| {
            let mut bytes = vec![0; u16_at(&fixed, at).into()];
            reader.read_exact(&mut bytes).map_err(unread)?;
            Ok::<_, Refused>(bytes)
        };
        let (name, extra) = (field(28)?, field(30)?);
        field(32)?;
        Ok(Written {
            fixed,
            name: String::from_utf8_lossy(&name).into_owned(),
            extra,
        })
    }

    /// How long it is.
    fn len(&self) -> u64 {
        let fields = [28, 30, 32].map(|at| u64::from(u16_at(&self.fixed, at)));
        self.fixed.len() as u64 + fields.iter().sum::<u64>()
    }

    /// The file, where it can be read.
    fn checked(self) -> Result<File, Refused> {
        let fixed = &self.fixed;
        let (flags, method) = (u16_at(fixed, 8), u16_at(fixed, 10));
        // What is encrypted in the newer way says so instead of its method, too.
        if flags & ENCRYPTED != 0 || method == 99 {
            return Err(Refused::Encrypted(self.name));
        }
        let method = match method {
            0 => Method::Stored,
            8 => Method::Deflate,
            9 => Method::Deflate64,
            method => {
                return Err(Refused::Method {
                    name: self.name,
                    method,
                });
            }
        };
        let [size, compressed, header] = self.numbers()?;
        if method == Method::Stored && size != compressed {
            return Err(Refused::Damaged("a file has two lengths"));
        }
        Ok(File {
            crc: u32_at(fixed, 16),
            name: self.name,
            method,
            compressed,
            size,
            header,
        })
    }

    /// How long the file is, and as stored, and where its header is.
    fn numbers(&self) -> Result<[u64; 3], Refused> {
        let mut wide = self.wide();
        // Each number that does not fit stands there, in this order.
        let mut number = |at: usize| match (u32_at(&self.fixed, at), &mut wide) {
            (u32::MAX, Some(numbers)) => numbers
                .next()
                .ok_or(Refused::Damaged("the length of a file is missing")),
            (narrow, _) => Ok(narrow.into()),
        };
        Ok([number(24)?, number(20)?, number(42)?])
    }

    /// The numbers that do not fit in 32 bits, where there are any.
    fn wide(&self) -> Option<impl Iterator<Item = u64>> {
        let mut rest = self.extra.as_slice();
        while let Some((head, behind)) = rest.split_first_chunk::<4>() {
            let len = usize::from(u16_at(head, 2)).min(behind.len());
            if u16_at(head, 0) == WIDE {
                let numbers = behind[..len].chunks_exact(8);
                return Some(numbers.map(|number| u64_at(number, 0)));
            }
            rest = &behind[len..];
        }
        None
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |b| u64::from_le_bytes(*b))
}
