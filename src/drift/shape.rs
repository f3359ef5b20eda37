//! What a cell looks like: whether it may be a number or a date, and how that is written.
//!
//! This decides nothing about a row; stages and rules do. It only has to say the same of the same text in every run:
//! shapes are kept between runs, so their list is closed and small. `infer::column::shape` draws what any text looks like, for
//! somebody to read, and keeps nothing; neither can be had from the other.

use serde::{Deserialize, Serialize};

/// What a cell looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    Text,
    /// A whole number.
    Whole,
    /// Digits with a leading zero.
    Padded,
    /// A number with digits behind a point.
    Point,
    /// A number with digits behind a comma.
    Comma,
    /// A number with a point or a comma before three digits, which may be either.
    Grouped,
    /// A number with an exponent.
    Exponent,
    /// A date that begins with the year.
    YearFirst,
    /// A date whose day can only be the first of its numbers.
    DayFirst,
    /// A date whose month can only be the first of its numbers.
    MonthFirst,
    /// A date that may be read both ways.
    Either,
}

/// Numbers, however they are written.
pub(crate) const NUMBERS: &[Shape] = &[
    Shape::Whole,
    Shape::Padded,
    Shape::Point,
    Shape::Comma,
    Shape::Grouped,
    Shape::Exponent,
];

/// Dates.
pub(crate) const DATES: &[Shape] = &[
    Shape::YearFirst,
    Shape::DayFirst,
    Shape::MonthFirst,
    Shape::Either,
];

/// Dates whose year is the last of their numbers.
pub(crate) const YEAR_LAST: &[Shape] = &[Shape::DayFirst, Shape::MonthFirst, Shape::Either];

/// Longer text is never looked at.
const LONGEST: usize = 40;

impl Shape {
    pub(crate) const ALL: [Shape; 11] = [
        Shape::Text,
        Shape::Whole,
        Shape::Padded,
        Shape::Point,
        Shape::Comma,
        Shape::Grouped,
        Shape::Exponent,
        Shape::YearFirst,
        Shape::DayFirst,
        Shape::MonthFirst,
        Shape::Either,
    ];

