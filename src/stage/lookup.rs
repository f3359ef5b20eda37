//! `lookup`: joins columns of a second CSV file by a key.
//!
//! The file is read whole before the run, by [`Table::load`], and shared by all workers. It holds at
//! most [`MAX_BYTES`] and [`MAX_ROWS`]; in memory it takes as much as on disk, 4 bytes a cell and 4
//! bytes a row, and the index of each stage that uses it the text of the keys and some 50 bytes a row.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::{
    Bound, EMPTY, FAULTY, Need, Needed, Place, Resources, Stage, add_column, check_names, fault,
};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::files::mark::{Mark, Moved};
use crate::format::csv::fault;
use crate::format::csv::other_delimiter;
use crate::format::csv::record::{Cells, unquote};
use crate::text::compare::{Spelling, comparable, look_up, same_name};
use crate::text::scan::{Dialect, Quoting, count_lines};
use crate::text::unseen::{is_blank, without_end_marks};

/// Largest table file in bytes: a list of departments or people, not a second extract.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Most rows of a table.
pub(crate) const MAX_ROWS: usize = 1_000_000;

const NAME: &str = "lookup";

/// Joins columns of a second CSV file (UTF-8, with a header) by a key. Keys are compared as they look: case counts,
/// and invisible characters, the kind of a blank and how accents are composed do not. A key without anything to
/// see, null or missing, is not looked up: what would be taken is empty then, or stays with `missing: keep`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSpec {
    /// The CSV file, relative to the pipeline file and in its folder or below.
    pub file: String,
    /// Whether the file may also be elsewhere.
    #[serde(default)]
    pub allow_outside: bool,
    /// Between the file's cells: one ASCII character, or `tab`.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// What is looked up, and where.
    pub key: LookupKey,
    /// The file's columns to take, and the columns they go into: `{ Name: departmentName }`. These are
    /// new ones, or the key's own; with `missing: keep`, existing ones too.
    pub take: IndexMap<String, String>,
    /// What to do with a key that the file does not have.
    #[serde(default)]
    pub missing: Missing,
}

fn comma() -> String {
    ",".to_owned()
}

/// What is looked up, and where.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupKey {
    /// The column that holds the key.
    pub column: String,
    /// The file's column that it is looked up in, where the name is another.
    #[serde(rename = "in")]
    pub within: Option<String>,
}

/// What to do with a key that the file does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Reject the row.
    #[default]
    Reject,
    /// Leave the columns empty.
    Empty,
    /// Leave the columns as they are.
    Keep,
}

/// A table that a stage reads: what [`Table::load`] needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source<'a> {
    /// The file as written: the key of [`Resources::tables`].
    pub file: &'a str,
    /// Whether it may be elsewhere than in the pipeline's folder or below.
    pub allow_outside: bool,
    /// Between cells.
    pub delimiter: u8,
}

impl Source<'_> {
    /// Where the file really is, symbolic links followed. `folder` is the pipeline's.
    ///
    /// # Errors
    /// A file that is not there, isn't a regular file, or is elsewhere and may not be.
    pub(crate) fn locate(&self, folder: &Path) -> Result<PathBuf, TableError> {
        let path = folder.join(self.file).canonicalize().map_err(io_error)?;
        if !self.allow_outside && !path.starts_with(folder.canonicalize().map_err(io_error)?) {
            return Err(TableError::Outside);
        }
        let kind = path.metadata().map_err(io_error)?.file_type();
        match kind.is_file() {
            true => Ok(path),
            false if kind.is_dir() => Err(TableError::Directory),
            false => Err(TableError::NotAFile),
        }
    }
}

fn io_error(error: std::io::Error) -> TableError {
    match error.kind() {
        std::io::ErrorKind::NotFound => TableError::NotFound,
        std::io::ErrorKind::IsADirectory => TableError::Directory,
        _ => TableError::Read(error),
    }
}

