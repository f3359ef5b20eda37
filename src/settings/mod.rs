//! What settings are made of: values with a unit, limits, secrets.

pub(crate) mod limits;
pub(crate) mod secret;
pub(crate) mod units;
