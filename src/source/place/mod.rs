//! Where sources are.

pub mod generated;
pub mod sample;