/// A second CSV file, read whole.
pub struct Table {
    /// Where it was read from, and what tells whether it was changed since.
    file: Option<(PathBuf, Mark)>,
    delimiter: u8,
    columns: Vec<Box<str>>,
    /// The text of all cells, row by row.
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<u32>,
    /// The physical line that each row begins on, from 1.
    lines: Vec<u32>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("columns", &self.columns)
            .field("rows", &self.lines.len())
            .finish_non_exhaustive()
    }
}

/// Why a table can't be read. Names lines, never values.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// A folder is named.
    #[error("it is a directory")]
    Directory,
    /// A device, a pipe or the like is named.
    #[error("it is not a regular file")]
    NotAFile,
    /// The file is elsewhere than in the pipeline's folder.
    #[error(
        "it is outside the folder of the pipeline file; \
         say `allow_outside: true` in the stage if that is meant"
    )]
    Outside,
    /// The file is not what it was when it was read.
    #[error("{0}")]
    Changed(Moved),
    /// The file can't be opened or read.
    #[error("cannot read it")]
    Read(#[source] std::io::Error),
    /// More than [`MAX_BYTES`].
    #[error("it is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    /// More than [`MAX_ROWS`].
    #[error("it has more than {MAX_ROWS} rows")]
    TooManyRows,
    /// Not UTF-8.
    #[error("line {0} is not UTF-8")]
    NotUtf8(u32),
    /// There is no header.
    #[error("it is empty, expected a header")]
    NoHeader,
    /// Two columns of one name.
    #[error("columns {0} and {1} of its header have the same name")]
    RepeatedColumn(usize, usize),
    /// A quote is opened and not closed before the end of the file.
    #[error("the record that begins on line {0} opens a quote that is never closed")]
    OpenQuote(u32),
    #[error(
        "the record that begins on line {0} has a quote where none may stand: behind blanks, or before text where it closes \
         a cell"
    )]
    Quote(u32),
    /// A record of too many or too few cells.
    #[error("line {line}: expected {columns} cells as in the header, found {cells}")]
    Ragged {
        /// Physical line on which the record begins.
        line: u32,
        /// Its cells.
        cells: usize,
        /// The header's.
        columns: usize,
    },
}

