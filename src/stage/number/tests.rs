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
        let faults = batch.faults().list();
        let seen = match &faults[..] {
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

const CH: &str = r#"{"columns": ["n"], "thousands": "'", "currency": ["CHF", "Fr."]}"#;
const KEPT: &str = r#"{"columns": ["n"], "percent": "keep"}"#;
const SHARE: &str =
    r#"{"columns": ["n"], "percent": "divide", "decimal": ",", "parentheses": true}"#;

#[test]
fn reads_what_settings_say() {
    #[track_caller]
    fn check(json: &str, text: &str, expected: &str) {
        let (_, seen) = run(json, &[(text, Kind::Text)]);
        assert_eq!(seen[0], expected, "{json} {text:?}");
    }
    for (text, expected) in [
        ("1'234.50", "Number 1234.50"),
        ("1\u{2019}234\u{2019}567", "Number 1234567"),
        ("CHF 1'234", "Number 1234"),
        ("Fr. -5", "Number -5"),
        ("\u{2212}1'000", "Number -1000"),
        ("1\u{2018}234", "Faulty 1\u{2018}234"),
    ] {
        check(CH, text, expected);
    }
    for mark in [" ", "\u{a0}", "\u{202f}", "\u{2009}"] {
        let french = format!(r#"{{"columns": ["n"], "thousands": "{mark}", "currency": "€"}}"#);
        for text in ["1 234", "1\u{a0}234", "1\u{202f}234 €", "1\u{2009}234"] {
            check(&french, text, "Number 1234");
        }
    }
    for (text, kept, share) in [
        ("12.5%", "Number 12.5", "Faulty 12.5%"),
        ("12,5 %", "Faulty 12,5 %", "Number 0.125"),
        ("50%", "Number 50", "Number 0.5"),
        ("100 %", "Number 100", "Number 1"),
        ("%5", "Number 5", "Number 0.05"),
        ("0%", "Number 0", "Number 0"),
        ("-120%", "Number -120", "Number -1.2"),
        ("12,50%", "Faulty 12,50%", "Number 0.1250"),
        ("(5%)", "Faulty (5%)", "Number -0.05"),
        ("(5)%", "Faulty (5)%", "Number -0.05"),
        ("5", "Number 5", "Faulty 5"),
        ("5%%", "Faulty 5%%", "Faulty 5%%"),
        ("%", "Faulty %", "Faulty %"),
        (
            "1234567890123456789012,3%",
            "Faulty 1234567890123456789012,3%",
            "Number 12345678901234567890.123",
        ),
    ] {
        check(KEPT, text, kept);
        check(SHARE, text, share);
    }
}

/// What a rejected text lacks is a setting, and never a guess.
#[test]
fn a_setting_that_would_read_it_is_named() {
    #[track_caller]
    fn check(json: &str, text: &str, expected: &str) {
        let (batch, _) = run(json, &[(text, Kind::Text)]);
        assert_eq!(
            batch.faults().list()[0].message,
            expected,
            "{json} {text:?}"
        );
    }
    for (text, advice) in [
        ("1'234.5", "; `thousands: \"'\"` would read this one"),
        ("1\u{2019}234", "; `thousands: \"'\"` would read this one"),
        ("1\u{a0}234", "; `thousands: \" \"` would read this one"),
        (
            "1,234",
            "; `thousands: \",\"` or `decimal: \",\"` would read this one",
        ),
        ("1,234.50", "; `thousands: \",\"` would read this one"),
        ("1234,5", "; `decimal: \",\"` would read this one"),
        (
            "1.234,50",
            "; `thousands: \".\"` and `decimal: \",\"` would read this one",
        ),
        ("100-", "; `trailing_minus: true` would read this one"),
        ("(100)", "; `parentheses: true` would read this one"),
        ("$5", "; `currency` would read this one"),
        ("5 EUR", "; `currency` would read this one"),
        ("Fr. 5", "; `currency` would read this one"),
        (
            "12.5 %",
            "; `percent: keep` or `divide` would read this one",
        ),
        ("1.5E3", "; `exponent: allow` would read this one"),
        (
            "(1.234,50 €)",
            "; `parentheses: true` with `currency` with `thousands: \".\"` and `decimal: \",\"` would read this one",
        ),
        ("n/a", ""),
        ("2026-01-31", ""),
        ("1.2.3", ""),
        ("12a4", ""),
        ("Anna", ""),
    ] {
        check(
            PLAIN,
            text,
            &format!("expected a number such as 1234.50{advice}"),
        );
    }
    check(
        UK,
        "1234,50",
        "expected a number such as 1,234.50; no `thousands` and `decimal: \",\"` would read this one",
    );
    check(SHARE, "5", "expected a percentage such as 12,50%");
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
        batch.faults().list()[0].message,
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
        "`currency` can't be `5`, expected a sign or code such as € or EUR",
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
