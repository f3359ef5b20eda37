//! Payloads, item by item: a JSON array or CSV with a header, never whole in memory.

use std::borrow::Cow;
use std::fmt;

use csv_async::{AsyncReader, AsyncReaderBuilder, ByteRecord};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::options::CsvCells;
use crate::text::javascript::{number, trim};

/// How much is read at once.
const CHUNK: usize = 256 * 1024;
/// The largest item. Guards the memory against a payload whose first item never ends.
const MAX_ITEM: usize = 64 * 1024 * 1024;
/// Records of a CSV batch.
const BATCH: usize = 512;

/// Source of a payload's bytes.
pub(super) type Bytes = Box<dyn AsyncRead + Send + Unpin>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

/// A payload that can't be read to its end. The text holds no value of the payload.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(String);

/// One value of an item.
#[derive(Clone, Debug)]
pub(super) enum Cell<'a> {
    /// Text: a CSV cell, or a JSON string with the source text that it had.
    Text(Cow<'a, str>, Option<&'a str>),
    /// Any other JSON value, as its source text.
    Raw(&'a str),
    Null,
}

/// One item of a payload: its members in their order.
pub(super) struct Row<'a> {
    pub members: Vec<(Cow<'a, str>, Cell<'a>)>,
    pub format: Format,
}

