//! Formats that contradict each other: a text is a date in both, and not the same day.

use std::fmt;

use super::calendar::{Date, DateTime};
use super::format::Format;

/// A text of digits that nobody's data holds, and the days that it is in two formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) text: String,
    pub(crate) days: [Date; 2],
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = self.days;
        write!(
            f,
            "{} is {one} in the one and {other} in the other",
            self.text
        )
    }
}

/// Years whose days are tried: leap years and others, those whose halves are a month or a day at other places of
/// another format, and those with day numbers of six digits. The first one is for examples.
const YEARS: [u16; 28] = [
    2021, 1850, 1900, 1911, 1912, 1931, 1950, 1969, 1970, 1999, 2000, 2001, 2002, 2003, 2004, 2005,
    2006, 2007, 2008, 2009, 2010, 2011, 2012, 2024, 2031, 2100, 2173, 2200,
];

/// Times of day, tried in turn: the day's ends, where an offset leads into another day, and hours that could be a month.
const TIMES: [(u8, u8, u8); 5] = [(0, 0, 0), (23, 59, 59), (10, 11, 12), (3, 2, 1), (12, 0, 0)];

/// A text that is a date in both formats and not the same day. Every day of many years is written in all ways in which
/// the one can have it, and read as the other; and the other way round.
pub(crate) fn conflict(one: &Format, other: &Format) -> Option<Conflict> {
    let days = days().zip(TIMES.iter().cycle());
    let mut texts = days.flat_map(|(date, &(hour, minute, second))| {
        let when = DateTime {
            date,
            hour,
            minute,
            second,
        };
        texts(one, when).chain(texts(other, when))
    });
    texts.find_map(|text| {
        let days = [one.parse(&text)?.date, other.parse(&text)?.date];
        (days[0] != days[1]).then_some(Conflict { text, days })
    })
}

fn days() -> impl Iterator<Item = Date> {
    let months = YEARS
        .iter()
        .flat_map(|year| (1..=12).map(move |month| (*year, month)));
    months.flat_map(|(year, month)| (1..=31).filter_map(move |day| Date::new(year, month, day)))
}

/// All the ways in which a format can have a date.
fn texts(format: &Format, when: DateTime) -> impl Iterator<Item = String> {
    let written = move |way| {
        let mut text = Vec::new();
        let is_one = format.spell(when, way, &mut text);
        is_one.then(|| String::from_utf8(text).ok()).flatten()
    };
    (0..).map_while(written)
}
