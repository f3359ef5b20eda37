//! One rejected row, as the source had it.

use super::RunError;
use crate::batch::{Batch, Fault};
use crate::format::Header;
use crate::report::rejects::{Original, RejectedRow, RejectsFile};

/// Writes one row into the rejects file as the source had it.
///
/// # Errors
/// A file that can't be written.
pub(crate) fn write_reject(
    rejects: &mut RejectsFile,
    header: &Header,
    batch: &Batch,
    row: usize,
    file: &str,
    line: u64,
    faults: &[Fault],
) -> Result<(), RunError> {
    let raw = batch.raw_record(row);
    let is_ragged = faults.iter().any(|fault| fault.code == "ragged");
    let rewritten = header.rewritten(batch, row, is_ragged);
    let raw = rewritten.as_deref().unwrap_or(raw);
    let again = header.read_again(raw);
    let cells: Vec<Option<&str>>;
    let original = match &again {
        None => Original::Raw(raw),
        Some(again) => {
            let cell = |column| {
                let cell = again.cell(0, column);
                (cell.span() != (0..0)).then(|| again.text(cell))
            };
            cells = match again.is_empty() {
                // A record that is not JSON has no cells: its text stands in the first column.
                true => vec![std::str::from_utf8(raw).ok()],
                false => (0..again.width()).map(cell).collect(),
            };
            Original::Cells(&cells)
        }
    };
    rejects.write(&RejectedRow {
        file,
        line,
        original,
        faults,
    })?;
    Ok(())
}
