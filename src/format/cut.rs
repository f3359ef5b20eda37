//! What is found where a text is to be cut into records.

use super::json::Reason;

/// What was found in a text that begins on a record boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The text up to here is whole records.
    At(usize),
    /// The text up to here holds no records.
    Skip(usize),
    /// No record ends in this text; more is needed.
    None {
        /// Where a quote or string was opened that the text does not close.
        open: Option<usize>,
    },
}

/// Why a text can't be cut into records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct CutError {
    /// Offset in the text at which it went wrong.
    pub at: usize,
    pub kind: CutErrorKind,
}

/// What is wrong with a text that can't be cut into records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutErrorKind {
    /// A quoted cell is never closed.
    #[error("the quote opened here is never closed")]
    OpenQuote,
    /// The text ends within an array.
    #[error("the JSON array ends without `]`: the file is cut off")]
    OpenArray,
    /// The text ends within an object.
    #[error("the JSON object ends without `}}`: the file is cut off")]
    OpenObject,
    /// Two elements of an array with no comma between them.
    #[error("expected `,` or `]` after an element of the array")]
    NoComma,
    /// A comma between documents.
    #[error(
        "there is a comma between two JSON documents; a list of objects must be an array, in `[` and `]`"
    )]
    CommaOutside,
    /// Something that is not an object or an array.
    #[error(
        "expected the end of the file behind a JSON document, or another object or array, found {0}"
    )]
    NoRecord(&'static str),
    /// A bracket closes what was not opened.
    #[error("a bracket closes something that was not opened")]
    Bracket,
    /// Text that is not JSON.
    #[error("not well-formed JSON: {0}")]
    Syntax(Reason),
    /// The records are not where the pipeline says.
    #[error("{0}")]
    Records(String),
}
