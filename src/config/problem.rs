//! What is wrong with a pipeline file, and where.

use std::fmt;
use std::sync::Arc;

use super::excerpt::Written;
use crate::text::shown::shown;

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The file as a whole.
    #[default]
    Whole,
    /// In the file; line and column count from 1, columns in characters.
    At { line: u32, column: u32 },
    /// In a `--set` of the command line; holds the key.
    Set(Arc<str>),
}

impl Place {
    /// The line of a text that this is on, and a caret under the place.
    pub(super) fn excerpt(&self, text: &Written) -> Option<String> {
        match self {
            Place::At { line, column } => text.excerpt(*line, *column),
            _ => None,
        }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

/// Something wrong with a pipeline file, or worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: Arc<str>,
    /// Where in the file.
    pub place: Place,
    pub message: String,
    /// What to do, where that can be said.
    pub help: Option<String>,
    /// The line that it stands on and a caret under the place, where the line may be shown.
    pub excerpt: Option<String>,
}

impl Problem {
    /// Line, counted from 1; absent where the file as a whole or a `--set` is meant.
    pub fn line(&self) -> Option<u32> {
        match self.place {
            Place::At { line, .. } => Some(line),
            _ => None,
        }
    }

    /// Column in characters, counted from 1; absent as [`Problem::line`].
    pub fn column(&self) -> Option<u32> {
        match self.place {
            Place::At { column, .. } => Some(column),
            _ => None,
        }
    }

    /// The key of the `--set` that is meant, where it is one.
    pub fn set(&self) -> Option<&str> {
        match &self.place {
            Place::Set(key) => Some(key),
            _ => None,
        }
    }

    /// File and place alone: `workers.yaml:12:5`.
    pub fn place_text(&self) -> String {
        match &self.place {
            Place::Whole => self.file.to_string(),
            Place::At { line, column } => format!("{}:{line}:{column}", self.file),
            Place::Set(key) => format!("--set {key}"),
        }
    }

    /// The problem as one or two lines, the message after a word such as `warning: `. Names and values in it are as
    /// they may be shown.
    pub fn display_with(&self, word: &str) -> String {
        let place = self.place_text();
        let (place, message) = (shown(&place), shown(&self.message));
        match &self.help {
            Some(help) => format!("{place}: {word}{message}\n  help: {}", shown(help)),
            None => format!("{place}: {word}{message}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display_with(""))
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with a pipeline file, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// What must be put right before anything runs. Never empty in an error.
    pub problems: Vec<Problem>,
    /// What may be meant so.
    pub warnings: Vec<Problem>,
    /// What holds although nobody stated it; only `lint` tells.
    pub notes: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects the findings of one file.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) file: Arc<str>,
    pub(super) found: Problems,
    /// What the findings show lines of.
    text: Written,
}

impl Findings {
    pub(super) fn new(file: &str) -> Findings {
        Findings {
            file: file.into(),
            found: Problems::default(),
            text: Written::default(),
        }
    }

    /// As [`Findings::new`], and each finding shows the line that it stands on.
    pub(super) fn quoting(file: &str, text: Written) -> Findings {
        Findings {
            text,
            ..Findings::new(file)
        }
    }

    fn make(&self, place: Place, message: String, help: &str) -> Problem {
        Problem {
            file: self.file.clone(),
            excerpt: place.excerpt(&self.text),
            place,
            message,
            help: (!help.is_empty()).then(|| help.to_owned()),
        }
    }

    /// Something that must be put right; an empty `help` is none.
    pub(super) fn problem(&mut self, place: Place, message: impl Into<String>, help: &str) {
        let problem = self.make(place, message.into(), help);
        self.found.problems.push(problem);
    }

    /// Something that may be meant so.
    pub(super) fn warning(&mut self, place: Place, message: impl Into<String>, help: &str) {
        let problem = self.make(place, message.into(), help);
        self.found.warnings.push(problem);
    }

    /// Something that holds although it is not stated.
    pub(super) fn note(&mut self, place: Place, message: impl Into<String>, help: &str) {
        let problem = self.make(place, message.into(), help);
        self.found.notes.push(problem);
    }

    /// The findings, in the order of the file.
    pub(super) fn finish(mut self) -> Problems {
        let found = &mut self.found;
        for list in [&mut found.problems, &mut found.warnings, &mut found.notes] {
            list.sort_by(|a, b| a.place.cmp(&b.place));
            list.dedup();
        }
        self.found
    }
}

/// The candidate that a misspelt word is nearest to, if any is near.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|name| {
            let score = strsim::jaro_winkler(&name.to_lowercase(), &word);
            (score, name)
        })
        .filter(|(score, _)| *score > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// `did you mean` where a candidate is near, and all of them.
pub(super) fn expected_one_of(word: Option<&str>, candidates: &[&str]) -> String {
    let list = candidates.join(", ");
    match word.and_then(|word| nearest(word, candidates.iter().copied())) {
        Some(near) => format!("did you mean `{near}`? Expected one of: {list}"),
        None => format!("expected one of: {list}"),
    }
}
