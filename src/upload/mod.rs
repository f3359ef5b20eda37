//! From bytes to a stored file: cutting, compressing, pacing, and one PUT of exact length to a pre-signed address.
//!
//! A storage keeps a body whole or not at all, and it believes the declared length. So the promise of this
//! module is about ends: the last bytes leave only when the body has ended as it should ([`body::exact`]), and a
//! success is believed only when every byte had been taken ([`put::Uploader`]).

pub(crate) mod body;
pub(crate) mod gzip;
pub(crate) mod headroom;
pub(crate) mod pace;
pub(crate) mod put;

pub(crate) mod spec;
pub(crate) mod spool;
