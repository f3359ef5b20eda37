//! The store: of every person at the target a keyed hash, and keyed hashes of the values that the server accepted last.
//!
//! A folder of its own, with one file `base` that is never changed: a commit writes the next one beside it and puts it in
//! its place. Beside it stand the items of imports whose results are not taken in yet, the key where none is stated, and
//! the lock.
//!
//! ```text
//! base:  head | entries, sorted by person: person 16, content 8, place of the sealed key 8
//!             | of each: hash of its cells 8, cells 8 each | sealed keys
//! ```
//!
//! Entries are in memory, 24 bytes each and 1 byte for finding them. Whether a row is what it was is known by one hash of all
//! that it holds, its content; its cells are read where that is another, and sealed keys where a person is to be
//! deleted. The entries have a checksum; the cells have a hash of their own, and a sealed key what seals it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::error::StoreError;
use super::head::{FileKind, HEAD, Head, NoHead, array, damaged};
use super::key::{PENDING, StoreKey};
use crate::files::at::{Section, read_exact_at};

/// The name of the file in its folder.
pub(crate) const BASE: &str = "base";

/// Bytes of an entry.
pub(crate) const ENTRY: usize = 32;

/// Entries that are found together.
const TOGETHER: usize = 4;

/// Entries that are read at once.
const READ: usize = 4096;

/// What the server is known to have of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The row with this content.
    Known(u64),
    /// Something, or nothing: what was sent last has an unknown fate.
    Pending,
}

/// Why there is nothing to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Missing,
    Damaged,
}

/// A base, to be read through.
#[derive(Debug)]
pub(crate) struct Base {
    file: File,
    pub head: Head,
}

impl Base {
    /// Opens the base in a folder.
    ///
    /// # Errors
    /// A file that can't be read, or that a later version wrote.
    pub(crate) fn open(folder: &Path) -> Result<Result<Base, Lost>, StoreError> {
        let path = folder.join(BASE);
        let opened = File::open(&path).and_then(|file| {
            let head = head(&file, FileKind::Base)?;
            Ok((file, head))
        });
        match opened {
            Ok((file, Ok(head))) => Ok(Ok(Base { file, head })),
            Ok((_, Err(()))) => Err(StoreError::Version(folder.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Err(Lost::Missing)),
            Err(error) => lost_or(error, folder),
        }
    }

    fn cells_at(&self) -> u64 {
        HEAD as u64 + self.head.len * ENTRY as u64
    }

    fn sealed_at(&self) -> u64 {
        self.cells_at() + self.head.len * self.head.cells()
    }

    /// The three parts of the file.
    pub(crate) fn sections(&self) -> [Section<'_>; 3] {
        let (cells, sealed) = (self.cells_at(), self.sealed_at());
        [
            Section::new(&self.file, HEAD as u64, cells - HEAD as u64),
            Section::new(&self.file, cells, sealed - cells),
            Section::new(&self.file, sealed, self.head.sealed),
        ]
    }
}

/// The people at the target, as far as they are known.
#[derive(Debug)]
pub struct Store {
    base: Base,
    /// Person and content of each entry, sorted.
    table: Vec<Slot>,
    /// Where the entries of each group of persons begin.
    starts: Vec<u32>,
    /// Bits of a person that do not count for the group.
    shift: u32,
}

type Slot = [u64; 3];

fn person(slot: &Slot) -> u128 {
    u128::from(slot[0]) << 64 | u128::from(slot[1])
}

impl Store {
    /// Reads a base; `folder` is named in errors.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn of(base: Base, folder: &Path) -> Result<Result<Store, Lost>, StoreError> {
        match entries(&base.file, &base.head) {
            Ok(table) => Ok(Ok(Store::new(base, table))),
            Err(error) => lost_or(error, folder),
        }
    }

    fn new(base: Base, table: Vec<Slot>) -> Store {
        let groups = (table.len() / TOGETHER).next_power_of_two();
        let shift = 64 - groups.trailing_zeros();
        let mut starts = Vec::with_capacity(groups + 1);
        for (at, slot) in table.iter().enumerate() {
            while starts.len() <= group(slot[0], shift) {
                starts.push(at as u32);
            }
        }
        starts.resize(groups + 1, table.len() as u32);
        Store {
            base,
            table,
            starts,
            shift,
        }
    }

    pub(crate) fn into_base(self) -> Base {
        self.base
    }

    pub(crate) fn head(&self) -> &Head {
        &self.base.head
    }

    /// How many people are at the target.
    pub fn people(&self) -> usize {
        self.table.len()
    }

    /// Where a person is.
    #[inline]
    pub fn find(&self, wanted: u128) -> Option<u32> {
        let group = group((wanted >> 64) as u64, self.shift);
        let (from, to) = (*self.starts.get(group)?, *self.starts.get(group + 1)?);
        let slots = &self.table[from as usize..to as usize];
        let at = slots.iter().position(|slot| person(slot) == wanted)?;
        Some(from + at as u32)
    }

    /// Who is at a place.
    pub(crate) fn person(&self, at: u32) -> u128 {
        person(&self.table[at as usize])
    }

