//! upload
pub mod spec;