impl Table {
    /// Reads a table. `path` is where the file really is.
    pub async fn load(path: &Path, delimiter: u8) -> Result<Table, TableError> {
        let file = tokio::fs::File::open(path).await.map_err(io_error)?;
        let mark = Mark::of(&file.metadata().await.map_err(io_error)?);
        let mut bytes = Vec::new();
        // One byte more tells a file that is too large from one that just fits.
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .await
            .map_err(io_error)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(TableError::TooLarge);
        }
        let table = Table::parse(&bytes, delimiter)?;
        Ok(Table {
            file: Some((path.to_owned(), mark)),
            ..table
        })
    }

    /// Whether the file is what it was when it was read.
    pub(crate) fn is_unchanged(&self) -> Result<(), TableError> {
        let Some((path, mark)) = &self.file else {
            return Ok(());
        };
        mark.is_of(path).map_err(TableError::Changed)
    }

    /// Parses a table from a file's bytes.
    fn parse(bytes: &[u8], delimiter: u8) -> Result<Table, TableError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let bytes = &bytes[..without_end_marks(bytes)];
        let text = std::str::from_utf8(bytes).map_err(|error| {
            TableError::NotUtf8(count_lines(&bytes[..error.valid_up_to()]) as u32 + 1)
        })?;
        let dialect = Dialect::new(delimiter, Quoting::default());
        let mut table = Table {
            file: None,
            delimiter,
            columns: Vec::new(),
            text: String::with_capacity(bytes.len()),
            ends: Vec::new(),
            lines: Vec::new(),
        };
        let (mut line, mut count) = (1, 0);
        let mut scratch = String::new();
        let mut cells = Cells::of_text(bytes, dialect);
        while let Some(cell) = cells.next() {
            if let Some(fault) = cells.take_fault() {
                return Err(match fault.kind {
                    fault::Kind::Open => TableError::OpenQuote(line),
                    _ => TableError::Quote(line),
                });
            }
            let mut written = &text[cell.range()];
            if cell.last {
                written = written.strip_suffix('\r').unwrap_or(written);
            }
            // A line without anything is not a record.
            if count > 0 || !cell.last || !written.is_empty() {
                unquote(written, dialect, &mut scratch);
                table.text.push_str(&scratch);
                table.ends.push(table.text.len() as u32);
                count += 1;
                if cell.last {
                    table.end_record(line, count)?;
                }
            }
            if cell.last {
                (line, count) = (cells.line() + 1, 0);
            }
        }
        match table.columns.is_empty() {
            true => Err(TableError::NoHeader),
            false => Ok(table),
        }
    }

    /// Ends the record of `count` cells that begins on `line`: the first is the header.
    fn end_record(&mut self, line: u32, count: usize) -> Result<(), TableError> {
        if self.columns.is_empty() {
            let mut start = 0;
            for end in self.ends.drain(..) {
                self.columns
                    .push(Box::from(&self.text[start..end as usize]));
                start = end as usize;
            }
            self.text.clear();
            let same = |(at, name): (usize, &str)| {
                let first = self.columns[..at]
                    .iter()
                    .position(|other| **other == *name)?;
                Some((first + 1, at + 1))
            };
            return match self
                .columns
                .iter()
                .map(|name| &**name)
                .enumerate()
                .find_map(same)
            {
                Some((first, second)) => Err(TableError::RepeatedColumn(first, second)),
                None => Ok(()),
            };
        }
        if count != self.columns.len() {
            return Err(TableError::Ragged {
                line,
                cells: count,
                columns: self.columns.len(),
            });
        }
        if self.lines.len() == MAX_ROWS {
            return Err(TableError::TooManyRows);
        }
        self.lines.push(line);
        Ok(())
    }

    /// The places of the columns that a stage names, or what to say of one that is not there.
    fn columns<'a>(
        &self,
        file: &str,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Vec<usize>, String> {
        let names: Vec<&String> = names.into_iter().collect();
        let have = Columns::from_header(self.columns.iter());
        let place = |name: &&String| {
            let columns = || self.columns.iter();
            let exact = columns().position(|column| **column == ***name);
            exact.or_else(|| columns().position(|column| same_name(column, name)))
        };
        let missing = |name: &String, have: &Columns| match have.need(name) {
            Err(error) => format!("{file}: {error}"),
            Ok(_) => format!("{file}: no column `{name}`"),
        };
        let Some(first) = names.iter().find(|name| place(name).is_none()) else {
            return Ok(names.iter().filter_map(place).collect());
        };
        if names.iter().any(|name| place(name).is_some()) {
            return Err(missing(first, &have));
        }
        // What stands in the first line may then be anything, and is not repeated.
        let error = missing(first, &have.untold());
        Err(match (&self.columns[..], self.columns.len()) {
            ([only], _) if let Some(delimiter) = other_delimiter(only) => format!(
                "{error}; the file's header is one column, and `{delimiter}` stands in it: if that is the \
                 delimiter, say so in `delimiter`"
            ),
            (_, count) => format!(
                "{error}; the file's first line has {count} cell{}, and none is a column that the stage names: if \
                 the file has no header, add one",
                if count == 1 { "" } else { "s" }
            ),
        })
    }

    fn cell(&self, row: usize, column: usize) -> &str {
        let i = row * self.columns.len() + column;
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start as usize..self.ends[i] as usize]
    }

    /// The rows by the text of a column, as it is compared. An empty key does not count, and may occur more than once.
    fn index(&self, file: &str, column: usize) -> Result<HashMap<Box<str>, u32>, String> {
        let mut index = HashMap::with_capacity(self.lines.len());
        for row in 0..self.lines.len() {
            let key = self.cell(row, column);
            if is_blank(key) {
                continue;
            }
            match index.entry(Box::from(comparable(key))) {
                Entry::Vacant(entry) => {
                    entry.insert(row as u32);
                }
                Entry::Occupied(first) => {
                    let first = *first.get() as usize;
                    let spelling = Spelling::of(self.cell(first, column));
                    let differ = match spelling.apart(Spelling::of(key)) {
                        Some(differ) => format!(" (but for {differ})"),
                        None => String::new(),
                    };
                    return Err(format!(
                        "{file}: lines {} and {} have the same `{}`{differ}, a key must be unique",
                        self.lines[first], self.lines[row], self.columns[column]
                    ));
                }
            }
        }
        Ok(index)
    }
}

