//! Exact decimals on text: JSON's number grammar, and comparing without floats.

use std::cmp::Ordering;

/// Largest exponent, either way, that can be compared: far past what any number type holds.
const MAX_EXPONENT: i64 = 99_999;

/// A number in JSON's grammar, as pieces of its text: any length, every digit counts.
///
/// Equality and order are those of the values: `1.0` equals `1` and `1e0`. No `Debug`, since it may
/// hold a cell's value.
#[derive(Clone, Copy)]
pub struct Number<'a> {
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    /// Whether there is an `e`, and what follows.
    scientific: bool,
    exponent: i64,
}

impl<'a> Number<'a> {
    /// Reads a text that is a JSON number from its first byte to its last. Nothing for an exponent
    /// past 99,999 either way.
    pub fn parse(text: &'a str) -> Option<Number<'a>> {
        let (mut number, exponent) = grammar(text.as_bytes())?;
        if let Some((negative, digits)) = exponent {
            let digits = without_zeros(digits);
            if digits.len() > 5 {
                return None;
            }
            let value = digits
                .iter()
                .fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
            debug_assert!(value <= MAX_EXPONENT);
            number.exponent = if negative { -value } else { value };
        }
        Some(number)
    }

    /// Whether it is written as an integer: no fraction, not even `.0`, and no exponent.
    pub fn is_integer(&self) -> bool {
        self.fraction.is_empty() && !self.scientific
    }

    /// How many digits there are from the first that is not zero to the last that is not zero.
    pub fn significant_digits(&self) -> usize {
        let digits = self.integer.iter().chain(self.fraction);
        let mut places = digits.enumerate().filter(|(_, digit)| **digit != b'0');
        match places.next() {
            Some((first, _)) => places.last().map_or(1, |(last, _)| last - first + 1),
            None => 0,
        }
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        let zero = self.integer.iter().chain(self.fraction).all(|d| *d == b'0');
        match (zero, self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Power of ten just above the number, and its digits from the first that is not zero.
    /// Not for zero.
    fn magnitude(&self) -> (i64, impl Iterator<Item = u8>) {
        let integer = without_zeros(self.integer);
        let (fraction, top) = if integer.is_empty() {
            let fraction = without_zeros(self.fraction);
            (fraction, fraction.len() as i64 - self.fraction.len() as i64)
        } else {
            (self.fraction, integer.len() as i64)
        };
        (top + self.exponent, integer.iter().chain(fraction).copied())
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = self.sign();
        match sign.cmp(&other.sign()) {
            Ordering::Equal if sign == 0 => Ordering::Equal,
            Ordering::Equal => {
                let ((top, mine), (other_top, theirs)) = (self.magnitude(), other.magnitude());
                let order = top.cmp(&other_top).then_with(|| digits(mine, theirs));
                if sign < 0 { order.reverse() } else { order }
            }
            order => order,
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number<'_> {}

/// Compares two rows of digits that begin at the same power of ten.
fn digits(mut a: impl Iterator<Item = u8>, mut b: impl Iterator<Item = u8>) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => match x.unwrap_or(b'0').cmp(&y.unwrap_or(b'0')) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

/// A number that is kept: a limit of a rule.
#[derive(Clone, Debug)]
pub struct Decimal {
    negative: bool,
    /// Integer and fraction without their point.
    digits: Box<[u8]>,
    exponent: i64,
}

impl Decimal {
    /// Reads as [`Number::parse`] does.
    pub fn parse(text: &str) -> Option<Decimal> {
        let number = Number::parse(text)?;
        Some(Decimal {
            negative: number.negative,
            digits: [number.integer, number.fraction].concat().into(),
            exponent: number.exponent - number.fraction.len() as i64,
        })
    }

    /// The number, for comparing.
    #[inline]
    pub fn number(&self) -> Number<'_> {
        Number {
            negative: self.negative,
            integer: &self.digits,
            fraction: &[],
            scientific: false,
            exponent: self.exponent,
        }
    }
}

/// Whether a text is a JSON number from its first byte to its last, of any length and exponent.
pub fn is_json_number(text: &str) -> bool {
    grammar(text.as_bytes()).is_some()
}

/// The digits without the zeros before the first other one.
fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    &digits[zeros..]
}

/// Sign and digits of an exponent.
type Exponent<'a> = (bool, &'a [u8]);

/// JSON's grammar: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
#[inline]
fn grammar(text: &[u8]) -> Option<(Number<'_>, Option<Exponent<'_>>)> {
    let (negative, rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let (integer, rest) = leading_digits(rest);
    if integer.is_empty() || (integer[0] == b'0' && integer.len() > 1) {
        return None;
    }
    let (fraction, rest) = match rest.split_first() {
        Some((b'.', rest)) => match leading_digits(rest) {
            ([], _) => return None,
            found => found,
        },
        _ => (&rest[..0], rest),
    };
    let exponent = match rest.split_first() {
        None => None,
        Some((b'e' | b'E', rest)) => {
            let (negative, rest) = match rest.split_first() {
                Some((b'-', rest)) => (true, rest),
                Some((b'+', rest)) => (false, rest),
                _ => (false, rest),
            };
            match leading_digits(rest) {
                ([], _) => return None,
                (digits, []) => Some((negative, digits)),
                _ => return None,
            }
        }
        Some(_) => return None,
    };
    let number = Number {
        negative,
        integer,
        fraction,
        scientific: exponent.is_some(),
        exponent: 0,
    };
    Some((number, exponent))
}

/// The digits that a text begins with, and what follows them.
#[inline]
pub(crate) fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NUMBERS: [&str; 20] = [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "1.0",
        "0.5",
        "-0.50",
        "1234567890123456789012345678901234567890",
        "0.0000000000000000000000000000000000000001",
        "1e5",
        "1E+5",
        "1e-5",
        "-1.5e10",
        "0e0",
        "1e00005",
        "1e99999",
        "1e-99999",
        "100.001",
        "9",
    ];

    #[test]
    fn follows_the_grammar() {
        for text in NUMBERS {
            assert!(is_json_number(text), "{text}");
            assert!(Number::parse(text).is_some(), "{text}");
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok());
        }
        for text in [
            "", "-", "+1", "01", "-01", ".5", "1.", "1.e5", "1e", "1e+", "1e5x", "1 ", " 1", "1,5",
            "0x10", "NaN", "Infinity", "--1", "1.2.3", "１", "1_000",
        ] {
            assert!(!is_json_number(text), "{text}");
            assert!(Number::parse(text).is_none(), "{text}");
        }
        for text in ["1e100000", "1e-100000", "0e999999999999999999999999"] {
            assert!(is_json_number(text));
            assert!(Number::parse(text).is_none());
        }
    }

    #[test]
    fn compares() {
        #[track_caller]
        fn check(a: &str, b: &str, expected: Ordering) {
            let (x, y) = (Number::parse(a).unwrap(), Number::parse(b).unwrap());
            assert_eq!(x.cmp(&y), expected, "{a} {b}");
            assert_eq!(y.cmp(&x), expected.reverse(), "{b} {a}");
            let kept = Decimal::parse(b).unwrap();
            assert_eq!(x.cmp(&kept.number()), expected, "{a} kept {b}");
        }
        use Ordering::*;
        check("0", "-0", Equal);
        check("0.00", "0e5", Equal);
        check("1", "1.000", Equal);
        check("1e2", "100", Equal);
        check("0.01e2", "1", Equal);
        check("12.50", "12.5", Equal);
        check("12.50", "12.51", Less);
        check("-12.50", "-12.51", Greater);
        check("-1", "0", Less);
        check("-1", "1", Less);
        check("9", "10", Less);
        check("0.09", "0.1", Less);
        check("0.009", "0.08", Less);
        check("9007199254740993", "9007199254740992", Greater);
        check("0.1", "0.1000000000000000000000000000000001", Less);
        check("1e99999", "9e99998", Greater);
        check("1e-99999", "0", Greater);
        check("-1e99999", "1e-99999", Less);
    }

    #[test]
    fn counts_digits() {
        for (text, digits) in [
            ("0", 0),
            ("0.00", 0),
            ("1", 1),
            ("100", 1),
            ("-0.0012", 2),
            ("1.50", 2),
            ("1001", 4),
            ("12.34e5", 4),
        ] {
            let number = Number::parse(text).unwrap();
            assert_eq!(number.significant_digits(), digits, "{text}");
        }
    }

    /// `value` / 10^`scale`, written out.
    fn written(value: i128, scale: usize) -> String {
        let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
        let (integer, fraction) = digits.split_at(digits.len() - scale);
        let sign = if value < 0 { "-" } else { "" };
        match scale {
            0 => format!("{sign}{integer}"),
            _ => format!("{sign}{integer}.{fraction}"),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_scaled_integers(
            a in -10i128.pow(15)..10i128.pow(15), sa in 0usize..12, ea in -3i32..=3,
            b in -10i128.pow(15)..10i128.pow(15), sb in 0usize..12, near in -2i128..=2, same in any::<bool>(),
        ) {
            // Half of the pairs are close to each other, where mistakes are.
            let (b, sb) = if same { (a + near, sa) } else { (b, sb) };
            let scaled = |v: i128, s: usize, e: i32| v * 10i128.pow((20 - s as i32 + e) as u32);
            let expected = scaled(a, sa, ea).cmp(&scaled(b, sb, 0));
            let (x, y) = (format!("{}e{ea}", written(a, sa)), written(b, sb));
            let (x, y) = (Number::parse(&x).unwrap(), Number::parse(&y).unwrap());
            prop_assert_eq!(x.cmp(&y), expected);
        }

        #[test]
        fn accepts_what_serde_json_accepts(text in "-?[0-9]{0,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?|[-+0-9.eE]{0,8}") {
            let json = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(is_json_number(&text), json);
        }
    }
}
