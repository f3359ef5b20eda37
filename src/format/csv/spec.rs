//! How the pipeline file says what the columns of a CSV file are called.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// Most lines of a header.
const MAX_LINES: u64 = 10;

/// How many lines the header has: a number, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderSpec {
    /// 0 where there is no header.
    pub lines: u32,
}

impl Default for HeaderSpec {
    fn default() -> HeaderSpec {
        HeaderSpec { lines: 1 }
    }
}

impl<'de> Deserialize<'de> for HeaderSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<HeaderSpec, D::Error> {
        struct Lines;

        impl Visitor<'_> for Lines {
            type Value = HeaderSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "`none`, or the number of its lines, from 1 to {MAX_LINES}"
                )
            }

            fn visit_u64<E: serde::de::Error>(self, lines: u64) -> Result<HeaderSpec, E> {
                match lines {
                    1..=MAX_LINES => Ok(HeaderSpec {
                        lines: lines as u32,
                    }),
                    _ => Err(E::invalid_value(
                        serde::de::Unexpected::Unsigned(lines),
                        &self,
                    )),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HeaderSpec, E> {
                match text {
                    "none" => Ok(HeaderSpec { lines: 0 }),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }

        d.deserialize_any(Lines)
    }
}

impl JsonSchema for HeaderSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How many lines the header has: a number, or `none`.",
            "anyOf": [
                { "type": "string", "enum": ["none"] },
                { "type": "integer", "minimum": 1, "maximum": MAX_LINES }
            ],
            "default": 1
        })
    }
}

/// What to do where columns have the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DuplicatesSpec {
    /// The run ends before its first record.
    #[default]
    Error,
    /// The second `Name` is `Name_2`, and so on; where there is a column of that name already, the next number.
    Number,
}

/// How the files of a source are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatchSpec {
    /// All have the same columns, in whatever order.
    #[default]
    Same,
    /// By the names of the columns: what a file lacks is missing in its records.
    Name,
}

/// A delimiter: `tab`, or one ASCII character that ends no line.
pub(crate) fn delimiter(text: &str) -> Option<u8> {
    match text {
        "tab" => Some(b'\t'),
        text => one_ascii(text),
    }
}

/// A delimiter or quote: one ASCII character that ends no line.
pub(crate) fn one_ascii(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [b] if b.is_ascii() && !matches!(b, b'\r' | b'\n' | 0) => Some(*b),
        _ => None,
    }
}
