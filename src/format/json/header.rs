//! The header of a JSON source: its columns are the members of its first objects, unless they are stated.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};

use super::Layout;
use crate::format::beginning::{Beginning, Begun, Expected, Place, Wrong};

/// Records looked at for the columns, unless they are stated.
const DISCOVERED_RECORDS: usize = 1000;

/// How the objects of a JSON source stand, and what their members are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) names: Arc<[Arc<str>]>,
    pub(crate) layout: Layout,
    /// It is a rejects file: what is said of its rows is not read.
    pub(crate) fed_back: bool,
}

/// Finds the columns. None asks for more text. `first` is the header of the source's first file, where this is another:
/// all have the columns of the first.
pub(crate) fn header(
    expected: &Expected<'_>,
    layout: Layout,
    stated: Option<&[String]>,
    begins: &Beginning<'_>,
    first: Option<&Arc<[Arc<str>]>>,
) -> Result<Option<Begun<Header>>, Wrong> {
    let names = match (first, stated) {
        (Some(first), _) => first.clone(),
        (None, Some(stated)) => shared(stated),
        (None, None) => match members(expected, layout, begins)? {
            Some(names) => shared(&names),
            None => return Ok(None),
        },
    };
    if let Some(message) = expected.too_many(names.len()) {
        return Err(Wrong::data(Place::Line(1), message));
    }
    Ok(Some(Begun {
        header: Header {
            names,
            layout,
            fed_back: false,
        },
        at: 0,
        line: 1,
    }))
}

fn shared(names: &[String]) -> Arc<[Arc<str>]> {
    names.iter().map(|name| Arc::from(name.as_str())).collect()
}

/// The members of the first records.
fn members(
    expected: &Expected<'_>,
    layout: Layout,
    begins: &Beginning<'_>,
) -> Result<Option<Vec<String>>, Wrong> {
    let text = begins.text;
    let whole = match (begins.ended, layout) {
        (false, Layout::Lines) => memchr::memrchr(b'\n', text).map_or(0, |at| at + 1),
        _ => text.len(),
    };
    let mut names = Vec::new();
    let seen = String::from_utf8_lossy(&text[..whole]);
    let count = discover(layout, &seen, DISCOVERED_RECORDS, &mut names);
    if !begins.ended && !begins.full && count < DISCOVERED_RECORDS {
        return Ok(None);
    }
    if !names.is_empty() {
        return Ok(Some(names));
    }
    let Some(start) = text.iter().position(|b| !b.is_ascii_whitespace()) else {
        return Err(Wrong::empty("the file is empty"));
    };
    let place = Place::Byte(start);
    if !begins.ended && count == 0 {
        return Err(Wrong::data(place, too_long(expected)));
    }
    if layout == Layout::Array && is_empty_array(&text[start..]) {
        let message = "the JSON array is empty: there are no records; nothing was sent";
        return Err(Wrong::empty(message));
    }
    Err(match not_objects(layout, &text[start..]) {
        (message, true) => Wrong::setting(place, message),
        (message, false) => Wrong::data(place, message),
    })
}

fn too_long(expected: &Expected<'_>) -> String {
    format!(
        "a record that begins here is longer than {}, the longest record (limits.record)",
        expected.limits.record
    )
}

fn is_empty_array(text: &[u8]) -> bool {
    text.strip_prefix(b"[")
        .is_some_and(|rest| rest.trim_ascii() == b"]")
}

/// What stands where JSON objects are expected, by its beginning, and whether a setting mends it.
fn not_objects(layout: Layout, text: &[u8]) -> (&'static str, bool) {
    match (layout, text.first()) {
        (Layout::Lines, Some(b'[')) => (
            "expected one JSON object a line, found an array; set source.format to json",
            true,
        ),
        (Layout::Lines, Some(b'{')) => (
            "no line holds a whole JSON object; objects of several lines must stand in an array",
            false,
        ),
        (Layout::Lines, _) => ("expected one JSON object a line", false),
        (Layout::Array, Some(b'{')) => (
            "expected a JSON array, found an object; for one object a line set source.format to ndjson",
            true,
        ),
        (Layout::Array, Some(b'[')) => {
            ("no object with members was found in the JSON array", false)
        }
        (Layout::Array, _) => ("expected a JSON array of objects", false),
    }
}

/// Adds the member names of the objects in `text` to `names`, in the order in which they first come, and
/// returns how many objects were read. What can't be read is passed over: the parser will say it better.
pub fn discover(layout: Layout, text: &str, at_most: usize, names: &mut Vec<String>) -> usize {
    let mut known: HashSet<String> = names.iter().cloned().collect();
    let mut take = |object: MemberNames| {
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
                    serde_json::Deserializer::from_str(rest).into_iter::<MemberNames>();
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
struct MemberNames(Vec<String>);

impl<'de> serde::Deserialize<'de> for MemberNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = MemberNames;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MemberNames, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                    names.push(name);
                }
                Ok(MemberNames(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
