//! `one_of` and `not_one_of`, with `ignore_case`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use super::given::{Broken, Cells, Given, Problems, Words};
use crate::text::compare::{Spelling, comparable, compared, fold_into};
use crate::text::shown::shown;
use crate::text::unseen::is_plain_ascii;

/// Up to so many values are looked through one by one, which is faster than hashing the text.
const SHORT_LIST: usize = 8;

/// So many values of a list are named in a message.
const NAMED: usize = 10;

/// A list of values, and what to say.
pub(super) struct Values {
    list: List,
    ignore_case: bool,
    /// Whether the values are those that there are, or those that must not be.
    allowed: bool,
    words: Words,
    /// How a cell was written that is one of the values and yet not the same text, in bits.
    unlike: AtomicU64,
}

enum List {
    Short(Vec<String>),
    Long(HashSet<String>),
}

/// The values that there are, then those that must not be, where they are stated.
pub(super) fn compile(given: &Given<'_>, problems: &mut Problems) -> Vec<Values> {
    let rules = given.rules;
    let lists = [
        ("one_of", "one of", &rules.one_of),
        ("not_one_of", "none of", &rules.not_one_of),
    ];
    let mut values = Vec::new();
    for (code, words, list) in lists {
        let Some(list) = list else { continue };
        if list.is_empty() {
            problems.push((code, "the list is empty".into()));
        }
        let words = Words::new(code, format!("expected {words} {}", named(list)));
        values.push(Values::new(
            list,
            rules.ignore_case,
            code == "one_of",
            words,
        ));
    }
    if rules.ignore_case && values.is_empty() {
        problems.push((
            "ignore_case",
            "`ignore_case` has no effect without `one_of` or `not_one_of`".into(),
        ));
    }
    values
}

impl Values {
    fn new(values: &[String], ignore_case: bool, allowed: bool, words: Words) -> Values {
        let mut folded = String::new();
        let values = values.iter();
        let values = values.map(|value| compared(value, ignore_case, &mut folded).into_owned());
        Values {
            list: if values.len() > SHORT_LIST {
                List::Long(values.collect())
            } else {
                List::Short(values.collect())
            },
            ignore_case,
            allowed,
            words,
            unlike: AtomicU64::default(),
        }
    }

    /// What may not have been meant: a cell that passes goes out as it is.
    pub(super) fn remark(&self, column: &str) -> Option<String> {
        let unlike = Spelling::from_bits(self.unlike.load(Ordering::Relaxed));
        let differ = unlike.apart(Spelling::default()).filter(|_| self.allowed)?;
        Some(format!(
            "column `{}`: cells match the values of `one_of` except for {differ}, and are sent as they are; a \
             `normalize` stage makes them equal",
            shown(column)
        ))
    }

    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        let mut folded = String::new();
        cells.filled(|row, _, text| {
            let contained = match self.ignore_case {
                true => {
                    fold_into(text, &mut folded);
                    self.has(&folded)
                }
                false => self.has(text) || self.has_alike(text),
            };
            if contained != self.allowed {
                broken.push((row, &self.words));
            }
        });
    }

    fn has(&self, text: &str) -> bool {
        match &self.list {
            List::Short(values) => values.iter().any(|value| value == text),
            List::Long(values) => values.contains(text),
        }
    }

    /// Whether a text looks like one of the values without being it.
    fn has_alike(&self, text: &str) -> bool {
        let found = !is_plain_ascii(text) && self.has(&comparable(text));
        if found {
            self.unlike
                .store(Spelling::of(text).bits(), Ordering::Relaxed);
        }
        found
    }
}

/// The first values of a list, for a message.
fn named(values: &[String]) -> String {
    let first: Vec<_> = values
        .iter()
        .take(NAMED)
        .map(|v| format!("`{v}`"))
        .collect();
    let mut text = first.join(", ");
    if values.len() > NAMED {
        text.push_str(&format!(", ... ({} in all)", values.len()));
    }
    text
}
