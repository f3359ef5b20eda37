//! `replace`: replaces what a regular expression matches.

use regex::{CaptureLocations, Regex};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bound, Resources, Stage, check_names, hold, pattern, places, rewrite};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns};

/// Replaces all that a regular expression matches, in text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceSpec {
    /// The columns.
    pub columns: Vec<String>,
    /// A regular expression, of the syntax of Rust's `regex`.
    pub pattern: String,
    /// What takes the place of each match: `$1` or `$name` for a group, `$$` for a dollar. Braces part a
    /// group from a letter behind it; in a pipeline file, where `${` begins a variable, they are written
    /// `$${1}`.
    pub with: String,
}

/// A part of the replacement.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl ReplaceSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_names("columns", &self.columns)?;
        parts(&pattern(&self.pattern)?, &self.with).map(drop)
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let pattern = pattern(&self.pattern)?;
        let slots = places(columns, &self.columns)?;
        hold(columns, slots.iter().map(|p| p.1), Kinds::rewritten);
        Ok(Some(Box::new(Replace {
            slots: slots.into_iter().map(|p| p.1).collect(),
            with: parts(&pattern, &self.with)?,
            pattern,
        })))
    }
}

/// Reads the replacement as `regex` does, and refuses a group that the pattern does not have, which
/// would silently be empty: mostly it is `$1x` where `${1}x` is meant.
fn parts(pattern: &Regex, with: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = with;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
            continue;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, after) = match rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            Some(braced) => braced,
            None => rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len())),
        };
        if name.is_empty() {
            text.push('$');
            continue;
        }
        rest = after;
        let group = match name.parse::<usize>() {
            Ok(number) => Some(number).filter(|n| *n < pattern.captures_len()),
            Err(_) => pattern.capture_names().position(|n| n == Some(name)),
        };
        let Some(group) = group else {
            let digits = name.find(|c: char| !c.is_ascii_digit());
            let hint = match digits {
                Some(end) if end > 0 => format!("; write ${{{}}}{}", &name[..end], &name[end..]),
                _ => String::new(),
            };
            return Err(format!(
                "`with` names a group `{name}` that the pattern does not have{hint}"
            ));
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Group(group));
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

struct Replace {
    slots: Vec<usize>,
    pattern: Regex,
    with: Vec<Part>,
}

impl Replace {
    /// Writes the text with all replacements, or nothing where there is no match.
    fn change(&self, groups: &mut CaptureLocations, text: &str, out: &mut String) -> bool {
        let has_groups = self.with.iter().any(|p| matches!(p, Part::Group(_)));
        let mut done = 0;
        let mut any = false;
        for found in self.pattern.find_iter(text) {
            any = true;
            out.push_str(&text[done..found.start()]);
            done = found.end();
            if has_groups {
                self.pattern.captures_read_at(groups, text, found.start());
            }
            for part in &self.with {
                match part {
                    Part::Text(text) => out.push_str(text),
                    Part::Group(group) => {
                        if let Some((start, end)) = groups.get(*group) {
                            out.push_str(&text[start..end]);
                        }
                    }
                }
            }
        }
        out.push_str(&text[done..]);
        any && out != text
    }
}

impl Stage for Replace {
    fn apply(&self, batch: &mut Batch) {
        let mut groups = self.pattern.capture_locations();
        for &slot in &self.slots {
            rewrite(batch, slot, |text, out| self.change(&mut groups, text, out));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::{check, check_refused};
    use super::*;

    #[test]
    fn all_matches_are_replaced() {
        for (pattern, with, text, expected) in [
            ("-", "", "a-b-c", "abc"),
            (r"^(\w+), (\w+)$", "$2 $1", "Doe, Jane", "Jane Doe"),
            (
                r"(?<last>\w+), (?<first>\w+)",
                "$first ${last}x",
                "Doe, Jane",
                "Jane Doex",
            ),
            (r"\d+", "$$0", "a12b3", "a$0b$0"),
            (r"\d+", "<$0>", "a12b3", "a<12>b<3>"),
            ("x", "y", "abc", "abc"),
            ("^$", "n/a", "", "n/a"),
            ("(a)|(b)", "[$1$2]", "ab", "[a][b]"),
            ("x*", "-", "aéb", "-a-é-b-"),
            ("a", "$", "a", "$"),
            ("a", "$ ${", "a", "$ ${"),
            ("(?i)É", "e", "éÉ", "ee"),
        ] {
            check(
                json!({ "replace": { "columns": ["a"], "pattern": pattern, "with": with } }),
                json!([["a"], [text], [7], [null]]),
                json!([["a"], [expected], [7], [null]]),
            );
        }
    }

    #[test]
    fn refusals() {
        for (pattern, with, message) in [
            (
                "(",
                "",
                "`pattern` is not a valid regular expression: unclosed group",
            ),
            (
                "(a)",
                "$2",
                "`with` names a group `2` that the pattern does not have",
            ),
            (
                "(a)",
                "$1x",
                "`with` names a group `1x` that the pattern does not have; write ${1}x",
            ),
            (
                "(a)",
                "${name}",
                "`with` names a group `name` that the pattern does not have",
            ),
        ] {
            check_refused(
                json!({ "replace": { "columns": ["a"], "pattern": pattern, "with": with } }),
                &["a"],
                message,
            );
        }
    }

    proptest! {
        #[test]
        fn the_same_as_the_crate_says(text in "[abé ]{0,8}", pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "é", "(a)", "(b+)", "a*", "(é|)", ".", r"\b", "$", "^", "|"]), 1..4), with in "(-|\\$0|\\$\\$|\\$\\{0\\}|é){0,3}") {
            let regex = Regex::new(&pattern.concat()).unwrap();
            let stage = Replace { slots: vec![], with: parts(&regex, &with).unwrap(), pattern: regex.clone() };
            let mut out = String::new();
            let changed = stage.change(&mut regex.capture_locations(), &text, &mut out);
            let expected = regex.replace_all(&text, with.as_str());
            prop_assert_eq!(changed, expected != text);
            prop_assert_eq!(if changed { &out } else { &text }, &*expected);
        }
    }
}
