//! The archive that a workbook is.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, Error, ErrorKind, ZipArchiveWriter};

/// How much is written or compressed at once.
const PIECE: usize = 64 * 1024;

/// An archive in the making.
pub(super) struct Archive {
    zip: ZipArchiveWriter<BufWriter<File>>,
}

impl Archive {
    pub(super) fn new(file: File) -> Archive {
        Archive {
            zip: ZipArchiveWriter::new(BufWriter::with_capacity(PIECE, file)),
        }
    }

    /// Writes a part of the workbook. Its text is so much alike that the least that is done for it makes an eighth of it or
    /// less; what makes a fifth less of that takes three times as long.
    ///
    /// # Errors
    /// The file can't be written; as of `write`.
    pub(super) fn part(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let file = self.zip.new_file(name);
        let file = file.compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().map_err(of_io)?;
        let packed = DeflateEncoder::new(&mut entry, Compression::fast());
        let mut out = BufWriter::with_capacity(PIECE, config.wrap(packed));
        write(&mut out)?;
        let packed = out.into_inner().map_err(|error| error.into_error())?;
        let (packed, descriptor) = packed.finish().map_err(of_io)?;
        packed.finish()?;
        entry.finish(descriptor).map_err(of_io)?;
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn finish(self) -> io::Result<File> {
        let out = self.zip.finish().map_err(of_io)?;
        out.into_inner().map_err(|error| error.into_error())
    }
}

fn of_io(error: Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::IO(error) => error,
        other => io::Error::other(other.to_string()),
    }
}
