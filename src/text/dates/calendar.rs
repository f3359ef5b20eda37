//! The calendar, and the clock.

use std::fmt;

/// How many fields a day and its time have.
pub(super) const FIELDS: usize = 6;

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

impl serde::Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        Date::parse_iso(&text).ok_or_else(|| serde::de::Error::custom("not a day as YYYY-MM-DD"))
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
    pub(super) fn new(fields: [u16; FIELDS]) -> Option<DateTime> {
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

/// How many days a month has; 0 for a month that does not exist.
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
pub(super) fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}
