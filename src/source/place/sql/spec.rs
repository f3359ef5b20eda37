//! What the pipeline file says of a query as a source.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::secret::TokenSpec;
use crate::settings::units::Span;

/// What a query gives, instead of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["query"] }, { "required": ["query_file"] }]))]
pub(crate) struct SqlSpec {
    /// Where the address of the database is found, `postgres://user:password@host/database`. Never the address itself.
    pub url: TokenSpec,
    /// One statement that gives rows. It runs in a transaction that can only read, over one state of the database.
    #[serde(default)]
    #[schemars(with = "String")]
    pub query: Option<String>,
    /// A file with that statement.
    #[serde(default)]
    #[schemars(with = "String")]
    pub query_file: Option<String>,
    /// How long the statement may take in all. Without it, as long as the server lets it.
    #[serde(default)]
    pub timeout: Option<Span>,
}
