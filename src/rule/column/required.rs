//! `required`, and the key, which is never empty.

use super::given::{Broken, Cells, Given, Words};

pub(super) struct Required(Words);

pub(super) fn compile(given: &Given<'_>) -> Option<Required> {
    match (given.is_key, given.rules.required) {
        (true, _) => Some(Words::new("key_empty", "expected a key, found nothing")),
        (_, true) => Some(Words::new("required", "expected a value, found nothing")),
        _ => None,
    }
    .map(Required)
}

impl Required {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        cells.empty(|row| broken.push((row, &self.0)));
    }
}
