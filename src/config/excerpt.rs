//! The line that a problem stands on, with a caret under the place. A line that may hold a secret is never shown, be it
//! only that its key is misspelt.

use std::fmt;
use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

/// Columns of a terminal that an excerpt takes; of a longer line the part around the caret is shown.
const WIDTH: usize = 90;

/// What keys of secrets are called, or have in their names.
const SECRETS: &[&str] = &[
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "authorization",
    "bearer",
];

/// Sections in which `key` is a column; elsewhere it is what something is sealed or hashed with.
const KEYED: &[&str] = &["validate", "as_of", "lookup"];

/// The text of a pipeline file.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Written(Arc<str>);

/// Not the text, which would be in every report of a bug.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Written {
    pub(super) fn new(text: &str) -> Written {
        Written(text.into())
    }

    /// A line with its number and a caret under a column; both count from 1. Nothing where there is no such line, or it
    /// may hold a secret.
    pub(super) fn excerpt(&self, line: u32, column: u32) -> Option<String> {
        let lines: Vec<&str> = self.0.lines().take(line as usize).collect();
        let (above, shown) = match lines.split_last() {
            Some((shown, above)) if above.len() + 1 == line as usize => (above, *shown),
            _ => return None,
        };
        if shown.trim().is_empty() || may_hold_secret(above, shown) {
            return None;
        }
        let text = shown.replace('\t', " ");
        let text = text.trim_start_matches('\u{feff}');
        let column = (column as usize).saturating_sub(1);
        let (text, column) = around(text.trim_end(), column);
        let before: String = text.chars().take(column).collect();
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let blanks = " ".repeat(before.width());
        Some(format!(
            "  {gutter} |\n  {number} | {text}\n  {gutter} | {blanks}^"
        ))
    }
}

/// The part of a long line around a column, counted from 0, and the column within it.
fn around(text: &str, column: usize) -> (String, usize) {
    let length = text.chars().count();
    let column = column.min(length);
    if length <= WIDTH {
        return (text.to_owned(), column);
    }
    let from = column.saturating_sub(WIDTH / 2).min(length - WIDTH);
    let part: String = text.chars().skip(from).take(WIDTH).collect();
    let (start, shift) = match from {
        0 => ("", 0),
        _ => ("…", 1),
    };
    let end = if from + WIDTH < length { "…" } else { "" };
    (format!("{start}{part}{end}"), column - from + shift)
}

/// Whether a line, or what it is a part of, has a key of a secret, or looks as an address with one.
fn may_hold_secret(above: &[&str], line: &str) -> bool {
    let lower = line.to_lowercase();
    let address = lower.contains("://") && lower.contains(['@', '?']);
    // Three letters with which a JSON Web Token begins.
    if address || lower.contains("bearer ") || line.contains("eyJ") {
        return true;
    }
    let keys = keys_around(above, line);
    let is_column = keys.iter().any(|key| KEYED.contains(&key.as_str()));
    keys.iter().any(|key| is_secret(key, is_column))
}

fn is_secret(key: &str, is_column: bool) -> bool {
    let near = |word: &&str| {
        let slips = if word.len() > 6 { 2 } else { 1 };
        key.contains(*word) || strsim::damerau_levenshtein(key, word) <= slips
    };
    let sealed = matches!(
        key,
        "key" | "old_key" | "api_key" | "apikey" | "private_key"
    );
    SECRETS.iter().any(near) || (sealed && !is_column)
}

/// The keys of a line, of the lines that it is nested in, and of the one before it, in lower case.
fn keys_around(above: &[&str], line: &str) -> Vec<String> {
    let mut keys = keys(line);
    let mut indent = indent_of(line);
    let filled = above.iter().rev().filter(|line| !line.trim().is_empty());
    for (nth, line) in filled.enumerate() {
        let outer = indent_of(line);
        if outer < indent {
            indent = outer;
        } else if nth > 0 {
            continue;
        }
        keys.extend(self::keys(line));
        if indent == 0 && nth > 0 {
            break;
        }
    }
    keys
}

