//! `empty`: stated texts by which a source says that there is no value.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, EMPTY, Resources, Stage, check_names, hold, slots};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::text::compare::comparable;
use crate::text::unseen::is_plain_ascii;

/// Makes cells empty that hold one of these texts: `NULL`, `N/A`, `31.12.9999`. The whole cell is compared as it
/// looks: case counts, and invisible characters, the kind of a blank and how accents are composed do not. Numbers of
/// JSON are compared as they are written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptySpec {
    /// The texts that stand for no value. Left out, they are those of the `profile`.
    #[schemars(with = "Option<Vec<String>>")]
    pub values: Vec<String>,
    /// The columns; all of them without it.
    pub columns: Option<Vec<String>>,
}

impl EmptySpec {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.values.is_empty() {
            return Err("`values` has no text, expected one such as NULL".into());
        }
        if self.values.iter().any(String::is_empty) {
            return Err("`values` has an empty text, which is empty already".into());
        }
        match &self.columns {
            Some(names) => check_names("columns", names),
            None => Ok(()),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let slots = slots(columns, self.columns.as_deref())?;
        hold(columns, slots.iter().copied(), |before| {
            match before.meets(Kinds::WORDS | Kinds::NUMBER) {
                true => before | Kinds::EMPTY,
                false => before,
            }
        });
        let values: HashSet<String> = (self.values.iter())
            .map(|value| comparable(value).into_owned())
            .collect();
        Ok(Some(Box::new(Empty {
            slots,
            lengths: values.iter().fold(0, |all, v| all | length_bit(v)),
            values,
        })))
    }
}

struct Empty {
    slots: Vec<usize>,
    values: HashSet<String>,
    /// A bit for each length of a value: most cells have another.
    lengths: u64,
}

/// The bit of a text's length; all long ones have one together.
fn length_bit(text: &str) -> u64 {
    1 << text.len().min(63)
}

impl Empty {
    fn has(&self, text: &str) -> bool {
        self.lengths & length_bit(text) != 0 && self.values.contains(text)
    }
}

impl Stage for Empty {
    fn apply(&self, batch: &mut Batch) {
        // Of ASCII, a plain cell is compared as it is.
        let ascii = batch.bytes().is_ascii();
        for &slot in &self.slots {
            let mut cells = batch.take_column(slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                if !matches!(cell.kind(), Kind::Text | Kind::Number) || !batch.is_live(row) {
                    continue;
                }
                let text = batch.text(*cell);
                let alike = || !is_plain_ascii(text) && self.has(&comparable(text));
                if self.has(text) || !(ascii && cell.is_plain()) && alike() {
                    *cell = EMPTY;
                }
            }
            batch.put_column(slot, cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_refused};

    #[test]
    fn texts_that_are_no_value() {
        let before = json!([
            ["a", "b"],
            ["NULL", "N/A"],
            ["null", " N/A"],
            ["", "x"],
            [0, null],
            ["0", {"faulty": "NULL"}],
            [{}, true]
        ]);
        check(
            json!({ "empty": { "values": ["NULL", "N/A", "0"] } }),
            before.clone(),
            json!([
                ["a", "b"],
                ["", ""],
                ["null", " N/A"],
                ["", "x"],
                ["", null],
                ["", {"faulty": "NULL"}],
                [{}, true]
            ]),
        );
        check(
            json!({ "empty": { "values": ["N/A"], "columns": ["b"] } }),
            json!([["a", "b"], ["N/A", "N/A"]]),
            json!([["a", "b"], ["N/A", ""]]),
        );
        check(
            json!({ "empty": { "values": ["não há", "N/A"] } }),
            json!([
                ["a"],
                ["na\u{303}o\u{a0}há"],
                ["\u{200b}N/A"],
                ["n/a\u{200b}"],
                ["\u{200b}"]
            ]),
            json!([["a"], [""], [""], ["n/a\u{200b}"], ["\u{200b}"]]),
        );
        let long = "x".repeat(100);
        check(
            json!({ "empty": { "values": [long] } }),
            json!([["a"], ["x".repeat(100)], ["x".repeat(101)]]),
            json!([["a"], [""], ["x".repeat(101)]]),
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (
                json!({ "values": [] }),
                "`values` has no text, expected one such as NULL",
            ),
            (
                json!({ "values": [""] }),
                "`values` has an empty text, which is empty already",
            ),
            (
                json!({ "values": ["-"], "columns": [] }),
                "`columns` names no column",
            ),
            (
                json!({ "values": ["-"], "columns": ["c"] }),
                "no column `c` here",
            ),
        ] {
            check_refused(json!({ "empty": stage }), &["a"], message);
        }
    }
}
