//! Survey: what only the whole file knows.
//!
//! Both kinds of memory that grow with the file live here, each with its bound written down:
//! [`keys::Keys`] (a hash per key) and [`lines::Lines`] (a line number per record).

pub(crate) mod keys;
pub(crate) mod lines;
