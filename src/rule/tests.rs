use std::borrow::Cow;

use proptest::prelude::*;

use super::spec::Limit;
use super::*;
use crate::batch::{Fault, Kind, Row, RowState};

fn today() -> Today {
    Today::utc(Date::new(2024, 2, 29).unwrap())
}

fn spec(json: &str) -> ValidateSpec {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"))
}

/// A batch of one record a row; `~` is a missing cell, `#` before a text makes it a number.
fn batch(rows: &[&[&str]]) -> Batch {
    let mut batch = Batch::new(String::new(), rows[0].len());
    for row in rows {
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
        for (column, text) in row.iter().enumerate() {
            let (text, kind) = match text.strip_prefix('#') {
                _ if *text == "~" => ("", Kind::Missing),
                Some(number) => (number, Kind::Number),
                None => (*text, Kind::Text),
            };
            let cell = batch.append(text, kind);
            batch.push_cell(column, cell);
        }
    }
    batch
}

/// The codes that one cell's text gives under the rules of one column.
fn codes(rules: &str, text: &str) -> Vec<(String, String)> {
    let rules = spec(&format!(r#"{{"columns": {{"c": {rules}}}}}"#))
        .bind(&Columns::from_header(["c"]), &today())
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut batch = batch(&[&[text]]);
    rules.apply(&mut batch);
    let faults = batch.faults();
    assert!(
        faults
            .iter()
            .all(|f| f.stage == "validate" && &*f.column == "c")
    );
    assert_eq!(batch.cell(0, 0).kind() == Kind::Faulty, !faults.is_empty());
    faults
        .iter()
        .map(|f| (f.code.to_string(), f.message.to_string()))
        .collect()
}

#[test]
fn columns() {
    #[track_caller]
    fn check(rules: &str, text: &str, expected: &str) {
        let found: Vec<_> = codes(rules, text).into_iter().map(|(c, _)| c).collect();
        assert_eq!(found.join(" "), expected, "{rules} {text:?}");
    }
    // empty cells
    check(r#"{"required": true}"#, "", "required");
    check(r#"{"required": true}"#, "~", "required");
    check(
        r#"{"required": true, "type": "number", "min_length": 3}"#,
        "",
        "required",
    );
    for unseen in [" ", "\u{a0}\t", "\u{200b}", "\u{feff} \u{ad}"] {
        let rules = r#"{"required": true, "pattern": "x", "min_length": 9}"#;
        check(rules, unseen, "required");
        check(r#"{"pattern": "^x$"}"#, unseen, "pattern");
    }
    check(r#"{"required": true}"#, "\u{200b}x", "");
    check(
        r#"{"type": "number", "pattern": "x", "min_length": 3, "one_of": ["a"]}"#,
        "",
        "",
    );

    // types
    for (kind, good, bad) in [
        ("text", &["x", "12", "é"][..], &["#12"][..]),
        (
            "integer",
            &["0", "-12", "#5", "123456789012345678901234567890"],
            &["1.0", "1e5", "007", "+1", "x", "1 "],
        ),
        (
            "number",
            &["0", "-12.50", "#1e5"],
            &["007", "1,5", "x", ".5"],
        ),
        ("date", &["2024-02-29"], &["2023-02-29", "29/02/2024", "x"]),
        ("boolean", &["true", "false"], &["True", "yes", "1"]),
        (
            "uuid",
            &[
                "6586F21B-AD4D-4D06-A309-712AF47184A2",
                "6586f21b-ad4d-4d06-a309-712af47184a2",
            ],
            &[
                "6586F21BAD4D4D06A309712AF47184A2",
                "{6586F21B-AD4D-4D06-A309-712AF47184A2}",
                "6586F21B-AD4D-4D06-A309-712AF47184AX",
            ],
        ),
        (
            "email",
            &[
                "a@b.co",
                "first.last+tag@mail.example.org",
                "jürgen@münchen.example",
            ],
            &[
                "a", "a@b", "@b.co", "a@", "a@b..co", "a@-b.co", "a b@c.de", "a@b@c.de", "a@b.c o",
            ],
        ),
    ] {
        let rules = format!(r#"{{"type": "{kind}"}}"#);
        for text in good {
            check(&rules, text, "");
        }
        for text in bad {
            check(&rules, text, &format!("type_{kind}"));
        }
    }

    // limits of numbers
    let range = r#"{"type": "number", "min": 0, "max": "99.50"}"#;
    for (text, expected) in [
        ("0", ""),
        ("-0", ""),
        ("-0.0000000000000000000000001", "min"),
        ("99.5000", ""),
        ("99.50000000000000000000000001", "max"),
        ("#1e2", "max"),
        ("x", "type_number"),
    ] {
        check(range, text, expected);
    }
    check(r#"{"min": 1}"#, "x", "type_number");
    check(r#"{"min": 1.5}"#, "1.49", "min");
    check(r#"{"min": -5}"#, "-6", "min");
    check(r#"{"type": "integer", "max": 5}"#, "5.5", "type_integer");

    // limits of dates
    let range = r#"{"type": "date", "min": "2020-01-01", "max": "today"}"#;
    for (text, expected) in [
        ("2020-01-01", ""),
        ("2019-12-31", "min"),
        ("2024-02-29", ""),
        ("2024-03-01", "max"),
        ("soon", "type_date"),
    ] {
        check(range, text, expected);
    }
    let range = r#"{"format": "DD/MM/YYYY", "after": "2020-01-01", "before": "today"}"#;
    for (text, expected) in [
        ("01/01/2020", "after"),
        ("02/01/2020", ""),
        ("28/02/2024", ""),
        ("29/02/2024", "before"),
        ("2020-01-02", "type_date"),
    ] {
        check(range, text, expected);
    }
    check(
        r#"{"format": "YYYY-MM-DD HH:mm", "max": "2020-01-01"}"#,
        "2020-01-01 23:59",
        "",
    );

    // texts
    check(r#"{"pattern": "^\\d{8}$"}"#, "12345678", "");
    check(r#"{"pattern": "^\\d{8}$"}"#, "123456789", "pattern");
    check(r#"{"pattern": "\\d"}"#, "a1b", "");
    check(r#"{"min_length": 2, "max_length": 3}"#, "é", "min_length");
    check(r#"{"min_length": 2, "max_length": 3}"#, "ééé", "");
    check(
        r#"{"min_length": 2, "max_length": 3}"#,
        "éééé",
        "max_length",
    );
    check(r#"{"one_of": ["GBP", "EUR"]}"#, "EUR", "");
    check(r#"{"one_of": ["GBP", "EUR"]}"#, "eur", "one_of");
    check(
        r#"{"one_of": ["GBP", "Üx"], "ignore_case": true}"#,
        "gBp",
        "",
    );
    check(
        r#"{"one_of": ["GBP", "Üx"], "ignore_case": true}"#,
        "üX",
        "",
    );
    check(r#"{"not_one_of": ["N/A", "TBC"]}"#, "N/A", "not_one_of");
    check(
        r#"{"not_one_of": ["N/A", "TBC"], "ignore_case": true}"#,
        "tbc",
        "not_one_of",
    );
    check(r#"{"not_one_of": ["N/A", "TBC"]}"#, "x", "");
    let long = r#"{"one_of": ["a","b","c","d","e","f","g","h","i","j","K"], "ignore_case": true}"#;
    check(long, "k", "");
    check(long, "x", "one_of");

    // independent rules are all reported
    check(
        r#"{"type": "integer", "min": 5, "pattern": "^x", "max_length": 2, "one_of": ["1"]}"#,
        "1234",
        "pattern max_length one_of",
    );
    check(
        r#"{"type": "integer", "min": 5, "pattern": "^x", "max_length": 2, "one_of": ["1"]}"#,
        "abc",
        "type_integer pattern max_length one_of",
    );
}

#[test]
fn messages() {
    #[track_caller]
    fn check(rules: &str, text: &str, expected: &str) {
        let found: Vec<_> = codes(rules, text).into_iter().map(|(_, m)| m).collect();
        assert_eq!(found.join("; "), expected);
    }
    check(
        r#"{"required": true}"#,
        "",
        "expected a value, found nothing",
    );
    check(
        r#"{"type": "date", "format": "D/M/YYYY"}"#,
        "x",
        "expected a date as D/M/YYYY",
    );
    check(r#"{"min": 12.50}"#, "1", "expected at least 12.5");
    check(r#"{"max": "12.50"}"#, "100", "expected at most 12.50");
    check(
        r#"{"type": "date", "max": "today"}"#,
        "2025-01-01",
        "expected today (2024-02-29 in UTC) or earlier",
    );
    check(
        r#"{"after": "2020-01-01"}"#,
        "1999-01-01",
        "expected a date after 2020-01-01",
    );
    check(
        r#"{"pattern": "^\\d+$"}"#,
        "x",
        r"expected a match of ^\d+$",
    );
    check(
        r#"{"min_length": 2}"#,
        "x",
        "expected at least 2 characters",
    );
    check(r#"{"max_length": 1}"#, "xx", "expected at most 1 character");
    check(
        r#"{"one_of": ["GBP", "EUR"]}"#,
        "x",
        "expected one of `GBP`, `EUR`",
    );
    check(
        r#"{"one_of": ["1","2","3","4","5","6","7","8","9","10","11"]}"#,
        "x",
        "expected one of `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9`, `10`, ... (11 in all)",
    );
    check(
        r#"{"required": true, "message": "ask the payroll team"}"#,
        "",
        "ask the payroll team",
    );
    check(
        r#"{"min": 5, "max_length": 0, "message": "ask"}"#,
        "1",
        "ask; ask",
    );
}

#[test]
fn rows() {
    #[track_caller]
    fn check(rules: &str, row: &[&str], expected: &[&str]) {
        let rules = spec(rules)
            .bind(&Columns::from_header(["id", "hired", "left"]), &today())
            .unwrap_or_else(|problems| panic!("{}", problems[0]));
        let mut batch = batch(&[row]);
        rules.apply(&mut batch);
        let found: Vec<_> = batch
            .faults()
            .iter()
            .map(|f| format!("{}|{}|{}", f.column, f.code, f.message))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(batch.state(0) == RowState::Rejected, !expected.is_empty());
    }
    let order = r#"{
        "key": "id",
        "columns": {"left": {"type": "date"}},
        "rows": [
            {"assert": "left == '' || left >= hired", "code": "leaves_before_hired", "columns": ["hired", "left"]},
            {"assert": "hired != '2000-01-01'", "code": "placeholder", "message": "a placeholder date"}
        ]
    }"#;
    check(order, &["1", "2020-01-01", ""], &[]);
    check(order, &["1", "2020-01-01", "2020-01-01"], &[]);
    check(
        order,
        &["1", "2020-01-01", "2019-01-01"],
        &["hired, left|leaves_before_hired|expected left == '' || left >= hired"],
    );
    // both assertions have something to say
    check(
        order,
        &["1", "2000-01-01", "1999-01-01"],
        &[
            "hired, left|leaves_before_hired|expected left == '' || left >= hired",
            "|placeholder|a placeholder date",
        ],
    );
    // a faulty cell is not asked again, the other assertion is
    check(
        order,
        &["1", "2000-01-01", "1999"],
        &[
            "left|type_date|expected a date as YYYY-MM-DD",
            "|placeholder|a placeholder date",
        ],
    );
    check(
        order,
        &["", "2000-01-01", "1999"],
        &[
            "id|key_empty|expected a key, found nothing",
            "left|type_date|expected a date as YYYY-MM-DD",
            "|placeholder|a placeholder date",
        ],
    );
    // the key's own rules, and the key as required: said once
    let key = r#"{"key": "id", "columns": {"id": {"required": true, "max_length": 1}}}"#;
    check(
        key,
        &["", "", ""],
        &["id|key_empty|expected a key, found nothing"],
    );
    check(
        key,
        &["~", "", ""],
        &["id|key_empty|expected a key, found nothing"],
    );
    check(
        key,
        &["12", "", ""],
        &["id|max_length|expected at most 1 character"],
    );
    // what can't be evaluated is a fault of the row
    let broken = r#"{"rows": [{"assert": "left > 5", "code": "late"}]}"#;
    let rules = spec(broken)
        .bind(&Columns::from_header(["left"]), &today())
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut faulty = batch(&[&["canary"]]);
    rules.apply(&mut faulty);
    assert_eq!(faulty.faults().list()[0].code, "expression_failed");
    assert!(!faulty.faults().list()[0].message.contains("canary"));
}

#[test]
fn what_was_found_faulty_or_filtered_is_left_alone() {
    let rules = spec(r#"{"key": "c", "columns": {"c": {"type": "number"}}}"#)
        .bind(&Columns::from_header(["c"]), &today())
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut batch = batch(&[&["x"], &["x"], &["x"]]);
    let fault = Fault {
        row: 0,
        stage: "number",
        column: "c".into(),
        source: None,
        code: Cow::Borrowed("number_format"),
        message: Cow::Borrowed(""),
    };
    batch.reject(fault, Some(0));
    batch.filter_out(1);
    rules.apply(&mut batch);
    let faults = batch.faults().list();
    let found: Vec<_> = faults.iter().map(|f| (f.row, &*f.code)).collect();
    assert_eq!(found, [(0, "number_format"), (2, "type_number")]);
}

#[test]
fn problems() {
    #[track_caller]
    fn check(json: &str, expected: &[&str]) {
        let found: Vec<_> = spec(json).check().iter().map(Problem::to_string).collect();
        assert_eq!(found, expected, "{json}");
    }
    #[track_caller]
    fn column(rules: &str, expected: &str) {
        let expected = format!("validate.columns.c.{expected}");
        check(&format!(r#"{{"columns": {{"c": {rules}}}}}"#), &[&expected]);
    }
    check("{}", &[]);
    column(
        r#"{"pattern": "("}"#,
        "pattern: `(` is not a valid regular expression: unclosed group",
    );
    column(r#"{"min": 5, "max": 4}"#, "min: `min` is more than `max`");
    column(r#"{"min": "x"}"#, "min: expected a number, found `x`");
    column(
        r#"{"max": "2020-01-01"}"#,
        "max: expected a number, or `type: date`, found `2020-01-01`",
    );
    column(
        r#"{"type": "uuid", "min": 5}"#,
        "min: `min` is for numbers and dates, the type is uuid; for text there is `min_length`",
    );
    column(
        r#"{"type": "number", "format": "DD/MM/YYYY"}"#,
        "format: `format` is for dates, the type is number",
    );
    column(
        r#"{"format": "DD/MM/YY"}"#,
        "format: date format `DD/MM/YY` has `YY`, a year of two digits: a `date` stage reads `YY` where the first of the hundred years is stated, as in `century_from: 1927` for 1927 to 2026",
    );
    column(
        r#"{"type": "date", "min": 5}"#,
        "min: expected a day as YYYY-MM-DD, or `today`, found `5`",
    );
    column(
        r#"{"after": "2020-01-01", "before": "2020-01-01"}"#,
        "after: no day is within both `after` and `before`",
    );
    column(
        r#"{"after": "today", "type": "date", "max": "today"}"#,
        "after: no day is within both `after` and `max`",
    );
    column(
        r#"{"min_length": 5, "max_length": 4}"#,
        "min_length: `min_length: 5` is more than `max_length: 4`",
    );
    column(r#"{"one_of": []}"#, "one_of: the list is empty");
    column(
        r#"{"ignore_case": true}"#,
        "ignore_case: `ignore_case` has no effect without `one_of` or `not_one_of`",
    );
    check(
        r#"{"columns": {"c": {"min": "today", "type": "date", "max": "1999-01-01"}}}"#,
        &[],
    );
    check(
        r#"{"rows": [
            {"assert": "true", "code": "Leaves Early"},
            {"assert": "true", "code": "a_1"},
            {"assert": "true", "code": "a_1"}
        ]}"#,
        &[
            "validate.rows[0].code: `Leaves Early` is not a code, expected a word of a-z, 0-9 and _ such as leaves_before_hired",
            "validate.rows[2].code: the code `a_1` is used twice",
        ],
    );
    let found = spec(r#"{"rows": [{"assert": "a ==", "code": "a"}]}"#).check();
    assert_eq!(found[0].path, ["validate", "rows", "0", "assert"]);
}

#[test]
fn binding_names_every_column_that_is_not_there() {
    let spec = spec(
        r#"{
            "key": "employeID",
            "columns": {"salry": {"min": 0}, "salary": {"min": "x"}},
            "rows": [
                {"assert": "nobody == ''", "code": "a"},
                {"assert": "salary == ''", "code": "b", "columns": ["nowhere"]}
            ]
        }"#,
    );
    let columns = Columns::from_header(["employeeID", "salary"]);
    let Err(problems) = spec.bind(&columns, &today()) else {
        panic!("bound");
    };
    let found: Vec<_> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        found,
        [
            "validate.columns.salary.min: expected a number, found `x`".to_owned(),
            "validate.key: no column `employeID` here, did you mean `employeeID`?".to_owned(),
            "validate.columns.salry: no column `salry` here, did you mean `salary`?".to_owned(),
            "validate.rows[0].assert: no column `nobody` here".to_owned(),
            "validate.rows[1].columns: no column `nowhere` here".to_owned(),
        ]
    );
}

#[test]
fn limits_keep_their_digits() {
    for (json, expected) in [
        ("0", "0"),
        ("-5", "-5"),
        ("12.50", "12.5"),
        ("18446744073709551615", "18446744073709551615"),
        ("1e3", "1000"),
        (r#""12.50""#, "12.50"),
        (r#""today""#, "today"),
    ] {
        let limit: Limit = serde_json::from_str(json).unwrap();
        assert_eq!(limit.0, expected);
    }
    for json in ["0.1234567890123456789", "123456789012345678901234567890"] {
        let e = serde_json::from_str::<Limit>(json).unwrap_err();
        assert!(e.to_string().starts_with(
            "a number of more than 15 digits must be in quotes, so that all of them count"
        ));
    }
    let e = serde_json::from_str::<Limit>("[]").unwrap_err();
    assert!(
        e.to_string()
            .contains("expected a number or a day (YYYY-MM-DD)")
    );
}

/// Rows that only warn stay as they are, and all that is wrong with one is told.
#[test]
fn severities() {
    let check =
        |json: &str, rows: &[&[&str]], faults: &[&str], warnings: &[&str], broken: &[u32]| {
            let rules = spec(json)
                .bind(&Columns::from_header(["a", "b"]), &today())
                .unwrap_or_else(|problems| panic!("{}", problems[0]));
            let mut batch = batch(rows);
            rules.apply(&mut batch);
            let told = |faults: &crate::batch::Faults| -> Vec<String> {
                let told = faults.iter();
                told.map(|f| format!("{} {} {}", f.row, f.column, f.code))
                    .collect()
            };
            assert_eq!(told(batch.faults()), faults, "{json}");
            assert_eq!(told(batch.warnings()), warnings, "{json}");
            assert_eq!(batch.broken().collect::<Vec<_>>(), broken, "{json}");
            for row in 0..batch.len() {
                let rejected = batch.faults().of(row).next().is_some();
                assert_eq!(batch.state(row) == RowState::Rejected, rejected);
                assert!(rejected || batch.cell(row, 0).kind() != Kind::Faulty);
            }
        };
    let rows: &[&[&str]] = &[&["x", ""], &["long", "1"], &["ok", "2"]];
    check(
        r#"{"columns": {"a": {"one_of": ["ok"], "max_length": 2, "severity": "warn"}, "b": {"required": true}}}"#,
        rows,
        &["0 b required"],
        &["0 a one_of", "1 a max_length", "1 a one_of"],
        &[],
    );
    // Rows are counted, not faults; and by the rule that they break.
    check(
        r#"{"columns": {"a": {"one_of": ["ok"], "max_length": 2, "severity": "warn", "at_most": "1"},
                        "b": {"required": true, "at_most": "1%"}},
            "rows": [{"assert": "b != '2'", "code": "two", "severity": "warn", "at_most": "0"}]}"#,
        rows,
        &["0 b required"],
        &["0 a one_of", "1 a max_length", "1 a one_of", "2  two"],
        &[0, 0, 1, 2],
    );
}

proptest! {
    /// What warns is what would reject, of the same rows for the same reasons.
    #[test]
    fn warnings_are_the_faults_that_there_would_be(
        texts in proptest::collection::vec("[a-c1 \u{200b}]{0,4}", 1..20),
        rules in proptest::sample::select(vec![
            r#""required": true, "max_length": 2"#,
            r#""one_of": ["a", "b"], "pattern": "^a""#,
            r#""type": "integer", "min": 11"#,
        ]),
    ) {
        let found = |severity: &str| {
            let json = format!(r#"{{"columns": {{"c": {{{rules}, "severity": "{severity}", "at_most": "1"}}}}}}"#);
            let rules = spec(&json).bind(&Columns::from_header(["c"]), &today());
            let rows: Vec<[&str; 1]> = texts.iter().map(|text| [&**text]).collect();
            let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
            let mut batch = batch(&rows);
            rules.unwrap_or_else(|problems| panic!("{}", problems[0])).apply(&mut batch);
            let broken = batch.broken().count();
            (batch.faults().list(), batch.warnings().list(), broken)
        };
        let (faults, none, broken) = found("error");
        prop_assert!(none.is_empty());
        prop_assert_eq!((Vec::new(), faults, broken), found("warn"));
    }
}

proptest! {
    /// Whatever the cells hold, each rule says what it says alone, and nothing panics.
    #[test]
    fn rules_together_say_what_each_says_alone(
        cells in prop::collection::vec("[0-9]{0,4}|[a-cé]{0,4}|#[0-9]|~", 1..20),
    ) {
        let rules = [
            r#""required": true"#,
            r#""type": "integer", "min": 5, "max": 500"#,
            r#""pattern": "[1a]""#,
            r#""min_length": 2"#,
            r#""max_length": 3"#,
            r#""one_of": ["1", "ab", "c"]"#,
            r#""not_one_of": ["2", "ab"]"#,
        ];
        let found = |rules: &str| {
            let rules = spec(&format!(r#"{{"columns": {{"c": {{{rules}}}}}}}"#))
                .bind(&Columns::from_header(["c"]), &today())
                .unwrap_or_else(|problems| panic!("{}", problems[0]));
            let rows: Vec<_> = cells.iter().map(std::slice::from_ref).collect();
            let rows: Vec<Vec<&str>> = rows.iter().map(|r| r.iter().map(|s| &**s).collect()).collect();
            let rows: Vec<&[&str]> = rows.iter().map(|r| &**r).collect();
            let mut batch = batch(&rows);
            rules.apply(&mut batch);
            let mut codes: Vec<_> = batch.faults().iter().map(|f| (f.row, f.code.to_string())).collect();
            codes.sort();
            codes
        };
        let mut alone: Vec<_> = rules.iter().flat_map(|rule| found(rule)).collect();
        alone.sort();
        prop_assert_eq!(found(&rules.join(",")), alone);
    }
}
