//! Dates as they are written: formats of stated fields, compiled once, and the calendar.
//!
//! A format is written as Orgvue writes it:
//!
//! | field | reads | writes |
//! |---|---|---|
//! | `YYYY` | four digits, 0001 to 9999 | four digits |
//! | `MM`, `DD`, `HH`, `mm`, `ss` | two digits | two digits |
//! | `M`, `D`, `H` | one or two digits | as many as needed |
//! | `MMM` | `Jan` in any case | `Jan` |
//! | `MMMM` | `January` in any case | `January` |
//!
//! Every other character that is not an ASCII letter stands for itself, and so do `T` and `Z`
//! (`YYYY-MM-DDTHH:mm:ssZ`) and whatever is in brackets (`DD [of] MMMM YYYY`). Nothing is guessed:
//! a two-digit year is refused, and a text is a date in a format or it is none.

use std::fmt;

use super::scan::is_plain;

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

/// A day of the Gregorian calendar, years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The first day: 0001-01-01.
    pub const MIN: Date = Date {
        year: 1,
        month: 1,
        day: 1,
    };

    /// The day, if the calendar has it: year 1 to 9999, month 1 to 12, day from 1.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let valid = (1..=9999).contains(&year) && day >= 1 && day <= days_in_month(year, month);
        valid.then_some(Date { year, month, day })
    }

    /// The day written as `YYYY-MM-DD`.
    pub fn parse_iso(text: &str) -> Option<Date> {
        match text.as_bytes() {
            [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] => {
                let century = two_digits(*y0, *y1)?;
                let year = u16::from(century) * 100 + u16::from(two_digits(*y2, *y3)?);
                Date::new(year, two_digits(*m0, *m1)?, two_digits(*d0, *d1)?)
            }
            _ => None,
        }
    }

    /// The year, 1 to 9999.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A day and the time of day, to the second. Midnight where the format has no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl DateTime {
    /// What the fields say, if calendar and clock have it.
    #[inline]
    fn new(fields: [u16; FIELDS]) -> Option<DateTime> {
        // Every field has at most two digits but the year, which has its own place.
        let [year, month, day, hour, minute, second] = fields;
        let date = Date::new(year, month as u8, day as u8)?;
        (hour < 24 && minute < 60 && second < 60).then_some(DateTime {
            date,
            hour: hour as u8,
            minute: minute as u8,
            second: second as u8,
        })
    }
}

/// How many days a month has; 0 for what is no month.
#[inline]
fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// The number that two digits write.
#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

/// A field of a date; its value is its place in the list of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// How many fields there are.
const FIELDS: usize = 6;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
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
enum Part {
    Literal(Box<str>),
    Field(Field, Style),
}

/// A compiled date format.
#[derive(Clone, Debug)]
pub struct Format {
    source: Box<str>,
    parts: Box<[Part]>,
    fixed: Option<Fixed>,
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
                    "date format `{source}` is ambiguous: after a field of one or two digits there must be something that is no digit"
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
    fn interpret(&self, mut rest: &[u8]) -> Option<DateTime> {
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
                    out.extend_from_slice(MONTHS[usize::from(when.date.month - 1)].as_bytes());
                }
                Part::Field(Field::Month, Style::Abbreviated) => {
                    out.extend_from_slice(
                        &MONTHS[usize::from(when.date.month - 1)].as_bytes()[..3],
                    );
                }
                Part::Field(Field::Year, _) => out.extend_from_slice(&four(when.date.year)),
                Part::Field(field, style) => {
                    let digits = two(value_of(when, *field));
                    let short = *style == Style::Short && digits[0] == b'0';
                    out.extend_from_slice(&digits[usize::from(short)..]);
                }
            }
        }
    }
}

/// Two-digit field of a date.
#[inline]
fn value_of(when: DateTime, field: Field) -> u8 {
    match field {
        Field::Year => (when.date.year % 100) as u8,
        Field::Month => when.date.month,
        Field::Day => when.date.day,
        Field::Hour => when.hour,
        Field::Minute => when.minute,
        Field::Second => when.second,
    }
}

/// A number of two digits.
#[inline]
fn two(value: u8) -> [u8; 2] {
    [b'0' + value / 10 % 10, b'0' + value % 10]
}

