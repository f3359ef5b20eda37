//! `boolean`: stated words into true and false.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Columns;
use crate::stage::{Bound, Resources};

/// Stated words into true and false.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BooleanSpec {}

impl BooleanSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn bind(&self, _columns: &mut Columns, _resources: &Resources) -> Bound {
        Ok(None)
    }
}
