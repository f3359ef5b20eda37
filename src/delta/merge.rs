//! The next base: the one before, and what became of the items that were sent since.
//!
//! Both are gone through in the order of the persons, so memory is that of finding the items: 24 bytes each.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::head::{FileKind, HEAD, Head, array, damaged};
use super::items::{Item, Items, What};
use super::key::{EMPTY, PENDING, StoreKey};
use super::store::{Base, ENTRY, parted, place, unplace};
use crate::files::at::Section;
use crate::files::owned::owned;

/// What became of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    /// Nobody knows.
    #[default]
    Unknown = 0,
    Accepted = 1,
    /// The server has what it had.
    Refused = 2,
    /// Refused, for the server has another idea of who is there: what was to be created exists, or what was to be changed
    /// does not.
    Contradicted = 3,
}

/// Items and what became of them.
pub(crate) struct Batch<'a> {
    pub items: &'a Items,
    /// In the order of the items; without it all are unknown.
    pub fates: Option<&'a [Fate]>,
}

/// Where an item stands: person, then batch (8 bits), fate (2 bits) and place in its file (54 bits).
type Slot = [u64; 3];

const PLACE: u32 = 54;

/// What is known of a person.
#[derive(Default)]
struct Known {
    /// Whether there is anything.
    is_there: bool,
    /// What the row holds, or [`PENDING`].
    content: u64,
    /// The hash of the cells. It is carried along as it is, so that cells that were damaged on the disk are still not those
    /// that were written.
    all: u64,
    cells: Vec<u64>,
    sealed: Vec<u8>,
}

