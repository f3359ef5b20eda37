//! What is said of people with several ids: `aliases`, and `validate.rehires`.

use super::Meaning;
use crate::orgvue::spec::{IdentifySpec, ImportSpec};
use crate::rule::ValidateSpec;
use crate::stage::StageSpec;
use crate::stage::aliases::AliasesSpec;

impl Meaning<'_> {
    pub(super) fn aliases(
        &mut self,
        spec: Option<&AliasesSpec>,
        validate: &ValidateSpec,
        stages: &[StageSpec],
        import: Option<&ImportSpec>,
    ) {
        let Some(spec) = spec else {
            if self.places.contains("aliases") && self.is_whole("aliases") {
                let help = "such as `aliases: { path: aliases.csv }`, a CSV file with the columns `old` and `new`";
                self.problem("aliases", "expected `path`, found nothing", help);
            }
            return;
        };
        if let Err((setting, message)) = spec.check() {
            self.problem(&format!("aliases.{setting}"), message, "");
        }
        for wrong in spec.csv.wrong(b',') {
            let path = format!("aliases.csv.{}", wrong.setting);
            self.problem(&path, wrong.message, wrong.help);
        }
        for (at, column) in spec.columns.iter().enumerate() {
            let path = format!("aliases.columns.{at}");
            if column.is_empty() {
                self.problem(&path, "expected a column, found empty text", "");
            } else if spec.columns[..at].contains(column) {
                self.problem(&path, "this column is named twice", "");
            }
        }
        let key = validate.key_column();
        if key.is_none() && spec.columns.is_empty() && self.is_whole("validate") {
            self.problem(
                "aliases",
                "no column is known to hold ids",
                "name the column that identifies people: `validate: { key: employeeID }`, or name columns in \
                 `aliases.columns`",
            );
        }
        if let Some(IdentifySpec::IdKey(id) | IdentifySpec::MergeKey(id)) =
            import.and_then(|import| import.identify_by.as_ref())
            && Some(&**id) != key
            && !spec.columns.contains(id)
        {
            let message =
                format!("items are identified by `{id}`, in which these ids are not looked for");
            self.warning(
                "aliases",
                message,
                "name it in `aliases.columns`, or leave `aliases` out",
            );
        }
        let hashed = |stage: &StageSpec| match stage {
            StageSpec::Hash(hash) => hash.columns.iter().any(|name| Some(&**name) == key),
            _ => false,
        };
        if stages.iter().any(hashed) {
            self.warning(
                "aliases",
                "the ids of the file are compared with those after the stages, and a `hash` has made others of them",
                "",
            );
        }
    }

    /// Who is looked for among those who leave; `compared` says whether it is known who that is.
    pub(super) fn rehires(&mut self, validate: &ValidateSpec, compared: bool) {
        let Some(spec) = &validate.rehires else {
            return;
        };
        let path = "validate.rehires.columns";
        if spec.columns.is_empty() {
            self.problem(
                path,
                "expected at least one column",
                "such as `columns: [lastName, dateOfBirth]`",
            );
        }
        for (at, column) in spec.columns.iter().enumerate() {
            let path = format!("{path}.{at}");
            if column.is_empty() {
                self.problem(&path, "expected a column, found empty text", "");
            } else if spec.columns[..at].contains(column) {
                self.problem(&path, "this column is named twice", "");
            }
        }
        if !compared && self.is_whole("target") {
            self.problem(
                "validate.rehires",
                "who leaves is known only where a difference is taken",
                "write `action: { delta: PATH }`, or leave `rehires` out",
            );
        }
    }
}
