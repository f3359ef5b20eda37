//! The calendar, and the clock.

use std::fmt;
use std::ops::RangeInclusive;

/// How many fields a day and its time have.
pub(super) const FIELDS: usize = 6;

/// The years in which somebody who works today was born, was hired, or leaves. Others are read as well, and told.
pub(super) const USUAL_YEARS: RangeInclusive<u16> = 1850..=2200;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A day of the Gregorian calendar, years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The first day: 0001-01-01.
    pub const MIN: Date = Date::certain(1, 1, 1);

    /// A day that the calendar is known to have.
    pub(super) const fn certain(year: u16, month: u8, day: u8) -> Date {
        Date { year, month, day }
    }

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

    /// The day that lies so many days after this one, or before it.
    pub(crate) fn plus(self, days: i64) -> Option<Date> {
        Date::from_number(self.number().checked_add(days)?)
    }

    /// The day of the week, from 0 for Sunday.
    pub(super) fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.number() + 4).rem_euclid(7) as u8
    }

    /// Days since 1970-01-01. Years are counted from March on, so that a leap day is the last day of one.
    pub(crate) fn number(self) -> i64 {
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let since_march = (month + 9) % 12;
        let of_year = (153 * since_march + 2) / 5 + i64::from(self.day) - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + of_year - EPOCH
    }

    /// The day that is so many days after 1970-01-01.
    pub(crate) fn from_number(number: i64) -> Option<Date> {
        // Far more than 9999 years either way, and far from where a sum would overflow.
        if !(-4_000_000..4_000_000).contains(&number) {
            return None;
        }
        let days = number + EPOCH;
        let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let of_cycle_year =
            (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (of_cycle_year * 365 + of_cycle_year / 4 - of_cycle_year / 100);
        let since_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * since_march + 2) / 5 + 1;
        let month = (since_march + 2) % 12 + 1;
        let year = cycle * 400 + of_cycle_year + i64::from(month <= 2);
        Date::new(u16::try_from(year).ok()?, month as u8, day as u8)
    }
}

/// Days from the first of March of the year 0 to 1970-01-01.
const EPOCH: i64 = 719_468;

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

    /// The beginning of a day.
    pub(super) const fn midnight(date: Date) -> DateTime {
        DateTime {
            date,
            hour: 0,
            minute: 0,
            second: 0,
        }
    }

    #[inline]
    pub(super) fn is_midnight(self) -> bool {
        self.hour | self.minute | self.second == 0
    }

    /// Seconds since the beginning of 1970, on this clock.
    pub(super) fn seconds(self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        self.date.number() * DAY_SECONDS + minutes * 60 + i64::from(self.second)
    }

    /// The day and time so many seconds after the beginning of 1970.
    pub(crate) fn from_seconds(seconds: i64) -> Option<DateTime> {
        let date = Date::from_number(seconds.div_euclid(DAY_SECONDS))?;
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        Some(DateTime {
            date,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
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
