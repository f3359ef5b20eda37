//! Character encodings: everything becomes UTF-8 without a byte order mark.

use bytes::{BufMut, buf::Limit};
use encoding_rs::{self as whatwg, Decoder, DecoderResult, UTF_8, UTF_16LE};

use super::doubt::{self, Utf8};
use crate::source::error::SourceError;
use crate::source::spec::Encoding;
use crate::text::charset::likely;

/// Bytes of another encoding decoded at once.
const STEP: usize = 64 * 1024;

/// Bytes by which an encoding is told, or one that is stated is doubted.
pub(in crate::source) const HEAD: usize = 512;

/// Decodes what is not UTF-8.
pub(in crate::source) struct Charset {
    decoder: Decoder,
    pending: Vec<u8>,
    seen: u64,
    /// The pipeline states it; else the byte order mark said so.
    stated: bool,
    utf8: Utf8,
}

/// How text is decoded that begins with these bytes, and the length of its byte order mark; UTF-8 is not.
///
/// # Errors
/// What is stated is not what the bytes are.
pub(in crate::source) fn tell(
    stated: Encoding,
    head: &[u8],
) -> Result<(Option<Charset>, usize), String> {
    if let Some(message) = doubt::against(stated, head) {
        return Err(message);
    }
    let (encoding, mark) = match (whatwg::Encoding::for_bom(head), stated) {
        (Some(marked), _) => marked,
        (None, Encoding::Auto) => (UTF_8, 0),
        (None, Encoding::Utf16) => (UTF_16LE, 0),
        (None, Encoding::Of(encoding)) => (encoding, 0),
    };
    let charset = (encoding != UTF_8).then(|| Charset {
        decoder: encoding.new_decoder_without_bom_handling(),
        pending: Vec::new(),
        seen: 0,
        stated: stated != Encoding::Auto,
        utf8: Utf8::beside(encoding),
    });
    Ok((charset, mark))
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
        self.utf8.see(&self.pending);
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
                    return Err(self.ill_formed(name, self.seen - left));
                }
            }
        }
        self.pending.clear();
        Ok(())
    }

    fn ill_formed(&self, name: &str, at: u64) -> SourceError {
        let encoding = self.decoder.encoding();
        SourceError::Encoding {
            name: name.to_owned(),
            encoding: encoding.name(),
            at,
            stated: self.stated,
            hint: match likely(&self.pending) {
                Some(other) if self.stated && other != encoding => {
                    format!("; is it {}? Then set source.encoding", other.name())
                }
                _ if self.stated => "; is source.encoding right?".to_owned(),
                _ => String::new(),
            },
        }
    }

    /// How many characters beyond ASCII the text had, where it is over and all of them are valid UTF-8.
    pub(in crate::source) fn is_utf8(&self) -> Option<u64> {
        self.utf8.all()
    }
}
