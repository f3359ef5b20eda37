//! `lookup`: joins columns of a second CSV file by a key.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Columns;
use crate::stage::{Bound, Resources};

/// A second CSV file, read whole.
#[derive(Debug, Default)]
pub struct Table;

/// Joins columns of a second CSV file by a key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSpec {}

impl LookupSpec {
    pub(super) fn bind(&self, _columns: &mut Columns, _resources: &Resources) -> Bound {
        Ok(None)
    }
}
