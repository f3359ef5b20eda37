//! report
pub mod spec;
