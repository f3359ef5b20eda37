//! `validate.hierarchy` as the pipeline file says it: who reports to whom, and what becomes of rows for which that can't
//! be.

mod check;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Managers with more direct reports than this are counted, unless a pipeline says otherwise.
const SPAN: u32 = 20;

/// The hierarchies of a pipeline: one, or a list.
#[derive(Clone, Debug, Default)]
pub struct HierarchiesSpec {
    pub all: Vec<HierarchySpec>,
    /// Whether they were written as a list.
    listed: bool,
}

impl HierarchiesSpec {
    /// The path of a setting of the hierarchy at this position, below `validate`.
    pub(crate) fn path(&self, at: usize, setting: &str) -> Vec<String> {
        let at = self.listed.then(|| at.to_string());
        let path = [Some("hierarchy".to_owned()), at, Some(setting.to_owned())];
        path.into_iter().flatten().collect()
    }

    /// The same for a file that holds some rows of many: whom they name may be among the others, and so may the roots.
    /// Rows that were rejected for that may be as they were, so where the pipeline rejects them they are told.
    pub(crate) fn of_some_rows(&mut self) {
        for tree in &mut self.all {
            tree.orphans.absent = match tree.orphans.absent {
                Otherwise::Reject | Otherwise::Stop => Otherwise::Warn,
                _ => Otherwise::Ignore,
            };
            tree.roots = None;
            tree.some_rows = true;
        }
    }
}

/// One reporting line: the column that names a row's parent, and what is done about rows whose parent can't be.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HierarchySpec {
    /// What it is called in messages and in the report; without it, the name of the parent's column. Needed where two
    /// hierarchies have the same.
    #[serde(default)]
    pub name: Option<String>,
    /// The column that names a row's parent, after the stages. An empty cell is a root.
    pub parent: String,
    /// The column by which parents are named, after the stages, where that is not the key: in a tree of positions, the
    /// position. A row without a person in it is a row like any other.
    #[serde(default)]
    pub id: Option<String>,
    /// The column of people by which parents are named, after the stages, where that is not the key: `email`.
    #[serde(default)]
    pub parent_by: Option<String>,
    /// Whether upper and lower case are the same in `id` and `parent_by`. Where parents are named by the key, what the
    /// key says holds.
    #[serde(default)]
    pub ignore_case: bool,
    /// A row that names itself.
    #[serde(rename = "self", default)]
    pub own: OnSelf,
    /// Rows that report to each other in a circle. `reject` rejects the rows of the circle, and nobody below them.
    #[serde(default = "reject")]
    pub cycles: Otherwise,
    /// Rows that name somebody who is not in the upload, by why that is: a word (`absent`) or
    /// `{ absent: WORD, rejected: WORD, filtered: WORD }`.
    #[serde(default)]
    pub orphans: OrphansSpec,
    /// How many rows have no parent, those that name themselves included: a number, or
    /// `{ expect: 1, otherwise: reject | warn | stop | ignore }`. Where there are too few there is nothing to reject, and
    /// the run warns.
    #[serde(default)]
    pub roots: Option<RootsSpec>,
    /// Who has left, and should not be named as a parent any more.
    #[serde(default)]
    pub leavers: Option<LeaversSpec>,
    /// Managers with more direct reports than this are counted in the report.
    #[serde(default = "span")]
    pub span: u32,
    /// Whether the rows are some of many.
    #[serde(skip)]
    pub(crate) some_rows: bool,
}

fn reject() -> Otherwise {
    Otherwise::Reject
}

fn span() -> u32 {
    SPAN
}

/// What is done about a row.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// The row that holds the wrong cell is rejected.
    Reject,
    /// The row is sent as it is, and the run warns.
    #[default]
    Warn,
    /// Nothing is sent: the run stops with exit code 4.
    Stop,
    /// The row is sent as it is; the report alone tells.
    Ignore,
    /// The row is sent with its parent cell empty.
    Clear,
}

impl Otherwise {
    /// The word in the pipeline file.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Otherwise::Reject => "reject",
            Otherwise::Warn => "warn",
            Otherwise::Stop => "stop",
            Otherwise::Ignore => "ignore",
            Otherwise::Clear => "clear",
        }
    }
}

/// What is done about a row that names itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnSelf {
    /// It is a root: in many systems, whoever is at the top reports to himself.
    #[default]
    Root,
    /// The row is rejected.
    Reject,
    /// The row is sent as it is, as a root, and the run warns.
    Warn,
    /// Nothing is sent: the run stops with exit code 4.
    Stop,
    /// As `root`.
    Ignore,
    /// The row is sent with its parent cell empty, as a root.
    Clear,
}

impl OnSelf {
    pub(crate) const fn otherwise(self) -> Otherwise {
        match self {
            OnSelf::Root | OnSelf::Ignore => Otherwise::Ignore,
            OnSelf::Reject => Otherwise::Reject,
            OnSelf::Warn => Otherwise::Warn,
            OnSelf::Stop => Otherwise::Stop,
            OnSelf::Clear => Otherwise::Clear,
        }
    }
}

/// What is done about rows that name somebody who is not in the upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrphansSpec {
    /// Nobody of that name is in the source.
    pub absent: Otherwise,
    /// The row was rejected.
    pub rejected: Otherwise,
    /// A filter left the row out.
    pub filtered: Otherwise,
}

/// How many roots there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootsSpec {
    pub expect: u64,
    pub otherwise: Otherwise,
}

