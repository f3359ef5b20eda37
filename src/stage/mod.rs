//! Stages: what is done to the columns between parsing and the rules, in the order of the file.
//!
//! A `*Spec` is what the pipeline file says. [`StageSpec::bind`] turns its names into places once the
//! header is known and returns the running [`Stage`], so an unbound stage cannot run. Many stages
//! (rename, select, drop) only change the list of columns: they bind to nothing and cost nothing.

pub(crate) mod aliases;
pub(crate) mod boolean;
pub(crate) mod case;
pub(crate) mod coalesce;
pub(crate) mod concat;
pub(crate) mod date;
pub(crate) mod drop;
pub(crate) mod empty;
pub(crate) mod filter;
pub(crate) mod hash;
pub(crate) mod lookup;
pub(crate) mod map;
pub(crate) mod normalize;
pub(crate) mod number;
pub(crate) mod own;
pub(crate) mod rename;
pub(crate) mod replace;
pub(crate) mod select;
pub(crate) mod set;
pub(crate) mod split;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod trim;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Columns, Fault, Kind, NoColumn};
use crate::expr::{Unfit, one_line};
use crate::text::dates::{Date, Today, Zone};

/// A stage bound to its columns: called once per block, on any worker.
pub trait Stage: Send + Sync {
    /// Changes the batch, column by column. What it can't do to a row it reports with
    /// [`Batch::reject`], and goes on.
    fn apply(&self, batch: &mut Batch);

    /// What may not have been meant, by what is known of the batches so far: for a warning after the last one.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Forgets what it has counted for its remarks: the same batches will come again.
    fn forget(&self) {}
}

/// Why a stage can't be bound to the columns that there are.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A column is named that is not there.
    #[error(transparent)]
    NoColumn(#[from] NoColumn),
    /// The same, within something that is said in full.
    #[error("{message}")]
    Within {
        /// The message as a whole.
        message: String,
        /// The column that is not there.
        missing: NoColumn,
    },
    /// An expression that can't come to anything, whatever the rows hold.
    #[error("{0}")]
    Kinds(String),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

impl BindError {
    /// An expression that does not fit the columns, in words that say so in full.
    fn unfit(message: String, why: Unfit) -> BindError {
        match why {
            Unfit::NoColumn { missing, .. } => BindError::Within { message, missing },
            Unfit::Kinds(_) => BindError::Kinds(message),
        }
    }

    /// The column that is not there.
    pub(crate) fn missing(&self) -> Option<&NoColumn> {
        match self {
            BindError::NoColumn(missing) | BindError::Within { missing, .. } => Some(missing),
            BindError::Kinds(_) | BindError::Other(_) => None,
        }
    }
}

impl From<Unfit> for BindError {
    fn from(why: Unfit) -> BindError {
        BindError::unfit(why.to_string(), why)
    }
}

/// A running stage, or nothing where binding did all the work.
pub(crate) type Bound = Result<Option<Box<dyn Stage>>, BindError>;

/// What a stage may use besides the columns: tables read beforehand, secrets, the pipeline's folder, the day.
pub struct Resources {
    /// Lookup tables by the path written in the pipeline file.
    pub tables: HashMap<String, Arc<lookup::Table>>,
    /// The file of `aliases`, where the pipeline has one.
    pub aliases: Option<Arc<lookup::Table>>,
    /// Keys of `hash` stages by where the pipeline file says that they are found.
    pub keys: HashMap<hash::KeySpec, hash::Key>,
    /// Today, for expressions and rules that compare with it: taken once per run, so that all passes agree.
    pub today: Today,
    /// The time zone that the pipeline states.
    pub time_zone: Option<Zone>,
    /// Whether nothing was read beforehand: then stages are bound to see what they make of the columns, and
    /// not to run.
    pub absent: bool,
}

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            tables: HashMap::new(),
            aliases: None,
            keys: HashMap::new(),
            today: Today::utc(Date::MIN),
            time_zone: None,
            absent: false,
        }
    }
}

/// What a stage needs before it can be bound.
pub(crate) struct Need<'a> {
    /// The setting that names it, below the stage's own.
    pub(crate) setting: &'static str,
    what: Needed<'a>,
}

