//! JSON: a block of whole objects, one a line or elements of an array, into a batch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::flat;
use crate::batch::pool::Lease;
use crate::batch::{Batch, Cell, Fault, Kind, Row};
use crate::format::{Deferred, Draft, PARSE, Pools, decode, reject_bad_text};
use crate::settings::limits::Limits;
use crate::text::scan::{count_lines, depth};

/// How the objects of a block stand beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One object a line.
    Lines,
    /// Elements of one array, with its brackets and commas.
    Array,
}

/// Reads objects whose members are a fixed set of columns.
#[derive(Debug, Clone)]
pub struct Parser {
    pub(super) layout: Layout,
    pub(super) names: Arc<[Arc<str>]>,
    pub(super) places: HashMap<Arc<str>, usize>,
    /// Members that are no column are left out instead of rejecting the row.
    pub(super) ignore_unknown: bool,
    /// Flat objects are read without the general parser. It comes to the same, as tests see that switch it off.
    flat: bool,
    /// How deep objects and arrays may be nested.
    deepest: u32,
    pools: Pools,
}

/// An array that can't be read further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Physical line, counted from the block's first line (0).
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// What is wrong, without a value.
    pub message: String,
}

impl Parser {
    /// A parser for objects with these members.
    pub fn new(layout: Layout, names: Arc<[Arc<str>]>, ignore_unknown: bool) -> Parser {
        let places = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.clone(), i))
            .collect();
        Parser {
            layout,
            names,
            places,
            ignore_unknown,
            flat: true,
            deepest: Limits::default().json_depth,
            pools: Pools::default(),
        }
    }

    /// The same parser, with another limit of how deep objects and arrays may be nested.
    pub fn with_depth(self, deepest: u32) -> Parser {
        Parser { deepest, ..self }
    }

    /// Whether a value of a record is nested too deeply: the record itself is a level, too.
    pub(super) fn is_too_deep(&self, value: &str) -> bool {
        depth(value.as_bytes()) >= self.deepest
    }

    /// The same parser, with buffers that it shares with others.
    pub fn with_pools(self, pools: &Pools) -> Parser {
        Parser {
            pools: pools.clone(),
            ..self
        }
    }

    /// The same parser without its short way for flat objects: what that is tested against.
    pub fn without_short_way(self) -> Parser {
        Parser {
            flat: false,
            ..self
        }
    }

    /// Names of the columns, in order.
    pub fn names(&self) -> &Arc<[Arc<str>]> {
        &self.names
    }

    /// Parses a block. A line that is not an object is rejected; in an array it ends the run, for what
    /// follows it can't be told apart.
    ///
    /// # Errors
    /// An array that is not well-formed.
    pub fn parse(&self, bytes: Vec<u8>) -> Result<Batch, JsonError> {
        let (text, bad) = decode(bytes);
        let width = self.names.len();
        let mut found = Found {
            width,
            draft: self.pools.drafts.lease(),
            deferred: Vec::new(),
            faults: Vec::new(),
        };
        match self.layout {
            Layout::Lines => self.parse_lines(&text, &mut found),
            Layout::Array => self.parse_array(&text, &mut found)?,
        }
        let raw = bad.as_ref().map(|(raw, _)| raw.clone());
        let mut batch = self.pools.batch(text, raw, width, &found.draft);
        let mut broken = Vec::new();
        for Deferred { row, column, cell } in found.deferred {
            // Reading the record passed over the string, and did not see what its escapes stand for.
            match serde_json::from_str::<String>(batch.text(cell)) {
                Ok(text) => batch.set_text(row as usize, column as usize, &text, Kind::Text),
                Err(_) => broken.push((row, column as usize)),
            }
        }
        for (row, code, message) in found.faults {
            let fault = Fault {
                row,
                stage: PARSE,
                column: Arc::from(""),
                source: None,
                code: Cow::Borrowed(code),
                message,
            };
            batch.reject(fault, None);
            for column in 0..width {
                batch.set_cell(
                    row as usize,
                    column,
                    batch.cell(row as usize, column).with_kind(Kind::Faulty),
                );
            }
        }
        for (row, column) in broken {
            // What is said of a whole record says enough.
            if batch.cell(row as usize, column).kind() != Kind::Faulty {
                let fault = Fault {
                    row,
                    stage: PARSE,
                    column: self.names[column].clone(),
                    source: None,
                    code: Cow::Borrowed("json_string"),
                    message: Cow::Borrowed("an escape in the text stands for half a character"),
                };
                batch.reject(fault, Some(column));
            }
        }
        if let Some((_, bad)) = bad {
            reject_bad_text(&mut batch, &bad, &self.names);
        }
        Ok(batch)
    }

    /// A row for the object that begins at `at`, where it is flat: its end.
    fn take_flat(
        &self,
        reader: &mut flat::Reader<'_>,
        line: u32,
        at: usize,
        found: &mut Found,
    ) -> Option<flat::End> {
        if !self.flat {
            return None;
        }
        found.begin(line, at, at);
        let end = reader.read(at, found);
        match end {
            Some(end) => found.end_at(end.at),
            None => found.undo(),
        }
        end
    }

    fn parse_lines(&self, text: &str, found: &mut Found) {
        let mut reader = flat::Reader::new(self, text);
        let mut start = 0;
        let mut line = 0;
        while start < text.len() {
            if let Some(end) = self.take_flat(&mut reader, line, start, found) {
                let after = text[end.at..].trim_start_matches([' ', '\t', '\r']);
                if end.lines == 0 && (after.is_empty() || after.starts_with('\n')) {
                    start = text.len() - after.len() + 1;
                    line += 1;
                    continue;
                }
                found.undo();
            }
            let rest = &text[start..];
            let len = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
            let written = &rest[..len];
            let record = written.trim_ascii();
            let at = start + (len - written.trim_ascii_start().len());
            if !record.is_empty() {
                self.parse_line(text, record, line, at, found);
            }
            start += len;
            line += 1;
        }
    }

    fn parse_line(&self, text: &str, record: &str, line: u32, at: usize, found: &mut Found) {
        found.begin(line, at, at + record.len());
        let mut deserializer = serde_json::Deserializer::from_str(record);
        let read = Members {
            parser: self,
            base: text,
            found,
        }
        .deserialize(&mut deserializer);
        if let Err(error) = read.and_then(|()| deserializer.end()) {
            let message = format!(
                "not a JSON object: {} at byte {} of the record",
                reason(&error),
                error.column()
            );
            found.fault("json_syntax", message.into());
        }
    }

    fn parse_array(&self, text: &str, found: &mut Found) -> Result<(), JsonError> {
        let mut at = 0;
        let mut line = 0u32;
        let fail = |at: usize, message: &str| {
            // The place may be within a character.
            let before = &text.as_bytes()[..at];
            let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
            Err(JsonError {
                line: count_lines(before) as u32,
                column: (at - line_start) as u32 + 1,
                message: message.to_owned(),
            })
        };
        // The cutter has seen to it that the first block begins with `[`, and every other between elements.
        let mut first = text.trim_ascii_start().starts_with('[');
        let mut closed = false;
        let mut reader = flat::Reader::new(self, text);
        loop {
            let rest = &text[at..];
            let gap = rest.len() - rest.trim_ascii_start().len();
            line += count_lines(&rest.as_bytes()[..gap]) as u32;
            at += gap;
            let Some(&byte) = text.as_bytes().get(at) else {
                return Ok(());
            };
            if closed {
                return fail(at, "something follows the end of the array");
            }
            match byte {
                b']' => {
                    closed = true;
                    at += 1;
                    continue;
                }
                b'[' if first => {}
                b',' if !first => {}
                _ => return fail(at, "expected `,` or `]` after an element of the array"),
            }
            at += 1;
            let rest = &text[at..];
            let gap = rest.len() - rest.trim_ascii_start().len();
            line += count_lines(&rest.as_bytes()[..gap]) as u32;
            at += gap;
            if first && text[at..].starts_with(']') {
                first = false;
                continue;
            }
            first = false;
            if !text[at..].starts_with('{') {
                return fail(at, "expected an object, the next element of the array");
            }
            if let Some(end) = self.take_flat(&mut reader, line, at, found) {
                line += end.lines;
                at = end.at;
                continue;
            }
            found.begin(line, at, at);
            let mut stream =
                serde_json::Deserializer::from_str(&text[at..]).into_iter::<&RawValue>();
            let element = match stream.next() {
                Some(Ok(element)) => element.get(),
                Some(Err(error)) => {
                    let failed_at = at + offset_of(&text[at..], &error);
                    return fail(
                        failed_at.min(text.len()),
                        &format!("not well-formed JSON: {}", reason(&error)),
                    );
                }
                None => return fail(at, "expected an object, the next element of the array"),
            };
            let end = at + element.len();
            found.end_at(end);
            let mut deserializer = serde_json::Deserializer::from_str(element);
            if let Err(error) = (Members {
                parser: self,
                base: text,
                found,
            })
            .deserialize(&mut deserializer)
            {
                found.fault(
                    "json_syntax",
                    format!("not a JSON object: {}", reason(&error)).into(),
                );
            }
            line += count_lines(&text.as_bytes()[at..end]) as u32;
            at = end;
        }
    }
}

