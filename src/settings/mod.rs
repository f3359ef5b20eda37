//! What settings are made of: values with a unit, limits, secrets.

pub(crate) mod limits;
pub(crate) mod secret;
pub(crate) mod units;

/// The name by which a setting asks for the digits of a number as they were written: read as a newtype of this name,
/// a plain number is given as bytes, and anything else as what it is. A float would keep neither `1.0` nor `0.80`.
pub(crate) const EXACT_NUMBER: &str = "rostream::exact_number";
