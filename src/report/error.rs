//! What ended a run, for machines: a word that stays, and whether trying again can help.

use serde::Serialize;

/// What kind of error it is. The words are part of the interface, and explained in `codes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// Its word, in snake_case.
    pub word: &'static str,
    /// Whether the same command may succeed later, with nothing changed by anybody.
    pub retryable: bool,
}

impl Code {
    /// An error that something must be done about first.
    pub(crate) const fn lasting(word: &'static str) -> Code {
        Code {
            word,
            retryable: false,
        }
    }

    /// An error that may be gone the next time.
    pub(crate) const fn passing(word: &'static str) -> Code {
        Code {
            word,
            retryable: true,
        }
    }
}

/// An error as the run report has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorReport {
    /// What kind it is.
    pub code: &'static str,
    /// The error and its causes.
    pub message: String,
    /// Whether the same command may succeed later.
    pub retryable: bool,
}

impl ErrorReport {
    pub(crate) fn new(code: Code, message: String) -> ErrorReport {
        ErrorReport {
            code: code.word,
            message,
            retryable: code.retryable,
        }
    }
}
