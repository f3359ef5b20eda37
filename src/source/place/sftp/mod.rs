//! Files at SFTP servers.
//!
//! | file | what it is |
//! |---|---|
//! | `spec` | what the pipeline file says |
//! | `address` | `sftp://user@host/path` |
//! | `access` | what lets one in |
//! | `known_hosts`, `guard` | whether the server is the one that it is taken for |
//! | `auth` | how one is let in |
//! | `connection` | SSH, with the two above |
//! | `packet`, `session`, `reading` | SFTP itself, of which reading takes little |
//! | `server`, `find` | the face: a server, and the files that an address stands for |
//! | `disabled` | the face of a build without the feature `sftp` |

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod spec;

#[cfg(feature = "sftp")]
mod auth;
#[cfg(feature = "sftp")]
mod connection;
#[cfg(feature = "sftp")]
mod error;
#[cfg(feature = "sftp")]
mod find;
#[cfg(feature = "sftp")]
mod guard;
#[cfg(feature = "sftp")]
mod known_hosts;
#[cfg(feature = "sftp")]
pub(crate) mod packet;
#[cfg(feature = "sftp")]
mod reading;
#[cfg(feature = "sftp")]
mod server;
#[cfg(feature = "sftp")]
mod session;
#[cfg(feature = "sftp")]
#[cfg(test)]
pub(in crate::source) mod testing;
#[cfg(feature = "sftp")]
#[cfg(test)]
mod tests;

#[cfg(not(feature = "sftp"))]
mod disabled;

#[cfg(not(feature = "sftp"))]
pub(crate) use disabled::Server;
#[cfg(not(feature = "sftp"))]
pub(in crate::source) use disabled::{File, find};
#[cfg(feature = "sftp")]
pub(in crate::source) use find::{File, find};
#[cfg(feature = "sftp")]
pub(crate) use server::Server;