/// The kind of a JSON error in words that hold no value.
fn reason(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "a character stands where it can't",
        _ => "another kind of value stands here",
    }
}

/// Byte offset of an error in the text that it was found in.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let start: usize = text
        .split_inclusive('\n')
        .take(lines_before)
        .map(str::len)
        .sum();
    start + error.column().saturating_sub(1)
}

/// What was read of a block so far: cells row by row, to be turned into columns at the end.
pub(super) struct Found {
    pub(super) width: usize,
    pub(super) draft: Lease<Draft>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) faults: Vec<(u32, &'static str, Cow<'static, str>)>,
}

impl Found {
    fn begin(&mut self, line: u32, start: usize, end: usize) {
        self.draft.rows.push(Row {
            line,
            start: start as u32,
            end: end as u32,
        });
        let cells = self.draft.rows.len() * self.width;
        self.draft.cells.resize(cells, Cell::MISSING);
    }

    fn end_at(&mut self, end: usize) {
        if let Some(row) = self.draft.rows.last_mut() {
            row.end = end as u32;
        }
    }

    /// Forgets the last row.
    fn undo(&mut self) {
        self.draft.rows.pop();
        let rows = self.draft.rows.len();
        self.draft.cells.truncate(rows * self.width);
        while self.deferred.pop_if(|d| d.row as usize == rows).is_some() {}
    }

