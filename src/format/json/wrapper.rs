//! Whether the first object of a file is a record, or has the records within it: answers of an API, and reports of
//! Workday, are one object with one array in it. Taken for a record, a whole company would become one item.

use std::collections::HashSet;

use super::grammar::Grammar;
use super::pages;
use super::path::{Path, written};

/// The most members that are looked at.
const MOST_MEMBERS: usize = 10_000;

/// What an object looks like from above: its members, those of the objects within it, and its arrays.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Members whose value is not an object or an array, by the members that lead to them.
    values: Vec<Vec<String>>,
    arrays: Vec<Array>,
    /// Whether the object has come to its end in the text, and where.
    pub(super) end: Option<usize>,
}

/// An array that is not within another one.
#[derive(Debug, Default)]
struct Array {
    path: Vec<String>,
    objects: u64,
    others: u64,
    /// The names of the members of its objects.
    names: HashSet<String>,
}

/// What an object is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Record,
    /// What to say of it.
    Wrapper(String),
    /// More of the text tells.
    Unsure,
}

/// What is known of an object besides its members.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    /// Whether other records stand beside it; none where the text does not tell.
    pub(super) others: Option<bool>,
    /// Names by which the pipeline calls columns.
    pub(super) named: &'a dyn Fn(&str) -> bool,
    /// The pipeline says that every line is a record.
    pub(super) lines: bool,
    /// No more of the text can be had.
    pub(super) full: bool,
}

impl Outline {
    /// Looks at the object that a text begins with, as far as it goes.
    pub(super) fn of(text: &[u8]) -> Outline {
        let mut outline = Outline::default();
        let mut grammar = Grammar::new();
        // The name of the member at each depth.
        let mut names: Vec<String> = Vec::new();
        let mut arrays = 0;
        let mut name = 0;
        for (at, &byte) in text.iter().enumerate() {
            let (was_name, depth) = (grammar.in_name(), grammar.depth());
            let is_value = grammar.expects_value() && !super::is_blank(byte);
            if grammar.step(byte).is_err() {
                break;
            }
            match (was_name, grammar.in_name()) {
                (false, true) => name = at + 1,
                (true, false) => {
                    names.truncate(depth - 1);
                    let quoted = &text[name - 1..=at];
                    names.push(serde_json::from_slice(quoted).unwrap_or_default());
                    outline.name(&names, depth, arrays);
                }
                _ => {}
            }
            if is_value && depth > 0 && byte != b']' {
                outline.value(byte, &names[..names.len().min(depth)], depth, arrays);
            }
            match byte {
                _ if grammar.depth() > depth => arrays += usize::from(byte == b'['),
                _ if grammar.depth() < depth => arrays -= usize::from(byte == b']'),
                _ => {}
            }
            if depth > 0 && grammar.depth() == 0 {
                outline.end = Some(at + 1);
                break;
            }
        }
        outline
    }

    fn value(&mut self, byte: u8, names: &[String], depth: usize, arrays: usize) {
        match (arrays, byte) {
            (0, b'{') => {}
            (0, b'[') if self.arrays.len() < MOST_MEMBERS => self.arrays.push(Array {
                path: names.to_vec(),
                ..Array::default()
            }),
            (0, _) if self.values.len() < MOST_MEMBERS => self.values.push(names.to_vec()),
            // An element of the last array, which is as deep as its path is long, and itself.
            (1, _) => {
                if let Some(array) = self.arrays.last_mut().filter(|a| a.path.len() + 1 == depth) {
                    match byte {
                        b'{' => array.objects += 1,
                        _ => array.others += 1,
                    }
                }
            }
            _ => {}
        }
    }

    /// A member's name has come.
    fn name(&mut self, names: &[String], depth: usize, arrays: usize) {
        if arrays == 1
            && let Some(array) = self.arrays.last_mut()
            && array.path.len() + 2 == depth
            && array.names.len() < MOST_MEMBERS
            && let Some(name) = names.last()
        {
            array.names.insert(name.clone());
        }
    }