    /// What a text without blanks around it looks like.
    pub(crate) fn of(text: &str) -> Shape {
        let text = text.as_bytes();
        let may_be = matches!(text.first(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b','));
        if !may_be || text.len() > LONGEST {
            return Shape::Text;
        }
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let found = match text.get(digits) {
            None if digits > 1 && text[0] == b'0' => Some(Shape::Padded),
            None => Some(Shape::Whole),
            Some(b'/' | b'-') if digits > 0 => date(text, digits).or_else(|| number(text)),
            Some(b'.') if (1..=2).contains(&digits) || digits == 4 => {
                date(text, digits).or_else(|| number(text))
            }
            Some(_) => number(text),
        };
        found.unwrap_or(Shape::Text)
    }
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Three numbers with the same character between them, and perhaps a time behind them. The first has so many digits.
fn date(text: &[u8], first: usize) -> Option<Shape> {
    let separator = text[first];
    let rest = &text[first + 1..];
    let second = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if rest.get(second) != Some(&separator) {
        return None;
    }
    let end = &rest[second + 1..];
    let third = end.iter().take_while(|b| b.is_ascii_digit()).count();
    let is_time = |b: &u8| {
        matches!(
            b,
            b'0'..=b'9' | b':' | b'.' | b'+' | b'-' | b'T' | b'Z' | b' ' | b'A' | b'P' | b'M'
        )
    };
    let time = &end[third..];
    if !matches!(time.first(), None | Some(b'T' | b' ')) || !time.iter().all(is_time) {
        return None;
    }
    // None of them has more than four digits where it is made use of.
    let number = |digits: &[u8]| {
        digits
            .iter()
            .take(4)
            .fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    let (a, b, c) = (
        number(&text[..first]),
        number(&rest[..second]),
        number(&end[..third]),
    );
    let (is_day, is_month) = (|n| (1..=31).contains(&n), |n| (1..=12).contains(&n));
    match (first, second, third) {
        (4, 1..=2, 1..=2) => (is_month(b) && is_day(c)).then_some(Shape::YearFirst),
        (1..=2, 1..=2, 2 | 4) => match (is_day(a) && is_month(b), is_month(a) && is_day(b)) {
            (true, true) => Some(Shape::Either),
            (true, false) => Some(Shape::DayFirst),
            (false, true) => Some(Shape::MonthFirst),
            (false, false) => None,
        },
        _ => None,
    }
}

fn number(text: &[u8]) -> Option<Shape> {
    let text = text
        .strip_prefix(b"-")
        .or(text.strip_prefix(b"+"))
        .unwrap_or(text);
    // Some programs write the sign behind the number.
    let text = text.strip_suffix(b"-").unwrap_or(text);
    if let Some(at) = text.iter().position(|b| matches!(b, b'E' | b'e')) {
        let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-"));
        let exponent = exponent.unwrap_or(&text[at + 1..]);
        return (plain(mantissa).is_some() && is_digits(exponent)).then_some(Shape::Exponent);
    }
    plain(text)
}

/// A number without sign and exponent.
fn plain(text: &[u8]) -> Option<Shape> {
    let is_separator = |b: &u8| matches!(b, b'.' | b',');
    if !text.iter().all(|b| b.is_ascii_digit() || is_separator(b)) {
        return None;
    }
    let Some(last) = text.iter().rposition(is_separator) else {
        let is_padded = text.len() > 1 && text.first() == Some(&b'0');
        return is_digits(text).then_some(if is_padded {
            Shape::Padded
        } else {
            Shape::Whole
        });
    };
    let (whole, behind) = (&text[..last], &text[last + 1..]);
    let decimal = match text[last] {
        b'.' => Shape::Point,
        _ => Shape::Comma,
    };
    let groups_of = |sign: u8| {
        let mut groups = whole.split(|b| *b == sign);
        let first = groups.next().unwrap_or_default();
        let is_first = is_digits(first) && first.len() <= 3;
        is_first && groups.all(|group| is_digits(group) && group.len() == 3)
    };
    match whole.iter().find(|b| is_separator(b)) {
        None if behind.len() == 3 && (1..=3).contains(&whole.len()) && whole[0] != b'0' => {
            Some(Shape::Grouped)
        }
        None => (whole.is_empty() || is_digits(whole))
            .then_some(decimal)
            .filter(|_| is_digits(behind)),
        // The same sign again stands between groups, and another one before the decimals.
        Some(sign) if *sign == text[last] => {
            (groups_of(*sign) && behind.len() == 3).then_some(Shape::Grouped)
        }
        Some(sign) => (groups_of(*sign) && is_digits(behind)).then_some(decimal),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_texts_look_like() {
        let check = |texts: &[&str], expected: Shape| {
            for text in texts {
                assert_eq!(Shape::of(text), expected, "{text}");
            }
        };
        check(&["0", "7", "-7", "+12", "12-", "20200131"], Shape::Whole);
        check(&["00", "00012345", "-01"], Shape::Padded);
        check(
            &[
                "1.5",
                ".5",
                "0.125",
                "1,234.50",
                "1234.567",
                "-3.10",
                "1,234,567.8",
            ],
            Shape::Point,
        );
        check(&["1,5", "0,125", "1.234,50", "1234,567"], Shape::Comma);
        check(
            &["1.234", "12,345", "1.234.567", "1,234,567"],
            Shape::Grouped,
        );
        check(&["1E5", "1.23457E+15", "1,2e-3"], Shape::Exponent);
        check(
            &[
                "2020-01-31",
                "2020/1/5",
                "2020-01-31T10:00:00Z",
                "9999.12.31",
            ],
            Shape::YearFirst,
        );
        check(
            &["31.01.2020", "13/12/20", "31-1-2020", "31/01/2020 10:00 PM"],
            Shape::DayFirst,
        );
        check(&["01/31/2020", "12.13.20"], Shape::MonthFirst);
        check(&["01/02/2020", "1.2.20", "12-12-2020"], Shape::Either);
        check(
            &[
                "",
                "Ada",
                "-",
                "+",
                ".",
                "1-2",
                "G5",
                "5 Main St",
                "32/13/2020",
                "00.00.0000",
                "1.2.3",
                "1.23.4",
                "12:30",
                "+44 20 7946",
                "1,,2",
                "1.",
                "E5",
                "2020-13-01",
                "1.234.56",
                "31.01.2020x",
            ],
            Shape::Text,
        );
    }

    proptest! {
        #[test]
        fn any_text_has_a_shape(text in "[0-9.,/+-]{0,12}[ETZe]?\\PC{0,4}") {
            Shape::of(&text);
        }
    }
}
