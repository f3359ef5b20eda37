//! The engine's work done slowly: record by record, cell by cell, every step in the most obvious way.
//!
//! Nothing of the engine's working is used here. csv-async reads CSV, serde_json reads and escapes JSON, jiff knows
//! the calendar; the stages and rules are those of [`super::engine::STAGES`] and [`super::engine::VALIDATE`],
//! written anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use csv_async::{AsyncReaderBuilder, AsyncWriterBuilder, ByteRecord, Terminator};
use regex::Regex;
use rostream::internals::source::spec::Ragged;
use rostream::internals::text::scan::Dialect;
use rostream::internals::text::unseen::is_blank;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Empty, Format, Settings};
use crate::fuzz::targets::plain;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    Json,
    Null,
    Missing,
    Faulty,
}

#[derive(Clone, Debug)]
pub struct Cell {
    pub name: String,
    /// The source's own name of the column, which no stage changes.
    pub origin: String,
    pub text: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub struct Fault {
    stage: &'static str,
    column: String,
    code: &'static str,
}

#[derive(Clone, Debug)]
pub struct Record {
    /// Physical line, from 1.
    pub line: u64,
    /// The cells as the source has them, for the rejects file.
    pub original: Vec<Vec<u8>>,
    pub cells: Vec<Cell>,
    pub faults: Vec<Fault>,
    pub filtered: bool,
    /// The first column that a record of too few cells has nothing for.
    pub missing: Option<String>,
    /// Another row goes in its place.
    pub superseded: bool,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub names: Vec<String>,
    pub records: Vec<Record>,
}

/// A text that ends the run.
#[derive(Debug)]
pub enum Unreadable {
    OpenQuote,
    Documents,
}

/// A line of the rejects file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub line: u64,
    pub stage: String,
    pub column: String,
    pub code: String,
    pub original: Vec<Vec<u8>>,
}

/// What becomes of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub body: Vec<u8>,
    pub rejects: Vec<Reject>,
    pub read: u64,
    pub filtered: u64,
    pub superseded: u64,
    /// Physical lines of the records in the body.
    pub sent: Vec<u64>,
}

impl Record {
    fn cell(&mut self, name: &str) -> Option<&mut Cell> {
        self.cells.iter_mut().find(|c| c.name == name)
    }

    /// Finds fault with a column, which is told by the source's own name.
    fn fault(&mut self, stage: &'static str, column: &str, code: &'static str) {
        let column = match self.cell(column) {
            Some(cell) => cell.origin.clone(),
            None => column.to_owned(),
        };
        self.faults.push(Fault {
            stage,
            column,
            code,
        });
    }

    /// Finds fault with one cell, which is then left alone.
    fn fault_at(&mut self, stage: &'static str, column: &str, code: &'static str) {
        self.fault(stage, column, code);
        if let Some(cell) = self.cell(column) {
            cell.kind = Kind::Faulty;
        }
    }

    /// Finds fault with the record as a whole: none of its cells is looked at again.
    fn fault_everywhere(&mut self, code: &'static str) {
        self.fault("parse", "", code);
        for cell in &mut self.cells {
            cell.kind = Kind::Faulty;
        }
    }
}

// ---------------------------------------------------------------- CSV

/// The records of a CSV text as csv-async reads them, which ends them at LF alone: the CR before that is taken off here,
/// and lines of nothing but a CR are blank.
async fn as_csv_async_reads(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = AsyncReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(Terminator::Any(b'\n'))
        .create_reader(text);
    let mut found: Vec<(usize, Vec<Vec<u8>>)> = Vec::new();
    let mut record = ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .await
        .expect("memory can be read")
    {
        let start = record
            .position()
            .expect("a record that was read has a position")
            .byte() as usize;
        found.push((start, record.iter().map(<[u8]>::to_vec).collect()));
    }
    let ends: Vec<usize> = found
        .iter()
        .skip(1)
        .map(|(start, _)| *start)
        .chain([text.len()])
        .collect();
    let mut records = Vec::new();
    for ((mut start, mut cells), end) in found.into_iter().zip(ends) {
        // The position is that of the blank lines before the record.
        while text[start] == b'\n' {
            start += 1;
        }
        // No record ends with a LF of its own, so all of them are its line end, or blank lines after the last.
        let line_ends = text[start..end]
            .iter()
            .rev()
            .take_while(|&&b| b == b'\n')
            .count();
        let written = &text[start..end - line_ends];
        if let Some(without) = written.strip_suffix(b"\r") {
            cells.last_mut().expect("a record has a cell").pop();
            if without.is_empty() {
                continue;
            }
        }
        let is_nothing = |cell: &Vec<u8>| is_blank(&String::from_utf8_lossy(cell));
        if !cells.iter().all(is_nothing) {
            records.push(cells);
        }
    }
    records
}

