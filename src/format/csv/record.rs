//! How CSV is read: the one set of rules, for whoever looks at a record.
//!
//! A quote opens a quoted cell only where a cell begins; anywhere else in an unquoted cell it is an ordinary character
//! (`5" pipe`), as in RFC 4180's lenient readers. In a quoted cell two quotes stand for one, and what follows the quote
//! that closes it is kept. Delimiters and line feeds end cells and records unless they are quoted.
//!
//! A line that begins with the dialect's comment character, where a record may begin, is a remark: nothing in it counts,
//! no quote either.
//!
//! [`Cells`] walks from cell to cell. [`Quoted`] walks from quoted cell to quoted cell and looks at nothing but quotes,
//! for whoever has to be quick and needs to know no more; a test holds the two equal.

use std::ops::Range;

use crate::text::scan::{Dialect, Hits};

/// A cell as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    /// Where the delimiter or line feed stands that ends it, or the text ends.
    pub(crate) end: usize,
    pub(crate) quotes: Quotes,
    /// It is quoted and has doubled quotes.
    pub(crate) escaped: bool,
    /// It has a quote or a line feed, besides the quotes around it and what its escapes stand for.
    pub(crate) special: bool,
    /// The record ends with it.
    pub(crate) last: bool,
}

/// The quotes around a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    None,
    /// It begins with a quote that is never closed.
    Open,
    /// It begins with a quote that is closed there.
    Closed(usize),
}

impl Span {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    pub(crate) fn is_open(&self) -> bool {
        self.quotes == Quotes::Open
    }
}

/// Walks over the cells of a text.
#[derive(Clone)]
pub(crate) struct Cells<'t> {
    text: &'t [u8],
    dialect: Dialect,
    hits: Hits<'t, 3>,
    /// Where the next cell begins.
    at: usize,
    /// Line feeds before it.
    line: u32,
    /// No cell follows at the end of the text.
    between_records: bool,
}

impl<'t> Cells<'t> {
    /// The cells of whole records, each with its line end. An empty line is a record of one empty cell.
    #[inline(always)]
    pub(crate) fn of_text(text: &'t [u8], dialect: Dialect) -> Cells<'t> {
        let Dialect {
            delimiter, quote, ..
        } = dialect;
        Cells {
            text,
            dialect,
            hits: Hits::new(text, [delimiter, b'\n', quote]),
            at: 0,
            line: 0,
            between_records: true,
        }
    }

    /// The cells of one record without its line end: at least one, and the last of them ends the record.
    pub(crate) fn of_record(record: &'t [u8], dialect: Dialect) -> Cells<'t> {
        let Dialect {
            delimiter, quote, ..
        } = dialect;
        Cells {
            // A line feed is then a character like any other.
            hits: Hits::new(record, [delimiter, delimiter, quote]),
            between_records: false,
            ..Cells::of_text(record, dialect)
        }
    }

    /// Where the next cell begins.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The line on which the next cell begins, counted from the first (0).
    #[inline(always)]
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Passes over the remarks that stand where the next record may begin, and returns how many there were.
    #[inline(always)]
    pub(crate) fn pass_remarks(&mut self) -> u64 {
        let mut passed = 0;
        if let Some(comment) = self.dialect.comment {
            while self.text.get(self.at) == Some(&comment) {
                self.pass_line();
                passed += 1;
            }
        }
        passed
    }

    /// Passes over the rest of the line, whatever stands there.
    #[cold]
    fn pass_line(&mut self) {
        let end = self.hits.by_ref().find(|&at| self.text[at] == b'\n');
        self.line += u32::from(end.is_some());
        self.at = end.map_or(self.text.len(), |at| at + 1);
    }
}

impl Iterator for Cells<'_> {
    type Item = Span;

    #[inline(always)]
    fn next(&mut self) -> Option<Span> {
        let Dialect {
            delimiter, quote, ..
        } = self.dialect;
        let mut cell = Span {
            start: self.at,
            end: self.text.len(),
            quotes: Quotes::None,
            escaped: false,
            special: false,
            last: true,
        };
        let mut skip = usize::MAX;
        for at in self.hits.by_ref() {
            let byte = self.text[at];
            self.line += u32::from(byte == b'\n');
            if cell.quotes == Quotes::Open {
                if byte != quote || at == skip {
                    cell.special |= byte == b'\n';
                } else if self.text.get(at + 1) == Some(&quote) {
                    cell.escaped = true;
                    skip = at + 1;
                } else {
                    cell.quotes = Quotes::Closed(at);
                }
            } else if byte != quote {
                cell.end = at;
                cell.last = byte != delimiter;
                self.at = at + 1;
                self.between_records = cell.last;
                return Some(cell);
            } else if at == cell.start {
                cell.quotes = Quotes::Open;
            } else {
                cell.special = true;
            }
        }
        if self.between_records && self.at == self.text.len() {
            return None;
        }
        self.at = self.text.len();
        self.between_records = true;
        Some(cell)
    }
}

/// Walks over the quoted cells of a text that begins with a record: where each is opened, and where it is closed if it
/// is.
pub(crate) struct Quoted<'t> {
    text: &'t [u8],
    dialect: Dialect,
    hits: Hits<'t, 1>,
    /// Behind the last quoted cell, or the beginning of the text.
    plain_from: usize,
}

