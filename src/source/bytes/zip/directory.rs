//! The directory at an archive's end, read front to back: whoever reads it holds what it needs of the entries.

use std::io::{BufReader, Read};

use memchr::memmem;

use super::{Refused, record, unread};

/// The record at the end, and how much may follow it: its comment, and what some programs fill up with.
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
pub(in crate::source) struct Directory {
    at: u64,
    len: u64,
    /// How many files it says that it has; their number is written in 16 bits by programs that know no more.
    count: u64,
    /// How much stands before the archive that its own numbers do not know of: the program of one that unpacks itself.
    before: u64,
}

/// A file, as the directory says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct File {
    pub(in crate::source) name: String,
    pub(in crate::source) method: Method,
    pub(in crate::source) crc: u32,
    pub(in crate::source) compressed: u64,
    pub(in crate::source) size: u64,
    /// Where its own header is, and behind that its bytes.
    header: u64,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Method {
    Stored,
    Deflate,
    /// What Windows writes of large files.
    Deflate64,
}

impl Directory {
    /// Finds the directory of an archive of `len` bytes, which `from` reads from any place on.
    ///
    /// # Errors
    /// It is not there, is that of one part of several, or can't be read.
    pub(in crate::source) fn find<R: Read>(
        from: impl Fn(u64) -> R,
        len: u64,
    ) -> Result<Directory, Refused> {
        let tail = len.min((END + COMMENT) as u64);
        let mut bytes = Vec::with_capacity(tail as usize);
        let read = from(len - tail).take(tail).read_to_end(&mut bytes);
        read.map_err(Refused::Io)?;
        let Some((at, behind)) = end_in(&bytes, len - tail) else {
            return Err(Refused::Damaged("its end is missing"));
        };
        let record = &bytes[at..];
        let mut end = len - tail + at as u64;
        let mut directory = Directory {
            count: u16_at(record, 10).into(),
            len: u32_at(record, 12).into(),
            at: u32_at(record, 16).into(),
            before: 0,
        };
        let mut disks = [u16_at(record, 4), u16_at(record, 6)].map(u32::from);
        if is_wide(&bytes, at) {
            end = u64_at(&bytes[at - LOCATOR..], 8);
            let wide: [u8; WIDE_END] = self::record(&mut from(end.min(len)))?;
            if !wide.starts_with(SIGNATURE_OF_WIDE_END) {
                return Err(Refused::Damaged("its end is not where it says"));
            }
            disks = [u32_at(&wide, 16), u32_at(&wide, 20)];
            directory = Directory {
                count: u64_at(&wide, 32),
                len: u64_at(&wide, 40),
                at: u64_at(&wide, 48),
                before: 0,
            };
        }
        if disks != [0, 0] {
            return Err(Refused::Split);
        }
        directory.put_right(&from, end)?;
        match directory.at.checked_add(directory.len) {
            Some(ends) if ends > end => {}
            // What has been cut off may end with a whole archive that was stored in it: its numbers do not fit then.
            Some(ends) if !behind.is_empty() && (ends != end || directory.before > 0) => {}
            Some(_) if memmem::find(behind, SIGNATURE_OF_FILE).is_some() => {
                return Err(Refused::Damaged("another archive begins behind its end"));
            }
            Some(_) => return Ok(directory),
            None => {}
        }
        Err(Refused::Damaged("its directory is not where it says"))
    }

    /// Looks for it right before what stands at `end` where it is not where it says.
    fn put_right<R: Read>(&mut self, from: &impl Fn(u64) -> R, end: u64) -> Result<(), Refused> {
        let expected = end.saturating_sub(self.len);
        // Info-ZIP that writes to a pipe leaves out the wide record, and where the directory is.
        if self.at == u64::from(u32::MAX) {
            self.at = expected;
        }
        if self.at < expected && !is_entry(from, self.at)? && is_entry(from, expected)? {
            self.before = expected - self.at;
            self.at = expected;
        }
        Ok(())
    }

