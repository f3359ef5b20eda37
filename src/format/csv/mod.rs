//! CSV: text cut into whole records, and records parsed into a batch.

pub(crate) mod cut;
pub(crate) mod fault;
pub(crate) mod fed_back;
mod fit;
mod header;
mod names;
mod parse;
pub(crate) mod record;
pub(crate) mod skip;
pub(crate) mod spec;
pub(crate) mod write;

pub(crate) use fit::rewritten;
pub(crate) use header::Header;
pub(crate) use header::header;
pub use header::{Delimiter, Form};
pub use names::Naming;
pub use parse::{OnRagged, Parser};
