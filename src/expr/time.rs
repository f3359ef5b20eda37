//! Days, points in time and lengths of time in expressions. `date` reads a day as ISO 8601 writes it, which is what
//! the `date` stage makes; `timestamp` and `duration` are CEL's. A day has neither hours nor a zone, and is not
//! compared with a point in time.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt::{self, Display};

use cel::common::traits::{Adder, Comparer, Subtractor};
use cel::common::types::{CelInt, CelString, INT_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use jiff::civil::{self, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::text::dates;

static DATE: Type = Type::new_unspecified_type("date");
static MOMENT: Type = Type::new_unspecified_type("timestamp");
static SPAN: Type = Type::new_unspecified_type("duration");

/// What an overflow is called, and what adds up to no whole day: see [`super::trouble`].
pub(super) const OUT_OF_RANGE: &str = "out of range";
pub(super) const NO_WHOLE_DAYS: &str = "no whole days";

/// A value of the calendar or of the clock.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Time {
    Day(civil::Date),
    Moment(Timestamp),
    Span(SignedDuration),
}

impl Time {
    /// Seconds of a day.
    pub(super) const DAY: i64 = 24 * 60 * 60;

    /// A day of the years 1 to 9999.
    pub(super) fn day(date: dates::Date) -> Option<Time> {
        let (year, month, day) = (date.year(), date.month(), date.day());
        let part = |part: u8| i8::try_from(part).ok();
        civil::Date::new(i16::try_from(year).ok()?, part(month)?, part(day)?)
            .ok()
            .map(Time::Day)
    }

    /// The day that a text is, written `YYYY-MM-DD`.
    pub(super) fn iso_day(text: &str) -> Option<civil::Date> {
        match dates::Date::parse_iso(text).and_then(Time::day)? {
            Time::Day(day) => Some(day),
            Time::Moment(_) | Time::Span(_) => None,
        }
    }

    pub(super) fn plus(self, other: Time) -> Result<Time, ExecutionError> {
        let sum = match (self, other) {
            (Time::Span(span), time @ (Time::Day(_) | Time::Moment(_))) => {
                return time.plus(Time::Span(span));
            }
            (Time::Day(day), Time::Span(span)) if is_whole_days(span) => {
                day.checked_add(span).ok().map(Time::Day)
            }
            (Time::Day(_), Time::Span(_)) => return Err(wrong("date", NO_WHOLE_DAYS)),
            (Time::Moment(at), Time::Span(span)) => at.checked_add(span).ok().map(Time::Moment),
            (Time::Span(one), Time::Span(two)) => one.checked_add(two).map(Time::Span),
            _ => return Err(no_operator("+", &self, &other)),
        };
        in_range(sum)
    }

    pub(super) fn minus(self, other: Time) -> Result<Time, ExecutionError> {
        let rest = match (self, other) {
            (Time::Day(one), Time::Day(two)) => Some(Time::Span(one.duration_since(two))),
            (Time::Moment(one), Time::Moment(two)) => Some(Time::Span(one.duration_since(two))),
            (Time::Span(one), Time::Span(two)) => one.checked_sub(two).map(Time::Span),
            (Time::Day(_) | Time::Moment(_), Time::Span(span)) => {
                let back = span
                    .checked_neg()
                    .ok_or_else(|| wrong("date", OUT_OF_RANGE))?;
                return self.plus(Time::Span(back));
            }
            _ => return Err(no_operator("-", &self, &other)),
        };
        in_range(rest)
    }
}

/// As text: a day and a point in time as ISO 8601 writes them, a length of time in seconds.
impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Time::Day(day) => day.fmt(f),
            Time::Moment(at) => at.fmt(f),
            Time::Span(span) => {
                let nanos = span.as_nanos();
                let sign = if nanos < 0 { "-" } else { "" };
                let (seconds, rest) = (nanos.abs() / 1_000_000_000, nanos.abs() % 1_000_000_000);
                let fraction = format!("{rest:09}");
                match fraction.trim_end_matches('0') {
                    "" => write!(f, "{sign}{seconds}s"),
                    fraction => write!(f, "{sign}{seconds}.{fraction}s"),
                }
            }
        }
    }
}

