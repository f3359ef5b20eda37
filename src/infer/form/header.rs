//! Whether a file has a header, and where.
//!
//! Names of columns differ from what stands below them: above dates and numbers there are words. Where all columns are
//! words, a first record whose values come again is a record.

use std::collections::{HashMap, HashSet};

use super::Record;
use crate::infer::names;
use crate::text::unseen::is_blank;

/// Lines in front of a header that are passed over, at most.
const MOST_BEFORE: usize = 40;

/// What the first lines of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// There is none; the columns are numbered.
    None,
    /// One line. `certain` where what stands below it is of another kind.
    Line { certain: bool },
    /// The names of the columns, and below them what people call them.
    Labels(Vec<String>),
    /// Two lines that make the names together.
    Groups,
}

pub(super) struct Found {
    pub(super) skip_lines: u32,
    pub(super) header: Header,
    /// Names that several columns have, each with the places of these.
    pub(super) same_names: Vec<String>,
    /// A line in front of it could be the header as well.
    pub(super) doubtful: bool,
    /// The line below it may be a second one, of labels.
    pub(super) may_be_labels: bool,
}

/// Finds the header of records of which most have `width` cells.
pub(super) fn find(records: &[Record], width: usize) -> Found {
    let at = first(records, width);
    let (at, doubtful) = behind_titles(records, width, at);
    let Some(first) = records.get(at) else {
        return Found {
            skip_lines: 0,
            header: Header::Line { certain: false },
            same_names: Vec::new(),
            doubtful: false,
            may_be_labels: false,
        };
    };
    let below = Below::of(&records[at + 1..], width);
    let header = match below.speaks_for_header(first) {
        Verdict::None => Header::None,
        Verdict::Header { certain } => match records.get(at + 1) {
            Some(second) if second.cells.len() == width => {
                let rest = Below::of(&records[at + 2..], width);
                match rest.is_second_line(second) && !rest.has_of(second) {
                    true => second_line(first),
                    false => Header::Line { certain },
                }
            }
            _ => Header::Line { certain },
        },
    };
    let same_names = match header {
        Header::Line { .. } => same_names(first),
        _ => Vec::new(),
    };
    Found {
        // Blank lines in front of the header are passed over anyhow.
        skip_lines: if at == 0 { 0 } else { first.line },
        same_names,
        doubtful,
        may_be_labels: may_be_labels(records, at, width, &header),
        header,
    }
}

/// Whether words stand below a header in the only column of figures: labels, or a record that lacks its number.
fn may_be_labels(records: &[Record], at: usize, width: usize, header: &Header) -> bool {
    let (Header::Line { .. }, Some(second)) = (header, records.get(at + 1)) else {
        return false;
    };
    let rest = Below::of(&records[at + 2..], width);
    second.cells.len() == width && rest.has_labels(second) && !rest.has_of(second)
}

/// What a header of two lines is: names and labels, or groups and what is in them.
fn second_line(first: &Record) -> Header {
    let mut seen = HashSet::new();
    let names = first.cells.iter().map(|cell| cell.trim());
    match names
        .clone()
        .all(|name| !name.is_empty() && seen.insert(name))
    {
        true => Header::Labels(names.map(str::to_owned).collect()),
        false => Header::Groups,
    }
}

/// The first record that is not a title or another line in front of the table: it has as many cells as most, and is not
/// much emptier than the next ones.
fn first(records: &[Record], width: usize) -> usize {
    let is_of_table = |at: usize| {
        let record = &records[at];
        let is_title = width > 2
            && record.filled() <= width.div_ceil(3)
            && records.get(at + 1).is_some_and(|next| {
                let typical = records[at + 1..].iter().take(5).map(Record::filled).max();
                next.cells.len() != width || typical.is_some_and(|most| record.filled() * 2 < most)
            });
        record.cells.len() == width && !is_title
    };
    let within = records.len().min(MOST_BEFORE);
    (0..within).find(|&at| is_of_table(at)).unwrap_or(0)
}

/// Lines with as many cells as records that are passed over as titles, at most.
const MOST_TITLES: usize = 5;

