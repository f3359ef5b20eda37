//! The header of a JSON source: how its records stand, and its columns, which are the members of the first records
//! unless they are stated.

use std::sync::Arc;

use super::cut::Cutter;
use super::discover::{self, Discovered};
use super::grammar::{Reason, wrong_in};
use super::tree::Tree;
use super::wrapper::{Beside, Outline, Verdict};
use super::{Form, Layout, Parser, between, is_blank, may_become_mark};
use crate::batch::Columns;
use crate::format::beginning::{Beginning, Begun, Expected, Place, Wrong};
use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::format::unread::Unread;

/// Records looked at for the columns, unless they are stated.
const DISCOVERED_RECORDS: usize = 1000;

/// How the objects of a JSON source stand, and what their members are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) names: Arc<[Arc<str>]>,
    pub(crate) layout: Layout,
    form: Arc<Form>,
    tree: Arc<Tree>,
    /// It is a rejects file: what is said of its rows is not read.
    pub(crate) fed_back: bool,
    /// A bracket closes the records, so that a file that was cut off can't be read to its end.
    pub(crate) closed: bool,
}

impl Header {
    /// Of columns by the members that lead to them.
    fn new(layout: Layout, form: &Arc<Form>, paths: &[Vec<String>]) -> Header {
        let name = |path: &Vec<String>| Arc::from(path.join(form.separator()));
        Header {
            names: paths.iter().map(name).collect(),
            layout,
            form: form.clone(),
            tree: Arc::new(Tree::new(paths)),
            fed_back: false,
            closed: false,
        }
    }

    /// What reads the records.
    pub(crate) fn parser(&self, ignore_unknown: bool) -> Parser {
        Parser::new(self.layout, self.names.clone(), ignore_unknown)
            .with_form(&self.form, self.tree.clone())
    }

    /// The format of the table that the objects were made of, where they were.
    pub(crate) fn table(&self) -> Option<&'static str> {
        self.form.table
    }

    /// The names of all columns that the records of a block have, in the order in which they come.
    pub(crate) fn names_in(&self, block: Unread) -> Vec<String> {
        let (text, _) = block.decode();
        discover(self.layout, &text, usize::MAX, &self.form).0
    }

    /// What cuts the text into records.
    pub(crate) fn cutter(&self) -> Cutter {
        Cutter::new(self.form.path.as_ref())
    }
}

/// What is known of a file before its beginning is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// How the records stand; without it, the text tells.
    pub(crate) layout: Option<Layout>,
    pub(crate) form: &'a Arc<Form>,
    /// It is a rejects file, which holds records and nothing else, one a line.
    pub(crate) fed_back: bool,
}

/// Finds the columns. None asks for more text. `first` is the header of the source's first file, where this is another:
/// all have the columns of the first.
pub(crate) fn header(
    expected: &Expected<'_>,
    known: Known<'_>,
    begins: &Beginning<'_>,
    first: Option<&Header>,
) -> Result<Option<Begun<Header>>, Wrong> {
    let found = Finding {
        expected,
        stated: known.layout,
        form: known.form,
        fed_back: known.fed_back,
        begins,
    };
    let header = match first {
        Some(first) => found.like(first),
        None => found.header()?,
    };
    let Some(header) = header else {
        return Ok(None);
    };
    if let Some(message) = expected.too_many(header.names.len()) {
        return Err(Wrong::data(Place::Line(1), message));
    }
    Ok(Some(Begun {
        header: Header {
            form: known.form.clone(),
            fed_back: known.fed_back,
            closed: found.is_closed(header.layout),
            ..header
        },
        at: 0,
        line: 1,
    }))
}

/// A file's beginning, and what is stated of it.
#[derive(Clone, Copy)]
struct Finding<'a> {
    expected: &'a Expected<'a>,
    stated: Option<Layout>,
    form: &'a Arc<Form>,
    fed_back: bool,
    begins: &'a Beginning<'a>,
}