    /// A cell of the last row, missing until it is given a value.
    #[inline]
    pub(super) fn cell(&mut self, column: usize) -> &mut Cell {
        let row = self.draft.cells.len() - self.width;
        &mut self.draft.cells[row + column]
    }

    /// Leaves the text of a cell of the last row to be unescaped.
    pub(super) fn defer(&mut self, column: usize, cell: Cell) {
        let row = self.draft.rows.len() - 1;
        self.deferred.push(Deferred::new(row, column, cell));
    }

    /// Leaves out the text to be unescaped of a cell of the last row.
    fn forget(&mut self, row: usize, column: usize) {
        let mut of_row = (self.deferred.iter().rev()).take_while(|d| d.row as usize == row);
        if let Some(from_end) = of_row.position(|d| d.column as usize == column) {
            self.deferred.remove(self.deferred.len() - 1 - from_end);
        }
    }

    fn fault(&mut self, code: &'static str, message: Cow<'static, str>) {
        let row = self.draft.rows.len() as u32 - 1;
        self.faults.push((row, code, message));
    }
}

/// Reads one object's members into the cells of the row begun last.
struct Members<'a> {
    parser: &'a Parser,
    /// The block's text: cells are offsets in it.
    base: &'a str,
    found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Members {
            parser,
            base,
            found,
        } = self;
        let row = found.draft.rows.len() - 1;
        let (mut unknown, mut twice, mut deep) = (false, false, false);
        // Members mostly come in the order of the columns: the next one is tried before the table.
        let mut expected = 0;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let name = name.0;
            let value: &'de RawValue = map.next_value()?;
            let column = match parser.names.get(expected) {
                Some(likely) if **likely == *name => expected,
                _ => match parser.places.get(&*name) {
                    Some(&column) => column,
                    None => {
                        unknown = true;
                        continue;
                    }
                },
            };
            expected = column + 1;
            if found.cell(column).kind() != Kind::Missing {
                twice = true;
                found.forget(row, column);
            }
            let text = value.get();
            // The value is a slice of the block's text, so its place is the distance of their beginnings.
            let start = text.as_ptr() as usize - base.as_ptr() as usize;
            *found.cell(column) = match text.as_bytes()[0] {
                b'"' if memchr::memchr(b'\\', text.as_bytes()).is_none() => {
                    // A string without escapes is plain, or it would be no JSON.
                    Cell::new(start + 1, text.len() - 2, Kind::Text).plain_if(true)
                }
                b'"' => {
                    let cell = Cell::new(start, text.len(), Kind::Json);
                    found.defer(column, cell);
                    cell
                }
                b'{' | b'[' => {
                    deep |= parser.is_too_deep(text);
                    Cell::new(start, text.len(), Kind::Json)
                }
                b't' | b'f' => Cell::new(start, text.len(), Kind::Bool),
                b'n' => Cell::new(start, 0, Kind::Null),
                _ => Cell::new(start, text.len(), Kind::Number),
            };
        }
        if unknown && !parser.ignore_unknown {
            let message = "the object has a member that is no column; name it in source.json.columns, or set source.json.unknown: ignore";
            found.fault("unknown_member", message.into());
        }
        if deep {
            let message = format!(
                "objects and arrays are nested more than {} deep, the most that limits.json_depth allows",
                parser.deepest
            );
            found.fault("too_deep", message.into());
        }
        if twice {
            found.fault(
                "duplicate_member",
                "the object has the same member twice".into(),
            );
        }
        Ok(())
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Adds the member names of the objects in `text` to `names`, in the order in which they first come, and
/// returns how many objects were read. What can't be read is passed over: the parser will say it better.
pub fn discover(layout: Layout, text: &str, at_most: usize, names: &mut Vec<String>) -> usize {
    let mut known: std::collections::HashSet<String> = names.iter().cloned().collect();
    let mut take = |object: HashMapOrder| {
        for name in object.0 {
            if known.insert(name.clone()) {
                names.push(name);
            }
        }
    };
    let mut count = 0;
    match layout {
        Layout::Lines => {
            for line in text.lines().filter(|l| !l.trim().is_empty()).take(at_most) {
                if let Ok(object) = serde_json::from_str(line) {
                    take(object);
                }
                count += 1;
            }
        }
        Layout::Array => {
            let mut rest = text.trim_ascii_start().strip_prefix('[').unwrap_or("");
            while count < at_most {
                let mut stream =
                    serde_json::Deserializer::from_str(rest).into_iter::<HashMapOrder>();
                let Some(Ok(object)) = stream.next() else {
                    break;
                };
                let end = stream.byte_offset();
                take(object);
                count += 1;
                rest = rest[end..]
                    .trim_ascii_start()
                    .strip_prefix(',')
                    .unwrap_or("");
            }
        }
    }
    count
}

