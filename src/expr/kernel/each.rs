//! What a part of an expression comes to for many rows.

use std::rc::Rc;

use super::groups::Groups;
use super::lane::Truth;

/// One value for all rows, one for each, or one for each group of them.
pub(super) enum Each<T> {
    All(T),
    Rows(Vec<T>),
    Groups(Vec<T>, Rc<Groups>),
}

impl<T: Copy> Each<T> {
    /// That of a row, which is the `at`th of those that were asked for.
    #[inline]
    pub(super) fn at(&self, at: usize, row: u32) -> T {
        match self {
            Each::All(one) => *one,
            Each::Rows(rows) => rows[at],
            Each::Groups(few, groups) => few[groups.of(row)],
        }
    }

    /// Those of some rows, where they are of all rows.
    pub(super) fn of_rows(&self, rows: &[u32]) -> Each<T> {
        match self {
            Each::All(one) => Each::All(*one),
            Each::Rows(all) if all.len() == rows.len() => Each::Rows(all.clone()),
            Each::Rows(all) => Each::Rows(rows.iter().map(|row| all[*row as usize]).collect()),
            Each::Groups(few, groups) => Each::Groups(few.clone(), groups.clone()),
        }
    }

    /// How many values are those of several rows.
    pub(super) fn shared(&self) -> usize {
        match self {
            Each::All(_) => 1,
            Each::Rows(_) => 0,
            Each::Groups(few, _) => few.len(),
        }
    }

    /// Which of these is a row's.
    #[inline]
    pub(super) fn shared_at(&self, row: u32) -> Option<usize> {
        match self {
            Each::All(_) => Some(0),
            Each::Rows(_) => None,
            Each::Groups(_, groups) => Some(groups.of(row)),
        }
    }

    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Each<U> {
        match self {
            Each::All(one) => Each::All(change(one)),
            Each::Rows(rows) => Each::Rows(rows.into_iter().map(change).collect()),
            Each::Groups(few, groups) => {
                Each::Groups(few.into_iter().map(change).collect(), groups)
            }
        }
    }
}

impl Each<Truth> {
    pub(super) fn are_all_true(&self) -> bool {
        let all = |truths: &[Truth]| truths.iter().all(|truth| *truth == Truth::True);
        match self {
            Each::All(truth) => *truth == Truth::True,
            Each::Rows(truths) => all(truths),
            Each::Groups(few, _) => all(few),
        }
    }
}
