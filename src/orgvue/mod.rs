//! The Orgvue import API: addresses for an upload, the import, its ticket, its results.
//!
//! Two kinds of request, by two clients that share nothing: those to the API carry the token; those to
//! pre-signed addresses (ticket and results are read there) carry none.

pub mod client;
pub mod error;
pub mod results;
pub mod spec;
pub mod splitter;
pub mod ticket;

pub use client::{Client, Connection, Locations};
pub use error::{ApiError, ImportError, OrgvueError, advice};
pub use results::ItemResult;
pub use ticket::{JobStatus, Ticket, WaitError};