/// The records of a CSV text with a header as the plainest reader has them; where none is at fault, csv-async has
/// the same.
pub async fn csv_records(text: &[u8]) -> Option<Vec<plain::Record>> {
    let dialect = Dialect::default();
    // Whether the names are quoted is told by the header, which is read without that.
    let header = plain::records(dialect, text)?.into_iter().next()?.written;
    let names = header.strip_suffix(REJECTS_HEADER).unwrap_or(&header);
    let quoted = |name: &[u8]| name.starts_with(b"\"");
    let throughout = names.split(|b| *b == b',').all(quoted);
    let records = plain::records(
        Dialect {
            throughout,
            ..dialect
        },
        text,
    )?;
    if records.iter().all(|record| record.fault.is_none()) {
        let cells = records.iter().map(|record| record.cells.clone());
        assert_eq!(cells.collect::<Vec<_>>(), as_csv_async_reads(text).await);
    }
    Some(records)
}

/// What the header of a rejects file ends with.
const REJECTS_HEADER: &[u8] = b",_file,_line,_stage,_column,_code,_message";

fn line_of(text: &[u8], at: usize) -> u64 {
    1 + text[..at].iter().filter(|&&b| b == b'\n').count() as u64
}

/// Reads a CSV text with a header.
pub async fn read_csv(text: &[u8], settings: &Settings) -> Result<Table, Unreadable> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let records = csv_records(text).await.ok_or(Unreadable::OpenQuote)?;
    let mut records = records.into_iter();
    let header = records.next().expect("the text has a header").cells;
    let names: Vec<String> = header
        .into_iter()
        .map(|n| String::from_utf8(n).expect("a header in UTF-8"))
        .collect();
    // Neither a record without any value nor the header once more is one.
    let seen = |cell: &Vec<u8>| with_question_marks(cell).0.trim_matches(unseen).to_owned();
    let is_nobody = |record: &plain::Record| {
        // A header may come again with blanks or a byte order mark before its quotes.
        let named = |piece: &Vec<u8>| {
            let written = seen(piece);
            seen(&plain::value(Dialect::default(), written.as_bytes()))
        };
        let header = names.iter().map(|name| name.trim_matches(unseen));
        // The plain reader has passed over records that say nothing; one that can't be read may say something.
        record.pieces.iter().map(named).eq(header)
            || record.fault.is_none() && record.cells.iter().map(seen).all(|cell| cell.is_empty())
    };
    let records = records
        .filter(|record| !is_nobody(record))
        .map(|record| csv_record(&names, line_of(text, record.start), record, settings))
        .collect();
    Ok(Table { names, records })
}

/// Blanks and what nobody sees.
fn unseen(c: char) -> bool {
    is_blank(c.encode_utf8(&mut [0; 4]))
}

fn csv_record(names: &[String], line: u64, plain: plain::Record, settings: &Settings) -> Record {
    // Of a record that can't be read it is told how it is written.
    let mut original = match plain.fault {
        None => plain.cells,
        Some(_) => plain.pieces,
    };
    let count = original.len();
    let surplus = original
        .iter()
        .skip(names.len())
        .any(|cell| !cell.is_empty());
    if original.len() < names.len() {
        original.resize(names.len(), Vec::new());
    }
    without_last_crs(&mut original, names.len());
    let mut record = Record {
        line,
        original,
        cells: Vec::new(),
        faults: Vec::new(),
        filtered: false,
        missing: names.get(count).cloned(),
        superseded: false,
    };
    let mut bad = None;
    for (at, written) in record.original.iter().enumerate() {
        let (text, good) = with_question_marks(written);
        let name = names.get(at).cloned().unwrap_or_default();
        if !good {
            bad.get_or_insert(name.clone());
        }
        if at < names.len() {
            record.cells.push(Cell {
                origin: name.clone(),
                name,
                text,
                kind: Kind::Text,
            });
        }
    }
    if let Some(code) = plain.fault {
        record.fault_everywhere(code);
    } else if count != names.len() && (settings.ragged != Ragged::Pad || surplus) {
        record.fault_everywhere("ragged");
    }
    if let Some(column) = bad {
        record.fault_at("parse", &column, "not_utf8");
    }
    record
}

