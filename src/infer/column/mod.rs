//! What the values of a column say: counted by the workers block by block, and added up.
//!
//! All of it is counts, and sets of a bounded size that forget what they hold when they grow beyond it: what comes of
//! the whole is the same however it was cut into blocks, and takes the same memory however long it is.

pub(crate) mod dates;
pub(crate) mod distinct;
pub(crate) mod format;
pub(crate) mod number;
pub(crate) mod sentinel;
pub(crate) mod shape;

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Batch, Cell, Kind, RowState};
use crate::text::compare::comparable;
use crate::text::unseen::{is_control, is_invisible, is_plain_ascii, trimmed};
use dates::Dates;
use distinct::Distinct;
use format::Formats;
use number::Numbers;
use sentinel::{Sentinel, sentinel};
use shape::Shapes;

/// Different values that are kept of a column, as it may be a list of codes.
const MOST_VALUES: usize = 64;

/// The longest value that may be a code, in bytes.
const LONGEST_VALUE: usize = 64;

/// Lengths that are counted one by one; longer values are counted together.
pub(crate) const LENGTHS: usize = 41;

/// What is known of a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Column {
    /// Cells without text, members that are null, and such as are not there.
    pub empty: u64,
    pub null: u64,
    pub missing: u64,
    /// Cells by their kind.
    pub text: u64,
    pub number: u64,
    pub boolean: u64,
    pub nested: u64,
    /// Texts with blanks or invisible characters at their ends, or with invisible ones anywhere.
    pub blanks: u64,
    pub invisible: u64,
    /// Texts with control characters, which can't be sent.
    pub controls: u64,
    pub distinct: Distinct,
    /// How many values have how many characters.
    pub lengths: Lengths,
    pub shapes: Shapes,
    /// Texts of digits alone, of letters alone, of both and nothing else.
    pub digits: u64,
    pub letters: u64,
    pub mixed: u64,
    /// Texts with an `@` in the middle.
    pub at_signs: u64,
    /// Texts that a spreadsheet was to take for text, such as `="00012"`: they are looked at as it shows them.
    pub formulas: u64,
    /// Numbers of four digits that may be years, and of six that may be a year and a month.
    pub years: u64,
    pub months: u64,
    /// Texts that stand for no value, by what they are. They count in nothing that follows.
    pub none: [Listed; 2],
    /// Such as may stand for none.
    pub doubtful: Listed,
    /// The values, where they are few.
    pub values: Values,
    pub numbers: Numbers,
    pub dates: Dates,
}

/// How many values have how many characters; the last is for all that are longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lengths(pub [u64; LENGTHS]);

impl Default for Lengths {
    fn default() -> Lengths {
        Lengths([0; LENGTHS])
    }
}

impl Lengths {
    /// The shortest and the longest.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        let least = self.0.iter().position(|n| *n > 0)?;
        let most = self.0.iter().rposition(|n| *n > 0)?;
        Some((least, most))
    }
}

/// Texts that are no values, as they are written, with how many there are of each.
pub(crate) type Listed = BTreeMap<Box<str>, u64>;

/// The different values, where they are few; nothing where they are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values(pub Option<Listed>);

impl Default for Values {
    fn default() -> Values {
        Values(Some(Listed::new()))
    }
}

impl Values {
    fn add(&mut self, text: &str, n: u64) {
        let Some(values) = &mut self.0 else {
            return;
        };
        if text.len() <= LONGEST_VALUE {
            *values.entry(text.into()).or_default() += n;
            if values.len() <= MOST_VALUES {
                return;
            }
        }
        self.0 = None;
    }
}

/// What is used again from value to value.
pub(crate) struct Scratch<'a> {
    pub formats: &'a Formats,
    pub buffer: String,
}

/// The hash by which values are told apart, of a text as it is compared; none where it stands for no value.
pub(crate) fn hash_of(text: &str) -> Option<u64> {
    let text = bare(&text[trimmed(text)]);
    let is_none = matches!(sentinel(text), Some(Sentinel::Word | Sentinel::Day));
    (!text.is_empty() && !is_none).then(|| hash(text))
}

