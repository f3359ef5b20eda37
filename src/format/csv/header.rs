//! The header of a CSV file: the dialect, and the names of the columns.

use std::borrow::Cow;
use std::sync::Arc;

use super::cut::first_record;
use super::fault;
use super::fed_back::own_columns;
use super::names::{Naming, other_delimiter};
use super::record::{self, Cells, Quotes};
use super::write;
use crate::batch::Arrangement;
use crate::format::beginning::{Beginning, Begun, Expected, Place, Wrong};
use crate::text::charset;
use crate::text::scan::{Dialect, Quoting, count_lines};

/// How a CSV file is written, as far as that is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Between cells.
    pub delimiter: Delimiter,
    /// How cells are quoted.
    pub quoting: Quoting,
    /// What remarks begin with.
    pub comment: Option<u8>,
    /// Lines before the header.
    pub skip_lines: u32,
    /// What the columns are called.
    pub naming: Naming,
}

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// As the pipeline says.
    Stated(u8),
    /// A comma, unless the first line names another: `sep=;`.
    Comma,
    /// A tab where the file's name says so, else as [`Delimiter::Comma`].
    ByName,
}

/// How a CSV source is written, and what its columns are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) names: Arc<[Arc<str>]>,
    /// The names of a record's cells; none where a cell belongs to no column.
    pub(crate) own: Arc<[Option<Arc<str>>]>,
    /// How the cells become the columns, where they are not these one by one.
    pub(crate) arrangement: Option<Arc<Arrangement>>,
    /// A file of the source lacks one of the columns.
    pub(crate) partial: bool,
    /// The names are the pipeline's own.
    pub(crate) stated: bool,
    pub(crate) dialect: Dialect,
    /// Cells of a record: its own, and those that are ignored at its end.
    pub(crate) cells: usize,
    /// A header record that says this: where the file has such a one, as written, without its line end.
    pub(crate) raw: Vec<u8>,
    /// The lines of the file's header, by which it is known where it stands again among the records.
    pub(crate) repeats: Vec<String>,
    /// Whether lines end with CR LF.
    pub(crate) crlf: bool,
    /// The physical line on which it begins, from 1.
    pub(crate) line: u64,
}

/// Reads the lines up to the first record. None asks for more text.
pub(crate) fn header(
    expected: &Expected<'_>,
    form: &Form,
    begins: &Beginning<'_>,
) -> Result<Option<Begun<Header>>, Wrong> {
    let text = begins.text;
    let passed = |start: usize| form.blank(&text[start..], begins).map(|len| start + len);
    let Some(mut start) = passed(after_lines(text, form.skip_lines)) else {
        return Ok(None);
    };
    let delimiter = match separator(&text[start..], form.quoting.quote, begins.ended) {
        Separator::Open if !begins.full => return Ok(None),
        Separator::Line { delimiter, len } => {
            let line = 1 + count_lines(&text[..start]);
            match passed(start + len) {
                Some(at) => start = at,
                None => return Ok(None),
            }
            form.obey(delimiter, line)?
        }
        _ => form.delimiter.within(begins.file),
    };
    let dialect = Dialect {
        comment: form.comment,
        ..Dialect::new(delimiter, form.quoting)
    };
    let Some(first) = Line::read(dialect, begins, start) else {
        return no_header(expected, form, begins);
    };
    let mut lines = vec![first];
    while lines.len() < form.naming.lines as usize {
        let Some(after) = passed(lines.last().map_or(start, |line| line.end)) else {
            return Ok(None);
        };
        match Line::read(dialect, begins, after) {
            Some(line) => lines.push(line),
            None if !begins.ended && !begins.full => return Ok(None),
            None => {
                let message = format!(
                    "the file ends after {} of the {} lines of its header (source.csv.header)",
                    lines.len(),
                    form.naming.lines
                );
                return Err(Wrong::setting(Place::Line(1), message));
            }
        }
    }
    let header = from_lines(expected, form, dialect, &lines)?;
    let (at, line) = match lines.last() {
        Some(last) if form.naming.lines > 0 => (last.end, last.next),
        _ => (start, header.line),
    };
    Ok(Some(Begun { header, at, line }))
}

/// A record of the header, or the first one where there is no header.
struct Line<'t> {
    /// With its line end.
    written: &'t [u8],
    start: usize,
    end: usize,
    /// The physical lines on which it begins, and on which what follows it does.
    line: u64,
    next: u64,
    dialect: Dialect,
}

