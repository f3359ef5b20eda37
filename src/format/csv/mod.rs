//! CSV: text cut into whole records, and records parsed into a batch.

pub(crate) mod cut;
pub(crate) mod fault;
pub(crate) mod fed_back;
mod header;
mod parse;
pub(crate) mod record;
pub(crate) mod skip;
pub(crate) mod write;

pub(crate) use header::Header;
pub use header::{Delimiter, Form};
pub(crate) use header::{difference, header, other_delimiter};
pub use parse::{OnRagged, Parser};