impl LookupSpec {
    fn delimiter(&self) -> Result<u8, String> {
        match self.delimiter.as_bytes() {
            b"tab" => Ok(b'\t'),
            [b] if b.is_ascii() && !matches!(b, b'"' | b'\r' | b'\n') => Ok(*b),
            _ => Err(format!(
                "`delimiter` is one ASCII character or tab, found `{}`",
                self.delimiter
            )),
        }
    }

    pub(super) fn need(&self) -> Need<'_> {
        Need {
            setting: "file",
            what: Needed::Table(Source {
                file: &self.file,
                allow_outside: self.allow_outside,
                delimiter: self.delimiter().unwrap_or(b','),
            }),
        }
    }

    /// The place of a column that is taken.
    fn take_into(&self, columns: &mut Columns, name: &str) -> Result<usize, String> {
        let slot = match self.missing {
            Missing::Keep => columns.add(name),
            Missing::Reject | Missing::Empty => add_column(columns, name, &[&self.key.column])?,
        };
        let stays = match self.missing {
            Missing::Keep => columns.kinds(slot),
            Missing::Reject | Missing::Empty => Kinds::NONE,
        };
        columns.hold(slot, stays | Kinds::TEXT);
        Ok(slot)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.file.is_empty() {
            return Err("`file` is empty".into());
        }
        check_names("take", self.take.values())?;
        self.delimiter().map(drop)
    }

    pub(super) fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
        self.check()?;
        let key = columns.need(&self.key.column)?;
        if resources.absent {
            for to in self.take.values() {
                self.take_into(columns, to)?;
            }
            return Ok(None);
        }
        let file = &self.file;
        let table = resources
            .tables
            .get(file)
            .ok_or_else(|| format!("{file}: the table was not read"))?;
        if table.delimiter != self.delimiter()? {
            return Err(format!("{file}: two stages give it different delimiters").into());
        }
        let within = self.key.within.as_ref().unwrap_or(&self.key.column);
        let mut places = table
            .columns(file, [within].into_iter().chain(self.take.keys()))?
            .into_iter();
        let index = table.index(file, places.next().unwrap_or_default())?;
        let mut take = Vec::with_capacity(self.take.len());
        for (to, from) in self.take.values().zip(places) {
            take.push((from, self.take_into(columns, to)?));
        }
        Ok(Some(Box::new(Lookup {
            key,
            take,
            missing: self.missing,
            absent: format!("`{within}` in {file} has no such value"),
            index,
            table: table.clone(),
        })))
    }
}

struct Lookup {
    key: Place,
    /// Columns of the table, and where they go.
    take: Vec<(usize, usize)>,
    missing: Missing,
    /// The message for a key that is not there.
    absent: String,
    index: HashMap<Box<str>, u32>,
    table: Arc<Table>,
}