impl<'t> Line<'t> {
    /// The record that begins at `start`; none where it does not end in the text.
    fn read(dialect: Dialect, begins: &Beginning<'t>, start: usize) -> Option<Line<'t>> {
        let text = begins.text;
        let end = start + first_record(dialect, &text[start..], begins.ended)?;
        let line = 1 + count_lines(&text[..start]);
        let written = &text[start..end];
        Some(Line {
            written,
            start,
            end,
            line,
            next: line + count_lines(written),
            dialect,
        })
    }

    fn raw(&self) -> &'t [u8] {
        without_end(self.written)
    }

    /// Its cells, unless it can't be what it should be: a line of the header, or the first record.
    fn cells(&self, expected: &Expected<'_>, is_header: bool) -> Result<Vec<String>, Wrong> {
        let (raw, place) = (self.raw(), Place::Line(self.line));
        let fault = Cells::of_record(raw, self.dialect).into_fault();
        let is_open = |fault: &fault::Fault| fault.kind == fault::Kind::Open;
        if !fault.as_ref().is_some_and(is_open) && has_bare_returns(raw, self.dialect) {
            return Err(Wrong::data(place, BARE_RETURNS));
        }
        if let Some(fault) = fault.filter(|fault| is_header || is_open(fault)) {
            let (at, message) = match fault.kind {
                fault::Kind::Open => (fault.open, "the quote opened here is never closed"),
                fault::Kind::Behind => (fault.at, "text follows the quote that closes a name"),
                fault::Kind::Blanks => (fault.at, "there are blanks before the quote of a name"),
                fault::Kind::Within | fault::Kind::Apart => (
                    fault.open,
                    "there is a quote inside a name that is not quoted",
                ),
            };
            return Err(Wrong::data(Place::Byte(self.start + at), message));
        }
        let json = [&b"{\""[..], b"[{", b"[{\""];
        if json.iter().any(|json| raw.starts_with(json)) || raw == b"[" {
            return Err(Wrong::setting(
                place,
                "this is JSON, not a header; set source.format",
            ));
        }
        let text = String::from_utf8_lossy(raw);
        if is_header && matches!(text, Cow::Owned(_)) {
            let message = format!(
                "the header is not UTF-8; if the file has another encoding, set source.encoding{}",
                charset::proposal(raw)
            );
            return Err(Wrong::setting(place, message));
        }
        let cells = record::split(self.dialect, &text);
        match expected.too_many(cells.len()) {
            Some(message) => Err(Wrong::data(place, message)),
            None => Ok(cells),
        }
    }
}

const BARE_RETURNS: &str = "lines end with bare carriage returns; convert them to LF or CR LF";

/// Whether a carriage return stands in a record outside quotes.
fn has_bare_returns(raw: &[u8], dialect: Dialect) -> bool {
    Cells::of_record(raw, dialect).any(|cell| {
        let outside = match cell.quotes {
            record::Quotes::Closed(close) => close..cell.end,
            _ => cell.range(),
        };
        raw[outside].contains(&b'\r')
    })
}

/// Whether whatever ends the lines of a text, it is no line feed.
fn only_bare_returns(text: &[u8]) -> bool {
    text.contains(&b'\r') && !text.contains(&b'\n')
}

/// How many lines a text has, the last of which may lack its end.
fn lines_of(text: &[u8]) -> u64 {
    count_lines(text) + u64::from(text.last().is_some_and(|last| *last != b'\n'))
}

/// The offset behind so many lines.
fn after_lines(text: &[u8], lines: u32) -> usize {
    let mut at = 0;
    for _ in 0..lines {
        at += memchr::memchr(b'\n', &text[at..]).map_or(text.len() - at, |n| n + 1);
    }
    at
}

/// No header ends in the text: there is none, or more is needed.
fn no_header(
    expected: &Expected<'_>,
    form: &Form,
    begins: &Beginning<'_>,
) -> Result<Option<Begun<Header>>, Wrong> {
    let skip = form.skip_lines;
    let longest = expected.limits.record;
    let text = begins.text;
    let what = match form.naming.lines {
        0 => "record",
        _ => "header",
    };
    match (begins.ended, begins.full) {
        (true, _) if text.is_empty() => Err(Wrong::empty(format!(
            "the file is empty: expected a {what}"
        ))),
        (true, _) if skip > 0 && only_bare_returns(text) => {
            Err(Wrong::data(Place::Line(1), BARE_RETURNS))
        }
        // Lines that are passed over and no record behind them: a quiet night.
        (true, _) if form.naming.lines == 0 && lines_of(text) >= u64::from(skip) => Err(
            Wrong::empty("the file has no records behind what source.csv.skip_lines passes over"),
        ),
        (true, _) if skip > 0 => Err(Wrong::setting(
            Place::Line(1),
            format!("no {what} comes after the {skip} lines of source.csv.skip_lines"),
        )),
        (true, _) => Err(Wrong::empty(format!(
            "the file is empty: expected a {what}"
        ))),
        // Without a line feed, there is nothing but one line.
        (false, true) if only_bare_returns(text) => Err(Wrong::data(Place::Line(1), BARE_RETURNS)),
        (false, true) => Err(Wrong::data(
            Place::Line(1),
            format!("the {what} does not end within {longest}, the longest record (limits.record)"),
        )),
        (false, false) => Ok(None),
    }
}

