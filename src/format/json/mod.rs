//! JSON: an array or lines cut into whole objects, and objects parsed into a batch.

pub(crate) mod cut;
mod flat;
mod parse;

pub use parse::*;
