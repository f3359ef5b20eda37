//! What the API says when it says no.

use std::time::Duration;

use serde_json::Value;

use crate::http::TransportError;
use crate::http::hosts::HostError;
use crate::http::retry::{Failure, Outcome};
use crate::http::text::{MAX_MESSAGE, sanitise};
use crate::orgvue::retry::QUOTA_EXCEEDED;
use crate::orgvue::splitter::SplitError;
use crate::settings::secret::UrlError;

/// One entry of the API's `errors`, its texts fit to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    /// `ApiTokenExpired`, ...
    pub name: String,
    /// Digits: five for authentication and gateway, six elsewhere.
    pub code: String,
    pub message: String,
    /// The property that it is about, where it names one.
    pub property: Option<String>,
}

/// Members that may name the property that an error is about: the API's documentation shows none.
const PROPERTY: [&str; 4] = ["property", "propertyKey", "column", "field"];

/// The longest name of a property that is taken.
const MAX_PROPERTY: usize = 1_000;

impl ApiError {
    /// Reads one entry: an object with `name`, `code`, `message`, or a bare text.
    pub(crate) fn read(value: &Value) -> Option<ApiError> {
        let field = |name: &str, max| match value.get(name) {
            Some(Value::String(text)) => sanitise(text, max),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let error = match value {
            Value::String(text) => ApiError {
                message: sanitise(text, MAX_MESSAGE),
                ..ApiError::default()
            },
            _ => ApiError {
                name: field("name", 100),
                code: field("code", 100),
                message: field("message", MAX_MESSAGE),
                property: PROPERTY
                    .iter()
                    .map(|name| field(name, MAX_PROPERTY))
                    .find(|name| !name.is_empty()),
            },
        };
        (error != ApiError::default()).then_some(error)
    }

    /// Reads the errors of an answer, a ticket or a result: `errors`, or a single `error`.
    pub(crate) fn read_all(value: &Value) -> Vec<ApiError> {
        /// More are not worth a line each.
        const MANY: usize = 20;
        let of = |name: &str| match value.get(name) {
            Some(Value::Array(errors)) => errors
                .iter()
                .filter_map(ApiError::read)
                .take(MANY)
                .collect(),
            Some(error) => ApiError::read(error).into_iter().collect(),
            None => Vec::new(),
        };
        ["errors", "_errors", "error", "_error"]
            .into_iter()
            .map(of)
            .find(|errors| !errors.is_empty())
            .unwrap_or_default()
    }

    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<&'static str> {
        advice(&self.code)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&*self.name, &*self.code) {
            ("", "") => {}
            (name, "") => f.write_str(name)?,
            ("", code) => write!(f, "error {code}")?,
            (name, code) => write!(f, "{name} ({code})")?,
        }
        if !self.message.is_empty() {
            if !self.name.is_empty() || !self.code.is_empty() {
                f.write_str(": ")?;
            }
            f.write_str(self.message.trim_end_matches('.'))?;
        }
        Ok(())
    }
}

/// What to do about an error of the API, by its code; nothing for a code that is not known.
pub(crate) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "40101" | "40103" => {
            "the token did not arrive as it was sent: a proxy in between may remove the Authorization header"
        }
        "40102" => "copy the token again, whole and without quotes, from the tenant's Tokens page",
        "40301" => {
            "the token's start date is still to come: wait for it, or make a token that is valid now"
        }
        "40302" => "make a new token on the tenant's Tokens page",
        "40303" => {
            "run this from an address that the token's Subnets name, or make a token that names this one"
        }
        "40321" => "several accounts match the token: ask Orgvue's support",
        "40322" => "have the token's user account enabled again in the tenant's settings",
        "40323" => {
            "have the expiry date of the token's user account extended in the tenant's settings"
        }
        "40324" => "run this from an address that the user account's IP restriction allows",
        "40345" => "ask Orgvue's support to enable the tenant for the API",
        "42901" => {
            "too many requests at once in this tenant: run this later, or run fewer things at the same time"
        }
        QUOTA_EXCEEDED => "the tenant's requests for the day are used up: run this tomorrow",
        "400603" => "`dataset` must be the data set's UUID, not its name",
        "415001" => "a proxy in between may have changed the Content-Type header",
        _ => return None,
    })
}

