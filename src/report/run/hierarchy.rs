//! What the run report tells of a hierarchy. Rows are told by their lines.

use serde::Serialize;

use crate::report::human;
use crate::text::shown::shown;

/// One hierarchy of the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct HierarchyReport {
    pub name: String,
    /// The column that names a row's parent.
    pub parent: String,
    /// The column by which parents are named.
    pub named_by: String,
    /// Rows that are in the upload as far as is known here, each of which is a node.
    pub nodes: u64,
    /// Those of them that a root is above, and roots.
    pub in_trees: u64,
    pub roots: u64,
    pub depth: Depth,
    pub span: Span,
    /// What was found, in the order of the settings; what was not found is not told.
    pub findings: Vec<Finding>,
    /// The circles, by the first line of each.
    pub cycles: Vec<Cycle>,
    /// Rows of circles that are not listed, as there are too many.
    pub cycles_not_listed: u64,
    /// Rows that name nobody, and would name somebody but for how it is written.
    pub near_misses: Vec<NearMisses>,
}

/// How deep it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Depth {
    /// Levels of the deepest tree; 1 where there are roots alone.
    pub max: u32,
    /// Rows on each level, from the roots on.
    pub levels: Vec<u64>,
    /// Rows on the levels behind the last one that is counted.
    pub deeper: u64,
}

/// How many direct reports managers have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    pub managers: u64,
    pub max: u32,
    pub median: u32,
    /// The row with the most.
    pub widest: Option<Spot>,
    /// Managers with more than this are counted in `wide`.
    pub limit: u32,
    pub wide: u64,
    /// Managers by how many direct reports they have; numbers that none has are left out.
    pub spread: Vec<Spans>,
}

/// Managers with so many direct reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spans {
    pub from: u32,
    /// The same number where that is told alone.
    pub to: u32,
    pub managers: u64,
}

/// How many direct reports are told together: the last number of each class. What is beyond is one more.
const CLASSES: [u32; 15] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 30, 50, 100];

impl Spans {
    /// Of managers in ascending order of their direct reports.
    pub(crate) fn of(managers: &[u32]) -> Vec<Spans> {
        let most = managers.last().copied().unwrap_or(0);
        let mut from = 1;
        let mut left = managers;
        let mut spread = Vec::new();
        for to in CLASSES.into_iter().chain([u32::MAX]) {
            let (within, beyond) = left.split_at(left.partition_point(|reports| *reports <= to));
            if !within.is_empty() {
                spread.push(Spans {
                    from,
                    to: to.min(most.max(from)),
                    managers: within.len() as u64,
                });
            }
            left = beyond;
            from = to.saturating_add(1);
        }
        spread
    }
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spot {
    /// Its file, where the source has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub line: u64,
    /// Rows that hang on it, directly or not.
    pub below: u32,
    /// The line of the row that it names, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_line: Option<u64>,
}

/// Rows of which one thing is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The code of the fault: `manager_absent`.
    pub code: &'static str,
    /// What was done about it, in the word of the pipeline file.
    pub decision: &'static str,
    pub rows: u64,
    /// Rows that hang on them.
    pub below: u64,
    /// The rows; those in circles are listed with these.
    pub listed: Vec<Spot>,
    /// Rows that are not listed, as there are too many.
    pub not_listed: u64,
}

/// Rows that report to each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cycle {
    /// In the order of reporting, from the first line on.
    pub rows: Vec<Spot>,
    /// Rows outside of it that hang on it.
    pub below: u64,
}

/// Near misses of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NearMisses {
    /// In what the names differ: `leading zeros`.
    pub differ_in: String,
    pub rows: u64,
    /// Lines, each with that of the row that has nearly that name.
    pub listed: Vec<Spot>,
    pub not_listed: u64,
}

impl HierarchyReport {
    /// Its shape in a line.
    pub(super) fn shape(&self) -> String {
        let trees = match self.roots {
            1 => "1 tree".to_owned(),
            roots => format!("{} trees", human::count(roots)),
        };
        let levels = human::counted(self.depth.max.into(), "level");
        let shape = format!(
            "{}: {} of {} in {trees} of {levels} at most",
            shown(&self.name),
            human::count(self.in_trees),
            human::counted(self.nodes, "row"),
        );
        match self.span.managers {
            0 => format!("{shape}, no managers"),
            managers => format!(
                "{shape}, {} with {} at most (median {})",
                human::counted(managers, "manager"),
                human::counted(self.span.max.into(), "report"),
                self.span.median
            ),
        }
    }

    /// What was found, and is neither counted among the rejects nor as it should be: counts, without lines.
    pub(super) fn found(&self) -> Option<String> {
        let meant = |f: &&Finding| {
            matches!(
                (f.code, f.decision),
                (_, "reject" | "root") | ("roots" | "manager_self", "ignore")
            )
        };
        let findings = self.findings.iter().filter(|finding| !meant(finding));
        let words: Vec<String> = findings
            .map(|f| format!("{} {} ({})", human::count(f.rows), f.code, f.decision))
            .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_by_their_reports() {
        let check = |managers: &[u32], expected: &[(u32, u32, u64)]| {
            let spread = Spans::of(managers);
            let told = spread.iter().map(|s| (s.from, s.to, s.managers));
            assert_eq!(told.collect::<Vec<_>>(), expected, "{managers:?}");
        };
        check(&[], &[]);
        check(&[1, 1, 3], &[(1, 1, 2), (3, 3, 1)]);
        check(
            &[10, 11, 15, 16, 101, 5_000],
            &[(10, 10, 1), (11, 15, 2), (16, 20, 1), (101, 5_000, 2)],
        );
        // The last class ends where the managers do.
        check(&[12], &[(11, 12, 1)]);
    }
}
