//! Bytes written front to back into room that is there already.

use std::ops::{Deref, DerefMut};

/// A text of up to so many bytes is copied as if it had this many: a copy of a fixed size is two
/// instructions, and one of any size is a call. Most cells and most names of members are shorter.
const WIDE: usize = 32;

/// What an encoder writes. Behind what is written lies room with bytes that mean nothing, so that a short
/// text may be copied with whatever stands behind it.
#[derive(Debug, Default)]
pub struct Written {
    room: Vec<u8>,
    len: usize,
}

impl Written {
    /// Makes room for `more` bytes.
    pub fn reserve(&mut self, more: usize) {
        self.room_for(self.len + more);
    }

    fn room_for(&mut self, len: usize) {
        let room = len + WIDE;
        if room > self.room.len() {
            // By as much as it is and no more: a vector left to itself would double.
            self.room.reserve_exact(room - self.room.len());
            self.room.resize(room, 0);
        }
    }

    /// Appends bytes, however many.
    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        self.len = self.put(self.len, bytes);
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.len = self.put_byte(self.len, byte);
    }

    /// Appends whatever `write` puts, from the place that it is given to the place that it gives back. The
    /// place is handed on from call to call, so that it stays in a register.
    #[inline(always)]
    pub fn append(&mut self, write: impl FnOnce(&mut Written, usize) -> usize) {
        self.len = write(self, self.len);
    }

    /// Puts bytes at a place, and returns the place behind them.
    #[inline]
    pub fn put(&mut self, at: usize, bytes: &[u8]) -> usize {
        let end = at + bytes.len();
        if end > self.room.len() {
            self.grow(end);
        }
        self.room[at..end].copy_from_slice(bytes);
        end
    }

    /// Puts one byte.
    #[inline(always)]
    pub fn put_byte(&mut self, at: usize, byte: u8) -> usize {
        match self.room.get_mut(at) {
            Some(place) => {
                *place = byte;
                at + 1
            }
            None => self.put(at, &[byte]),
        }
    }

    /// Puts the four bytes of a number.
    #[inline(always)]
    pub fn put_number(&mut self, at: usize, number: u32) -> usize {
        let bytes = number.to_le_bytes();
        match self.room.get_mut(at..at + 4) {
            Some(place) => {
                place.copy_from_slice(&bytes);
                at + 4
            }
            None => self.put(at, &bytes),
        }
    }

    /// Puts a label.
    #[inline(always)]
    pub fn put_label(&mut self, at: usize, label: &Label) -> usize {
        match self.room[at..].first_chunk_mut::<WIDE>() {
            Some(place) if label.rest.is_empty() => {
                *place = label.wide;
                at + label.len
            }
            _ => self.put_long_label(at, label),
        }
    }

    #[cold]
    fn put_long_label(&mut self, at: usize, label: &Label) -> usize {
        let at = self.put(at, &label.wide[..label.len]);
        self.put(at, &label.rest)
    }

    /// Puts the `len` bytes of `text` that begin at `start`.
    #[inline(always)]
    pub fn put_part(&mut self, at: usize, text: &[u8], start: usize, len: usize) -> usize {
        let from = text[start..].first_chunk::<WIDE>();
        let to = self.room[at..].first_chunk_mut::<WIDE>();
        match (from, to) {
            (Some(from), Some(to)) if len <= WIDE => {
                *to = *from;
                at + len
            }
            _ => self.put(at, &text[start..start + len]),
        }
    }

    /// Makes room in steps, for what nobody has asked room for.
    #[cold]
    fn grow(&mut self, len: usize) {
        self.room_for(len.max(self.room.len() * 5 / 4));
    }

    /// Room for `more` bytes behind what is written, for somebody to write there, and to say how much with
    /// [`Written::advance`].
    pub(crate) fn spare(&mut self, more: usize) -> &mut [u8] {
        self.reserve(more);
        &mut self.room[self.len..self.len + more]
    }

    /// Says that so much of the room is written now.
    pub(crate) fn advance(&mut self, more: usize) {
        self.len = (self.len + more).min(self.room.len());
    }

    /// The memory that it holds.
    pub fn room(&self) -> usize {
        self.room.capacity()
    }

    /// Drops all but the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl Deref for Written {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[..self.len]
    }
}

impl DerefMut for Written {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[..self.len]
    }
}

/// A text that is written over and over, mostly a short one.
#[derive(Debug, Clone)]
pub struct Label {
    wide: [u8; WIDE],
    len: usize,
    rest: Vec<u8>,
}

impl Label {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len + self.rest.len()
    }

    /// A label that reads `text`.
    pub fn new(text: &[u8]) -> Label {
        let (head, rest) = text.split_at(text.len().min(WIDE));
        let mut wide = [0; WIDE];
        wide[..head.len()].copy_from_slice(head);
        Label {
            wide,
            len: head.len(),
            rest: rest.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_written_stands_there(
            text in proptest::collection::vec(any::<u8>(), 1..200),
            steps in proptest::collection::vec((0usize..6, 0usize..200, 0usize..80), 0..40),
            room in 0usize..300,
        ) {
            let mut written = Written::default();
            written.reserve(room);
            let mut expected = Vec::new();
            for (step, start, len) in steps {
                let start = start % text.len();
                let piece = &text[start..][..len.min(text.len() - start)];
                match step {
                    0 => written.append(|to, at| to.put_part(at, &text, start, piece.len())),
                    1 => written.append(|to, at| to.put_label(at, &Label::new(piece))),
                    2 => written.extend(piece),
                    4 => {
                        written.spare(piece.len() + 7)[..piece.len()].copy_from_slice(piece);
                        written.advance(piece.len());
                    }
                    3 => {
                        written.push(text[start]);
                        expected.push(text[start]);
                        continue;
                    }
                    _ => {
                        written.truncate(start);
                        expected.truncate(start);
                        continue;
                    }
                }
                expected.extend_from_slice(piece);
            }
            prop_assert_eq!(&written[..], &expected[..]);
        }
    }
}
