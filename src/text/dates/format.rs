//! A format: compiled once, read and written many times.

use super::calendar::{Date, DateTime};
use super::fixed::Fixed;
use super::names::{english_day, english_month};
use super::numbers::Numbers;
use super::parts::{Field, Part, Settings, Style, Word, check, four, parts_of, two};
use super::read::Read;
use super::zone::Zone;
use crate::text::scan::is_plain;

/// Longest format in bytes.
const MAX_FORMAT: usize = 48;

/// A compiled date format.
#[derive(Clone, Debug)]
pub struct Format {
    source: Box<str>,
    /// None of numbers.
    parts: Box<[Part]>,
    /// The first of the parts, as far as they are digits at fixed places, and how many these are.
    head: Option<(Fixed, usize)>,
    numbers: Option<Numbers>,
    /// The first year that `YY` can mean; none where years have four digits.
    century_from: Option<u16>,
    /// Whose day a moment becomes; none where the format has no moments.
    zone: Option<Zone>,
}

impl Format {
    /// Compiles a format by which texts mean what they say: English names, and days as they are written.
    ///
    /// # Errors
    /// As [`Format::with`].
    pub fn compile(source: &str) -> Result<Format, String> {
        Format::with(source, &Settings::default())
    }

    /// Compiles a format. It must have year, month and day, each once, or be numbers; the message says what is wrong.
    pub fn with(source: &str, settings: &Settings) -> Result<Format, String> {
        if source.len() > MAX_FORMAT {
            return Err(format!(
                "a date format has at most {MAX_FORMAT} bytes, this one has {}",
                source.len()
            ));
        }
        let numbers = Numbers::named(source)?;
        let parts = match numbers {
            Some(_) => Vec::new(),
            None => parts_of(source, settings)?,
        };
        if numbers.is_none() {
            check(source, &parts)?;
        }
        let mut format = Format {
            source: source.into(),
            head: Fixed::head(&parts),
            century_from: settings.century_from.filter(|_| has_short_year(&parts)),
            parts: parts.into(),
            numbers,
            zone: None,
        };
        if format.has_moments() {
            format.zone = settings.zone.clone();
        }
        Ok(format)
    }

    /// The whole of the format, where all of it is digits at fixed places.
    #[inline]
    pub(super) fn fixed(&self) -> Option<&Fixed> {
        let (fixed, parts) = self.head.as_ref()?;
        (*parts == self.parts.len()).then_some(fixed)
    }

    /// The format as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The finest field of the time of day that the format has: 0 for none, 1 hours, 2 minutes, 3 seconds.
    pub fn time_fields(&self) -> u8 {
        if self.numbers.is_some() {
            return 3;
        }
        let finest = self.parts.iter().map(|part| match part {
            Part::Field(field, _) => (*field as u8).saturating_sub(Field::Day as u8),
            Part::HourOfHalf(_) => 1,
            _ => 0,
        });
        finest.max().unwrap_or(0)
    }

    /// Whether its texts are moments: they tell how far their clock is from UTC. A day with an offset and without a
    /// time of day is a day all the same.
    pub(crate) fn has_moments(&self) -> bool {
        self.numbers.is_some_and(Numbers::are_moments)
            || self.time_fields() > 0 && self.parts.contains(&Part::Offset)
    }

    /// Whether it has a year of two digits.
    pub(crate) fn has_short_year(&self) -> bool {
        self.century_from.is_some()
    }

    /// Whether it has names of months or days.
    pub(crate) fn has_names(&self) -> bool {
        let is_name = |part: &Part| matches!(part, Part::Month(_) | Part::Weekday(_));
        self.parts.iter().any(is_name)
    }

    /// What of it is only read: dates can't be written so.
    pub(crate) fn only_read(&self) -> Option<&str> {
        if self.numbers.is_some() {
            return Some(&self.source);
        }
        self.parts.iter().find_map(|part| match part {
            Part::Field(Field::Year, Style::Digits(2)) => Some("YY"),
            Part::Fraction => Some("SSS"),
            Part::Offset => Some("Z"),
            _ => None,
        })
    }

    /// Reads a text that is a date in this format from its first byte to its last, and that the
    /// calendar has.
    #[inline]
    pub fn parse(&self, text: &str) -> Option<DateTime> {
        if let Some(fixed) = self.fixed() {
            return fixed.parse(text.as_bytes());
        }
        if let Some(numbers) = self.numbers {
            return numbers.parse(text, self.zone.as_ref());
        }
        let Some((fixed, used)) = &self.head else {
            return self.interpret(text);
        };
        let (head, rest) = text.split_at_checked(fixed.template.len())?;
        let read = Read::of(fixed.fields(head.as_bytes())?);
        self.go_on(read, &self.parts[*used..], rest)
    }

    /// Reads piece by piece from the beginning.
    pub(super) fn interpret(&self, text: &str) -> Option<DateTime> {
        self.go_on(Read::default(), &self.parts, text)
    }

