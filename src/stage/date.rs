//! `date`: dates of stated formats into another format.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Columns, Kind, Wording};
use crate::stage::{BindError, Bound, Resources, Stage};
use crate::text::dates::{Format, Language, Rewrite, Rewritten, Settings, Tally, Zone, conflict};

/// Dates of stated formats into another format.
///
/// Formats are written with YYYY, YY, MM, M, DD, D, MMM (Jan), MMMM (January), EEE (Mon), EEEE (Monday), HH, H, hh, h,
/// a (AM or PM), mm, ss, SSS (a fraction), Z (an offset: Z, +01:00, -0800); numbers are `[excel]`, `[excel1904]`,
/// `[epoch_s]`, `[epoch_ms]` and `[odata]`. A text must be a date of the calendar in one of the formats, from its first
/// character to its last.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateSpec {
    /// The columns, by their names at this point.
    pub columns: Vec<String>,
    /// The format that the dates have, or several that are tried in order; two that read a text as different days are
    /// refused. Left out, it is that of the `profile`.
    #[schemars(with = "Option<Formats>")]
    pub from: Formats,
    /// The format that they get. A time of day that it doesn't have is dropped.
    #[serde(default = "iso")]
    pub to: String,
    /// Whose day a moment becomes (a time of day with an offset, epoch_s, epoch_ms, odata), as the time zone database
    /// names it: `Europe/Berlin`. Without it the pipeline's `time_zone`; without both, the day stays as it is written.
    pub zone: Option<String>,
    /// The first of the hundred years that YY can mean: 1927 for 1927 to 2026.
    #[schemars(range(min = 1, max = 9900))]
    pub century_from: Option<u16>,
    /// The language of the names of months and days in `from`; English without it.
    pub language: Option<Language>,
    /// What to do with an empty cell.
    #[serde(default)]
    pub empty: EmptyDate,
    /// What to do with a text that is not a date in any of the formats.
    #[serde(default)]
    pub invalid: InvalidDate,
}

fn iso() -> String {
    "YYYY-MM-DD".into()
}

/// One date format, or several in order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a date format such as DD/MM/YYYY, or a list of them"
)]
pub enum Formats {
    /// One.
    One(String),
    /// Several, in order.
    Several(Vec<String>),
}

impl Formats {
    fn as_slice(&self) -> &[String] {
        match self {
            Formats::One(one) => std::slice::from_ref(one),
            Formats::Several(several) => several,
        }
    }
}

/// What to do with an empty cell of a date column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmptyDate {
    /// It stays empty.
    #[default]
    Keep,
    /// Reject the row.
    Reject,
}

/// What to do with a text that is not a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidDate {
    /// Reject the row.
    #[default]
    Reject,
    /// Make the cell empty.
    Empty,
}

impl DateSpec {
    /// What is wrong with it, header or not.
    pub(super) fn check(&self) -> Result<(), String> {
        check_columns(&self.columns)?;
        self.formats(None).map(drop)
    }

    /// What is wrong with it in a pipeline that states this time zone.
    pub(super) fn check_in(&self, time_zone: &Zone) -> Result<(), String> {
        self.formats(Some(time_zone)).map(drop)
    }

    /// The formats, for a pipeline with this time zone.
    fn formats(&self, time_zone: Option<&Zone>) -> Result<(Vec<Format>, Format), String> {
        let to = Format::compile(&self.to)?;
        if let Some(field) = to.only_read() {
            return Err(format!(
                "`to: {}` can't be written: `{field}` is only for `from`",
                self.to
            ));
        }
        let settings = self.settings(time_zone)?;
        let from = self.from.as_slice().iter();
        let from: Vec<_> = from
            .map(|format| Format::with(format, &settings))
            .collect::<Result<_, _>>()?;
        if from.is_empty() {
            return Err("`from` names no format, expected one such as DD/MM/YYYY".into());
        }
        // Midnight would be made up.
        if let Some(lacking) = from.iter().find(|f| f.time_fields() < to.time_fields()) {
            return Err(format!(
                "`to: {}` has a time of day that `from: {}` doesn't have",
                to.source(),
                lacking.source()
            ));
        }
        self.find_unused(&from)?;
        find_conflict(&from)?;
        Ok((from, to))
    }

