//! Days that are written as numbers: day numbers of spreadsheets, seconds and milliseconds since 1970.

use super::calendar::{Date, DateTime};
use super::read::MAX_OFFSET;
use super::zone::Zone;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Days, of which the first is 1900-01-01, and the 60th is a day that was none.
    Excel,
    /// Days after 1904-01-01.
    Excel1904,
    /// Seconds since the beginning of 1970 in UTC.
    EpochSeconds,
    /// Milliseconds since then.
    EpochMilliseconds,
    /// The same, as `/Date(1615766400000)/`.
    OData,
}

const ALL: [(&str, Numbers); 5] = [
    ("excel", Numbers::Excel),
    ("excel1904", Numbers::Excel1904),
    ("epoch_s", Numbers::EpochSeconds),
    ("epoch_ms", Numbers::EpochMilliseconds),
    ("odata", Numbers::OData),
];

/// Days, seconds and a fraction have no more digits before the point.
const MAX_DIGITS: usize = 15;

const LAST_SECOND_OF_DAY: i64 = 24 * 60 * 60 - 1;

impl Numbers {
    /// The numbers that a format names, `[excel]`.
    ///
    /// # Errors
    /// A format that is such a name and not written as one.
    pub(super) fn named(source: &str) -> Result<Option<Numbers>, String> {
        let bare = source.trim().trim_start_matches('[').trim_end_matches(']');
        let Some((name, numbers)) = ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(bare))
        else {
            return Ok(None);
        };
        match source.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            Some(inner) if inner == *name => Ok(Some(*numbers)),
            _ => Err(format!(
                "date format `{source}` is written `[{name}]`, and in YAML within quotes: \"[{name}]\""
            )),
        }
    }

    /// Whether they are moments, which are different days in different zones.
    pub(super) fn are_moments(self) -> bool {
        !matches!(self, Numbers::Excel | Numbers::Excel1904)
    }

    /// Reads a number from its first digit to its last. A moment becomes what the clocks of the zone show, or those that
    /// the text itself tells of, or those of UTC.
    pub(super) fn parse(self, text: &str, zone: Option<&Zone>) -> Option<DateTime> {
        match self {
            Numbers::Excel => {
                let number = Number::parse(text).filter(|n| !n.negative)?;
                // Lotus 1-2-3 took 1900 for a leap year, and Excel still counts its 29th of February.
                let before_first = match number.whole {
                    1..=59 => Date::certain(1899, 12, 31),
                    61.. => Date::certain(1899, 12, 30),
                    _ => return None,
                };
                number.days_after(before_first)
            }
            Numbers::Excel1904 => {
                let number = Number::parse(text).filter(|n| !n.negative)?;
                number.days_after(Date::certain(1904, 1, 1))
            }
            Numbers::EpochSeconds => local(Number::parse(text)?.floor(), zone),
            Numbers::EpochMilliseconds => {
                local(Number::parse(text)?.floor().div_euclid(1000), zone)
            }
            Numbers::OData => odata(text, zone),
        }
    }

    /// Appends a day and time, to the day or to the second.
    pub(super) fn write(self, when: DateTime, out: &mut Vec<u8>) {
        let days = |first| when.date.number() - Date::number(first);
        let text = match self {
            Numbers::Excel => {
                let number = days(Date::certain(1899, 12, 31));
                (number + i64::from(number > 59)).to_string()
            }
            Numbers::Excel1904 => days(Date::certain(1904, 1, 1)).to_string(),
            Numbers::EpochSeconds => when.seconds().to_string(),
            Numbers::EpochMilliseconds => (when.seconds() * 1000).to_string(),
            Numbers::OData => format!("/Date({})/", when.seconds() * 1000),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// A decimal number: no more than a minus, digits without zeros before them, and a fraction.
struct Number<'t> {
    negative: bool,
    whole: i64,
    /// With its point; empty for none.
    fraction: &'t str,
}

impl Number<'_> {
    fn parse(text: &str) -> Option<Number<'_>> {
        let unsigned = text.strip_prefix('-');
        let negative = unsigned.is_some();
        let unsigned = unsigned.unwrap_or(text);
        let point = unsigned.find('.').unwrap_or(unsigned.len());
        let (whole, fraction) = unsigned.split_at(point);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let zeros = whole.len() > 1 && whole.starts_with('0');
        if !digits(whole) || zeros || whole.len() > MAX_DIGITS {
            return None;
        }
        if !fraction.is_empty() && !digits(&fraction[1..]) {
            return None;
        }
        Some(Number {
            negative,
            whole: whole.parse().ok()?,
            fraction,
        })
    }

    fn is_whole(&self) -> bool {
        self.fraction.bytes().all(|b| matches!(b, b'.' | b'0'))
    }

    /// The greatest whole number that is not above it.
    fn floor(&self) -> i64 {
        match self.negative {
            true => -self.whole - i64::from(!self.is_whole()),
            false => self.whole,
        }
    }

    /// So many days after a day, and the part of a day that the fraction is.
    fn days_after(&self, day: Date) -> Option<DateTime> {
        let day = DateTime::midnight(day.plus(self.whole)?);
        if self.is_whole() {
            return Some(day);
        }
        let part: f64 = self.fraction.parse().ok()?;
        let seconds = (part * (LAST_SECOND_OF_DAY + 1) as f64).round() as i64;
        DateTime::from_seconds(day.seconds() + seconds.min(LAST_SECOND_OF_DAY))
    }
}

