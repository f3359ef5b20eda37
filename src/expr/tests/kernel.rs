//! Operations over columns beside the interpreter, which is what an expression means.

use proptest::prelude::*;

use super::super::*;
use super::kinds::part;
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Kind, Row};

const COLUMNS: [&str; 7] = ["level", "FTE", "fte", "paid", "hired", "left", "any"];

/// The columns of [`COLUMNS`]: two texts, numbers, truth values, two days, and one that holds whatever a cell can.
fn columns() -> Columns {
    let mut columns = Columns::of(COLUMNS, Kinds::TEXT);
    columns.hold(2, Kinds::EMPTY | Kinds::NUMBER);
    columns.hold(3, Kinds::EMPTY | Kinds::BOOL);
    columns.hold(4, Kinds::EMPTY | Kinds::DAYS);
    columns.hold(5, Kinds::EMPTY | Kinds::DAYS);
    columns.hold(6, Kinds::CELL);
    columns
}

type Written = (String, Kind);

fn cell(kind: Kind) -> impl Fn(String) -> Written {
    move |text| (text, kind)
}

fn text() -> impl Strategy<Value = Written> {
    let few = prop::sample::select(vec![
        "",
        "5",
        "x",
        "X ",
        "ab",
        "zoë",
        "zoe\u{308}",
        "x\u{200b}",
        "0.5",
        "2026-01-31",
        "1.5e3",
        "-7",
    ]);
    prop_oneof![
        8 => few.prop_map(str::to_owned),
        1 => "[0-9a-zÄß ]{0,9}",
    ]
    .prop_map(cell(Kind::Text))
}

fn number() -> impl Strategy<Value = Written> {
    let few = vec![
        "5",
        "5.0",
        "0.5",
        "-1",
        "0",
        "-0",
        "1e2",
        "0.1",
        "12345678901234567890",
        "12345678901234567891",
        "0.30000000000000004",
        "123456789012345",
        "9007199254740993",
    ];
    prop_oneof![
        8 => prop::sample::select(few).prop_map(str::to_owned),
        1 => (-1_000_000i64..1_000_000).prop_map(|cents| format!("{}", cents as f64 / 100.0)),
    ]
    .prop_map(cell(Kind::Number))
}

fn truth() -> impl Strategy<Value = Written> {
    any::<bool>().prop_map(|truth| (truth.to_string(), Kind::Bool))
}

fn day() -> impl Strategy<Value = Written> {
    let few = prop::sample::select(vec![
        "",
        "2026-01-31",
        "2025-12-31",
        "0001-01-01",
        "9999-12-31",
    ]);
    let any = (1990..2030, 1..13, 1..29).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    prop_oneof![3 => few.prop_map(str::to_owned), 1 => any].prop_map(cell(Kind::Text))
}

fn empty() -> impl Strategy<Value = Written> {
    prop_oneof![
        Just(Kind::Text),
        Just(Kind::Missing),
        Just(Kind::Null),
        Just(Kind::Number),
    ]
    .prop_map(|kind| (String::new(), kind))
}

fn row() -> impl Strategy<Value = Vec<Written>> {
    let mostly = |cells: BoxedStrategy<Written>| {
        let faulty = text().prop_map(|(text, _)| (text, Kind::Faulty));
        prop_oneof![20 => cells, 2 => empty(), 1 => faulty].boxed()
    };
    let json = Just(("[1]".to_owned(), Kind::Json));
    let whatever = prop_oneof![text(), number(), truth(), json];
    [
        mostly(text().boxed()),
        mostly(text().boxed()),
        mostly(number().boxed()),
        mostly(truth().boxed()),
        mostly(day().boxed()),
        mostly(day().boxed()),
        mostly(whatever.boxed()),
    ]
    .to_vec()
}

/// Some rows, each of them once or many times.
fn rows() -> impl Strategy<Value = Vec<Vec<Written>>> {
    let few = (prop::collection::vec(row(), 1..12), 1..24usize);
    few.prop_map(|(rows, times)| {
        let repeated = std::iter::repeat_n(rows, times);
        repeated.flatten().collect()
    })
}

