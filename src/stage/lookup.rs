//! `lookup`: joins columns of a second CSV file by a key.
//!
//! The file is read whole before the run, decompressed and decoded as a source is, turned into a [`Table`] by the code
//! that reads a source's header and cells, and shared by all workers. Its text is at most [`MAX_BYTES`] and
//! [`MAX_ROWS`]; in memory it takes as much, 4 bytes a cell and 4 bytes a row, and the index of each stage that uses it
//! the text of the keys and some 50 bytes a row.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Bound, EMPTY, FAULTY, Need, Needed, Place, Resources, Stage, add_column, check_names, fault,
};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};
use crate::files::mark::{Mark, Moved};
use crate::format::beginning::{Beginning, Expected, Place as Found, Wrong};
use crate::format::csv::fault;
use crate::format::csv::record::{Cells, unquote};
use crate::format::csv::spec::{DuplicatesSpec, HeaderSpec, delimiter, one_ascii};
use crate::format::csv::{self, Delimiter, Form, Naming};
use crate::format::header::refuse_foreign;
use crate::settings::compression::Compression;
use crate::settings::encoding::Encoding;
use crate::settings::limits::Limits;
use crate::text::compare::{Spelling, comparable, look_up, same_name};
use crate::text::scan::{Quoting, count_lines};
use crate::text::unseen::is_blank;
use crate::text::{charset, counted};

/// Largest text of a table in bytes: a list of departments or people, not a second extract.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Most rows of a table.
pub(crate) const MAX_ROWS: usize = 1_000_000;

const NAME: &str = "lookup";

/// Joins columns of a second CSV file, which is read as a source is, by a key. Keys are compared as they look: case
/// counts, and invisible characters, the kind of a blank and how accents are composed do not. A key without anything to
/// see, null or missing, is not looked up: what would be taken is empty then, or stays with `missing: keep`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSpec {
    /// The CSV file, relative to the pipeline file and in its folder or below.
    pub file: String,
    /// Whether the file may also be elsewhere.
    #[serde(default)]
    pub allow_outside: bool,
    /// How the file's bytes are compressed; `auto` looks at the first bytes.
    #[serde(default)]
    pub compression: Compression,
    /// The file's character encoding, as of a source.
    #[serde(default)]
    pub encoding: Encoding,
    /// Between the file's cells: one ASCII character, or `tab`. Without it: what a first line such as `sep=;` says, or a
    /// tab where the file's name ends with `.tsv` or `.tab`, or a comma.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Around the file's cells: one ASCII character.
    #[serde(default = "double_quote")]
    pub quote: String,
    /// Lines before the file's header that are not part of the table.
    #[serde(default)]
    pub skip_lines: u32,
    /// Lines of the file's header, or `none`.
    #[serde(default)]
    pub header: HeaderSpec,
    /// The names of the file's columns, in place of those in its header; an empty one leaves its column out.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// What to do where the file's columns have the same name.
    #[serde(default)]
    pub duplicate_names: DuplicatesSpec,
    /// What is looked up, and where.
    pub key: LookupKey,
    /// The file's columns to take, and the columns they go into: `{ Name: departmentName }`. These are
    /// new ones, or the key's own; with `missing: keep`, existing ones too.
    pub take: IndexMap<String, String>,
    /// What to do with a key that the file does not have.
    #[serde(default)]
    pub missing: Missing,
}

fn double_quote() -> String {
    "\"".to_owned()
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

/// A table that a stage reads: what is needed to load it.
#[derive(Clone, Debug)]
pub(crate) struct Source<'a> {
    /// The file as written: the key of [`Resources::tables`].
    pub file: &'a str,
    /// Whether it may be elsewhere than in the pipeline's folder or below.
    pub allow_outside: bool,
    /// How it is read.
    pub written: Written,
    /// The file's columns that the stage names.
    pub named: HashSet<String>,
}

