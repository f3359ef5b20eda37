//! The engine: blocks of text through ordered workers, into the bytes of a body.

mod ahead;
pub(crate) mod bind;
pub(crate) mod blocks;
pub(crate) mod body;
pub(crate) mod census;
mod compared;
pub(crate) mod error;
mod facts;
mod opening;
pub(crate) mod order;
pub(crate) mod process;
mod shard;
pub(crate) mod transformed;
pub(crate) mod written;

pub use error::EngineError;
