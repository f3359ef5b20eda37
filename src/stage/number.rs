//! `number`: numbers written for people into plain decimals, digit by digit.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

mod style;

use style::Style;

use super::date::check_columns;
use super::{hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind, Wording};
use crate::stage::{BindError, Bound, Resources, Stage};

/// Numbers written for people into plain decimals, digit by digit.
///
/// Short: `- number: [salary, fte]`. The digits stay as they are (`1.50` stays `1.50`); what goes are
/// separators, currency symbols, white space at the ends, a `+`, and zeros before the number (`007`
/// becomes `7`, `.5` becomes `0.5`, `1.` becomes `1`). Identifiers are not numbers: leave them as text.
/// An empty cell stays empty. Nothing is guessed: a text that another setting would read is rejected, and the
/// message names that setting.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
#[schemars(transform = or_list)]
pub struct NumberSpec {
    /// The columns, by their names at this point.
    pub columns: Vec<String>,
    /// The character between groups of three digits; without it, there is none. A space stands for the
    /// no-break and narrow ones, too, and an apostrophe for both kinds.
    #[serde(default)]
    pub thousands: Option<char>,
    /// The character before the fraction.
    #[serde(default = "point")]
    pub decimal: char,
    /// A currency's sign or code, or a list of them: taken off, before or after the number. `strip` is an
    /// older name of it.
    #[serde(default, alias = "strip")]
    pub currency: Currency,
    /// What becomes of a percent sign. Without it, no number has one.
    #[serde(default)]
    pub percent: Option<Percent>,
    /// Whether `(1.50)` is -1.50.
    #[serde(default)]
    pub parentheses: bool,
    /// Whether `1.50-` is -1.50.
    #[serde(default)]
    pub trailing_minus: bool,
    /// Whether `1.5E3` is a number. It stays as it is.
    #[serde(default)]
    pub exponent: Exponent,
}

fn point() -> char {
    '.'
}

/// One sign or code, or several.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a currency's sign or code such as \"€\", or a list of them"
)]
pub enum Currency {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Currency {
    fn default() -> Currency {
        Currency::Several(Vec::new())
    }
}

impl Currency {
    fn as_slice(&self) -> &[String] {
        match self {
            Currency::One(one) => std::slice::from_ref(one),
            Currency::Several(several) => several,
        }
    }
}

/// What becomes of a percent sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Percent {
    /// `12.5%` is 12.5; so is 12.5.
    Keep,
    /// `12.5%` is 0.125. A text without the sign is rejected: what it means would be a guess.
    Divide,
}

/// What to do with a number in scientific notation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exponent {
    /// Reject the row: a spreadsheet has most likely lost digits there.
    #[default]
    Reject,
    /// Keep it.
    Allow,
}

/// The schema of what may be a list of columns instead.
pub(super) fn or_list(schema: &mut schemars::Schema) {
    let mut map = std::mem::take(schema).to_value();
    let description = map.as_object_mut().and_then(|m| m.remove("description"));
    *schema = schemars::json_schema!({
        "anyOf": [{ "type": "array", "items": { "type": "string" } }, map],
    });
    if let Some(description) = description {
        schema.insert("description".into(), description);
    }
}

impl<'de> Deserialize<'de> for NumberSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = NumberSpec;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of columns, or a map with `columns`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<NumberSpec, A::Error> {
                Ok(NumberSpec {
                    columns: Vec::deserialize(SeqAccessDeserializer::new(seq))?,
                    thousands: None,
                    decimal: point(),
                    currency: Currency::default(),
                    percent: None,
                    parentheses: false,
                    trailing_minus: false,
                    exponent: Exponent::Reject,
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NumberSpec, A::Error> {
                NumberSpec::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl NumberSpec {
    /// What is wrong with it, header or not.
    pub(super) fn check(&self) -> Result<(), String> {
        check_columns(&self.columns)?;
        for (name, separator) in [
            ("thousands", self.thousands),
            ("decimal", Some(self.decimal)),
        ] {
            let Some(separator) = separator else { continue };
            // White space at the ends is taken off, so it can't begin a fraction.
            let blank = name == "decimal" && separator.is_whitespace();
            if blank || separator.is_alphanumeric() || "+-−()".contains(separator) {
                return Err(format!("`{name}` can't be `{separator}`"));
            }
        }
        if self.thousands == Some(self.decimal) {
            return Err(format!(
                "`thousands` and `decimal` are both `{}`",
                self.decimal
            ));
        }
        let usable = |symbol: &str| {
            !symbol.trim().is_empty()
                && !symbol.contains(|c: char| c.is_ascii_digit() || "+-−()%".contains(c))
                && symbol != self.decimal.to_string()
        };
        match self
            .currency
            .as_slice()
            .iter()
            .find(|symbol| !usable(symbol))
        {
            Some(symbol) => Err(format!(
                "`currency` can't be `{symbol}`, expected a sign or code such as € or EUR"
            )),
            None => Ok(()),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check().map_err(BindError::Other)?;
        let places = places(columns, &self.columns)?;
        hold(columns, places.iter().map(|p| p.1), |before| {
            before.made(Kinds::NUMBER)
        });
        Ok(Some(Box::new(Number {
            columns: places,
            style: Style {
                thousands: self.thousands,
                decimal: self.decimal,
                // The longest first, so that `US$` is not cut off as `$`.
                symbols: {
                    let symbols = self.currency.as_slice().iter();
                    let mut symbols: Vec<_> = symbols.map(|s| s.trim().to_owned()).collect();
                    symbols.sort_by_key(|s| std::cmp::Reverse(s.len()));
                    symbols
                },
                percent: self.percent.is_some(),
                hundredths: self.percent == Some(Percent::Divide),
                parentheses: self.parentheses,
                trailing_minus: self.trailing_minus,
                exponent: self.exponent == Exponent::Allow,
            },
        })))
    }
}

struct Number {
    columns: Vec<(Arc<str>, usize)>,
    style: Style,
}

impl Stage for Number {
    fn apply(&self, batch: &mut Batch) {
        let mut plain = String::new();
        let expected = format!("expected {}", self.style.example());
        for (name, slot) in &self.columns {
            let mut cells = batch.take_column(*slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                // Null, missing and empty cells are not numbers, and stay.
                if cell.is_empty() || !batch.is_live(row) {
                    continue;
                }
                let mut advice = String::new();
                match cell.kind() {
                    Kind::Number | Kind::Faulty => continue,
                    Kind::Text => {
                        let text = batch.text(*cell);
                        if self.style.is_plain(text) {
                            *cell = cell.with_kind(Kind::Number);
                            continue;
                        }
                        if self.style.read(text, &mut plain) {
                            *cell = batch.append(&plain, Kind::Number);
                            continue;
                        }
                        advice = self.style.advice(text);
                    }
                    _ => {}
                }
                *cell = cell.with_kind(Kind::Faulty);
                let message = format!("{expected}{advice}");
                let told = Wording::of("number", name, "number_format", &message);
                batch.reject_as(row, told, None);
            }
            batch.put_column(*slot, cells);
        }
    }
}

#[cfg(test)]
mod tests;