impl<'a> Need<'a> {
    /// The table, where it is one.
    pub(crate) fn table(&self) -> Option<&lookup::Source<'a>> {
        match &self.what {
            Needed::Table(table) => Some(table),
            Needed::Key(_) => None,
        }
    }

    /// The secret, where it is one.
    pub(crate) fn key(&self) -> Option<&'a hash::KeySpec> {
        match self.what {
            Needed::Table(_) => None,
            Needed::Key(key) => Some(key),
        }
    }
}

/// What is needed.
enum Needed<'a> {
    /// A table, for [`Resources::tables`].
    Table(lookup::Source<'a>),
    /// A secret, for [`Resources::keys`].
    Key(&'a hash::KeySpec),
}

/// One list feeds the parser, the JSON Schema, the names in messages and binding.
macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident($spec:ty) = $name:literal;)*) => {
        /// A stage as the pipeline file says it: a map of one key.
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum StageSpec {
            $($(#[$doc])* $variant($spec),)*
            /// One that a program added. No file can name it.
            #[serde(skip)]
            Own(own::Own),
        }

        /// The words of pipeline files.
        const NAMES: &[&str] = &[$($name),*];

        impl StageSpec {
            /// The word in the pipeline file, in reports and in rejects.
            pub fn name(&self) -> &'static str {
                match self {
                    $(StageSpec::$variant(_) => $name,)*
                    StageSpec::Own(own) => own.name(),
                }
            }

            /// Checks what can be checked before the columns are known: patterns, expressions, names
            /// written twice. The message says what is wrong with the stage.
            pub fn check(&self) -> Result<(), String> {
                match self {
                    $(StageSpec::$variant(spec) => spec.check(),)*
                    StageSpec::Own(own) => own.check(),
                }
            }

            /// Turns names into places and returns what is to run. Changes `columns` to what they are
            /// after this stage.
            pub fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
                match self {
                    $(StageSpec::$variant(spec) => spec.bind(columns, resources),)*
                    StageSpec::Own(own) => own.bind(columns, resources),
                }
            }
        }
    };
}

stages! {
    /// Takes white space and invisible characters off both ends, of all columns or of those named.
    Trim(trim::TrimSpec) = "trim";
    /// One spelling for what looks the same: accents composed, no invisible characters, one kind of blank.
    Normalize(normalize::NormalizeSpec) = "normalize";
    /// Gives columns other names.
    Rename(rename::RenameSpec) = "rename";
    /// Keeps these columns alone, in this order.
    Select(select::SelectSpec) = "select";
    /// Leaves columns out.
    Drop(drop::DropSpec) = "drop";
    /// Sets columns to constants or to the values of expressions.
    Set(set::SetSpec) = "set";
    /// Makes cells empty that hold a text for no value.
    Empty(empty::EmptySpec) = "empty";
    /// Replaces values by a table.
    Map(map::MapSpec) = "map";
    /// Upper, lower or title case.
    Case(case::CaseSpec) = "case";
    /// Replaces what a regular expression matches.
    Replace(replace::ReplaceSpec) = "replace";
    /// Splits one column into several.
    Split(split::SplitSpec) = "split";
    /// Joins columns into one.
    Concat(concat::ConcatSpec) = "concat";
    /// The first of several columns that is not empty.
    Coalesce(coalesce::CoalesceSpec) = "coalesce";
    /// Dates of stated formats into another format.
    Date(date::DateSpec) = "date";
    /// Numbers written for people into plain decimals, digit by digit.
    Number(number::NumberSpec) = "number";
    /// Stated words into true and false.
    Boolean(boolean::BooleanSpec) = "boolean";
    /// Keeps the rows for which an expression is true.
    Filter(filter::FilterSpec) = "filter";
    /// Joins columns of a second CSV file by a key.
    Lookup(lookup::LookupSpec) = "lookup";
    /// Keyed hashes, for pseudonyms that can be joined and not reversed.
    Hash(hash::HashSpec) = "hash";
}