/// The last of the cells that are too many stands at the end of its line in the rejects file, where a CR is
/// part of the line end: how many of them are the cell's depends on quotes and on the line ends of the header, so
/// none is compared.
pub fn without_last_crs(original: &mut [Vec<u8>], width: usize) {
    if original.len() > width
        && let Some(last) = original.last_mut()
    {
        while last.pop_if(|b| *b == b'\r').is_some() {}
    }
}

/// Bytes as text, with a question mark for every byte that is not UTF-8, and whether there was none.
fn with_question_marks(bytes: &[u8]) -> (String, bool) {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    (text, std::str::from_utf8(bytes).is_ok())
}

// ---------------------------------------------------------------- JSON

/// The members of an object in the order in which they are written, also those that come twice.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Reads objects, one a line. Without `columns`, those of the first thousand objects.
pub fn read_lines(text: &str, columns: Option<&[&str]>, settings: &Settings) -> Table {
    let white = [' ', '\t', '\r', '\x0c'];
    let objects: Vec<(u64, &str)> = text
        .split('\n')
        .zip(1..)
        .map(|(line, number)| (number, line.trim_matches(white)))
        .filter(|(_, object)| !object.is_empty())
        .collect();
    read_objects(&objects, columns, settings)
}

/// Reads documents: objects, and the elements of arrays. An element that is not JSON ends where its brackets do.
pub fn read_documents(
    text: &str,
    columns: Option<&[&str]>,
    settings: &Settings,
) -> Result<Table, Unreadable> {
    let mut records = Vec::new();
    let mut rest = text.trim_start_matches(BLANK);
    let mut within = false;
    while let Some(first) = rest.chars().next() {
        let begun = match (within, first) {
            (false, '{') => rest,
            (false, '[') | (true, ',') => {
                let next = rest[1..].trim_start_matches(BLANK);
                within = true;
                if first == '[' && next.starts_with(']') {
                    rest = next;
                    continue;
                }
                next
            }
            (true, ']') => {
                within = false;
                rest = rest[1..].trim_start_matches(BLANK);
                continue;
            }
            _ => return Err(Unreadable::Documents),
        };
        let length = length_of_value(begun).ok_or(Unreadable::Documents)?;
        records.push((
            line_of(text.as_bytes(), text.len() - begun.len()),
            &begun[..length],
        ));
        rest = begun[length..].trim_start_matches(BLANK);
    }
    match within {
        true => Err(Unreadable::Documents),
        false => Ok(read_objects(&records, columns, settings)),
    }
}

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// How long the value is that a text begins with.
fn length_of_value(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    if let Some(Ok(value)) = values.next() {
        return Some(value.get().len());
    }
    match text.find(['{', '}', '[', ']', '"', ',', '\n'])? {
        0 if text.starts_with(['{', '[']) => {}
        // A broken string has no brackets to end with.
        0 => return None,
        length => return Some(length),
    }
    let (mut open, mut string, mut escaped) = (Vec::new(), false, false);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => (string, escaped) = (false, false),
            _ if escaped => escaped = false,
            '\\' if string => escaped = true,
            '"' => string = !string,
            '{' | '[' if !string => open.push(c),
            '}' | ']' if !string => {
                let fits = [('{', '}'), ('[', ']')].contains(&(*open.first()?, c));
                open.pop();
                if open.is_empty() {
                    return fits.then_some(at + 1);
                }
            }
            _ if open.is_empty() && !string => return None,
            _ => {}
        }
    }
    None
}