    fn settings(&self, time_zone: Option<&Zone>) -> Result<Settings, String> {
        if let Some(first) = self.century_from.filter(|year| !(1..=9900).contains(year)) {
            return Err(format!(
                "`century_from: {first}` is not a year from 1 to 9900"
            ));
        }
        let zone = match &self.zone {
            None => time_zone.cloned(),
            Some(name) => Some(Zone::named(name).ok_or_else(|| {
                format!("`zone: {name}` is not a known time zone, expected one such as Europe/Berlin or UTC")
            })?),
        };
        Ok(Settings {
            century_from: self.century_from,
            language: self.language,
            zone,
        })
    }

    /// Refuses a setting that none of the formats has a use for: something else was meant.
    fn find_unused(&self, from: &[Format]) -> Result<(), String> {
        if self.zone.is_some() && !from.iter().any(Format::has_moments) {
            return Err(
                "`zone` is for moments, and no format has a time of day with an offset (Z), `[epoch_s]`, `[epoch_ms]` \
                 or `[odata]`"
                    .into(),
            );
        }
        if self.century_from.is_some() && !from.iter().any(Format::has_short_year) {
            return Err("`century_from` is for years of two digits, and no format has `YY`".into());
        }
        if self.language.is_some() && !from.iter().any(Format::has_names) {
            return Err(
                "`language` is for names, and no format has `MMM`, `MMMM`, `EEE` or `EEEE`".into(),
            );
        }
        Ok(())
    }

    pub(super) fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
        check_columns(&self.columns).map_err(BindError::Other)?;
        let formats = self.formats(resources.time_zone.as_ref());
        let (from, to) = formats.map_err(BindError::Other)?;
        let places = places(columns, &self.columns)?;
        // Text that has the order of days.
        let in_order = self.to == iso() || self.to.starts_with("YYYY-MM-DDTHH:mm");
        let dates = match in_order {
            true => Kinds::DAYS,
            false => Kinds::WORDS,
        };
        let kinds = match self.invalid {
            InvalidDate::Empty => Kinds::EMPTY | dates,
            InvalidDate::Reject => dates,
        };
        hold(columns, places.iter().map(|p| p.1), |before| {
            before.made(kinds)
        });
        Ok(Some(Box::new(Date {
            told: places.iter().map(|_| Told::default()).collect(),
            columns: places,
            expected: self.expected(&from).into(),
            plain: to.is_plain(),
            zoned: self.zone.is_some() || resources.time_zone.is_some(),
            from: from
                .into_iter()
                .map(|format| Rewrite::new(format, to.clone()))
                .collect(),
            empty: self.empty,
            invalid: self.invalid,
        })))
    }

    /// What is said of a text that is not a date.
    fn expected(&self, from: &[Format]) -> String {
        let mut message = format!("expected a date as {}", self.from.as_slice().join(" or "));
        if from.iter().any(Format::has_names) {
            message.push_str(match self.language {
                None => "; month names are English, set `language` for another language",
                Some(_) => "; month names are ",
            });
            message.push_str(self.language.map_or("", Language::name));
        }
        message
    }
}

/// Refuses formats by which a text is two days: the first one that fits would decide, row by row.
fn find_conflict(from: &[Format]) -> Result<(), String> {
    for (at, other) in from.iter().enumerate() {
        for one in &from[..at] {
            if let Some(conflict) = conflict(one, other) {
                return Err(format!(
                    "`{}` contradicts `{}`: {conflict}; state the one that the column has",
                    other.source(),
                    one.source()
                ));
            }
        }
    }
    Ok(())
}

/// Whether a list of columns can be meant: none is not, and one twice is not.
pub(super) fn check_columns(names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err("no column is named".into());
    }
    match names
        .iter()
        .enumerate()
        .find(|(i, n)| names[..*i].contains(n))
    {
        Some((_, name)) => Err(format!("column `{name}` is named twice")),
        None => Ok(()),
    }
}

struct Date {
    columns: Vec<(Arc<str>, usize)>,
    from: Vec<Rewrite>,
    /// Whether all new dates are plain.
    plain: bool,
    /// Whether it is stated whose day a moment becomes.
    zoned: bool,
    empty: EmptyDate,
    invalid: InvalidDate,
    expected: Cow<'static, str>,
    /// What is to be told of each column.
    told: Vec<Told>,
}

/// What the dates of a column had in all blocks so far that may not have been meant.
#[derive(Default)]
struct Told {
    times: AtomicU64,
    far: AtomicU64,
    sentinels: AtomicU8,
}

