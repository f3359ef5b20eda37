//! The formats of the `date` stage that texts of a skeleton may have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::text::dates::{DateTime, Format, Language, Settings};

/// Years of dates that are written without anything between their parts: other numbers are no dates.
const USUAL_YEARS: std::ops::RangeInclusive<u16> = 1900..=2100;

/// Where years of two digits begin while formats are counted: the century decides nothing but leap days.
const CENTURY: u16 = 1950;

/// Which part of a date comes first in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
    YearFirst,
    /// The month has its name, or all is one number.
    Certain,
}

impl Order {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Order::DayFirst => "day-first",
            Order::MonthFirst => "month-first",
            Order::YearFirst => "year-first",
            Order::Certain => "dates",
        }
    }
}

/// A format that texts of a skeleton may have.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    format: Format,
    pub order: Order,
    /// The language of its names, where it has any.
    language: Option<Language>,
    /// The format is a number, and so are many texts that are not dates.
    is_bare: bool,
}

impl Candidate {
    fn new(source: &str, language: Option<Language>) -> Option<Candidate> {
        let settings = Settings {
            language,
            ..Settings::century(CENTURY)
        };
        let order = match source.as_bytes() {
            [b'D', ..] if language.is_none() => Order::DayFirst,
            [b'M', ..] if language.is_none() => Order::MonthFirst,
            [b'Y', ..] => Order::YearFirst,
            _ => Order::Certain,
        };
        Some(Candidate {
            format: Format::with(source, &settings).ok()?,
            order,
            language,
            is_bare: source.len() == 8
                && source.is_ascii()
                && !source.contains(['/', '-', '.', ' '])
                || source.starts_with("[epoch"),
        })
    }

    pub(super) fn read(&self, text: &str) -> Option<DateTime> {
        let when = self.format.parse(text)?;
        let is_usual = !self.is_bare || USUAL_YEARS.contains(&when.date.year());
        let is_long = match self.format.source() {
            "[epoch_ms]" => text.len() >= 12,
            "[epoch_s]" => text.len() <= 10,
            _ => true,
        };
        (is_usual && is_long).then_some(when)
    }

    /// Whether it is a number of seconds or the like, which many other numbers could be.
    pub(crate) fn is_epoch(&self) -> bool {
        self.format.source().starts_with("[epoch")
    }

    /// Whether years have two digits.
    pub(crate) fn has_short_year(&self) -> bool {
        self.format.has_short_year()
    }

    /// Whether its texts tell how far their clock is from UTC.
    pub(crate) fn has_moments(&self) -> bool {
        self.format.has_moments()
    }

    /// The language of its names, as the `date` stage calls it; nothing for English.
    pub(crate) fn language(&self) -> Option<String> {
        let language = self.language.filter(|language| *language != Language::En)?;
        Some(format!("{language:?}").to_lowercase())
    }

    /// The format as the `date` stage takes it. `short` has a bit for each number of the skeleton that was seen with one
    /// digit: where there is none, two are asked for.
    pub(crate) fn format(&self, short: u16) -> String {
        let source = self.format.source();
        if source.starts_with('[') {
            return source.to_owned();
        }
        let words = words(source);
        let is_number = |word: &str| matches!(word, "D" | "M" | "YY" | "H" | "h" | "mm" | "ss");
        let numbers = || words.iter().filter(|word| is_number(word)).enumerate();
        let is_short = |at: usize| short & (1 << at) != 0;
        let short_day = numbers().any(|(at, word)| matches!(*word, "D" | "M") && is_short(at));
        let short_hour = numbers().any(|(at, word)| matches!(*word, "H" | "h") && is_short(at));
        let mut format = String::new();
        for word in &words {
            format.push_str(word);
            let twice = match *word {
                "D" | "M" => !short_day,
                "H" | "h" => !short_hour,
                _ => false,
            };
            format.push_str(if twice { word } else { "" });
        }
        format
    }
}

/// A format's runs of the same letter, and what stands between them.
fn words(source: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let (word, after) = rest.split_at(run);
        words.push(word);
        rest = after;
    }
    words
}

/// The formats of every skeleton that was met so far, which the workers share; nothing of those that are no dates.
#[derive(Debug, Default)]
pub(crate) struct Formats(Mutex<HashMap<Box<str>, Known>>);

/// What is known of a skeleton.
type Known = Option<Arc<[Candidate]>>;

/// Skeletons that are remembered, at most: texts have no end of them.
const MOST_REMEMBERED: usize = 4096;

impl Formats {
    /// The formats that texts of a skeleton may have; nothing where these are no dates.
    pub(super) fn of(&self, skeleton: &str) -> Option<Arc<[Candidate]>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(formats) = lock().get(skeleton) {
            return formats.clone();
        }
        let formats: Known = candidates(skeleton).map(Into::into);
        let mut known = lock();
        if formats.is_some() || known.len() < MOST_REMEMBERED {
            known.insert(skeleton.into(), formats.clone());
        }
        formats
    }
}

