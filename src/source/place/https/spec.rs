//! What the pipeline file says of `https://` sources.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::settings::secret::TokenSpec;
use crate::settings::short::word_or_map;
use crate::settings::units::Span;

/// How `https://` addresses are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpsSpec {
    /// A user and a password.
    pub basic: Option<BasicSpec>,
    /// Where a token is found that goes out as `Authorization: Bearer`. Never the token itself.
    pub bearer: Option<TokenSpec>,
    /// Other headers of the request: text, or where it is found.
    pub headers: IndexMap<String, HeaderSpec>,
    /// How the next page of an extract is found that comes in pages. Without it there is one answer, and it is the
    /// extract.
    pub paging: Option<Paging>,
    /// How long an answer may take to begin. Reports are often made when they are asked for. After that the
    /// server is asked once more, and then the run ends.
    pub answer: Span,
}

impl Default for HttpsSpec {
    fn default() -> HttpsSpec {
        HttpsSpec {
            basic: None,
            bearer: None,
            headers: IndexMap::new(),
            paging: None,
            answer: Span(Duration::from_secs(5 * 60)),
        }
    }
}

impl HttpsSpec {
    /// The settings by which whoever asks says who they are.
    pub(crate) fn who(&self) -> Vec<&'static str> {
        let mut settings = Vec::new();
        settings.extend(self.basic.as_ref().map(|_| "source.https.basic"));
        settings.extend(self.bearer.as_ref().map(|_| "source.https.bearer"));
        if !self.headers.is_empty() {
            settings.push("source.https.headers");
        }
        settings
    }

    /// Where its secrets are found, each with its setting below `source.https`.
    pub(crate) fn secrets(&self) -> Vec<(String, &TokenSpec)> {
        let mut secrets = Vec::new();
        if let Some(basic) = &self.basic {
            secrets.push(("basic.password".to_owned(), &basic.password));
        }
        if let Some(bearer) = &self.bearer {
            secrets.push(("bearer".to_owned(), bearer));
        }
        for (name, header) in &self.headers {
            if let HeaderSpec::Found(found) = header {
                secrets.push((format!("headers.{name}"), found));
            }
        }
        secrets
    }
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicSpec {
    /// The user's name, such as `ISU_Orgvue@tenant`.
    pub user: String,
    /// Where the password is found. Never the password itself.
    pub password: TokenSpec,
}

/// The value of a header.
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub(crate) enum HeaderSpec {
    /// As it stands here.
    Text(String),
    /// Where it is found.
    Found(TokenSpec),
}

impl fmt::Debug for HeaderSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A variable of the environment may stand in it.
            HeaderSpec::Text(_) => f.write_str("Text"),
            HeaderSpec::Found(found) => f.debug_tuple("Found").field(found).finish(),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<HeaderSpec, D::Error> {
        word_or_map(
            d,
            "text, `{ env: NAME }` or `{ file: PATH }`",
            |text| HeaderSpec::Text(text.to_owned()),
            HeaderSpec::Found,
        )
    }
}

/// How the next page of an extract is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Paging {
    /// As OData has it: `@odata.nextLink` beside the records, or `d.__next` in its second version.
    Odata,
    /// As Oracle has it: `hasMore`, and a link of the relation `next` or the `offset` behind this page.
    Oracle,
}

impl Paging {
    /// The word in the pipeline file.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Paging::Odata => "odata",
            Paging::Oracle => "oracle",
        }
    }
}
