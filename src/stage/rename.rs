//! `rename`: gives columns other names.

use std::collections::HashSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources};
use crate::batch::Columns;

/// Gives columns other names, all at once: `{ Old: new }`. Two names can be swapped; a name that is
/// taken by a column that stays is refused.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RenameSpec(IndexMap<String, String>);

impl RenameSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("`rename` names no column".to_owned());
        }
        let mut taken = HashSet::new();
        for (old, new) in &self.0 {
            if new.is_empty() {
                return Err(format!("the new name of `{old}` is empty"));
            }
            if !taken.insert(new) {
                return Err(format!("`rename` gives two columns the name `{new}`"));
            }
        }
        Ok(())
    }

    /// The name that a column had before it was given this one.
    pub(super) fn before(&self, name: &str) -> Option<&str> {
        let mut names = self.0.iter();
        names.find_map(|(old, new)| (new == name).then_some(&**old))
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        for (old, new) in &self.0 {
            columns.need(old)?;
            if columns.find(new).is_some() && !self.0.contains_key(new) {
                return Err(format!(
                    "`{old}` can't become `{new}`, there is such a column already; rename or drop it too"
                )
                .into());
            }
        }
        // By way of names that no header has, so that the order does not matter.
        let aside = |old: &str| format!("\0{old}");
        for old in self.0.keys() {
            columns.rename(old, &aside(old))?;
        }
        for (old, new) in &self.0 {
            columns.rename(&aside(old), new)?;
        }
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
    fn names_change_and_nothing_else() {
        for (stage, header) in [
            (json!({ "a": "x" }), ["x", "b", "c"]),
            (json!({ "c": "z", "a": "x" }), ["x", "b", "z"]),
            (json!({ "a": "b", "b": "a" }), ["b", "a", "c"]),
            (json!({ "a": "b", "b": "c", "c": "a" }), ["b", "c", "a"]),
            (json!({ "a": "a" }), ["a", "b", "c"]),
        ] {
            check(
                json!({ "rename": stage }),
                json!([["a", "b", "c"], ["1", 2, null]]),
                json!([header, ["1", 2, null]]),
            );
        }
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (json!({}), "`rename` names no column"),
            (
                json!({ "a": "x", "b": "x" }),
                "`rename` gives two columns the name `x`",
            ),
            (json!({ "a": "" }), "the new name of `a` is empty"),
            (
                json!({ "a": "b" }),
                "`a` can't become `b`, there is such a column already; rename or drop it too",
            ),
            (
                json!({ "Employee": "id" }),
                "no column `Employee` here, did you mean `employees`?",
            ),
        ] {
            check_refused(
                json!({ "rename": stage }),
                &["a", "b", "employees"],
                message,
            );
        }
    }

    proptest! {
        #[test]
        fn renaming_there_and_back_is_nothing(names in prop::collection::hash_set("[a-e]{1,2}", 1..5)) {
            let header: Vec<_> = names.into_iter().collect();
            let there: serde_json::Map<_, _> = header.iter().enumerate()
                .map(|(i, n)| (n.clone(), json!(header[(i + 1) % header.len()]))).collect();
            let back: serde_json::Map<_, _> = there.iter().map(|(k, v)| (v.as_str().unwrap().to_owned(), json!(k))).collect();
            let table = json!([header, header]);
            let stages = [spec(json!({ "rename": there })), spec(json!({ "rename": back }))];
            let (after, _) = run_with(&Resources::default(), &stages, &table).unwrap();
            prop_assert_eq!(after, table);
        }
    }
}
