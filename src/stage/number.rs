//! `number`: numbers written for people into plain decimals, digit by digit.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Columns;
use crate::stage::{Bound, Resources};

/// Numbers written for people into plain decimals, digit by digit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberSpec {}

impl NumberSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn bind(&self, _columns: &mut Columns, _resources: &Resources) -> Bound {
        Ok(None)
    }
}
