//! What the pipeline says of its JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path::Path;

/// What the pipeline says of its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Where the records are; without it, they are the documents, or the elements of arrays.
    pub path: Option<Path>,
    /// The columns to read.
    pub columns: Option<Vec<String>>,
    /// What stands between the names of nested members in the name of their column; without it, objects stay whole.
    pub flatten: Option<String>,
    /// What becomes of arrays.
    pub arrays: Arrays,
    /// What stands between joined elements.
    pub join: String,
    /// The format of the table that the objects were made of, where they were.
    pub table: Option<&'static str>,
    /// Records say themselves what is wrong with them, in a member of their own.
    pub told: bool,
}

/// What becomes of an array in a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arrays {
    /// It stays one, and a row that still has one after the last stage is rejected.
    #[default]
    Reject,
    /// Its elements become one text, with `join` between them; they must be text, numbers, true or false.
    Join,
    /// Its first element takes its place.
    First,
    /// Its text in JSON takes its place.
    Json,
}

/// The member in which a record of a table says what is wrong with it: a list whose first element says it in words, and
/// whose others are what stands in the table and is none of its columns.
pub(crate) const FAULT: &str = "_fault";

/// The code of such a fault.
pub(crate) const LAYOUT: &str = "layout";

/// The code of records with a member that is not a column.
pub(crate) const UNKNOWN_MEMBER: &str = "unknown_member";

/// Between the names of nested members, unless something else is stated.
pub(super) const SEPARATOR: &str = ".";

impl Form {
    /// What stands between the names of nested members.
    pub(super) fn separator(&self) -> &str {
        self.flatten.as_deref().unwrap_or(SEPARATOR)
    }
}
