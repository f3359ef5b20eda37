mod kernel;
mod kinds;
mod names;
mod numbers;
mod time;

use super::compile::MAX_DEPTH;
use super::functions::{FUNCTIONS, Form};
use super::*;
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Kind};
use crate::batch::{Cell, Row};

/// The day of the run.
fn today() -> Date {
    Date::new(2026, 11, 26).unwrap()
}

/// One row: Text cells from strings, and whatever else JSON has.
fn row(cells: &str) -> (Columns, Batch) {
    let cells: indexmap::IndexMap<String, serde_json::Value> = serde_json::from_str(cells).unwrap();
    let mut batch = Batch::new(String::new(), cells.len());
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 0,
    });
    for (i, value) in cells.values().enumerate() {
        use serde_json::Value as Json;
        let cell = match value {
            Json::Null => batch.append("", Kind::Null),
            Json::Bool(b) => batch.append(&b.to_string(), Kind::Bool),
            Json::Number(n) => batch.append(&n.to_string(), Kind::Number),
            Json::String(s) if s == "?missing" => Cell::MISSING,
            Json::String(s) if s == "?number" => batch.append("", Kind::Number),
            Json::String(s) => batch.append(s, Kind::Text),
            json => batch.append(&json.to_string(), Kind::Json),
        };
        batch.push_cell(i, cell);
    }
    (Columns::from_header(cells.keys()), batch)
}

const CELLS: &str = r#"{"first":"Åsa","last":"Öst","salary":1500,"rate":1.25,"huge":12345678901234567890,
    "active":true,"gone":null,"tags":["a"],"Employee ID":"007","address.city":"York","row":"r","type":"T","empty":"","absent":"?missing","number_without_text":"?number"}"#;

fn eval(source: &str) -> String {
    let (columns, batch) = row(CELLS);
    eval_in(source, &columns, &batch)
}

/// What an expression gives for a batch's first row.
fn eval_in(source: &str, columns: &Columns, batch: &Batch) -> String {
    let expr = match Expr::compile(source) {
        Ok(expr) => expr,
        Err(e) => return format!("compile: {e}"),
    };
    let bound = match expr.bind(columns, Use::Value, today()) {
        Ok(bound) => bound,
        Err(e) => return format!("bind: {}", e.to_string().split(" (columns").next().unwrap()),
    };
    let mut out = String::new();
    match bound.eval_text(batch, 0, &mut out) {
        Ok(kind) => format!("{kind:?} {out}"),
        Err(e) => format!("eval: {e}"),
    }
}

