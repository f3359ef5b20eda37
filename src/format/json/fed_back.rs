//! Rejects files of JSON sources that are fed back in: how they are known, and the records as the source had them.
//!
//! Such a file has one object a line: what is said of the row, and behind it the row's own members. Programs that save
//! it again may make an array of it, or lay its objects out over several lines. Before a block of it is parsed, what is
//! said of its rows is taken out, so that the parser sees the records of the source.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::grammar::wrong_in;
use super::{Layout, between};
use crate::text::scan::{Brackets, count_lines};

/// The member with the text of a record that is not an object.
pub(crate) const RAW: &str = "_raw";

/// The member with the names of the source's columns, in their order: no row has all of them where none is alike.
pub(crate) const COLUMNS: &str = "_columns";

/// Objects looked at to find out whether they are those of a rejects file.
const OBJECTS: usize = 1000;

/// The beginning of a rejects file.
#[derive(Debug)]
pub(crate) struct FedBack {
    /// The text without what is said of the rows.
    pub(crate) text: Vec<u8>,
    /// How its objects stand.
    pub(crate) layout: Layout,
    /// The source's columns, where the file tells them.
    pub(crate) columns: Option<Vec<String>>,
}

/// Whether a text begins as a rejects file does: an object of it has all the members that are `added`. None where it
/// does not, or where its first object goes on behind the text.
pub(crate) fn known(text: &[u8], ended: bool, added: &[&str]) -> Option<FedBack> {
    let last = added.last()?;
    memchr::memmem::find(text, last.as_bytes())?;
    let is_array = first_byte(text) == Some(b'[');
    let whole = match is_array || ended {
        true => text,
        false => &text[..memchr::memrchr(b'\n', text)? + 1],
    };
    let in_lines = || whole.split(|b| *b == b'\n').take(OBJECTS);
    if !is_array && let Some(columns) = columns_of_ours(in_lines, added) {
        return Some(FedBack {
            columns,
            text: restored(text, Layout::Lines, added),
            layout: Layout::Lines,
        });
    }
    let objects = objects(whole);
    let in_documents = || objects.iter().take(OBJECTS).map(|at| &whole[at.clone()]);
    let columns = columns_of_ours(in_documents, added)?;
    Some(FedBack {
        columns,
        text: restored(text, Layout::Documents, added),
        layout: Layout::Documents,
    })
}

/// The columns that objects tell, if they tell them; nothing where none of the objects is one of a rejects file.
fn columns_of_ours<'t, I: Iterator<Item = &'t [u8]>>(
    objects: impl Fn() -> I,
    added: &[&str],
) -> Option<Option<Vec<String>>> {
    let is_ours = |object: &[u8]| {
        members(&same_length(object)).is_some_and(|own| {
            let has = |name: &&str| own.iter().any(|member| member.name == **name);
            added.iter().all(has)
        })
    };
    objects().any(is_ours).then(|| objects().find_map(columns))
}

/// What an object says of the columns.
fn columns(object: &[u8]) -> Option<Vec<String>> {
    let text = same_length(object);
    let own = members(&text)?;
    let told = own.iter().find(|member| member.name == COLUMNS)?;
    serde_json::from_str(&text[told.value.clone()]).ok()
}

fn first_byte(text: &[u8]) -> Option<u8> {
    text.get(between(false, text)).copied()
}

/// The whole objects of documents, and of arrays of them. The text begins between documents, or behind an element.
fn objects(text: &[u8]) -> Vec<Range<usize>> {
    let within = matches!(first_byte(text), Some(b',' | b']'));
    let (mut depth, mut in_array) = (usize::from(within), within);
    let mut found = Vec::new();
    let mut start = None;
    for at in Brackets::new(text) {
        if matches!(text[at], b'{' | b'[') {
            in_array = if depth == 0 {
                text[at] == b'['
            } else {
                in_array
            };
            if depth == usize::from(in_array) {
                start = (text[at] == b'{').then_some(at);
            }
            depth += 1;
        } else {
            depth = depth.saturating_sub(1);
            if depth == usize::from(in_array)
                && let Some(start) = start.take()
            {
                found.push(start..at + 1);
            }
        }
    }
    found
}

