//! What is wrong with hierarchies as written.

use std::collections::HashSet;

use super::{Beside, HierarchiesSpec, HierarchySpec, Otherwise};
use crate::batch::Columns;

/// What is wrong, and the path of the setting below `validate`.
type Wrong = (Vec<String>, String);

impl HierarchiesSpec {
    /// Columns that are certain not to be there, whatever the header says.
    pub(in crate::rule) fn missing(&self, columns: &Columns) -> Vec<Wrong> {
        let missing = |name: &str| match columns.need(name) {
            Err(why) if !columns.clone().assume(name) => Some(why.to_string()),
            _ => None,
        };
        let mut wrong = Vec::new();
        for (at, tree) in self.all.iter().enumerate() {
            for (setting, name) in tree.columns() {
                wrong.extend(missing(name).map(|message| (self.path(at, setting), message)));
            }
        }
        wrong
    }

    /// What is wrong with them, whatever columns there are.
    pub(in crate::rule) fn check(&self, beside: &Beside<'_>) -> Vec<Wrong> {
        let mut problems = Vec::new();
        let mut names = HashSet::new();
        for (at, tree) in self.all.iter().enumerate() {
            let mut wrong = |setting: &str, message: String| {
                problems.push((self.path(at, setting), message));
            };
            tree.check(beside, &mut wrong);
            if !names.insert(tree.name()) {
                let setting = if tree.name.is_some() {
                    "name"
                } else {
                    "parent"
                };
                let message = "two hierarchies are called `{}`; give each a `name` of its own";
                wrong(setting, message.replace("{}", tree.name()));
            }
        }
        problems
    }
}

impl HierarchySpec {
    fn check(&self, beside: &Beside<'_>, wrong: &mut impl FnMut(&str, String)) {
        let by = match (&self.id, &self.parent_by) {
            (Some(_), Some(_)) => {
                let both =
                    "`id` and `parent_by` both say by which column parents are named; state one";
                return wrong("parent_by", both.to_owned());
            }
            (Some(id), None) => Some(("id", &**id)),
            (None, Some(by)) => Some(("parent_by", &**by)),
            (None, None) => beside.key.map(|key| ("parent", key)),
        };
        let empty = match by {
            _ if self.parent.is_empty() => Some("parent"),
            Some((setting @ ("id" | "parent_by"), "")) => Some(setting),
            _ => None,
        };
        if let Some(setting) = empty {
            return wrong(setting, "expected a column, found empty text".to_owned());
        }
        match by {
            None => wrong(
                "parent",
                "parents are named by `validate.key`, and there is none; state it, or the column by which they are named: \
                 `id: positionID`"
                    .to_owned(),
            ),
            Some((setting, by)) if by == self.parent => {
                wrong(setting, format!("`{by}` can't name a row and its parent, too"));
            }
            Some(_) => {}
        }
        if self.ignore_case && (self.by().is_none() || self.by() == beside.key) {
            let message =
                "parents are named by the key here, and `validate.key` says whether case counts";
            wrong("ignore_case", message.to_owned());
        }
        self.check_decisions(beside, wrong);
    }

    fn check_decisions(&self, beside: &Beside<'_>, wrong: &mut impl FnMut(&str, String)) {
        if self.roots.is_some_and(|r| r.otherwise == Otherwise::Clear) {
            let message = "the parent cell of a root is empty, or names the row itself, for which there is `self: clear`";
            wrong("roots", message.to_owned());
        }
        if let Some(setting) = self.clears()
            && (beside.is_required)(&self.parent)
        {
            let message = format!("`{}` is required, so that it can't be cleared", self.parent);
            wrong(setting, message);
        }
        if let Some(leavers) = &self.leavers {
            if leavers.column.is_empty() {
                wrong("leavers", "expected a column, found empty text".to_owned());
            }
            if leavers.values.is_empty() {
                wrong("leavers", "the list `values` is empty".to_owned());
            }
        }
    }
}
