//! What a store's files begin with.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

/// Version of the files' form.
const VERSION: u32 = 1;

/// Bytes of a head.
pub(crate) const HEAD: usize = 160;

/// Where it says whether people were taken out.
const FORGOT: usize = 128;

/// Where it says when the run began that was sent last.
const SENT_AT: usize = 136;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Base,
    Items,
}

impl FileKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            FileKind::Base => b"RSTRBASE",
            FileKind::Items => b"RSTRITEM",
        }
    }
}

/// What the hashes of a file were made of: two files that agree in a mark can be compared in that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The key that they were made with.
    pub key: [u8; 16],
    /// Tenant and data set.
    pub target: [u8; 16],
    /// What people are told apart by.
    pub identity: [u8; 16],
    /// The columns that are sent, whatever their order.
    pub columns: [u8; 16],
    /// Stages, and how values are written.
    pub rules: [u8; 16],
}

/// The head of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub marks: Marks,
    /// How many columns.
    pub width: u32,
    /// People, or items.
    pub len: u64,
    /// Bytes of what is sealed; of a base alone.
    pub sealed: u64,
    /// When everything was sent last, in seconds since 1970; of items: when their run began, where it sends everything.
    pub full_at: i64,
    /// XXH3-64 over what is checked as a whole.
    pub checksum: u64,
    /// Whether people were taken out of a base since everything was sent last: the target may have more people than it
    /// knows.
    pub forgot: bool,
    /// When the run began whose items these are, or went into it last, in seconds since 1970; 0 where that is not known.
    pub sent_at: i64,
}

/// Why bytes are not a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHead {
    Damaged,
    Later,
}

impl Head {
    /// Bytes of the cells of a person in a base, with the hash of all of them.
    pub(super) fn cells(&self) -> u64 {
        (u64::from(self.width) + 1) * 8
    }

    pub(crate) fn write(&self, kind: FileKind) -> [u8; HEAD] {
        let mut out = Vec::with_capacity(HEAD);
        out.extend_from_slice(kind.magic());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.width.to_le_bytes());
        for number in [self.len, self.sealed, self.full_at as u64, self.checksum] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let Marks {
            key,
            target,
            identity,
            columns,
            rules,
        } = self.marks;
        for mark in [key, target, identity, columns, rules] {
            out.extend_from_slice(&mark);
        }
        out.push(u8::from(self.forgot));
        out.resize(SENT_AT, 0);
        out.extend_from_slice(&self.sent_at.to_le_bytes());
        out.resize(HEAD - 8, 0);
        out.extend_from_slice(&xxh3_64(&out).to_le_bytes());
        let mut head = [0; HEAD];
        head.copy_from_slice(&out);
        head
    }

    pub(crate) fn read(kind: FileKind, bytes: &[u8; HEAD]) -> Result<Head, NoHead> {
        if &bytes[..8] != kind.magic() {
            return Err(NoHead::Damaged);
        }
        let version = u32::from_le_bytes(array(bytes, 8));
        if version > VERSION {
            return Err(NoHead::Later);
        }
        let checksum = u64::from_le_bytes(array(bytes, HEAD - 8));
        if version != VERSION || checksum != xxh3_64(&bytes[..HEAD - 8]) {
            return Err(NoHead::Damaged);
        }
        let number = |nth: usize| u64::from_le_bytes(array(bytes, 16 + nth * 8));
        let mark = |nth: usize| array(bytes, 48 + nth * 16);
        Ok(Head {
            marks: Marks {
                key: mark(0),
                target: mark(1),
                identity: mark(2),
                columns: mark(3),
                rules: mark(4),
            },
            width: u32::from_le_bytes(array(bytes, 12)),
            len: number(0),
            sealed: number(1),
            full_at: number(2) as i64,
            checksum: number(3),
            forgot: bytes[FORGOT] == 1,
            sent_at: i64::from_le_bytes(array(bytes, SENT_AT)),
        })
    }
}

/// So many bytes at a place; zeros where there are none.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().unwrap_or([0; N])
}

/// A file that is not whole.
pub(crate) fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let head = Head {
            marks: Marks {
                key: [1; 16],
                target: [2; 16],
                identity: [3; 16],
                columns: [4; 16],
                rules: [5; 16],
            },
            width: 6,
            len: 7,
            sealed: 8,
            full_at: -9,
            checksum: 10,
            forgot: true,
            sent_at: 11,
        };
        let bytes = head.write(FileKind::Base);
        assert_eq!(Head::read(FileKind::Base, &bytes), Ok(head));
        assert_eq!(Head::read(FileKind::Items, &bytes), Err(NoHead::Damaged));
        for at in 0..HEAD {
            let mut other = bytes;
            other[at] ^= 0x40;
            assert!(Head::read(FileKind::Base, &other).is_err(), "{at}");
        }
        let mut later = bytes;
        later[8] = 2;
        assert_eq!(Head::read(FileKind::Base, &later), Err(NoHead::Later));
    }
}
