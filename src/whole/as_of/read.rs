//! What a row says of itself: when it holds, and what it is preferred for. Workers find it out, block by block.

use std::borrow::Cow;
use std::sync::Arc;

use super::choose::{EMPTY, KIND, Rule, UNREAD_NUMBER, UNREAD_VALUE, Word};
use super::period::{NO_END, Period, UNREAD};
use super::spec::{AsOfSpec, At, Ends, ISO, Prefer};
use crate::batch::{Batch, Cell, Columns, Fault, Kind, NoColumn};
use crate::text::compare::comparable;
use crate::text::dates::{Date, Format};
use crate::text::decimal::Number;
use crate::text::unseen::is_blank;

/// The step in a fault that is found here.
pub(super) const STAGE: &str = "as_of";

/// Digits that a number of 64 bits keeps, whatever they are, with one bit less than it has.
const DIGITS: usize = 15;

/// A column: its name, and its place.
type Place = (Arc<str>, usize);

/// The section `as_of`, bound to its columns.
pub(crate) struct Reader {
    key: Place,
    /// Whether keys that differ by case alone are the same.
    ignore_case: bool,
    /// Whether the rules see to it that the key is never empty.
    key_is_ruled: bool,
    from: Place,
    to: Option<Place>,
    ends: Ends,
    format: Format,
    words: Vec<Source>,
    pub(super) rule: Rule,
    /// The day on which a row must be in force.
    pub(super) day: Date,
}

/// Where a word of ranks comes from.
enum Source {
    /// Up to eight columns and their values, the best first.
    Values(Vec<(usize, Vec<String>)>),
    Number {
        column: Place,
        highest: bool,
    },
}

impl Source {
    fn word(&self) -> Word {
        match self {
            Source::Values(values) => Word::Values(values.len() as u32),
            Source::Number { .. } => Word::Number,
        }
    }
}

/// The words of the preferences, in their order.
fn words(prefer: &[Prefer], columns: &Columns) -> Result<Vec<Source>, (String, NoColumn)> {
    let mut words: Vec<Source> = Vec::new();
    for (at, prefer) in prefer.iter().enumerate() {
        let need = columns.need(prefer.column());
        let column = need.map_err(|why| (format!("prefer.{at}.{}", prefer.word()), why))?;
        match (prefer, words.last_mut()) {
            (Prefer::Value { values, .. }, last) => {
                let values = values.iter().map(|value| comparable(value).into_owned());
                let own = (column.1, values.collect());
                match last {
                    Some(Source::Values(several)) if several.len() < 8 => several.push(own),
                    _ => words.push(Source::Values(vec![own])),
                }
            }
            (Prefer::Highest(_) | Prefer::Lowest(_), _) => words.push(Source::Number {
                column,
                highest: matches!(prefer, Prefer::Highest(_)),
            }),
        }
    }
    Ok(words)
}

/// The key of the rules: its column, and whether case counts.
pub(crate) type RuledKey<'a> = Option<(&'a str, bool)>;

impl Reader {
    /// Binds the section to its columns; `today` is the day of the run.
    ///
    /// # Errors
    /// Settings and why their columns can't be found, or why they are wrong.
    pub(crate) fn bind(
        spec: &AsOfSpec,
        columns: &Columns,
        ruled: RuledKey<'_>,
        today: Date,
    ) -> Result<Reader, Vec<(String, String)>> {
        let mut problems = Vec::new();
        for (setting, column) in spec.columns() {
            if let Err(why) = columns.need(column) {
                problems.push((setting, why.to_string()));
            }
        }
        let reader = Reader::bound(spec, columns, ruled, today);
        match reader {
            Ok(reader) if problems.is_empty() => Ok(reader),
            Ok(_) => Err(problems),
            Err(why) if problems.is_empty() => Err(vec![why]),
            Err(_) => Err(problems),
        }
    }