fn read_objects(objects: &[(u64, &str)], columns: Option<&[&str]>, settings: &Settings) -> Table {
    let mut names: Vec<String> = columns
        .unwrap_or_default()
        .iter()
        .map(|&n| n.to_owned())
        .collect();
    if columns.is_none() {
        for (_, object) in objects.iter().take(1000) {
            for (name, _) in serde_json::from_str::<Members>(object).map_or(Vec::new(), |m| m.0) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    let records = objects
        .iter()
        .map(|(line, object)| (json_record(&names, *line, object, settings), object))
        .filter(|(record, object)| !record.faults.is_empty() || !says_nothing(object))
        .map(|(record, _)| record)
        .collect();
    Table { names, records }
}

/// Whether a value is none, or holds none.
fn says_nothing(value: &str) -> bool {
    match serde_json::from_str(value) {
        Ok(Value::Null) => true,
        Ok(Value::String(text)) => is_blank(&text),
        Ok(Value::Array(elements)) => elements.iter().all(|e| says_nothing(&e.to_string())),
        Ok(Value::Object(members)) => members.values().all(|m| says_nothing(&m.to_string())),
        _ => false,
    }
}

fn json_record(names: &[String], line: u64, object: &str, settings: &Settings) -> Record {
    let absent = |name: &String| Cell {
        name: name.clone(),
        origin: name.clone(),
        text: String::new(),
        kind: Kind::Missing,
    };
    let mut record = Record {
        line,
        original: Vec::new(),
        cells: names.iter().map(absent).collect(),
        faults: Vec::new(),
        filtered: false,
        missing: None,
        superseded: false,
    };
    let Ok(Members(members)) = serde_json::from_str(object) else {
        record.original.push(object.as_bytes().to_vec());
        let is_json = serde_json::from_str::<&RawValue>(object).is_ok();
        let is_other = is_json && !object.starts_with('{');
        record.fault_everywhere(if is_other {
            "not_an_object"
        } else {
            "json_syntax"
        });
        return record;
    };
    // In a valid object, line ends are blanks.
    record
        .original
        .push(object.replace(['\r', '\n'], " ").into_bytes());
    let (mut unknown, mut twice, mut half) = (false, false, Vec::new());
    for (name, value) in members {
        let Some(at) = names.iter().position(|n| *n == name) else {
            unknown = true;
            continue;
        };
        let raw = value.get();
        let (text, kind) = match raw.as_bytes()[0] {
            b'"' => match serde_json::from_str(raw) {
                Ok(text) => (text, Kind::Text),
                Err(_) => {
                    half.push(name.clone());
                    (raw.to_owned(), Kind::Text)
                }
            },
            b'{' | b'[' => {
                // A reader that looks into it sees halves of characters, too.
                if serde_json::from_str::<serde_json::Value>(raw).is_err() {
                    half.push(name.clone());
                }
                (raw.to_owned(), Kind::Json)
            }
            b't' | b'f' => (raw.to_owned(), Kind::Bool),
            b'n' => (String::new(), Kind::Null),
            _ => (raw.to_owned(), Kind::Number),
        };
        twice |= record.cells[at].kind != Kind::Missing;
        record.cells[at].text = text;
        record.cells[at].kind = kind;
    }
    if unknown && !settings.ignore_unknown {
        record.fault_everywhere("unknown_member");
    }
    if twice {
        record.fault_everywhere("duplicate_member");
    }
    if record.faults.is_empty() {
        for name in half {
            record.fault_at("parse", &name, "json_string");
        }
    }
    record
}

// ---------------------------------------------------------------- stages

static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let groups = "[1-9][0-9]{0,2}(?:,[0-9]{3})+";
    let number =
        format!(r"^\s*([-+\u{{2212}}])?\s*(?:({groups}|[0-9]+)(?:\.([0-9]*))?|\.([0-9]+))\s*$");
    Regex::new(&number).expect("a pattern")
});

/// `1,234.50` as `1234.50`.
fn plain_number(text: &str) -> Option<String> {
    let parts = NUMBER.captures(text)?;
    let part = |at| parts.get(at).map_or("", |m| m.as_str());
    let sign = if matches!(part(1), "-" | "\u{2212}") {
        "-"
    } else {
        ""
    };
    let digits = part(2).replace(',', "");
    let integer = match digits.trim_start_matches('0') {
        "" => "0",
        other => other,
    };
    let fraction = [part(3), part(4)].concat();
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{integer}{point}{fraction}"))
}

