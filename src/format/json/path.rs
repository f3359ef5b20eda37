//! The way to the records: members, one within the other.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::text::unseen::is_invisible;

/// The members that lead to the records, from the outside in: of JSONPath, what has one meaning alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Arc<[String]>);

impl Path {
    /// The members, from the outside in.
    pub(super) fn members(&self) -> Arc<[String]> {
        self.0.clone()
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Path, String> {
        let bad = |why: &str| {
            format!(
                "expected members from the outside in, such as Report_Entry, $.d.results or $[\"a.b\"], found `{text}`: {why}"
            )
        };
        let mut members = Vec::new();
        let mut rest = match text.strip_prefix('$') {
            Some("") => return Err(bad("that is the whole document; leave the setting out")),
            Some(rest) => rest,
            None if text.starts_with(['.', '[']) => {
                return Err(bad("it begins with `$` or a name"));
            }
            None => {
                let (name, rest) = plain(text);
                members.push(name.to_owned());
                rest
            }
        };
        while !rest.is_empty() {
            if rest.starts_with("..") {
                return Err(bad("`..` could be anywhere"));
            } else if let Some(after) = rest.strip_prefix('.') {
                let (name, after) = plain(after);
                members.push(name.to_owned());
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let quoted = after
                    .strip_prefix('"')
                    .and_then(|name| name.split_once("\"]"));
                let quoted = quoted.or(after
                    .strip_prefix('\'')
                    .and_then(|name| name.split_once("']")));
                let Some((name, after)) = quoted else {
                    return Err(bad(
                        "brackets hold a name in quotes; array elements can't be selected: the records are all elements of \
                         one array",
                    ));
                };
                members.push(name.to_owned());
                rest = after;
            } else {
                return Err(bad("a `.` must be between two members"));
            }
        }
        if members.iter().any(String::is_empty) {
            return Err(bad("a name is empty"));
        }
        if text.contains(['*', '?', '(']) && members.iter().any(|m| m.contains(['*', '?', '('])) {
            return Err(bad("it could be in several places"));
        }
        Ok(Path(members.into()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.0))
    }
}

/// A name without quotes, and what follows it.
fn plain(text: &str) -> (&str, &str) {
    text.split_at(text.find(['.', '[']).unwrap_or(text.len()))
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Path {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Path".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["$.Report_Entry", "$.d.results"] })
    }
}

/// Whether a name is one word, as programs name their members.
pub(super) fn is_word(name: &str) -> bool {
    let mut chars = name.chars();
    name.len() <= 64
        && chars
            .next()
            .is_some_and(|c| c.is_alphabetic() || "_@$".contains(c))
        && chars.all(|c| c.is_alphanumeric() || "_-:@$.".contains(c))
}

fn is_unprinted(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// A path as it is written in the pipeline file.
pub(super) fn written(members: &[String]) -> String {
    let mut path = "$".to_owned();
    for member in members {
        match is_word(member) && !member.contains('.') {
            true => path += &format!(".{member}"),
            // What can't be printed is escaped, and so is not for copying.
            false if member.contains(is_unprinted) => path += &format!("[{member:?}]"),
            false if member.contains("\"]") => path += &format!("['{member}']"),
            false => path += &format!("[\"{member}\"]"),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (text, members) in [
            ("Report_Entry", &["Report_Entry"][..]),
            ("$.Report_Entry", &["Report_Entry"]),
            ("$.d.results", &["d", "results"]),
            ("d.results", &["d", "results"]),
            ("$[\"a.b\"].c", &["a.b", "c"]),
            ("$['wd:Report Entry']", &["wd:Report Entry"]),
            ("$.@graph", &["@graph"]),
            ("$['a\"b'].c\\d", &["a\"b", "c\\d"]),
            ("$['a\"]b']", &["a\"]b"]),
        ] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.members()[..], *members, "{text}");
            let again: Path = written(&path.members()).parse().unwrap();
            assert_eq!(again, path);
        }
        for text in [
            "",
            "$",
            "$.",
            ".a",
            "$..a",
            "a..b",
            "$.a[*]",
            "$.a[0]",
            "$.*",
            "$.a[?(@.b)]",
            "$[a]",
            "$['a'",
            "$['a']b",
        ] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