/// How a table's file is written: all stages that read it say the same of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub compression: Compression,
    pub encoding: Encoding,
    pub form: Form,
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
    written: Written,
    /// What may not have been meant.
    remarks: Vec<String>,
    /// Their names are the pipeline's own.
    stated: bool,
    /// Those without a name have an empty one.
    columns: Vec<Arc<str>>,
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
    /// It can't be decompressed or decoded.
    #[error("{message}")]
    Stored {
        /// Why.
        message: String,
        /// A setting mends it.
        setting: bool,
    },
    /// More than [`MAX_BYTES`].
    #[error("it is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    /// More than [`MAX_ROWS`].
    #[error("it has more than {MAX_ROWS} rows")]
    TooManyRows,
    /// Not UTF-8.
    #[error("line {line} is not UTF-8; if the file has another encoding, set `encoding`{proposal}")]
    NotUtf8 {
        /// Physical line.
        line: u32,
        /// What it may be.
        proposal: String,
    },
    /// Its beginning is not that of a table.
    #[error("line {line}: {message}")]
    Beginning {
        /// Physical line.
        line: u64,
        /// What is wrong.
        message: String,
        /// A setting mends it.
        setting: bool,
    },
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

impl TableError {
    /// Whether another setting mends it.
    pub(crate) fn is_setting(&self) -> bool {
        match self {
            TableError::NotUtf8 { .. } => true,
            TableError::Stored { setting, .. } | TableError::Beginning { setting, .. } => *setting,
            _ => false,
        }
    }

    /// What is wrong with a file's beginning. The settings of a source are those of the stage.
    fn beginning(wrong: Wrong, text: &[u8]) -> TableError {
        TableError::Beginning {
            line: match wrong.place {
                Found::Line(line) => line,
                Found::Byte(at) => 1 + count_lines(&text[..at]),
            },
            message: own_settings(&wrong.message),
            setting: wrong.setting,
        }
    }
}

/// A message about the settings of a source as one about those of the stage, which have the same names.
pub(crate) fn own_settings(message: &str) -> String {
    let mut parts = message.split("source.");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let part = part.strip_prefix("csv.").unwrap_or(part);
        let name = part.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_');
        let (name, rest) = part.split_at(part.len() - name.len());
        text.push_str(&format!("`{name}`{rest}"));
    }
    text
}

impl Table {
    /// The same table, which was read from there, with what may not have been meant.
    pub(crate) fn read_from(self, path: PathBuf, mark: Mark, remarks: Vec<String>) -> Table {
        Table {
            file: Some((path, mark)),
            remarks,
            ..self
        }
    }

    /// Whether the file is what it was when it was read.
    pub(crate) fn is_unchanged(&self) -> Result<(), TableError> {
        let Some((path, mark)) = &self.file else {
            return Ok(());
        };
        mark.is_of(path).map_err(TableError::Changed)
    }

