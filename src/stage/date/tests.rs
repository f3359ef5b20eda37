use super::*;
use crate::batch::{Row, RowState};
use crate::stage::testing::batch;

fn spec(json: &str) -> DateSpec {
    serde_json::from_str(json).unwrap()
}

fn run(json: &str, cells: &[(&str, Kind)]) -> (Batch, Vec<String>) {
    let columns = &mut Columns::from_header(["d"]);
    run_column(spec(json).bind(columns, &Resources::default()), cells)
}

/// Runs a stage over one column of these cells: the batch, and each cell as its kind and text.
pub(in crate::stage) fn run_column(stage: Bound, cells: &[(&str, Kind)]) -> (Batch, Vec<String>) {
    let mut batch = Batch::new(String::new(), 1);
    for (text, kind) in cells {
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
        let cell = batch.append(text, *kind);
        batch.push_cell(0, cell);
    }
    stage.unwrap().unwrap().apply(&mut batch);
    let seen = (0..batch.len())
        .map(|row| format!("{:?} {}", batch.cell(row, 0).kind(), batch.get(row, 0)))
        .collect();
    (batch, seen)
}

#[test]
fn rewrites() {
    #[track_caller]
    fn check(settings: &str, text: &str, expected: &str) {
        let json = format!(r#"{{"columns": ["d"], {settings}}}"#);
        let (batch, seen) = run(&json, &[(text, Kind::Text)]);
        let seen = match &batch.faults().list()[..] {
            [] => seen[0].clone(),
            faults => format!("{} | {}", faults[0].code, faults[0].message),
        };
        assert_eq!(seen, expected, "{json} {text:?}");
    }
    let uk = r#""from": "DD/MM/YYYY""#;
    check(uk, "31/12/1999", "Text 1999-12-31");
    check(uk, "", "Text ");
    check(
        uk,
        "12/31/1999",
        "date_format | expected a date as DD/MM/YYYY",
    );
    let two = r#""from": ["DD/MM/YYYY", "D MMM YYYY"]"#;
    check(two, "03/04/2020", "Text 2020-04-03");
    check(two, "31 Dec 1999", "Text 1999-12-31");
    check(
        two,
        "1999-12-31",
        "date_format | expected a date as DD/MM/YYYY or D MMM YYYY; month names are English, set `language` for \
         another language",
    );
    let german = r#""from": "D. MMM. YYYY", "language": "de""#;
    check(german, "15. Mär. 2021", "Text 2021-03-15");
    check(
        german,
        "3. Mai 2018",
        "date_format | expected a date as D. MMM. YYYY; month names are German",
    );
    let moments = r#""from": ["YYYY-MM-DDTHH:mm:ssZ", "[epoch_ms]"], "zone": "Europe/Berlin""#;
    check(moments, "2021-03-14T23:00:00Z", "Text 2021-03-15");
    check(moments, "1615762800000", "Text 2021-03-15");
    let short = r#""from": "DD-MMM-YY", "century_from": 1927"#;
    check(short, "04-JUL-61", "Text 1961-07-04");
    check(short, "04-JUL-26", "Text 2026-07-04");
    let numbers = r#""from": ["YYYY-MM-DD", "[excel]"]"#;
    check(numbers, "44270", "Text 2021-03-15");
    check(numbers, "2021-11-15", "Text 2021-11-15");
    check(
        numbers,
        "60",
        "date_format | expected a date as YYYY-MM-DD or [excel]",
    );
    check(
        r#""from": "YYYY-MM-DDTHH:mm:ss""#,
        "2020-02-03T10:11:12",
        "Text 2020-02-03",
    );
    check(
        r#""from": "YYYY-MM-DDTHH:mm:ss", "to": "DD/MM/YYYY HH:mm""#,
        "2020-02-03T10:11:12",
        "Text 03/02/2020 10:11",
    );
    check(
        r#""from": "DD/MM/YYYY", "invalid": "empty""#,
        "soon",
        "Text ",
    );
    check(
        r#""from": "DD/MM/YYYY", "empty": "reject""#,
        "",
        "date_empty | expected a date, found nothing",
    );
}

#[test]
fn leaves_alone_what_is_not_its_business() {
    let (batch, seen) = run(
        r#"{"columns": ["d"], "from": ["YYYY-MM-DD", "YYYYMMDD"]}"#,
        &[
            ("2020-01-02", Kind::Text),
            ("", Kind::Missing),
            ("", Kind::Null),
            ("x", Kind::Faulty),
            ("20200102", Kind::Number),
            ("true", Kind::Bool),
        ],
    );
    assert_eq!(
        seen,
        [
            "Text 2020-01-02",
            "Missing ",
            "Null ",
            "Faulty x",
            "Text 2020-01-02",
            "Faulty true"
        ]
    );
    assert_eq!(batch.faults().len(), 1);
    assert_eq!(batch.state(5), RowState::Rejected);
    assert_eq!(&*batch.faults().list()[0].column, "d");
}

#[test]
fn an_unchanged_cell_is_not_copied() {
    let columns = &mut Columns::from_header(["d"]);
    let stage = spec(r#"{"columns": ["d"], "from": "YYYY-MM-DD"}"#)
        .bind(columns, &Resources::default())
        .unwrap()
        .unwrap();
    let mut batch = Batch::new("2020-01-02".into(), 1);
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 10,
    });
    let cell = Cell::new(0, 10, Kind::Text);
    batch.push_cell(0, cell);
    stage.apply(&mut batch);
    assert!(batch.cell(0, 0) == cell);
}