/// Takes the items of a payload.
pub(super) type Take<'f> = &'f mut (dyn FnMut(Row<'_>) + Send);

/// A payload being read.
pub(super) enum Payload {
    Json(JsonArray),
    Csv(Box<Csv>),
}

impl Payload {
    pub(crate) fn new(format: Format, source: Bytes) -> Payload {
        Payload::in_chunks(format, source, CHUNK)
    }

    fn in_chunks(format: Format, source: Bytes, chunk: usize) -> Payload {
        match format {
            Format::Json => Payload::Json(JsonArray {
                source,
                chunk,
                buffer: Vec::new(),
                place: Place::Start,
                items: 0,
                ended: false,
            }),
            Format::Csv => Payload::Csv(Box::new(Csv {
                reader: AsyncReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .buffer_capacity(chunk)
                    .create_reader(source),
                header: None,
                cells: CsvCells::Text,
                record: ByteRecord::new(),
                records: 0,
            })),
        }
    }

    /// The same, with CSV cells taken for something else than text.
    pub(crate) fn with_cells(mut self, cells: CsvCells) -> Payload {
        if let Payload::Csv(csv) = &mut self {
            csv.cells = cells;
        }
        self
    }

    /// Reads on and hands over the items found, some hundreds at most. False at the end.
    pub(crate) async fn next_batch(&mut self, take: Take<'_>) -> Result<bool, Malformed> {
        match self {
            Payload::Json(json) => json.next_batch(take).await,
            Payload::Csv(csv) => csv.next_batch(take).await,
        }
    }
}

fn unreadable(_: std::io::Error) -> Malformed {
    Malformed("The payload can't be read to its end; is its compression what was declared?".into())
}

/// What may come next in a JSON array.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    FirstItem,
    Item,
    AfterItem,
    End,
}

pub(super) struct JsonArray {
    source: Bytes,
    /// How much is read at once, at least.
    chunk: usize,
    buffer: Vec<u8>,
    place: Place,
    items: u64,
    ended: bool,
}

impl JsonArray {
    async fn next_batch(&mut self, take: Take<'_>) -> Result<bool, Malformed> {
        let mut used = 0;
        while used == 0 {
            if self.ended && self.buffer.is_empty() {
                return match self.place {
                    Place::End => Ok(false),
                    _ => Err(Malformed(format!(
                        "The JSON array ends before its closing bracket, after {} items",
                        self.items
                    ))),
                };
            }
            if self.ended {
                return Err(Malformed(format!(
                    "Item {} of the JSON array is cut off",
                    self.items + 1
                )));
            }
            self.fill().await?;
            used = self.take_items(take)?;
        }
        self.buffer.drain(..used);
        Ok(true)
    }

    /// Reads at least as much again as is waiting, so that a large item is parsed a few times only.
    async fn fill(&mut self) -> Result<(), Malformed> {
        if self.buffer.len() > MAX_ITEM {
            return Err(Malformed(format!(
                "Item {} of the JSON array is larger than {} MiB",
                self.items + 1,
                MAX_ITEM >> 20
            )));
        }
        let wanted = self.buffer.len() + self.chunk.max(self.buffer.len());
        self.buffer.reserve(wanted - self.buffer.len());
        while self.buffer.len() < wanted {
            let room = (wanted - self.buffer.len()) as u64;
            let read = (&mut self.source)
                .take(room)
                .read_buf(&mut self.buffer)
                .await
                .map_err(unreadable)?;
            if read == 0 {
                self.ended = true;
                break;
            }
        }
        Ok(())
    }

    /// Hands over the whole items of the buffer; says how many bytes are done with.
    fn take_items(&mut self, take: Take<'_>) -> Result<usize, Malformed> {
        let mut at = 0;
        loop {
            let rest = &self.buffer[at..];
            let blank = rest
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
                .count();
            at += blank;
            let Some(&byte) = self.buffer.get(at) else {
                return Ok(at);
            };
            self.place = match (self.place, byte) {
                (Place::Start, b'[') => Place::FirstItem,
                (Place::Start, _) => {
                    return Err(Malformed("The payload is not a JSON array".into()));
                }
                (Place::FirstItem | Place::AfterItem, b']') => Place::End,
                (Place::AfterItem, b',') => Place::Item,
                (Place::End, _) => {
                    return Err(Malformed("Something follows the JSON array".into()));
                }
                (Place::FirstItem | Place::Item, b'{') => {
                    let rest = &self.buffer[at..];
                    let Some(length) = object_length(rest) else {
                        return Ok(at);
                    };
                    // The parser's own message could repeat a value.
                    let Members(members) =
                        serde_json::from_slice(&rest[..length]).map_err(|_| {
                            Malformed(format!(
                                "Item {} of the JSON array is not valid JSON",
                                self.items + 1
                            ))
                        })?;
                    self.items += 1;
                    take(Row {
                        members,
                        format: Format::Json,
                    });
                    at += length;
                    self.place = Place::AfterItem;
                    continue;
                }
                (Place::FirstItem | Place::Item, _) => {
                    return Err(Malformed(format!(
                        "Item {} of the JSON array is not an object",
                        self.items + 1
                    )));
                }
                (Place::AfterItem, _) => {
                    return Err(Malformed(format!(
                        "Item {} of the JSON array is followed by neither a comma nor the closing bracket",
                        self.items
                    )));
                }
            };
            at += 1;
        }
    }
}

/// Where the object at the beginning ends, if it does. Only brackets and strings are looked at: a
/// parser could not tell a fault from a value that the end of the buffer cuts in two.
fn object_length(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Text that is borrowed from the source where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object's members, in their order and with values as they were written.
pub(super) struct Members<'a>(pub Vec<(Cow<'a, str>, Cell<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    let value: &RawValue = map.next_value()?;
                    members.push((name, cell(value.get()).map_err(serde::de::Error::custom)?));
                }
                Ok(Members(members))
            }
        }
        d.deserialize_map(Object)
    }
}

fn cell(raw: &str) -> Result<Cell<'_>, serde_json::Error> {
    Ok(match raw.as_bytes().first() {
        Some(b'"') => {
            let Text(text) = serde_json::from_str(raw)?;
            Cell::Text(text, Some(raw))
        }
        Some(b'n') => Cell::Null,
        _ => Cell::Raw(raw),
    })
}

pub(super) struct Csv {
    reader: AsyncReader<Bytes>,
    header: Option<Vec<String>>,
    cells: CsvCells,
    record: ByteRecord,
    records: u64,
}

