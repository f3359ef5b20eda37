//! `min_length` and `max_length`.

use super::given::{Bound, Broken, Cells, Given, Problems, Words};

pub(super) struct Length {
    least: bool,
    bound: Bound<usize>,
}

/// The shortest, then the longest, where they are stated.
pub(super) fn compile(given: &Given<'_>, problems: &mut Problems) -> Vec<Length> {
    let (min, max) = (given.rules.min_length, given.rules.max_length);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        problems.push((
            "min_length",
            format!("`min_length: {min}` is more than `max_length: {max}`"),
        ));
    }
    let length = |limit: usize, least: bool| {
        let (code, words) = match least {
            true => ("min_length", "least"),
            false => ("max_length", "most"),
        };
        let characters = match limit {
            1 => "character",
            _ => "characters",
        };
        let words = Words::new(code, format!("expected at {words} {limit} {characters}"));
        Length {
            least,
            bound: Bound { limit, words },
        }
    };
    let min = min.map(|limit| length(limit, true));
    let max = max.map(|limit| length(limit, false));
    min.into_iter().chain(max).collect()
}

impl Length {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        let Bound { limit, words } = &self.bound;
        // A character has at least one byte, so bytes often decide.
        match self.least {
            true => cells.filled(|row, _, text| {
                if text.len() < *limit || text.chars().count() < *limit {
                    broken.push((row, words));
                }
            }),
            false => cells.filled(|row, _, text| {
                if text.len() > *limit && text.chars().count() > *limit {
                    broken.push((row, words));
                }
            }),
        }
    }
}
