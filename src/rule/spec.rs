//! The rules as the pipeline file says them.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::hierarchy::HierarchiesSpec;
use crate::settings::short::word_or_map;
use crate::settings::units::Amount;
use crate::text::decimal::Number;

/// The stage in a fault that a rule finds.
pub(crate) const STAGE: &str = "validate";

/// What every record, and the whole file, must satisfy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ValidateSpec {
    /// The column whose value is unique in the whole file and never empty, by its name or as
    /// `{ column: NAME, keep: none | first | last, ignore_case: true }`. Keys are compared as they look: invisible
    /// characters, the kind of a blank and how accents are composed make no difference.
    pub key: Option<KeySpec>,
    /// Rules of single columns, by the name they have after the stages.
    pub columns: IndexMap<String, ColumnRules>,
    /// Assertions across columns.
    pub rows: Vec<RowRule>,
    /// Who reports to whom, by one column or by several: `{ parent: managerID }`, or a list of such.
    pub hierarchy: HierarchiesSpec,
    /// Columns that tell a person whatever the id: `{ columns: [lastName, dateOfBirth] }`. With a difference, whoever
    /// arrives and has there what somebody has who leaves is told of, by line: the same person under a new id, mostly.
    pub rehires: Option<RehiresSpec>,
}

/// How somebody is known who has another id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehiresSpec {
    /// The columns, after the stages, that have to be the same, and that are sent. Who has an empty cell in one of them
    /// is not compared.
    pub columns: Vec<String>,
}

/// The column of the key, and what to do with rows that share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The column's name, after the stages.
    pub column: String,
    /// Which of several rows with one key is sent.
    pub keep: Keep,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
}

/// Which of several rows with one key is sent. All rows count, also those that are rejected for something else; rows
/// that would be sent equal are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// None of them: which is right can't be known, and all are rejected.
    #[default]
    None,
    /// The first in the order of the source.
    First,
    /// The last in the order of the source.
    Last,
}

impl Keep {
    /// Whether a row that passed can still be rejected or left out for what a later one says.
    pub(crate) fn can_be_late(self) -> bool {
        self != Keep::First
    }
}

impl KeySpec {
    /// The key as most pipelines write it: its column's name.
    pub fn of(column: &str) -> KeySpec {
        KeySpec {
            column: column.to_owned(),
            keep: Keep::default(),
            ignore_case: false,
        }
    }
}

impl<'de> Deserialize<'de> for KeySpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<KeySpec, D::Error> {
        word_or_map(
            d,
            "a column or `{ column: NAME, keep: none | first | last, ignore_case: true }`",
            KeySpec::of,
            |Long {
                 column,
                 keep,
                 ignore_case,
             }: Long| KeySpec {
                column,
                keep,
                ignore_case,
            },
        )
    }
}

/// A key with more than its column's name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Long {
    /// The column's name, after the stages.
    column: String,
    /// Which of several rows with one key is sent.
    #[serde(default)]
    keep: Keep,
    /// Whether keys that differ by case alone are the same, by Unicode's case folding.
    #[serde(default)]
    ignore_case: bool,
}

impl JsonSchema for KeySpec {
    fn schema_name() -> Cow<'static, str> {
        "KeySpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = Long::json_schema(generator);
        json_schema!({
            "description": "A column's name, or `{ column: NAME, keep: none | first | last, ignore_case: true }`.",
            "anyOf": [{ "type": "string" }, long]
        })
    }
}

