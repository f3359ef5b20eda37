//! From decoded text to blocks: the header first, then pieces that begin and end on record boundaries.
//!
//! Where a block ends depends on the text and the block size alone, never on how the bytes arrived: both
//! passes of a run see the same blocks.

use std::collections::HashMap;
use std::sync::Arc;

use super::EngineError;
use crate::batch::pool::Pool;
use crate::format::ROOM_FOR_STAGES;
use crate::format::block::{Block, Boundary, Cut, CutError};
use crate::format::csv::split_record;
use crate::format::json::{Layout, discover};
use crate::format::{csv, json};
use crate::report::rejects;
use crate::settings::limits::Limits;
use crate::source::{Source, Text};
use crate::text::scan::{Dialect, count_lines};

/// Text of one block in bytes, unless a record needs more. The text, its cells and what they are encoded to stay
/// together in a core's own cache (512 KiB to 2 MiB); with 1 MiB, a survey takes 5 % more CPU and 13 MiB more memory.
pub const BLOCK: usize = 256 * 1024;

/// Cells of one block, at most: those that records lack are counted with those that they have. Records of a byte in a
/// table of a thousand columns would fill the memory otherwise; of what is written out, no block has as many.
const MAX_CELLS: usize = 1 << 20;

/// Records looked at for the columns of a JSON source, unless they are stated.
pub(crate) const DISCOVERED_RECORDS: usize = 1000;

/// How the text of a source is to be cut and read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Records of which format.
    pub layout: RecordLayout,
    /// Text of one block in bytes.
    pub block: usize,
    /// Names of columns that the rejects file adds, ignored where a header ends with all of them.
    pub added: &'static [&'static str],
    /// The longest record, and the most columns.
    pub limits: Limits,
}

/// How records stand in the text.
#[derive(Debug, Clone)]
pub enum RecordLayout {
    /// By the text's first character: an array, objects, or else CSV of this dialect.
    Auto(Dialect),
    /// A header and records.
    Csv {
        /// How cells are written.
        dialect: Dialect,
        /// Lines before the header.
        skip_lines: u32,
    },
    /// Objects.
    Json {
        /// In an array, or one a line.
        layout: Layout,
        /// The columns, where they are stated.
        columns: Option<Vec<String>>,
    },
}

/// What the beginning of a source says of all its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The columns' names.
    pub names: Arc<[Arc<str>]>,
    /// Of a CSV source: how it is written.
    pub csv: Option<CsvHeader>,
    /// Of a JSON source: how its objects stand.
    pub json: Option<Layout>,
}

/// How a CSV source is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvHeader {
    /// Delimiter and quote.
    pub dialect: Dialect,
    /// Cells of a record: the columns, and those that are ignored at its end.
    pub cells: usize,
    /// The header record as written, without its line end.
    pub raw: Vec<u8>,
    /// Whether lines end with CR LF.
    pub crlf: bool,
}

impl Header {
    /// The records' format, as the pipeline file calls it.
    pub fn format(&self) -> &'static str {
        match self.json {
            None => "csv",
            Some(Layout::Lines) => "ndjson",
            Some(Layout::Array) => "json",
        }
    }

    /// The header of the rejects file.
    pub fn for_rejects(&self) -> rejects::Header {
        match &self.csv {
            Some(CsvHeader {
                dialect, raw, crlf, ..
            }) => rejects::Header::raw(
                raw,
                rejects::Dialect {
                    delimiter: dialect.delimiter,
                    quote: dialect.quote,
                    crlf: *crlf,
                },
            ),
            None => rejects::Header::columns(self.names.iter()),
        }
    }
}

/// Bytes from the beginning that tell formats which are no text.
const FOREIGN_BYTES: usize = 16;

/// What a file is that is often taken for an export and isn't one, by its first bytes.
fn foreign(text: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "an Excel workbook or another ZIP archive"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"%PDF-", "a PDF"),
        (b"PAR1", "a Parquet file"),
        (b"\x1f\x8b", "gzip data within compressed data"),
        (b"BZh", "bzip2 data"),
        (b"\xfd7zXZ\0", "xz data"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    ];
    let known = KNOWN.iter().find(|(start, _)| text.starts_with(start));
    known.map(|(_, what)| *what).or_else(|| {
        let start = text.trim_ascii_start().to_ascii_lowercase();
        let page = start.starts_with(b"<!doctype") || start.starts_with(b"<html");
        let xml = start.starts_with(b"<?xml");
        (page.then_some("a web page")).or(xml.then_some("XML"))
    })
}

