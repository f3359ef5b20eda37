//! The parts of a workbook: files of an archive, each read front to back, and bounded in what it becomes.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::DeflateDecoder;

use crate::settings::limits::Limits;
use crate::source::bytes::zip::Refused;
use crate::source::bytes::zip::directory::{Directory, Entry, Method};
use crate::source::bytes::zip::text::Text;
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
    file: Seekable,
    directory: Directory,
    entries: HashMap<String, Entry>,
    limits: Limits,
}

impl Parts {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// It can't be read, or is not one.
    pub(super) fn open(file: Seekable, limits: &Limits) -> Result<Parts, Wrong> {
        let from = |at| file.rest(at);
        let directory = Directory::find(from, file.len()).map_err(unreadable)?;
        let mut entries = HashMap::new();
        let take = |entry: Entry| {
            if entries.len() == MOST_PARTS {
                return Err(Refused::Damaged("it has too many files"));
            }
            entries.insert(name_of(&entry), entry);
            Ok(())
        };
        directory.entries(from, take).map_err(unreadable)?;
        Ok(Parts {
            file,
            directory,
            entries,
            limits: *limits,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&name.to_lowercase())
    }

    /// Opens a part at its beginning; none where there is no such part.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn part(&self, name: &str) -> Result<Option<Part>, Wrong> {
        let Some(entry) = self.entries.get(&name.to_lowercase()) else {
            return Ok(None);
        };
        let file = entry.file().map_err(unreadable)?;
        let from = |at| self.file.rest(at);
        let start = file.start(from, &self.directory).map_err(unreadable)?;
        let stored = BufReader::with_capacity(PIECE, from(start).take(file.compressed));
        let unpacked: Box<dyn Read> = match file.method {
            Method::Stored => Box::new(stored),
            Method::Deflate => Box::new(DeflateDecoder::new(stored)),
            Method::Deflate64 => return Err(Wrong::data(0, COMPRESSED)),
        };
        let text = Text::new(unpacked, file.size, file.crc);
        Ok(Some(Part {
            reader: BufReader::with_capacity(PIECE, text),
            stored: file.compressed,
            limits: self.limits,
            become_so_far: 0,
            left: 0,
            failed: None,
        }))
    }
}

/// A workbook that is a whole is encrypted in another kind of file; these are archives with a password of their own.
pub(super) const ENCRYPTED: &str =
    "the workbook is encrypted with a password; save it without one, or decrypt it before";

const COMPRESSED: &str = "the workbook is compressed in a way that spreadsheet programs do not use; open it in one and save it";

fn name_of(entry: &Entry) -> String {
    let name = entry.name.to_lowercase();
    name.replace('\\', "/").trim_start_matches('/').to_owned()
}

/// An archive that can't be read.
fn unreadable(why: Refused) -> Wrong {
    match why {
        Refused::Io(error) => of_io(error),
        Refused::Damaged(what) => damaged(what),
        Refused::Encrypted(_) => Wrong::data(0, ENCRYPTED),
        Refused::Method { .. } => Wrong::data(0, COMPRESSED),
        other => Wrong::data(0, other.to_string()),
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
pub(super) struct Part {
    reader: BufReader<Text<Box<dyn Read>>>,
    /// Its bytes as stored, and what has become of them.
    stored: u64,
    become_so_far: u64,
    limits: Limits,
    /// Bytes that may still be read before [`Part::renew`].
    left: usize,
    /// Why it can't be read.
    failed: Option<Wrong>,
}

impl Part {
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

impl BufRead for Part {
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

impl Read for Part {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(room)?;
        self.consume(read);
        Ok(read)
    }
}