/// A number of four digits.
#[inline]
fn four(value: u16) -> [u8; 4] {
    let [a, b] = two((value / 100) as u8);
    let [c, d] = two((value % 100) as u8);
    [a, b, c, d]
}

/// The number that up to four digits write.
#[inline]
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(value * 10 + u16::from(digit))
    })
}

/// Takes a format apart.
fn parts_of(source: &str) -> Result<Vec<Part>, String> {
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

/// A format whose fields are digits at fixed places.
///
/// Checking takes eight bytes at a time: after `xor` with the template a digit is 0 to 9 and a literal
/// is 0, and adding what is missing to 0x80 carries every other byte into its high bit. Such a format
/// has at least eight bytes (YYYY, MM and DD), so the last word may overlap the one before.
#[derive(Clone, Debug)]
struct Fixed {
    /// The literals, with `0` for each digit.
    template: Box<[u8]>,
    words: Box<[Word]>,
    /// Where the fields begin.
    at: [Option<u8>; FIELDS],
}

/// Eight bytes of the text, and what they must be.
#[derive(Clone, Copy, Debug)]
struct Word {
    start: usize,
    template: u64,
    slack: u64,
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
                Part::Field(..) => return None,
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

    /// Whether a text is a date in this format. Of most days no calendar need be asked.
    #[inline]
    fn has(&self, text: &[u8]) -> bool {
        if !self.matches(text) {
            return false;
        }
        let [Some(year), Some(month), Some(day), None, None, None] = self.at else {
            return self.parse(text).is_some();
        };
        let every_month =
            (1..=12).contains(&pair(text, month)) && (1..=28).contains(&pair(text, day));
        match every_month && pair(text, year) > 0 {
            true => true,
            false => self.parse(text).is_some(),
        }
    }

    #[inline]
    fn parse(&self, text: &[u8]) -> Option<DateTime> {
        if !self.matches(text) {
            return None;
        }
        let mut fields = [0; FIELDS];
        for (value, at) in fields.iter_mut().zip(self.at) {
            if let Some(at) = at {
                *value = pair(text, at);
            }
        }
        let year = self.at[Field::Year as usize]?;
        fields[0] = fields[0] * 100 + pair(text, year + 2);
        DateTime::new(fields)
    }

    #[inline]
    fn write(&self, when: DateTime, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.template);
        let text = &mut out[start..];
        let mut put = |field: Field, digits: &[u8]| {
            if let Some(at) = self.at[field as usize] {
                text[usize::from(at)..][..digits.len()].copy_from_slice(digits);
            }
        };
        put(Field::Year, &four(when.date.year));
        for field in [
            Field::Month,
            Field::Day,
            Field::Hour,
            Field::Minute,
            Field::Second,
        ] {
            put(field, &two(value_of(when, field)));
        }
    }
}

/// Dates of one format into another. Between formats whose digits have fixed places, the digits are moved as they
/// are.
#[derive(Clone, Debug)]
pub struct Rewrite {
    from: Format,
    to: Format,
    moves: Option<Moves>,
}

/// What [`Rewrite::apply`] made of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// It is written in the new format already.
    AsItIs,
    /// The new text was appended.
    Appended,
}

/// Where pairs of digits are, and where they go.
#[derive(Clone, Debug)]
struct Moves {
    from: Fixed,
    template: Box<[u8]>,
    pairs: Box<[(u8, u8)]>,
    as_it_is: bool,
}

impl Moves {
    fn new(from: &Fixed, to: &Fixed) -> Option<Moves> {
        let mut pairs = Vec::new();
        for (from, to) in from.at.iter().zip(to.at) {
            if let Some(to) = to {
                pairs.push(((*from)?, to));
            }
        }
        let (from_year, to_year) = *pairs.first()?;
        pairs.push((from_year + 2, to_year + 2));
        Some(Moves {
            as_it_is: from.template == to.template && from.at == to.at,
            from: from.clone(),
            template: to.template.clone(),
            pairs: pairs.into(),
        })
    }

    #[inline]
    fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.template);
        let new = &mut out[start..];
        for &(from, to) in &self.pairs {
            let (from, to) = (usize::from(from), usize::from(to));
            new[to..to + 2].copy_from_slice(&text[from..from + 2]);
        }
    }
}