/// What stands where JSON objects are expected, by its beginning.
fn no_objects(layout: Layout, text: &[u8]) -> &'static str {
    match (layout, text.first()) {
        (Layout::Lines, Some(b'[')) => {
            "expected one JSON object a line, found an array; set source.format to json"
        }
        (Layout::Lines, Some(b'{')) => {
            "no line holds a whole JSON object; objects of several lines must stand in an array"
        }
        (Layout::Lines, _) => "expected one JSON object a line",
        (Layout::Array, Some(b'{')) => {
            "expected a JSON array, found an object; for one object a line set source.format to ndjson"
        }
        (Layout::Array, Some(b'[')) if text[1..].trim_ascii() == b"]" => {
            "the JSON array is empty: there are no records; nothing was sent"
        }
        (Layout::Array, Some(b'[')) => "no object with members was found in the JSON array",
        (Layout::Array, _) => "expected a JSON array of objects",
    }
}

/// The blocks of a source, in order.
pub struct Blocks {
    source: Arc<Source>,
    reading: Reading,
    header: Header,
    boundary: Boundary,
    file: usize,
    text: Option<Text>,
    buffer: Vec<u8>,
    line: u64,
    number: u64,
    texts: Pool<Vec<u8>>,
}

impl Blocks {
    /// Opens a source and reads what comes before its records.
    ///
    /// # Errors
    /// A source that can't be read, or whose header can't be used.
    pub async fn open(source: Arc<Source>, mut reading: Reading) -> Result<Blocks, EngineError> {
        // So no record that is too long ever stands in a block.
        reading.block = reading.block.min(reading.limits.record.bytes());
        let empty = Header {
            names: Arc::from([]),
            csv: None,
            json: None,
        };
        let mut blocks = Blocks {
            source,
            reading,
            header: empty,
            boundary: Boundary::Lines,
            file: 0,
            text: None,
            buffer: Vec::new(),
            line: 1,
            number: 0,
            texts: Pool::default(),
        };
        blocks.open_file().await?;
        Ok(blocks)
    }

    /// Takes the buffers of blocks from there.
    pub fn with_texts(self, texts: &Pool<Vec<u8>>) -> Blocks {
        Blocks {
            texts: texts.clone(),
            ..self
        }
    }

    /// What the beginning of the source says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next block, or none at the end of the last file.
    ///
    /// # Errors
    /// Reading, decompression, and text that can't be cut into records.
    pub async fn next(&mut self) -> Result<Option<Block>, EngineError> {
        let mut target = self.reading.block;
        let longest = self.reading.limits.record.bytes();
        loop {
            let Some(text) = &mut self.text else {
                return Ok(None);
            };
            let ended = text.fill(&mut self.buffer, target).await?;
            let view = &self.buffer[..self.buffer.len().min(target)];
            let at_end = ended && view.len() == self.buffer.len();
            let before = self.boundary.clone();
            match self
                .boundary
                .cut(view, at_end)
                .map_err(|e| self.cut_error(e))?
            {
                Cut::At(0) if at_end => {
                    self.next_file().await?;
                    target = self.reading.block;
                }
                Cut::At(at) => {
                    let at = self.fewer(before, at);
                    return Ok(Some(self.take(at)));
                }
                Cut::None { open } if target >= longest => return Err(self.too_long(0, open)),
                Cut::None { .. } => target = longest.min(target * 2),
            }
        }
    }

