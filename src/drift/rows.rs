//! What the cells of a source look like beside those of the last accepted run.
//!
//! A column is told of where nearly all cells looked in one way and many do not any more. Shares of few cells mean little,
//! so that nothing is said of them.

use super::Finding;
use super::facts::Facts;
use super::memory::{Cells, Memory};
use super::sample::{Lookout, Sample};
use super::shape::{DATES, NUMBERS, Shape, YEAR_LAST};
use super::spec::Kind;
use crate::text::counted;

/// Fewest cells with a value of which anything is said.
const FEWEST: u64 = 20;

/// So large a part of the cells is nearly all.
const NEARLY_ALL: f64 = 0.95;

/// So much smaller a part is a change.
const CHANGED: f64 = 0.05;

/// A part of which a value that has gone is missed.
const MISSED: f64 = 0.05;

/// Fewest cells in which it is missed.
const MISSED_OF: u64 = 100;

/// Below, a column that was filled is empty.
const EMPTY: f64 = 0.05;

/// What has changed in the cells.
pub(crate) fn compare(last: &Memory, lookout: &Lookout, sample: &Sample) -> Vec<Finding> {
    let known = last.by_name();
    let same_key = last.key == *lookout.key().mark();
    let mut findings = Vec::new();
    for (name, facts) in lookout.names().zip(&sample.columns) {
        let Some(before) = known.get(&**name).and_then(|column| column.cells.as_ref()) else {
            continue;
        };
        let mut tell = |kind, what: Option<String>| {
            findings.extend(what.map(|what| Finding {
                kind,
                column: name.to_string(),
                message: format!("column `{name}`: {what}"),
            }));
        };
        let now = Cells::from(facts);
        let beside = Beside {
            before,
            now: &now,
            facts,
        };
        tell(Kind::Types, beside.types());
        tell(Kind::Dates, beside.dates());
        if same_key {
            tell(Kind::Codes, beside.codes());
        }
    }
    findings
}

/// The cells of a column then and now.
struct Beside<'a> {
    before: &'a Cells,
    now: &'a Cells,
    facts: &'a Facts,
}

