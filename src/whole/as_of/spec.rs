//! The section `as_of`, as the pipeline file says it.

use std::fmt;
use std::num::ParseIntError;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::settings::EXACT_NUMBER;
use crate::text::compare::comparable;
use crate::text::dates::{Date, Format};

/// The format of days, unless another is stated.
pub(crate) const ISO: &str = "YYYY-MM-DD";

/// Values that a list in `prefer` may have: their ranks have a byte each.
const MOST_VALUES: usize = 254;

/// One row a key of an extract in which each row holds for a time: the one that is in force on a day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsOfSpec {
    /// The column whose value the rows of one person, or of one job, have in common; that of `validate.key` without it.
    pub key: Option<String>,
    /// The column with the first day on which a row holds. Left out, it is that of the `profile`.
    pub from: Option<String>,
    /// The column with its last day, or with the day after it: see `ends`. Empty, 4712-12-31 and every day of the year
    /// 9999 are no end. Without it, a row holds until the next one of its key begins.
    pub to: Option<String>,
    /// Whether a row still holds on the day in `to`.
    pub ends: Option<Ends>,
    /// The day: `today` (in the pipeline's `time_zone`), or YYYY-MM-DD.
    #[serde(default)]
    pub at: At,
    /// The format of the days in `from` and `to`, written as in the `date` stage; YYYY-MM-DD without it.
    pub format: Option<String>,
    /// Which of several rows in force goes, in this order; then the one that began last. What still ties is rejected.
    #[serde(default)]
    pub prefer: Vec<Prefer>,
    /// Where no row is in force, one that begins within so many days goes: `30d`.
    pub ahead: Option<Days>,
    /// Where no row is in force and none is ahead, one that ended within so many days goes: `14d`.
    pub keep_leavers: Option<Days>,
    /// Columns that only the choice needs: they are not sent.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// Whether a row still holds on the day in `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// It does: `to` is its last day.
    #[default]
    Inclusive,
    /// It does not: `to` is the first day on which it no longer holds.
    Exclusive,
}

/// The day on which a row must be in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The day of the run.
    #[default]
    Today,
    /// This one.
    Day(Date),
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<At, D::Error> {
        let text = String::deserialize(d)?;
        match Date::parse_iso(&text) {
            Some(day) => Ok(At::Day(day)),
            None if text == "today" => Ok(At::Today),
            None => Err(D::Error::custom(format!(
                "expected `today`, or a day as YYYY-MM-DD, found `{text}`"
            ))),
        }
    }
}

impl JsonSchema for At {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "At".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(today|\d{4}-\d{2}-\d{2})$",
            "examples": ["today", "2026-01-01"]
        })
    }
}

/// Whole days: `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(pub u16);

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Days, D::Error> {
        let text = String::deserialize(d)?;
        let days: Option<Result<u16, ParseIntError>> =
            text.strip_suffix('d').map(|days| days.trim_end().parse());
        match days {
            Some(Ok(days)) => Ok(Days(days)),
            _ => Err(D::Error::custom(format!(
                "expected whole days, such as 30d, found `{text}`"
            ))),
        }
    }
}

impl JsonSchema for Days {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Days".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ ?d$", "examples": ["30d"] })
    }
}

/// One of the rules by which a row is preferred to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prefer {
    /// A column has the first of these values, or else the second; any other value comes last.
    Value { column: String, values: Vec<String> },
    /// The number, or the day, in a column is the highest; an empty cell comes last.
    Highest(String),
    /// It is the lowest; an empty cell comes last.
    Lowest(String),
}

impl Prefer {
    /// The column that it looks at.
    pub(crate) fn column(&self) -> &str {
        match self {
            Prefer::Value { column, .. } | Prefer::Highest(column) | Prefer::Lowest(column) => {
                column
            }
        }
    }

    /// The key of its map in the pipeline file.
    pub(crate) fn word(&self) -> &str {
        match self {
            Prefer::Value { column, .. } => column,
            Prefer::Highest(_) => "highest",
            Prefer::Lowest(_) => "lowest",
        }
    }

    /// What is wrong with it, and what to do.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.column().is_empty() {
            return Err("expected a column, found empty text");
        }
        let Prefer::Value { values, .. } = self else {
            return Ok(());
        };
        let mut seen: Vec<_> = values.iter().map(|value| comparable(value)).collect();
        seen.sort_unstable();
        seen.dedup();
        match values.len() {
            0 => Err("expected a value, or a list of them with the best one first"),
            n if n > MOST_VALUES => Err("more than 254 values"),
            n if n > seen.len() => Err("a value stands here twice"),
            _ => Ok(()),
        }
    }
}

