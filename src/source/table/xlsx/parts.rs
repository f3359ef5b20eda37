//! The parts of a workbook: files of an archive, each read front to back, and bounded in what it becomes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, ErrorKind, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive,
    ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipLocator, ZipVerifier,
};

use crate::settings::limits::Limits;
use crate::source::table::Wrong;
use crate::source::table::input::Seekable;
use crate::text::shown::shown;

/// Files of an archive, at most. Workbooks have some per sheet and picture.
const MOST_PARTS: usize = 1 << 16;

/// Bytes that are unpacked at once.
const PIECE: usize = 64 * 1024;

/// What a part becomes from which on it matters how much more that is than what is stored.
const EXPANSION_FROM: u64 = 1 << 20;

/// The parts of a workbook, by their names in small letters: so names are compared.
pub(super) struct Parts {
    archive: ZipArchive<Anywhere>,
    places: HashMap<String, Place>,
    limits: Limits,
}

/// Where a part stands in the archive, and how.
#[derive(Clone, Copy)]
struct Place {
    entry: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    encrypted: bool,
}

impl Parts {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// It can't be read, or is not one.
    pub(super) fn open(mut file: Seekable, limits: &Limits) -> Result<Parts, Wrong> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let len = file.seek(SeekFrom::End(0))?;
        let file = Anywhere(RefCell::new(file));
        let located = ZipLocator::new().locate_in_reader(file, &mut buffer, len);
        let archive = located.map_err(|(_, error)| unreadable(error))?;
        let mut places = HashMap::new();
        let mut entries = archive.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(unreadable)? {
            if places.len() == MOST_PARTS {
                return Err(damaged("the archive has too many files"));
            }
            let place = Place {
                entry: entry.wayfinder(),
                method: entry.compression_method(),
                encrypted: entry.flags().is_encrypted(),
            };
            places.insert(name_of(&entry), place);
        }
        Ok(Parts {
            archive,
            places,
            limits: *limits,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(&name.to_lowercase())
    }

    /// Opens a part at its beginning; none where there is no such part.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn part(&self, name: &str) -> Result<Option<Part<'_>>, Wrong> {
        let Some(place) = self.places.get(&name.to_lowercase()) else {
            return Ok(None);
        };
        if place.encrypted {
            return Err(Wrong::data(0, ENCRYPTED));
        }
        let entry = self.archive.get_entry(place.entry).map_err(unreadable)?;
        let stored = BufReader::with_capacity(PIECE, entry.reader());
        let unpacked: Box<dyn Read + '_> = match place.method {
            CompressionMethod::STORE => Box::new(stored),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(stored)),
            _ => {
                return Err(Wrong::data(
                    0,
                    "the workbook is compressed in a way that spreadsheet programs do not use; open it in one and save it",
                ));
            }
        };
        Ok(Some(Part {
            reader: BufReader::with_capacity(PIECE, entry.verifying_reader(unpacked)),
            stored: place.entry.compressed_size_hint(),
            limits: self.limits,
            become_so_far: 0,
            left: 0,
            failed: None,
        }))
    }
}

/// A file that is read at any place.
struct Anywhere(RefCell<Seekable>);

impl ReaderAt for Anywhere {
    fn read_at(&self, room: &mut [u8], at: u64) -> io::Result<usize> {
        let mut file = self.0.borrow_mut();
        file.seek(SeekFrom::Start(at))?;
        file.read(room)
    }
}

/// A workbook that is a whole is encrypted in another kind of file; these are archives with a password of their own.
pub(super) const ENCRYPTED: &str =
    "the workbook is encrypted with a password; save it without one, or decrypt it before";

fn name_of(entry: &ZipFileHeaderRecord<'_>) -> String {
    let name = String::from_utf8_lossy(entry.file_path().as_bytes()).to_lowercase();
    name.replace('\\', "/").trim_start_matches('/').to_owned()
}

/// An archive that can't be read.
fn unreadable(error: rawzip::Error) -> Wrong {
    match error.into_kind() {
        ErrorKind::IO(error) => of_io(error),
        ErrorKind::MissingEndOfCentralDirectory => damaged("the end of the archive is missing"),
        kind => damaged(&kind.to_string()),
    }
}

fn of_io(error: io::Error) -> Wrong {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | UnexpectedEof => damaged(&error.to_string()),
        _ => Wrong::Io(error),
    }
}

fn damaged(what: &str) -> Wrong {
    let message = format!(
        "the workbook is cut off or damaged: {}; nothing from it is sent",
        shown(what)
    );
    Wrong::data(0, message)
}

/// A part's text. Its hash is compared at its end.
pub(super) struct Part<'a> {
    reader: BufReader<ZipVerifier<Box<dyn Read + 'a>>>,
    /// Its bytes as stored, and what has become of them.
    stored: u64,
    become_so_far: u64,
    limits: Limits,
    /// Bytes that may still be read before [`Part::renew`].
    left: usize,
    /// Why it can't be read.
    failed: Option<Wrong>,
}

impl Part<'_> {
    /// Begins another piece of it, which has to be held in memory.
    #[inline]
    pub(super) fn renew(&mut self) {
        self.left = self.limits.record.bytes();
    }

    /// Why it can't be read.
    pub(super) fn failed(&mut self) -> Option<Wrong> {
        self.failed.take()
    }

    /// Unpacks more, and looks at what has become of it.
    fn look(&mut self) -> Result<(), Wrong> {
        let (decompressed, expansion) = (self.limits.decompressed, self.limits.expansion);
        if self.left == 0 {
            let limit = self.limits.record;
            return Err(Wrong::data(
                0,
                format!(
                    "the workbook has an element of more than {limit}, the longest record (limits.record)"
                ),
            ));
        }
        if self.become_so_far > decompressed.0 {
            return Err(Wrong::data(
                0,
                format!(
                    "a part of the workbook becomes more than {decompressed} (limits.decompressed); raise the limit if the \
                     file is what it should be"
                ),
            ));
        }
        let most = self.stored.saturating_mul(expansion.into());
        if self.become_so_far > EXPANSION_FROM.max(most) {
            return Err(Wrong::data(
                0,
                format!(
                    "a part of the workbook becomes more than {expansion} times its size (limits.expansion); raise the \
                     limit if the file is what it should be"
                ),
            ));
        }
        self.reader.fill_buf().map(drop).map_err(of_io)
    }
}

impl BufRead for Part<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 || self.reader.buffer().is_empty() {
            self.look().map_err(|wrong| {
                self.failed = Some(wrong);
                io::Error::from(io::ErrorKind::InvalidData)
            })?;
        }
        Ok(self.reader.buffer())
    }

    #[inline]
    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
        self.become_so_far += amount as u64;
        self.left = self.left.saturating_sub(amount);
    }
}

impl Read for Part<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(room)?;
        self.consume(read);
        Ok(read)
    }
}