/// Who has left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaversSpec {
    /// The column that says so, after the stages.
    pub column: String,
    /// What it says of those who have left. Compared as text, without regard to case.
    pub values: Vec<String>,
    /// What is done about the rows that name one of them.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// The orphans in full.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Orphans {
    /// Nobody of that name is in the source.
    absent: Otherwise,
    /// The row was rejected: nobody is rejected for what another row did, unless this says so.
    rejected: Otherwise,
    /// A filter left the row out.
    filtered: Otherwise,
}

/// The roots in full.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Roots {
    /// How many rows have no parent.
    expect: u64,
    /// What is done where they are fewer or more.
    #[serde(default)]
    otherwise: Otherwise,
}

/// Texts of an enumeration by its own words.
fn word<E: de::Error>(text: &str) -> Result<Otherwise, E> {
    Otherwise::deserialize(de::value::StrDeserializer::new(text))
}

// By hand, and not as untagged enums, so that a misspelt key is reported as such.
impl<'de> Deserialize<'de> for OrphansSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<OrphansSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = OrphansSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a word such as warn, or `{ absent: warn, rejected: warn, filtered: warn }`",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OrphansSpec, E> {
                Ok(OrphansSpec {
                    absent: word(text)?,
                    ..OrphansSpec::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OrphansSpec, A::Error> {
                let Orphans {
                    absent,
                    rejected,
                    filtered,
                } = Orphans::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OrphansSpec {
                    absent,
                    rejected,
                    filtered,
                })
            }
        }

        d.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for RootsSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<RootsSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = RootsSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of rows, or `{ expect: 1, otherwise: warn }`")
            }

            fn visit_u64<E: de::Error>(self, expect: u64) -> Result<RootsSpec, E> {
                Ok(RootsSpec {
                    expect,
                    otherwise: Otherwise::default(),
                })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RootsSpec, E> {
                match text.parse() {
                    Ok(expect) => self.visit_u64(expect),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RootsSpec, A::Error> {
                let Roots { expect, otherwise } =
                    Roots::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RootsSpec { expect, otherwise })
            }
        }

        d.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for HierarchiesSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<HierarchiesSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = HierarchiesSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{ parent: COLUMN }`, or a list of such")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HierarchiesSpec, A::Error> {
                let one = HierarchySpec::deserialize(MapAccessDeserializer::new(map))?;
                Ok(HierarchiesSpec {
                    all: vec![one],
                    listed: false,
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<HierarchiesSpec, A::Error> {
                Ok(HierarchiesSpec {
                    all: Vec::deserialize(SeqAccessDeserializer::new(seq))?,
                    listed: true,
                })
            }
        }

        d.deserialize_any(Either)
    }
}

impl JsonSchema for OrphansSpec {
    fn schema_name() -> Cow<'static, str> {
        "OrphansSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<Otherwise>();
        json_schema!({ "anyOf": [word, Orphans::json_schema(generator)] })
    }
}

impl JsonSchema for RootsSpec {
    fn schema_name() -> Cow<'static, str> {
        "RootsSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let roots = Roots::json_schema(generator);
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, roots] })
    }
}

impl JsonSchema for HierarchiesSpec {
    fn schema_name() -> Cow<'static, str> {
        "HierarchiesSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<HierarchySpec>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl HierarchySpec {
    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.parent)
    }

    /// The column by which parents are named, where it is not left to the key.
    pub(crate) fn by(&self) -> Option<&str> {
        self.id.as_deref().or(self.parent_by.as_deref())
    }

    /// The columns that it names, each with the setting that does.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let leavers = self.leavers.as_ref();
        let named = [
            Some(("parent", &*self.parent)),
            self.id.as_deref().map(|id| ("id", id)),
            self.parent_by.as_deref().map(|by| ("parent_by", by)),
            leavers.map(|leavers| ("leavers", &*leavers.column)),
        ];
        named.into_iter().flatten()
    }

    /// What is done, by the path of the setting that says so.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = (&'static str, Otherwise)> {
        let roots = self.roots.map(|roots| ("roots", roots.otherwise));
        let leavers = self.leavers.as_ref();
        let leavers = leavers.map(|leavers| ("leavers", leavers.otherwise));
        [
            ("self", self.own.otherwise()),
            ("cycles", self.cycles),
            ("orphans", self.orphans.absent),
            ("orphans", self.orphans.rejected),
            ("orphans", self.orphans.filtered),
        ]
        .into_iter()
        .chain(roots)
        .chain(leavers)
    }

    /// Whether a row that passed can still be rejected or changed for what a later one says.
    pub(crate) fn can_be_late(&self) -> bool {
        let late = |otherwise| matches!(otherwise, Otherwise::Reject | Otherwise::Clear);
        self.decisions().any(|(_, otherwise)| late(otherwise))
    }

    /// The setting by which a row may be sent with its parent cell empty.
    pub(crate) fn clears(&self) -> Option<&'static str> {
        let mut clears = self.decisions().filter(|(_, o)| *o == Otherwise::Clear);
        clears.next().map(|(setting, _)| setting)
    }
}

/// The other sections of `validate`, as far as hierarchies depend on them.
pub(super) struct Beside<'a> {
    /// The column of the key.
    pub key: Option<&'a str>,
    /// Whether a column is required.
    pub is_required: &'a dyn Fn(&str) -> bool,
}

#[cfg(test)]
mod tests;
