//! What the kinds of values show: tables of what is refused and of what is not, and the evaluator as the measure.

use proptest::prelude::*;

use super::super::*;
use super::today;
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Kind, Row};

/// The columns of a CSV file: `fte` and `paid` after their stages `number` and `boolean`.
fn columns() -> Columns {
    let mut columns = Columns::of(["level", "FTE", "last name", "fte", "paid"], Kinds::TEXT);
    columns.hold(3, Kinds::EMPTY | Kinds::NUMBER);
    columns.hold(4, Kinds::EMPTY | Kinds::BOOL);
    columns
}

/// What is said of an expression: why it is refused, or the warnings.
fn said(source: &str, columns: &Columns, wanted: Use) -> String {
    match Expr::compile(source)
        .unwrap()
        .bind(columns, wanted, today())
    {
        Ok(bound) => bound.remarks().join("; "),
        Err(why) => format!("refused: {why}"),
    }
}

#[test]
fn what_can_never_be_of_one_kind_is_refused() {
    let columns = columns();
    for (source, expected) in [
        (
            "level == 5",
            "`level == 5` compares text with a number: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [level] }` before, or write `level == \"5\"`",
        ),
        (
            "FTE > 0.5",
            "`FTE > 0.5` compares text with a number: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [FTE] }` before",
        ),
        (
            "level != false",
            "`level != false` compares text with true or false: a CSV column is text until a `boolean` stage has run; \
             add `- boolean: { columns: [level] }` before, or write `level != \"false\"`",
        ),
        (
            "level in [3, 4]",
            "`level in [3, 4]` compares text with a number: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [level] }` before, or write `level in [\"3\", \"4\"]`",
        ),
        (
            "5 <= row['last name']",
            "`5 <= row[\"last name\"]` compares a number with text: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [\"last name\"] }` before",
        ),
        (
            "fte == '0.5'",
            "`fte == \"0.5\"` compares a number with text: `fte` is a number at this point; write `fte == 0.5`",
        ),
        (
            "paid == 'true'",
            "`paid == \"true\"` compares true or false with text: `paid` is true or false at this point; write `paid == true`",
        ),
        (
            "'5' == 5",
            "`\"5\" == 5` compares text with a number, which is the same for every row",
        ),
        (
            "size(level) == '3'",
            "`size(level) == \"3\"` compares a number with text, which is the same for every row",
        ),
        (
            "string(fte) == 5",
            "`string(fte) == 5` compares text with a number, which is the same for every row",
        ),
        (
            "level",
            "`level` is text, expected true or false: a CSV column is text until a `boolean` stage has run; \
             add `- boolean: { columns: [level] }` before, or compare it, as in `level == \"Y\"`",
        ),
        (
            "fte + 1",
            "`fte + 1` is a number, expected true or false; compare it, as in `fte + 1 == ...`",
        ),
        ("[level]", "`[level]` is a list, expected true or false"),
        (
            "!level",
            "`!level` needs true or false, and `level` is text: a CSV column is text until a `boolean` stage has run; \
             add `- boolean: { columns: [level] }` before, or compare it, as in `level == \"Y\"`",
        ),
        (
            "fte + 'x' == 'x'",
            "`fte + \"x\"`: `+` does not take a number and text; a number is joined to text as `string(fte)`",
        ),
        (
            "level * 2 > 4",
            "`level * 2`: `*` does not take text and a number: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [level] }` before",
        ),
        (
            "level + 1 == 2",
            "`level + 1`: `+` does not take text and a number: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [level] }` before, or join text with `string(1)`",
        ),
        (
            "-level < 0",
            "`-level` needs a number, and `level` is text: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [level] }` before",
        ),
        (
            "level.startsWith(5)",
            "`level.startsWith(5)`: `startsWith` takes text here, and `5` is a number; write `string(5)`",
        ),
        (
            "level in FTE",
            "`level in FTE` looks into a list, and `FTE` is text; a list is written [\"a\", \"b\"]",
        ),
        (
            "[3, 4].exists(x, x == level)",
            "`x == level` compares a number with text: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [level] }` before",
        ),
        (
            "math.round(level) == 1",
            "`math.round(level)`: `math.round` takes a number here, and `level` is text: a CSV column is text until a `number` \
             stage has run; add `- number: { columns: [level] }` before",
        ),
    ] {
        let expected = format!("refused: {expected}");
        let found = said(source, &columns, Use::Condition);
        assert!(
            found.starts_with(&expected),
            "{source}\n{found}\n{expected}"
        );
    }
}

