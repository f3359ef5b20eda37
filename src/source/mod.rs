//! Sources: from an address to decoded text.
//!
//! | what | it is |
//! |---|---|
//! | `input`, `spec` | what the pipeline names: one entry of a list |
//! | `find` | from an entry to the files that it stands for |
//! | `place` | where files are, and how each kind of place is opened |
//! | `origin` | one file or stream: what it is called, whether it is still the same, how it is read again |
//! | `open` | from an origin to its text: through `bytes`, `text`, and `table` where it is one |
//! | `bytes`, `wrapping` | counted, copied, decrypted, decompressed |
//! | `text`, `piece` | decoded to UTF-8, and handed out in pieces |
//! | `table` | what has records, and is no text that has them: XML, workbooks, columns of fixed width |
//! | `conform` | what all places have to do alike |
//!
//! What can't be read twice is copied on the way into a private, unlinked temporary file of its own, so that rows the
//! server refuses can still be shown as they were. A sample is made again each time, in a thread of its own.
//!
//! A new kind of place is a variant of [`Input`] and of `place::Place`, a file in `place/`, and a row in `conform`,
//! whose tests all places run.

mod bytes;
#[cfg(test)]
mod conform;
pub(crate) mod effect_spec;
mod error;
mod find;
mod input;
mod open;
mod origin;
mod piece;
pub(crate) mod place;
pub(crate) mod spec;
pub(crate) mod table;
mod text;
mod wrapping;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use error::{Choice, SourceError};
pub use input::Input;
pub(crate) use origin::Origin;
pub use text::Text;
pub(crate) use text::{Made, may_end};
pub(crate) use wrapping::Wrapping;

pub(crate) use self::bytes::decrypt::{Decrypt, Keys, Unusable};
use ::bytes::Bytes;
use spec::Encoding;
use table::spec::Layout;

use crate::settings::limits::Limits;

/// The origins of a run, in order.
#[derive(Debug)]
pub struct Source {
    origins: Vec<Origin>,
    wrapping: Wrapping,
    encoding: Encoding,
    layout: Layout,
    limits: Limits,
    /// Bytes read so far, as stored, over all openings.
    read: Arc<AtomicU64>,
    /// Whether the files are hashed as they are read.
    hashes: bool,
}

impl Source {
    fn over(origins: Vec<Origin>) -> Source {
        Source {
            origins,
            wrapping: Wrapping::default(),
            encoding: Encoding::Auto,
            layout: Layout::default(),
            limits: Limits::default(),
            read: Arc::default(),
            hashes: false,
        }
    }

    /// A source in memory, which hands out these pieces one by one: for embedding and for tests.
    pub fn of_pieces(name: &str, pieces: impl IntoIterator<Item = Bytes>) -> Source {
        let pieces = pieces.into_iter().collect();
        Source::over(vec![Origin::pieces(name.to_owned(), pieces)])
    }

    /// The same source, whose files are written so.
    pub fn written_in(self, wrapping: impl Into<Wrapping>, encoding: Encoding) -> Source {
        Source {
            wrapping: wrapping.into(),
            encoding,
            ..self
        }
    }

    /// The same source in another encoding.
    pub(crate) fn encoded(self, encoding: Encoding) -> Source {
        Source { encoding, ..self }
    }

    /// The same source, of which no more is taken than this.
    #[cfg(test)]
    fn within(self, limits: Limits) -> Source {
        Source { limits, ..self }
    }

    /// The same source, whose records stand so.
    pub(crate) fn laid_out(self, layout: Layout) -> Source {
        Source { layout, ..self }
    }

    /// The same source, whose files are hashed as they are read, where that is `wanted`.
    pub(crate) fn hashed(self, wanted: bool) -> Source {
        Source {
            hashes: wanted,
            ..self
        }
    }

    /// The hash of each file as stored; nothing of one that was not read to its end.
    pub(crate) fn hashes(&self) -> Vec<Option<u128>> {
        let hash = |origin: &Origin| origin.hash().get().copied();
        self.origins.iter().map(hash).collect()
    }

    /// The same source, and behind its files those of another one.
    pub fn followed_by(mut self, other: Source) -> Source {
        self.origins.extend(other.origins);
        self
    }

    /// The files, in order.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The paths of the files that have one.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let paths = self.origins.iter().filter_map(Origin::path);
        paths.map(Path::to_owned).collect()
    }

    /// The names of its files, for messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.origins.iter().map(|o| o.name.as_str()).collect();
        names.join(", ")
    }

    /// Whether a part of it can be read once and never again, not even by another run.
    pub(crate) fn is_once(&self) -> bool {
        self.origins.iter().any(Origin::is_once)
    }

    /// Whether every file can be read as often as one likes.
    pub fn can_repeat(&self) -> bool {
        self.origins.iter().all(Origin::can_repeat)
    }

    /// Bytes to read, as stored, where that is known of every file.
    pub fn size(&self) -> Option<u64> {
        self.origins.iter().map(Origin::size).sum()
    }

    /// Counts the bytes read so far, as stored, over all openings.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// Whether every file has the size, the time of change and the identity that it had when it was found: one look
    /// at each, which is no proof, but all that can be had without reading everything.
    ///
    /// # Errors
    /// A file that was changed or replaced, or is gone.
    pub async fn is_unchanged(&self) -> Result<(), SourceError> {
        for origin in &self.origins {
            origin.is_unchanged().await?;
        }
        Ok(())
    }

    /// What may not have been meant, as far as the files that were read to their end tell.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let encoding = self.encoding;
        let of_table = |origin: &Origin| {
            let remarks = origin.remarks().all().into_iter();
            let name = origin.name.clone();
            remarks.map(move |remark| format!("{name}: {remark}"))
        };
        let remark = |origin: &Origin| match origin.utf8().load(Ordering::Relaxed) {
            0 => None,
            count if encoding == Encoding::Auto => Some(format!(
                "{}: the file declares another encoding than UTF-8, and all {count} characters beyond ASCII are valid \
                 UTF-8, which is next to impossible otherwise: letters will be garbled unless the declaration is mended",
                origin.name
            )),
            count => Some(format!(
                "{}: source.encoding is {encoding}, and all {count} characters beyond ASCII are valid UTF-8, which is \
                 next to impossible otherwise: letters will be garbled unless source.encoding is set to utf-8",
                origin.name
            )),
        };
        let of_text = self.origins.iter().filter_map(remark);
        of_text
            .chain(self.origins.iter().flat_map(of_table))
            .collect()
    }

    /// Notes what may not have been meant in a file.
    pub(crate) fn remark(&self, file: usize, remark: String) {
        self.origins[file].remarks().add(remark);
    }

    /// The pattern of the last rows of a workbook, where they look like totals and were read as records.
    pub(crate) fn footer(&self) -> Option<String> {
        let mut origins = self.origins.iter();
        origins.find_map(|origin| origin.remarks().footer())
    }

    /// The first file that may have been cut off without anything that shows it, as far as the files were opened.
    pub(crate) fn may_be_cut(&self) -> Option<&str> {
        let mut origins = self.origins.iter();
        // What is encrypted has an end that is verified.
        let cut = origins.find(|origin| self.wrapping.decrypt.is_none() && origin.may_be_cut());
        cut.map(|origin| origin.name.as_str())
    }

    /// Ends the commands that still write. Where a source is read by threads, dropping it may come too late.
    pub(crate) fn stop(&self) {
        self.origins.iter().for_each(Origin::stop);
    }
}
