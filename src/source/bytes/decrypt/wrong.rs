//! Why nothing is decrypted.

use std::io;

/// Why data can't be decrypted, or not be believed.
#[derive(Debug, thiserror::Error)]
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
