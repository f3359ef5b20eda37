//! `map`: replaces values by a table.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Columns;
use crate::stage::{Bound, Resources};

/// Replaces values by a table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSpec {}

impl MapSpec {
    pub(super) fn bind(&self, _columns: &mut Columns, _resources: &Resources) -> Bound {
        Ok(None)
    }
}
