//! `map`: replaces values by a table.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Bound, EMPTY, Resources, Stage, check_names, hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Columns, Kind};
use crate::text::compare::{comparable, look_up};
use crate::text::shown::shown;

/// Replaces values by a table. A value is looked up as it looks: case counts, and invisible characters, the
/// kind of a blank and how accents are composed do not. An empty, null or missing cell has the empty text.
/// What is found, and the default, becomes text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSpec {
    /// The column; or use `columns`.
    pub column: Option<String>,
    /// The columns; or use `column`.
    pub columns: Option<Vec<String>>,
    /// The value found, and what takes its place; null for empty.
    pub values: IndexMap<String, Option<String>>,
    /// What takes the place of all other values, empty ones included; null for empty. Without it, they
    /// stay.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<String>")]
    pub default: Option<Option<String>>,
}

/// A setting that may be null, as against one that is not there.
fn stated<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(d).map(Some)
}

impl MapSpec {
    fn names(&self) -> Result<&[String], String> {
        match (&self.column, &self.columns) {
            (Some(column), None) => Ok(std::slice::from_ref(column)),
            (None, Some(columns)) => Ok(columns),
            (Some(_), Some(_)) => Err("`column` and `columns` are both given; keep one".into()),
            (None, None) => Err("`column` is missing".into()),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check_names("columns", self.names()?)?;
        if self.values.is_empty() && self.default.is_none() {
            return Err("`values` is empty, and there is no `default`".into());
        }
        let mut seen = HashSet::new();
        match (self.values.keys()).find(|value| !seen.insert(comparable(value))) {
            Some(value) => Err(format!(
                "`values` has `{}` twice: invisible characters, kinds of blanks and how accents are composed make no \
                 difference",
                shown(value)
            )),
            None => Ok(()),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let mut results: Vec<Box<str>> = Vec::new();
        let mut result = |text: &Option<String>| {
            results.push(text.as_deref().unwrap_or_default().into());
            results.len() - 1
        };
        let values = self
            .values
            .iter()
            .map(|(value, to)| (comparable(value).into(), result(to)))
            .collect();
        let default = self.default.as_ref().map(result);
        let slots: Vec<usize> = (places(columns, self.names()?)?.into_iter())
            .map(|p| p.1)
            .collect();
        hold(columns, slots.iter().copied(), |before| match default {
            Some(_) => Kinds::TEXT,
            None => before | Kinds::TEXT,
        });
        Ok(Some(Box::new(Map {
            slots,
            values,
            default,
            results,
        })))
    }
}

struct Map {
    slots: Vec<usize>,
    /// Places in `results`.
    values: HashMap<Box<str>, usize>,
    default: Option<usize>,
    results: Vec<Box<str>>,
}

impl Stage for Map {
    fn apply(&self, batch: &mut Batch) {
        // Each result is written once per block, whatever the number of cells that it goes to.
        let mut written: Vec<Option<Cell>> = vec![None; self.results.len()];
        for &slot in &self.slots {
            let mut cells = batch.take_column(slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                if cell.kind() == Kind::Faulty || !batch.is_live(row) {
                    continue;
                }
                let found = look_up(batch.text(*cell), |text| self.values.get(text).copied());
                let Some(result) = found.or(self.default) else {
                    continue;
                };
                *cell = *written[result].get_or_insert_with(|| match &*self.results[result] {
                    "" => EMPTY,
                    text => batch.append(text, Kind::Text),
                });
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
    fn values_are_replaced_and_others_stay() {
        check(
            json!({ "map": { "column": "a", "values": { "NO": "", "M": "Male", "1": "one", "true": "yes", "": "none" } } }),
            json!([["a"], ["NO"], ["M"], ["m"], ["M "], [1], [true], [""], [null], [{}], [{"faulty": "M"}]]),
            json!([["a"], [""], ["Male"], ["m"], ["M "], ["one"], ["yes"], ["none"], ["none"], ["none"], [{"faulty": "M"}]]),
        );
        check(
            json!({ "map": { "column": "a", "values": { "Zoe\u{308}": "z", "Full Time": "f", "": "none" } } }),
            json!([
                ["a"],
                ["Zoë"],
                ["Zo\u{ad}ë"],
                ["zoë"],
                ["Full\u{202f}Time\u{feff}"],
                ["\u{200b}"]
            ]),
            json!([["a"], ["z"], ["z"], ["zoë"], ["f"], ["none"]]),
        );
        check(
            json!({ "map": { "columns": ["b", "a"], "values": { "x": "y", "y": "x" } } }),
            json!([["a", "b", "c"], ["x", "y", "x"], ["", "y", "y"]]),
            json!([["a", "b", "c"], ["y", "x", "x"], ["", "x", "y"]]),
        );
    }

    #[test]
    fn the_default_is_for_the_rest() {
        for (default, expected) in [(json!("?"), "?"), (json!(null), ""), (json!(""), "")] {
            check(
                json!({ "map": { "column": "a", "values": { "x": "y", "gone": null }, "default": default } }),
                json!([["a"], ["x"], ["z"], [""], [null], ["gone"]]),
                json!([["a"], ["y"], [expected], [expected], [expected], [""]]),
            );
        }
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (json!({ "values": { "x": "y" } }), "`column` is missing"),
            (
                json!({ "column": "a", "columns": ["a"], "values": { "x": "y" } }),
                "`column` and `columns` are both given; keep one",
            ),
            (
                json!({ "column": "a", "values": {} }),
                "`values` is empty, and there is no `default`",
            ),
            (
                json!({ "columns": [], "values": { "x": "y" } }),
                "`columns` names no column",
            ),
            (
                json!({ "column": "z", "values": { "x": "y" } }),
                "no column `z` here",
            ),
            (json!({ "column": "a" }), "missing field `values`"),
            (
                json!({ "column": "a", "values": { "a b": "y", "a\u{a0}b": "z" } }),
                "`values` has `a\u{a0}b` twice: invisible characters, kinds of blanks and how accents are composed make no \
                 difference",
            ),
        ] {
            check_refused(json!({ "map": stage }), &["a"], message);
        }
    }
}
