//! The run: survey, guards, upload, import, wait, results; each step once, in this order.

pub mod blocks;
pub mod error;
pub mod pass;
pub mod plan;
pub mod send;
pub mod survey;

pub use error::RunError;
