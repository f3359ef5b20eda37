//! Why the engine ended early.

use super::process::BlockError;
use crate::source::{Source, SourceError};

/// Why blocks stopped coming, or a body has no end.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's text can't be read as records.
    #[error("{file}:{line}{}: {message}", column.map_or_else(String::new, |c| format!(":{c}")))]
    Data {
        file: String,
        /// Physical line, from 1.
        line: u64,
        /// Column in bytes, from 1, where it is known.
        column: Option<u64>,
        /// What is wrong, without a value.
        message: String,
    },
    /// The source's only file has no text, or no records.
    #[error("{file}:{line}{}: {message}", column.map_or_else(String::new, |c| format!(":{c}")))]
    Empty {
        file: String,
        /// Physical line, from 1.
        line: u64,
        /// Column in bytes, from 1, where it is known.
        column: Option<u64>,
        message: String,
    },
    /// The source is not what a setting says that it is.
    #[error("{file}:{line}{}: {message}", column.map_or_else(String::new, |c| format!(":{c}")))]
    Setting {
        file: String,
        /// Physical line, from 1.
        line: u64,
        /// Column in bytes, from 1, where it is known.
        column: Option<u64>,
        /// What is wrong, and which setting mends it.
        message: String,
    },
    /// The source changed between the two passes.
    #[error(
        "the source changed while it was read: the second pass produced other bytes than the first \
         ({first} bytes, then {second}); the upload was cut off and nothing was imported"
    )]
    SourceChanged {
        /// Bytes of the first pass.
        first: u64,
        /// Bytes of the second.
        second: u64,
    },
    /// The source changed between two looks of the survey.
    #[error(
        "the source changed while it was read: the survey's second look found other rows than its first; nothing was sent"
    )]
    ChangedInSurvey,
    /// A worker panicked.
    #[error("a worker gave up (panic) at {at}; this is a bug in rostream, please report it")]
    GaveUp {
        /// What it worked on, without a value.
        at: String,
    },
    /// The runtime that works on the blocks is ending.
    #[error("interrupted")]
    Interrupted,
}

impl EngineError {
    /// A panic over the block that begins there.
    pub(crate) fn gave_up(source: &Source, file: usize, line: u64) -> EngineError {
        let name = &source.origins()[file].name;
        EngineError::GaveUp {
            at: format!("the block that begins on line {line} of {name}"),
        }
    }

    /// What went wrong within a block, with the name of its file.
    pub fn in_block(source: &Source, error: BlockError) -> EngineError {
        EngineError::Data {
            file: source.origins()[error.file as usize].name.clone(),
            line: error.line,
            column: error.column,
            message: error.message,
        }
    }
}
