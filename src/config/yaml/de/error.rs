//! What is wrong with a part of the tree, in words for people.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::config::problem::{Place, expected_one_of};

/// What is wrong, where, and the path to it (the innermost part first).
#[derive(Debug)]
pub(super) struct Error {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) place: Option<Place>,
    pub(super) path: Vec<String>,
    /// The key that is missing, where that is what is wrong.
    pub(super) missing: Option<&'static str>,
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            help: None,
            place: None,
            path: Vec::new(),
            missing: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Error {
        self.help = Some(help.into());
        self
    }

    /// Gives the place, unless something further in has given a closer one.
    pub(super) fn at(mut self, place: &Place) -> Error {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    pub(super) fn below(mut self, part: impl Into<String>) -> Error {
        self.path.push(part.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error::new(message.to_string())
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Error {
        let found = match found {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Unit | Unexpected::Option => "nothing",
            Unexpected::Seq => "a list",
            Unexpected::Map | Unexpected::StructVariant | Unexpected::NewtypeVariant => "a map",
            _ => "text",
        };
        Error::new(format!("expected {}, found {found}", in_words(expected)))
    }

    // The value itself is not shown.
    fn invalid_value(_: Unexpected, expected: &dyn Expected) -> Error {
        Error::new(format!("expected {}", in_words(expected)))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Error {
        Error::new(format!("expected {}, found {len}", in_words(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Error {
        Error::new(format!("unknown value `{variant}`"))
            .help(expected_one_of(Some(variant), expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Error {
        let error = Error::new(format!("unknown key `{field}`"));
        if expected.is_empty() {
            error.help("no keys are allowed here")
        } else {
            error.help(expected_one_of(Some(field), expected))
        }
    }

    fn missing_field(field: &'static str) -> Error {
        Error {
            missing: Some(field),
            ..Error::new(format!("the key `{field}` is missing"))
        }
    }
}

/// Serde's words for what it expects, in ours.
fn in_words(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "a sequence" => "a list".to_owned(),
        "a string" | "string" | "str" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        other => other.to_owned(),
    }
}