impl Rewrite {
    /// `to` has no field that `from` doesn't have.
    pub fn new(from: Format, to: Format) -> Rewrite {
        let fixed = from.fixed.as_ref().zip(to.fixed.as_ref());
        Rewrite {
            moves: fixed.and_then(|(from, to)| Moves::new(from, to)),
            from,
            to,
        }
    }

    /// Reads a date and appends it to `out` in the new format, always as UTF-8. Nothing comes of a text that is no
    /// date.
    #[inline]
    pub fn apply(&self, text: &str, out: &mut Vec<u8>) -> Option<Rewritten> {
        match &self.moves {
            Some(moves) => {
                if !moves.from.has(text.as_bytes()) {
                    return None;
                }
                if moves.as_it_is {
                    return Some(Rewritten::AsItIs);
                }
                moves.write(text.as_bytes(), out);
            }
            None => self.to.write(self.from.parse(text)?, out),
        }
        Some(Rewritten::Appended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(format: &str, text: &str) -> Option<String> {
        let when = Format::compile(format).unwrap().parse(text)?;
        Some(format!(
            "{} {:02}:{:02}:{:02}",
            when.date, when.hour, when.minute, when.second
        ))
    }

    fn written(format: &Format, when: DateTime) -> String {
        let mut out = Vec::new();
        format.write(when, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads() {
        #[track_caller]
        fn check(format: &str, text: &str, expected: &str) {
            let expected = (!expected.is_empty()).then(|| match expected.len() {
                10 => format!("{expected} 00:00:00"),
                _ => expected.to_owned(),
            });
            assert_eq!(read(format, text), expected, "{format} {text:?}");
        }
        check("YYYY-MM-DD", "2024-02-29", "2024-02-29");
        check("YYYY-MM-DD", "2023-02-29", "");
        check("YYYY-MM-DD", "1900-02-29", "");
        check("YYYY-MM-DD", "2000-02-29", "2000-02-29");
        check("YYYY-MM-DD", "2024-04-31", "");
        check("YYYY-MM-DD", "2024-13-01", "");
        check("YYYY-MM-DD", "2024-00-01", "");
        check("YYYY-MM-DD", "2024-01-00", "");
        check("YYYY-MM-DD", "0000-01-01", "");
        check("YYYY-MM-DD", "0001-01-01", "0001-01-01");
        check("YYYY-MM-DD", "9999-12-31", "9999-12-31");
        check("YYYY-MM-DD", "2024-1-1", "");
        check("YYYY-MM-DD", "2024-01-01 ", "");
        check("YYYY-MM-DD", "2024/01/01", "");
        check("YYYY-MM-DD", "2024-01-0:", "");
        check("YYYY-MM-DD", "2024-01-0/", "");
        check("YYYY-MM-DD", "2024-01-é", "");
        check("YYYY-MM-DD", "", "");
        check("DD/MM/YYYY", "03/04/2021", "2021-04-03");
        check("MM/DD/YYYY", "03/04/2021", "2021-03-04");
        check("YYYYMMDD", "20210304", "2021-03-04");
        check("D/M/YYYY", "3/4/2021", "2021-04-03");
        check("D/M/YYYY", "03/04/2021", "2021-04-03");
        check("D/M/YYYY", "003/04/2021", "");
        check("D/M/YYYY", "/4/2021", "");
        check("D.M.YYYY", "31.12.1999", "1999-12-31");
        check("DD-MMM-YYYY", "03-jAn-2021", "2021-01-03");
        check("DD-MMM-YYYY", "03-Jän-2021", "");
        check("DMMMYYYY", "3Sep2021", "2021-09-03");
        check("D MMMM YYYY", "3 september 2021", "2021-09-03");
        check("D MMMM YYYY", "3 sept 2021", "");
        check("D [of] MMMM YYYY", "3 of May 2021", "2021-05-03");
        check("YYYY年MM月DD日", "2021年03月04日", "2021-03-04");
        check("YYYY年MM月DD日", "2021年03月04月", "");
        check(
            "YYYY-MM-DDTHH:mm:ssZ",
            "2021-03-04T23:59:58Z",
            "2021-03-04 23:59:58",
        );
        check("YYYY-MM-DD HH:mm", "2021-03-04 24:00", "");
        check("YYYY-MM-DD HH:mm", "2021-03-04 23:60", "");
        check("YYYY-MM-DDTHH:mm:ss", "2021-03-04T23:59:60", "");
        check(
            "YYYY-MM-DD HH:mm:ss.000",
            "2021-03-04 01:02:03.000",
            "2021-03-04 01:02:03",
        );
        check("M/D/YYYY H:mm", "3/4/2021 9:05", "2021-03-04 09:05:00");
    }

    #[test]
    fn writes() {
        #[track_caller]
        fn check(format: &str, expected: &str) {
            let when = Format::compile("YYYY-MM-DD HH:mm:ss")
                .unwrap()
                .parse("0987-06-05 04:03:02")
                .unwrap();
            assert_eq!(written(&Format::compile(format).unwrap(), when), expected);
        }
        check("YYYY-MM-DD", "0987-06-05");
        check("DD/MM/YYYY HH:mm:ss", "05/06/0987 04:03:02");
        check("D/M/YYYY H:mm", "5/6/0987 4:03");
        check("D MMM YYYY", "5 Jun 0987");
        check("MMMM D, YYYY", "June 5, 0987");
        check("YYYY年M月D日", "0987年6月5日");
    }

    #[test]
    fn refuses_formats() {
        #[track_caller]
        fn check(format: &str, expected: &str) {
            assert_eq!(Format::compile(format).unwrap_err(), expected);
        }
        check("", "date format `` has no year (YYYY)");
        check(
            "DD/MM/YY",
            "date format `DD/MM/YY` has `YY`: years are YYYY, two digits would be ambiguous",
        );
        check(
            "dd/MM/YYYY",
            "date format `dd/MM/YYYY` has `dd`: days are DD or D",
        );
        check(
            "yyyy-MM-DD",
            "date format `yyyy-MM-DD` has `yyyy`: years are YYYY",
        );
        check(
            "YYYY-mm-DD",
            "date format `YYYY-mm-DD` has no month (MM): `mm` is minutes",
        );
        check("YYYY-MM", "date format `YYYY-MM` has no day (DD)");
        check(
            "YYYY-MM-DD DD",
            "date format `YYYY-MM-DD DD` has the day twice",
        );
        check(
            "YYYY-MM-DD hh:mm",
            "date format `YYYY-MM-DD hh:mm` has `hh`: hours are HH or H, from 0 to 23",
        );
        check(
            "DMYYYY",
            "date format `DMYYYY` is ambiguous: after a field of one or two digits there must be something that is no digit",
        );
        check(
            "YYYY-MM-DD [at",
            "date format `YYYY-MM-DD [at` has a `[` without its `]`",
        );
        check(
            "YYYY-MM-DD week",
            "date format `YYYY-MM-DD week` has `w`; put words into brackets, as in `[week]`",
        );
        check(
            &"-".repeat(49),
            "a date format has at most 48 bytes, this one has 49",
        );
    }

    #[test]
    fn iso() {
        assert_eq!(Date::parse_iso("2024-02-29"), Date::new(2024, 2, 29));
        for text in ["2023-02-29", "2024-2-29", "20240229", "today", ""] {
            assert_eq!(Date::parse_iso(text), None);
        }
    }

    /// The calendar as another crate has it.
    fn reference(year: i64, month: i64, day: i64) -> bool {
        let small = |n: i64| i8::try_from(n).ok();
        (1..=9999).contains(&year)
            && match (small(month), small(day)) {
                (Some(m), Some(d)) => jiff::civil::Date::new(year as i16, m, d).is_ok(),
                _ => false,
            }
    }

    const FORMATS: [&str; 9] = [
        "YYYY-MM-DD HH:mm:ss",
        "DD/MM/YYYY HH:mm:ss",
        "MM/DD/YYYYTHH:mm:ssZ",
        "YYYYMMDDHHmmss",
        "ss mm HH DD MM YYYY",
        "D.M.YYYY H:mm:ss",
        "DMMMYYYY HH mm ss",
        "MMMM D, YYYY HH[h]mm[m]ss[s]",
        "YYYY年MM月DD日 HH:mm:ss",
    ];

    proptest! {
        #[test]
        fn write_then_parse_is_the_identity(
            format in prop::sample::select(&FORMATS[..]),
            year in 1u16..=9999, month in 1u8..=12, day in 1u8..=31,
            hour in 0u8..24, minute in 0u8..60, second in 0u8..60,
        ) {
            let format = Format::compile(format).unwrap();
            if let Some(date) = Date::new(year, month, day) {
                let when = DateTime { date, hour, minute, second };
                prop_assert_eq!(format.parse(&written(&format, when)), Some(when));
            }
        }

        #[test]
        fn agrees_with_a_slow_reader(text in "[0-9]{4}-[0-3/][0-9:]-[0-3][0-9x]|[0-9é-]{8,11}") {
            let parts: Vec<_> = text.split('-').collect();
            let expected = match parts[..] {
                [y, m, d] if (y.len(), m.len(), d.len()) == (4, 2, 2) => {
                    let n = |s: &str| s.parse().unwrap_or(-1);
                    reference(n(y), n(m), n(d))
                }
                _ => false,
            };
            let format = Format::compile("YYYY-MM-DD").unwrap();
            prop_assert_eq!(format.parse(&text).is_some(), expected);
            prop_assert_eq!(format.interpret(text.as_bytes()), format.parse(&text));
            prop_assert_eq!(Date::parse_iso(&text), format.parse(&text).map(|t| t.date));
        }

        #[test]
        fn nothing_panics(format in "[YMDHms/\\-: T年\\[\\]é0x]{0,20}", text in "\\PC{0,24}") {
            if let Ok(format) = Format::compile(&format) {
                let _ = format.parse(&text);
            }
        }
    }

    #[test]
    fn a_rewrite_is_reading_and_writing() {
        #[track_caller]
        fn check(from: &str, to: &str, text: &str) {
            let (from, to) = (Format::compile(from).unwrap(), Format::compile(to).unwrap());
            let expected = from.parse(text).map(|when| written(&to, when));
            let mut out = b"before".to_vec();
            let found = Rewrite::new(from, to).apply(text, &mut out);
            let found = found.map(|done| match done {
                Rewritten::AsItIs => text.to_owned(),
                Rewritten::Appended => String::from_utf8(out.split_off(6)).unwrap(),
            });
            assert_eq!(found, expected, "{text}");
            assert_eq!(out, b"before");
        }
        let formats = [
            ("DD/MM/YYYY", "YYYY-MM-DD"),
            ("YYYY-MM-DD", "YYYY-MM-DD"),
            ("MM/DD/YYYY", "DD/MM/YYYY"),
            ("YYYYMMDD", "YYYY年MM月DD日"),
            ("YYYY-MM-DD", "D MMM YYYY"),
        ];
        for (from, to) in formats {
            let source = Format::compile(from).unwrap();
            for year in [0, 1, 99, 100, 1900, 2000, 2023, 2024, 9999] {
                for (month, day) in (0..=13).flat_map(|m| (0..=32).map(move |d| (m, d))) {
                    let mut text = source.fixed.as_ref().unwrap().template.to_vec();
                    for (field, digits) in [
                        (Field::Year, &four(year)[..]),
                        (Field::Month, &two(month)),
                        (Field::Day, &two(day)),
                    ] {
                        let at =
                            usize::from(source.fixed.as_ref().unwrap().at[field as usize].unwrap());
                        text[at..at + digits.len()].copy_from_slice(digits);
                    }
                    check(from, to, std::str::from_utf8(&text).unwrap());
                }
            }
        }
        let timed = "YYYY-MM-DD HH:mm:ss";
        for text in [
            "2024-02-29 23:59:59",
            "2023-02-29 23:59:59",
            "2024-02-28 24:00:00",
            "2024-02-28",
            "",
        ] {
            check(timed, "YYYY-MM-DD", text);
            check(timed, "DD.MM.YYYY HH:mm", text);
            check(timed, timed, text);
        }
        check("D MMM YYYY", "D MMM YYYY", "5 JUN 2021");
    }

    #[test]
    fn the_fast_path_and_the_interpreter_agree_on_every_day() {
        let format = Format::compile("DD/MM/YYYY").unwrap();
        for year in [1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 9999] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{day:02}/{month:02}/{year:04}");
                    let fast = format.parse(&text);
                    assert_eq!(fast, format.interpret(text.as_bytes()), "{text}");
                    assert_eq!(fast.is_some(), reference(year, month, day), "{text}");
                }
            }
        }
    }
}
