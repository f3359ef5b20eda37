//! One file of a source, or one stream.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;

use super::bytes::copy::{Access, Kept, Opening};
use super::error::SourceError;
use super::place::command::{Command, Producer};
use super::place::remote::Found;
use super::place::sample::Sample;
use super::place::sql::Query;
use super::place::{Opened, Place, file};
use super::spec::Keep;
use super::table::remarks::Remarks;
use crate::files::mark;

/// One file of a source, or one stream.
#[derive(Debug)]
pub struct Origin {
    /// As shown in messages, rejects and reports.
    pub name: String,
    place: Place,
    mark: Mark,
    again: Again,
    compression: OnceLock<&'static str>,
    /// Bytes of it that its latest opening has read.
    read: Arc<AtomicU64>,
    /// The hash of its bytes as stored, where it is hashed and was read to its end.
    hash: Arc<OnceLock<u128>>,
    /// Characters beyond ASCII that are valid UTF-8, where all are and another encoding is stated.
    utf8: Arc<AtomicU64>,
    /// What was told of it as a table.
    remarks: Remarks,
    /// The names that lead to the element that is a record, where they were found.
    record: Arc<OnceLock<String>>,
    /// Its records end with what closes them, so that it can't be cut off unseen.
    closed: AtomicBool,
}

/// By what an origin is told from what it was.
#[derive(Debug, Clone, Copy)]
enum Mark {
    /// A file's size, time of change and identity.
    File(mark::Mark),
    /// Its bytes cannot change; there are so many of them.
    Fixed(u64),
    /// Nothing is known of it.
    None,
}

/// How an origin is read a second time.
#[derive(Debug)]
enum Again {
    /// As the first time.
    Reopen,
    /// From a copy of its own, made on the way.
    Copy(Kept),
}

