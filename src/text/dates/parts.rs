//! A format taken apart, and how its fields are written.

use super::calendar::DateTime;

/// A field of a date; its value is its place in the list of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// So many digits, no more and no less.
    Digits(u8),
    /// One digit or two.
    Short,
    /// The first three letters of the month.
    Abbreviated,
    /// The whole name of the month.
    Name,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Box<str>),
    Field(Field, Style),
}

/// Two-digit field of a date.
#[inline]
pub(super) fn value_of(when: DateTime, field: Field) -> u8 {
    match field {
        Field::Year => (when.date.year() % 100) as u8,
        Field::Month => when.date.month(),
        Field::Day => when.date.day(),
        Field::Hour => when.hour,
        Field::Minute => when.minute,
        Field::Second => when.second,
    }
}

/// A number of two digits.
#[inline]
pub(super) fn two(value: u8) -> [u8; 2] {
    [b'0' + value / 10 % 10, b'0' + value % 10]
}

/// A number of four digits.
#[inline]
pub(super) fn four(value: u16) -> [u8; 4] {
    let [a, b] = two((value / 100) as u8);
    let [c, d] = two((value % 100) as u8);
    [a, b, c, d]
}

/// The number that up to four digits write.
#[inline]
pub(super) fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(value * 10 + u16::from(digit))
    })
}

/// Takes a format apart.
pub(super) fn parts_of(source: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut literal = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let (word, after) = rest.split_at(run);
        let part = match word {
            "YYYY" => Part::Field(Field::Year, Style::Digits(4)),
            "M" => Part::Field(Field::Month, Style::Short),
            "MM" => Part::Field(Field::Month, Style::Digits(2)),
            "MMM" => Part::Field(Field::Month, Style::Abbreviated),
            "MMMM" => Part::Field(Field::Month, Style::Name),
            "D" => Part::Field(Field::Day, Style::Short),
            "DD" => Part::Field(Field::Day, Style::Digits(2)),
            "H" => Part::Field(Field::Hour, Style::Short),
            "HH" => Part::Field(Field::Hour, Style::Digits(2)),
            "mm" => Part::Field(Field::Minute, Style::Digits(2)),
            "ss" => Part::Field(Field::Second, Style::Digits(2)),
            _ if first == '[' => {
                let Some((text, after)) = rest[1..].split_once(']') else {
                    return Err(format!("date format `{source}` has a `[` without its `]`"));
                };
                literal.push_str(text);
                rest = after;
                continue;
            }
            _ if first.is_ascii_alphabetic() && word != "T" && word != "Z" => {
                let instead = match first {
                    'Y' => ": years are YYYY, two digits would be ambiguous",
                    'y' => ": years are YYYY",
                    'd' => ": days are DD or D",
                    'h' | 'a' | 'A' => ": hours are HH or H, from 0 to 23",
                    'm' => ": months are MM, minutes are mm",
                    'S' => ": seconds are ss",
                    _ => "; put words into brackets, as in `[week]`",
                };
                return Err(format!("date format `{source}` has `{word}`{instead}"));
            }
            _ => {
                literal.push_str(word);
                rest = after;
                continue;
            }
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal).into()));
        }
        parts.push(part);
        rest = after;
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into()));
    }
    Ok(parts)
}
