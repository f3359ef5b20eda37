//! Invisible characters in a key: it looks like another one, and isn't. Elsewhere they may be part of what is written.

use super::given::{Broken, Cells, Given, Words};
use crate::text::unseen::{is_invisible, place};

pub(super) struct Invisible(Words);

pub(super) fn compile(given: &Given<'_>) -> Option<Invisible> {
    let words = Words {
        found: Some(found),
        ..Words::new("invisible", "expected a key without invisible characters")
    };
    given.is_key.then_some(Invisible(words))
}

fn found(text: &str) -> String {
    match place(text, is_invisible) {
        Some((c, place)) => format!(
            "{place}; a `normalize` stage or `replace: {{ pattern: '\\x{{{:04X}}}', with: \"\" }}` takes it out",
            u32::from(c)
        ),
        None => "one".to_owned(),
    }
}

impl Invisible {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        // In most extracts, nothing in a block is.
        if cells.batch.bytes().is_ascii() {
            return;
        }
        cells.filled(|row, _, text| {
            if !text.is_ascii() && text.contains(is_invisible) {
                broken.push((row, &self.0));
            }
        });
    }
}
