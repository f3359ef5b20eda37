//! What the settings of a workbook mean.

use super::Meaning;
use crate::source::spec::{SourceFormat, SourceSpec};
use crate::source::table::sheet_spec::WorkbookSpec;

impl Meaning<'_> {
    /// What is said of a workbook, whatever the format is in the end.
    pub(super) fn workbook(&mut self, spec: &SourceSpec) -> WorkbookSpec {
        if spec.xlsx.header_row == Some(0) {
            self.problem(
                "source.xlsx.header_row",
                "expected at least 1: the first row is 1",
                "",
            );
        }
        if spec.format == SourceFormat::Xlsx {
            if self.places.contains("source.encoding") {
                let message = "this setting has no effect on this format";
                self.warning("source.encoding", message, "");
            }
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
}