/// What a spreadsheet shows of `="00012"`, which keeps it from reading a number; any other text as it is.
fn bare(text: &str) -> &str {
    let inner = text
        .strip_prefix("=\"")
        .and_then(|text| text.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(text)
}

/// Never 0, which stands for no value.
fn hash(text: &str) -> u64 {
    xxh3_64(comparable(text).as_bytes()).max(1)
}

impl Column {
    /// What a block says of a column.
    pub(crate) fn of(batch: &Batch, column: usize, scratch: &mut Scratch<'_>) -> Column {
        let mut found = Column::default();
        let mut values: Vec<(u64, u32)> = Vec::with_capacity(batch.len());
        let cells = batch.column(column);
        for (row, cell) in (0..).zip(cells) {
            if batch.state(row as usize) == RowState::Rejected {
                continue;
            }
            if found.takes(*cell) {
                values.push((xxh3_64(batch.text(*cell).as_bytes()), row));
            }
        }
        // Most columns have few values: what is seen of one is seen of all that are written the same.
        values.sort_unstable();
        let mut hashes = Vec::new();
        for same in values.chunk_by(|one, other| one.0 == other.0) {
            let (cell, n) = (cells[same[0].1 as usize], same.len() as u64);
            let text = batch.text(cell);
            if found.see(text, cell.kind(), n, scratch) {
                let inner = bare(&text[trimmed(text)]);
                hashes.push(match inner.len() == text.len() && is_plain_ascii(text) {
                    true => same[0].0.max(1),
                    false => hash(inner),
                });
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        found.distinct = Distinct::of(hashes);
        found
    }

    /// Counts a cell by its kind; says whether it has a value.
    fn takes(&mut self, cell: Cell) -> bool {
        let count = match cell.kind() {
            Kind::Null => &mut self.null,
            Kind::Missing | Kind::Faulty => &mut self.missing,
            Kind::Text if cell.is_empty() => &mut self.empty,
            Kind::Text => &mut self.text,
            Kind::Number => &mut self.number,
            Kind::Bool => &mut self.boolean,
            Kind::Json => &mut self.nested,
        };
        *count += 1;
        !cell.is_empty()
    }

    /// Takes in a text that `n` cells have; says whether there is anything to see in it.
    fn see(&mut self, text: &str, kind: Kind, n: u64, scratch: &mut Scratch<'_>) -> bool {
        let count = |is: bool| if is { n } else { 0 };
        self.invisible += count(text.contains(is_invisible));
        self.controls += count(text.contains(is_control));
        let whole = text;
        let text = &whole[trimmed(whole)];
        self.blanks += count(text.len() < whole.len());
        let written = text;
        let text = bare(text);
        self.formulas += count(text.len() < written.len());
        if text.is_empty() {
            // Blanks alone are nothing.
            (self.text, self.empty) = (self.text.saturating_sub(n), self.empty + n);
            return false;
        }
        if kind == Kind::Text {
            let (list, is_value) = match sentinel(text) {
                Some(Sentinel::Word) => (Some(&mut self.none[0]), false),
                Some(Sentinel::Day) => (Some(&mut self.none[1]), false),
                Some(Sentinel::Doubtful) => (Some(&mut self.doubtful), true),
                None => (None, true),
            };
            if let Some(list) = list {
                add(list, text, n);
            }
            if !is_value {
                return true;
            }
            self.see_letters(text, n);
        }
        let length = text.chars().count().min(LENGTHS - 1);
        self.lengths.0[length] += n;
        self.shapes.see(text, n, &mut scratch.buffer);
        self.values.add(text, n);
        if matches!(kind, Kind::Text | Kind::Number) {
            self.see_year(text, n);
            self.numbers.see(text, n);
            let buffer = &mut scratch.buffer;
            self.dates.see(text, n, scratch.formats, buffer);
        }
        true
    }

    fn see_letters(&mut self, text: &str, n: u64) {
        let digits = text.bytes().any(|b| b.is_ascii_digit());
        let letters = text.chars().any(char::is_alphabetic);
        let nothing_else = text.chars().all(char::is_alphanumeric);
        match (digits, letters) {
            _ if !nothing_else => {}
            (true, false) => self.digits += n,
            (false, true) => self.letters += n,
            _ => self.mixed += n,
        }
        let is_address = (text.find('@')).is_some_and(|at| at > 0 && at + 1 < text.len());
        self.at_signs += if is_address { n } else { 0 };
    }

    fn see_year(&mut self, text: &str, n: u64) {
        if !matches!(text.len(), 4 | 6) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        let (year, month) = text.split_at(4);
        let is_year = ("1900"..="2100").contains(&year);
        if is_year && month.is_empty() {
            self.years += n;
        } else if is_year && ("01"..="12").contains(&month) {
            self.months += n;
        }
    }

    /// Adds what another part of the source says.
    pub(crate) fn merge(&mut self, other: Column) {
        for (mine, its) in [
            (&mut self.empty, other.empty),
            (&mut self.null, other.null),
            (&mut self.missing, other.missing),
            (&mut self.text, other.text),
            (&mut self.number, other.number),
            (&mut self.boolean, other.boolean),
            (&mut self.nested, other.nested),
            (&mut self.blanks, other.blanks),
            (&mut self.invisible, other.invisible),
            (&mut self.controls, other.controls),
            (&mut self.digits, other.digits),
            (&mut self.letters, other.letters),
            (&mut self.mixed, other.mixed),
            (&mut self.at_signs, other.at_signs),
            (&mut self.formulas, other.formulas),
            (&mut self.years, other.years),
            (&mut self.months, other.months),
        ] {
            *mine += its;
        }
        for (mine, its) in self.lengths.0.iter_mut().zip(other.lengths.0) {
            *mine += its;
        }
        let lists = self.none.iter_mut().chain([&mut self.doubtful]);
        for (mine, its) in lists.zip(other.none.into_iter().chain([other.doubtful])) {
            its.iter().for_each(|(text, n)| add(mine, text, *n));
        }
        match other.values.0 {
            Some(values) => (values.iter()).for_each(|(text, n)| self.values.add(text, *n)),
            None => self.values.0 = None,
        }
        self.distinct.merge(other.distinct);
        self.shapes.merge(other.shapes);
        self.numbers.merge(other.numbers);
        self.dates.merge(other.dates);
    }

    /// Cells with a value, those that stand for none among them.
    pub(crate) fn filled(&self) -> u64 {
        self.text + self.number + self.boolean + self.nested
    }

    /// Cells with a text that stands for none.
    pub(crate) fn sentinels(&self) -> u64 {
        self.none.iter().flat_map(BTreeMap::values).sum()
    }
}

fn add(list: &mut Listed, text: &str, n: u64) {
    *list.entry(text.into()).or_default() += n;
}