/// The header behind lines that are as wide as it, and titles; and whether one of them could be it as well.
fn behind_titles(records: &[Record], width: usize, first: usize) -> (usize, bool) {
    for at in first + 1..records.len().min(first + 1 + MOST_TITLES) {
        let (titles, line) = (&records[first..at], &records[at]);
        if line.cells.len() != width || width < 3 {
            break;
        }
        let below = Below::of(&records[at + 1..], width);
        let usual = usual(line);
        let certain = match below.speaks_for_header(line) {
            Verdict::Header { certain } => certain,
            Verdict::None => continue,
        };
        if !are_names(line) || !(certain || usual >= 2) {
            continue;
        }
        let looks_empty = titles
            .iter()
            .all(|title| is_cut_short(title) || has_figures(title));
        if looks_empty && titles.iter().all(|title| usual >= self::usual(title)) {
            return (at, false);
        }
        let says_nothing = titles.iter().all(|title| self::usual(title) == 0);
        if certain && usual >= 2 && says_nothing && !titles.iter().any(has_twice) {
            return (at, true);
        }
    }
    (first, false)
}

/// Whether a line may have the names of all columns: words, no two of them alike.
fn are_names(line: &Record) -> bool {
    line.cells.iter().all(|cell| kind(cell) == Kind::Words) && !has_twice(line)
}

fn has_twice(line: &Record) -> bool {
    let mut seen = HashSet::new();
    !line.cells.iter().all(|cell| seen.insert(cell.trim()))
}

/// Whether the last cells have nothing in them, and all before them have.
fn is_cut_short(line: &Record) -> bool {
    let filled = line.filled();
    filled < line.cells.len() && line.cells[..filled].iter().all(|cell| !is_blank(cell))
}

fn has_figures(line: &Record) -> bool {
    line.cells.iter().any(|cell| kind(cell) == Kind::Figures)
}

/// How many cells are what columns are commonly called.
fn usual(line: &Record) -> usize {
    line.cells
        .iter()
        .filter(|cell| names::is_usual(cell))
        .count()
}

/// Names that several columns have, each with their places.
fn same_names(line: &Record) -> Vec<String> {
    let mut places: Vec<(&str, Vec<String>)> = Vec::new();
    for (at, cell) in line
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !is_blank(cell))
    {
        let (name, place) = (cell.trim(), (at + 1).to_string());
        match places.iter_mut().find(|(other, _)| *other == name) {
            Some((_, places)) => places.push(place),
            None => places.push((name, vec![place])),
        }
    }
    let several = places.iter().filter(|(_, places)| places.len() > 1);
    several
        .map(|(name, places)| format!("{name} (columns {})", places.join(", ")))
        .collect()
}

/// What a value looks like, as far as it tells names from values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Empty,
    /// A number, a day, a time: mostly digits.
    Figures,
    Address,
    Words,
}

fn kind(text: &str) -> Kind {
    let text = text.trim();
    if is_blank(text) {
        return Kind::Empty;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    match text.find('@') {
        Some(at) if at > 0 && text[at..].contains('.') => Kind::Address,
        _ if digits > 0 && digits > letters => Kind::Figures,
        _ => Kind::Words,
    }
}

/// The values of a column below what may be its name.
struct Values<'r> {
    kinds: HashMap<Kind, usize>,
    texts: HashMap<&'r str, usize>,
    filled: usize,
}

/// A value with one sign for all its letters that stand beside each other, and one for all digits.
fn outline(text: &str) -> String {
    let mut outline = String::new();
    for c in text.chars() {
        let sign = match c {
            c if c.is_ascii_digit() => '9',
            c if c.is_alphabetic() => 'a',
            c => c,
        };
        if !(outline.ends_with(sign) && matches!(sign, '9' | 'a')) {
            outline.push(sign);
        }
    }
    outline
}

/// Whether a text is a year of our time.
fn is_year(text: &str) -> bool {
    text.len() == 4
        && text
            .parse()
            .is_ok_and(|year: u16| (1900..=2100).contains(&year))
}

