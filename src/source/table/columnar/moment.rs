//! Days and times as ISO 8601 writes them.

use crate::text::dates::{Date, DateTime};

/// Appends a day as `2026-11-27`, by its number since 1970. Returns false where no calendar has it.
pub(super) fn push_day(number: i64, out: &mut Vec<u8>) -> bool {
    match Date::from_number(number) {
        Some(day) => {
            push_date(day, out);
            true
        }
        None => false,
    }
}

/// Appends day and time as `2026-11-27T08:30:00`, with as many thousandths as there are, by a number since 1970 of which
/// a second has so many. Returns false where no calendar has it.
pub(super) fn push_moment(number: i64, in_second: i64, out: &mut Vec<u8>) -> bool {
    let Some(moment) = DateTime::from_seconds(number.div_euclid(in_second)) else {
        return false;
    };
    push_date(moment.date, out);
    out.push(b'T');
    push_clock([moment.hour, moment.minute, moment.second], out);
    push_fraction(number.rem_euclid(in_second), in_second, out);
    true
}

/// Appends the time of day as `08:30:00`. Returns false where no clock has it.
pub(super) fn push_time(number: i64, in_second: i64, out: &mut Vec<u8>) -> bool {
    let seconds = number.div_euclid(in_second);
    if !(0..86_400).contains(&seconds) {
        return false;
    }
    let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60];
    push_clock(clock.map(|part| part as u8), out);
    push_fraction(number.rem_euclid(in_second), in_second, out);
    true
}

fn push_date(day: Date, out: &mut Vec<u8>) {
    push_two((day.year() / 100) as u8, out);
    push_two((day.year() % 100) as u8, out);
    out.push(b'-');
    push_two(day.month(), out);
    out.push(b'-');
    push_two(day.day(), out);
}

fn push_clock([hour, minute, second]: [u8; 3], out: &mut Vec<u8>) {
    push_two(hour, out);
    out.push(b':');
    push_two(minute, out);
    out.push(b':');
    push_two(second, out);
}

fn push_two(number: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
}

/// A part of a second, in three, six or nine digits; nothing where there is none.
fn push_fraction(part: i64, in_second: i64, out: &mut Vec<u8>) {
    if part == 0 {
        return;
    }
    let billionths = part * (1_000_000_000 / in_second);
    let (mut left, digits) = match () {
        () if billionths % 1_000_000 == 0 => (billionths / 1_000_000, 3),
        () if billionths % 1000 == 0 => (billionths / 1000, 6),
        () => (billionths, 9),
    };
    out.push(b'.');
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<String> {
        let mut out = Vec::new();
        push(&mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn moments_are_written_as_iso_does() {
        for (number, in_second, expected) in [
            (1_795_768_200, 1, Some("2026-11-27T08:30:00")),
            (1_795_768_200_120, 1000, Some("2026-11-27T08:30:00.120")),
            (
                1_795_768_200_000_001,
                1_000_000,
                Some("2026-11-27T08:30:00.000001"),
            ),
            (
                1_795_768_200_000_000_001,
                1_000_000_000,
                Some("2026-11-27T08:30:00.000000001"),
            ),
            (-1, 1000, Some("1969-12-31T23:59:59.999")),
            (253_402_300_799, 1, Some("9999-12-31T23:59:59")),
            (253_402_300_800, 1, None),
            (i64::MAX, 1, None),
            (i64::MIN, 1000, None),
        ] {
            let written = text(|out| push_moment(number, in_second, out));
            assert_eq!(written.as_deref(), expected, "{number}");
        }
    }

    #[test]
    fn days_and_times() {
        assert_eq!(
            text(|out| push_day(20_784, out)).as_deref(),
            Some("2026-11-27")
        );
        assert_eq!(
            text(|out| push_day(-719_162, out)).as_deref(),
            Some("0001-01-01")
        );
        assert_eq!(text(|out| push_day(-719_163, out)), None);
        assert_eq!(
            text(|out| push_time(30_600_000, 1000, out)).as_deref(),
            Some("08:30:00")
        );
        assert_eq!(
            text(|out| push_time(30_600_500, 1000, out)).as_deref(),
            Some("08:30:00.500")
        );
        assert_eq!(text(|out| push_time(86_400, 1, out)), None);
        assert_eq!(text(|out| push_time(-1, 1, out)), None);
    }
}
