//! The table of a lookup: a CSV file, read whole.
//!
//! It is decompressed and decoded as a source is, and its header, records and closing lines are read by the code that
//! reads a source's. What a source would reject is an error here, as a table has no rejects file. Its text is at most
//! [`MAX_BYTES`] and [`MAX_ROWS`]; in memory it takes as much, 8 bytes for every cell of a column that a stage names and 4
//! bytes a row, and the index of a column 5 to 10 bytes a row.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::index::{Index, Twice};
use super::parts::{At, Part, cut, spread};
use crate::batch::{Batch, Columns};
use crate::files::mark::{Mark, Moved};
use crate::format::beginning::{Beginning, Place as Found, Wrong};
use crate::format::block::Start;
use crate::format::closing::Closing;
use crate::format::csv::spec::{CsvSpec, Ragged};
use crate::format::csv::{Delimiter, OnRagged};
use crate::format::header::refuse_foreign;
use crate::format::{Header, Pools, Reading, RecordFormat};
use crate::settings::compression::Compression;
use crate::settings::encoding::Encoding;
use crate::settings::entry::Entry;
use crate::settings::limits::Limits;
use crate::text::compare::{Spelling, same_name};
use crate::text::scan::count_lines;
use crate::text::{charset, counted};

/// Largest text of a table in bytes: a list of departments or people, not a second extract.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Most rows of a table.
pub(crate) const MAX_ROWS: usize = 1_000_000;

/// A table that a stage reads: what is needed to load it.
#[derive(Clone, Debug)]
pub(crate) struct Source<'a> {
    /// The file as written: the key of [`Resources::tables`](crate::stage::Resources::tables).
    pub file: &'a str,
    /// Whether it may be elsewhere than in the pipeline's folder or below.
    pub allow_outside: bool,
    /// How it is read.
    pub written: Written,
    /// The file's columns that the stage names.
    pub named: HashSet<String>,
}

