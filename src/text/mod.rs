//! Text as bytes and as values: searching bytes, dates, decimals, what is shown of it.

pub(crate) mod dates;
pub(crate) mod decimal;
pub(crate) mod scan;
pub(crate) mod shown;
