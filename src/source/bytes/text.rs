//! Decoded text of one file: decompressed by content, in UTF-8, without a byte order mark.

use std::fs::File;
use std::io::{self, Cursor, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_compression::tokio::bufread::ZstdDecoder;
use bytes::BufMut;
use encoding_rs::{Decoder, DecoderResult};
use tokio::io::{AsyncRead, AsyncReadExt, BufReader, ReadBuf};

use super::gzip::Members;
use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::SourceError;
use crate::source::spec::{Compression, Encoding};

/// Bytes as they are stored.
pub(in crate::source) type Raw = Box<dyn AsyncRead + Send + Unpin>;

/// Compressed bytes read at once.
const COMPRESSED_BUFFER: usize = 128 * 1024;

/// Bytes of another encoding decoded at once.
const DECODE_STEP: usize = 64 * 1024;

/// Decompressed text from which on it matters how much more it is than the compressed data. Small files of blanks
/// are none of an attack.
const EXPANSION_FROM: u64 = 1 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The decoded text of one file, read front to back.
pub struct Text {
    name: String,
    reader: Raw,
    compression: Option<Compressed>,
    charset: Option<Charset>,
    ended: bool,
}

/// What is known of compressed data as it is read.
struct Compressed {
    kind: &'static str,
    /// Bytes read as stored, and what has become of them.
    stored: Arc<AtomicU64>,
    text: u64,
    expansion: u32,
    most: Size,
}

struct Charset {
    decoder: Decoder,
    pending: Vec<u8>,
    seen: u64,
}

impl Text {
    pub(in crate::source) async fn new(
        name: String,
        raw: Raw,
        compression: Compression,
        encoding: Encoding,
        limits: &Limits,
        read: [Arc<AtomicU64>; 2],
    ) -> Result<Text, SourceError> {
        let stored = read[1].clone();
        let mut raw = Counting { inner: raw, read };
        let head = peek(&mut raw, 4).await.map_err(|source| SourceError::Io {
            name: name.clone(),
            source,
        })?;
        let compression = match compression {
            Compression::Auto if head.starts_with(&GZIP) => Compression::Gzip,
            Compression::Auto if head.starts_with(&ZSTD) => Compression::Zstd,
            Compression::Auto => Compression::None,
            stated => stated,
        };
        let raw = Cursor::new(head).chain(raw);
        let (mut reader, kind): (Raw, _) = match compression {
            Compression::Gzip => {
                let members = Members::new(BufReader::with_capacity(COMPRESSED_BUFFER, raw));
                (Box::new(members), Some("gzip"))
            }
            Compression::Zstd => {
                let mut decoder =
                    ZstdDecoder::new(BufReader::with_capacity(COMPRESSED_BUFFER, raw));
                decoder.multiple_members(true);
                (Box::new(decoder), Some("zstd"))
            }
            _ => (Box::new(raw), None),
        };
        let error = |source| io_error(&name, kind, source);
        let head = peek(&mut reader, 3).await.map_err(error)?;
        let (encoding, mark) = match (encoding, head.as_slice()) {
            (Encoding::Auto | Encoding::Utf8, [0xef, 0xbb, 0xbf]) => (None, 3),
            (Encoding::Auto | Encoding::Utf16 | Encoding::Utf16le, [0xff, 0xfe, ..]) => {
                (Some(encoding_rs::UTF_16LE), 2)
            }
            (Encoding::Auto | Encoding::Utf16 | Encoding::Utf16be, [0xfe, 0xff, ..]) => {
                (Some(encoding_rs::UTF_16BE), 2)
            }
            (Encoding::Auto | Encoding::Utf8, _) => (None, 0),
            (Encoding::Utf16 | Encoding::Utf16le, _) => (Some(encoding_rs::UTF_16LE), 0),
            (Encoding::Utf16be, _) => (Some(encoding_rs::UTF_16BE), 0),
            (Encoding::Windows1252 | Encoding::Iso8859_1, _) => {
                (Some(encoding_rs::WINDOWS_1252), 0)
            }
        };
        let rest = Cursor::new(head[mark..].to_vec()).chain(reader);
        let charset = encoding.map(|encoding| Charset {
            decoder: encoding.new_decoder_without_bom_handling(),
            pending: Vec::new(),
            seen: 0,
        });
        Ok(Text {
            name,
            reader: Box::new(rest),
            compression: kind.map(|kind| Compressed {
                kind,
                stored,
                text: 0,
                expansion: limits.expansion,
                most: limits.decompressed,
            }),
            charset,
            ended: false,
        })
    }

    /// The compression found; none where there is none.
    pub fn compression(&self) -> Option<&'static str> {
        self.compression.as_ref().map(|c| c.kind)
    }

    /// Appends text to `buffer` until it has `want` bytes or more, or the text ends. Returns whether the
    /// text has ended.
    ///
    /// # Errors
    /// Reading, decompression (also at the very end, where a cut-off file shows), decoding.
    pub async fn fill(&mut self, buffer: &mut Vec<u8>, want: usize) -> Result<bool, SourceError> {
        while !self.ended && buffer.len() < want {
            let room = want - buffer.len();
            let read = match &mut self.charset {
                None => self.reader.read_buf(&mut (&mut *buffer).limit(room)).await,
                Some(charset) => {
                    let mut pending = (&mut charset.pending).limit(DECODE_STEP);
                    self.reader.read_buf(&mut pending).await
                }
            };
            let kind = self.compression();
            let got = read.map_err(|e| io_error(&self.name, kind, e))?;
            self.ended = got == 0;
            if let Some(compressed) = &mut self.compression {
                compressed.take(&self.name, got as u64)?;
            }
            if let Some(charset) = &mut self.charset {
                charset.seen += got as u64;
                charset.decode(&self.name, buffer, self.ended)?;
            }
        }
        Ok(self.ended)
    }
}

