//! `aliases`: people whose id is another one now, by a file of old and new ids.
//!
//! It runs behind the last stage, so that ids have their final form, and writes one id of each person wherever an id
//! stands: in the key, in the parents of hierarchies that are named by it, and in the columns that are named here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Stage;
use super::lookup::{Source, Table, Written};
use crate::batch::{Batch, Cell, Kind};
use crate::format::csv::spec::CsvSpec;
use crate::settings::compression::Compression;
use crate::settings::encoding::Encoding;
use crate::text::compare::compared;
use crate::text::unseen::is_blank;

/// The word in the pipeline file.
pub(crate) const NAME: &str = "aliases";

const SAME: &str = "`old` and `new` are the same column";

/// People whose id is another one now: a CSV file with a line for each change of an id. Their rows go out under the id
/// that the target knows them by, so that the change is an update of the same item, and whoever names them as a parent
/// names them by that id, too.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasesSpec {
    /// The CSV file, relative to the pipeline file and in its folder or below.
    pub path: String,
    /// Whether the file may also be elsewhere.
    #[serde(default)]
    pub allow_outside: bool,
    /// Its column with the id that a person had.
    #[serde(default = "old")]
    pub old: String,
    /// Its column with the id that took its place.
    #[serde(default = "new")]
    pub new: String,
    /// Which of a person's ids goes out. Without it: the one that the server accepted last, where a difference is taken
    /// (`action: { delta: PATH }`); else the oldest.
    pub send: Option<SendId>,
    /// More columns that hold such ids, after the stages: those of `validate.key` and of the hierarchies' parents need
    /// not be named.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The file's character encoding, as of a source.
    #[serde(default)]
    pub encoding: Encoding,
    /// How the file is written, as of a source.
    #[serde(default)]
    pub csv: Box<CsvSpec>,
}

fn old() -> String {
    "old".to_owned()
}

fn new() -> String {
    "new".to_owned()
}

/// Which of a person's ids goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SendId {
    /// The oldest: the target knows people by the id under which they came.
    Old,
    /// The newest: the target knows the new ids, and the source, or a part of it, still has old ones.
    New,
}

impl AliasesSpec {
    /// Whether the settings can be meant: a setting below `aliases`, and what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        for (setting, text) in [("path", &self.path), ("old", &self.old), ("new", &self.new)] {
            if text.is_empty() {
                return Err((setting, "expected a name, found empty text"));
            }
        }
        match self.old == self.new {
            // The one that is not stated has its own name.
            true if self.old == new() => Err(("old", SAME)),
            true => Err(("new", SAME)),
            false => Ok(()),
        }
    }

    /// The file, as a table to be read.
    pub(crate) fn table(&self) -> Source<'_> {
        Source {
            file: &self.path,
            allow_outside: self.allow_outside,
            written: Written {
                compression: Compression::default(),
                entry: None,
                encoding: self.encoding,
                csv: self.csv.clone(),
            },
            named: [self.old.clone(), self.new.clone()].into(),
        }
    }
}

/// What was put in the place of other ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// In the key: rows.
    pub rows: u64,
    /// In other columns: cells.
    pub references: u64,
}

/// The ids of people who have several, bound to the columns that hold ids.
#[derive(Debug)]
pub(crate) struct Aliases {
    /// The ids of each, from the oldest to the newest, as they are written.
    people: Vec<Vec<Box<str>>>,
    ignore_case: bool,
    send: Option<SendId>,
    /// The column of the key, where ids of rows stand, and those of references.
    key: Option<usize>,
    references: Vec<usize>,
    replaced: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    rows: AtomicU64,
    references: AtomicU64,
}

impl Aliases {
    /// Reads who has which ids out of a table. Ids are the same that look the same, or that differ in case alone.
    ///
    /// # Errors
    /// What in the file can't be, with its lines.
    pub(crate) fn new(
        spec: &AliasesSpec,
        table: &Table,
        ignore_case: bool,
    ) -> Result<Aliases, String> {
        let file = &*spec.path;
        let columns = table.columns(file, [&spec.old, &spec.new])?;
        let changes = Changes::read(file, table, (columns[0], columns[1]), ignore_case)?;
        Ok(Aliases {
            people: changes.people(file)?,
            ignore_case,
            send: spec.send,
            key: None,
            references: Vec::new(),
            replaced: Arc::default(),
        })
    }

    /// Says which columns hold ids.
    pub(crate) fn of(mut self, key: Option<usize>, mut references: Vec<usize>) -> Aliases {
        references.sort_unstable();
        references.dedup();
        references.retain(|slot| Some(*slot) != key);
        self.key = key;
        self.references = references;
        self
    }

    /// How many people have several ids.
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    /// The ids of each of them.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &[Box<str>]> {
        self.people.iter().map(|ids| &**ids)
    }

    /// What was replaced so far.
    pub(crate) fn replaced(&self) -> Replaced {
        Replaced {
            rows: self.replaced.rows.load(Ordering::Relaxed),
            references: self.replaced.references.load(Ordering::Relaxed),
        }
    }

    /// The stage that writes the id of each person that goes out. `is_known` tells which of them the target knows; of
    /// several that it does, the newest goes, and of none, the oldest.
    pub(crate) fn stage(&self, mut is_known: impl FnMut(&str) -> bool) -> Box<dyn Stage> {
        let mut ids = HashMap::new();
        let mut texts = Vec::with_capacity(self.people.len());
        for (person, all) in self.people.iter().enumerate() {
            let sent = match self.send {
                Some(SendId::Old) => 0,
                Some(SendId::New) => all.len() - 1,
                None => all.iter().rposition(|id| is_known(id)).unwrap_or(0),
            };
            for id in (0..all.len()).filter(|id| *id != sent) {
                ids.insert(compared_id(&all[id], self.ignore_case), person as u32);
            }
            texts.push(all[sent].clone());
        }
        Box::new(Running {
            ids,
            texts,
            ignore_case: self.ignore_case,
            key: self.key,
            references: self.references.clone(),
            replaced: self.replaced.clone(),
        })
    }
}

