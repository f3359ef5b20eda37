//! XML: every element of one name is a record, and what is within it is its columns.
//!
//! An element's text is the column of its name, an attribute that with `@` before its own, and the names of the elements
//! around it within the record stand before it: `wd:Manager.@wd:Descriptor`. Elements that come several times beside each
//! other are an array in each of their columns, which all have the same order.
//!
//! | file | what it is |
//! |---|---|
//! | `declared` | what the first bytes say: whether it is XML, and its encoding |
//! | `find` | which elements are the records, where that is not stated |
//! | `place` | the text, with the place at which it is read, and a limit |
//! | `record`, `names`, `written` | one record: its elements, what their columns are called, and the record as JSON |

mod declared;
mod find;
mod names;
mod place;
mod record;
mod written;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::OnceLock;

use quick_xml::errors::SyntaxError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader};

use super::Wrong;
use super::lines::AT_ONCE;
use super::records::Records;
use super::spec::{ElementPath, Xml};
pub(super) use declared::{begins, encoding};
use names::Names;
use place::Placed;
use record::Record;

use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::text::foreign::WEB_PAGE;
use crate::text::shown::shown;

/// Bytes in which the records are looked for, where it is not stated what they are, at most.
const MOST_LOOKED_AT: usize = 4 << 20;

/// Elements that a message names, at most.
const MOST_NAMED: usize = 12;

/// Writes the records. `found` is told which elements they are, where that is not stated.
pub(super) fn write(
    stated: &Xml,
    input: impl Read,
    limits: &Limits,
    found: &OnceLock<String>,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let mut reader = BufReader::with_capacity(AT_ONCE, input);
    let mut seen = Vec::new();
    let path = match &stated.record {
        Some(path) => Some(path.clone()),
        None => look(&mut reader, &mut seen)?,
    };
    if let (None, Some(path)) = (&stated.record, &path) {
        found.get_or_init(|| path.to_string());
    }
    read(reader, seen, path, stated, limits, out)
}

/// Looks for the records in the beginning of a file, which is left in `seen`. None where it can't be told which elements
/// they are: whoever reads the file says why.
fn look(reader: &mut impl BufRead, seen: &mut Vec<u8>) -> Result<Option<ElementPath>, Wrong> {
    let mut want = AT_ONCE;
    loop {
        let more = (want - seen.len()) as u64;
        let whole = reader.by_ref().take(more).read_to_end(seen)? < more as usize;
        match find::records(seen, whole) {
            Some(names) => return Ok(Some(ElementPath::rooted(names))),
            None if whole || want >= MOST_LOOKED_AT => return Ok(None),
            None => want *= 2,
        }
    }
}

fn read(
    reader: impl BufRead,
    seen: Vec<u8>,
    path: Option<ElementPath>,
    stated: &Xml,
    limits: &Limits,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let text = Placed::new(Cursor::new(seen).chain(reader), limits.record);
    let mut document = Document {
        path,
        open: Vec::new(),
        closed: false,
        record: None,
        records: false,
        others: BTreeSet::new(),
        elements: Record::new(stated.spec.names_by.clone()),
        names: Names::new(limits.columns),
        deepest: limits.json_depth as usize,
        longest: limits.record,
    };
    let mut reader = Reader::from_reader(text);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let at = reader.get_mut().next_token(document.record.is_some());
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(_) if reader.get_ref().is_exceeded() => return Err(document.too_long(at.line)),
            Err(error) => return Err(at.wrong(error)),
        };
        if matches!(event, Event::Eof) {
            return document.end(at);
        }
        document.event(&event, at, out)?;
    }
}

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    line: u64,
    /// In bytes, from 1.
    column: u64,
}

impl At {
    /// What is wrong with the text here.
    fn not_well_formed(self, what: &str) -> Wrong {
        let At { line, column } = self;
        Wrong::data(
            line,
            format!("not well-formed XML, line {line}, column {column}: {what}"),
        )
    }

    /// Nothing of the text is repeated but names of elements: it may be anybody's.
    fn wrong(self, error: Error) -> Wrong {
        let what = match error {
            Error::Io(error) => {
                let own =
                    |error: &std::io::Error| std::io::Error::new(error.kind(), error.to_string());
                return Wrong::Io(std::sync::Arc::try_unwrap(error).unwrap_or_else(|e| own(&e)));
            }
            Error::Encoding(_) => {
                let message = "there are bytes here that are not UTF-8, and no other encoding is declared or stated; set \
                               source.encoding to what it is";
                return Wrong::setting(self.line, message);
            }
            Error::Escape(_) => ENTITY.to_owned(),
            Error::Syntax(error) if is_cut(&error) => format!("{error}; {CUT_OFF}"),
            Error::Syntax(error) => error.to_string(),
            Error::IllFormed(error) => error.to_string(),
            Error::InvalidAttr(error) => format!("in this tag, {error}"),
            Error::Namespace(error) => error.to_string(),
        };
        self.not_well_formed(&shown(&what))
    }
}

const CUT_OFF: &str = "it may be cut off, and nothing from it is sent";

/// Whether the text ends within a tag or another piece of markup.
fn is_cut(error: &SyntaxError) -> bool {
    *error != SyntaxError::InvalidBangMarkup
}

const ENTITY: &str = "expected one of &amp; &lt; &gt; &quot; &apos; or the number of a character behind `&`, which is \
                      written &amp; where it stands for itself; entities of the file's own are not read";

