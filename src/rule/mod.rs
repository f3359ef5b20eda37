//! Rules of one row, and what the file must satisfy as a whole, as the pipeline file says it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

/// What every record, and the whole file, must satisfy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ValidateSpec {
    /// The column whose value is unique in the whole file and never empty.
    pub key: Option<String>,
    /// Rules of single columns, by the name they have after the stages.
    pub columns: IndexMap<String, ColumnRules>,
    /// Assertions across columns.
    pub rows: Vec<RowRule>,
}

/// Rules of one column.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnRules {
    /// Never empty.
    pub required: bool,
}

/// An assertion across columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowRule {
    /// An expression (CEL) that must be true.
    pub assert: String,
    /// A short word for the rejects file.
    pub code: String,
}