/// Wherever it stands.
#[test]
fn a_part_is_as_wrong_as_the_whole() {
    let columns = columns();
    for source in [
        "FTE == '1' || level == 5",
        "FTE == '1' && !(level == 5)",
        "(FTE == '1' ? level == 5 : paid)",
        "[FTE].exists(x, level == 5)",
        "FTE == '1' ? true : (paid && level == 5)",
    ] {
        let found = said(source, &columns, Use::Condition);
        assert!(
            found.starts_with("refused: `level == 5` compares"),
            "{source}: {found}"
        );
    }
    // each is told
    let found = said("level == 5 || level in [3, 4]", &columns, Use::Condition);
    assert!(
        found.contains("`level == 5` compares") && found.contains("`level in [3, 4]` compares")
    );
}

#[test]
fn what_can_be_meant_is_not_refused() {
    let columns = columns();
    for source in [
        "level == '5'",
        "int(level) == 5",
        "double(FTE) > 0.5",
        "fte > 0.5",
        "fte == ''",
        "fte == 1.0 || fte == ''",
        "paid",
        "paid == true",
        "paid == ''",
        "level > ''",
        "level in ['3', 4]",
        "level in []",
        "'' == 'a'",
        "level.size() > 3",
        "level.matches('^1') && FTE.startsWith('0')",
        "fte + 1 > 2",
        "(fte == '' ? 0 : fte) < 2",
        "(fte == '' ? 'none' : string(fte)) == 'none'",
        "(paid ? 'Y' : 'N') == 'Y'",
        "level.split(',').exists(x, x == 'a')",
        "level.split(',')[0] == 'a'",
        // both may be empty
        "fte == paid",
        "fte == level",
        "type(level) == string",
        "dyn(level) == 5",
        "optional.of(level).orValue('x') == 'a'",
        "1 < 2",
    ] {
        assert_eq!(said(source, &columns, Use::Condition), "", "{source}");
    }
    for source in [
        "level + FTE",
        "fte * 2",
        "level + string(fte)",
        "level",
        "null",
    ] {
        assert_eq!(said(source, &columns, Use::Value), "", "{source}");
    }
}

/// Text in order: told, unless both are days or it can be meant as text.
#[test]
fn the_order_of_text_is_told() {
    let mut columns = Columns::of(["level", "FTE", "hired", "left", "pay"], Kinds::TEXT);
    columns.hold(2, Kinds::EMPTY | Kinds::DAYS);
    columns.hold(3, Kinds::EMPTY | Kinds::DAYS);
    columns.hold(4, Kinds::EMPTY | Kinds::NUMBER);
    for (source, advice) in [
        (
            "level < FTE",
            "for numbers write `double(level) < double(FTE)`, or add a `number` stage before; \
             for days `date(level) < date(FTE)`, or a `date` stage",
        ),
        (
            "level >= '9'",
            "for numbers write `double(level) >= 9`, or add a `number` stage before; \
             for days `date(level) >= date(\"9\")`, or a `date` stage",
        ),
        (
            "level > '2026-01-31'",
            "write `date(level) > date(\"2026-01-31\")`, or convert the column with a `date` stage before",
        ),
        (
            "left == '' || hired <= level",
            "write `date(hired) <= date(level)`, or convert the column with a `date` stage before",
        ),
    ] {
        let found = said(source, &columns, Use::Condition);
        assert!(
            found.contains(
                "compares text character by character, so that \"10\" comes before \"9\": "
            ),
            "{found}"
        );
        assert!(found.ends_with(advice), "{source}\n{found}\n{advice}");
    }
    for source in [
        "hired <= left",
        "left >= '2026-01-31'",
        "'2026-01-31' < '2026-02-01'",
        "level > ''",
        "level < 'M'",
        "pay < 5",
        "pay == '' || pay < 5",
        "double(level) < double(FTE)",
        "date(level) > date('2026-01-31')",
        "level.size() < FTE.size()",
    ] {
        assert_eq!(said(source, &columns, Use::Condition), "", "{source}");
    }
    // On JSON, two columns may be numbers; beside a literal it is text, or fails.
    let json = Columns::from_header(["level", "FTE"]);
    assert_eq!(said("level < FTE", &json, Use::Condition), "");
    assert!(said("level < '9'", &json, Use::Condition).contains("character by character"));
}

/// Before the first row, nobody knows; after it, only what was there is told.
#[test]
fn letters_beyond_ascii_are_told_where_there_are_some() {
    let columns = Columns::of(["name", "code"], Kinds::TEXT);
    let bound = Expr::compile("(name + 'x').lowerAscii() == code.trim()").unwrap();
    let bound = bound.bind(&columns, Use::Condition, today()).unwrap();
    let told = "`(name + \"x\").lowerAscii()` changes only A to Z and leaves letters such as Ä and é as they are; \
                a `case` stage (`to: lower`) changes them all";
    assert_eq!(bound.remarks(), [told]);
    bound.watch(&batch(&[vec![("Anna – 1", Kind::Text), ("Ö", Kind::Text)]]));
    assert_eq!(bound.remarks(), [""; 0]);
    bound.watch(&batch(&[vec![("Jörg", Kind::Text), ("", Kind::Text)]]));
    assert_eq!(bound.remarks(), [told]);
}