/// A document, as far as it has been read.
struct Document {
    /// Which elements are records.
    path: Option<ElementPath>,
    /// The open elements, but for those within a record.
    open: Vec<String>,
    /// The root has been closed.
    closed: bool,
    /// The line on which the record begins that is being read.
    record: Option<u64>,
    /// There was one.
    records: bool,
    elements: Record,
    names: Names,
    /// Elements outside the records, the first of them.
    others: BTreeSet<String>,
    deepest: usize,
    longest: Size,
}

impl Document {
    fn event(&mut self, event: &Event<'_>, at: At, out: &mut Records<'_>) -> Result<(), Wrong> {
        match event {
            Event::Start(tag) => self.start(tag, at),
            Event::Empty(tag) => {
                self.start(tag, at)?;
                self.close(out)
            }
            Event::End(_) => self.close(out),
            Event::Text(text) => self.text(&text.xml10_content(), at),
            Event::CData(text) => match self.open.is_empty() {
                true => Err(at.not_well_formed("text stands outside the root element")),
                false => self.text(&text.xml10_content(), at),
            },
            Event::GeneralRef(reference) => {
                let character = character(reference).map_err(|error| at.wrong(error))?;
                let character = character.ok_or_else(|| at.not_well_formed(ENTITY))?;
                self.text(character.encode_utf8(&mut [0; 4]), at)
            }
            Event::DocType(declared) => document_type(declared, at),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: At) -> Result<(), Wrong> {
        let name = tag.name();
        let name: &str = name.as_ref();
        if name.is_empty() {
            return Err(at.not_well_formed("a tag has no name"));
        }
        if self.open.len() + self.elements.depth() >= self.deepest {
            let message = format!(
                "elements are nested more than {} deep, the most that limits.json_depth allows",
                self.deepest
            );
            return Err(Wrong::data(at.line, message));
        }
        if self.record.is_some() {
            return self.elements.start(name, tag, &mut self.names, at);
        }
        if self.closed {
            return Err(at.not_well_formed("an element stands behind the root element"));
        }
        if self.open.is_empty() && name.eq_ignore_ascii_case("html") {
            return Err(web_page(at));
        }
        self.open.push(name.to_owned());
        if self
            .path
            .as_ref()
            .is_some_and(|path| path.leads_to(&self.open))
        {
            self.record = Some(at.line);
            return self.elements.begin(tag, &mut self.names, at);
        }
        if self.open.len() > 1 && self.others.len() < MOST_NAMED && !self.others.contains(name) {
            self.others.insert(name.to_owned());
        }
        // What is not read has to be well-formed, too.
        for attribute in tag.attributes() {
            attribute.map_err(|error| at.wrong(error.into()))?;
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Records<'_>) -> Result<(), Wrong> {
        if self.record.is_some() && self.elements.close() {
            return Ok(());
        }
        self.open.pop();
        self.closed = self.open.is_empty();
        let Some(line) = self.record.take() else {
            return Ok(());
        };
        self.records = true;
        out.begin(line);
        self.elements.write(&mut self.names, out);
        Ok(out.end()?)
    }

    fn text(&mut self, text: &str, at: At) -> Result<(), Wrong> {
        if self.record.is_some() {
            self.elements.text(text);
            return Ok(());
        }
        let is_blank = text
            .chars()
            .all(|c| c.is_ascii_whitespace() || c == '\u{feff}');
        match self.open.is_empty() && !is_blank {
            true => Err(at.not_well_formed("text stands outside the root element")),
            false => Ok(()),
        }
    }

    fn too_long(&self, line: u64) -> Wrong {
        let longest = self.longest;
        let (line, what) = match self.record {
            Some(line) => (line, "a record that begins here"),
            None => (line, "what begins here"),
        };
        Wrong::data(
            line,
            format!("{what} is longer than {longest}, the longest record (limits.record)"),
        )
    }

    fn end(&self, at: At) -> Result<(), Wrong> {
        let within = self.record.and(self.elements.innermost(&self.names));
        let innermost = within.or(self.open.last().map(String::as_str));
        if let Some(name) = innermost {
            let what = format!(
                "the file ends and its element `{}` is not closed; {CUT_OFF}",
                shown(name)
            );
            return Err(at.not_well_formed(&what));
        }
        if !self.closed {
            return Err(at.not_well_formed("there is no element"));
        }
        if self.records || self.others.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = (self.others.iter())
            .map(|name| format!("`{}`", shown(name)))
            .collect();
        let names = names.join(", ");
        let message = match &self.path {
            Some(path) => format!(
                "no element is a `{path}`, the record as source.record says; the file has {names}"
            ),
            None => format!(
                "it can't be told which elements are the records; state their name, as in `source: {{ record: \
                 wd:Report_Entry }}`; the file has {names}"
            ),
        };
        Err(Wrong::setting(0, message))
    }
}

/// The character that a reference stands for, where it is the number of one or one of the five names.
fn character(reference: &BytesRef<'_>) -> Result<Option<char>, Error> {
    Ok(match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref()?,
    })
}

/// What is declared of the kind of document: entities of its own may stand for anything, and for very much of it.
fn document_type(declared: &str, at: At) -> Result<(), Wrong> {
    let name = declared.trim_start();
    if name
        .get(..4)
        .is_some_and(|name| name.eq_ignore_ascii_case("html"))
    {
        return Err(web_page(at));
    }
    match declared.contains('[') {
        true => {
            let message = "the document type has declarations of its own, such as of entities; they are not read, so have \
                           the file written without them";
            Err(Wrong::data(at.line, message))
        }
        false => Ok(()),
    }
}

fn web_page(at: At) -> Wrong {
    Wrong::data(at.line, WEB_PAGE)
}

#[cfg(test)]
mod tests;
