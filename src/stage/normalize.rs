//! `normalize`: one spelling for what looks the same, in all columns or in those named.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources, Stage, check_names, hold, slots};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::text::compare::normal;

/// One spelling for what looks the same: letters and accents composed (NFC), no invisible characters, one kind of
/// blank (no-break spaces, tabs and others become spaces). Joiners stay between the letters of alphabets that are
/// written with them, as in Persian and Hindi, and so do variation selectors. Line breaks stay. Text alone is changed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct NormalizeSpec(
    /// Which columns; all where nothing is said.
    Option<Named>,
);

/// Which columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The columns; all without it.
    columns: Option<Vec<String>>,
}

impl NormalizeSpec {
    fn names(&self) -> Option<&[String]> {
        self.0.as_ref()?.columns.as_deref()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.names()
            .map_or(Ok(()), |names| check_names("columns", names))
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let slots = slots(columns, self.names())?;
        hold(columns, slots.iter().copied(), Kinds::rewritten);
        Ok(Some(Box::new(Normalize { slots })))
    }
}

struct Normalize {
    slots: Vec<usize>,
}

impl Stage for Normalize {
    fn apply(&self, batch: &mut Batch) {
        // Of ASCII, a plain cell has nothing to change.
        let ascii = batch.bytes().is_ascii();
        for &slot in &self.slots {
            let mut cells = batch.take_column(slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                if cell.kind() != Kind::Text || ascii && cell.is_plain() || !batch.is_live(row) {
                    continue;
                }
                let text = batch.text(*cell);
                if let Cow::Owned(normal) = normal(text) {
                    *cell = batch.append(&normal, Kind::Text);
                }
            }
            batch.put_column(slot, cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::{check, check_refused, run_with, spec};
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (text, normal) in [
            ("", ""),
            ("Zoe\u{308} Linde\u{301}n", "Zoë Lindén"),
            ("a\u{a0}b\u{202f}c\u{3000}d\te", "a b c d e"),
            ("a\r\nb\u{2028}c", "a\r\nb\nc"),
            ("\u{feff}1\u{200b}2\u{ad}3\u{200f}", "123"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("Mara\u{200d}Oduya", "MaraOduya"),
            ("a\0b", "a\0b"),
        ] {
            check(
                json!({ "normalize": null }),
                json!([["a"], [text]]),
                json!([["a"], [normal]]),
            );
        }
    }

    #[test]
    fn all_columns_or_those_named() {
        let before =
            json!([["a", "b"], ["x\u{ad}", "y\u{ad}"], [7, null], [{}, {"faulty": "z\u{ad}"}]]);
        check(
            json!({ "normalize": { "columns": ["b"] } }),
            before.clone(),
            json!([["a", "b"], ["x\u{ad}", "y"], [7, null], [{}, {"faulty": "z\u{ad}"}]]),
        );
        for all in [json!(null), json!({})] {
            check(
                json!({ "normalize": all }),
                before.clone(),
                json!([["a", "b"], ["x", "y"], [7, null], [{}, {"faulty": "z\u{ad}"}]]),
            );
        }
        let refused = |spec, message| check_refused(json!({ "normalize": spec }), &["a"], message);
        refused(json!({ "columns": ["c"] }), "no column `c` here");
        refused(json!({ "columns": [] }), "`columns` names no column");
        refused(
            json!({ "columns": ["a", "a"] }),
            "`columns` names `a` twice",
        );
    }

    proptest! {
        #[test]
        fn twice_is_once(text in "([ \\t\u{a0}\u{200d}\u{301}aé]|\\PC){0,8}") {
            let stage = || spec(json!({ "normalize": null }));
            let table = json!([["a"], [text]]);
            let once = run_with(&Resources::default(), &[stage()], &table).unwrap();
            let twice = run_with(&Resources::default(), &[stage(), stage()], &table).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
