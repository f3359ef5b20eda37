//! A format taken apart.

use super::calendar::DateTime;
use super::names::{Language, Names, Width};
use super::zone::Zone;

/// What the texts of a format may mean beyond what the format itself says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The first of the hundred years that `YY` can mean.
    pub(crate) century_from: Option<u16>,
    /// The language of names; English without it.
    pub(crate) language: Option<Language>,
    /// Whose day a moment becomes; the day stays as it is written without it.
    pub(crate) zone: Option<Zone>,
}

impl Settings {
    /// Years of two digits within a hundred years.
    pub fn century(first: u16) -> Settings {
        Settings {
            century_from: Some(first),
            ..Settings::default()
        }
    }
}

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

impl Field {
    /// What a date has there, of a year the last two digits.
    #[inline]
    pub(super) fn of(self, when: DateTime) -> u8 {
        match self {
            Field::Year => (when.date.year() % 100) as u8,
            Field::Month => when.date.month(),
            Field::Day => when.date.day(),
            Field::Hour => when.hour,
            Field::Minute => when.minute,
            Field::Second => when.second,
        }
    }
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// So many digits, no more and no less.
    Digits(u8),
    /// One digit or two.
    Short,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Box<str>),
    Field(Field, Style),
    /// The name of the month.
    Month(Word),
    /// The name of the day of the week, which must be that of the date.
    Weekday(Word),
    /// The hour from 1 to 12.
    HourOfHalf(Style),
    /// Which half of the day those hours are of.
    Half {
        capitals: bool,
    },
    /// Any number of digits of a fraction of a second.
    Fraction,
    /// How far the clock is ahead of UTC.
    Offset,
}

/// A name, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) names: Names,
    pub(super) width: Width,
    pub(super) english: bool,
    /// Whether the dot of an abbreviation may follow: the format has none of its own there.
    pub(super) dot: bool,
}

impl Part {
    fn of(word: &str, settings: &Settings) -> Option<Part> {
        let month = |width| Part::Month(Word::new(width, settings.language, Names::of_months));
        let weekday = |width| Part::Weekday(Word::new(width, settings.language, Names::of_days));
        Some(match word {
            "YYYY" => Part::Field(Field::Year, Style::Digits(4)),
            "YY" if settings.century_from.is_some() => Part::Field(Field::Year, Style::Digits(2)),
            "M" => Part::Field(Field::Month, Style::Short),
            "MM" => Part::Field(Field::Month, Style::Digits(2)),
            "MMM" => month(Width::Short),
            "MMMM" => month(Width::Whole),
            "D" => Part::Field(Field::Day, Style::Short),
            "DD" => Part::Field(Field::Day, Style::Digits(2)),
            "EEE" => weekday(Width::Short),
            "EEEE" => weekday(Width::Whole),
            "H" => Part::Field(Field::Hour, Style::Short),
            "HH" => Part::Field(Field::Hour, Style::Digits(2)),
            "h" => Part::HourOfHalf(Style::Short),
            "hh" => Part::HourOfHalf(Style::Digits(2)),
            "mm" => Part::Field(Field::Minute, Style::Digits(2)),
            "ss" => Part::Field(Field::Second, Style::Digits(2)),
            "SSS" => Part::Fraction,
            "a" => Part::Half { capitals: false },
            "A" => Part::Half { capitals: true },
            "Z" => Part::Offset,
            _ => return None,
        })
    }

    /// The field that it fills, in one word, and how that is written.
    pub(super) fn fills(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Part::Literal(_) => return None,
            Part::Field(Field::Year, _) => YEAR,
            Part::Field(Field::Month, _) | Part::Month(_) => MONTH,
            Part::Field(Field::Day, _) => DAY,
            Part::Field(Field::Hour, _) | Part::HourOfHalf(_) => ("hour", "HH"),
            Part::Field(Field::Minute, _) => ("minute", "mm"),
            Part::Field(Field::Second, _) => ("second", "ss"),
            Part::Weekday(_) => ("day of the week", "EEE"),
            Part::Half { .. } => ("half of the day", "a"),
            Part::Fraction => ("fraction of a second", "SSS"),
            Part::Offset => ("offset", "Z"),
        })
    }

    /// Whether only what follows it tells where it ends, which must not be a digit then.
    fn is_open(&self) -> bool {
        match self {
            Part::Field(_, style) | Part::HourOfHalf(style) => *style == Style::Short,
            Part::Fraction | Part::Offset => true,
            _ => false,
        }
    }

    fn begins_with_a_digit(&self) -> bool {
        match self {
            Part::Literal(text) => text.starts_with(|c: char| c.is_ascii_digit()),
            Part::Field(..) | Part::HourOfHalf(_) | Part::Fraction => true,
            _ => false,
        }
    }
}

