//! A made-up HR extract for trying, testing and measuring: twenty columns as such files have them,
//! with names in several scripts, quoted commas, doubled quotes, cells of several lines, thousands
//! separators and dates of the form DD/MM/YYYY.
//!
//! The same seed and number of rows give the same bytes, on every platform and for ever: a test holds
//! the hash. So nothing here uses floating point, the system, or a generator of random numbers whose
//! stream may change; and errors are drawn apart, so that the rows without one are the same whatever
//! share of the others has one.

use crate::format::csv;
use crate::text::scan::Dialect;
use std::fmt;
use std::io::{self, Write};

/// The seed where none is stated.
pub(crate) const DEFAULT_SEED: u64 = 7;

/// The columns, in order.
pub(crate) const COLUMNS: [&str; 20] = [
    "Employee ID",
    "Legal First Name",
    "Legal Last Name",
    "Work Email",
    "Position ID",
    "Position Title",
    "Grade",
    "Annual Salary",
    "Currency",
    "Date of Birth",
    "Hire Date",
    "Termination Date",
    "Manager ID",
    "Location",
    "Department",
    "Cost Center",
    "FTE",
    "Employment Type",
    "Worker Status",
    "Comments",
];

const EMPLOYEE_ID: usize = 0;
const FIRST_NAME: usize = 1;
const SALARY: usize = 7;
const CURRENCY: usize = 8;
const BIRTH: usize = 9;
const COMMENTS: usize = 19;

/// Every manager has so many direct reports: row `i` reports to row `i / 8`, and row 0 to nobody.
const REPORTS: u64 = 8;

/// The first employee's number; written with eight digits, so that a leading zero is there to lose.
const FIRST_ID: u64 = 1_000_000;

/// Rows are collected to so many bytes before they are written.
const BUFFER: usize = 64 * 1024;

/// First names, and how they are spelt in e-mail addresses.
const FIRST_NAMES: [(&str, &str); 28] = [
    ("John", "john"),
    ("Mary", "mary"),
    ("Rex", "rex"),
    ("Ana", "ana"),
    ("Zoë", "zoe"),
    ("José", "jose"),
    ("Søren", "soren"),
    ("Li", "li"),
    ("Wei", "wei"),
    ("Priya", "priya"),
    ("Olga", "olga"),
    ("Fatima", "fatima"),
    ("Noah", "noah"),
    ("Emma", "emma"),
    ("Liam", "liam"),
    ("Ava", "ava"),
    ("Łukasz", "lukasz"),
    ("Chloé", "chloe"),
    ("Sean", "sean"),
    ("Aoife", "aoife"),
    ("Дмитрий", "dmitry"),
    ("Ελένη", "eleni"),
    ("美咲", "misaki"),
    ("小明", "xiaoming"),
    ("지훈", "jihoon"),
    ("فاطمة", "fatma"),
    ("נועה", "noa"),
    ("अनीता", "anita"),
];

/// Last names, and how they are spelt in e-mail addresses.
const LAST_NAMES: [(&str, &str); 26] = [
    ("Smith", "smith"),
    ("Jones", "jones"),
    ("James", "james"),
    ("O'Neill", "oneill"),
    ("Müller", "mueller"),
    ("García", "garcia"),
    ("Nguyễn", "nguyen"),
    ("Kowalski", "kowalski"),
    ("Patel", "patel"),
    ("Ivanova", "ivanova"),
    ("Sato", "sato"),
    ("Kim", "kim"),
    ("Dubois", "dubois"),
    ("Rossi", "rossi"),
    ("Silva", "silva"),
    ("Haddad", "haddad"),
    ("Novák", "novak"),
    ("Andersson", "andersson"),
    ("van der Berg", "vanderberg"),
    ("Иванов", "ivanov"),
    ("Παπαδοπούλου", "papadopoulou"),
    ("佐藤", "satou"),
    ("王", "wang"),
    ("김", "gim"),
    ("حداد", "hadad"),
    ("शर्मा", "sharma"),
];

const TITLES: [&str; 10] = [
    "Software Engineer",
    "Consultant",
    "Graduate Engineer",
    "Senior Engineer",
    "VP, Operations",
    "Director \"Special Projects\"",
    "HR Business Partner",
    "Analyst",
    "Team Lead",
    "Accountant",
];

const LOCATIONS: [&str; 8] = [
    "London",
    "New York",
    "Sydney",
    "São Paulo",
    "München",
    "Tokyo",
    "Bengaluru",
    "Paris, La Défense",
];

