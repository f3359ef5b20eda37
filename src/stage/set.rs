//! `set`: sets columns to constants or to the values of expressions.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::{BindError, Bound, EMPTY, Place, Resources, Stage, check_names, fault};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::expr::{BoundExpr, Expr, FAILED, Reads, Unfit, Use};
use crate::settings::EXACT_NUMBER;
use crate::text::decimal::is_json_number;

/// Sets columns, new ones or existing ones, in the order written: a later one sees what an earlier one
/// set. Text is an expression (CEL); a constant is `{ value: ... }`, or a plain number, true, false or
/// null.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SetSpec(IndexMap<String, ValueSpec>);

/// What a column is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ValueSpec {
    /// The value of an expression, row by row.
    Expression(String),
    /// The same for all rows.
    Constant(Constant),
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    /// Text.
    Text(String),
    /// A number, in JSON's grammar.
    Number(String),
    /// True or false.
    Bool(bool),
    /// Nothing: an empty cell.
    Empty,
}

impl<'de> Deserialize<'de> for ValueSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ValueSpec, D::Error> {
        d.deserialize_newtype_struct(EXACT_NUMBER, ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Constant, D::Error> {
        d.deserialize_newtype_struct(EXACT_NUMBER, ConstantVisitor)
    }
}

/// Reads a constant; text is text.
struct ConstantVisitor;

impl<'de> Visitor<'de> for ConstantVisitor {
    type Value = Constant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false or null")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Constant, D::Error> {
        d.deserialize_any(self)
    }

