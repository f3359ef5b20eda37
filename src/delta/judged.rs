//! What the rows of a block are beside what the server has, row by row.

use std::ops::Range;

use crate::batch::Cell;

/// No place in the store.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// What a row is beside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It is out, or has no key.
    Aside,
    /// The server has nobody of this key.
    New,
    /// The server has it, or what it lacks can't be told.
    Same,
    /// Some values are others.
    Differs,
    /// It is not known what the server has.
    Pending,
    /// It asks for its item to be deleted.
    Deletes,
}

/// How a row is sent: its action, and which of the columns; all where there is no range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub action: &'static str,
    pub columns: Option<Range<usize>>,
}

/// How the rows of a batch are sent.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// Of each row; nothing where it is not sent.
    pub rows: Vec<Option<Choice>>,
    /// Columns, by their number among those that are sent.
    pub columns: Vec<u32>,
}

/// What a block's rows are beside the store.
#[derive(Debug)]
pub(crate) struct Judged {
    pub beside: Vec<Beside>,
    /// Whose they are; 0 where that can't be told.
    pub people: Vec<u128>,
    /// Where these are in the store, also of rejected rows.
    pub found: Vec<u32>,
    /// The hash of what each row holds; 0 of those that are out.
    pub rows: Vec<u64>,
    /// The hashes of the cells of rows that are not the same as before, or are sent, one such row after the other.
    pub(super) cells: Vec<u64>,
    /// Which of them are a row's; [`NOWHERE`] of those that have none.
    pub(super) cells_at: Vec<u32>,
    /// What the server has in the place of those of rows that differ, one such row after the other.
    pub before: Vec<u64>,
    /// Rows that are the same and of which no cell is looked at, and of each column, in how many of these it holds
    /// something.
    pub same: u64,
    pub filled: Vec<u64>,
    /// Rows of which a cell was emptied since.
    pub cleared: Vec<u32>,
    /// Rows whose key the source writes otherwise than the server has it, in order, and the other one of the two cells.
    pub spelled: Vec<(u32, Cell)>,
    pub choices: Choices,
}

impl Judged {
    /// The hashes of a row's cells, of which there are so many; nothing where it is out, or the same and not sent.
    pub(crate) fn cells(&self, row: usize, width: usize) -> Option<&[u64]> {
        let at = self.cells_at[row];
        (at != NOWHERE).then(|| &self.cells[at as usize * width..][..width])
    }

    /// Whether a row is the same, and counted as one of many.
    pub(crate) fn is_merely_same(&self, row: usize) -> bool {
        self.beside[row] == Beside::Same && self.cells_at[row] == NOWHERE
    }
}