const CURRENCIES: [&str; 3] = ["GBP", "USD", "EUR"];
const FTES: [&str; 3] = ["1.0", "0.8", "0.5"];
const TYPES: [&str; 3] = ["Regular", "Temporary", "Contractor"];
const NOTES: [&str; 4] = [
    "Relocated from Leeds",
    "On leave until March",
    "multi\nline note",
    "said \"ok\"",
];

const BAD_SALARIES: [&str; 4] = ["TBC", "see contract", "45k", "1,2,3.4.5"];
const BAD_CURRENCIES: [&str; 3] = ["XXX", "£", "EURO"];

/// Formats of the sample. All have the same data; in JSON every value is text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated with a header, LF line ends.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// One JSON array, one object a line.
    Json,
}

/// What can be wrong with a row on purpose. A row has one of these at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The date of birth is the 31st of February.
    BadDate,
    /// The first name is empty.
    MissingFirstName,
    /// The salary is no number.
    BadSalary,
    /// The employee's identifier is that of an earlier row without errors. Only for people whom
    /// nobody reports to, so that the hierarchy stays whole.
    DuplicateId,
    /// A currency that there is not.
    UnknownCurrency,
    /// One cell too few or one too many; in JSON, a member missing or one that others don't have.
    Ragged,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [
        Kind::BadDate,
        Kind::MissingFirstName,
        Kind::BadSalary,
        Kind::DuplicateId,
        Kind::UnknownCurrency,
        Kind::Ragged,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::BadDate => "bad dates",
            Kind::MissingFirstName => "missing first names",
            Kind::BadSalary => "bad salaries",
            Kind::DuplicateId => "duplicate identifiers",
            Kind::UnknownCurrency => "unknown currencies",
            Kind::Ragged => "ragged rows",
        }
    }
}

/// How many errors of each kind were planted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted([u64; Kind::ALL.len()]);

impl Planted {
    /// How many rows have an error of this kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// How many rows have an error.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many people. With fewer, the file is a beginning of the one with more, as long as no row
    /// is to have an error.
    pub rows: u64,
    /// Another seed, other people.
    pub seed: u64,
    /// How many of a million rows have an error, on average. The first row never has one.
    pub errors_per_million: u32,
    pub format: Format,
}

/// What stands in the place of a file's name: `sample (100,000 rows, seed 7)`.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.rows.to_string();
        f.write_str("sample (")?;
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        let rows = if self.rows == 1 { "row" } else { "rows" };
        write!(f, " {rows}, seed {})", self.seed)
    }
}

/// A percentage in rows per million, which is how exact the share of errors is.
pub(crate) fn per_million(percent: f64) -> u32 {
    (percent * 10_000.0).round() as u32
}

impl Sample {
    /// Writes the sample in one go, with little memory whatever its size, and says what is wrong in it.
    pub fn write(&self, mut to: impl Write) -> io::Result<Planted> {
        let mut out = Vec::with_capacity(BUFFER + 4096);
        let mut random = Random::new(self.seed);
        let mut errors = Random::new(self.seed ^ 0x5eed_0fe4_4045);
        let mut planted = Planted::default();
        let mut row = Row::default();
        let mut last_good = 0;

        match self.format {
            Format::Csv => push_csv(&mut out, COLUMNS.iter().map(|name| name.as_bytes())),
            Format::Json => out.push(b'['),
            Format::Ndjson => {}
        }
        for i in 0..self.rows {
            row.make(&mut random, i);
            let kind = self.draw(&mut errors, i);
            match kind {
                None => last_good = i,
                Some(kind) => {
                    planted.0[kind as usize] += 1;
                    row.spoil(kind, &mut errors, last_good);
                }
            }
            match self.format {
                Format::Csv => push_csv(&mut out, row.cells()),
                Format::Ndjson => {
                    push_json(&mut out, row.cells());
                    out.push(b'\n');
                }
                Format::Json => {
                    out.extend_from_slice(if i == 0 { b"\n" } else { b",\n" });
                    push_json(&mut out, row.cells());
                }
            }
            if out.len() >= BUFFER {
                to.write_all(&out)?;
                out.clear();
            }
        }
        if self.format == Format::Json {
            out.extend_from_slice(b"\n]\n");
        }
        to.write_all(&out)?;
        to.flush()?;
        Ok(planted)
    }

    /// Whether a row is to have an error, and which.
    fn draw(&self, errors: &mut Random, i: u64) -> Option<Kind> {
        if i == 0 || errors.below(1_000_000) >= self.errors_per_million {
            return None;
        }
        match errors.one_of(&Kind::ALL) {
            Kind::DuplicateId if i.saturating_mul(REPORTS) < self.rows => Some(Kind::BadDate),
            kind => Some(kind),
        }
    }
}

