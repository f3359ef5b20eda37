//! `filter`: keeps the rows for which an expression is true.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::{Bound, Resources, Stage, fault};
use crate::batch::{Batch, Columns};
use crate::expr::{BoundExpr, Expr, FAILED, Reads, Use};
use crate::settings::short::word_or_map;

/// Keeps the rows for which an expression (CEL) is true; the others leave, and are counted as filtered.
/// A row that is rejected stays so. A row for which the expression can't be evaluated is rejected.
#[derive(Clone, Debug)]
pub struct FilterSpec {
    when: String,
    keep_at_target: bool,
}

/// An expression, and what becomes of those that it leaves out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FilterSpec")]
struct Written {
    /// Rows for which this is true go on.
    when: String,
    /// Rows that are left out are not sent, and their items are not deleted either: for those that somebody else keeps.
    #[serde(default)]
    keep_at_target: bool,
}

impl<'de> Deserialize<'de> for FilterSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<FilterSpec, D::Error> {
        word_or_map(
            d,
            "an expression, or `{ when: EXPRESSION, keep_at_target: true }`",
            |when| FilterSpec {
                when: when.to_owned(),
                keep_at_target: false,
            },
            |Written {
                 when,
                 keep_at_target,
             }: Written| FilterSpec {
                when,
                keep_at_target,
            },
        )
    }
}

impl JsonSchema for FilterSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FilterStage".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let written = generator.subschema_for::<Written>();
        json_schema!({ "anyOf": [{ "type": "string" }, written] })
    }
}

impl FilterSpec {
    /// The expression.
    pub(crate) fn when(&self) -> &str {
        &self.when
    }

    /// Whether the items of rows that are left out stay at the target.
    pub(crate) fn keeps_at_target(&self) -> bool {
        self.keep_at_target
    }

    fn compile(&self) -> Result<Expr, String> {
        Expr::compile(&self.when).map_err(|e| e.to_string())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.compile().map(drop)
    }

    pub(super) fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
        let expr = self.compile()?;
        let expr = expr.bind(columns, Use::Condition, resources.today.day)?;
        Ok(Some(Box::new(Filter {
            expr,
            keep_at_target: self.keep_at_target,
            whole_row: Arc::from(""),
        })))
    }
}

struct Filter {
    expr: BoundExpr,
    keep_at_target: bool,
    /// The name of no column, for faults.
    whole_row: Arc<str>,
}

impl Stage for Filter {
    fn apply(&self, batch: &mut Batch) {
        for (row, failed) in self.expr.untrue(batch, &mut Reads::default()) {
            match failed {
                None if self.keep_at_target => batch.set_aside(row),
                None => batch.filter_out(row),
                Some(error) => {
                    let message = error.into_message();
                    batch.reject(fault(row, "filter", &self.whole_row, FAILED, message), None);
                }
            }
        }
    }

    fn remarks(&self) -> Vec<String> {
        self.expr.remarks()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_faults, check_refused};

    #[test]
    fn rows_for_which_it_is_false_leave() {
        check(
            json!({ "filter": "status != 'Terminated'" }),
            json!([["id", "status"], ["1", "Active"], ["2", "Terminated"], ["3", ""], ["4", {}], ["5", {"faulty": "Terminated"}]]),
            json!([["id", "status"], ["1", "Active"], "filtered", ["3", ""], ["4", {}], ["5", {"faulty": "Terminated"}]]),
        );
        check_faults(
            json!({ "filter": "row['Annual Salary'] > 1000" }),
            json!([["Annual Salary"], [1001], [999], ["1001"]]),
            json!([["Annual Salary"], [1001], "filtered", ["1001"]]),
            &[
                "2 filter  expression_failed: `>` does not take (text, number); text becomes a number by the `number` stage, or by int() or double()",
            ],
        );
        check_faults(
            json!({ "filter": "a" }),
            json!([["a"], [true], ["x"]]),
            json!([["a"], [true], ["x"]]),
            &["1 filter  expression_failed: expected true or false, the expression gave text"],
        );
    }

    #[test]
    fn refusals() {
        for (expression, message) in [
            ("", "the expression is empty"),
            (
                "a =",
                "line 1, column 3 of the expression: token recognition error at: '='; write == to compare",
            ),
            (
                "status == 'x'",
                "no column `status` here, did you mean `Status`?",
            ),
        ] {
            check_refused(json!({ "filter": expression }), &["Status"], message);
        }
    }
}
