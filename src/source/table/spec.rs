//! What the pipeline file says of tables.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the cells of a file with fixed widths stand in its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FixedSpec {
    /// The columns, in the order of their places.
    pub columns: Vec<FixedColumn>,
    /// Lines before the first record.
    pub skip_lines: u32,
}

/// A column of fixed width.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedColumn {
    pub name: String,
    /// The place of its first character in the line, from 1; without it, behind the column before.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub at: Option<u32>,
    /// Its characters.
    #[schemars(range(min = 1))]
    pub width: u32,
}
