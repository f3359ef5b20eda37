//! What the pipeline file says of its target.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::guard::spec::ImplicitDelete;
use crate::http::hosts::HostPattern;
use crate::settings::secret::TokenSpec;
use crate::settings::short::word_or_map;
use crate::settings::units::Span;

/// Where the records go: exactly one of these.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TargetSpec {
    /// An Orgvue tenant.
    Orgvue(OrgvueSpec),
    /// The embedded sandbox, for trying.
    Sandbox(SandboxSpec),
}

/// An Orgvue data set, and how records are matched to its items.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "OrgvueWritten")]
#[schemars(with = "OrgvueWritten")]
pub(crate) struct OrgvueSpec {
    /// The API's host, with or without `https://`.
    pub base_url: String,
    /// The tenant's name: `^[A-Z][A-Z0-9_]{0,29}$`.
    pub tenant: String,
    /// The data set: its UUID, or its name.
    pub dataset: DatasetSpec,
    /// Where the API token is found. Never the token itself.
    pub token: TokenSpec,
    /// Where a pre-signed address of one's own for the results is found.
    pub result_location: Option<TokenSpec>,
    /// Hosts that the API's addresses for files may lead to, besides its own and AWS S3's.
    pub storage_hosts: Vec<HostPattern>,
    /// Whether those hosts may be in the network of this machine.
    pub private_hosts: bool,
    /// The import's own settings.
    pub import: ImportSpec,
}

/// The embedded sandbox as a target.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(from = "SandboxWritten")]
#[schemars(with = "SandboxWritten")]
pub(crate) struct SandboxSpec {
    /// The import's own settings, as for Orgvue.
    pub import: ImportSpec,
}

/// A data set.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum DatasetSpec {
    /// By its UUID.
    Id(String),
    /// By its name, which the tenant's list of data sets must have once.
    Name {
        /// The data set's name, as Orgvue shows it.
        name: String,
    },
}

impl<'de> Deserialize<'de> for DatasetSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<DatasetSpec, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Name {
            name: String,
        }
        word_or_map(
            d,
            "the UUID of a data set or `{ name: NAME }`",
            |id| DatasetSpec::Id(id.to_owned()),
            |Name { name }: Name| DatasetSpec::Name { name },
        )
    }
}

/// Whether a run looks at token, tenant, data set and properties before anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PreflightSpec {
    /// It does.
    #[default]
    On,
    /// It does not: what is wrong shows when it is needed.
    Off,
}