impl Compressed {
    /// Counts what has been decompressed.
    fn take(&mut self, name: &str, got: u64) -> Result<(), SourceError> {
        self.text += got;
        let kind = self.kind;
        let name = || name.to_owned();
        if self.text > self.most.0 {
            let limit = self.most;
            return Err(SourceError::Decompressed {
                name: name(),
                kind,
                limit,
            });
        }
        let stored = self.stored.load(Ordering::Relaxed);
        let limit = self.expansion;
        if self.text > EXPANSION_FROM.max(stored.saturating_mul(limit.into())) {
            return Err(SourceError::Expansion {
                name: name(),
                kind,
                limit,
            });
        }
        Ok(())
    }
}

impl Charset {
    fn decode(&mut self, name: &str, out: &mut Vec<u8>, last: bool) -> Result<(), SourceError> {
        let mut from = 0;
        loop {
            let source = &self.pending[from..];
            let need = self
                .decoder
                .max_utf8_buffer_length_without_replacement(source.len())
                .unwrap_or(DECODE_STEP);
            let start = out.len();
            out.resize(start + need, 0);
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(source, &mut out[start..], last);
            out.truncate(start + written);
            from += read;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    let left = (self.pending.len() - from) as u64;
                    return Err(SourceError::Encoding {
                        name: name.to_owned(),
                        encoding: self.decoder.encoding().name(),
                        at: self.seen - left,
                    });
                }
            }
        }
        self.pending.drain(..from);
        Ok(())
    }
}

fn io_error(name: &str, compression: Option<&'static str>, source: io::Error) -> SourceError {
    let name = name.to_owned();
    match compression {
        Some(kind)
            if matches!(
                source.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other
            ) =>
        {
            SourceError::Damaged { name, kind, source }
        }
        _ => SourceError::Io { name, source },
    }
}

