//! Why the evaluator gave nothing, told with kinds and what was expected, and with no values.

use std::borrow::Cow;

use cel::{ExecutionError, Value};

use super::number;
use super::time::{NO_WHOLE_DAYS, OUT_OF_RANGE};

/// What is said of an error.
pub(super) fn describe(error: &ExecutionError) -> Cow<'static, str> {
    match error {
        ExecutionError::ValuesNotComparable(a, b) => operands("compare", a, b),
        ExecutionError::UnsupportedBinaryOperator(op, a, b) => operands(
            match *op {
                "add" => "add",
                "sub" => "subtract",
                "mul" => "multiply",
                "div" | "rem" => "divide",
                _ => "combine",
            },
            a,
            b,
        ),
        ExecutionError::NoSuchOverload(o) => {
            let types: Vec<&str> = o.argument_types().iter().map(|t| friendly(t)).collect();
            let function = number::written(o.function()).map_or_else(
                || o.function().replace(['_', '@'], ""),
                |operator| operator.to_owned(),
            );
            format!(
                "`{function}` does not take ({}){}",
                types.join(", "),
                hint(&types)
            )
            .into()
        }
        ExecutionError::UndeclaredReference(name) => {
            format!("no function or column `{name}`").into()
        }
        ExecutionError::FunctionError { function, message } => failed(function, message),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and was given {actual}").into()
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".into()
        }
        ExecutionError::Overflow(..) => "the result does not fit 64 bits".into(),
        ExecutionError::IndexOutOfBounds(_) => {
            "the list has no such element; the first one is [0], and `size` tells how many there are".into()
        }
        ExecutionError::NoSuchKey(_) => "the map has no such key".into(),
        ExecutionError::DuplicateKey(_) => "a map has the same key twice".into(),
        ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::MissingArgumentOrTarget => "a value has the wrong type".into(),
        _ => "the expression can't be evaluated for this row".into(),
    }
}

/// A type's name as people know it.
pub(super) fn friendly(name: &str) -> &str {
    match name {
        "null_type" => "null",
        "string" => "text",
        "int" | "uint" | "double" | "float" => "number",
        "bool" => "true or false",
        name => name,
    }
}

fn hint(types: &[&str]) -> &'static str {
    match types.contains(&"text") && types.contains(&"number") {
        true => "; text becomes a number by the `number` stage, or by int() or double()",
        false => "",
    }
}

fn operands(what: &str, a: &Value, b: &Value) -> Cow<'static, str> {
    let kind = |value: &Value| match value {
        Value::String(text) if text.is_empty() => "empty text".to_owned(),
        value => friendly(&value.type_of().to_string()).to_owned(),
    };
    let (a, b) = (kind(a), kind(b));
    let hint = match a == "empty text" || b == "empty text" {
        true => "; say what an empty cell counts for, as in `fte == \"\" ? 0 : fte`",
        false => hint(&[&a, &b]),
    };
    format!("cannot {what} {a} and {b}{hint}").into()
}

/// What a function expected. Its own message may have the value in it.
fn failed(function: &str, message: &str) -> Cow<'static, str> {
    let expected = match (function, message) {
        (_, OUT_OF_RANGE) => "the result is beyond the years 1 to 9999",
        (_, NO_WHOLE_DAYS) => "a date takes whole days, as in days(14)",
        ("int" | "uint", _) if message.contains("empty") => {
            return format!("`{function}` was given empty text").into();
        }
        ("int" | "uint" | number::WHOLE, _)
            if message.contains("large") || message.contains("overflow") =>
        {
            "the number does not fit 64 bits"
        }
        ("int", _) => {
            "`int` takes only digits, such as 42 or -7: no blanks, separators or decimal places"
        }
        ("uint", _) => {
            "`uint` takes only digits, such as 42: no sign, blanks, separators or decimal places"
        }
        ("double", _) if message.contains("empty") => "`double` was given empty text",
        ("double", _) => {
            "`double` takes a plain number, such as -12.50: no blanks, separators or currency signs; \
             a `number` stage reads those"
        }
        (number::WHOLE, _) => "a whole number is needed here, and this one has a fraction",
        ("bool", _) => "`bool` takes `true` or `false`",
        ("date", "empty") => {
            "`date` was given empty text; say what an empty cell means, as in `left == \"\" || date(left) > today()`"
        }
        ("date", _) => {
            "`date` takes a day written YYYY-MM-DD; a `date` stage before it converts other formats"
        }
        ("timestamp", _) => {
            "`timestamp` takes a time written 2026-01-31T09:00:00Z, or seconds since 1970"
        }
        ("duration", _) => "`duration` takes a length written 36h, 90m or 1.5s",
        ("zone", _) => "no such time zone; one is named Europe/London, or +02:00",
        ("substring", _) => {
            "`substring` goes beyond the end of the text, or begins after its own end; `size` tells how long it is"
        }
        ("charAt" | "indexOf" | "lastIndexOf", _) => {
            return format!(
                "`{function}` goes beyond the end of the text; `size` tells how long it is"
            )
            .into();
        }
        _ => return format!("`{function}` can't be applied to this value").into(),
    };
    expected.into()
}
