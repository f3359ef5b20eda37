//! Numbers in expressions. A cell's number is a `double`, whatever its digits, and what is whole beside one is
//! made a `double`, too: so no operator works for some of a column's numbers and fails for others. Where nothing
//! is computed, all digits count: see [`Exact`].

use std::any::Any;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use cel::common::traits::Comparer;
use cel::common::types::{CelDouble, CelInt, CelString, CelUInt, DYN_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use crate::text::decimal::Number;

/// Makes a double of a whole number, and leaves all else alone.
pub(super) const DOUBLE: &str = "@double";
/// Makes a whole number of a double that is one, and leaves all else alone.
pub(super) const WHOLE: &str = "@whole";
/// Makes text of a number, and leaves all else alone.
pub(super) const TEXT: &str = "@text";
/// Division and its remainder for doubles: by zero is an error, and not infinity.
pub(super) const DIVIDE: &str = "@divide";
pub(super) const REMAINDER: &str = "@remainder";

/// How an operator is written that is a function here.
pub(super) fn written(function: &str) -> Option<&'static str> {
    match function {
        DIVIDE => Some("/"),
        REMAINDER => Some("%"),
        _ => None,
    }
}

static EXACT: Type = Type::new_unspecified_type("double");

/// A number with all its digits: for comparisons with numbers that are not computed either, as text, and as what
/// an expression gives. Everything else knows it as a double.
#[derive(Clone)]
pub(super) struct Exact(Box<str>);

impl Exact {
    pub(super) fn new(text: &str) -> Exact {
        Exact(text.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    fn double(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

/// Without its digits, which may be a cell's.
impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exact")
    }
}

impl Val for Exact {
    fn get_type(&self) -> &Type {
        &EXACT
    }

    fn cel_type() -> &'static Type {
        &EXACT
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.compare(other) == Ok(Ordering::Equal)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Exact {}

impl Comparer for Exact {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let error = || ExecutionError::UnexpectedType {
            got: other.get_type().name().to_owned(),
            want: "double".to_owned(),
        };
        let Some(other) = other.downcast_ref::<Exact>() else {
            return CelDouble::from(self.double()).compare(other);
        };
        match (Number::parse(&self.0), Number::parse(&other.0)) {
            (Some(one), Some(two)) => Ok(one.cmp(&two)),
            // An exponent past all reason.
            _ => self.double().partial_cmp(&other.double()).ok_or_else(error),
        }
    }
}

/// Writes a number that was computed: without exponent, a whole one with all its digits, any other with 15
/// significant ones, as a spreadsheet has them, so that `0.1 + 0.2` is `0.3`.
pub(super) fn write(number: f64, out: &mut String) {
    let rounded = match number.fract() == 0.0 {
        true => number,
        false => format!("{number:.14e}").parse().unwrap_or(number),
    };
    // Zero has no sign to whoever reads it.
    let _ = write!(out, "{}", rounded + 0.0);
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    cel::add_overload!(env, fn int_of_exact: (Exact) -> Result<CelInt>, name = "int")?;
    cel::add_overload!(env, fn double_of_exact: (Exact) -> CelDouble, name = "double")?;
    cel::add_overload!(env, fn uint_of_exact: (Exact) -> Result<CelUInt>, name = "uint")?;
    cel::add_overload!(env, fn double_of_int: (CelInt) -> CelDouble, name = DOUBLE)?;
    cel::add_overload!(env, fn double_of_uint: (CelUInt) -> CelDouble, name = DOUBLE)?;
    cel::add_overload!(env, fn whole_of_double: (CelDouble) -> Result<CelInt>, name = WHOLE)?;
    cel::add_overload!(env, fn text_of_exact: (Exact) -> CelString, name = TEXT, id = "exact")?;
    cel::add_overload!(env, fn text_of_double: (CelDouble) -> CelString, name = TEXT)?;
    for name in [DOUBLE, WHOLE, TEXT] {
        env.add_overload(name, "any", vec![DYN_TYPE], unchanged)?;
    }
    cel::add_overload!(env, fn divide: (CelDouble, CelDouble) -> Result<CelDouble>, name = DIVIDE)?;
    cel::add_overload!(env, fn remainder: (CelDouble, CelDouble) -> Result<CelDouble>, name = REMAINDER)?;
    Ok(())
}

fn int_of_exact(number: &Exact) -> Result<CelInt, ExecutionError> {
    match number.0.parse::<i64>() {
        Ok(whole) => Ok(CelInt::from(whole)),
        Err(_) => truncated(number.double(), "int").map(CelInt::from),
    }
}

fn uint_of_exact(number: &Exact) -> Result<CelUInt, ExecutionError> {
    let too_large = |_| ExecutionError::function_error("uint", "too large");
    match number.0.parse::<u64>() {
        Ok(whole) => Ok(CelUInt::from(whole)),
        Err(_) => {
            let whole = truncated(number.double(), "uint")?;
            u64::try_from(whole).map(CelUInt::from).map_err(too_large)
        }
    }
}

fn double_of_exact(number: &Exact) -> CelDouble {
    CelDouble::from(number.double())
}

/// The whole part of a number, as far as an int has room for it.
fn truncated(number: f64, function: &str) -> Result<i64, ExecutionError> {
    // The bounds are the powers of two; both are doubles, and only the lower one is an int.
    match number > i64::MIN as f64 && number < -(i64::MIN as f64) {
        true => Ok(number as i64),
        false => Err(ExecutionError::function_error(function, "too large")),
    }
}

fn double_of_int(number: &CelInt) -> CelDouble {
    CelDouble::from(*number.inner() as f64)
}

fn double_of_uint(number: &CelUInt) -> CelDouble {
    CelDouble::from(*number.inner() as f64)
}

fn whole_of_double(number: &CelDouble) -> Result<CelInt, ExecutionError> {
    match number.fract() == 0.0 {
        true => truncated(*number.inner(), WHOLE).map(CelInt::from),
        false => Err(ExecutionError::function_error(WHOLE, "not whole")),
    }
}

fn text_of_exact(number: &Exact) -> CelString<'static> {
    number.0.to_string().into()
}

fn text_of_double(number: &CelDouble) -> CelString<'static> {
    let mut text = String::new();
    write(*number.inner(), &mut text);
    text.into()
}