    fn bound(
        spec: &AsOfSpec,
        columns: &Columns,
        ruled: RuledKey<'_>,
        today: Date,
    ) -> Result<Reader, (String, String)> {
        let need = |setting: &str, column: Option<&str>| {
            let column = column.ok_or_else(|| (setting.to_owned(), "not stated".to_owned()))?;
            let place = columns.need(column);
            place.map_err(|why| (setting.to_owned(), why.to_string()))
        };
        let name = spec.key(ruled.map(|(column, _)| column));
        let ruled = ruled.filter(|(column, _)| Some(*column) == name);
        let words = words(&spec.prefer, columns).map_err(|(at, why)| (at, why.to_string()))?;
        let day = match spec.at {
            At::Today => today,
            At::Day(day) => day,
        };
        Ok(Reader {
            key: need("key", name)?,
            ignore_case: ruled.is_some_and(|(_, ignore_case)| ignore_case),
            key_is_ruled: ruled.is_some(),
            from: need("from", spec.from.as_deref())?,
            to: match &spec.to {
                Some(to) => Some(need("to", Some(to))?),
                None => None,
            },
            ends: spec.ends.unwrap_or_default(),
            format: spec.compiled().map_err(|why| ("format".to_owned(), why))?,
            rule: Rule {
                day: day.number() as i32,
                have_ends: spec.to.is_some(),
                ahead: spec.ahead.map_or(0, |days| days.0.into()),
                keep: spec.keep_leavers.map_or(0, |days| days.0.into()),
                words: words.iter().map(Source::word).collect(),
            },
            words,
            day,
        })
    }

    /// The place of the key's column, and whether keys that differ by case alone are the same.
    pub(crate) fn key(&self) -> (usize, bool) {
        (self.key.1, self.ignore_case)
    }

    /// How many words of ranks a row has.
    pub(super) fn ranks(&self) -> usize {
        self.words.len()
    }

    /// The name of a column for a fault of the whole row.
    pub(super) fn key_column(&self) -> &Arc<str> {
        &self.key.0
    }

    /// Rejects rows that do not say when they hold, or whose numbers can't be compared.
    pub(crate) fn check(&self, batch: &mut Batch) {
        let mut faults = Vec::new();
        if !self.key_is_ruled {
            for (row, text) in filled(batch, self.key.1) {
                if is_blank(text) {
                    let message = "expected a key, found nothing".into();
                    faults.push((row, &self.key, "key_empty", message));
                }
            }
        }
        for (row, text) in filled(batch, self.from.1) {
            if is_blank(text) {
                let message = "expected the first day on which the row holds, found nothing".into();
                faults.push((row, &self.from, "as_of_date", message));
            } else if self.day_of(text).is_none() {
                faults.push((row, &self.from, "as_of_date", self.expected_date()));
            }
        }
        if let Some(to) = &self.to {
            for (row, text) in filled(batch, to.1) {
                if !is_blank(text) && self.day_of(text).is_none() {
                    faults.push((row, to, "as_of_date", self.expected_date()));
                }
            }
        }
        for word in &self.words {
            let Source::Number { column, .. } = word else {
                continue;
            };
            for (row, text) in filled(batch, column.1) {
                if !is_blank(text) && number(text).is_none() {
                    let message = Cow::Borrowed(
                        "expected a number of at most 15 digits, or a day as YYYY-MM-DD, to compare with those of other rows",
                    );
                    faults.push((row, column, "as_of_order", message));
                }
            }
        }
        for (row, (column, slot), code, message) in faults {
            let fault = Fault {
                row: row as u32,
                stage: STAGE,
                column: column.clone(),
                source: None,
                code: Cow::Borrowed(code),
                message,
            };
            batch.reject(fault, Some(*slot));
        }
    }

    fn expected_date(&self) -> Cow<'static, str> {
        let format = self.format.source();
        let hint = match format {
            ISO => "; a `date` stage makes such dates, or state `as_of.format`",
            _ => "",
        };
        format!("expected a date as {format}{hint}").into()
    }

    #[inline]
    fn day_of(&self, text: &str) -> Option<Date> {
        self.format.parse(text).map(|when| when.date)
    }

    /// When the rows of a batch hold, as [`Period`]s in 64 bits.
    pub(crate) fn periods(&self, batch: &Batch) -> Vec<u64> {
        let firsts = batch.column(self.from.1);
        let first = |cell: Cell| match (cell.kind(), self.day_of(batch.text(cell))) {
            (Kind::Faulty, _) | (_, None) => UNREAD,
            (_, Some(day)) => day.number() as i32,
        };
        let pack = |first: i32, last: i32| {
            u64::from(first.cast_unsigned()) << 32 | u64::from(last.cast_unsigned())
        };
        let Some((_, to)) = &self.to else {
            return firsts
                .iter()
                .map(|cell| pack(first(*cell), NO_END))
                .collect();
        };
        let both = firsts.iter().zip(batch.column(*to));
        both.map(|(from, to)| pack(first(*from), self.last(batch, *to)))
            .collect()
    }

    /// The last day on which a row holds.
    fn last(&self, batch: &Batch, cell: Cell) -> i32 {
        let text = batch.text(cell);
        if cell.kind() == Kind::Faulty {
            return UNREAD;
        }
        if is_blank(text) {
            return NO_END;
        }
        let Some(day) = self.day_of(text) else {
            return UNREAD;
        };
        let is_end = day.year() < 9999 && (day.year(), day.month(), day.day()) != (4712, 12, 31);
        match (is_end, self.ends) {
            (false, _) => NO_END,
            (true, Ends::Inclusive) => day.number() as i32,
            (true, Ends::Exclusive) => day.number() as i32 - 1,
        }
    }

    /// A word of ranks of the rows of a batch.
    pub(crate) fn word(&self, batch: &Batch, word: usize) -> Vec<u64> {
        match &self.words[word] {
            Source::Values(columns) => (0..batch.len())
                .map(|row| {
                    let mut ranks = [0; 8];
                    for (rank, (slot, values)) in ranks.iter_mut().zip(columns) {
                        *rank = value_rank(batch, batch.cell(row, *slot), values);
                    }
                    u64::from_be_bytes(ranks)
                })
                .collect(),
            Source::Number { column, highest } => (batch.column(column.1).iter())
                .map(|cell| number_rank(batch, *cell, *highest))
                .collect(),
        }
    }
}