/// How a table's file is written: all stages that read it say the same of it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub compression: Compression,
    pub entry: Option<Entry>,
    pub encoding: Encoding,
    pub csv: Box<CsvSpec>,
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
    columns: Vec<Arc<str>>,
    parts: Vec<Part>,
    /// What is known of where rows are, by the column.
    indexes: Mutex<HashMap<usize, Arc<Index>>>,
    /// Threads that may work on it.
    workers: usize,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("columns", &self.columns)
            .field("rows", &self.len())
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
         set `allow_outside: true` in the stage if that is intended"
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
    OpenQuote(u64),
    /// A record that a source would reject.
    #[error("line {line}: {message}")]
    Record {
        /// Physical line on which it begins.
        line: u64,
        /// What is wrong with it.
        message: String,
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
        let name = part.trim_start_matches(|c: char| c.is_ascii_lowercase() || "._".contains(c));
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

    /// What may not have been meant.
    pub(super) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Whether it was read as another stage says that its file is written.
    pub(super) fn is_written_as(&self, written: &Written) -> bool {
        let form = |written: &Written| written.csv.form(Delimiter::ByName);
        let footer = |written: &Written| written.csv.footer.as_ref().map(ToString::to_string);
        let Written {
            compression,
            ref entry,
            encoding,
            ref csv,
        } = self.written;
        (compression, entry, encoding, csv.ragged)
            == (
                written.compression,
                &written.entry,
                written.encoding,
                written.csv.ragged,
            )
            && form(&self.written) == form(written)
            && footer(&self.written) == footer(written)
    }

    /// Parses a table from a file's decoded text, on so many threads. `named` are the columns that stages name; others
    /// are not kept.
    ///
    /// # Errors
    /// A text that is no table, with its line.
    pub(crate) fn parse(
        file: &str,
        mut bytes: Vec<u8>,
        written: &Written,
        named: &HashSet<String>,
        limits: &Limits,
        workers: usize,
    ) -> Result<Table, TableError> {
        refuse_foreign(&bytes).map_err(|wrong| TableError::beginning(wrong, &bytes))?;
        is_utf8(&bytes)?;
        let reading = Reading {
            format: RecordFormat::Csv(written.csv.form(Delimiter::ByName)),
            block: bytes.len(),
            added: &[],
            named: Arc::new(named.clone()),
            limits: *limits,
            closing: Closing {
                footer: written.csv.footer.clone(),
                trailer: None,
            },
        };
        let begins = Beginning {
            file,
            text: &bytes,
            ended: true,
            full: false,
        };
        let begun = reading.begin(&begins, None);
        let Some(begun) = begun.map_err(|wrong| TableError::beginning(wrong, &bytes))? else {
            let empty = Wrong::data(Found::Line(1), "expected a header");
            return Err(TableError::beginning(empty, &bytes));
        };
        let (header, line) = (begun.header, begun.line);
        bytes.drain(..begun.at);
        let end = reading.closing.run(&header.boundary(), &bytes, true).at;
        bytes.truncate(end);
        let on_ragged = match written.csv.ragged {
            Ragged::Pad => OnRagged::Pad,
            Ragged::Reject | Ragged::Error => OnRagged::Reject,
        };
        let mut table = Table {
            file: None,
            written: written.clone(),
            remarks: Vec::new(),
            stated: header.is_stated(),
            columns: header.names().to_vec(),
            parts: Vec::new(),
            indexes: Mutex::default(),
            workers,
        };
        let parser = header.parser(on_ragged, false, limits, &Pools::default());
        let parse = |text: Vec<u8>, line| {
            let start = Start { line, column: 0 };
            let parsed = parser.parse(text.into(), start, header.arrangement());
            parsed.map_err(|error| TableError::Record {
                line: line + u64::from(error.line),
                message: error.message,
            })
        };
        table.parts = table.parse_parts(texts(bytes, &header, line)?, named, parse)?;
        Ok(table)
    }

    /// Parses the texts of all parts, each of which begins on a line.
    fn parse_parts(
        &self,
        texts: Vec<(Vec<u8>, u64)>,
        named: &HashSet<String>,
        parse: impl Fn(Vec<u8>, u64) -> Result<Batch, TableError> + Sync,
    ) -> Result<Vec<Part>, TableError> {
        let is_named = |column: &Arc<str>| named.iter().any(|name| same_name(column, name));
        let is_kept: Vec<bool> = self.columns.iter().map(is_named).collect();
        let parsed = spread(texts, self.workers, |_, (text, line)| {
            let rows = parse(text, line)?;
            let wrong = Wrongs::of(&rows, line);
            Ok((Part::new(rows, &is_kept, line), wrong))
        });
        let parsed: Vec<(Part, Wrongs)> = parsed.into_iter().collect::<Result<_, TableError>>()?;
        let (parts, mut wrongs): (Vec<Part>, Vec<Wrongs>) = parsed.into_iter().unzip();
        let reordered = wrongs.iter_mut().find_map(|wrong| wrong.reordered.take());
        let wrong = reordered.or_else(|| wrongs.into_iter().find_map(|wrong| wrong.fault));
        match wrong {
            Some(wrong) => Err(wrong),
            None if parts.iter().map(Part::len).sum::<usize>() > MAX_ROWS => {
                Err(TableError::TooManyRows)
            }
            None => Ok(parts),
        }
    }

    /// The physical line that a row begins on.
    pub(in crate::stage) fn line_of(&self, at: At) -> u64 {
        self.parts[at.part()].line_of(at.row())
    }

    /// The places of the columns that a stage names, or what to say of one that is not there.
    pub(in crate::stage) fn columns<'a>(
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
             set `csv.header` to none, and `csv.columns` to the names",
            counted(self.columns.len() as u64, "cell")
        ))
    }

    /// How many rows it has.
    fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Its rows, in order.
    pub(in crate::stage) fn rows(&self) -> impl Iterator<Item = At> {
        let parts = self.parts.iter().enumerate();
        parts.flat_map(|(number, part)| (0..part.len()).map(move |row| At::new(number, row)))
    }

    /// The text of a row in one of the columns that stages name.
    #[inline]
    pub(in crate::stage) fn cell(&self, at: At, column: usize) -> &str {
        self.parts[at.part()].cell(at.row(), column)
    }

    /// Finds the row that has a text in the column of an index. The text is as texts are compared.
    #[inline]
    pub(super) fn find(&self, index: &Index, text: &str) -> Option<At> {
        index.find(&self.parts, text)
    }

    /// The rows by the text of a column, as it is compared. An empty key does not count, and may occur more than once.
    pub(super) fn index(&self, file: &str, column: usize) -> Result<Arc<Index>, String> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = indexes.get(&column) {
            return Ok(index.clone());
        }
        let index = Index::new(&self.parts, column, self.workers);
        let index = Arc::new(index.map_err(|twice| self.same_key(file, column, twice))?);
        indexes.insert(column, index.clone());
        Ok(index)
    }

    fn same_key(&self, file: &str, column: usize, Twice { first, again }: Twice) -> String {
        let [spelling, other] = [first, again].map(|at| Spelling::of(self.cell(at, column)));
        let differ = match spelling.apart(other) {
            Some(differ) => format!(" (except for {differ})"),
            None => String::new(),
        };
        format!(
            "{file}: lines {} and {} have the same `{}`{differ}; a key must be unique",
            self.line_of(first),
            self.line_of(again),
            self.columns[column]
        )
    }
}

/// What keeps the rows of a part from being those of a table.
struct Wrongs {
    reordered: Option<TableError>,
    /// What a source would reject a record for: a table has no rejects file.
    fault: Option<TableError>,
}

impl Wrongs {
    /// Those of rows that begin on this line.
    fn of(rows: &Batch, line: u64) -> Wrongs {
        let reordered = rows.skipped().reordered.map(|at| TableError::Record {
            line: line + u64::from(at),
            message: "the header is repeated here with its columns in another order".to_owned(),
        });
        // What stands in a column without a name can't be taken, and is not missed.
        let faults = rows
            .faults()
            .iter()
            .filter(|fault| fault.code != "nameless");
        let first = faults.min_by_key(|fault| fault.row);
        let fault = first.map(|fault| TableError::Record {
            line: line + u64::from(rows.row(fault.row as usize).line),
            message: own_settings(&fault.message),
        });
        Wrongs { reordered, fault }
    }
}

/// The records of a text that begins on this line, in parts, and the lines that these begin on.
fn texts(
    bytes: Vec<u8>,
    header: &Header,
    mut line: u64,
) -> Result<Vec<(Vec<u8>, u64)>, TableError> {
    let parts = cut(bytes, header.boundary(), |before| {
        TableError::OpenQuote(line + count_lines(before))
    })?;
    let texts = parts.into_iter().map(|text| {
        let begins = line;
        line += count_lines(&text);
        (text, begins)
    });
    Ok(texts.collect())
}

/// Whether a text is UTF-8.
fn is_utf8(bytes: &[u8]) -> Result<(), TableError> {
    let Err(error) = std::str::from_utf8(bytes) else {
        return Ok(());
    };
    let (before, after) = bytes.split_at(error.valid_up_to());
    Err(TableError::NotUtf8 {
        line: count_lines(before) as u32 + 1,
        proposal: charset::proposal(after),
    })
}
