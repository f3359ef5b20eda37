//! `pattern`.

use regex::Regex;

use super::given::{Broken, Cells, Given, Problems, Words};
use crate::expr::one_line;

pub(super) struct Pattern {
    regex: Regex,
    words: Words,
}

pub(super) fn compile(given: &Given<'_>, problems: &mut Problems) -> Option<Pattern> {
    let pattern = given.rules.pattern.as_deref()?;
    match Regex::new(pattern) {
        Ok(regex) => Some(Pattern {
            regex,
            words: Words::new("pattern", format!("expected a match of {pattern}")),
        }),
        Err(e) => {
            let why = one_line(&e);
            problems.push((
                "pattern",
                format!("`{pattern}` is not a valid regular expression: {why}"),
            ));
            None
        }
    }
}

impl Pattern {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        cells.filled(|row, _, text| {
            if !self.regex.is_match(text) {
                broken.push((row, &self.words));
            }
        });
    }
}
