//! Numbers of columns: every operator works for every number, and what is not computed keeps its digits.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::super::*;
use super::eval_in;
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Kind, Row};
use crate::text::decimal::Number;

/// A CSV file's columns: `n` and `m` after a `number` stage, and `t`, which is text.
fn columns() -> Columns {
    let mut columns = Columns::of(["n", "m", "t"], Kinds::TEXT);
    columns.hold(0, Kinds::EMPTY | Kinds::NUMBER);
    columns.hold(1, Kinds::EMPTY | Kinds::NUMBER);
    columns
}

fn batch(n: &str, m: &str, t: &str) -> Batch {
    let mut batch = Batch::new(String::new(), 3);
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 0,
    });
    for (at, (text, kind)) in [(n, Kind::Number), (m, Kind::Number), (t, Kind::Text)]
        .into_iter()
        .enumerate()
    {
        let kind = if text.is_empty() { Kind::Text } else { kind };
        let cell = batch.append(text, kind);
        batch.push_cell(at, cell);
    }
    batch
}

#[track_caller]
fn check(source: &str, n: &str, expected: &str) {
    for columns in [columns(), Columns::from_header(["n", "m", "t"])] {
        let found = eval_in(source, &columns, &batch(n, "3", "text"));
        assert_eq!(found, expected, "{source} for {n}");
    }
}

#[test]
fn every_number_is_a_number() {
    for (source, whole, fraction) in [
        ("n * 2", "Number 14", "Number 100001"),
        ("n * 2.0", "Number 14", "Number 100001"),
        ("2 * n", "Number 14", "Number 100001"),
        ("n + 1", "Number 8", "Number 50001.5"),
        ("1 - n", "Number -6", "Number -49999.5"),
        ("n / 2", "Number 3.5", "Number 25000.25"),
        ("n % 2", "Number 1", "Number 0.5"),
        ("-n", "Number -7", "Number -50000.5"),
        ("n * m", "Number 21", "Number 150001.5"),
        ("(n + 1) * 2", "Number 16", "Number 100003"),
        ("n > 4", "Bool true", "Bool true"),
        ("n > 4.5", "Bool true", "Bool true"),
        ("n == 7", "Bool true", "Bool false"),
        ("n == 7.0", "Bool true", "Bool false"),
        ("n in [7, 8]", "Bool true", "Bool false"),
        ("n in [7.0, 50000.50]", "Bool true", "Bool true"),
        ("[n] == [7]", "Bool true", "Bool false"),
        ("[7, n].exists(x, x + 1 == 8)", "Bool true", "Bool true"),
        ("[1, n].map(x, x * 2)[1] == 14", "Bool true", "Bool false"),
        ("math.greatest(n, 10)", "Number 10", "Number 50000.5"),
        ("math.round(n)", "Number 7", "Number 50001"),
        ("math.abs(-n)", "Number 7", "Number 50000.5"),
        ("size(t) * n", "Number 28", "Number 200002"),
        ("int(n) * 2", "Number 14", "Number 100000"),
        ("int(n) / 2", "Number 3", "Number 25000"),
        ("double(n) / 2", "Number 3.5", "Number 25000.25"),
        ("(t == '' ? 1 : n) * 2", "Number 14", "Number 100001"),
        ("dyn(n) * 2", "Number 14", "Number 100001"),
        ("type(n) == double", "Bool true", "Bool true"),
        ("string(n) + '!'", "Text 7!", "Text 50000.5!"),
        ("string(n * 2)", "Text 14", "Text 100001"),
        ("'%d'.format([n])", "Text 7", "Text 50000.5"),
    ] {
        check(source, "7", whole);
        check(source, "50000.5", fraction);
    }
}

#[test]
fn whole_numbers_where_functions_need_them() {
    for (source, expected) in [
        ("t.substring(n)", "Text xt"),
        ("t.substring(0, n)", "Text te"),
        ("t.substring(1.0)", "Text ext"),
        ("t.charAt(n)", "Text x"),
        ("t.split('')[n]", "Text x"),
        ("[10, 20, 30][n]", "Number 30"),
        ("{2: 'two'}[n]", "Text two"),
        ("today() - days(n)", "Text 2026-11-24"),
        ("math.bitShiftLeft(n, 3)", "Number 16"),
    ] {
        check(source, "2", expected);
        check(source, "2.0", expected);
    }
    check(
        "t.substring(n)",
        "2.5",
        "eval: a whole number is needed here, and this one has a fraction",
    );
    check(
        "t.substring(1.5)",
        "2",
        "bind: `t.substring(1.5)`: `substring` takes a whole number here, and `1.5` has a fraction",
    );
}

