//! How many people one run, and the runs of some days together, may change.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::settings::units::{Amount, Span};

/// How much one run may do, and how much it may do together with the accepted runs of the time before it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimitSpec {
    /// In one run.
    pub run: Option<Amount>,
    /// In this run and the accepted ones of the time before it.
    pub window: Option<Amount>,
    /// How long that time is.
    pub over: Option<Span>,
}

/// [`LimitSpec`] as it is written where it says more than one number.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WindowSpec")]
struct LimitWritten {
    /// In one run: a number, or a share of the people at the target (`2%`).
    run: Option<Amount>,
    /// In this run and the accepted ones of the time `over` together; it begins anew with a run that was approved.
    window: Option<Amount>,
    /// How long the window is: `7d`.
    over: Option<Span>,
}

// By hand, and not as an untagged enum, so that a misspelt key is reported as such.
impl<'de> Deserialize<'de> for LimitSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<LimitSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = LimitSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a share (`2%`), or `{ run: 2%, window: 5%, over: 7d }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<LimitSpec, E> {
                let run = text.parse().map_err(E::custom)?;
                Ok(LimitSpec {
                    run: Some(run),
                    ..LimitSpec::default()
                })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<LimitSpec, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<LimitSpec, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<LimitSpec, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LimitSpec, A::Error> {
                let LimitWritten { run, window, over } =
                    LimitWritten::deserialize(MapAccessDeserializer::new(map))?;
                Ok(LimitSpec { run, window, over })
            }
        }

        d.deserialize_any(Either)
    }
}

impl JsonSchema for LimitSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LimitSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let number = generator.subschema_for::<Amount>();
        let window = generator.subschema_for::<LimitWritten>();
        json_schema!({ "anyOf": [number, window] })
    }
}

impl LimitSpec {
    /// What is wrong with it, and what to do.
    pub(crate) fn check(&self) -> Option<(&'static str, &'static str)> {
        match (self.run, self.window, self.over) {
            (None, None, None) => Some((
                "expected a limit, found nothing",
                "state it, or leave the line out",
            )),
            (_, Some(_), None) => Some((
                "`window` needs `over`, the time that it looks back",
                "such as `{ run: 2%, window: 5%, over: 7d }`",
            )),
            (_, None, Some(_)) => Some((
                "`over` is the time of a `window`, and there is none",
                "such as `{ run: 2%, window: 5%, over: 7d }`",
            )),
            (_, _, Some(over)) if over.0.is_zero() => {
                Some(("`over` is expected to be a time above zero", ""))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_a_number_a_share_or_both_with_a_window() {
        let check = |text: &str, expected: Result<(Option<Amount>, Option<Amount>), &str>| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            match (LimitSpec::deserialize(value), expected) {
                (Ok(limit), Ok(expected)) => assert_eq!((limit.run, limit.window), expected),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        };
        let (two, five) = (Some(Amount::Percent(2.0)), Some(Amount::Percent(5.0)));
        check("7", Ok((Some(Amount::Rows(7)), None)));
        check("\"2%\"", Ok((two, None)));
        check(
            r#"{ "run": "2%", "window": "5%", "over": "7d" }"#,
            Ok((two, five)),
        );
        check(r#"{ "windw": "5%" }"#, Err("unknown field `windw`"));
        check("-1", Err("expected a number of rows (500) or a percentage"));
        check(
            "1.5",
            Err("expected a number of rows (500) or a percentage"),
        );
        check("true", Err("a number, a share (`2%`), or"));
    }
}
