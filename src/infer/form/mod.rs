//! How a CSV file is written that nobody described: its delimiter and quotes, where its header is, and what stands before
//! and behind the records.
//!
//! The beginning of the file is read in every dialect that it may be in, by the same state machine that reads it later.
//! The one in which the most records have the same number of cells is the file's.

use crate::format::csv::cut::first_record;
use crate::format::csv::record::{Cells, split};
use crate::text::scan::{Dialect, Quoting};

mod ends;
mod header;

pub(crate) use header::Header;

/// Records that are looked at for the dialect, and for the header.
const RECORDS: usize = 1000;

/// What may stand between cells, the commonest first.
const DELIMITERS: [u8; 8] = [b',', b';', b'\t', b'|', b'~', b'^', 0x1f, 0x01];

/// How a CSV file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CsvForm {
    pub dialect: Dialect,
    /// The first line says what the delimiter is.
    pub says_delimiter: bool,
    /// Records that were looked at, and those that have as many cells as most.
    pub records: usize,
    pub alike: usize,
    /// Cells of most records.
    pub width: usize,
    /// Physical lines before the header.
    pub skip_lines: u32,
    /// Whether quotes stand around lines, and not around cells.
    pub quoted_whole: bool,
    /// Whether all lines have as many characters, as where columns have a fixed width.
    pub fixed_width: bool,
    pub header: Header,
    /// Names that several columns have, each with the places of these.
    pub same_names: Vec<String>,
    /// A line in front of the header could be it as well.
    pub doubtful: bool,
    /// The line below the header may have labels.
    pub may_be_labels: bool,
    /// What the lines behind the records begin with, and how many there are; `odd` counts those that nobody knows.
    pub footer: Vec<String>,
    pub footer_lines: usize,
    pub odd: usize,
}

/// A record of the beginning.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Physical line on which it begins, from 0.
    pub(super) line: u32,
    pub(super) cells: Vec<String>,
    /// Its quotes are wrong.
    faulty: bool,
    /// It begins and ends with a quote, and its first cell does not end with one.
    quoted_whole: bool,
    /// Whether it has quotes, and whether they stand around what was parted.
    quotes: bool,
    torn: bool,
    /// Whether a cell has quotes around it.
    quoted: bool,
    /// Characters.
    length: usize,
}

impl Record {
    pub(super) fn filled(&self) -> usize {
        let filled = |cell: &&String| !crate::text::unseen::is_blank(cell);
        self.cells.iter().filter(filled).count()
    }
}

/// Finds out how a file is written that begins and ends so. `is_all` says that the beginning is all of it.
pub(crate) fn form(beginning: &str, is_all: bool, end: &str) -> CsvForm {
    let (says, text) = without_separator_line(beginning);
    let lines_before = u32::from(says.is_some());
    let known = says.map_or(&DELIMITERS[..], |_| &[]);
    let stated = says.as_slice();
    let delimiters = if stated.is_empty() { known } else { stated };
    let (dialect, records) = dialect(text, is_all, delimiters);
    let (width, alike) = most_common_width(&records);
    let found = header::find(&records, width);
    if is_prose(&records, width, &found.header) {
        return one_column(beginning, is_all, end);
    }
    let footer = ends::footer(dialect, end, width);
    CsvForm {
        dialect,
        says_delimiter: says.is_some(),
        records: records.len(),
        alike,
        width,
        skip_lines: match found.skip_lines {
            0 => 0,
            lines => lines + lines_before,
        },
        same_names: found.same_names,
        doubtful: found.doubtful,
        may_be_labels: found.may_be_labels,
        quoted_whole: width == 1 && are_quoted_whole(&records, text),
        fixed_width: width == 1 && have_one_length(&records),
        header: found.header,
        footer: footer.begins,
        footer_lines: footer.lines,
        odd: footer.odd,
    }
}

/// Whether what seems to be a delimiter stands in a text of one column: only the name above it lacks it, and what is below
/// is no table; or lines are all of one length, as they are where columns have a fixed width.
fn is_prose(records: &[Record], width: usize, header: &Header) -> bool {
    let first_alone = records.first().is_some_and(|first| first.cells.len() == 1);
    let below = records.iter().filter(|record| record.cells.len() == width);
    // `Keller, Mara`.
    let spaced = below
        .clone()
        .all(|record| record.cells[width - 1].starts_with(' '));
    let is_certain = matches!(header, Header::Line { certain: true } | Header::Labels(_));
    width == 2 && (first_alone && (spaced || !is_certain) || have_one_length(records))
}

