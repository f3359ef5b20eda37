//! Character encodings: everything becomes UTF-8 without a byte order mark.

use bytes::{BufMut, buf::Limit};
use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::source::error::SourceError;
use crate::source::spec::Encoding;

/// Bytes of another encoding decoded at once.
const STEP: usize = 64 * 1024;

/// Bytes by which a byte order mark is told.
pub(in crate::source) const MARK: usize = 3;

/// Decodes what is not UTF-8.
pub(in crate::source) struct Charset {
    decoder: Decoder,
    pending: Vec<u8>,
    seen: u64,
}

/// How text is decoded that begins with these bytes, and the length of its byte order mark; UTF-8 is not.
pub(in crate::source) fn tell(encoding: Encoding, head: &[u8]) -> (Option<Charset>, usize) {
    let (encoding, mark) = match (encoding, head) {
        (Encoding::Auto | Encoding::Utf8, [0xef, 0xbb, 0xbf]) => (None, 3),
        (Encoding::Auto | Encoding::Utf16 | Encoding::Utf16le, [0xff, 0xfe, ..]) => {
            (Some(UTF_16LE), 2)
        }
        (Encoding::Auto | Encoding::Utf16 | Encoding::Utf16be, [0xfe, 0xff, ..]) => {
            (Some(UTF_16BE), 2)
        }
        (Encoding::Auto | Encoding::Utf8, _) => (None, 0),
        (Encoding::Utf16 | Encoding::Utf16le, _) => (Some(UTF_16LE), 0),
        (Encoding::Utf16be, _) => (Some(UTF_16BE), 0),
        (Encoding::Windows1252 | Encoding::Iso8859_1, _) => (Some(WINDOWS_1252), 0),
    };
    let charset = encoding.map(|encoding| Charset {
        decoder: encoding.new_decoder_without_bom_handling(),
        pending: Vec::new(),
        seen: 0,
    });
    (charset, mark)
}

impl Charset {
    /// Where the next bytes are to be read into.
    pub(in crate::source) fn room(&mut self) -> Limit<&mut Vec<u8>> {
        (&mut self.pending).limit(STEP)
    }

    /// Decodes the `got` bytes that were read, as far as they are whole characters; all, where they are the last.
    pub(in crate::source) fn decode(
        &mut self,
        name: &str,
        got: u64,
        out: &mut Vec<u8>,
        last: bool,
    ) -> Result<(), SourceError> {
        self.seen += got;
        let mut from = 0;
        loop {
            let source = &self.pending[from..];
            let need = self
                .decoder
                .max_utf8_buffer_length_without_replacement(source.len())
                .unwrap_or(STEP);
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
