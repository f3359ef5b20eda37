//! `type: date` and its `format`, with `min`, `max`, `after` and `before`.

use std::cmp::Ordering;

use super::given::{Bound, Broken, Cells, Given, Problems, Words};
use crate::rule::spec::Limit;
use crate::text::dates::{Date, Format, Today};

/// A day of a rule: stated, or the day of the run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    Fixed(Date),
    Today,
}

impl Day {
    pub(super) fn parse(text: &str) -> Option<Day> {
        match text {
            "today" => Some(Day::Today),
            _ => Date::parse_iso(text).map(Day::Fixed),
        }
    }

    fn date(self, today: Date) -> Date {
        match self {
            Day::Fixed(date) => date,
            Day::Today => today,
        }
    }
}

/// How a date must lie to a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    NotBefore,
    NotAfter,
    After,
    Before,
}

impl Side {
    const fn code(self) -> &'static str {
        match self {
            Side::NotBefore => "min",
            Side::NotAfter => "max",
            Side::After => "after",
            Side::Before => "before",
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Side::NotBefore => order.is_ge(),
            Side::NotAfter => order.is_le(),
            Side::After => order.is_gt(),
            Side::Before => order.is_lt(),
        }
    }

    fn message(self, day: Day, today: &Today) -> String {
        let day = match day {
            Day::Fixed(date) => date.to_string(),
            Day::Today => format!("today ({today})"),
        };
        match self {
            Side::NotBefore => format!("expected {day} or later"),
            Side::NotAfter => format!("expected {day} or earlier"),
            Side::After => format!("expected a date after {day}"),
            Side::Before => format!("expected a date before {day}"),
        }
    }
}

pub(super) struct Dates {
    format: Format,
    limits: Vec<(Side, Bound<Date>)>,
    words: Words,
}

/// Says that what is for dates is not for this type.
pub(super) fn refuse(given: &Given<'_>, problems: &mut Problems) {
    let Some(kind) = given.kind else { return };
    for (field, stated) in [
        ("format", given.rules.format.is_some()),
        ("after", given.rules.after.is_some()),
        ("before", given.rules.before.is_some()),
    ] {
        if stated {
            problems.push((
                field,
                format!("`{field}` is for dates, the type is {}", kind.word()),
            ));
        }
    }
}

pub(super) fn compile(given: &Given<'_>, problems: &mut Problems) -> Option<Dates> {
    let format = given.rules.format.as_deref().unwrap_or("YYYY-MM-DD");
    let format = match Format::compile(format) {
        Ok(format) => format,
        Err(message) => {
            problems.push(("format", message));
            return None;
        }
    };
    let days = days(given, problems);
    find_impossible(&days, given.today.day, problems);
    let limits = days.into_iter().map(|(side, day)| {
        let words = Words::new(side.code(), side.message(day, given.today));
        let limit = day.date(given.today.day);
        (side, Bound { limit, words })
    });
    Some(Dates {
        limits: limits.collect(),
        words: Words::new(
            "type_date",
            format!("expected a date as {}", format.source()),
        ),
        format,
    })
}

fn days(given: &Given<'_>, problems: &mut Problems) -> Vec<(Side, Day)> {
    let rules = given.rules;
    let text = |limit: &Option<Limit>| limit.as_ref().map(|l| l.0.clone());
    let mut days = Vec::new();
    for (side, stated) in [
        (Side::NotBefore, text(&rules.min)),
        (Side::NotAfter, text(&rules.max)),
        (Side::After, rules.after.clone()),
        (Side::Before, rules.before.clone()),
    ] {
        let Some(text) = stated else { continue };
        match Day::parse(text.trim()) {
            Some(day) => days.push((side, day)),
            None => problems.push((
                side.code(),
                format!("expected a day as YYYY-MM-DD, or `today`, found `{text}`"),
            )),
        }
    }
    days
}

/// Finds limits between which there is no day.
fn find_impossible(days: &[(Side, Day)], today: Date, problems: &mut Problems) {
    for &(low_side, low) in days {
        for &(high_side, high) in days {
            // What today is, decides at the run.
            let comparable = (low == Day::Today) == (high == Day::Today);
            let none = match (low_side, high_side) {
                (Side::NotBefore, Side::NotAfter) => low.date(today) > high.date(today),
                (Side::NotBefore, Side::Before) | (Side::After, Side::NotAfter | Side::Before) => {
                    low.date(today) >= high.date(today)
                }
                _ => false,
            };
            if comparable && none {
                let (low, high) = (low_side.code(), high_side.code());
                problems.push((low, format!("no day is within both `{low}` and `{high}`")));
            }
        }
    }
}

impl Dates {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        cells.filled(|row, _, text| match self.format.parse(text) {
            Some(when) => {
                for (side, Bound { limit, words }) in &self.limits {
                    if !side.holds(when.date.cmp(limit)) {
                        broken.push((row, words));
                    }
                }
            }
            None => broken.push((row, &self.words)),
        });
    }
}