impl Values<'_> {
    /// Whether a text with digits is a name above these values, and not one of them: `2020`, `2020-01`, `Q29`, `Jan 1990`.
    fn has_below(&self, text: &str) -> bool {
        if is_year(text) {
            return self.filled > 0 && !self.texts.keys().all(|value| is_year(value));
        }
        let outline = self::outline(text);
        let is_month =
            matches!(&*outline, "9-9" | "9/9" | "9.9") && text.split(['-', '/', '.']).any(is_year);
        let is_numbered = outline.contains('a') && !text.contains('@');
        (is_month || is_numbered)
            && self
                .texts
                .keys()
                .all(|value| self::outline(value) != outline)
    }

    /// The kind of nearly all of them, if it is not words.
    fn figures(&self) -> Option<Kind> {
        let most = |kind: &Kind| {
            let count = self.kinds.get(kind).copied().unwrap_or_default();
            self.filled > 0 && count * 10 >= self.filled * 9
        };
        [Kind::Figures, Kind::Address].into_iter().find(most)
    }
}

/// The columns below a line.
struct Below<'r>(Vec<Values<'r>>);

enum Verdict {
    Header { certain: bool },
    None,
}

impl<'r> Below<'r> {
    fn of(records: &'r [Record], width: usize) -> Below<'r> {
        let alike = records.iter().filter(|record| record.cells.len() == width);
        let column = |at: usize| {
            let mut values = Values {
                kinds: HashMap::new(),
                texts: HashMap::new(),
                filled: 0,
            };
            for record in alike.clone() {
                let text = record.cells[at].trim();
                match kind(text) {
                    Kind::Empty => continue,
                    kind => *values.kinds.entry(kind).or_default() += 1,
                }
                *values.texts.entry(text).or_default() += 1;
                values.filled += 1;
            }
            values
        };
        Below((0..width).map(column).collect())
    }

    /// Whether a line above these columns has their names.
    fn speaks_for_header(&self, line: &Record) -> Verdict {
        let (mut names, mut values, mut again) = (0, 0, 0);
        for (cell, column) in line.cells.iter().zip(&self.0) {
            let cell = cell.trim();
            match (kind(cell), column.figures()) {
                (Kind::Empty, _) => {}
                (Kind::Words, Some(_)) => names += 1,
                (Kind::Figures, kind) if column.has_below(cell) => {
                    names += usize::from(kind.is_some())
                }
                (_, Some(_)) | (Kind::Figures | Kind::Address, None) => values += 1,
                // Names of columns seldom are values in them, and codes come again and again.
                (Kind::Words, None) => again += usize::from(column.texts.contains_key(cell)),
            }
        }
        match (names, values) {
            (0, 0) if again > 0 => Verdict::None,
            (0, 0) => Verdict::Header { certain: false },
            (names, values) if names > values => Verdict::Header { certain: true },
            _ if self.begins_with_name(line) => Verdict::Header { certain: false },
            _ => Verdict::None,
        }
    }

    /// Whether a line begins with words above figures, and no cell of it is like another or comes again: `employeeID,1,2,3`.
    fn begins_with_name(&self, line: &Record) -> bool {
        let (Some(cell), Some(column)) = (line.cells.first(), self.0.first()) else {
            return false;
        };
        let is_name = kind(cell) == Kind::Words && column.figures().is_some();
        is_name && line.filled() == line.cells.len() && !has_twice(line) && !self.has_of(line)
    }

    /// Whether a line above these columns is of words where all of them have figures: a second line of the header.
    fn is_second_line(&self, line: &Record) -> bool {
        let figures: Vec<_> = (line.cells.iter().zip(&self.0))
            .filter(|(_, column)| column.figures().is_some())
            .map(|(cell, _)| kind(cell))
            .collect();
        let all_words = figures.iter().all(|kind| *kind == Kind::Words);
        // With one column of figures alone, it may be a value that is missing.
        all_words && figures.len() > 1 && line.filled() * 10 >= line.cells.len() * 8
    }

    /// Whether a line has words above the only column of figures, and in all others.
    fn has_labels(&self, line: &Record) -> bool {
        let figures =
            (self.0.iter()).filter(|column| column.figures().is_some() && column.filled > 1);
        let words = line.cells.iter().all(|cell| kind(cell) == Kind::Words);
        words && line.cells.len() > 1 && figures.count() == 1
    }

    /// Whether a line has a value that comes again in its column.
    fn has_of(&self, line: &Record) -> bool {
        let mut cells = line.cells.iter().zip(&self.0);
        cells.any(|(cell, column)| column.texts.contains_key(cell.trim()))
    }
}
