//! A format: compiled once, read and written many times.

use super::calendar::{DateTime, FIELDS};
use super::fixed::Fixed;
use super::parts::{Field, Part, Style, four, number, parts_of, two, value_of};
use crate::text::scan::is_plain;

/// Longest format in bytes; what it writes is eight bytes longer at most (`MMMM` may grow by five, `M`, `D` and
/// `H` by one each).
const MAX_FORMAT: usize = 48;

/// English month names, as their first three letters and whole.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A compiled date format.
#[derive(Clone, Debug)]
pub struct Format {
    source: Box<str>,
    parts: Box<[Part]>,
    pub(super) fixed: Option<Fixed>,
}

impl Format {
    /// Compiles a format. It must have year, month and day, each once; the message says what is wrong.
    pub fn compile(source: &str) -> Result<Format, String> {
        if source.len() > MAX_FORMAT {
            return Err(format!(
                "a date format has at most {MAX_FORMAT} bytes, this one has {}",
                source.len()
            ));
        }
        let parts = parts_of(source)?;
        let has = |field| {
            parts
                .iter()
                .filter(|p| matches!(p, Part::Field(f, _) if *f == field))
                .count()
        };
        for (field, word, name) in [
            (Field::Year, "YYYY", "year"),
            (Field::Month, "MM", "month"),
            (Field::Day, "DD", "day"),
            (Field::Hour, "HH", "hour"),
            (Field::Minute, "mm", "minute"),
            (Field::Second, "ss", "second"),
        ] {
            match has(field) {
                0 if (field as usize) < 3 => {
                    let hint = match field {
                        Field::Month if has(Field::Minute) > 0 => ": `mm` is minutes",
                        _ => "",
                    };
                    return Err(format!(
                        "date format `{source}` has no {name} ({word}){hint}"
                    ));
                }
                0 | 1 => {}
                _ => return Err(format!("date format `{source}` has the {name} twice")),
            }
        }
        for pair in parts.windows(2) {
            // How far a field of one or two digits reaches would be a guess.
            let digits_follow = match &pair[1] {
                Part::Literal(text) => text.starts_with(|c: char| c.is_ascii_digit()),
                Part::Field(_, style) => matches!(style, Style::Digits(_) | Style::Short),
            };
            if digits_follow && matches!(pair[0], Part::Field(_, Style::Short)) {
                return Err(format!(
                    "date format `{source}` is ambiguous: after a field of one or two digits there must be something other than a digit"
                ));
            }
        }
        Ok(Format {
            source: source.into(),
            fixed: Fixed::new(&parts),
            parts: parts.into(),
        })
    }

    /// The format as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The finest field of the time of day that the format has: 0 for none, 1 hours, 2 minutes, 3 seconds.
    pub fn time_fields(&self) -> u8 {
        let finest = self.parts.iter().map(|part| match part {
            Part::Field(field, _) => (*field as u8).saturating_sub(Field::Day as u8),
            Part::Literal(_) => 0,
        });
        finest.max().unwrap_or(0)
    }

    /// Reads a text that is a date in this format from its first byte to its last, and that the
    /// calendar has.
    #[inline]
    pub fn parse(&self, text: &str) -> Option<DateTime> {
        match &self.fixed {
            Some(fixed) => fixed.parse(text.as_bytes()),
            None => self.interpret(text.as_bytes()),
        }
    }

    /// Reads piece by piece: for formats whose fields are not always at the same place.
    pub(super) fn interpret(&self, mut rest: &[u8]) -> Option<DateTime> {
        let mut fields = [0u16; FIELDS];
        for part in &self.parts {
            let (used, value, field) = match part {
                Part::Literal(literal) => {
                    rest = rest.strip_prefix(literal.as_bytes())?;
                    continue;
                }
                Part::Field(field, Style::Digits(width)) => {
                    let digits = rest.get(..usize::from(*width))?;
                    (digits.len(), number(digits)?, *field)
                }
                Part::Field(field, Style::Short) => {
                    let used = 1 + usize::from(rest.get(1).is_some_and(u8::is_ascii_digit));
                    (used, number(rest.get(..used)?)?, *field)
                }
                Part::Field(field, Style::Abbreviated) => {
                    let word = rest.get(..3)?;
                    let month = MONTHS
                        .iter()
                        .position(|m| m.as_bytes()[..3].eq_ignore_ascii_case(word))?;
                    (3, month as u16 + 1, *field)
                }
                Part::Field(field, Style::Name) => {
                    let month = MONTHS.iter().position(|m| {
                        rest.get(..m.len())
                            .is_some_and(|word| word.eq_ignore_ascii_case(m.as_bytes()))
                    })?;
                    (MONTHS[month].len(), month as u16 + 1, *field)
                }
            };
            rest = &rest[used..];
            fields[field as usize] = value;
        }
        if !rest.is_empty() {
            return None;
        }
        DateTime::new(fields)
    }

    /// Appends a date in this format: always UTF-8. Fields that the format does not have are left out.
    #[inline]
    pub fn write(&self, when: DateTime, out: &mut Vec<u8>) {
        match &self.fixed {
            Some(fixed) => fixed.write(when, out),
            None => self.spell(when, out),
        }
    }

    /// Whether everything that it writes is [plain](is_plain).
    pub fn is_plain(&self) -> bool {
        is_plain(self.source.as_bytes())
    }

    /// Writes piece by piece.
    fn spell(&self, when: DateTime, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
                Part::Field(Field::Month, Style::Name) => {
                    out.extend_from_slice(MONTHS[usize::from(when.date.month() - 1)].as_bytes());
                }
                Part::Field(Field::Month, Style::Abbreviated) => {
                    out.extend_from_slice(
                        &MONTHS[usize::from(when.date.month() - 1)].as_bytes()[..3],
                    );
                }
                Part::Field(Field::Year, _) => out.extend_from_slice(&four(when.date.year())),
                Part::Field(field, style) => {
                    let digits = two(value_of(when, *field));
                    let short = *style == Style::Short && digits[0] == b'0';
                    out.extend_from_slice(&digits[usize::from(short)..]);
                }
            }
        }
    }
}