#[test]
fn digits_are_lost_only_where_something_is_computed() {
    for (source, n, expected) in [
        ("n", "1.10", "Number 1.10"),
        (
            "n",
            "12345678901234567890.10",
            "Number 12345678901234567890.10",
        ),
        ("t == '' ? 0 : n", "1.10", "Number 1.10"),
        (
            "t == '' ? '' : n",
            "12345678901234567890",
            "Number 12345678901234567890",
        ),
        (
            "t != '' ? 12345678901234567890 : n",
            "1",
            "Number 12345678901234567890",
        ),
        (
            "t != '' ? 0012345678901234567890 : n",
            "1",
            "Number 12345678901234567890",
        ),
        (
            "t != '' ? 00.12345678901234567890 : n",
            "1",
            "Number 0.12345678901234567890",
        ),
        (
            "string(n)",
            "12345678901234567890.10",
            "Text 12345678901234567890.10",
        ),
        ("int(n)", "9007199254740993", "Number 9007199254740993"),
        ("int(n)", "-7.9", "Number -7"),
        ("uint(n)", "7.9", "Number 7"),
        ("n == 9007199254740993", "9007199254740992", "Bool false"),
        ("n == 9007199254740993", "9007199254740993", "Bool true"),
        ("n == 9007199254740993", "9007199254740993.0", "Bool true"),
        ("n != 9007199254740993", "9007199254740992", "Bool true"),
        ("9007199254740993 > n", "9007199254740992", "Bool true"),
        (
            "n in [1, 9007199254740993]",
            "9007199254740992",
            "Bool false",
        ),
        (
            "n == 12345678901234567891",
            "12345678901234567890",
            "Bool false",
        ),
        (
            "n == -12345678901234567890",
            "-12345678901234567890",
            "Bool true",
        ),
        (
            "n == 0.12345678901234567891",
            "0.1234567890123456789",
            "Bool false",
        ),
        ("n == 1e3", "1000", "Bool true"),
        ("n == m", "3.000", "Bool true"),
        ("n == m", "3.0000000000000000000001", "Bool false"),
        ("n * 1", "9007199254740993", "Number 9007199254740992"),
        ("n + 0.2", "0.1", "Number 0.3"),
        ("n * 100", "1234567.89", "Number 123456789"),
        ("n * 0", "-1", "Number 0"),
        (
            "n * 1e300",
            "1e300",
            "eval: the expression gave infinity, or something that is not a number",
        ),
        ("n / 0", "5", "eval: division by zero"),
        ("n % 0", "5", "eval: division by zero"),
        ("m / (n - 5)", "5", "eval: division by zero"),
        ("int(n)", "1e300", "eval: the number does not fit 64 bits"),
    ] {
        check(source, n, expected);
    }
    check(
        "n * 2",
        "",
        "eval: cannot multiply empty text and number; say what an empty cell counts for, as in `fte == \"\" ? 0 : fte`",
    );
    check("n == '' ? 0 : n * 2", "", "Number 0");
}

/// A number as a `number` stage leaves it.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-9i64..10).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,6})?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Decimals are the measure of comparisons, and doubles that of arithmetic.
    #[test]
    fn agrees_with_decimals_and_doubles(a in number(), b in number(), same in any::<bool>()) {
        let b = if same { a.clone() } else { b };
        let order = Number::parse(&a).unwrap().cmp(&Number::parse(&b).unwrap());
        let (x, y): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
        let batch = batch(&a, &b, "");
        for other in ["m", &b] {
            for (operator, expected) in [
                ("==", order == Ordering::Equal),
                ("!=", order != Ordering::Equal),
                ("<", order == Ordering::Less),
                (">=", order != Ordering::Less),
            ] {
                let found = eval_in(&format!("n {operator} {other}"), &columns(), &batch);
                prop_assert_eq!(found, format!("Bool {expected}"), "{} {} {}", &a, operator, other);
            }
            for (operator, result) in [("+", x + y), ("-", x - y), ("*", x * y), ("/", x / y), ("%", x % y)] {
                let mut expected = "Number ".to_owned();
                number::write(result, &mut expected);
                if y == 0.0 && (operator == "/" || operator == "%") {
                    expected = "eval: division by zero".to_owned();
                }
                let found = eval_in(&format!("n {operator} ({other})"), &columns(), &batch);
                prop_assert_eq!(found, expected, "{} {} {}", &a, operator, other);
            }
        }
        let within = eval_in(&format!("n in [{b}, 0.5]"), &columns(), &batch);
        let expected = order == Ordering::Equal || Number::parse(&a) == Number::parse("0.5");
        prop_assert_eq!(within, format!("Bool {expected}"));
        prop_assert_eq!(eval_in("string(n)", &columns(), &batch), format!("Text {a}"));
        prop_assert_eq!(eval_in("m == m ? n : 0", &columns(), &batch), format!("Number {a}"));
    }
}