/// Conditions and values that people write.
fn written() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        "level",
        "FTE",
        "any",
        "hired",
        "'x'",
        "''",
        "'5'",
        "level + FTE",
        "level + '-' + string(fte)",
        "level.trim()",
        "level.lowerAscii()",
        "FTE.upperAscii()",
        "string(hired)",
        "level.substring(0, 1)",
        "level.substring(1)",
        "FTE.substring(size(level))",
        "FTE.replace('5', level)",
        "(level == '' ? FTE : level)",
        "(paid ? 'x' : FTE.trim())",
        "level.replace('x', 'yy')",
    ]);
    let number = prop::sample::select(vec![
        "fte",
        "any",
        "5",
        "0.5",
        "fte * 2",
        "fte - 1.5",
        "fte + fte + 1",
        "-fte",
        "fte / 3",
        "fte % 2",
        "size(level)",
        "double(FTE)",
        "int(FTE)",
        "(fte == '' ? 0 : fte)",
        "int(fte)",
        "size(level + FTE) * 2 - 1",
        "date(hired).getFullYear()",
        "date(hired).getMonth()",
        "date(left).getDate()",
        "math.round(fte)",
        "math.abs(fte) + math.floor(fte / 2)",
        "math.ceil(fte)",
        "math.trunc(-fte)",
        "math.abs(size(level))",
        "12345678901234567890",
    ]);
    let day = prop::sample::select(vec![
        "date(hired)",
        "date(left)",
        "today()",
        "date(hired) + days(14)",
        "date(left) - days(int(fte))",
        "date('2026-01-31')",
    ]);
    let compared = ["==", "!=", "<", "<=", ">", ">="];
    let comparison = move |side: BoxedStrategy<&'static str>| {
        (side.clone(), prop::sample::select(compared.to_vec()), side)
            .prop_map(|(one, by, two)| format!("{one} {by} {two}"))
    };
    let condition = prop_oneof![
        4 => comparison(text.clone().boxed()),
        3 => comparison(number.clone().boxed()),
        3 => comparison(day.clone().boxed()),
        2 => text.clone().prop_map(|text| format!("{text} in ['', 'x', 'zoë', '5', '2026-01-31']")),
        1 => number.clone().prop_map(|number| format!("{number} in [5, 0.5, 100, 12345678901234567890]")),
        1 => text.clone().prop_map(|text| format!("{text} in [level, 'x']")),
        1 => text.clone().prop_map(|text| format!("{text} in ['a', 1, true]")),
        1 => text.clone().prop_map(|text| format!("{text}.startsWith('x')")),
        1 => (text.clone(), text.clone()).prop_map(|(one, two)| format!("{one}.contains({two})")),
        1 => text.clone().prop_map(|text| format!("{text}.endsWith('')")),
        1 => text.clone().prop_map(|text| format!("matches({text}, '^[0-9x]+$')")),
        1 => Just("paid".to_owned()),
        1 => Just("any == null".to_owned()),
        1 => (day.clone(), day.clone()).prop_map(|(one, two)| format!("{one} - {two} > days(300)")),
    ];
    let joined = condition.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one} && {two})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one} || {two})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| format!("({one} ? {two} : {three})")),
        ]
    });
    let value = prop_oneof![
        text.prop_map(str::to_owned),
        number.prop_map(str::to_owned),
        day.prop_map(str::to_owned)
    ];
    let chosen = (joined.clone(), value.clone(), value.clone())
        .prop_map(|(condition, yes, no)| format!("{condition} ? {yes} : {no}"));
    prop_oneof![3 => joined, 1 => value, 2 => chosen, 2 => part()]
}

fn batch(rows: &[Vec<Written>]) -> Batch {
    let mut batch = Batch::new(String::new(), COLUMNS.len());
    for cells in rows {
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
        for (at, (text, kind)) in cells.iter().enumerate() {
            let cell = match kind {
                Kind::Missing => Cell::MISSING,
                kind => batch.append(text, *kind),
            };
            batch.push_cell(at, cell);
        }
    }
    batch
}

/// What the interpreter makes of every row, written down: a cell, or an error.
fn cells_by_interpreter(bound: &BoundExpr, batch: &Batch, target: usize) -> Vec<String> {
    let of = |row: usize| {
        let old = batch.cell(row, target);
        if !batch.is_live(row) {
            return format!("{:?} {}", old.kind(), batch.text(old));
        }
        if let Some(slot) = bound.copied_column() {
            let cell = batch.cell(row, slot);
            return format!("{:?} {}", cell.kind(), batch.text(cell));
        }
        if !bound.is_ready(batch, row) {
            return format!("Faulty {}", batch.text(old));
        }
        let mut text = String::new();
        match bound.eval_text(batch, row, &mut text) {
            Ok(kind) => format!("{kind:?} {text}"),
            Err(error) => format!("{error}"),
        }
    };
    (0..batch.len()).map(of).collect()
}