#[test]
fn skips_filtered_rows() {
    let columns = &mut Columns::from_header(["d"]);
    let stage = spec(r#"{"columns": ["d"], "from": "DD/MM/YYYY"}"#)
        .bind(columns, &Resources::default())
        .unwrap()
        .unwrap();
    let mut batch = Batch::new("soon".into(), 1);
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 4,
    });
    batch.push_cell(0, Cell::new(0, 4, Kind::Text));
    batch.filter_out(0);
    stage.apply(&mut batch);
    assert!(batch.faults().is_empty());
}

#[test]
fn checks() {
    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(spec(json).check().unwrap_err(), expected);
    }
    check(
        r#"{"columns": [], "from": "DD/MM/YYYY"}"#,
        "no column is named",
    );
    check(
        r#"{"columns": ["d", "d"], "from": "DD/MM/YYYY"}"#,
        "column `d` is named twice",
    );
    check(
        r#"{"columns": ["d"], "from": []}"#,
        "`from` names no format, expected one such as DD/MM/YYYY",
    );
    check(
        r#"{"columns": ["d"], "from": "DD/MM"}"#,
        "date format `DD/MM` has no year (YYYY)",
    );
    check(
        r#"{"columns": ["d"], "from": "DD/MM/YYYY", "to": "YYYY-MM-DD HH:mm"}"#,
        "`to: YYYY-MM-DD HH:mm` has a time of day that `from: DD/MM/YYYY` doesn't have",
    );
    check(
        r#"{"columns": ["d"], "from": ["DD/MM/YYYY", "D MMM YYYY", "MM/DD/YYYY"]}"#,
        "`MM/DD/YYYY` contradicts `DD/MM/YYYY`: 02/01/2021 is 2021-01-02 in the one and 2021-02-01 in the other; state \
         the one that the column has",
    );
    check(
        r#"{"columns": ["d"], "from": "YYYY-MM-DDTHH:mm:ssZ", "zone": "Europe/Berln"}"#,
        "`zone: Europe/Berln` is not a known time zone, expected one such as Europe/Berlin or UTC",
    );
    check(
        r#"{"columns": ["d"], "from": ["YYYY-MM-DDZ", "YYYY-MM-DD HH:mm"], "zone": "Europe/Berlin"}"#,
        "`zone` is for moments, and no format has a time of day with an offset (Z), `[epoch_s]`, `[epoch_ms]` or \
         `[odata]`",
    );
    check(
        r#"{"columns": ["d"], "from": "DD/MM/YYYY", "century_from": 1927}"#,
        "`century_from` is for years of two digits, and no format has `YY`",
    );
    check(
        r#"{"columns": ["d"], "from": "DD/MM/YY", "century_from": 9901}"#,
        "`century_from: 9901` is not a year from 1 to 9900",
    );
    check(
        r#"{"columns": ["d"], "from": "DD/MM/YYYY", "language": "de"}"#,
        "`language` is for names, and no format has `MMM`, `MMMM`, `EEE` or `EEEE`",
    );
    for (to, field) in [
        ("DD/MM/YYYYZ", "Z"),
        ("YYYY-MM-DD HH:mm:ss.SSS", "SSS"),
        ("[excel]", "[excel]"),
    ] {
        check(
            &format!(r#"{{"columns": ["d"], "from": "YYYY-MM-DDTHH:mm:ssZ", "to": "{to}"}}"#),
            &format!("`to: {to}` can't be written: `{field}` is only for `from`"),
        );
    }
    for good in [
        r#"{"columns": ["d"], "from": "DD/MM/YYYY"}"#,
        r#"{"columns": ["d"], "from": ["DD/MM/YYYY", "D MMM YYYY"]}"#,
        r#"{"columns": ["d"], "from": "D MMM YYYY", "language": "no"}"#,
    ] {
        assert_eq!(spec(good).check(), Ok(()));
    }
}