    /// Hands out its entries, folders among them, one after the other.
    ///
    /// # Errors
    /// It can't be read, or is not what it says; what `take` says.
    pub(in crate::source) fn entries<R: Read>(
        &self,
        from: impl Fn(u64) -> R,
        mut take: impl FnMut(Entry) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut reader = BufReader::new(from(self.at).take(self.len));
        let (mut read, mut count) = (0, 0u64);
        while read < self.len {
            let entry = Entry::read(&mut reader)?;
            read += entry.len();
            count += 1;
            take(entry)?;
        }
        if count & 0xffff != self.count & 0xffff {
            return Err(Refused::Damaged(
                "its directory has fewer files than it says",
            ));
        }
        Ok(())
    }
}

/// The last record of the end whose comment ends with the archive, or else the last one that stands right behind the
/// directory that it tells of, and what follows it: there are programs that fill up what they write.
fn end_in(tail: &[u8], before: u64) -> Option<(usize, &[u8])> {
    let behind = |at: usize| {
        let record = &tail[at..];
        let is_end = record.starts_with(SIGNATURE_OF_END) && record.len() >= END;
        let len = is_end.then(|| END + usize::from(u16_at(record, 20)))?;
        Some((at, record.get(len..)?))
    };
    let fits = |(at, _): &(usize, &[u8])| {
        let [len, start] = [12, 16].map(|field| u64::from(u32_at(&tail[*at..], field)));
        start + len == before + *at as u64 || is_wide(tail, *at)
    };
    let mut ends = (0..tail.len()).rev().filter_map(behind);
    let mut all = ends.clone();
    ends.find(|(_, behind)| behind.is_empty())
        .or_else(|| all.find(fits))
}

/// Whether what says where the second record of the end is stands before the one at this place.
fn is_wide(tail: &[u8], end: usize) -> bool {
    let locator = end.checked_sub(LOCATOR);
    locator.is_some_and(|at| tail[at..].starts_with(SIGNATURE_OF_LOCATOR))
}

/// Whether an entry stands at a place.
fn is_entry<R: Read>(from: &impl Fn(u64) -> R, at: u64) -> Result<bool, Refused> {
    let mut signature = Vec::with_capacity(SIGNATURE_OF_ENTRY.len());
    let read = from(at)
        .take(SIGNATURE_OF_ENTRY.len() as u64)
        .read_to_end(&mut signature);
    read.map_err(Refused::Io)?;
    Ok(signature == SIGNATURE_OF_ENTRY)
}

impl File {
    /// Where its bytes begin: behind a header of its own.
    ///
    /// # Errors
    /// They are not where the directory says.
    pub(in crate::source) fn start<R: Read>(
        &self,
        from: impl Fn(u64) -> R,
        directory: &Directory,
    ) -> Result<u64, Refused> {
        let at = self.header.saturating_add(directory.before);
        let header: [u8; 30] = record(&mut from(at.min(directory.at)))?;
        if !header.starts_with(SIGNATURE_OF_FILE) {
            return Err(Refused::Damaged("a file is not where its directory says"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let start = at.checked_add(header.len() as u64 + names);
        match start.and_then(|start| Some((start, start.checked_add(self.compressed)?))) {
            Some((start, end)) if end <= directory.at => Ok(start),
            _ => Err(Refused::Damaged("a file reaches into its directory")),
        }
    }
}

/// An entry of the directory, as it is written.
pub(in crate::source) struct Entry {
    fixed: [u8; 46],
    pub(in crate::source) name: String,
    extra: Vec<u8>,
}

impl Entry {
    fn read(reader: &mut impl Read) -> Result<Entry, Refused> {
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
        Ok(Entry {
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
    ///
    /// # Errors
    /// It is encrypted, is compressed in a way that is not known, or its numbers can't be.
    pub(in crate::source) fn file(&self) -> Result<File, Refused> {
        let fixed = &self.fixed;
        let (flags, method) = (u16_at(fixed, 8), u16_at(fixed, 10));
        // What is encrypted in the newer way says so instead of its method, too.
        if flags & ENCRYPTED != 0 || method == 99 {
            return Err(Refused::Encrypted(self.name.clone()));
        }
        let method = match method {
            0 => Method::Stored,
            8 => Method::Deflate,
            9 => Method::Deflate64,
            method => {
                return Err(Refused::Method {
                    name: self.name.clone(),
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
            name: self.name.clone(),
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