/// What stands on the right of a preference; numbers as the digits that were written.
enum Wanted {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Wanted, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Wanted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, or a list of them with the best one first")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Wanted, D::Error> {
                d.deserialize_any(self)
            }
            fn visit_bytes<E: Error>(self, digits: &[u8]) -> Result<Wanted, E> {
                let text = std::str::from_utf8(digits);
                text.map(|text| Wanted::One(text.to_owned()))
                    .map_err(|_| E::invalid_type(Unexpected::Bytes(digits), &self))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Wanted, E> {
                Ok(Wanted::One(text.to_owned()))
            }
            fn visit_bool<E: Error>(self, b: bool) -> Result<Wanted, E> {
                Ok(Wanted::One(b.to_string()))
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<Wanted, E> {
                Ok(Wanted::One(n.to_string()))
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Wanted, E> {
                Ok(Wanted::One(n.to_string()))
            }
            fn visit_f64<E: Error>(self, n: f64) -> Result<Wanted, E> {
                Ok(Wanted::One(n.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Wanted, A::Error> {
                let mut values = Vec::new();
                while let Some(wanted) = list.next_element()? {
                    match wanted {
                        Wanted::One(value) => values.push(value),
                        Wanted::Several(_) => {
                            return Err(A::Error::custom(
                                "expected a value, found a list in a list",
                            ));
                        }
                    }
                }
                Ok(Wanted::Several(values))
            }
        }

        d.deserialize_newtype_struct(EXACT_NUMBER, OneOrSeveral)
    }
}

impl<'de> Deserialize<'de> for Prefer {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Prefer, D::Error> {
        struct OneKey;

        impl<'de> Visitor<'de> for OneKey {
            type Value = Prefer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`{ column: value }`, `{ column: [best, next] }`, `{ highest: column }` or `{ lowest: column }`",
                )
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Prefer, A::Error> {
                let Some((column, wanted)) = map.next_entry::<String, Wanted>()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                if map.next_entry::<String, IgnoredAny>()?.is_some() {
                    return Err(A::Error::custom(
                        "expected one column, found several: write an entry of the list for each, in the order in which \
                         they decide",
                    ));
                }
                match (&*column, wanted) {
                    ("highest", Wanted::One(column)) => Ok(Prefer::Highest(column)),
                    ("lowest", Wanted::One(column)) => Ok(Prefer::Lowest(column)),
                    ("highest" | "lowest", Wanted::Several(_)) => {
                        Err(A::Error::custom("expected one column, found a list"))
                    }
                    (_, Wanted::One(value)) => Ok(Prefer::Value {
                        column,
                        values: vec![value],
                    }),
                    (_, Wanted::Several(values)) => Ok(Prefer::Value { column, values }),
                }
            }
        }

        d.deserialize_any(OneKey)
    }
}

impl JsonSchema for Prefer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Prefer".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`{ column: value }`, `{ column: [best, next] }`, `{ highest: column }` or `{ lowest: column }`.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {
                "type": ["string", "number", "boolean", "array"],
                "items": { "type": ["string", "number", "boolean"] }
            }
        })
    }
}

impl AsOfSpec {
    /// The column of the key, where that of the rules may stand in for it.
    pub(crate) fn key<'a>(&'a self, of_rules: Option<&'a str>) -> Option<&'a str> {
        self.key.as_deref().or(of_rules)
    }

    /// The format of the days.
    ///
    /// # Errors
    /// Why it can't be one.
    pub(crate) fn compiled(&self) -> Result<Format, String> {
        let format = Format::compile(self.format.as_deref().unwrap_or(ISO))?;
        match format.time_fields() {
            0 => Ok(format),
            _ => Err(
                "the format has a time of day, and rows are in force by the day: a `date` stage makes days of them"
                    .to_owned(),
            ),
        }
    }

    /// The columns that it names, each with its setting.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (String, &str)> {
        let own = [("key", &self.key), ("from", &self.from), ("to", &self.to)];
        let own = own
            .into_iter()
            .filter_map(|(setting, column)| Some((setting.to_owned(), column.as_deref()?)));
        let prefer = self.prefer.iter().enumerate();
        let prefer =
            prefer.map(|(at, prefer)| (format!("prefer.{at}.{}", prefer.word()), prefer.column()));
        let drop = self.drop.iter().enumerate();
        let drop = drop.map(|(at, column)| (format!("drop.{at}"), &**column));
        own.chain(prefer).chain(drop)
    }
}
