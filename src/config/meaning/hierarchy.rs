//! What `validate.hierarchy` means beside the other sections.

use super::Meaning;
use crate::orgvue::spec::{Empty, ImportSpec};
use crate::rule::ValidateSpec;

impl Meaning<'_> {
    /// A parent's cell that is emptied says nothing to a server that takes an empty cell for no change.
    pub(super) fn cleared(&mut self, validate: &ValidateSpec, target: &str, import: &ImportSpec) {
        if !matches!(import.empty, Empty::Omit | Empty::UnchangedAtServer) {
            return;
        }
        for (at, tree) in validate.hierarchy.all.iter().enumerate() {
            if let Some(setting) = tree.clears() {
                let path = validate.hierarchy.path(at, setting).join(".");
                self.warning(
                    &format!("validate.{path}"),
                    "`clear` empties the parent's cell, and empty cells change nothing at the server",
                    &format!("write `empty: clear` with a `clear_token`, or `empty: keep`, in {target}"),
                );
            }
        }
    }
}