/// The records of a rejects file as the source had them: each stays on its line.
pub(crate) fn restored(text: &[u8], layout: Layout, added: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    match layout {
        Layout::Lines => {
            for line in text.split_inclusive(|b| *b == b'\n') {
                let (line, end) = match line.strip_suffix(b"\n") {
                    Some(line) => (line, &b"\n"[..]),
                    None => (line, &b""[..]),
                };
                restore(line, added, &mut out, |raw| Some(raw.to_owned()));
                out.extend_from_slice(end);
            }
        }
        Layout::Documents => {
            let mut from = 0;
            for object in objects(text) {
                out.extend_from_slice(&text[from..object.start]);
                restore(&text[object.clone()], added, &mut out, element);
                from = object.end;
            }
            out.extend_from_slice(&text[from..]);
        }
    }
    out
}

/// The text of what was not an object, where it can stand beside other documents: one that would take along what
/// comes after it can't, and is a text there.
fn element(raw: &[u8]) -> Option<Vec<u8>> {
    let alone = [raw, b"{}"].concat();
    let stands_alone = match raw.first() {
        Some(b'{') => objects(&alone).first() == Some(&(0..raw.len())),
        _ => wrong_in(raw).is_none(),
    };
    stands_alone.then(|| raw.to_owned())
}

/// An object as the source had it. `stand` makes of the text of what was not an object what can stand in its place;
/// where nothing can, that is the text as JSON writes it.
fn restore(line: &[u8], added: &[&str], out: &mut Vec<u8>, stand: fn(&[u8]) -> Option<Vec<u8>>) {
    let text = same_length(line);
    let Some(mut own) = members(&text) else {
        return out.extend_from_slice(line);
    };
    let all = own.len();
    // Only the first of each name is ours: the source may have such members, too.
    for name in added.iter().chain(&[COLUMNS]) {
        if let Some(at) = own.iter().position(|member| member.name == *name) {
            own.remove(at);
        }
    }
    let begun = out.len();
    match &own[..] {
        [only] if only.name == RAW && text[only.value.clone()].starts_with('"') => {
            let written = &line[only.value.clone()];
            let raw = unescaped(&written[1..written.len() - 1]);
            if raw.trim_ascii().is_empty() {
                return out.extend_from_slice(line);
            }
            // A line end would make two records of it; this is no more allowed within texts, and no less elsewhere.
            let raw: Vec<u8> = (raw.iter())
                .map(|b| if *b == b'\n' { b'\r' } else { *b })
                .collect();
            match stand(&raw) {
                Some(raw) => out.extend_from_slice(&raw),
                None => out.extend_from_slice(written),
            }
        }
        own if own.len() == all => return out.extend_from_slice(line),
        own => {
            for (at, member) in own.iter().enumerate() {
                out.push(if at == 0 { b'{' } else { b',' });
                out.extend_from_slice(&line[member.whole.clone()]);
            }
            out.extend_from_slice(if own.is_empty() { b"{}" } else { b"}" });
        }
    }
    // What comes after it stays on its line.
    let missing = count_lines(line) - count_lines(&out[begun..]);
    out.extend(std::iter::repeat_n(b'\n', missing as usize));
}

