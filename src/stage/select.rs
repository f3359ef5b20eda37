//! `select`: keeps these columns alone, in this order.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources, check_names};
use crate::batch::Columns;

/// Keeps these columns alone, in this order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SelectSpec(Vec<String>);

impl SelectSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("select", &self.0)
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        columns.select(&self.0)?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::{check, check_refused, run_with, spec};
    use super::*;

    #[test]
    fn keeps_columns_in_the_order_named() {
        check(
            json!({ "select": ["c", "a"] }),
            json!([["a", "b", "c"], ["1", 2, null]]),
            json!([["c", "a"], [null, "1"]]),
        );
        check_refused(json!({ "select": [] }), &["a"], "`select` names no column");
        check_refused(
            json!({ "select": ["a", "a"] }),
            &["a"],
            "`select` names `a` twice",
        );
        check_refused(json!({ "select": ["x"] }), &["a"], "no column `x` here");
    }

    proptest! {
        #[test]
        fn cells_stay_as_they_are(order in Just(vec!["a", "b", "c"]).prop_shuffle(), text in "\\PC{0,5}") {
            let table = json!([["a", "b", "c"], [text, format!("{text}b"), "c"]]);
            let stages = [spec(json!({ "select": order })), spec(json!({ "select": ["a", "b", "c"] }))];
            let (after, _) = run_with(&Resources::default(), &stages, &table).unwrap();
            prop_assert_eq!(after, table);
        }
    }
}