#[test]
fn the_zone_of_the_pipeline_is_that_of_its_moments() {
    let resources = Resources {
        time_zone: Zone::named("Europe/Berlin"),
        ..Resources::default()
    };
    let read = |settings: &str| {
        let json = format!(r#"{{"columns": ["d"], {settings}}}"#);
        let columns = &mut Columns::from_header(["d"]);
        let stage = spec(&json).bind(columns, &resources);
        let cells = [("2021-03-14T23:00:00Z", Kind::Text)];
        stage.map(|stage| run_column(Ok(stage), &cells).1.remove(0))
    };
    let moment = r#""from": "YYYY-MM-DDTHH:mm:ssZ""#;
    assert_eq!(read(moment).unwrap(), "Text 2021-03-15");
    let utc = format!(r#"{moment}, "zone": "UTC""#);
    assert_eq!(read(&utc).unwrap(), "Text 2021-03-14");
    let as_written = r#""from": "YYYY-MM-DDTHH:mm:ss[Z]""#;
    assert_eq!(read(as_written).unwrap(), "Text 2021-03-14");
    // Only here do the two contradict each other.
    let both = r#""from": ["YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mm:ss[Z]"]"#;
    assert!(read(both).is_err());
}

#[test]
fn what_may_not_have_been_meant_is_told_by_column() {
    #[track_caller]
    fn check(from: &str, cells: &[&str], expected: &[&str]) {
        let columns = &mut Columns::from_header(["d"]);
        let json = format!(r#"{{"columns": ["d"], "from": {from}}}"#);
        let stage = spec(&json).bind(columns, &Resources::default());
        let stage = stage.unwrap().unwrap();
        let (_, mut batch) = batch(&serde_json::json!([["d"]]));
        for text in cells {
            batch.push_row(Row {
                line: 0,
                start: 0,
                end: 0,
            });
            let cell = batch.append(text, Kind::Text);
            batch.push_cell(0, cell);
        }
        assert!(stage.remarks().is_empty());
        stage.apply(&mut batch);
        assert_eq!(stage.remarks(), expected);
        stage.forget();
        assert!(stage.remarks().is_empty());
    }
    check(
        r#""YYYY-MM-DD""#,
        &["2021-03-04", "", "soon", "1850-01-01"],
        &[],
    );
    check(
        r#""YYYY-MM-DD HH:mm""#,
        &["2021-03-04 00:00", "2021-03-04 23:00", "2021-03-04 22:00"],
        &["d: 2 times of day other than midnight were dropped"],
    );
    check(
        r#""YYYY-MM-DD HH:mmZ""#,
        &["2021-03-04 23:00Z"],
        &[
            "d: 1 time of day other than midnight was dropped; the day is the one that is written, and `zone` converts it \
           to a time zone",
        ],
    );
    check(
        r#"["DD.MM.YYYY", "YYYY-MM-DD"]"#,
        &["31.12.9999", "31.12.9999", "1021-03-04"],
        &[
            "d: the years of 3 dates are before 1850 or after 2200; if they mean that there is no date, `- empty: { \
           columns: [d], values: [\"31.12.9999\", \"9999-12-31\"] }` before this stage takes them out",
        ],
    );
    check(
        r#""D MMM YYYY""#,
        &["4 Mar 1021"],
        &["d: the year of 1 date is before 1850 or after 2200"],
    );
}