fn candidates(skeleton: &str) -> Option<Vec<Candidate>> {
    if skeleton.starts_with("/a(f") {
        return Some(Vec::from_iter(Candidate::new("[odata]", None)));
    }
    if skeleton == "f" {
        let numbers = ["[epoch_ms]", "[epoch_s]"].iter();
        return Some(numbers.filter_map(|n| Candidate::new(n, None)).collect());
    }
    let (days, rest) = days(skeleton)?;
    let time = time(rest)?;
    let formats = days.iter().map(|day| format!("{day}{time}"));
    let named = days
        .iter()
        .any(|day| day.contains("MMM") || day.contains("EEE"));
    let found: Vec<Candidate> = match named {
        false => formats.filter_map(|f| Candidate::new(&f, None)).collect(),
        true => {
            let each = Language::ALL
                .iter()
                .flat_map(|l| formats.clone().map(|f| (f, *l)));
            each.filter_map(|(f, l)| Candidate::new(&f, Some(l)))
                .collect()
        }
    };
    (!found.is_empty()).then_some(found)
}

/// What a skeleton's first part may be as days, and the rest.
fn days(skeleton: &str) -> Option<(Vec<String>, &str)> {
    for between in ["/", "-", "."] {
        let s = between;
        let known = [
            (
                format!("n{s}n{s}Y"),
                vec![format!("D{s}M{s}YYYY"), format!("M{s}D{s}YYYY")],
            ),
            (format!("Y{s}n{s}n"), vec![format!("YYYY{s}M{s}D")]),
            (
                format!("n{s}n{s}n"),
                vec![
                    format!("D{s}M{s}YY"),
                    format!("M{s}D{s}YY"),
                    format!("YY{s}M{s}D"),
                ],
            ),
        ];
        for (written, formats) in known {
            if let Some(rest) = skeleton.strip_prefix(&*written) {
                return Some((formats, rest));
            }
        }
    }
    if let Some(rest) = skeleton.strip_prefix('8') {
        let formats = ["YYYYMMDD", "DDMMYYYY", "MMDDYYYY"].map(str::to_owned);
        return Some((formats.into(), rest));
    }
    let (weekday, skeleton) = weekday(skeleton);
    let known = [
        ("n a Y", "D MMM YYYY"),
        ("n-a-Y", "D-MMM-YYYY"),
        ("n/a/Y", "D/MMM/YYYY"),
        ("n.a.Y", "D.MMM.YYYY"),
        ("n. a Y", "D. MMM YYYY"),
        ("n a, Y", "D MMM, YYYY"),
        ("naY", "DMMMYYYY"),
        ("n a n", "D MMM YY"),
        ("n-a-n", "D-MMM-YY"),
        ("n/a/n", "D/MMM/YY"),
        ("n. a n", "D. MMM YY"),
        ("nan", "DMMMYY"),
        ("a n, Y", "MMM D, YYYY"),
        ("a n Y", "MMM D YYYY"),
        ("a-n-Y", "MMM-D-YYYY"),
        ("Y-a-n", "YYYY-MMM-D"),
        ("Y a n", "YYYY MMM D"),
    ];
    let (written, format) = known
        .iter()
        .find(|(written, _)| skeleton.starts_with(written))?;
    let whole = format.replace("MMM", "MMMM");
    let formats = [*format, &whole].map(|format| match weekday {
        None => vec![format.to_owned()],
        Some(between) => ["EEE", "EEEE"]
            .map(|day| format!("{day}{between}{format}"))
            .into(),
    });
    Some((formats.concat(), &skeleton[written.len()..]))
}

/// A day of the week in front of a date: what stands behind it, and the rest.
fn weekday(skeleton: &str) -> (Option<&str>, &str) {
    for before in ["a, ", "a. ", "a "] {
        if let Some(rest) = skeleton.strip_prefix(before)
            && (rest.starts_with("n a")
                || rest.starts_with("n-a")
                || rest.starts_with("n. a")
                || rest.starts_with("a n"))
        {
            return (Some(&before[1..]), rest);
        }
    }
    (None, skeleton)
}

/// The format of what stands behind a day: a time, an offset, or nothing.
fn time(rest: &str) -> Option<String> {
    let mut format = String::new();
    let mut rest = rest;
    let lead = ["T", " ", ", "].into_iter().find(|lead| {
        rest.strip_prefix(*lead)
            .is_some_and(|rest| rest.starts_with("n:"))
    });
    if let Some(lead) = lead {
        format.push_str(lead);
        rest = rest[lead.len()..].strip_prefix("n:n")?;
        let half = rest.contains('P');
        format.push_str(if half { "h:mm" } else { "H:mm" });
        if let Some(after) = rest.strip_prefix(":n") {
            (rest, format) = (after, format + ":ss");
            let mut fraction = rest.strip_prefix('.').unwrap_or_default().char_indices();
            if let Some((at, _)) = fraction.next().filter(|(_, c)| "nYf8".contains(*c)) {
                (rest, format) = (&rest[at + 2..], format + ".SSS");
            }
        }
        let halves = [("P", "a"), (" P", " a")];
        if let Some((written, half)) = halves.iter().find(|(written, _)| rest.starts_with(written))
        {
            (rest, format) = (&rest[written.len()..], format + half);
        }
    }
    if rest.is_empty() {
        return Some(format);
    }
    let offset = rest.strip_prefix(' ').unwrap_or(rest);
    let blank = &rest[..rest.len() - offset.len()];
    let is_offset = matches!(offset, "Z" | "+n:n" | "-n:n" | "+Y" | "-Y" | "+n" | "-n");
    is_offset.then(|| format!("{format}{blank}Z"))
}