fn cells_by_operations(
    bound: &BoundExpr,
    batch: &mut Batch,
    target: usize,
    reads: &mut Reads,
) -> Vec<String> {
    let failed = bound.assign(batch, target, reads);
    let of = |row: usize| {
        let cell = batch.cell(row, target);
        match failed.iter().find(|(at, _)| *at == row) {
            Some((_, error)) => error.to_string(),
            None => format!("{:?} {}", cell.kind(), batch.text(cell)),
        }
    };
    let cells = (0..batch.len()).map(of).collect();
    reads.changed(target);
    cells
}

fn untrue_by_interpreter(bound: &BoundExpr, batch: &Batch) -> Vec<String> {
    let of = |row: usize| match bound.eval_bool(batch, row) {
        Ok(true) => None,
        Ok(false) => Some(format!("{row}")),
        Err(error) => Some(format!("{row} {error}")),
    };
    let ready = (0..batch.len()).filter(|row| bound.is_ready(batch, *row));
    ready.filter_map(of).collect()
}

fn untrue_by_operations(bound: &BoundExpr, batch: &Batch, reads: &mut Reads) -> Vec<String> {
    let untrue = bound.untrue(batch, reads).into_iter();
    let said = untrue.map(|(row, error)| match error {
        None => format!("{row}"),
        Some(error) => format!("{row} {error}"),
    });
    said.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is asked of whatever rows, one expression after the other, some of which set columns: operations give
    /// what the interpreter gives, errors included.
    #[test]
    fn operations_agree_with_the_interpreter(
        steps in prop::collection::vec((written(), prop::option::of(0..COLUMNS.len())), 1..7),
        rows in rows(),
        filtered in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let mut batch = batch(&rows);
        for index in filtered {
            batch.filter_out(index.index(rows.len()));
        }
        let mut reads = Reads::of(steps.len());
        let columns = columns();
        for (source, target) in steps {
            let Ok(expr) = Expr::compile(&source) else { continue };
            let bound = expr.unchecked(&columns);
            let (one, two) = match target {
                Some(target) => (
                    cells_by_interpreter(&bound, &batch, target),
                    cells_by_operations(&bound, &mut batch, target, &mut reads),
                ),
                None => (
                    untrue_by_interpreter(&bound, &batch),
                    untrue_by_operations(&bound, &batch, &mut reads),
                ),
            };
            prop_assert_eq!(one, two, "{}", source);
        }
    }
}

/// What people write has operations, and these leave nothing open on the rows that they have.
#[test]
fn ordinary_rows_need_no_interpreter() {
    let text = |text: &str| (text.to_owned(), Kind::Text);
    let number = |text: &str| (text.to_owned(), Kind::Number);
    let truth = |text: &str| (text.to_owned(), Kind::Bool);
    let rows = vec![
        vec![
            text("x"),
            text("0.5"),
            number("5"),
            truth("true"),
            text("2026-01-31"),
            text(""),
            text("a"),
        ];
        3
    ];
    let batch = batch(&rows);
    let columns = columns();
    for source in [
        "level + ' ' + FTE",
        "level == 'x' ? 'Active' : 'Left'",
        "level in ['a', 'b', 'x']",
        "fte * 1.1 + 5",
        "fte in [1, 2, 5]",
        "double(FTE) * 2 > fte",
        "matches(level, '^x$') && FTE.startsWith('0') && level.endsWith('x') && FTE.contains('.')",
        "size(level) == 1 || size(FTE) > 10",
        "left == '' || hired <= left",
        "left == '' || date(left) > date(hired) + days(14)",
        "date(hired).getFullYear() > 2000 && date(hired) < today()",
        "(today() - date(hired)) < days(30000)",
        "paid && !(fte > 7) && -fte < 0",
        "level.lowerAscii() == 'x' && level.upperAscii() + level.trim() == 'Xx'",
        "level in [FTE, any]",
        "string(fte) + string(int(fte) + 2)",
        "any == null || any != 'b'",
        "fte / 2 + fte % 2",
        "math.round(fte * 1.05) + math.abs(fte)",
        "FTE.replace('.', ',').substring(0, 2) + level.substring(0)",
    ] {
        let bound = Expr::compile(source).unwrap();
        let bound = bound.bind(&columns, Use::Value, super::today()).unwrap();
        assert!(bound.kernel.decides_all(&bound, &batch), "{source}");
    }
}