/// One list of the import's settings, which stand beside those of the target itself in the pipeline
/// file. It makes [`ImportSpec`] and the targets as they are written, so that every target knows all of
/// its keys and refuses any other.
macro_rules! import_settings {
    ($($(#[$doc:meta])* pub $field:ident: $type:ty,)*) => {
        /// What the import is told: the API's query parameters, typed.
        #[derive(Clone, Debug, Default)]
        pub struct ImportSpec {
            $($(#[$doc])* pub $field: $type,)*
            /// No row may delete an item: for files of corrected rows. No setting of the pipeline file.
            pub no_deletes: bool,
        }

        /// [`OrgvueSpec`] as it is written.
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = "OrgvueSpec")]
        struct OrgvueWritten {
            /// The API's host, with or without `https://`.
            base_url: String,
            /// The tenant's name: `^[A-Z][A-Z0-9_]{0,29}$`.
            tenant: String,
            /// The data set's UUID, or `{ name: NAME }`, which is looked up in the tenant's list when a run begins.
            dataset: DatasetSpec,
            /// Where the API token is found. Never the token itself.
            token: TokenSpec,
            /// Where a pre-signed address of one's own for the results is found, to which Orgvue writes them instead. What
            /// became of the rows is then not known here.
            #[serde(default)]
            result_location: Option<TokenSpec>,
            /// Hosts that the API's addresses for files may lead to, besides its own and AWS S3's: a name, or
            /// `*.` and a domain.
            #[serde(default)]
            storage_hosts: Vec<HostPattern>,
            /// Whether those hosts may be in the network of this machine: private addresses are refused otherwise.
            #[serde(default)]
            private_hosts: bool,
            $($(#[$doc])* #[serde(default)] $field: $type,)*
        }

        impl From<OrgvueWritten> for OrgvueSpec {
            fn from(written: OrgvueWritten) -> OrgvueSpec {
                OrgvueSpec {
                    base_url: written.base_url,
                    tenant: written.tenant,
                    dataset: written.dataset,
                    token: written.token,
                    result_location: written.result_location,
                    storage_hosts: written.storage_hosts,
                    private_hosts: written.private_hosts,
                    import: ImportSpec { $($field: written.$field,)* no_deletes: false },
                }
            }
        }

        /// [`SandboxSpec`] as it is written.
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = "SandboxSpec")]
        struct SandboxWritten {
            $($(#[$doc])* #[serde(default)] $field: $type,)*
        }

        impl From<SandboxWritten> for SandboxSpec {
            fn from(written: SandboxWritten) -> SandboxSpec {
                SandboxSpec { import: ImportSpec { $($field: written.$field,)* no_deletes: false } }
            }
        }
    };
}

import_settings! {
    /// What each record asks for: a constant action, `{ column: NAME }`, or `{ delta: PATH }`, the difference to what the
    /// server accepted last.
    pub action: ActionSpec,
    /// How an item is told from another; without it, the platform's own `_id`.
    pub identify_by: Option<IdentifySpec>,
    /// What an empty cell sends.
    pub empty: Empty,
    /// Columns that an empty cell clears, with `clear_token`, whatever empty cells of others send.
    pub clear: Vec<String>,
    /// The text that the server takes for "no change" (`noopToken`).
    pub noop_token: Option<String>,
    /// The text that the server takes for "clear the value" (`clearToken`).
    pub clear_token: Option<String>,
    /// The date format of the uploaded dates (`dateFormat`); the server's default is YYYY-MM-DD.
    pub date_format: Option<DateFormat>,
    /// Deletes every item that the upload does not name (`implicitDelete`): true, or `{ on_reject: block }`. Where
    /// rows were rejected it is off for the run.
    pub implicit_delete: ImplicitDelete,
    /// Passed on as `onPropertyAccessDenied`.
    pub on_property_access_denied: Option<String>,
    /// Passed on as `onItemAccessDenied`.
    pub on_item_access_denied: Option<String>,
    /// Passed on as `onActionValidationFailure`.
    pub on_action_validation_failure: Option<String>,
    /// Compression of the results (`resultEncoding`).
    pub result_encoding: Option<ResultEncoding>,
    /// A URL template that the server calls when it is done, with `{{jobStatus}}`, `{{traceId}}`, `{{tenantId}}`.
    pub callback: Option<String>,
    /// How results are matched to the records sent.
    pub match_results: MatchResults,
}

/// What each record asks for.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum ActionSpec {
    /// The same for every record.
    Constant(Action),
    /// Taken from a column.
    Column {
        /// The column's name, after the stages.
        column: String,
    },
    /// What differs from what the server accepted last.
    Delta(DeltaSpec),
}

/// The difference to what the server accepted last: who is new is created, what was changed is updated, who is gone is
/// deleted, and the rest is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeltaSpec {
    /// The folder of the store, made with owner-only access: one for every pipeline and data set.
    pub delta: String,
    /// Sends everything once in this time, as somebody may have changed items in Orgvue itself: `7d`.
    #[serde(default)]
    pub full_every: Option<Span>,
}

// By hand, and not as an untagged enum, so that a misspelt action or key is reported as such.
impl<'de> Deserialize<'de> for ActionSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ActionSpec, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ActionSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an action, `{ column: NAME }` or `{ delta: PATH }`")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<ActionSpec, E> {
                Action::deserialize(word.into_deserializer()).map(ActionSpec::Constant)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ActionSpec, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Written {
                    column: Option<String>,
                    delta: Option<String>,
                    full_every: Option<Span>,
                }
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                match (written.column, written.delta, written.full_every) {
                    (Some(column), None, None) => Ok(ActionSpec::Column { column }),
                    (None, Some(delta), full_every) => {
                        Ok(ActionSpec::Delta(DeltaSpec { delta, full_every }))
                    }
                    (Some(_), _, _) => Err(de::Error::custom(
                        "expected `column` alone, or `delta` with `full_every`",
                    )),
                    (None, None, _) => Err(de::Error::custom(
                        "expected `column` or `delta`, found neither",
                    )),
                }
            }
        }

        d.deserialize_any(Either)
    }
}

