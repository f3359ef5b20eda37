//! Rows as JSON, one a line: every column of each, in the query's order, so that the line is the row's number.
//!
//! Values are what the server writes, and so exact: numbers and booleans stay such, and all else is text. NULL is `null`.

use tokio_postgres::types::Type;
use tokio_postgres::{SimpleQueryRow, Statement};

use crate::source::place::remote::error::RemoteError;

/// A column.
#[derive(Debug)]
struct Column {
    name: String,
    /// The name as it is written before a value.
    member: Vec<u8>,
    kind: Kind,
}

/// What the values of a column are in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
}

/// Writes rows.
#[derive(Debug)]
pub(super) struct Rows {
    columns: Vec<Column>,
    text: Vec<u8>,
    pub(super) count: u64,
}

impl Rows {
    /// Of what a statement gives.
    ///
    /// # Errors
    /// It cannot be told apart, or there is nothing.
    pub(super) fn of(statement: &Statement) -> Result<Rows, RemoteError> {
        let columns = statement.columns().iter();
        let columns = columns.map(|column| (column.name(), column.type_()));
        match statement.params().len() {
            0 => Rows::new(columns),
            _ => Err(RemoteError::Setting(
                "the query has parameters such as `$1`, and there is nothing to fill them in: write the values"
                    .to_owned(),
            )),
        }
    }

    fn new<'a>(columns: impl Iterator<Item = (&'a str, &'a Type)>) -> Result<Rows, RemoteError> {
        let mut known: Vec<Column> = Vec::new();
        for (name, kind) in columns {
            if known.iter().any(|column| column.name == name) {
                return Err(RemoteError::Setting(format!(
                    "the query gives two columns that are called `{name}`: name them apart, `... AS {name}_2`"
                )));
            }
            let mut member = Vec::with_capacity(name.len() + 3);
            json_escape_simd::escape_into(name, &mut member);
            member.push(b':');
            known.push(Column {
                name: name.to_owned(),
                member,
                kind: Kind::of(kind),
            });
        }
        if known.is_empty() {
            return Err(RemoteError::Setting(
                "the query gives no columns: expected one that gives rows, such as a SELECT"
                    .to_owned(),
            ));
        }
        Ok(Rows {
            columns: known,
            text: Vec::new(),
            count: 0,
        })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// A value that is not UTF-8.
    pub(super) fn write(&mut self, row: &SimpleQueryRow) -> Result<(), RemoteError> {
        self.begin();
        for at in 0..self.columns.len() {
            let Ok(value) = row.try_get(at) else {
                return Err(RemoteError::Unexpected(format!(
                    "row {}, column {}: the value is not UTF-8, which it is where the database has an encoding",
                    self.count, self.columns[at].name
                )));
            };
            self.value(at, value);
        }
        self.end();
        Ok(())
    }

    fn begin(&mut self) {
        self.count += 1;
        self.text.push(b'{');
    }

    fn end(&mut self) {
        self.text.extend_from_slice(b"}\n");
    }

    fn value(&mut self, at: usize, value: Option<&str>) {
        if at > 0 {
            self.text.push(b',');
        }
        let column = &self.columns[at];
        self.text.extend_from_slice(&column.member);
        match (value, column.kind) {
            (None, _) => self.text.extend_from_slice(b"null"),
            (Some("t"), Kind::Boolean) => self.text.extend_from_slice(b"true"),
            (Some("f"), Kind::Boolean) => self.text.extend_from_slice(b"false"),
            (Some(value), Kind::Number) if is_number(value) => {
                self.text.extend_from_slice(value.as_bytes());
            }
            (Some(value), _) => json_escape_simd::escape_into(value, &mut self.text),
        }
    }

    /// Bytes that were written and not taken.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// What was written since the last time.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let like_this = Vec::with_capacity(self.text.len());
        std::mem::replace(&mut self.text, like_this)
    }
}

impl Kind {
    fn of(kind: &Type) -> Kind {
        match *kind {
            Type::BOOL => Kind::Boolean,
            Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => {
                Kind::Number
            }
            _ => Kind::Text,
        }
    }
}

/// Whether a number is one of JSON's, and not NaN or infinite.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns<'a>(names: &'a [(&'a str, Type)]) -> Result<Rows, RemoteError> {
        Rows::new(names.iter().map(|(name, kind)| (*name, kind)))
    }

    #[test]
    fn values_are_exact() {
        let names = [
            ("id", Type::TEXT),
            ("salary", Type::NUMERIC),
            ("active", Type::BOOL),
            ("hired \"on\"", Type::DATE),
        ];
        let mut rows = columns(&names).unwrap();
        for row in [
            [
                Some("00012"),
                Some("1234567890.10"),
                Some("t"),
                Some("2026-11-27"),
            ],
            [Some(""), None, None, None],
            [
                Some("a\t\"b\"\\\nZoë"),
                Some("-0.5"),
                Some("f"),
                Some("infinity"),
            ],
            [Some("x"), Some("NaN"), Some("t"), Some("")],
            [Some("y"), Some("-Infinity"), Some("t"), Some("")],
            [Some("z"), Some("1e+20"), Some("t"), Some("")],
        ] {
            rows.begin();
            for (at, value) in row.into_iter().enumerate() {
                rows.value(at, value);
            }
            rows.end();
        }
        assert_eq!(rows.count, 6);
        let text = String::from_utf8(rows.take()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"id":"00012","salary":1234567890.10,"active":true,"hired \"on\"":"2026-11-27"}"#,
                r#"{"id":"","salary":null,"active":null,"hired \"on\"":null}"#,
                r#"{"id":"a\t\"b\"\\\nZoë","salary":-0.5,"active":false,"hired \"on\"":"infinity"}"#,
                r#"{"id":"x","salary":"NaN","active":true,"hired \"on\"":""}"#,
                r#"{"id":"y","salary":"-Infinity","active":true,"hired \"on\"":""}"#,
                r#"{"id":"z","salary":1e+20,"active":true,"hired \"on\"":""}"#,
            ]
        );
        assert!(
            lines
                .iter()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        );
        assert_eq!(rows.len(), 0);
    }

    #[test]
    fn columns_are_told_apart() {
        let twice = columns(&[("id", Type::TEXT), ("id", Type::INT4)]).unwrap_err();
        assert_eq!(
            twice.to_string(),
            "the query gives two columns that are called `id`: name them apart, `... AS id_2`"
        );
        assert!(columns(&[]).unwrap_err().is_setting());
    }
}
