//! Who reports to whom: rows that name themselves, circles, rows that name nobody, roots, leavers who are still named.
//!
//! A row is a node where it is in the upload, or at the target as it is, as far as its own rules and the rules before this
//! one tell. What is rejected or left out is none: whoever names it is an orphan of that kind, also where the row was part
//! of a circle. Nobody is rejected for what another row did, unless the pipeline says so of such orphans; so one wrong cell
//! costs the row that holds it, and the report says how many hang on it.
//!
//! Parents are named by the key, whose table is then asked, or by another column. Names are compared by the [one
//! rule](crate::text::compare).
//!
//! Memory: see [`links`], [`judge`](mod@judge) and [`near`], of which one after the other works; at most 24 bytes a record (22.9
//! MiB per million), and up to 52 more a row at fault: 12 for it, 12 for the verdict on it, 28 where it misses its parent.

mod judge;
mod links;
mod near;
#[cfg(test)]
mod tests;
mod told;

use std::collections::HashSet;
use std::sync::Arc;

use self::judge::{Finding, Judged, judge};
use self::links::Named;
pub(crate) use self::near::Loose;
use self::near::{Miss, Reading};
use super::as_of::SpillError;
use super::bits::Bits;
use super::{Fact, Facts, Fates, Findings, Places, Verdict, Verdicts, Whole};
use crate::batch::{Columns, Fault};
use crate::report::run::HierarchyReport;
use crate::rule::{HierarchySpec, Otherwise};
use crate::text::compare::fold_into;

/// A hierarchy, bound to the columns after the last stage.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub spec: Arc<HierarchySpec>,
    pub parent: Arc<str>,
    pub parent_slot: usize,
    /// The column by which parents are named.
    pub by: Arc<str>,
    pub by_slot: usize,
    /// Whether that is the key's.
    pub by_key: bool,
    pub ignore_case: bool,
    pub leavers: Option<Leavers>,
}

/// Who has left.
#[derive(Debug, Clone)]
pub(crate) struct Leavers {
    pub slot: usize,
    /// As they are compared without regard to case.
    values: HashSet<String>,
}

impl Leavers {
    /// Whether a text says so; with a buffer to use.
    pub(crate) fn say(&self, text: &str, folded: &mut String) -> bool {
        fold_into(text, folded);
        self.values.contains(&**folded)
    }
}

impl Tree {
    /// Finds the columns. `key` is that of the key, and whether case counts in it.
    ///
    /// # Errors
    /// Settings that name a column which is not there, each with what to say.
    pub(crate) fn bind(
        spec: &HierarchySpec,
        key: Option<(&str, bool)>,
        columns: &Columns,
    ) -> Result<Tree, Vec<(&'static str, String)>> {
        let named = spec
            .columns()
            .map(|(setting, name)| match columns.need(name) {
                Ok(found) => Ok((setting, found)),
                Err(why) => Err((setting, why.to_string())),
            });
        let (found, missing): (Vec<_>, Vec<_>) = named.partition(Result::is_ok);
        let missing: Vec<_> = missing.into_iter().filter_map(Result::err).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let found: Vec<_> = found.into_iter().flatten().collect();
        let of = |settings: &[&str]| {
            let found = found.iter().find(|(setting, _)| settings.contains(setting));
            found.map(|(_, found)| found.clone())
        };
        let by_key = spec.by().is_none() || spec.by() == key.map(|(name, _)| name);
        // The key's column is missed by the key's own rule.
        let keyed = key.and_then(|(name, _)| columns.need(name).ok());
        let by = of(&["id", "parent_by"]).or(keyed);
        let (Some((parent, parent_slot)), Some((by, by_slot))) = (of(&["parent"]), by) else {
            return Err(Vec::new());
        };
        let folded = |value: &String| {
            let mut folded = String::new();
            fold_into(value, &mut folded);
            folded
        };
        let leavers = spec.leavers.as_ref().zip(of(&["leavers"]));
        Ok(Tree {
            spec: Arc::new(spec.clone()),
            parent,
            parent_slot,
            by,
            by_slot,
            by_key,
            ignore_case: match by_key {
                true => key.is_some_and(|(_, ignore_case)| ignore_case),
                false => spec.ignore_case,
            },
            leavers: leavers.map(|(leavers, (_, slot))| Leavers {
                slot,
                values: leavers.values.iter().map(folded).collect(),
            }),
        })
    }
}

