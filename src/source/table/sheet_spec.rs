//! What the pipeline file says of workbooks.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::format::csv::spec::DuplicatesSpec;
use crate::settings::pattern::Pattern;
use crate::text::scan::Quoting;

/// A sheet of a workbook: its name, or its number from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SheetSpec {
    Name(String),
    Number(u32),
}

impl<'de> Deserialize<'de> for SheetSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<SheetSpec, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = SheetSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a sheet, or its number, from 1")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<SheetSpec, E> {
                match u32::try_from(number) {
                    Ok(number @ 1..) => Ok(SheetSpec::Number(number)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<SheetSpec, E> {
                match name {
                    "" => Err(E::invalid_value(Unexpected::Str(name), &self)),
                    name => Ok(SheetSpec::Name(name.to_owned())),
                }
            }
        }

        d.deserialize_any(Either)
    }
}

impl JsonSchema for SheetSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SheetSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A sheet of a workbook: its name, or its number from 1.",
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "integer", "minimum": 1 }
            ]
        })
    }
}

/// What is said of a workbook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkbookSpec {
    /// The sheet that is read; without it, the only one that has something in it.
    pub sheet: Option<SheetSpec>,
    pub xlsx: XlsxSpec,
    /// How cells are quoted of the table that a workbook of rejects was made of.
    pub quoting: Quoting,
    /// Rows that were put right are read: a sheet of rejects is what is meant, whatever is stated.
    pub mended: bool,
}

/// How a sheet of a workbook is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct XlsxSpec {
    /// The row that has the names of the columns, from 1. Without it: the first row in which most columns have text,
    /// behind rows of titles.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub header_row: Option<u32>,
    /// How the first filled cell of a row of totals begins. The closing run of such rows are no records.
    pub footer: Option<Pattern>,
    /// What becomes of cells that hold an error, such as `#N/A` and `#REF!`.
    pub errors: Errors,
    /// What to do where columns have the same name.
    pub duplicate_names: DuplicatesSpec,
}

/// What becomes of cells that hold an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Errors {
    /// The row is rejected.
    #[default]
    Reject,
    /// The cell is read as empty.
    Empty,
    /// The cell has the text that it shows.
    Text,
}
