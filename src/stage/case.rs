//! `case`: upper, lower or title case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bound, Resources, Stage, check_names, hold, places, rewrite};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns};

/// Upper, lower or title case, by Unicode's rules. Text alone is changed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseSpec {
    /// The columns.
    pub columns: Vec<String>,
    /// Which case.
    pub to: Case,
}

/// How letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// ALL LETTERS LARGE.
    Upper,
    /// all letters small.
    Lower,
    /// Words Begin Large: `jean-luc o'neill` becomes `Jean-Luc O'Neill`. A single letter after an
    /// apostrophe stays small (`Children's`).
    Title,
}

impl CaseSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("columns", &self.columns)
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let slots = places(columns, &self.columns)?;
        hold(columns, slots.iter().map(|p| p.1), Kinds::rewritten);
        Ok(Some(Box::new(Change {
            slots: slots.into_iter().map(|p| p.1).collect(),
            to: self.to,
        })))
    }
}

struct Change {
    slots: Vec<usize>,
    to: Case,
}

impl Stage for Change {
    fn apply(&self, batch: &mut Batch) {
        for &slot in &self.slots {
            // Decided once per column; within it, most cells are ASCII and many are right already.
            match self.to {
                Case::Upper => rewrite(batch, slot, |text, out| {
                    if text.is_ascii() {
                        text.bytes().any(|b| b.is_ascii_lowercase()) && {
                            out.push_str(text);
                            out.make_ascii_uppercase();
                            true
                        }
                    } else {
                        out.extend(text.chars().flat_map(char::to_uppercase));
                        out != text
                    }
                }),
                Case::Lower => rewrite(batch, slot, |text, out| {
                    if text.is_ascii() {
                        text.bytes().any(|b| b.is_ascii_uppercase()) && {
                            out.push_str(text);
                            out.make_ascii_lowercase();
                            true
                        }
                    } else {
                        lower(text, out);
                        out != text
                    }
                }),
                Case::Title => rewrite(batch, slot, |text, out| {
                    title(text, out);
                    out != text
                }),
            }
        }
    }
}

fn lower(text: &str, out: &mut String) {
    if text.contains('Σ') {
        // Its small form depends on its place in the word, which only the whole text shows.
        out.push_str(&text.to_lowercase());
    } else {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

fn title(text: &str, out: &mut String) {
    let mut small = String::new();
    let text = if text.chars().any(char::is_uppercase) {
        lower(text, &mut small);
        small.as_str()
    } else {
        text
    };
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let begins = match before {
            '\'' | '\u{2019}' => chars.peek().is_some_and(|c| c.is_alphanumeric()),
            // A combining mark belongs to its letter and does not end a word.
            _ => !before.is_alphanumeric() && !is_mark(before),
        };
        if begins {
            let mut large = c.to_uppercase();
            out.extend(large.next());
            // What is one letter in small may be two in large: ß is SS, at a word's beginning Ss.
            out.extend(large.flat_map(char::to_lowercase));
        } else {
            out.push(c);
        }
        before = c;
    }
}

/// The combining marks of Latin, Greek and Cyrillic text.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_refused};

    #[test]
    fn letters_change() {
        for (to, text, expected) in [
            ("upper", "abc-1", "ABC-1"),
            ("upper", "straße é", "STRASSE É"),
            ("upper", "ABC", "ABC"),
            ("upper", "", ""),
            ("lower", "ABC", "abc"),
            ("lower", "ÅSA", "åsa"),
            ("lower", "ΟΔΟΣ", "οδος"),
            ("title", "JEAN-LUC O'NEILL", "Jean-Luc O'Neill"),
            ("title", "children's services", "Children's Services"),
            ("title", "åsa öst", "Åsa Öst"),
            ("title", "e\u{301}lan VITAL", "E\u{301}lan Vital"),
            ("title", "ßa 2nd ΟΔΟΣ", "Ssa 2nd Οδος"),
            ("title", "A B", "A B"),
        ] {
            check(
                json!({ "case": { "columns": ["a"], "to": to } }),
                json!([["a"], [text]]),
                json!([["a"], [expected]]),
            );
        }
    }

    #[test]
    fn text_alone_is_changed() {
        let table = json!([["a"], [{"number": "1e5"}], [true], [null], [{"json": "{\"a\":1}"}], [{}], [{"faulty": "x"}]]);
        check(
            json!({ "case": { "columns": ["a"], "to": "upper" } }),
            table.clone(),
            table,
        );
    }

    #[test]
    fn refusals() {
        check_refused(
            json!({ "case": { "columns": [], "to": "upper" } }),
            &["a"],
            "`columns` names no column",
        );
        check_refused(
            json!({ "case": { "columns": ["a"], "to": "camel" } }),
            &["a"],
            "unknown variant `camel`, expected one of `upper`, `lower`, `title`",
        );
    }
}
