//! What speaks against the encoding that a text is said to be in.
//!
//! An encoding that is wrong seldom shows: in nearly all of them, nearly all bytes are characters. So the bytes are
//! asked for what no text of that encoding has: the byte order mark of another, a zero in every second place, or
//! nothing but UTF-8 where it is said to be something else.

use encoding_rs::{self as whatwg, UTF_8, UTF_16BE, UTF_16LE};

use crate::settings::encoding::label;
use crate::source::spec::Encoding;

/// What the first bytes of a text say against its encoding, and what to do.
pub(super) fn against(stated: Encoding, head: &[u8]) -> Option<String> {
    if is_utf32(head) {
        return Some(
            "the file is UTF-32, which source.encoding has no label for; convert it to UTF-8 first, as \
             `iconv -f UTF-32 -t UTF-8` does"
                .to_owned(),
        );
    }
    if let Some((marked, _)) = whatwg::Encoding::for_bom(head) {
        return (!may_begin_with(stated, marked)).then(|| {
            format!(
                "the file begins with the byte order mark of {}, and source.encoding is {stated}; set it to {}, or leave \
                 it out",
                marked.name(),
                label(marked)
            )
        });
    }
    match (halves(stated), wide(head)) {
        (None, Some(found)) => Some(format!(
            "every second byte of the file's beginning is zero, as in {} without a byte order mark, and source.encoding is \
             {stated}; set it to {}",
            found.name(),
            label(found)
        )),
        (Some(halves), Some(found)) if halves != found => Some(format!(
            "the file's beginning reads as {}, and source.encoding is {stated}; set it to {}",
            found.name(),
            label(found)
        )),
        (Some(_), None) if head.len() >= SHORT && !head.contains(&0) => Some(format!(
            "the file's beginning has no zero byte, which every text in UTF-16 has, and source.encoding is {stated}; \
             {}",
            match is_utf8(head) {
                true => "set it to utf-8, or leave it out",
                false => "set it to what the file is in, such as windows-1252",
            }
        )),
        (None, None) if is_ebcdic(head) => Some(
            "the file looks like EBCDIC, which source.encoding has no label for; convert it to UTF-8 first, as \
             `iconv -f IBM1047 -t UTF-8` does (or with the number of its own code page)"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Texts that are shorter say nothing.
const SHORT: usize = 8;

/// Whether a text of the stated encoding may begin with this one's mark.
fn may_begin_with(stated: Encoding, marked: &'static whatwg::Encoding) -> bool {
    match stated {
        Encoding::Auto => true,
        Encoding::Utf16 => marked != UTF_8,
        Encoding::Of(encoding) => encoding == marked,
    }
}

/// The kind of UTF-16 that is stated; the mark is not there.
fn halves(stated: Encoding) -> Option<&'static whatwg::Encoding> {
    match stated {
        Encoding::Utf16 => Some(UTF_16LE),
        Encoding::Of(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Some(encoding),
        _ => None,
    }
}

/// By its mark, or by the zeros of all its characters.
fn is_utf32(head: &[u8]) -> bool {
    let marked = head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]);
    let all = |is: fn(&[u8]) -> bool| head.len() >= SHORT && head.chunks_exact(4).all(is);
    marked
        || all(|unit| unit[..2] != [0, 0] && unit[2..] == [0, 0])
        || all(|unit| unit[..2] == [0, 0] && unit[2..] != [0, 0])
}

/// The kind of UTF-16 that a text looks like by its zeros: enough of them, all in the one half of its pairs of bytes, and
/// what stands beside each is printed.
fn wide(head: &[u8]) -> Option<&'static whatwg::Encoding> {
    let printed = |byte: u8| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r');
    let (mut little, mut big, mut pairs) = (0, 0, 0);
    for pair in head.chunks_exact(2) {
        pairs += 1;
        match *pair {
            [low, 0] if printed(low) => little += 1,
            [0, low] if printed(low) => big += 1,
            [0, _] | [_, 0] => return None,
            _ => {}
        }
    }
    let enough = |zeros: usize| zeros > 1 && zeros * 8 >= pairs;
    match (little, big) {
        (zeros, 0) if enough(zeros) => Some(UTF_16LE),
        (0, zeros) if enough(zeros) => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes are UTF-8, but for a character that is cut off at their end.
fn is_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Whether nearly all bytes are EBCDIC's letters, digits, blanks and common signs, a delimiter among them.
fn is_ebcdic(head: &[u8]) -> bool {
    const DELIMITERS: [u8; 4] = [0x6b, 0x5e, 0x05, 0x4f];
    let is_word = |byte: &&u8| {
        matches!(byte, 0xf0..=0xf9)
            || (matches!(byte, 0x81..=0xa9 | 0xc1..=0xe9) && matches!(*byte & 0x0f, 1..=9))
    };
    let is_sign = |byte: &&u8| {
        DELIMITERS.contains(byte)
            || matches!(
                byte,
                0x40 | 0x15 | 0x25 | 0x0d | 0x4b | 0x60 | 0x61 | 0x6d | 0x7d | 0x7f
            )
    };
    let words = head.iter().filter(is_word).count();
    let signs = head.iter().filter(is_sign).count();
    head.len() >= SHORT
        && words * 2 > head.len()
        && (words + signs) * 10 >= head.len() * 9
        && head.iter().any(|byte| DELIMITERS.contains(byte))
        && !is_utf8(head)
}

/// Looks whether a text that is said to be something else is UTF-8 all the way.
#[derive(Debug)]
pub(super) struct Utf8 {
    /// A character that is not whole yet.
    begun: Vec<u8>,
    characters: u64,
    /// As many characters say something; fewer may be of the stated encoding by chance.
    enough: u64,
    is_it: bool,
}

impl Utf8 {
    /// Beside text of this encoding. Two bytes of GBK make one character of UTF-8 now and then; of an encoding of single
    /// bytes, they are letters that never stand together.
    pub(super) fn beside(encoding: &'static whatwg::Encoding) -> Utf8 {
        Utf8 {
            begun: Vec::new(),
            characters: 0,
            enough: if encoding.is_single_byte() { 1 } else { 20 },
            is_it: encoding.is_ascii_compatible(),
        }
    }

    /// Looks at the next bytes, unless it is out of the question by now.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        if !self.is_it || self.begun.is_empty() && bytes.is_ascii() {
            return;
        }
        let joined;
        let bytes = match self.begun.is_empty() {
            true => bytes,
            false => {
                joined = [&self.begun[..], bytes].concat();
                &joined
            }
        };
        let valid = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => {
                self.is_it = false;
                return;
            }
        };
        let first = |byte: &&u8| **byte >= 0xc0;
        self.characters += bytes[..valid].iter().filter(first).count() as u64;
        self.begun = bytes[valid..].to_vec();
    }

    /// How many characters beyond ASCII there were, where all of them are UTF-8.
    pub(super) fn all(&self) -> Option<u64> {
        let all = self.is_it && self.begun.is_empty() && self.characters >= self.enough;
        all.then_some(self.characters)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::*;

    /// UTF-16 in this order of bytes, without a mark.
    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[track_caller]
    fn check(stated: &str, head: &[u8], expected: Option<&str>) {
        let found = against(stated.parse().unwrap(), head);
        match (&found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) if found.contains(expected) => {}
            _ => panic!("{stated} {}: {found:?}", head.escape_ascii()),
        }
    }

    #[test]
    fn marks() {
        let utf8 = b"\xef\xbb\xbfID;Name\n";
        check("auto", utf8, None);
        check("utf-8", utf8, None);
        for stated in ["windows-1252", "iso-8859-2", "gbk", "utf-16", "utf-16le"] {
            check(stated, utf8, Some("mark of UTF-8, and source.encoding is"));
            check(stated, utf8, Some("set it to utf-8, or leave it out"));
        }
        let little = b"\xff\xfeI\0D\0";
        for stated in ["auto", "utf-16", "utf-16le"] {
            check(stated, little, None);
        }
        for stated in ["utf-8", "utf-16be", "windows-1250"] {
            check(stated, little, Some("set it to utf-16le"));
        }
        check("utf-16le", b"\xfe\xff\0I\0D", Some("set it to utf-16be"));
        check("auto", b"\xff\xfe\0\0I\0\0\0", Some("UTF-32"));
        check("utf-8", b"I\0\0\0D\0\0\0", Some("UTF-32"));
        check("auto", b"\0\0\0I\0\0\0D", Some("UTF-32"));
    }

    #[test]
    fn zeros() {
        let text = "Employee ID;Name;Location\r\n10001;Zoë;Łódź\r\n";
        let little = utf16(text, u16::to_le_bytes);
        let big = utf16(text, u16::to_be_bytes);
        for stated in ["auto", "utf-8", "windows-1252", "shift_jis"] {
            check(stated, &little, Some("set it to utf-16le"));
            check(stated, &big, Some("set it to utf-16be"));
            check(stated, text.as_bytes(), None);
        }
        check("utf-16", &little, None);
        check("utf-16le", &little, None);
        check("utf-16be", &big, None);
        check("utf-16", &big, Some("reads as UTF-16BE"));
        check("utf-16be", &little, Some("reads as UTF-16LE"));
        check(
            "utf-16le",
            text.as_bytes(),
            Some("set it to utf-8, or leave it out"),
        );
        check(
            "utf-16",
            b"ID;Stra\xdfe;Ort\n",
            Some("such as windows-1252"),
        );
        let russian = utf16(
            "Табельный номер;Фамилия;Имя\r\n1;Иванов;Пётр\r\n",
            u16::to_le_bytes,
        );
        check("auto", &russian, Some("set it to utf-16le"));
        check("utf-16", &russian, None);
        let japanese = utf16("社員番号,氏名\r\n1,山田\r\n", u16::to_le_bytes);
        check("utf-16", &japanese, None);
        // Zeros in other places, and what is no text.
        check("auto", b"ID,Name\n1,A\0nn\n", None);
        check("auto", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0\x21\0", None);
        check("auto", b"", None);
    }

    #[test]
    fn ebcdic() {
        // "EMPLOYEE ID,NAME" and a line feed of its own, "10001,ANN".
        let text = b"\xc5\xd4\xd7\xd3\xd6\xe8\xc5\xc5\x40\xc9\xc4\x6b\xd5\xc1\xd4\xc5\x15\xf1\xf0\xf0\xf0\xf1\x6b\xc1\xd5\xd5\x15";
        check("auto", text, Some("EBCDIC"));
        check("windows-1252", text, Some("iconv"));
        check("auto", "Сотрудник;Имя\n1;Пётр\n".as_bytes(), None);
        // The same in KOI8-R and in windows-1251.
        check(
            "koi8-r",
            b"\xf3\xcf\xd4\xd2\xd5\xc4\xce\xc9\xcb;\xe9\xcd\xd1\n",
            None,
        );
        check(
            "windows-1251",
            b"\xd1\xee\xf2\xf0\xf3\xe4\xed\xe8\xea;\xc8\xec\xff\n",
            None,
        );
    }

    #[test]
    fn nothing_but_utf8() {
        let check = |text: &[u8], step: usize, expected: Option<u64>| {
            let mut utf8 = Utf8::beside(WINDOWS_1252);
            text.chunks(step).for_each(|chunk| utf8.see(chunk));
            assert_eq!(utf8.all(), expected, "{}", text.escape_ascii());
        };
        for step in [1, 2, 3, 100] {
            check("Søren Åkær, 𝄞".as_bytes(), step, Some(4));
            check(b"S\xf8ren", step, None);
            check("Søren\u{fc}".as_bytes(), step, Some(2));
            check(b"S\xc3\xb8ren M\xfcller", step, None);
            check(b"S\xc3\xb8ren \xc3", step, None);
            check(b"plain", step, None);
        }
        let mut two = Utf8::beside(encoding_rs::GBK);
        two.see(b"\xc1\xaa\xcd\xa8");
        assert_eq!(two.all(), None);
    }
}
