//! What is around the bytes of a source.

use super::bytes::decrypt::Decrypt;
use super::spec::{Compression, Entry, Keep};

/// What is around the bytes of a source, and is taken off before they are text.
#[derive(Clone, Debug, Default)]
pub struct Wrapping {
    pub compression: Compression,
    /// The file of an archive that is meant; none where it has one alone.
    pub entry: Option<Entry>,
    /// With what the bytes are decrypted, before they are decompressed.
    pub(crate) decrypt: Option<Decrypt>,
    /// How copies of the bytes are kept, where that is stated.
    pub keep: Option<Keep>,
}

impl Wrapping {
    /// How copies are kept of what has been decrypted, and of what never was encrypted.
    pub(super) fn keep_inner(&self) -> Keep {
        match self.decrypt {
            Some(_) => Keep::Encrypted,
            None => self.keep.unwrap_or_default(),
        }
    }
}

impl From<Compression> for Wrapping {
    fn from(compression: Compression) -> Wrapping {
        Wrapping {
            compression,
            ..Wrapping::default()
        }
    }
}
