//! Formats whose fields are digits at fixed places.

use super::calendar::{DateTime, FIELDS};
use super::parts::{Field, Part, Style, four, two};

/// A format whose fields are digits at fixed places.
///
/// Checking takes eight bytes at a time: after `xor` with the template a digit is 0 to 9 and a literal
/// is 0, and adding what is missing to 0x80 carries every other byte into its high bit. Such a format
/// has at least eight bytes (YYYY, MM and DD), so the last word may overlap the one before.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    /// The literals, with `0` for each digit.
    pub(super) template: Box<[u8]>,
    words: Box<[Word]>,
    /// Where the fields begin.
    pub(super) at: [Option<u8>; FIELDS],
}

/// Eight bytes of the text, and what they must be.
#[derive(Clone, Copy, Debug)]
struct Word {
    start: usize,
    template: u64,
    slack: u64,
}

/// What a text turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Not a date.
    None,
    /// A day with nothing unusual about it.
    Usual,
    /// A date.
    Date(DateTime),
}

/// The number at a place where two digits are known to stand.
#[inline]
fn pair(text: &[u8], at: u8) -> u16 {
    let at = usize::from(at);
    u16::from(text[at] & 15) * 10 + u16::from(text[at + 1] & 15)
}

/// The high bit of every byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

impl Fixed {
    /// The first of these parts, as far as they are digits at fixed places, and how many these are. Nothing where they
    /// are not worth it.
    pub(super) fn head(parts: &[Part]) -> Option<(Fixed, usize)> {
        let is_fixed = |part: &&Part| match part {
            Part::Literal(_) => true,
            Part::Field(field, style) => match style {
                Style::Digits(2) => *field != Field::Year,
                Style::Digits(_) => true,
                Style::Short => false,
            },
            _ => false,
        };
        let used = parts.iter().take_while(is_fixed).count();
        Some((Fixed::new(&parts[..used])?, used))
    }

    fn new(parts: &[Part]) -> Option<Fixed> {
        let mut template = Vec::new();
        let mut slack = Vec::new();
        let mut at = [None; FIELDS];
        for part in parts {
            match part {
                Part::Literal(text) => {
                    template.extend_from_slice(text.as_bytes());
                    slack.resize(template.len(), 0x7f);
                }
                Part::Field(field, Style::Digits(width)) => {
                    at[*field as usize] = Some(template.len() as u8);
                    template.resize(template.len() + usize::from(*width), b'0');
                    slack.resize(template.len(), 0x76);
                }
                _ => return None,
            }
        }
        let last = template.len().checked_sub(8)?;
        let eight = |bytes: &[u8], start: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[start..start + 8]);
            u64::from_le_bytes(word)
        };
        let words = (0..last)
            .step_by(8)
            .chain([last])
            .map(|start| Word {
                start,
                template: eight(&template, start),
                slack: eight(&slack, start),
            })
            .collect();
        Some(Fixed {
            words,
            template: template.into(),
            at,
        })
    }

    /// Whether digits and literals stand where they should.
    #[inline]
    fn matches(&self, text: &[u8]) -> bool {
        let right = |word: &Word| {
            let bytes = text.get(word.start..word.start + 8);
            let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            let differs = u64::from_le_bytes(bytes.unwrap_or_default()) ^ word.template;
            (differs | differs.wrapping_add(word.slack)) & HIGH == 0
        };
        text.len() == self.template.len() && self.words.iter().all(right)
    }

    /// Looks whether a text is a date in this format. Most are days of the last century or this one, before the 29th:
    /// for them no calendar need be asked.
    #[inline]
    pub(super) fn look(&self, text: &[u8]) -> Look {
        if !self.matches(text) {
            return Look::None;
        }
        if let [Some(year), Some(month), Some(day), None, None, None] = self.at {
            let usual = (19..=21).contains(&pair(text, year))
                && (1..=12).contains(&pair(text, month))
                && (1..=28).contains(&pair(text, day));
            if usual {
                return Look::Usual;
            }
        }
        self.parse(text).map_or(Look::None, Look::Date)
    }

    #[inline]
    pub(super) fn parse(&self, text: &[u8]) -> Option<DateTime> {
        DateTime::new(self.fields(text)?)
    }

    /// The fields of a text that has digits and literals where they should be.
    #[inline]
    pub(super) fn fields(&self, text: &[u8]) -> Option<[u16; FIELDS]> {
        if !self.matches(text) {
            return None;
        }
        let mut fields = [0; FIELDS];
        for (value, at) in fields.iter_mut().zip(self.at) {
            if let Some(at) = at {
                *value = pair(text, at);
            }
        }
        if let Some(year) = self.at[Field::Year as usize] {
            fields[0] = fields[0] * 100 + pair(text, year + 2);
        }
        Some(fields)
    }

    #[inline]
    pub(super) fn write(&self, when: DateTime, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.template);
        let text = &mut out[start..];
        let mut put = |field: Field, digits: &[u8]| {
            if let Some(at) = self.at[field as usize] {
                text[usize::from(at)..][..digits.len()].copy_from_slice(digits);
            }
        };
        put(Field::Year, &four(when.date.year()));
        for field in [
            Field::Month,
            Field::Day,
            Field::Hour,
            Field::Minute,
            Field::Second,
        ] {
            put(field, &two(field.of(when)));
        }
    }
}
