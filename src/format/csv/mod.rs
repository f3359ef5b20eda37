//! CSV: text cut into whole records, and records parsed into a batch.

pub(crate) mod cut;
mod parse;
pub(crate) mod record;

pub use parse::*;