/// Without the value, which may be a cell's.
impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get_type().name())
    }
}

impl Val for Time {
    fn get_type(&self) -> &Type {
        match self {
            Time::Day(_) => &DATE,
            Time::Moment(_) => &MOMENT,
            Time::Span(_) => &SPAN,
        }
    }

    fn cel_type() -> &'static Type {
        &DATE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other
            .downcast_ref::<Time>()
            .is_some_and(|other| self == other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Time {}

impl Adder for Time {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match other.downcast_ref::<Time>() {
            Some(time) => self.plus(*time).map(CowVal::owned),
            None => Err(no_operator("+", self, other)),
        }
    }
}

impl Subtractor for Time {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match other.downcast_ref::<Time>() {
            Some(time) => self.minus(*time).map(CowVal::owned),
            None => Err(no_operator("-", self, other)),
        }
    }
}

impl Comparer for Time {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        match (self, other.downcast_ref::<Time>()) {
            (Time::Day(one), Some(Time::Day(two))) => Ok(one.cmp(two)),
            (Time::Moment(one), Some(Time::Moment(two))) => Ok(one.cmp(two)),
            (Time::Span(one), Some(Time::Span(two))) => Ok(one.cmp(two)),
            _ => Err(ExecutionError::UnexpectedType {
                got: other.get_type().name().to_owned(),
                want: self.get_type().name().to_owned(),
            }),
        }
    }
}

fn is_whole_days(span: SignedDuration) -> bool {
    span.as_secs() % Time::DAY == 0 && span.subsec_nanos() == 0
}

/// What the calendar has room for: the years 1 to 9999.
fn in_range(time: Option<Time>) -> Result<Time, ExecutionError> {
    let has_room = |time: &Time| match time {
        Time::Day(day) => day.year() >= 1,
        Time::Moment(at) => Offset::UTC.to_datetime(*at).year() >= 1,
        Time::Span(_) => true,
    };
    time.filter(has_room)
        .ok_or_else(|| wrong("date", OUT_OF_RANGE))
}

fn wrong(function: &str, what: &str) -> ExecutionError {
    ExecutionError::function_error(function, what)
}

fn no_operator(operator: &str, one: &dyn Val, two: &dyn Val) -> ExecutionError {
    let names = [one, two].map(|value| value.get_type().name().to_owned());
    ExecutionError::no_such_overload(operator, names.into())
}

/// The text that is the first of a function's values.
fn text<'a>(values: &'a [CowVal<'_, '_>]) -> &'a str {
    let text = values.first().and_then(|v| v.downcast_ref::<CelString>());
    text.map_or("", |text| text.inner())
}

fn whole(values: &[CowVal<'_, '_>]) -> i64 {
    let whole = values.first().and_then(|v| v.downcast_ref::<CelInt>());
    whole.map_or(0, |whole| *whole.inner())
}

type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn unchanged<'b, 'v>(mut values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    values.pop().ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn date<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let text = text(&values);
    match dates::Date::parse_iso(text).and_then(Time::day) {
        Some(day) => Ok(CowVal::owned(day)),
        None if text.is_empty() => Err(wrong("date", "empty")),
        None => Err(wrong("date", "form")),
    }
}

fn days<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let span = whole(&values)
        .checked_mul(Time::DAY)
        .map(SignedDuration::from_secs);
    in_range(span.map(Time::Span)).map(CowVal::owned)
}

