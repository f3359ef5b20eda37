//! A plan as the report has it: what would be done to the people at the target.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::few::Told;
use crate::guard::changes::{Changes, ColumnChanges, Figure};
use crate::report::human;

/// A plan that was made, or is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PlanReport {
    /// What names it, and approves it.
    pub hash: String,
    /// Its file; `null` where it is in none.
    pub file: Option<PathBuf>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub verdict: Verdict,
    /// What would be done; `null` where it is being done, which the other members tell.
    pub changes: Option<PlannedChanges>,
    /// People at the target; `null` where it is being done.
    pub people: Option<Total>,
    /// Those of them with the status of somebody who has left; `null` where nobody says which status that is.
    pub leavers: Option<Total>,
}

/// What guards say of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It may be carried out.
    Passed,
    /// It may be carried out without its deletions; with them, if it is approved.
    Withholds,
    /// It may be carried out if it is approved.
    NeedsApproval,
    /// It may not be carried out.
    Stopped,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Verdict::Passed => "may be applied",
            Verdict::Withholds => "may be applied without its deletions, or approved",
            Verdict::NeedsApproval => "has to be approved",
            Verdict::Stopped => "can't be applied",
        }
    }
}

/// A count before and after, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Total {
    pub before: Option<u64>,
    pub after: Option<u64>,
}

/// What an upload would do to the people at the target; `null` is what is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedChanges {
    /// New people.
    pub create: Option<Figure>,
    /// People who are changed.
    pub update: Option<Figure>,
    /// People of whom the server decides which of the two it is, the new ones among them; `null` where both are known.
    pub create_or_update: Option<u64>,
    /// People who are deleted.
    pub delete: Deleted,
    /// People whose row turns to the status of somebody who has left.
    pub leave: Option<Figure>,
    /// Columns, as far as they are compared.
    pub columns: Vec<PlannedColumn>,
}

/// People who are deleted, by how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deleted {
    /// By their row.
    pub by_row: Option<Figure>,
    /// As no row names them.
    pub unnamed: Option<Figure>,
    /// By name, as they are not in the source any more.
    pub gone: Option<Figure>,
}

/// What changes in a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedColumn {
    pub column: String,
    /// People in whom it changes.
    pub changed: Option<ToldFigure>,
    /// Cells that had a value before.
    pub filled_before: Option<Told>,
    /// Of these, those that have none then.
    pub emptied: Option<ToldFigure>,
}

/// A figure as it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToldFigure {
    pub count: Told,
    /// There may be more, unless this says that the count is exact.
    pub exact: bool,
}

impl PlannedChanges {
    /// Of an upload with so many rows of which the server decides whether they are new. Of `sensitive` columns small
    /// counts are not told.
    pub(crate) fn new(changes: &Changes, either: u64, sensitive: &[String]) -> PlannedChanges {
        let column = |column: &ColumnChanges| {
            let name = column.name.to_string();
            let is_sensitive = sensitive.contains(&name);
            let told = |Figure { count, exact }| ToldFigure {
                count: Told::of(count, is_sensitive),
                exact,
            };
            let filled = column.filled_before;
            PlannedColumn {
                column: name,
                changed: column.changed.map(told),
                filled_before: filled.map(|filled| Told::of(filled, is_sensitive)),
                emptied: column.emptied.map(told),
            }
        };
        let nothing = Some(Figure::exactly(0));
        let is_changed =
            |column: &&ColumnChanges| column.changed != nothing || column.emptied != nothing;
        let columns = changes.columns.iter().filter(is_changed);
        PlannedChanges {
            create: changes.creates,
            update: changes.updates,
            create_or_update: changes.updates.is_none().then_some(either),
            delete: Deleted {
                by_row: changes.explicit,
                unnamed: changes.implicit,
                gone: changes.gone,
            },
            leave: changes.leavers,
            columns: columns.map(column).collect(),
        }
    }
}

impl PlanReport {
    /// What there is to say of it, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let file = self.file.as_deref();
        let file = file.map(|file| format!(" in {}", human::path(file)));
        let plan = format!("{}{}", self.hash, file.unwrap_or_default());
        let Some(changes) = &self.changes else {
            return vec![format!("{plan}, made at {:.0}", self.created_at)];
        };
        let (verdict, until) = (self.verdict.words(), self.expires_at);
        let mut lines = vec![
            format!("{plan}, {verdict}, until {until:.0}"),
            changes.people(),
        ];
        for (total, what) in [(self.people, "people"), (self.leavers, "leavers")] {
            if let Some(Total {
                before: Some(before),
                after: Some(after),
            }) = total
            {
                let (before, after) = (human::count(before), human::count(after));
                lines.push(format!("{what}: {before} before, {after} after"));
            }
        }
        lines.extend(changes.columns.iter().map(PlannedColumn::line));
        lines
    }
}

impl PlannedChanges {
    /// How many people, by what is done to them.
    fn people(&self) -> String {
        let deleted = &self.delete;
        let either = self.create_or_update.map(Figure::exactly);
        let parts = [
            (either, "to create or update"),
            (
                self.create,
                if either.is_some() { "new" } else { "to create" },
            ),
            (self.update, "to update"),
            (deleted.by_row, "to delete by their row"),
            (deleted.unnamed, "to delete as no row names them"),
            (deleted.gone, "to delete as they are gone"),
            (self.leave, "who leave"),
        ];
        let nobody = Figure::exactly(0);
        let told = parts.into_iter().filter_map(|(figure, what)| {
            let figure = figure.filter(|figure| *figure != nobody)?;
            Some(format!("{figure} {what}"))
        });
        let told: Vec<String> = told.collect();
        match told.is_empty() {
            true => "nothing to do".to_owned(),
            false => told.join(", "),
        }
    }
}

impl ToldFigure {
    fn in_words(self) -> String {
        match self.exact {
            true => self.count.to_string(),
            false => format!("{} or more", self.count),
        }
    }
}

impl PlannedColumn {
    fn line(&self) -> String {
        let parts = [(self.changed, "changed"), (self.emptied, "emptied")];
        let parts = parts
            .into_iter()
            .filter_map(|(figure, what)| Some(format!("{} {what}", figure?.in_words())));
        let parts: Vec<String> = parts.collect();
        let of = self
            .filled_before
            .map(|before| format!(" of {before} filled"));
        let (column, of) = (&self.column, of.unwrap_or_default());
        format!("`{column}`: {}{of}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_in_words() {
        let check = |changes: PlannedChanges, expected: &str| {
            assert_eq!(changes.people(), expected);
        };
        let nobody = Some(Figure::exactly(0));
        let nothing = PlannedChanges {
            create: nobody,
            update: nobody,
            create_or_update: None,
            delete: Deleted {
                by_row: nobody,
                unnamed: nobody,
                gone: nobody,
            },
            leave: nobody,
            columns: Vec::new(),
        };
        check(nothing.clone(), "nothing to do");
        let some = PlannedChanges {
            create: Some(Figure::at_least(0)),
            update: None,
            create_or_update: Some(9),
            delete: Deleted {
                unnamed: Some(Figure::at_least(7)),
                ..nothing.delete.clone()
            },
            leave: Some(Figure::exactly(2)),
            ..nothing
        };
        check(
            some,
            "9 to create or update, 0 or more new, 7 or more to delete as no row names them, 2 who leave",
        );
    }
}
