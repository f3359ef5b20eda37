//! Which file of an archive is meant.

use std::fmt;
use std::str::FromStr;

use glob::{MatchOptions, Pattern};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// The name of a file in an archive, or a pattern of such names. Without a `/` it is that of the file in whatever
/// folder, and with one that of the whole path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    written: String,
    pattern: Pattern,
}

/// What begins with a dot is matched by a dot alone, as in a shell.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl Entry {
    /// Whether the file of this path in the archive is meant.
    pub fn is(&self, path: &str) -> bool {
        let name = match self.written.contains('/') {
            true => path,
            false => path.rsplit('/').next().unwrap_or(path),
        };
        // A name may have characters that mean something in a pattern.
        name == self.written || self.pattern.matches_with(name, OPTIONS)
    }
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(text: &str) -> Result<Entry, String> {
        if text.is_empty() {
            return Err("expected the name of a file, or a pattern, found empty text".to_owned());
        }
        match Pattern::new(text) {
            Ok(pattern) => Ok(Entry {
                written: text.to_owned(),
                pattern,
            }),
            Err(error) => Err(format!(
                "`{text}` is not a pattern of file names: {}; write `[[]` for the character `[`",
                error.msg
            )),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Entry, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Entry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Entry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        for (written, path, expected) in [
            ("w.csv", "w.csv", true),
            ("w.csv", "out/2024/w.csv", true),
            ("w.csv", "W.csv", false),
            ("out/w.csv", "out/w.csv", true),
            ("out/w.csv", "in/out/w.csv", false),
            ("*.csv", "out/w.csv", true),
            ("*.csv", ".w.csv", false),
            (".w*", "out/.w.csv", true),
            ("*/w.csv", "out/w.csv", true),
            ("*/w.csv", "out/2024/w.csv", false),
            ("**/w.csv", "out/2024/w.csv", true),
            ("w [1].csv", "w [1].csv", true),
            ("w?.csv", "w1.csv", true),
        ] {
            let entry: Entry = written.parse().unwrap();
            assert_eq!(entry.is(path), expected, "{written} of {path}");
        }
        assert!("".parse::<Entry>().is_err());
        let error = "w[.csv".parse::<Entry>().unwrap_err();
        assert!(error.starts_with("`w[.csv` is not a pattern of file names: "));
    }
}
