//! What the pipeline file says of drift.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What can change in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Renamed,
    Gone,
    New,
    Reordered,
    Types,
    Dates,
    Codes,
}

impl Kind {
    pub(crate) const ALL: [Kind; 7] = [
        Kind::Renamed,
        Kind::Gone,
        Kind::New,
        Kind::Reordered,
        Kind::Types,
        Kind::Dates,
        Kind::Codes,
    ];

    /// The key in the pipeline file.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Kind::Renamed => "renamed",
            Kind::Gone => "gone",
            Kind::New => "new",
            Kind::Reordered => "reordered",
            Kind::Types => "types",
            Kind::Dates => "dates",
            Kind::Codes => "codes",
        }
    }

    /// What follows where the pipeline file says nothing.
    const fn unless_stated(self) -> OnDrift {
        match self {
            Kind::Renamed | Kind::Gone | Kind::Dates => OnDrift::Error,
            Kind::New | Kind::Types | Kind::Codes => OnDrift::Warn,
            Kind::Reordered => OnDrift::Ignore,
        }
    }
}

/// What follows where something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnDrift {
    /// Nothing is sent (exit code 4).
    Error,
    /// It is told.
    Warn,
    /// Nothing.
    Ignore,
}

/// What follows where the source has changed since the last accepted run: a word for everything, or a word for each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DriftSpec {
    All(OnDrift),
    Kinds(DriftKindsSpec),
}

/// What follows of each kind of change since the last accepted run: `error` (nothing is sent, exit code 4), `warn` or
/// `ignore`. Of columns that the pipeline neither names nor sends nothing is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DriftKindsSpec {
    /// A column is new. Unless stated it is `warn`, and `error` where the column would be sent and the API does not tell
    /// whether the data set has a property of its name.
    pub new: Option<OnDrift>,
    /// A column is gone; `error` unless stated. One that the pipeline names is an error in any case.
    pub gone: Option<OnDrift>,
    /// A column is gone, and a new one has nearly its name; `error` unless stated. With `ignore` the two are told as `gone`
    /// and `new`.
    pub renamed: Option<OnDrift>,
    /// Columns of CSV stand in another order; `ignore` unless stated.
    pub reordered: Option<OnDrift>,
    /// The cells of a column were of one type or length and are not any more, or are empty now; `warn` unless stated.
    pub types: Option<OnDrift>,
    /// The order of day, month and year in a column has changed; `error` unless stated.
    pub dates: Option<OnDrift>,
    /// A column of few values has others; `warn` unless stated.
    pub codes: Option<OnDrift>,
}

impl Default for DriftSpec {
    fn default() -> DriftSpec {
        DriftSpec::Kinds(DriftKindsSpec::default())
    }
}

impl DriftSpec {
    /// What is stated of a kind.
    pub(crate) fn stated(&self, kind: Kind) -> Option<OnDrift> {
        let kinds = match self {
            DriftSpec::All(word) => return Some(*word),
            DriftSpec::Kinds(kinds) => kinds,
        };
        match kind {
            Kind::New => kinds.new,
            Kind::Gone => kinds.gone,
            Kind::Renamed => kinds.renamed,
            Kind::Reordered => kinds.reordered,
            Kind::Types => kinds.types,
            Kind::Dates => kinds.dates,
            Kind::Codes => kinds.codes,
        }
    }

    /// What follows of a kind.
    pub(crate) fn on(&self, kind: Kind) -> OnDrift {
        self.stated(kind).unwrap_or(kind.unless_stated())
    }

    /// Whether nothing follows of anything.
    pub(crate) fn is_off(&self) -> bool {
        let mut kinds = Kind::ALL.into_iter();
        kinds.all(|kind| self.on(kind) == OnDrift::Ignore)
    }

    /// Whether something follows of what the rows tell.
    pub(crate) fn asks_for_rows(&self) -> bool {
        let mut kinds = [Kind::Types, Kind::Dates, Kind::Codes].into_iter();
        kinds.any(|kind| self.on(kind) != OnDrift::Ignore)
    }
}

// By hand, and not as an untagged enum, so that a misspelt key is reported as such.
impl<'de> Deserialize<'de> for DriftSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<DriftSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = DriftSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`error`, `warn` or `ignore`, or one of them for each kind of change: `{ new: warn, gone: error }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DriftSpec, E> {
                match text {
                    "error" => Ok(DriftSpec::All(OnDrift::Error)),
                    "warn" => Ok(DriftSpec::All(OnDrift::Warn)),
                    "ignore" => Ok(DriftSpec::All(OnDrift::Ignore)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_unit<E: de::Error>(self) -> Result<DriftSpec, E> {
                Ok(DriftSpec::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DriftSpec, A::Error> {
                DriftKindsSpec::deserialize(MapAccessDeserializer::new(map)).map(DriftSpec::Kinds)
            }
        }

        d.deserialize_any(Either)
    }
}

impl JsonSchema for DriftSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DriftSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<OnDrift>();
        let kinds = generator.subschema_for::<DriftKindsSpec>();
        json_schema!({ "anyOf": [word, kinds] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: [OnDrift; 7]) {
        let spec: DriftSpec = serde_json::from_str(text).unwrap();
        assert_eq!(Kind::ALL.map(|kind| spec.on(kind)), expected, "{text}");
    }

    #[test]
    fn a_word_for_all_or_for_each() {
        use OnDrift::{Error, Ignore, Warn};
        check(r#""warn""#, [Warn; 7]);
        check("{}", [Error, Error, Warn, Ignore, Warn, Error, Warn]);
        let some = r#"{ "renamed": "warn", "dates": "ignore", "reordered": "error" }"#;
        check(some, [Warn, Error, Warn, Error, Warn, Ignore, Warn]);
        let off: DriftSpec = serde_json::from_str(r#""ignore""#).unwrap();
        assert!(off.is_off() && !off.asks_for_rows());
        assert!(!DriftSpec::default().is_off());
        for wrong in [
            r#""off""#,
            "true",
            r#"{ "newer": "warn" }"#,
            r#"{ "new": 1 }"#,
        ] {
            assert!(serde_json::from_str::<DriftSpec>(wrong).is_err(), "{wrong}");
        }
    }
}
