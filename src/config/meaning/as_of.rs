//! What the section `as_of` means.

use super::Meaning;
use crate::batch::Columns;
use crate::batch::kinds::Kinds;
use crate::rule::ValidateSpec;
use crate::stage::StageSpec;
use crate::whole::as_of::spec::AsOfSpec;

impl Meaning<'_> {
    pub(super) fn as_of(&mut self, spec: &AsOfSpec, validate: &ValidateSpec, stages: &[StageSpec]) {
        if spec.key(validate.key_column()).is_none() {
            self.problem(
                "as_of",
                "the key `key` is missing",
                "name the column whose value the rows of one person have in common",
            );
        }
        if spec.from.is_none() && !self.places.contains("as_of.from") {
            self.problem(
                "as_of",
                "the key `from` is missing",
                "name the column with the first day on which a row holds",
            );
        }
        for (setting, column) in [("key", &spec.key), ("from", &spec.from), ("to", &spec.to)] {
            let path = format!("as_of.{setting}");
            let is_empty = column.as_deref().is_none_or(str::is_empty);
            if is_empty && self.places.contains(&path) {
                self.problem(&path, "expected a column, found nothing", "");
            }
        }
        for (at, column) in spec.drop.iter().enumerate() {
            if column.is_empty() {
                let path = format!("as_of.drop.{at}");
                self.problem(&path, "expected a column, found empty text", "");
            }
        }
        for (at, prefer) in spec.prefer.iter().enumerate() {
            if let Err(message) = prefer.check() {
                self.problem(&format!("as_of.prefer.{at}"), message, "");
            }
        }
        if let Err(message) = spec.compiled() {
            self.problem("as_of.format", message, "");
        }
        self.ends(spec);
        let filters = (0..stages.len()).filter(|at| stages[*at].may_drop_rows());
        if spec.to.is_none() {
            for at in filters {
                self.warning(
                    &format!("stages.{at}"),
                    "a filter leaves rows out before `as_of` chooses: where it leaves out the row in force, the one \
                     before it takes its place",
                    "name the column with the last day in `as_of.to`, and the one before it has ended",
                );
            }
        }
    }

    /// What is said of the end of rows.
    fn ends(&mut self, spec: &AsOfSpec) {
        let needs_to = [
            ("ends", spec.ends.is_some()),
            ("keep_leavers", spec.keep_leavers.is_some()),
        ];
        for (setting, is_stated) in needs_to {
            if is_stated && spec.to.is_none() {
                self.problem(
                    &format!("as_of.{setting}"),
                    format!(
                        "`{setting}` is about the end of a row, and no column is stated that has it"
                    ),
                    "name it in `to`",
                );
            }
        }
        if spec.to.is_some() && spec.ends.is_none() && self.places.contains("as_of.to") {
            let place = self.places.find("as_of.to");
            let message = "`as_of.ends` is not stated: a row still holds on the day in `to`";
            let help = "write `ends: inclusive`, or `ends: exclusive` where that is the first day on which it does not";
            self.findings.note(place, message, help);
        }
    }

    /// Says of which columns it is not known that they hold days as they are read.
    pub(super) fn days_of(&mut self, spec: &AsOfSpec, columns: &Columns) {
        if spec.format.is_some() {
            return;
        }
        for (setting, column) in [("from", &spec.from), ("to", &spec.to)] {
            let Some(column) = column else { continue };
            let may_be_other = match columns.find(column) {
                Some(slot) => columns.kinds(slot).meets(Kinds::PROSE),
                None => true,
            };
            let path = format!("as_of.{setting}");
            if may_be_other && self.places.contains(&path) {
                let place = self.places.find(&path);
                let message =
                    format!("no `date` stage makes days of `{column}`: it is read as YYYY-MM-DD");
                let help =
                    "where it is written otherwise, add a `date` stage, or state `as_of.format`";
                self.findings.note(place, message, help);
            }
        }
    }
}
