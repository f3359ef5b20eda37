//! A private temporary file for bodies whose length only their making tells.
//!
//! The file has no name (it is unlinked as it is made, and only its owner could ever have opened it), so that
//! nothing of it is left behind however the process ends. It can be read any number of times.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream};
use tokio::io::AsyncWriteExt;

use crate::files::at::read_at;
use crate::upload::body::BodyError;

/// Bytes read at once.
const READ: u64 = 256 * 1024;

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

/// A spool file that is being written.
pub(crate) struct SpoolWriter {
    file: tokio::fs::File,
    dir: PathBuf,
    written: u64,
}

impl SpoolWriter {
    /// Makes the file in a folder, or in the system's temporary folder.
    pub(crate) async fn create(dir: Option<&Path>) -> Result<SpoolWriter, SpoolError> {
        let dir = dir.map_or_else(std::env::temp_dir, Path::to_owned);
        let wanted = dir.clone();
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(wanted)).await;
        let file = match made.map_err(io::Error::other).and_then(|made| made) {
            Ok(file) => tokio::fs::File::from_std(file),
            Err(source) => return Err(SpoolError::Create { dir, source }),
        };
        Ok(SpoolWriter {
            file,
            dir,
            written: 0,
        })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.written += bytes.len() as u64;
        let done = self.file.write_all(bytes).await;
        done.map_err(|error| self.failed(error))
    }

    /// Ends the file: only now is its length known, and only now has a full disk been told of every byte.
    pub(crate) async fn finish(mut self) -> Result<Spool, SpoolError> {
        if let Err(error) = self.file.shutdown().await {
            return Err(self.failed(error));
        }
        let (dir, length) = (self.dir, self.written);
        let file = self.file.into_std().await;
        let found = file
            .metadata()
            .map_err(|source| SpoolError::Write { dir, source })?
            .len();
        if found != length {
            return Err(SpoolError::Changed { length, found });
        }
        Ok(Spool {
            file: Arc::new(file),
            length,
        })
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
    pub(crate) fn read(
        &self,
    ) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + Unpin + use<> {
        let (file, length) = (self.file.clone(), self.length);
        Box::pin(stream::try_unfold(0, move |at| {
            let file = file.clone();
            async move {
                if at == length {
                    return Ok(None);
                }
                let size = READ.min(length - at) as usize;
                let read = tokio::task::spawn_blocking(move || piece_at(&file, at, size)).await;
                match read.map_err(io::Error::other).and_then(|read| read) {
                    Ok(bytes) if bytes.is_empty() => {
                        let error = SpoolError::Changed { length, found: at };
                        Err(BodyError::Source(error.into()))
                    }
                    Ok(bytes) => {
                        let next = at + bytes.len() as u64;
                        Ok(Some((bytes, next)))
                    }
                    Err(error) => Err(BodyError::Source(SpoolError::Read(error).into())),
                }
            }
        }))
    }
}

/// Reads at a place without moving the file's own: a stream that was dropped in the middle of a read must not
/// shift the next one.
fn piece_at(file: &File, at: u64, size: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; size];
    let read = read_at(file, at, &mut buffer)?;
    buffer.truncate(read);
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use futures::{StreamExt, TryStreamExt};

    use super::*;

    async fn spool(bytes: &[u8]) -> Spool {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = SpoolWriter::create(Some(dir.path())).await.unwrap();
        // It has no name, not even while it is written.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        for piece in bytes.chunks(100_000) {
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
            file: tokio::fs::File::from_std(full),
            dir: "/spool".into(),
            written: 0,
        };
        writer.write(b"0123456789").await.unwrap();
        let error = writer.finish().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no space left in /spool: the upload needs more than 10 bytes there (TMPDIR names another folder)"
        );
    }
}