/// Writes the next base to `draft`, and brings it to the disk.
///
/// # Errors
/// Items that can't be read, a file that can't be written.
pub(crate) fn merge(
    before: Option<&Base>,
    batches: &[Batch<'_>],
    key: &StoreKey,
    draft: &Path,
) -> io::Result<()> {
    let head = next_head(before, batches)?;
    let is_same = |of: &Head| of.marks.identity == head.marks.identity;
    let before = before.filter(|before| is_same(&before.head));
    // What was sent of people that were told apart by something else may be about any of these.
    let is_known = batches.iter().all(|batch| is_same(&batch.items.head))
        && before.is_some_and(|before| before.head.marks.columns == head.marks.columns);
    let index = index(batches, &head)?;
    let mut out = Out::create(draft, head)?;
    let mut base = before.map(Reading::begin).transpose()?;
    let mut items = index.chunk_by(|a, b| a[..2] == b[..2]).peekable();
    let mut known = Known::default();
    let mut buffers = (Item::default(), Vec::new());
    loop {
        let old = base.as_ref().and_then(Reading::person);
        let new = items.peek().map(|items| whose(&items[0]));
        let person = match (old, new) {
            (None, None) => break,
            (Some(old), Some(new)) => old.min(new),
            (old, new) => old.or(new).unwrap_or_default(),
        };
        known.is_there = old == Some(person);
        if let Some(base) = base.as_mut().filter(|_| old == Some(person)) {
            base.take(&mut known)?;
            if !is_known {
                known.content = PENDING;
                known.cells.clear();
                known.cells.resize(head.width as usize, EMPTY);
            }
        }
        if new == Some(person) {
            for slot in items.next().unwrap_or_default() {
                known.apply(slot, (batches, &head), key, &mut buffers)?;
            }
        }
        if known.is_there {
            out.push(person, &known)?;
        }
    }
    out.finish()
}

/// Writes a base without these people to `draft`, and brings it to the disk.
///
/// # Errors
/// A base that can't be read, a file that can't be written.
pub(crate) fn without(before: &Base, people: &HashSet<u128>, draft: &Path) -> io::Result<()> {
    let mut base = Reading::begin(before)?;
    let head = Head {
        forgot: true,
        ..before.head
    };
    let mut out = Out::create(draft, head)?;
    let mut known = Known::default();
    while let Some(person) = base.person() {
        base.take(&mut known)?;
        if !people.contains(&person) {
            out.push(person, &known)?;
        }
    }
    out.finish()
}

/// The head of the next base: that of the items sent last.
fn next_head(before: Option<&Base>, batches: &[Batch<'_>]) -> io::Result<Head> {
    let last = batches.last().map(|batch| batch.items.head);
    let Some(last) = last.or(before.map(|before| before.head)) else {
        return Err(damaged("nothing to be merged"));
    };
    let told = batches.iter().filter(|batch| batch.fates.is_some());
    let full_at = told
        .map(|batch| batch.items.head.full_at)
        .max()
        .unwrap_or(0);
    let same = before.filter(|before| before.head.marks.identity == last.marks.identity);
    let sent_at = batches.iter().map(|batch| batch.items.head.sent_at);
    let sent_at = sent_at
        .chain(before.map(|before| before.head.sent_at))
        .max();
    Ok(Head {
        sent_at: sent_at.unwrap_or(0),
        full_at: full_at.max(same.map_or(0, |before| before.head.full_at)),
        forgot: last.forgot || full_at == 0 && same.is_some_and(|before| before.head.forgot),
        ..last
    })
}

fn whose(slot: &Slot) -> u128 {
    u128::from(slot[0]) << 64 | u128::from(slot[1])
}

/// All items, sorted by person; of one person in the order of the batches. People that were told apart by something else
/// are not those of the next base.
fn index(batches: &[Batch<'_>], head: &Head) -> io::Result<Vec<Slot>> {
    let mut index = Vec::new();
    let all: u64 = batches.iter().map(|batch| batch.items.len).sum();
    index.reserve_exact(usize::try_from(all).map_err(io::Error::other)?);
    for (number, batch) in batches.iter().enumerate() {
        if batch.items.head.marks.identity != head.marks.identity {
            continue;
        }
        let mut fates = batch.fates.unwrap_or_default().iter();
        batch.items.each(|_, person, at| {
            let fate = fates.next().copied().unwrap_or_default();
            let place = (number as u64) << (PLACE + 2) | (fate as u64) << PLACE | at;
            index.push([(person >> 64) as u64, person as u64, place]);
        })?;
    }
    // The place of an item is smaller than that of one sent later, but for their fates: sorted without these.
    index.sort_unstable_by_key(|[upper, lower, place]| (*upper, *lower, place & !(3 << PLACE)));
    Ok(index)
}

impl Known {
    fn apply(
        &mut self,
        slot: &Slot,
        (batches, head): (&[Batch<'_>], &Head),
        key: &StoreKey,
        (item, bytes): &mut (Item, Vec<u8>),
    ) -> io::Result<()> {
        let place = slot[2];
        let batch = &batches[(place >> (PLACE + 2)) as usize];
        let what = batch.items.read(place & ((1 << PLACE) - 1), item, bytes)?;
        let fate = match place >> PLACE & 3 {
            1 => Fate::Accepted,
            2 => Fate::Refused,
            3 => Fate::Contradicted,
            _ => Fate::Unknown,
        };
        match (fate, what) {
            (Fate::Refused, _) => {}
            (Fate::Accepted | Fate::Contradicted, What::Delete) => self.is_there = false,
            (Fate::Unknown, What::Delete) => self.content = PENDING,
            (Fate::Accepted, _) if batch.items.head.marks.columns == head.marks.columns => {
                self.is_there = true;
                std::mem::swap(&mut self.cells, &mut item.cells);
                self.content = item.content;
                self.all = key.row(&self.cells, bytes);
                std::mem::swap(&mut self.sealed, &mut item.sealed);
            }
            // Of other columns it is not known what the server has in those of the next base.
            (Fate::Accepted | Fate::Unknown | Fate::Contradicted, _) => {
                if !self.is_there {
                    self.cells.clear();
                    self.cells.resize(head.width as usize, EMPTY);
                    std::mem::swap(&mut self.sealed, &mut item.sealed);
                }
                self.is_there = true;
                self.content = PENDING;
            }
        }
        Ok(())
    }
}

/// A base that is read from its first person to its last.
struct Reading<'a> {
    base: &'a Base,
    sections: [BufReader<Section<'a>>; 3],
    /// The entry of the next person, and how many there are from it on.
    entry: [u8; ENTRY],
    left: u64,
    checksum: Xxh3,
    bytes: Vec<u8>,
}

impl<'a> Reading<'a> {
    fn begin(base: &'a Base) -> io::Result<Reading<'a>> {
        let buffered = |section| BufReader::with_capacity(64 * 1024, section);
        let mut reading = Reading {
            base,
            sections: base.sections().map(buffered),
            entry: [0; ENTRY],
            left: base.head.len,
            checksum: Xxh3::new(),
            bytes: Vec::new(),
        };
        reading.entry()?;
        Ok(reading)
    }

    fn entry(&mut self) -> io::Result<()> {
        if self.left > 0 {
            self.sections[0].read_exact(&mut self.entry)?;
            self.checksum.update(&self.entry);
        } else if self.checksum.digest() != self.base.head.checksum {
            return Err(damaged("its entries are damaged"));
        }
        Ok(())
    }

    fn person(&self) -> Option<u128> {
        (self.left > 0).then(|| u128::from_le_bytes(array(&self.entry, 0)))
    }

    fn take(&mut self, known: &mut Known) -> io::Result<()> {
        let number = |nth: usize| u64::from_le_bytes(array(&self.entry, nth * 8));
        let sealed_len = unplace(number(3)).1;
        let [_, cells, sealed] = &mut self.sections;
        known.is_there = true;
        known.content = number(2);
        self.bytes.resize(self.base.head.cells() as usize, 0);
        cells.read_exact(&mut self.bytes)?;
        known.all = parted(&self.bytes, &mut known.cells);
        known.sealed.resize(sealed_len, 0);
        sealed.read_exact(&mut known.sealed)?;
        self.left -= 1;
        self.entry()
    }
}

/// A base that is being written. Its parts are written side by side, and joined at the end.
struct Out {
    head: Head,
    entries: BufWriter<File>,
    cells: BufWriter<File>,
    sealed: BufWriter<File>,
    checksum: Xxh3,
}

impl Out {
    fn create(draft: &Path, head: Head) -> io::Result<Out> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true);
        let mut entries = BufWriter::new(owned(options).open(draft)?);
        entries.write_all(&[0; HEAD])?;
        let folder = draft.parent().unwrap_or(Path::new("."));
        let part = || tempfile::tempfile_in(folder).map(|f| BufWriter::with_capacity(64 * 1024, f));
        Ok(Out {
            head: Head {
                len: 0,
                sealed: 0,
                ..head
            },
            entries,
            cells: part()?,
            sealed: part()?,
            checksum: Xxh3::new(),
        })
    }

    fn push(&mut self, person: u128, known: &Known) -> io::Result<()> {
        let mut entry = [0; ENTRY];
        entry[..16].copy_from_slice(&person.to_le_bytes());
        entry[16..24].copy_from_slice(&known.content.to_le_bytes());
        let place = place(self.head.sealed, known.sealed.len());
        entry[24..].copy_from_slice(&place.to_le_bytes());
        self.checksum.update(&entry);
        self.entries.write_all(&entry)?;
        self.cells.write_all(&known.all.to_le_bytes())?;
        for cell in &known.cells {
            self.cells.write_all(&cell.to_le_bytes())?;
        }
        self.sealed.write_all(&known.sealed)?;
        self.head.len += 1;
        self.head.sealed += known.sealed.len() as u64;
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        let mut file = self.entries.into_inner()?;
        for part in [self.cells, self.sealed] {
            let mut part = part.into_inner()?;
            part.seek(SeekFrom::Start(0))?;
            io::copy(&mut part, &mut file)?;
        }
        let head = Head {
            checksum: self.checksum.digest(),
            ..self.head
        };
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&head.write(FileKind::Base))?;
        file.sync_all()
    }
}
