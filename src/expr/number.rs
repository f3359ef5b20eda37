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
        double(&self.0)
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
        compared(&self.0, &other.0).ok_or_else(error)
    }
}

/// How two numbers are ordered that are written out.
pub(super) fn compared(one: &str, two: &str) -> Option<Ordering> {
    match (Number::parse(one), Number::parse(two)) {
        (Some(one), Some(two)) => Some(one.cmp(&two)),
        // An exponent past all reason.
        _ => double(one).partial_cmp(&double(two)),
    }
}

/// Writes a number that was computed: without exponent, a whole one with all its digits, any other with 15
/// significant ones, as a spreadsheet has them, so that `0.1 + 0.2` is `0.3`.
pub(super) fn write(number: f64, out: &mut String) {
    if let Some((digits, decimals)) = scaled(number) {
        return write_scaled(digits, decimals, out);
    }
    let rounded = match number.fract() == 0.0 {
        true => number,
        false => format!("{number:.14e}").parse().unwrap_or(number),
    };
    // Zero has no sign to whoever reads it.
    let _ = write!(out, "{}", rounded + 0.0);
}

/// Most significant digits that doubles keep of any number (`DBL_DIG` of C).
const DIGITS: u32 = 15;

/// Powers of ten.
const TENS: [f64; DIGITS as usize + 2] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
];

/// An amount with 15 significant digits as a whole number and how many of its digits are decimals, where multiplication
/// is enough to tell: two products that round to the same are what exact arithmetic rounds to.
fn scaled(number: f64) -> Option<(i64, u32)> {
    const LEAST: f64 = 0.01;
    const MOST: f64 = 1e15;
    let size = number.abs();
    if size >= MOST || size.is_nan() {
        return None;
    }
    let whole = size as u64;
    if whole as f64 == size {
        return Some((number as i64, 0));
    }
    let decimals = match whole.checked_ilog10() {
        Some(more) => DIGITS - 1 - more,
        None if size < LEAST => return None,
        None if size < 0.1 => DIGITS + 1,
        None => DIGITS,
    };
    // A power of ten up to 10^22 is a double; the product is off by half of its last place at most, which is less than an
    // eighth below 10^15.
    let product = size * TENS[decimals as usize];
    let below = product as u64;
    let rest = product - below as f64;
    let digits = below + u64::from(rest > 0.5);
    let is_certain = (rest - 0.5).abs() > 0.25 && digits < MOST as u64;
    let digits = i64::try_from(digits).ok().filter(|_| is_certain)?;
    Some((if number < 0.0 { -digits } else { digits }, decimals))
}

fn write_scaled(digits: i64, decimals: u32, out: &mut String) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(digits.unsigned_abs());
    if digits < 0 {
        out.push('-');
    }
    let decimals = decimals as usize;
    let before = text.len().saturating_sub(decimals);
    out.push_str(if before == 0 { "0" } else { &text[..before] });
    let rest = text[before..].trim_end_matches('0');
    if !rest.is_empty() {
        out.push('.');
        out.extend(std::iter::repeat_n('0', decimals - (text.len() - before)));
        out.push_str(rest);
    }
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
    whole_part(&number.0).map(CelInt::from)
}

/// The whole part of a number that is written out.
pub(super) fn whole_part(number: &str) -> Result<i64, ExecutionError> {
    match number.parse() {
        Ok(whole) => Ok(whole),
        Err(_) => truncated(double(number), "int"),
    }
}

fn double(number: &str) -> f64 {
    number.parse().unwrap_or(f64::NAN)
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
pub(super) fn truncated(number: f64, function: &str) -> Result<i64, ExecutionError> {
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

        /// As its digits are without a shortcut.
        #[test]
        fn a_shortcut_leads_to_the_same_digits(mantissa in -10i64.pow(16)..10i64.pow(16), scale in 0..20i32, off in -3i64..3) {
            for number in [
                mantissa as f64 / 10f64.powi(scale),
                f64::from_bits((mantissa as f64 / 10f64.powi(scale)).to_bits().wrapping_add_signed(off)),
                (mantissa as f64 + 0.5) / 10f64.powi(scale),
            ] {
                if number.is_finite() && number != 0.0 {
                    let rounded: f64 = format!("{number:.14e}").parse().unwrap();
                    let expected = if number.fract() == 0.0 { number } else { rounded };
                    prop_assert_eq!(written(number), expected.to_string());
                }
            }
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
