//! What the pipeline file says of tables.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use super::container::Container;
use super::sheet_spec::WorkbookSpec;
use crate::settings::pattern::Pattern;
use crate::text::scan::Quoting;

/// How the cells of a file with fixed widths stand in its lines.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FixedSpec {
    /// The columns, in the order of their places.
    pub columns: Vec<FixedColumn>,
    /// Lines before the first record.
    pub skip_lines: u32,
    /// What a line looks like that is a record, such as `^D`, in a file that has lines of other kinds; those are passed
    /// over.
    pub records: Option<Pattern>,
    /// Where blanks are taken off cells.
    pub trim: Trim,
    /// What to do with a line that ends before its last column begins.
    pub short_lines: ShortLines,
}

/// What to do with lines of fixed width that end before the last column begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ShortLines {
    /// The row is rejected: something of it is missing.
    #[default]
    Reject,
    /// What is missing are blanks, which the system that wrote the file leaves out at the ends of lines.
    Pad,
}

/// A column of fixed width.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedColumn {
    /// What the column is called.
    pub name: String,
    /// The place of its first character in the line, from 1; without it, behind the column before.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub at: Option<u32>,
    /// Its characters.
    #[schemars(range(min = 1))]
    pub width: u32,
}

impl FixedColumn {
    /// The place of its first character, from 0, behind a column that ends there.
    pub(crate) fn from(&self, behind: usize) -> usize {
        self.at.map_or(behind, |at| (at as usize).saturating_sub(1))
    }
}

/// Where blanks are taken off the cells of a file with fixed widths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trim {
    /// At both ends.
    #[default]
    Both,
    /// At the end alone.
    End,
    /// Nowhere.
    None,
}

/// How the components of a file of Oracle's HCM Data Loader are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HdlSpec {
    /// Whose lines are the records, such as `Worker`: the name behind METADATA and MERGE. It may be left out where the
    /// file has one component.
    pub component: Option<String>,
}

/// How the elements of an XML file are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct XmlSpec {
    /// An attribute by which elements of one name are told apart: with `wd:type`, `<wd:ID wd:type="Employee_ID">` is the
    /// column `wd:ID[Employee_ID]`.
    pub names_by: Option<String>,
}

/// The element that is a record, by its name or by the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ElementPath {
    /// The first of them is the root.
    rooted: bool,
    names: Vec<String>,
}

impl ElementPath {
    /// From the root on.
    pub(in crate::source) fn rooted(names: Vec<String>) -> ElementPath {
        ElementPath {
            rooted: true,
            names,
        }
    }

    /// Whether it leads to the innermost of these open elements.
    pub(in crate::source) fn leads_to(&self, open: &[String]) -> bool {
        let fits = |name: &String, element: &String| {
            let local = || element.split_once(':').map(|(_, local)| local);
            name == element || !name.contains(':') && local() == Some(name)
        };
        match open.len().checked_sub(self.names.len()) {
            None => false,
            Some(outer) if self.rooted && outer > 0 => false,
            Some(outer) => {
                let mut pairs = self.names.iter().zip(&open[outer..]);
                pairs.all(|(name, element)| fits(name, element))
            }
        }
    }
}

impl FromStr for ElementPath {
    type Err = String;

    fn from_str(text: &str) -> Result<ElementPath, String> {
        let (rooted, inner) = match text.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, text),
        };
        let names: Vec<String> = inner.split('/').map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty()
                && !name.contains(|c: char| c.is_whitespace() || "<>&\"'=@[]*".contains(c))
        };
        match names.iter().all(is_name) {
            true => Ok(ElementPath { rooted, names }),
            false => Err(
                "expected the name of an element, such as `wd:Report_Entry`, or the names that lead to it, such as \
                 `Report_Data/Report_Entry`"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = if self.rooted { "/" } else { "" };
        write!(f, "{root}{}", self.names.join("/"))
    }
}

impl<'de> Deserialize<'de> for ElementPath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ElementPath, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ElementPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ElementPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// What is stated of how the records stand.
#[derive(Debug, Clone, Default)]
pub(crate) enum Layout {
    /// The first bytes tell, and this is stated of the tables that they can tell.
    Auto(Box<Tables>),
    /// They are CSV or JSON.
    #[default]
    Text,
    /// They are CSV or JSON, or a workbook.
    TextOrBook(WorkbookSpec),
    /// They are a table's.
    Table(Table),
}

impl Layout {
    /// How the records of a file stand in which rows were put right: as the file itself says, a workbook of them among
    /// others. A table that one was made of has these quotes.
    pub(crate) fn of_mended(self, quoting: Quoting) -> Layout {
        let of_workbook = |book: WorkbookSpec| WorkbookSpec {
            mended: true,
            ..book
        };
        match self {
            Layout::Auto(mut tables) => {
                tables.book = of_workbook(tables.book);
                Layout::Auto(tables)
            }
            Layout::Table(Table::Xlsx(book)) => Layout::TextOrBook(of_workbook(book)),
            Layout::Text | Layout::TextOrBook(_) | Layout::Table(_) => {
                Layout::TextOrBook(of_workbook(WorkbookSpec {
                    quoting,
                    ..WorkbookSpec::default()
                }))
            }
        }
    }
}

/// What is stated of tables that are known by their first bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) xml: Xml,
    pub(crate) hdl: Stated<HdlSpec>,
    pub(crate) book: WorkbookSpec,
    pub(crate) wanted: Wanted,
}

/// Which columns are read where others may be passed over; without it, all of them.
pub(crate) type Wanted = Option<Vec<String>>;

/// What is stated of XML.
#[derive(Debug, Clone, Default)]
pub(crate) struct Xml {
    pub(crate) record: Option<ElementPath>,
    pub(crate) spec: XmlSpec,
}

/// What is stated of a table that has a record a line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stated<S> {
    pub(crate) spec: S,
    /// What the last line looks like, where that is no record.
    pub(crate) trailer: Option<Pattern>,
}

/// How the records stand in a file, where that is neither CSV nor JSON.
#[derive(Debug, Clone)]
pub(crate) enum Table {
    /// Cells of fixed width.
    Fixed(Stated<FixedSpec>),
    /// Oracle's HCM Data Loader.
    Hdl(Stated<HdlSpec>),
    /// Elements.
    Xml(Xml),
    /// A workbook's sheet.
    Xlsx(WorkbookSpec),
    /// Columns.
    Columnar(Container, Wanted),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_elements() {
        let check = |path: &str, open: &str, expected: bool| {
            let path: ElementPath = path.parse().unwrap();
            let open: Vec<_> = open.split('/').map(str::to_owned).collect();
            assert_eq!(path.leads_to(&open), expected, "{path} {open:?}");
        };
        check("wd:Entry", "wd:Data/wd:Entry", true);
        check("Entry", "wd:Data/wd:Entry", true);
        check("Entry", "Data/Entry", true);
        check("wd:Entry", "wd:Data/ws:Entry", false);
        check("wd:Entry", "wd:Data/Entry", false);
        check("Entry", "Data/Entry/ID", false);
        check("Data/Entry", "a/wd:Data/wd:Entry", true);
        check("/Data/Entry", "a/Data/Entry", false);
        check("/a/Data/Entry", "a/Data/Entry", true);
        check("a/Data/Entry", "Data/Entry", false);
        for wrong in ["", "/", "a//b", "a/", "<a>", "a b", "//a", "a/@b", "a[1]"] {
            assert!(wrong.parse::<ElementPath>().is_err(), "{wrong}");
        }
    }
}