/// A request of the API failed.
#[derive(Debug, thiserror::Error)]
pub enum OrgvueError {
    /// The base address cannot be used.
    #[error("the base address is not usable")]
    BaseUrl(#[source] UrlError),
    /// The token cannot be sent.
    #[error(
        "the API token holds a character that cannot be sent: is there a line break or a quote in it?"
    )]
    Token,
    /// The API, in its own words, said no.
    #[error("{}", refusal(what, *status, errors, trace_id.as_deref()))]
    Api {
        /// What was asked for: `cannot ...`.
        what: &'static str,
        status: u16,
        /// Its errors; at least one.
        errors: Vec<ApiError>,
        /// Its `X-Amzn-Trace-Id`, for the support.
        trace_id: Option<String>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An answer that the API does not promise: a proxy's page, or a document without what it must hold.
    #[error("cannot {what}: {problem} (status {status}{})", found(excerpt, trace_id.as_deref()))]
    Unexpected {
        /// What was asked for.
        what: &'static str,
        status: u16,
        /// What is wrong with it.
        problem: &'static str,
        /// Its first characters, made fit to print; empty where they may hold secrets or people.
        excerpt: String,
        /// Its `X-Amzn-Trace-Id`.
        trace_id: Option<String>,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An address in an answer is not acceptable.
    #[error("cannot {what}: the `{field}` address in the answer is not acceptable")]
    Address {
        /// What was asked for.
        what: &'static str,
        /// The member that held it.
        field: &'static str,
        /// Why not.
        source: AddressError,
    },
    /// The connection failed, or never was.
    #[error("cannot {what}")]
    Transport {
        /// What was asked for.
        what: &'static str,
        source: TransportError,
    },
    /// A ticket has no address of its own and is not at its end.
    #[error("the ticket does not say where to ask for its state")]
    NoTicketUrl,
    /// A job that is done has no results.
    #[error("the ticket does not say where the results are")]
    NoResultUrl,
    /// The results are not what they should be.
    #[error("the results cannot be read")]
    Results(#[source] SplitError),
    /// The results come so slowly that they would never be over.
    #[error("the results arrive at less than {per_second} bytes per second")]
    Slow {
        /// The least that is waited for.
        per_second: u64,
    },
    /// The compressed results are damaged.
    #[error("the compressed results cannot be read")]
    Gzip(#[source] std::io::Error),
}

/// Why an address that the API hands out is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none, or of the wrong kind.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It leads to a host that data may not go to.
    #[error(transparent)]
    Host(#[from] HostError),
}

fn refusal(what: &str, status: u16, errors: &[ApiError], trace_id: Option<&str>) -> String {
    let mut text = format!("cannot {what}: the API refused with status {status}");
    for error in errors {
        text.push_str(&format!("; {error}"));
        if let Some(advice) = error.advice() {
            text.push_str(&format!(" - {advice}"));
        }
    }
    if let Some(trace_id) = trace_id {
        text.push_str(&format!(" (trace {trace_id})"));
    }
    text
}

fn found(excerpt: &str, trace_id: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(trace_id) = trace_id {
        text.push_str(&format!(", trace {trace_id}"));
    }
    if !excerpt.is_empty() {
        text.push_str(&format!(", it begins with: {excerpt}"));
    }
    text
}

/// The API's codes for a token that another one would mend: not one that it gave out, not valid yet, expired.
const OF_TOKEN: [&str; 3] = ["40102", "40301", "40302"];

impl OrgvueError {
    /// Whether the API refused the token itself, and another one would mend it.
    pub(crate) fn is_of_token(&self) -> bool {
        match self {
            OrgvueError::Api { errors, .. } => {
                errors.iter().any(|error| OF_TOKEN.contains(&&*error.code))
            }
            _ => false,
        }
    }

    /// The API's trace id of the failed request, for the support.
    pub fn trace_id(&self) -> Option<&str> {
        match self {
            OrgvueError::Api { trace_id, .. } | OrgvueError::Unexpected { trace_id, .. } => {
                trace_id.as_deref()
            }
            _ => None,
        }
    }
}

impl Failure for OrgvueError {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            OrgvueError::Api { status, errors, .. } => Outcome::Answered {
                status: *status,
                // Of several the one that forbids more.
                code: errors
                    .iter()
                    .find(|error| error.code == QUOTA_EXCEEDED)
                    .or(errors.first())
                    .map(|error| &*error.code),
            },
            OrgvueError::Unexpected { status, .. } if !(200..300).contains(status) => {
                Outcome::Answered {
                    status: *status,
                    code: None,
                }
            }
            OrgvueError::Unexpected { .. }
            | OrgvueError::Address { .. }
            | OrgvueError::NoTicketUrl
            | OrgvueError::NoResultUrl
            | OrgvueError::Results(_)
            | OrgvueError::Gzip(_) => Outcome::Malformed,
            OrgvueError::BaseUrl(_) | OrgvueError::Token => Outcome::Untrusted,
            OrgvueError::Slow { .. } => Outcome::Lost,
            OrgvueError::Transport { source, .. } => source.outcome(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            OrgvueError::Api { retry_after, .. } | OrgvueError::Unexpected { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}

/// The import did not start, or may have.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The API said no: nothing is imported.
    #[error("the import was refused")]
    Refused(#[source] Box<OrgvueError>),
    /// The request never left: nothing is imported.
    #[error("the import could not be requested")]
    NotSent(#[source] Box<OrgvueError>),
    /// The request was sent and no usable answer came. It is never repeated by itself.
    #[error("the import was requested, but no usable answer came: whether it began is not known")]
    Unknown(#[source] Box<OrgvueError>),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn api_errors_show_name_code_message_and_advice() {
        let error = OrgvueError::Api {
            what: "get an upload address",
            status: 403,
            errors: ApiError::read_all(&json!({"errors": [
                {"message": "The token has\n expired.", "code": "40302", "name": "ApiTokenExpired", "more": 1},
                {"name": "Other", "code": 999999},
                "bare",
                {},
                7,
            ]})),
            trace_id: Some("Root=1-62bcb5d3-3b211f8616879dea3bde593f".into()),
            retry_after: None,
        };
        assert_eq!(
            error.to_string(),
            "cannot get an upload address: the API refused with status 403; ApiTokenExpired (40302): The token has \
             expired - make a new token on the tenant's Tokens page; Other (999999); bare \
             (trace Root=1-62bcb5d3-3b211f8616879dea3bde593f)"
        );
    }

    #[test]
    fn errors_are_found_wherever_they_are() {
        #[track_caller]
        fn check(value: Value, expected: &[&str]) {
            let found: Vec<_> = ApiError::read_all(&value)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(found, expected);
        }
        check(json!({"errors": [{"code": "1"}]}), &["error 1"]);
        check(json!({"errors": [], "error": "why"}), &["why"]);
        check(
            json!({"_errors": [{"name": "N", "message": "m"}]}),
            &["N: m"],
        );
        check(json!({"error": {"name": "N"}}), &["N"]);
        check(json!({"errors": "text"}), &["text"]);
        check(json!({"errors": null}), &[]);
        let of_two =
            json!({"errors": [{"name": "A", "property": "pay"}, {"name": "B", "field": ""}]});
        let properties: Vec<_> = ApiError::read_all(&of_two)
            .into_iter()
            .map(|error| error.property)
            .collect();
        assert_eq!(properties, [Some("pay".to_owned()), None]);
        check(json!([1]), &[]);
        check(json!("x"), &[]);
    }

    #[test]
    fn every_known_code_has_its_advice() {
        for code in [
            "40101", "40102", "40103", "40301", "40302", "40303", "40321", "40322", "40323",
            "40324", "40345", "42901", "42902", "400603", "415001",
        ] {
            let advice = advice(code).unwrap_or_else(|| panic!("{code}"));
            assert!(!advice.ends_with('.'));
        }
        assert_eq!(advice("1"), None);
    }
}
