//! Reads a text piece by piece, as the parts of a format say.

use super::calendar::{DateTime, FIELDS, two_digits};
use super::parts::{Field, Part, Style};

/// No clock is further from UTC, in minutes.
pub(super) const MAX_OFFSET: i64 = 14 * 60;

/// What the pieces of a text say.
#[derive(Default)]
pub(super) struct Read {
    fields: [u16; FIELDS],
    weekday: Option<u8>,
    afternoon: Option<bool>,
    /// How many minutes the clock is ahead of UTC.
    pub(super) offset: Option<i64>,
}

impl Read {
    /// What is known of a text whose first pieces are these fields.
    pub(super) fn of(fields: [u16; FIELDS]) -> Read {
        Read {
            fields,
            ..Read::default()
        }
    }

    /// Takes in the piece that a text begins with, and gives the rest of the text.
    #[inline]
    pub(super) fn piece<'t>(&mut self, part: &Part, text: &'t str) -> Option<&'t str> {
        match part {
            Part::Literal(literal) => text.strip_prefix(&**literal),
            Part::Field(field, style) => self.digits(*field, *style, text),
            Part::HourOfHalf(style) => self.digits(Field::Hour, *style, text),
            Part::Month(word) => {
                let (month, rest) = word.names.strip(text)?;
                self.fields[Field::Month as usize] = month.into();
                Some(without_dot(word.dot, rest))
            }
            Part::Weekday(word) => {
                let (day, rest) = word.names.strip(text)?;
                self.weekday = Some(day);
                Some(without_dot(word.dot, rest))
            }
            Part::Half { .. } => {
                let (afternoon, rest) = half(text)?;
                self.afternoon = Some(afternoon);
                Some(rest)
            }
            Part::Fraction => {
                let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
                (rest.len() < text.len()).then_some(rest)
            }
            Part::Offset => {
                let (offset, rest) = offset(text)?;
                self.offset = Some(offset);
                Some(rest)
            }
        }
    }

    #[inline]
    fn digits<'t>(&mut self, field: Field, style: Style, text: &'t str) -> Option<&'t str> {
        let used = match style {
            Style::Digits(width) => usize::from(width),
            Style::Short => 1 + usize::from(text.as_bytes().get(1).is_some_and(u8::is_ascii_digit)),
        };
        self.fields[field as usize] = number(text.as_bytes().get(..used)?)?;
        text.get(used..)
    }

    /// The date that all pieces make, if the calendar has it. `century_from` is the first of the hundred years that a
    /// year of two digits can mean.
    #[inline]
    pub(super) fn date(&self, century_from: Option<u16>) -> Option<DateTime> {
        let mut fields = self.fields;
        if let Some(first) = century_from {
            fields[Field::Year as usize] =
                first + (fields[Field::Year as usize] + 100 - first % 100) % 100;
        }
        if let Some(afternoon) = self.afternoon {
            let hour = &mut fields[Field::Hour as usize];
            if !(1..=12).contains(hour) {
                return None;
            }
            *hour = *hour % 12 + if afternoon { 12 } else { 0 };
        }
        let when = DateTime::new(fields)?;
        // A date that contradicts itself is none.
        let agrees = self.weekday.is_none_or(|day| day == when.date.weekday());
        agrees.then_some(when)
    }
}

fn without_dot(may: bool, text: &str) -> &str {
    match text.strip_prefix('.') {
        Some(rest) if may => rest,
        _ => text,
    }
}

/// `AM`, `pm`, `a.m.`: whether it is the afternoon, and what follows.
fn half(text: &str) -> Option<(bool, &str)> {
    let afternoon = match text.as_bytes().first()? {
        b'a' | b'A' => false,
        b'p' | b'P' => true,
        _ => return None,
    };
    let rest = text.get(1..)?;
    let dotted = rest.strip_prefix('.');
    let rest = dotted.unwrap_or(rest).strip_prefix(['m', 'M'])?;
    match dotted {
        Some(_) => Some((afternoon, rest.strip_prefix('.')?)),
        None => Some((afternoon, rest)),
    }
}

/// `Z`, `+01:00`, `-0800`, `+01`: how many minutes the clock is ahead of UTC, and what follows.
fn offset(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    // Both are written: the hyphen and the minus.
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix(['-', '\u{2212}'])?),
    };
    let (hours, rest) = pair(rest)?;
    let minutes = pair(rest.strip_prefix(':').unwrap_or(rest));
    let (minutes, rest) = minutes.unwrap_or((0, rest));
    let ahead = i64::from(hours) * 60 + i64::from(minutes);
    (minutes < 60 && ahead <= MAX_OFFSET).then_some((sign * ahead, rest))
}

/// The number of two digits that a text begins with, and what follows.
fn pair(text: &str) -> Option<(u8, &str)> {
    let [tens, ones, ..] = text.as_bytes() else {
        return None;
    };
    Some((two_digits(*tens, *ones)?, text.get(2..)?))
}

/// The number that up to four digits write.
#[inline]
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(value * 10 + u16::from(digit))
    })
}
