//! The difference to what the server accepted last.
//!
//! | file | what it is |
//! |---|---|
//! | [`store`], [`head`] | the file of hashes, and its form |
//! | [`items`] | what an import was sent, until its results are taken in |
//! | [`merge`] | the next store, out of the one before and what became of the items |
//! | [`place`] | the folder in which all of this stands |
//! | [`key`] | what hashes are made and keys sealed with |

pub(crate) mod error;
pub(crate) mod head;
pub(crate) mod items;
pub(crate) mod key;
pub(crate) mod merge;
pub(crate) mod place;
pub(crate) mod store;

#[cfg(test)]
mod tests;
