//! The Orgvue import API: addresses for an upload, the import, its ticket, its results.
//!
//! Two kinds of request, by two clients that share nothing: those to the API carry the token; those to
//! pre-signed addresses (ticket and results are read there) carry none.

pub(crate) mod client;
pub(crate) mod datasets;
pub(crate) mod error;
pub(crate) mod hosts;
mod nested;
pub(crate) mod results;
pub(crate) mod retry;
pub(crate) mod retyped;
pub(crate) mod spec;
pub(crate) mod splitter;
pub(crate) mod ticket;
pub(crate) mod token;
pub(crate) mod wait;
pub(crate) mod wire;

pub(crate) use client::Locations;
pub use client::{Client, Connection};
pub(crate) use error::{ImportError, OrgvueError};
pub use results::ItemResult;
pub(crate) use ticket::{JobStatus, Ticket};
pub(crate) use wait::WaitError;
