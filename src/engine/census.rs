//! What guards count of the rows that are sent: what they ask for, who has left, which cells have a value.

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use crate::batch::{Batch, Columns};
use crate::delta::diff::Acts;
use crate::guard::spec::{GuardSpec, ImplicitDelete, OnExceed, OnReject};
use crate::orgvue::spec::{Action, ActionSpec, ImportSpec};
use crate::orgvue::wire::Wire;

/// What is counted, bound to the columns after the last stage.
pub(crate) struct Census {
    action: Asked,
    /// The column of the status, and its values for people who have left.
    leavers: Option<(usize, Vec<String>)>,
    /// The columns whose changes are counted, and that of the status.
    watched: Vec<(Arc<str>, usize)>,
    /// The columns whose values are counted: those that are sent, or none.
    filled: Vec<usize>,
    /// Whether rows that delete may be held back.
    pub withholds: bool,
    /// Whether rows at fault are named in the upload all the same.
    pub carries: bool,
}

/// Where a row's action comes from.
enum Asked {
    Same(Action),
    Column(usize),
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows that ask for a new item.
    pub creates: u64,
    /// Rows that ask for another item than there is.
    pub updates: u64,
    /// Rows that leave it to the server which of the two it is.
    pub either: u64,
    /// Rows that ask for an item to be deleted.
    pub deletes: u64,
    /// Rows that ask for nothing.
    pub noops: u64,
    /// Of the others, those of people who have left.
    pub leavers: u64,
    /// Of the others, those with a value, column by column.
    pub filled: Vec<u64>,
}

impl Census {
    /// Binds what guards want to know to the columns.
    ///
    /// # Errors
    /// Columns that are not there: the setting's path, and why.
    pub(super) fn bind(
        guard: &GuardSpec,
        import: &ImportSpec,
        wire: &Wire,
        columns: &Columns,
    ) -> Result<Census, Vec<(Vec<String>, String)>> {
        let mut problems = Vec::new();
        let mut watched = Vec::new();
        let mut slot = |path: &[&str], name: &str| match columns.need(name) {
            Ok((name, slot)) => {
                watched.push((name, slot));
                Some(slot)
            }
            Err(why) => {
                let path = path.iter().map(|&part| part.to_owned());
                problems.push((path.collect(), why.to_string()));
                None
            }
        };
        for name in guard.max_change.keys() {
            slot(&["guard", "max_change", name], name);
        }
        let leavers = guard.leavers.as_ref().and_then(|leavers| {
            let slot = slot(&["guard", "leavers", "column"], &leavers.column)?;
            Some((slot, leavers.values.clone()))
        });
        let action = match &import.action {
            ActionSpec::Constant(action) => Asked::Same(*action),
            ActionSpec::Delta(_) => Asked::Same(Action::CreateOrUpdate),
            // Where it is missing, that is said of the target.
            ActionSpec::Column { column } => match columns.need(column) {
                Ok((_, slot)) => Asked::Column(slot),
                Err(_) => Asked::Same(Action::Noop),
            },
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Census {
            action,
            leavers,
            watched,
            filled: match guard.max_emptied {
                Some(_) => wire.slots().collect(),
                None => Vec::new(),
            },
            withholds: guard.on_exceed == OnExceed::WithholdDeletes,
            carries: import.implicit_delete == ImplicitDelete::On(OnReject::CarryForward),
        })
    }

    /// The columns whose changes are counted, and that of the status.
    pub(super) fn watched(&self) -> &[(Arc<str>, usize)] {
        &self.watched
    }

    /// The column of the status, and its values for people who have left.
    pub(super) fn leavers(&self) -> Option<(usize, &[String])> {
        let (slot, values) = self.leavers.as_ref()?;
        Some((*slot, values))
    }

    /// Where rows say themselves what they ask for.
    pub(super) fn acts(&self) -> Option<Acts> {
        match self.action {
            Asked::Same(_) => None,
            Asked::Column(slot) => Some(Acts {
                slot,
                deletes: Action::Delete.as_str(),
                does_nothing: Action::Noop.as_str(),
            }),
        }
    }

    /// Counts rows that are sent.
    pub(crate) fn count(&self, batch: &Batch, rows: &[u32]) -> Counts {
        let mut counts = Counts {
            filled: vec![0; self.filled.len()],
            ..Counts::default()
        };
        if let (Asked::Same(action), None, []) = (&self.action, &self.leavers, &self.filled[..]) {
            *counts.of(*action) += rows.len() as u64;
            return counts;
        }
        for &row in rows {
            let row = row as usize;
            let action = self.action(batch, row);
            *counts.of(action) += 1;
            if matches!(action, Action::Delete | Action::Noop) {
                continue;
            }
            counts.leavers += u64::from(self.has_left(batch, row));
            for (filled, slot) in counts.filled.iter_mut().zip(&self.filled) {
                *filled += u64::from(!batch.cell(row, *slot).is_empty());
            }
        }
        counts
    }