/// A first line by which Excel is told the delimiter.
enum Separator {
    None,
    /// It may be one, and does not end in the text.
    Open,
    Line {
        /// None where it names what can't be one.
        delimiter: Option<u8>,
        /// Bytes of the line, its end included.
        len: usize,
    },
}

/// Looks for `sep=;`, in quotes or not. Some programs fill such a line up with delimiters, as many as there are columns.
fn separator(text: &[u8], quote: Option<u8>, ended: bool) -> Separator {
    const WORD: &[u8] = b"sep=";
    let quote = quote.as_slice();
    let unquoted = text.strip_prefix(quote).unwrap_or(text);
    let known = unquoted.len().min(WORD.len());
    if !unquoted[..known].eq_ignore_ascii_case(&WORD[..known]) {
        return Separator::None;
    }
    let len = match memchr::memchr(b'\n', text) {
        Some(at) => at + 1,
        None if !ended => return Separator::Open,
        None => text.len(),
    };
    let line = without_end(&text[..len]);
    let named = match line.strip_prefix(quote) {
        Some(quoted) => quoted.split(|b| quote.contains(b)).next().unwrap_or(quoted),
        None => line,
    };
    let Some(named) = named.get(WORD.len()..) else {
        return Separator::None;
    };
    let can_be = |b: u8| b == b'\t' || b == b' ' || b.is_ascii_punctuation() && !quote.contains(&b);
    let delimiter = match named {
        [first, rest @ ..] if can_be(*first) && rest.iter().all(|b| b == first) => Some(*first),
        _ => None,
    };
    Separator::Line { delimiter, len }
}

/// A line without its end.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl Form {
    /// How many bytes of blank lines and remarks the text begins with; none where more of it must be seen.
    fn blank(&self, text: &[u8], begins: &Beginning<'_>) -> Option<usize> {
        let mut at = 0;
        loop {
            // Behind `sep=;` there may be another byte order mark.
            while let [b'\n' | b'\r', ..] | [0xef, 0xbb, 0xbf, ..] = text[at..] {
                at += if text[at] == 0xef { 3 } else { 1 };
            }
            if self.comment.is_none() || text.get(at).copied() != self.comment {
                return Some(at);
            }
            match memchr::memchr(b'\n', &text[at..]) {
                Some(end) => at += end + 1,
                None if begins.ended || begins.full => return Some(text.len()),
                None => return None,
            }
        }
    }

    /// The delimiter, where a line of the file names one.
    fn obey(&self, named: Option<u8>, line: u64) -> Result<u8, Wrong> {
        let pass_over = format!("set source.csv.skip_lines to {line} to pass over the line");
        let wrong = |message| Err(Wrong::setting(Place::Line(line), message));
        match (named, self.delimiter) {
            (None, _) => wrong(format!(
                "the line begins with `sep=`, and what it names cannot be a delimiter; \
                 {pass_over}, and source.csv.delimiter to the delimiter"
            )),
            (Some(named), Delimiter::Stated(stated)) if named != stated => wrong(format!(
                "the line says that `{}` is the delimiter, and source.csv.delimiter or source.format says `{}`; \
                 state the one that is meant, or {pass_over}",
                shown(named),
                shown(stated)
            )),
            (Some(named), _) => Ok(named),
        }
    }
}

impl Delimiter {
    /// The delimiter in a file of this name.
    fn within(self, file: &str) -> u8 {
        match self {
            Delimiter::Stated(delimiter) => delimiter,
            Delimiter::ByName if is_tab_separated(file) => b'\t',
            Delimiter::Comma | Delimiter::ByName => b',',
        }
    }
}