impl<'t> Quoted<'t> {
    pub(crate) fn new(text: &'t [u8], dialect: Dialect) -> Quoted<'t> {
        let hits = Hits::new(text, [dialect.quote]);
        Quoted {
            text,
            dialect,
            hits,
            plain_from: 0,
        }
    }

    /// Whether a quote that is in no quoted cell stands in a remark. The line that it stands in begins a record, unless a
    /// quoted cell stands before it there.
    #[inline(always)]
    fn is_in_remark(&self, quote: usize) -> bool {
        let Some(comment) = self.dialect.comment else {
            return false;
        };
        let line = memchr::memrchr(b'\n', &self.text[self.plain_from..quote]);
        match line {
            Some(at) => self.text[self.plain_from + at + 1] == comment,
            None => self.plain_from == 0 && self.text[0] == comment,
        }
    }
}

impl Iterator for Quoted<'_> {
    type Item = (usize, Option<usize>);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, Option<usize>)> {
        let Dialect {
            delimiter, quote, ..
        } = self.dialect;
        let text = self.text;
        let begins_cell = |at: usize| at == 0 || text[at - 1] == delimiter || text[at - 1] == b'\n';
        let mut open = self.hits.by_ref().find(|&at| begins_cell(at))?;
        while self.is_in_remark(open) {
            open = self.hits.by_ref().find(|&at| begins_cell(at))?;
        }
        let mut skip = usize::MAX;
        for at in self.hits.by_ref() {
            if at == skip {
                continue;
            }
            if self.text.get(at + 1) != Some(&quote) {
                self.plain_from = at + 1;
                return Some((open, Some(at)));
            }
            skip = at + 1;
        }
        Some((open, None))
    }
}

/// The text of a cell as written, quotes and all: doubled quotes are one, and what follows the closing quote is kept as
/// it is, as other readers do.
pub(crate) fn unquote(written: &str, quote: u8, out: &mut String) {
    out.clear();
    let quote = quote as char;
    let Some(inner) = written.strip_prefix(quote) else {
        out.push_str(written);
        return;
    };
    let mut rest = inner;
    while let Some(at) = rest.find(quote) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(quote) {
            Some(more) => {
                out.push(quote);
                rest = more;
            }
            None => break,
        }
    }
    out.push_str(rest);
}

