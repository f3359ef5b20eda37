//! What a run leaves behind and says meanwhile: the rejects file, the results file, the run report, the
//! progress.

pub(crate) mod codes;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod forget;
pub(crate) mod human;
pub(crate) mod merge;
pub(crate) mod pace;
pub(crate) mod page;
pub(crate) mod people;
mod phase;
pub(crate) mod progress;
pub(crate) mod rejects;
pub(crate) mod results;
pub(crate) mod run;
pub(crate) mod spec;
mod table;
pub(crate) mod traces;
pub(crate) mod withheld;
