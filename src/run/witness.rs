//! What was found wrong with every row, for whoever asks of each by itself: cases, of which there are few rows.

use crate::batch::{Batch, Fault, Faults, RowState};

/// The faults of rows, each with the file and line on which its row begins.
#[derive(Default)]
pub(super) struct Witness {
    /// Of rows that are rejected.
    pub(super) rejects: Vec<(u64, Fault)>,
    /// Of rows that go out all the same, if nothing else is wrong with them.
    pub(super) warned: Vec<(u64, Fault)>,
}

impl Witness {
    /// Takes in a block that begins on this line.
    pub(super) fn see(&mut self, batch: &Batch, line: u64) {
        let told = |faults: &Faults, all: bool| -> Vec<(u64, Fault)> {
            let kinds = faults.by_row().into_iter();
            let told =
                kinds.filter(|(row, _)| all || batch.state(*row as usize) == RowState::Rejected);
            told.map(|(row, kind)| {
                let line = line + u64::from(batch.row(row as usize).line);
                (line, faults.kind(kind).clone())
            })
            .collect()
        };
        self.rejects.extend(told(batch.faults(), false));
        self.warned.extend(told(batch.warnings(), true));
    }
}
