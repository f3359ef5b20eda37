//! What is found where a text is to be cut into records.

/// What was found in a text that begins on a record boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The text up to here is whole records.
    At(usize),
    /// No record ends in this text; more is needed.
    None {
        /// Where a quote or string was opened that the text does not close.
        open: Option<usize>,
    },
}

/// Why a text can't be cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct CutError {
    /// Offset in the text at which it went wrong.
    pub at: usize,
    /// What is wrong.
    pub kind: CutErrorKind,
}

/// What is wrong with a text that can't be cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CutErrorKind {
    /// A quoted cell is never closed.
    #[error("the quote opened here is never closed")]
    OpenQuote,
    /// The text is not an array.
    #[error("expected `[`, the beginning of a JSON array (one object a line is `format: ndjson`)")]
    NoArray,
    /// The text ends within the array.
    #[error("the JSON array ends without `]`: the file is cut off")]
    OpenArray,
    /// Something follows the array.
    #[error("something follows the end of the JSON array")]
    AfterArray,
    /// A bracket closes what was not opened.
    #[error("a bracket closes what was not opened")]
    Bracket,
}