fn timestamp<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    // The crate reads much that is like it; CEL has RFC 3339 alone.
    let text = text(&values);
    let bytes = text.as_bytes();
    let zone = text.ends_with('Z') || matches!(bytes, [.., b'+' | b'-', _, _, b':', _, _]);
    let at = (zone && bytes.get(10) == Some(&b'T')).then(|| text.parse().ok());
    match at.flatten() {
        Some(at) => in_range(Some(Time::Moment(at))).map(CowVal::owned),
        None => Err(wrong("timestamp", "form")),
    }
}

fn timestamp_of_int<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let at = Timestamp::from_second(whole(&values)).ok();
    in_range(at.map(Time::Moment)).map(CowVal::owned)
}

fn duration<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    match span(text(&values)) {
        Some(span) => Ok(CowVal::owned(Time::Span(span))),
        None => Err(wrong("duration", "form")),
    }
}

/// A length of time as CEL writes it: `1h30m`, `-1.5s`, `0`.
fn span(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut nanos: i128 = 0;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let (unit, length) = [
            ("h", 3_600_000_000_000),
            ("ms", 1_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("us", 1_000),
            ("µs", 1_000),
            ("ns", 1),
        ]
        .into_iter()
        .find(|(unit, _)| after.starts_with(unit))?;
        nanos = nanos.checked_add(parts_of(number, length)?)?;
        rest = &after[unit.len()..];
        if rest.is_empty() {
            return SignedDuration::try_from_nanos_i128(sign * nanos);
        }
    }
}

/// A decimal number of units, in nanoseconds.
fn parts_of(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || whole.len() > 15 || fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    Some(whole.parse::<i128>().ok()? * unit + fraction.parse::<i128>().ok()? * unit / scale)
}

fn string<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    match values.first().and_then(|v| v.downcast_ref::<Time>()) {
        Some(time) => Ok(CowVal::owned(CelString::from(time.to_string()))),
        None => Err(ExecutionError::MissingArgumentOrTarget),
    }
}

fn int<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    match values.first().and_then(|v| v.downcast_ref::<Time>()) {
        Some(Time::Moment(at)) => {
            let before = i64::from(at.subsec_nanosecond() < 0);
            Ok(CowVal::owned(CelInt::from(at.as_second() - before)))
        }
        _ => Err(ExecutionError::MissingArgumentOrTarget),
    }
}

/// A zone by its name or its distance from UTC: `Europe/London`, `+02:00`.
fn zone(name: &str) -> Option<TimeZone> {
    let Some((hours, minutes)) = name.split_once(':') else {
        return match name {
            "" => Some(TimeZone::UTC),
            name => TimeZone::get(name).ok(),
        };
    };
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    let sign = if name.starts_with('-') { -1 } else { 1 };
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(sign * minutes.checked_mul(60)?)?;
    let valid = (0..60).contains(&minutes);
    let offset = Offset::from_seconds(seconds).ok().filter(|_| valid)?;
    Some(TimeZone::fixed(offset))
}

/// A part of a day or of a point in time, which is in UTC unless a zone is named.
fn part<'b, 'v>(values: &[CowVal<'b, 'v>], get: impl Fn(DateTime) -> i64) -> Outcome<'b, 'v> {
    let at = match values.first().and_then(|v| v.downcast_ref::<Time>()) {
        Some(Time::Day(day)) => DateTime::from(*day),
        Some(Time::Moment(at)) => {
            let name = values.get(1..).map_or("", text);
            let zone = zone(name).ok_or_else(|| wrong("zone", "unknown"))?;
            zone.to_datetime(*at)
        }
        _ => return Err(ExecutionError::MissingArgumentOrTarget),
    };
    Ok(CowVal::owned(CelInt::from(get(at))))
}

/// A length of time in whole units of so many nanoseconds.
fn units<'b, 'v>(values: &[CowVal<'b, 'v>], nanos: i128) -> Outcome<'b, 'v> {
    match values.first().and_then(|v| v.downcast_ref::<Time>()) {
        Some(Time::Span(span)) => {
            let units = i64::try_from(span.as_nanos() / nanos);
            let units = units.map_err(|_| wrong("date", OUT_OF_RANGE))?;
            Ok(CowVal::owned(CelInt::from(units)))
        }
        _ => Err(ExecutionError::MissingArgumentOrTarget),
    }
}

