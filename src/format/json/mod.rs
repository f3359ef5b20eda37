//! JSON: an array or lines cut into whole objects, and objects parsed into a batch.

mod array;
pub(crate) mod cut;
pub(crate) mod fed_back;
mod flat;
mod found;
mod header;
mod members;
mod parse;
#[cfg(test)]
mod tests;
mod wanted;

pub(crate) use header::Header;
pub use header::discover;
pub(crate) use header::header;
pub(crate) use parse::JsonError;
pub use parse::Parser;
pub use wanted::Layout;