/// Rules of one column. An empty cell breaks `required` and no other rule; for `required`, a cell of blanks and
/// invisible characters alone is empty, too.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnRules {
    /// Never empty.
    pub required: bool,
    /// What the text must be. A rule changes nothing: for numbers and booleans in the upload there
    /// are the stages `number` and `boolean`.
    #[serde(rename = "type")]
    pub kind: Option<ColumnType>,
    /// The format of the dates, written as in the `date` stage; YYYY-MM-DD without it.
    pub format: Option<String>,
    /// A regular expression that must match somewhere in the text; `^` and `$` tie it to the ends.
    pub pattern: Option<String>,
    /// The least number, or with `type: date` the first day (YYYY-MM-DD, or `today`: the day of the run in the
    /// pipeline's `time_zone`, UTC without it).
    pub min: Option<Limit>,
    /// The greatest number, or with `type: date` the last day (YYYY-MM-DD, or `today`: the day of the run in the
    /// pipeline's `time_zone`, UTC without it).
    pub max: Option<Limit>,
    /// A day (YYYY-MM-DD, or `today` as for `min`) that the date must be after.
    pub after: Option<String>,
    /// A day (YYYY-MM-DD, or `today` as for `min`) that the date must be before.
    pub before: Option<String>,
    /// The least number of characters (Unicode scalar values).
    pub min_length: Option<usize>,
    /// The greatest number of characters (Unicode scalar values).
    pub max_length: Option<usize>,
    /// The values that there are. Compared as text: `1.0` is not `1`. As with keys, invisible characters, the kind of
    /// a blank and how accents are composed make no difference.
    pub one_of: Option<Vec<String>>,
    /// Values that must not be.
    pub not_one_of: Option<Vec<String>>,
    /// Whether `one_of` and `not_one_of` take upper and lower case for the same.
    pub ignore_case: bool,
    /// What to say in the rejects file instead of what was expected.
    pub message: Option<String>,
    /// Whether a row that breaks one of these rules is rejected (`error`), or goes out and is counted (`warn`).
    pub severity: Severity,
    /// More rows than this that break one of these rules stop the run before anything is sent: a number, or a share of
    /// the rows read (`5%`).
    pub at_most: Option<Amount>,
}

/// What follows for a row that breaks a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It goes out as it is, and is counted by column and code.
    Warn,
    /// It is rejected.
    #[default]
    Error,
}

/// What the text of a column must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Text, and not a number, boolean, object or array of a JSON source.
    Text,
    /// Digits, with `-` before them or not; no zeros before the number.
    Integer,
    /// A number as JSON writes it: `-12.50`, `1e5`; no zeros before the number.
    Number,
    /// A date of the calendar, written as `format` says.
    Date,
    /// `true` or `false`.
    Boolean,
    /// A UUID of 32 hexadecimal digits and four hyphens, in any case.
    Uuid,
    /// An e-mail address of one mailbox, as browsers check it, with a dot in its domain.
    Email,
}

impl ColumnType {
    /// The word in the pipeline file.
    pub const fn word(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::Integer => "integer",
            ColumnType::Number => "number",
            ColumnType::Date => "date",
            ColumnType::Boolean => "boolean",
            ColumnType::Uuid => "uuid",
            ColumnType::Email => "email",
        }
    }
}

/// An assertion across columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowRule {
    /// An expression (CEL) that must be true.
    pub assert: String,
    /// A short word for the rejects file: `^[a-z][a-z0-9_]*$`, each once.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]*$"))]
    pub code: String,
    /// What to say in the rejects file; without it, the expression.
    #[serde(default)]
    pub message: Option<String>,
    /// The columns to name in the rejects file.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether a row that breaks it is rejected (`error`), or goes out and is counted (`warn`).
    #[serde(default)]
    pub severity: Severity,
    /// More rows than this that break it stop the run before anything is sent: a number, or a share of the rows read
    /// (`5%`).
    #[serde(default)]
    pub at_most: Option<Amount>,
}

/// A limit as written: the text of a number or of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Limit(pub String);

/// How many significant digits a float keeps, whatever they are.
const FLOAT_DIGITS: usize = 15;

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a day (YYYY-MM-DD)")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                Ok(Limit(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Limit, E> {
                Ok(Limit(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit, E> {
                Ok(Limit(number.to_string()))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Limit, E> {
                let text = number.to_string();
                match Number::parse(&text).map(|n| n.significant_digits()) {
                    // Any number of so many digits has gone through the float unharmed.
                    Some(digits) if digits <= FLOAT_DIGITS => Ok(Limit(text)),
                    Some(_) => Err(E::custom(format!(
                        "a number of more than {FLOAT_DIGITS} digits must be in quotes, so that all of them count"
                    ))),
                    None => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
                }
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or with `type: date` a day (YYYY-MM-DD, or `today` in the pipeline's `time_zone`, UTC without it).",
            "type": ["number", "string"],
            "examples": [0, "12.50", "2020-01-01", "today"],
        })
    }
}