/// `31/12/2024` as `2024-12-31`.
fn iso_date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [day, month, year] = parts[..] else {
        return None;
    };
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(day, 2) || !digits(month, 2) || !digits(year, 4) || year == "0000" {
        return None;
    }
    let date =
        jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(date.to_string())
}

const NAMES: [(&str, &str); 8] = [
    ("Employee ID", "employeeID"),
    ("Full Name", "fullName"),
    ("Annual Salary", "salary"),
    ("Hire Date", "hireDate"),
    ("Manager ID", "managerID"),
    ("Worker Status", "status"),
    ("Country", "country"),
    ("Note", "no\"te, etc"),
];

fn stages(record: &mut Record) {
    for cell in &mut record.cells {
        if cell.kind == Kind::Text {
            let unseen = |c: char| c.is_whitespace() || "\u{200b}\u{ad}\u{feff}".contains(c);
            cell.text = cell.text.trim_matches(unseen).to_owned();
        }
        if let Some((_, new)) = NAMES.iter().find(|(old, _)| *old == cell.name) {
            cell.name = (*new).to_owned();
        }
    }
    if let Some(salary) = record.cell("salary")
        && !salary.text.is_empty()
        && !matches!(salary.kind, Kind::Number | Kind::Faulty)
    {
        match plain_number(&salary.text).filter(|_| salary.kind == Kind::Text) {
            Some(number) => (salary.text, salary.kind) = (number, Kind::Number),
            None => record.fault_at("number", "salary", "number_format"),
        }
    }
    if let Some(date) = record.cell("hireDate")
        && !date.text.is_empty()
        && date.kind != Kind::Faulty
    {
        match iso_date(&date.text) {
            Some(iso) => (date.text, date.kind) = (iso, Kind::Text),
            None => record.fault_at("date", "hireDate", "date_format"),
        }
    }
    if let Some(manager) = record.cell("managerID")
        && manager.kind != Kind::Faulty
        && manager.text == "NO_MANAGER"
    {
        (manager.text, manager.kind) = (String::new(), Kind::Text);
    }
    if let Some(status) = record.cell("status")
        && status.kind != Kind::Faulty
        && status.text == "Terminated"
    {
        record.filtered = record.faults.is_empty();
    }
    for (name, text, kind) in [
        ("source", "HRIS", Kind::Text),
        ("headcount", "1", Kind::Number),
    ] {
        record.cells.push(Cell {
            name: name.to_owned(),
            origin: name.to_owned(),
            text: text.to_owned(),
            kind,
        });
    }
}

// ---------------------------------------------------------------- rules

fn rules(record: &mut Record) {
    let negative = |text: &str| {
        let digits = text.split(['e', 'E']).next().unwrap_or_default();
        text.starts_with('-') && digits.contains(|c: char| ('1'..='9').contains(&c))
    };
    let is_id = |text: &str| {
        let mut chars = text.chars();
        chars.next().is_some_and(|c| c.is_ascii_uppercase())
            && !chars.as_str().is_empty()
            && chars.all(|c| c.is_ascii_digit())
    };
    for name in ["employeeID", "fullName", "salary", "country"] {
        let Some(Cell { text, kind, .. }) = record.cell(name).cloned() else {
            continue;
        };
        if kind == Kind::Faulty {
            continue;
        }
        let mut broken = Vec::new();
        let mut need = |fits: bool, code| {
            if !fits {
                broken.push(code);
            }
        };
        match (name, text.is_empty()) {
            ("employeeID", true) => need(false, "key_empty"),
            ("employeeID", false) => {
                need(is_id(&text), "pattern");
                need(text.chars().count() <= 3, "max_length");
            }
            ("fullName", empty) => need(!empty, "required"),
            ("salary", false) => need(!negative(&text), "min"),
            ("country", false) => need(["GB", "DE", "US"].contains(&&*text), "one_of"),
            _ => {}
        }
        for code in broken {
            record.fault_at("validate", name, code);
        }
    }
}