    /// The digits of a number, as they were written.
    fn visit_bytes<E: Error>(self, digits: &[u8]) -> Result<Constant, E> {
        match std::str::from_utf8(digits) {
            Ok(digits) if is_json_number(digits) => Ok(Constant::Number(digits.to_owned())),
            _ => Err(E::invalid_type(Unexpected::Bytes(digits), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Constant, E> {
        Ok(Constant::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Constant, E> {
        Ok(Constant::Bool(b))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Constant, E> {
        Ok(Constant::Number(n.to_string()))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Constant, E> {
        Ok(Constant::Number(n.to_string()))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Constant, E> {
        // From 2^53 on, a float no longer has the digits that were written.
        if n.abs() < (1u64 << 53) as f64 {
            Ok(Constant::Number(n.to_string()))
        } else {
            Err(E::custom(
                "this number is too large to be kept exactly; write { value: \"...\" } with quotes, and a `number` stage after it",
            ))
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Constant, E> {
        Ok(Constant::Empty)
    }

    fn visit_none<E: Error>(self) -> Result<Constant, E> {
        Ok(Constant::Empty)
    }
}

/// Reads what a column is set to: as a constant, but that text is an expression, and with a map.
struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = ValueSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an expression, `{ value: ... }`, a number, true, false or null")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<ValueSpec, D::Error> {
        d.deserialize_any(self)
    }

    fn visit_bytes<E: Error>(self, digits: &[u8]) -> Result<ValueSpec, E> {
        ConstantVisitor.visit_bytes(digits).map(ValueSpec::Constant)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ValueSpec, E> {
        Ok(ValueSpec::Expression(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<ValueSpec, E> {
        ConstantVisitor.visit_bool(b).map(ValueSpec::Constant)
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<ValueSpec, E> {
        ConstantVisitor.visit_i64(n).map(ValueSpec::Constant)
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<ValueSpec, E> {
        ConstantVisitor.visit_u64(n).map(ValueSpec::Constant)
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<ValueSpec, E> {
        ConstantVisitor.visit_f64(n).map(ValueSpec::Constant)
    }

    fn visit_unit<E: Error>(self) -> Result<ValueSpec, E> {
        Ok(ValueSpec::Constant(Constant::Empty))
    }

    fn visit_none<E: Error>(self) -> Result<ValueSpec, E> {
        Ok(ValueSpec::Constant(Constant::Empty))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ValueSpec, A::Error> {
        let mut constant = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "value" {
                return Err(A::Error::unknown_field(&key, &["value"]));
            }
            if constant.is_some() {
                return Err(A::Error::duplicate_field("value"));
            }
            constant = Some(map.next_value()?);
        }
        constant
            .map(ValueSpec::Constant)
            .ok_or_else(|| A::Error::missing_field("value"))
    }
}

impl JsonSchema for ValueSpec {
    fn schema_name() -> Cow<'static, str> {
        "SetValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An expression (CEL), or a constant: { value: ... }, a number, true, false or null.",
            "oneOf": [
                { "type": "string", "description": "An expression." },
                { "type": ["number", "boolean", "null"] },
                {
                    "type": "object",
                    "properties": {
                        "value": {
                            "type": ["string", "number", "boolean", "null"],
                            "description": "The constant.",
                        }
                    },
                    "required": ["value"],
                    "additionalProperties": false
                }
            ],
            "examples": ["firstName + \" \" + lastName", { "value": "UK" }]
        })
    }
}

fn compile(column: &str, source: &str) -> Result<Expr, String> {
    Expr::compile(source).map_err(|e| format!("`{column}`: {e}"))
}

impl SetSpec {
    /// The expressions, in their order.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(|value| match value {
            ValueSpec::Expression(expression) => Some(&**expression),
            ValueSpec::Constant(_) => None,
        })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check_names("set", self.0.keys())?;
        for (column, value) in &self.0 {
            if let ValueSpec::Expression(source) = value {
                compile(column, source)?;
            }
        }
        Ok(())
    }

    pub(super) fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
        self.check()?;
        let mut assignments = Vec::with_capacity(self.0.len());
        for (column, value) in &self.0 {
            let value = match value {
                ValueSpec::Constant(constant) => Value::Constant(constant.clone()),
                ValueSpec::Expression(source) => {
                    let expr = compile(column, source)?;
                    let bound = expr.bind(columns, Use::Value, resources.today.day);
                    let bound = bound.map_err(|why| unfit(column, &expr, why))?;
                    Value::Expression(Box::new(bound))
                }
            };
            let slot = columns.add(column);
            columns.hold(slot, value.kinds());
            columns.derive(slot, value.reads().iter().copied());
            assignments.push(Assignment {
                target: (columns.need(column)?.0, slot),
                value,
            });
        }
        Ok(Some(Box::new(Set { assignments })))
    }
}

fn unfit(column: &str, expr: &Expr, why: Unfit) -> BindError {
    let message = match (&why, expr.bare_name()) {
        (Unfit::NoColumn { .. }, Some(name)) => {
            format!("`{column}`: {why}; to set constant text write {{ value: {name} }}")
        }
        _ => format!("`{column}`: {why}"),
    };
    BindError::unfit(message, why)
}

enum Value {
    Constant(Constant),
    Expression(Box<BoundExpr>),
}

impl Value {
    /// What the column holds afterwards.
    fn kinds(&self) -> Kinds {
        match self {
            Value::Constant(Constant::Text(text)) if text.is_empty() => Kinds::EMPTY,
            Value::Constant(Constant::Text(_)) => Kinds::WORDS,
            Value::Constant(Constant::Number(_)) => Kinds::NUMBER,
            Value::Constant(Constant::Bool(_)) => Kinds::BOOL,
            Value::Constant(Constant::Empty) => Kinds::EMPTY,
            Value::Expression(expr) => expr.kinds(),
        }
    }

    /// The physical columns that it is made of.
    fn reads(&self) -> &[usize] {
        match self {
            Value::Constant(_) => &[],
            Value::Expression(expr) => expr.slots(),
        }
    }
}

struct Assignment {
    target: Place,
    value: Value,
}

struct Set {
    assignments: Vec<Assignment>,
}

impl Stage for Set {
    fn apply(&self, batch: &mut Batch) {
        let mut reads = Reads::of(self.assignments.len());
        for Assignment { target, value } in &self.assignments {
            match value {
                Value::Constant(constant) => {
                    set_constant(batch, target.1, constant);
                    reads.changed(target.1);
                }
                Value::Expression(expr) => set_expression(batch, target, expr, &mut reads),
            }
        }
    }

    fn remarks(&self) -> Vec<String> {
        let remarks = self.assignments.iter().flat_map(|assignment| {
            let remarks = match &assignment.value {
                Value::Constant(_) => Vec::new(),
                Value::Expression(expr) => expr.remarks(),
            };
            let column = &assignment.target.0;
            remarks
                .into_iter()
                .map(move |remark| format!("`{column}`: {remark}"))
        });
        remarks.collect()
    }
}

fn set_constant(batch: &mut Batch, slot: usize, constant: &Constant) {
    let value = match constant {
        Constant::Text(text) => batch.append(text, Kind::Text),
        Constant::Number(digits) => batch.append(digits, Kind::Number),
        Constant::Bool(true) => batch.append("true", Kind::Bool),
        Constant::Bool(false) => batch.append("false", Kind::Bool),
        Constant::Empty => EMPTY,
    };
    let mut cells = batch.take_column(slot);
    for (row, cell) in cells.iter_mut().enumerate() {
        if batch.is_live(row) && cell.kind() != Kind::Faulty {
            *cell = value;
        }
    }
    batch.put_column(slot, cells);
}

fn set_expression(batch: &mut Batch, target: &Place, expr: &BoundExpr, reads: &mut Reads) {
    for (row, error) in expr.assign(batch, target.1, reads) {
        let fault = fault(row, "set", &target.0, FAILED, error.into_message());
        batch.reject(fault, Some(target.1));
    }
    reads.changed(target.1);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_faults, check_refused};

    #[test]
    fn expressions_and_constants() {
        check(
            json!(
                r#"{ "set": { "full": "first + ' ' + last", "country": { "value": "UK" }, "code": { "value": "007" },
                    "n": 7, "d": 0.5, "yes": true, "no": { "value": false }, "none": null, "again": "full + country" } }"#
            ),
            json!([["first", "last"], ["Åsa", "Öst"], ["", {}]]),
            json!([
                [
                    "first", "last", "full", "country", "code", "n", "d", "yes", "no", "none",
                    "again"
                ],
                [
                    "Åsa",
                    "Öst",
                    "Åsa Öst",
                    "UK",
                    "007",
                    7,
                    0.5,
                    true,
                    false,
                    "",
                    "Åsa ÖstUK"
                ],
                ["", {}, " ", "UK", "007", 7, 0.5, true, false, "", " UK"]
            ]),
        );
        check(
            json!(r#"{ "set": { "salary": "salary * 2", "old": "salary" } }"#),
            json!([["salary"], [1], [2]]),
            json!([["salary", "old"], [2, 2], [4, 4]]),
        );
        check(
            json!({ "set": { "copy": "row['a b']" } }),
            json!([["a b"], [{"number": "1.10"}], [{}], [{"json": "[1]"}], [{"faulty": "x"}]]),
            json!([["a b", "copy"], [{"number": "1.10"}, {"number": "1.10"}], [{}, {}], [{"json": "[1]"}, {"json": "[1]"}],
                [{"faulty": "x"}, {"faulty": "x"}]]),
        );
    }

    #[test]
    fn what_fails_is_reported_once() {
        check_faults(
            json!({ "set": { "b": "int(a)", "c": "b + 1", "d": "'x'" } }),
            json!([["a"], ["5"], ["five"], [{"faulty": "1"}]]),
            json!([["a", "b", "c", "d"], ["5", 5, 6, "x"], ["five", {"faulty": ""}, {"faulty": ""}, "x"],
                [{"faulty": "1"}, {"faulty": ""}, {"faulty": ""}, "x"]]),
            &[
                "1 set b expression_failed: `int` takes only digits, such as 42 or -7: no blanks, separators or decimal places",
            ],
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (json!({}), "`set` names no column"),
            (
                json!({ "country": "UK" }),
                "`country`: no column `UK` here; to set constant text write { value: UK }",
            ),
            (
                json!({ "x": "firts + 'a'" }),
                "`x`: no column `firts` here, did you mean `first`?",
            ),
            (
                json!({ "x": "first +" }),
                "`x`: line 1, column 8 of the expression: the expression ends too early",
            ),
            (
                json!({ "x": { "valeu": 1 } }),
                "unknown field `valeu`, expected `value`",
            ),
            (json!({ "x": {} }), "missing field `value`"),
            (
                json!({ "x": [1] }),
                "invalid type: sequence, expected an expression, `{ value: ... }`, a number, true, false or null",
            ),
            (
                json!({ "x": 1e300 }),
                "this number is too large to be kept exactly; write { value: \"...\" } with quotes, and a `number` stage after it",
            ),
            (
                json!({ "x": { "value": { "value": 1 } } }),
                "invalid type: map, expected text, a number, true, false or null",
            ),
        ] {
            check_refused(json!({ "set": stage }), &["first"], message);
        }
    }
}
