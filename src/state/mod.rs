//! What outlives a process: the ledger of runs, and what is sealed in it.

pub(crate) mod ledger;
pub(crate) mod seal;