    /// Cuts again, and sooner, where the records of a block would have too many cells. `before` is the boundary as it
    /// was at its first cut, `at`.
    fn fewer(&mut self, before: Boundary, at: usize) -> usize {
        let view = &self.buffer[..at];
        let mut most = (MAX_CELLS / self.header.names.len().max(1)).max(1);
        // A record has two bytes or more, and ends with one of these.
        let end = match before {
            Boundary::JsonArray(_) => b'}',
            Boundary::Csv(_) | Boundary::Lines => b'\n',
        };
        if at / 2 <= most || memchr::memchr_iter(end, view).count() <= most {
            return at;
        }
        while let Some(end) = memchr::memchr_iter(end, view).nth(most - 1) {
            let mut boundary = before.clone();
            if let Ok(Cut::At(sooner @ 1..)) = boundary.cut(&view[..=end], false) {
                self.boundary = boundary;
                return sooner;
            }
            most *= 2;
        }
        at
    }

    /// The error for a record that begins at an offset of the buffer and is too long; `open` is a quote in it that is
    /// not closed, which is the usual cause.
    fn too_long(&self, at: usize, open: Option<usize>) -> EngineError {
        let limit = self.reading.limits.record;
        let (at, message) = match open {
            Some(open) => (
                open,
                format!(
                    "a quote that opens here is not closed within {limit}, the longest record (limits.record); \
                     is it meant as a quote?"
                ),
            ),
            None => (
                at,
                format!(
                    "a record that begins here is longer than {limit}, the longest record (limits.record)"
                ),
            ),
        };
        self.place(at, message)
    }

    /// What is wrong with so many columns, if anything.
    fn too_many(&self, columns: usize) -> Option<String> {
        let limit = self.reading.limits.columns;
        (columns > limit as usize)
            .then(|| format!("there are {columns} columns, and limits.columns is {limit}"))
    }

    fn take(&mut self, at: usize) -> Block {
        let mut rest = self.texts.take();
        rest.reserve(self.reading.block + self.reading.block / ROOM_FOR_STAGES);
        rest.extend_from_slice(&self.buffer[at..]);
        self.buffer.truncate(at);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let block = Block {
            number: self.number,
            file: self.file as u32,
            line: self.line,
            bytes,
        };
        self.number += 1;
        self.line += count_lines(&block.bytes);
        block
    }

    async fn next_file(&mut self) -> Result<(), EngineError> {
        self.file += 1;
        self.text = None;
        self.buffer.clear();
        if self.file < self.source.origins().len() {
            self.open_file().await?;
        }
        Ok(())
    }

    async fn open_file(&mut self) -> Result<(), EngineError> {
        self.line = 1;
        let mut text = self.source.open(self.file).await?;
        text.fill(&mut self.buffer, FOREIGN_BYTES).await?;
        if let Some(what) = foreign(&self.buffer) {
            return Err(self.at_line(
                1,
                format!("this is {what}, and no CSV or JSON; export it as CSV"),
            ));
        }
        let layout = match self.reading.layout.clone() {
            RecordLayout::Auto(dialect) => self.sniff(&mut text, dialect).await?,
            stated => stated,
        };
        let header = match layout {
            RecordLayout::Json { layout, columns } => {
                self.boundary = match layout {
                    Layout::Lines => Boundary::Lines,
                    Layout::Array => Boundary::JsonArray(json::cut::ArrayCutter::default()),
                };
                if self.file > 0 {
                    Header {
                        csv: None,
                        json: Some(layout),
                        ..self.header.clone()
                    }
                } else {
                    let names = match columns {
                        Some(columns) => columns,
                        None => self.discover(&mut text, layout).await?,
                    };
                    if let Some(message) = self.too_many(names.len()) {
                        return Err(self.at_line(1, message));
                    }
                    let names = names.iter().map(|n| Arc::from(n.as_str())).collect();
                    Header {
                        names,
                        csv: None,
                        json: Some(layout),
                    }
                }
            }
            RecordLayout::Csv {
                dialect,
                skip_lines,
            } => self.csv_header(&mut text, dialect, skip_lines).await?,
            RecordLayout::Auto(dialect) => self.csv_header(&mut text, dialect, 0).await?,
        };
        self.text = Some(text);
        if self.file == 0 {
            self.header = header;
        } else if let Some(difference) = self.difference(&header) {
            return Err(self.at_line(1, difference));
        }
        Ok(())
    }

