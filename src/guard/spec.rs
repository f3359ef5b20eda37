//! What the pipeline file says of guards.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::limit::LimitSpec;
use crate::settings::units::{Amount, Span};

/// What stops a run before anything is sent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GuardSpec {
    /// How many rows the upload must name at least: a number, or `{ first: N, of_last: 90% }`. With `implicit_delete`
    /// 90% of the last accepted run hold unless stated, and the first run needs `first`.
    pub min_rows: Option<MinRowsSpec>,
    /// How many people may be deleted: by rows that say so, by not being named where `implicit_delete` is on, and by
    /// turning to one of the statuses of `leavers`. A number, a share of the people at the target (`2%`; below 100 people
    /// it is 5), or `{ run: 2%, window: 5%, over: 7d }`.
    pub max_delete: Option<LimitSpec>,
    /// How many people may be new, written as `max_delete`. Shares need 100 people at the target.
    pub max_create: Option<LimitSpec>,
    /// How many people may be changed, written as `max_create`.
    pub max_update: Option<LimitSpec>,
    /// In how many people a column may change, column by column: `{ salary: 30% }`. Needs `validate.key`.
    pub max_change: BTreeMap<String, LimitSpec>,
    /// How many cells of a column may become empty: a share of those that were filled in the last accepted run.
    pub max_emptied: Option<LimitSpec>,
    /// Which rows are those of people who have left, though they are still sent.
    pub leavers: Option<LeaversSpec>,
    /// What becomes of a run in which too many people would be deleted.
    pub on_exceed: OnExceed,
}

impl GuardSpec {
    /// How far the guards look back at most.
    pub(crate) fn longest_window(&self) -> Option<Span> {
        let limits = [
            &self.max_delete,
            &self.max_create,
            &self.max_update,
            &self.max_emptied,
        ];
        let limits = limits.into_iter().flatten();
        let windows = limits.chain(self.max_change.values());
        windows.filter_map(|limit| limit.over).max()
    }
}

/// How a row says that somebody has left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardLeaversSpec")]
pub struct LeaversSpec {
    /// The column of the status, after the stages.
    pub column: String,
    /// Its values for people who have left. Left out, they are those of the `profile`.
    #[schemars(with = "Option<Vec<String>>")]
    pub values: Vec<String>,
}

/// What becomes of a run in which more people would be deleted than `max_delete` allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExceed {
    /// Nothing is sent.
    #[default]
    Stop,
    /// The rest is sent, without deletion of any kind. What is held back is written to `withheld.csv`.
    WithholdDeletes,
}

/// How much of an upload the server may refuse.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RefusedSpec {
    /// More than this ends the run with exit code 5, from 100 rows sent on: rows (`500`) or a share (`5%`). Without it,
    /// only a run of which everything was refused ends so.
    pub at_most: Option<Amount>,
}

/// How many rows the upload must name at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MinRowsSpec {
    /// In every run.
    Rows(u64),
    /// In the first run, and in each that follows an accepted one.
    Relative(RelativeSpec),
}

/// How many rows, beside the run before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RelativeSpec {
    /// Rows of a run that has no accepted one before it.
    pub first: Option<u64>,
    /// Share of the rows that the last accepted run named (`90%`), or so many rows.
    pub of_last: Option<Amount>,
}

// By hand, and not as an untagged enum, so that a misspelt key is reported as such.
impl<'de> Deserialize<'de> for MinRowsSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<MinRowsSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = MinRowsSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of rows, or `{ first: 5000, of_last: 90% }`")
            }

            fn visit_u64<E: de::Error>(self, rows: u64) -> Result<MinRowsSpec, E> {
                Ok(MinRowsSpec::Rows(rows))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<MinRowsSpec, E> {
                Err(E::custom(
                    "expected a number of rows, 0 or more, found a negative number",
                ))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<MinRowsSpec, E> {
                Err(E::custom(
                    "expected a whole number of rows, found a number with decimals",
                ))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MinRowsSpec, E> {
                let rows = text.parse();
                rows.map(MinRowsSpec::Rows)
                    .map_err(|_| de::Error::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MinRowsSpec, A::Error> {
                RelativeSpec::deserialize(MapAccessDeserializer::new(map))
                    .map(MinRowsSpec::Relative)
            }
        }

        d.deserialize_any(Either)
    }
}

impl JsonSchema for MinRowsSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MinRowsSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let relative = generator.subschema_for::<RelativeSpec>();
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, relative] })
    }
}

/// Whether items that the upload does not name are deleted, and what becomes of that where rows were rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImplicitDelete {
    /// Nothing is deleted that the upload does not name.
    #[default]
    Off,
    /// It is deleted, unless rows were rejected: a row that is not sent is not a person who has left.
    On(OnReject),
}

/// What becomes of an import that deletes where a row was rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// Deletion is off for this run.
    #[default]
    TurnOff,
    /// Nothing is sent.
    Block,
    /// They are sent as `noop` by their key, so that the upload names them. What that does at the server is not
    /// documented. A rejected row without a key stops the run.
    CarryForward,
}

impl ImplicitDelete {
    pub(crate) fn is_on(self) -> bool {
        self != ImplicitDelete::Off
    }
}

impl<'de> Deserialize<'de> for ImplicitDelete {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ImplicitDelete, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ImplicitDelete;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false, or `{ on_reject: turn_off }`")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<ImplicitDelete, E> {
                Ok(match on {
                    true => ImplicitDelete::On(OnReject::default()),
                    false => ImplicitDelete::Off,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImplicitDelete, A::Error> {
                let written = ImplicitDeleteWritten::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ImplicitDelete::On(written.on_reject))
            }
        }

        d.deserialize_any(Either)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ImplicitDeleteSpec")]
struct ImplicitDeleteWritten {
    /// What becomes of the import where a row was rejected.
    on_reject: OnReject,
}

impl JsonSchema for ImplicitDelete {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ImplicitDelete".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let written = generator.subschema_for::<ImplicitDeleteWritten>();
        json_schema!({ "anyOf": [{ "type": "boolean" }, written] })
    }
}
