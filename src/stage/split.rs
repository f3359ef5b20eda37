//! `split`: splits one column into several.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Bound, EMPTY, FAULTY, Place, Resources, Stage, add_column, check_names, fault, pattern,
};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Columns, Kind};

const NAME: &str = "split";

/// Splits one column into several. Where there are fewer parts than columns, the last columns are empty.
/// Text alone is split; a number or the like goes into the first column as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitSpec {
    /// The column to split.
    pub column: String,
    /// The text between the parts; or use `pattern`.
    pub by: Option<String>,
    /// A regular expression for what is between the parts; or use `by`.
    pub pattern: Option<String>,
    /// The columns for the parts, in order.
    pub into: Vec<String>,
    /// Whether the column itself stays too.
    #[serde(default)]
    pub keep: bool,
    /// What to do with more parts than columns.
    #[serde(default)]
    pub extra: Extra,
}

/// What to do with more parts than columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Extra {
    /// The last column takes all that is left, with what is between its parts.
    #[default]
    Rest,
    /// Reject the row.
    Reject,
}

/// What is between the parts.
enum Separator {
    Text(String),
    Pattern(Regex),
}

impl Separator {
    /// Where the first separator from `start` on lies. One that matches nothing separates nothing.
    #[inline]
    fn find(&self, text: &str, start: usize) -> Option<(usize, usize)> {
        match self {
            Separator::Text(by) => {
                let at = start + text[start..].find(by.as_str())?;
                Some((at, at + by.len()))
            }
            Separator::Pattern(regex) => {
                // In the whole text, so that `^` and `\b` see what is before the part.
                let mut from = start;
                loop {
                    let found = regex.find_at(text, from)?;
                    if !found.is_empty() {
                        return Some((found.start(), found.end()));
                    }
                    from = found.end() + text[found.end()..].chars().next()?.len_utf8();
                }
            }
        }
    }
}