/// The rule `validate.hierarchy`.
pub(crate) struct Hierarchy {
    tree: Tree,
    /// Which of the pipeline's it is.
    number: usize,
    named: Named,
    left: Bits,
    judged: Judged,
    reading: Reading,
    misses: Vec<Miss>,
}

impl Hierarchy {
    pub(crate) fn new(tree: Tree, number: usize) -> Hierarchy {
        Hierarchy {
            tree,
            number,
            named: Named::default(),
            left: Bits::default(),
            judged: Judged::default(),
            reading: Reading::default(),
            misses: Vec::new(),
        }
    }

    /// Whether the source is to be read once more, to see whether somebody who is named is there under nearly that name.
    pub(crate) fn misses_somebody(&self) -> bool {
        let told = self.tree.spec.orphans.absent != Otherwise::Ignore;
        told && !self.judged.of(Finding::Absent).is_empty()
    }

    /// Takes in the names of a block of that reading: of each record its own, and that of its parent.
    pub(crate) fn look_again(&mut self, first: u32, names: &[(Loose, Loose)]) {
        for (record, &(name, parent)) in (first..).zip(names) {
            let misses = self.judged.hit(Finding::Absent, record).is_some();
            self.reading.push(record, name, parent, misses);
        }
    }

    /// Ends that reading.
    pub(crate) fn looked_again(&mut self) {
        self.misses = std::mem::take(&mut self.reading).misses();
    }

    /// What the run report, the warnings and the guards are told once the file has ended.
    pub(crate) fn told(&self, places: &Places<'_>) -> Told {
        Told {
            report: self.report(places),
            warnings: self.warnings(places),
            stops: self.stops(places),
        }
    }
}

/// What is told of a hierarchy.
pub(crate) struct Told {
    pub report: HierarchyReport,
    pub warnings: Vec<String>,
    /// Why the run stops, and how many rows are the reason.
    pub stops: Option<(String, u64)>,
}

impl Whole for Hierarchy {
    fn facts(&self) -> Vec<Fact> {
        let ignore_case = self.tree.ignore_case;
        let (by, parent) = (self.tree.by_slot, self.tree.parent_slot);
        let mut facts = vec![
            Fact::Parent(parent, ignore_case),
            Fact::Hash(by, ignore_case),
            Fact::Aside(by, ignore_case),
        ];
        if self.tree.leavers.is_some() {
            facts.push(Fact::Left(self.number));
        }
        facts
    }

    fn see(&mut self, block: &Facts<'_>, _: &mut Verdicts) -> Result<(), SpillError> {
        let [parents, names, asides, left @ ..] = block.columns else {
            return Ok(());
        };
        let records = || block.first..block.first + block.records as u32;
        for (parent, name) in parents.iter().zip(&**names) {
            self.named.parent(*parent, *name);
        }
        let own: &[u64] = if self.tree.by_key { &[] } else { names };
        for (record, hash) in records().zip(own).chain(records().zip(&**asides)) {
            if *hash != 0 {
                self.named.name(*hash, record);
            }
        }
        if let [left] = left {
            self.left.take_in(block.first, left);
        }
        Ok(())
    }

    fn end(&mut self, fates: &Fates<'_>, out: &mut Verdicts) -> Result<Findings, SpillError> {
        let links = std::mem::take(&mut self.named).resolve(fates, self.tree.by_key);
        let left = std::mem::take(&mut self.left);
        self.judged = judge(
            &self.tree.spec,
            links,
            &left,
            &mut |record, finding, otherwise| {
                let verdict = match otherwise {
                    Otherwise::Clear => Verdict::Clear { rule: 0 },
                    _ => Verdict::Reject {
                        rule: 0,
                        reason: finding as u32,
                    },
                };
                out.later.push((record, verdict));
            },
        );
        Ok(Findings::default())
    }

    fn fault(&self, record: u32, reason: u32, places: &Places<'_>) -> Fault {
        let finding = Finding::ALL.get(reason as usize);
        self.fault_of(record, finding.copied().unwrap_or(Finding::Absent), places)
    }

    fn clears(&self) -> Option<usize> {
        Some(self.tree.parent_slot)
    }

    fn bytes(&self) -> usize {
        self.named.bytes()
            + self.left.bytes()
            + self.judged.bytes()
            + self.reading.bytes()
            + self.misses.capacity() * size_of::<Miss>()
    }
}
