//! Dates as they are written: formats of stated fields, compiled once, and the calendar.
//!
//! A format is written as Orgvue writes it:
//!
//! | field | reads | writes |
//! |---|---|---|
//! | `YYYY` | four digits, 0001 to 9999 | four digits |
//! | `MM`, `DD`, `HH`, `mm`, `ss` | two digits | two digits |
//! | `M`, `D`, `H` | one or two digits | as many as needed |
//! | `MMM` | `Jan` in any case | `Jan` |
//! | `MMMM` | `January` in any case | `January` |
//!
//! Every other character that is not an ASCII letter stands for itself, and so do `T` and `Z`
//! (`YYYY-MM-DDTHH:mm:ssZ`) and whatever is in brackets (`DD [of] MMMM YYYY`). Nothing is guessed:
//! a two-digit year is refused, and a text is a date in a format or it is not.

mod calendar;
mod fixed;
mod format;
mod parts;
mod rewrite;
#[cfg(test)]
mod tests;

pub use calendar::Date;
pub use format::Format;
pub use rewrite::{Rewrite, Rewritten};
