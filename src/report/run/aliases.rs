//! What became of ids that are others now.

use serde::Serialize;

use crate::text::counted;

/// What became of ids that are others now. Ids themselves are not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AliasesReport {
    /// People with several ids, by the file.
    pub people: u64,
    /// Rows whose key is another one of their person's ids than in the source.
    pub rows: u64,
    /// Cells that name such a person, of whom the same is true.
    pub references: u64,
}

impl AliasesReport {
    /// In a line, for people.
    pub(super) fn line(&self) -> String {
        format!(
            "{} with several ids: {} and {} have another one than in the source",
            match self.people {
                1 => "1 person".to_owned(),
                people => format!("{people} people"),
            },
            counted(self.rows, "row"),
            counted(self.references, "reference"),
        )
    }
}