    /// Parses a table from a file's decoded text. `named` are the columns that stages name.
    ///
    /// # Errors
    /// A text that is no table, with its line.
    pub(crate) fn parse(
        file: &str,
        bytes: &[u8],
        written: &Written,
        named: &HashSet<String>,
        limits: &Limits,
    ) -> Result<Table, TableError> {
        refuse_foreign(bytes).map_err(|wrong| TableError::beginning(wrong, bytes))?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (before, after) = bytes.split_at(error.valid_up_to());
            TableError::NotUtf8 {
                line: count_lines(before) as u32 + 1,
                proposal: charset::proposal(after),
            }
        })?;
        let expected = Expected {
            added: &[],
            named,
            limits,
        };
        let begins = Beginning {
            file,
            text: bytes,
            ended: true,
            full: false,
        };
        let begun = csv::header(&expected, &written.form, &begins);
        let Some(begun) = begun.map_err(|wrong| TableError::beginning(wrong, bytes))? else {
            let empty = Wrong::data(Found::Line(1), "expected a header");
            return Err(TableError::beginning(empty, bytes));
        };
        let (header, line) = (begun.header, begun.line as u32);
        let text = &text[begun.at..];
        let mut table = Table {
            file: None,
            written: written.clone(),
            remarks: Vec::new(),
            stated: header.stated,
            columns: (header.own.iter().cloned().map(Option::unwrap_or_default)).collect(),
            text: String::with_capacity(text.len()),
            ends: Vec::new(),
            lines: Vec::new(),
        };
        let (mut line_of_record, mut count) = (line, 0);
        let mut scratch = String::new();
        let mut cells = Cells::of_text(text.as_bytes(), header.dialect);
        while let Some(cell) = cells.next() {
            if let Some(fault) = cells.take_fault() {
                return Err(match fault.kind {
                    fault::Kind::Open => TableError::OpenQuote(line_of_record),
                    _ => TableError::Quote(line_of_record),
                });
            }
            let mut written = &text[cell.range()];
            if cell.last {
                written = written.strip_suffix('\r').unwrap_or(written);
            }
            // A line without anything is not a record.
            if count > 0 || !cell.last || !written.is_empty() {
                unquote(written, header.dialect, &mut scratch);
                table.text.push_str(&scratch);
                table.ends.push(table.text.len() as u32);
                count += 1;
                if cell.last {
                    table.end_record(line_of_record, count)?;
                }
            }
            if cell.last {
                (line_of_record, count) = (line + cells.line(), 0);
            }
        }
        Ok(table)
    }

    /// Ends the record of `count` cells that begins on `line`.
    fn end_record(&mut self, line: u32, count: usize) -> Result<(), TableError> {
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
        if self.stated || names.iter().any(|name| place(name).is_some()) {
            return Err(missing(first, &have));
        }
        // What stands in the first line may then be anything, and is not repeated.
        let error = missing(first, &have.untold());
        Err(format!(
            "{error}; the file's first line has {}, and none is a column that the stage names: if the file has no header, \
             set `header` to none, and `columns` to the names",
            counted(self.columns.len() as u64, "cell")
        ))
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
    /// How the file is written.
    fn written(&self) -> Result<Written, String> {
        let delimiter = match self.delimiter.as_deref() {
            None => Delimiter::ByName,
            Some(text) => Delimiter::Stated(delimiter(text).ok_or_else(|| {
                format!("`delimiter` is one ASCII character or tab, found `{text}`")
            })?),
        };
        let quote = one_ascii(&self.quote)
            .ok_or_else(|| format!("`quote` is one ASCII character, found `{}`", self.quote))?;
        if delimiter == Delimiter::Stated(quote) {
            return Err("`delimiter` and `quote` are the same character".to_owned());
        }
        Ok(Written {
            compression: self.compression,
            encoding: self.encoding,
            form: Form {
                delimiter,
                quoting: Quoting::by(quote),
                comment: None,
                skip_lines: self.skip_lines,
                naming: Naming {
                    lines: self.header.lines,
                    columns: self.columns.as_deref().map(Arc::from),
                    number: self.duplicate_names == DuplicatesSpec::Number,
                    by_name: false,
                },
            },
        })
    }

    /// The file's columns that the stage names.
    fn named(&self) -> impl Iterator<Item = &String> {
        let within = self.key.within.as_ref().unwrap_or(&self.key.column);
        [within].into_iter().chain(self.take.keys())
    }

    pub(super) fn need(&self) -> Option<Need<'_>> {
        Some(Need {
            setting: "file",
            what: Needed::Table(Source {
                file: &self.file,
                allow_outside: self.allow_outside,
                written: self.written().ok()?,
                named: self.named().cloned().collect(),
            }),
        })
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
        if let Some(columns) = &self.columns {
            check_names("columns", columns.iter().filter(|name| !name.is_empty()))?;
        }
        self.written().map(drop)
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
        if table.written != self.written()? {
            let why = "two stages read it in different ways (delimiter, encoding and the like)";
            return Err(format!("{file}: {why}").into());
        }
        let within = self.key.within.as_ref().unwrap_or(&self.key.column);
        let mut places = table.columns(file, self.named())?.into_iter();
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

    fn remarks(&self) -> Vec<String> {
        self.table.remarks.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check_refused, check_with, run_with, spec};
    use super::*;

    const DEPTS: &str = "code,Name,Head\r\nD1,\"Research, Development\",\"An\r\nna\"\r\n\r\nD2,Sales,\r\n,nobody,\r\n,nobody,\r\n";

    /// A table of a file as it is written by default.
    fn table(bytes: &[u8]) -> Result<Table, TableError> {
        let spec: LookupSpec = serde_json::from_value(
            json!({ "file": "depts.csv", "key": { "column": "dept", "in": "code" }, "take": { "Name": "n" } }),
        )
        .unwrap();
        let named = spec.named().cloned().collect();
        let written = spec.written().unwrap();
        Table::parse("depts.csv", bytes, &written, &named, &Limits::default())
    }

    async fn resources(text: &str) -> Resources {
        let mut resources = Resources::default();
        let table = table(text.as_bytes()).unwrap();
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
                 names: if the file has no header, set `header` to none, and `columns` to the names",
            ),
            (
                json!({ "lookup": { "file": "depts.csv", "delimiter": "tab", "key": { "column": "dept", "in": "code" }, "take": { "Name": "n" } } }),
                "depts.csv: two stages read it in different ways (delimiter, encoding and the like)",
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
            ("\u{feff}\u{feff}code,Name\n\n\nA,1\nA,3", "4 and 5"),
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
            (&b""[..], "line 1: the file is empty: expected a header"),
            (
                b"\xef\xbb\xbf",
                "line 1: the file is empty: expected a header",
            ),
            (
                b"code,Name,code\n",
                "line 1: columns of the header have the same name: `code` (1 and 3); set `duplicate_names` to number, \
                 or name all columns by `columns`",
            ),
            (
                b"code;Name\n",
                "line 1: the header is one column, and `;` stands in it; if that is the delimiter, set `delimiter` to \
                 \";\"; if it is one column, put its name in quotes",
            ),
            (
                b"PK\x03\x04",
                "line 1: this is an Excel workbook or another ZIP archive, not CSV or JSON; export it as CSV",
            ),
            (
                b"a,b\n1,2\n\n1\n",
                "line 4: expected 2 cells as in the header, found 1",
            ),
            (
                b"a,b\r\n1,2\r\n1,2,3\r\n",
                "line 3: expected 2 cells as in the header, found 3",
            ),
            (
                b"a\nx\nM\xfcller\n",
                "line 3 is not UTF-8; if the file has another encoding, set `encoding` (candidates: windows-1252, \
                 windows-1250; `rostream preview` shows with which the letters are right)",
            ),
            (
                b"a,b\n1,2\n\n3,\"x\ny\n",
                "the record that begins on line 4 opens a quote that is never closed",
            ),
        ] {
            assert_eq!(table(bytes).unwrap_err().to_string(), message);
        }
    }

    /// The header is read by the code that reads a source's.
    #[tokio::test]
    async fn a_table_is_written_as_sources_are() {
        for (more, text) in [
            (json!({}), "sep=;\ncode;Name\nD1;Sales\n"),
            (json!({}), "code,Name,\nD1,Sales,\n"),
            (
                json!({ "skip_lines": 1, "quote": "'" }),
                "Cost centres, as of today\ncode,Name\n'D1','Sales'\n",
            ),
            (
                json!({ "header": "none", "columns": ["code", "", "Name"] }),
                "D1,x,Sales\n",
            ),
            (
                json!({ "header": 2, "columns": ["code", "Name"] }),
                "a,b\nc,d\nD1,Sales\n",
            ),
        ] {
            let mut stage = stage(json!({ "Name": "name" }), "reject");
            let lookup = stage["lookup"].as_object_mut().unwrap();
            lookup.extend(more.as_object().unwrap().clone());
            let parsed: LookupSpec = serde_json::from_value(stage["lookup"].clone()).unwrap();
            let named = parsed.named().cloned().collect();
            let (written, limits) = (parsed.written().unwrap(), Limits::default());
            let table = Table::parse("depts.csv", text.as_bytes(), &written, &named, &limits);
            let mut resources = Resources::default();
            resources
                .tables
                .insert("depts.csv".into(), Arc::new(table.unwrap()));
            check_with(
                &resources,
                stage,
                json!([["dept"], ["D1"]]),
                json!([["dept", "name"], ["D1", "Sales"]]),
                &[],
            );
        }
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
