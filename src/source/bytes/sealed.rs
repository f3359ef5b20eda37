//! A copy that nobody but this process can read: encrypted as it is written, with a key that is kept nowhere.
//!
//! The bytes are cut into segments of one length, and each is sealed by itself (AES-256-GCM) with its number as the
//! nonce, so that every place can be read without what stands before it. A key seals one copy, and each of its segments
//! once. What was changed, moved or cut off on the disk does not open.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::files::at::read_exact_at;

/// Bytes of a segment before it is sealed.
const SEGMENT: usize = 64 * 1024;

/// Bytes that sealing adds to it.
const TAG: usize = 16;

/// A copy that is being written.
pub(in crate::source) struct Sealing {
    file: File,
    key: LessSafeKey,
    /// The bytes of the segment that is not full yet.
    begun: Vec<u8>,
    /// How many are sealed.
    segments: u64,
}

impl Sealing {
    /// Begins a copy in an empty file.
    pub(in crate::source) fn new(file: File) -> io::Result<Sealing> {
        let mut key = [0; 32];
        let filled = SystemRandom::new().fill(&mut key);
        let key = filled.and_then(|()| UnboundKey::new(&AES_256_GCM, &key));
        Ok(Sealing {
            file,
            key: LessSafeKey::new(key.map_err(|_| io::Error::other("no key can be made"))?),
            begun: Vec::with_capacity(SEGMENT + TAG),
            segments: 0,
        })
    }

    /// Adds bytes to the copy.
    pub(in crate::source) fn add(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let now = bytes.len().min(SEGMENT - self.begun.len());
            self.begun.extend_from_slice(&bytes[..now]);
            bytes = &bytes[now..];
            if self.begun.len() == SEGMENT {
                self.seal()?;
            }
        }
        Ok(())
    }

    /// The copy, to which nothing is added any more.
    pub(in crate::source) fn done(mut self) -> io::Result<Sealed> {
        let len = self.segments * SEGMENT as u64 + self.begun.len() as u64;
        if !self.begun.is_empty() {
            self.seal()?;
        }
        Ok(Sealed {
            file: self.file,
            key: self.key,
            len,
        })
    }

    fn seal(&mut self) -> io::Result<()> {
        let sealed =
            self.key
                .seal_in_place_append_tag(nonce(self.segments), Aad::empty(), &mut self.begun);
        sealed.map_err(|_| io::Error::other("a piece of it can't be encrypted"))?;
        self.file.write_all(&self.begun)?;
        self.begun.clear();
        self.segments += 1;
        Ok(())
    }
}

/// A copy that is whole.
#[derive(Debug)]
pub(in crate::source) struct Sealed {
    file: File,
    key: LessSafeKey,
    len: u64,
}

/// The segment that was opened last, kept by whoever reads.
#[derive(Default)]
pub(in crate::source) struct Segment {
    /// Its number, and its bytes.
    open: Option<(u64, Vec<u8>)>,
}

impl Sealed {
    pub(in crate::source) fn len(&self) -> u64 {
        self.len
    }

    /// Reads some of the bytes at a place; none where the copy ends.
    pub(in crate::source) fn read_at(
        &self,
        segment: &mut Segment,
        at: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        if at >= self.len || buffer.is_empty() {
            return Ok(0);
        }
        let (number, within) = (at / SEGMENT as u64, (at % SEGMENT as u64) as usize);
        let bytes = match segment.open.take() {
            Some((open, bytes)) if open == number => bytes,
            open => self.unseal(number, open.map(|(_, room)| room).unwrap_or_default())?,
        };
        let read = buffer.len().min(bytes.len() - within);
        buffer[..read].copy_from_slice(&bytes[within..within + read]);
        segment.open = Some((number, bytes));
        Ok(read)
    }

    /// Opens a segment, in room that is used again.
    fn unseal(&self, number: u64, mut room: Vec<u8>) -> io::Result<Vec<u8>> {
        let left = self.len - number * SEGMENT as u64;
        let len = left.min(SEGMENT as u64) as usize;
        room.resize(len + TAG, 0);
        read_exact_at(&self.file, number * (SEGMENT + TAG) as u64, &mut room).map_err(changed)?;
        self.key
            .open_in_place(nonce(number), Aad::empty(), &mut room)
            .map_err(|_| changed("a piece of it does not open"))?;
        room.truncate(len);
        Ok(room)
    }
}

