//! Located YAML: a tree in which everything knows its place. It knows no setting of the pipeline file.

pub(crate) mod de;
pub(crate) mod overrides;
pub(crate) mod places;
pub(crate) mod substitute;
pub(crate) mod tree;
pub(crate) mod write;
