//! Files and folders that only their owner may see.

pub(crate) mod folder;
pub(crate) mod mark;
pub(crate) mod part;
