//! `number`: numbers written for people into plain decimals, digit by digit.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::date::check_columns;
use super::{hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Fault, Kind};
use crate::stage::{BindError, Bound, Resources, Stage};
use crate::text::decimal::{is_json_number, leading_digits};
use crate::text::unseen::trimmed;

/// Numbers written for people into plain decimals, digit by digit.
///
/// Short: `- number: [salary, fte]`. The digits stay as they are (`1.50` stays `1.50`); what goes are
/// separators, currency symbols, white space at the ends, a `+`, and zeros before the number (`007`
/// becomes `7`, `.5` becomes `0.5`, `1.` becomes `1`). Identifiers are not numbers: leave them as text.
/// An empty cell stays empty.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
#[schemars(transform = or_list)]
pub struct NumberSpec {
    /// The columns, by their names at this point.
    pub columns: Vec<String>,
    /// The character between groups of three digits; without it, there is none. A space stands for
    /// the no-break spaces and the narrow ones too.
    #[serde(default)]
    pub thousands: Option<char>,
    /// The character before the fraction.
    #[serde(default = "point")]
    pub decimal: char,
    /// Currency symbols or codes that are taken off, before or after the number.
    #[serde(default)]
    pub strip: Vec<String>,
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

/// The blanks that people and programs put between groups of digits.
const BLANKS: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2007}'];

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
                    strip: Vec::new(),
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
                && !symbol.contains(|c: char| c.is_ascii_digit() || "+-−()".contains(c))
                && symbol != self.decimal.to_string()
        };
        match self.strip.iter().find(|symbol| !usable(symbol)) {
            Some(symbol) => Err(format!(
                "`strip` can't take off `{symbol}`, expected a currency symbol or code"
            )),
            None => Ok(()),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check().map_err(BindError::Other)?;
        let thousands = match self.thousands {
            None => Vec::new(),
            Some(' ') => BLANKS.to_vec(),
            Some(other) => vec![other],
        };
        let group: String = self.thousands.into_iter().collect();
        let places = places(columns, &self.columns)?;
        hold(columns, places.iter().map(|p| p.1), |before| {
            before.made(Kinds::NUMBER)
        });
        Ok(Some(Box::new(Number {
            columns: places,
            expected: format!("expected a number such as 1{group}234{}50", self.decimal).into(),
            style: Style {
                thousands,
                decimal: self.decimal,
                // The longest first, so that `US$` is not cut off as `$`.
                symbols: {
                    let mut symbols: Vec<_> =
                        self.strip.iter().map(|s| s.trim().to_owned()).collect();
                    symbols.sort_by_key(|s| std::cmp::Reverse(s.len()));
                    symbols
                },
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
    expected: Cow<'static, str>,
}

impl Stage for Number {
    fn apply(&self, batch: &mut Batch) {
        let mut plain = String::new();
        for (name, slot) in &self.columns {
            let mut cells = batch.take_column(*slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                // Null, missing and empty cells are not numbers, and stay.
                if cell.is_empty() || !batch.is_live(row) {
                    continue;
                }
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
                    }
                    _ => {}
                }
                *cell = cell.with_kind(Kind::Faulty);
                let fault = Fault {
                    row: row as u32,
                    stage: "number",
                    column: name.clone(),
                    source: None,
                    code: Cow::Borrowed("number_format"),
                    message: self.expected.clone(),
                };
                batch.reject(fault, None);
            }
            batch.put_column(*slot, cells);
        }
    }
}

/// How numbers are written.
struct Style {
    thousands: Vec<char>,
    decimal: char,
    symbols: Vec<String>,
    parentheses: bool,
    trailing_minus: bool,
    exponent: bool,
}

impl Style {
    /// Whether a text is what it means already: a JSON number whose point, if any, is the decimal one.
    #[inline]
    fn is_plain(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let (integer, rest) = leading_digits(bytes.strip_prefix(b"-").unwrap_or(bytes));
        if integer.is_empty() || (integer[0] == b'0' && integer.len() > 1) {
            return false;
        }
        match rest.split_first() {
            None => true,
            Some((b'.', _)) if self.decimal != '.' => false,
            Some((b'.', rest)) => match leading_digits(rest) {
                ([], _) => false,
                (_, []) => true,
                _ => self.exponent && is_json_number(text),
            },
            _ => self.exponent && is_json_number(text),
        }
    }

    /// Reads a number as people write it and leaves it in `plain` as JSON has it.
    fn read(&self, text: &str, plain: &mut String) -> bool {
        plain.clear();
        let Some((negative, text)) = self.peel(text) else {
            return false;
        };
        let digit_first = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        if !digit_first(text) && !text.strip_prefix(self.decimal).is_some_and(digit_first) {
            return false;
        }
        if negative {
            plain.push('-');
        }
        let Some(rest) = self.integer(text, plain) else {
            return false;
        };
        let rest = match rest.strip_prefix(self.decimal).map(digits) {
            None => rest,
            Some(("", rest)) => rest,
            Some((fraction, rest)) => {
                plain.push('.');
                plain.push_str(fraction);
                rest
            }
        };
        if rest.is_empty() {
            return true;
        }
        // Whether what is left is an exponent, the whole shows.
        plain.push_str(rest);
        self.exponent && is_json_number(plain)
    }

    /// Takes off, from both ends and in any order: white space, one currency symbol, one sign.
    fn peel<'t>(&self, text: &'t str) -> Option<(bool, &'t str)> {
        let mut text = text;
        let mut symbol = false;
        let mut sign = None;
        loop {
            text = &text[trimmed(text)];
            if !symbol && let Some(rest) = self.without_symbol(text) {
                symbol = true;
                text = rest;
            } else if sign.is_none()
                && let Some((negative, rest)) = self.without_sign(text)
            {
                sign = Some(negative);
                text = rest;
            } else {
                return (!text.is_empty()).then_some((sign == Some(true), text));
            }
        }
    }

    fn without_symbol<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.symbols
            .iter()
            .find_map(|s| text.strip_prefix(&**s).or_else(|| text.strip_suffix(&**s)))
    }

    fn without_sign<'t>(&self, text: &'t str) -> Option<(bool, &'t str)> {
        const MINUS: [char; 2] = ['-', '\u{2212}'];
        if let Some(rest) = text.strip_prefix(MINUS) {
            return Some((true, rest));
        }
        if let Some(rest) = text.strip_prefix('+') {
            return Some((false, rest));
        }
        if self.parentheses
            && let Some(rest) = text.strip_prefix('(')
        {
            return rest.strip_suffix(')').map(|rest| (true, rest));
        }
        if self.trailing_minus {
            return text.strip_suffix(MINUS).map(|rest| (true, rest));
        }
        None
    }

    /// Writes the digits before the decimal sign, without separators and without zeros before the
    /// number, and returns what follows. Nothing where the groups are not groups of three.
    fn integer<'t>(&self, text: &'t str, plain: &mut String) -> Option<&'t str> {
        let (first, mut rest) = digits(text);
        let significant = first.trim_start_matches('0');
        if significant.is_empty() {
            plain.push('0');
        }
        plain.push_str(significant);
        if self.thousands.is_empty() || !rest.starts_with(&*self.thousands) {
            return Some(rest);
        }
        // `0,123` is more likely a fraction than a hundred and twenty-three.
        if first.len() > 3 || first.is_empty() || first.starts_with('0') {
            return None;
        }
        while let Some(group) = rest.strip_prefix(&*self.thousands) {
            let (group, after) = digits(group);
            if group.len() != 3 {
                return None;
            }
            plain.push_str(group);
            rest = after;
        }
        Some(rest)
    }
}