/// What clocks show so many seconds after the beginning of 1970 in UTC.
fn local(seconds: i64, zone: Option<&Zone>) -> Option<DateTime> {
    let utc = DateTime::from_seconds(seconds)?;
    Some(zone.and_then(|zone| zone.at(seconds)).unwrap_or(utc))
}

/// `/Date(1615766400000)/`, or `/Date(1615766400000+0200)/`. The number is UTC's in both; the second one says what the
/// clocks there were ahead.
fn odata(text: &str, zone: Option<&Zone>) -> Option<DateTime> {
    let text = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let sign = text.get(1..)?.find(['+', '-']).map(|at| at + 1);
    let (number, offset) = text.split_at(sign.unwrap_or(text.len()));
    let number = Number::parse(number).filter(|n| n.fraction.is_empty())?;
    let seconds = number.floor().div_euclid(1000);
    if sign.is_none() {
        return local(seconds, zone);
    }
    let ahead = four_digits(offset.get(1..)?)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    // .NET writes hours and minutes, OData 2 minutes alone. Where both are possible and mean two days, none is taken.
    let is_offset = |minutes: i64| minutes % 15 == 0 && minutes <= MAX_OFFSET;
    let clock = Some(ahead / 100 * 60 + ahead % 100);
    let clock = clock.filter(|minutes| ahead % 100 < 60 && is_offset(*minutes));
    let minutes = Some(ahead).filter(|minutes| is_offset(*minutes));
    if zone.is_some() && clock.or(minutes).is_some() {
        return local(seconds, zone);
    }
    let at = |minutes: i64| DateTime::from_seconds(seconds + sign * minutes * 60);
    match (clock, minutes) {
        (Some(clock), Some(minutes)) => {
            let (clock, minutes) = (at(clock)?, at(minutes)?);
            (clock.date == minutes.date).then_some(clock)
        }
        (one, other) => at(one.or(other)?),
    }
}

