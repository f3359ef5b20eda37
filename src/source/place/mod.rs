//! Where sources are.

pub(crate) mod generated;
pub(crate) mod sample;