/// The digits that a text begins with, and what follows them.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(leading_digits(text.as_bytes()).0.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Cell, Row};
    use crate::stage::date::tests::run_column;
    use proptest::prelude::*;

    fn spec(json: &str) -> NumberSpec {
        serde_json::from_str(json).unwrap()
    }

    fn run(json: &str, cells: &[(&str, Kind)]) -> (Batch, Vec<String>) {
        let columns = &mut Columns::from_header(["n"]);
        run_column(spec(json).bind(columns, &Resources::default()), cells)
    }

    const PLAIN: &str = r#"["n"]"#;
    const UK: &str =
        r#"{"columns": ["n"], "thousands": ",", "strip": ["£", "GBP"], "parentheses": true}"#;
    const DE: &str = r#"{"columns": ["n"], "thousands": ".", "decimal": ",", "strip": ["€"], "trailing_minus": true}"#;
    const FR: &str = r#"{"columns": ["n"], "thousands": " ", "decimal": ","}"#;
    const SCI: &str = r#"{"columns": ["n"], "exponent": "allow"}"#;

    #[test]
    fn reads() {
        #[track_caller]
        fn check(json: &str, text: &str, expected: &str) {
            let (batch, seen) = run(json, &[(text, Kind::Text)]);
            let seen = match batch.faults() {
                [] => seen[0].strip_prefix("Number ").unwrap_or("not a number"),
                [fault] => &*fault.code,
                _ => "several faults",
            };
            assert_eq!(seen, expected, "{json} {text:?}");
        }
        const BAD: &str = "number_format";
        for (text, expected) in [
            ("0", "0"),
            ("-0", "-0"),
            ("1.0", "1.0"),
            ("-12.50", "-12.50"),
            ("007", "7"),
            ("000", "0"),
            ("-007.10", "-7.10"),
            ("+1", "1"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("1.", "1"),
            (" 12 ", "12"),
            ("\u{2212}5", "-5"),
            (
                "123456789012345678901234567890.10",
                "123456789012345678901234567890.10",
            ),
            ("1,234", BAD),
            ("1E5", BAD),
            ("1e5", BAD),
            (".", BAD),
            ("-", BAD),
            ("+-1", BAD),
            ("(5)", BAD),
            ("5-", BAD),
            ("1.2.3", BAD),
            ("12 000", BAD),
            ("£5", BAD),
            ("n/a", BAD),
            ("١٢", BAD),
            ("0x1F", BAD),
            ("NaN", BAD),
        ] {
            check(PLAIN, text, expected);
        }
        for (text, expected) in [
            ("1,234,567.891", "1234567.891"),
            ("1234567.891", "1234567.891"),
            ("999", "999"),
            ("1,234.", "1234"),
            ("1,23,4", BAD),
            ("1234,567", BAD),
            ("1,,234", BAD),
            (",234", BAD),
            ("1,234,", BAD),
            ("0,123", BAD),
            ("1.234,567", BAD),
            ("£1,234.50", "1234.50"),
            ("1,234.50 GBP", "1234.50"),
            ("-£5", "-5"),
            ("£-5", "-5"),
            ("£ 0.10", "0.10"),
            ("££5", BAD),
            ("£", BAD),
            ("(1,234.50)", "-1234.50"),
            ("(£1,234.50)", "-1234.50"),
            ("£(1,234.50)", "-1234.50"),
            ("( 5 )", "-5"),
            ("(-5)", BAD),
            ("-(5)", BAD),
            ("(5", BAD),
            ("5)", BAD),
            ("()", BAD),
        ] {
            check(UK, text, expected);
        }
        for (text, expected) in [
            ("1.234", "1234"),
            ("1.234,50", "1234.50"),
            ("1234,50 €", "1234.50"),
            ("1.5", BAD),
            ("0,5", "0.5"),
            (",5", "0.5"),
            ("12,50-", "-12.50"),
            ("-12,50-", BAD),
        ] {
            check(DE, text, expected);
        }
        for text in ["1 234 567,5", "1\u{a0}234\u{202f}567,5"] {
            check(FR, text, "1234567.5");
        }
        for (text, expected) in [
            ("1E5", "1E5"),
            ("01.50e-05", "1.50e-05"),
            ("1e", BAD),
            ("1e5.0", BAD),
            ("e5", BAD),
            ("1f5", BAD),
        ] {
            check(SCI, text, expected);
        }
    }

    #[test]
    fn leaves_alone_what_is_not_its_business() {
        let (batch, seen) = run(
            UK,
            &[
                ("", Kind::Text),
                ("", Kind::Null),
                ("", Kind::Missing),
                ("1e5", Kind::Number),
                ("x", Kind::Faulty),
                ("true", Kind::Bool),
                ("[1]", Kind::Json),
            ],
        );
        assert_eq!(
            seen,
            [
                "Text ",
                "Null ",
                "Missing ",
                "Number 1e5",
                "Faulty x",
                "Faulty true",
                "Faulty [1]"
            ]
        );
        assert_eq!(batch.faults().len(), 2);
        assert_eq!(
            batch.faults()[0].message,
            "expected a number such as 1,234.50"
        );
    }

    #[test]
    fn a_plain_number_is_not_copied() {
        let columns = &mut Columns::from_header(["n"]);
        let stage = spec(UK)
            .bind(columns, &Resources::default())
            .unwrap()
            .unwrap();
        let mut batch = Batch::new("1234.50".into(), 1);
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 7,
        });
        batch.push_cell(0, Cell::new(0, 7, Kind::Text));
        stage.apply(&mut batch);
        assert!(batch.cell(0, 0) == Cell::new(0, 7, Kind::Number));
    }

    #[test]
    fn checks() {
        #[track_caller]
        fn check(json: &str, expected: &str) {
            assert_eq!(spec(json).check().unwrap_err(), expected);
        }
        check("[]", "no column is named");
        check(
            r#"{"columns": ["n"], "thousands": "."}"#,
            "`thousands` and `decimal` are both `.`",
        );
        check(
            r#"{"columns": ["n"], "thousands": "-"}"#,
            "`thousands` can't be `-`",
        );
        check(
            r#"{"columns": ["n"], "decimal": " "}"#,
            "`decimal` can't be ` `",
        );
        check(
            r#"{"columns": ["n"], "strip": ["5"]}"#,
            "`strip` can't take off `5`, expected a currency symbol or code",
        );
        for good in [PLAIN, UK, DE, FR, SCI] {
            assert_eq!(spec(good).check(), Ok(()));
        }
        let unknown = serde_json::from_str::<NumberSpec>(r#"{"columns": [], "thousand": ","}"#);
        assert!(
            unknown
                .unwrap_err()
                .to_string()
                .starts_with("unknown field `thousand`")
        );
        let neither = serde_json::from_str::<NumberSpec>("5");
        assert!(
            neither
                .unwrap_err()
                .to_string()
                .contains("expected a list of columns, or a map with `columns`")
        );
    }

    /// `digits` in groups of three.
    fn grouped(digits: &str, separator: &str) -> String {
        let first = (digits.len() - 1) % 3 + 1;
        let mut out = digits[..first].to_owned();
        for group in digits.as_bytes()[first..].chunks(3) {
            out.push_str(separator);
            out.push_str(std::str::from_utf8(group).unwrap());
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_was_meant(
            integer in 0u128..10u128.pow(30), fraction in "([0-9]{1,12})?", form in 0u8..5, euro in any::<bool>(),
        ) {
            let digits = integer.to_string();
            let point = if fraction.is_empty() { "" } else { "." };
            let (json, group, decimal) = if euro { (DE, ".", ",") } else { (UK, ",", ".") };
            let comma = if fraction.is_empty() { "" } else { decimal };
            let body = format!("{}{comma}{fraction}", if form == 0 { digits.clone() } else { grouped(&digits, group) });
            let (text, negative) = match (form, euro) {
                (2, _) => (format!("-{body}"), true),
                (3, true) => (format!("{body}-"), true),
                (3, false) => (format!("({body})"), true),
                (4, true) => (format!("{body} €"), false),
                (4, false) => (format!("£{body}"), false),
                _ => (body, false),
            };
            let (_, seen) = run(json, &[(&text, Kind::Text)]);
            let sign = if negative { "-" } else { "" };
            prop_assert_eq!(&seen[0], &format!("Number {sign}{digits}{point}{fraction}"));
        }

        #[test]
        fn what_is_a_number_is_one_in_json(text in "[-+0-9.,£() eE]{0,14}|\\PC{0,8}", which in 0usize..5) {
            let (_, seen) = run([PLAIN, UK, DE, FR, SCI][which], &[(&text, Kind::Text)]);
            if let Some(number) = seen[0].strip_prefix("Number ") {
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(number).is_ok(), "{}", number);
            } else {
                prop_assert!(text.is_empty() || seen[0].starts_with("Faulty"));
            }
        }
    }
}
