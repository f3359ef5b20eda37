//! Days and times, which a workbook stores as numbers of days.

use std::fmt::Write;

use crate::text::dates::Date;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The day that a workbook counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Epoch {
    /// 1900-01-01 is the first day, and the 60th one that never was, the 29th of February of that year.
    #[default]
    Of1900,
    /// 1904-01-01 is the day 0.
    Of1904,
}

/// A number of days, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    days: i64,
    millis: i64,
}

impl Moment {
    /// None where the number is below 0, or beyond any calendar.
    fn of(number: f64) -> Option<Moment> {
        if !(0.0..4_000_000.0).contains(&number) {
            return None;
        }
        let millis = millis(number);
        Some(Moment {
            days: millis.div_euclid(DAY),
            millis: millis.rem_euclid(DAY),
        })
    }
}

/// What is stored is a little above or below the time that was meant, and less than a millisecond off: the last second of
/// a day is not the next day.
fn millis(number: f64) -> i64 {
    (number * DAY as f64).round() as i64
}

impl Epoch {
    /// Appends the day as `2026-11-27`. That is no day of the calendar for 0 and 60 of the older kind, which a format shows
    /// as one nevertheless.
    pub(super) fn day(self, number: f64, out: &mut String) -> Option<()> {
        let moment = Moment::of(number)?;
        self.write_day(moment.days, out)
    }

    /// Appends day and time as `2026-11-27T08:30:00`, and parts of a second where there are any.
    pub(super) fn day_and_time(self, number: f64, out: &mut String) -> Option<()> {
        let moment = Moment::of(number)?;
        self.write_day(moment.days, out)?;
        out.push('T');
        write_time(moment.millis, out);
        Some(())
    }

    fn write_day(self, days: i64, out: &mut String) -> Option<()> {
        let (year, month, day) = match (self, days) {
            (Epoch::Of1900, 0) => {
                out.push_str("1900-01-00");
                return Some(());
            }
            (Epoch::Of1900, 60) => {
                out.push_str("1900-02-29");
                return Some(());
            }
            (Epoch::Of1900, ..60) => (1899, 12, 31),
            (Epoch::Of1900, _) => (1899, 12, 30),
            (Epoch::Of1904, _) => (1904, 1, 1),
        };
        let date = Date::new(year, month, day)?.plus(days)?;
        write!(out, "{date}").ok()
    }
}

/// Appends the time of day as `08:30:00`, whatever the day.
pub(super) fn time_of_day(number: f64, out: &mut String) -> Option<()> {
    let moment = Moment::of(number)?;
    write_time(moment.millis, out);
    Some(())
}

/// Appends hours, minutes and seconds: of any number of hours, also less than none.
pub(super) fn duration(number: f64, out: &mut String) -> Option<()> {
    if number.abs() >= 4_000_000.0 {
        return None;
    }
    let millis = millis(number.abs());
    if number < 0.0 && millis > 0 {
        out.push('-');
    }
    write_time(millis, out);
    Some(())
}

fn write_time(millis: i64, out: &mut String) {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    // Writing into a text never fails.
    let _ = write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if millis > 0 {
        let _ = write!(out, ".{millis:03}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(epoch: Epoch, number: f64) -> Option<String> {
        let mut out = String::new();
        epoch.day(number, &mut out).map(|()| out)
    }

    fn moment(number: f64) -> String {
        let mut out = String::new();
        Epoch::Of1900.day_and_time(number, &mut out).unwrap();
        out
    }

    #[test]
    fn days_count_from_1900() {
        let check = |number: f64, expected: &str| {
            assert_eq!(day(Epoch::Of1900, number).as_deref(), Some(expected));
        };
        check(0.0, "1900-01-00");
        check(0.99, "1900-01-00");
        check(1.0, "1900-01-01");
        check(59.0, "1900-02-28");
        check(60.0, "1900-02-29");
        check(61.0, "1900-03-01");
        check(36526.0, "2000-01-01");
        check(46353.0, "2026-11-27");
        check(46353.75, "2026-11-27");
        // A whole day, as floating point has it.
        check(46352.9999999999, "2026-11-27");
        check(2_958_465.0, "9999-12-31");
        for beyond in [-1.0, 2_958_466.0, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(day(Epoch::Of1900, beyond), None);
        }
    }

    #[test]
    fn days_count_from_1904() {
        let check = |number: f64, expected: Option<&str>| {
            assert_eq!(day(Epoch::Of1904, number).as_deref(), expected);
        };
        check(0.0, Some("1904-01-01"));
        check(60.0, Some("1904-03-01"));
        check(44891.0, Some("2026-11-27"));
        check(2_957_003.0, Some("9999-12-31"));
        check(2_957_004.0, None);
    }

    #[test]
    fn times_are_to_the_millisecond() {
        assert_eq!(moment(46353.354166666664), "2026-11-27T08:30:00");
        assert_eq!(moment(46353.0), "2026-11-27T00:00:00");
        // The last second of a day is not the next day.
        assert_eq!(moment(44270.999995), "2021-03-15T23:59:59.568");
        assert_eq!(day(Epoch::Of1900, 44270.999995).unwrap(), "2021-03-15");
        // Less than half a millisecond before it is.
        assert_eq!(moment(44270.999999995), "2021-03-16T00:00:00");
        assert_eq!(moment(46353.5000000058), "2026-11-27T12:00:00.001");
        let mut out = String::new();
        time_of_day(0.25, &mut out).unwrap();
        time_of_day(46353.75, &mut out).unwrap();
        assert_eq!(out, "06:00:0018:00:00");
    }

    #[test]
    fn durations_go_beyond_a_day() {
        let check = |number: f64, expected: &str| {
            let mut out = String::new();
            duration(number, &mut out).unwrap();
            assert_eq!(out, expected);
        };
        check(1.5625, "37:30:00");
        check(0.0, "00:00:00");
        check(-0.5, "-12:00:00");
        check(-1e-9, "00:00:00");
        check(100.0, "2400:00:00");
    }

    proptest! {
        #[test]
        fn every_second_is_shown_as_itself(days in 61i64..2_958_465, seconds in 0i64..86_400) {
            let number = days as f64 + seconds as f64 / 86_400.0;
            let day = Date::new(1899, 12, 30).unwrap().plus(days).unwrap();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            prop_assert_eq!(moment(number), format!("{day}T{hours:02}:{minutes:02}:{:02}", seconds % 60));
        }
    }
}
