//! The import's query parameters, typed.

use url::form_urlencoded;

use super::error::{ApiError, ApiErrors};

/// What an import is told.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportParams {
    pub identify_by: IdentifyBy,
    pub date_format: DateFormat,
    pub implicit_delete: bool,
    pub noop_token: Option<String>,
    pub clear_tokens: Vec<String>,
    pub on_action_validation_failure: Option<String>,
    pub result_gzip: bool,
}

/// How a payload names its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum IdentifyBy {
    /// By `_id`.
    #[default]
    Id,
    /// By the data set's own identifying property.
    AutoId,
    /// By a property that is unique.
    Key(String),
    /// By a property that several items may share.
    MergeKey(String),
}

/// How a payload writes dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DateFormat {
    #[default]
    Ymd,
    Dmy,
    Mdy,
}

impl DateFormat {
    /// The date in ISO form, if it is one in this format.
    pub(crate) fn to_iso(self, text: &str) -> Option<String> {
        let (separator, places) = match self {
            DateFormat::Ymd => ('-', [0, 1, 2]),
            DateFormat::Dmy => ('/', [2, 1, 0]),
            DateFormat::Mdy => ('/', [2, 0, 1]),
        };
        let parts: Vec<&str> = text.split(separator).collect();
        let number = |place: usize, digits: usize| {
            let part = *parts.get(places[place])?;
            (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<i16>().ok())
                .flatten()
        };
        let (year, month, day) = (number(0, 4)?, number(1, 2)?, number(2, 2)?);
        if parts.len() != 3 {
            return None;
        }
        jiff::civil::Date::new(year, month as i8, day as i8)
            .ok()
            .map(|date| date.to_string())
    }
}

impl ImportParams {
    /// Reads a query string. All faults are reported together. A parameter that the documentation
    /// doesn't know is refused, so that a misspelt one is noticed here and not in production.
    pub(crate) fn parse(query: &str) -> Result<ImportParams, ApiErrors> {
        let mut params = ImportParams::default();
        let mut errors = Vec::new();
        let mut identified_by: Vec<String> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (name, value) = (name.into_owned(), value.into_owned());
            if name != "clearToken" && seen.contains(&name) {
                errors.push(ApiError::new(
                    "SandboxQueryParameterRepeated",
                    "400911",
                    format!("The query parameter {name} may be stated once"),
                ));
            }
            seen.push(name.clone());
            let expected = match name.as_str() {
                "dateFormat" => match value.as_str() {
                    "YYYY-MM-DD" => set(&mut params.date_format, DateFormat::Ymd),
                    "DD/MM/YYYY" => set(&mut params.date_format, DateFormat::Dmy),
                    "MM/DD/YYYY" => set(&mut params.date_format, DateFormat::Mdy),
                    _ => Some("YYYY-MM-DD, DD/MM/YYYY or MM/DD/YYYY"),
                },
                "autoId" => match value.as_str() {
                    "true" => {
                        identified_by.push(name.clone());
                        set(&mut params.identify_by, IdentifyBy::AutoId)
                    }
                    "false" => None,
                    _ => Some("true or false"),
                },
                "idKey" | "mergeKey" if value.is_empty() => Some("a property's key"),
                "idKey" => {
                    identified_by.push(name.clone());
                    set(&mut params.identify_by, IdentifyBy::Key(value))
                }
                "mergeKey" => {
                    identified_by.push(name.clone());
                    set(&mut params.identify_by, IdentifyBy::MergeKey(value))
                }
                "implicitDelete" => match value.as_str() {
                    "true" => set(&mut params.implicit_delete, true),
                    "false" => None,
                    _ => Some("true or false"),
                },
                "noopToken" => set(&mut params.noop_token, Some(value)),
                "clearToken" => {
                    params.clear_tokens.push(value);
                    None
                }
                // The sandbox has no access rules, so only the third of these can matter.
                "onPropertyAccessDenied" | "onItemAccessDenied" if !value.is_empty() => None,
                "onActionValidationFailure" if !value.is_empty() => {
                    set(&mut params.on_action_validation_failure, Some(value))
                }
                "onPropertyAccessDenied" | "onItemAccessDenied" | "onActionValidationFailure" => {
                    Some("a value")
                }
                "resultEncoding" => match value.as_str() {
                    "identity" => None,
                    "gzip" => set(&mut params.result_gzip, true),
                    _ => Some("identity or gzip"),
                },
                _ => {
                    errors.push(ApiError::new(
                        "SandboxQueryParameterUnknown",
                        "400912",
                        "The query has a parameter that the documentation does not know",
                    ));
                    None
                }
            };
            if let Some(expected) = expected {
                errors.push(ApiError::new(
                    "SandboxQueryParameterInvalid",
                    "400913",
                    format!("The query parameter {name} must be {expected}"),
                ));
            }
        }
        if identified_by.len() > 1 {
            errors.push(ApiError::new(
                "SandboxQueryParametersExclusive",
                "400914",
                format!(
                    "The query parameters {} exclude each other",
                    identified_by.join(" and ")
                ),
            ));
        }
        if let Some(noop) = &params.noop_token
            && params.clear_tokens.contains(noop)
        {
            errors.push(ApiError::new(
                "SandboxTokensEqual",
                "400915",
                "The query parameters noopToken and clearToken must differ",
            ));
        }
        if errors.is_empty() {
            Ok(params)
        } else {
            Err(ApiErrors {
                errors,
                retry_after: None,
            })
        }
    }
}

/// Sets a parameter; nothing was wrong with it.
fn set<T>(place: &mut T, value: T) -> Option<&'static str> {
    *place = value;
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (format, text, expected) in [
            (DateFormat::Ymd, "1981-05-15", Some("1981-05-15")),
            (DateFormat::Dmy, "15/05/1981", Some("1981-05-15")),
            (DateFormat::Mdy, "05/15/1981", Some("1981-05-15")),
            (DateFormat::Mdy, "15/05/1981", None),
            (DateFormat::Ymd, "1981-5-15", None),
            (DateFormat::Ymd, "1981-02-29", None),
            (DateFormat::Ymd, "1981-05-15-01", None),
            (DateFormat::Ymd, "", None),
        ] {
            assert_eq!(
                format.to_iso(text).as_deref(),
                expected,
                "{text} as {format:?}"
            );
        }
    }

    #[test]
    fn queries() {
        let codes = |query: &str| match ImportParams::parse(query) {
            Ok(_) => vec![],
            Err(e) => e.errors.iter().map(|e| e.code).collect(),
        };
        for (query, expected) in [
            ("", vec![]),
            (
                "dateFormat=DD/MM/YYYY&autoId=true&implicitDelete=true",
                vec![],
            ),
            (
                "idKey=employeeID&noopToken=&clearToken=-&clearToken=%23",
                vec![],
            ),
            (
                "mergeKey=team&resultEncoding=gzip&onItemAccessDenied=skip",
                vec![],
            ),
            ("autoId=false&idKey=a", vec![]),
            ("autoId=true&idKey=a", vec!["400914"]),
            ("mergeKey=b&idKey=a", vec!["400914"]),
            ("idKey=b&idKey=a", vec!["400911", "400914"]),
            ("idKey=", vec!["400913"]),
            ("dateFormat=DD.MM.YYYY&autoId=yes", vec!["400913", "400913"]),
            ("implicitdelete=true", vec!["400912"]),
            ("noopToken=x&clearToken=x", vec!["400915"]),
            ("resultEncoding=zstd", vec!["400913"]),
            ("onPropertyAccessDenied=", vec!["400913"]),
        ] {
            assert_eq!(codes(query), expected, "{query}");
        }
    }
}