impl Period {
    /// What [`Reader::periods`] made of it.
    pub(super) fn of_bits(bits: u64) -> Period {
        Period {
            first: ((bits >> 32) as u32).cast_signed(),
            last: (bits as u32).cast_signed(),
        }
    }
}

/// The cells of a column in which no fault was found, of rows that are not filtered out.
fn filled(batch: &Batch, slot: usize) -> impl Iterator<Item = (usize, &str)> {
    let cells = batch.column(slot).iter().enumerate();
    cells
        .filter(|(row, cell)| cell.kind() != Kind::Faulty && batch.is_live(*row))
        .map(|(row, cell)| (row, batch.text(*cell)))
}

/// The place of a cell's text among values.
fn value_rank(batch: &Batch, cell: Cell, values: &[String]) -> u8 {
    if cell.kind() == Kind::Faulty {
        return UNREAD_VALUE;
    }
    let text = comparable(batch.text(cell));
    let place = values.iter().position(|value| **value == *text);
    place.unwrap_or(values.len()) as u8
}

fn number_rank(batch: &Batch, cell: Cell, highest: bool) -> u64 {
    let text = batch.text(cell);
    match number(text) {
        _ if cell.kind() == Kind::Faulty => UNREAD_NUMBER,
        None if is_blank(text) => EMPTY,
        None => UNREAD_NUMBER,
        Some(number) if highest => !number,
        Some(number) => number,
    }
}

/// A number, or a day, as one of 64 bits with the same order. Zeros may stand before a number.
fn number(text: &str) -> Option<u64> {
    if let Some(day) = Date::parse_iso(text) {
        return Some(KIND | (day.number() + (1 << 62)).cast_unsigned());
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let kept = digits.trim_start_matches('0');
    let text = match kept.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("{sign}{kept}"),
        false => format!("{sign}0{kept}"),
    };
    let exact = Number::parse(&text)?;
    let number: f64 = match exact.significant_digits() {
        0 => 0.0,
        1..=DIGITS => text.parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(ordered(number))
}

/// The bits of a number in its order, below [`KIND`].
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    let bits = match number.is_sign_negative() {
        true => !bits,
        false => bits | 1 << 63,
    };
    bits >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_keep_their_order() {
        let rising = [
            "-99999999999999.9",
            "-2",
            "-1.5",
            "-0.1",
            "0",
            "0.00001",
            "0.8",
            "001",
            "1.25",
            "2",
            "10",
            "999999999999998",
            "999999999999999",
            "1e20",
            "0001-01-01",
            "1969-12-31",
            "1970-01-01",
            "2026-11-26",
            "9999-12-31",
        ];
        let ranks: Vec<u64> = rising.iter().map(|text| number(text).unwrap()).collect();
        for (pair, texts) in ranks.windows(2).zip(rising.windows(2)) {
            assert!(pair[0] < pair[1], "{texts:?}");
        }
        for (one, other) in [("1", "01"), ("1.0", "1"), ("-0", "0"), ("00", "0.00")] {
            assert_eq!(number(one), number(other), "{one} {other}");
        }
        let is_day = |rank: u64| rank & KIND != 0;
        assert_eq!(ranks.iter().filter(|rank| is_day(**rank)).count(), 5);
    }

    #[test]
    fn texts_that_are_not_numbers_have_no_order() {
        for text in [
            "",
            "-",
            ".",
            "-.",
            "x",
            "1,5",
            "1 000",
            "+1",
            "0x1",
            "1.",
            "1234567890123456",
            "2026-02-29",
            "26.11.2026",
            "NaN",
            "1e400",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
