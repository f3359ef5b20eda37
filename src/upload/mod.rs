//! From bytes to a stored file: cutting, compressing, pacing, and one PUT of exact length to a pre-signed address.
//!
//! A storage keeps a body whole or not at all, and it believes the declared length. So the promise of this
//! module is about ends: the last bytes leave only when the body has ended as it should ([`body::exact`]), and a
//! success is believed only when every byte had been taken ([`put::Uploader`]).

pub mod body;
pub mod gzip;
pub mod headroom;
pub mod pace;
pub mod put;

pub mod spec;
pub mod spool;