/// The cells of one row over one buffer, which is used again for the next.
#[derive(Default)]
struct Row {
    text: Vec<u8>,
    /// End of each cell.
    ends: Vec<usize>,
    /// The row with an error.
    spoilt: Vec<u8>,
}

impl Row {
    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[start..*end])
    }

    fn cell(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.extend_from_slice(part.as_bytes());
        }
        self.ends.push(self.text.len());
    }

    /// A cell of a prefix and a number of at least so many digits.
    fn number(&mut self, prefix: &str, number: u64, digits: usize) {
        self.text.extend_from_slice(prefix.as_bytes());
        push_digits(&mut self.text, number, digits);
        self.ends.push(self.text.len());
    }

    fn date(&mut self, random: &mut Random, year: u32) {
        push_digits(&mut self.text, random.between(1, 28).into(), 2);
        self.text.push(b'/');
        push_digits(&mut self.text, random.between(1, 12).into(), 2);
        self.text.push(b'/');
        push_digits(&mut self.text, year.into(), 4);
        self.ends.push(self.text.len());
    }

    fn make(&mut self, random: &mut Random, i: u64) {
        self.text.clear();
        self.ends.clear();
        let first = random.one_of(&FIRST_NAMES);
        let last = random.one_of(&LAST_NAMES);

        self.number("", FIRST_ID + i, 8);
        self.cell(&[first.0]);
        self.cell(&[last.0]);
        for part in [first.1, ".", last.1] {
            self.text.extend_from_slice(part.as_bytes());
        }
        push_digits(&mut self.text, i, 1);
        self.cell(&["@example.com"]);
        self.number("P", 2 * FIRST_ID + i, 7);
        self.cell(&[random.one_of(&TITLES)]);
        self.number("G", random.between(1, 12).into(), 1);

        let salary: u64 = random.between(20_000, 250_000).into();
        let cents: u64 = random.below(100).into();
        if i.is_multiple_of(3) {
            push_digits(&mut self.text, salary / 1_000, 1);
            self.text.push(b',');
            push_digits(&mut self.text, salary % 1_000, 3);
            self.number(".", cents, 2);
        } else {
            self.number("", salary, 1);
        }
        self.cell(&[random.one_of(&CURRENCIES)]);

        // Nobody is hired under the age of eighteen, nor leaves before the year of hire is over.
        let born = random.between(1955, 2005);
        self.date(random, born);
        let hired = random.between((born + 19).max(1990), 2024);
        self.date(random, hired);
        let left = random.below(10) == 0;
        if left {
            self.date(random, 2025);
        } else {
            self.cell(&[]);
        }

        if i == 0 {
            self.cell(&[]);
        } else {
            self.number("", FIRST_ID + i / REPORTS, 8);
        }
        self.cell(&[random.one_of(&LOCATIONS)]);
        self.number("Dept ", random.between(1, 400).into(), 1);
        self.number("CC-", random.between(1_000, 9_999).into(), 4);
        self.cell(&[random.one_of(&FTES)]);
        self.cell(&[random.one_of(&TYPES)]);
        self.cell(&[match (left, random.below(5)) {
            (true, _) => "Terminated",
            (false, 0) => "On Leave",
            (false, _) => "Active",
        }]);
        if random.below(5) == 0 {
            self.cell(&[random.one_of(&NOTES)]);
        } else {
            self.cell(&[]);
        }
    }

    fn spoil(&mut self, kind: Kind, errors: &mut Random, last_good: u64) {
        match kind {
            Kind::BadDate => {
                let mut date = *b"31/02/0000";
                let cell = self.text[..self.ends[BIRTH]].last_chunk::<4>();
                date[6..].copy_from_slice(cell.unwrap_or(b"1980"));
                self.replace(BIRTH, &date);
            }
            Kind::MissingFirstName => self.replace(FIRST_NAME, b""),
            Kind::BadSalary => self.replace(SALARY, errors.one_of(&BAD_SALARIES).as_bytes()),
            Kind::DuplicateId => {
                let mut id = Vec::with_capacity(8);
                push_digits(&mut id, FIRST_ID + last_good, 8);
                self.replace(EMPLOYEE_ID, &id);
            }
            Kind::UnknownCurrency => {
                self.replace(CURRENCY, errors.one_of(&BAD_CURRENCIES).as_bytes());
            }
            Kind::Ragged if errors.below(2) == 0 => {
                self.ends.truncate(COMMENTS);
            }
            Kind::Ragged => self.cell(&["unexpected"]),
        }
    }

    fn replace(&mut self, column: usize, value: &[u8]) {
        let mut spoilt = std::mem::take(&mut self.spoilt);
        spoilt.clear();
        let mut ends = Vec::with_capacity(self.ends.len());
        for (i, cell) in self.cells().enumerate() {
            spoilt.extend_from_slice(if i == column { value } else { cell });
            ends.push(spoilt.len());
        }
        self.ends = ends;
        self.spoilt = std::mem::replace(&mut self.text, spoilt);
    }
}

