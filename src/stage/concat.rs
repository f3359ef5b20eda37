//! `concat`: joins columns into one.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, EMPTY, FAULTY, Resources, Stage, add_column, check_names, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};

/// Joins the text of columns into one column of text. The columns themselves stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConcatSpec {
    /// The columns, in order.
    pub columns: Vec<String>,
    /// The text between them; may be empty.
    pub by: String,
    /// The column for the result: a new one, or one of `columns`.
    pub into: String,
    /// Whether empty cells are passed over, with no text between.
    #[serde(default = "yes")]
    pub skip_empty: bool,
}

fn yes() -> bool {
    true
}

impl ConcatSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("columns", &self.columns)?;
        check_names("into", [&self.into])
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let slots = places(columns, &self.columns)?;
        let reads: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let into = add_column(columns, &self.into, &reads)?;
        columns.hold(into, Kinds::TEXT);
        columns.derive(into, slots.iter().map(|place| place.1));
        Ok(Some(Box::new(Concat {
            slots: slots.into_iter().map(|p| p.1).collect(),
            by: self.by.clone(),
            into,
            skip_empty: self.skip_empty,
        })))
    }
}

struct Concat {
    slots: Vec<usize>,
    by: String,
    into: usize,
    skip_empty: bool,
}

impl Stage for Concat {
    fn apply(&self, batch: &mut Batch) {
        let mut buffer = String::new();
        // Rows do not depend on each other, so the result may take the place of one of its parts.
        for row in 0..batch.len() {
            if !batch.is_live(row) {
                continue;
            }
            let mut cells = self.slots.iter().map(|&slot| batch.cell(row, slot));
            let result = if cells.clone().any(|c| c.kind() == Kind::Faulty) {
                FAULTY
            } else if self.skip_empty && cells.clone().filter(|c| !c.is_empty()).count() <= 1 {
                // What is joined to nothing is there already.
                cells
                    .find(|c| !c.is_empty())
                    .map_or(EMPTY, |c| c.with_kind(Kind::Text))
            } else {
                buffer.clear();
                let mut first = true;
                for cell in cells.filter(|c| !(self.skip_empty && c.is_empty())) {
                    if !first {
                        buffer.push_str(&self.by);
                    }
                    first = false;
                    buffer.push_str(batch.text(cell));
                }
                batch.append(&buffer, Kind::Text)
            };
            batch.set_cell(row, self.into, result);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_refused};

    #[test]
    fn text_is_joined() {
        check(
            json!({ "concat": { "columns": ["a", "b", "c"], "by": " ", "into": "n" } }),
            json!([["a", "b", "c"], ["x", "y", "z"], ["x", "", "z"], ["", "y", ""], ["", "", ""], [1, true, null], [{}, "é", {"json": "[1]"}], ["x", {"faulty": "y"}, "z"]]),
            json!([["a", "b", "c", "n"], ["x", "y", "z", "x y z"], ["x", "", "z", "x z"], ["", "y", "", "y"], ["", "", "", ""],
                [1, true, null, "1 true"], [{}, "é", {"json": "[1]"}, "é [1]"], ["x", {"faulty": "y"}, "z", {"faulty": ""}]]),
        );
        check(
            json!({ "concat": { "columns": ["b", "a"], "by": "", "into": "a", "skip_empty": true } }),
            json!([["a", "b"], ["x", "y"], ["x", ""]]),
            json!([["a", "b"], ["yx", "y"], ["x", ""]]),
        );
        check(
            json!({ "concat": { "columns": ["a", "b"], "by": "-", "into": "n", "skip_empty": false } }),
            json!([["a", "b"], ["x", ""], ["", null]]),
            json!([["a", "b", "n"], ["x", "", "x-"], ["", null, "-"]]),
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (
                json!({ "columns": [], "by": "", "into": "n" }),
                "`columns` names no column",
            ),
            (
                json!({ "columns": ["a"], "by": "", "into": "" }),
                "`into` has an empty name",
            ),
            (
                json!({ "columns": ["a"], "by": "", "into": "b" }),
                "there is a column `b` already; drop or rename it before",
            ),
            (
                json!({ "columns": ["a", "c"], "by": "", "into": "n" }),
                "no column `c` here",
            ),
            (
                json!({ "columns": ["a"], "into": "n" }),
                "missing field `by`",
            ),
        ] {
            check_refused(json!({ "concat": stage }), &["a", "b"], message);
        }
    }
}