impl ActionSpec {
    /// Whether it leaves it to the server which items are new.
    pub(crate) fn leaves_it_open(&self) -> bool {
        matches!(
            self,
            ActionSpec::Constant(Action::CreateOrUpdate | Action::CreateOrReplace)
        )
    }

    /// Whether it may change some values of an item and leave the others as they are.
    pub(crate) fn may_update(&self) -> bool {
        matches!(
            self,
            ActionSpec::Constant(Action::Update | Action::CreateOrUpdate)
                | ActionSpec::Column { .. }
                | ActionSpec::Delta(_)
        )
    }

    /// The difference, where that is what is sent.
    pub(crate) fn delta(&self) -> Option<&DeltaSpec> {
        match self {
            ActionSpec::Delta(delta) => Some(delta),
            _ => None,
        }
    }
}

impl Default for ActionSpec {
    fn default() -> Self {
        ActionSpec::Constant(Action::CreateOrUpdate)
    }
}

/// The actions of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A new item.
    Create,
    /// Changes the properties named.
    Update,
    /// Puts the record in the item's place.
    Replace,
    /// Deletes the item.
    Delete,
    /// Does nothing.
    Noop,
    /// Update where the item exists, else create.
    CreateOrUpdate,
    /// Replace where the item exists, else create.
    CreateOrReplace,
}

impl Action {
    /// The word in `_action`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Noop => "noop",
            Action::CreateOrUpdate => "createOrUpdate",
            Action::CreateOrReplace => "createOrReplace",
        }
    }

    /// Every action, in the order of the documentation.
    pub const ALL: [Action; 7] = [
        Action::Create,
        Action::Update,
        Action::Replace,
        Action::Delete,
        Action::Noop,
        Action::CreateOrUpdate,
        Action::CreateOrReplace,
    ];
}

/// How an item is told from another: exactly one of these, for the API takes one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentifySpec {
    /// The data set's own automatic identifier (`autoId=true`).
    AutoId(bool),
    /// A property that is unique (`idKey`).
    IdKey(String),
    /// A property that may match several items (`mergeKey`).
    MergeKey(String),
}

/// What an empty cell sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// Nothing: the property is left out (JSON), or sent as the no-change token (CSV).
    #[default]
    Omit,
    /// The clear token, which must be set.
    Clear,
    /// Empty text.
    Keep,
    /// As `omit`, for a CSV upload without a no-change token: the cell goes out empty, and the server is believed to
    /// leave the value as it is. The API's documentation does not say so.
    UnchangedAtServer,
}

/// Date formats of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DateFormat {
    /// 2024-12-31
    #[serde(rename = "YYYY-MM-DD")]
    Ymd,
    /// 31/12/2024
    #[serde(rename = "DD/MM/YYYY")]
    Dmy,
    /// 12/31/2024
    #[serde(rename = "MM/DD/YYYY")]
    Mdy,
}

/// Compressions of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultEncoding {
    /// Not compressed.
    Identity,
    /// Compressed.
    Gzip,
}

/// How results are matched to the records sent. The API's documentation does not say whether results keep
/// the order of the upload, nor whether they repeat the identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatchResults {
    /// By the key. Results that carry none are matched where all of them say the same, and then without their ids.
    #[default]
    Auto,
    /// The n-th result belongs to the n-th record sent: only where the server keeps the order.
    Order,
    /// By the property that identifies an item.
    Key,
}

/// How long the job is waited for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaitSpec {
    /// After this the run ends with exit code 6; the job goes on at the server.
    pub at_most: Span,
}

impl Default for WaitSpec {
    fn default() -> Self {
        WaitSpec {
            at_most: Span(std::time::Duration::from_secs(30 * 60)),
        }
    }
}