/// A record, with quotes where they are needed.
fn push_csv<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        csv::write::cell(cell, Dialect::default(), |part| out.extend_from_slice(part));
    }
    out.push(b'\n');
}

/// A record as an object of texts. A cell beyond the columns gets a name of its own.
fn push_json<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
    for (i, cell) in cells.enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"" } else { b",\"" });
        out.extend_from_slice(COLUMNS.get(i).copied().unwrap_or("Column 21").as_bytes());
        out.extend_from_slice(b"\":\"");
        // Our texts hold no other character that JSON wants escaped; a test parses them all.
        for &byte in cell {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\n' => out.extend_from_slice(b"\\n"),
                _ => out.push(byte),
            }
        }
        out.push(b'"');
    }
    out.push(b'}');
}

/// A number of at least so many digits, at most 20.
fn push_digits(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let mut buffer = [b'0'; 20];
    let mut at = buffer.len();
    while number > 0 {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&buffer[at.min(buffer.len() - digits)..]);
}

/// SplitMix64 (Steele, Lea and Flood, 2014): good enough to make people up, and written down so
/// shortly that it will never change.
struct Random(u64);

impl Random {
    /// Seeds that are close to each other give streams that are not.
    fn new(seed: u64) -> Random {
        Random(Random(seed).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`. The bias of some parts in four thousand million is no concern here.
    fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn sample(rows: u64, errors_per_million: u32, format: Format) -> (Vec<u8>, Planted) {
        let mut out = Vec::new();
        let sample = Sample {
            rows,
            seed: 7,
            errors_per_million,
            format,
        };
        let planted = sample.write(&mut out).unwrap();
        (out, planted)
    }

    /// The records of a CSV sample, by another reader than ours.
    fn records(csv: &[u8]) -> Vec<Vec<String>> {
        use futures::StreamExt;
        let mut reader = csv_async::AsyncReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .create_reader(csv);
        let records = reader.records().map(|record| {
            let record = record.unwrap();
            record.iter().map(str::to_owned).collect()
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(records.collect())
    }

    #[test]
    fn splitmix64_is_splitmix64() {
        // The first numbers for the seed 1234567, as published with other implementations.
        let mut random = Random(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn the_bytes_are_these_for_ever() {
        let hash =
            |rows, errors, format| format!("{:016x}", xxh3_64(&sample(rows, errors, format).0));
        assert_eq!(hash(10_000, 0, Format::Csv), "756576c7280b193b");
        assert_eq!(hash(10_000, 20_000, Format::Csv), "7d18f587cf65d314");
        assert_eq!(hash(10_000, 20_000, Format::Ndjson), "7e7212de41273156");
        assert_eq!(hash(10_000, 20_000, Format::Json), "bfaa0651163f05ad");
    }

    #[test]
    fn fewer_rows_are_a_beginning_of_more() {
        let (more, _) = sample(500, 0, Format::Csv);
        for rows in [0, 1, 100] {
            assert!(more.starts_with(&sample(rows, 0, Format::Csv).0));
        }
    }

    #[test]
    fn a_clean_sample_is_clean() {
        let (csv, planted) = sample(3_000, 0, Format::Csv);
        assert_eq!(planted, Planted::default());
        let rows = records(&csv);
        assert_eq!(rows[0], COLUMNS);
        assert_eq!(rows.len(), 3_001);
        let iso = |date: &str| format!("{}{}{}", &date[6..], &date[3..5], &date[..2]);
        let mut seen = HashSet::new();
        for row in &rows[1..] {
            assert_eq!(row.len(), COLUMNS.len());
            let [id, manager] = [&row[0], &row[12]];
            assert!(id.len() == 8 && id.starts_with('0'));
            assert!(seen.contains(manager) || (manager.is_empty() && seen.is_empty()));
            assert!(seen.insert(id), "{id} is there twice");
            let [born, hired, left] = [&row[9], &row[10], &row[11]];
            assert!(
                iso(hired).parse::<u32>().unwrap() >= iso(born).parse::<u32>().unwrap() + 180_000
            );
            assert!(left.is_empty() || iso(left) > iso(hired));
            assert_eq!(left.is_empty(), row[18] != "Terminated");
            assert!(row[3].is_ascii());
        }
    }

    #[test]
    fn it_has_what_real_files_have() {
        let (csv, _) = sample(2_000, 0, Format::Csv);
        let text = String::from_utf8(csv).unwrap();
        for part in [
            "\"VP, Operations\"",
            "\"Director \"\"Special Projects\"\"\"",
            "\"multi\nline note\"",
            "\"said \"\"ok\"\"\"",
            "\"Paris, La Défense\"",
            "小明",
            "فاطمة",
            "Дмитрий",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn what_was_planted_is_there() {
        let (clean, _) = sample(5_000, 0, Format::Csv);
        let (csv, planted) = sample(5_000, 50_000, Format::Csv);
        assert!((200..300).contains(&planted.total()), "{planted:?}");
        let mut found = Planted::default();
        let mut good_ids = HashSet::new();
        for (clean, row) in records(&clean).iter().zip(&records(&csv)).skip(1) {
            let mut kinds = Vec::new();
            if row.len() != COLUMNS.len() {
                kinds.push(Kind::Ragged);
            }
            if row[FIRST_NAME].is_empty() {
                kinds.push(Kind::MissingFirstName);
            }
            if row[BIRTH].starts_with("31/02/") && row[BIRTH][6..] == clean[BIRTH][6..] {
                kinds.push(Kind::BadDate);
            }
            if BAD_SALARIES.contains(&&*row[SALARY]) {
                kinds.push(Kind::BadSalary);
            }
            if BAD_CURRENCIES.contains(&&*row[CURRENCY]) {
                kinds.push(Kind::UnknownCurrency);
            }
            if good_ids.contains(&row[EMPLOYEE_ID]) {
                kinds.push(Kind::DuplicateId);
            }
            match kinds[..] {
                [] => {
                    assert_eq!(row, clean);
                    good_ids.insert(row[EMPLOYEE_ID].clone());
                }
                [kind] => found.0[kind as usize] += 1,
                _ => panic!("{kinds:?} in one row"),
            }
        }
        assert_eq!(found, planted);
        assert!(Kind::ALL.iter().all(|kind| planted.of(*kind) > 0));
        let (_, all) = sample(100, 1_000_000, Format::Csv);
        assert_eq!(all.total(), 99);
    }

    #[test]
    fn formats_have_the_same_data() {
        for rows in [0, 1, 2_000] {
            let (csv, planted) = sample(rows, 20_000, Format::Csv);
            let (ndjson, same) = sample(rows, 20_000, Format::Ndjson);
            assert_eq!(planted, same);
            let (json, same) = sample(rows, 20_000, Format::Json);
            assert_eq!(planted, same);

            let lines: Vec<Value> = serde_json::Deserializer::from_slice(&ndjson)
                .into_iter()
                .collect::<Result<_, _>>()
                .unwrap();
            let array: Vec<Value> = serde_json::from_slice(&json).unwrap();
            assert_eq!(lines, array);
            let expected: Vec<Value> = records(&csv)[1..]
                .iter()
                .map(|row| {
                    let names = COLUMNS.iter().copied().chain(["Column 21"]);
                    names
                        .zip(row)
                        .map(|(n, v)| (n.to_owned(), Value::from(&**v)))
                        .collect()
                })
                .collect();
            assert_eq!(array, expected);
        }
    }

    #[test]
    fn digits() {
        let check = |number, digits, expected: &str| {
            let mut out = Vec::new();
            push_digits(&mut out, number, digits);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(0, 1, "0");
        check(7, 2, "07");
        check(1_000_000, 8, "01000000");
        check(123_456_789, 8, "123456789");
        check(u64::MAX, 1, "18446744073709551615");
    }

    #[test]
    fn names() {
        let check = |rows, expected: &str| {
            let sample = Sample {
                rows,
                seed: 7,
                errors_per_million: 0,
                format: Format::Csv,
            };
            assert_eq!(sample.to_string(), expected);
        };
        check(1, "sample (1 row, seed 7)");
        check(999, "sample (999 rows, seed 7)");
        check(1_000, "sample (1,000 rows, seed 7)");
        check(100_000, "sample (100,000 rows, seed 7)");
        check(1_234_567, "sample (1,234,567 rows, seed 7)");
    }

    #[test]
    fn a_writer_that_fails_is_reported() {
        let sample = Sample {
            rows: 10,
            seed: 1,
            errors_per_million: 0,
            format: Format::Csv,
        };
        assert!(sample.write(&mut [0u8; 8][..]).is_err());
    }
}