impl SplitSpec {
    fn separator(&self) -> Result<Separator, String> {
        match (&self.by, &self.pattern) {
            (Some(by), None) if by.is_empty() => Err("`by` is empty".into()),
            (Some(by), None) => Ok(Separator::Text(by.clone())),
            (None, Some(source)) => Ok(Separator::Pattern(pattern(source)?)),
            (Some(_), Some(_)) => Err("`by` and `pattern` are both given; keep one".into()),
            (None, None) => Err("`by` is missing: the text between the parts".into()),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check_names("into", &self.into)?;
        self.separator().map(drop)
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let source = columns.need(&self.column)?;
        let whole = columns.kinds(source.1);
        let mut into = Vec::with_capacity(self.into.len());
        for name in &self.into {
            let slot = add_column(columns, name, &[&self.column])?;
            // What is not text goes into the first as it is.
            columns.hold(
                slot,
                match into.is_empty() {
                    true => whole.rewritten(),
                    false => Kinds::TEXT,
                },
            );
            columns.derive(slot, [source.1]);
            into.push(slot);
        }
        if !self.keep && !self.into.contains(&self.column) {
            columns.remove(&self.column)?;
        }
        Ok(Some(Box::new(Split {
            source,
            separator: self.separator()?,
            into,
            extra: self.extra,
        })))
    }
}

struct Split {
    source: Place,
    separator: Separator,
    into: Vec<usize>,
    extra: Extra,
}

impl Stage for Split {
    fn apply(&self, batch: &mut Batch) {
        let mut parts: Vec<Vec<Cell>> = self
            .into
            .iter()
            .map(|&slot| batch.take_column(slot))
            .collect();
        // The source may be one of them.
        let own = self.into.iter().position(|slot| *slot == self.source.1);
        let mut surplus = Vec::new();
        for row in 0..batch.len() {
            if !batch.is_live(row) {
                continue;
            }
            let cell = match own {
                Some(i) => parts[i][row],
                None => batch.cell(row, self.source.1),
            };
            let filler = match cell.kind() {
                Kind::Text => EMPTY,
                Kind::Faulty => FAULTY,
                _ => Cell::MISSING,
            };
            if cell.kind() != Kind::Text {
                parts[0][row] = cell;
                parts[1..].iter_mut().for_each(|part| part[row] = filler);
                continue;
            }
            let text = batch.text(cell);
            let last = parts.len() - 1;
            let mut at = Some(0);
            for (i, part) in parts.iter_mut().enumerate() {
                part[row] = match at {
                    None => filler,
                    Some(start) => match self.separator.find(text, start) {
                        Some((from, to)) if i < last => {
                            at = Some(to);
                            cell.part(start..from)
                        }
                        found => {
                            if found.is_some() && self.extra == Extra::Reject {
                                surplus.push(row);
                            }
                            at = None;
                            cell.part(start..text.len())
                        }
                    },
                };
            }
        }
        for &row in &surplus {
            for part in &mut parts {
                part[row] = part[row].with_kind(Kind::Faulty);
            }
        }
        for (&slot, part) in self.into.iter().zip(parts) {
            batch.put_column(slot, part);
        }
        for row in surplus {
            let message = format!("more than {} parts", self.into.len());
            batch.reject(
                fault(row, NAME, &self.source.0, "too_many_parts", message),
                None,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::{check, check_faults, check_refused, run_with, spec};
    use super::*;

    #[test]
    fn parts_go_into_columns() {
        for (text, a, b, c) in [
            ("x,y,z", "x", "y", "z"),
            ("x,y", "x", "y", ""),
            ("x", "x", "", ""),
            ("", "", "", ""),
            (",", "", "", ""),
            ("x,y,z,w,", "x", "y", "z,w,"),
            ("é,,ö", "é", "", "ö"),
        ] {
            check(
                json!({ "split": { "column": "s", "by": ",", "into": ["a", "b", "c"] } }),
                json!([["s", "o"], [text, "o"]]),
                json!([["o", "a", "b", "c"], ["o", a, b, c]]),
            );
        }
    }

    #[test]
    fn the_column_stays_or_is_one_of_them() {
        let before = json!([["s"], ["x, y"], [12], [null], [{}], [{"faulty": "x,y"}]]);
        check(
            json!({ "split": { "column": "s", "pattern": ",\\s*", "into": ["a", "b"], "keep": true } }),
            before.clone(),
            json!([["s", "a", "b"], ["x, y", "x", "y"], [12, 12, {}], [null, null, {}], [{}, {}, {}],
                [{"faulty": "x,y"}, {"faulty": "x,y"}, {"faulty": ""}]]),
        );
        check(
            json!({ "split": { "column": "s", "pattern": ",\\s*|$", "into": ["a", "s"] } }),
            before,
            json!([["s", "a"], ["y", "x"], [{}, 12], [{}, null], [{}, {}], [{"faulty": ""}, {"faulty": "x,y"}]]),
        );
    }

    #[test]
    fn a_pattern_sees_the_whole_text() {
        for (pattern, text, a, b) in [
            (r"\s*;\s*", "x ; y;z", "x", "y;z"),
            ("^-|,", "-x,-y", "", "x,-y"),
            (r"\b", "é x", "é x", ""),
            ("x*", "aéxxb", "aé", "b"),
        ] {
            check(
                json!({ "split": { "column": "s", "pattern": pattern, "into": ["a", "b"] } }),
                json!([["s"], [text]]),
                json!([["a", "b"], [a, b]]),
            );
        }
        check(
            json!({ "split": { "column": "s", "pattern": "^-|,", "into": ["a", "b", "c"] } }),
            json!([["s"], ["-x,-y"]]),
            json!([["a", "b", "c"], ["", "x", "-y"]]),
        );
    }

    #[test]
    fn more_parts_can_be_refused() {
        check_faults(
            json!({ "split": { "column": "s", "by": "-", "into": ["a", "b"], "extra": "reject", "keep": true } }),
            json!([["s"], ["x-y"], ["x-y-"]]),
            json!([["s", "a", "b"], ["x-y", "x", "y"], ["x-y-", {"faulty": "x"}, {"faulty": "y-"}]]),
            &["1 split s too_many_parts: more than 2 parts"],
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (
                json!({ "column": "s", "into": ["a"] }),
                "`by` is missing: the text between the parts",
            ),
            (
                json!({ "column": "s", "by": "", "into": ["a"] }),
                "`by` is empty",
            ),
            (
                json!({ "column": "s", "by": ",", "pattern": ",", "into": ["a"] }),
                "`by` and `pattern` are both given; keep one",
            ),
            (
                json!({ "column": "s", "pattern": "[", "into": ["a"] }),
                "`pattern` is not a valid regular expression: unclosed character class",
            ),
            (
                json!({ "column": "s", "by": ",", "into": [] }),
                "`into` names no column",
            ),
            (
                json!({ "column": "s", "by": ",", "into": ["a", "a"] }),
                "`into` names `a` twice",
            ),
            (
                json!({ "column": "s", "by": ",", "into": ["o"] }),
                "there is a column `o` already; drop or rename it before",
            ),
            (
                json!({ "column": "x", "by": ",", "into": ["a"] }),
                "no column `x` here",
            ),
        ] {
            check_refused(json!({ "split": stage }), &["s", "o"], message);
        }
    }

    proptest! {
        #[test]
        fn split_then_concat_is_the_identity(parts in prop::collection::vec("[aé ]{0,3}", 3..6)) {
            let text = parts.join(",");
            let stages = [
                spec(json!({ "split": { "column": "s", "by": ",", "into": ["a", "b", "c"] } })),
                spec(json!({ "concat": { "columns": ["a", "b", "c"], "by": ",", "into": "s", "skip_empty": false } })),
                spec(json!({ "select": ["s"] })),
            ];
            let table = json!([["s"], [text]]);
            let (after, _) = run_with(&Resources::default(), &stages, &table).unwrap();
            prop_assert_eq!(after, table);
        }
    }
}