/// Null is never in a CSV file, but an expression for sources of either kind may ask for it.
#[test]
fn null_is_doubtful() {
    let found = said("level == null || level == ''", &columns(), Use::Condition);
    assert_eq!(
        found,
        "`level == null` compares text with null; an empty cell is empty text, `level == \"\"`"
    );
}

/// On JSON, cells have kinds of their own: what shows there is a warning, but for what no cell is part of.
#[test]
fn json_is_warned_of() {
    let mut columns = Columns::from_header(["level", "name"]);
    assert_eq!(said("level == 5", &columns, Use::Condition), "");
    columns.hold(1, Kinds::TEXT);
    assert_eq!(
        said("name == 5", &columns, Use::Condition),
        "`name == 5` compares text with a number: `name` is text at this point; \
         add `- number: { columns: [name] }` before, or write `name == \"5\"`"
    );
    for certain in [
        "'5' == 5",
        "level.startsWith(5)",
        "level > today()",
        "level == '' || int('x') == 5",
    ] {
        let found = said(certain, &columns, Use::Condition);
        assert!(found.starts_with("refused: "), "{found}");
    }
}

/// A batch of rows of these cells.
fn batch(rows: &[Vec<(&str, Kind)>]) -> Batch {
    let mut batch = Batch::new(String::new(), rows.first().map_or(0, Vec::len));
    for row in rows {
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
        for (at, (text, kind)) in row.iter().enumerate() {
            let cell = match kind {
                Kind::Missing => Cell::MISSING,
                kind => batch.append(text, *kind),
            };
            batch.push_cell(at, cell);
        }
    }
    batch
}

#[test]
fn a_comparison_that_meets_two_kinds_in_every_row() {
    #[track_caller]
    fn check(source: &str, cells: &[(&str, Kind)], expected: &str) {
        let columns = Columns::from_header(["level"]);
        let bound = Expr::compile(source).unwrap();
        let bound = bound.bind(&columns, Use::Condition, today()).unwrap();
        assert_eq!(bound.remarks(), [""; 0], "before the first row");
        for cell in cells {
            bound.watch(&batch(&[vec![*cell]]));
        }
        assert_eq!(bound.remarks().join("; "), expected);
    }
    let told = "`level == 5` compares `level` with a number, but no row has a number there";
    check("level == 5", &[("5", Kind::Text), ("6", Kind::Text)], told);
    check("level == 5", &[("5", Kind::Text), ("6", Kind::Number)], "");
    check(
        "level == 5",
        &[("", Kind::Text), ("", Kind::Null), ("", Kind::Missing)],
        "",
    );
    check(
        "level == 5 || level == '5'",
        &[("true", Kind::Bool)],
        &format!("{told}; `level == \"5\"` compares `level` with text, but no row has text there"),
    );
    check(
        "level in ['a', 'b']",
        &[("5", Kind::Number)],
        "`level in [\"a\", \"b\"]` compares `level` with text, but no row has text there",
    );
    check("level == ''", &[("5", Kind::Number)], "");
}

/// Parts of expressions over the columns of [`columns`].
pub(super) fn part() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["level", "FTE", "fte", "paid"]).prop_map(str::to_owned),
        4 => prop::sample::select(vec!["5", "0.5", "'5'", "''", "'x'", "true", "false", "null", "-1", "[1, 2]", "['5', 'x']", "[true]", "[]", "2u",
            "date('2026-01-31')", "today()", "days(2)", "timestamp(0)"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let operators = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in", "&&", "||"];
        prop_oneof![
            6 => (two, prop::sample::select(operators.to_vec())).prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.clone().prop_map(|a| format!("(-({a}))")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            3 => (inner.clone(), prop::sample::select(vec![
                "size(_)", "string(_)", "int(_)", "double(_)", "bool(_)", "_.trim()", "_.startsWith('5')", "_.contains('x')",
                "_.lowerAscii()", "_.size()", "math.abs(_)", "_.split(',')", "_.matches('5')", "_.replace('5', 'x')", "type(_)",
                "[_].exists(x, x == 5)", "[_, '5'].all(x, x == '5')", "_.substring(1)", "_.indexOf('5')", "strings.quote(_)",
                "date(_)", "days(_)", "timestamp(_)", "duration(_)", "_.getFullYear()", "_.getHours()", "[1, _][1]", "[7, 0.5][_]",
                "math.round(_)", "math.greatest(_, 2)", "'abc'.substring(_)", "dyn(_)", "[_].map(x, x)[0]",
            ])).prop_map(|(a, call)| call.replace('_', &format!("({a})"))),
        ]
    })
}

