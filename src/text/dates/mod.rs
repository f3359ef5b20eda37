//! Dates as they are written: formats of stated fields, compiled once, and the calendar.
//!
//! A format is written as Orgvue writes it:
//!
//! | field | reads | writes |
//! |---|---|---|
//! | `YYYY` | four digits, 0001 to 9999 | four digits |
//! | `YY` | two digits, within a hundred years whose first is stated | |
//! | `MM`, `DD`, `HH`, `mm`, `ss` | two digits | two digits |
//! | `M`, `D`, `H` | one or two digits | as many as needed |
//! | `hh`, `h` with `a` or `A` | 01 to 12, 1 to 12; AM or PM, `a.m.` | the same; am or AM |
//! | `MMM` | `Jan` in any case, with or without a dot | `Jan` |
//! | `MMMM` | `January` in any case | `January` |
//! | `EEE`, `EEEE` | `Mon`, `Monday`: the day of the week that it is | the same |
//! | `SSS` | any number of digits, a fraction of a second | |
//! | `Z` | `Z`, `+01:00`, `-0800`, `+01`: what the clock is ahead of UTC | |
//! | `[excel]`, `[excel1904]`, `[epoch_s]`, `[epoch_ms]`, `[odata]` | numbers, see [`numbers`] | |
//!
//! Every other character that is not an ASCII letter stands for itself, and so do `T` (`YYYY-MM-DDTHH:mm:ss`) and
//! whatever is in brackets (`DD [of] MMMM YYYY`). Nothing is guessed: what a text may mean beyond its format is in
//! [`Settings`], and a text is a date in a format or it is not.

mod calendar;
mod conflict;
mod fixed;
mod format;
mod names;
mod numbers;
mod parts;
mod read;
mod rewrite;
#[cfg(test)]
mod tests;
mod zone;

pub use calendar::Date;
pub(crate) use calendar::DateTime;
pub(crate) use conflict::conflict;
pub use format::Format;
pub(crate) use names::Language;
pub use parts::Settings;
pub use rewrite::{Rewrite, Rewritten, Tally};
pub use zone::Today;
pub(crate) use zone::Zone;
