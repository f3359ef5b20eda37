//! What an import was sent, item by item, in the order of its body: written down before the import is asked for, and
//! kept until its results are taken in. Until then nobody knows what the server has of these people.
//!
//! ```text
//! head | items: what 1, person 16, content 8, length of the sealed key 2, cells 8 each, sealed key | number 8 | checksum 8
//! ```
//!
//! The checksum is one of all items and of their number: with another number, people would count as known whose items
//! nobody knows the fate of.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::head::{FileKind, HEAD, Head, array, damaged};
use super::store::head;
use crate::files::at::{Section, read_exact_at};
use crate::files::owned::owned;

/// Bytes of an item before its cells.
const FIXED: usize = 27;

/// What ends a file of items: their number and the checksum.
const TAIL: usize = 16;

/// What an item asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    /// The item is new.
    Create = 1,
    /// Some of its values change.
    Update = 2,
    /// All of it goes, as it is not known what the server has.
    Whole = 3,
    Delete = 4,
}

impl What {
    fn of(byte: u8) -> io::Result<What> {
        Ok(match byte {
            1 => What::Create,
            2 => What::Update,
            3 => What::Whole,
            4 => What::Delete,
            _ => return Err(damaged("an item asks for what is not known")),
        })
    }
}

/// One item, with buffers that are used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    pub person: u128,
    /// The hash of what the row holds.
    pub content: u64,
    /// What the server has of the person where it accepts the item.
    pub cells: Vec<u64>,
    pub sealed: Vec<u8>,
}

/// A file of items that is being written. It is taken away unless it is put in its place.
pub struct Writer {
    out: BufWriter<File>,
    draft: PathBuf,
    checksum: Xxh3,
    len: u64,
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a file at `draft`, over what a dead process left there.
    pub(crate) fn create(draft: PathBuf, head: Head) -> io::Result<Writer> {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let file = owned(options.read(true).write(true).create_new(true)).open(&draft)?;
        let mut writer = Writer {
            out: BufWriter::with_capacity(64 * 1024, file),
            draft,
            checksum: Xxh3::new(),
            len: 0,
            bytes: Vec::new(),
        };
        writer.out.write_all(&head.write(FileKind::Items))?;
        Ok(writer)
    }

    /// Begins anew.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(HEAD as u64))?;
        self.out.get_ref().set_len(HEAD as u64)?;
        self.checksum = Xxh3::new();
        self.len = 0;
        Ok(())
    }

    pub fn push(
        &mut self,
        what: What,
        (person, content): (u128, u64),
        cells: &[u64],
        sealed: &[u8],
    ) -> io::Result<()> {
        let length = u16::try_from(sealed.len()).map_err(|_| damaged("a key is too long"))?;
        self.bytes.clear();
        self.bytes.push(what as u8);
        self.bytes.extend_from_slice(&person.to_le_bytes());
        self.bytes.extend_from_slice(&content.to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes
            .extend(cells.iter().flat_map(|cell| cell.to_le_bytes()));
        self.bytes.extend_from_slice(sealed);
        self.checksum.update(&self.bytes);
        self.len += 1;
        self.out.write_all(&self.bytes)
    }

    /// Ends the file, brings it to the disk, and puts it at `path`: from now on these items have an unknown fate.
    pub(crate) fn put(mut self, path: &Path) -> io::Result<()> {
        let len = self.len.to_le_bytes();
        self.checksum.update(&len);
        self.out.write_all(&len)?;
        self.out.write_all(&self.checksum.digest().to_le_bytes())?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.draft, path)?;
        sync_folder(path)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Not there any more where it was put in its place.
        let _ = fs::remove_file(&self.draft);
    }
}

/// Brings the name of a file to the disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// A file of items that is whole.
#[derive(Debug)]
pub(crate) struct Items {
    file: File,
    pub head: Head,
    pub len: u64,
}

impl Items {
    /// Opens a file. One that is not whole, or that a later version wrote, is an error of its own kind.
    pub(crate) fn open(path: &Path) -> io::Result<Items> {
        let file = File::open(path)?;
        let head = head(&file, FileKind::Items)?
            .map_err(|()| damaged("it was written by a later version"))?;
        let mut tail = [0; TAIL];
        let size = file.metadata()?.len();
        let end = size.checked_sub((TAIL + HEAD) as u64);
        end.ok_or_else(|| damaged("it is cut off"))?;
        read_exact_at(&file, size - TAIL as u64, &mut tail)?;
        let items = Items {
            file,
            head,
            len: u64::from_le_bytes(array(&tail, 0)),
        };
        let mut checksum = Xxh3::new();
        let mut section = items.section(size);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match section.read(&mut buffer)? {
                0 => break,
                read => checksum.update(&buffer[..read]),
            }
        }
        checksum.update(&tail[..TAIL - 8]);
        match checksum.digest() == u64::from_le_bytes(array(&tail, 8)) {
            true => Ok(items),
            false => Err(damaged("its checksum is another")),
        }
    }

    fn section(&self, size: u64) -> Section<'_> {
        Section::new(&self.file, HEAD as u64, size - (HEAD + TAIL) as u64)
    }

    /// Goes through the items in their order: what each asks for, for whom, and where it stands.
    pub(crate) fn each(&self, mut see: impl FnMut(What, u128, u64)) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        let mut section = BufReader::with_capacity(64 * 1024, self.section(size));
        let mut at = HEAD as u64;
        let mut fixed = [0; FIXED];
        for _ in 0..self.len {
            section.read_exact(&mut fixed)?;
            let (what, person, length) = parts(&fixed)?;
            let rest = u64::from(self.head.width) * 8 + u64::from(length);
            let skipped = io::copy(&mut (&mut section).take(rest), &mut io::sink())?;
            if skipped != rest {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            see(what, person, at);
            at += FIXED as u64 + rest;
        }
        Ok(())
    }

    /// Reads the item that stands at a place.
    pub(crate) fn read(&self, at: u64, item: &mut Item, bytes: &mut Vec<u8>) -> io::Result<What> {
        let cells = self.head.width as usize * 8;
        bytes.resize(FIXED + cells, 0);
        read_exact_at(&self.file, at, bytes)?;
        let (what, person, length) = parts(&array(bytes, 0))?;
        item.person = person;
        item.content = u64::from_le_bytes(array(bytes, 17));
        item.cells.clear();
        let numbers = bytes[FIXED..].chunks_exact(8);
        item.cells
            .extend(numbers.map(|cell| u64::from_le_bytes(array(cell, 0))));
        item.sealed.resize(usize::from(length), 0);
        read_exact_at(&self.file, at + (FIXED + cells) as u64, &mut item.sealed)?;
        Ok(what)
    }
}

fn parts(fixed: &[u8; FIXED]) -> io::Result<(What, u128, u16)> {
    let person = u128::from_le_bytes(array(fixed, 1));
    let length = u16::from_le_bytes(array(fixed, 25));
    Ok((What::of(fixed[0])?, person, length))
}
