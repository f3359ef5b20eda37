//! Dates as they are written: which of the formats of the `date` stage read how many of a column's values.
//!
//! A value has a skeleton: `15/03/2021 08:30` is `n/n/Y n:n`, as `3/5/2021 8:30` is. All values of one skeleton are tried
//! in the formats that could have written it, and it is counted which of them read each. What is a date in one format
//! alone is a proof; what several read decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::{Candidate, Formats};
use crate::text::dates::Date;

/// The longest text that may be a date, in bytes.
const LONGEST: usize = 48;

/// Skeletons that are told apart in a column; one that has more has no dates.
const MOST: usize = 16;

/// How many formats of one skeleton are told apart by the values that they alone read.
const TOLD_APART: usize = 3;

/// What the values of a column say of the formats that they may have; nothing where they have too many skeletons.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dates(pub Option<BTreeMap<Box<str>, Written>>);

impl Default for Dates {
    fn default() -> Dates {
        Dates(Some(BTreeMap::new()))
    }
}

/// The values of one skeleton.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The formats that such texts may have: the same for the same skeleton.
    pub formats: Arc<[Candidate]>,
    /// Values that each of them reads.
    pub fits: Vec<u64>,
    /// Values by which of the first of them read each: a bit for every one.
    pub by_fit: [u64; 1 << TOLD_APART],
    /// Values that none of them reads.
    pub none: u64,
    /// The numbers in the skeleton, a bit for each, that have been written with one digit.
    pub short: u16,
    /// Values with a time of day other than midnight.
    pub timed: u64,
    /// The first and the last day, in each format.
    pub days: Vec<Option<(Date, Date)>>,
}

impl PartialEq for Written {
    fn eq(&self, other: &Written) -> bool {
        (
            &self.fits,
            self.by_fit,
            self.none,
            self.short,
            self.timed,
            &self.days,
        ) == (
            &other.fits,
            other.by_fit,
            other.none,
            other.short,
            other.timed,
            &other.days,
        )
    }
}

impl Dates {
    pub(super) fn see(&mut self, text: &str, n: u64, formats: &Formats, buffer: &mut String) {
        let Some(skeletons) = &mut self.0 else {
            return;
        };
        let Some(short) = skeleton(text, buffer) else {
            return;
        };
        if !skeletons.contains_key(buffer.as_str()) {
            let Some(formats) = formats.of(buffer) else {
                return;
            };
            skeletons.insert(buffer.as_str().into(), Written::new(formats));
        }
        if let Some(written) = skeletons.get_mut(buffer.as_str()) {
            written.see(text, short, n);
        }
        self.settle();
    }