impl Csv {
    async fn next_batch(&mut self, take: Take<'_>) -> Result<bool, Malformed> {
        if self.header.is_none() {
            if !self.read().await? {
                return Err(Malformed("The CSV payload has no header".into()));
            }
            let mut names: Vec<String> = Vec::with_capacity(self.record.len());
            for field in &self.record {
                let name = std::str::from_utf8(field)
                    .map_err(|_| Malformed("The CSV header is not UTF-8".into()))?;
                if name.is_empty() || names.iter().any(|n| n == name) {
                    return Err(Malformed(format!(
                        "Column {} of the CSV header is empty or named twice",
                        names.len() + 1
                    )));
                }
                names.push(name.into());
            }
            self.header = Some(names);
        }
        for _ in 0..BATCH {
            if !self.read().await? {
                return Ok(false);
            }
            self.records += 1;
            let texts = self.record.iter().map(std::str::from_utf8);
            let texts: Vec<&str> = texts
                .collect::<Result<_, _>>()
                .map_err(|_| Malformed(format!("CSV record {} is not UTF-8", self.records)))?;
            let typed: Vec<Typed> = match self.cells {
                CsvCells::Text => texts.into_iter().map(Typed::text).collect(),
                CsvCells::Orgvue => texts.into_iter().map(Typed::by_orgvue).collect(),
            };
            let is_blank = |cell: &Typed| matches!(cell, Typed::Text(text) if text.is_empty());
            if self.cells == CsvCells::Orgvue && typed.iter().all(is_blank) {
                continue;
            }
            let names = self.header.iter().flatten();
            let cells = typed
                .iter()
                .map(Typed::cell)
                .chain(std::iter::repeat_with(Typed::nothing));
            let members = names.map(|name| Cow::Borrowed(name.as_str())).zip(cells);
            take(Row {
                members: members.collect(),
                format: Format::Csv,
            });
        }
        Ok(true)
    }

    async fn read(&mut self) -> Result<bool, Malformed> {
        let record = self.records + 1;
        let read = self.reader.read_byte_record(&mut self.record).await;
        let read = read.map_err(|_| Malformed(format!("CSV record {record} can't be read")))?;
        match &self.header {
            Some(header)
                if read && self.cells == CsvCells::Text && header.len() != self.record.len() =>
            {
                Err(Malformed(format!(
                    "CSV record {record} has {} cells, its header {}",
                    self.record.len(),
                    header.len()
                )))
            }
            _ => Ok(read),
        }
    }
}

/// What a CSV cell is taken for.
enum Typed<'a> {
    Text(&'a str),
    /// A number or truth value, as JSON has it.
    Raw(String),
    Null,
}

impl<'a> Typed<'a> {
    fn text(text: &'a str) -> Typed<'a> {
        Typed::Text(text)
    }

    /// As `readValue` of github.com/OrgVue/csv-parser has it.
    fn by_orgvue(text: &'a str) -> Typed<'a> {
        let text = trim(text);
        if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            return Typed::Raw(text.to_ascii_lowercase());
        }
        match number(text) {
            None => Typed::Text(text),
            // JSON has no other word for infinity.
            Some(number) if number.is_infinite() => Typed::Null,
            Some(0.0) => Typed::Raw("0".to_owned()),
            Some(number) if (1e-6..1e21).contains(&number.abs()) => Typed::Raw(number.to_string()),
            Some(number) => Typed::Raw(format!("{number:e}")),
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Typed::Text(text) => Cell::Text(Cow::Borrowed(text), None),
            Typed::Raw(raw) => Cell::Raw(raw),
            Typed::Null => Cell::Null,
        }
    }

    /// What is in the place of a cell that is not there.
    fn nothing() -> Cell<'a> {
        Cell::Text(Cow::Borrowed(""), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a payload that comes in pieces of `step` bytes; items as text, or what is wrong.
    async fn read(format: Format, text: &str, step: usize) -> Result<Vec<String>, String> {
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(step)
            .map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::copy_from_slice(piece)))
            .collect();
        let source = tokio_util::io::StreamReader::new(futures::stream::iter(pieces));
        let mut payload = Payload::in_chunks(format, Box::new(source), step);
        let mut items = Vec::new();
        loop {
            let more = payload
                .next_batch(&mut |row| {
                    items.push(
                        row.members
                            .iter()
                            .map(|(name, cell)| match cell {
                                Cell::Text(text, _) => format!("{name}={text}"),
                                Cell::Raw(raw) => format!("{name}:{raw}"),
                                Cell::Null => format!("{name}!"),
                            })
                            .collect::<Vec<_>>()
                            .join("|"),
                    );
                })
                .await
                .map_err(|e| e.to_string())?;
            if !more {
                return Ok(items);
            }
        }
    }