/// What the text between the quotes of a JSON string stands for. Bytes that are not UTF-8 stay as they are.
fn unescaped(written: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(written.len());
    for chunk in written.utf8_chunks() {
        match serde_json::from_str::<String>(&format!("\"{}\"", chunk.valid())) {
            Ok(text) => out.extend_from_slice(text.as_bytes()),
            Err(_) => out.extend_from_slice(chunk.valid().as_bytes()),
        }
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// Bytes as a text of the same length: what is not UTF-8 is shown as question marks.
fn same_length(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// The names of a record's members, if it is one whole JSON object.
pub(crate) fn names(record: &[u8]) -> Option<Vec<String>> {
    let own = members(&same_length(record))?;
    Some(own.into_iter().map(|member| member.name).collect())
}

/// A row of a rejects file, taken apart.
#[cfg(feature = "xlsx")]
pub(crate) struct Apart<'l> {
    /// What is said of it, in the order in which that is `added`.
    pub(crate) said: Vec<Cow<'l, str>>,
    /// The source's columns, where the row tells them.
    pub(crate) columns: Option<Vec<String>>,
    /// Its own members, with their values as they are written.
    pub(crate) own: Vec<(String, &'l str)>,
}

/// Takes a row apart; nothing where it is not one object.
#[cfg(feature = "xlsx")]
pub(crate) fn apart<'l>(line: &'l str, added: &[&str]) -> Option<Apart<'l>> {
    let mut own = members(line)?;
    let mut take = |name: &str| {
        let at = own.iter().position(|member| member.name == name)?;
        Some(&line[own.remove(at).value])
    };
    let said = |value: &'l str| match serde_json::from_str(value) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(value),
    };
    let said = added
        .iter()
        .map(|name| take(name).map_or(Cow::Borrowed(""), said));
    let said = said.collect();
    let columns = take(COLUMNS).and_then(|told| serde_json::from_str(told).ok());
    let own = own
        .into_iter()
        .map(|member| (member.name, &line[member.value]));
    Some(Apart {
        said,
        columns,
        own: own.collect(),
    })
}

/// A member of an object, and where it stands in the text.
struct Member {
    name: String,
    /// Name and value, without the comma before them.
    whole: Range<usize>,
    value: Range<usize>,
}

/// The members of a text that is one object; none where it is not.
fn members(text: &str) -> Option<Vec<Member>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = deserializer.deserialize_map(Members { text }).ok()?;
    deserializer.end().ok()?;
    Some(found)
}

