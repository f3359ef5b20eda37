//! `drop`: leaves columns out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources, check_names};
use crate::batch::Columns;

/// Leaves columns out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DropSpec(Vec<String>);

impl DropSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("drop", &self.0)
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        for name in &self.0 {
            columns.remove(name)?;
        }
        if columns.is_empty() {
            return Err("`drop` leaves no column".to_owned().into());
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_refused};

    #[test]
    fn leaves_columns_out() {
        check(
            json!({ "drop": ["b"] }),
            json!([["a", "b", "c"], ["1", 2, null]]),
            json!([["a", "c"], ["1", null]]),
        );
        check_refused(json!({ "drop": [] }), &["a"], "`drop` names no column");
        check_refused(json!({ "drop": ["a"] }), &["a"], "`drop` leaves no column");
        check_refused(
            json!({ "drop": ["a", "a"] }),
            &["a"],
            "`drop` names `a` twice",
        );
        check_refused(json!({ "drop": ["x"] }), &["a"], "no column `x` here");
    }
}
