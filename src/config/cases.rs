//! The cases of `rostream test` as they are written: rows in, and what is to become of them.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::problem::nearest;
use crate::settings::EXACT_NUMBER;
use crate::stage::StageSpec;
use crate::stage::aliases::AliasesSpec;
use crate::text::dates::Date;
use crate::text::decimal::is_json_number;

/// A row by its columns.
pub(crate) type Row = IndexMap<String, CellSpec>;

/// One case: rows in, and what is to become of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSpec {
    /// What it shows, in words; each once.
    pub name: String,
    /// The records of the source, by its columns. What the pipeline names and no row has is there, and empty.
    pub rows: Option<Vec<Row>>,
    /// In place of `rows`: a file that is read as the source is.
    pub file: Option<String>,
    /// The day that `today` is; without it, the day of the test.
    pub today: Option<String>,
    /// Rows in place of the files of `lookup` stages and of `aliases`, by the file as the pipeline names it. Other files
    /// are read.
    #[serde(default)]
    pub lookups: IndexMap<String, Vec<Row>>,
    /// What is to become of the rows.
    pub expect: OutcomeSpec,
}

/// What is to become of the rows of a case.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OutcomeSpec {
    /// The rows that are sent, all of them, in order. Of each, the columns that stand here are compared; `null` is a cell
    /// that is empty, or of which nothing is sent. Without it, what is sent is not compared.
    pub rows: Option<Vec<Row>>,
    /// The faults of rows that are rejected, all of them. Without it, none may be.
    pub rejects: Vec<FoundSpec>,
    /// The faults of rows that go out all the same (`severity: warn`), all of them. Without it, they are not compared.
    pub warned: Option<Vec<FoundSpec>>,
}

/// A fault: what stands here is compared.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FoundSpec {
    /// Which of `rows` it is, counted from 1.
    #[schemars(range(min = 1))]
    pub row: Option<u64>,
    /// The line of the `file` on which the row begins.
    #[schemars(range(min = 1))]
    pub line: Option<u64>,
    /// The column, by the source's name or by the one that a stage gave it.
    pub column: Option<String>,
    /// The code of the fault.
    pub code: Option<String>,
}

/// A cell as it is written: numbers keep their digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CellSpec {
    Text(String),
    Number(String),
    Bool(bool),
    Null,
    List(Vec<CellSpec>),
    Map(IndexMap<String, CellSpec>),
}

impl<'de> Deserialize<'de> for CellSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<CellSpec, D::Error> {
        d.deserialize_newtype_struct(EXACT_NUMBER, CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = CellSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<CellSpec, D::Error> {
        d.deserialize_any(self)
    }

    /// The digits of a number, as they were written.
    fn visit_bytes<E: Error>(self, digits: &[u8]) -> Result<CellSpec, E> {
        match std::str::from_utf8(digits) {
            Ok(digits) if is_json_number(digits) => Ok(CellSpec::Number(digits.to_owned())),
            _ => Err(E::invalid_type(Unexpected::Bytes(digits), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CellSpec, E> {
        Ok(CellSpec::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<CellSpec, E> {
        Ok(CellSpec::Bool(yes))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<CellSpec, E> {
        Ok(CellSpec::Number(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<CellSpec, E> {
        Ok(CellSpec::Number(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CellSpec, E> {
        Ok(CellSpec::Number(number.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<CellSpec, E> {
        Ok(CellSpec::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<CellSpec, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(CellSpec::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<CellSpec, A::Error> {
        let mut map = IndexMap::new();
        while let Some((name, value)) = entries.next_entry()? {
            map.insert(name, value);
        }
        Ok(CellSpec::Map(map))
    }
}

impl JsonSchema for CellSpec {
    fn schema_name() -> Cow<'static, str> {
        "CellSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value. Of a source whose cells are text it is text as it stands here: `0012` keeps its zeros.",
            "examples": ["00000001", 12, null]
        })
    }
}

/// Something wrong with a case.
pub(super) struct Wrong {
    pub(super) path: String,
    pub(super) message: String,
    pub(super) help: String,
}

/// What is wrong with cases, as far as it shows without a row of them being looked at.
pub(super) fn check<'a>(
    cases: &[TestSpec],
    stages: impl IntoIterator<Item = &'a StageSpec>,
    aliases: Option<&AliasesSpec>,
) -> Vec<Wrong> {
    let mut tables: Vec<String> = Vec::new();
    for stage in stages {
        let needs = stage.needs();
        let files = needs.iter().filter_map(|need| need.table());
        tables.extend(files.map(|table| table.file.to_owned()));
    }
    tables.extend(aliases.map(|aliases| aliases.path.clone()));
    let mut wrong = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let path = format!("tests.{at}");
        let mut tell = |setting: &str, message: String, help: &str| {
            wrong.push(Wrong {
                path: format!("{path}{setting}"),
                message,
                help: help.to_owned(),
            });
        };
        if case.name.trim().is_empty() {
            tell(".name", "expected a name, found nothing".to_owned(), "");
        } else if cases[..at].iter().any(|other| other.name == case.name) {
            tell(
                ".name",
                format!("the name `{}` is used twice", case.name),
                "",
            );
        }
        match (&case.rows, &case.file) {
            (None, None) => tell(
                "",
                "expected `rows` or `file`, found neither".to_owned(),
                "",
            ),
            (Some(_), Some(_)) => {
                tell(
                    ".file",
                    "expected `rows` or `file`, found both".to_owned(),
                    "",
                );
            }
            _ => {}
        }
        if let Some(today) = &case.today
            && Date::parse_iso(today).is_none()
        {
            let message = format!("`{today}` is not a day, expected YYYY-MM-DD");
            tell(".today", message, "");
        }
        for file in case.lookups.keys().filter(|file| !tables.contains(file)) {
            let near = nearest(file, tables.iter().map(String::as_str));
            let help = near.map_or(String::new(), |near| format!("did you mean `{near}`?"));
            let message = format!("no `lookup` of the pipeline reads `{file}`");
            tell(&format!(".lookups.{file}"), message, &help);
        }
        let expect = &case.expect;
        let warned = expect.warned.iter().flatten().enumerate();
        let warned = warned.map(|(nth, found)| (format!(".expect.warned.{nth}"), found));
        let rejects = expect.rejects.iter().enumerate();
        let rejects = rejects.map(|(nth, found)| (format!(".expect.rejects.{nth}"), found));
        for (setting, found) in rejects.chain(warned) {
            if let Some((message, help)) = unfit(found, case) {
                tell(&setting, message, help);
            }
        }
    }
    wrong
}

/// Why a fault can't be one of the case.
fn unfit(found: &FoundSpec, case: &TestSpec) -> Option<(String, &'static str)> {
    let rows = case.rows.as_ref().map(|rows| rows.len() as u64);
    match (found.row, found.line, rows) {
        (None, None, Some(_)) => Some(("expected `row`, counted from 1".to_owned(), "")),
        (None, None, None) => Some(("expected `line`, that of the file".to_owned(), "")),
        (_, Some(_), Some(_)) => Some((
            "`line` is that of a `file`, and this case has `rows`".to_owned(),
            "name the row: `row: 1` is the first",
        )),
        (Some(_), _, None) => Some((
            "`row` is one of `rows`, and this case has a `file`".to_owned(),
            "name the line on which it begins: `line: 2`",
        )),
        (Some(row), None, Some(rows)) if !(1..=rows).contains(&row) => {
            let message = format!("the case has {rows} rows, counted from 1, and not a row {row}");
            Some((message, ""))
        }
        _ => None,
    }
}
