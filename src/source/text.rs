//! Decoded text of one file: decompressed by content, in UTF-8, without a byte order mark.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::AsyncReadExt;

use super::Wrapping;
use super::bytes::charset::{self, Charset};
use super::bytes::compressed::{self, Compressed, failed};
use super::bytes::copy::{Access, Copy};
use super::bytes::count::{Counting, Told};
use super::bytes::raw::{Raw, peek};
use super::bytes::stored::Stored;
use super::error::SourceError;
use super::piece::{Part, Piece, Plain};
use super::place::Opened;
use super::spec::{Encoding, Keep};
use crate::format::json::Layout;
use crate::settings::limits::Limits;
use crate::text::unseen::without_end_marks;
use crate::text::written::Written;

/// Bytes for which room is made at once, where it is not known how many come.
const MOST_AT_ONCE: usize = 64 * 1024;

/// The decoded text of one file, read front to back.
pub struct Text {
    name: String,
    reader: Raw,
    compression: Option<Compressed>,
    charset: Option<Charset>,
    /// Told at the end how many characters beyond ASCII are valid UTF-8, where all are and another encoding is stated.
    utf8: Arc<AtomicU64>,
    /// The file, where its bytes are the text, and how many of them have been given out.
    plain: Option<Arc<Plain>>,
    given: u64,
    /// What was decoded, some thousand bytes at a time, and not given out yet.
    decoded: Vec<u8>,
    /// All has been decoded.
    drained: bool,
    ended: bool,
    /// How a copy is kept, where one is needed.
    keep: Keep,
    table: Option<Tabled>,
}

/// A table whose records were made to a text.
struct Tabled {
    format: &'static str,
    /// How the objects stand that the records were made to.
    layout: Layout,
    /// The table turned out to be a workbook of rejects, and the text is the file that it was made of. Known before any of
    /// the text is.
    rejects: Arc<AtomicBool>,
}

