//! People who may have another id.

use serde::Serialize;

use super::as_of::Seen;

/// People who arrive while others leave who have the same values in the columns of `validate.rehires`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RehiresReport {
    pub columns: Vec<String>,
    /// Those who are like one who leaves.
    pub found: Seen,
    /// Those who are like several, or of whom several are like one.
    pub unclear: Seen,
}

impl RehiresReport {
    /// What there is to warn of.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let columns = columns.join(", ");
        let found = (self.found.count > 0).then(|| {
            let (who, verb) = match self.found.count {
                1 => ("1 person who arrives".to_owned(), "has"),
                n => (format!("{n} people who arrive"), "each have"),
            };
            format!(
                "rehires: {who} {verb} the {columns} of somebody who leaves ({}): with both ids in the file of `aliases`, the \
                 item is updated, and not deleted and created anew",
                self.found.places()
            )
        });
        let unclear = (self.unclear.count > 0).then(|| {
            let (who, verb) = match self.unclear.count {
                1 => ("1 person who arrives".to_owned(), "has"),
                n => (format!("{n} people who arrive"), "have"),
            };
            format!(
                "rehires: {who} {verb} the {columns} of somebody who leaves, and who is who can't be told ({})",
                self.unclear.places()
            )
        });
        found.into_iter().chain(unclear)
    }
}
