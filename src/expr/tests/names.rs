//! Names of columns: letters of any script, and what is said of names that are no plain words.

use super::super::*;
use super::eval_in;
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Kind, Row};

const NAMES: [&str; 10] = [
    "Straße",
    "名前",
    "größe",
    "E-Mail",
    "Mail",
    "name.first",
    "name",
    "E",
    "Name/Vorname",
    "имя",
];

fn eval(source: &str) -> String {
    let mut batch = Batch::new(String::new(), NAMES.len());
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 0,
    });
    for (at, name) in NAMES.iter().enumerate() {
        let cell = batch.append(name, Kind::Text);
        batch.push_cell(at, cell);
    }
    eval_in(source, &Columns::of(NAMES, Kinds::TEXT), &batch)
}

#[test]
fn letters_of_any_script_are_names() {
    for (source, expected) in [
        ("Straße", "Text Straße"),
        ("Straße == 'Straße'", "Bool true"),
        ("名前 + имя", "Text 名前имя"),
        ("名前.size()", "Number 2"),
        ("[名前].exists(größe, größe == '名前')", "Bool true"),
        ("row['Straße']", "Text Straße"),
        ("x_0_ + Straße", "bind: no column `x_0_` here"),
        ("name.first", "Text name.first"),
        ("name.first.size()", "Number 10"),
        ("name", "Text name"),
        ("row['E-Mail']", "Text E-Mail"),
        (
            "Strasse",
            "bind: no column `Strasse` here, did you mean `Straße`?",
        ),
        (
            "Größe",
            "bind: no column `Größe` here, did you mean `größe`?",
        ),
        ("größe(1)", "compile: no function `größe`"),
        ("'größe' == größe // größe", "Bool true"),
    ] {
        assert_eq!(eval(source), expected, "{source}");
    }
}

/// The place is that of the source, where the parser saw something else.
#[test]
fn a_mistake_beside_such_a_name_has_its_place() {
    for (source, expected) in [
        (
            "größe = 1",
            "line 1, column 7 of the expression: token recognition error at: '= '; write == to compare",
        ),
        (
            "größe > 1 and 名前",
            "line 1, column 11 of the expression: mismatched input 'and'; write && for and",
        ),
        (
            "größe > 1 &&\n  名前 ] имя",
            "line 2, column 6 of the expression: mismatched input ']'",
        ),
        (
            "Größe der Firma > 1",
            "line 1, column 7 of the expression: mismatched input 'der'; \
             a column whose name is not a plain word is written row[\"Größe der Firma\"]",
        ),
        (
            "größe имя == 1",
            "line 1, column 7 of the expression: mismatched input 'имя'; \
             a column whose name is not a plain word is written row[\"größe имя\"]",
        ),
        (
            "Gehalt€ > 1",
            "line 1, column 7 of the expression: token recognition error at: '€'; \
             a column whose name is not a plain word is written row[\"Gehalt€\"]",
        ),
    ] {
        assert_eq!(eval(source), format!("compile: {expected}"), "{source}");
    }
}

#[test]
fn a_name_that_is_not_a_plain_word_is_proposed() {
    for (source, expected) in [
        (
            "e-Mail == 'x'",
            "bind: no column `e` here, did you mean `E`?",
        ),
        (
            "Name/Vorname == 'x'",
            "bind: no column `Name` here; the column `Name/Vorname` is written row[\"Name/Vorname\"]",
        ),
        (
            "E-Mail == 'x'",
            "bind: `E - Mail`: `-` does not take text and text: a CSV column is text until a `number` stage has run; \
             add `- number: { columns: [E] }` before; if `E-Mail` is the name of a column, write row[\"E-Mail\"]",
        ),
        (
            "name.last == 'x'",
            "bind: no column `name.last` here; `name` is one, and its cells have no members: those of a JSON object \
             become columns by `source.json.flatten`",
        ),
        (
            "has(name.first)",
            "bind: `has(name.first)`: a cell has no members; a column `name.first` is empty where it has no value, \
             `name.first != \"\"`",
        ),
    ] {
        assert_eq!(eval(source), expected, "{source}");
    }
    let columns = |names: &[&str]| {
        let mut columns = Columns::of(names, Kinds::TEXT);
        for slot in 0..names.len() {
            columns.hold(slot, Kinds::NUMBER);
        }
        columns
    };
    let said = |source: &str, columns: &Columns| {
        let expr = Expr::compile(source).unwrap();
        match expr.bind(columns, Use::Condition, super::today()) {
            Ok(bound) => bound.remarks().join("; "),
            Err(why) => why.to_string(),
        }
    };
    assert_eq!(
        said("E-Mail > 1", &columns(&["E-Mail"])),
        "no column `E` here; the column `E-Mail` is written row[\"E-Mail\"]"
    );
    assert_eq!(
        said("'E-Mail' == E", &columns(&["E-Mail"])),
        "no column `E` here"
    );
    assert_eq!(
        said("a-b > 1", &columns(&["a", "b", "a-b"])),
        "`a - b` is a difference; the column `a-b` is written row[\"a-b\"]"
    );
    assert_eq!(said("a-b > 1", &columns(&["a", "b"])), "");
    assert_eq!(
        said("Größe-Neu > 1", &columns(&["Größe-Neu"])),
        "no column `Größe` here; the column `Größe-Neu` is written row[\"Größe-Neu\"]"
    );
}