    /// Whether a row deletes somebody, or says that somebody has left.
    pub(crate) fn deletes(&self, batch: &Batch, row: usize) -> bool {
        match self.action(batch, row) {
            Action::Delete => true,
            Action::Noop => false,
            _ => self.has_left(batch, row),
        }
    }

    fn action(&self, batch: &Batch, row: usize) -> Action {
        match self.action {
            Asked::Same(action) => action,
            Asked::Column(slot) => {
                let word = batch.get(row, slot);
                let known = Action::ALL.into_iter().find(|known| known.as_str() == word);
                known.unwrap_or(Action::Noop)
            }
        }
    }

    fn has_left(&self, batch: &Batch, row: usize) -> bool {
        self.leavers.as_ref().is_some_and(|(slot, values)| {
            let status = batch.get(row, *slot);
            values.iter().any(|value| value == status)
        })
    }
}

impl Counts {
    fn of(&mut self, action: Action) -> &mut u64 {
        match action {
            Action::Create => &mut self.creates,
            Action::Update | Action::Replace => &mut self.updates,
            Action::Delete => &mut self.deletes,
            Action::CreateOrUpdate | Action::CreateOrReplace => &mut self.either,
            Action::Noop => &mut self.noops,
        }
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.each(other, |own, other| *own += other);
    }
}

impl SubAssign<&Counts> for Counts {
    fn sub_assign(&mut self, other: &Counts) {
        self.each(other, |own, other| *own -= other);
    }
}

impl Counts {
    fn each(&mut self, other: &Counts, f: impl Fn(&mut u64, u64)) {
        self.filled
            .resize(other.filled.len().max(self.filled.len()), 0);
        f(&mut self.creates, other.creates);
        f(&mut self.updates, other.updates);
        f(&mut self.either, other.either);
        f(&mut self.deletes, other.deletes);
        f(&mut self.noops, other.noops);
        f(&mut self.leavers, other.leavers);
        let filled = self.filled.iter_mut().zip(&other.filled);
        filled.for_each(|(own, other)| f(own, *other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Kind, Row};
    use crate::upload::spec::UploadFormat;

    /// Rows of `act`, `status` and `mail`.
    fn batch(rows: &[[&str; 3]]) -> Batch {
        let mut batch = Batch::new(String::new(), 3);
        for _ in rows {
            batch.push_row(Row {
                line: 0,
                start: 0,
                end: 0,
            });
        }
        for column in 0..3 {
            let cells = rows
                .iter()
                .map(|row| batch.append(row[column], Kind::Text))
                .collect();
            batch.put_column(column, cells);
        }
        batch
    }

    fn census(guard: &str, import: ImportSpec) -> Census {
        let columns = Columns::from_header(["act", "status", "mail"]);
        let guard: GuardSpec = serde_json::from_str(guard).unwrap();
        let wire = Wire::bind(&import, UploadFormat::Json, &columns).unwrap();
        Census::bind(&guard, &import, &wire, &columns).unwrap_or_else(|e| panic!("{e:?}"))
    }

    fn by_column() -> ImportSpec {
        ImportSpec {
            action: ActionSpec::Column {
                column: "act".to_owned(),
            },
            ..ImportSpec::default()
        }
    }

    #[test]
    fn what_rows_ask_for_and_who_has_left() {
        let batch = batch(&[
            ["create", "Active", "a"],
            ["update", "Left", ""],
            ["replace", "Active", "c"],
            ["createOrUpdate", "Left", "d"],
            ["delete", "Left", ""],
            ["noop", "Left", "f"],
        ]);
        let all = [0, 1, 2, 3, 4, 5];
        let guard =
            r#"{ "leavers": { "column": "status", "values": ["Left"] }, "max_emptied": "5%" }"#;
        let census = census(guard, by_column());
        let counts = census.count(&batch, &all);
        let expected = Counts {
            creates: 1,
            updates: 2,
            either: 1,
            deletes: 1,
            noops: 1,
            leavers: 2,
            // Of those that are neither deleted nor left alone: status and mail.
            filled: vec![4, 3],
        };
        assert_eq!(counts, expected);
        let deleting: Vec<u32> = all
            .into_iter()
            .filter(|&row| census.deletes(&batch, row as usize))
            .collect();
        assert_eq!(deleting, [1, 3, 4]);
        // What is left out is taken off again.
        let mut some = Counts::default();
        some += &counts;
        some -= &census.count(&batch, &[1, 4]);
        assert_eq!(some, census.count(&batch, &[0, 2, 3, 5]));
    }

    #[test]
    fn the_same_action_for_all_is_not_looked_at() {
        let batch = batch(&[["", "Left", ""], ["", "Active", ""]]);
        let counts = census("{}", ImportSpec::default()).count(&batch, &[0, 1]);
        let expected = Counts {
            either: 2,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }
}
