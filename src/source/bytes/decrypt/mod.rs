//! What is encrypted is decrypted as it is read, on a thread, before it is decompressed. Nothing of it is written to the
//! disk in the clear.
//!
//! Whether it is whole, and who signed it, shows at its end: what has been read until then is not to be believed, and
//! nothing was sent of it yet.

// Without the feature its twin, which has the same face and opens nothing.
#[cfg_attr(not(feature = "pgp"), path = "disabled.rs")]
mod pgp;
pub(in crate::source) mod wrong;

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

pub(crate) use self::pgp::Keys;
pub(crate) use self::wrong::Unusable;
use self::wrong::Wrong;
use super::bounded::Bounded;
use super::raw::Raw;
use super::{BUFFER, made};
use crate::source::error::SourceError;
use crate::source::spec::PgpSpec;

/// What stands in messages for the way in which data is encrypted.
pub(super) const KIND: &str = "PGP";

/// How armored data begins.
const ARMOR: &[u8] = b"-----BEGIN PGP MESSAGE";

/// What to do with data that begins as an encrypted message does, where nothing is stated that decrypts it.
pub(super) fn unstated(head: &[u8]) -> Option<String> {
    is_message(head).then(|| {
        format!(
            "the file is encrypted with PGP; set source.decrypt, as in `decrypt: {{ pgp: {{ file: secret.key }} }}`{}",
            pgp::MISSING
        )
    })
}

/// Whether data begins with a key for the session, encrypted to somebody's or to a passphrase, as no text does.
fn is_message(head: &[u8]) -> bool {
    if head.trim_ascii_start().starts_with(ARMOR) {
        return true;
    }
    match *head {
        // To a key: version 3 or 6.
        [0x84, _, 3, ..] | [0x85, _, _, 3, ..] => true,
        [0xc1, 0..192, 3 | 6, ..] | [0xc1, 192..224, _, 3 | 6, ..] => true,
        // To a passphrase: versions 4 to 6.
        [0x8c, _, 4, ..] | [0xc3, 0..192, 4..=6, ..] => true,
        _ => false,
    }
}

/// With what a source is decrypted. Clones share it.
#[derive(Clone)]
pub(crate) struct Decrypt {
    /// Where the keys are found.
    pub(crate) spec: PgpSpec,
    keys: Arc<OnceLock<Arc<Keys>>>,
}

impl fmt::Debug for Decrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decrypt").field(&self.spec).finish()
    }
}

impl Decrypt {
    pub(crate) fn new(spec: PgpSpec) -> Decrypt {
        Decrypt {
            spec,
            keys: Arc::default(),
        }
    }

    /// Hands over the keys, once they have been looked up.
    pub(crate) fn unlock(&self, keys: Keys) {
        self.keys.get_or_init(|| Arc::new(keys));
    }

    /// Starts to decrypt. `bounded` counts what becomes of it.
    pub(super) fn open(&self, name: &str, raw: Raw, mut bounded: Bounded) -> io::Result<Raw> {
        let keys = self.keys.get().cloned();
        let keys = keys.ok_or_else(|| io::Error::other("the keys have not been looked up"))?;
        let name = name.to_owned();
        let failed = Arc::new(Mutex::new(None));
        let front = Front {
            raw,
            runtime: Handle::current(),
            failed: failed.clone(),
        };
        let front = BufReader::with_capacity(BUFFER, front);
        Ok(made::by_thread(move |mut out| {
            let decrypted = keys.decrypt(front, |text| {
                let taken = bounded.take(&name, text.len() as u64);
                taken.map_err(io::Error::other)?;
                out.write_all(text)
            });
            // What could not be read is told as if it had been read here.
            let unread = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (decrypted, unread) {
                (_, Some(error)) | (Err(Wrong::Io(error)), None) => Err(error),
                (Err(why), None) => Err(io::Error::other(told(why, name))),
                (Ok(()), None) => Ok(()),
            }
        }))
    }
}

/// What it means for the source.
fn told(why: Wrong, name: String) -> SourceError {
    match why {
        Wrong::Damaged(what) => SourceError::Damaged {
            name,
            kind: KIND,
            source: io::Error::new(io::ErrorKind::InvalidData, what),
        },
        why => SourceError::Undecrypted { name, why },
    }
}

/// Reads on a thread what is read on the runtime.
struct Front {
    raw: Raw,
    runtime: Handle,
    /// Why it can't be read: on its way through a decryption an error would lose what it is.
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Front")
    }
}

impl Read for Front {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.runtime.block_on(self.raw.read(room));
        read.map_err(|error| {
            let kind = error.kind();
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
            kind.into()
        })
    }
}

#[cfg(test)]
#[cfg(feature = "pgp")]
mod tests;