/// As what an id is compared.
fn compared_id(id: &str, ignore_case: bool) -> Box<str> {
    compared(id, ignore_case, &mut String::new()).into()
}

/// The lines of the file.
struct Changes {
    /// Old and new id of each, as they are written, and its line.
    all: Vec<(Box<str>, Box<str>, u64)>,
    /// Which of them an old id, as it is compared, stands in.
    by_old: HashMap<Box<str>, usize>,
    /// The same of new ids.
    by_new: HashMap<Box<str>, usize>,
    ignore_case: bool,
}

impl Changes {
    fn read(
        file: &str,
        table: &Table,
        (old, new): (usize, usize),
        ignore_case: bool,
    ) -> Result<Changes, String> {
        let mut changes = Changes {
            all: Vec::new(),
            by_old: HashMap::new(),
            by_new: HashMap::new(),
            ignore_case,
        };
        for row in table.rows() {
            let (line, ids) = (table.line_of(row), [old, new].map(|at| table.cell(row, at)));
            if ids.iter().any(|id| is_blank(id)) {
                return Err(format!(
                    "{file}: line {line}: expected two ids, found one or none"
                ));
            }
            let [old, new] = ids.map(|id| compared_id(id, ignore_case));
            if old == new {
                return Err(format!("{file}: line {line}: the two ids are the same"));
            }
            let at = changes.all.len();
            for (known, id, what) in [
                (
                    &mut changes.by_old,
                    old,
                    "the same old id, and only one new id can have taken its place",
                ),
                (
                    &mut changes.by_new,
                    new,
                    "the same new id: a person can go out as one item alone",
                ),
            ] {
                if let Some(first) = known.insert(id, at) {
                    let first = changes.all[first].2;
                    return Err(format!("{file}: lines {first} and {line} have {what}"));
                }
            }
            changes.all.push((ids[0].into(), ids[1].into(), line));
        }
        Ok(changes)
    }

    /// The ids of each person. A new id may be the old one of a later change.
    fn people(&self, file: &str) -> Result<Vec<Vec<Box<str>>>, String> {
        let mut seen = vec![false; self.all.len()];
        let mut people = Vec::new();
        for (first, (old, ..)) in self.all.iter().enumerate() {
            if self
                .by_new
                .contains_key(&compared_id(old, self.ignore_case))
            {
                continue;
            }
            let mut ids = vec![old.clone()];
            let mut next = Some(first);
            while let Some(at) = next {
                let new = &self.all[at].1;
                seen[at] = true;
                ids.push(new.clone());
                next = self
                    .by_old
                    .get(&compared_id(new, self.ignore_case))
                    .copied();
            }
            people.push(ids);
        }
        match seen.iter().position(|seen| !seen) {
            None => Ok(people),
            Some(at) => Err(format!(
                "{file}: line {}: the ids go round in a circle: which one is the newest can't be told",
                self.all[at].2
            )),
        }
    }
}

struct Running {
    /// Whose each id is that does not go out, as it is compared.
    ids: HashMap<Box<str>, u32>,
    /// The id of each person that does.
    texts: Vec<Box<str>>,
    ignore_case: bool,
    key: Option<usize>,
    references: Vec<usize>,
    replaced: Arc<Counts>,
}

impl Running {
    /// Puts the ids that go out into a column; says how many rows have another now.
    fn replace(&self, batch: &mut Batch, slot: usize) -> u64 {
        let mut cells = batch.take_column(slot);
        let mut folded = String::new();
        let mut replaced = 0;
        for (row, cell) in cells.iter_mut().enumerate() {
            if cell.kind() == Kind::Faulty || !batch.is_live(row) {
                continue;
            }
            let Some(id) = self.find(batch.text(*cell), &mut folded) else {
                continue;
            };
            *cell = written(batch, id, cell.kind());
            replaced += 1;
        }
        batch.put_column(slot, cells);
        replaced
    }

    fn find(&self, text: &str, folded: &mut String) -> Option<&str> {
        let person = self.ids.get(&*compared(text, self.ignore_case, folded));
        person.map(|person| &*self.texts[*person as usize])
    }
}

/// An id in the place of a cell: a number of JSON stays one where the id can be written so.
fn written(batch: &mut Batch, id: &str, kind: Kind) -> Cell {
    let is_number =
        id.bytes().all(|byte| byte.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    batch.append(
        id,
        match kind == Kind::Number && is_number {
            true => Kind::Number,
            false => Kind::Text,
        },
    )
}

impl Stage for Running {
    fn apply(&self, batch: &mut Batch) {
        if let Some(key) = self.key {
            let rows = self.replace(batch, key);
            self.replaced.rows.fetch_add(rows, Ordering::Relaxed);
        }
        for slot in &self.references {
            let cells = self.replace(batch, *slot);
            self.replaced.references.fetch_add(cells, Ordering::Relaxed);
        }
    }

    fn forget(&self) {
        self.replaced.rows.store(0, Ordering::Relaxed);
        self.replaced.references.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
