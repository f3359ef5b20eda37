//! `trim`: takes what nobody sees off both ends, of all columns or of those named.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources, Stage, check_names, hold, slots};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::text::unseen::trimmed;

/// Takes white space and invisible characters off both ends, of all columns or of those named: also the no-break
/// spaces of spreadsheets, zero width spaces, marks of direction, soft hyphens. Text alone is trimmed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TrimSpec(
    /// The columns; all where there is no list.
    Option<Vec<String>>,
);

impl TrimSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.0 {
            Some(names) => check_names("trim", names),
            None => Ok(()),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let slots = slots(columns, self.0.as_deref())?;
        hold(columns, slots.iter().copied(), Kinds::rewritten);
        Ok(Some(Box::new(Trim { slots })))
    }
}

struct Trim {
    slots: Vec<usize>,
}

impl Stage for Trim {
    fn apply(&self, batch: &mut Batch) {
        for &slot in &self.slots {
            let mut cells = batch.take_column(slot);
            for cell in &mut cells {
                if cell.kind() != Kind::Text {
                    continue;
                }
                let text = batch.text(*cell);
                // Nearly all cells begin and end with a visible ASCII character.
                if let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last())
                    && first.is_ascii_graphic()
                    && last.is_ascii_graphic()
                {
                    continue;
                }
                let range = trimmed(text);
                if range.len() < text.len() {
                    *cell = cell.part(range);
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
    fn takes_white_space_off_both_ends() {
        for (text, trimmed) in [
            ("a", "a"),
            ("", ""),
            ("  ", ""),
            (" a b\t", "a b"),
            ("\u{a0}é\u{a0}", "é"),
            ("\u{3000}", ""),
            ("a\r\n", "a"),
            ("é", "é"),
        ] {
            check(
                json!({ "trim": null }),
                json!([["a"], [text]]),
                json!([["a"], [trimmed]]),
            );
        }
    }

    #[test]
    fn all_columns_or_those_named() {
        let before = json!([["a", "b"], [" x ", " y "], [7, null], [{}, {"faulty": " z"}]]);
        check(
            json!({ "trim": ["b"] }),
            before.clone(),
            json!([["a", "b"], [" x ", "y"], [7, null], [{}, {"faulty": " z"}]]),
        );
        check(
            json!({ "trim": null }),
            before,
            json!([["a", "b"], ["x", "y"], [7, null], [{}, {"faulty": " z"}]]),
        );
        check_refused(json!({ "trim": ["c"] }), &["a", "b"], "no column `c` here");
        check_refused(json!({ "trim": [] }), &["a"], "`trim` names no column");
        check_refused(
            json!({ "trim": ["a", "a"] }),
            &["a"],
            "`trim` names `a` twice",
        );
    }

    proptest! {
        #[test]
        fn trimming_twice_is_trimming_once(text in "[ \\t\\u{a0}aé]{0,6}") {
            let stage = || spec(json!({ "trim": null }));
            let table = json!([["a"], [text]]);
            let once = run_with(&Resources::default(), &[stage()], &table).unwrap();
            let twice = run_with(&Resources::default(), &[stage(), stage()], &table).unwrap();
            prop_assert_eq!(&once.0[1][0], text.trim());
            prop_assert_eq!(once, twice);
        }
    }
}
