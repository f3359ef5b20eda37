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
        self.of_bytes(spec);
        WorkbookSpec {
            sheet: spec.sheet.clone(),
            xlsx: spec.xlsx.clone(),
            quoting: spec.csv.quoting(),
            mended: false,
        }
    }

    /// Formats that are made of bytes, and not of characters.
    fn of_bytes(&mut self, spec: &SourceSpec) {
        let (what, rows_of_totals) = match spec.format {
            SourceFormat::Xlsx => ("a sheet", ", and `xlsx.footer` for rows of totals"),
            SourceFormat::Parquet | SourceFormat::Arrow => ("this format", ""),
            _ => return,
        };
        if spec.expect.trailer.is_some() {
            self.problem(
                "source.expect.trailer",
                format!("{what} has no last line that could state the number of its records"),
                &format!("state `rows`, `at_least` or `done_file`{rows_of_totals}"),
            );
        }
    }
}
