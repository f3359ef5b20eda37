//! The header of a CSV file: the dialect, and the names of the columns.

use std::collections::HashMap;
use std::sync::Arc;

use super::cut::first_record;
use super::fault;
use super::fed_back::own_columns;
use super::record::{self, Cells, Quotes};
use crate::format::beginning::{Beginning, Begun, Expected, Place, Wrong};
use crate::text::scan::{Dialect, Quoting, count_lines};
use crate::text::shown;

/// How a CSV file is written, as far as that is stated.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Between cells.
    pub delimiter: Delimiter,
    /// How cells are quoted.
    pub quoting: Quoting,
    /// What remarks begin with.
    pub comment: Option<u8>,
    /// Lines before the header.
    pub skip_lines: u32,
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
    pub(crate) dialect: Dialect,
    /// Cells of a record: the columns, and those that are ignored at its end.
    pub(crate) cells: usize,
    /// The header record as written, without its line end.
    pub(crate) raw: Vec<u8>,
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
    let Some(end) = first_record(dialect, &text[start..], begins.ended).map(|end| start + end)
    else {
        return no_header(expected, form, begins);
    };
    let line = 1 + count_lines(&text[..start]);
    let header = from_record(expected, form, dialect, line, &text[start..end])
        .map_err(|wrong| wrong.after(start))?;
    Ok(Some(Begun {
        header,
        at: end,
        line: line + count_lines(&text[start..end]),
    }))
}

impl Wrong {
    /// The same of a text that begins `start` bytes later.
    fn after(self, start: usize) -> Wrong {
        let place = match self.place {
            Place::Byte(at) => Place::Byte(start + at),
            line => line,
        };
        Wrong { place, ..self }
    }
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
    match (begins.ended, begins.full) {
        (true, _) if skip > 0 => Err(Wrong::setting(
            Place::Line(1),
            format!("no header comes after the {skip} lines of source.csv.skip_lines"),
        )),
        (true, _) => Err(Wrong::empty("the file is empty: expected a header")),
        (false, true) => Err(Wrong::data(
            Place::Line(1),
            format!("the header does not end within {longest}, the longest record (limits.record)"),
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
            let line_end = |b: &&u8| matches!(b, b'\n' | b'\r');
            at += text[at..].iter().take_while(line_end).count();
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

/// Whether a file's name says that it has tabs: `x.tsv`, `x.TAB`, `x.tsv.gz`.
fn is_tab_separated(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    let compressed = [".gz", ".gzip", ".zst", ".zstd"];
    let stem = compressed.iter().find_map(|end| file.strip_suffix(end));
    let stem = stem.unwrap_or(&file);
    stem.ends_with(".tsv") || stem.ends_with(".tab")
}

/// A delimiter as the pipeline file writes it.
fn shown(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        b => char::from(b).to_string(),
    }
}

/// What the header record says. Offsets of what is wrong count from its beginning.
fn from_record(
    expected: &Expected<'_>,
    form: &Form,
    dialect: Dialect,
    line: u64,
    written: &[u8],
) -> Result<Header, Wrong> {
    let raw = without_end(written);
    let place = Place::Line(line);
    let bare_return = |at: usize| raw.get(at) == Some(&b'\r');
    if let Some(fault) = Cells::of_record(raw, dialect).into_fault()
        && !bare_return(fault.at + 1)
    {
        let (at, message) = match fault.kind {
            fault::Kind::Open => (fault.open, "the quote opened here is never closed"),
            fault::Kind::Behind => (fault.at, "text stands behind the quote that closes a name"),
            fault::Kind::Blanks => (fault.at, "blanks stand before the quote of a name"),
            fault::Kind::Within | fault::Kind::Apart => (
                fault.open,
                "a quote stands within a name that is not quoted",
            ),
        };
        return Err(Wrong::data(Place::Byte(at), message));
    }
    if raw.contains(&b'\r') && !dialect.quoting.quote.is_some_and(|q| raw.contains(&q)) {
        let message = "lines end with bare carriage returns; convert them to LF or CR LF";
        return Err(Wrong::data(place, message));
    }
    let json = [&b"{\""[..], b"[{", b"[{\""];
    if json.iter().any(|json| raw.starts_with(json)) || raw == b"[" {
        return Err(Wrong::setting(
            place,
            "this is JSON, not a header; set source.format",
        ));
    }
    let text = std::str::from_utf8(raw).map_err(|_| {
        let message =
            "the header is not UTF-8; if the file has another encoding, set source.encoding";
        Wrong::setting(place, message)
    })?;
    let mut names = record::split(dialect, text);
    let cells = names.len();
    if let Some(message) = expected.too_many(cells) {
        return Err(Wrong::data(place, message));
    }
    let own = own_columns(&names, expected.added).unwrap_or(cells);
    let throughout = own_quoted(raw, dialect, own);
    names.truncate(own);
    if let [only] = &names[..] {
        one_column(only, form, dialect, raw).map_err(|message| Wrong::setting(place, message))?;
    }
    for (at, name) in names.iter_mut().enumerate() {
        if name.is_empty() {
            *name = format!("column_{}", at + 1);
        }
    }
    let names: Arc<[Arc<str>]> = names.into_iter().map(Arc::from).collect();
    if let Some(message) = same_names(expected, &names) {
        return Err(Wrong::data(place, message));
    }
    Ok(Header {
        names,
        dialect: Dialect {
            throughout,
            ..dialect
        },
        cells,
        raw: raw.to_vec(),
        crlf: written.ends_with(b"\r\n"),
        line,
    })
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
            "the header is one quoted column, and `{found}` stands in it; if whole lines are quoted, export the file \
             without; if it is one column, set source.csv.delimiter"
        ),
        (false, b'\t') if found != "tab" => format!(
            "the header is one column, and `{found}` stands in it; if that is the delimiter, set source.format to csv \
             and source.csv.delimiter to \"{found}\"; if it is one column, put its name in quotes"
        ),
        (false, _) => format!(
            "the header is one column, and `{found}` stands in it; if that is the delimiter, set source.csv.delimiter \
             to \"{found}\"; if it is one column, put its name in quotes"
        ),
    })
}