fn four_digits(text: &str) -> Option<i64> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(numbers: Numbers, text: &str, expected: &str) {
        let found = numbers.parse(text, None);
        let found =
            found.map(|w| format!("{} {:02}:{:02}:{:02}", w.date, w.hour, w.minute, w.second));
        let expected = match expected.len() {
            10 => format!("{expected} 00:00:00"),
            _ => expected.to_owned(),
        };
        assert_eq!(found.unwrap_or_default(), expected, "{numbers:?} {text}");
    }

    #[test]
    fn day_numbers_of_excel() {
        // As Excel shows them.
        for (text, expected) in [
            ("1", "1900-01-01"),
            ("2", "1900-01-02"),
            ("31", "1900-01-31"),
            ("32", "1900-02-01"),
            ("59", "1900-02-28"),
            ("60", ""),
            ("60.5", ""),
            ("61", "1900-03-01"),
            ("367", "1901-01-01"),
            ("25569", "1970-01-01"),
            ("36526", "2000-01-01"),
            ("43890", "2020-02-29"),
            ("43890.0", "2020-02-29"),
            ("44270", "2021-03-15"),
            ("44270.5", "2021-03-15 12:00:00"),
            ("44270.333333333336", "2021-03-15 08:00:00"),
            ("44270.9999999", "2021-03-15 23:59:59"),
            ("44270.0000001", "2021-03-15"),
            ("2958465", "9999-12-31"),
            ("2958465.99", "9999-12-31 23:45:36"),
            ("2958466", ""),
            ("0", ""),
            ("0.5", ""),
            ("-1", ""),
            ("-44270", ""),
            ("044270", ""),
            ("+44270", ""),
            ("44270.", ""),
            ("44270,5", ""),
            ("44 270", ""),
            (".5", ""),
            ("4.427E4", ""),
            ("9999999999999999", ""),
            ("", ""),
        ] {
            check(Numbers::Excel, text, expected);
        }
        for (text, expected) in [
            ("0", "1904-01-01"),
            ("1", "1904-01-02"),
            ("60", "1904-03-01"),
            ("42808", "2021-03-15"),
            ("2957003", "9999-12-31"),
            ("2957004", ""),
            ("-1", ""),
        ] {
            check(Numbers::Excel1904, text, expected);
        }
    }

    #[test]
    fn seconds_and_milliseconds() {
        for (text, expected) in [
            ("0", "1970-01-01"),
            ("-1", "1969-12-31 23:59:59"),
            ("-0.5", "1969-12-31 23:59:59"),
            ("1615766400", "2021-03-15"),
            ("1615766400.9", "2021-03-15"),
            ("-2208988800", "1900-01-01"),
            ("253402300799", "9999-12-31 23:59:59"),
            ("253402300800", ""),
            ("-62135596800", "0001-01-01"),
            ("-62135596801", ""),
            ("999999999999999", ""),
            ("--1", ""),
            ("1e9", ""),
        ] {
            check(Numbers::EpochSeconds, text, expected);
        }
        for (text, expected) in [
            ("1615766400000", "2021-03-15"),
            ("1615766399999", "2021-03-14 23:59:59"),
            ("-1", "1969-12-31 23:59:59"),
            ("-0.001", "1969-12-31 23:59:59"),
        ] {
            check(Numbers::EpochMilliseconds, text, expected);
        }
    }

    #[test]
    fn dates_of_odata() {
        for (text, expected) in [
            ("/Date(1615766400000)/", "2021-03-15"),
            ("/Date(-2208988800000)/", "1900-01-01"),
            ("/Date(1615766400000+0000)/", "2021-03-15"),
            ("/Date(1615759200000+0200)/", "2021-03-15"),
            ("/Date(1615784400000-0500)/", "2021-03-15"),
            // 480 minutes, as hours and minutes are no time.
            ("/Date(1615795200000-0480)/", "2021-03-15"),
            // Three hours or five.
            ("/Date(1615784400000-0300)/", "2021-03-15 02:00:00"),
            ("/Date(1615748400000+0300)/", ""),
            ("/Date(1615766400000+9999)/", ""),
            ("/Date(1615766400000+02:00)/", ""),
            ("/Date(1615766400000+02)/", ""),
            ("/Date(1615766400000.5)/", ""),
            ("/Date(é+0200)/", ""),
            ("/Date()/", ""),
            ("/Date(-)/", ""),
            ("1615766400000", ""),
            ("/date(1615766400000)/", ""),
        ] {
            check(Numbers::OData, text, expected);
        }
        let zone = Zone::named("Europe/Berlin");
        let read = Numbers::OData.parse("/Date(1615762800000+0300)/", zone.as_ref());
        assert_eq!(read.map(|w| w.date), Date::new(2021, 3, 15));
    }

    #[test]
    fn names_are_written_in_one_way() {
        assert_eq!(
            Numbers::named("[epoch_ms]"),
            Ok(Some(Numbers::EpochMilliseconds))
        );
        assert_eq!(Numbers::named("YYYY-MM-DD"), Ok(None));
        for source in ["excel", "EXCEL", "[Excel]", "[excel", " [excel]"] {
            let expected = format!(
                "date format `{source}` is written `[excel]`, and in YAML within quotes: \"[excel]\""
            );
            assert_eq!(Numbers::named(source), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in -700_000i64..2_900_000, zone in any::<bool>()) {
            let Some(date) = Date::from_number(number) else { return Ok(()) };
            let zone = zone.then(Zone::default);
            for (_, numbers) in ALL {
                let mut text = Vec::new();
                let when = DateTime::midnight(date);
                numbers.write(when, &mut text);
                let text = String::from_utf8(text).unwrap();
                let read = numbers.parse(&text, zone.as_ref());
                match text.starts_with('-') && !numbers.are_moments() || text == "0" && numbers == Numbers::Excel {
                    true => prop_assert_eq!(read, None),
                    false => prop_assert_eq!(read, Some(when), "{}", text),
                }
            }
        }

        #[test]
        fn nothing_panics(text in "(/Date\\()?[-+0-9.é]{0,24}(\\)/)?") {
            for (_, numbers) in ALL {
                let _ = numbers.parse(&text, None);
            }
        }
    }
}
