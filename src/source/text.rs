//! Decoded text of one file: decompressed by content, in UTF-8, without a byte order mark.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BufMut;
use tokio::io::AsyncReadExt;

use super::bytes::charset::{self, Charset};
use super::bytes::compressed::{self, Compressed};
use super::bytes::count::{Counting, Told};
use super::bytes::raw::{Raw, peek};
use super::error::SourceError;
use super::spec::{Compression, Encoding};
use crate::settings::limits::Limits;
use crate::text::unseen::{END_MARK, without_end_marks};

/// Marks of its end that a file has at most: programs of old fill up its last 128 bytes.
const MOST_END_MARKS: usize = 128;

/// The decoded text of one file, read front to back.
pub struct Text {
    name: String,
    reader: Raw,
    compression: Option<Compressed>,
    charset: Option<Charset>,
    /// Told at the end how many characters beyond ASCII are valid UTF-8, where all are and another encoding is stated.
    utf8: Arc<AtomicU64>,
    ended: bool,
}

impl Text {
    /// `read` is told of the bytes as stored, and counts those of all files and those of this one.
    pub(super) async fn new(
        name: String,
        raw: Raw,
        compression: Compression,
        encoding: Encoding,
        limits: &Limits,
        read: Told,
        utf8: Arc<AtomicU64>,
    ) -> Result<Text, SourceError> {
        let stored = read.counters[1].clone();
        let raw = Box::new(Counting::new(raw, read));
        let (mut reader, compression) = compressed::open(raw, compression, limits, stored)
            .await
            .map_err(|source| unreadable(&name, None, source))?;
        let head = peek(&mut reader, charset::HEAD)
            .await
            .map_err(|source| unreadable(&name, compression.as_ref(), source))?;
        let (charset, mark) =
            charset::tell(encoding, &head).map_err(|message| SourceError::Contradicted {
                name: name.clone(),
                message,
            })?;
        let rest = Cursor::new(head[mark..].to_vec()).chain(reader);
        Ok(Text {
            name,
            reader: Box::new(rest),
            compression,
            charset,
            utf8,
            ended: false,
        })
    }

    /// The compression found; none where there is none.
    pub(crate) fn compression(&self) -> Option<&'static str> {
        self.compression.as_ref().map(|c| c.kind)
    }

    /// Appends text to `buffer` until it has `want` bytes or more, or the text ends. Returns whether the
    /// text has ended. A mark at its end (Ctrl-Z, U+001A) is no part of it.
    ///
    /// # Errors
    /// Reading, decompression (also at the very end, where a cut-off file shows), decoding.
    pub async fn fill(&mut self, buffer: &mut Vec<u8>, want: usize) -> Result<bool, SourceError> {
        // A mark at the very end may be the file's, which shows only when there is no more.
        let open = |buffer: &Vec<u8>| {
            buffer.last() == Some(&END_MARK) && buffer.len() < want.saturating_add(MOST_END_MARKS)
        };
        while !self.ended && (buffer.len() < want || open(buffer)) {
            let room = want.saturating_sub(buffer.len()).max(1);
            let read = match &mut self.charset {
                None => self.reader.read_buf(&mut (&mut *buffer).limit(room)).await,
                Some(charset) => self.reader.read_buf(&mut charset.room()).await,
            };
            let got =
                read.map_err(|source| unreadable(&self.name, self.compression.as_ref(), source))?;
            self.ended = got == 0;
            if let Some(compressed) = &mut self.compression {
                compressed.take(&self.name, got as u64)?;
            }
            if let Some(charset) = &mut self.charset {
                charset.decode(&self.name, got as u64, buffer, self.ended)?;
                if let Some(characters) = charset.is_utf8().filter(|_| self.ended) {
                    self.utf8.store(characters, Ordering::Relaxed);
                }
            }
            if self.ended {
                buffer.truncate(without_end_marks(buffer));
            }
        }
        Ok(self.ended)
    }
}

fn unreadable(name: &str, compression: Option<&Compressed>, source: std::io::Error) -> SourceError {
    let name = name.to_owned();
    let source = match source.downcast() {
        Ok(why) => return SourceError::Command { name, why },
        Err(source) => source,
    };
    match compression {
        Some(compressed) => compressed.error(name, source),
        None => SourceError::Io { name, source },
    }
}

#[cfg(test)]
mod tests;
