//! What `action: { delta: ... }` means, and what it can't stand beside.

use super::Meaning;
use crate::orgvue::spec::{DeltaSpec, Empty, IdentifySpec, ImportSpec};
use crate::rule::ValidateSpec;
use crate::upload::spec::{Length, UploadFormat, UploadSpec};

impl Meaning<'_> {
    pub(super) fn delta(
        &mut self,
        section: &str,
        delta: &DeltaSpec,
        import: &ImportSpec,
        validate: &ValidateSpec,
        upload: &UploadSpec,
    ) {
        let at = |key: &str| format!("{section}.{key}");
        if delta.delta.is_empty() {
            self.problem(
                &at("action.delta"),
                "expected a folder, found empty text",
                "",
            );
        }
        if delta.full_every.is_some_and(|span| span.0.is_zero()) {
            self.problem(&at("action.full_every"), "expected a time above zero", "");
        }
        if validate.key.is_none() && self.is_whole("validate") {
            self.problem(
                &at("action"),
                "a difference needs a key: rows are compared by it",
                "name the column that identifies people: `validate: { key: employeeID }`",
            );
        }
        self.delta_identity(section, import, validate);
        for (nth, tree) in validate.hierarchy.all.iter().enumerate() {
            if let Some(setting) = tree.clears() {
                let path = validate.hierarchy.path(nth, setting).join(".");
                self.problem(
                    &format!("validate.{path}"),
                    "`clear` empties a cell that was compared with what the server has before",
                    "write `reject`, `warn` or `stop`, or another action than a difference",
                );
            }
        }
        if import.implicit_delete.is_on() {
            self.problem(
                &at("implicit_delete"),
                "with a difference the upload does not name who is unchanged, and `implicit_delete` would delete them all",
                "leave `implicit_delete` out: a difference deletes by name who is gone",
            );
        }
        if upload.format == UploadFormat::Csv {
            self.problem(
                "upload.format",
                "a difference sends the changed values alone, and no cell of a CSV upload can be left out",
                "write `format: json`, or leave `format` out",
            );
        }
        if upload.length == Some(Length::Chunked) {
            self.problem(
                "upload.length",
                "`chunked` sends rows while they are read, and who is gone shows at the end",
                "leave `length` out",
            );
        }
        if import.empty == Empty::Omit && import.clear.is_empty() && self.is_whole(section) {
            let place = self.places.find(&self.written(&at("action")));
            self.findings.note(
                place,
                "a value that becomes empty is not told to the server: `empty: omit` sends nothing for it",
                "name the columns that may be cleared: `clear: [middleName]`, with a `clear_token`; the others are counted",
            );
        }
    }

    /// A deletion names its item by the key.
    fn delta_identity(&mut self, section: &str, import: &ImportSpec, validate: &ValidateSpec) {
        let at = format!("{section}.identify_by");
        match (&import.identify_by, validate.key_column()) {
            (Some(IdentifySpec::IdKey(name)), Some(key)) if name != key => {
                let message = format!(
                    "the key of the rows is `{key}`, and items are told apart by `{name}`: a difference needs both to be one"
                );
                self.problem(&at, message, "");
            }
            (Some(IdentifySpec::MergeKey(_)), _) => self.problem(
                &at,
                "`merge_key` may mean several items, and a difference is told item by item",
                "write `id_key`, or `auto_id: true`",
            ),
            (None, _) => self.problem(
                &at,
                "a difference needs `identify_by`: `id_key` with the column of `validate.key`, or `auto_id: true`",
                "",
            ),
            _ => {}
        }
    }

    /// Columns that an empty cell may clear.
    pub(super) fn clear(&mut self, section: &str, import: &ImportSpec) {
        let at = format!("{section}.clear");
        if !import.clear.is_empty() && import.clear_token.is_none() && self.is_whole(section) {
            self.problem(
                &at,
                "`clear` needs a `clear_token`, the text that stands for a cleared value",
                "",
            );
        }
        for (nth, name) in import.clear.iter().enumerate() {
            if name.is_empty() {
                self.problem(
                    &format!("{at}.{nth}"),
                    "expected a column, found empty text",
                    "",
                );
            }
        }
    }
}