    /// What the server is known to have of the person at a place.
    #[inline]
    pub fn row(&self, at: u32) -> Row {
        match self.table[at as usize][2] {
            PENDING => Row::Pending,
            hash => Row::Known(hash),
        }
    }

    /// The hashes of the cells at a place, and that of all of them, which tells whether they are those that were written.
    pub fn cells(&self, at: u32, out: &mut Vec<u64>, bytes: &mut Vec<u8>) -> io::Result<u64> {
        let len = self.base.head.cells();
        bytes.resize(len as usize, 0);
        read_exact_at(
            &self.base.file,
            self.base.cells_at() + u64::from(at) * len,
            bytes,
        )?;
        Ok(parted(bytes, out))
    }

    /// The hash of one of these cells, of which nothing tells whether it is the one that was written.
    pub(crate) fn cell(&self, at: u32, column: usize) -> io::Result<u64> {
        let mut cell = [0; 8];
        let cells = self.base.cells_at() + u64::from(at) * self.base.head.cells();
        read_exact_at(&self.base.file, cells + 8 + column as u64 * 8, &mut cell)?;
        Ok(u64::from_le_bytes(cell))
    }

    /// The sealed key of the person at a place, opened; nothing where it is not what was sealed.
    pub fn key(&self, at: u32, key: &StoreKey) -> io::Result<Option<Vec<u8>>> {
        let mut place = [0; 8];
        let entry = HEAD as u64 + u64::from(at) * ENTRY as u64;
        read_exact_at(&self.base.file, entry + 24, &mut place)?;
        let (start, len) = unplace(u64::from_le_bytes(place));
        let mut sealed = vec![0; len];
        read_exact_at(&self.base.file, self.base.sealed_at() + start, &mut sealed)?;
        Ok(key.open(&sealed))
    }

    /// The memory that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.table.capacity() * size_of::<Slot>() + self.starts.capacity() * size_of::<u32>()
    }
}

/// The hash of all cells of a person, and those of each, as they stand in the base.
pub(crate) fn parted(bytes: &[u8], cells: &mut Vec<u64>) -> u64 {
    let mut numbers = bytes
        .chunks_exact(8)
        .map(|cell| u64::from_le_bytes(array(cell, 0)));
    let all = numbers.next().unwrap_or_default();
    cells.clear();
    cells.extend(numbers);
    all
}

/// The group that a person belongs to, by the upper half of the hash.
#[inline]
fn group(upper: u64, shift: u32) -> usize {
    upper.checked_shr(shift).unwrap_or(0) as usize
}

/// Place and length of a sealed key as one number: a length is below 2^16.
pub(crate) fn place(start: u64, len: usize) -> u64 {
    start << 16 | len as u64
}

pub(crate) fn unplace(place: u64) -> (u64, usize) {
    (place >> 16, (place & 0xffff) as usize)
}

/// The head of a file; an error inside where a later version wrote it.
pub(crate) fn head(file: &File, kind: FileKind) -> io::Result<Result<Head, ()>> {
    let mut bytes = [0; HEAD];
    read_exact_at(file, 0, &mut bytes)?;
    match Head::read(kind, &bytes) {
        Ok(head) => Ok(Ok(head)),
        Err(NoHead::Later) => Ok(Err(())),
        Err(NoHead::Damaged) => Err(damaged("its head is damaged")),
    }
}

fn entries(file: &File, head: &Head) -> io::Result<Vec<Slot>> {
    let Head { len, sealed, .. } = *head;
    let whole = (head.cells() + ENTRY as u64)
        .checked_mul(len)
        .and_then(|rows| rows.checked_add(sealed)?.checked_add(HEAD as u64));
    if whole != Some(file.metadata()?.len()) || u32::try_from(len).is_err() {
        return Err(damaged("its length is not what its head says"));
    }
    let mut table: Vec<Slot> = Vec::with_capacity(len as usize);
    let mut section = Section::new(file, HEAD as u64, len * ENTRY as u64);
    let mut checksum = Xxh3::new();
    let mut buffer = vec![0; READ * ENTRY];
    while table.len() < len as usize {
        let wanted = (len as usize - table.len()).min(READ) * ENTRY;
        let bytes = &mut buffer[..wanted];
        section.read_exact(bytes)?;
        checksum.update(bytes);
        for entry in bytes.chunks_exact(ENTRY) {
            let number = |nth: usize| u64::from_le_bytes(array(entry, nth * 8));
            table.push([number(1), number(0), number(2)]);
        }
    }
    let sorted = table.is_sorted_by(|a, b| person(a) < person(b));
    match checksum.digest() == head.checksum && sorted {
        true => Ok(table),
        false => Err(damaged("its entries are damaged")),
    }
}

/// What is not whole is lost; what can't be read is an error.
fn lost_or<T>(error: io::Error, folder: &Path) -> Result<Result<T, Lost>, StoreError> {
    match is_damage(&error) {
        true => Ok(Err(Lost::Damaged)),
        false => Err(StoreError::read(&folder.join(BASE))(error)),
    }
}

/// Whether a file was read, and is not what it was.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}
