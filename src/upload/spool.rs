//! A private temporary file for bodies whose length only their making tells.
//!
//! The file has no name (it is unlinked as it is made, and only its owner could ever have opened it), so that
//! nothing of it is left behind however the process ends. It can be read any number of times.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::task::JoinHandle;

use crate::files::at::{read_all_at, write_all_at};
use crate::files::on_disk::on_disk;
use crate::upload::body::BodyError;

/// Bytes read at once.
const READ: u64 = 256 * 1024;

/// Pieces that are read before they are asked for.
const AHEAD: usize = 2;

/// The spool file cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It cannot be made.
    #[error("cannot make a temporary file in {}", dir.display())]
    Create { dir: PathBuf, source: io::Error },
    /// The disk, or the user's share of it, is full.
    #[error("no space left in {}: the upload needs more than {written} bytes there (TMPDIR names another folder)", dir.display())]
    Full {
        dir: PathBuf,
        /// Bytes handed over so far.
        written: u64,
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the temporary file in {}", dir.display())]
    Write { dir: PathBuf, source: io::Error },
    /// It cannot be read back.
    #[error("cannot read the temporary file back")]
    Read(#[source] io::Error),
    /// It does not hold what was written.
    #[error("the temporary file holds {found} bytes, {length} were written")]
    Changed {
        /// Bytes written.
        length: u64,
        /// Bytes that there are.
        found: u64,
    },
}

/// Pieces that are being written at once. The source is read and processed meanwhile.
const UNDER_WAY: usize = 4;

/// A spool file that is being written.
pub(crate) struct SpoolWriter {
    file: Arc<File>,
    dir: PathBuf,
    /// Bytes handed over so far.
    written: u64,
    under_way: VecDeque<JoinHandle<io::Result<()>>>,
}

impl SpoolWriter {
    /// Makes the file in a folder, or in the system's temporary folder.
    pub(crate) async fn create(dir: Option<&Path>) -> Result<SpoolWriter, SpoolError> {
        let dir = dir.map_or_else(std::env::temp_dir, Path::to_owned);
        let wanted = dir.clone();
        let made = on_disk(move || tempfile::tempfile_in(wanted)).await;
        match made.flatten() {
            Ok(file) => Ok(SpoolWriter {
                file: Arc::new(file),
                dir,
                written: 0,
                under_way: VecDeque::new(),
            }),
            Err(source) => Err(SpoolError::Create { dir, source }),
        }
    }

    /// Writes a piece behind the others; that one of them could not be written may be told by a later call.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), SpoolError> {
        while self.under_way.len() >= UNDER_WAY {
            self.await_first().await?;
        }
        let (file, at) = (self.file.clone(), self.written);
        self.written += bytes.len() as u64;
        let writing = move || write_all_at(&file, at, &bytes);
        self.under_way
            .push_back(tokio::task::spawn_blocking(writing));
        Ok(())
    }

    async fn await_first(&mut self) -> Result<(), SpoolError> {
        let Some(first) = self.under_way.pop_front() else {
            return Ok(());
        };
        let done = first.await.map_err(io::Error::other).and_then(|done| done);
        done.map_err(|error| self.failed(error))
    }

    /// Ends the file: only now is its length known, and only now has a full disk been told of every byte.
    pub(crate) async fn finish(mut self) -> Result<Spool, SpoolError> {
        while !self.under_way.is_empty() {
            self.await_first().await?;
        }
        let (file, dir, length) = (self.file, self.dir, self.written);
        let found = file
            .metadata()
            .map_err(|source| SpoolError::Write { dir, source })?
            .len();
        if found != length {
            return Err(SpoolError::Changed { length, found });
        }
        Ok(Spool { file, length })
    }

    fn failed(&self, source: io::Error) -> SpoolError {
        let dir = self.dir.clone();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SpoolError::Full {
                dir,
                written: self.written,
                source,
            },
            _ => SpoolError::Write { dir, source },
        }
    }
}

/// A finished spool file. Gone when it, and every stream over it, is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    length: u64,
}

impl Spool {
    /// Bytes in the file.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Its bytes from the beginning. Streams do not disturb each other: each reads at its own place.
    pub(crate) fn read(&self) -> BoxStream<'static, Result<Bytes, BodyError>> {
        let (file, length) = (self.file.clone(), self.length);
        let pieces = (0..length.div_ceil(READ)).map(move |piece| {
            let at = piece * READ;
            read(file.clone(), at, READ.min(length - at) as usize, length)
        });
        stream::iter(pieces).buffered(AHEAD).boxed()
    }
}

/// The bytes at a place, all of them: the file has a `length` of so many.
async fn read(file: Arc<File>, at: u64, size: usize, length: u64) -> Result<Bytes, BodyError> {
    let piece = on_disk(move || {
        let mut buffer = vec![0; size];
        let read = read_all_at(&file, at, &mut buffer)?;
        buffer.truncate(read);
        Ok(Bytes::from(buffer))
    });
    let error = match piece.await.flatten() {
        Ok(bytes) if bytes.len() == size => return Ok(bytes),
        Ok(bytes) => SpoolError::Changed {
            length,
            found: at + bytes.len() as u64,
        },
        Err(error) => SpoolError::Read(error),
    };
    Err(BodyError::Source(error.into()))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use futures::TryStreamExt;

    use super::*;

    async fn spool(bytes: &[u8]) -> Spool {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = SpoolWriter::create(Some(dir.path())).await.unwrap();
        // It has no name, not even while it is written.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        for piece in bytes.chunks(100_000) {
            let piece = Bytes::copy_from_slice(piece);
            writer.write(piece).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    async fn all(spool: &Spool) -> Vec<u8> {
        let pieces: Vec<Bytes> = spool.read().try_collect().await.unwrap();
        pieces.concat()
    }

    #[tokio::test]
    async fn reads_back_any_number_of_times() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|i| (i / 7) as u8).collect();
        let spool = spool(&bytes).await;
        assert_eq!(spool.length(), 1_000_000);
        assert_eq!(all(&spool).await, bytes);
        // One that was given up half way does not disturb the next.
        let mut half = spool.read();
        half.next().await;
        assert!(all(&spool).await == bytes);
        drop(half);
        assert!(all(&spool).await == bytes);
    }

    #[tokio::test]
    async fn an_empty_one() {
        let spool = spool(b"").await;
        assert_eq!(spool.length(), 0);
        assert!(all(&spool).await.is_empty());
    }

    #[tokio::test]
    async fn a_shrunk_file_is_noticed() {
        let spool = spool(&[7; 1000]).await;
        spool.file.set_len(400).unwrap();
        let error = spool.read().try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(
            error.source().unwrap().to_string(),
            "the temporary file holds 400 bytes, 1000 were written"
        );
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let error = SpoolWriter::create(Some(Path::new("/no/such/folder")))
            .await
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "cannot make a temporary file in /no/such/folder"
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_named_with_what_is_needed() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut writer = SpoolWriter {
            file: Arc::new(full),
            dir: "/spool".into(),
            written: 0,
            under_way: VecDeque::new(),
        };
        writer
            .write(Bytes::from_static(b"0123456789"))
            .await
            .unwrap();
        let error = writer.finish().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no space left in /spool: the upload needs more than 10 bytes there (TMPDIR names another folder)"
        );
    }
}