/// What a header of one column says of its delimiter: the first that stands in its name, of those that files commonly
/// have, as the pipeline file writes it.
pub(crate) fn other_delimiter(name: &str) -> Option<&'static str> {
    let known = [(';', ";"), ('\t', "tab"), ('|', "|"), (',', ",")];
    let found = known.into_iter().find(|(c, _)| name.contains(*c))?;
    Some(found.1)
}

/// What is wrong where two columns have one name.
fn same_names(expected: &Expected<'_>, names: &[Arc<str>]) -> Option<String> {
    let mut places = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = places.insert(name, at) {
            let (first, second) = (first + 1, at + 1);
            let same = format!("columns {first} and {second} of the header have the same name");
            return Some(match expected.are_names(names) {
                true => format!("{same} `{}`", shown::shown(name)),
                false => format!("{same}; is the header missing?"),
            });
        }
    }
    None
}

/// What keeps a file from being read with the parser of the first, whose columns are the same.
pub(crate) fn difference(header: &Header, expected: &Header, first: &str) -> Option<String> {
    let (delimiter, other) = (header.dialect.delimiter, expected.dialect.delimiter);
    if delimiter != other {
        return Some(format!(
            "this file's delimiter is `{}`, and `{}` in {first}; all files of a source have the same delimiter",
            shown(delimiter),
            shown(other)
        ));
    }
    None
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
        by_name("a.csv", "ID,\"Na\nme\",\n", (",", "ID Na\nme column_3", 3));
        for file in ["a.tsv", "A.TSV", "a.tab", "a.tsv.gz", "b/a.tsv.zst"] {
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
