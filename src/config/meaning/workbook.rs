//! What the settings of a workbook mean.

use super::Meaning;
use crate::source::spec::{SourceFormat, SourceSpec};
use crate::source::table::spec::WorkbookSpec;

impl Meaning<'_> {
    /// What is said of a workbook, whatever the format is in the end.
    pub(super) fn workbook(&mut self, spec: &SourceSpec) -> WorkbookSpec {
        if !matches!(spec.format, SourceFormat::Auto | SourceFormat::Xlsx) {
            for path in ["source.sheet", "source.xlsx"] {
                self.no_effect(path, "write `format: xlsx`");
            }
        }
        if spec.xlsx.header_row == Some(0) {
            self.problem(
                "source.xlsx.header_row",
                "expected at least 1: the first row is 1",
                "",
            );
        }
        if spec.format == SourceFormat::Xlsx {
            self.no_effect("source.encoding", "");
            if spec.expect.trailer.is_some() {
                self.problem(
                    "source.expect.trailer",
                    "a sheet has no last line that could state the number of its records",
                    "state `rows`, `at_least` or `done_file`, and `xlsx.footer` for rows of totals",
                );
            }
        }
        WorkbookSpec {
            sheet: spec.sheet.clone(),
            xlsx: spec.xlsx.clone(),
        }
    }

    fn no_effect(&mut self, path: &str, help: &str) {
        if self.places.contains(path) {
            self.warning(path, "this setting has no effect on this format", help);
        }
    }
}
