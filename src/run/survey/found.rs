//! What a survey knows, however far it came.

use std::borrow::Cow;
use std::sync::Arc;

use super::Survey;
use crate::delta::tally::Tally;
use crate::guard::Broken;
use crate::report::run::{AliasesReport, RehiresReport};
use crate::run::compared::Compared;
use crate::run::surveyed::{Facts, without_names};
use crate::source::Source;
use crate::stage::aliases::Replaced;
use crate::whole::Places;

impl Survey {
    /// The names of the columns that are sent, where they may be told.
    pub(crate) fn sent_names(&self) -> Vec<Option<Arc<str>>> {
        self.engine.sent_names()
    }

    /// The source that is surveyed.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The hash of what would be done; of a difference, of all that it is made of beside what the server has.
    pub(crate) fn content(&self) -> String {
        let diff = self.engine.diff().filter(|diff| diff.sends);
        let store = diff.and_then(|diff| diff.baseline.store.as_ref());
        match &self.tally {
            Some(tally) if store.is_some() => format!("{:032x}", tally.content()),
            // Without a store all is sent, and there may be no key yet by which a hash would be the same the next time.
            _ => self.assembly.digest().hex(),
        }
    }

    /// What the survey knows, however far it came. Of a shard, rows are its own, and all else is the whole file's.
    pub(crate) fn facts(&self) -> Facts {
        let elsewhere = &self.elsewhere;
        let whole = self.whole();
        Facts {
            filtered: whole.filtered - elsewhere.filtered,
            good: whole.good - elsewhere.good,
            superseded: whole.superseded - elsewhere.superseded,
            other_shards: elsewhere.rows,
            rejects: self.rejects.rejected().into(),
            ..whole
        }
    }

    /// The same of all shards together, which guards go by.
    pub(crate) fn whole(&self) -> Facts {
        let mut rejected = Cow::Borrowed(self.rejects.rejected());
        if self.elsewhere.rows > 0 {
            rejected.to_mut().merge(self.rejects.elsewhere());
        }
        let digest = self.assembly.digest();
        Facts {
            read: self.read(),
            skipped: self.extent.skipped(),
            filtered: self.filtered,
            good: self.good,
            superseded: self.superseded,
            withheld: self.aside.withheld,
            carried: self.amended.carried.len() as u64,
            unchanged: self.unchanged(),
            changes: self.compared().filter(|_| self.sends_difference()),
            other_shards: 0,
            rejects: (&*rejected).into(),
            body_hash: (!self.engine.encoder().measures()).then(|| digest.hex()),
            digest,
            sources: self.source.origins().iter().map(|o| o.bytes()).collect(),
            warnings: self.warnings(),
            as_of: self.as_of.clone(),
            aliases: self.aliases(),
            rehires: self.rehires(),
            hierarchies: self.hierarchies.clone(),
            warned: self.warned.report(&self.files),
        }
    }

    /// What became of ids that are others now.
    fn aliases(&self) -> Option<AliasesReport> {
        let aliases = self.engine.aliases()?;
        let Replaced { rows, references } = self.replaced.unwrap_or_else(|| aliases.replaced());
        Some(AliasesReport {
            people: aliases.len() as u64,
            rows,
            references,
        })
    }

    /// Who may have another id, where that is asked.
    fn rehires(&self) -> Option<RehiresReport> {
        let diff = self.engine.diff()?;
        let places = Places {
            lines: &self.lines,
            files: &self.files,
        };
        let name = |at: &usize| diff.columns[*at].name.to_string();
        (!diff.same_person.is_empty()).then(|| RehiresReport {
            columns: diff.same_person.iter().map(name).collect(),
            found: places.seen(&self.rehires.found),
            unclear: places.seen(&self.rehires.unclear),
        })
    }

    /// How many rows break the rules that have limits of their own.
    pub(in crate::run) fn broken(&self, sensitive: &[String]) -> Vec<Broken> {
        self.warned.broken(self.engine.counted(), sensitive)
    }

    /// Rows that are not sent, as the server has them.
    fn unchanged(&self) -> u64 {
        self.tally.as_ref().map_or(0, Tally::unchanged)
    }

    /// What the rows are beside what was kept of their people, where they are compared with that.
    pub(in crate::run) fn compared(&self) -> Option<Compared> {
        let (tally, diff) = (self.tally.as_ref()?, self.engine.diff()?);
        Some(Compared {
            changes: tally.changes(self.deletes.places.len() as u64),
            full: diff.full.clone(),
            deletes: self.deletes.clone(),
        })
    }

    /// Whether what differs is sent, and nothing else.
    pub(in crate::run) fn sends_difference(&self) -> bool {
        self.engine.sends_difference()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.source.remarks();
        if let Some((file, arrangement)) = &self.nameless {
            let file = &self.files[*file as usize];
            warnings.extend(without_names(file, arrangement));
        }
        let remarks = self.remarks.clone();
        warnings.extend(remarks.unwrap_or_else(|| self.engine.remarks()));
        warnings.extend(self.warnings.iter().cloned());
        warnings.extend(self.tally.as_ref().and_then(spelled));
        let rehires = self.rehires();
        warnings.extend(rehires.iter().flat_map(RehiresReport::warnings));
        warnings.extend(self.extent.warning(&self.files));
        warnings.extend(self.retyped.warning(&self.engine.sent_names(), &self.files));
        if let Some(as_of) = &self.as_of
            && self.good == 0
            && as_of.none_in_force.count == as_of.keys
            && as_of.keys > 0
        {
            let day = as_of.at;
            warnings.push(format!("no row is left to send: none is in force on {day}"));
        }
        let (read, filtered) = (self.read(), self.filtered);
        if filtered > 0 && self.good == 0 && self.unchanged() == 0 {
            warnings.push(match filtered == read {
                true => format!("no row is left to send: all {read} were left out by a filter"),
                false => format!(
                    "no row is left to send: {filtered} of {read} were left out by a filter"
                ),
            });
        }
        warnings
    }
}

/// Rows that go out under another spelling of their key than the source's.
fn spelled(tally: &Tally) -> Option<String> {
    let rows = match tally.spelled() {
        0 => return None,
        1 => "1 row goes out under its key".to_owned(),
        rows => format!("{rows} rows go out under their keys"),
    };
    Some(format!(
        "{rows} as the server has it, and the source writes it otherwise: an item keeps the spelling under which it was \
         created"
    ))
}
