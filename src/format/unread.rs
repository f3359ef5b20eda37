//! The bytes of a block, as they were read.

use std::ops::Range;

use super::{BadText, ROOM_FOR_STAGES, decode};
use crate::batch::pool::Lease;
use crate::text::written::Written;

/// The bytes of a block, as they were read: what was left of the text before, and a piece in which the others stand.
/// Whoever parses them puts them together, and that is when they are seen to be UTF-8.
#[derive(Debug, Default)]
pub struct Unread {
    head: Vec<u8>,
    rest: Option<(Lease<Written>, Range<usize>)>,
}

impl From<Vec<u8>> for Unread {
    fn from(head: Vec<u8>) -> Unread {
        Unread { head, rest: None }
    }
}

impl Clone for Unread {
    fn clone(&self) -> Unread {
        let rest = self.rest.as_ref();
        let rest = rest.map_or(&[][..], |(piece, part)| &piece[part.clone()]);
        [&self.head, rest].concat().into()
    }
}

impl Unread {
    /// These bytes, and behind them a part of a piece. Both are whole records.
    pub(crate) fn new(head: Vec<u8>, piece: Lease<Written>, part: Range<usize>) -> Unread {
        let rest = Some((piece, part));
        Unread { head, rest }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |(_, part)| part.len());
        self.head.len() + rest
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them in one buffer.
    pub fn join(self) -> Vec<u8> {
        let mut bytes = self.head;
        if let Some((piece, part)) = self.rest {
            bytes.extend_from_slice(&piece[part]);
        }
        bytes
    }

    /// As text; see [`decode`]. The piece is looked at many bytes at once on the way into the text, which costs less than
    /// to look at it where it stands, as the standard library does.
    pub(super) fn decode(mut self) -> (String, Option<BadText>) {
        let len = self.len();
        self.head
            .reserve(len - self.head.len() + len / ROOM_FOR_STAGES);
        let Some((piece, part)) = &self.rest else {
            return decode(self.head);
        };
        if let Ok(rest) = simdutf8::basic::from_utf8(&piece[part.clone()]) {
            match String::from_utf8(self.head) {
                Ok(mut text) => {
                    text.push_str(rest);
                    return (text, None);
                }
                Err(error) => self.head = error.into_bytes(),
            }
        }
        decode(self.join())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_and_a_piece_are_one_text() {
        let check = |head: &[u8], piece: &[u8]| {
            let unread = || {
                let mut written = Written::default();
                written.extend(b"ab");
                written.extend(piece);
                let part = 2..2 + piece.len();
                Unread::new(head.to_vec(), written.into(), part)
            };
            let all = [head, piece].concat();
            assert_eq!(unread().len(), all.len());
            assert_eq!(unread().join(), all);
            assert_eq!(unread().clone().join(), all);
            assert_eq!(unread().decode(), decode(all));
        };
        check(b"", b"");
        check("Zoë\n".as_bytes(), "Łukasz\n".as_bytes());
        check(b"Zo\xeb\n", "Łukasz\n".as_bytes());
        check("Zoë\n".as_bytes(), b"M\xfcller\nAnn\n");
        check(b"Zo\xeb\n", b"M\xfcller\n");
    }
}