impl StageSpec {
    /// What the stage needs besides the columns.
    pub(crate) fn needs(&self) -> Vec<Need<'_>> {
        match self {
            StageSpec::Lookup(spec) => spec.need().into_iter().collect(),
            StageSpec::Hash(spec) => vec![spec.need()],
            _ => Vec::new(),
        }
    }

    /// Checks what depends on the time zone that the pipeline states.
    ///
    /// # Errors
    /// What is wrong with the stage in this zone.
    pub(crate) fn check_in(&self, zone: &Zone) -> Result<(), String> {
        match self {
            StageSpec::Date(spec) => spec.check_in(zone),
            _ => Ok(()),
        }
    }

    /// The name that a column had before this stage gave it its own; nothing where it does not.
    pub(crate) fn name_before(&self, name: &str) -> Option<&str> {
        match self {
            StageSpec::Rename(rename) => rename.before(name),
            _ => None,
        }
    }

    /// Whether rows can leave here without being rejected.
    pub(crate) const fn may_drop_rows(&self) -> bool {
        matches!(self, StageSpec::Filter(_))
    }

    /// Whether the items of rows that leave here stay at the target.
    pub(crate) fn keeps_at_target(&self) -> bool {
        matches!(self, StageSpec::Filter(filter) if filter.keeps_at_target())
    }

    /// As [`StageSpec::bind`], to columns that are not all known yet: those that it names are taken to be
    /// there. Gives what may not have been meant.
    ///
    /// # Errors
    /// What is certain to be wrong; nothing where the header decides.
    pub(crate) fn foresee(&self, columns: &mut Columns) -> Result<Vec<String>, Option<String>> {
        match self.bind_to_unknown(columns) {
            Ok(stage) => Ok(stage.map(|stage| stage.remarks()).unwrap_or_default()),
            Err(BindError::Kinds(message)) => Err(Some(message)),
            Err(_) => Err(None),
        }
    }

    fn bind_to_unknown(&self, columns: &mut Columns) -> Bound {
        let resources = Resources {
            absent: true,
            ..Resources::default()
        };
        loop {
            let mut after = columns.clone();
            match self.bind(&mut after, &resources) {
                Ok(stage) => {
                    *columns = after;
                    return Ok(stage);
                }
                Err(error) => match error.missing() {
                    Some(missing) if columns.assume(&missing.wanted) => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

impl From<String> for BindError {
    fn from(message: String) -> BindError {
        BindError::Other(message)
    }
}

/// A column that a stage works on: its name at that point, and its place.
type Place = (Arc<str>, usize);

/// The places of the columns named.
fn places(columns: &Columns, names: &[String]) -> Result<Vec<Place>, NoColumn> {
    names.iter().map(|name| columns.need(name)).collect()
}

/// The physical columns named, or all where none are.
fn slots(columns: &Columns, names: Option<&[String]>) -> Result<Vec<usize>, NoColumn> {
    match names {
        Some(names) => names.iter().map(|name| Ok(columns.need(name)?.1)).collect(),
        None => Ok(columns.iter().map(|(_, slot)| slot).collect()),
    }
}

/// Refuses a list that is empty or names something twice.
fn check_names<'a>(
    setting: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(format!("`{setting}` has an empty name"));
        }
        if !seen.insert(name) {
            return Err(format!("`{setting}` names `{name}` twice"));
        }
    }
    if seen.is_empty() {
        return Err(format!("`{setting}` names no column"));
    }
    Ok(())
}

/// Adds the column that a stage makes. A name that is taken is refused, for the values in it would be
/// lost without a word, unless the stage reads that column itself.
fn add_column(columns: &mut Columns, name: &str, reads: &[&str]) -> Result<usize, String> {
    if columns.find(name).is_some() && !reads.contains(&name) {
        return Err(format!(
            "there is a column `{name}` already; drop or rename it before"
        ));
    }
    Ok(columns.add(name))
}

/// Says what columns hold from here on, by what they held before.
fn hold(
    columns: &mut Columns,
    slots: impl IntoIterator<Item = usize>,
    after: impl Fn(Kinds) -> Kinds,
) {
    for slot in slots {
        columns.hold(slot, after(columns.kinds(slot)));
    }
}

/// Rewrites the text cells of a column, empty ones included. `change` is given a cell's text and an
/// empty buffer, and returns whether what it wrote there is to replace the text. Cells of other kinds
/// stay.
fn rewrite(batch: &mut Batch, slot: usize, mut change: impl FnMut(&str, &mut String) -> bool) {
    let mut cells = batch.take_column(slot);
    let mut buffer = String::new();
    for (row, cell) in cells.iter_mut().enumerate() {
        if cell.kind() == Kind::Text && batch.is_live(row) {
            buffer.clear();
            if change(batch.text(*cell), &mut buffer) {
                *cell = batch.append(&buffer, Kind::Text);
            }
        }
    }
    batch.put_column(slot, cells);
}

/// An empty text cell.
const EMPTY: Cell = Cell::new(0, 0, Kind::Text);

/// What stands in a cell that can't be made because a cell it is made from is faulty: that mistake is
/// reported already.
const FAULTY: Cell = Cell::new(0, 0, Kind::Faulty);

/// A fault found by a stage.
fn fault(
    row: usize,
    stage: &'static str,
    column: &Arc<str>,
    code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Fault {
    Fault {
        row: row as u32,
        stage,
        column: column.clone(),
        source: None,
        code: code.into(),
        message: message.into(),
    }
}

/// A regular expression, or what is wrong with it.
fn pattern(source: &str) -> Result<regex::Regex, String> {
    regex::Regex::new(source).map_err(|e| {
        format!(
            "`pattern` is not a valid regular expression: {}",
            one_line(&e)
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::{batch, print};
    use super::*;

    #[test]
    fn a_stage_is_known_by_one_word_everywhere() {
        let schema = serde_json::to_value(schemars::schema_for!(StageSpec)).unwrap();
        let words: Vec<&str> = schema["oneOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variant| variant["required"][0].as_str().unwrap())
            .collect();
        let expected = "trim normalize rename select drop set empty map case replace split concat coalesce date number \
             boolean filter lookup hash";
        assert_eq!(words.join(" "), expected);
        let trim = testing::spec(json!({ "trim": null }));
        assert_eq!(trim.name(), "trim");
    }

    #[test]
    fn what_a_stage_needs_beforehand() {
        let needs = |stage| {
            let stage = testing::spec(stage);
            let needs = stage.needs().into_iter().map(|need| match need.what {
                Needed::Table(source) => {
                    format!(
                        "{} {} {:?}",
                        need.setting, source.file, source.written.csv.delimiter
                    )
                }
                Needed::Key(key) => format!("{} {key}", need.setting),
            });
            needs.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            needs(
                json!({ "lookup": { "file": "d.csv", "delimiter": "tab", "key": { "column": "a" }, "take": { "x": "y" } } })
            ),
            "file d.csv Some(\"tab\")"
        );
        assert_eq!(
            needs(json!({ "hash": { "columns": ["a"], "key": { "file": "k" } } })),
            "key the file k"
        );
        assert_eq!(needs(json!({ "trim": null })), "");
    }

    #[test]
    fn filtered_rows_are_left_alone() {
        let table = json!([["a", "b"], ["x ", "y,z"], ["x ", "y,z"]]);
        let resources = Resources::default();
        for stage in [
            json!({ "set": { "a": "b + 'x'" } }),
            json!({ "set": { "a": { "value": "x" } } }),
            json!({ "map": { "column": "a", "values": {}, "default": "x" } }),
            json!({ "case": { "columns": ["a"], "to": "upper" } }),
            json!({ "replace": { "columns": ["a"], "pattern": "x", "with": "y" } }),
            json!({ "split": { "column": "b", "by": ",", "into": ["a", "b"], "extra": "reject" } }),
            json!({ "concat": { "columns": ["a", "b"], "by": ",", "into": "a" } }),
            json!({ "coalesce": { "columns": ["b", "a"], "into": "a" } }),
            json!({ "filter": "b > 1" }),
        ] {
            let (mut columns, mut batch) = batch(&table);
            batch.filter_out(1);
            let before = (batch.cell(1, 0), batch.cell(1, 1));
            // A split into its own neighbour is not possible otherwise.
            if stage.get("split").is_some() {
                columns.rename("a", "c").unwrap();
            }
            let running = testing::spec(stage.clone()).bind(&mut columns, &resources);
            batch.widen(columns.width());
            running.unwrap().unwrap().apply(&mut batch);
            assert!(before == (batch.cell(1, 0), batch.cell(1, 1)), "{stage}");
            assert!(batch.faults().iter().all(|f| f.row == 0), "{stage}");
            assert_eq!(print(&columns, &batch)[2], "filtered");
        }
    }
}
