//! Days, points in time and lengths of time.

use super::super::*;
use super::{eval_in, today};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Kind, Row};

fn columns() -> Columns {
    let mut columns = Columns::of(["day", "text", "empty", "at", "n", "made"], Kinds::TEXT);
    columns.hold(4, Kinds::NUMBER);
    columns.hold(5, Kinds::EMPTY | Kinds::DAYS);
    columns
}

fn batch() -> Batch {
    let mut batch = Batch::new(String::new(), 6);
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 0,
    });
    for (at, (text, kind)) in [
        ("2026-01-31", Kind::Text),
        ("31/01/2026", Kind::Text),
        ("", Kind::Text),
        ("2026-01-31T23:30:00Z", Kind::Text),
        ("14", Kind::Number),
        ("2026-11-20", Kind::Text),
    ]
    .into_iter()
    .enumerate()
    {
        let cell = batch.append(text, kind);
        batch.push_cell(at, cell);
    }
    batch
}

#[test]
fn what_is_calculated_with_time() {
    for (source, expected) in [
        ("date(day)", "Text 2026-01-31"),
        ("date(day) + days(29)", "Text 2026-03-01"),
        ("days(1) + date(day)", "Text 2026-02-01"),
        ("date(day) - days(n)", "Text 2026-01-17"),
        ("date(day) + duration('48h')", "Text 2026-02-02"),
        ("date('2024-02-28') + days(1)", "Text 2024-02-29"),
        ("today()", "Text 2026-11-26"),
        ("date(made) >= today() - days(14)", "Bool true"),
        ("date(day) >= today() - days(14)", "Bool false"),
        ("empty == '' || date(empty) > today()", "Bool true"),
        ("today() - date(day) == days(299)", "Bool true"),
        ("today() - date(day) > duration('24h')", "Bool true"),
        ("(today() - date(day)).getHours() / 24", "Number 299"),
        ("date(day) == date('2026-01-31')", "Bool true"),
        ("date(day) in [date('2026-01-31'), today()]", "Bool true"),
        ("date(date(day)) == date(day)", "Bool true"),
        ("date(day).getFullYear()", "Number 2026"),
        ("date(day).getMonth() + 1", "Number 1"),
        ("date(day).getDate()", "Number 31"),
        ("date(day).getDayOfMonth()", "Number 30"),
        ("date(day).getDayOfWeek()", "Number 6"),
        ("date(day).getDayOfYear()", "Number 30"),
        ("string(date(day)) + '!'", "Text 2026-01-31!"),
        ("timestamp(at)", "Text 2026-01-31T23:30:00Z"),
        (
            "timestamp(at) + duration('30m')",
            "Text 2026-02-01T00:00:00Z",
        ),
        ("timestamp(at).getHours()", "Number 23"),
        ("timestamp(at).getHours('Europe/Berlin')", "Number 0"),
        ("timestamp(at).getDate('+01:00')", "Number 1"),
        ("timestamp(at).getMinutes()", "Number 30"),
        (
            "timestamp('2026-01-31T23:30:00.250+01:00').getMilliseconds()",
            "Number 250",
        ),
        (
            "timestamp('2026-01-31T23:30:00+01:00') < timestamp(at)",
            "Bool true",
        ),
        ("timestamp(0)", "Text 1970-01-01T00:00:00Z"),
        ("int(timestamp(at))", "Number 1769902200"),
        (
            "timestamp(int(timestamp(at))) == timestamp(at)",
            "Bool true",
        ),
        ("duration('1h30m').getMinutes()", "Number 90"),
        ("string(duration('1h30m'))", "Text 5400s"),
        (
            "duration('1h') + duration('-30m') == duration('30m')",
            "Bool true",
        ),
        ("type(today()) == type(date(day))", "Bool true"),
        (
            "today() - date(day)",
            "bind: `today() - date(day)` is a duration, expected text, a number, true or false; \
             in days it is `(today() - date(day)).getHours() / 24`",
        ),
        // what can't be
        (
            "date(text)",
            "eval: `date` takes a day written YYYY-MM-DD; a `date` stage before it converts other formats",
        ),
        (
            "date(empty)",
            "eval: `date` was given empty text; say what an empty cell means, as in `left == \"\" || date(left) > today()`",
        ),
        (
            "date(at)",
            "eval: `date` takes a day written YYYY-MM-DD; a `date` stage before it converts other formats",
        ),
        (
            "timestamp(day)",
            "eval: `timestamp` takes a time written 2026-01-31T09:00:00Z, or seconds since 1970",
        ),
        (
            "timestamp(at).getHours(text)",
            "eval: no such time zone; one is named Europe/London, or +02:00",
        ),
        (
            "date(day) + days(9999999)",
            "eval: the result is beyond the years 1 to 9999",
        ),
        (
            "date(day) - days(n * 100000)",
            "eval: the result is beyond the years 1 to 9999",
        ),
        (
            "date(day) + (timestamp(at) - timestamp(0))",
            "eval: a date takes whole days, as in days(14)",
        ),
        (
            "date('2026-02-30')",
            "bind: `date(\"2026-02-30\")`: `date` takes a day written YYYY-MM-DD; a `date` stage before it converts other formats",
        ),
        (
            "duration('5 days')",
            "bind: `duration(\"5 days\")`: `duration` takes a length written 36h, 90m or 1.5s",
        ),
    ] {
        assert_eq!(eval_in(source, &columns(), &batch()), expected, "{source}");
    }
}

#[test]
fn time_beside_other_kinds_is_refused() {
    let json = Columns::from_header(["day", "text", "empty", "at", "n", "made"]);
    for (source, expected) in [
        (
            "date(day) >= '2026-01-31'",
            "`date(day) >= \"2026-01-31\"` compares a date with text; write `date(day) >= date(\"2026-01-31\")`",
        ),
        (
            "timestamp(at) < today()",
            "`timestamp(at) < today()` compares a timestamp with a date, which is the same for every row",
        ),
        (
            "today() - 14 > date(day)",
            "`today() - 14`: `-` does not take a date and a number; a number of days is written `days(14)`",
        ),
        (
            "today() - date(day) > 14",
            "`(today() - date(day)) > 14` compares a duration with a number; write `today() - date(day) > days(14)`",
        ),
        (
            "'left on ' + date(day) == ''",
            "`\"left on \" + date(day)`: `+` does not take text and a date; a date is joined to text as `string(date(day))`",
        ),
        (
            "today().getHours() > 3",
            "`today().getHours()`: `getHours` takes a timestamp or a duration here, and `today()` is a date",
        ),
    ] {
        for columns in [&columns(), &json] {
            let bound = Expr::compile(source).unwrap();
            let bound = bound.bind(columns, Use::Condition, today());
            assert_eq!(
                bound.err().map(|e| e.to_string()).as_deref(),
                Some(expected),
                "{source}"
            );
        }
    }
    let said = |source: &str| {
        let bound = Expr::compile(source).unwrap();
        let bound = bound.bind(&columns(), Use::Condition, today());
        bound.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(
        said("day >= today()"),
        "`day >= today()` compares text with a date; write `date(day) >= today()`"
    );
    assert_eq!(
        said("day.getFullYear() > 2020"),
        "`day.getFullYear()`: `getFullYear` takes a date or a timestamp here, and `day` is text; write `date(day)`"
    );
    assert_eq!(
        said("today()"),
        "`today()` is a date, expected true or false; compare it, as in `today() == ...`"
    );
}