/// The cells of one record without its line end, unquoted.
pub(crate) fn split(dialect: Dialect, record: &str) -> Vec<String> {
    Cells::of_record(record.as_bytes(), dialect)
        .map(|cell| {
            let mut text = String::new();
            unquote(&record[cell.range()], dialect.quote, &mut text);
            text
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = String> {
        "([ab ]|\"|\"|\"\"|,|,|\n|\n|\r|\r\n|ä|[a-z]{60,70}){0,60}"
    }

    /// Records of unquoted cells; empty lines are none.
    fn records(text: &str) -> Vec<Vec<String>> {
        let mut records = vec![Vec::new()];
        for cell in Cells::of_text(text.as_bytes(), Dialect::default()) {
            let mut written = &text[cell.range()];
            if cell.last && !cell.is_open() {
                written = written.strip_suffix('\r').unwrap_or(written);
            }
            let mut plain = String::new();
            unquote(written, b'"', &mut plain);
            let record = records.last_mut().unwrap();
            record.push(plain);
            if cell.last {
                if record.len() == 1 && written.is_empty() {
                    record.clear();
                } else {
                    records.push(Vec::new());
                }
            }
        }
        records.pop_if(|last| last.is_empty());
        records
    }

    /// csv-async ends records at a lone CR, too, and passes over lines of them; so texts have CR before LF alone.
    async fn reference(text: &str) -> Vec<Vec<String>> {
        let mut reader = csv_async::AsyncReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv_async::Terminator::Any(b'\n'))
            .create_reader(text.as_bytes());
        let mut record = csv_async::StringRecord::new();
        let mut records = Vec::new();
        while reader.read_record(&mut record).await.unwrap() {
            records.push(record.iter().map(str::to_owned).collect());
        }
        records
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn cells_are_those_of_csv_async(text in texts()) {
            let text = text.replace('\r', "");
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(records(&text), runtime.block_on(reference(&text)));
        }

        #[test]
        fn quotes_alone_tell_the_same(text in texts()) {
            let bytes = text.as_bytes();
            let cells: Vec<_> = Cells::of_text(bytes, Dialect::default())
                .filter_map(|cell| match cell.quotes {
                    Quotes::None => None,
                    Quotes::Open => Some((cell.start, None)),
                    Quotes::Closed(at) => Some((cell.start, Some(at))),
                })
                .collect();
            prop_assert_eq!(Quoted::new(bytes, Dialect::default()).collect::<Vec<_>>(), cells);
        }

        #[test]
        fn the_cells_of_a_record_are_those_of_its_text(text in texts()) {
            let bytes = text.as_bytes();
            let (mut from, mut of_record) = (0, Vec::new());
            let of_text: Vec<_> = Cells::of_text(bytes, Dialect::default()).collect();
            for last in of_text.iter().filter(|cell| cell.last) {
                let cells = Cells::of_record(&bytes[from..last.end], Dialect::default());
                of_record.extend(cells.map(|cell| (from + cell.start, from + cell.end)));
                from = last.end + 1;
            }
            let of_text: Vec<_> = of_text.iter().map(|cell| (cell.start, cell.end)).collect();
            prop_assert_eq!(of_record, of_text);
        }
    }

    fn check_cells(record: &str, quote: u8, expected: &[&str]) {
        let dialect = Dialect {
            quote,
            ..Dialect::default()
        };
        let cells: Vec<_> = Cells::of_record(record.as_bytes(), dialect)
            .map(|cell| &record[cell.range()])
            .collect();
        assert_eq!(cells, expected, "{record}");
    }

    #[test]
    fn cells_of_a_record() {
        let q = b'"';
        check_cells("", q, &[""]);
        check_cells(",", q, &["", ""]);
        check_cells("a,b", q, &["a", "b"]);
        check_cells("a,", q, &["a", ""]);
        check_cells(r#""a,b",c"#, q, &[r#""a,b""#, "c"]);
        check_cells(r#""a""b,""",c"#, q, &[r#""a""b,""""#, "c"]);
        check_cells("\"a\nb\",c", q, &["\"a\nb\"", "c"]);
        check_cells(r#"a"b,c"d"#, q, &[r#"a"b"#, r#"c"d"#]);
        check_cells(r#""a"b,c"#, q, &[r#""a"b"#, "c"]);
        check_cells(r#"a,"b,c"#, q, &["a", r#""b,c"#]);
        check_cells(r#""""#, q, &[r#""""#]);
        check_cells(r#""","#, q, &[r#""""#, ""]);
        check_cells(r#"'a,b',"c"#, b'\'', &["'a,b'", r#""c"#]);
    }

    #[test]
    fn splits_a_record() {
        let split = |record| split(Dialect::default(), record);
        assert_eq!(split("a,\"b,\"\"c\",,d\""), ["a", "b,\"c", "", "d\""]);
        assert_eq!(split(""), [""]);
        assert_eq!(split(","), ["", ""]);
        assert_eq!(split("\"a\nb\""), ["a\nb"]);
    }

    #[test]
    fn lines_are_counted_within_cells() {
        let mut cells = Cells::of_text(b"a,\"b\nc\"\nd", Dialect::default());
        let lines: Vec<u32> = std::iter::from_fn(|| {
            let line = cells.line();
            cells.next().map(|_| line)
        })
        .collect();
        assert_eq!(lines, [0, 0, 2]);
    }
}