#[test]
fn values_results_and_errors() {
    let columns_hint = "a column whose name is not a plain word is written row[\"Employee ID\"]";
    for (source, expected) in [
        // results
        ("first + ' ' + last", "Text Åsa Öst"),
        ("salary", "Number 1500"),
        ("salary * 2", "Number 3000"),
        ("string(5) + string(-0.50)", "Text 5-0.5"),
        ("rate * 2.0", "Number 2.5"),
        ("salary > 1000 && active", "Bool true"),
        ("gone", "Null "),
        ("gone == null", "Bool true"),
        ("empty == ''", "Bool true"),
        ("absent == ''", "Bool true"),
        ("tags", "Json [\"a\"]"),
        ("tags + ''", "Text [\"a\"]"),
        ("huge", "Number 12345678901234567890"),
        ("huge * 1.0", "Number 12345678901234567000"),
        ("-9223372036854775808", "Number -9223372036854775808"),
        ("number_without_text == null", "Bool true"),
        // names
        ("row[\"Employee ID\"]", "Text 007"),
        ("row['row'] + row", "Text rr"),
        ("address.city", "Text York"),
        (".first", "Text Åsa"),
        ("type + string(type(first) == string)", "Text Ttrue"),
        ("[first, last].exists(x, x == 'Öst')", "Bool true"),
        ("[1].exists(first, first == 1)", "Bool true"),
        // functions
        ("first.replace('Å', 'A').upperAscii()", "Text ASA"),
        ("first.matches('^Å.a$')", "Bool true"),
        ("matches(first, 'x')", "Bool false"),
        ("math.round(rate)", "Number 1"),
        ("math.greatest(salary, 7)", "Number 1500"),
        ("strings.quote(first)", "Text \"Åsa\""),
        ("first.startsWith('Å') ? 'y' : 'n'", "Text y"),
        ("optional.none().orValue('x')", "Text x"),
        // at bind
        (
            "firsd",
            "bind: no column `firsd` here, did you mean `first`?",
        ),
        ("row['string']", "bind: no column `string` here"),
        (
            "[1].exists(x, x == 1) && x == 1",
            "bind: no column `x` here",
        ),
        ("math", "bind: no column `math` here"),
        ("a.?b", "bind: no column `a` here"),
        // at evaluation, never with a value
        (
            "first > 1",
            "eval: `>` does not take (text, number); text becomes a number by the `number` stage, or by int() or double()",
        ),
        (
            "salary + first",
            "eval: cannot add number and text; text becomes a number by the `number` stage, or by int() or double()",
        ),
        (
            "int(first)",
            "eval: `int` takes only digits, such as 42 or -7: no blanks, separators or decimal places",
        ),
        (
            "'%.70000f'.format([1.5])",
            "bind: `\"%.70000f\".format([1.5])`: `format` can't be applied to this value",
        ),
        (
            "first.substring(7)",
            "eval: `substring` goes beyond the end of the text, or begins after its own end; `size` tells how long it is",
        ),
        ("1/0", "bind: `1 / 0`: division by zero"),
        (
            "-(-9223372036854775808)",
            "bind: `-(-9223372036854775808)`: the result does not fit 64 bits",
        ),
        (
            "-9223372036854775808 / -1",
            "bind: `-9223372036854775808 / -1`: the result does not fit 64 bits",
        ),
        (
            "math.abs(-9223372036854775808)",
            "bind: `math.abs(-9223372036854775808)`: `math.abs` can't be applied to this value",
        ),
        (
            "[1][4]",
            "bind: `[1][4]`: the list has no such element; the first one is [0], and `size` tells how many there are",
        ),
        ("{'a': 1}[first]", "eval: the map has no such key"),
        (
            "math.sqrt(-1.0)",
            "eval: the expression gave infinity, or something that is not a number",
        ),
        (
            "[first]",
            "eval: expected text, a number, true or false, the expression gave list",
        ),
        (
            "first.foo",
            "bind: no column `first.foo` here; `first` is one, and its cells have no members: those of a JSON object become columns by `source.json.flatten`",
        ),
        (
            "first.trim + last",
            "bind: no column `first.trim` here; `trim` is written `first.trim(...)`",
        ),
        // at compile
        ("", "compile: the expression is empty"),
        (" \n", "compile: the expression is empty"),
        (
            "first = last",
            "compile: line 1, column 7 of the expression: token recognition error at: '= '; write == to compare",
        ),
        (
            "first and last",
            "compile: line 1, column 7 of the expression: mismatched input 'and'; write && for and",
        ),
        (
            "a == 'a' or b",
            "compile: line 1, column 10 of the expression: mismatched input 'or'; write || for or",
        ),
        (
            "Employee ID == 'x'",
            &format!(
                "compile: line 1, column 10 of the expression: mismatched input 'ID'; {columns_hint}"
            ),
        ),
        (
            "\n  1 + ]",
            "compile: line 2, column 7 of the expression: mismatched input ']'",
        ),
        (
            "1 +",
            "compile: line 1, column 4 of the expression: the expression ends too early",
        ),
        (
            "a ? b",
            "compile: line 1, column 1 of the expression: incomplete choice, write condition ? a : b",
        ),
        (
            "package",
            "compile: line 1, column 1 of the expression: reserved identifier: package; a column of that name is written row[\"package\"]",
        ),
        (
            "first.lower()",
            "compile: no function `lower`, did you mean `lowerAscii`?",
        ),
        ("foo(1)", "compile: no function `foo`"),
        (
            "first.exists(1)",
            "compile: `exists` is called the wrong way; see CEL's macros",
        ),
        (
            "first.matches('(')",
            "compile: the pattern of `matches`: unclosed group",
        ),
        (
            "first.matches(last)",
            "compile: the pattern of `matches` must be text in quotes",
        ),
        (
            "row[first]",
            "compile: row[...] takes the name of a column in quotes",
        ),
        (
            "a{b: 1}",
            "compile: there are no structs here; a map is written {\"key\": value}",
        ),
    ] {
        assert_eq!(eval(source), expected, "{source}");
    }
}

