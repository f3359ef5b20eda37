//! `date`: dates of stated formats into another format.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Columns, Fault, Kind};
use crate::stage::{BindError, Bound, Resources, Stage};
use crate::text::dates::{Format, Rewrite, Rewritten};

/// Dates of stated formats into another format.
///
/// Formats are written with YYYY, MM, M, DD, D, MMM (Jan), MMMM (January), HH, H, mm, ss. A text must
/// be a date of the calendar in one of the formats, from its first character to its last.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateSpec {
    /// The columns, by their names at this point.
    pub columns: Vec<String>,
    /// The format that the dates have, or several that are tried in order.
    pub from: Formats,
    /// The format that they get. A time of day that it doesn't have is dropped.
    #[serde(default = "iso")]
    pub to: String,
    /// What to do with an empty cell.
    #[serde(default)]
    pub empty: EmptyDate,
    /// What to do with a text that is not a date in any of the formats.
    #[serde(default)]
    pub invalid: InvalidDate,
}

fn iso() -> String {
    "YYYY-MM-DD".into()
}

/// One date format, or several in order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a date format such as DD/MM/YYYY, or a list of them"
)]
pub enum Formats {
    /// One.
    One(String),
    /// Several, in order.
    Several(Vec<String>),
}

impl Formats {
    fn as_slice(&self) -> &[String] {
        match self {
            Formats::One(one) => std::slice::from_ref(one),
            Formats::Several(several) => several,
        }
    }
}

/// What to do with an empty cell of a date column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmptyDate {
    /// It stays empty.
    #[default]
    Keep,
    /// Reject the row.
    Reject,
}

/// What to do with a text that is not a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidDate {
    /// Reject the row.
    #[default]
    Reject,
    /// Make the cell empty.
    Empty,
}

impl DateSpec {
    /// What is wrong with it, header or not.
    pub(super) fn check(&self) -> Result<(), String> {
        check_columns(&self.columns)?;
        self.formats().map(|_| ())
    }

    fn formats(&self) -> Result<(Vec<Format>, Format), String> {
        let to = Format::compile(&self.to)?;
        let from: Vec<_> = self
            .from
            .as_slice()
            .iter()
            .map(|f| Format::compile(f))
            .collect::<Result<_, _>>()?;
        if from.is_empty() {
            return Err("`from` names no format, expected one such as DD/MM/YYYY".into());
        }
        // Midnight would be made up.
        if let Some(lacking) = from.iter().find(|f| f.time_fields() < to.time_fields()) {
            return Err(format!(
                "`to: {}` has a time of day that `from: {}` doesn't have",
                to.source(),
                lacking.source()
            ));
        }
        Ok((from, to))
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check().map_err(BindError::Other)?;
        let (from, to) = self.formats().map_err(BindError::Other)?;
        let places = places(columns, &self.columns)?;
        // Text that has the order of days.
        let in_order = self.to == iso() || self.to.starts_with("YYYY-MM-DDTHH:mm");
        let dates = match in_order {
            true => Kinds::DAYS,
            false => Kinds::WORDS,
        };
        let kinds = match self.invalid {
            InvalidDate::Empty => Kinds::EMPTY | dates,
            InvalidDate::Reject => dates,
        };
        hold(columns, places.iter().map(|p| p.1), |before| {
            before.made(kinds)
        });
        Ok(Some(Box::new(Date {
            columns: places,
            expected: format!("expected a date as {}", self.from.as_slice().join(" or ")).into(),
            plain: to.is_plain(),
            from: from
                .into_iter()
                .map(|format| Rewrite::new(format, to.clone()))
                .collect(),
            empty: self.empty,
            invalid: self.invalid,
        })))
    }
}

/// Whether a list of columns can be meant: none is not, and one twice is not.
pub(super) fn check_columns(names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err("no column is named".into());
    }
    match names
        .iter()
        .enumerate()
        .find(|(i, n)| names[..*i].contains(n))
    {
        Some((_, name)) => Err(format!("column `{name}` is named twice")),
        None => Ok(()),
    }
}

struct Date {
    columns: Vec<(Arc<str>, usize)>,
    from: Vec<Rewrite>,
    /// Whether all new dates are plain.
    plain: bool,
    empty: EmptyDate,
    invalid: InvalidDate,
    expected: Cow<'static, str>,
}

impl Stage for Date {
    fn apply(&self, batch: &mut Batch) {
        // A column's new dates are written side by side and become text together.
        let mut written = Vec::new();
        for (name, slot) in &self.columns {
            let mut cells = batch.take_column(*slot);
            let base = batch.text_len();
            written.clear();
            for (row, cell) in cells.iter_mut().enumerate() {
                if !batch.is_live(row) {
                    continue;
                }
                let (code, message) = match cell.kind() {
                    Kind::Missing | Kind::Faulty => continue,
                    Kind::Text | Kind::Null if cell.is_empty() => {
                        if self.empty == EmptyDate::Keep {
                            continue;
                        }
                        (
                            "date_empty",
                            Cow::Borrowed("expected a date, found nothing"),
                        )
                    }
                    _ => {
                        let text = batch.text(*cell);
                        let start = written.len();
                        let read = |from: &Rewrite| from.apply(text, &mut written);
                        match self.from.iter().find_map(read) {
                            Some(Rewritten::AsItIs) => {
                                *cell = cell.with_kind(Kind::Text);
                                continue;
                            }
                            Some(Rewritten::Appended) => {
                                let date =
                                    Cell::new(base + start, written.len() - start, Kind::Text);
                                *cell = date.plain_if(self.plain);
                                continue;
                            }
                            None if self.invalid == InvalidDate::Empty => {
                                *cell = Cell::new(0, 0, Kind::Text);
                                continue;
                            }
                            None => ("date_format", self.expected.clone()),
                        }
                    }
                };
                *cell = cell.with_kind(Kind::Faulty);
                let fault = Fault {
                    row: row as u32,
                    stage: "date",
                    column: name.clone(),
                    source: None,
                    code: Cow::Borrowed(code),
                    message,
                };
                batch.reject(fault, None);
            }
            // Digits, names and whole literals: nothing is lost, and nothing copied.
            batch.append_text(&String::from_utf8_lossy(&written));
            batch.put_column(*slot, cells);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::batch::{Row, RowState};

    fn spec(json: &str) -> DateSpec {
        serde_json::from_str(json).unwrap()
    }

    fn run(json: &str, cells: &[(&str, Kind)]) -> (Batch, Vec<String>) {
        let columns = &mut Columns::from_header(["d"]);
        run_column(spec(json).bind(columns, &Resources::default()), cells)
    }

    /// Runs a stage over one column of these cells: the batch, and each cell as its kind and text.
    pub(in crate::stage) fn run_column(
        stage: Bound,
        cells: &[(&str, Kind)],
    ) -> (Batch, Vec<String>) {
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
            let seen = match batch.faults() {
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
        let two = r#""from": ["DD/MM/YYYY", "MM/DD/YYYY"]"#;
        check(two, "03/04/2020", "Text 2020-04-03");
        check(two, "12/31/1999", "Text 1999-12-31");
        check(
            two,
            "1999-12-31",
            "date_format | expected a date as DD/MM/YYYY or MM/DD/YYYY",
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
        assert_eq!(&*batch.faults()[0].column, "d");
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
        assert_eq!(
            spec(r#"{"columns": ["d"], "from": "DD/MM/YYYY"}"#).check(),
            Ok(())
        );
    }
}