/// Whether all records are one cell in quotes, in which something stands that commonly stands between cells.
fn are_quoted_whole(records: &[Record], text: &str) -> bool {
    let parted = |record: &Record| {
        let within = &record.cells[0];
        [';', '\t', '|', ',']
            .iter()
            .any(|delimiter| within.contains(*delimiter))
    };
    text.starts_with('"')
        && records
            .iter()
            .all(|record| record.cells.len() == 1 && parted(record))
}

/// Lines that say something of their length.
const SOME: usize = 10;

/// Whether all lines have as many characters, and enough to be a record.
fn have_one_length(records: &[Record]) -> bool {
    let length = records.first().map_or(0, |first| first.length);
    let alike = records.iter().all(|record| record.length == length);
    records.len() >= SOME && length >= 20 && alike
}

/// The form of a file of one column.
fn one_column(beginning: &str, is_all: bool, end: &str) -> CsvForm {
    let dialect = Dialect::new(b',', Quoting::default());
    let lines = records(Dialect::new(0x1f, Quoting::default()), beginning, is_all);
    let found = header::find(&lines, 1);
    CsvForm {
        dialect: Dialect {
            // Nothing stands between cells: what no text has will do.
            delimiter: if beginning.contains(',') { 0x1f } else { b',' },
            ..dialect
        },
        says_delimiter: false,
        records: lines.len(),
        alike: lines.len(),
        width: 1,
        skip_lines: found.skip_lines,
        quoted_whole: false,
        fixed_width: have_one_length(&lines),
        header: found.header,
        same_names: Vec::new(),
        doubtful: false,
        may_be_labels: false,
        footer: ends::footer(dialect, end, 1).begins,
        footer_lines: 0,
        odd: 0,
    }
}

/// The delimiter that a first line `sep=;` names, and the text behind it.
fn without_separator_line(text: &str) -> (Option<u8>, &str) {
    let line = text.split_inclusive('\n').next().unwrap_or_default();
    let bare = line.trim_matches(|c: char| c == '"' || c.is_ascii_whitespace() && c != '\t');
    match bare
        .get(..4)
        .is_some_and(|word| word.eq_ignore_ascii_case("sep="))
    {
        true => (bare.as_bytes().get(4).copied(), &text[line.len()..]),
        false => (None, text),
    }
}

/// The records of a text in a dialect; the last is left out where it may not be whole.
fn records(dialect: Dialect, text: &str, is_all: bool) -> Vec<Record> {
    let (mut records, mut at, mut line) = (Vec::new(), 0, 0u32);
    while at < text.len() && records.len() < RECORDS {
        let rest = &text.as_bytes()[at..];
        let end = match first_record(dialect, rest, true) {
            Some(end) => at + end,
            None if is_all => text.len(),
            None => break,
        };
        let whole = &text[at..end];
        let raw = whole.trim_end_matches(['\n', '\r']);
        if !raw.is_empty() {
            let faulty = Cells::of_record(raw.as_bytes(), dialect)
                .into_fault()
                .is_some();
            let cells = split(dialect, raw);
            let ends = |text: &str| text.starts_with('"') && text.ends_with('"') && text.len() > 1;
            records.push(Record {
                line,
                quoted_whole: ends(raw) && cells.first().is_some_and(|cell| !ends(cell)),
                quotes: raw.contains('"'),
                torn: is_torn(&cells),
                quoted: cells.iter().any(|cell| ends(cell)),
                cells,
                faulty,
                length: raw.chars().count(),
            });
        }
        line += whole.matches('\n').count() as u32;
        at = end;
    }
    records
}

/// Whether a cell begins with a quote, and a later one ends with it.
fn is_torn(cells: &[String]) -> bool {
    let opens = |cell: &String| cell.starts_with('"') && (cell.len() == 1 || !cell.ends_with('"'));
    let closes = |cell: &String| cell.ends_with('"') && (cell.len() == 1 || !cell.starts_with('"'));
    let opening = cells.iter().position(opens);
    opening.is_some_and(|at| cells[at + 1..].iter().any(closes))
}

/// The number of cells that most records have, if it is more than one, and how many have it.
fn most_common_width(records: &[Record]) -> (usize, usize) {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    for record in records.iter().filter(|record| !record.faulty) {
        *counts.entry(record.cells.len()).or_default() += 1;
    }
    let several = counts.iter().filter(|(width, _)| **width > 1);
    let most = several.max_by_key(|(width, count)| (**count, **width));
    match most {
        // A few lines of prose in a file of one column.
        Some((width, count)) if count * 4 >= records.len() => (*width, *count),
        _ => (1, counts.get(&1).copied().unwrap_or_default()),
    }
}