/// The member names of one object, in order; values are passed over.
struct HashMapOrder(Vec<String>);

impl<'de> serde::Deserialize<'de> for HashMapOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = HashMapOrder;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HashMapOrder, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                    names.push(name);
                }
                Ok(HashMapOrder(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RowState;
    use proptest::prelude::*;

    fn parser(layout: Layout) -> Parser {
        let names: Vec<Arc<str>> = ["id", "name"].map(Arc::from).into();
        Parser::new(layout, names.into(), false)
    }

    /// All that there is to a batch.
    fn told(parsed: Result<Batch, JsonError>) -> Result<Vec<String>, JsonError> {
        let batch = parsed?;
        let row = |r: usize| {
            let cell = |c| (batch.get(r, c), batch.cell(r, c));
            let cells: Vec<_> = (0..batch.width()).map(cell).collect();
            format!("{:?} {:?} {cells:?}", batch.row(r), batch.state(r))
        };
        let faults = batch.faults().iter().map(|fault| format!("{fault:?}"));
        Ok((0..batch.len()).map(row).chain(faults).collect())
    }

    fn blanks() -> impl Strategy<Value = String> {
        prop_oneof![20 => Just(""), 4 => Just(" "), 1 => Just("\r\n "), 1 => Just("\t"), 1 => Just("\x0c")]
            .prop_map(str::to_owned)
    }

    fn value() -> impl Strategy<Value = String> {
        let word = "[a-z ö€😀]{0,40}|([a-z\"\\\\/bfnrtu]|\\\\[\"\\\\/bfnrtu]|\\\\u[0-9a-fA-F]{3,4}|\\\\ud83d\\\\ude00|[\x1f\t]){0,4}";
        prop_oneof![
            6 => word.prop_map(|text| format!("\"{text}\"")),
            2 => "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
            2 => "true|false|null|tru|nulls|-|\\[\\]|\\{\\}|\\[1, \\{\n?\"a\":\"\\]\"\\}\\]|\\[1,\\]|\\{\"a\"|\\[\n",
        ]
    }

    fn object() -> impl Strategy<Value = String> {
        // Mostly all columns in order, as in good records.
        let name = |likely: &'static str| {
            let other =
                r"id|name|stra\\u00dfe|straße|\\u0069d|n\\u0061me|other|other two|\\ud834|a\\nb|\n";
            prop_oneof![12 => Just(likely.to_owned()), 1 => other]
        };
        let member = |likely| {
            let parts = (
                blanks(),
                name(likely),
                blanks(),
                blanks(),
                value(),
                blanks(),
            );
            let member = parts
                .prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d},"));
            prop_oneof![9 => member, 1 => Just(String::new())]
        };
        let members = (member("id"), member("name"), member("straße"), blanks());
        members.prop_map(|(a, b, c, blanks)| {
            let members = format!("{a}{b}{c}");
            format!("{{{}{blanks}}}", members.trim_end_matches(','))
        })
    }

    fn block() -> impl Strategy<Value = (Layout, Vec<u8>)> {
        let between =
            prop_oneof![12 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n\n "), 1 => Just(" ")];
        let objects = proptest::collection::vec((object(), between), 0..8);
        let change = (
            any::<prop::sample::Index>(),
            0..3usize,
            "[{}\\[\\]\":,\\\\ 0e\n\x01ü]",
        );
        let changes = proptest::collection::vec(change, 0..3);
        (any::<bool>(), objects, changes, any::<bool>()).prop_map(
            |(array, objects, changes, more)| {
                let text: String = objects
                    .into_iter()
                    .enumerate()
                    .flat_map(|(n, (object, between))| {
                        let before = match (array, n) {
                            (false, _) => "",
                            (true, 0) if !more => "[",
                            (true, _) => ",",
                        };
                        [before.to_owned(), object, between.to_owned()]
                    })
                    .collect();
                let mut bytes = text.into_bytes();
                if array && !more {
                    bytes.push(b']');
                }
                for (at, kind, what) in changes {
                    let at = at.index(bytes.len() + 1);
                    // May leave half a character.
                    let taken = at..(at + kind).min(bytes.len());
                    let what = if kind == 2 { "" } else { &what };
                    bytes.splice(taken, what.bytes());
                }
                let layout = if array { Layout::Array } else { Layout::Lines };
                (layout, bytes)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn flat_objects_are_read_as_by_the_general_parser((layout, bytes) in block(), ignore_unknown in any::<bool>()) {
            let names: Vec<Arc<str>> = ["id", "name", "straße"].map(Arc::from).into();
            let parser = Parser::new(layout, names.into(), ignore_unknown);
            let general = parser.clone().without_short_way();
            prop_assert_eq!(told(parser.parse(bytes.clone())), told(general.parse(bytes)));
        }
    }

    #[track_caller]
    fn check(layout: Layout, block: &str, expected: &[(u32, &str, Kind, &str, Kind)]) {
        let batch = parser(layout).parse(block.as_bytes().to_vec()).unwrap();
        let cell = |r, c| (batch.get(r, c), batch.cell(r, c).kind());
        let found: Vec<_> = (0..batch.len())
            .map(|r| {
                (
                    batch.row(r).line,
                    cell(r, 0).0,
                    cell(r, 0).1,
                    cell(r, 1).0,
                    cell(r, 1).1,
                )
            })
            .collect();
        assert_eq!(found, expected, "{block:?}");
    }

    #[test]
    fn reads_lines() {
        check(
            Layout::Lines,
            "{\"id\": 007, \"x\": 1}\n\n {\"name\":\"Z\\u00eb\\n\",\"id\":1.50}\r\n{\"id\":null,\"name\":\"\"}",
            &[
                (0, "", Kind::Faulty, "", Kind::Faulty),
                (2, "1.50", Kind::Number, "Zë\n", Kind::Text),
                (3, "", Kind::Null, "", Kind::Text),
            ],
        );
        check(
            Layout::Lines,
            "{\"id\": {\"a\": [1]}, \"name\": true}\n{\"id\":12345678901234567890123}",
            &[
                (0, "{\"a\": [1]}", Kind::Json, "true", Kind::Bool),
                (
                    1,
                    "12345678901234567890123",
                    Kind::Number,
                    "",
                    Kind::Missing,
                ),
            ],
        );
    }

    #[test]
    fn reads_an_array_in_pieces() {
        check(
            Layout::Array,
            " [\n{\"id\":\"1\"}",
            &[(1, "1", Kind::Text, "", Kind::Missing)],
        );
        check(
            Layout::Array,
            ",\n\n{\"id\":\"2\",\n\"name\":\"b\"},{\"id\":\"3\"} ]\n",
            &[
                (2, "2", Kind::Text, "b", Kind::Text),
                (3, "3", Kind::Text, "", Kind::Missing),
            ],
        );
        check(Layout::Array, "[]", &[]);
        check(Layout::Array, " ]", &[]);
    }

    #[test]
    fn says_where_an_array_is_ill_formed() {
        let fail = |text: &str| {
            let e = parser(Layout::Array)
                .parse(text.as_bytes().to_vec())
                .err()
                .unwrap();
            (e.line, e.column, e.message)
        };
        assert_eq!(
            fail("[{\"id\":1},]").2,
            "expected an object, the next element of the array"
        );
        assert_eq!(fail("[\n{\"id\":1} {").0, 1);
        assert_eq!(
            fail("[\n{\"id\": 01}]"),
            (
                1,
                9,
                "not well-formed JSON: a character stands where it can't".into()
            )
        );
        // The place is within a character.
        assert_eq!(fail("[{\"id\":\"\\u12€\"}]").1, 14);
        assert_eq!(fail("[3]").1, 2);
    }

    #[test]
    fn faults_of_a_record() {
        let batch = parser(Layout::Lines)
            .parse(
                b"{\"id\":1,\"id\":2}\n{\"other\":1}\nnot json\n{\"id\":1}\n{\"id\":\"\\ud834\"}"
                    .to_vec(),
            )
            .unwrap();
        let codes: Vec<_> = batch.faults().iter().map(|f| (f.row, &*f.code)).collect();
        assert_eq!(
            codes,
            [
                (0, "duplicate_member"),
                (1, "unknown_member"),
                (2, "json_syntax"),
                (4, "json_string")
            ]
        );
        assert_eq!(batch.state(3), RowState::In);
        // What would be unescaped is shown as it is, and is never taken for empty.
        assert_eq!(batch.get(4, 0), "\"\\ud834\"");
    }

    #[test]
    fn finds_columns() {
        let mut names = Vec::new();
        assert_eq!(
            discover(
                Layout::Array,
                "[{\"a\":1,\"b\":[2]}, {\"c\":{},\"a\":2},",
                10,
                &mut names
            ),
            2
        );
        assert_eq!(names, ["a", "b", "c"]);
    }
}