fn unchanged<'b, 'v>(mut values: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    values.pop().ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn divide(one: &CelDouble, by: &CelDouble) -> Result<CelDouble, ExecutionError> {
    match *by.inner() == 0.0 {
        true => Err(ExecutionError::DivisionByZero(0i64.into())),
        false => Ok(CelDouble::from(one.inner() / by.inner())),
    }
}

fn remainder(one: &CelDouble, by: &CelDouble) -> Result<CelDouble, ExecutionError> {
    match *by.inner() == 0.0 {
        true => Err(ExecutionError::RemainderByZero(0i64.into())),
        false => Ok(CelDouble::from(one.inner() % by.inner())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(number: f64) -> String {
        let mut out = String::new();
        write(number, &mut out);
        out
    }

    #[test]
    fn what_is_computed_is_written_as_people_do() {
        for (number, expected) in [
            (0.1 + 0.2, "0.3"),
            (1234567.89 * 100.0, "123456789"),
            (50000.5 * 2.0, "100001"),
            (7.0 * 2.0, "14"),
            (1.0 / 3.0, "0.333333333333333"),
            (-2.5, "-2.5"),
            (-0.0, "0"),
            (1e-7, "0.0000001"),
            (9007199254740991.0, "9007199254740991"),
            (1e21, "1000000000000000000000"),
            (123_456_789.123_456_79, "123456789.123457"),
        ] {
            assert_eq!(written(number), expected, "{number:e}");
        }
    }

    proptest! {
        #[test]
        fn amounts_stay_what_they_are(cents in -10i64.pow(15)..10i64.pow(15)) {
            let sign = if cents < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
            let shortest = match text.trim_end_matches('0') {
                short if short.ends_with('.') => short.trim_end_matches('.'),
                short => short,
            };
            let shortest = if cents == 0 { "0" } else { shortest };
            prop_assert_eq!(written(text.parse().unwrap()), shortest);
        }

        #[test]
        fn any_number_is_written_as_one_in_json(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let text = written(number);
            prop_assert!(crate::text::decimal::is_json_number(&text), "{}", text);
            let again: f64 = text.parse().unwrap();
            prop_assert!((again - number).abs() <= number.abs() * 1e-14);
        }
    }
}