/// The dialect in which most records have the same number of cells, and the records in it.
fn dialect(text: &str, is_all: bool, delimiters: &[u8]) -> (Dialect, Vec<Record>) {
    let mut best: Option<(Score, Dialect, Vec<Record>)> = None;
    for &delimiter in delimiters {
        if !text.as_bytes().contains(&delimiter) {
            continue;
        }
        for quoting in quotings(text) {
            let dialect = Dialect::new(delimiter, quoting);
            let records = records(dialect, text, is_all);
            let score = Score::of(&records);
            // Quotes around whole lines are none around cells: taken for characters, they would part their first cell.
            let quoted_whole = records.iter().filter(|record| record.quoted_whole).count();
            let torn = records.iter().filter(|record| record.torn).count();
            let with_quotes = records.iter().filter(|record| record.quotes).count();
            // One cell that is properly quoted says that quotes are quotes: records whose quotes are wrong are rejected.
            let is_torn = quoting.quote.is_none()
                && (records.iter().any(|record| record.quoted)
                    || quoted_whole * 2 > records.len()
                    || torn * 2 > with_quotes);
            if score.width > 1
                && !is_torn
                && best.as_ref().is_none_or(|(best, ..)| score.beats(best))
            {
                best = Some((score, dialect, records));
            }
        }
    }
    match best {
        Some((_, dialect, records)) => (dialect, records),
        None if delimiters.len() > 1 && text.contains(' ') => blanks(text, is_all),
        None => {
            let delimiter = if delimiters.len() == 1 {
                delimiters[0]
            } else {
                b','
            };
            let dialect = Dialect::new(delimiter, Quoting::default());
            (dialect, records(dialect, text, is_all))
        }
    }
}

/// A text between whose cells nothing but blanks could stand: a table where all lines have as many, and several.
fn blanks(text: &str, is_all: bool) -> (Dialect, Vec<Record>) {
    let between = Dialect::new(b' ', Quoting::default());
    let cut = records(between, text, is_all);
    let (width, alike) = most_common_width(&cut);
    let no_gaps = cut.iter().all(|record| record.filled() == width);
    if width > 2 && alike == cut.len() && no_gaps && cut.len() > SOME {
        return (between, cut);
    }
    let commas = Dialect::new(b',', Quoting::default());
    (commas, records(commas, text, is_all))
}

/// How cells may be quoted in a text, the commonest first.
fn quotings(text: &str) -> Vec<Quoting> {
    let none = Quoting {
        quote: None,
        ..Quoting::default()
    };
    let mut all = vec![Quoting::default()];
    if text.contains('"') {
        all.push(none);
        if text.contains("\\\"") {
            all.push(Quoting {
                escape: Some(b'\\'),
                ..Quoting::default()
            });
        }
    }
    if text.contains('\'') {
        all.push(Quoting::by(b'\''));
    }
    all
}

/// How well a dialect fits.
#[derive(Clone, Copy, Debug)]
struct Score {
    /// Records that have as many cells as most, of a hundred.
    alike: f64,
    /// Whether the first record has as many.
    first: bool,
    width: usize,
    /// Cells that begin and end with a quote, which is a character like any other then.
    quoted: usize,
}

/// Shares that differ by less are the same: a footer and some broken records are no reason to split cells.
const SAME: f64 = 5.0;

impl Score {
    fn of(records: &[Record]) -> Score {
        let (width, alike) = most_common_width(records);
        let is_quoted = |cell: &&String| {
            let quoted = |q: char| cell.len() > 1 && cell.starts_with(q) && cell.ends_with(q);
            quoted('"') || quoted('\'')
        };
        let cells = records.iter().flat_map(|record| &record.cells);
        Score {
            alike: 100.0 * alike as f64 / records.len().max(1) as f64,
            first: records
                .first()
                .is_some_and(|first| first.cells.len() == width),
            width,
            quoted: cells.filter(is_quoted).count(),
        }
    }

    fn beats(&self, other: &Score) -> bool {
        let differ = |a: f64, b: f64| (a - b).abs() >= SAME;
        if differ(self.alike, other.alike) {
            return self.alike > other.alike;
        }
        let key = |score: &Score| (score.first, std::cmp::Reverse(score.quoted), score.width);
        match key(self).cmp(&key(other)) {
            std::cmp::Ordering::Equal => self.alike > other.alike,
            order => order.is_gt(),
        }
    }
}

#[cfg(test)]
mod tests;
