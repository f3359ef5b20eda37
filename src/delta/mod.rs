//! The difference to what the server accepted last.
//!
//! | file | what it is |
//! |---|---|
//! | [`store`], [`head`] | the file of hashes, and its form |
//! | [`items`] | what an import was sent, until its results are taken in |
//! | [`merge`] | the next store, out of the one before and what became of the items |
//! | [`rewrite`] | people taken out of a store; a store sealed with another key |
//! | [`place`] | the folder in which all of this stands |
//! | [`diff`], [`full`] | the rows of a block beside the store; why everything is sent |
//! | [`judged`], [`cells`] | what each row is beside the store; what rows and cells hold, as hashes |
//! | [`ids`] | people with several ids |
//! | [`spelling`] | keys that the source writes otherwise than the server has them |
//! | [`tally`] | what a pass over the source comes to: changes, deletions, items |
//! | [`told`] | what became of the items, by the results of their import |
//! | [`owner`] | which pipeline's it is |
//! | [`rehires`] | who leaves and arrives at the same time, under another id |
//! | [`key`] | what hashes are made and keys sealed with |

mod cells;
pub(crate) mod diff;
pub(crate) mod error;
pub(crate) mod full;
pub(crate) mod head;
mod ids;
pub(crate) mod items;
pub(crate) mod judged;
pub(crate) mod key;
pub(crate) mod merge;
pub(crate) mod owner;
pub(crate) mod place;
pub(crate) mod rehires;
pub(crate) mod rewrite;
pub(crate) mod spelling;
pub(crate) mod store;
pub(crate) mod tally;
pub(crate) mod told;

#[cfg(test)]
mod tests;