    pub(super) fn merge(&mut self, other: Dates) {
        let (Some(skeletons), Some(others)) = (&mut self.0, other.0) else {
            self.0 = None;
            return;
        };
        for (skeleton, written) in others {
            match skeletons.get_mut(&skeleton) {
                Some(mine) => mine.merge(&written),
                None => {
                    skeletons.insert(skeleton, written);
                }
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        if self
            .0
            .as_ref()
            .is_some_and(|skeletons| skeletons.len() > MOST)
        {
            self.0 = None;
        }
    }
}

impl Written {
    fn new(formats: Arc<[Candidate]>) -> Written {
        Written {
            fits: vec![0; formats.len()],
            days: vec![None; formats.len()],
            formats,
            by_fit: [0; 1 << TOLD_APART],
            none: 0,
            short: 0,
            timed: 0,
        }
    }

    fn see(&mut self, text: &str, short: u16, n: u64) {
        self.short |= short;
        let (mut bits, mut any, mut timed) = (0usize, false, false);
        for (at, candidate) in self.formats.iter().enumerate() {
            let Some(when) = candidate.read(text) else {
                continue;
            };
            any = true;
            timed |= (when.hour, when.minute, when.second) != (0, 0, 0);
            self.fits[at] += n;
            bits |= if at < TOLD_APART { 1 << at } else { 0 };
            let (first, last) = self.days[at].unwrap_or((when.date, when.date));
            self.days[at] = Some((first.min(when.date), last.max(when.date)));
        }
        self.by_fit[bits] += if any { n } else { 0 };
        self.none += if any { 0 } else { n };
        self.timed += if timed { n } else { 0 };
    }

    fn merge(&mut self, other: &Written) {
        for (mine, its) in self.fits.iter_mut().zip(&other.fits) {
            *mine += its;
        }
        for (mine, its) in self.by_fit.iter_mut().zip(&other.by_fit) {
            *mine += its;
        }
        for (mine, its) in self.days.iter_mut().zip(&other.days) {
            *mine = match (*mine, *its) {
                (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                (mine, its) => mine.or(its),
            };
        }
        self.none += other.none;
        self.short |= other.short;
        self.timed += other.timed;
    }

    /// Values that are dates in one of the formats at least.
    pub(crate) fn read(&self) -> u64 {
        self.by_fit.iter().sum()
    }
}

/// Leaves the skeleton of a text in `out`, and tells which of its numbers have one digit; nothing where it can't be a
/// date.
///
/// | in the text | in the skeleton |
/// |---|---|
/// | one digit or two | `n` |
/// | four, eight, other numbers of digits | `Y`, `8`, `f` |
/// | `T` and `Z` by themselves | themselves |
/// | AM, PM, in any case and with dots | `P` |
/// | other letters | `a` |
/// | what commonly stands between them | itself |
fn skeleton(text: &str, out: &mut String) -> Option<u16> {
    out.clear();
    if text.len() > LONGEST || text.len() < 6 || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let (mut short, mut numbers) = (0u16, 0);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_same = |c: char| match first.is_ascii_digit() {
            true => c.is_ascii_digit(),
            false => c.is_alphabetic(),
        };
        let run = match first.is_ascii_digit() || first.is_alphabetic() {
            true => rest.find(|c| !is_same(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, mut after) = rest.split_at(run);
        match first {
            _ if first.is_ascii_digit() => match word.len() {
                len @ (1 | 2) => {
                    short |= if len == 1 { 1 << numbers } else { 0 };
                    numbers = (numbers + 1).min(15);
                    out.push('n');
                }
                4 => out.push('Y'),
                8 => out.push('8'),
                _ => out.push('f'),
            },
            _ if first.is_alphabetic() => {
                let dotted = ["a.m.", "p.m.", "A.M.", "P.M."];
                if matches!(word, "T" | "Z") {
                    out.push_str(word);
                } else if let Some(half) = dotted.iter().find(|half| rest.starts_with(**half)) {
                    out.push('P');
                    after = &rest[half.len()..];
                } else {
                    let half = word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm");
                    out.push(if half { 'P' } else { 'a' });
                }
            }
            ' ' | '.' | '/' | '-' | ':' | ',' | '+' | '(' | ')' => out.push(first),
            _ => return None,
        }
        rest = after;
    }
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skeletons() {
        for (text, expected, short) in [
            ("15/03/2021", Some("n/n/Y"), 0),
            ("5/3/2021 8:30 AM", Some("n/n/Y n:n P"), 0b111),
            ("2021-03-15T08:30:00.123Z", Some("Y-n-nTn:n:n.fZ"), 0),
            ("2021-03-15-08:00", Some("Y-n-n-n:n"), 0),
            ("15-MAR-21", Some("n-a-n"), 0),
            ("3. März 2021", Some("n. a Y"), 1),
            ("20210315", Some("8"), 0),
            ("5:30 p.m. x", Some("n:n P a"), 1),
            ("/Date(1615766400000)/", Some("/a(f)/"), 0),
            ("Mara", None, 0),
            ("a@b.c 12", None, 0),
        ] {
            let mut out = String::new();
            let found = skeleton(text, &mut out);
            assert_eq!(found.map(|_| out.as_str()), expected, "{text}");
            assert_eq!(found.unwrap_or_default(), short, "{text}");
        }
    }

    fn seen(texts: &[&str]) -> Dates {
        let mut dates = Dates::default();
        for text in texts {
            dates.see(text, 1, &Formats::default(), &mut String::new());
        }
        dates
    }

    fn fits(dates: &Dates) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for written in dates.0.as_ref().unwrap().values() {
            for (candidate, fits) in written.formats.iter().zip(&written.fits) {
                if *fits > 0 {
                    found.push((candidate.format(written.short), *fits));
                }
            }
        }
        found
    }

    #[test]
    fn formats_are_counted() {
        let check = |texts: &[&str], expected: &[(&str, u64)]| {
            let found = fits(&seen(texts));
            let found: Vec<_> = found.iter().map(|(f, n)| (f.as_str(), *n)).collect();
            assert_eq!(found, expected, "{texts:?}");
        };
        check(
            &["15/03/2021", "02/03/2021", "31/02/2021"],
            &[("DD/MM/YYYY", 2), ("MM/DD/YYYY", 1)],
        );
        check(
            &["3/15/2021", "3/5/2021"],
            &[("D/M/YYYY", 1), ("M/D/YYYY", 2)],
        );
        check(&["2021-03-15-08:00"], &[("YYYY-MM-DDZ", 1)]);
        check(
            &["2021-03-15T08:30:00.123+01:00"],
            &[("YYYY-MM-DDTHH:mm:ss.SSSZ", 1)],
        );
        check(&["20210315"], &[("YYYYMMDD", 1)]);
        check(&["12345678"], &[]);
        check(&["3/14/2021 3:44 PM"], &[("M/D/YYYY h:mm a", 1)]);
        check(&["23.06.90"], &[("DD.MM.YY", 1)]);
    }

    #[test]
    fn names_of_months_are_of_a_language() {
        let dates = seen(&["15-MÄR-2021", "02-DEZ-2020"]);
        let written = dates.0.unwrap().into_values().next().unwrap();
        let best = written.fits.iter().position(|fits| *fits == 2).unwrap();
        assert_eq!(written.formats[best].format(written.short), "DD-MMM-YYYY");
        assert_eq!(written.formats[best].language().as_deref(), Some("de"));
    }
}