impl Origin {
    fn new(name: String, place: Place, mark: Mark, keep: Keep) -> Origin {
        let again = match place.is_stream() {
            true => Again::Copy(Kept::new(keep)),
            false => Again::Reopen,
        };
        Origin {
            name,
            place,
            mark,
            again,
            compression: OnceLock::new(),
            read: Arc::default(),
            hash: Arc::default(),
            utf8: Arc::default(),
            remarks: Remarks::default(),
            record: Arc::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// What has a path: a regular file, or a stream.
    pub(super) fn at(path: PathBuf, keep: Keep) -> Result<Origin, SourceError> {
        let meta = file::look(&path)?;
        let name = file::name(&path);
        Ok(match meta.is_file() {
            true => {
                let mark = Mark::File(mark::Mark::of(&meta));
                Origin::new(name, Place::File(path), mark, keep)
            }
            false => Origin::new(name, Place::Pipe(path), Mark::None, keep),
        })
    }

    pub(super) fn stdin(keep: Keep) -> Origin {
        let name = "standard input".to_owned();
        Origin::new(name, Place::Stdin, Mark::None, keep)
    }

    pub(super) fn command(command: Command, keep: Keep) -> Origin {
        let producer = Producer::new(command);
        Origin::new(producer.name(), Place::Command(producer), Mark::None, keep)
    }

    pub(super) fn sample(sample: Sample) -> Origin {
        let name = sample.to_string();
        Origin::new(name, Place::Sample(sample), Mark::None, Keep::Plain)
    }

    pub(super) fn query(query: Query, keep: Keep) -> Origin {
        Origin::new(query.name(), Place::Query(query), Mark::None, keep)
    }

    /// A file at a server, as it was found there. It is asked for again, unless a copy is wanted, or nobody could tell
    /// whether it is still the same.
    pub(super) fn remote(found: Found, keep: Option<Keep>) -> Origin {
        let (name, tells) = (found.remote.name(), found.mark.tells());
        let place = Place::Remote(Arc::new(found));
        let again = match keep {
            None if tells => Again::Reopen,
            keep => Again::Copy(Kept::new(keep.unwrap_or_default())),
        };
        let origin = Origin::new(name, place, Mark::None, Keep::Plain);
        Origin { again, ..origin }
    }

    pub(super) fn pieces(name: String, pieces: Arc<[Bytes]>) -> Origin {
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        Origin::new(name, Place::Pieces(pieces), Mark::Fixed(size), Keep::Plain)
    }

    /// Whether both are one file.
    pub(super) fn is_same(&self, other: &Origin) -> bool {
        match (&self.place, &other.place) {
            (Place::Remote(found), Place::Remote(other)) => found.remote == other.remote,
            _ => match (&self.mark, &other.mark) {
                (Mark::File(mark), Mark::File(other)) => mark.is_same(other),
                _ => false,
            },
        }
    }

    /// Opens it at its beginning: a stream at first, and then its copy.
    pub(super) async fn open(&self) -> Result<Opened, SourceError> {
        let failed = |source| match self.place {
            Place::Command(_) => SourceError::NotStarted {
                name: self.name.clone(),
                source,
            },
            _ => SourceError::Io {
                name: self.name.clone(),
                source,
            },
        };
        let opened = match &self.again {
            Again::Reopen => self.place.open().await.map_err(failed)?,
            Again::Copy(kept) => match kept.opening() {
                Opening::First => {
                    let stream = self.place.open().await.map_err(failed)?.raw;
                    Opened {
                        raw: kept.copying(stream).map_err(failed)?,
                        access: Access::OnceRead(kept.clone()),
                    }
                }
                Opening::Again(copy) => Opened::stored(copy),
                Opening::Refused => return Err(SourceError::OnlyOnce(self.name.clone())),
            },
        };
        self.read.store(0, Ordering::Relaxed);
        Ok(opened)
    }

    /// Ends what makes its bytes, where that is a command.
    pub(super) fn stop(&self) {
        if let Place::Command(producer) = &self.place {
            producer.stop();
        }
    }

    /// Whether it is what it was when it was found.
    pub(super) async fn is_unchanged(&self) -> Result<(), SourceError> {
        if let Place::Remote(found) = &self.place {
            // What was copied does not change any more.
            if !self.can_repeat() {
                return Ok(());
            }
            let now = found.is_unchanged().await;
            return now.map_err(|error| SourceError::of_remote(self.name.clone(), error));
        }
        let (Some(path), Mark::File(mark)) = (self.path(), &self.mark) else {
            return Ok(());
        };
        mark.is_of(path).map_err(|moved| SourceError::Changed {
            name: self.name.clone(),
            moved,
        })
    }

    /// Whether it is gone once it was read: what a server makes for every request is not.
    pub(super) fn is_once(&self) -> bool {
        self.place.is_stream() && !matches!(self.place, Place::Query(_))
    }

    /// Whether it can be read as often as one likes.
    pub(super) fn can_repeat(&self) -> bool {
        matches!(self.again, Again::Reopen)
    }

    /// Counts the bytes that its latest opening has read.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// Is told at its end the hash of its bytes as stored.
    pub(super) fn hash(&self) -> Arc<OnceLock<u128>> {
        self.hash.clone()
    }

    /// Is told at its end how many characters beyond ASCII are valid UTF-8, where all are and another encoding is stated.
    pub(super) fn utf8(&self) -> Arc<AtomicU64> {
        self.utf8.clone()
    }

    /// Is told what may not have been meant in it, where it is a table.
    pub(super) fn remarks(&self) -> Remarks {
        self.remarks.clone()
    }

    /// Is told which element is a record, where it is XML and nothing is stated.
    pub(super) fn found_record(&self) -> Arc<OnceLock<String>> {
        self.record.clone()
    }

    /// The names that lead to the element that is a record, where they were found and not stated.
    pub(crate) fn record(&self) -> Option<&str> {
        self.record.get().map(String::as_str)
    }

    /// Notes that its records end with what closes them.
    pub(crate) fn is_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether it may have been cut off without anything that shows it: its place says nothing of its end, and neither
    /// does what it is written in.
    pub(super) fn may_be_cut(&self) -> bool {
        let Place::Remote(found) = &self.place else {
            return false;
        };
        found.remote.may_be_cut()
            && !self.closed.load(Ordering::Relaxed)
            && self.compression().is_none()
    }

    /// Notes how it turned out to be compressed.
    pub(super) fn is_compressed(&self, kind: &'static str) {
        self.compression.get_or_init(|| kind);
    }

    /// Its bytes as stored, where that is known beforehand.
    pub fn size(&self) -> Option<u64> {
        match (&self.mark, &self.place) {
            (Mark::File(mark), _) => Some(mark.size),
            (Mark::Fixed(size), _) => Some(*size),
            (Mark::None, Place::Remote(found)) if found.mark.tells() => found.mark.size,
            (Mark::None, _) => None,
        }
    }

    /// Its bytes as stored; where that is not known beforehand, as many as its latest reading has come
    /// to.
    pub fn bytes(&self) -> u64 {
        self.size()
            .unwrap_or_else(|| self.read.load(Ordering::Relaxed))
    }

    /// The file's path; none for standard input and samples.
    pub fn path(&self) -> Option<&Path> {
        self.place.path()
    }

    /// When the file was changed last, as it was found.
    pub fn modified(&self) -> Option<SystemTime> {
        match (&self.mark, &self.place) {
            (Mark::File(mark), _) => mark.modified,
            (_, Place::Remote(found)) => found.modified(),
            (Mark::Fixed(_) | Mark::None, _) => None,
        }
    }

    /// Its compression, once it has been opened; none where it has none.
    pub fn compression(&self) -> Option<&'static str> {
        self.compression.get().copied()
    }
}
