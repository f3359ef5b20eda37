//! `drop`: leaves columns out.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Columns;
use crate::stage::{Bound, Resources};

/// Leaves columns out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropSpec {}

impl DropSpec {
    pub(super) fn bind(&self, _columns: &mut Columns, _resources: &Resources) -> Bound {
        Ok(None)
    }
}
