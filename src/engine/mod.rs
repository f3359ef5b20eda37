//! The engine: blocks of text through ordered workers, into the bytes of a body.

pub mod blocks;
pub mod body;
pub mod error;
pub mod order;
pub mod plan;

pub use error::EngineError;
