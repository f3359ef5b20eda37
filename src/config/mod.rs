//! config
pub mod spec;
