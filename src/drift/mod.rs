//! Drift: what has changed in a source since the last accepted run, in its columns and in what stands in them.
//!
//! Of an accepted run a [memory] is kept: the names of the columns, and of each that matters what its cells look
//! like. The next run holds its [header](columns) against it before the long work, and [what its rows tell](rows) when the
//! survey is over. No value of a cell is kept: shapes and shares, and of code lists keyed hashes.

pub(crate) mod columns;
pub(crate) mod facts;
pub(crate) mod key;
pub(crate) mod memory;
pub(crate) mod rows;
pub(crate) mod sample;
mod shape;
pub(crate) mod spec;

use spec::Kind;

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub kind: Kind,
    /// The column, by its name now; of one that is gone, by the name that it had.
    pub column: String,
    /// What has changed, in words.
    pub message: String,
}