/// Blanks before a line; an item of a list may stand as far out as the key whose list it is.
fn indent_of(line: &str) -> usize {
    let text = line.trim_start();
    (line.len() - text.len()) * 2 + usize::from(text.starts_with('-'))
}

/// The words before colons.
fn keys(line: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let parts: Vec<&str> = line.split(':').collect();
    let before_colons = parts.iter().take(parts.len() - 1);
    before_colons
        .filter_map(|part| {
            let part = part.trim_end_matches(['"', '\'', ' ']);
            let word = part.rsplit(|c| !is_word(c)).next()?;
            Some(word.to_lowercase().replace('-', "_"))
        })
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, line: u32, column: u32) -> Option<String> {
        Written::new(text).excerpt(line, column)
    }

    #[test]
    fn a_caret_stands_under_the_place() {
        let check = |text: &str, line, column, expected: &str| {
            let found = excerpt(text, line, column).unwrap();
            assert_eq!(found, expected, "{text}");
        };
        check("a: 1\nb: 2\n", 2, 4, "    |\n  2 | b: 2\n    |    ^");
        check("\ta: 1\r\n", 1, 2, "    |\n  1 |  a: 1\n    |  ^");
        check("名: x\n", 1, 4, "    |\n  1 | 名: x\n    |     ^");
        check("a: 1\n", 1, 99, "    |\n  1 | a: 1\n    |     ^");
        check("\u{feff}a: 1\n", 1, 1, "    |\n  1 | a: 1\n    | ^");
        let long = format!("a: {}!{}", "x".repeat(200), "y".repeat(200));
        let found = excerpt(&long, 1, 204).unwrap();
        let lines: Vec<Vec<char>> = found.lines().map(|line| line.chars().collect()).collect();
        let caret = lines[2].iter().position(|c| *c == '^').unwrap();
        assert_eq!(lines[1][caret], '!');
        assert!(lines[1].len() < 100);
    }

    #[test]
    fn what_is_not_there_is_not_shown() {
        assert_eq!(excerpt("a: 1\n", 2, 1), None);
        assert_eq!(excerpt("a: 1\n\n", 2, 1), None);
        assert_eq!(excerpt("", 1, 1), None);
        assert_eq!(excerpt("a: 1\n", 0, 1), None);
    }

    #[test]
    fn no_line_that_may_hold_a_secret_is_shown() {
        // SECRET stands on the last line.
        for text in [
            "token: SECRET",
            "tokn: SECRET",
            "target: { orgvue: { \"token\": SECRET } }",
            "token:\n  env: SECRET",
            "token:\n  a: b\n\n  env: SECRET",
            "token: >-\n  SECRET",
            "token:\n- SECRET",
            "token:\n- a\n- SECRET",
            "{ token:\nSECRET",
            "Pass-Phrase: SECRET",
            "password: SECRET",
            "a:\n  pasword: SECRET",
            "state: { key: SECRET }",
            "state:\n  key:\n    env: SECRET",
            "stages:\n  - hash: { columns: [a], key: SECRET }",
            "path: https://ann:SECRET@example.com/",
            "path: https://example.com/?sig=SECRET",
            "headers: [Bearer SECRET]",
            "dataset: eyJSECRET",
            "source:\n  password: x\n  path: SECRET",
        ] {
            let line = text.lines().count() as u32;
            assert_eq!(excerpt(text, line, 1), None, "{text}");
        }
        for text in [
            "validate: { key: employeeID }",
            "validate:\n  key: employeeID",
            "identify_by: { id_key: employeeID }",
            "target:\n  orgvue:\n    token: { env: X }\n    dataset: x\n    tenant: y",
            "path: https://example.com/",
            "to: x",
        ] {
            let line = text.lines().count() as u32;
            assert!(excerpt(text, line, 1).is_some(), "{text}");
        }
    }
}
