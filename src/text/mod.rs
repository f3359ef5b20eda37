//! Text as bytes and as values: searching bytes, dates, decimals.

pub mod dates;
pub mod decimal;
pub mod scan;