impl Finding<'_> {
    /// The header of a further file.
    fn like(&self, first: &Header) -> Option<Header> {
        let layout = match self.start() {
            Some(start) => self.layout(start)?,
            None if !self.is_all() => return None,
            None => first.layout,
        };
        Some(Header {
            layout,
            ..first.clone()
        })
    }

    fn header(&self) -> Result<Option<Header>, Wrong> {
        let text = self.begins.text;
        let Some(start) = self.start() else {
            return match (self.is_all(), &self.form.columns) {
                (false, _) => Ok(None),
                (true, None) if self.form.table.is_some() => {
                    Err(Wrong::empty("there are no records; nothing was sent"))
                }
                (true, None) => Err(Wrong::empty("the file is empty")),
                // No records, and they are known.
                (true, Some(_)) => self.columns(self.stated.unwrap_or(Layout::Documents), 0),
            };
        };
        if self.stated == Some(Layout::Documents) && !matches!(text[start], b'{' | b'[') {
            let message = format!(
                "expected a JSON object or an array of objects, found {}; set source.format if this is not JSON",
                super::around::kind(text[start])
            );
            return Err(Wrong::setting(Place::Byte(start), message));
        }
        let records = match &self.form.path {
            Some(_) => match self.records()? {
                Some(at) => at,
                None => return Ok(None),
            },
            // Tables have records and nothing else.
            None if self.fed_back || self.form.table.is_some() || self.is_record(start)? => start,
            None => return Ok(None),
        };
        let Some(layout) = self.layout(start) else {
            return Ok(None);
        };
        if let (Layout::Lines, b'[') = (layout, text[start]) {
            let message =
                "expected one JSON object a line, found an array; set source.format to json";
            return Err(Wrong::setting(Place::Byte(start), message));
        }
        self.columns(layout, records)
    }

    /// Whether a bracket closes the records: an array's, or that of the object which it is in.
    fn is_closed(&self, layout: Layout) -> bool {
        let is_array = || (self.start()).is_some_and(|start| self.begins.text[start] == b'[');
        layout == Layout::Documents && (self.form.path.is_some() || is_array())
    }

    /// Where the text begins, as far as it has come.
    fn start(&self) -> Option<usize> {
        let text = self.begins.text;
        let start = between(false, text);
        let rest = &text[start..];
        let begins = !rest.is_empty() && (self.is_all() || !may_become_mark(rest));
        begins.then_some(start)
    }

    /// Whether there is no more of the text than this.
    fn is_all(&self) -> bool {
        self.begins.ended || self.begins.full
    }

    /// How the records stand, by the first of them. None asks for more text.
    fn layout(&self, start: usize) -> Option<Layout> {
        let text = &self.begins.text[start..];
        match (self.stated, &self.form.path, text[0]) {
            (_, Some(_), _) => return Some(Layout::Documents),
            (Some(layout), None, _) => return Some(layout),
            (None, None, b'[') => return Some(Layout::Documents),
            (None, None, _) => {}
        }
        let end = match memchr::memchr(b'\n', text) {
            Some(end) => end,
            None if self.is_all() => text.len(),
            None => return None,
        };
        let (line, rest) = text.split_at(end);
        Some(match wrong_in(line) {
            // Whole, and nothing beside it.
            None => Layout::Lines,
            Some((at, Reason::Second)) if begins_document(&line[at..]) => Layout::Documents,
            Some((_, reason)) => {
                // A line that is not JSON, or the first of an object that goes over several.
                let next = rest.trim_ascii_start();
                let next = &next[..memchr::memchr(b'\n', next).unwrap_or(next.len())];
                let is_whole = next.starts_with(b"{") && wrong_in(next).is_none();
                let is_closed = reason != Reason::EndsEarly && is_balanced(line);
                match is_whole || is_closed {
                    true => Layout::Lines,
                    false => Layout::Documents,
                }
            }
        })
    }

    /// Whether the first object is a record. False asks for more text.
    fn is_record(&self, start: usize) -> Result<bool, Wrong> {
        let Beginning { text, ended, .. } = *self.begins;
        // The first element of an array may be a page, too.
        let inner = match text[start] {
            b'[' => text[start + 1..].iter().position(|byte| !is_blank(*byte)),
            _ => Some(0),
        };
        let Some(object) = inner.map(|more| match text[start] {
            b'[' => start + 1 + more,
            _ => start,
        }) else {
            return Ok(self.is_all());
        };
        if text[object] != b'{' {
            return Ok(true);
        }
        let outline = Outline::of(&text[object..]);
        let others = outline
            .end
            .map(|end| &text[object + end..])
            .and_then(|rest| {
                let another = rest.iter().any(|b| matches!(b, b'{' | b'['));
                (another || ended).then_some(another)
            });
        let columns = self.form.columns.as_deref().unwrap_or_default();
        let named = |name: &str| {
            let own = |column: &String| column.split(self.form.separator()).next() == Some(name);
            self.expected.named.contains(name) || columns.iter().any(own)
        };
        match outline.judge(Beside {
            others,
            named: &named,
            lines: self.stated == Some(Layout::Lines),
            full: self.is_all(),
        }) {
            Verdict::Record => Ok(true),
            Verdict::Unsure => Ok(false),
            Verdict::Wrapper(message) => Err(Wrong::setting(Place::Byte(object), message)),
        }
    }

    /// Where the records begin to which the path leads. None asks for more text.
    fn records(&self) -> Result<Option<usize>, Wrong> {
        let Beginning { text, ended, .. } = *self.begins;
        let mut cutter = Cutter::new(self.form.path.as_ref());
        let mut at = 0;
        loop {
            let cut = cutter
                .cut(&text[at..], ended)
                .map_err(|error| self.not_there(at, error))?;
            match cut {
                Cut::Skip(more) => at += more,
                Cut::At(0) => {
                    return Err(Wrong::empty("there are no records; nothing was sent"));
                }
                Cut::At(_) => return Ok(Some(at)),
                Cut::None { .. } if text.get(at) == Some(&b'[') => return Ok(Some(at)),
                Cut::None { .. } if self.begins.full => {
                    let message = format!(
                        "the array of records does not begin within {}, the longest record (limits.record)",
                        self.expected.limits.record
                    );
                    return Err(Wrong::data(Place::Byte(at), message));
                }
                Cut::None { .. } => return Ok(None),
            }
        }
    }

    /// The records are not where the path leads.
    fn not_there(&self, from: usize, error: CutError) -> Wrong {
        let place = Place::Byte(from + error.at);
        let message = error.kind.to_string();
        match error.kind {
            CutErrorKind::Records(_) => {
                let start = self.start().unwrap_or_default();
                let hint = Outline::of(&self.begins.text[start..]).hint();
                Wrong::setting(place, message + &hint.unwrap_or_default())
            }
            _ => Wrong::data(place, message),
        }
    }

    /// The columns, by the records that begin there.
    fn columns(&self, layout: Layout, records: usize) -> Result<Option<Header>, Wrong> {
        let separator = self.form.separator();
        let split = |column: &String| -> Vec<String> {
            column.split(separator).map(str::to_owned).collect()
        };
        let stated = self.form.columns.as_deref();
        let is_one_member =
            |columns: &&[String]| !columns.iter().any(|column| column.contains(separator));
        let of_members = stated.filter(is_one_member);
        if let Some(columns) = of_members.filter(|_| !self.has_all_at_once()) {
            let paths: Vec<_> = columns.iter().map(split).collect();
            return Ok(Some(Header::new(layout, self.form, &paths)));
        }
        let nested = Form {
            flatten: Some(separator.to_owned()),
            ..(**self.form).clone()
        };
        let form = if stated.is_some() && of_members.is_none() {
            &nested
        } else {
            &**self.form
        };
        let Some(found) = self.discover(layout, records, form) else {
            return Ok(None);
        };
        let paths = match stated {
            None => self.discovered(layout, records, &found)?,
            Some(columns) => {
                self.all_there(columns, &found)?;
                let path = |column: &String| {
                    let (own, nested) = (vec![column.clone()], split(column));
                    match (found.has(&own), found.has(&nested)) {
                        (true, true) if own != nested => Err(self.ambiguous(records, column)),
                        (true, _) => Ok(own),
                        (false, true) => Ok(nested),
                        (false, false) if self.form.flatten.is_some() => Ok(nested),
                        (false, false) => Ok(own),
                    }
                };
                columns.iter().map(path).collect::<Result<Vec<_>, _>>()?
            }
        };
        Ok(Some(Header::new(layout, self.form, &paths)))
    }

    /// Whether every record has all columns, as those of most tables do: what the first don't have does not come later.
    fn has_all_at_once(&self) -> bool {
        self.form.table.is_some() && self.stated == Some(Layout::Lines)
    }

    /// # Errors
    /// A stated column is not there, and can't come later.
    fn all_there(&self, columns: &[String], found: &Discovered) -> Result<(), Wrong> {
        if found.good == 0 || !self.has_all_at_once() {
            return Ok(());
        }
        let separator = self.form.separator();
        let is_there = |column: &String| {
            let nested: Vec<String> = column.split(separator).map(str::to_owned).collect();
            // What is null may be an object elsewhere.
            found.has(std::slice::from_ref(column))
                || (1..=nested.len()).any(|len| found.has(&nested[..len]))
                || found.paths().iter().any(|path| path.starts_with(&nested))
        };
        let Some(absent) = columns.iter().find(|column| !is_there(column)) else {
            return Ok(());
        };
        let names = found.paths();
        let names = names.iter().map(|path| path.join(separator));
        match Columns::from_header(names).need(absent) {
            Ok(_) => Ok(()),
            Err(absent) => Err(Wrong::setting(
                Place::Line(1),
                format!("source.json.columns: {absent}"),
            )),
        }
    }

    /// Looks at the first records. None asks for more text.
    fn discover(&self, layout: Layout, records: usize, form: &Form) -> Option<Discovered> {
        let text = &self.begins.text[records..];
        let whole = match (self.begins.ended, layout) {
            (false, Layout::Lines) => memchr::memrchr(b'\n', text).map_or(0, |at| at + 1),
            _ => text.len(),
        };
        let seen = String::from_utf8_lossy(&text[..whole]);
        let found = discover::discover(layout, &seen, DISCOVERED_RECORDS, form);
        (self.is_all() || found.records >= DISCOVERED_RECORDS).then_some(found)
    }

    /// The columns that were found.
    fn discovered(
        &self,
        layout: Layout,
        records: usize,
        found: &Discovered,
    ) -> Result<Vec<Vec<String>>, Wrong> {
        let paths = found.paths();
        let separator = self.form.separator();
        let mut names: Vec<_> = paths.iter().map(|path| path.join(separator)).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|two| two[0] == two[1]) {
            return Err(self.ambiguous(records, &twice[0]));
        }
        match paths.is_empty() || found.good == 0 {
            false => Ok(paths),
            true => Err(self.nothing(layout, records, found)),
        }
    }

    fn ambiguous(&self, records: usize, column: &str) -> Wrong {
        let told = match self.expected.named.contains(column) || super::path::is_word(column) {
            true => format!("two members come to the column `{column}`"),
            false => "two members come to the same column".to_owned(),
        };
        let separator = self.form.separator();
        Wrong::setting(
            Place::Byte(records),
            format!(
                "{told}: one has `{separator}` in its own name, and one is a member of an object; state another \
                 separator, as in `json: {{ flatten: \"/\" }}`"
            ),
        )
    }

    /// What to say where there is no column.
    fn nothing(&self, layout: Layout, records: usize, found: &Discovered) -> Wrong {
        let text = &self.begins.text[records..];
        let place = Place::Byte(records);
        if !self.begins.ended && found.records == 0 {
            let limit = self.expected.limits.record;
            return match Cutter::default().wrong_in(text) {
                Some(wrong) if layout == Layout::Documents => {
                    Wrong::data(Place::Byte(records + wrong.at), wrong.kind.to_string())
                }
                _ => Wrong::data(
                    place,
                    format!(
                        "a record that begins here is longer than {limit}, the longest record (limits.record)"
                    ),
                ),
            };
        }
        match found.wrong {
            Some((at, discover::Wrong::Syntax(reason))) => Wrong::data(
                Place::Byte(records + at),
                format!("no record is well-formed JSON, this one among them: {reason}"),
            ),
            Some((at, discover::Wrong::Other(what))) => Wrong::data(
                Place::Byte(records + at),
                format!("expected JSON objects, the records, found {what}"),
            ),
            None if found.records > 0 => Wrong::data(place, "the objects have no members"),
            None if self.form.path.is_some() => {
                Wrong::empty("there are no records; nothing was sent")
            }
            None if layout == Layout::Documents => match Cutter::default().cut(text, true) {
                Err(wrong) => Wrong::data(Place::Byte(records + wrong.at), wrong.kind.to_string()),
                Ok(_) => {
                    Wrong::empty("the JSON array is empty: there are no records; nothing was sent")
                }
            },
            None => Wrong::data(place, "expected one JSON object a line"),
        }
    }
}

/// Whether a document stands next.
fn begins_document(text: &[u8]) -> bool {
    matches!(text.get(between(false, text)), Some(b'{' | b'['))
}

/// Whether all brackets of a text are closed.
fn is_balanced(text: &[u8]) -> bool {
    let mut depth = 0i64;
    for at in crate::text::scan::Brackets::new(text) {
        depth += if matches!(text[at], b'{' | b'[') {
            1
        } else {
            -1
        };
    }
    depth == 0
}

/// The columns of the records in a text, by its first `at_most`; and how many records were looked at.
pub fn discover(layout: Layout, text: &str, at_most: usize, form: &Form) -> (Vec<String>, usize) {
    let found = discover::discover(layout, text, at_most, form);
    let paths = found.paths();
    let names = paths.iter().map(|path| path.join(form.separator()));
    (names.collect(), found.records)
}
