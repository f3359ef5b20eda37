//! `lookup`: joins columns of a second CSV file by a key.
//!
//! The file is read whole before the run, as a source is and by the same code, into a [`Table`] that all workers share.

mod index;
mod parts;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bound, EMPTY, FAULTY, Need, Needed, Place, Resources, Stage, add_column, check_names};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind, Wording};
use crate::format::csv::spec::{CsvSpec, DuplicatesSpec, HeaderSpec};
use crate::settings::compression::Compression;
use crate::settings::encoding::Encoding;
use crate::settings::entry::Entry;
use crate::text::compare::look_up;
use crate::text::unseen::is_blank;
use index::Index;
use parts::At;

pub(crate) use table::{MAX_BYTES, Source, Table, TableError, Written, own_settings};

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
    /// Which file of a zip archive is read, as of a source.
    #[serde(default)]
    pub entry: Option<Entry>,
    /// The file's character encoding, as of a source.
    #[serde(default)]
    pub encoding: Encoding,
    /// How the file is written, as of a source.
    #[serde(default)]
    pub csv: Box<CsvSpec>,
    /// As `csv.delimiter`.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// As `csv.quote`.
    #[serde(default)]
    pub quote: Option<String>,
    /// As `csv.skip_lines`.
    #[serde(default)]
    pub skip_lines: Option<u32>,
    /// As `csv.header`.
    #[serde(default)]
    pub header: Option<HeaderSpec>,
    /// As `csv.columns`.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// As `csv.duplicate_names`.
    #[serde(default)]
    pub duplicate_names: Option<DuplicatesSpec>,
    /// What is looked up, and where.
    pub key: LookupKey,
    /// The file's columns to take, and the columns they go into: `{ Name: departmentName }`. These are
    /// new ones, or the key's own; with `missing: keep`, existing ones too.
    pub take: IndexMap<String, String>,
    /// What to do with a key that the file does not have.
    #[serde(default)]
    pub missing: Missing,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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

impl LookupSpec {
    /// How the file is written.
    fn written(&self) -> Written {
        let csv = CsvSpec {
            delimiter: self.delimiter.clone().or(self.csv.delimiter.clone()),
            quote: self.quote.clone().unwrap_or(self.csv.quote.clone()),
            skip_lines: self.skip_lines.unwrap_or(self.csv.skip_lines),
            header: self.header.unwrap_or(self.csv.header),
            columns: self.columns.clone().or(self.csv.columns.clone()),
            duplicate_names: self.duplicate_names.unwrap_or(self.csv.duplicate_names),
            ..(*self.csv).clone()
        };
        Written {
            compression: self.compression,
            entry: self.entry.clone(),
            encoding: self.encoding,
            csv: Box::new(csv),
        }
    }

    /// A setting that is written twice, of which only one can hold.
    fn written_twice(&self) -> Option<&'static str> {
        let (csv, plain) = (&*self.csv, CsvSpec::default());
        let twice = [
            (
                "delimiter",
                self.delimiter.is_some() && csv.delimiter.is_some(),
            ),
            ("quote", self.quote.is_some() && csv.quote != plain.quote),
            (
                "skip_lines",
                self.skip_lines.is_some() && csv.skip_lines > 0,
            ),
            (
                "header",
                self.header.is_some() && csv.header != plain.header,
            ),
            ("columns", self.columns.is_some() && csv.columns.is_some()),
            (
                "duplicate_names",
                self.duplicate_names.is_some() && csv.duplicate_names != plain.duplicate_names,
            ),
        ];
        twice
            .iter()
            .find(|(_, twice)| *twice)
            .map(|(name, _)| *name)
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
                written: self.written(),
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
        if let Some(name) = self.written_twice() {
            return Err(format!(
                "`{name}` and `csv.{name}` are both given; keep one"
            ));
        }
        match self.written().csv.wrong(b',').first() {
            None => Ok(()),
            Some(wrong) if wrong.help.is_empty() => {
                Err(format!("`{}`: {}", wrong.setting, wrong.message))
            }
            Some(wrong) => Err(format!(
                "`{}`: {}; {}",
                wrong.setting, wrong.message, wrong.help
            )),
        }
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
        if !table.is_written_as(&self.written()) {
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
        let origin = key.1;
        for &(_, slot) in &take {
            match self.missing {
                Missing::Keep => columns.derive(slot, [slot, origin]),
                Missing::Reject | Missing::Empty => columns.derive(slot, [origin]),
            }
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
    index: Arc<Index>,
    table: Arc<Table>,
}

impl Stage for Lookup {
    fn apply(&self, batch: &mut Batch) {
        // What was found for each row, before any column changes: one of them may be the key.
        enum Found {
            Row(At),
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
            } else if let Some(at) =
                look_up(batch.text(cell), |key| self.table.find(&self.index, key))
            {
                Found::Row(at)
            } else {
                match self.missing {
                    Missing::Keep => Found::Stays,
                    Missing::Reject if !is_blank(batch.text(cell)) => {
                        let told = Wording::of(NAME, &self.key.0, "lookup_missing", &self.absent);
                        batch.reject_as(row, told, Some(self.key.1));
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
                    Found::Row(at) => match self.table.cell(*at, column) {
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
        self.table.remarks().to_vec()
    }
}