    /// Whether the object is a record.
    pub(super) fn judge(&self, beside: Beside<'_>) -> Verdict {
        // Values that say nothing of the other ones, such as the number of a page.
        let values: Vec<_> = self
            .values
            .iter()
            .filter(|path| !is_about_the_page(path))
            .collect();
        let (mut objects, mut empty) = (None::<&Array>, None);
        for array in &self.arrays {
            match (array.objects, array.others) {
                (1.., 0) if objects.is_none_or(|most| most.objects < array.objects) => {
                    objects = Some(array);
                }
                (0, 0) => empty = Some(array),
                _ => {}
            }
        }
        let is_whole = self.end.is_some();
        // An array of nothing may become an array of objects tomorrow.
        let empty = empty.filter(|_| is_whole && values.is_empty() && self.arrays.len() == 1);
        let Some(array) = objects.or(empty) else {
            return Verdict::Record;
        };
        if values.is_empty() {
            return Verdict::Wrapper(self.wrapper(array, false));
        }
        if beside.lines || beside.others == Some(true) {
            return Verdict::Record;
        }
        if (!is_whole || beside.others.is_none()) && !beside.full {
            return Verdict::Unsure;
        }
        let own = self.values.iter().filter(|path| path.len() == 1);
        let own = own.filter(|path| (beside.named)(&path[0])).count();
        let within = array
            .names
            .iter()
            .filter(|name| (beside.named)(name))
            .count();
        match own > within {
            true => Verdict::Record,
            false => Verdict::Wrapper(self.wrapper(array, true)),
        }
    }

    fn wrapper(&self, array: &Array, or_record: bool) -> String {
        let count = match (self.end.is_some(), array.objects) {
            (false, _) => "objects".to_owned(),
            (true, 1) => "1 object".to_owned(),
            (true, count) => format!("{count} objects"),
        };
        let path = written(&array.path);
        let others: Vec<_> = (self.arrays.iter())
            .filter(|other| other.objects > 0 && other.path != array.path)
            .map(|other| format!("`{}`", written(&other.path)))
            .collect();
        let others = match others.is_empty() {
            true => String::new(),
            false => format!("; {} holds objects, too", others.join(", ")),
        };
        let (what, or_record) = match or_record {
            true => (
                "the file is one object, and its member",
                "; where the object is itself the record, name its members in source.json.columns",
            ),
            false => ("this is not a record: its member", ""),
        };
        format!(
            "{what} `{}` holds {count}; where they are the records, set source.json.path: {path}{others}{or_record}",
            path.trim_start_matches("$.")
        )
    }

    /// Where objects stand in an array, in words: behind what is wrong with a stated path.
    pub(super) fn hint(&self) -> Option<String> {
        let array = self.arrays.iter().max_by_key(|array| array.objects)?;
        (array.objects > 0).then(|| format!("; `{}` holds objects", written(&array.path)))
    }
}

/// The ways to what may be the records of a text, if the object that it begins with is no record, but holds them in its
/// members: first to those that are the most.
pub(crate) fn records_within(text: &[u8]) -> Vec<Path> {
    let begins = |byte: &u8| !matches!(byte, b'[') && !super::is_blank(*byte);
    let Some(at) = text.iter().position(begins) else {
        return Vec::new();
    };
    let outline = Outline::of(&text[at..]);
    let records = outline
        .arrays
        .iter()
        .filter(|array| array.objects > 0 && array.others == 0);
    let mut records: Vec<&Array> = records.collect();
    records.sort_by_key(|array| std::cmp::Reverse(array.objects));
    let paths = records
        .iter()
        .map(|array| written(&array.path).parse().ok());
    paths.flatten().collect()
}

/// Whether a member tells of a page and not of a person, by its own name or that of an object around it.
fn is_about_the_page(path: &[String]) -> bool {
    path.iter().any(|name| {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        pages::is_sign(name) || ABOUT_THE_PAGE.contains(&plain.as_str())
    })
}

/// Names of members that tell of a page, in small letters without punctuation.
const ABOUT_THE_PAGE: &[&str] = &[
    "code",
    "context",
    "correlationid",
    "count",
    "currentpage",
    "error",
    "errors",
    "etag",
    "first",
    "generated",
    "generatedat",
    "href",
    "itemsperpage",
    "kind",
    "limit",
    "link",
    "links",
    "maxresults",
    "message",
    "meta",
    "metadata",
    "number",
    "numberofelements",
    "odatacontext",
    "odatacount",
    "odatametadata",
    "offset",
    "page",
    "pageinfo",
    "pagenumber",
    "pages",
    "pagesize",
    "pagination",
    "paging",
    "perpage",
    "prev",
    "previous",
    "previouslink",
    "previouspage",
    "requestid",
    "schemas",
    "self",
    "size",
    "start",
    "startat",
    "startindex",
    "status",
    "success",
    "timestamp",
    "total",
    "totalcount",
    "totalelements",
    "totalitems",
    "totalpages",
    "totalrecords",
    "totalresults",
    "totalsize",
    "traceid",
    "version",
];
