//! `date`: dates of stated formats into another format.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Columns;
use crate::stage::{Bound, Resources};

/// Dates of stated formats into another format.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateSpec {}

impl DateSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn bind(&self, _columns: &mut Columns, _resources: &Resources) -> Bound {
        Ok(None)
    }
}
