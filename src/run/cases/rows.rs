//! The rows of a case as a file of the kind that the source is.

use std::collections::HashSet;
use std::fmt::Write;

use serde_json::Value;

use crate::config::Pipeline;
use crate::config::cases::{CellSpec, Row};
use crate::source::Input;
use crate::source::spec::SourceFormat;
use crate::text::scan::count_lines;

/// A file, and the lines on which its rows begin.
type Text = (String, Vec<u64>);

/// How the records of a source are given to the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As cells of text, side by side.
    Csv,
    /// As objects whose members are text.
    Texts,
    /// As objects whose members are what they are in JSON.
    Objects,
}

impl Kind {
    /// That of a pipeline's source, which is not opened: where it is not stated, the name tells.
    pub(super) fn of(pipeline: &Pipeline) -> Kind {
        let source = &pipeline.source;
        match source.format {
            SourceFormat::Csv | SourceFormat::Tsv => Kind::Csv,
            SourceFormat::Fixed | SourceFormat::Hdl | SourceFormat::Xml => Kind::Texts,
            SourceFormat::Json
            | SourceFormat::Ndjson
            | SourceFormat::Xlsx
            | SourceFormat::Parquet
            | SourceFormat::Arrow => Kind::Objects,
            SourceFormat::Auto if source.is_csv() => Kind::Csv,
            SourceFormat::Auto if source.json.path.is_some() => Kind::Objects,
            SourceFormat::Auto => source.inputs.first().map_or(Kind::Csv, Kind::by_name),
        }
    }

    fn by_name(input: &Input) -> Kind {
        let name = match input {
            Input::File(path) => path.to_string_lossy().to_lowercase(),
            Input::Glob(pattern, _) => pattern.to_lowercase(),
            _ => return Kind::Csv,
        };
        let has = |ending: &&str| name.ends_with(*ending) || name.contains(&format!("{ending}."));
        let objects = [".json", ".ndjson", ".jsonl", ".xlsx", ".parquet", ".arrow"];
        match () {
            () if objects.iter().any(|ending| has(&ending)) => Kind::Objects,
            () if [".xml", ".dat"].iter().any(|ending| has(&ending)) => Kind::Texts,
            () => Kind::Csv,
        }
    }

    /// The format of the text that [`Kind::text`] makes.
    pub(super) fn format(self) -> SourceFormat {
        match self {
            Kind::Csv => SourceFormat::Csv,
            Kind::Texts | Kind::Objects => SourceFormat::Ndjson,
        }
    }

    /// Rows as a file with these columns, and the lines on which they begin.
    ///
    /// # Errors
    /// The row, from 0, and the column of what such a file can't hold.
    pub(super) fn text(self, columns: &[String], rows: &[Row]) -> Result<Text, (usize, String)> {
        match self {
            Kind::Csv => csv(columns, rows),
            Kind::Texts | Kind::Objects => {
                let text = rows.iter().map(|row| self.object(row)).collect();
                Ok((text, (1..=rows.len() as u64).collect()))
            }
        }
    }

    fn object(self, row: &Row) -> String {
        let members = row.iter().map(|(name, cell)| {
            let value = match (self, text(cell)) {
                (Kind::Texts, Some(text)) => quoted(&text),
                _ => json(cell),
            };
            format!("{}:{value}", quoted(name))
        });
        format!("{{{}}}\n", members.collect::<Vec<_>>().join(","))
    }
}

/// The columns of rows, in the order in which they come.
pub(super) fn columns<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = rows.into_iter().flat_map(|row| row.keys());
    names.filter(|name| seen.insert(*name)).cloned().collect()
}

/// Rows as comma-separated text. A row without a value has its cells in quotes, or it would pass for no record.
pub(super) fn csv(columns: &[String], rows: &[Row]) -> Result<Text, (usize, String)> {
    let names: Vec<String> = columns.iter().map(|name| cell_of_csv(name)).collect();
    let mut out = format!("{}\n", names.join(","));
    let mut starts = Vec::new();
    let mut line = 1 + count_lines(out.as_bytes());
    for (at, row) in rows.iter().enumerate() {
        let mut cells = Vec::new();
        for name in columns {
            let cell = row.get(name).unwrap_or(&CellSpec::Null);
            let text = text(cell).ok_or_else(|| (at, name.clone()))?;
            cells.push(cell_of_csv(&text));
        }
        let record = format!("{}\n", cells.join(","));
        starts.push(line);
        line += count_lines(record.as_bytes());
        out.push_str(&record);
    }
    Ok((out, starts))
}

fn cell_of_csv(text: &str) -> String {
    let is_bare = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "-_./ @:".contains(c));
    match is_bare {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

/// A cell as text; of a list or a map there is none.
pub(super) fn text(cell: &CellSpec) -> Option<String> {
    match cell {
        CellSpec::Text(text) | CellSpec::Number(text) => Some(text.clone()),
        CellSpec::Bool(yes) => Some(yes.to_string()),
        CellSpec::Null => Some(String::new()),
        CellSpec::List(_) | CellSpec::Map(_) => None,
    }
}

/// A cell as JSON.
pub(super) fn json(cell: &CellSpec) -> String {
    match cell {
        CellSpec::Text(text) => quoted(text),
        CellSpec::Number(digits) => digits.clone(),
        CellSpec::Bool(yes) => yes.to_string(),
        CellSpec::Null => "null".to_owned(),
        CellSpec::List(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
        CellSpec::Map(members) => {
            let mut out = String::from("{");
            for (at, (name, value)) in members.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                let _ = write!(out, "{comma}{}:{}", quoted(name), json(value));
            }
            out.push('}');
            out
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[(&str, CellSpec)]) -> Row {
        let cell = |(name, cell): &(&str, CellSpec)| ((*name).to_owned(), cell.clone());
        cells.iter().map(cell).collect()
    }

    #[test]
    fn rows_as_the_source_has_them() {
        let number = |digits: &str| CellSpec::Number(digits.to_owned());
        let rows = [
            row(&[
                ("id", number("12")),
                ("name", CellSpec::Text("Ada \"A\", B".to_owned())),
            ]),
            row(&[
                ("id", CellSpec::Text("0012".to_owned())),
                ("on", CellSpec::Bool(true)),
            ]),
        ];
        let columns = columns(&rows);
        assert_eq!(columns, ["id", "name", "on"]);
        let check = |kind: Kind, expected: &str| {
            assert_eq!(kind.text(&columns, &rows).unwrap().0, expected);
        };
        check(
            Kind::Csv,
            "id,name,on\n12,\"Ada \"\"A\"\", B\",\"\"\n0012,\"\",true\n",
        );
        check(
            Kind::Texts,
            "{\"id\":\"12\",\"name\":\"Ada \\\"A\\\", B\"}\n{\"id\":\"0012\",\"on\":\"true\"}\n",
        );
        check(
            Kind::Objects,
            "{\"id\":12,\"name\":\"Ada \\\"A\\\", B\"}\n{\"id\":\"0012\",\"on\":true}\n",
        );
        let nested = [row(&[(
            "a",
            CellSpec::List(vec![number("1.50"), CellSpec::Null]),
        )])];
        let names = ["a".to_owned()];
        assert_eq!(Kind::Csv.text(&names, &nested), Err((0, "a".to_owned())));
        let (objects, _) = Kind::Objects.text(&names, &nested).unwrap();
        assert_eq!(objects, "{\"a\":[1.50,null]}\n");
    }
}