/// Runs on the stack of a worker. An overflow would abort the whole test run.
#[test]
fn odd_input_never_brings_the_process_down() {
    let too_deep = "compile: the expression is nested too deeply";
    for (source, expected) in [
        (vec!["1"; MAX_DEPTH].join("+"), "Number 32"),
        (vec!["1"; MAX_DEPTH + 1].join("+"), too_deep),
        (vec!["1"; 8000].join("+"), too_deep),
        (vec!["first=='a'"; 1000].join("||"), "Bool false"),
        ("!".repeat(10000) + "active", too_deep),
        ("- ".repeat(8000) + "1", too_deep),
        ("(".repeat(8000) + "1", too_deep),
        ("(".repeat(24) + "1" + &")".repeat(24), "Number 1"),
        ("[".repeat(24) + "1" + &"]".repeat(24), "bind: `"),
        ("{1:".repeat(24) + "1" + &"}".repeat(24), "bind: `"),
        ("first".to_owned() + &".a".repeat(8000), too_deep),
        ("first".to_owned() + &"[0]".repeat(5000), too_deep),
        ("first".to_owned() + &".trim()".repeat(2000), too_deep),
        ("active?1:".repeat(1500) + "1", too_deep),
        ("active?".repeat(1500) + "1", "compile: "),
        (
            "[1].map(x,".repeat(9) + "1" + &")".repeat(9),
            "eval: expected",
        ),
        (
            format!("first in [{}]", vec!["'abc'"; 2500].join(",")),
            "Bool false",
        ),
        ("]".repeat(8000), "compile: line 1"),
        ("+ ".repeat(8000), "compile: line 1"),
        ("'".repeat(16001), "compile: line 1"),
        (
            "a".repeat(MAX_LENGTH + 1),
            "compile: the expression is longer",
        ),
        (
            "'''(((((((((((((((((((((((((((((((((('''".to_owned(),
            "Text (((",
        ),
        (format!("r'\\' + {}1{}", "(".repeat(90), ")".repeat(90)), ""),
        (format!("r'\\' + {}1", "(".repeat(8000)), "compile: "),
        (format!("r'\\' + {}1{}", "[".repeat(90), "]".repeat(90)), ""),
        (format!("r'\\' + {}first", "!".repeat(8000)), ""),
        (format!("r'\\' + {}first", "-".repeat(8000)), ""),
        ("\u{0}".to_owned(), "compile: line 1"),
        ("\u{1}first".to_owned(), "compile: line 1"),
    ] {
        let result = eval(&source);
        assert!(
            result.starts_with(expected),
            "{}... gave {result}",
            source.chars().take(20).collect::<String>()
        );
    }
}

#[test]
fn true_or_false_is_asked_for() {
    let (columns, batch) = row(CELLS);
    let bind = |s: &str| {
        Expr::compile(s)
            .unwrap()
            .bind(&columns, Use::Condition, today())
            .unwrap()
    };
    assert_eq!(bind("active").eval_bool(&batch, 0), Ok(true));
    assert_eq!(
        bind("first").eval_bool(&batch, 0).unwrap_err().to_string(),
        "expected true or false, the expression gave text"
    );
    assert_eq!(Expr::compile("UK").unwrap().bare_name(), Some("UK"));
    assert_eq!(Expr::compile("U + K").unwrap().bare_name(), None);
}

#[test]
fn a_row_with_a_fault_in_a_named_cell_is_not_ready() {
    let (columns, mut batch) = row(CELLS);
    let bound = Expr::compile("first + last")
        .unwrap()
        .bind(&columns, Use::Value, today())
        .unwrap();
    assert!(bound.is_ready(&batch, 0));
    batch.set_cell(0, 2, batch.cell(0, 2).with_kind(Kind::Faulty));
    assert!(bound.is_ready(&batch, 0));
    batch.set_cell(0, 1, batch.cell(0, 1).with_kind(Kind::Faulty));
    assert!(!bound.is_ready(&batch, 0));
}