const ACTIONS: [&str; 7] = [
    "create",
    "update",
    "replace",
    "delete",
    "noop",
    "createOrUpdate",
    "createOrReplace",
];

/// An item without any value would be nobody.
fn values(record: &mut Record, settings: &Settings) {
    let is_sent = |cell: &&Cell| !(settings.action_column && cell.name == "Action");
    let mut sent = record.cells.iter().filter(is_sent);
    if record.faults.is_empty() && sent.all(|cell| cell.text.is_empty()) {
        record.fault("target", "", "no_value");
    }
}

/// Neither what is sent nor what is rejected may hide a control character.
fn controls(record: &mut Record, settings: &Settings) {
    let is_control = |c: char| c.is_control() && !"\t\r\n".contains(c);
    for cell in record.cells.clone() {
        let is_sent = !(settings.action_column && cell.name == "Action");
        if is_sent && cell.kind == Kind::Text && cell.text.contains(is_control) {
            record.fault_at("target", &cell.name, "control_character");
        }
    }
}

fn target_rules(record: &mut Record, settings: &Settings) {
    if settings.action_column
        && let Some(action) = record.cell("Action")
        && action.kind != Kind::Faulty
        && !ACTIONS.contains(&&*action.text)
    {
        record.fault_at("target", "Action", "unknown_action");
    }
    let token = settings.empty.token();
    for Cell {
        name, text, kind, ..
    } in record.cells.clone()
    {
        if kind != Kind::Faulty && Some(&*text) == token {
            record.fault_at("target", &name, "value_is_token");
        }
    }
    for Cell { name, kind, .. } in record.cells.clone() {
        if kind == Kind::Json {
            record.fault_at("target", &name, "nested");
        }
    }
}

// ---------------------------------------------------------------- the whole

/// What is to become of a table.
pub async fn outcome(table: Table, settings: &Settings) -> Outcome {
    let mut outcome = Outcome {
        body: Vec::new(),
        rejects: Vec::new(),
        read: 0,
        filtered: 0,
        superseded: 0,
        sent: Vec::new(),
    };
    let mut names = table.names;
    if settings.hr {
        for name in &mut names {
            if let Some((_, new)) = NAMES.iter().find(|(old, _)| old == name) {
                *name = (*new).to_owned();
            }
        }
        names.extend(["source".to_owned(), "headcount".to_owned()]);
    }
    names.retain(|name| !(settings.action_column && name == "Action"));
    let mut records = table.records;
    outcome.read = records.len() as u64;
    for record in &mut records {
        if settings.hr {
            stages(record);
            if record.filtered {
                outcome.filtered += 1;
                continue;
            }
            rules(record);
        }
        target_rules(record, settings);
        values(record, settings);
        controls(record, settings);
    }
    records.retain(|record| !record.filtered);
    if settings.hr {
        key_rule(&mut records, &names, settings).await;
    }
    let mut rows = Vec::new();
    for record in records {
        if record.superseded {
            outcome.superseded += 1;
        } else if record.faults.is_empty() {
            outcome.sent.push(record.line);
            rows.push(record.cells);
        } else {
            outcome.rejects.push(reject(record));
        }
    }
    outcome.body = match settings.format {
        Format::Json => json_body(&rows, settings),
        Format::Csv => csv_body(&names, &rows, settings).await,
    };
    outcome
}

/// All rows of a key count; those that would be sent equal are one.
async fn key_rule(records: &mut [Record], names: &[String], settings: &Settings) {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, record) in records.iter_mut().enumerate() {
        let readable = !(record.faults.iter()).any(|f| f.stage == "parse" && f.column.is_empty());
        if let Some(Cell { text, kind, .. }) = record.cell("employeeID")
            && readable
            && *kind != Kind::Faulty
            && !text.is_empty()
        {
            groups.entry(text.clone()).or_default().push(at);
        }
    }
    for group in groups.values().filter(|group| group.len() > 1) {
        let mut sent = Vec::new();
        for &at in group {
            let cells = [records[at].cells.clone()];
            sent.push(match records[at].faults.is_empty() {
                false => None,
                true => Some(match settings.format {
                    Format::Json => json_body(&cells, settings),
                    Format::Csv => csv_body(names, &cells, settings).await,
                }),
            });
        }
        let equal = |a: usize, b: usize| sent[a].is_some() && sent[a] == sent[b];
        let last = group.len() - 1;
        let keeper = match settings.keep {
            "first" => Some(0),
            "last" => Some((0..last).find(|&at| equal(at, last)).unwrap_or(last)),
            _ => (0..=last).all(|at| equal(at, 0)).then_some(0),
        };
        for (at, &record) in group.iter().enumerate() {
            match keeper {
                Some(keeper) if keeper == at => {}
                Some(keeper) if equal(at, keeper) => records[record].superseded = true,
                _ => records[record].fault("validate", "employeeID", "key_duplicate"),
            }
        }
    }
}

