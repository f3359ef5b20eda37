//! Located YAML: a tree in which everything knows its place. It knows no setting of the pipeline file.

pub mod de;
pub mod overrides;
pub mod places;
pub mod substitute;
pub mod tree;