struct Members<'t> {
    text: &'t str,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<Member>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Member>, A::Error> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(name) = map.next_key::<String>()? {
            let value: &'de RawValue = map.next_value()?;
            // The value is a slice of the text, so its place is the distance of their beginnings.
            let start = value.get().as_ptr() as usize - self.text.as_ptr() as usize;
            let end = start + value.get().len();
            // Before the name stands a brace or a comma, and blanks on both sides of it.
            let before = self.text[from..start]
                .find(['{', ','])
                .map_or(0, |at| at + 1);
            found.push(Member {
                name,
                whole: from + before..end,
                value: start..end,
            });
            from = end;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED: &[&str] = &["_file", "_line", "_message"];

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let out = restored(line.as_bytes(), Layout::Lines, ADDED);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn what_is_said_of_a_row_is_taken_out() {
        let said = r#""_file":"w","_line":1,"_message":"m""#;
        check(
            &format!("{{{said},\"id\":1.50,\"x\":null}}\n"),
            "{\"id\":1.50,\"x\":null}\n",
        );
        // In any order, with blanks, and with members of one name.
        check(
            "{ \"id\" : 1 , \"_line\":1, \"_message\":\"}, {\",\"_file\":\"w\" ,\"id\":\"a,b\"}",
            "{ \"id\" : 1,\"id\":\"a,b\"}",
        );
        // The source's own member of such a name is the second.
        check(&format!("{{{said},\"_file\":2}}"), "{\"_file\":2}");
        check(&format!("{{{said}}}"), "{}");
        check(
            &format!("{{{said},\"_columns\":[\"id\"],\"id\":1}}"),
            "{\"id\":1}",
        );
        // A row that was put there by hand, and what is not JSON, stay as they are.
        check("{\"id\": 1}", "{\"id\": 1}");
        check("{\"id\": }\n\n", "{\"id\": }\n\n");
    }

    #[test]
    fn the_text_of_what_is_not_an_object_comes_back() {
        let said = r#""_file":"w","_line":1,"_message":"m""#;
        let check = |raw: &str, expected: &[u8]| {
            let line = format!("{{{said},\"_raw\":{raw}}}\n");
            assert_eq!(restored(line.as_bytes(), Layout::Lines, ADDED), expected);
        };
        check(r#""{\"id\": 01}""#, b"{\"id\": 01}\n");
        check(r#""{\"id\":\"a\nb\"}""#, b"{\"id\":\"a\rb\"}\n");
        check(r#""\u00e4\u0001""#, "ä\u{1}\n".as_bytes());
        // Nothing would be a blank line, which is passed over.
        check(r#"" ""#, format!("{{{said},\"_raw\":\" \"}}\n").as_bytes());
        check("7", b"{\"_raw\":7}\n");
        let line =
            [&b"{\"_file\":1,\"_line\":1,\"_message\":1,\"_raw\":\"\\\"M\xfcl\\n\"}"[..]].concat();
        assert_eq!(restored(&line, Layout::Lines, ADDED), b"\"M\xfcl\r");
    }

    #[test]
    fn a_rejects_file_is_known_by_any_of_its_first_lines() {
        let ours =
            "{\"_file\":\"w\",\"_line\":1,\"_message\":\"m\",\"_columns\":[\"a\",\"b\"],\"a\":1}\n";
        let known = |text: &str, ended| known(text.as_bytes(), ended, ADDED);
        let found = known(ours, false).unwrap();
        assert_eq!(found.text, b"{\"a\":1}\n");
        assert_eq!(found.columns.unwrap(), ["a", "b"]);
        assert!(known(ours.trim(), false).is_none());
        assert!(known(ours.trim(), true).is_some());
        assert!(known(&format!("{{\"a\":2}}\n\n{ours}"), false).is_some());
        assert!(known("{\"_file\":1,\"_line\":2}\n", true).is_none());
        assert!(known("{\"a\":{\"_file\":1,\"_line\":2,\"_message\":3}}\n", true).is_none());
    }

    #[test]
    fn one_that_was_saved_as_an_array_is_known_too() {
        let said = r#""_file":"w","_line":1,"_message":"m","_columns":["a","b"]"#;
        let known = |text: &str, ended| known(text.as_bytes(), ended, ADDED);
        for (text, expected) in [
            (
                format!("[{{{said},\"a\":1}},{{\"a\":\"}}\"}}]"),
                "[{\"a\":1},{\"a\":\"}\"}]",
            ),
            (
                format!("\u{feff} [\n  {{{said},\"a\":1}}\n]\n"),
                "\u{feff} [\n  {\"a\":1}\n]\n",
            ),
            (
                format!("{{\n{said},\n\"a\":1\n}}\n{{\n{said}}}\n"),
                "{\n\"a\":1}\n\n\n{}\n\n",
            ),
        ] {
            let found = known(&text, true).unwrap();
            assert_eq!(String::from_utf8_lossy(&found.text), expected);
            assert_eq!(found.layout, Layout::Documents);
            assert_eq!(found.columns.unwrap(), ["a", "b"]);
        }
        assert!(known(&format!("[{{{said}"), false).is_none());
        assert!(known(&format!("[{{{said}}},{{\"a"), false).is_some());
        assert!(known("[{\"a\":{\"_file\":1,\"_line\":2,\"_message\":3}}]", true).is_none());
    }

    #[test]
    fn within_an_array_nothing_takes_along_what_comes_after_it() {
        let said = r#""_file":"w","_line":1,"_message":"m""#;
        let check = |raw: &str, expected: &str| {
            let block = format!(",\n{{{said},\"_raw\":{raw}}},{{\"a\":1}}]");
            let out = restored(block.as_bytes(), Layout::Documents, ADDED);
            let expected = format!(",\n{expected},{{\"a\":1}}]");
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check(r#""{\"id\": 01}""#, r#"{"id": 01}"#);
        check(r#""7""#, "7");
        check(r#""{\"id\": 1""#, r#""{\"id\": 1""#);
        check(r#""{\"id\": \"1}""#, r#""{\"id\": \"1}""#);
        check(r#""], [""#, r#""], [""#);
        check(r#""{}}""#, r#""{}}""#);
    }
}