    /// What keeps a further file from being a part of the first one's table.
    fn difference(&self, header: &Header) -> Option<String> {
        let first = &self.source.origins()[0].name;
        if header.format() != self.header.format() {
            return Some(format!(
                "this file is {}, and {first} is {}; all files of a source have the same format",
                header.format(),
                self.header.format()
            ));
        }
        let (names, expected) = (&header.names, &self.header.names);
        if let Some(at) = (names.iter().zip(&**expected)).position(|(a, b)| a != b) {
            return Some(format!(
                "this file's column {} is `{}`, and `{}` in {first}; all files of a source have the same columns",
                at + 1,
                names[at],
                expected[at],
            ));
        }
        if names.len() != expected.len() {
            return Some(format!(
                "this file has {} column{}, and {first} has {}; all files of a source have the same columns",
                names.len(),
                if names.len() == 1 { "" } else { "s" },
                expected.len()
            ));
        }
        // Columns that are ignored make the records longer, and a parser knows one length.
        let added = |header: &Header| {
            let cells = header.csv.as_ref().map_or(0, |csv| csv.cells);
            cells > header.names.len()
        };
        match (added(header), added(&self.header)) {
            (true, false) => Some(format!(
                "this is a rejects file (it ends with {}), and {first} is none; read them one after the other",
                self.reading.added.join(",")
            )),
            (false, true) => Some(format!(
                "this is no rejects file, and {first} is one (it ends with {}); read them one after the other",
                self.reading.added.join(",")
            )),
            _ => None,
        }
    }

    /// Tells the format by the first character that is not white space.
    async fn sniff(
        &mut self,
        text: &mut Text,
        dialect: Dialect,
    ) -> Result<RecordLayout, EngineError> {
        let mut want = 1;
        loop {
            let ended = text.fill(&mut self.buffer, want).await?;
            let json = |layout| RecordLayout::Json {
                layout,
                columns: None,
            };
            match self.buffer.iter().find(|b| !b.is_ascii_whitespace()) {
                Some(b'[') => return Ok(json(Layout::Array)),
                Some(b'{') => return Ok(json(Layout::Lines)),
                None if !ended && self.buffer.len() < self.reading.block => {
                    want = self.buffer.len() + 1
                }
                _ => {
                    return Ok(RecordLayout::Csv {
                        dialect,
                        skip_lines: 0,
                    });
                }
            }
        }
    }

    /// The members of the first records.
    async fn discover(
        &mut self,
        text: &mut Text,
        layout: Layout,
    ) -> Result<Vec<String>, EngineError> {
        let mut want = self.reading.block;
        let longest = self.reading.limits.record.bytes();
        loop {
            let ended = text.fill(&mut self.buffer, want).await?;
            let whole = match (ended, layout) {
                (false, Layout::Lines) => {
                    memchr::memrchr(b'\n', &self.buffer).map_or(0, |at| at + 1)
                }
                _ => self.buffer.len(),
            };
            let mut names = Vec::new();
            let seen = String::from_utf8_lossy(&self.buffer[..whole]);
            let count = discover(layout, &seen, DISCOVERED_RECORDS, &mut names);
            if ended || count >= DISCOVERED_RECORDS || want >= longest {
                if names.is_empty() {
                    let start = self.buffer.iter().position(|b| !b.is_ascii_whitespace());
                    let Some(start) = start else {
                        return Err(self.at_line(1, "the file is empty".into()));
                    };
                    if !ended && count == 0 {
                        return Err(self.too_long(start, None));
                    }
                    let message = no_objects(layout, &self.buffer[start..]);
                    return Err(self.place(start, message.into()));
                }
                return Ok(names);
            }
            want = longest.min(want * 2);
        }
    }

