//! Files and folders that only their owner may see.

pub(crate) mod at;
pub(crate) mod ending;
pub(crate) mod folder;
pub(crate) mod mark;
pub(crate) mod of_run;
pub(crate) mod on_disk;
pub(crate) mod owned;
pub(crate) mod part;
