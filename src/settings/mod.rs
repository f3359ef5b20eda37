//! What settings are made of: values with a unit, limits, secrets.

pub mod limits;
pub mod secret;
pub mod units;