fn rows() -> impl Strategy<Value = Vec<(String, String, Option<f64>, Option<bool>)>> {
    let text = prop_oneof!["", "5", "0.5", "x", "true", "2026-01-31", "[0-9a-z]{0,3}"];
    let number = prop::option::of(prop_oneof![Just(5.0), Just(0.5), -3.0..9.0f64]);
    let row = (text.clone(), text, number, any::<Option<bool>>());
    prop::collection::vec(row, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The measure of every complaint: the part that is complained of gives an error in every row, or the same
    /// in all rows in which it gives anything. So nothing is refused that could tell one row from another.
    #[test]
    fn what_is_refused_is_the_same_for_every_row(source in part(), rows in rows()) {
        let Ok(expr) = Expr::compile(&source) else { return Ok(()) };
        let columns = columns();
        let mut found = Vec::new();
        for wanted in [Use::Condition, Use::Value] {
            found.extend(expr.checked(&columns, wanted).mistakes);
        }
        let cells: Vec<Vec<(String, Kind)>> = rows.iter().map(|(level, fte_text, fte, paid)| {
            let empty = || (String::new(), Kind::Text);
            vec![
                (level.clone(), Kind::Text),
                (fte_text.clone(), Kind::Text),
                (level.clone(), Kind::Text),
                fte.map_or_else(empty, |n| (n.to_string(), Kind::Number)),
                paid.map_or_else(empty, |b| (b.to_string(), Kind::Bool)),
            ]
        }).collect();
        let cells: Vec<Vec<(&str, Kind)>> =
            cells.iter().map(|row| row.iter().map(|(t, k)| (&**t, *k)).collect()).collect();
        let batch = batch(&cells);
        for mistake in found {
            // Text in order may be meant, and differs from row to row.
            if mistake.message.contains("character by character") {
                continue;
            }
            // A part within a macro can't be asked by itself.
            if mistake.part.contains("...") || mistake.part.contains("x ==") {
                continue;
            }
            let part = Expr::compile(&mistake.part).unwrap();
            let bound = part.unchecked(&columns);
            // The part of a condition must be true or false; what is no value at all counts as an error.
            let results: Vec<String> = (0..batch.len())
                .filter_map(|row| match mistake.message.contains("expected true or false") {
                    true => bound.eval_bool(&batch, row).ok().map(|b| b.to_string()),
                    false => {
                        let mut text = String::new();
                        bound.eval_text(&batch, row, &mut text).ok().map(|kind| format!("{kind:?} {text}"))
                    }
                })
                .collect();
            prop_assert!(
                results.windows(2).all(|pair| pair[0] == pair[1]),
                "{source}: {} gave {results:?}: {}", mistake.part, mistake.message
            );
        }
    }

    /// The kinds of a result are among those foretold.
    #[test]
    fn a_result_is_of_a_kind_that_was_foretold(source in part(), rows in rows()) {
        let Ok(expr) = Expr::compile(&source) else { return Ok(()) };
        let columns = columns();
        let checked = expr.checked(&columns, Use::Value);
        let bound = expr.unchecked(&columns);
        for (level, fte_text, fte, paid) in &rows {
            let (fte, paid) = (fte.map(|n| n.to_string()), paid.map(|b| b.to_string()));
            let batch = batch(&[vec![
                (level, Kind::Text),
                (fte_text, Kind::Text),
                (level, Kind::Text),
                (fte.as_deref().unwrap_or(""), if fte.is_some() { Kind::Number } else { Kind::Text }),
                (paid.as_deref().unwrap_or(""), if paid.is_some() { Kind::Bool } else { Kind::Text }),
            ]]);
            let mut text = String::new();
            if let Ok(kind) = bound.eval_text(&batch, 0, &mut text) {
                let cell = Cell::new(0, text.len(), kind);
                let foretold = checked.kinds.stored();
                prop_assert!(Kinds::of(cell).meets(foretold), "{source}: {cell:?} of {foretold:?}");
            }
        }
    }
}

impl Expr {
    fn checked(&self, columns: &Columns, wanted: Use) -> kinds::Checked {
        let given = Given {
            columns,
            context: &self.context,
            today: today(),
        };
        kinds::check(&self.root, &given, wanted)
    }

    /// Bound whatever may be wrong with it, to see what the evaluator makes of it.
    pub(super) fn unchecked(&self, columns: &Columns) -> BoundExpr {
        let mut checked = self.checked(columns, Use::Value);
        checked.mistakes.clear();
        self.bound(checked, self.slots(columns).unwrap(), columns)
    }
}