impl Told {
    fn add(&self, tally: Tally) {
        if tally != Tally::default() {
            self.times.fetch_add(tally.times, Ordering::Relaxed);
            self.far.fetch_add(tally.far, Ordering::Relaxed);
            self.sentinels.fetch_or(tally.sentinels, Ordering::Relaxed);
        }
    }

    fn so_far(&self) -> Tally {
        Tally {
            times: self.times.load(Ordering::Relaxed),
            far: self.far.load(Ordering::Relaxed),
            sentinels: self.sentinels.load(Ordering::Relaxed),
        }
    }

    fn forget(&self) {
        self.times.store(0, Ordering::Relaxed);
        self.far.store(0, Ordering::Relaxed);
        self.sentinels.store(0, Ordering::Relaxed);
    }
}

impl Date {
    fn dropped_times(&self, column: &str, times: u64) -> String {
        let moments = self.from.iter().any(|from| from.from().has_moments());
        let zone = match moments && !self.zoned {
            true => "; the day is the one that is written, and `zone` converts it to a time zone",
            false => "",
        };
        match times {
            1 => format!("{column}: 1 time of day other than midnight was dropped{zone}"),
            _ => format!("{column}: {times} times of day other than midnight were dropped{zone}"),
        }
    }

    fn far_years(&self, column: &str, tally: Tally) -> String {
        let mut remark = match tally.far {
            1 => format!("{column}: the year of 1 date is before 1850 or after 2200"),
            far => format!("{column}: the years of {far} dates are before 1850 or after 2200"),
        };
        let mut values = Vec::new();
        for date in tally.sentinels() {
            let written = self
                .from
                .iter()
                .filter_map(|from| from.from().example(date));
            values.extend(written.map(|text| format!("\"{text}\"")));
        }
        if !values.is_empty() {
            let values = values.join(", ");
            remark.push_str(&format!(
                "; if they mean that there is no date, `- empty: {{ columns: [{column}], values: [{values}] }}` before \
                 this stage takes them out"
            ));
        }
        remark
    }
}

impl Stage for Date {
    fn apply(&self, batch: &mut Batch) {
        // A column's new dates are written side by side and become text together.
        let mut written = Vec::new();
        for ((name, slot), told) in self.columns.iter().zip(&self.told) {
            let mut cells = batch.take_column(*slot);
            let base = batch.text_len();
            let mut tally = Tally::default();
            written.clear();
            for (row, cell) in cells.iter_mut().enumerate() {
                if !batch.is_live(row) {
                    continue;
                }
                let (code, message) = match cell.kind() {
                    Kind::Missing | Kind::Faulty => continue,
                    Kind::Text | Kind::Null if cell.is_empty() => {
                        if self.empty == EmptyDate::Keep {
                            continue;
                        }
                        ("date_empty", "expected a date, found nothing")
                    }
                    _ => {
                        let text = batch.text(*cell);
                        let start = written.len();
                        let read = |from: &Rewrite| from.apply(text, &mut written, &mut tally);
                        match self.from.iter().find_map(read) {
                            Some(Rewritten::AsItIs) => {
                                *cell = cell.with_kind(Kind::Text);
                                continue;
                            }
                            Some(Rewritten::Appended) => {
                                let date =
                                    Cell::new(base + start, written.len() - start, Kind::Text);
                                *cell = date.plain_if(self.plain);
                                continue;
                            }
                            None if self.invalid == InvalidDate::Empty => {
                                *cell = Cell::new(0, 0, Kind::Text);
                                continue;
                            }
                            None => ("date_format", &*self.expected),
                        }
                    }
                };
                *cell = cell.with_kind(Kind::Faulty);
                batch.reject_as(row, Wording::of("date", name, code, message), None);
            }
            match std::str::from_utf8(&written) {
                Ok(text) => batch.append_text(text),
                // Digits, names and whole literals are text; should that ever not hold, the cells stay within theirs.
                Err(_) => batch.append_text(&String::from_utf8_lossy(&written)),
            }
            batch.put_column(*slot, cells);
            told.add(tally);
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for ((name, _), told) in self.columns.iter().zip(&self.told) {
            let tally = told.so_far();
            if tally.times > 0 {
                remarks.push(self.dropped_times(name, tally.times));
            }
            if tally.far > 0 {
                remarks.push(self.far_years(name, tally));
            }
        }
        remarks
    }

    fn forget(&self) {
        self.told.iter().for_each(Told::forget);
    }
}

#[cfg(test)]
pub(super) mod tests;