/// The first `most` bytes, or all where there are fewer, however the reader hands them out.
async fn peek(reader: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(most);
    while head.len() < most {
        let room = most - head.len();
        if reader.read_buf(&mut (&mut head).limit(room)).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// A local file, read on the spot: a block of it comes from the system's cache in less time than it takes to ask
/// another thread and to be woken by it (7 % of a survey's CPU). A disk that is slower than that holds up the run,
/// which waits for the bytes anyway.
pub(in crate::source) struct Local(pub(in crate::source) File);

impl AsyncRead for Local {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = loop {
            match io::Read::read(&mut self.0, buffer.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

/// Counts what passes.
struct Counting {
    inner: Raw,
    /// Of all files, and of this one.
    read: [Arc<AtomicU64>; 2],
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        let new = (buf.filled().len() - before) as u64;
        for read in &self.read {
            read.fetch_add(new, Ordering::Relaxed);
        }
        poll
    }
}

/// What is read can't be kept, which is no fault of the source.
fn no_copy(error: io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    let why = format!(
        "its copy in {} can't be written (TMPDIR names another folder): {error}",
        folder.display()
    );
    io::Error::new(error.kind(), why)
}

/// Copies what passes into a file, and hands that over once the end has been reached.
pub(in crate::source) struct Copying {
    inner: Raw,
    copy: Option<File>,
    done: Arc<Mutex<Option<File>>>,
}

impl Copying {
    pub(in crate::source) fn new(
        inner: Raw,
        copy: File,
        done: Arc<Mutex<Option<File>>>,
    ) -> Copying {
        Copying {
            inner,
            copy: Some(copy),
            done,
        }
    }
}

impl AsyncRead for Copying {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let room = buf.remaining();
        std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        match &mut this.copy {
            Some(_) if new.is_empty() && room > 0 => {
                *this
                    .done
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner()) = this.copy.take();
            }
            // A write to a temporary file lands in the page cache; a thread for it would cost more.
            Some(copy) => copy.write_all(new).map_err(no_copy)?,
            None => {}
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt;

    async fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    async fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZstdEncoder::new(Vec::new());
        encoder.write_all(bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    async fn read(bytes: Vec<u8>, encoding: Encoding) -> Result<String, String> {
        let raw: Raw = Box::new(Cursor::new(bytes));
        let mut text = Text::new(
            "f".into(),
            raw,
            Compression::Auto,
            encoding,
            &Limits::default(),
            Default::default(),
        )
        .await
        .map_err(|e| e.to_string())?;
        let mut buffer = Vec::new();
        let mut want = 1;
        while !text
            .fill(&mut buffer, want)
            .await
            .map_err(|e| e.to_string())?
        {
            want = buffer.len() + 3;
        }
        Ok(String::from_utf8(buffer).unwrap())
    }

    #[tokio::test]
    async fn decompresses_by_content_and_joins_members() {
        assert_eq!(
            read(b"a,b\n".to_vec(), Encoding::Auto).await,
            Ok("a,b\n".into())
        );
        let mut two = gzip(b"a,").await;
        two.extend(gzip(b"b\n").await);
        assert_eq!(read(two, Encoding::Auto).await, Ok("a,b\n".into()));
        let mut two = zstd(b"a,").await;
        two.extend(zstd(b"b\n").await);
        assert_eq!(read(two, Encoding::Auto).await, Ok("a,b\n".into()));
        assert_eq!(read(Vec::new(), Encoding::Auto).await, Ok(String::new()));
        let mut padded = gzip(b"a,").await;
        padded.extend(gzip(b"").await);
        padded.extend(gzip(b"b\n").await);
        padded.extend([0; 1000]);
        assert_eq!(read(padded, Encoding::Auto).await, Ok("a,b\n".into()));
    }

    #[tokio::test]
    async fn refuses_what_is_cut_off_or_damaged() {
        let whole = gzip(&b"employee,name\n".repeat(50)).await;
        for cut in [whole.len() - 1, whole.len() - 8, whole.len() / 2, 12] {
            let error = read(whole[..cut].to_vec(), Encoding::Auto)
                .await
                .unwrap_err();
            assert_eq!(
                error, "f: the gzip data is cut off or damaged, nothing of it is sent",
                "{cut}"
            );
        }
        let mut flipped = whole.clone();
        let crc = flipped.len() - 6;
        flipped[crc] ^= 1;
        assert!(read(flipped, Encoding::Auto).await.is_err());
        let whole = zstd(&b"employee,name\n".repeat(50)).await;
        assert!(
            read(whole[..whole.len() - 2].to_vec(), Encoding::Auto)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn decodes_to_utf8_without_a_mark() {
        assert_eq!(
            read(b"\xef\xbb\xbfZo\xc3\xab".to_vec(), Encoding::Auto).await,
            Ok("Zoë".into())
        );
        let utf16: Vec<u8> = "\u{feff}Zoë,Łukasz 𝄞\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(
            read(utf16.clone(), Encoding::Auto).await,
            Ok("Zoë,Łukasz 𝄞\n".into())
        );
        assert_eq!(
            read(utf16, Encoding::Utf16).await,
            Ok("Zoë,Łukasz 𝄞\n".into())
        );
        let big: Vec<u8> = "\u{feff}Zoë"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(read(big, Encoding::Auto).await, Ok("Zoë".into()));
        assert_eq!(
            read(b"M\xfcller \x80".to_vec(), Encoding::Windows1252).await,
            Ok("Müller €".into())
        );
        let lone = vec![0xff, 0xfe, b'a', 0, 0x00, 0xd8, b'b', 0];
        assert!(
            read(lone, Encoding::Auto)
                .await
                .unwrap_err()
                .starts_with("f: not UTF-16LE: ill-formed near byte")
        );
    }
}
