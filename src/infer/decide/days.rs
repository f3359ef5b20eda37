//! Whether a column is of dates, and in which format.

use serde::Serialize;

use super::{Type, Undecided, are_enough};
use crate::infer::column::Column;
use crate::infer::column::dates::Written;
use crate::infer::column::format::{Candidate, Order};
use crate::infer::names;
use crate::text::dates::Date;

/// The day numbers that a workbook may have of people's days: 1954 to 2064.
const DAY_NUMBERS: std::ops::RangeInclusive<f64> = 20_000.0..=60_000.0;

/// A format of dates that is decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Days {
    /// The formats, each once.
    pub from: Vec<String>,
    /// The language of their names, where it is not English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Values that each of them reads, with those that would read some of them otherwise.
    pub fits: Vec<Fits>,
    /// Years have two digits: a person says of which century.
    pub short_year: bool,
    /// Values with a time of day other than midnight, and whether they tell how far their clock is from UTC.
    pub timed: u64,
    pub moments: bool,
    #[serde(skip)]
    pub days: Option<(Date, Date)>,
}

/// How many values a format reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fits {
    pub format: String,
    pub order: Order,
    pub values: u64,
    /// Those that no other format reads.
    pub alone: u64,
}

/// Whether the values are dates, and how many of them.
pub(super) fn dates(name: &str, column: &Column, values: u64) -> Option<(Type, u64)> {
    let all: Vec<&Written> = column
        .dates
        .0
        .as_ref()?
        .values()
        .filter(|w| w.read() > 0)
        .collect();
    let (bare, dates): (Vec<&Written>, Vec<&Written>) = all
        .iter()
        .partition(|written| written.formats[0].is_epoch());
    let count = |written: &[&Written]| written.iter().map(|w| w.read()).sum::<u64>();
    if are_enough(count(&dates), values) {
        return Some((of(&dates), count(&dates)));
    }
    // Numbers are days where their column says so.
    if !names::is_date(name) {
        return None;
    }
    if are_enough(count(&bare), values) {
        return Some((of(&bare), count(&bare)));
    }
    let numbers = &column.numbers;
    let whole = numbers.whole == values && numbers.zeros == 0;
    let range = numbers.ranges[0].0.filter(|_| whole);
    let may_be = range
        .is_some_and(|(least, most)| DAY_NUMBERS.contains(&least) && DAY_NUMBERS.contains(&most));
    may_be.then_some((Type::Undecided(Undecided::DayNumbers { values }), values))
}

/// A format of the values of one skeleton.
struct Chosen<'w> {
    written: &'w Written,
    at: usize,
}

impl Chosen<'_> {
    fn candidate(&self) -> &Candidate {
        &self.written.formats[self.at]
    }
}

fn of(all: &[&Written]) -> Type {
    let is_open = |written: &&&Written| {
        written.formats.len() > 1 && written.formats[0].order != Order::Certain
    };
    let open: Vec<&Written> = all.iter().filter(is_open).copied().collect();
    let order = match viable(&open)[..] {
        [order] => Some(order),
        _ => None,
    };
    let chosen: Vec<Chosen<'_>> = all
        .iter()
        .filter_map(|written| {
            let at = match written.formats[0].order {
                _ if written.formats.len() == 1 => 0,
                // Names of a language, or numbers: the first that reads the most.
                Order::Certain => best(written),
                _ => written
                    .formats
                    .iter()
                    .position(|c| Some(c.order) == order)?,
            };
            Some(Chosen { written, at })
        })
        .collect();
    let fits = fits(all);
    let language = chosen
        .iter()
        .find_map(|chosen| chosen.candidate().language());
    if chosen.len() < all.len() {
        let formats = || all.iter().flat_map(|w| w.formats.iter().zip(&w.fits));
        return Type::Undecided(Undecided::Orders {
            dates: all.iter().map(|w| w.read()).sum(),
            short_year: formats().any(|(c, fits)| *fits > 0 && c.has_short_year()),
            language,
            formats: fits,
        });
    }
    let mut from: Vec<String> = Vec::new();
    let mut days: Option<(Date, Date)> = None;
    for chosen in &chosen {
        let format = chosen.candidate().format(chosen.written.short);
        if !from.contains(&format) {
            from.push(format);
        }
        if let Some((first, last)) = chosen.written.days[chosen.at] {
            let (a, b) = days.unwrap_or((first, last));
            days = Some((a.min(first), b.max(last)));
        }
    }
    let any = |is: fn(&Candidate) -> bool| chosen.iter().any(|chosen| is(chosen.candidate()));
    Type::Date(Days {
        from,
        language,
        fits,
        short_year: any(Candidate::has_short_year),
        timed: chosen.iter().map(|chosen| chosen.written.timed).sum(),
        moments: any(Candidate::has_moments),
        days,
    })
}

/// The orders in which all values are dates that are dates in any.
fn viable(open: &[&Written]) -> Vec<Order> {
    let all: u64 = open.iter().map(|written| written.read()).sum();
    let reads = |order: Order| -> u64 {
        let fits = open.iter().flat_map(|w| w.formats.iter().zip(&w.fits));
        fits.filter(|(c, _)| c.order == order)
            .map(|(_, fits)| fits)
            .sum()
    };
    let orders = [Order::DayFirst, Order::MonthFirst, Order::YearFirst];
    orders
        .into_iter()
        .filter(|order| reads(*order) == all)
        .collect()
}

/// The first of the formats that read the most.
fn best(written: &Written) -> usize {
    let most = written.fits.iter().max().copied().unwrap_or_default();
    written
        .fits
        .iter()
        .position(|fits| *fits == most)
        .unwrap_or_default()
}

/// The formats that read anything, with how many values; of names the best alone.
fn fits(all: &[&Written]) -> Vec<Fits> {
    let mut found: Vec<Fits> = Vec::new();
    for written in all {
        let named = written.formats[0].order == Order::Certain;
        let chosen = if named {
            best(written)..best(written) + 1
        } else {
            0..written.formats.len()
        };
        for at in chosen.filter(|at| written.fits[*at] > 0) {
            let candidate = &written.formats[at];
            let format = candidate.format(written.short);
            let alone = match named {
                true => written.fits[at],
                false => written.by_fit.get(1 << at).copied().unwrap_or_default(),
            };
            match found.iter_mut().find(|fits| fits.format == format) {
                Some(fits) => {
                    fits.values += written.fits[at];
                    fits.alone += alone;
                }
                None => found.push(Fits {
                    format,
                    order: candidate.order,
                    values: written.fits[at],
                    alone,
                }),
            }
        }
    }
    found
}