impl Beside<'_> {
    /// The first thing about their type that has changed.
    fn types(&self) -> Option<String> {
        self.emptied()
            .or_else(|| {
                let kinds = [
                    ("numbers", NUMBERS),
                    ("dates", DATES),
                    ("text", &[Shape::Text]),
                ];
                kinds.into_iter().find_map(|(what, some)| {
                    let (then, now) = self.fewer(some, &Shape::ALL)?;
                    Some(format!(
                        "{} of its cells were {what} in the last run, {} are now",
                        percent(then),
                        percent(now)
                    ))
                })
            })
            .or_else(|| self.decimals("a point", Shape::Point, "a comma"))
            .or_else(|| self.decimals("a comma", Shape::Comma, "a point"))
            .or_else(|| self.zeros())
            .or_else(|| self.length())
    }

    fn emptied(&self) -> Option<String> {
        let Beside { before, now, .. } = self;
        let (then, is) = (
            share(before.filled, before.seen),
            share(now.filled, now.seen),
        );
        let has_emptied =
            before.filled >= FEWEST && now.seen >= FEWEST && then >= 0.5 && is < EMPTY;
        has_emptied.then(|| {
            format!(
                "{} of its cells had a value in the last run, {} have one now",
                percent(then),
                percent(is)
            )
        })
    }

    fn decimals(&self, then: &str, shape: Shape, now: &str) -> Option<String> {
        let (before, after) = self.fewer(&[shape], &[Shape::Point, Shape::Comma])?;
        Some(format!(
            "{} of its decimals had {then} in the last run, {} have it now, and the others {now}",
            percent(before),
            percent(after)
        ))
    }

    fn zeros(&self) -> Option<String> {
        let padded = share(self.before.shaped(Shape::Padded), self.before.filled);
        let are_missed = padded * self.now.filled as f64 >= FEWEST as f64
            && self.before.shaped(Shape::Padded) >= FEWEST;
        (are_missed && self.now.shaped(Shape::Padded) == 0).then(|| {
            format!(
                "{} of its cells had leading zeros in the last run, none has now: did a spreadsheet take them off?",
                percent(padded)
            )
        })
    }

    /// Of a code list, lengths say how often which value is there.
    fn length(&self) -> Option<String> {
        let (length, cells) = self.before.length.filter(|_| self.before.codes.is_none())?;
        let then = (cells, self.before.filled);
        let now = (self.facts.as_long_as(length), self.now.filled);
        let (then, now) = less(then, now)?;
        let length = counted(length.into(), "character");
        Some(format!(
            "{} of its cells had {length} in the last run, {} have so many now",
            percent(then),
            percent(now)
        ))
    }

    /// How the order of day, month and year has changed.
    fn dates(&self) -> Option<String> {
        for (what, some) in [("first", &[Shape::YearFirst][..]), ("last", YEAR_LAST)] {
            if let Some((then, now)) = self.fewer(some, DATES) {
                return Some(format!(
                    "{} of its dates had the year {what} in the last run, {} have it there now",
                    percent(then),
                    percent(now)
                ));
            }
        }
        let day_first = [Shape::DayFirst, Shape::Either];
        let month_first = [Shape::MonthFirst, Shape::Either];
        let fitted = |some: &[Shape]| share(sum(self.before, some), sum(self.before, YEAR_LAST));
        // Where both fitted, nobody knows which it was.
        if fitted(&day_first) >= NEARLY_ALL && fitted(&month_first) >= NEARLY_ALL {
            return None;
        }
        for (what, some) in [("DD/MM/YYYY", &day_first), ("MM/DD/YYYY", &month_first)] {
            if let Some((then, now)) = self.fewer(some, YEAR_LAST) {
                return Some(format!(
                    "{} of its dates fitted {what} in the last run, {} do now: has the order of days and months changed?",
                    percent(then),
                    percent(now)
                ));
            }
        }
        None
    }

    /// Which values of a code list are others.
    fn codes(&self) -> Option<String> {
        let is_said = self.before.filled >= FEWEST;
        let before = self.before.codes.as_ref().filter(|_| is_said)?;
        let Some(now) = &self.facts.codes else {
            let values = counted(before.len() as u64, "value");
            return Some(format!(
                "it had {values} in the last run, and has more than a code list now"
            ));
        };
        let filled = (self.before.filled, self.now.filled);
        let mut told = Vec::new();
        let kept: u64 = before.iter().map(|(_, cells)| cells).sum();
        let others = now
            .iter()
            .filter(|(hash, _)| !before.iter().any(|(known, _)| known == hash));
        let others: Vec<u64> = others.map(|(_, cells)| *cells).collect();
        let cells: u64 = others.iter().sum();
        // Values that few rows have are not kept, so that some of these may have been there.
        let expected = share(filled.0 - kept, filled.0) * filled.1 as f64;
        if cells as f64 >= 2.0 * expected + FEWEST as f64 {
            told.push(format!(
                "{} that the last run did not have, in {} of {} looked at",
                counted(others.len() as u64, "value"),
                cells,
                counted(self.now.seen, "row"),
            ));
        }
        let is_gone = |(hash, cells): &&(u64, u64)| {
            let is_missed = share(*cells, filled.0) >= MISSED && *cells >= FEWEST;
            is_missed && !now.iter().any(|(known, _)| known == hash)
        };
        let gone: Vec<u64> = before
            .iter()
            .filter(is_gone)
            .map(|(_, cells)| *cells)
            .collect();
        if !gone.is_empty() && filled.1 >= MISSED_OF {
            told.push(format!(
                "{} gone that {} of its cells had in the last run",
                match gone.len() {
                    1 => "1 value is".to_owned(),
                    several => format!("{several} values are"),
                },
                percent(share(gone.iter().sum(), filled.0)),
            ));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// The parts that some shapes were and are of others, where they were nearly all of them and are fewer now.
    fn fewer(&self, some: &[Shape], of: &[Shape]) -> Option<(f64, f64)> {
        let count = |cells: &Cells| (sum(cells, some), sum(cells, of));
        less(count(self.before), count(self.now))
    }
}

/// What part the first number was and is of the second, where that was nearly all and is less now.
fn less(then: (u64, u64), now: (u64, u64)) -> Option<(f64, f64)> {
    let (before, after) = (share(then.0, then.1), share(now.0, now.1));
    let is_said = then.1 >= FEWEST && now.1 >= FEWEST;
    (is_said && before >= NEARLY_ALL && after < before - CHANGED).then_some((before, after))
}

fn sum(cells: &Cells, shapes: &[Shape]) -> u64 {
    shapes.iter().map(|shape| cells.shaped(*shape)).sum()
}

fn share(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

/// A share in words; what is not all is never told as all of it, nor what is something as nothing.
fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() as u64;
    let tenths = match tenths {
        1000 if share < 1.0 => 999,
        0 if share > 0.0 => 1,
        tenths => tenths,
    };
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        tenth => format!("{}.{tenth} %", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::facts::Look;
    use crate::drift::key::Key;

    fn sample(cells: &[(&str, usize)], key: &Key) -> Sample {
        let mut facts = Facts::default();
        for (text, times) in cells {
            (0..*times).for_each(|_| facts.see(&Look::at(text, Some(key))));
        }
        Sample {
            rows: facts.cells,
            columns: vec![facts],
        }
    }

    fn told(before: &[(&str, usize)], now: &[(&str, usize)]) -> Vec<String> {
        let key = Key::new(None, None).unwrap();
        let lookout = Lookout::new([("x".into(), 0)], key.clone());
        let last = Memory::new(&["x".into()], &lookout, &sample(before, &key));
        let found = compare(&last, &lookout, &sample(now, &key));
        let told = |finding: Finding| format!("{}: {}", finding.kind.word(), finding.message);
        found.into_iter().map(told).collect()
    }

    #[track_caller]
    fn check(before: &[(&str, usize)], now: &[(&str, usize)], expected: &[&str]) {
        assert_eq!(told(before, now), expected);
    }

    /// So many different texts, so that they are no code list.
    fn many(from: usize, to: usize, text: impl Fn(usize) -> String) -> Vec<(String, usize)> {
        (from..to).map(|n| (text(n), 1)).collect()
    }

    #[track_caller]
    fn check_many(before: Vec<(String, usize)>, now: Vec<(String, usize)>, expected: &[&str]) {
        let plain = |cells: &[(String, usize)]| -> Vec<(String, usize)> { cells.to_vec() };
        let (before, now) = (plain(&before), plain(&now));
        let of = |cells: &'static [(String, usize)]| -> Vec<(&'static str, usize)> {
            cells
                .iter()
                .map(|(text, times)| (&**text, *times))
                .collect()
        };
        let (before, now) = (of(before.leak()), of(now.leak()));
        check(&before, &now, expected);
    }

    #[test]
    fn types_that_do_not_fit_any_more() {
        check_many(
            many(0, 100, |n| n.to_string()),
            many(0, 100, |n| {
                if n < 41 {
                    n.to_string()
                } else {
                    format!("x{n}")
                }
            }),
            &["types: column `x`: 100 % of its cells were numbers in the last run, 41 % are now"],
        );
        check_many(
            many(0, 100, |n| format!("name {n}")),
            many(0, 100, |n| format!("{n}")),
            &["types: column `x`: 100 % of its cells were text in the last run, 0 % are now"],
        );
        check_many(
            many(0, 100, |n| format!("{n}.5")),
            many(0, 100, |n| format!("{n},5")),
            &[
                "types: column `x`: 100 % of its decimals had a point in the last run, 0 % have it now, and the others a comma",
            ],
        );
        check_many(
            many(0, 100, |n| format!("{:06}", n * 5000)),
            many(0, 100, |n| format!("{}", n * 5000)),
            &[
                "types: column `x`: 20 % of its cells had leading zeros in the last run, none has now: did a spreadsheet take them off?",
            ],
        );
        check_many(
            many(0, 100, |n| format!("E{n:07}")),
            many(0, 100, |n| format!("E{n:05}")),
            &[
                "types: column `x`: 100 % of its cells had 8 characters in the last run, 0 % have so many now",
            ],
        );
        check(
            &[("a", 50), ("", 50)],
            &[("", 100)],
            &["types: column `x`: 50 % of its cells had a value in the last run, 0 % have one now"],
        );
    }

    #[test]
    fn dates_whose_order_has_changed() {
        let day_first = [("31/01/2020", 59), ("01/02/2020", 41)];
        let month_first = [("01/31/2020", 59), ("02/01/2020", 41)];
        let year_first = [("2020-01-31", 100)];
        check(
            &day_first,
            &month_first,
            &[
                "dates: column `x`: 100 % of its dates fitted DD/MM/YYYY in the last run, 41 % do now: has the order of days \
                 and months changed?",
            ],
        );
        assert!(told(&month_first, &day_first)[0].contains("fitted MM/DD/YYYY"));
        assert!(told(&year_first, &day_first)[0].contains("100 % of its dates had the year first"));
        assert!(told(&day_first, &year_first)[0].contains("100 % of its dates had the year last"));
        // Where both orders fitted, nothing has changed.
        let either = many(1, 13, |n| format!("01/{n:02}/2020"));
        let either = either.into_iter().map(|(text, _)| (text, 3)).collect();
        let now = many(13, 53, |n| format!("{:02}/01/2020", 13 + n % 19));
        check_many(either, now, &[]);
    }

    #[test]
    fn codes_that_are_others() {
        let before = [("A", 700), ("B", 200), ("C", 95), ("rare", 5)];
        check(&before, &before, &[]);
        check(
            &before,
            &[("A", 700), ("B", 200), ("C", 95), ("D", 30), ("E", 10)],
            &[
                "codes: column `x`: 2 values that the last run did not have, in 40 of 1035 rows looked at",
            ],
        );
        check(
            &before,
            &[("A", 700), ("C", 95)],
            &["codes: column `x`: 1 value is gone that 20 % of its cells had in the last run"],
        );
        // Nobody knows whether few rows had it before.
        check(
            &before,
            &[("A", 700), ("B", 200), ("C", 95), ("D", 19)],
            &[],
        );
        check_many(
            before
                .iter()
                .map(|(text, times)| ((*text).to_owned(), *times))
                .collect(),
            many(0, 100, |n| format!("A{n}")),
            &[
                "codes: column `x`: it had 3 values in the last run, and has more than a code list now",
            ],
        );
    }

    #[test]
    fn little_is_said_of_few_cells() {
        check(&[("1", 19)], &[("a", 100)], &[]);
        check(&[("1", 100)], &[("a", 8)], &[]);
        check(
            &[("1", 90), ("a", 10)],
            &[("a", 100)],
            &["codes: column `x`: 1 value is gone that 90 % of its cells had in the last run"],
        );
    }

    #[test]
    fn shares_in_words() {
        let shares = [0.0, 0.00001, 0.5, 0.998, 0.99999, 1.0].map(percent);
        assert_eq!(
            shares,
            ["0 %", "0.1 %", "50 %", "99.8 %", "99.9 %", "100 %"]
        );
    }
}