    /// Reads the rest of a text piece by piece.
    fn go_on(&self, mut read: Read, parts: &[Part], mut text: &str) -> Option<DateTime> {
        for part in parts {
            text = read.piece(part, text)?;
        }
        if !text.is_empty() {
            return None;
        }
        let when = read.date(self.century_from)?;
        let (Some(zone), Some(offset)) = (&self.zone, read.offset) else {
            return Some(when);
        };
        // A day at the calendar's end has no other beside it.
        Some(zone.at(when.seconds() - offset * 60).unwrap_or(when))
    }

    /// Appends a date in this format: always UTF-8. Fields that the format does not have are left out.
    #[inline]
    pub fn write(&self, when: DateTime, out: &mut Vec<u8>) {
        match self.fixed() {
            Some(fixed) => fixed.write(when, out),
            None => {
                self.spell(when, 0, out);
            }
        }
    }

    /// Whether everything that it writes is [plain](is_plain).
    pub fn is_plain(&self) -> bool {
        is_plain(self.source.as_bytes())
    }

    /// How texts of this format have a day at midnight. With names there are too many ways.
    pub(crate) fn example(&self, day: Date) -> Option<String> {
        let when = DateTime::midnight(day);
        let mut text = Vec::new();
        self.write(when, &mut text);
        let text = String::from_utf8(text).ok()?;
        let is_the_only_way = !self.has_names() && self.parse(&text)?.date == day;
        is_the_only_way.then_some(text)
    }

    /// Writes piece by piece, in one of the ways in which a date can be written; says whether there are as many ways.
    pub(super) fn spell(&self, when: DateTime, mut way: usize, out: &mut Vec<u8>) -> bool {
        if let Some(numbers) = self.numbers {
            numbers.write(when, out);
        }
        for part in &self.parts {
            let (ways, of_part) = (ways(part, when), way);
            way /= ways;
            spell(part, when, of_part % ways, out);
        }
        way == 0
    }
}

fn has_short_year(parts: &[Part]) -> bool {
    parts.contains(&Part::Field(Field::Year, Style::Digits(2)))
}

/// How offsets are written; the first way is the one that means nothing but UTC.
const OFFSETS: [&str; 4] = ["Z", "-0800", "+13:00", "+01"];

/// In how many ways a part of a date can be written.
fn ways(part: &Part, when: DateTime) -> usize {
    match part {
        Part::Field(field, Style::Short) => 1 + usize::from(field.of(when) < 10),
        Part::HourOfHalf(Style::Short) => 1 + usize::from(hour_of_half(when) < 10),
        Part::Month(word) => word.ways(when.date.month()),
        Part::Weekday(word) => word.ways(when.date.weekday()),
        Part::Offset => OFFSETS.len(),
        _ => 1,
    }
}

/// Writes a part of a date in one of these ways.
fn spell(part: &Part, when: DateTime, way: usize, out: &mut Vec<u8>) {
    let mut number = |style: &Style, value: u8| {
        let digits = two(value);
        let short = *style == Style::Short && value < 10 && way == 0;
        out.extend_from_slice(&digits[usize::from(short)..]);
    };
    match part {
        Part::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
        Part::Field(Field::Year, Style::Digits(4)) => {
            out.extend_from_slice(&four(when.date.year()))
        }
        Part::Field(field, style) => number(style, field.of(when)),
        Part::HourOfHalf(style) => number(style, hour_of_half(when)),
        Part::Month(word) if word.english && way == 0 => {
            out.extend_from_slice(english_month(when.date.month(), word.width).as_bytes());
        }
        Part::Weekday(word) if word.english && way == 0 => {
            out.extend_from_slice(english_day(when.date.weekday(), word.width).as_bytes());
        }
        Part::Month(word) => word.spell(when.date.month(), way, out),
        Part::Weekday(word) => word.spell(when.date.weekday(), way, out),
        Part::Half { capitals } => {
            let half = if when.hour < 12 { "AM" } else { "PM" };
            let lower = if when.hour < 12 { "am" } else { "pm" };
            out.extend_from_slice(if *capitals { half } else { lower }.as_bytes());
        }
        Part::Fraction => out.extend_from_slice(b"000"),
        Part::Offset => out.extend_from_slice(OFFSETS[way].as_bytes()),
    }
}

impl Word {
    fn ways(&self, number: u8) -> usize {
        self.names.of(number).count() * (1 + usize::from(self.dot))
    }

    fn spell(&self, number: u8, way: usize, out: &mut Vec<u8>) {
        let names = self.names.of(number).count().max(1);
        let name = self.names.of(number).nth(way % names);
        out.extend_from_slice(name.unwrap_or_default().as_bytes());
        if way >= names {
            out.push(b'.');
        }
    }
}

/// The hour of its half of the day, from 1 to 12.
fn hour_of_half(when: DateTime) -> u8 {
    match when.hour % 12 {
        0 => 12,
        hour => hour,
    }
}
