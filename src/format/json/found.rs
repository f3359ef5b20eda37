//! What was read of a block so far.

use std::borrow::Cow;

use serde_json::Value;

use crate::batch::pool::Lease;
use crate::batch::{Cell, Kind, Row};
use crate::format::Draft;
use crate::text::unseen::is_blank;

/// What was read of a block so far: cells row by row, to be turned into columns at the end.
pub(super) struct Found {
    pub(super) width: usize,
    pub(super) draft: Lease<Draft>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) faults: Vec<FoundFault>,
    /// Lines and objects that are no records.
    pub(super) skipped: u64,
    /// Whether a cell holds an object or an array.
    pub(super) nested: bool,
}

/// A cell whose text is not a piece of the block.
pub(super) struct Deferred {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) cell: Cell,
    pub(super) text: Text,
}

impl Deferred {
    pub(super) fn new(row: usize, column: usize, cell: Cell, text: Text) -> Deferred {
        Deferred {
            row: row as u32,
            column: column as u32,
            cell: cell.with_kind(Kind::Text),
            text,
        }
    }
}

/// How the text of a cell is made from what stands in the block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// A string with escapes.
    Unescaped,
    /// An array, its elements joined.
    Joined,
    /// There is none: half a character is in it.
    Broken,
}

/// A fault of a row, or of one of its cells.
pub(super) struct FoundFault {
    pub(super) row: u32,
    pub(super) column: Option<usize>,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
}

impl Found {
    pub(super) fn begin(&mut self, line: u32, start: usize, end: usize) {
        self.draft.rows.push(Row {
            line,
            start: start as u32,
            end: end as u32,
        });
        let cells = self.draft.rows.len() * self.width;
        self.draft.cells.resize(cells, Cell::MISSING);
    }

    pub(super) fn end_at(&mut self, end: usize) {
        if let Some(row) = self.draft.rows.last_mut() {
            row.end = end as u32;
        }
    }

    /// The last row.
    pub(super) fn row(&self) -> usize {
        self.draft.rows.len() - 1
    }

    /// Forgets the last row.
    pub(super) fn undo(&mut self) {
        self.draft.rows.pop();
        let rows = self.draft.rows.len();
        self.draft.cells.truncate(rows * self.width);
        while self.deferred.pop_if(|d| d.row as usize == rows).is_some() {}
    }

    /// Forgets the last row where its object, a part of `text`, says nothing: it has no members, or none with a value.
    #[inline]
    pub(super) fn skip_empty(&mut self, text: &str) {
        let row = self.draft.rows.len() - 1;
        let cells = &self.draft.cells[row * self.width..];
        let blank = |cell: &Cell| {
            let text = text.as_bytes().get(cell.span()).unwrap_or_default();
            // Most objects have a value in the first column. A string with escapes begins with its quote, and may be blank.
            text.first()
                .is_none_or(|b| !b.is_ascii_graphic() || *b == b'"')
        };
        if cells.iter().all(blank) && self.says_nothing(text) {
            self.undo();
            self.skipped += 1;
        }
    }

    /// Whether the last row's object says nothing, in members that are no columns either.
    #[cold]
    fn says_nothing(&self, text: &str) -> bool {
        let at_fault = self
            .faults
            .last()
            .is_some_and(|f| f.row as usize + 1 == self.draft.rows.len());
        let Some(row) = self.draft.rows.last().filter(|_| !at_fault) else {
            return false;
        };
        let record = &text[row.start as usize..row.end as usize];
        serde_json::from_str(record).is_ok_and(|value| nothing(&value))
    }

    /// A cell of the last row, missing until it is given a value.
    #[inline]
    pub(super) fn cell(&mut self, column: usize) -> &mut Cell {
        let row = self.draft.cells.len() - self.width;
        &mut self.draft.cells[row + column]
    }

    /// Leaves the text of a cell of the last row to be made.
    pub(super) fn defer(&mut self, column: usize, cell: Cell, text: Text) {
        let row = self.row();
        self.deferred.push(Deferred::new(row, column, cell, text));
    }

    /// Leaves out the text to be made of a cell of the last row.
    pub(super) fn forget(&mut self, column: usize) {
        let row = self.row();
        let mut of_row = (self.deferred.iter().rev()).take_while(|d| d.row as usize == row);
        if let Some(from_end) = of_row.position(|d| d.column as usize == column) {
            self.deferred.remove(self.deferred.len() - 1 - from_end);
        }
    }

    /// Finds fault with the last row.
    pub(super) fn fault(&mut self, code: &'static str, message: impl Into<Cow<'static, str>>) {
        self.fault_in(None, code, message);
    }

    /// Finds fault with the last row, or with one of its cells.
    pub(super) fn fault_in(
        &mut self,
        column: Option<usize>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.faults.push(FoundFault {
            row: self.row() as u32,
            column,
            code,
            message: message.into(),
        });
    }
}

/// Whether a value is none, or holds none.
fn nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => is_blank(text),
        Value::Array(elements) => elements.iter().all(nothing),
        Value::Object(members) => members.values().all(nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
