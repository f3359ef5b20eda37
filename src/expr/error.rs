//! Why an expression can't be used, and why it gave nothing for a row.

use std::borrow::Cow;

use crate::batch::NoColumn;

/// Longest expression in bytes: room for a list of a thousand codes.
pub(crate) const MAX_LENGTH: usize = 16 * 1024;

/// Fault code of a row for which an expression can't be evaluated.
pub(crate) const FAILED: &str = "expression_failed";

/// Why an expression can't be used. Says where inside the expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// There is nothing.
    #[error("the expression is empty")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error(
        "the expression is longer than {MAX_LENGTH} bytes; put long lists of values into a file for `lookup`"
    )]
    TooLong,
    /// Brackets or operators nested too deeply.
    #[error("the expression is nested too deeply; split it over several `set` stages")]
    TooDeep,
    /// Not CEL.
    #[error("line {line}, column {column} of the expression: {message}")]
    Syntax {
        /// Line in the expression, from 1.
        line: usize,
        /// Column in that line, from 1.
        column: usize,
        /// What the parser says, and what to write instead where that is known.
        message: String,
    },
    /// A function is called that there is not, or with the wrong number of arguments.
    #[error("{0}")]
    Function(String),
    /// A pattern that is not valid, or not a literal.
    #[error("{0}")]
    Pattern(String),
    /// The language has it, but it has no use here.
    #[error("{0}")]
    Unsupported(String),
}

/// Why an expression gave nothing for a row. Never holds a cell's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub(super) Cow<'static, str>);

impl EvalError {
    /// The words, for a [`crate::batch::Fault`].
    pub fn into_message(self) -> Cow<'static, str> {
        self.0
    }
}

/// Why an expression does not fit the columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It names a column that is not there.
    #[error("{missing}{advice}")]
    NoColumn {
        missing: NoColumn,
        /// What to write instead, where that is known; or nothing.
        advice: String,
    },
    /// It can't come to anything, whatever the rows hold.
    #[error("{0}")]
    Kinds(String),
}

/// The last line of a regex error says what is wrong; the lines before draw a picture of it.
pub(crate) fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