/// Parts of days and of points in time; CEL counts months, and days but for `getDate`, from 0.
macro_rules! parts {
    ($env:expr, $of:expr, $($name:literal => $get:expr;)*) => {
        for of in $of {
            $($env.add_member_overload($name, of.name(), of.to_owned(), vec![], |values| part(&values, $get))?;)*
        }
        $($env.add_member_overload($name, "zone", MOMENT.to_owned(), vec![STRING_TYPE], |values| part(&values, $get))?;)*
    };
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("date", "text", vec![STRING_TYPE], date)?;
    env.add_overload("date", "date", vec![DATE.to_owned()], unchanged)?;
    env.add_overload("days", "int", vec![INT_TYPE], days)?;
    env.add_overload("timestamp", "text", vec![STRING_TYPE], timestamp)?;
    env.add_overload("timestamp", "int", vec![INT_TYPE], timestamp_of_int)?;
    env.add_overload("timestamp", "timestamp", vec![MOMENT.to_owned()], unchanged)?;
    env.add_overload("duration", "text", vec![STRING_TYPE], duration)?;
    env.add_overload("duration", "duration", vec![SPAN.to_owned()], unchanged)?;
    for of in [&DATE, &MOMENT, &SPAN] {
        env.add_overload("string", of.name(), vec![of.to_owned()], string)?;
    }
    env.add_overload("int", "timestamp", vec![MOMENT.to_owned()], int)?;
    parts!(env, [&DATE, &MOMENT],
        "getFullYear" => |at| at.year().into();
        "getMonth" => |at| i64::from(at.month()) - 1;
        "getDate" => |at| at.day().into();
        "getDayOfMonth" => |at| i64::from(at.day()) - 1;
        "getDayOfWeek" => |at| at.weekday().to_sunday_zero_offset().into();
        "getDayOfYear" => |at| i64::from(at.day_of_year()) - 1;
    );
    parts!(env, [&MOMENT],
        "getHours" => |at| at.hour().into();
        "getMinutes" => |at| at.minute().into();
        "getSeconds" => |at| at.second().into();
        "getMilliseconds" => |at| at.millisecond().into();
    );
    let span = |env: &mut Env, name, get| {
        env.add_member_overload(name, "duration", SPAN.to_owned(), vec![], get)
    };
    span(env, "getHours", |values| units(&values, 3_600_000_000_000))?;
    span(env, "getMinutes", |values| units(&values, 60_000_000_000))?;
    span(env, "getSeconds", |values| units(&values, 1_000_000_000))?;
    span(env, "getMilliseconds", |values| units(&values, 1_000_000))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, expected) in [
            ("36h", "129600s"),
            ("1h30m", "5400s"),
            ("-1.5s", "-1.5s"),
            ("0", "0s"),
            ("-0", "0s"),
            ("90m", "5400s"),
            ("1.5ms", "0.0015s"),
            ("2us1ns", "0.000002001s"),
            ("0.1h", "360s"),
        ] {
            assert_eq!(
                Time::Span(span(text).unwrap()).to_string(),
                expected,
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "h",
            "1",
            "-",
            "5 h",
            "1d",
            "1.h",
            ".5h",
            "1..2s",
            "1h ",
            "9999999999999999h",
        ] {
            assert!(span(text).is_none(), "{text}");
        }
    }

    #[test]
    fn zones() {
        for name in ["", "UTC", "Europe/London", "+02:00", "-11:30", "05:30"] {
            assert!(zone(name).is_some(), "{name}");
        }
        for name in ["Nowhere/Else", "+2", "02:60", "x:00", "+99:00"] {
            assert!(zone(name).is_none(), "{name}");
        }
    }
}
