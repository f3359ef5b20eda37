//! Settings that carry their unit: sizes, rates, times, shares.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes: `256KiB` (1024), `20MB` (1000), `512 B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// For comparing with lengths in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Bytes per second: `20MB/s`, `512KiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

/// A time span: `30m`, `1h 15m`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of rows (`500`) or a share of what was read (`1%`, `0.5%`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many rows.
    Rows(u64),
    /// So many per cent of the rows read.
    Percent(f64),
}

impl Amount {
    /// Whether `part` of `whole` is more than this allows.
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        match self {
            Amount::Rows(rows) => part > rows,
            Amount::Percent(percent) => part as f64 * 100.0 > percent * whole as f64,
        }
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(s: &str) -> Result<Size, String> {
        let bad = || format!("expected a size with its unit, such as 256KiB or 20MB, found `{s}`");
        if !s.ends_with(['b', 'B']) {
            return Err(bad());
        }
        s.parse::<bytesize::ByteSize>()
            .map(|b| Size(b.as_u64()))
            .map_err(|_| bad())
    }
}

impl FromStr for Rate {
    type Err = String;
    fn from_str(s: &str) -> Result<Rate, String> {
        let bad = || {
            format!(
                "expected a rate above zero with its unit, such as 20MB/s or 512KiB/s, found `{s}`"
            )
        };
        let size: Size = s
            .strip_suffix("/s")
            .ok_or_else(bad)?
            .trim_end()
            .parse()
            .map_err(|_| bad())?;
        if size.0 == 0 {
            Err(bad())
        } else {
            Ok(Rate(size.0))
        }
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(s: &str) -> Result<Span, String> {
        humantime::parse_duration(s).map(Span).map_err(|_| {
            format!("expected a time with its unit, such as 30s, 30m or 1h 15m, found `{s}`")
        })
    }
}

impl FromStr for Amount {
    type Err = String;
    fn from_str(s: &str) -> Result<Amount, String> {
        let bad = || {
            format!(
                "expected a number of rows (500) or a percentage from 0% to 100% (1%), found `{s}`"
            )
        };
        match s.strip_suffix('%') {
            Some(number) => match number.trim_end().parse::<f64>() {
                Ok(p) if (0.0..=100.0).contains(&p) => Ok(Amount::Percent(p)),
                _ => Err(bad()),
            },
            None => s.parse().map(Amount::Rows).map_err(|_| bad()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b if b >= 1 << 30 && b % (1 << 30) == 0 => write!(f, "{}GiB", b >> 30),
            b if b >= 1 << 20 && b % (1 << 20) == 0 => write!(f, "{}MiB", b >> 20),
            b if b >= 1 << 10 && b % (1 << 10) == 0 => write!(f, "{}KiB", b >> 10),
            b if b >= 1_000_000_000 && b % 1_000_000_000 == 0 => {
                write!(f, "{}GB", b / 1_000_000_000)
            }
            b if b >= 1_000_000 && b % 1_000_000 == 0 => write!(f, "{}MB", b / 1_000_000),
            b if b >= 1_000 && b % 1_000 == 0 => write!(f, "{}kB", b / 1_000),
            b => write!(f, "{b}B"),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Size(self.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Rows(rows) => write!(f, "{rows}"),
            Amount::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Serde and JSON Schema of a setting that is written as text. Of a unit, only a count of rows can do
/// without one: in YAML it is a number.
macro_rules! as_text {
    ($($type:ident, $types:tt, $pattern:literal, $example:literal;)*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $types, "pattern": $pattern, "examples": [$example] })
            }
        }
    )*};
}

as_text! {
    Size, "string", r"^[0-9.]+ ?([kKMGT]i?)?[bB]$", "256KiB";
    Rate, "string", r"^[0-9.]+ ?([kKMGT]i?)?[bB]/s$", "20MB/s";
    Span, "string", r"^([0-9]+ ?[a-z]+ ?)+$", "30m";
    Amount, ["string", "integer"], r"^[0-9.]+%?$", "1%";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_of_rows_is_a_number_for_editors() {
        let types = |schema: Schema| schema.as_value()["type"].clone();
        let mut generator = SchemaGenerator::default();
        assert_eq!(types(Size::json_schema(&mut generator)), "string");
        assert_eq!(types(Rate::json_schema(&mut generator)), "string");
        assert_eq!(types(Span::json_schema(&mut generator)), "string");
        let amount = types(Amount::json_schema(&mut generator));
        assert_eq!(amount, serde_json::json!(["string", "integer"]));
    }
}