    /// The tables of the reader's own tests, and of what it was seen to do.
    #[tokio::test]
    async fn cells_as_orgvue_reads_them() {
        let text = " k ,a,b\n0012345,1E5,12345678901234567890\n65000.10,TRUE,0x1F\n ,,\t\nx y , 2020-01-02\n-0,Infinity,1e-7,more\n";
        let source = std::io::Cursor::new(text.as_bytes().to_vec());
        let mut payload = Payload::new(Format::Csv, Box::new(source)).with_cells(CsvCells::Orgvue);
        let mut items = Vec::new();
        let mut take = |row: Row<'_>| {
            let cell = |(_, cell): &(Cow<'_, str>, Cell<'_>)| match cell {
                Cell::Text(text, _) => format!("'{text}'"),
                Cell::Raw(raw) => (*raw).to_owned(),
                Cell::Null => "null".to_owned(),
            };
            items.push(row.members.iter().map(cell).collect::<Vec<_>>().join(" "));
        };
        while payload.next_batch(&mut take).await.unwrap() {}
        assert_eq!(
            items,
            [
                "12345 100000 12345678901234567000",
                "65000.1 true 31",
                "'x y' '2020-01-02' ''",
                "0 null 1e-7",
            ]
        );
    }

    #[tokio::test]
    async fn payloads() {
        use Format::{Csv, Json};
        for (format, text, expected) in [
            (Json, "[]", Ok(vec![])),
            (Json, " [ ] \n", Ok(vec![])),
            (
                Json,
                r#"[{"a":"x\n\u00e9","b":1.50},{ "c" : null , "d": {"e":[1, 2]}}, {}]"#,
                Ok(vec!["a=x\né|b:1.50", "c!|d:{\"e\":[1, 2]}", ""]),
            ),
            (
                Json,
                "",
                Err("The JSON array ends before its closing bracket, after 0 items"),
            ),
            (
                Json,
                "[{}",
                Err("The JSON array ends before its closing bracket, after 1 items"),
            ),
            (
                Json,
                "[{},",
                Err("The JSON array ends before its closing bracket, after 1 items"),
            ),
            (
                Json,
                r#"[{"a":1"#,
                Err("Item 1 of the JSON array is cut off"),
            ),
            (Json, r#"[{"a":"}\"]{"}]"#, Ok(vec![r#"a=}"]{"#])),
            (
                Json,
                "[{]]",
                Err("Item 1 of the JSON array is not valid JSON"),
            ),
            (
                Json,
                r#"[{"a":-1.5e+3,"b":"\u00e9\\"},{"a":1.}]"#,
                Err("Item 2 of the JSON array is not valid JSON"),
            ),
            (Json, "{}", Err("The payload is not a JSON array")),
            (
                Json,
                "[{},]",
                Err("Item 2 of the JSON array is not an object"),
            ),
            (
                Json,
                "[{} {}]",
                Err(
                    "Item 1 of the JSON array is followed by neither a comma nor the closing bracket",
                ),
            ),
            (
                Json,
                r#"[{"dob": 1981-05-15}]"#,
                Err("Item 1 of the JSON array is not valid JSON"),
            ),
            (Json, "[{}] []", Err("Something follows the JSON array")),
            (
                Csv,
                "_action,a\r\ncreate,\"x,\"\"y\ncreate,z\"\r\nupdate,\r\n",
                Ok(vec![
                    "_action=create|a=x,\"y\ncreate,z",
                    "_action=update|a=",
                ]),
            ),
            (Csv, "_action,a", Ok(vec![])),
            (Csv, "", Err("The CSV payload has no header")),
            (
                Csv,
                "a,a\n",
                Err("Column 2 of the CSV header is empty or named twice"),
            ),
            (
                Csv,
                "a,b\n1,2\n3\n",
                Err("CSV record 2 has 1 cells, its header 2"),
            ),
        ] {
            for step in [1, 2, 3, 7, 1000] {
                let expected: Result<Vec<String>, String> = expected
                    .clone()
                    .map(|items: Vec<&str>| items.into_iter().map(String::from).collect())
                    .map_err(String::from);
                assert_eq!(
                    read(format, text, step).await,
                    expected,
                    "{text:?} by {step}"
                );
            }
        }
    }
}
