//! How the pipeline file says that a CSV file is written: a source, or a table of a stage.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

use super::header::{Delimiter, Form};
use super::names::Naming;
use crate::settings::pattern::Pattern;
use crate::text::scan::Quoting;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DuplicatesSpec {
    /// The run ends before its first record.
    #[default]
    Error,
    /// The second `Name` is `Name_2`, and so on; where there is a column of that name already, the next number.
    Number,
}

/// How the files of a source are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatchSpec {
    /// All have the same columns, in whatever order.
    #[default]
    Same,
    /// By the names of the columns: what a file lacks is missing in its records.
    Name,
}

/// What `quote` and `escape` say where there is none.
pub(crate) const NO_CHARACTER: &str = "none";

/// How CSV is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvSpec {
    /// Between cells: one ASCII character, or `tab`. Without it: what a first line such as `sep=;` says, or a comma, or a
    /// tab (see `format`).
    pub delimiter: Option<String>,
    /// Around cells, and doubled within them: one ASCII character. With `none` a quote is a character like any other.
    pub quote: String,
    /// `none`, or one ASCII character that takes the meaning from what follows it: a quote, a delimiter, a line end or
    /// itself (`\"` is a quote and `\\` a backslash where it is a backslash). Before anything else it stands for itself.
    pub escape: String,
    /// Whether a quoted cell may span lines. With `false`, a quote that is never closed costs its own line alone.
    pub multiline: bool,
    /// What to do with a record of too many or too few cells.
    pub ragged: Ragged,
    /// Lines before the header that are not part of the table.
    pub skip_lines: u32,
    /// Lines of the header: `none` where there is none, else a number. What several lines say of a column is joined by
    /// a blank.
    pub header: HeaderSpec,
    /// The names of the columns, in place of those in the header; an empty one leaves its column out.
    pub columns: Option<Vec<String>>,
    /// What to do where columns have the same name.
    pub duplicate_names: DuplicatesSpec,
    /// How the files of a source are put together.
    #[serde(rename = "match")]
    pub matching: MatchSpec,
    /// What the lines at the end of a file look like that are no records, such as `^(Grand Total|Page )`. Blank lines
    /// between them are passed over, too.
    pub footer: Option<Pattern>,
    /// What the lines begin with that are remarks, where a record may begin: one ASCII character such as `#`.
    pub comment: Option<String>,
}

impl Default for CsvSpec {
    fn default() -> Self {
        CsvSpec {
            delimiter: None,
            quote: "\"".into(),
            escape: NO_CHARACTER.into(),
            multiline: true,
            ragged: Ragged::Reject,
            skip_lines: 0,
            header: HeaderSpec::default(),
            columns: None,
            duplicate_names: DuplicatesSpec::default(),
            matching: MatchSpec::default(),
            footer: None,
            comment: None,
        }
    }
}

/// What to do with a record of too many or too few cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ragged {
    /// Reject the row.
    #[default]
    Reject,
    /// Take missing cells for empty, and leave out empty cells that are too many; a record with a value in one of these is
    /// rejected.
    Pad,
    /// End the run.
    Error,
}

/// A setting of [`CsvSpec`] that can't be meant.
pub(crate) struct Wrong {
    /// Its path within the settings.
    pub(crate) setting: String,
    pub(crate) message: &'static str,
    /// What to do about it, which may be nothing.
    pub(crate) help: &'static str,
}

const SAME: &str = "delimiter and quote are the same character";

impl CsvSpec {
    /// What stands between cells, where that is stated.
    pub(crate) fn delimiter(&self) -> Option<u8> {
        self.delimiter.as_deref().and_then(delimiter)
    }

    /// How cells are quoted.
    pub(crate) fn quoting(&self) -> Quoting {
        Quoting {
            quote: one_ascii(&self.quote),
            escape: one_ascii(&self.escape),
            multiline: self.multiline,
        }
    }

    /// How a file is written of which this is stated.
    pub(crate) fn form(&self, unless_stated: Delimiter) -> Form {
        Form {
            delimiter: self.delimiter().map_or(unless_stated, Delimiter::Stated),
            quoting: self.quoting(),
            comment: self.comment.as_deref().and_then(one_ascii),
            skip_lines: self.skip_lines,
            naming: Naming {
                lines: self.header.lines,
                columns: self.columns.as_deref().map(Into::into),
                number: self.duplicate_names == DuplicatesSpec::Number,
                by_name: self.matching == MatchSpec::Name,
            },
        }
    }

    /// What can't be meant. Cells are separated by `unless_stated` where nothing is said of that.
    pub(crate) fn wrong(&self, unless_stated: u8) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut found = |setting: &str, message, help| {
            wrong.push(Wrong {
                setting: setting.to_owned(),
                message,
                help,
            });
        };
        let Quoting { quote, escape, .. } = self.quoting();
        let between = self.delimiter().unwrap_or(unless_stated);
        if self.delimiter.is_some() && self.delimiter().is_none() {
            found("delimiter", "expected one ASCII character, or `tab`", "");
        }
        for (setting, text, byte) in [
            ("quote", &self.quote, quote),
            ("escape", &self.escape, escape),
        ] {
            if text != NO_CHARACTER && byte.is_none() {
                found(setting, "expected one ASCII character, or `none`", "");
            }
        }
        if quote == Some(between) {
            match self.delimiter() {
                Some(_) => found("delimiter", SAME, ""),
                None => found("quote", SAME, ""),
            }
        }
        if escape == Some(between) {
            found("escape", "delimiter and escape are the same character", "");
        }
        if escape.is_some() && escape == quote {
            found(
                "escape",
                "escape and quote are the same character",
                "leave `escape` out: two quotes in a quoted cell are one without it",
            );
        } else if escape.is_some() && self.quote == NO_CHARACTER {
            found(
                "escape",
                "`escape` cannot be combined with `quote: none`: there are no quoted cells",
                "leave one of them out",
            );
        }
        if let Some(message) = self.wrong_comment() {
            found("comment", message, "");
        }
        if self
            .footer
            .as_ref()
            .is_some_and(|footer| footer.is_match(""))
        {
            found(
                "footer",
                "this pattern matches every line",
                "begin it with `^` and what a line of the footer begins with",
            );
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        if self.columns.is_some() && columns.iter().all(String::is_empty) {
            found("columns", "expected at least one column", "");
        }
        for (at, column) in columns.iter().enumerate() {
            if !column.is_empty() && columns[..at].contains(column) {
                found(&format!("columns.{at}"), "this column is named twice", "");
            }
        }
        wrong
    }

    /// What is wrong with what remarks begin with: records must not.
    fn wrong_comment(&self) -> Option<&'static str> {
        let found = one_ascii(self.comment.as_deref()?).filter(u8::is_ascii_punctuation);
        let Quoting { quote, escape, .. } = self.quoting();
        match found {
            None => Some(
                "expected one ASCII character that is not a letter, a digit or a blank, such as `#`",
            ),
            Some(_) if found == quote => Some("comment and quote are the same character"),
            Some(_) if found == escape => Some("comment and escape are the same character"),
            Some(comment) if Some(comment) == self.delimiter().or(Some(b',')) => {
                Some("comment and delimiter are the same character")
            }
            Some(_) => None,
        }
    }
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
