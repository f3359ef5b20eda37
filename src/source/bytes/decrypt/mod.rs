//! What is encrypted is decrypted as it is read, on a thread, before it is decompressed. Nothing of it is written to the
//! disk in the clear.
//!
//! Whether it is whole, and who signed it, shows at its end: what has been read until then is not to be believed, and
//! nothing was sent of it yet.

// Without the feature its twin, which has the same face and opens nothing.
#[cfg_attr(not(feature = "pgp"), path = "disabled.rs")]
mod pgp;

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

pub(crate) use self::pgp::Keys;
use super::compressed::Compressed;
use super::raw::Raw;
use super::{BUFFER, made};
use crate::source::error::SourceError;
use crate::source::spec::PgpSpec;

/// What stands in messages for the way in which data is encrypted.
pub(super) const KIND: &str = "PGP";

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

    /// Starts to decrypt. `counted` bounds what becomes of it.
    pub(super) fn open(&self, name: &str, raw: Raw, mut counted: Compressed) -> io::Result<Raw> {
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
                let taken = counted.take(&name, text.len() as u64);
                taken.map_err(io::Error::other)?;
                out.write_all(text)
            });
            // What could not be read is told as if it had been read here.
            let unread = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (decrypted, unread) {
                (_, Some(error)) | (Err(Wrong::Io(error)), None) => Err(error),
                (Err(why), None) => Err(io::Error::other(why.of(name))),
                (Ok(()), None) => Ok(()),
            }
        }))
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

/// Why data can't be decrypted, or not be believed.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(
    not(feature = "pgp"),
    expect(dead_code, reason = "without the feature nothing is decrypted")
)]
pub enum Wrong {
    #[error(
        "it is not encrypted with PGP, and source.decrypt is set; leave source.decrypt out where data comes in the clear"
    )]
    NotEncrypted,
    /// For whom it is.
    #[error(
        "it is encrypted to other keys ({0}) than those of source.decrypt.pgp; let it be encrypted to yours, or name the key \
             that it is encrypted to"
    )]
    Keyless(String),
    #[error(
        "it is encrypted with a passphrase instead of to a key, which is not supported; let it be encrypted to your key"
    )]
    Passphrase,
    #[error(
        "it is encrypted in an old way that does not protect it from being changed; let it be encrypted with a current \
             version of GnuPG or the like"
    )]
    Unprotected,
    #[error("it is not signed, and source.decrypt.pgp.signed_by is set; nothing from it is sent")]
    Unsigned,
    #[error("it is not signed by the key of source.decrypt.pgp.signed_by; nothing from it is sent")]
    SignedByOthers,
    #[error(
        "it is not what the key of source.decrypt.pgp.signed_by has signed: the signature does not fit; nothing from it \
             is sent"
    )]
    Forged,
    /// It is cut off, or was changed.
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Wrong {
    /// Whether another setting mends it.
    pub(in crate::source) fn is_setting(&self) -> bool {
        matches!(self, Wrong::NotEncrypted | Wrong::Keyless(_))
    }

    fn of(self, name: String) -> SourceError {
        match self {
            Wrong::Damaged(what) => SourceError::Damaged {
                name,
                kind: KIND,
                source: io::Error::new(io::ErrorKind::InvalidData, what),
            },
            why => SourceError::Undecrypted { name, why },
        }
    }
}

/// Which of the keys can't be used, and why.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "pgp"),
    expect(dead_code, reason = "without the feature no key is looked at")
)]
pub(crate) enum Unusable {
    /// None, whatever they are.
    #[cfg_attr(feature = "pgp", expect(dead_code, reason = "it is said by the twin"))]
    NotBuilt(&'static str),
    Secret(String),
    Passphrase(String),
    SignedBy(String),
}

#[cfg(all(test, feature = "pgp"))]
mod tests;
