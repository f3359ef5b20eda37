//! `required`, and the key, which is never empty. Blanks and invisible characters alone are nothing, too.

use super::given::{Broken, Cells, Given, Words};

const KEY_EMPTY: &str = "key_empty";
const REQUIRED: &str = "required";

pub(super) struct Required(Words);

pub(super) fn compile(given: &Given<'_>) -> Option<Required> {
    match (given.is_key, given.rules.required) {
        (true, _) => Some(Words::new(KEY_EMPTY, "expected a key, found nothing")),
        (_, true) => Some(Words::new(REQUIRED, "expected a value, found nothing")),
        _ => None,
    }
    .map(Required)
}

/// Whether these are the words for an empty cell.
pub(super) fn is_said_by(words: &Words) -> bool {
    matches!(words.code, KEY_EMPTY | REQUIRED)
}

impl Required {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        cells.empty(|row| broken.push((row, &self.0)));
    }
}
