//! orgvue
pub mod spec;