impl Stage for Lookup {
    fn apply(&self, batch: &mut Batch) {
        // What was found for each row, before any column changes: one of them may be the key.
        enum Found {
            Row(u32),
            Faulty,
            Empty,
            Stays,
        }
        let mut found = Vec::with_capacity(batch.len());
        for row in 0..batch.len() {
            let cell = batch.cell(row, self.key.1);
            found.push(if !batch.is_live(row) {
                Found::Stays
            } else if cell.kind() == Kind::Faulty {
                Found::Faulty
            } else if let Some(at) = look_up(batch.text(cell), |key| self.index.get(key)) {
                Found::Row(*at)
            } else {
                match self.missing {
                    Missing::Keep => Found::Stays,
                    Missing::Reject if !is_blank(batch.text(cell)) => {
                        let fault = fault(
                            row,
                            NAME,
                            &self.key.0,
                            "lookup_missing",
                            self.absent.clone(),
                        );
                        batch.reject(fault, Some(self.key.1));
                        Found::Faulty
                    }
                    Missing::Reject | Missing::Empty => Found::Empty,
                }
            });
        }
        for &(column, slot) in &self.take {
            let mut cells = batch.take_column(slot);
            for (cell, found) in cells.iter_mut().zip(&found) {
                *cell = match found {
                    Found::Stays => continue,
                    Found::Faulty if cell.kind() == Kind::Faulty => continue,
                    Found::Faulty => FAULTY,
                    Found::Empty => EMPTY,
                    Found::Row(row) => match self.table.cell(*row as usize, column) {
                        "" => EMPTY,
                        text if batch.text(*cell) == text && cell.kind() == Kind::Text => *cell,
                        text => batch.append(text, Kind::Text),
                    },
                };
            }
            batch.put_column(slot, cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check_refused, check_with, run_with, spec};
    use super::*;

    const DEPTS: &str = "code,Name,Head\r\nD1,\"Research, Development\",\"An\r\nna\"\r\n\r\nD2,Sales,\r\n,nobody,\r\n,nobody,\r\n";

    async fn resources(text: &str) -> Resources {
        let mut resources = Resources::default();
        let table = Table::parse(text.as_bytes(), b',').unwrap();
        resources.tables.insert("depts.csv".into(), Arc::new(table));
        resources
    }

    fn stage(take: Value, missing: &str) -> Value {
        json!({ "lookup": { "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": take, "missing": missing } })
    }

    #[tokio::test]
    async fn columns_are_joined() {
        let resources = resources(DEPTS).await;
        let before = json!([["id", "dept"], ["1", "D1"], ["2", "D2"], ["3", ""], ["4", null], ["5", {"faulty": "D1"}]]);
        check_with(
            &resources,
            json!(
                r#"{ "lookup": { "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": { "Name": "name", "Head": "head" } } }"#
            ),
            before,
            json!([["id", "dept", "name", "head"], ["1", "D1", "Research, Development", "An\r\nna"], ["2", "D2", "Sales", ""],
                ["3", "", "", ""], ["4", null, "", ""], ["5", {"faulty": "D1"}, {"faulty": ""}, {"faulty": ""}]]),
            &[],
        );
    }

    #[tokio::test]
    async fn a_key_that_is_not_there() {
        let resources = resources(DEPTS).await;
        let before = json!([["dept", "name"], ["D9", "old"], ["D2", "old"], ["", "old"]]);
        check_with(
            &resources,
            stage(json!({ "Name": "new" }), "reject"),
            before.clone(),
            json!([["dept", "name", "new"], [{"faulty": "D9"}, "old", {"faulty": ""}], ["D2", "old", "Sales"], ["", "old", ""]]),
            &["0 lookup dept lookup_missing: `code` in depts.csv has no such value"],
        );
        check_with(
            &resources,
            stage(json!({ "Name": "new" }), "empty"),
            before.clone(),
            json!([
                ["dept", "name", "new"],
                ["D9", "old", ""],
                ["D2", "old", "Sales"],
                ["", "old", ""]
            ]),
            &[],
        );
        check_with(
            &resources,
            stage(json!({ "Name": "name" }), "keep"),
            before.clone(),
            json!([
                ["dept", "name"],
                ["D9", "old"],
                ["D2", "Sales"],
                ["", "old"]
            ]),
            &[],
        );
        check_with(
            &resources,
            stage(json!({ "Name": "dept" }), "empty"),
            before,
            json!([["dept", "name"], ["", "old"], ["Sales", "old"], ["", "old"]]),
            &[],
        );
    }

    #[tokio::test]
    async fn refused_when_bound() {
        let resources = resources(DEPTS).await;
        for (stage, message) in [
            (
                stage(json!({ "Nmae": "n" }), "empty"),
                "depts.csv: no column `Nmae` here, did you mean `Name`?",
            ),
            (
                stage(json!({ "Name": "name" }), "empty"),
                "there is a column `name` already; drop or rename it before",
            ),
            (
                json!({ "lookup": { "file": "depts.csv", "key": { "column": "dept" }, "take": { "Name": "n" } } }),
                "depts.csv: no column `dept` here",
            ),
            (
                json!({ "lookup": { "file": "depts.csv", "key": { "column": "dept", "in": "key" }, "take": { "Title": "n" } } }),
                "depts.csv: no column `key` here; the file's first line has 3 cells, and none is a column that the stage \
                 names: if the file has no header, add one",
            ),
            (
                json!({ "lookup": { "file": "depts.csv", "delimiter": "tab", "key": { "column": "dept", "in": "code" }, "take": { "Name": "n" } } }),
                "depts.csv: two stages give it different delimiters",
            ),
        ] {
            let error =
                run_with(&resources, &[spec(stage)], &json!([["dept", "name"]])).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[tokio::test]
    async fn a_repeated_key_names_both_lines() {
        for (text, lines) in [
            ("code,Name\nA,1\nB,2\nA,3\n", "2 and 4"),
            ("code,Name\r\n\r\nA,\"x\r\ny\"\r\n\r\nA,3\r\n", "3 and 6"),
            ("\u{feff}code,Name\n\n\nA,1\nA,3", "4 and 5"),
        ] {
            let resources = resources(text).await;
            let spec = spec(stage(json!({ "Name": "n" }), "empty"));
            let error = run_with(&resources, &[spec], &json!([["dept"]])).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("depts.csv: lines {lines} have the same `code`, a key must be unique")
            );
        }
    }

    #[tokio::test]
    async fn tables_that_can_not_be_read() {
        for (bytes, message) in [
            (&b""[..], "it is empty, expected a header"),
            (b"\xef\xbb\xbf", "it is empty, expected a header"),
            (
                b"a,b,a\n",
                "columns 1 and 3 of its header have the same name",
            ),
            (
                b"a,b\n1,2\n\n1\n",
                "line 4: expected 2 cells as in the header, found 1",
            ),
            (
                b"a,b\r\n1,2\r\n1,2,3\r\n",
                "line 3: expected 2 cells as in the header, found 3",
            ),
            (b"a\nx\n\xff\n", "line 3 is not UTF-8"),
            (
                b"a,b\n1,2\n\n3,\"x\ny\n",
                "the record that begins on line 4 opens a quote that is never closed",
            ),
        ] {
            let error = Table::parse(bytes, b',').unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let error = Table::load(Path::new("/no/such/file"), b',')
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "there is no such file");
    }

    #[tokio::test]
    async fn a_table_is_loaded_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        std::fs::write(&path, "a;b\nx;y\n").unwrap();
        let table = Table::load(&path, b';').await.unwrap();
        assert_eq!(table.cell(0, 1), "y");
        table.is_unchanged().unwrap();
        assert_eq!(
            format!("{table:?}"),
            "Table { columns: [\"a\", \"b\"], rows: 1, .. }"
        );
        std::fs::write(&path, "a;b\nx;y\nz;\n").unwrap();
        assert_eq!(
            table.is_unchanged().unwrap_err().to_string(),
            "the file is still being written: its size is not what it was when the run began"
        );
    }

    #[test]
    fn refusals() {
        for (stage, message) in [
            (
                json!({ "file": "", "key": { "column": "a" }, "take": { "x": "y" } }),
                "`file` is empty",
            ),
            (
                json!({ "file": "t", "key": { "column": "a" }, "take": {} }),
                "`take` names no column",
            ),
            (
                json!({ "file": "t", "key": { "column": "a" }, "take": { "x": "y", "z": "y" } }),
                "`take` names `y` twice",
            ),
            (
                json!({ "file": "t", "key": { "column": "a" }, "take": { "x": "y" }, "delimiter": "::" }),
                "`delimiter` is one ASCII character or tab, found `::`",
            ),
            (
                json!({ "file": "t", "key": { "column": "z" }, "take": { "x": "y" } }),
                "no column `z` here",
            ),
            (
                json!({ "file": "t", "key": { "column": "a" }, "take": { "x": "y" } }),
                "t: the table was not read",
            ),
        ] {
            check_refused(json!({ "lookup": stage }), &["a"], message);
        }
    }
}