/// What a text is made of.
pub(crate) enum Made {
    /// The file's own.
    Own,
    /// The records of a table of this format, as objects that stand so.
    Objects(&'static str, Layout),
    /// A workbook of rejects: the rejects file.
    Rejects,
}

/// The bytes of one file, decompressed, of which the first have been looked at.
pub(super) struct Unpacked {
    name: String,
    reader: Raw,
    compression: Option<Compressed>,
    head: Vec<u8>,
    /// The file, where these are its bytes.
    plain: Option<Arc<Plain>>,
    keep: Keep,
}

impl Unpacked {
    /// `read` is told of the bytes as stored, and counts those of all files and those of this one.
    pub(super) async fn open(
        name: String,
        Opened { raw, access }: Opened,
        wrapping: &Wrapping,
        limits: &Limits,
        read: Told,
    ) -> Result<Unpacked, SourceError> {
        let counters = read.counters.clone();
        let file = match &access {
            _ if wrapping.decrypt.is_some() => None,
            Access::Anywhere(Stored::File(file)) if read.hash.is_none() => Some(file.clone()),
            _ => None,
        };
        let raw = Box::new(Counting::new(raw, read.clone()));
        let (mut reader, compression) =
            compressed::open(&name, raw, access, wrapping, limits, &read).await?;
        let head = peek(&mut reader, charset::HEAD)
            .await
            .map_err(|source| failed(&name, compression.as_ref(), source))?;
        let file = file.filter(|_| compression.is_none());
        let plain = file.map(|file| Arc::new(Plain::new(name.clone(), file, counters)));
        Ok(Unpacked {
            name,
            reader,
            compression,
            head,
            plain,
            keep: wrapping.keep_inner(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }
}

impl Text {
    /// Decodes the bytes. `utf8` is told at the end how many characters beyond ASCII are valid UTF-8, where all are and
    /// another encoding is stated.
    ///
    /// # Errors
    /// What is stated is not what the bytes are.
    pub(super) fn decoded(
        unpacked: Unpacked,
        encoding: Encoding,
        utf8: Arc<AtomicU64>,
    ) -> Result<Text, SourceError> {
        let (charset, mark) = charset::tell(encoding, &unpacked.head).map_err(|message| {
            SourceError::Contradicted {
                name: unpacked.name.clone(),
                message,
            }
        })?;
        let plain = unpacked.plain.clone().filter(|_| charset.is_none());
        Ok(Text {
            plain,
            charset,
            utf8,
            ..Text::behind(unpacked, mark)
        })
    }

    /// The bytes as they are, which are not characters.
    pub(super) fn of_bytes(unpacked: Unpacked) -> Text {
        Text {
            plain: unpacked.plain.clone(),
            ..Text::behind(unpacked, 0)
        }
    }

    /// What comes behind the first bytes.
    fn behind(unpacked: Unpacked, mark: usize) -> Text {
        let rest = Cursor::new(unpacked.head[mark..].to_vec()).chain(unpacked.reader);
        Text {
            given: mark as u64,
            compression: unpacked.compression,
            keep: unpacked.keep,
            ..Text::made(unpacked.name, Box::new(rest))
        }
    }

    /// What a reader gives, in UTF-8 already.
    pub(super) fn made(name: String, reader: Raw) -> Text {
        Text {
            name,
            reader,
            compression: None,
            charset: None,
            utf8: Arc::default(),
            plain: None,
            given: 0,
            decoded: Vec::new(),
            drained: false,
            ended: false,
            keep: Keep::default(),
            table: None,
        }
    }

    /// The same text, whose records are those of a table of this format, made to objects that stand so, unless it turns out
    /// to be one of `rejects`.
    pub(super) fn of_table(
        self,
        format: &'static str,
        layout: Layout,
        rejects: Arc<AtomicBool>,
    ) -> Text {
        Text {
            table: Some(Tabled {
                format,
                layout,
                rejects,
            }),
            ..self
        }
    }

    /// What the text is made of, to be asked when some of it was read.
    pub(crate) fn made_of(&self) -> Made {
        match &self.table {
            None => Made::Own,
            Some(table) if table.rejects.load(Ordering::Relaxed) => Made::Rejects,
            Some(table) => Made::Objects(table.format, table.layout),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file, where its bytes are the text.
    pub(super) fn plain(&self) -> Option<Arc<Plain>> {
        self.plain.clone()
    }

    /// Reads the rest, and copies it behind what was read already.
    pub(super) async fn copied_behind(mut self, read: &[u8]) -> Result<Stored, SourceError> {
        let name = self.name.clone();
        let kept = |source| SourceError::Io {
            name: name.clone(),
            source,
        };
        let mut copy = Copy::new(self.keep).map_err(kept)?;
        copy.add(read).map_err(kept)?;
        let mut bytes = vec![0; MOST_AT_ONCE];
        loop {
            let read = self.read(&mut bytes).await?;
            if read == 0 {
                break;
            }
            copy.add(&bytes[..read]).map_err(kept)?;
        }
        copy.done().map_err(kept)
    }

    /// The compression found; none where there is none.
    pub(crate) fn compression(&self) -> Option<&'static str> {
        self.compression.as_ref().map(|c| c.kind)
    }

    /// The name of the file in an archive whose text it is.
    pub(crate) fn entry(&self) -> Option<&str> {
        self.compression.as_ref().and_then(|c| c.entry.as_deref())
    }

    /// Whether all of it has been given out.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Appends text to `buffer` until it has `want` bytes or more, or the text ends. Returns whether the
    /// text has ended. A mark at its end (Ctrl-Z, U+001A) is no part of it.
    ///
    /// # Errors
    /// Reading, decompression (also at the very end, where a cut-off file shows), decoding.
    pub async fn fill(&mut self, buffer: &mut Vec<u8>, want: usize) -> Result<bool, SourceError> {
        let mut len = buffer.len();
        let mut failed = Ok(());
        while !self.ended && failed.is_ok() && (len < want || may_end(&buffer[..len])) {
            let room = want.saturating_sub(len).clamp(1, MOST_AT_ONCE);
            if len == buffer.len() {
                buffer.resize(len + room, 0);
            }
            let end = buffer.len().min(len + room);
            match self.read(&mut buffer[len..end]).await {
                Ok(read) => len += read,
                Err(error) => failed = Err(error),
            }
        }
        buffer.truncate(len);
        failed?;
        if self.ended {
            buffer.truncate(without_end_marks(buffer));
        }
        Ok(self.ended)
    }

    /// The next `len` bytes of the text, or as many as there are, with the marks at its end: read behind what stands in
    /// `bytes`, unless that can be done when others have their turn.
    ///
    /// # Errors
    /// As of [`Text::fill`].
    pub(crate) async fn piece(
        &mut self,
        bytes: &mut Written,
        len: usize,
    ) -> Result<Piece, SourceError> {
        if let Some(plain) = self.plain.as_ref().filter(|_| !self.ended) {
            let (file, at) = (plain.clone(), self.given);
            self.given += len as u64;
            return Ok(Piece::Plain(Part { file, at, len }));
        }
        let mut left = len;
        while !self.ended && left > 0 {
            let read = self.read(bytes.spare(left)).await?;
            bytes.advance(read);
            left -= read;
        }
        let ended = self.ended;
        Ok(Piece::Read { ended })
    }

    /// Reads some of the text, and no more than there is room for: so what is read for a header, and behind it, does not
    /// depend on how the bytes arrive. Nothing comes at the end.
    pub(super) async fn read(&mut self, room: &mut [u8]) -> Result<usize, SourceError> {
        let read = if self.charset.is_none() {
            let got = self.reader.read(room).await;
            self.count(got)?
        } else {
            while self.decoded.is_empty() && !self.drained {
                self.decode().await?;
            }
            let more = room.len().min(self.decoded.len());
            room[..more].copy_from_slice(&self.decoded[..more]);
            self.decoded.drain(..more);
            more
        };
        self.ended = read == 0;
        Ok(read)
    }

    /// Decodes what comes next.
    async fn decode(&mut self) -> Result<(), SourceError> {
        let Some(mut charset) = self.charset.take() else {
            return Ok(());
        };
        let got = self.reader.read_buf(&mut charset.room()).await;
        let got = self.count(got)?;
        self.drained = got == 0;
        charset.decode(&self.name, got as u64, &mut self.decoded, self.drained)?;
        if let Some(characters) = charset.is_utf8().filter(|_| self.drained) {
            self.utf8.store(characters, Ordering::Relaxed);
        }
        self.charset = Some(charset);
        Ok(())
    }

    /// Notes what the reader gave.
    fn count(&mut self, got: io::Result<usize>) -> Result<usize, SourceError> {
        let got = got.map_err(|source| failed(&self.name, self.compression.as_ref(), source))?;
        self.given += got as u64;
        if let Some(compressed) = &mut self.compression {
            compressed.take(&self.name, got as u64)?;
        }
        Ok(got)
    }
}

/// Whether the marks at the end of a text may be the file's, which shows only when there is no more. Programs of old fill
/// up its last 128 bytes with them.
pub(crate) fn may_end(text: &[u8]) -> bool {
    let marks = text.len() - without_end_marks(text);
    (1..=128).contains(&marks)
}

#[cfg(test)]
mod tests;