fn reject(record: Record) -> Reject {
    let join = |part: &dyn Fn(&Fault) -> String| {
        record
            .faults
            .iter()
            .map(part)
            .collect::<Vec<_>>()
            .join("; ")
    };
    Reject {
        line: record.line,
        stage: join(&|f| f.stage.to_owned()),
        column: join(&|f| match (&record.missing, f.code) {
            (Some(missing), "ragged") => missing.clone(),
            _ => f.column.clone(),
        }),
        code: join(&|f| f.code.to_owned()),
        original: record.original,
    }
}

/// A row's action, and its other cells.
fn split_action<'r>(row: &'r [Cell], settings: &Settings) -> (&'r str, Vec<&'r Cell>) {
    if !settings.action_column {
        return ("createOrUpdate", row.iter().collect());
    }
    let action = row
        .iter()
        .find(|c| c.name == "Action")
        .expect("the table has the column");
    (
        &action.text,
        row.iter().filter(|c| c.name != "Action").collect(),
    )
}

fn json_body(rows: &[Vec<Cell>], settings: &Settings) -> Vec<u8> {
    let quoted = |text: &str| serde_json::to_string(text).expect("text");
    let mut objects = Vec::new();
    for row in rows {
        let (action, cells) = split_action(row, settings);
        let mut members = vec![format!("\"_action\":{}", quoted(action))];
        for cell in cells {
            let value = if !cell.text.is_empty() {
                match cell.kind {
                    Kind::Text => quoted(&cell.text),
                    _ => cell.text.clone(),
                }
            } else if cell.kind == Kind::Missing || ["delete", "noop"].contains(&action) {
                continue;
            } else {
                match settings.empty {
                    Empty::Omit | Empty::Noop => continue,
                    Empty::Clear => quoted("#clear"),
                    Empty::Keep if cell.kind == Kind::Null => "null".to_owned(),
                    Empty::Keep => quoted(""),
                }
            };
            members.push(format!("{}:{value}", quoted(&cell.name)));
        }
        objects.push(format!("{{{}}}", members.join(",")));
    }
    match objects.len() {
        0 => b"[]\n".to_vec(),
        _ => format!("[\n{}\n]\n", objects.join(",\n")).into_bytes(),
    }
}

async fn csv_body(names: &[String], rows: &[Vec<Cell>], settings: &Settings) -> Vec<u8> {
    let mut header = vec!["_action"];
    header.extend(names.iter().map(|n| n.as_str()));
    let mut body = csv_line(&header).await;
    for row in rows {
        let (action, cells) = split_action(row, settings);
        let mut line = vec![action];
        for cell in cells {
            line.push(match settings.empty {
                _ if !cell.text.is_empty() => &cell.text,
                _ if ["delete", "noop"].contains(&action) => "",
                Empty::Clear if cell.kind != Kind::Missing => "#clear",
                Empty::Noop => "#noop",
                _ => "",
            });
        }
        body.extend(csv_line(&line).await);
    }
    body
}

/// A line as csv-async writes it, quoted where it must be. It takes CR for special only where lines end
/// with CR LF, so the CR is taken off afterwards.
async fn csv_line(cells: &[&str]) -> Vec<u8> {
    let mut writer = AsyncWriterBuilder::new()
        .terminator(Terminator::CRLF)
        .create_writer(Vec::new());
    writer
        .write_record(cells)
        .await
        .expect("memory can be written");
    let mut line = writer.into_inner().await.expect("memory can be written");
    line.truncate(line.len() - 2);
    line.push(b'\n');
    line
}