fn nonce(segment: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&segment.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn changed(why: impl fmt::Display) -> io::Error {
    // Not InvalidData: it is the copy that is damaged, and not what it is a copy of.
    let words = format!("its encrypted copy was changed or cut off on the disk ({why})");
    io::Error::new(io::ErrorKind::PermissionDenied, words)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::stored::Stored;
    use super::*;

    /// Bytes that are nowhere the same, of which each write adds as many.
    fn sealed(writes: &[usize]) -> (File, Sealed, Vec<u8>) {
        let file = tempfile::tempfile().unwrap();
        let mut sealing = Sealing::new(file.try_clone().unwrap()).unwrap();
        let mut bytes = Vec::new();
        for len in writes {
            let more: Vec<u8> = (0..*len)
                .map(|i| {
                    ((bytes.len() + i) as u32)
                        .wrapping_mul(2_654_435_761)
                        .to_be_bytes()[0]
                })
                .collect();
            sealing.add(&more).unwrap();
            bytes.extend(more);
        }
        (file, sealing.done().unwrap(), bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn whatever_was_written_is_read_at_any_place(
            writes in proptest::collection::vec(0usize..100_000, 0..5),
            at in 0usize..300_000,
            len in 0usize..200_000,
        ) {
            let (file, sealed, bytes) = sealed(&writes);
            prop_assert_eq!(sealed.len(), bytes.len() as u64);
            let segments = bytes.len().div_ceil(SEGMENT);
            prop_assert_eq!(file.metadata().unwrap().len(), (bytes.len() + segments * TAG) as u64);
            let stored = Stored::Sealed(Arc::new(sealed));
            let mut read = Vec::new();
            stored.part(at as u64, len as u64).read_to_end(&mut read).unwrap();
            let from = at.min(bytes.len());
            prop_assert!(read == bytes[from..(from + len).min(bytes.len())]);
            read.clear();
            stored.rest(0).read_to_end(&mut read).unwrap();
            prop_assert!(read == bytes);
        }

        #[test]
        fn whatever_was_changed_on_the_disk_is_an_error(
            len in 1usize..200_000,
            place in any::<proptest::sample::Index>(),
            bit in 0u8..8,
        ) {
            let (file, sealed, _) = sealed(&[len]);
            let size = file.metadata().unwrap().len();
            let at = place.index(size as usize) as u64;
            let mut byte = [0];
            read_exact_at(&file, at, &mut byte).unwrap();
            byte[0] ^= 1 << bit;
            std::os::unix::fs::FileExt::write_all_at(&file, &byte, at).unwrap();
            let mut read = Vec::new();
            let stored = Stored::Sealed(Arc::new(sealed));
            let error = stored.rest(0).read_to_end(&mut read).unwrap_err();
            prop_assert!(error.to_string().starts_with("its encrypted copy was changed"));
        }
    }

    #[test]
    fn segments_that_are_moved_or_missing_are_errors() {
        let read = |sealed| {
            let mut read = Vec::new();
            let stored = Stored::Sealed(Arc::new(sealed));
            stored.rest(0).read_to_end(&mut read)
        };
        let (file, copy, _) = sealed(&[3 * SEGMENT]);
        let mut first = vec![0; SEGMENT + TAG];
        read_exact_at(&file, 0, &mut first).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &first, first.len() as u64).unwrap();
        assert!(read(copy).is_err());
        let (file, copy, _) = sealed(&[3 * SEGMENT]);
        file.set_len(2 * (SEGMENT + TAG) as u64).unwrap();
        assert!(read(copy).is_err());
    }

    #[test]
    fn nothing_of_it_is_on_the_disk_in_the_clear() {
        let file = tempfile::tempfile().unwrap();
        let mut sealing = Sealing::new(file.try_clone().unwrap()).unwrap();
        sealing.add(&b"CANARY".repeat(50_000)).unwrap();
        sealing.done().unwrap();
        let mut stored = vec![0; file.metadata().unwrap().len() as usize];
        read_exact_at(&file, 0, &mut stored).unwrap();
        assert!(memchr::memmem::find(&stored, b"CANARY").is_none());
    }
}