/// The list of functions is CEL's: each is found by the evaluator.
#[test]
fn every_listed_function_is_known_to_the_evaluator() {
    let values = |function: &functions::Function| match function.takes.first() {
        _ if function.name.starts_with("math.") => "1.0",
        Some(takes) if takes.meets(Kinds::TEXT) => "'a'",
        Some(takes) if takes.meets(Kinds::NUMBER) => "1.0",
        _ => "['a']",
    };
    let found = |call: String| {
        let expr = Expr::compile(&call).unwrap_or_else(|e| panic!("{call}: {e}"));
        let columns = Columns::default();
        match expr.bind(&columns, Use::Value, today()) {
            // It is known, and gives what no cell can hold.
            Err(_) => true,
            Ok(bound) => {
                let result = bound.eval_text(&Batch::default(), 0, &mut String::new());
                !result.is_err_and(|e| {
                    let message = e.to_string();
                    message.starts_with("no function") || message.contains("arguments")
                })
            }
        }
    };
    for function in FUNCTIONS {
        let (least, most) = function.values;
        for count in [least, most.min(least + 1)] {
            let rest = |from: usize| {
                let rest = (from..count).map(|at| match function.takes.get(at) {
                    Some(&Kinds::NUMBER) => "1",
                    Some(&Kinds::LIST) => "[1]",
                    _ if function.name.starts_with("math.bit") => "1",
                    _ if function.takes.len() == 1 => values(function),
                    _ => "'a'",
                });
                rest.collect::<Vec<_>>()
            };
            let name = function.name;
            if function.form != Form::Method {
                let mut all = rest(1);
                all.splice(..0, (count > 0).then(|| values(function)));
                assert!(
                    found(format!("{name}({})", all.join(", "))),
                    "{name} {count}"
                );
            }
            if function.form != Form::Global {
                let call = format!("{}.{name}({})", values(function), rest(1).join(", "));
                assert!(found(call), "{name} {count}");
            }
        }
    }
}

#[test]
fn a_call_that_no_row_can_answer_is_refused() {
    for (source, expected) in [
        (
            "startsWith(first, \"100\")",
            "`startsWith` is written `first.startsWith(\"100\")`",
        ),
        (
            "!contains(row['Employee ID'], 'x') && active",
            "`contains` is written `row[\"Employee ID\"].contains(\"x\")`",
        ),
        (
            "endsWith(first + last, 'x')",
            "`endsWith` is written `(first + last).endsWith(\"x\")`",
        ),
        (
            "active ? trim(first) : 'x'",
            "`trim` is written `first.trim()`",
        ),
        ("salary.string()", "`string` is written `string(salary)`"),
        (
            "startsWith()",
            "`startsWith` is written `text.startsWith(...)`",
        ),
        (
            "first.startsWith()",
            "`startsWith` takes 1 argument, found 0",
        ),
        (
            "first.substring()",
            "`substring` takes 1 to 2 arguments, found 0",
        ),
        ("size(first, last)", "`size` takes 1 argument, found 2"),
        ("matches(first)", "`matches` takes 2 arguments, found 1"),
        ("first.trim('x')", "`trim` takes no argument, found 1"),
        ("math.round()", "`math.round` takes 1 argument, found 0"),
    ] {
        assert_eq!(eval(source), format!("compile: {expected}"), "{source}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_an_expression_or_an_error(source in "[a-z0-9 .,'\"()\\[\\]{}?:!&|+<>=*/%@$é\u{0}\\\\-]{0,40}") {
        eval(&source);
    }

    #[test]
    fn any_cell_can_be_worked_on(cell in "\\PC{0,12}", n in -2i64..14) {
        let cells = serde_json::json!({ "first": cell, "n": n }).to_string();
        let (columns, batch) = row(&cells);
        for source in [
            "first.substring(n)", "first.substring(0, n)", "first.charAt(n)", "first.split('', n)[0]",
            "first.indexOf('a', n)", "first.lastIndexOf('a', n)", "first.replace('', 'x', n)", "first.format([n])",
            "int(first)", "double(first)", "uint(first)", "bool(first)", "string(bytes(first))", "first.reverse()",
            "first.matches('\\\\d')", "math.bitShiftLeft(n, n)", "10 / n", "10 % n",
        ] {
            let bound = Expr::compile(source)
                .unwrap()
                .bind(&columns, Use::Value, today())
                .unwrap();
            let _ = bound.eval_text(&batch, 0, &mut String::new());
        }
    }
}
