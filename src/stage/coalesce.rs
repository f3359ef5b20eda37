//! `coalesce`: the first of several columns that is not empty.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources, Stage, add_column, check_names, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::text::unseen::is_blank;

/// The first of several columns in which there is something to see, as it is: one that is empty, null or missing, or
/// has blanks and invisible characters alone, is passed over. The columns themselves stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoalesceSpec {
    /// The columns, in order of preference.
    pub columns: Vec<String>,
    /// The column for the result: a new one, or one of `columns`.
    pub into: String,
    /// The text where all are empty; without it, the first column's empty cell.
    pub default: Option<String>,
}

impl CoalesceSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("columns", &self.columns)?;
        check_names("into", [&self.into])
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let slots = places(columns, &self.columns)?;
        let reads: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let default = match self.default {
            Some(_) => Kinds::TEXT,
            None => Kinds::NONE,
        };
        let kinds = slots
            .iter()
            .fold(default, |all, p| all | columns.kinds(p.1));
        let into = add_column(columns, &self.into, &reads)?;
        columns.hold(into, kinds);
        columns.derive(into, slots.iter().map(|place| place.1));
        Ok(Some(Box::new(Coalesce {
            slots: slots.into_iter().map(|p| p.1).collect(),
            into,
            default: self.default.clone(),
        })))
    }
}

struct Coalesce {
    slots: Vec<usize>,
    into: usize,
    default: Option<String>,
}

impl Stage for Coalesce {
    fn apply(&self, batch: &mut Batch) {
        let default = self
            .default
            .as_ref()
            .map(|text| batch.append(text, Kind::Text));
        for row in 0..batch.len() {
            if !batch.is_live(row) {
                continue;
            }
            let mut cells = self.slots.iter().map(|&slot| batch.cell(row, slot));
            // A faulty cell is taken for what it should have been: the first that is not empty.
            let found = cells.find(|c| c.kind() == Kind::Faulty || !is_blank(batch.text(*c)));
            let result = found
                .or(default)
                .unwrap_or_else(|| batch.cell(row, self.slots[0]));
            batch.set_cell(row, self.into, result);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_refused};

    #[test]
    fn the_first_that_is_not_empty() {
        let before = json!([["a", "b"], ["x", "y"], ["", "y"], [null, 7], [{}, {"number": "1.10"}], ["", ""], [{}, null], [{"faulty": ""}, "y"], [" ", "y"]]);
        check(
            json!({ "coalesce": { "columns": ["a", "b"], "into": "n" } }),
            before.clone(),
            json!([["a", "b", "n"], ["x", "y", "x"], ["", "y", "y"], [null, 7, 7], [{}, {"number": "1.10"}, {"number": "1.10"}],
                ["", "", ""], [{}, null, {}], [{"faulty": ""}, "y", {"faulty": ""}], [" ", "y", "y"]]),
        );
        check(
            json!({ "coalesce": { "columns": ["b", "a"], "into": "a", "default": "-" } }),
            before,
            json!([["a", "b"], ["y", "y"], ["y", "y"], [7, 7], [{"number": "1.10"}, {"number": "1.10"}],
                ["-", ""], ["-", null], ["y", "y"], ["y", "y"]]),
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (
                json!({ "columns": [], "into": "n" }),
                "`columns` names no column",
            ),
            (
                json!({ "columns": ["a"], "into": "b" }),
                "there is a column `b` already; drop or rename it before",
            ),
            (
                json!({ "columns": ["z"], "into": "n" }),
                "no column `z` here",
            ),
        ] {
            check_refused(json!({ "coalesce": stage }), &["a", "b"], message);
        }
    }
}