pub(super) const YEAR: (&str, &str) = ("year", "YYYY");
pub(super) const MONTH: (&str, &str) = ("month", "MM");
pub(super) const DAY: (&str, &str) = ("day", "DD");

impl Word {
    fn new(width: Width, language: Option<Language>, names: fn(Language, Width) -> Names) -> Word {
        let language = language.unwrap_or_default();
        Word {
            names: names(language, width),
            width,
            english: language == Language::En,
            dot: width == Width::Short,
        }
    }
}

/// Takes a format apart.
pub(super) fn parts_of(source: &str, settings: &Settings) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut literal = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            let Some((text, after)) = rest[1..].split_once(']') else {
                return Err(format!("date format `{source}` has a `[` without its `]`"));
            };
            literal.push_str(text);
            rest = after;
            continue;
        }
        let run = rest.len() - rest.trim_start_matches(first).len();
        let (word, after) = rest.split_at(run);
        rest = after;
        match Part::of(word, settings) {
            Some(part) => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(part);
            }
            None if first.is_ascii_alphabetic() && word != "T" => {
                let instead = instead_of(word);
                return Err(format!("date format `{source}` has `{word}`{instead}"));
            }
            None => literal.push_str(word),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into()));
    }
    settle_dots(&mut parts);
    Ok(parts)
}

/// Where the format has a dot behind a name, the dot belongs to the format.
fn settle_dots(parts: &mut [Part]) {
    for at in 1..parts.len() {
        let dotted = matches!(&parts[at], Part::Literal(text) if text.starts_with('.'));
        if let (true, Part::Month(word) | Part::Weekday(word)) = (dotted, &mut parts[at - 1]) {
            word.dot = false;
        }
    }
}

/// What may have been meant by letters that are no field.
fn instead_of(word: &str) -> &'static str {
    match word.as_bytes() {
        b"YY" | b"yy" | b"RR" => {
            ", a year of two digits: a `date` stage reads `YY` where the first of the hundred years is stated, as in \
             `century_from: 1927` for 1927 to 2026"
        }
        [b'Y' | b'y' | b'R', ..] => ": years are YYYY",
        [b'd', ..] => ": days are DD or D, days of the week EEE or EEEE",
        [b'E', ..] => ": days of the week are EEE (Mon) or EEEE (Monday)",
        [b'h' | b'H' | b'k' | b'K', ..] => ": hours are HH or H, or hh or h with a (AM or PM)",
        [b'm', ..] => ": months are MM, minutes are mm",
        [b'M' | b'O' | b'N', ..] => ": months are MM or M, their names MMM (Jan) or MMMM (January)",
        [b's' | b'S' | b'f' | b'F', ..] => ": seconds are ss, fractions of a second SSS",
        [b'Z' | b'z' | b'x' | b'X', ..] => ": an offset from UTC is Z",
        _ => "; put words into brackets, as in `[week]`",
    }
}

/// Whether the parts are a date, each of its fields once and none of them open to a guess.
pub(super) fn check(source: &str, parts: &[Part]) -> Result<(), String> {
    let has = |wanted| {
        let filled = parts.iter().filter_map(Part::fills);
        filled.filter(|field| *field == wanted).count()
    };
    for wanted in [YEAR, MONTH, DAY] {
        let (name, word) = wanted;
        if has(wanted) == 0 {
            let minutes = wanted == MONTH && has(("minute", "mm")) > 0;
            let hint = if minutes { ": `mm` is minutes" } else { "" };
            return Err(format!(
                "date format `{source}` has no {name} ({word}){hint}"
            ));
        }
    }
    for field in parts.iter().filter_map(Part::fills) {
        if has(field) > 1 {
            let name = field.0;
            return Err(format!("date format `{source}` has the {name} twice"));
        }
    }
    if has(("fraction of a second", "SSS")) > has(("second", "ss")) {
        return Err(format!(
            "date format `{source}` has a fraction of a second (SSS) and no second (ss)"
        ));
    }
    let of_half = parts.iter().any(|part| matches!(part, Part::HourOfHalf(_)));
    if of_half != (has(("half of the day", "a")) > 0) {
        return Err(format!(
            "date format `{source}` has hours of half a day (hh or h) without AM or PM (a), or the other way round: hours \
             from 0 to 23 are HH or H"
        ));
    }
    for pair in parts.windows(2) {
        let colon = matches!(&pair[1], Part::Literal(text) if text.starts_with(':'));
        if pair[0].is_open() && pair[1].begins_with_a_digit() || pair[0] == Part::Offset && colon {
            return Err(format!(
                "date format `{source}` is ambiguous: after a field of one or two digits, a fraction or an offset there \
                 must be something other than a digit"
            ));
        }
    }
    Ok(())
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