/// Whether a file's name says that it has tabs: `x.tsv`, `x.TAB`, `x.tsv.gz`. An address has its query behind its name.
fn is_tab_separated(file: &str) -> bool {
    let file = file.strip_suffix("?…").unwrap_or(file).to_ascii_lowercase();
    let compressed = [".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip"];
    let stem = compressed.iter().find_map(|end| file.strip_suffix(end));
    let stem = stem.unwrap_or(&file);
    stem.ends_with(".tsv") || stem.ends_with(".tab")
}

/// A delimiter as the pipeline file writes it.
pub(super) fn shown(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        b => char::from(b).to_string(),
    }
}

/// What the lines of the header say.
fn from_lines(
    expected: &Expected<'_>,
    form: &Form,
    dialect: Dialect,
    lines: &[Line<'_>],
) -> Result<Header, Wrong> {
    let (first, last) = match lines {
        [first, .., last] => (first, last),
        [only] => (only, only),
        [] => return Err(Wrong::data(Place::Line(1), "expected a header")),
    };
    let place = Place::Line(first.line);
    let naming = &form.naming;
    let mut cells = Vec::with_capacity(lines.len());
    for line in lines {
        cells.push(line.cells(expected, naming.lines > 0)?);
    }
    let mut ignored = 0;
    if let [line] = &mut cells[..]
        && let Some(own) = own_columns(line, expected.added)
    {
        ignored = line.len() - own;
        line.truncate(own);
    }
    if let ([line], 1, None) = (&cells[..], naming.lines, &naming.columns)
        && let [only] = &line[..]
    {
        one_column(only, form, dialect, first.raw()).map_err(|why| Wrong::setting(place, why))?;
    }
    let own = naming
        .names(expected, &cells)
        .map_err(|why| Wrong::setting(place, why))?;
    let as_written = naming.lines == 1 && naming.columns.is_none();
    let throughout = as_written && own_quoted(first.raw(), dialect, own.len());
    let mut header = Header {
        names: own.iter().flatten().cloned().collect(),
        cells: own.len() + ignored,
        stated: naming.lines == 0 || naming.columns.is_some(),
        raw: match as_written {
            true => first.raw().to_vec(),
            false => written(&own, dialect),
        },
        repeats: (lines.iter().take(naming.lines as usize))
            .map(|line| line.raw().to_vec())
            // Names that the pipeline states are those of a header, too, in whichever of the files it stands.
            .chain(naming.columns.iter().map(|_| written(&own, dialect)))
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .collect(),
        own: own.into(),
        arrangement: None,
        partial: false,
        dialect: Dialect {
            throughout,
            ..dialect
        },
        crlf: last.written.ends_with(b"\r\n"),
        line: first.line,
    };
    header.arrangement = header.arranged_as(&header.names, &header.own);
    Ok(header)
}

/// A header record of these names.
pub(super) fn written(own: &[Option<Arc<str>>], dialect: Dialect) -> Vec<u8> {
    let mut record = Vec::new();
    for (at, name) in own.iter().enumerate() {
        if at > 0 {
            record.push(dialect.delimiter);
        }
        let name = name.as_deref().unwrap_or_default();
        write::cell(name.as_bytes(), dialect, |part| {
            record.extend_from_slice(part)
        });
    }
    record
}

/// Whether the first cells of a record are all quoted.
fn own_quoted(raw: &[u8], dialect: Dialect, own: usize) -> bool {
    let mut cells = Cells::of_record(raw, dialect).take(own);
    cells.all(|cell| cell.quotes != Quotes::None)
}

/// Refuses a header of one column in which another delimiter stands: whole records would be sent as its values.
fn one_column(name: &str, form: &Form, dialect: Dialect, raw: &[u8]) -> Result<(), String> {
    let quoted = raw.first().copied() == dialect.quoting.quote;
    if quoted
        && (matches!(form.delimiter, Delimiter::Stated(_))
            || name.contains(char::from(dialect.delimiter)))
    {
        return Ok(());
    }
    let Some(found) = other_delimiter(name) else {
        return Ok(());
    };
    Err(match (quoted, dialect.delimiter) {
        (true, _) => format!(
            "the header is one quoted column, and `{found}` is in it; if whole lines are quoted, export the file \
             without those quotes; if it is one column, set source.csv.delimiter"
        ),
        (false, b'\t') if found != "tab" => format!(
            "the header is one column, and `{found}` is in it; if that is the delimiter, set source.format to csv \
             and source.csv.delimiter to \"{found}\"; if it is one column, put its name in quotes"
        ),
        (false, _) => format!(
            "the header is one column, and `{found}` is in it; if that is the delimiter, set source.csv.delimiter \
             to \"{found}\"; if it is one column, put its name in quotes"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::header::{self, Reading};

    /// The delimiter and the names that a text has, and the line on which its records begin; or what is wrong with it.
    #[track_caller]
    fn check(
        file: &str,
        delimiter: Delimiter,
        text: &str,
        expected: Result<(&str, &str, u64), &str>,
    ) {
        let form = Form {
            delimiter,
            quoting: Quoting::default(),
            comment: None,
            skip_lines: 0,
            naming: Naming::default(),
        };
        let reading = Reading {
            format: header::RecordFormat::Csv(form),
            block: 1,
            added: &[],
            named: Arc::new(["ID".to_owned()].into()),
            limits: Default::default(),
            closing: Default::default(),
        };
        // However little of it there is at first, it comes to the same.
        let found = (1..=text.len()).find_map(|len| {
            let begins = Beginning {
                file,
                text: &text.as_bytes()[..len],
                ended: len == text.len(),
                full: false,
            };
            reading.begin(&begins, None).transpose()
        });
        let found = found.unwrap().map(|begun| match begun.header {
            header::Header::Csv(csv) => (
                shown(csv.dialect.delimiter),
                csv.names.join(" "),
                begun.line,
            ),
            header::Header::Json(_) => panic!("not CSV"),
        });
        let found = found.map_err(|wrong| wrong.message);
        let expected =
            expected.map(|(delimiter, names, line)| (delimiter.into(), names.into(), line));
        assert_eq!(found, expected.map_err(str::to_owned), "{file}: {text:?}");
    }

    #[test]
    fn names_and_delimiters() {
        let by_name =
            |file: &str, text: &str, expected| check(file, Delimiter::ByName, text, Ok(expected));
        by_name("a.csv", "ID,Name\n1,2\n", (",", "ID Name", 2));
        by_name("a.csv", "\n\r\nID,Name\n", (",", "ID Name", 4));
        by_name("a.csv", "ID,\"Na\nme\",\n", (",", "ID Na\nme", 3));
        for file in [
            "a.tsv",
            "A.TSV",
            "a.tab",
            "a.tsv.gz",
            "b/a.tsv.zst",
            "https://a/b.tsv?…",
            "a.tsv.bz2",
            "a.tsv.xz",
            "a.tsv.zip",
        ] {
            by_name(file, "ID\tName, first\n", ("tab", "ID Name, first", 2));
        }
        for file in ["a.csv", "tsv", "a.tsv.csv", "a.txt.gz", "standard input"] {
            by_name(file, "ID,Name\n", (",", "ID Name", 2));
        }
        check(
            "a.tsv",
            Delimiter::Comma,
            "ID,Name\n",
            Ok((",", "ID Name", 2)),
        );
        check(
            "a.tsv",
            Delimiter::Stated(b';'),
            "ID;Name\n",
            Ok((";", "ID Name", 2)),
        );
    }

    #[test]
    fn a_first_line_may_name_the_delimiter() {
        let comma = |text: &str, expected| check("a.csv", Delimiter::Comma, text, Ok(expected));
        comma("sep=;\nID;Name\n", (";", "ID Name", 3));
        comma("Sep=|\r\n\r\nID|Name", ("|", "ID Name", 3));
        comma("sep=\t\nID\tName\n", ("tab", "ID Name", 3));
        comma("\"sep=;\"\nID;Name\n", (";", "ID Name", 3));
        comma("\"sep=;\";;\nID;Name\n", (";", "ID Name", 3));
        comma("sep=;;;\nID;Name\n", (";", "ID Name", 3));
        comma("sep,ID\n", (",", "sep ID", 2));
        comma("se", (",", "se", 1));
        check(
            "a.tsv",
            Delimiter::ByName,
            "sep=;\nID;Name\n",
            Ok((";", "ID Name", 3)),
        );
        check(
            "a.csv",
            Delimiter::Stated(b';'),
            "sep=;\nID;Name\n",
            Ok((";", "ID Name", 3)),
        );
        for text in [
            "sep=\nID\n",
            "sep=;,\nID\n",
            "sep=§\nID\n",
            "sep=a\nID\n",
            "sep=\"\nID\n",
        ] {
            check(
                "a.csv",
                Delimiter::Comma,
                text,
                Err(
                    "the line begins with `sep=`, and what it names cannot be a delimiter; \
                 set source.csv.skip_lines to 1 to pass over the line, and source.csv.delimiter to the delimiter",
                ),
            );
        }
    }
}
