//! source
pub mod spec;