    async fn csv_header(
        &mut self,
        text: &mut Text,
        dialect: Dialect,
        skip: u32,
    ) -> Result<Header, EngineError> {
        let mut want = self.reading.block;
        let longest = self.reading.limits.record;
        let (start, end) = loop {
            let ended = text.fill(&mut self.buffer, want).await?;
            let mut start = 0;
            for _ in 0..skip {
                start += memchr::memchr(b'\n', &self.buffer[start..])
                    .map_or(self.buffer.len() - start, |n| n + 1);
            }
            // Blank lines before the header are no header.
            let blank = self.buffer[start..]
                .iter()
                .take_while(|b| matches!(b, b'\n' | b'\r'))
                .count();
            start += blank;
            if let Some(end) = csv::cut::first_record(dialect, &self.buffer[start..], ended) {
                break (start, start + end);
            }
            if ended && skip > 0 {
                let message =
                    format!("no header comes after the {skip} lines of source.csv.skip_lines");
                return Err(self.at_line(1, message));
            }
            if ended {
                return Err(self.at_line(1, "the file is empty: expected a header".into()));
            }
            if want >= longest.bytes() {
                let message = format!(
                    "the header does not end within {longest}, the longest record (limits.record)"
                );
                return Err(self.at_line(1, message));
            }
            want = longest.bytes().min(want * 2);
        };
        Boundary::Csv(dialect)
            .cut(&self.buffer[start..end], true)
            .map_err(|e| self.place(start + e.at, e.kind.to_string()))?;
        self.line = 1 + count_lines(&self.buffer[..start]);
        let mut raw = &self.buffer[start..end];
        let mut crlf = false;
        if let Some(without) = raw.strip_suffix(b"\n") {
            raw = without;
            crlf = raw.ends_with(b"\r");
        }
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw).to_vec();
        let header_line = self.line;
        let fail = |message: String| Err(self.at_line(header_line, message));
        if raw.contains(&b'\r') && !raw.contains(&dialect.quote) {
            return fail(
                "lines end with bare carriage returns; convert them to LF or CR LF".into(),
            );
        }
        if [&b"{\""[..], b"[{", b"[{\""]
            .iter()
            .any(|json| raw.starts_with(json))
            || raw == b"["
        {
            return fail("this is JSON, and no header; set source.format".into());
        }
        let Ok(written) = std::str::from_utf8(&raw) else {
            return fail(
                "the header is not UTF-8; if the file has another encoding, set source.encoding"
                    .into(),
            );
        };
        let mut names = split_record(dialect, written);
        let cells = names.len();
        if let Some(message) = self.too_many(cells) {
            return fail(message);
        }
        if names.len() > self.reading.added.len() && names.ends_with(&self.added()) {
            names.truncate(cells - self.reading.added.len());
        }
        for (at, name) in names.iter_mut().enumerate() {
            if name.is_empty() {
                *name = format!("column_{}", at + 1);
            }
        }
        let mut places = HashMap::new();
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = places.insert(name, at) {
                return fail(format!(
                    "columns {} and {} of the header have the same name `{name}`",
                    first + 1,
                    at + 1
                ));
            }
        }
        self.line += count_lines(&self.buffer[start..end]);
        self.buffer.drain(..end);
        self.boundary = Boundary::Csv(dialect);
        let names = names.iter().map(|n| Arc::from(n.as_str())).collect();
        Ok(Header {
            names,
            csv: Some(CsvHeader {
                dialect,
                cells,
                raw,
                crlf,
            }),
            json: None,
        })
    }

    fn added(&self) -> Vec<String> {
        self.reading.added.iter().map(|&n| n.to_owned()).collect()
    }

    fn at_line(&self, line: u64, message: String) -> EngineError {
        EngineError::Data {
            file: self.source.origins()[self.file].name.clone(),
            line,
            column: None,
            message,
        }
    }

    /// An error at an offset of the buffer.
    fn place(&self, at: usize, message: String) -> EngineError {
        let before = &self.buffer[..at.min(self.buffer.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        EngineError::Data {
            file: self.source.origins()[self.file].name.clone(),
            line: self.line + count_lines(before),
            column: Some((before.len() - line_start) as u64 + 1),
            message,
        }
    }

    /// The error for a panic while the next block was read.
    pub(crate) fn gave_up(&self) -> EngineError {
        let file = self.file.min(self.source.origins().len() - 1);
        EngineError::gave_up(&self.source, file, self.line)
    }

    fn cut_error(&self, error: CutError) -> EngineError {
        self.place(error.at, error.kind.to_string())
    }
}
