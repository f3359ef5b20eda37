//! What encoding a text of ours is written in.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding, UTF_8};

/// The byte order mark of UTF-8.
pub(crate) const MARK: &[u8] = "\u{feff}".as_bytes();

/// How UTF-8 is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    #[default]
    Utf8,
    /// After a byte order mark, by which spreadsheets know it.
    Marked,
    /// In an encoding in which ASCII is ASCII.
    Of(&'static Encoding),
}

impl Written {
    /// In the encoding of another text. Where ASCII is something else in that, as in UTF-16, it is UTF-8 with its mark,
    /// so that delimiters, quotes and line ends are always single bytes.
    pub(crate) fn like(encoding: &'static Encoding) -> Written {
        match encoding {
            encoding if encoding == UTF_8 => Written::Utf8,
            encoding if encoding.is_ascii_compatible() => Written::Of(encoding),
            _ => Written::Marked,
        }
    }

    /// What a file begins with.
    pub(crate) fn mark(self) -> &'static [u8] {
        match self {
            Written::Marked => MARK,
            Written::Utf8 | Written::Of(_) => b"",
        }
    }

    /// The bytes of a text, and whether it has characters that the encoding lacks: each of them becomes a `?`.
    pub(crate) fn encode(self, text: &[u8]) -> (Cow<'_, [u8]>, bool) {
        match self {
            Written::Of(encoding) if !text.is_ascii() => {
                let (bytes, is_lossy) = encoded(encoding, &String::from_utf8_lossy(text));
                (Cow::Owned(bytes), is_lossy)
            }
            _ => (Cow::Borrowed(text), false),
        }
    }

    /// The text of bytes that were written so, or as UTF-8 by a run that was told otherwise.
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match (self, std::str::from_utf8(bytes)) {
            (_, Ok(text)) => Cow::Borrowed(text),
            (Written::Of(encoding), Err(_)) => encoding.decode_without_bom_handling(bytes).0,
            (Written::Utf8 | Written::Marked, Err(_)) => String::from_utf8_lossy(bytes),
        }
    }
}

fn encoded(encoding: &'static Encoding, mut text: &str) -> (Vec<u8>, bool) {
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut is_lossy = false;
    loop {
        let (result, read) =
            encoder.encode_from_utf8_to_vec_without_replacement(text, &mut out, true);
        text = &text[read..];
        match result {
            EncoderResult::InputEmpty => return (out, is_lossy),
            EncoderResult::OutputFull => out.reserve(text.len().max(16) * 2),
            EncoderResult::Unmappable(_) => {
                out.push(b'?');
                is_lossy = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GB18030, ISO_2022_JP, SHIFT_JIS, UTF_16LE, WINDOWS_1250, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_encoding_lacks_is_a_question_mark() {
        let check = |written: Written, text: &str, expected: &[u8], lossy: bool| {
            let (bytes, is_lossy) = written.encode(text.as_bytes());
            assert_eq!((&*bytes, is_lossy), (expected, lossy), "{text}");
        };
        let windows = Written::like(WINDOWS_1252);
        check(windows, "García;5", b"Garc\xeda;5", false);
        check(windows, "Łódź;€", b"?\xf3d?;\x80", true);
        check(Written::Utf8, "Łódź", "Łódź".as_bytes(), false);
        check(Written::Marked, "Łódź", "Łódź".as_bytes(), false);
        let long = "Ł".repeat(5000);
        check(windows, &long, "?".repeat(5000).as_bytes(), true);
    }

    #[test]
    fn where_ascii_is_something_else_there_is_a_mark() {
        assert_eq!(Written::like(UTF_8), Written::Utf8);
        assert_eq!(Written::like(UTF_16LE), Written::Marked);
        assert_eq!(Written::like(ISO_2022_JP), Written::Marked);
        assert_eq!(Written::like(SHIFT_JIS), Written::Of(SHIFT_JIS));
    }

    proptest! {
        /// Bytes of a source come back as they were.
        #[test]
        fn there_and_back(bytes: Vec<u8>, which in 0..2_usize) {
            let encoding = [WINDOWS_1250, GB18030][which];
            if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(&bytes) {
                let (written, is_lossy) = Written::Of(encoding).encode(text.as_bytes());
                // What was read is read again.
                let again = encoding.decode_without_bom_handling(&written).0;
                prop_assert!(is_lossy || again == text);
            }
        }
    }
}
