//! Binding a baseline: which columns of the rows are compared with what was kept of them.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::bind::Terms;
use super::process::Engine;
use crate::delta::diff::{Baseline, Column, Diff, KeyColumn};
use crate::delta::head::Marks;
use crate::format::encode::Empties;
use crate::whole::Key;

impl Engine {
    /// Has rows compared with a baseline, so that what differs is sent. Without a key there is nothing to compare by.
    pub(crate) fn comparing(self, baseline: &Arc<Baseline>, terms: &Terms<'_>) -> Engine {
        let columns = self.sent_columns();
        self.compared(baseline, terms, columns, |diff| diff)
    }

    /// Has rows compared with a baseline for guards, in the columns that these ask for. The rows go as they are.
    pub(crate) fn comparing_for_guards(
        self,
        baseline: &Arc<Baseline>,
        terms: &Terms<'_>,
    ) -> Engine {
        let mut columns = match terms.guard.max_emptied {
            Some(_) => self.sent_columns(),
            None => Vec::new(),
        };
        for (name, slot) in self.census.watched() {
            if columns.iter().all(|column| column.slot != *slot) {
                columns.push(Column {
                    name: name.clone(),
                    slot: *slot,
                    tells_empty: true,
                    tells_missing: true,
                    keeps_null: false,
                });
            }
        }
        let acts = self.census.acts();
        self.compared(baseline, terms, columns, |diff| diff.for_guards(acts))
    }

    fn compared(
        mut self,
        baseline: &Arc<Baseline>,
        terms: &Terms<'_>,
        columns: Vec<Column>,
        meant: impl FnOnce(Diff) -> Diff,
    ) -> Engine {
        let Some(key) = &self.key else {
            return self;
        };
        let by = KeyColumn {
            slot: key.slot,
            ignore_case: key.ignore_case,
        };
        let marks = marks(terms, key, &columns);
        let mut diff = meant(Diff::new(baseline.clone(), columns, by, marks));
        if let Some((slot, values)) = self.census.leavers() {
            diff = diff.with_leavers(slot, values);
        }
        let same = terms.validate.rehires.iter().flat_map(|spec| &spec.columns);
        diff = diff.telling_people_by(same);
        if let Some(aliases) = &self.aliases
            && let Some(last) = self.stages.last_mut()
        {
            last.stage = aliases.stage(|id| diff.knows(id));
            diff = diff.with_ids(aliases.ids());
        }
        self.diff = Some(Arc::new(diff));
        self
    }

    fn sent_columns(&self) -> Vec<Column> {
        let column = |(name, slot, empties): (&Arc<str>, usize, Empties)| Column {
            name: name.clone(),
            slot,
            tells_empty: empties.empty.is_some(),
            tells_missing: empties.missing.is_some(),
            keeps_null: empties.keep_null,
        };
        self.wire.columns().map(column).collect()
    }
}

/// What a pipeline is known by, beside its target: what changes these makes another row of the same record.
fn marks(terms: &Terms<'_>, key: &Key, columns: &[Column]) -> Marks {
    let mark = |what: &dyn std::fmt::Debug| xxh3_128(format!("{what:?}").as_bytes()).to_le_bytes();
    let import = terms.import;
    let mut names: Vec<&Arc<str>> = columns.iter().map(|column| &column.name).collect();
    names.sort();
    Marks {
        identity: mark(&(&key.column, key.ignore_case, &import.identify_by)),
        columns: mark(&names),
        rules: mark(&(
            terms.stages,
            terms.format,
            import.empty,
            &import.clear,
            (&import.noop_token, &import.clear_token),
            import.date_format,
        )),
        ..Marks::default()
    }
}
